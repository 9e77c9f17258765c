//! What a network does to a call, on purpose and the same each time.
//!
//! [`Link`] decides what happens to each packet of one direction; it takes time and gives a fate, with no clock, socket or thread in it,
//! so that a minute of network takes a millisecond and a seed repeats it. The program `cuffia-relay` carries its decisions out between
//! two interfaces, `cuffia-line` on virtual time.

#![forbid(unsafe_code)]

mod config;
pub mod frame;
mod link;
mod profile;
mod random;
pub mod rebind;
pub mod stats;

pub use config::{Config, ConfigError};
pub use link::{Drop, Fate, Link};
pub use profile::{NAMES, Profile};
