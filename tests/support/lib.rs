//! What the end-to-end tests share: processes that die with the test, a phone with ears in memory, real switchboards.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failure here is a failed test

pub mod cli;
pub mod peers;
pub mod phone;
pub mod process;
pub mod pulse;
pub mod tone;
