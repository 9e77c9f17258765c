//! Opus for speech: in-band FEC, deep redundancy where it helps, and of bits and packets what the line bears.

use super::adaptation::{Adaptation, Reception, Told};
use super::libopus::{Encoder, Setting};
use crate::error::MediaError;

/// Deep redundancy reaches back 200 ms: further nobody waits.
const DEEP: i32 = 20;

/// Encodes mono speech.
pub struct OpusEncoder {
    encoder: Encoder,
    adaptation: Adaptation,
    told: Option<Told>,
}

impl OpusEncoder {
    /// An encoder at rest.
    pub fn new() -> Result<Self, MediaError> {
        let mut new = Self { encoder: Encoder::new()?, adaptation: Adaptation::new(), told: None };
        let settings = [Setting::Complexity(8), Setting::InbandFec(true)];
        new.adapt(&Reception::default());
        let taken = new.told.is_some() && settings.into_iter().all(|setting| new.encoder.set(setting));
        if taken { Ok(new) } else { Err(MediaError::internal("libopus refuses its settings")) }
    }

    /// Encodes 20, 40 or 60 ms.
    pub fn encode(&mut self, sound: &[f32], payload: &mut [u8]) -> Option<usize> {
        self.encoder.encode(sound, payload)
    }

    /// Follows what the far end reports; called each 20 ms. The samples to put into the next packet.
    pub fn adapt(&mut self, reception: &Reception) -> usize {
        let wanted = self.adaptation.follow(reception);
        if Some(wanted) != self.told && self.tell(wanted) {
            self.told = Some(wanted);
        }
        wanted.samples
    }

    /// Nothing is to be sent while nobody speaks: others do so.
    #[cfg(test)]
    pub fn pause(&mut self) {
        assert!(self.encoder.set(Setting::Pauses(true)));
    }

    fn tell(&mut self, wanted: Told) -> bool {
        self.encoder.set(Setting::Bitrate(wanted.bitrate))
            && self.encoder.set(Setting::ExpectedLoss(wanted.expected))
            && self.encoder.set(Setting::DeepRedundancy(if wanted.deep { DEEP } else { 0 }))
    }
}
