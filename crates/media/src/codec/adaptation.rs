//! How much is sent: by what the far end tells of what it receives, never by hope.
//!
//! Where packets are lost more is sent, so that each tells enough of those before it. Unless the line is too narrow for us: then there is
//! a queue, seen in a round trip that has grown and stays so. Then less is sent, and in longer packets, for headers take 20 kbit/s at
//! 20 ms and 7 at 60. If that changes nothing, it wasn't us.

use super::{LONGEST_SENT, PACKET};

/// How the far end receives us, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reception {
    /// Its reports so far (RFC 3550 §6.4). What follows is of the newest.
    pub reports: u32,
    /// Packets of ours that never came, in percent.
    pub loss_percent: f32,
    /// Interarrival jitter of our packets, ms.
    pub jitter_ms: f32,
    /// The round trip, ms; not every report tells.
    pub round_trip_ms: Option<f32>,
    /// The round trip of ICE's checks before sound flowed, ms. They may end nearer than reports do.
    pub checked_ms: Option<f32>,
    /// Deep redundancy is understood.
    pub deep: bool,
    /// The longest packet it takes (`maxptime`, RFC 8866 §6.5), samples at 48 kHz.
    pub longest: usize,
}

impl Default for Reception {
    fn default() -> Self {
        Self {
            reports: 0,
            loss_percent: 0.0,
            jitter_ms: 0.0,
            round_trip_ms: None,
            checked_ms: None,
            deep: false,
            longest: LONGEST_SENT,
        }
    }
}

/// What the encoder is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Bits a second.
    pub bitrate: i32,
    /// Loss to expect, percent.
    pub expected: i32,
    /// Deep redundancy goes along.
    pub deep: bool,
    /// Samples in a packet, a multiple of [`PACKET`].
    pub samples: usize,
}

/// Told of 5 % or less, libopus 1.6 sends no redundancy at these bitrates at all; from 6 % on it makes room, and at
/// 32 kbit/s that costs no bandwidth of the voice. So this much is expected even before anything is reported.
const LEAST_EXPECTED: i32 = 6;
const MOST_EXPECTED: i32 = 30;
/// From so much loss on, in percent, more is spent on each packet: 48 kbit/s sound better than 32 by 0.15 of PESQ then, and by 0.6
/// with deep redundancy where a third is lost.
const LOSSY: f32 = 3.0;
/// Narrower and narrower lines: bits a second, and samples in a packet. The first is for lines that lose, the second the usual.
const LADDER: [(i32, usize); 5] =
    [(48_000, PACKET), (32_000, PACKET), (24_000, 2 * PACKET), (20_000, 3 * PACKET), (14_000, 3 * PACKET)];
const USUAL: usize = 1;
/// Octets of IPv4, UDP, RTP and SRTP's authentication around each packet.
const HEADERS: i32 = 20 + 8 + 12 + 10;

/// So much longer than the shortest of late, in ms, and by so many times the jitter, the round trip tells of a queue.
const QUEUE_MS: f32 = 70.0;
const JITTERS: f32 = 3.0;
/// Seen once it may be a moment's stall, and what comes at once after a stall tells of the same; unless so much is lost with it, in
/// percent.
const HEAVY: f32 = 15.0;
const APART: u32 = 25;
/// From so much loss on average on, in percent, it is looked whether that is our own doing though no queue is seen: some lines have none.
const OVERRUN: f32 = 10.0;
/// What a step adds to the average of what is reported: seven seconds, since one report of bursts tells little.
const AVERAGE: f32 = 0.003;
/// So much the shortest round trip is forgotten with each step of 20 ms, ms: paths change.
const FORGOTTEN_MS: f32 = 0.012;

