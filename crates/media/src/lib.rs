//! One WebRTC session: ICE, DTLS-SRTP, Opus, G.722 and G.711 in RTP, jitter buffer, DTMF, statistics.
//!
//! [`open`] gives three ends. The [`MediaSession`] negotiates, on the async runtime. The [`VoicePath`] belongs to the
//! sound thread, which exchanges 10 ms frames with it. The events tell what happens.
//!
//! The session speaks WebRTC as switchboards do it, which is not quite as browsers do: see `normalise` for what they
//! write and `outgoing` for what they want to read. The stack underneath is hidden behind the trait.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod codec;
mod connection;
mod dtmf;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod handler;
mod handshake;
mod levels;
mod mos;
mod normalise;
mod outgoing;
mod path;
pub mod playout;
mod receive;
mod reports;
mod sdp;
mod session;
mod shared;
mod statistics;
mod turn;
mod types;

pub use codec::{Encoder, LARGEST_PAYLOAD, LONGEST_SENT, PACKET, Reception};
pub use cuffia_tls::Trust;
pub use error::MediaError;
pub use normalise::Payload;
pub use path::{Dial, VoicePath};
pub use playout::{Decisions, Heard};
pub use session::{MediaSession, open};
pub use types::{Bind, Codec, Direction, FRAME, Frame, IceServer, Impairment, MediaConfig, MediaEvent, Statistics};
