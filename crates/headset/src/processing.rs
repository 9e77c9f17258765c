//! What happens to the microphone before anyone hears it: high-pass, echo cancellation, noise suppression, gain control.

use crate::{Delays, FRAME, Frame, SAMPLE_RATE};
use sonora::config::{AdaptiveDigital, EchoCanceller, FixedDigital, GainController2, HighPassFilter, NoiseSuppression};
use sonora::{AudioProcessing, Config, StreamConfig};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How often a failed processor is built anew before its work is left out.
const REBUILDS: u32 = 3;

/// What each step takes, ms: splitting into bands and joining them, blocks of the echo canceller, overlap of the noise suppressor.
const BANDS_MS: f32 = 1.0;
const ECHO_MS: f32 = 8.0;
const NOISE_MS: f32 = 6.0;

/// Which steps are on. All are by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessingConfig {
    /// Takes the loudspeaker's sound out of the microphone.
    pub echo_cancellation: bool,
    /// Takes steady noise out.
    pub noise_suppression: bool,
    /// Brings quiet and loud voices to the same level.
    pub gain_control: bool,
}

impl Default for ProcessingConfig {
    fn default() -> Self {
        ProcessingConfig { echo_cancellation: true, noise_suppression: true, gain_control: true }
    }
}

impl ProcessingConfig {
    /// Nothing is changed: for measurements and for peers that bring clean sound.
    pub const OFF: ProcessingConfig =
        ProcessingConfig { echo_cancellation: false, noise_suppression: false, gain_control: false };
}

/// The chain for one microphone and the loudspeaker it may hear.
pub(crate) struct Processing {
    config: ProcessingConfig,
    inner: Option<AudioProcessing>,
    rebuilds: u32,
}

impl Processing {
    pub(crate) fn new(config: ProcessingConfig) -> Processing {
        Processing { config, inner: build(config), rebuilds: 0 }
    }

    /// Shows what the loudspeaker plays; call before [`Processing::capture`] of the same tick.
    pub(crate) fn render(&mut self, frame: &Frame) {
        self.guarded(|p| {
            let mut unused = [0.0; FRAME];
            let _ = p.process_render_f32(&[frame], &mut [&mut unused]);
        });
    }

    /// Cleans a frame of the microphone. `delays` is [`crate::Devices::delays`].
    pub(crate) fn capture(&mut self, frame: &mut Frame, delays: Delays) {
        let raw = *frame;
        self.guarded(|p| {
            let _ = p.set_stream_delay_ms(delays.echo_ms());
            let _ = p.process_capture_f32(&[&raw], &mut [frame]);
        });
    }

    /// What the chain adds to the way of the microphone's sound, ms.
    pub(crate) fn delay_ms(&self) -> f32 {
        let part = |on: bool, ms: f32| if on { ms } else { 0.0 };
        let Some(_) = &self.inner else { return 0.0 };
        BANDS_MS + part(self.config.echo_cancellation, ECHO_MS) + part(self.config.noise_suppression, NOISE_MS)
    }

    /// The processor is a young port of a large library: if it fails, the call goes on without it rather than not at all.
    fn guarded(&mut self, work: impl FnOnce(&mut AudioProcessing)) {
        let Some(inner) = self.inner.as_mut() else { return };
        if catch_unwind(AssertUnwindSafe(|| work(inner))).is_err() {
            self.rebuilds += 1;
            tracing::error!(rebuilds = self.rebuilds, "sound processing failed");
            self.inner = if self.rebuilds <= REBUILDS { build(self.config) } else { None };
        }
    }
}

fn build(config: ProcessingConfig) -> Option<AudioProcessing> {
    if config == ProcessingConfig::OFF {
        return None;
    }
    let stream = StreamConfig::new(SAMPLE_RATE, 1);
    let config = Config {
        high_pass_filter: Some(HighPassFilter::default()),
        echo_canceller: config.echo_cancellation.then(EchoCanceller::default),
        noise_suppression: config.noise_suppression.then(NoiseSuppression::default),
        gain_controller2: config.gain_control.then(|| GainController2 {
            // A headset is close to the mouth: start near unity, and never raise a quiet room to a roar.
            adaptive_digital: Some(AdaptiveDigital {
                initial_gain_db: 6.0,
                max_gain_db: 24.0,
                ..AdaptiveDigital::default()
            }),
            fixed_digital: FixedDigital::default(),
            ..GainController2::default()
        }),
        ..Config::default()
    };
    catch_unwind(|| AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dbfs;

    /// Noise with a speech-like rhythm: an echo canceller needs both power and pauses.
    fn far(i: usize, seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let burst = (i / 9_600) % 3 != 2;
        if burst { (*seed >> 8) as f32 / (1 << 23) as f32 * 0.3 - 0.15 } else { 0.0 }
    }

    #[test]
    fn the_loudspeakers_echo_is_taken_out_of_the_microphone() {
        let mut processing = Processing::new(ProcessingConfig {
            gain_control: false,
            noise_suppression: false,
            echo_cancellation: true,
        });
        let (delay, mut seed) = (1_920, 7);
        let mut past = vec![0f32; delay];
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for tick in 0..1_000 {
            let played: Frame = std::array::from_fn(|i| far(tick * FRAME + i, &mut seed));
            past.extend_from_slice(&played);
            let mut microphone: Frame = std::array::from_fn(|i| 0.4 * past[tick * FRAME + i]);
            processing.render(&played);
            if tick >= 500 {
                before.extend_from_slice(&microphone);
            }
            processing.capture(&mut microphone, Delays { microphone_ms: 20.0, ear_ms: 20.0 });
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
        for config in [on, without_echo, without_noise] {
            let (mut processing, mut seed) = (Processing::new(config), 3);
            let (mut said, mut sent) = (Vec::new(), Vec::new());
            for tick in 0..300 {
                let mut frame: Frame = std::array::from_fn(|i| far(tick * FRAME + i, &mut seed));
                said.extend_from_slice(&frame);
                processing.render(&[0.0; FRAME]);
                processing.capture(&mut frame, Delays::default());
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
        processing.capture(&mut out, Delays::default());
        assert_eq!(out, frame);
    }

    #[test]
    fn nothing_a_device_gives_stops_the_chain() {
        let mut processing = Processing::new(ProcessingConfig::default());
        for value in [f32::NAN, f32::INFINITY, 1e30, -1e30, 0.0] {
            for _ in 0..50 {
                processing.render(&[value; FRAME]);
                processing.capture(&mut [value; FRAME], Delays { microphone_ms: value, ear_ms: value });
            }
        }
    }
}
