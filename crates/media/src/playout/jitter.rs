//! The jitter buffer proper: packets in as they arrive, packets out in order. Sans-I/O; time is passed in.
//!
//! It knows sequence numbers, sources and the sender's clock. When a packet is played is not its business.

use crate::normalise::Payload;

/// Slots; at 20 ms a packet that is more than a second.
const SLOTS: usize = 64;
/// Largest payload kept; nothing a telephone sends comes near.
pub const LARGEST: usize = 1_500;
/// How long an abandoned source stays abandoned while its successor speaks, in samples at 48 kHz: half a second.
const ABANDONED: i64 = 24_000;
/// A sequence number further off than this is a restart, not a gap (RFC 3550 A.1, MAX_DROPOUT and MAX_MISORDER).
const GAP: i64 = 1_000;
/// A sender's clock that jumps by so much against ours was set anew, in samples at 48 kHz: two seconds.
const JUMP: i64 = 96_000;

/// What arrives.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, in the clock of its kind.
    pub timestamp: u32,
    /// What it carries. A telephone event holds a place in the sequence but no sound.
    pub kind: Payload,
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

/// A packet that waits.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting<'a> {
    /// Its first sample on the sender's clock, in samples at 48 kHz, unwrapped.
    pub at: i64,
    /// What it carries: never an event.
    pub kind: Payload,
    /// Its payload.
    pub payload: &'a [u8],
    /// Nothing that was sent is missing before it, as far as the numbers of packets with sound tell.
    pub follows: bool,
}

struct Slot {
    /// Extended sequence number of what it holds.
    holds: Option<i64>,
    at: i64,
    kind: Payload,
    payload: Vec<u8>,
}

/// The buffer.
pub struct Jitter {
    slots: Vec<Slot>,
    /// The stream that is coming in.
    stream: Option<Stream>,
    /// The source before this one.
    abandoned: Option<u32>,
}

struct Stream {
    ssrc: u32,
    /// When it last spoke, in samples at 48 kHz.
    spoke: i64,
    /// Highest extended sequence number seen.
    newest: i64,
    /// Everything below was played or given up.
    floor: i64,
    /// Where a restarted sequence would go on (RFC 3550 A.1, bad_seq).
    suspect: Option<u16>,
    clock: Option<Clock>,
}

/// The sender's clock, unwrapped.
#[derive(Clone, Copy)]
struct Clock {
    rate: u32,
    timestamp: u32,
    /// The same moment in samples at 48 kHz.
    at: i64,
    /// How far our clock was ahead of it then.
    ahead: i64,
}

impl Clock {
    /// Where that timestamp lies. None when the sender's clock was set anew, or ticks at another rate.
    fn follow(&mut self, rate: u32, timestamp: u32, arrival: i64) -> Option<i64> {
        let step = i64::from(timestamp.wrapping_sub(self.timestamp) as i32) * i64::from(48_000 / rate);
        let at = self.at + step;
        if rate != self.rate || (arrival - at - self.ahead).abs() > JUMP {
            return None;
        }
        // Only forward: a late packet says nothing of where the clock stands.
        if step > 0 {
            *self = Self { rate, timestamp, at, ahead: arrival - at };
        }
        Some(at)
    }
}

impl Jitter {
    /// An empty buffer.
    pub fn new() -> Self {
        let slot = || Slot { holds: None, at: 0, kind: Payload::Events, payload: Vec::with_capacity(LARGEST) };
        Self { slots: (0..SLOTS).map(|_| slot()).collect(), stream: None, abandoned: None }
    }

