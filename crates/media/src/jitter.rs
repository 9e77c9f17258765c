//! The jitter buffer: packets in as they arrive, packets out in order and in time. Sans-I/O; time is passed in.
//!
//! It decides three things: what comes next, when to start (and start over), and how much delay is enough. Sound is
//! not its business: the caller decodes, conceals and shortens.

use std::time::{Duration, Instant};

use crate::types::Codec;

/// Slots; at 20 ms a packet that is more than a second.
const SLOTS: usize = 64;
/// Largest payload kept; nothing a telephone sends comes near.
pub const LARGEST: usize = 1_500;
/// Least and most delay aimed at.
const LEAST: Duration = Duration::from_millis(40);
const MOST: Duration = Duration::from_millis(200);
/// Packets the delay statistics look back on: five seconds.
const WINDOW: usize = 250;
/// Sound taken between two measurements of the surplus.
const SURPLUS_WINDOW: Duration = Duration::from_secs(1);
/// After so long without anything to play the buffer fills anew instead of being stretched on.
const STARVED: Duration = Duration::from_millis(100);
/// How long an abandoned source stays abandoned while its successor speaks.
const ABANDONED: Duration = Duration::from_millis(500);
/// A sequence number further off than this is a restart, not a gap (RFC 3550 A.1, MAX_DROPOUT and MAX_MISORDER).
const GAP: i64 = 1_000;

/// What arrives.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// The codec; none for what holds a place in the sequence but no sound, such as a telephone event.
    pub codec: Option<Codec>,
    /// The payload.
    pub payload: &'a [u8],
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It waits for its turn.
    Kept,
    /// Its turn has passed.
    Late,
    /// It is here already.
    Duplicate,
    /// It does not fit: too large, or of a source that was replaced.
    Refused,
    /// It begins a new stream; what was here is gone and the decoder should start anew.
    Restarted,
}

/// What to play next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// This packet.
    Play {
        /// Its codec.
        codec: Codec,
        /// Its payload.
        payload: &'a [u8],
    },
    /// A packet is missing and its turn is now.
    Missing {
        /// Sound it would have held.
        length: Duration,
        /// The packet right after it, for its redundancy.
        after: Option<&'a [u8]>,
    },
    /// Nothing has come that could be played, though it should have: stretch what was heard.
    Starved {
        /// Sound to bridge before asking again.
        length: Duration,
    },
    /// The stream has not begun, or has paused.
    Silent,
}

struct Slot {
    /// Extended sequence number of what it holds.
    holds: Option<i64>,
    timestamp: u32,
    codec: Option<Codec>,
    payload: Vec<u8>,
}

/// The buffer.
pub struct Jitter {
    slots: Vec<Slot>,
    /// The stream that is coming in.
    stream: Option<Stream>,
    /// The source before this one.
    abandoned: Option<u32>,
    /// The delay aimed at outlives a stream: the network stays the same.
    target: Duration,
}

struct Stream {
    ssrc: u32,
    /// When it last spoke.
    spoke: Instant,
    /// Highest extended sequence number seen.
    newest: i64,
    /// Extended sequence number whose turn is next; none while filling.
    turn: Option<i64>,
    /// Everything below was played or given up.
    floor: i64,
    /// When the first packet of the present filling came.
    filling_since: Option<Instant>,
    /// Where a restarted sequence would go on (RFC 3550 A.1, bad_seq).
    suspect: Option<u16>,
    /// Sound in one packet.
    length: Duration,
    delays: Delays,
    starved: Duration,
    /// Least level and sound taken since the last look at the surplus.
    least_level: Duration,
    taken: Duration,
    surplus: Duration,
}

impl Default for Jitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Jitter {
    /// An empty buffer.
    pub fn new() -> Self {
        let slot = || Slot { holds: None, timestamp: 0, codec: None, payload: Vec::with_capacity(LARGEST) };
        Self { slots: (0..SLOTS).map(|_| slot()).collect(), stream: None, abandoned: None, target: LEAST }
    }

