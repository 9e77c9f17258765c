//! Opus for speech: 20 ms, in-band FEC, deep redundancy where it helps, and less per packet where too many are lost.

use super::libopus::{Encoder, Setting};
use super::{LARGEST_PAYLOAD, PACKET};
use crate::error::MediaError;

/// Told of 5 % or less, libopus 1.6 sends no redundancy at these bitrates at all; from 6 % on it makes room, and at
/// 32 kbit/s that costs no bandwidth of the voice. So this much is expected even before anything is reported.
const LEAST_EXPECTED: i32 = 6;
const MOST_EXPECTED: i32 = 30;
/// From so much loss on, in percent, more is spent on each packet: what carries the packet before it too has less to carry itself with.
const LOSSY: f32 = 3.0;
/// From so much loss on average on, in percent, the line is taken to be congested.
const CONGESTED: f32 = 25.0;
/// If so much more is lost on average once more is spent, in percent, that is itself too much for the line; for a minute it is then
/// not tried again. Averages are over seven seconds, since one report of bursts tells little.
const WORSE: f32 = 10.0;
const AVERAGE: f32 = 0.003;
const MINUTE: u32 = 3_000;
/// Deep redundancy reaches back 200 ms: further nobody waits.
const DEEP: i32 = 20;

/// Encodes mono speech.
pub struct OpusEncoder {
    encoder: Encoder,
    /// Reported loss, smoothed: up at once, down slowly.
    loss: f32,
    told: Told,
    /// Reported loss on average, and what it was when more began to be spent.
    average: f32,
    before: f32,
    /// To spend more has made it worse: for so many packets it is not tried again.
    refrain: u32,
}

/// What the encoder was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    bitrate: i32,
    expected: i32,
    deep: bool,
}

/// Bits a second for a line that loses nothing much, for one that loses packets, and for one that is too narrow for us. With loss,
/// 48 kbit/s sound better than 32 by 0.15 of PESQ; where a quarter is lost, smaller packets make room, and the sound is no worse.
const USUAL: i32 = 32_000;
const RICH: i32 = 48_000;
const POOR: i32 = 20_000;

impl OpusEncoder {
    /// An encoder at rest.
    pub fn new() -> Result<Self, MediaError> {
        let told = Told { bitrate: USUAL, expected: LEAST_EXPECTED, deep: false };
        let mut new = Self { encoder: Encoder::new()?, loss: 0.0, told, average: 0.0, before: 0.0, refrain: 0 };
        let settings = [Setting::Complexity(8), Setting::InbandFec(true)];
        let taken = settings.into_iter().all(|setting| new.encoder.set(setting)) && new.tell(told);
        if taken { Ok(new) } else { Err(MediaError::internal("libopus refuses its settings")) }
    }

    /// Encodes 20 ms.
    pub fn encode(&mut self, sound: &[f32; PACKET], payload: &mut [u8; LARGEST_PAYLOAD]) -> Option<usize> {
        self.encoder.encode(sound, payload)
    }

    /// Follows the loss the far end reports, and whether it understands deep redundancy; called for each packet.
    pub fn adapt(&mut self, loss_percent: f32, deep: bool) {
        self.loss = if loss_percent > self.loss { loss_percent } else { self.loss * 0.99 + loss_percent * 0.01 };
        self.average += (loss_percent - self.average) * AVERAGE;
        let rich = self.told.bitrate == RICH;
        self.refrain = if rich && self.average > self.before + WORSE { MINUTE } else { self.refrain.saturating_sub(1) };
        let bitrate = match () {
            () if self.average >= CONGESTED => POOR,
            () if self.loss >= LOSSY && self.refrain == 0 => RICH,
            () => USUAL,
        };
        if bitrate == RICH && !rich {
            self.before = self.loss;
        }
        let expected = (self.loss.ceil() as i32).clamp(LEAST_EXPECTED, MOST_EXPECTED);
        let wanted = Told { bitrate, expected, deep: deep && bitrate == RICH };
        if wanted != self.told && self.tell(wanted) {
            self.told = wanted;
        }
    }

    fn tell(&mut self, wanted: Told) -> bool {
        self.encoder.set(Setting::Bitrate(wanted.bitrate))
            && self.encoder.set(Setting::ExpectedLoss(wanted.expected))
            && self.encoder.set(Setting::DeepRedundancy(if wanted.deep { DEEP } else { 0 }))
    }

    /// What it aims at, and whether it sends deep redundancy.
    #[cfg(test)]
    pub fn told(&self) -> (i32, bool) {
        (self.told.bitrate, self.told.deep)
    }
}
