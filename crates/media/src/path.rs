//! The sound thread's end of a session: frames in, packets out; packets in, frames out.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::codec::{Decoder, Encoder, LARGEST_PAYLOAD, LONGEST, PACKET, Pcm};
use crate::dtmf::{self, Keys};
use crate::error::MediaError;
use crate::jitter::{Jitter, Next, Packet, Put};
use crate::levels;
use crate::normalise::Payload;
use crate::shared::{Arrived, Leaving, Shared};
use crate::types::{Codec, FRAME, Frame, MediaEvent};

/// Softer than this nobody hears it.
const AUDIBLE_DBFS: f32 = -60.0;
/// A pause in speech, where shortening goes unnoticed.
const QUIET_DBFS: f32 = -45.0;
/// With so much too much, it is shortened in speech too.
const FAR_TOO_MUCH: Duration = Duration::from_millis(60);

/// What a rendered frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// What the far end sent.
    Speech,
    /// At least in part invented to cover a gap.
    Concealed,
    /// Nothing: not connected, on hold, or the far end pauses.
    Silence,
}

/// The sound thread's end. One thread owns it and calls [`capture`](Self::capture) and [`render`](Self::render) once
/// each 10 ms; neither waits for the network.
pub struct VoicePath {
    shared: Arc<Shared>,
    inbound: rtrb::Consumer<Arrived>,
    outbound: rtrb::Producer<Leaving>,
    out: Out,
    jitter: Jitter,
    decoder: Option<(Codec, Decoder)>,
    pcm: Pcm,
    /// Samples at the end of `pcm` and before that were invented.
    invented: usize,
    spare: Pcm,
    sounded: bool,
    level_in: Meter,
    level_out: Meter,
}

