//! The interceptor between the WebRTC core and the wire: everything that comes ends here.
//!
//! The core drops packets of a source it was not told of, without a word, and switchboards change the source on hold
//! and transfer (asterisk#1535). So packets are taken here, where they are already decrypted and authenticated, with
//! their true source, and go straight to the sound thread, whose jitter buffer starts over when the source changes.
//! RTCP is answered here too, because the core's own figures have no round trip and follow one source only.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

use crate::dtmf::Detector;
use crate::normalise::Payload;
use crate::playout::jitter::LARGEST;
use crate::reports::Reports;
use crate::shared::{Arrived, Shared};
use crate::types::MediaEvent;

/// Between two reports. RFC 3550 §6.2 would allow fewer; the encoder follows what comes back.
const INTERVAL: Duration = Duration::from_secs(1);

/// The level of comfort noise that is none, −dBov (RFC 3389 §3.1).
const SILENT: u8 = 127;

/// Takes what comes, counts what goes.
pub struct Receive {
    shared: Arc<Shared>,
    reports: Reports,
    detector: Detector,
    // The trait wants Sync; nobody else ever holds this lock.
    inbound: Mutex<rtrb::Producer<Arrived>>,
    next_report: Option<Instant>,
    write_queue: VecDeque<TaggedPacket>,
}

impl Receive {
    pub fn new(shared: Arc<Shared>, reports: Reports, inbound: rtrb::Producer<Arrived>) -> Self {
        Self {
            shared,
            reports,
            detector: Detector::default(),
            inbound: Mutex::new(inbound),
            next_report: None,
            write_queue: VecDeque::new(),
        }
    }

    /// RTP came.
    pub fn take_rtp(&mut self, packet: &rtp::Packet, now: Instant) {
        let header = &packet.header;
        let Some(payload) = self.shared.meaning(header.payload_type) else { return };
        if payload == Payload::Comfort && matches!(&packet.payload[..], [] | [SILENT]) {
            // Not of a room: Asterisk keeps a path open with it (rtp_keepalive) whose other end may be gone.
            return;
        }
        let timed = matches!(payload, Payload::Voice(_));
        self.reports.received(header.ssrc, header.sequence_number, header.timestamp, payload.clock_rate(), timed, now);
        if payload != Payload::Events {
            self.shared.pauses.store(payload == Payload::Comfort, Relaxed);
        }
        self.publish(now);
        if !self.shared.receives() {
            return;
        }
        if payload == Payload::Events
            && let Some(digit) = self.detector.take(header.ssrc, header.timestamp, &packet.payload)
        {
            self.shared.tell(MediaEvent::Digit(digit));
        }
        if packet.payload.len() > LARGEST {
            return;
        }
        let inbound = self.inbound.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Full means that nobody renders; then nothing is missed either.
        let mut data = [0; LARGEST];
        data[..packet.payload.len()].copy_from_slice(&packet.payload);
        let _ = inbound.push(Arrived {
            ssrc: header.ssrc,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            payload,
            arrival: now,
            length: packet.payload.len(),
            data,
        });
    }

    fn publish(&mut self, now: Instant) {
        let figures = self.reports.figures();
        self.shared.set_reception(|reception| {
            reception.reports = figures.reported;
            reception.loss_percent = figures.lost_remote_percent;
            reception.jitter_ms = figures.jitter_remote_ms;
            reception.round_trip_ms = figures.round_trip_ms.filter(|_| figures.fresh);
        });
        *self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
        self.next_report.get_or_insert(now + INTERVAL / 2);
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Receive {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        match &message.message.packet {
            Packet::Rtp(packet) => self.take_rtp(packet, message.now),
            Packet::Rtcp(packets) => {
                self.reports.take(packets, message.now);
                self.publish(message.now);
            }
            _ => {}
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &message.message.packet {
            let clock_rate = self.shared.voice().map_or(8_000, |(_, codec)| codec.clock_rate());
            self.reports.sent(packet.header.timestamp, clock_rate, packet.payload.len(), message.now);
            self.publish(message.now);
        }
        self.write_queue.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write_queue.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.next_report.is_some_and(|due| now >= due) {
            self.next_report = Some(now + INTERVAL);
            if self.shared.connected.load(Relaxed) {
                let message = AttributedPacket::new(Packet::Rtcp(self.reports.report(now)));
                self.write_queue.push_back(TaggedPacket { now, transport: TransportContext::default(), message });
                self.publish(now);
            }
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.next_report
    }
}

impl Interceptor for Receive {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::shared::INBOUND;
    use crate::types::{Codec, Direction};

    #[test]
    fn who_tells_that_nobody_speaks_is_missed_later() {
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(events));
        shared.connected.store(true, Relaxed);
        shared.set_direction(Direction::SendRecv);
        let agreed = [(8, Payload::Voice(Codec::Pcma))];
        shared.set_payloads(&agreed, &agreed);
        let now = Instant::now();
        let reports = Reports::new(7, "test".into(), now, SystemTime::UNIX_EPOCH);
        let (to_sound, mut sound) = rtrb::RingBuffer::new(INBOUND);
        let mut receive = Receive::new(shared.clone(), reports, to_sound);
        let mut came = |payload_type: u8, sequence_number: u16, level: u8| {
            let header = rtp::Header { payload_type, sequence_number, ssrc: 1, ..rtp::Header::default() };
            receive.take_rtp(&rtp::Packet { header, payload: vec![level].into() }, now);
            (sound.pop().ok().map(|arrived| arrived.payload), shared.pauses.load(Relaxed))
        };
        let voice = Some(Payload::Voice(Codec::Pcma));
        assert_eq!(came(8, 1, 0x55), (voice, false));
        // Nobody agreed on it; it has its number.
        assert_eq!(came(13, 2, 60), (Some(Payload::Comfort), true));
        assert_eq!(came(8, 3, 0x55), (voice, false));
        assert_eq!(came(13, 4, 127), (None, false), "what keeps a path open is no room");
        assert_eq!(came(13, 5, 60), (Some(Payload::Comfort), true));
        shared.set_direction(Direction::SendOnly);
        shared.set_direction(Direction::SendRecv);
        assert!(!shared.pauses.load(Relaxed), "after a hold it is missed again");
    }
}
