//! Sound devices, processing, mixing, ringing and levels.
//!
//! One **sound thread** ticks every 10 ms. It exchanges a frame with the [`Devices`] (real ones, or memory in tests), cleans what the
//! microphone gave, hands it to the [`Voice`] that is talking, mixes what the voices give for the ear, and shows both sides to a
//! [`Tap`]. The sound system's callbacks only move samples between their buffers and lock-free rings.
//!
//! Sound is `f32` mono at 48 000 Hz in frames of 480 samples, full scale ±1.0.

mod drift;
mod level;
mod limiter;
mod memory;
mod pressure;
mod processing;
mod sound;
mod system;
mod tones;
mod watch;
mod wav;
mod work;

pub use level::{Levels, dbfs};
pub use memory::{FnDevices, MemoryDevices, MemoryEnd};
pub use processing::{Processing, ProcessingConfig};
pub use sound::{Headset, Tone, VoiceId};
pub use system::{Choice, DeviceEvent, DeviceInfo, SystemDevices, list};
pub use wav::{WavWriter, read_wav};
pub use work::{Part, Work};

/// Samples in one frame: 10 ms at 48 kHz mono.
pub const FRAME: usize = 480;
/// One frame, full scale ±1.0.
pub type Frame = [f32; FRAME];
/// Nothing to hear.
pub const SILENCE: Frame = [0.0; FRAME];
/// Sample rate of every frame, Hz.
pub const SAMPLE_RATE: u32 = 48_000;

/// What the sound thread exchanges frames with. Called once every 10 ms; must not wait.
pub trait Devices: Send {
    /// Gives `playout` to the ear and `ring` to the ringing device, and takes the next frame of the microphone.
    fn exchange(&mut self, playout: &Frame, ring: &Frame, captured: &mut Frame);

    /// Whether another device has come into use since this was last asked.
    fn changed(&mut self) -> bool {
        false
    }

    /// How long sound is under way between a frame and the air.
    fn delays(&self) -> Delays {
        Delays::default()
    }
}

/// What rings, drivers and devices add to the way of the sound, as far as they tell; 0 where there is no device.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Delays {
    /// From the microphone to its frame, ms.
    pub microphone_ms: f32,
    /// From a frame to the ear, ms.
    pub ear_ms: f32,
}

impl Delays {
    /// From giving a frame to hearing its echo in the microphone, ms.
    pub(crate) fn echo_ms(self) -> i32 {
        (self.microphone_ms + self.ear_ms).clamp(0.0, 500.0) as i32
    }
}

/// The far end of a call, as the sound thread sees it.
pub trait Voice: Send {
    /// Takes what the operator says. Silence when muted or held.
    fn capture(&mut self, frame: &Frame);
    /// Gives what the other side says.
    fn render(&mut self, out: &mut Frame);
    /// The machine is too slow for all: from now on, less work for the same sound.
    fn relieve(&mut self) {}
}

/// Looks at both sides of a conversation, frame by frame: a recorder, a measure. Runs on the sound thread; must not wait.
pub trait Tap: Send {
    /// `operator` as it was sent, `customer` as it was heard (before the limiter and the mix).
    fn frame(&mut self, operator: &Frame, customer: &Frame);
}

/// What can go wrong with sound.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HeadsetError {
    /// There is no sound system, or it has no such device.
    #[error("no sound device answers to {name:?}. Plug the headset in, or choose another device")]
    NoDevice {
        /// What was asked for.
        name: String,
    },
    /// The system forbids it.
    #[error("the system does not let this program use {name:?}. Allow the microphone in the system's privacy settings")]
    Forbidden {
        /// The device.
        name: String,
    },
    /// The device exists and refuses.
    #[error("{name:?} does not start: {why}")]
    Refused {
        /// The device.
        name: String,
        /// The sound system's own words.
        why: String,
    },
    /// A sound file that cannot be used.
    #[error("the sound file {name:?} cannot be used: {why}")]
    File {
        /// Its path.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl HeadsetError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            HeadsetError::NoDevice { .. } => "headset.no_device",
            HeadsetError::Forbidden { .. } => "headset.forbidden",
            HeadsetError::Refused { .. } => "headset.refused",
            HeadsetError::File { .. } => "headset.file",
        }
    }
}
