//! What the sound thread and the network side know in common: single figures, each written by one of them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc};

use crate::codec::{LARGEST_PAYLOAD, Reception};
use crate::normalise::Payload;
use crate::playout::{Decisions, jitter::LARGEST};
use crate::reports::Figures;
use crate::types::{Codec, Direction, MediaEvent};

/// Packets on their way from the network to the sound thread, and back: more than a second.
pub const INBOUND: usize = 64;
/// See [`INBOUND`].
pub const OUTBOUND: usize = 32;
/// The payload type of comfort noise, in every session (RFC 3551 §6).
const COMFORT: u8 = 13;

/// A packet that came.
pub struct Arrived {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: Payload,
    pub arrival: Instant,
    pub length: usize,
    pub data: [u8; LARGEST],
}

/// A packet to send.
pub struct Leaving {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub length: usize,
    pub data: [u8; LARGEST_PAYLOAD],
}

/// The common ground.
pub struct Shared {
    pub events: mpsc::UnboundedSender<MediaEvent>,
    /// A packet waits to be sent.
    pub leaving: Notify,
    pub connected: AtomicBool,
    pub closed: AtomicBool,
    /// The far end has said that it sends nothing for now.
    pub pauses: AtomicBool,
    may_send: AtomicBool,
    may_receive: AtomicBool,
    /// What each payload type means when it comes, in the code of [`code`].
    meaning: [AtomicU8; 128],
    /// Our own voice payload type in the high byte, its code in the low one; zero when none is negotiated.
    voice: AtomicU32,
    /// Payload type for events, plus one.
    events_type: AtomicU8,
    reception: Mutex<Reception>,
    digits: Mutex<VecDeque<char>>,
    digits_waiting: AtomicUsize,
    pub figures: Mutex<Figures>,
    // From the sound thread.
    pub rendered: AtomicU64,
    pub concealed: AtomicU64,
    pub buffer_ms: AtomicF32,
    /// By so much packets we send are longer than usual.
    pub longer_ms: AtomicF32,
    decisions: Mutex<Decisions>,
    pub level_in: AtomicF32,
    pub level_out: AtomicF32,
    pub heard_codec: AtomicU8,
}

impl Shared {
    pub fn new(events: mpsc::UnboundedSender<MediaEvent>) -> Self {
        Self {
            events,
            leaving: Notify::new(),
            connected: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            pauses: AtomicBool::new(false),
            may_send: AtomicBool::new(false),
            may_receive: AtomicBool::new(false),
            meaning: [const { AtomicU8::new(0) }; 128],
            voice: AtomicU32::new(0),
            events_type: AtomicU8::new(0),
            reception: Mutex::new(Reception::default()),
            digits: Mutex::new(VecDeque::with_capacity(32)),
            digits_waiting: AtomicUsize::new(0),
            figures: Mutex::new(Figures::default()),
            rendered: AtomicU64::new(0),
            concealed: AtomicU64::new(0),
            buffer_ms: AtomicF32::new(0.0),
            longer_ms: AtomicF32::new(0.0),
            decisions: Mutex::new(Decisions::default()),
            level_in: AtomicF32::new(crate::levels::FLOOR_DBFS),
            level_out: AtomicF32::new(crate::levels::FLOOR_DBFS),
            heard_codec: AtomicU8::new(0),
        }
    }

    /// Tells the owner; nobody listening is no fault.
    pub fn tell(&self, event: MediaEvent) {
        let _ = self.events.send(event);
    }

    pub fn set_direction(&self, direction: Direction) {
        if !direction.receives() {
            self.pauses.store(false, Relaxed);
        }
        self.may_send.store(direction.sends(), Relaxed);
        self.may_receive.store(direction.receives(), Relaxed);
    }

    /// Sound may go out now.
    pub fn sends(&self) -> bool {
        self.connected.load(Relaxed) && self.may_send.load(Relaxed)
    }

    /// Sound should come in now.
    pub fn receives(&self) -> bool {
        self.connected.load(Relaxed) && self.may_receive.load(Relaxed)
    }

