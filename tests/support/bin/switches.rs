//! `cuffia-switches N`: changes headset and laptop under a running call N times, on a sound server of its own, and tells as one line of
//! JSON how long it took each time, ms, until the other side's tone was heard from the new loudspeaker, and the new microphone's tone at
//! the other side; and how much later than usual either way was then, ms, as the devices tell.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a script reads it, and shows what failed

use cuffia_headset::{Choice, FRAME, Frame, Headset, ProcessingConfig, SystemDevices, Voice, VoiceId, dbfs};
use cuffia_tests::pulse::{Listening, Pulse};
use cuffia_tests::tone::{share, tone};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const HUM_HZ: f32 = 600.0;
const DEVICES: [(&str, f32); 2] = [("headset", 1_000.0), ("laptop", 1_500.0)];
/// Each state of things holds for so long before the next change.
const CALM: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(20);

/// When a tone was first heard since it was awaited.
#[derive(Default)]
struct Ear(Mutex<Option<Instant>>);

impl Ear {
    fn first(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap()
    }

    fn take(&self, sound: &[f32], hz: f32) {
        if share(sound, hz) > 0.7 && dbfs(sound) > -40.0 {
            self.first().get_or_insert_with(Instant::now);
        }
    }

    /// Waits until it is heard; how long that was after `since`, ms.
    fn heard(&self, since: Instant) -> f64 {
        loop {
            if let Some(at) = *self.first() {
                return at.duration_since(since).as_secs_f64() * 1_000.0;
            }
            assert!(since.elapsed() < LIMIT, "not heard within {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A far end that hums, and has an ear for each microphone.
struct FarEnd {
    hum: Vec<f32>,
    at: usize,
    last: Vec<f32>,
    ears: [Arc<Ear>; 2],
}

impl Voice for FarEnd {
    fn capture(&mut self, frame: &Frame) {
        self.last.extend_from_slice(frame);
        if self.last.len() == 2 * FRAME {
            for (ear, (_, hz)) in self.ears.iter().zip(DEVICES) {
                ear.take(&self.last, hz);
            }
            self.last.clear();
        }
    }
    fn render(&mut self, out: &mut Frame) {
        for s in out {
            *s = self.hum[self.at % self.hum.len()];
            self.at += 1;
        }
    }
}

fn listen(mut source: Listening) -> Arc<Ear> {
    let ear = Arc::new(Ear::default());
    let listening = ear.clone();
    std::thread::spawn(move || {
        while let Some(sound) = source.more(2 * FRAME) {
            listening.take(&sound, HUM_HZ);
        }
    });
    ear
}

fn choice(device: usize) -> Choice {
    let (name, _) = DEVICES[device];
    Choice { microphone: vec![format!("{name}_mic")], loudspeaker: vec![name.into()], ringer: vec![] }
}

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(60);
    let pulse = Pulse::start();
    let _speech = DEVICES.map(|(name, hz)| pulse.hum(&format!("{name}_micfeed"), hz as u32));
    let heard_from = DEVICES.map(|(name, _)| listen(pulse.listen(&format!("{name}_spk.monitor"))));
    let ears = [Arc::new(Ear::default()), Arc::new(Ear::default())];
    let (keeper, devices) = SystemDevices::start(choice(0), |_| {}).unwrap();
    let headset = Headset::start(devices, ProcessingConfig::OFF).unwrap();
    let far = FarEnd { hum: tone(HUM_HZ, 1.0), at: 0, last: Vec::new(), ears: ears.clone() };
    headset.attach(VoiceId(1), Box::new(far));
    headset.talk(Some(VoiceId(1)));
    let (mut ear, mut microphone, mut later) = (Vec::new(), Vec::new(), Vec::new());
    let mut usual = [None; 2];
    for n in 0..count + 2 {
        let device = n % 2;
        // Neither is heard now: they belong to the other device.
        (*heard_from[device].first(), *ears[device].first()) = (None, None);
        let begun = Instant::now();
        keeper.choose(choice(device));
        let (heard, understood) = (heard_from[device].heard(begun), ears[device].heard(begun));
        std::thread::sleep(CALM);
        let delays = headset.levels().delays();
        let now = f64::from(delays.ear_ms + delays.microphone_ms);
        match usual[device] {
            None => usual[device] = Some(now),
            Some(usual) => {
                ear.push(heard);
                microphone.push(understood);
                later.push(now - usual);
            }
        }
        eprintln!("change {} of {}: ear {heard:.0} ms, microphone {understood:.0} ms", n + 1, count + 2);
    }
    println!("{}", serde_json::json!({ "earMs": ear, "microphoneMs": microphone, "laterMs": later }));
}
