//! A whole voice on virtual time: spoken, coded, held up or lost, and heard.

use super::*;
use crate::codec::{Encoder, LARGEST_PAYLOAD, Reception};

/// A voice that packets carry, and the ear that hears them. Time is in milliseconds.
pub(super) struct Line {
    pub(super) codec: Codec,
    pub(super) encoder: Encoder,
    pub(super) playout: Playout,
    pub(super) epoch: Instant,
    /// Packets on their way: arrival in microseconds, number, place among all that could be, payload.
    pub(super) coming: Vec<(u64, u64, u64, Vec<u8>)>,
    pub(super) sent: u64,
    pub(super) heard: Vec<Heard>,
    pub(super) sound: Vec<f32>,
    /// The delay at each frame.
    pub(super) delays: Vec<u128>,
    /// The sender's clock against ours.
    pub(super) ppm: i64,
    /// Deep redundancy is sent.
    pub(super) deep: bool,
    /// Nothing is sent while nobody speaks: packets that were not.
    pub(super) pauses: Option<u64>,
    /// The background, at its peaks.
    pub(super) noise: f32,
    /// Nobody speaks.
    pub(super) quiet: bool,
}

/// Something like speech: syllables of a gliding voice, and pauses.
pub(super) fn voice(n: u64) -> f32 {
    let t = n as f32 / 48_000.0;
    let syllable = (t * 3.3).fract();
    let loud = if (t * 0.4).fract() > 0.8 { 0.0 } else { (syllable * std::f32::consts::PI).sin() };
    let phase = t * 140.0 * std::f32::consts::TAU + 2.0 * (t * 2.0).sin();
    0.2 * loud * (phase.sin() + 0.6 * (2.0 * phase).sin() + 0.4 * (3.0 * phase).sin() + 0.2 * (9.0 * phase).sin())
}

/// The sound of a room.
fn noise(n: u64) -> f32 {
    (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

impl Line {
    pub(super) fn new(codec: Codec) -> Self {
        let epoch = Instant::now();
        Self {
            codec,
            encoder: Encoder::new(codec).unwrap(),
            playout: Playout::new(epoch),
            epoch,
            coming: Vec::new(),
            sent: 0,
            heard: Vec::new(),
            sound: Vec::new(),
            delays: Vec::new(),
            ppm: 0,
            deep: false,
            pauses: None,
            noise: 0.0,
            quiet: false,
        }
    }

    /// A sender that sends nothing while nobody speaks.
    pub(super) fn pausing(noise: f32) -> Self {
        let mut line = Self { pauses: Some(0), noise, ..Self::new(Codec::Opus) };
        if let Encoder::Opus(opus) = &mut line.encoder {
            opus.pause();
        }
        line
    }

    pub(super) fn said(&self, at: u64) -> f32 {
        if self.quiet { 0.0 } else { voice(at) }
    }

    /// Goes on for so many packets of 20 ms; `lag` tells by how many milliseconds each is held up, or that it is lost.
    pub(super) fn goes_on(&mut self, packets: u64, mut lag: impl FnMut(u64) -> Option<f64>) {
        for _ in 0..packets {
            let n = self.sent;
            let sound: [f32; 960] =
                std::array::from_fn(|k| self.said(n * 960 + k as u64) + self.noise * noise(n * 960 + k as u64));
            let mut payload = [0; LARGEST_PAYLOAD];
            self.encoder.adapt(&Reception { loss_percent: 20.0, deep: self.deep, ..Reception::default() });
            let length = self.encoder.encode(&sound, &mut payload).unwrap();
            // A packet of two octets says that there is none (RFC 6716 §3.2.1, libopus' opus_encode).
            if let Some(unsent) = self.pauses.as_mut().filter(|_| length <= 2) {
                *unsent += 1;
            } else if let Some(lag) = lag(n) {
                let made = (n * 20_000) as i64 * (1_000_000 - self.ppm) / 1_000_000;
                let number = n - self.pauses.unwrap_or(0);
                self.coming.push((made as u64 + (lag * 1_000.0) as u64, number, n, payload[..length].to_vec()));
                self.coming.sort_by_key(|(arrival, ..)| *arrival);
            }
            self.sent += 1;
            self.listen(2);
        }
    }

    /// Hears so many frames.
    pub(super) fn listen(&mut self, frames: usize) {
        for _ in 0..frames {
            let micros = self.heard.len() as u64 * 10_000;
            while self.coming.first().is_some_and(|(arrival, ..)| *arrival <= micros) {
                let (arrival, number, n, payload) = self.coming.remove(0);
                self.put(1, number as u16, n * 960, &payload, arrival);
            }
            let mut out = [0.0; FRAME];
            let now = self.epoch + Duration::from_micros(micros);
            self.heard.push(self.playout.render(now, &mut out));
            self.delays.push(self.playout.delay(now).as_millis());
            self.sound.extend(out);
            assert!(self.playout.sound.len() <= 3 * LONGEST, "the sound that waits stays bounded");
        }
    }

    pub(super) fn put(&mut self, ssrc: u32, sequence: u16, at: u64, payload: &[u8], arrival: u64) -> Put {
        self.put_as(Payload::Voice(self.codec), ssrc, sequence, at, payload, arrival)
    }

    pub(super) fn put_as(
        &mut self,
        kind: Payload,
        ssrc: u32,
        sequence: u16,
        at: u64,
        payload: &[u8],
        arrival: u64,
    ) -> Put {
        let timestamp = (at / u64::from(48_000 / kind.clock_rate())) as u32;
        let packet = Packet { ssrc, sequence, timestamp, kind, payload };
        self.playout.put(&packet, self.epoch + Duration::from_micros(arrival))
    }

    /// For so many packets of 20 ms nobody speaks, and one tells of it.
    pub(super) fn rests(&mut self, packets: u64, tells: &[u8]) {
        let at = self.sent;
        let number = at - self.pauses.unwrap_or(0);
        self.put_as(Payload::Comfort, 1, number as u16, at * 960, tells, self.heard.len() as u64 * 10_000);
        self.pauses = Some(self.pauses.unwrap_or(0) + packets - 1);
        self.sent += packets;
        self.listen(2 * packets as usize);
    }

    pub(super) fn concealed_from(&self, frame: usize) -> f32 {
        let heard = &self.heard[frame..];
        heard.iter().filter(|heard| **heard == Heard::Concealed).count() as f32 / heard.len() as f32
    }

    pub(super) fn delay(&self) -> u128 {
        self.delays[self.delays.len() - 1]
    }

    pub(super) fn decided_ms(&self) -> [u64; 6] {
        let d = self.playout.decisions();
        [d.played, d.lost, d.bridged, d.recovered, d.shortened, d.lengthened].map(|samples| samples / 48)
    }
}
