//! Packets in as they come, 10 ms of sound out whenever asked. Sans-I/O: time is passed in, so that hours of a bad network are heard in
//! a second.
//!
//! The sender's clock is the yardstick: the *playhead* is where we are on it, and its distance from the quickest packets is the delay.
//! Delay below or above what the network asks for is mended by stretching the sound, a period of the voice at a time. A gap is covered
//! from the redundancy in the packet after it, else invented. While nothing waits at all, sound is invented without moving the
//! playhead: if the packet was only late, nothing of it is lost.

mod delay;
mod gap;
pub(crate) mod jitter;
mod stretch;

use std::time::{Duration, Instant};

use crate::codec::{Comfort, Decoders, LONGEST, PACKET, Pcm};
use crate::normalise::Payload;
use crate::types::{Codec, FRAME, Frame};
use delay::{Delay, LEAST};
use jitter::Jitter;
pub use jitter::{Packet, Put};
use stretch::Care;

/// Samples at 48 kHz in a millisecond.
const MS: i64 = 48;
/// A seam: 2.5 ms, the least step of Opus.
const SEAM: usize = 120;
/// A gap on the sender's clock longer than this is a pause: nothing is invented for it.
const PAUSE: i64 = 500 * MS;
/// A packet whose beginning is less than this off the playhead follows on it: some senders' clocks are rounded.
const ROUNDING: i64 = 2 * MS;
/// So much more than the target is left as it is; once shortening has begun, it goes on until only so much is left.
const ABOVE: i64 = 15 * MS;
const NEAR: i64 = 5 * MS;
/// Where it jitters, one in so many parts of what is waited for that, on top of both: what is taken out there is soon put in again, and
/// both are heard. By 0.1 of PESQ at a mean of 10 ms and 0.5 at 40, for 5 to 25 ms.
const JITTER_PARTS: i64 = 5;
/// So much less is left as it is.
const BELOW: i64 = 2 * MS;
/// With so much too much, it is hurried.
const FAR_ABOVE: i64 = 60 * MS;
/// Between two stretches of the same voice, unless it is hurried.
const REST: usize = 100 * MS as usize;
/// Lost packets count for this long: the memory of a packet.
const LOSS_FORGET: f32 = 0.99;
/// From this share of packets lost in them on, deep redundancy is worth waiting a packet more. Waiting three more would be
/// heard better still in bursts (by 0.1 of PESQ), but 40 ms later.
const RUNS: f32 = 0.015;
/// From this share of loss on it is worth waiting for redundancy, and what is missing is taken to be lost.
const LOSSY: f32 = 0.01;

/// What a rendered frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// What the far end sent, or its background while it sends nothing.
    Speech,
    /// At least in part invented to cover a gap.
    Concealed,
    /// Nothing: not connected, on hold, or the far end pauses.
    Silence,
}

/// What was decided so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Samples at 48 kHz that came out of packets.
    pub played: u64,
    /// Samples invented for packets that never came.
    pub lost: u64,
    /// Samples invented while a packet was awaited.
    pub bridged: u64,
    /// Samples invented to continue a background while the far end paused.
    pub paused: u64,
    /// Samples taken from redundancy.
    pub recovered: u64,
    /// Samples taken out to have less delay.
    pub shortened: u64,
    /// Samples put in to have more delay.
    pub lengthened: u64,
    /// Packets whose turn had passed.
    pub late: u64,
    /// Packets that had come before.
    pub duplicates: u64,
    /// Streams begun: the first, a new source, a clock set anew.
    pub streams: u64,
}

/// The receiving end of a voice.
pub struct Playout {
    epoch: Instant,
    jitter: Jitter,
    delay: Delay,
    decoders: Decoders,
    /// Sound to be rendered; its end is the playhead. A straight vector: stretching wants it in one piece.
    sound: Vec<f32>,
    fresh: Pcm,
    /// On the sender's clock, in samples at 48 kHz; none while not playing.
    playhead: Option<i64>,
    /// Invented since the last packet without moving the playhead.
    bridged: usize,
    /// Samples at the end of `sound` and before that were invented.
    invented: usize,
    /// Sound since the last stretch.
    rested: usize,
    /// The delay is being shortened.
    too_much: bool,
    loss: f32,
    /// Share of packets lost in gaps of more than one.
    runs: f32,
    /// The far end sends deep redundancy: it was there in one of the last so many gaps of more than a packet.
    deep: u32,
    packet: i64,
    /// How loud the last packet was, mean square.
    power: f32,
    /// What the far end has told of its room; and if that was the last it sent, samples made of it since.
    comfort: Comfort,
    resting: Option<usize>,
    /// Samples of soft sound continued since then: a pause, or something lost? The next packet tells.
    softly: usize,
    decisions: Decisions,
}

