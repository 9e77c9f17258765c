//! The sound thread's tick, on devices in memory.

use super::*;
use crate::{FRAME, MemoryDevices, dbfs};
use std::sync::Mutex;

type Log = Arc<Mutex<Vec<f32>>>;

/// Says a constant, remembers what it hears.
struct Constant(f32, Log);
impl Voice for Constant {
    fn capture(&mut self, frame: &Frame) {
        self.1.lock().expect("test").push(frame[0]);
    }
    fn render(&mut self, out: &mut Frame) {
        *out = [self.0; FRAME];
    }
}
struct Both(Arc<Mutex<Vec<(f32, f32)>>>);
impl Tap for Both {
    fn frame(&mut self, operator: &Frame, customer: &Frame) {
        self.0.lock().expect("test").push((operator[0], customer[0]));
    }
}

fn sound() -> (Sound, crate::MemoryEnd) {
    let (devices, end) = MemoryDevices::new();
    (Sound::new(Box::new(devices), ProcessingConfig::OFF, Arc::default(), Arc::default()), end)
}

#[test]
fn only_the_talking_voice_hears_and_is_heard() {
    let (mut sound, end) = sound();
    let (a, b) = (Log::default(), Log::default());
    sound.obey(Command::Attach(VoiceId(1), Box::new(Constant(0.1, a.clone()))));
    sound.obey(Command::Attach(VoiceId(2), Box::new(Constant(0.2, b.clone()))));
    end.speak(&[0.5; 4 * FRAME]);
    for talking in [None, Some(VoiceId(1)), Some(VoiceId(2))] {
        sound.obey(Command::Talk(talking));
        sound.tick();
    }
    sound.obey(Command::Mute(true));
    sound.tick();
    assert_eq!(*a.lock().expect("test"), [0.0, 0.5, 0.0, 0.0]);
    assert_eq!(*b.lock().expect("test"), [0.0, 0.0, 0.5, 0.0], "and a muted microphone gives silence");
    let heard: Vec<f32> = end.heard().chunks(FRAME).map(|c| c[0]).collect();
    assert_eq!(heard, [0.0, 0.1, 0.2, 0.2]);
}

#[test]
fn a_tap_sees_what_was_sent_and_heard_and_silence_on_hold() {
    let (mut sound, end) = sound();
    let seen = Arc::new(Mutex::new(Vec::new()));
    sound.obey(Command::Attach(VoiceId(1), Box::new(Constant(0.1, Log::default()))));
    sound.obey(Command::Tap(VoiceId(1), Some(Box::new(Both(seen.clone())))));
    end.speak(&[0.5; 3 * FRAME]);
    sound.obey(Command::Talk(Some(VoiceId(1))));
    sound.tick();
    sound.obey(Command::Talk(None));
    sound.tick();
    sound.obey(Command::Talk(Some(VoiceId(1))));
    sound.obey(Command::Mute(true));
    sound.tick();
    assert_eq!(*seen.lock().expect("test"), [(0.5, 0.1), (0.0, 0.0), (0.0, 0.1)]);
}

#[test]
fn ringing_is_on_the_ringing_device_only_and_keys_in_the_ear_only() {
    let (mut sound, end) = sound();
    sound.obey(Command::Tone(Tone::Ringing));
    (0..20).for_each(|_| sound.tick());
    assert!(dbfs(&end.rung()) > -25.0);
    assert_eq!(dbfs(&end.heard()), -120.0);
    sound.obey(Command::Quiet);
    sound.obey(Command::Key('5'));
    (0..20).for_each(|_| sound.tick());
    assert_eq!(dbfs(&end.rung()), -120.0);
    assert!(dbfs(&end.heard()) > -40.0);
}

#[test]
fn replay_is_heard_from_where_it_was_asked_and_ends() {
    let (mut sound, end) = sound();
    let tune: Vec<f32> = (0..FRAME * 2).map(|i| if i < FRAME { 0.25 } else { 0.5 }).collect();
    sound.obey(Command::Play(Arc::new(tune), FRAME));
    (0..3).for_each(|_| sound.tick());
    let heard: Vec<f32> = end.heard().chunks(FRAME).map(|c| c[0]).collect();
    assert_eq!(heard, [0.5, 0.0, 0.0]);
    assert!(!sound.playback.playing.load(Relaxed));
}

#[test]
fn what_is_played_between_calls_tells_a_headset_from_a_loudspeaker() {
    for (echo, shorter) in [(0.0, true), (0.1, false)] {
        let devices = crate::FnDevices(move |playout: &Frame, _: &Frame, microphone: &mut Frame| {
            *microphone = std::array::from_fn(|i| echo * playout[i] + 1e-4 * (i as f32).sin());
        });
        let mut sound = Sound::new(Box::new(devices), ProcessingConfig::default(), Arc::default(), Arc::default());
        let before = sound.processing.delay_ms();
        let tune: Vec<f32> = (0..3 * 48_000).map(|i| 0.3 * (i as f32 / 30.0).sin()).collect();
        sound.obey(Command::Play(Arc::new(tune), 0));
        (0..300).for_each(|_| sound.tick());
        assert_eq!(sound.processing.delay_ms() < before, shorter, "echo {echo}");
    }
}

