//! The Opus decoder, straight on libopus: the `opus` crate cannot set the decoder's complexity, which is what turns
//! the deep concealment on. The only unsafe code of this crate is here.

use std::ffi::c_int;
use std::ptr::NonNull;

use opusic_sys::{
    OPUS_RESET_STATE, OPUS_SET_COMPLEXITY_REQUEST, OpusDecoder as Raw, opus_decode_float, opus_decoder_create,
    opus_decoder_ctl, opus_decoder_destroy, opus_packet_has_lbrr,
};

use super::{LONGEST, Pcm};
use crate::error::MediaError;

/// From 5 on, libopus conceals with its neural network: about 1 ms of work for 20 ms lost.
const COMPLEXITY: c_int = 5;
const RATE: i32 = 48_000;

/// Whether the payload carries redundancy for the packet before it (RFC 6716 §2.1.7).
pub fn has_redundancy(payload: &[u8]) -> bool {
    let Ok(length) = i32::try_from(payload.len()) else { return false };
    // SAFETY: `payload` points to `length` readable bytes, and libopus parses no further than that; nothing is kept.
    length > 0 && unsafe { opus_packet_has_lbrr(payload.as_ptr(), length) } == 1
}

/// Decodes Opus to mono at 48 kHz.
pub struct OpusDecoder {
    raw: NonNull<Raw>,
    scratch: Box<[f32; LONGEST]>,
}

// SAFETY: the decoder state is plain memory owned by this value alone, without thread-local parts; libopus allows
// moving it between threads as long as calls do not overlap, which `&mut self` ensures.
unsafe impl Send for OpusDecoder {}

impl OpusDecoder {
    /// A decoder at rest.
    pub fn new() -> Result<Self, MediaError> {
        let mut error: c_int = 0;
        // SAFETY: `error` is valid for writing during the call; rate and channels are values libopus takes.
        let raw = unsafe { opus_decoder_create(RATE, 1, &mut error) };
        let raw = NonNull::new(raw)
            .filter(|_| error == 0)
            .ok_or_else(|| MediaError::internal(format!("opus_decoder_create: {error}")))?;
        let decoder = Self { raw, scratch: Box::new([0.0; LONGEST]) };
        // SAFETY: the state is live; this request takes one int argument. An old library refuses and stays as it is.
        unsafe { opus_decoder_ctl(decoder.raw.as_ptr(), OPUS_SET_COMPLEXITY_REQUEST, COMPLEXITY) };
        Ok(decoder)
    }

    /// As if nothing had been heard.
    pub fn reset(&mut self) {
        // SAFETY: the state is live; this request takes no argument. It keeps the settings.
        unsafe { opus_decoder_ctl(self.raw.as_ptr(), OPUS_RESET_STATE) };
    }

    /// Decodes one payload.
    pub fn decode(&mut self, payload: &[u8], out: &mut Pcm) -> usize {
        // An empty payload would mean "conceal" to libopus.
        if payload.is_empty() { 0 } else { self.run(Some(payload), LONGEST, false, out) }
    }

    /// Conceals a gap, from the packet after it where that carries redundancy (RFC 6716 §2.1.7).
    pub fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Pcm) -> usize {
        // libopus conceals in steps of 2.5 ms and takes no more than 120 ms at once.
        let samples = (samples / 120 * 120).clamp(120, LONGEST);
        let next = next.filter(|payload| !payload.is_empty());
        match self.run(next, samples, next.is_some(), out) {
            // A damaged next packet must not cost the concealment.
            0 if next.is_some() => self.run(None, samples, false, out),
            made => made,
        }
    }

    fn run(&mut self, payload: Option<&[u8]>, samples: usize, redundancy: bool, out: &mut Pcm) -> usize {
        let samples = samples.min(self.scratch.len());
        let (data, length) = payload.map_or((std::ptr::null(), 0), |payload| (payload.as_ptr(), payload.len()));
        let (Ok(length), Ok(room)) = (i32::try_from(length), c_int::try_from(samples)) else { return 0 };
        // SAFETY: the state is live; `data` is null or points to `length` readable bytes; `scratch` has room for
        // `room` mono samples, and libopus writes no more than that.
        let made = unsafe {
            opus_decode_float(self.raw.as_ptr(), data, length, self.scratch.as_mut_ptr(), room, c_int::from(redundancy))
        };
        let made = usize::try_from(made).unwrap_or(0).min(samples);
        out.extend(&self.scratch[..made]);
        made
    }
}

impl Drop for OpusDecoder {
    fn drop(&mut self) {
        // SAFETY: created by opus_decoder_create, destroyed once, not used after.
        unsafe { opus_decoder_destroy(self.raw.as_ptr()) };
    }
}
