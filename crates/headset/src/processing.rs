//! What happens to the microphone before anyone hears it: high-pass, echo cancellation, noise suppression, gain control.

mod presence;

use crate::{Delays, Frame, SAMPLE_RATE, SILENCE};
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
}

/// The chain for one microphone and the loudspeaker it may hear.
pub struct Processing {
    /// Apart from the rest, for the library forgets all when one of its steps comes or goes: gain and noise are learnt over seconds.
    echo: Option<Guarded>,
    presence: Presence,
    /// The microphone does not hear the loudspeaker: the echo canceller rests.
    headset: bool,
    clean: Option<Guarded>,
    strong: Option<Box<DenoiseState<'static>>>,
}

impl Processing {
    /// A chain that knows nothing yet.
    pub fn new(config: ProcessingConfig) -> Processing {
        Processing {
            echo: config.echo_cancellation.then(|| Guarded::new(echo_canceller())),
            presence: Presence::default(),
            headset: false,
            clean: (config.noise_suppression || config.gain_control).then(|| Guarded::new(cleaner(config))),
            strong: (config.noise_suppression && config.strong_noise_suppression).then(DenoiseState::new),
        }
    }

    /// Looks whether the microphone hears the loudspeaker. Between calls too: tones and replayed sound tell as well as a customer.
    pub fn listen(&mut self, microphone: &Frame, played: &Frame) {
        self.headset = self.echo.is_some() && self.presence.absent_after(played, microphone);
    }

    /// Cleans a frame of the microphone, while the loudspeaker plays another. `delays` is [`crate::Devices::delays`].
    pub fn capture(&mut self, frame: &mut Frame, played: &Frame, delays: Delays) {
        self.listen(frame, played);
        if let Some(echo) = self.echo.as_mut().filter(|_| !self.headset) {
            echo.work(|p| {
                let _ = p.process_render_f32(&[played], &mut [&mut SILENCE.clone()]);
                let _ = p.set_stream_delay_ms(delays.echo_ms());
                let _ = p.process_capture_f32(&[&frame.clone()], &mut [frame]);
            });
        }
        if let Some(clean) = &mut self.clean {
            clean.work(|p| {
                let _ = p.process_capture_f32(&[&frame.clone()], &mut [frame]);
            });
        }
        self.strongly(frame);
    }

    /// After the echo canceller, which needs sound as it came, and after the gain, since the network was trained on voices near to
    /// full scale.
    fn strongly(&mut self, frame: &mut Frame) {
        let Some(strong) = &mut self.strong else { return };
        // What is no number would end the program there.
        let scaled = frame.map(|s| if s.is_finite() { s.clamp(-1.0, 1.0) * STEPS } else { 0.0 });
        if catch_unwind(AssertUnwindSafe(|| strong.process_frame(frame, &scaled))).is_err() {
            tracing::error!("strong noise suppression failed");
            (self.strong, *frame) = (None, scaled);
        }
        frame.iter_mut().for_each(|s| *s /= STEPS);
    }

    /// Another device plays or listens: what was learnt of the echo is wrong now, and learning anew is quicker than unlearning. The
    /// rest of what the chain knows stays.
    pub fn other_device(&mut self) {
        (self.presence, self.headset) = (Presence::default(), false);
        if let Some(echo) = &mut self.echo {
            echo.anew();
        }
    }

    /// What the chain adds to the way of the microphone's sound, ms.
    pub fn delay_ms(&self) -> f32 {
        let of = |step: &Option<Guarded>| step.as_ref().map_or(0.0, Guarded::delay_ms);
        part(!self.headset, of(&self.echo)) + of(&self.clean) + part(self.strong.is_some(), STRONG_MS)
    }
}

/// So much, if it is on.
fn part(on: bool, ms: f32) -> f32 {
    if on { ms } else { 0.0 }
}

/// Steps of the library, which is a young port of a large one: if they fail, the call goes on without them rather than not at all.
struct Guarded {
    config: Config,
    inner: Option<AudioProcessing>,
    rebuilds: u32,
}

impl Guarded {
    fn new(config: Config) -> Guarded {
        let mut new = Guarded { config, inner: None, rebuilds: 0 };
        new.anew();
        new
    }

    /// Forgets what it has learnt.
    fn anew(&mut self) {
        let (config, stream) = (self.config.clone(), StreamConfig::new(SAMPLE_RATE, 1));
        let build = || AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build();
        self.inner = catch_unwind(AssertUnwindSafe(build)).ok();
    }

    fn delay_ms(&self) -> f32 {
        let steps = part(self.config.echo_canceller.is_some(), ECHO_MS)
            + part(self.config.noise_suppression.is_some(), NOISE_MS);
        part(self.inner.is_some(), BANDS_MS + steps)
    }

    fn work(&mut self, work: impl FnOnce(&mut AudioProcessing)) {
        let Some(inner) = &mut self.inner else { return };
        if catch_unwind(AssertUnwindSafe(|| work(inner))).is_err() {
            self.rebuilds += 1;
            tracing::error!(rebuilds = self.rebuilds, "sound processing failed");
            if self.rebuilds <= REBUILDS { self.anew() } else { self.inner = None }
        }
    }
}

fn echo_canceller() -> Config {
    Config {
        // Its own notion of a headset: this one is twice as quick to find that there is no echo.
        echo_canceller: Some(EchoCanceller { transparent_mode: TransparentModeType::Hmm, ..EchoCanceller::default() }),
        ..Config::default()
    }
}

fn cleaner(config: ProcessingConfig) -> Config {
    Config {
        pre_amplifier: config.gain_control.then(|| PreAmplifier { fixed_gain_factor: 10f32.powf(-WEAKER_DB / 20.0) }),
        high_pass_filter: Some(HighPassFilter::default()),
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
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod rooms;
#[cfg(test)]
mod tests;
