//! The sound thread's end of a session: frames in, packets out; packets in, frames out.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::codec::{Encoders, LARGEST_PAYLOAD, LONGEST_SENT, PACKET, Reception};
use crate::dtmf::{self, Keys};
use crate::error::MediaError;
use crate::levels;
use crate::playout::jitter::Packet;
use crate::playout::{Heard, Playout};
use crate::shared::{Arrived, Leaving, Shared};
use crate::types::{Codec, FRAME, Frame, MediaEvent};

/// Softer than this nobody hears it.
const AUDIBLE_DBFS: f32 = -60.0;

/// The sound thread's end. One thread owns it and calls [`capture`](Self::capture) and [`render`](Self::render) once
/// each 10 ms; neither waits for the network.
pub struct VoicePath {
    shared: Arc<Shared>,
    inbound: rtrb::Consumer<Arrived>,
    outbound: rtrb::Producer<Leaving>,
    out: Out,
    playout: Playout,
    sounded: bool,
    level_in: Meter,
    level_out: Meter,
}

/// The sending half.
struct Out {
    encoders: Encoders,
    sound: [f32; LONGEST_SENT],
    filled: usize,
    /// The codec it is for.
    codec: Codec,
    reception: Reception,
    sequence: u16,
    /// At 48 kHz; it runs on while nothing is sent, as the far end's clock does. Wide, so that it divides evenly.
    timestamp: u64,
    /// Nothing was sent just before: the next packet begins a talk spurt.
    paused: bool,
    keys: Keys,
    event_timestamp: u32,
}

/// A handle to send digits.
#[derive(Clone)]
pub struct Dial {
    shared: Arc<Shared>,
}

impl Dial {
    /// Queues keys: 0-9 * # A-D, and a comma for a pause of one second.
    pub fn send_digits(&self, digits: &str) -> Result<(), MediaError> {
        if let Some(other) = digits.chars().find(|digit| !dtmf::is_dialable(*digit)) {
            return Err(MediaError::NotADigit(other));
        }
        if self.shared.closed.load(Relaxed) {
            return Err(MediaError::Closed);
        }
        if self.shared.events_type().is_none() {
            return Err(MediaError::NoDigits);
        }
        self.shared.push_digits(digits);
        Ok(())
    }
}

/// A level over the last tenth of a second or so.
#[derive(Default)]
struct Meter {
    power: f32,
}

impl Meter {
    fn take(&mut self, frame: &Frame) -> f32 {
        let now = 10f32.powf(levels::dbfs(frame) / 10.0);
        self.power += (now - self.power) * 0.15;
        if self.power > 1e-12 { 10.0 * self.power.log10() } else { levels::FLOOR_DBFS }
    }
}

impl VoicePath {
    pub(crate) fn new(
        shared: Arc<Shared>,
        inbound: rtrb::Consumer<Arrived>,
        outbound: rtrb::Producer<Leaving>,
    ) -> Self {
        let out = Out {
            encoders: Encoders::new(),
            sound: [0.0; LONGEST_SENT],
            filled: 0,
            codec: Codec::Opus,
            reception: Reception::default(),
            // Unpredictable starts (RFC 3550 §5.1), with the sequence in the lower half so that it does not wrap at once.
            sequence: rand::random::<u16>() >> 1,
            timestamp: u64::from(rand::random::<u32>()) + LONGEST_SENT as u64,
            paused: true,
            keys: Keys::default(),
            event_timestamp: 0,
        };
        Self {
            shared,
            inbound,
            outbound,
            out,
            playout: Playout::new(Instant::now()),
            sounded: false,
            level_in: Meter::default(),
            level_out: Meter::default(),
        }
    }

    /// A handle to send digits with, for another thread.
    pub fn dial(&self) -> Dial {
        Dial { shared: self.shared.clone() }
    }