    /// Takes a packet that arrived at `arrival`.
    pub fn put(&mut self, packet: &Packet<'_>, arrival: Instant) -> Put {
        if packet.payload.len() > LARGEST {
            return Put::Refused;
        }
        let abandoned = self.abandoned;
        let Some(stream) = &mut self.stream else {
            return self.begin(packet, arrival);
        };
        if packet.ssrc != stream.ssrc {
            // Two sources overlap when a switchboard hands over: the newcomer wins, the old one must not win back.
            if abandoned == Some(packet.ssrc) && arrival.saturating_duration_since(stream.spoke) < ABANDONED {
                return Put::Refused;
            }
            self.abandoned = Some(stream.ssrc);
            return self.begin(packet, arrival);
        }
        let distance = i64::from(packet.sequence.wrapping_sub(stream.newest as u16) as i16);
        if distance.abs() > GAP {
            // One such packet may be a stray; two in a row are a stream that started over.
            if stream.suspect == Some(packet.sequence) {
                return self.begin(packet, arrival);
            }
            stream.suspect = Some(packet.sequence.wrapping_add(1));
            return Put::Refused;
        }
        let number = stream.newest + distance;
        stream.suspect = None;
        stream.spoke = arrival;
        if self.slots[index(number)].holds == Some(number) {
            return Put::Duplicate;
        }
        if let Some(target) = stream.measure(&self.slots, packet, number, arrival) {
            self.target = target;
        }
        if number < stream.floor {
            return Put::Late;
        }
        // Further ahead than there is room: the oldest make way.
        if number - stream.floor >= SLOTS as i64 {
            stream.floor = number - SLOTS as i64 + 1;
            stream.turn = stream.turn.map(|turn| turn.max(stream.floor));
        }
        stream.newest = stream.newest.max(number);
        stream.filling_since.get_or_insert(arrival);
        self.store(packet, number);
        Put::Kept
    }

    /// What to play now. The caller asks when it has nothing left to render.
    pub fn take(&mut self, now: Instant) -> Next<'_> {
        let (level, target) = (self.level(), self.target);
        let Some(stream) = &mut self.stream else { return Next::Silent };
        let mut turn = match stream.turn {
            Some(turn) => turn,
            None => {
                let waited = stream.filling_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
                let Some(first) = lowest(&self.slots, stream.floor) else { return Next::Silent };
                if level < target && waited < target {
                    return Next::Silent;
                }
                stream.starved = Duration::ZERO;
                first
            }
        };
        // Places without sound are passed over.
        while turn <= stream.newest
            && self.slots[index(turn)].holds == Some(turn)
            && self.slots[index(turn)].codec.is_none()
        {
            turn += 1;
        }
        (stream.turn, stream.floor) = (Some(turn), turn);
        let length = stream.length;
        if turn > stream.newest {
            stream.starved += length;
            if stream.starved > STARVED {
                (stream.turn, stream.filling_since) = (None, None);
                return Next::Silent;
            }
            stream.account(Duration::ZERO, target);
            return Next::Starved { length };
        }
        stream.starved = Duration::ZERO;
        stream.account(level, target);
        (stream.turn, stream.floor) = (Some(turn + 1), turn + 1);
        let sound = |number: i64| {
            let slot = &self.slots[index(number)];
            slot.codec.filter(|_| slot.holds == Some(number)).map(|codec| (codec, slot.payload.as_slice()))
        };
        match sound(turn) {
            Some((codec, payload)) => Next::Play { codec, payload },
            None => Next::Missing { length, after: sound(turn + 1).map(|(_, payload)| payload) },
        }
    }

    /// Sound between the turn and the newest packet.
    pub fn level(&self) -> Duration {
        let Some(stream) = &self.stream else { return Duration::ZERO };
        let Some(from) = stream.turn.or_else(|| lowest(&self.slots, stream.floor)) else { return Duration::ZERO };
        let packets = (stream.newest - from + 1).clamp(0, SLOTS as i64);
        stream.length * packets as u32
    }

    /// The delay aimed at.
    #[cfg(test)]
    pub fn target(&self) -> Duration {
        self.target
    }

    /// Sound there is beyond the target, as seen over a second; the caller shortens.
    pub fn surplus(&self) -> Duration {
        self.stream.as_ref().map_or(Duration::ZERO, |stream| stream.surplus)
    }

    /// The caller has shortened the sound by this much.
    pub fn shortened(&mut self, by: Duration) {
        if let Some(stream) = &mut self.stream {
            stream.surplus = stream.surplus.saturating_sub(by);
            (stream.least_level, stream.taken) = (Duration::MAX, Duration::ZERO);
        }
    }

    /// Forgets the stream: nothing should be playing, on hold for example.
    pub fn clear(&mut self) {
        if self.stream.take().is_some() {
            self.slots.iter_mut().for_each(|slot| slot.holds = None);
        }
    }

    fn begin(&mut self, packet: &Packet<'_>, arrival: Instant) -> Put {
        self.clear();
        // Far from zero, so that numbers before the first never go negative.
        let number = (1 << 32) + i64::from(packet.sequence);
        let mut delays = Delays::new(packet, arrival);
        delays.add(packet, arrival);
        self.stream = Some(Stream {
            ssrc: packet.ssrc,
            spoke: arrival,
            newest: number,
            turn: None,
            // The first to arrive need not be the first that was sent.
            floor: number - SLOTS as i64 / 4,
            filling_since: Some(arrival),
            suspect: None,
            length: Duration::from_millis(20),
            delays,
            starved: Duration::ZERO,
            least_level: Duration::MAX,
            taken: Duration::ZERO,
            surplus: Duration::ZERO,
        });
        self.store(packet, number);
        Put::Restarted
    }

    fn store(&mut self, packet: &Packet<'_>, number: i64) {
        let slot = &mut self.slots[index(number)];
        slot.holds = Some(number);
        (slot.timestamp, slot.codec) = (packet.timestamp, packet.codec);
        slot.payload.clear();
        slot.payload.extend_from_slice(packet.payload);
    }
}

