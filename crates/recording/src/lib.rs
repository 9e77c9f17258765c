//! Two-channel recordings of calls: Ogg/Opus, encrypted at rest, whole up to the last second even when the process is killed.
//!
//! The sound thread gives both sides of each 10 ms frame to a [`Tap`], which only copies them into a ring. A writer thread encodes
//! 20 ms packets and writes one sealed chunk about every half second. A chunk is on disk (in the kernel's hands) as soon as it is
//! written, so `kill -9` loses at most what was in the ring and the page under construction. [`repair`] closes what was cut off.
//!
//! Channels: operator left, customer right. They are two independent mono Opus streams (RFC 7845 5.1.1.2, mapping family 1 with
//! two uncoupled streams), so that nothing of one person leaks into the other's channel through joint-stereo coding.

mod seal;
mod stream;
mod tap;

pub use seal::{Key, Sealed};
pub use stream::{Stereo, decode, peaks};
pub use tap::{Tap, Writer, start};

use std::io;
use std::path::Path;

/// Sample rate of everything that goes in and out, Hz.
pub const SAMPLE_RATE: u32 = 48_000;

/// What can go wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read or written.
    #[error("the recording file cannot be used: {0}. Check that the disk is not full and the folder is writable")]
    File(#[from] io::Error),
    /// It is not one of ours, or another key sealed it, or it was altered.
    #[error("the recording does not open: it was made with another key or has been altered")]
    Sealed,
    /// The sound inside cannot be encoded or decoded.
    #[error("the sound in the recording cannot be used: {0}")]
    Codec(String),
}

impl RecordingError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            RecordingError::File(_) => "recording.file",
            RecordingError::Sealed => "recording.sealed",
            RecordingError::Codec(_) => "recording.codec",
        }
    }
}

impl From<opus::Error> for RecordingError {
    fn from(e: opus::Error) -> Self {
        RecordingError::Codec(e.to_string())
    }
}

/// What a closed recording holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Length of sound, ms.
    pub duration_ms: u64,
    /// 10 ms frames that the ring had no room for; 0 unless the disk stalled for seconds.
    pub dropped_frames: u64,
}

/// Closes a recording that a killed process left open: cuts off the broken tail, ends the Ogg stream, seals it as complete.
/// A complete recording is left as it is. The file is replaced atomically.
///
/// # Errors
/// [`RecordingError::Sealed`] when not even the first chunk opens with `key`.
pub fn repair(path: &Path, key: &Key) -> Result<Summary, RecordingError> {
    let sealed = Sealed::read(path, key)?;
    let packets = stream::packets(&sealed.ogg);
    let summary = Summary { duration_ms: stream::duration_ms(&packets), dropped_frames: 0 };
    if !sealed.complete {
        let beside = path.with_extension("repair");
        let mut out = seal::SealedFile::create(&beside, key)?;
        out.write_chunk(&stream::close(&packets)?, true)?;
        drop(out);
        std::fs::rename(&beside, path)?;
    }
    Ok(summary)
}
