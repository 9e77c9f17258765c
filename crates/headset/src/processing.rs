//! What happens to the microphone before anyone hears it: high-pass, echo cancellation, noise suppression, gain control.

mod presence;

use crate::{Delays, FRAME, Frame, SAMPLE_RATE, SILENCE};
use nnnoiseless::DenoiseState;
use presence::Presence;
use sonora::config::{
    AdaptiveDigital, EchoCanceller, FixedDigital, GainController2, HighPassFilter, NoiseSuppression, PreAmplifier,
    TransparentModeType,
};
use sonora::{AudioProcessing, Config, StreamConfig};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How often a failed processor is built anew before its work is left out.
const REBUILDS: u32 = 3;

/// The gain control can only raise. So that it brings down a loud voice too, it is given all of them this much weaker, dB.
const WEAKER_DB: f32 = 12.0;
/// What each step takes, ms: splitting into bands and joining them, blocks of the echo canceller, overlap of the noise suppressor.
const BANDS_MS: f32 = 1.0;
const ECHO_MS: f32 = 8.0;
const NOISE_MS: f32 = 6.0;
const STRONG_MS: f32 = 10.0;
/// The strong suppressor counts in steps of 16-bit sound.
const STEPS: f32 = 32_768.0;

/// Which steps are on. By default all but the strong noise suppression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessingConfig {
    /// Takes the loudspeaker's sound out of the microphone.
    pub echo_cancellation: bool,
    /// Takes steady noise out.
    pub noise_suppression: bool,
    /// With it, takes out what is not a voice, steady or not, by a trained network: for noisy rooms.
    #[serde(default)]
    pub strong_noise_suppression: bool,
    /// Brings quiet and loud voices to the same level.
    pub gain_control: bool,
}

impl Default for ProcessingConfig {
    fn default() -> Self {
        ProcessingConfig {
            echo_cancellation: true,
            noise_suppression: true,
            strong_noise_suppression: false,
            gain_control: true,
        }
    }
}

impl ProcessingConfig {
    /// Nothing is changed: for measurements and for peers that bring clean sound.
    pub const OFF: ProcessingConfig = ProcessingConfig {
        echo_cancellation: false,
        noise_suppression: false,
        strong_noise_suppression: false,
        gain_control: false,
    };

    fn strong(self) -> bool {
        self.noise_suppression && self.strong_noise_suppression
    }
}

/// The chain for one microphone and the loudspeaker it may hear.
pub struct Processing {
    config: ProcessingConfig,
    inner: Option<AudioProcessing>,
    strong: Option<Box<DenoiseState<'static>>>,
    /// What the loudspeaker plays in this tick, and whether the microphone hears such things; without an echo there is nothing to cancel.
    played: Frame,
    presence: Presence,
    headset: bool,
    rebuilds: u32,
}

impl Processing {
    /// A chain that knows nothing yet.
    pub fn new(config: ProcessingConfig) -> Processing {
        let strong = config.strong().then(DenoiseState::new);
        let presence = Presence::default();
        Processing { config, inner: build(config), strong, played: SILENCE, presence, headset: false, rebuilds: 0 }
    }

    /// Shows what the loudspeaker plays; call before [`Processing::capture`] of the same tick.
    pub fn render(&mut self, frame: &Frame) {
        self.played = *frame;
        self.guarded(|p| {
            let mut unused = [0.0; FRAME];
            let _ = p.process_render_f32(&[frame], &mut [&mut unused]);
        });
    }

    /// Between calls: tones and replayed sound tell as well as a customer whether the microphone hears the loudspeaker. The echo
    /// canceller is taken out here alone, for the library forgets the gain and the noise with it; in a call it only comes back.
    pub fn listen(&mut self, played: &Frame, microphone: &Frame) {
        let absent = self.config.echo_cancellation && self.presence.saw(played, microphone);
        self.decide(absent);
    }

    fn decide(&mut self, headset: bool) {
        if headset != self.headset {
            self.headset = headset;
            self.cancel_echo(!headset);
        }
    }

