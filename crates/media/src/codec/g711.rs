//! G.711: logarithmic PCM at 8 kHz (ITU-T G.711).

use super::conceal::Conceal;
use super::resample::{Down, Rate, Up};
use super::{LARGEST_PAYLOAD, LONGEST, PACKET, Pcm};

const RATE: Rate = Rate::Narrow;
const FACTOR: usize = RATE.factor();

/// Which of the two laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// µ-law: North America and Japan.
    Mu,
    /// A-law: the rest of the world.
    A,
}

impl Law {
    /// One sample of 16 bits to one octet.
    pub fn compress(self, sample: i16) -> u8 {
        match self {
            Self::Mu => {
                // G.711 table 2: 14 bits with a bias of 33, here both shifted left by two.
                const BIAS: i32 = 132;
                const CLIP: i32 = 32_635;
                let sign = if sample < 0 { 0x80u8 } else { 0 };
                let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
                let segment = (24 - (magnitude as u32).leading_zeros()).min(7);
                let step = ((magnitude >> (segment + 3)) & 0x0F) as u8;
                !(sign | ((segment as u8) << 4) | step)
            }
            Self::A => {
                // G.711 table 1: 13 bits; negative samples are one's complement so that -1 mirrors 0.
                let (sign, magnitude) =
                    if sample >= 0 { (0xD5u8, i32::from(sample)) } else { (0x55, -i32::from(sample) - 1) };
                let magnitude = magnitude >> 3;
                let code = if magnitude < 32 {
                    (magnitude >> 1) as u8
                } else {
                    let segment = 27 - (magnitude as u32).leading_zeros();
                    ((segment as u8) << 4) | ((magnitude >> segment) & 0x0F) as u8
                };
                code ^ sign
            }
        }
    }

    /// One octet to one sample of 16 bits.
    pub fn expand(self, octet: u8) -> i16 {
        match self {
            Self::Mu => {
                let octet = !octet;
                let segment = u32::from((octet >> 4) & 7);
                let magnitude = (((i32::from(octet & 0x0F) << 3) + 132) << segment) - 132;
                (if octet & 0x80 != 0 { -magnitude } else { magnitude }) as i16
            }
            Self::A => {
                let octet = octet ^ 0x55;
                let segment = u32::from((octet >> 4) & 7);
                let step = i32::from(octet & 0x0F) << 4;
                let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
                (if octet & 0x80 != 0 { magnitude } else { -magnitude }) as i16
            }
        }
    }
}

/// 48 kHz to octets.
pub struct G711Encoder {
    law: Law,
    down: Down,
}

impl G711Encoder {
    /// An encoder at rest.
    pub fn new(law: Law) -> Self {
        Self { law, down: Down::new(RATE) }
    }

    /// Encodes 20 ms.
    pub fn encode(&mut self, sound: &[f32; PACKET], payload: &mut [u8; LARGEST_PAYLOAD]) -> usize {
        for (octet, block) in payload.iter_mut().zip(sound.chunks_exact(FACTOR)) {
            *octet = self.law.compress((self.down.push(block) * 32_767.0).clamp(-32_768.0, 32_767.0) as i16);
        }
        PACKET / FACTOR
    }
}

/// Octets to 48 kHz.
pub struct G711Decoder {
    law: Law,
    up: Up,
    conceal: Conceal,
}

impl G711Decoder {
    /// A decoder at rest.
    pub fn new(law: Law) -> Self {
        Self { law, up: Up::new(RATE), conceal: Conceal::new(RATE) }
    }

    /// As if nothing had been heard.
    pub fn reset(&mut self) {
        *self = Self::new(self.law);
    }

    /// Decodes one payload of any length a packet may have.
    pub fn decode(&mut self, payload: &[u8], out: &mut Pcm) -> usize {
        let payload = &payload[..payload.len().min(LONGEST / FACTOR)];
        for octet in payload {
            let sample = self.conceal.heard(f32::from(self.law.expand(*octet)) / 32_768.0);
            self.up.push(sample, out);
        }
        payload.len() * FACTOR
    }

    /// Repeats the last pitch period, fading.
    pub fn conceal(&mut self, samples: usize, out: &mut Pcm) -> usize {
        let samples = samples.min(LONGEST) / FACTOR;
        self.conceal.begin();
        for _ in 0..samples {
            let sample = self.conceal.invent();
            self.up.push(sample, out);
        }
        samples * FACTOR
    }
}