impl Stream {
    /// Learns the length of a packet and the spread of delays; a new target now and then.
    fn measure(&mut self, slots: &[Slot], packet: &Packet<'_>, number: i64, arrival: Instant) -> Option<Duration> {
        let codec = packet.codec?;
        let before = &slots[index(number - 1)];
        if before.holds == Some(number - 1) && before.codec == Some(codec) {
            let units = packet.timestamp.wrapping_sub(before.timestamp);
            let micros = u64::from(units) * 1_000_000 / u64::from(codec.clock_rate());
            // Opus packets last 2.5 to 120 ms; more than that is a pause between talk spurts.
            if (2_500..=120_000).contains(&micros) {
                self.length = Duration::from_micros(micros);
            }
        }
        self.delays.add(packet, arrival);
        let spread = self.delays.spread()?;
        Some((spread + self.length).clamp(LEAST, MOST))
    }

    fn account(&mut self, level: Duration, target: Duration) {
        self.least_level = self.least_level.min(level);
        self.taken += self.length;
        if self.taken >= SURPLUS_WINDOW {
            let surplus = self.least_level.saturating_sub(target);
            self.surplus = if surplus >= self.length { surplus } else { Duration::ZERO };
            (self.least_level, self.taken) = (Duration::MAX, Duration::ZERO);
        }
    }
}

/// Relative delays of the last packets: when they came against when they were made.
struct Delays {
    codec: Option<Codec>,
    base: Instant,
    timestamp: u32,
    /// Sound made since `base`, in clock units.
    made: i64,
    ring: [f32; WINDOW],
    count: usize,
    sorted: [f32; WINDOW],
}

impl Delays {
    fn new(packet: &Packet<'_>, arrival: Instant) -> Self {
        Self {
            codec: packet.codec,
            base: arrival,
            timestamp: packet.timestamp,
            made: 0,
            ring: [0.0; WINDOW],
            count: 0,
            sorted: [0.0; WINDOW],
        }
    }

    fn add(&mut self, packet: &Packet<'_>, arrival: Instant) {
        let Some(codec) = packet.codec else { return };
        if self.codec != Some(codec) {
            *self = Self::new(packet, arrival);
        }
        self.made += i64::from(packet.timestamp.wrapping_sub(self.timestamp) as i32);
        self.timestamp = packet.timestamp;
        let made_ms = self.made as f64 * 1_000.0 / f64::from(codec.clock_rate());
        let came_ms = arrival.saturating_duration_since(self.base).as_secs_f64() * 1_000.0;
        self.ring[self.count % WINDOW] = (came_ms - made_ms) as f32;
        self.count += 1;
    }

    /// From the least to the 95th percentile, every tenth packet.
    fn spread(&mut self) -> Option<Duration> {
        if !self.count.is_multiple_of(10) {
            return None;
        }
        let known = self.count.min(WINDOW);
        let sorted = &mut self.sorted[..known];
        sorted.copy_from_slice(&self.ring[..known]);
        sorted.sort_unstable_by(f32::total_cmp);
        let spread = sorted[(known * 95 / 100).min(known - 1)] - sorted[0];
        Some(Duration::from_secs_f32(spread.clamp(0.0, 10_000.0) / 1_000.0))
    }
}

fn index(number: i64) -> usize {
    number.rem_euclid(SLOTS as i64) as usize
}

/// The lowest number held that may still be played.
fn lowest(slots: &[Slot], floor: i64) -> Option<i64> {
    slots.iter().filter_map(|slot| slot.holds).filter(|number| *number >= floor).min()
}

#[cfg(test)]
mod tests;