    /// Takes a packet that arrived at `arrival` (samples at 48 kHz on our clock). Gives what became of it, and for sound where it lies
    /// on the sender's clock, also when it is late: its delay is worth knowing.
    pub fn put(&mut self, packet: &Packet<'_>, arrival: i64) -> (Put, Option<i64>) {
        if packet.payload.len() > LARGEST {
            return (Put::Refused, None);
        }
        let abandoned = self.abandoned;
        let Some(stream) = &mut self.stream else {
            return self.begin(packet, arrival);
        };
        if packet.ssrc != stream.ssrc {
            // Two sources overlap when a switchboard hands over: the newcomer wins, the old one must not win back.
            if abandoned == Some(packet.ssrc) && arrival - stream.spoke < ABANDONED {
                return (Put::Refused, None);
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
            return (Put::Refused, None);
        }
        let number = stream.newest + distance;
        (stream.suspect, stream.spoke) = (None, arrival);
        if self.slots[index(number)].holds == Some(number) {
            return (Put::Duplicate, None);
        }
        let rate = packet.kind.clock_rate();
        let at = match (packet.kind, &mut stream.clock) {
            (Payload::Events, _) => None,
            // Beside a codec of another clock it is not said where it would belong.
            (Payload::Comfort, Some(clock)) if clock.rate != rate => None,
            (_, None) => {
                stream.clock = Some(Clock::new(rate, packet.timestamp, arrival));
                Some(0)
            }
            (_, Some(clock)) => match clock.follow(rate, packet.timestamp, arrival) {
                None if packet.kind == Payload::Comfort => None,
                None => return self.begin(packet, arrival),
                at => at,
            },
        };
        if number < stream.floor {
            return (Put::Late, at);
        }
        // Further ahead than there is room: the oldest make way.
        stream.floor = stream.floor.max(number - SLOTS as i64 + 1);
        stream.newest = stream.newest.max(number);
        self.store(packet, number, at);
        (Put::Kept, at)
    }

    /// The first packet that waits.
    pub fn next(&self) -> Option<Waiting<'_>> {
        let first = self.first()?;
        let slot = &self.slots[index(first)];
        let follows = self.stream.as_ref().is_some_and(|stream| stream.floor == first);
        Some(Waiting { at: slot.at, kind: slot.kind, payload: &slot.payload, follows })
    }

    /// The first packet that waits has had its turn; what came before it can come no more.
    pub fn pop(&mut self) {
        if let Some(first) = self.first()
            && let Some(stream) = &mut self.stream
        {
            stream.floor = first + 1;
        }
    }

    /// Forgets the stream: nothing should be playing, on hold for example.
    pub fn clear(&mut self) {
        if self.stream.take().is_some() {
            self.slots.iter_mut().for_each(|slot| slot.holds = None);
        }
    }

    fn first(&self) -> Option<i64> {
        let stream = self.stream.as_ref()?;
        (stream.floor..=stream.newest).find(|number| self.slots[index(*number)].holds == Some(*number))
    }

    fn begin(&mut self, packet: &Packet<'_>, arrival: i64) -> (Put, Option<i64>) {
        self.clear();
        // Far from zero, so that numbers before the first never go negative.
        let number = (1 << 32) + i64::from(packet.sequence);
        let clock =
            (packet.kind != Payload::Events).then(|| Clock::new(packet.kind.clock_rate(), packet.timestamp, arrival));
        let at = clock.map(|_| 0);
        self.stream = Some(Stream {
            ssrc: packet.ssrc,
            spoke: arrival,
            newest: number,
            // The first to arrive need not be the first that was sent.
            floor: number - SLOTS as i64 / 4,
            suspect: None,
            clock,
        });
        self.store(packet, number, at);
        (Put::Restarted, at)
    }

    fn store(&mut self, packet: &Packet<'_>, number: i64, at: Option<i64>) {
        let Some(at) = at else { return };
        let slot = &mut self.slots[index(number)];
        (slot.holds, slot.at, slot.kind) = (Some(number), at, packet.kind);
        slot.payload.clear();
        slot.payload.extend_from_slice(packet.payload);
    }
}

impl Clock {
    fn new(rate: u32, timestamp: u32, arrival: i64) -> Self {
        Self { rate, timestamp, at: 0, ahead: arrival }
    }
}

fn index(number: i64) -> usize {
    number.rem_euclid(SLOTS as i64) as usize
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
