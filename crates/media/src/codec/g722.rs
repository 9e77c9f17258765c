//! G.722: two bands of adaptive PCM, 7 kHz of sound in 64 kbit/s (ITU-T G.722). The arithmetic is `audio-codec`'s.
//!
//! Its RTP clock ticks at 8 kHz though it samples at 16, a mistake the standard keeps (RFC 3551 §4.5.2).

use audio_codec::g722::{G722Decoder as Decode, G722Encoder as Encode};
use audio_codec::{Decoder as _, Encoder as _};

use super::conceal::Conceal;
use super::resample::{Down, Rate, Up};
use super::{LARGEST_PAYLOAD, LONGEST, PACKET, Pcm};

const RATE: Rate = Rate::Wide;
const FACTOR: usize = RATE.factor();
/// Samples at 16 kHz in one octet.
const PER_OCTET: usize = 2;

/// 48 kHz to octets.
pub struct G722Encoder {
    encode: Encode,
    down: Down,
}

impl G722Encoder {
    /// An encoder at rest.
    pub fn new() -> Self {
        Self { encode: Encode::new(), down: Down::new(RATE) }
    }

    /// Encodes 20 ms; the length written, or nothing if the codec refuses.
    pub fn encode(&mut self, sound: &[f32; PACKET], payload: &mut [u8; LARGEST_PAYLOAD]) -> Option<usize> {
        let mut samples = [0; PACKET / FACTOR];
        for (sample, block) in samples.iter_mut().zip(sound.chunks_exact(FACTOR)) {
            *sample = (self.down.push(block) * 32_767.0).clamp(-32_768.0, 32_767.0) as i16;
        }
        self.encode.encode_into(&samples, payload).ok()
    }
}

/// Octets to 48 kHz.
pub struct G722Decoder {
    decode: Decode,
    up: Up,
    conceal: Conceal,
}

impl G722Decoder {
    /// A decoder at rest.
    pub fn new() -> Self {
        Self { decode: Decode::new(), up: Up::new(RATE), conceal: Conceal::new(RATE) }
    }

    /// Decodes one payload of any length a packet may have.
    pub fn decode(&mut self, payload: &[u8], out: &mut Pcm) -> usize {
        let payload = &payload[..payload.len().min(LONGEST / FACTOR / PER_OCTET)];
        for octet in payload {
            let mut samples = [0; PER_OCTET];
            let made = self.decode.decode_into(std::slice::from_ref(octet), &mut samples).unwrap_or(0);
            for sample in &samples[..made] {
                let sample = self.conceal.heard(f32::from(*sample) / 32_768.0);
                self.up.push(sample, out);
            }
        }
        payload.len() * PER_OCTET * FACTOR
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
