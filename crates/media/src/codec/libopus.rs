//! libopus behind safe functions: the `opus` crate knows neither the decoder's complexity, which turns the deep concealment on, nor
//! deep redundancy (DRED, draft-ietf-mlcodec-opus-dred). All unsafe code of this crate is here. Sound is mono at 48 kHz.

use std::ffi::c_int;
use std::ptr::{NonNull, null};

use opusic_sys as sys;

use super::LONGEST;
use crate::error::MediaError;

const RATE: i32 = 48_000;

/// Whether the payload carries redundancy for the packet before it (RFC 6716 §2.1.7).
pub fn has_redundancy(payload: &[u8]) -> bool {
    let (data, length) = raw(payload);
    // SAFETY: `data` points to `length` readable bytes, and libopus parses no further than that; nothing is kept.
    length > 0 && unsafe { sys::opus_packet_has_lbrr(data, length) } == 1
}

/// A number the encoder can be told.
#[derive(Debug, Clone, Copy)]
pub enum Setting {
    /// Bits a second, all in all.
    Bitrate(i32),
    /// 0 to 10.
    Complexity(i32),
    /// Each packet carries the one before it again, if loss is expected and the bitrate has room.
    InbandFec(bool),
    /// Loss to expect, in percent.
    ExpectedLoss(i32),
    /// How much of the past each packet carries again as deep redundancy, in units of 10 ms; as the bitrate allows. 0 is none.
    DeepRedundancy(i32),
    /// Nothing is sent while nobody speaks (DTX).
    #[cfg(test)]
    Pauses(bool),
}

/// An encoder for speech.
pub struct Encoder(NonNull<sys::OpusEncoder>);

// SAFETY: the state is plain memory owned by this value alone, without thread-local parts; libopus allows moving it between threads as
// long as calls do not overlap, which `&mut self` ensures. The same holds for the three below.
unsafe impl Send for Encoder {}

impl Encoder {
    /// An encoder at rest.
    pub fn new() -> Result<Self, MediaError> {
        let mut error: c_int = 0;
        // SAFETY: `error` is valid for writing during the call; the numbers are values libopus takes.
        let state = unsafe { sys::opus_encoder_create(RATE, 1, sys::OPUS_APPLICATION_VOIP, &mut error) };
        made("opus_encoder_create", state, error).map(Self)
    }

    /// Changes a setting from the next packet on; false if libopus refuses.
    pub fn set(&mut self, setting: Setting) -> bool {
        let (request, value) = match setting {
            Setting::Bitrate(bits) => (sys::OPUS_SET_BITRATE_REQUEST, bits),
            Setting::Complexity(level) => (sys::OPUS_SET_COMPLEXITY_REQUEST, level),
            Setting::InbandFec(on) => (sys::OPUS_SET_INBAND_FEC_REQUEST, i32::from(on)),
            Setting::ExpectedLoss(percent) => (sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, percent),
            #[cfg(test)]
            Setting::Pauses(on) => (sys::OPUS_SET_DTX_REQUEST, i32::from(on)),
            Setting::DeepRedundancy(tens) => (sys::OPUS_SET_DRED_DURATION_REQUEST, tens),
        };
        // SAFETY: the state is live; each of these requests takes one int argument.
        unsafe { sys::opus_encoder_ctl(self.0.as_ptr(), request, value) == sys::OPUS_OK }
    }

    /// Encodes 2.5, 5, 10, 20, 40 or 60 ms; the length written, or nothing if libopus refuses.
    pub fn encode(&mut self, sound: &[f32], payload: &mut [u8]) -> Option<usize> {
        let (samples, room) = (c_int::try_from(sound.len()).ok()?, i32::try_from(payload.len()).ok()?);
        // SAFETY: the state is live; `sound` has `samples` mono samples, and no more than `room` bytes are written.
        let length =
            unsafe { sys::opus_encode_float(self.0.as_ptr(), sound.as_ptr(), samples, payload.as_mut_ptr(), room) };
        usize::try_from(length).ok().filter(|length| (1..=payload.len()).contains(length))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: made by opus_encoder_create, destroyed once, not used after.
        unsafe { sys::opus_encoder_destroy(self.0.as_ptr()) };
    }
}

