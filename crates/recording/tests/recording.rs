//! A recording must be whole, private and open even when the process was killed.
#![allow(clippy::unwrap_used)]

use cuffia_recording::{Key, RecordingError, Sealed, decode, peaks, repair, start};
use std::path::Path;

fn tone(hz: f32, from: usize, n: usize) -> Vec<f32> {
    (from..from + n).map(|i| 0.4 * (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin()).collect()
}

fn record(path: &Path, key: &Key, frames: usize) {
    let (mut tap, writer) = start(path, key).unwrap();
    for f in 0..frames {
        tap.push(&tone(440.0, f * 480, 480), &tone(1000.0, f * 480, 480));
        // The ring holds four seconds; a faster producer than the disk must wait, as the sound thread's clock does by nature.
        while f % 100 == 99 && std::fs::metadata(path).unwrap().len() < (f as u64 / 100) * 2000 {
            std::thread::yield_now();
        }
    }
    drop(tap);
    assert_eq!(writer.finish().unwrap().dropped_frames, 0, "nothing may be dropped");
}

/// Power of one frequency (Goertzel), relative to the whole: 1.0 is that tone alone.
fn share(sound: &[f32], hz: f32) -> f32 {
    let (mut re, mut im) = (0f64, 0f64);
    for (i, &s) in sound.iter().enumerate() {
        let a = std::f64::consts::TAU * f64::from(hz) * i as f64 / 48_000.0;
        re += f64::from(s) * a.cos();
        im += f64::from(s) * a.sin();
    }
    let total: f64 = sound.iter().map(|&s| f64::from(s).powi(2)).sum();
    (2.0 * (re * re + im * im) / (sound.len() as f64 * total)) as f32
}

#[test]
fn each_channel_holds_its_own_speaker_and_nothing_of_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let (path, key) = (dir.path().join("call.rec"), Key::random().unwrap());
    record(&path, &key, 300);
    let sealed = Sealed::read(&path, &key).unwrap();
    assert!(sealed.complete, "a finished recording says so");
    let sound = decode(&sealed.ogg).unwrap();
    assert!((140_000..=144_960).contains(&sound.operator.len()), "three seconds came back: {}", sound.operator.len());
    let middle = 24_000..96_000;
    assert!(share(&sound.operator[middle.clone()], 440.0) > 0.95, "the operator's tone is in the left channel");
    assert!(share(&sound.customer[middle.clone()], 1000.0) > 0.95, "the customer's tone is in the right channel");
    assert!(share(&sound.operator[middle.clone()], 1000.0) < 0.001, "nothing of the customer in the left channel");
    let shape = peaks(&sound, 50);
    assert_eq!(shape.len(), 50);
    assert!(shape[20..30].iter().all(|(o, c)| (0.3..0.6).contains(o) && (0.3..0.6).contains(c)));
}

#[test]
fn a_recording_cut_off_anywhere_keeps_all_but_the_last_second() {
    let dir = tempfile::tempdir().unwrap();
    let (path, key) = (dir.path().join("call.rec"), Key::random().unwrap());
    record(&path, &key, 400);
    let whole = std::fs::read(&path).unwrap();
    let full = decode(&Sealed::read(&path, &key).unwrap().ogg).unwrap().operator.len();
    for cut in (600..whole.len()).step_by(701) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let before = decode(&Sealed::read(&path, &key).unwrap().ogg).unwrap().operator.len();
        let expected = full as f64 * cut as f64 / whole.len() as f64 - 48_000.0;
        assert!(before as f64 >= expected, "cut at {cut}: {before} samples, expected at least {expected}");
        repair(&path, &key).unwrap();
        let sealed = Sealed::read(&path, &key).unwrap();
        assert!(sealed.complete, "repair closes it");
        assert_eq!(decode(&sealed.ogg).unwrap().operator.len(), before, "repair loses nothing");
    }
}

#[test]
fn repair_leaves_a_whole_recording_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let (path, key) = (dir.path().join("call.rec"), Key::random().unwrap());
    record(&path, &key, 100);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(repair(&path, &key).unwrap().duration_ms, 1000);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn another_key_or_an_altered_byte_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, key) = (dir.path().join("call.rec"), Key::random().unwrap());
    record(&path, &key, 200);
    assert!(matches!(Sealed::read(&path, &Key::random().unwrap()), Err(RecordingError::Sealed)));
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(4).any(|w| w == b"OggS" || w == b"Opus"), "nothing of the stream is readable on disk");
    bytes[200] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(Sealed::read(&path, &key), Err(RecordingError::Sealed)), "altered sound is refused");
    std::fs::write(&path, b"something else").unwrap();
    assert!(matches!(Sealed::read(&path, &key), Err(RecordingError::Sealed)));
}