    /// Takes over what was negotiated: `ours` is what may come, `theirs` what we send. The far end may answer with
    /// other numbers than offered (RFC 3264 §6.1), and some send by their own numbers.
    pub fn set_payloads(&self, ours: &[(u8, Payload)], theirs: &[(u8, Payload)]) {
        self.meaning.iter().for_each(|meaning| meaning.store(0, Relaxed));
        let voice = theirs.iter().find(|(_, payload)| matches!(payload, Payload::Voice(_)));
        // Its number is fixed (RFC 3551 §6), and some send it though nobody agreed on it; beside a codec of another clock it means nothing.
        let comfort = voice.filter(|(_, voice)| voice.clock_rate() == Payload::Comfort.clock_rate());
        let comfort = comfort.map(|_| (COMFORT, Payload::Comfort));
        for (number, payload) in comfort.iter().chain(theirs).chain(ours) {
            if let Some(meaning) = self.meaning.get(usize::from(*number)) {
                meaning.store(code(*payload), Relaxed);
            }
        }
        self.voice
            .store(voice.map_or(0, |(number, payload)| u32::from(*number) << 8 | u32::from(code(*payload))), Relaxed);
        let events = theirs.iter().find(|(_, payload)| *payload == Payload::Events);
        self.events_type.store(events.map_or(0, |(number, _)| number + 1), Relaxed);
    }

    pub fn meaning(&self, payload_type: u8) -> Option<Payload> {
        payload(self.meaning.get(usize::from(payload_type))?.load(Relaxed))
    }

    /// Payload type and codec we send with.
    pub fn voice(&self) -> Option<(u8, Codec)> {
        let voice = self.voice.load(Relaxed);
        match payload(voice as u8)? {
            Payload::Voice(codec) => Some(((voice >> 8) as u8, codec)),
            Payload::Events | Payload::Comfort => None,
        }
    }

    /// Payload type for digits.
    pub fn events_type(&self) -> Option<u8> {
        self.events_type.load(Relaxed).checked_sub(1)
    }

    pub fn push_digits(&self, digits: &str) {
        let mut queue = self.digits.lock().unwrap_or_else(PoisonError::into_inner);
        queue.extend(digits.chars());
        self.digits_waiting.store(queue.len(), Relaxed);
    }

    /// The next digit; never waits for whoever is just adding one.
    pub fn next_digit(&self) -> Option<char> {
        if self.digits_waiting.load(Relaxed) == 0 {
            return None;
        }
        let mut queue = self.digits.try_lock().ok()?;
        let digit = queue.pop_front();
        self.digits_waiting.store(queue.len(), Relaxed);
        digit
    }

    pub fn set_heard(&self, codec: Codec) {
        self.heard_codec.store(code(Payload::Voice(codec)), Relaxed);
    }

    pub fn heard(&self) -> Option<Codec> {
        match payload(self.heard_codec.load(Relaxed))? {
            Payload::Voice(codec) => Some(codec),
            Payload::Events | Payload::Comfort => None,
        }
    }

    /// How the far end receives us, for the encoder.
    pub fn set_reception(&self, change: impl FnOnce(&mut Reception)) {
        change(&mut self.reception.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Never waits: nothing while it is just being written.
    pub fn reception(&self) -> Option<Reception> {
        self.reception.try_lock().ok().map(|reception| *reception)
    }

    /// From the sound thread, which never waits: whoever is just reading has the figures of a moment ago.
    pub fn set_decisions(&self, decisions: Decisions) {
        if let Ok(mut there) = self.decisions.try_lock() {
            *there = decisions;
        }
    }

    pub fn decisions(&self) -> Decisions {
        *self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn figures(&self) -> Figures {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn code(payload: Payload) -> u8 {
    match payload {
        Payload::Voice(Codec::Opus) => 1,
        Payload::Voice(Codec::Pcmu) => 2,
        Payload::Voice(Codec::Pcma) => 3,
        Payload::Events => 4,
        Payload::Voice(Codec::G722) => 5,
        Payload::Comfort => 6,
    }
}

fn payload(code: u8) -> Option<Payload> {
    match code {
        1 => Some(Payload::Voice(Codec::Opus)),
        2 => Some(Payload::Voice(Codec::Pcmu)),
        3 => Some(Payload::Voice(Codec::Pcma)),
        4 => Some(Payload::Events),
        5 => Some(Payload::Voice(Codec::G722)),
        6 => Some(Payload::Comfort),
        _ => None,
    }
}

/// An `f32` that two threads share.
pub struct AtomicF32(AtomicU32);

impl AtomicF32 {
    pub const fn new(value: f32) -> Self {
        Self(AtomicU32::new(value.to_bits()))
    }

    pub fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }

    pub fn set(&self, value: f32) {
        self.0.store(value.to_bits(), Relaxed);
    }
}