/// What a decoder makes sound from.
pub enum Source<'a> {
    /// A payload.
    Packet(&'a [u8]),
    /// The payload after a gap, for the last packet of the gap (RFC 6716 §2.1.7).
    Before(&'a [u8]),
    /// Deep redundancy, from so many samples before the packet on that it was found in.
    Deep(&'a Deep, usize),
    /// Nothing: what was heard goes on.
    Nothing,
}

/// A decoder.
pub struct Decoder {
    state: NonNull<sys::OpusDecoder>,
    scratch: Box<[f32; LONGEST]>,
}

// SAFETY: as for `Encoder`.
unsafe impl Send for Decoder {}

impl Decoder {
    /// A decoder at rest, with the complexity (0 to 10) it is to have.
    pub fn new(complexity: c_int) -> Result<Self, MediaError> {
        let mut error: c_int = 0;
        // SAFETY: `error` is valid for writing during the call; rate and channels are values libopus takes.
        let state = made("opus_decoder_create", unsafe { sys::opus_decoder_create(RATE, 1, &mut error) }, error)?;
        let mut decoder = Self { state, scratch: Box::new([0.0; LONGEST]) };
        decoder.set_complexity(complexity);
        Ok(decoder)
    }

    /// How much work it may do, 0 to 10.
    pub fn set_complexity(&mut self, complexity: c_int) {
        // SAFETY: the state is live; this request takes one int argument. An old library refuses and stays as it is.
        unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_SET_COMPLEXITY_REQUEST, complexity) };
    }

    /// As if nothing had been heard.
    pub fn reset(&mut self) {
        // SAFETY: the state is live; this request takes no argument. It keeps the settings.
        unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
    }

    /// Makes sound: for a packet all that is in it, else `samples`, a multiple of 120. Empty if it cannot be done.
    pub fn decode(&mut self, source: &Source<'_>, samples: usize) -> &[f32] {
        let (state, out) = (self.state.as_ptr(), self.scratch.as_mut_ptr());
        let samples = samples.min(LONGEST);
        let Ok(room) = c_int::try_from(samples) else { return &[] };
        let (payload, fec) = match source {
            // An empty payload would mean to go on with what was heard.
            Source::Packet([]) | Source::Before([]) => return &[],
            Source::Packet(payload) => (*payload, 0),
            Source::Before(payload) => (*payload, 1),
            Source::Deep(..) | Source::Nothing => (&[][..], 0),
        };
        let (data, length) = if payload.is_empty() { (null(), 0) } else { raw(payload) };
        let made = match source {
            Source::Deep(deep, before) => {
                let Ok(before) = i32::try_from(*before) else { return &[] };
                // SAFETY: both states are live; `scratch` has room for `room` mono samples, and no more are written.
                unsafe { sys::opus_decoder_dred_decode_float(state, deep.found.as_ptr(), before, out, room) }
            }
            // SAFETY: the state is live; `data` is null or points to `length` readable bytes; `scratch` has room for
            // `room` mono samples, and libopus writes no more than that.
            _ => unsafe { sys::opus_decode_float(state, data, length, out, room, fec) },
        };
        &self.scratch[..usize::try_from(made).unwrap_or(0).min(samples)]
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: made by opus_decoder_create, destroyed once, not used after.
        unsafe { sys::opus_decoder_destroy(self.state.as_ptr()) };
    }
}

/// When the work of making something of deep redundancy is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// At once: it is to be heard.
    Now,
    /// Never: it was only asked for.
    Later,
}

/// Finds deep redundancy in packets and keeps what it found last.
pub struct Deep {
    finder: NonNull<sys::OpusDREDDecoder>,
    found: NonNull<sys::OpusDRED>,
}

// SAFETY: as for `Encoder`.
unsafe impl Send for Deep {}

impl Deep {
    /// Nothing found yet.
    pub fn new() -> Result<Self, MediaError> {
        let mut error: c_int = 0;
        // SAFETY: `error` is valid for writing during the call.
        let finder = made("opus_dred_decoder_create", unsafe { sys::opus_dred_decoder_create(&mut error) }, error)?;
        // SAFETY: as above.
        let found = made("opus_dred_alloc", unsafe { sys::opus_dred_alloc(&mut error) }, error);
        match found {
            Ok(found) => Ok(Self { finder, found }),
            Err(error) => {
                // SAFETY: made just above, destroyed once.
                unsafe { sys::opus_dred_decoder_destroy(finder.as_ptr()) };
                Err(error)
            }
        }
    }

    /// Looks for what a packet carries of the `wanted` samples before it. What it carries begins and ends so many samples before the
    /// packet; of a pause, a sender carries nothing.
    pub fn find(&mut self, payload: &[u8], wanted: usize, work: Work) -> Option<(usize, usize)> {
        let (data, length) = raw(payload);
        // It counts in steps of 40 ms from the encoder's look-ahead on, and stops a step short of what it is asked for.
        let Ok(wanted) = i32::try_from((wanted + 1_920).min(RATE as usize)) else { return None };
        let mut end: c_int = 0;
        // SAFETY: both states are live; `data` points to `length` readable bytes; `end` is valid for writing during the call.
        let reach = unsafe {
            let (finder, found) = (self.finder.as_ptr(), self.found.as_ptr());
            sys::opus_dred_parse(finder, found, data, length, wanted, RATE, &mut end, c_int::from(work == Work::Later))
        };
        Some((usize::try_from(reach).ok().filter(|reach| *reach > 0)?, usize::try_from(end).ok()?))
    }
}

impl Drop for Deep {
    fn drop(&mut self) {
        // SAFETY: made by their functions in `new`, destroyed once, not used after.
        unsafe {
            sys::opus_dred_free(self.found.as_ptr());
            sys::opus_dred_decoder_destroy(self.finder.as_ptr());
        }
    }
}

fn raw(payload: &[u8]) -> (*const u8, i32) {
    // No packet is so long; one that were would be refused as empty.
    (payload.as_ptr(), i32::try_from(payload.len()).unwrap_or(0))
}

fn made<T>(what: &str, state: *mut T, error: c_int) -> Result<NonNull<T>, MediaError> {
    NonNull::new(state)
        .filter(|_| error == sys::OPUS_OK)
        .ok_or_else(|| MediaError::internal(format!("{what}: {error}")))
}
