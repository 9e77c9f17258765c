//! RTCP sender and receiver reports (RFC 3550 §6.4): what the far end is told of its stream, what it tells of ours, and
//! the round trip. Sans-I/O; time is passed in.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rtc::rtcp::Packet;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};

/// Seconds from 1900 to 1970 (RFC 5905 §6).
const NTP_EPOCH: u64 = 2_208_988_800;
/// Sender reports remembered for the round trip.
const REMEMBERED: usize = 8;

/// What both directions look like.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Payload octets sent.
    pub octets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets that never came.
    pub packets_lost: u64,
    /// Loss towards us between the last two reports, in percent.
    pub loss_percent: f32,
    /// Interarrival jitter of what comes to us.
    pub jitter_ms: f32,
    /// Reports of the far end on what we send. The three below are the newest's.
    pub reported: u32,
    /// Loss of our packets, in percent.
    pub lost_remote_percent: f32,
    /// Interarrival jitter of our packets.
    pub jitter_remote_ms: f32,
    /// Round trip; where the newest does not tell, of one before, and it is not fresh.
    pub round_trip_ms: Option<f32>,
    /// See above.
    pub fresh: bool,
}

/// The far end's stream (RFC 3550 A.1, A.3, A.8).
struct Source {
    ssrc: u32,
    clock_rate: u32,
    base: u32,
    highest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// Jitter and last transit in clock units.
    jitter: f64,
    transit: Option<f64>,
    timestamp: u32,
    first_arrival: Instant,
    made: i64,
    /// Middle 32 bits and arrival of its last sender report.
    reported: Option<(u32, Instant)>,
}

/// Both ends of the statistics.
pub struct Reports {
    ssrc: u32,
    cname: String,
    epoch: (Instant, Duration),
    sent_timestamp: Option<(u32, u32, Instant)>,
    sent_since_report: bool,
    source: Option<Source>,
    lost_before: u64,
    sent_reports: [Option<(u32, Instant)>; REMEMBERED],
    next_report: usize,
    figures: Figures,
}

impl Reports {
    /// For our stream `ssrc`. `wall` is the time of day at `now`.
    pub fn new(ssrc: u32, cname: String, now: Instant, wall: SystemTime) -> Self {
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            ssrc,
            cname,
            epoch: (now, since_epoch),
            sent_timestamp: None,
            sent_since_report: false,
            source: None,
            lost_before: 0,
            sent_reports: [None; REMEMBERED],
            next_report: 0,
            figures: Figures::default(),
        }
    }

    /// The figures so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// A packet of ours left.
    pub fn sent(&mut self, timestamp: u32, clock_rate: u32, octets: usize, now: Instant) {
        self.figures.packets_sent += 1;
        self.figures.octets_sent += octets as u64;
        self.sent_timestamp = Some((timestamp, clock_rate, now));
        self.sent_since_report = true;
    }

    /// A packet of the far end came. Telephone events repeat their timestamp and count for loss only: `timed` is false.
    pub fn received(&mut self, ssrc: u32, sequence: u16, timestamp: u32, clock_rate: u32, timed: bool, now: Instant) {
        self.figures.packets_received += 1;
        if self.source.as_ref().is_none_or(|source| source.ssrc != ssrc) {
            self.lost_before = self.figures.packets_lost;
            self.source = Some(Source::new(ssrc, sequence, timestamp, clock_rate, now));
        }
        let Some(source) = &mut self.source else { return };
        if !source.count(sequence) {
            // Another start of the same source: counted anew.
            self.lost_before = self.figures.packets_lost;
            let reported = source.reported;
            *source = Source { reported, ..Source::new(ssrc, sequence, timestamp, clock_rate, now) };
            source.count(sequence);
        }
        if timed {
            source.time(timestamp, clock_rate, now);
        }
        self.figures.packets_lost = self.lost_before + u64::from(source.expected().saturating_sub(source.received));
        self.figures.jitter_ms = (source.jitter * 1_000.0 / f64::from(source.clock_rate)) as f32;
    }

    /// RTCP came.
    pub fn take(&mut self, packets: &[Box<dyn Packet>], now: Instant) {
        for packet in packets {
            if let Some(report) = packet.as_any().downcast_ref::<SenderReport>() {
                if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == report.ssrc) {
                    source.reported = Some(((report.ntp_time >> 16) as u32, now));
                }
                self.take_blocks(&report.reports, now);
            } else if let Some(report) = packet.as_any().downcast_ref::<ReceiverReport>() {
                self.take_blocks(&report.reports, now);
            }
        }
    }

    fn take_blocks(&mut self, blocks: &[ReceptionReport], now: Instant) {
        for block in blocks.iter().filter(|block| block.ssrc == self.ssrc) {
            self.figures.reported = self.figures.reported.wrapping_add(1);
            self.figures.lost_remote_percent = f32::from(block.fraction_lost) * 100.0 / 256.0;
            if let Some((_, clock_rate, _)) = self.sent_timestamp {
                self.figures.jitter_remote_ms = block.jitter as f32 * 1_000.0 / clock_rate as f32;
            }
            // Ours and not the far end's arithmetic on the clock: when the report it names left here is remembered.
            let named = self.sent_reports.iter().flatten().find(|(middle, _)| *middle == block.last_sender_report);
            self.figures.fresh = named.is_some();
            if let Some((_, left)) = named {
                let held = Duration::from_secs_f64(f64::from(block.delay) / 65_536.0);
                let round_trip = now.saturating_duration_since(*left).saturating_sub(held);
                self.figures.round_trip_ms = Some(round_trip.as_secs_f32() * 1_000.0);
            }
        }
    }

    /// The compound packet that is due: a sender report when we sent since the last one, else a receiver report.
    pub fn report(&mut self, now: Instant) -> Vec<Box<dyn Packet>> {
        let mut blocks = Vec::new();
        if let Some(source) = &mut self.source {
            let (block, loss_percent) = source.report(now);
            self.figures.loss_percent = loss_percent;
            blocks.push(block);
        }
        let description = SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: self.ssrc,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: Bytes::from(self.cname.clone().into_bytes()),
                }],
            }],
        };
        let first: Box<dyn Packet> = match self.sent_timestamp.filter(|_| self.sent_since_report) {
            Some((timestamp, clock_rate, at)) => {
                let ntp_time = self.ntp(now);
                self.sent_reports[self.next_report % REMEMBERED] = Some(((ntp_time >> 16) as u32, now));
                self.next_report += 1;
                let since = now.saturating_duration_since(at).as_secs_f64() * f64::from(clock_rate);
                Box::new(SenderReport {
                    ssrc: self.ssrc,
                    ntp_time,
                    rtp_time: timestamp.wrapping_add(since as u32),
                    packet_count: self.figures.packets_sent as u32,
                    octet_count: self.figures.octets_sent as u32,
                    reports: blocks,
                    ..Default::default()
                })
            }
            None => Box::new(ReceiverReport { ssrc: self.ssrc, reports: blocks, ..Default::default() }),
        };
        self.sent_since_report = false;
        vec![first, Box::new(description)]
    }

    /// NTP time: seconds since 1900 and their 2^-32 parts.
    fn ntp(&self, now: Instant) -> u64 {
        let time = self.epoch.1 + now.saturating_duration_since(self.epoch.0);
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        (time.as_secs() + NTP_EPOCH) << 32 | fraction
    }
}

