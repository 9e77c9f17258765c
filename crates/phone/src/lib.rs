//! Calls: a pure state machine, and the actor that drives signalling, media and sound.
//!
//! [`machine::Calls`] decides; it is tested over thousands of random call flows without a network, a clock or a sound card. The
//! [`Phone`] actor carries out what it decides, one task per call for the media session, so that negotiations never overtake each
//! other.

mod actor;
pub mod machine;
mod media_task;

pub use actor::{CallInfo, LineUse, Phone, PhoneError, PhoneEvent, SoundEvent};
pub use cuffia_media::{Bind, Codec, IceServer, Impairment, MediaConfig, MediaError, Statistics};
pub use cuffia_sip::{Account, EndReason, Line, LineError, Registration, Trust};
pub use machine::{Origin, State};