impl Playout {
    /// Nothing heard yet; `epoch` is a moment not after any to come.
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            jitter: Jitter::new(),
            delay: Delay::new(),
            decoders: Decoders::new(),
            sound: Vec::with_capacity(6 * LONGEST),
            fresh: Pcm::with_capacity(2 * LONGEST),
            playhead: None,
            bridged: 0,
            invented: 0,
            rested: 0,
            too_much: false,
            loss: 0.0,
            runs: 0.0,
            deep: 0,
            packet: PACKET as i64,
            power: 0.0,
            comfort: Comfort::new(),
            resting: None,
            softly: 0,
            decisions: Decisions::default(),
        }
    }

    /// Takes a packet that arrived at `arrival`.
    pub fn put(&mut self, packet: &Packet<'_>, arrival: Instant) -> Put {
        let arrival = self.clock(arrival);
        let (put, at) = self.jitter.put(packet, arrival);
        match put {
            Put::Restarted => {
                // Another speaker: nothing of the old one's voice must colour the new one's.
                self.decoders.rest();
                (self.playhead, self.bridged, self.resting, self.comfort) = (None, 0, None, Comfort::new());
                self.delay.restart();
                self.deep = 0;
                self.decisions.streams += 1;
            }
            Put::Late => self.decisions.late += 1,
            Put::Duplicate => self.decisions.duplicates += 1,
            Put::Kept | Put::Refused => {}
        }
        if let (Some(at), Payload::Voice(_)) = (at, packet.kind) {
            self.delay.came(at, arrival);
        }
        put
    }

    /// Gives 10 ms.
    pub fn render(&mut self, now: Instant, out: &mut Frame) -> Heard {
        let now = self.clock(now);
        while self.sound.len() < FRAME && self.more(now) {}
        let there = self.sound.len().min(FRAME);
        // What was invented last stands at the end of `sound`.
        let heard = match there {
            0 => Heard::Silence,
            _ if self.sound.len() < self.invented + FRAME => Heard::Concealed,
            _ => Heard::Speech,
        };
        out[..there].copy_from_slice(&self.sound[..there]);
        out[there..].fill(0.0);
        self.sound.drain(..there);
        self.invented = self.invented.min(self.sound.len());
        self.rested = self.rested.saturating_add(there);
        heard
    }

    /// Forgets the stream: nothing should be playing, on hold for example.
    pub fn clear(&mut self) {
        self.jitter.clear();
        self.sound.clear();
        (self.playhead, self.bridged, self.invented, self.resting) = (None, 0, 0, None);
    }

    /// Less work in a gap from now on, for less sound.
    pub fn relieve(&mut self) {
        self.decoders.relieve();
        // What is not made of deep redundancy any more is not worth waiting for.
        self.deep = 0;
    }

    /// The codec heard last.
    pub fn codec(&self) -> Option<Codec> {
        self.decoders.present()
    }

    /// How long the frame rendered at `now` has waited here, beyond the quickest packet's way.
    pub fn delay(&self, now: Instant) -> Duration {
        // What comes next was made a frame later than what has just been taken; and a background that goes on has not waited.
        let made_later = FRAME as i64 - self.softly as i64;
        let delay = self.playhead.map_or(0, |playhead| self.behind(playhead, self.clock(now)) + made_later);
        Duration::from_micros(delay.max(0) as u64 * 1_000 / MS as u64)
    }

    /// What was decided so far.
    pub fn decisions(&self) -> Decisions {
        self.decisions
    }

    fn clock(&self, at: Instant) -> i64 {
        (at.saturating_duration_since(self.epoch).as_micros() as i64).saturating_mul(MS) / 1_000
    }

    /// Delay of the next sample to be heard.
    fn behind(&self, playhead: i64, now: i64) -> i64 {
        self.delay.of(playhead - self.sound.len() as i64, now)
    }

    fn target(&self) -> i64 {
        let packets = match self.codec() {
            Some(Codec::Opus) if self.deep > 0 && self.runs > RUNS => 2,
            Some(Codec::Opus) if self.lossy() => 1,
            _ => 0,
        };
        self.delay.target(packets * self.packet)
    }

    fn lossy(&self) -> bool {
        self.loss > LOSSY
    }

    /// Gets more sound; false when there is none.
    fn more(&mut self, now: i64) -> bool {
        let target = self.target();
        let Some(waiting) = self.jitter.next() else { return self.bridge() };
        let at = waiting.at;
        if waiting.kind == Payload::Comfort && (waiting.follows || self.playhead.is_none()) {
            // At once, whatever its time: some give it that of the last word.
            return self.rest();
        }
        let Some(playhead) = self.playhead else {
            // Start when the first packet has waited as long as all shall.
            if self.delay.of(at, now) < target {
                return self.rest_on();
            }
            return self.play(at, now, target);
        };
        let gap = at - playhead;
        // Nothing was lost: the far end has paused. Or so much that nobody can tell.
        let paused = waiting.follows && gap > ROUNDING;
        let anew = paused || gap.abs() > PAUSE;
        if anew && gap > 0 && self.delay.of(at, now) + (self.sound.len() as i64) < target {
            return self.bridge();
        }
        if paused {
            self.was_pause();
        }
        self.softly = 0;
        if anew {
            return self.play(at, now, target);
        }
        if gap < -ROUNDING {
            // Its time has been played already, with something invented in its place.
            self.decisions.late += 1;
            self.jitter.pop();
            return true;
        }
        let missing = gap - self.bridged as i64;
        if gap <= ROUNDING || missing < SEAM as i64 {
            return self.play(at, now, target);
        }
        self.cover(missing as usize, playhead)
    }

    /// The packet that waits is played; the playhead goes to its end.
    fn play(&mut self, at: i64, now: i64, target: i64) -> bool {
        if let Some(Payload::Comfort) = self.jitter.next().map(|next| next.kind) {
            return self.rest();
        }
        let began = self.sound.len();
        let mut made = self.decode();
        if made == 0 {
            // What cannot be decoded is covered like a loss.
            made = self.conceal(PACKET);
            self.decisions.lost += made as u64;
        } else {
            self.packet = made as i64;
            self.power = self.fresh.iter().map(|sample| sample * sample).sum::<f32>() / made as f32;
            self.decisions.played += made as u64;
            self.invented = 0;
        }
        self.loss *= LOSS_FORGET;
        self.runs *= gap::RUNS_FORGET;
        let playhead = at + made as i64;
        (self.playhead, self.bridged) = (Some(playhead), 0);
        if began < FRAME {
            self.stretch(playhead, now, target);
        }
        made > 0
    }

    fn decode(&mut self) -> usize {
        let Some(waiting) = self.jitter.next() else { return 0 };
        let Payload::Voice(codec) = waiting.kind else { return 0 };
        self.resting = None;
        let Some(decoder) = self.decoders.take_up(codec) else {
            self.jitter.pop();
            return 0;
        };
        self.fresh.clear();
        let made = decoder.decode(waiting.payload, &mut self.fresh);
        self.jitter.pop();
        self.sound.extend(self.fresh.iter());
        made
    }

    /// Brings the delay nearer to the target, if it is off.
    fn stretch(&mut self, playhead: i64, now: i64, target: i64) {
        let off = self.behind(playhead, now) - target;
        let jitter = (self.delay.target(0) - LEAST) / JITTER_PARTS;
        self.too_much = off > jitter + if self.too_much { NEAR } else { ABOVE };
        let far = off > FAR_ABOVE + jitter;
        if far || self.too_much && self.rested >= REST {
            // The longest period wants 30 ms to be looked at.
            if self.sound.len() < stretch::ENOUGH
                && self.jitter.next().is_some_and(|next| (next.at - playhead).abs() <= ROUNDING)
            {
                let more = self.decode();
                self.decisions.played += more as u64;
                self.playhead = Some(playhead + more as i64);
            }
            let care = if far { Care::Hurried } else { Care::Gentle };
            let saved = stretch::shorten(&mut self.sound, off as usize, care);
            self.decisions.shortened += saved as u64;
            self.rested = if saved > 0 { 0 } else { self.rested };
        } else if off < -BELOW && self.rested >= REST {
            let gained = stretch::lengthen(&mut self.sound, (-off) as usize + SEAM);
            self.decisions.lengthened += gained as u64;
            self.rested = if gained > 0 { 0 } else { self.rested };
        }
    }
}

#[cfg(test)]
mod line;
#[cfg(test)]
mod pause_tests;
#[cfg(test)]
mod tests;