impl Source {
    fn new(ssrc: u32, sequence: u16, timestamp: u32, clock_rate: u32, now: Instant) -> Self {
        // One cycle up, so that a packet from before the first does not go below zero.
        let first = 0x1_0000 + u32::from(sequence);
        Self {
            ssrc,
            clock_rate,
            base: first,
            highest: first,
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0.0,
            transit: None,
            timestamp,
            first_arrival: now,
            made: 0,
            reported: None,
        }
    }

    /// Counts a packet; false when its number is so far off that the stream must have started over.
    fn count(&mut self, sequence: u16) -> bool {
        let distance = sequence.wrapping_sub(self.highest as u16) as i16;
        if distance.unsigned_abs() > 3_000 {
            return false;
        }
        let number = self.highest.wrapping_add_signed(i32::from(distance));
        self.highest = if distance > 0 { number } else { self.highest };
        self.base = self.base.min(number);
        self.received += 1;
        true
    }

    fn time(&mut self, timestamp: u32, clock_rate: u32, now: Instant) {
        if clock_rate != self.clock_rate {
            (self.clock_rate, self.transit, self.jitter) = (clock_rate, None, 0.0);
            (self.first_arrival, self.made) = (now, 0);
        } else {
            self.made += i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        }
        self.timestamp = timestamp;
        let came = now.saturating_duration_since(self.first_arrival).as_secs_f64() * f64::from(self.clock_rate);
        let transit = came - self.made as f64;
        if let Some(before) = self.transit.replace(transit) {
            self.jitter += ((transit - before).abs() - self.jitter) / 16.0;
        }
    }

    fn expected(&self) -> u32 {
        self.highest - self.base + 1
    }

    fn report(&mut self, now: Instant) -> (ReceptionReport, f32) {
        let expected = self.expected();
        let (expected_now, received_now) =
            (expected - self.expected_before.min(expected), self.received - self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (u64::from(lost_now) * 256).checked_div(u64::from(expected_now)).unwrap_or(0).min(255);
        let delay = self.reported.map_or(0.0, |(_, at)| now.saturating_duration_since(at).as_secs_f64() * 65_536.0);
        let block = ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: fraction as u8,
            // 24 bits, signed: duplicates would make it negative, which is of no use to anyone.
            total_lost: expected.saturating_sub(self.received).min(0x7F_FFFF),
            last_sequence_number: self.highest.wrapping_sub(0x1_0000),
            jitter: self.jitter as u32,
            last_sender_report: self.reported.map_or(0, |(middle, _)| middle),
            delay: delay as u32,
        };
        (block, if expected_now == 0 { 0.0 } else { lost_now as f32 * 100.0 / expected_now as f32 })
    }
}

#[cfg(test)]
mod tests;
