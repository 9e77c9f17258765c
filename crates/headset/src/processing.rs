//! What happens to the microphone before anyone hears it: high-pass, echo cancellation, noise suppression, gain control.

mod gate;
mod highpass;
mod leak;
mod noise;
mod presence;
mod stage;
mod strong;

use crate::work::Part;
use crate::{Delays, Frame, SAMPLE_RATE, SILENCE};
use highpass::HighPass;
use leak::Leak;
use noise::Noise;
use presence::Presence;
use sonora::config::{
    AdaptiveDigital, EchoCanceller, FixedDigital, GainController2, PreAmplifier, TransparentModeType,
};
use sonora::{AudioProcessing, Config, StreamConfig};
use stage::Stage;
use std::time::Duration;
use strong::{STRONG_MS, Strong};

/// The gain control can only raise. So that it brings down a loud voice too, it is given all of them this much weaker, dB.
const WEAKER_DB: f32 = 12.0;
/// What each step takes, ms: splitting into bands and joining them, blocks of the echo canceller, overlap of the noise suppressor.
const BANDS_MS: f32 = 1.0;
const ECHO_MS: f32 = BANDS_MS + 8.0;
const NOISE_MS: f32 = BANDS_MS + 6.0;

/// Which steps are on. By default all but the strong noise suppression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessingConfig {
    /// Takes the loudspeaker's sound out of the microphone.
    pub echo_cancellation: bool,
    /// Takes steady noise out.
    pub noise_suppression: bool,
    /// With it, takes out what is not a voice, steady or not, by a trained network, and turns the room down between the operator's
    /// words: for noisy rooms.
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
    /// None where every step is off.
    high_pass: Option<HighPass>,
    /// Apart from the gain, for the library forgets all when one of its steps comes or goes, and gain is learnt over seconds.
    echo: Option<Stage<AudioProcessing>>,
    presence: Presence,
    /// The microphone does not hear the loudspeaker: the echo canceller rests.
    headset: bool,
    noise: Option<Stage<Noise>>,
    gain: Option<Stage<AudioProcessing>>,
    strong: Option<Stage<Strong>>,
    wants_strong: bool,
    leak: Leak,
}

impl Processing {
    /// A chain that knows nothing yet.
    pub fn new(config: ProcessingConfig) -> Processing {
        let wants_strong = config.noise_suppression && config.strong_noise_suppression;
        Processing {
            high_pass: (config != ProcessingConfig::OFF).then(HighPass::new),
            echo: config.echo_cancellation.then(|| Stage::new("echo", ECHO_MS, || build(echo_canceller()))),
            presence: Presence::default(),
            headset: false,
            noise: config.noise_suppression.then(|| Stage::new("noise", NOISE_MS, Noise::new)),
            gain: config.gain_control.then(|| Stage::new("gain", 0.0, || build(gain_control()))),
            strong: wants_strong.then(strong),
            wants_strong,
            leak: Leak::new(),
        }
    }

    /// Looks whether the microphone hears the loudspeaker. Between calls too: tones and replayed sound tell as well as a customer.
    pub fn listen(&mut self, microphone: &Frame, played: &Frame) {
        self.headset = self.echo.is_some() && self.presence.absent_after(played, microphone);
    }

    /// Cleans a frame of the microphone, while the loudspeaker plays another. `delays` is [`crate::Devices::delays`].
    pub fn capture(&mut self, frame: &mut Frame, played: &Frame, delays: Delays) {
        self.listen(frame, played);
        if let Some(high_pass) = &mut self.high_pass {
            high_pass.process(frame);
        }
        if let Some(echo) = self.echo.as_mut().filter(|_| !self.headset) {
            echo.work(frame, |p, frame| {
                let _ = p.process_render_f32(&[played], &mut [&mut SILENCE.clone()]);
                let _ = p.set_stream_delay_ms(delays.echo_ms());
                let _ = p.process_capture_f32(&[&frame.clone()], &mut [frame]);
            });
        }
        if let Some(noise) = &mut self.noise {
            noise.work(frame, Noise::process);
        }
        if let Some(gain) = &mut self.gain {
            gain.work(frame, |p, frame| {
                let _ = p.process_capture_f32(&[&frame.clone()], &mut [frame]);
            });
        }
        // After the gain, since the network was trained on voices near to full scale.
        if let Some(strong) = &mut self.strong {
            strong.work(frame, Strong::process);
        }
    }

    /// Listens for an echo in what goes out; not while nobody hears it.
    pub fn listen_for_echo(&mut self, played: &Frame, out: &Frame) {
        self.leak.listen(played, out);
    }

    /// The machine is too slow for the strong noise suppression: it is left out from now on. False if there was none.
    pub fn relieve(&mut self) -> bool {
        self.strong.take().is_some()
    }

    /// A call begins: what was left out is taken up again, and whether the last one had an echo is no matter.
    pub fn begin(&mut self) {
        self.leak = Leak::new();
        if self.strong.is_none() && self.wants_strong {
            self.strong = Some(strong());
        }
    }

    /// The other side hears itself, whatever was done against it: for seconds, what goes out has followed what is played.
    pub fn echoes(&self) -> bool {
        self.leak.leaks()
    }

    /// Another device plays or listens: what was learnt of the echo is wrong now, and learning anew is quicker than unlearning. The
    /// rest of what the chain knows stays.
    pub fn other_device(&mut self) {
        (self.presence, self.headset, self.leak) = (Presence::default(), false, Leak::new());
        if let Some(echo) = &mut self.echo {
            echo.anew();
        }
        // The same voice may be weaker there than a neighbour's was.
        if let Some(strong) = &mut self.strong {
            strong.anew();
        }
    }

    /// The time echo, noise and gain took since this was last asked.
    pub(crate) fn spent(&mut self) -> [(Part, Duration); 3] {
        let noise = self.noise.as_mut().map_or(Duration::ZERO, Stage::spent);
        let strong = self.strong.as_mut().map_or(Duration::ZERO, Stage::spent);
        let of = |stage: &mut Option<Stage<AudioProcessing>>| stage.as_mut().map_or(Duration::ZERO, Stage::spent);
        [(Part::Echo, of(&mut self.echo)), (Part::Noise, noise + strong), (Part::Gain, of(&mut self.gain))]
    }

    /// What the chain adds to the way of the microphone's sound, ms.
    pub fn delay_ms(&self) -> f32 {
        let echo = self.echo.as_ref().filter(|_| !self.headset);
        echo.map_or(0.0, Stage::delay_ms)
            + self.noise.as_ref().map_or(0.0, Stage::delay_ms)
            + self.strong.as_ref().map_or(0.0, Stage::delay_ms)
    }
}

fn strong() -> Stage<Strong> {
    Stage::new("strong noise", STRONG_MS, Strong::new)
}

fn build(config: Config) -> AudioProcessing {
    let stream = StreamConfig::new(SAMPLE_RATE, 1);
    AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build()
}

fn echo_canceller() -> Config {
    Config {
        echo_canceller: Some(EchoCanceller {
            // Ours is before it.
            enforce_high_pass_filtering: false,
            // Its own notion of a headset: this one is twice as quick to find that there is no echo.
            transparent_mode: TransparentModeType::Hmm,
        }),
        ..Config::default()
    }
}

fn gain_control() -> Config {
    Config {
        pre_amplifier: Some(PreAmplifier { fixed_gain_factor: 10f32.powf(-WEAKER_DB / 20.0) }),
        gain_controller2: Some(GainController2 {
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
mod gate_tests;
#[cfg(test)]
#[allow(clippy::expect_used)]
mod rooms;
#[cfg(test)]
mod tests;
