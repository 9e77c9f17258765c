//! A DTLS handshake that loss does not stop (RFC 6347 §4.2.4).
//!
//! The core sends a flight again after a whole second, and never more once a part of the peer's next one has come. Where
//! one packet in ten is lost, in bursts, one call in ten would stay without sound. So a datagram of a handshake leaves
//! several times here, as if from a network that duplicates: who has a record knows its copy by the sequence number, and
//! drops it (§4.1.2.6).

use std::collections::VecDeque;
use std::future::Future as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long after the first time a datagram leaves again.
const AGAIN: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(350), Duration::from_millis(750)];
/// Copies kept: those of both flights of one end several times over. More is no handshake.
const KEPT: usize = 128;

/// A datagram that leaves once more.
#[derive(Debug)]
pub struct Repeat {
    at: Instant,
    pub destination: SocketAddr,
    pub datagram: Vec<u8>,
}

/// What leaves again from one socket.
#[derive(Debug, Default)]
pub struct Repeats(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// In the order of their time.
    repeats: VecDeque<Repeat>,
    alarm: Option<Pin<Box<Sleep>>>,
    /// Who waits for the alarm.
    reader: Option<Waker>,
}

impl Repeats {
    /// Notes a datagram that left, if it belongs to a handshake.
    pub fn note(&self, destination: SocketAddr, datagram: &[u8]) {
        if !of_handshake(datagram) {
            return;
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.repeats.len() + AGAIN.len() > KEPT {
            return;
        }
        for after in AGAIN {
            let at = Instant::now() + after;
            let place = waiting.repeats.partition_point(|repeat| repeat.at <= at);
            waiting.repeats.insert(place, Repeat { at, destination, datagram: datagram.to_vec() });
        }
        if let Some(reader) = waiting.reader.take() {
            reader.wake();
        }
    }

    /// The next datagram that has to leave, once it is time for it.
    pub fn poll_due(&self, cx: &mut Context<'_>) -> Poll<Repeat> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(at) = waiting.repeats.front().map(|repeat| repeat.at) {
            let alarm = waiting.alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if alarm.deadline() != at {
                alarm.as_mut().reset(at);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                break;
            }
            if let Some(repeat) = waiting.repeats.pop_front() {
                return Poll::Ready(repeat);
            }
        }
        waiting.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The first octet of what a datagram carries, by itself or in a relay's ChannelData; it tells the protocol (RFC 7983 §7, RFC 8656
/// §12.4). What goes by a relay before its channel is bound is not told apart.
pub fn carried(datagram: &[u8]) -> Option<u8> {
    match datagram.first() {
        Some(0x40..=0x4f) => datagram.get(4).copied(),
        first => first.copied(),
    }
}

/// Whether a datagram begins with a handshake or its change of keys.
fn of_handshake(datagram: &[u8]) -> bool {
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const HANDSHAKE: u8 = 22;
    matches!(carried(datagram), Some(CHANGE_CIPHER_SPEC | HANDSHAKE))
}