/// Counts how often it is relieved.
struct Relieved(Arc<AtomicUsize>);
impl Voice for Relieved {
    fn capture(&mut self, _: &Frame) {}
    fn render(&mut self, _: &mut Frame) {}
    fn relieve(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn on_a_slow_machine_strong_suppression_goes_first_then_concealment_and_the_next_call_tries_again() {
    let relieved = Arc::new(AtomicUsize::new(0));
    let voice = || Box::new(Relieved(relieved.clone()));
    let slow = |sound: &mut Sound| {
        (0..15).for_each(|_| {
            sound.tick();
            sound.took(Duration::from_millis(9));
        });
    };
    let (mut sound, _end) = sound();
    let strong = ProcessingConfig { noise_suppression: true, strong_noise_suppression: true, ..ProcessingConfig::OFF };
    sound.obey(Command::Processing(strong));
    let whole = sound.processing.delay_ms();
    slow(&mut sound);
    assert!(!sound.levels.too_slow(), "without a call nobody needs to know");
    sound.obey(Command::Attach(VoiceId(1), voice()));
    slow(&mut sound);
    assert!(sound.processing.delay_ms() < whole && relieved.load(Relaxed) == 0);
    slow(&mut sound);
    sound.tick();
    assert!(relieved.load(Relaxed) == 1 && sound.levels.too_slow());
    sound.obey(Command::Attach(VoiceId(2), voice()));
    assert_eq!(relieved.load(Relaxed), 2, "one who calls meanwhile too");
    sound.obey(Command::Detach(VoiceId(1)));
    sound.obey(Command::Detach(VoiceId(2)));
    sound.obey(Command::Attach(VoiceId(3), voice()));
    sound.tick();
    assert!(sound.processing.delay_ms() == whole && relieved.load(Relaxed) == 2 && !sound.levels.too_slow());
}

#[test]
fn what_is_wrong_with_the_microphone_is_told_only_while_somebody_hears_it() {
    // The loudspeaker is heard in the microphone, and nothing is done against it.
    let devices = crate::FnDevices(|playout: &Frame, _: &Frame, microphone: &mut Frame| *microphone = *playout);
    let mut sound = Sound::new(Box::new(devices), ProcessingConfig::OFF, Arc::default(), Arc::default());
    /// Says something each half second.
    struct Syllables(usize);
    impl Voice for Syllables {
        fn capture(&mut self, _: &Frame) {}
        fn render(&mut self, out: &mut Frame) {
            self.0 += 1;
            let loud = if self.0 % 50 < 20 { 0.3 } else { 0.001 };
            *out = std::array::from_fn(|i| loud * (i as f32 / 20.0).sin());
        }
    }
    let goes_on = |sound: &mut Sound| {
        (0..1_000).for_each(|_| sound.tick());
        sound.levels.echoes()
    };
    sound.obey(Command::Attach(VoiceId(1), Box::new(Syllables(0))));
    assert!(!goes_on(&mut sound), "on hold");
    sound.obey(Command::Talk(Some(VoiceId(1))));
    assert!(goes_on(&mut sound));
    sound.obey(Command::Mute(true));
    assert!(!goes_on(&mut sound), "muted");
    sound.obey(Command::Mute(false));
    assert!(goes_on(&mut sound));
    sound.obey(Command::Detach(VoiceId(1)));
    sound.obey(Command::Attach(VoiceId(2), Box::new(Syllables(0))));
    sound.obey(Command::Talk(Some(VoiceId(2))));
    sound.tick();
    assert!(!sound.levels.echoes(), "another call: nothing is known yet");
}

#[test]
fn two_seconds_of_exact_zeros_are_noticed_and_real_quiet_is_not() {
    let (mut sound, end) = sound();
    (0..200).for_each(|_| sound.tick());
    assert_eq!(sound.levels.digital_silence_ms(), 2_000);
    end.speak(&[1e-6; FRAME]);
    sound.tick();
    assert_eq!(sound.levels.digital_silence_ms(), 0);
}

#[test]
fn ten_milliseconds_of_a_call_ask_for_no_memory() {
    let mut phase = 0;
    let devices = crate::FnDevices(move |playout: &Frame, _: &Frame, microphone: &mut Frame| {
        *microphone = std::array::from_fn(|i| {
            let t = (phase + i) as f32 / 48_000.0;
            0.1 * (t * 900.0).sin() * (t * 20.0).sin() + 0.1 * playout[i]
        });
        phase += FRAME;
    });
    struct Quiet(usize);
    impl Voice for Quiet {
        fn capture(&mut self, _: &Frame) {}
        fn render(&mut self, out: &mut Frame) {
            self.0 += FRAME;
            *out = std::array::from_fn(|i| 0.2 * ((self.0 + i) as f32 / 40.0).sin());
        }
    }
    let mut sound = Sound::new(Box::new(devices), ProcessingConfig::OFF, Arc::default(), Arc::default());
    sound.obey(Command::Attach(VoiceId(1), Box::new(Quiet(0))));
    sound.obey(Command::Talk(Some(VoiceId(1))));
    sound.obey(Command::Tone(Tone::Waiting));
    let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| sound.tick()));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    // The echo canceller's library makes small scratch buffers, about fifty a frame, and gives all of them back.
    sound.obey(Command::Processing(ProcessingConfig::default()));
    (0..200).for_each(|_| sound.tick());
    let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| sound.tick()));
    assert!(counted.count_current.abs() <= 1 && counted.bytes_max < 16_384, "{counted:?}");
}