/// Steps in which reports still tell of what was before a change.
const SETTLING: u32 = 150;
/// Steps after which it is judged whether sending less has helped: whether so much of the queue or of the loss is left at most.
const TRIAL: u32 = 500;
const HELPED: f32 = 0.7;
/// Where it has not, it is not tried again for a minute, and twice as long each time, up to so long.
const MOST_FUTILE: u32 = 8 * MINUTE;
/// Steps without a report after which nothing is known any more.
const UNKNOWN: u32 = 1_500;
/// So much of what passed is aimed at when it was too much.
const SHARE: f32 = 0.9;
const MINUTE: u32 = 3_000;
/// Steps without trouble after which more is tried; twice as many each time that was wrong, up to so many.
const PATIENCE: u32 = MINUTE;
const MOST_PATIENCE: u32 = 8 * MINUTE;
/// Trouble so soon after more was tried, in steps, means that it was too much.
const RELAPSE: u32 = 1_000;

/// Less is sent, to see whether that helps.
#[derive(Debug, Clone, Copy)]
struct Trial {
    /// What was before it: where on the ladder, the queue, ms, and the loss, percent.
    rung: usize,
    queue_ms: f32,
    loss: f32,
    /// Steps it has lasted.
    lasted: u32,
}

impl Trial {
    /// A queue was seen, not loss alone.
    fn knows_queue(&self) -> bool {
        self.queue_ms > QUEUE_MS
    }
}

/// Follows the far end's reports.
#[derive(Debug)]
pub struct Adaptation {
    told: Told,
    reports: u32,
    /// Reported loss, smoothed: up at once, down slowly.
    loss: f32,
    /// Reported loss on average.
    average: f32,
    /// The most it may send: where on the [`LADDER`].
    rung: usize,
    /// The shortest round trip of late, ms.
    shortest: Option<f32>,
    queued: bool,
    trial: Option<Trial>,
    /// Steps since the last report, the last change, the last queue, and since more was tried; and how long to wait for that.
    unheard: u32,
    changed: u32,
    calm: u32,
    tried: u32,
    patience: u32,
    /// Steps since less was in vain, and how long to wait until it is tried again.
    futile: u32,
    resigned: u32,
    /// A queue had been seen then. If not, one that is seen now is a new reason.
    futile_by_queue: bool,
}

impl Adaptation {
    /// For a line of which nothing is known.
    pub fn new() -> Self {
        let (bitrate, samples) = LADDER[USUAL];
        Self {
            told: Told { bitrate, expected: LEAST_EXPECTED, deep: false, samples },
            reports: 0,
            loss: 0.0,
            average: 0.0,
            rung: 0,
            shortest: None,
            queued: false,
            trial: None,
            unheard: 0,
            changed: SETTLING,
            calm: 0,
            tried: RELAPSE,
            patience: PATIENCE,
            futile: MINUTE,
            resigned: MINUTE,
            futile_by_queue: true,
        }
    }

    /// What to do now; asked with each step of 20 ms.
    pub fn follow(&mut self, reception: &Reception) -> Told {
        for steps in [&mut self.unheard, &mut self.changed, &mut self.calm, &mut self.tried, &mut self.futile] {
            *steps = steps.saturating_add(1);
        }
        if let Some(trial) = &mut self.trial {
            trial.lasted += 1;
        }
        if self.unheard == UNKNOWN {
            *self = Self { reports: self.reports, unheard: UNKNOWN, ..Self::new() };
        }
        let now = if self.unheard < UNKNOWN { reception.loss_percent } else { 0.0 };
        self.average += (now - self.average) * AVERAGE;
        self.loss = if now > self.loss { now } else { self.loss * 0.99 + now * 0.01 };
        if self.reports != reception.reports {
            self.reports = reception.reports;
            self.take(reception);
        }
        let rung = self.in_use();
        let (bitrate, samples) = step(rung, reception.longest);
        self.told = Told {
            bitrate,
            expected: (self.loss.ceil() as i32).clamp(LEAST_EXPECTED, MOST_EXPECTED),
            deep: reception.deep && rung == 0,
            samples,
        };
        self.told
    }

    fn in_use(&self) -> usize {
        if self.loss >= LOSSY { self.rung } else { self.rung.max(USUAL) }
    }