/// The sending half.
struct Out {
    encoder: Option<(Codec, Encoder)>,
    sound: [f32; PACKET],
    filled: usize,
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
            encoder: None,
            sound: [0.0; PACKET],
            filled: 0,
            // Unpredictable starts (RFC 3550 §5.1), with the sequence in the lower half so that it does not wrap at once.
            sequence: rand::random::<u16>() >> 1,
            timestamp: u64::from(rand::random::<u32>()) + PACKET as u64,
            paused: true,
            keys: Keys::default(),
            event_timestamp: 0,
        };
        Self {
            shared,
            inbound,
            outbound,
            out,
            jitter: Jitter::new(),
            decoder: None,
            pcm: Pcm::with_capacity(4 * LONGEST),
            invented: 0,
            spare: Pcm::with_capacity(2 * LONGEST),
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
        out.sound[out.filled..out.filled + FRAME].copy_from_slice(frame);
        out.filled += FRAME;
        if out.filled < PACKET {
            return;
        }
        out.filled = 0;
        while let Some(digit) = self.shared.next_digit() {
            out.keys.push([digit]);
        }
        if let Some(events_type) = self.shared.events_type()
            && let Some(event) = out.keys.tick()
        {
            if event.first {
                out.event_timestamp = out.begins(codec);
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
            out.paused = true;
            return;
        }
        if out.keys.sounding() {
            return;
        }
        let (sound, mut data) = (out.sound, [0; LARGEST_PAYLOAD]);
        let Some(encoder) = out.encoder(codec) else { return };
        encoder.adapt(self.shared.lost_remote.get());
        let Some(length) = encoder.encode(&sound, &mut data) else { return };
        let packet = Leaving {
            payload_type,
            marker: out.paused,
            sequence: out.next_sequence(),
            timestamp: out.begins(codec),
            length,
            data,
        };
        out.paused = false;
        send(&mut self.outbound, packet);
        self.shared.leaving.notify_one();
    }

    /// Gives 10 ms of what the far end says.
    pub fn render(&mut self, out: &mut Frame) -> Heard {
        let receives = self.shared.receives();
        while let Ok(packet) = self.inbound.pop() {
            if receives {
                self.put(&packet);
            }
        }
        if !receives {
            self.jitter.clear();
            self.pcm.clear();
            self.invented = 0;
        }
        let now = Instant::now();
        while receives && self.pcm.len() < FRAME && self.more(now) {}
        let heard = self.take_frame(out);
        self.shared.level_in.set(self.level_in.take(out));
        let buffered = self.jitter.level().as_secs_f32() * 1_000.0 + self.pcm.len() as f32 / 48.0;
        self.shared.buffer_ms.set(buffered);
        heard
    }

    fn put(&mut self, packet: &Arrived) {
        let codec = match packet.payload {
            Payload::Voice(codec) => Some(codec),
            Payload::Events => None,
        };
        let arrived = Packet {
            ssrc: packet.ssrc,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            codec,
            payload: &packet.data[..packet.length.min(packet.data.len())],
        };
        if self.jitter.put(&arrived, packet.arrival) == Put::Restarted {
            // Another speaker: nothing of the old one's voice must colour the new one's.
            self.decoder = None;
        }
    }

    /// Gets more sound into `pcm`; false when there is none.
    fn more(&mut self, now: Instant) -> bool {
        let surplus = self.jitter.surplus();
        let made = match self.jitter.take(now) {
            Next::Silent => 0,
            Next::Play { codec, payload } => {
                let Some(decoder) = decoder(&mut self.decoder, codec) else { return false };
                let before = self.pcm.len();
                let made = decoder.decode(payload, &mut self.pcm);
                // What cannot be decoded is covered like a loss.
                if made == 0 {
                    let invented = decoder.conceal(PACKET, None, &mut self.pcm);
                    self.invented += invented;
                    return invented > 0;
                }
                self.shared.set_heard(codec);
                self.invented = 0;
                if surplus > Duration::ZERO {
                    self.shorten(before, surplus, now);
                }
                made
            }
            Next::Missing { length, after } => {
                let samples = samples(length);
                let made = match &mut self.decoder {
                    Some((_, decoder)) => decoder.conceal(samples, after, &mut self.pcm),
                    None => 0,
                };
                self.invented += made;
                made
            }
            Next::Starved { length } => {
                let made = match &mut self.decoder {
                    Some((_, decoder)) => decoder.conceal(samples(length), None, &mut self.pcm),
                    None => 0,
                };
                self.invented += made;
                made
            }
        };
        made > 0
    }

    /// Blends the packet just decoded, which begins at `from`, with the next one: two play in the time of one.
    fn shorten(&mut self, from: usize, surplus: Duration, now: Instant) {
        let length = self.pcm.len() - from;
        let (first, second) = self.pcm.as_slices();
        let tail: f32 = first.iter().chain(second).skip(from).map(|sample| sample * sample).sum();
        let level = 10.0 * (tail / length.max(1) as f32 + 1e-12).log10();
        if level > QUIET_DBFS && surplus < FAR_TOO_MUCH {
            return;
        }
        let Next::Play { codec, payload } = self.jitter.take(now) else { return };
        let Some(decoder) = decoder(&mut self.decoder, codec) else { return };
        self.spare.clear();
        let made = decoder.decode(payload, &mut self.spare);
        if made != length {
            self.pcm.extend(self.spare.iter());
            return;
        }
        for (at, next) in self.spare.iter().enumerate() {
            let share = at as f32 / length as f32;
            if let Some(sample) = self.pcm.get_mut(from + at) {
                *sample = *sample * (1.0 - share) + next * share;
            }
        }
        self.jitter.shortened(Duration::from_micros(length as u64 * 1_000 / 48));
    }

    fn take_frame(&mut self, out: &mut Frame) -> Heard {
        let there = self.pcm.len().min(FRAME);
        // What was invented last stands at the end of `pcm`.
        let heard = match there {
            0 => Heard::Silence,
            _ if self.pcm.len() < self.invented + FRAME => Heard::Concealed,
            _ => Heard::Speech,
        };
        for (sample, value) in out.iter_mut().zip(self.pcm.drain(..there)) {
            *sample = value;
        }
        out[there..].fill(0.0);
        self.invented = self.invented.min(self.pcm.len());
        match heard {
            Heard::Silence => return heard,
            Heard::Concealed => {
                self.shared.concealed.fetch_add(1, Relaxed);
            }
            Heard::Speech if !self.sounded && levels::dbfs(out) > AUDIBLE_DBFS => {
                self.sounded = true;
                self.shared.tell(MediaEvent::FirstSound);
            }
            Heard::Speech => {}
        }
        self.shared.rendered.fetch_add(1, Relaxed);
        heard
    }
}

impl Out {
    fn next_sequence(&mut self) -> u16 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Timestamp of the 20 ms just filled, in the codec's clock.
    fn begins(&self, codec: Codec) -> u32 {
        ((self.timestamp - PACKET as u64) / u64::from(48_000 / codec.clock_rate())) as u32
    }

    fn encoder(&mut self, codec: Codec) -> Option<&mut Encoder> {
        if self.encoder.as_ref().is_none_or(|(present, _)| *present != codec) {
            self.encoder = Encoder::new(codec).ok().map(|encoder| (codec, encoder));
        }
        self.encoder.as_mut().map(|(_, encoder)| encoder)
    }
}

fn decoder(present: &mut Option<(Codec, Decoder)>, codec: Codec) -> Option<&mut Decoder> {
    if present.as_ref().is_none_or(|(known, _)| *known != codec) {
        *present = Decoder::new(codec).ok().map(|decoder| (codec, decoder));
    }
    present.as_mut().map(|(_, decoder)| decoder)
}

fn samples(length: Duration) -> usize {
    (length.as_micros() as usize * 48 / 1_000).min(LONGEST)
}

fn send(outbound: &mut rtrb::Producer<Leaving>, packet: Leaving) {
    // Full means that the network side stands still: loss, as on any network.
    let _ = outbound.push(packet);
}

#[cfg(test)]
mod tests;
