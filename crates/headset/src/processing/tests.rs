//! The chain on generated rooms and voices, in virtual time.

use super::*;
use crate::FRAME;
use crate::dbfs;

/// Noise with a speech-like rhythm: an echo canceller needs both power and pauses.
fn far(i: usize, seed: &mut u32) -> f32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    let burst = (i / 9_600) % 3 != 2;
    if burst { (*seed >> 8) as f32 / (1 << 23) as f32 * 0.3 - 0.15 } else { 0.0 }
}

#[test]
fn the_loudspeakers_echo_is_taken_out_of_the_microphone() {
    let mut processing = Processing::new(ProcessingConfig { echo_cancellation: true, ..ProcessingConfig::OFF });
    let (delay, mut seed) = (1_920, 7);
    let mut past = vec![0f32; delay];
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for tick in 0..1_000 {
        let played: Frame = std::array::from_fn(|i| far(tick * FRAME + i, &mut seed));
        past.extend_from_slice(&played);
        let mut microphone: Frame = std::array::from_fn(|i| 0.4 * past[tick * FRAME + i]);
        if tick >= 500 {
            before.extend_from_slice(&microphone);
        }
        processing.capture(&mut microphone, &played, Delays { microphone_ms: 20.0, ear_ms: 20.0 });
        if tick >= 500 {
            after.extend_from_slice(&microphone);
        }
    }
    let gone = dbfs(&before) - dbfs(&after);
    assert!(gone > 20.0, "the echo is at least 20 dB weaker after five seconds: {gone:.1} dB");
}

#[test]
fn the_chain_takes_as_long_as_it_says() {
    let on = ProcessingConfig::default();
    let without_echo = ProcessingConfig { echo_cancellation: false, ..on };
    let without_noise = ProcessingConfig { noise_suppression: false, ..on };
    let strong = ProcessingConfig { strong_noise_suppression: true, ..on };
    for config in [on, without_echo, without_noise, strong] {
        let (mut processing, mut seed) = (Processing::new(config), 3);
        let (mut said, mut sent) = (Vec::new(), Vec::new());
        for tick in 0..300 {
            let mut frame: Frame = std::array::from_fn(|i| far(tick * FRAME + i, &mut seed));
            said.extend_from_slice(&frame);
            processing.capture(&mut frame, &SILENCE, Delays::default());
            sent.extend_from_slice(&frame);
        }
        let alike = |lag: usize| -> f32 { (96_000..140_000).map(|i| said[i - lag] * sent[i]).sum() };
        let lag = (0..2_400).max_by(|a, b| alike(*a).total_cmp(&alike(*b))).unwrap_or(0);
        let told = processing.delay_ms();
        assert!((lag as f32 / 48.0 - told).abs() < 1.0, "{config:?}: {} ms, {told} told", lag as f32 / 48.0);
    }
}

#[test]
fn switched_off_means_untouched() {
    let mut processing = Processing::new(ProcessingConfig::OFF);
    let frame: Frame = std::array::from_fn(|i| (i as f32 / 50.0).sin());
    let mut out = frame;
    processing.capture(&mut out, &SILENCE, Delays::default());
    assert_eq!(out, frame);
}

#[test]
fn nothing_a_device_gives_stops_the_chain() {
    let config = ProcessingConfig { strong_noise_suppression: true, ..ProcessingConfig::default() };
    let mut processing = Processing::new(config);
    for value in [f32::NAN, f32::INFINITY, 1e30, -1e30, 0.0] {
        for _ in 0..50 {
            let delays = Delays { microphone_ms: value, ear_ms: value };
            processing.capture(&mut [value; FRAME], &[value; FRAME], delays);
        }
    }
}