    /// Cleans a frame of the microphone. `delays` is [`crate::Devices::delays`].
    pub fn capture(&mut self, frame: &mut Frame, delays: Delays) {
        let raw = *frame;
        let absent = self.config.echo_cancellation && self.presence.saw(&self.played, &raw);
        self.decide(absent && self.headset);
        self.guarded(|p| {
            let _ = p.set_stream_delay_ms(delays.echo_ms());
            let _ = p.process_capture_f32(&[&raw], &mut [frame]);
        });
        self.strongly(frame);
    }

    /// After the echo canceller, which needs sound as it came, and after the gain, since the network was trained on voices near to
    /// full scale.
    fn strongly(&mut self, frame: &mut Frame) {
        let Some(strong) = self.strong.as_mut() else { return };
        // What is no number would end the program there.
        let scaled = frame.map(|s| if s.is_finite() { s.clamp(-1.0, 1.0) * STEPS } else { 0.0 });
        let done = catch_unwind(AssertUnwindSafe(|| {
            strong.process_frame(frame, &scaled);
        }));
        if done.is_err() {
            tracing::error!("strong noise suppression failed");
            (self.strong, *frame) = (None, scaled);
        }
        frame.iter_mut().for_each(|s| *s /= STEPS);
    }

    /// Another device plays or listens: what was learnt is wrong now, and learning anew is quicker than unlearning.
    pub fn other_device(&mut self) {
        (self.presence, self.headset) = (Presence::default(), false);
        if self.config.echo_cancellation {
            self.cancel_echo(false);
            self.cancel_echo(true);
        }
    }

    /// Takes the echo canceller out, or a new one in. The library begins anew with all else, too.
    fn cancel_echo(&mut self, on: bool) {
        self.guarded(|p| {
            let config = Config { echo_canceller: on.then(echo_canceller), ..p.config().clone() };
            p.apply_config(config);
        });
    }

    /// What the chain adds to the way of the microphone's sound, ms.
    pub fn delay_ms(&self) -> f32 {
        let part = |on: bool, ms: f32| if on { ms } else { 0.0 };
        let Some(_) = &self.inner else { return part(self.strong.is_some(), STRONG_MS) };
        BANDS_MS
            + part(self.config.echo_cancellation && !self.headset, ECHO_MS)
            + part(self.config.noise_suppression, NOISE_MS)
            + part(self.strong.is_some(), STRONG_MS)
    }

    /// The processor is a young port of a large library: if it fails, the call goes on without it rather than not at all.
    fn guarded(&mut self, work: impl FnOnce(&mut AudioProcessing)) {
        let Some(inner) = self.inner.as_mut() else { return };
        if catch_unwind(AssertUnwindSafe(|| work(inner))).is_err() {
            self.rebuilds += 1;
            tracing::error!(rebuilds = self.rebuilds, "sound processing failed");
            self.inner = if self.rebuilds <= REBUILDS { build(self.config) } else { None };
            (self.presence, self.headset) = (Presence::default(), false);
        }
    }
}

fn echo_canceller() -> EchoCanceller {
    // Its own notion of a headset: this one is twice as quick to find that there is no echo.
    EchoCanceller { transparent_mode: TransparentModeType::Hmm, ..EchoCanceller::default() }
}

fn build(config: ProcessingConfig) -> Option<AudioProcessing> {
    if config == ProcessingConfig::OFF {
        return None;
    }
    let stream = StreamConfig::new(SAMPLE_RATE, 1);
    let config = Config {
        pre_amplifier: config.gain_control.then(|| PreAmplifier { fixed_gain_factor: 10f32.powf(-WEAKER_DB / 20.0) }),
        high_pass_filter: Some(HighPassFilter::default()),
        echo_canceller: config.echo_cancellation.then(echo_canceller),
        noise_suppression: config.noise_suppression.then(NoiseSuppression::default),
        gain_controller2: config.gain_control.then(|| GainController2 {
            // A headset is close to the mouth: start near unity, and never raise a quiet room to a roar.
            adaptive_digital: Some(AdaptiveDigital {
                initial_gain_db: 4.0 + WEAKER_DB,
                max_gain_db: 24.0 + WEAKER_DB,
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
#[allow(clippy::expect_used)]
mod rooms;
#[cfg(test)]
mod tests;
