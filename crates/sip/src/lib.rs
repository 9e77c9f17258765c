//! A sans-I/O SIP user agent and its transports.
//!
//! [`agent::Agent`] is the user agent: bytes, commands and time go in; bytes and events come out. [`Line`] drives one over a
//! real connection to the account's server. [`Switchboard`] is the other side for practice and tests: a small registrar over
//! WebSocket whose every connection hosts the same user agent.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
mod api;
mod dialog;
pub mod digest;
mod line;
pub mod message;
mod server;
mod switchboard;
pub mod target;
mod transaction;
mod transport;

pub use api::{Account, CallId, EndReason, LineCommand, LineError, LineEvent, Party, Registration, SwitchboardEvent};
pub use cuffia_tls::Trust;
pub use line::Line;
pub use switchboard::{NotRegistered, Switchboard};
