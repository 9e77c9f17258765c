//! The practice switchboard and its simulated customers.
//!
//! A [`Room`] is a small switchboard on this machine. Its customers call the phone, or are called by it, over the product's own
//! signalling and media path. What a customer does is a [`scenario`](scenarios) played by a pure state machine on the clock of
//! the sound; what he says is rendered before the phone rings, with facts drawn afresh for each attempt; what the operator says
//! is heard only as speech or silence. [`check`] compares what was written down with what was told.
//!
//! From the inside out: `pack` is a scenario as data, `engine` plays it, `player` and `ears` are its voice and hearing,
//! `conversation` joins the three over frames of sound, `customer` gives that a clock and a media path, `room` the calls.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
mod conversation;
mod customer;
mod ears;
mod engine;
mod error;
mod measures;
mod operator;
mod pack;
mod player;
mod room;
mod speech;
mod types;

pub use check::{FactCheck, Problem, check, data_score};
pub use error::PracticeError;
pub use operator::SpeakingOperator;
pub use room::Room;
pub use types::{Ending, Fact, FactKind, Language, Outcome, RoomEvent, ScenarioInfo, Speaker};

/// Whether this is a practice customer's own number. It is invented: on a real line it would reach a stranger.
pub fn is_customer(number: &str) -> bool {
    matches!(pack::dialled(number), Some((_, Some(_))))
}

/// The scenarios there are, with their titles in `language`.
pub fn scenarios(language: Language) -> Vec<ScenarioInfo> {
    pack::library().unwrap_or_default().iter().map(|scenario| scenario.info(language)).collect()
}
