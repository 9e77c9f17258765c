//! Two ends of a call on one machine, each with a sound thread of its own.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cuffia_media::{
    Bind, Codec, Dial, Direction, FRAME, Heard, MediaConfig, MediaEvent, MediaSession, VoicePath, open,
};
use tokio::sync::mpsc::UnboundedReceiver;

/// Nothing here takes nearly so long; a test that does has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what was heard is kept.
const KEPT: usize = 48_000;
pub const AMPLITUDE: f32 = 0.3;

/// What a sound thread hears.
#[derive(Default)]
pub struct Ear {
    pub heard: Vec<f32>,
    /// Frames since the last change of what is listened for, by kind.
    pub speech: usize,
    pub concealed: usize,
    pub silence: usize,
}

/// One end.
pub struct End {
    pub session: Option<Arc<dyn MediaSession>>,
    pub events: UnboundedReceiver<MediaEvent>,
    pub seen: Vec<MediaEvent>,
    pub dial: Dial,
    pub ear: Arc<Mutex<Ear>>,
    stop: Arc<AtomicBool>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

pub fn loopback(codecs: &[Codec]) -> MediaConfig {
    MediaConfig { bind: Bind::Loopback, codecs: codecs.to_vec(), ..MediaConfig::default() }
}

impl End {
    /// Opens a session whose operator hums a tone.
    pub async fn humming(config: MediaConfig, hertz: f32) -> Self {
        let (session, path, events) = open(config).await.unwrap();
        let (stop, ear, dial) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Ear::default())), path.dial());
        std::thread::spawn({
            let (stop, ear) = (stop.clone(), ear.clone());
            move || sound_thread(path, hertz, &stop, &ear)
        });
        Self { session: Some(session), events, seen: Vec::new(), dial, ear, stop }
    }

    pub fn session(&self) -> &dyn MediaSession {
        self.session.as_deref().unwrap()
    }

    /// Waits for an event; all that come are kept in `seen`.
    pub async fn event(&mut self, what: &str, wanted: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let event = self.events.recv().await.expect("the session went away");
                self.seen.push(event.clone());
                if wanted(&event) {
                    return event;
                }
            }
        });
        waited.await.unwrap_or_else(|_| panic!("no {what}; seen: {:?}", self.seen))
    }

    pub async fn connected(&mut self) {
        self.event("connection", |event| matches!(event, MediaEvent::Connected)).await;
    }

    /// Waits until a second of sound shows the tone at the level it was hummed.
    pub async fn hears(&self, hertz: f32) {
        self.until(&format!("{hertz} Hz"), |ear| {
            let (level, share) = tone(&ear.heard, hertz);
            ear.heard.len() == KEPT && share > 0.9 && (level / AMPLITUDE - 1.0).abs() < 0.25
        })
        .await;
    }

    /// Waits for half a second without any sound.
    pub async fn hears_nothing(&self) {
        self.until("silence", |ear| {
            let last = &ear.heard[ear.heard.len().saturating_sub(KEPT / 2)..];
            last.len() == KEPT / 2 && last.iter().all(|sample| *sample == 0.0)
        })
        .await;
    }

    pub async fn until(&self, what: &str, condition: impl Fn(&Ear) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            let mut often = tokio::time::interval(Duration::from_millis(50));
            while !condition(&self.ear.lock().unwrap()) {
                often.tick().await;
            }
        });
        if waited.await.is_err() {
            let ear = self.ear.lock().unwrap();
            let tones = [440.0, 1_000.0].map(|hertz| tone(&ear.heard, hertz));
            panic!("did not hear {what}; tones {tones:?}, {} / {} / {}", ear.speech, ear.concealed, ear.silence);
        }
    }
}

fn sound_thread(mut path: VoicePath, hertz: f32, stop: &AtomicBool, ear: &Mutex<Ear>) {
    let (mut phase, mut next) = (0f32, std::time::Instant::now());
    let (mut out, mut into) = ([0.0; FRAME], [0.0; FRAME]);
    while !stop.load(Relaxed) {
        for sample in &mut out {
            *sample = AMPLITUDE * phase.sin();
            phase = (phase + std::f32::consts::TAU * hertz / 48_000.0) % std::f32::consts::TAU;
        }
        path.capture(&out);
        let heard = path.render(&mut into);
        {
            let mut ear = ear.lock().unwrap();
            match heard {
                Heard::Speech => ear.speech += 1,
                Heard::Concealed => ear.concealed += 1,
                Heard::Silence => ear.silence += 1,
            }
            ear.heard.extend_from_slice(&into);
            let excess = ear.heard.len().saturating_sub(KEPT);
            ear.heard.drain(..excess);
        }
        next += Duration::from_millis(10);
        std::thread::sleep(next.saturating_duration_since(std::time::Instant::now()));
    }
}

/// Amplitude of a tone in the sound, and its share of the whole power.
pub fn tone(sound: &[f32], hertz: f32) -> (f32, f32) {
    // In short blocks, so that a shift in time between them does not cancel the tone.
    let (mut amplitude, mut power, mut blocks) = (0.0, 0.0, 0.0f32);
    for block in sound.chunks_exact(4_800) {
        let (mut re, mut im) = (0.0f64, 0.0f64);
        for (n, sample) in block.iter().enumerate() {
            let angle = std::f64::consts::TAU * f64::from(hertz) * n as f64 / 48_000.0;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        let found = 2.0 * (re * re + im * im).sqrt() / block.len() as f64;
        amplitude += found as f32;
        power += block.iter().map(|sample| sample * sample).sum::<f32>() / block.len() as f32;
        blocks += 1.0;
    }
    let amplitude = amplitude / blocks.max(1.0);
    (amplitude, amplitude * amplitude / 2.0 / (power / blocks.max(1.0)).max(1e-12))
}

/// One round of offer and answer.
pub async fn negotiate(from: &End, direction: Direction, to: &End, wanted: Direction) -> (Direction, Direction) {
    let offer = from.session().offer(direction).await.unwrap();
    let (answer, theirs) = to.session().answer(&offer, wanted).await.unwrap();
    let ours = from.session().accept_answer(&answer).await.unwrap();
    (ours, theirs)
}

/// A call that is up: one end hums 440 Hz, the other 1000 Hz.
pub async fn call(codecs: &[Codec]) -> (End, End) {
    let mut a = End::humming(loopback(codecs), 440.0).await;
    let mut b = End::humming(loopback(&[Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu]), 1_000.0).await;
    negotiate(&a, Direction::SendRecv, &b, Direction::SendRecv).await;
    a.connected().await;
    b.connected().await;
    (a, b)
}