    /// A report: is the line too narrow?
    fn take(&mut self, reception: &Reception) {
        let unheard = std::mem::take(&mut self.unheard);
        if self.shortest.is_some() && reception.round_trip_ms.is_none() {
            // That it does not tell of the round trip does not mean that there is no queue.
            return;
        }
        let queue_ms = reception.round_trip_ms.map_or(0.0, |now| {
            let before = self.shortest.map(|shortest| shortest + unheard as f32 * FORGOTTEN_MS);
            let before = before.or(reception.checked_ms).unwrap_or(now);
            now - *self.shortest.insert(now.min(before))
        });
        if self.changed < SETTLING {
            return;
        }
        let queued = queue_ms > QUEUE_MS + JITTERS * reception.jitter_ms;
        let again = std::mem::replace(&mut self.queued, queued) && unheard >= APART;
        if queued {
            self.calm = 0;
        }
        let news = queued && !self.futile_by_queue;
        let rested = self.trial.is_some() || self.futile >= self.resigned || news;
        if let Some(trial) = self.trial.take_if(|trial| trial.lasted >= TRIAL) {
            self.judge(trial, queue_ms);
        } else if queued && rested && (again || reception.loss_percent >= HEAVY) {
            self.narrow(queue_ms, reception);
        } else if rested && self.trial.is_none() && self.in_use() == 0 && self.average >= OVERRUN {
            self.begin_trial(queue_ms, self.average);
            (self.rung, self.changed) = (USUAL, 0);
        } else if self.rung > 0 && self.calm >= self.patience {
            self.rung -= 1;
            (self.calm, self.tried, self.changed) = (0, 0, 0);
        }
    }

    /// Down to what passes.
    fn narrow(&mut self, queue_ms: f32, reception: &Reception) {
        let loss = reception.loss_percent;
        let loss_before = loss.max(self.average);
        match &mut self.trial {
            None => self.begin_trial(queue_ms, loss_before),
            // The trial knew of loss alone. Now a queue is seen, which it is to be judged by too.
            Some(trial) if !trial.knows_queue() => (trial.queue_ms, trial.loss) = (queue_ms, loss_before),
            Some(_) => {}
        }
        let now = wire(self.told.bitrate, self.told.samples);
        let passes = now as f32 * (1.0 - loss / 100.0) * SHARE;
        let fits = (0..LADDER.len()).find(|rung| {
            let (bitrate, samples) = step(*rung, reception.longest);
            let wanted = wire(bitrate, samples);
            wanted < now && wanted as f32 <= passes
        });
        self.rung = fits.unwrap_or(LADDER.len() - 1);
        (self.queued, self.changed) = (false, 0);
    }

    fn begin_trial(&mut self, queue_ms: f32, loss: f32) {
        if self.tried <= RELAPSE {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        self.calm = 0;
        self.trial = Some(Trial { rung: self.rung, queue_ms, loss, lasted: 0 });
    }

    /// Has it helped to send less? If not, what is seen is the path's own.
    fn judge(&mut self, trial: Trial, queue_ms: f32) {
        let shorter = trial.knows_queue() && queue_ms <= trial.queue_ms * HELPED;
        let fewer = trial.loss >= OVERRUN && self.average <= trial.loss * HELPED;
        if shorter || fewer {
            self.resigned = MINUTE;
            return;
        }
        self.rung = trial.rung;
        self.futile_by_queue = trial.knows_queue();
        if self.futile_by_queue {
            self.shortest = self.shortest.map(|shortest| shortest + queue_ms);
        }
        (self.queued, self.changed, self.futile) = (false, 0, 0);
        self.resigned = (self.resigned * 2).min(MOST_FUTILE);
    }
}

/// Bits a second and samples in a packet, if none may be longer than so many samples.
fn step(rung: usize, longest: usize) -> (i32, usize) {
    let (bitrate, samples) = LADDER[rung];
    (bitrate, samples.min(longest / PACKET * PACKET).max(PACKET))
}

/// Bits a second on the wire.
fn wire(bitrate: i32, samples: usize) -> i32 {
    bitrate + HEADERS * 8 * (48_000 / samples.max(1)) as i32
}

#[cfg(test)]
mod tests;
