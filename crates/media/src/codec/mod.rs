//! Between 10 ms frames and packets.

mod adaptation;
mod comfort;
mod conceal;
mod g711;
mod g722;
mod libopus;
mod opus_decoder;
mod opus_encoder;
mod resample;

use std::collections::VecDeque;

pub use adaptation::Reception;
pub use comfort::Comfort;
pub use g711::Law;
use g711::{G711Decoder, G711Encoder};
use g722::{G722Decoder, G722Encoder};
pub use libopus::has_redundancy;
use opus_decoder::OpusDecoder;
use opus_encoder::OpusEncoder;

use crate::error::MediaError;
use crate::types::Codec;

/// Samples in a packet we send, 20 ms at 48 kHz; in Opus for a narrow line two or three times as many.
pub const PACKET: usize = 960;
/// Samples in the longest packet we send.
pub const LONGEST_SENT: usize = 3 * PACKET;
/// Longest packet an Opus decoder may be given: 120 ms at 48 kHz.
pub const LONGEST: usize = 5_760;
/// Room for any packet we send.
pub const LARGEST_PAYLOAD: usize = 512;

/// Decoded sound waiting to be rendered.
pub type Pcm = VecDeque<f32>;

/// Turns sound into payloads.
pub enum Encoder {
    /// Opus.
    Opus(OpusEncoder),
    /// G.711.
    G711(Box<G711Encoder>),
    /// G.722.
    G722(Box<G722Encoder>),
}

impl Encoder {
    /// An encoder at rest.
    pub fn new(codec: Codec) -> Result<Self, MediaError> {
        Ok(match codec {
            Codec::Opus => Self::Opus(OpusEncoder::new()?),
            Codec::Pcmu => Self::G711(Box::new(G711Encoder::new(Law::Mu))),
            Codec::Pcma => Self::G711(Box::new(G711Encoder::new(Law::A))),
            Codec::G722 => Self::G722(Box::new(G722Encoder::new())),
        })
    }

    /// Encodes [`PACKET`] samples, or in Opus two or three times as many; the length written, or nothing if the codec refuses.
    pub fn encode(&mut self, sound: &[f32], payload: &mut [u8; LARGEST_PAYLOAD]) -> Option<usize> {
        match self {
            Self::Opus(opus) => opus.encode(sound, payload),
            Self::G711(g711) => Some(g711.encode(sound.try_into().ok()?, payload)),
            Self::G722(g722) => g722.encode(sound.try_into().ok()?, payload),
        }
    }

    /// Follows what the far end reports; called each 20 ms. How many samples the next packet is to have.
    pub fn adapt(&mut self, reception: &Reception) -> usize {
        match self {
            Self::Opus(opus) => opus.adapt(reception),
            Self::G711(_) | Self::G722(_) => PACKET,
        }
    }
}

/// Turns payloads into sound and invents what is missing.
pub enum Decoder {
    /// Opus.
    Opus(OpusDecoder),
    /// G.711.
    G711(Box<G711Decoder>),
    /// G.722.
    G722(Box<G722Decoder>),
}

impl Decoder {
    /// A decoder at rest.
    pub fn new(codec: Codec) -> Result<Self, MediaError> {
        Ok(match codec {
            Codec::Opus => Self::Opus(OpusDecoder::new()?),
            Codec::Pcmu => Self::G711(Box::new(G711Decoder::new(Law::Mu))),
            Codec::Pcma => Self::G711(Box::new(G711Decoder::new(Law::A))),
            Codec::G722 => Self::G722(Box::new(G722Decoder::new())),
        })
    }

    /// As if nothing had been heard.
    pub fn reset(&mut self) {
        match self {
            Self::Opus(opus) => opus.reset(),
            Self::G711(g711) => g711.reset(),
            Self::G722(g722) => **g722 = G722Decoder::new(),
        }
    }

    /// Decodes one payload; samples appended. Zero when it cannot be decoded.
    pub fn decode(&mut self, payload: &[u8], out: &mut Pcm) -> usize {
        match self {
            Self::Opus(opus) => opus.decode(payload, out),
            Self::G711(g711) => g711.decode(payload, out),
            Self::G722(g722) => g722.decode(payload, out),
        }
    }

    /// Invents `samples` of sound for a gap.
    pub fn conceal(&mut self, samples: usize, out: &mut Pcm) -> usize {
        match self {
            Self::Opus(opus) => opus.conceal(samples, out),
            Self::G711(g711) => g711.conceal(samples, out),
            Self::G722(g722) => g722.conceal(samples, out),
        }
    }

    /// Whether a packet knows of so many samples before it.
    pub fn reaches_back(&mut self, payload: &[u8], samples: usize) -> bool {
        match self {
            Self::Opus(opus) => opus.reaches_back(payload, samples),
            Self::G711(_) | Self::G722(_) => false,
        }
    }

    /// Makes up for the packet of `whole` samples lost right before `after`; nothing where that tells nothing of it.
    pub fn recover(&mut self, whole: usize, after: &[u8], out: &mut Pcm) -> usize {
        match self {
            Self::Opus(opus) => opus.recover(whole, after, out),
            Self::G711(_) | Self::G722(_) => 0,
        }
    }

    /// Makes `samples` of a gap from what the packet `after` it tells of it, roughly: that one begins `before` samples after the first
    /// of them. Nothing where it tells nothing.
    pub fn recover_deep(&mut self, samples: usize, before: usize, after: &[u8], out: &mut Pcm) -> usize {
        match self {
            Self::Opus(opus) => opus.recover_deep(samples, before, after, out),
            Self::G711(_) | Self::G722(_) => 0,
        }
    }
}

/// One decoder of each codec, made before the call begins: making one takes memory, and the sound thread takes none.
pub struct Decoders {
    each: [Option<Decoder>; Codec::ALL.len()],
    present: Option<Codec>,
}

impl Decoders {
    /// All at rest.
    pub fn new() -> Self {
        Self { each: Codec::ALL.map(|codec| Decoder::new(codec).ok()), present: None }
    }

    /// The codec decoded last.
    pub fn present(&self) -> Option<Codec> {
        self.present
    }

    /// The decoder of this codec, from now on the present one; at rest if another was before it.
    pub fn take_up(&mut self, codec: Codec) -> Option<&mut Decoder> {
        if self.present.replace(codec) != Some(codec) {
            self.decoder(codec)?.reset();
        }
        self.decoder(codec)
    }

    /// The present decoder.
    pub fn decoder_in_use(&mut self) -> Option<&mut Decoder> {
        self.decoder(self.present?)
    }

    /// Less work in a gap from now on.
    pub fn relieve(&mut self) {
        for decoder in self.each.iter_mut().flatten() {
            if let Decoder::Opus(opus) = decoder {
                opus.relieve();
            }
        }
    }

    /// Nothing of the sound so far shall colour what comes.
    pub fn rest(&mut self) {
        self.present = None;
    }

    fn decoder(&mut self, codec: Codec) -> Option<&mut Decoder> {
        self.each.get_mut(codec as usize)?.as_mut()
    }
}

/// One encoder of each codec; see [`Decoders`].
pub struct Encoders([Option<Encoder>; Codec::ALL.len()]);

impl Encoders {
    /// All at rest.
    pub fn new() -> Self {
        Self(Codec::ALL.map(|codec| Encoder::new(codec).ok()))
    }

    /// The encoder of this codec.
    pub fn of(&mut self, codec: Codec) -> Option<&mut Encoder> {
        self.0.get_mut(codec as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests;
