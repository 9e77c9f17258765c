//! What is heard where no packet is: redundancy, or what is invented.

use super::{FRAME, LONGEST, LOSS_FORGET, MS, Playout, SEAM, stretch};
use crate::codec::{Decoder, Pcm};
use crate::normalise::Payload;

/// There is so much sound while nothing waits: a frame, and a tail to blend what comes next into.
const BRIDGE: usize = FRAME + SEAM;
/// So much is invented in a row; then it is silent, and playing starts anew with the next packet.
const LONGEST_BRIDGE: usize = 120 * MS as usize;
/// So much of a background: senders that pause tell of it each 400 ms.
const LONGEST_PAUSE: usize = 1_000 * MS as usize;
/// So much of a background that the far end has described: as long as it is not missed.
const LONGEST_REST: usize = 30_000 * MS as usize;
/// Gaps of more than a packet count longer, for there are fewer.
pub(super) const RUNS_FORGET: f32 = 0.998;
/// After so many gaps without it, it is taken not to be sent.
const DEEP_MISSED: u32 = 8;

impl Playout {
    /// Nothing waits: what was heard is continued, and the playhead stays.
    pub(super) fn bridge(&mut self) -> bool {
        if self.playhead.is_none() {
            return self.rest_on();
        }
        // On a lossy line it is likely lost: a whole packet then, so that the redundancy of the next one follows without a seam. Else
        // it is likely late: as little as can be, for all of it is delay.
        let least = (BRIDGE - self.sound.len()).next_multiple_of(SEAM);
        let length = if self.lossy() { least.max(self.packet as usize) } else { least };
        // A voice is not continued for long. What is soft is: whoever sends nothing while nobody speaks has a background all the same,
        // and nobody hears that it is invented.
        let soft = self.power < stretch::QUIET;
        if self.bridged + length > if soft { LONGEST_PAUSE } else { LONGEST_BRIDGE } {
            (self.playhead, self.bridged, self.softly) = (None, 0, 0);
            return false;
        }
        let made = self.conceal(length);
        self.bridged += made;
        self.decisions.bridged += made as u64;
        if soft {
            self.invented = self.invented.saturating_sub(made);
            self.softly += made;
        }
        made > 0
    }

    /// What waits is further on: the next part of the gap is covered, as far as may be from what the packet at hand knows of it.
    pub(super) fn cover(&mut self, missing: usize, playhead: i64) -> bool {
        let packet = self.packet as usize;
        let last = missing <= packet;
        if missing + self.bridged > packet + packet / 2 {
            self.runs = self.runs * RUNS_FORGET + (1.0 - RUNS_FORGET);
            // Of a pause nobody tells anything: one packet without it is no reason to give up waiting.
            self.deep = if self.reaches_back(2 * packet) { DEEP_MISSED } else { self.deep.saturating_sub(1) };
        }
        // What is missing before the last packet of the gap, a packet at a time.
        let length = if last { missing } else { (missing - packet).min(packet).next_multiple_of(SEAM) };
        let mut known = if last { self.recover(missing) } else { 0 };
        if known == 0 {
            known = self.recover_deep(length, missing);
        }
        let made = if known > 0 {
            self.decisions.recovered += known as u64;
            self.invented = 0;
            known
        } else {
            let made = self.conceal(length);
            self.decisions.lost += made as u64;
            made
        };
        self.loss = self.loss * LOSS_FORGET + (1.0 - LOSS_FORGET);
        self.playhead = Some(playhead + (self.bridged + made) as i64);
        self.bridged = 0;
        made > 0
    }

    /// Whether the packet that waits knows of so many samples before it.
    fn reaches_back(&mut self, samples: usize) -> bool {
        self.told(|decoder, payload, _| usize::from(decoder.reaches_back(payload, samples))) > 0
    }

    /// The last `missing` samples before the packet that waits, from its redundancy where it has any. That is of the whole packet
    /// before: what is there already is its beginning, and where that ends the two are blended.
    fn recover(&mut self, missing: usize) -> usize {
        let whole = self.packet as usize;
        let made = self.told(|decoder, payload, out| decoder.recover(whole, payload, out));
        let skipped = made.saturating_sub(missing);
        let seam = skipped.min(SEAM).min(self.sound.len());
        let end = self.sound.len();
        for n in 0..seam {
            let share = (n as f32 + 0.5) / seam as f32;
            let there = &mut self.sound[end - seam + n];
            *there += (self.fresh[skipped - seam + n] - *there) * share;
        }
        self.sound.extend(self.fresh.iter().skip(skipped));
        made - skipped
    }

    /// The next `length` samples of a gap of `missing` samples before the packet that waits, from its deep redundancy.
    fn recover_deep(&mut self, length: usize, missing: usize) -> usize {
        let made = self.told(|decoder, payload, out| decoder.recover_deep(length, missing, payload, out));
        self.sound.extend(self.fresh.iter());
        made
    }

    /// What the packet that waits tells of what was before it; sound goes into `fresh`.
    fn told(&mut self, ask: impl FnOnce(&mut Decoder, &[u8], &mut Pcm) -> usize) -> usize {
        self.fresh.clear();
        let Some(waiting) = self.jitter.next() else { return 0 };
        if self.decoders.present().map(Payload::Voice) != Some(waiting.kind) {
            return 0;
        }
        self.decoders.decoder_in_use().map_or(0, |decoder| ask(decoder, waiting.payload, &mut self.fresh))
    }

    /// The far end says that nobody speaks, and how that sounds: it is heard until somebody does.
    pub(super) fn rest(&mut self) -> bool {
        let told = self.jitter.next().is_some_and(|waiting| self.comfort.take(waiting.payload));
        self.jitter.pop();
        if told {
            self.was_pause();
            (self.playhead, self.bridged, self.invented, self.resting) = (None, 0, 0, Some(0));
        }
        true
    }

    /// The room of a far end where nobody speaks.
    pub(super) fn rest_on(&mut self) -> bool {
        self.resting = self.resting.filter(|rested| *rested < LONGEST_REST);
        let Some(rested) = &mut self.resting else { return false };
        self.fresh.clear();
        let made = self.comfort.make(FRAME, &mut self.fresh);
        self.sound.extend(self.fresh.iter());
        *rested += made;
        self.decisions.paused += made as u64;
        true
    }

    /// What was invented of late continued a background: the far end has paused.
    pub(super) fn was_pause(&mut self) {
        let softly = std::mem::take(&mut self.softly) as u64;
        self.decisions.bridged -= softly;
        self.decisions.paused += softly;
    }

    pub(super) fn conceal(&mut self, samples: usize) -> usize {
        let Some(decoder) = self.decoders.decoder_in_use() else { return 0 };
        self.fresh.clear();
        let made = decoder.conceal(samples.min(LONGEST), &mut self.fresh);
        self.sound.extend(self.fresh.iter());
        self.invented += made;
        made
    }
}
