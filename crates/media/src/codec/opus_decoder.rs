//! Opus to sound, and what stands in for sound that never came.

use super::libopus::{Decoder, Deep, Source, Work};
use super::{LONGEST, Pcm, has_redundancy};
use crate::error::MediaError;

/// From 5 on, libopus conceals with its neural network: about 1 ms of work for 20 ms lost.
const COMPLEXITY: i32 = 5;
/// libopus conceals in steps of 2.5 ms.
const STEP: usize = 120;

/// Decodes Opus to mono at 48 kHz.
pub struct OpusDecoder {
    decoder: Decoder,
    deep: Deep,
}

impl OpusDecoder {
    /// A decoder at rest.
    pub fn new() -> Result<Self, MediaError> {
        Ok(Self { decoder: Decoder::new(COMPLEXITY)?, deep: Deep::new()? })
    }

    /// As if nothing had been heard.
    pub fn reset(&mut self) {
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

    /// Makes `samples` of a gap from the packet `after` it, which begins `before` samples after the first of them. Gives how many were
    /// made, and whether they are what was said: from in-band redundancy (RFC 6716 §2.1.7) for the packet right before, else from deep
    /// redundancy as far as that reaches, else invented.
    pub fn recover(&mut self, samples: usize, before: usize, after: &[u8], out: &mut Pcm) -> (usize, bool) {
        let samples = steps(samples);
        if before <= samples && has_redundancy(after) {
            let made = self.run(&Source::Before(after), samples, out);
            if made > 0 {
                return (made, true);
            }
        }
        // A damaged packet must not cost the concealment.
        if self.deep.find(after, before, Work::Now) + STEP >= before {
            let made = append(self.decoder.decode(&Source::Deep(&self.deep, before), samples), out);
            if made > 0 {
                return (made, true);
            }
        }
        (self.conceal(samples, out), false)
    }

    /// Whether a packet carries deep redundancy for so many samples before it.
    pub fn reaches_back(&mut self, payload: &[u8], samples: usize) -> bool {
        self.deep.find(payload, samples, Work::Later) + STEP >= samples
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