    /// Takes 10 ms of the operator's voice. It is dropped while there is no connection or the direction forbids it.
    pub fn capture(&mut self, frame: &Frame) {
        self.shared.level_out.set(self.level_out.take(frame));
        let out = &mut self.out;
        out.timestamp += FRAME as u64;
        let Some((payload_type, codec)) = self.shared.voice().filter(|_| self.shared.sends()) else {
            (out.filled, out.paused) = (0, true);
            return;
        };
        if std::mem::replace(&mut out.codec, codec) != codec {
            out.filled = 0;
        }
        out.sound[out.filled..out.filled + FRAME].copy_from_slice(frame);
        out.filled += FRAME;
        if !out.filled.is_multiple_of(PACKET) {
            return;
        }
        while let Some(digit) = self.shared.next_digit() {
            out.keys.push([digit]);
        }
        if let Some(events_type) = self.shared.events_type()
            && let Some(event) = out.keys.tick()
        {
            if event.first {
                out.event_timestamp = out.begins(PACKET, codec);
            }
            for copy in 0..event.copies {
                let mut data = [0; LARGEST_PAYLOAD];
                data[..event.payload.len()].copy_from_slice(&event.payload);
                let packet = Leaving {
                    payload_type: events_type,
                    marker: event.first && copy == 0,
                    sequence: out.next_sequence(),
                    timestamp: out.event_timestamp,
                    length: event.payload.len(),
                    data,
                };
                send(&mut self.outbound, packet);
            }
            self.shared.leaving.notify_one();
            (out.filled, out.paused) = (0, true);
            return;
        }
        if out.keys.sounding() {
            out.filled = 0;
            return;
        }
        out.reception = self.shared.reception().unwrap_or(out.reception);
        let Some(encoder) = out.encoders.of(codec) else {
            out.filled = 0;
            return;
        };
        if out.filled < encoder.adapt(&out.reception) {
            return;
        }
        let samples = std::mem::take(&mut out.filled);
        self.shared.longer_ms.set((samples - PACKET) as f32 / 48.0);
        let mut data = [0; LARGEST_PAYLOAD];
        let Some(length) = encoder.encode(&out.sound[..samples], &mut data) else { return };
        let packet = Leaving {
            payload_type,
            marker: out.paused,
            sequence: out.next_sequence(),
            timestamp: out.begins(samples, codec),
            length,
            data,
        };
        out.paused = false;
        send(&mut self.outbound, packet);
        self.shared.leaving.notify_one();
    }

    /// Gives 10 ms of what the far end says.
    pub fn render(&mut self, out: &mut Frame) -> Heard {
        self.render_at(Instant::now(), out)
    }

    /// Gaps are concealed the simple way from now on: the machine is too slow for the other.
    pub fn relieve(&mut self) {
        self.playout.relieve();
    }

    /// As [`render`](Self::render), at any time.
    pub(crate) fn render_at(&mut self, now: Instant, out: &mut Frame) -> Heard {
        let receives = self.shared.receives();
        while let Ok(packet) = self.inbound.pop() {
            if receives {
                self.put(&packet);
            }
        }
        if !receives {
            self.playout.clear();
        }
        let heard = self.playout.render(now, out);
        self.tell(heard, out);
        self.shared.level_in.set(self.level_in.take(out));
        self.shared.set_decisions(self.playout.decisions());
        self.shared.buffer_ms.set(self.playout.delay(now).as_secs_f32() * 1_000.0);
        heard
    }

    fn put(&mut self, packet: &Arrived) {
        let arrived = Packet {
            ssrc: packet.ssrc,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            kind: packet.payload,
            payload: &packet.data[..packet.length.min(packet.data.len())],
        };
        self.playout.put(&arrived, packet.arrival);
    }

    fn tell(&mut self, heard: Heard, frame: &Frame) {
        match heard {
            Heard::Silence => return,
            Heard::Concealed => {
                self.shared.concealed.fetch_add(1, Relaxed);
            }
            Heard::Speech if !self.sounded && levels::dbfs(frame) > AUDIBLE_DBFS => {
                self.sounded = true;
                self.shared.tell(MediaEvent::FirstSound);
            }
            Heard::Speech => {}
        }
        if let Some(codec) = self.playout.codec() {
            self.shared.set_heard(codec);
        }
        self.shared.rendered.fetch_add(1, Relaxed);
    }
}

impl Out {
    fn next_sequence(&mut self) -> u16 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Timestamp of the `samples` that came last, in the codec's clock.
    fn begins(&self, samples: usize, codec: Codec) -> u32 {
        ((self.timestamp - samples as u64) / u64::from(48_000 / codec.clock_rate())) as u32
    }
}

fn send(outbound: &mut rtrb::Producer<Leaving>, packet: Leaving) {
    // Full means that the network side stands still: loss, as on any network.
    let _ = outbound.push(packet);
}

#[cfg(test)]
mod tests;
