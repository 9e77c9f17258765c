//! One direction of a network: a packet in, its fate out.

use std::time::Duration;

use crate::Profile;
use crate::random::Random;

/// See `lossgen/README.md`.
static LOSSGEN: &[u8] = include_bytes!("../lossgen/lossgen10.bits");

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It leaves the network, twice if the network duplicated it.
    Leaves {
        /// When, on the clock of [`Link::pass`].
        at: Duration,
        /// A second copy follows at once.
        twice: bool,
    },
    /// It never leaves.
    Dropped(Drop),
}

/// Why a packet never leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// By the profile's loss.
    Lost,
    /// The network was away.
    Blackhole,
    /// It would have had to wait too long for the narrowest link.
    QueueFull,
}

/// One direction of a network.
#[derive(Clone, Debug)]
pub struct Link {
    profile: Profile,
    /// Loss and jitter, one draw each a packet whatever happens: so one seed loses the same packets with jitter and without.
    random: Random,
    /// Reordering and duplication, apart for the same reason.
    extras: Random,
    /// In the bad state of the Gilbert-Elliott chain.
    bad: bool,
    /// Packets seen, plus where the trace begins.
    trace: usize,
    now: Duration,
    /// When the narrowest link has sent what waits for it.
    free: Duration,
    /// When the last packet leaves, of those that keep their order.
    last: Duration,
}

impl Link {
    /// A network that does this. The same seed and the same packets give the same fates.
    pub fn new(profile: &Profile, seed: u64) -> Self {
        let mut extras = Random::new(!seed);
        let trace = (extras.share() * (LOSSGEN.len() * 8) as f64) as usize;
        Self {
            profile: profile.clone(),
            random: Random::new(seed),
            extras,
            bad: false,
            trace,
            now: Duration::ZERO,
            free: Duration::ZERO,
            last: Duration::ZERO,
        }
    }

    /// A packet enters: when, counted from the link's beginning, and how many octets with its IP header. Time does not run backwards; a
    /// moment before the last is taken for the last.
    pub fn pass(&mut self, now: Duration, ip_bytes: usize) -> Fate {
        let now = self.now.max(now);
        self.now = now;
        let lost = self.lost();
        let jitter = self.random.exponential(self.profile.jitter_ms);
        let late = self.extras.percent(self.profile.reorder_percent);
        let twice = self.extras.percent(self.profile.duplicate_percent);

        if let Some([from, to]) = self.profile.blackhole
            && (from..to).contains(&now.as_secs_f64())
        {
            return Fate::Dropped(Drop::Blackhole);
        }
        let Some(sent) = self.send(now, ip_bytes) else { return Fate::Dropped(Drop::QueueFull) };
        let arrival = sent + ms(self.profile.delay_ms) + ms(jitter) + self.stall(sent);
        // What is lost further on took its place in the line all the same.
        self.last = self.last.max(arrival);
        if lost {
            return Fate::Dropped(Drop::Lost);
        }
        let held = if late { ms(self.profile.reorder_ms) } else { Duration::ZERO };
        Fate::Leaves { at: self.last + held, twice }
    }

    fn lost(&mut self) -> bool {
        let Profile { loss_percent, burst, .. } = self.profile;
        let share = loss_percent / 100.0;
        let drawn = self.random.share();
        self.bad = if self.profile.lossgen {
            self.trace = (self.trace + 1) % (LOSSGEN.len() * 8);
            LOSSGEN[self.trace / 8] >> (self.trace % 8) & 1 == 1
        } else if burst <= 1.0 {
            drawn < share
        } else if self.bad {
            drawn >= 1.0 / burst
        } else {
            drawn < share / burst / (1.0 - share)
        };
        self.bad
    }

    /// When the narrowest link has sent it; none: its queue is full.
    fn send(&mut self, now: Duration, ip_bytes: usize) -> Option<Duration> {
        let Some(rate) = self.profile.kbit_per_s else { return Some(now) };
        let begins = self.free.max(now);
        if begins - now > ms(self.profile.queue_ms) {
            return None;
        }
        // Bits by kbit/s are milliseconds.
        self.free = begins + ms(ip_bytes as f64 * 8.0 / rate);
        Some(self.free)
    }

    /// What is left of the stall that lasts at a moment.
    fn stall(&self, at: Duration) -> Duration {
        let stall = ms(self.profile.spike_ms);
        if stall.is_zero() {
            return stall;
        }
        let every = ms(self.profile.spike_every_ms).as_nanos();
        // Less than the period, which is at most an hour.
        let phase = Duration::from_nanos((at.as_nanos() % every) as u64);
        stall.saturating_sub(phase)
    }
}

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1_000.0)
}
