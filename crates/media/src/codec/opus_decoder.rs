//! Opus to sound, and what stands in for sound that never came.

use super::libopus::{Decoder, Deep, Source, Work};
use super::{LONGEST, Pcm, has_redundancy};
use crate::error::MediaError;

/// From 5 on, libopus conceals with its neural network: about 1 ms of work for 20 ms lost.
const COMPLEXITY: i32 = 5;
/// Without it.
const PLAIN: i32 = 0;
/// libopus conceals in steps of 2.5 ms.
const STEP: usize = 120;

/// Decodes Opus to mono at 48 kHz.
pub struct OpusDecoder {
    decoder: Decoder,
    deep: Deep,
    /// No network is run any more.
    plain: bool,
}

impl OpusDecoder {
    /// A decoder at rest.
    pub fn new() -> Result<Self, MediaError> {
        Ok(Self { decoder: Decoder::new(COMPLEXITY)?, deep: Deep::new()?, plain: false })
    }

    /// As if nothing had been heard.
    pub fn reset(&mut self) {
        self.decoder.reset();
    }

    /// Covers gaps without a network from now on, in a thirtieth of the time.
    pub fn relieve(&mut self) {
        self.plain = true;
        self.decoder.set_complexity(PLAIN);
        // What the network has been given already would keep it at work.
        self.decoder.reset();
    }

    /// Decodes one payload.
    pub fn decode(&mut self, payload: &[u8], out: &mut Pcm) -> usize {
        self.run(&Source::Packet(payload), LONGEST, out)
    }

    /// Invents `samples` for a gap.
    pub fn conceal(&mut self, samples: usize, out: &mut Pcm) -> usize {
        self.run(&Source::Nothing, steps(samples), out)
    }

    /// Makes up for the packet before `after`, which was lost and lasted `whole` samples, from in-band redundancy (RFC 6716 §2.1.7).
    /// Nothing where there is none.
    pub fn recover(&mut self, whole: usize, after: &[u8], out: &mut Pcm) -> usize {
        if has_redundancy(after) { self.run(&Source::Before(after), steps(whole), out) } else { 0 }
    }

    /// Makes `samples` of a gap from deep redundancy in the packet `after` it, which begins `before` samples after the first of them.
    /// Nothing where there is none.
    pub fn recover_deep(&mut self, samples: usize, before: usize, after: &[u8], out: &mut Pcm) -> usize {
        if self.carries(after, before, Work::Now) {
            append(self.decoder.decode(&Source::Deep(&self.deep, before), steps(samples)), out)
        } else {
            0
        }
    }

    /// Whether a packet carries deep redundancy for so many samples before it.
    pub fn reaches_back(&mut self, payload: &[u8], samples: usize) -> bool {
        self.carries(payload, samples, Work::Later)
    }

    fn carries(&mut self, payload: &[u8], before: usize, work: Work) -> bool {
        let found = if self.plain { None } else { self.deep.find(payload, before, work) };
        found.is_some_and(|(begin, end)| begin + STEP >= before && before > end)
    }

    fn run(&mut self, source: &Source<'_>, samples: usize, out: &mut Pcm) -> usize {
        append(self.decoder.decode(source, samples), out)
    }
}

fn append(sound: &[f32], out: &mut Pcm) -> usize {
    out.extend(sound);
    sound.len()
}

fn steps(samples: usize) -> usize {
    (samples / STEP * STEP).clamp(STEP, LONGEST)
}
