//! What the fuzz targets of `tests/fuzz` call: each takes any octets at all.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rtc::shared::marshal::Unmarshal;

use crate::codec::{Decoder, Encoder, LARGEST_PAYLOAD, PACKET, Pcm, has_redundancy};
use crate::normalise::Payload;
use crate::path::VoicePath;
use crate::playout::{Packet, Playout};
use crate::receive::Receive;
use crate::reports::Reports;
use crate::shared::{INBOUND, OUTBOUND, Shared};
use crate::types::{Codec, Direction, FRAME};

/// A session's inside without a network: both halves, and the sound thread's end.
fn session(now: Instant) -> (Arc<Shared>, Receive, VoicePath) {
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(events));
    let (to_sound, from_network) = rtrb::RingBuffer::new(INBOUND);
    let (from_sound, _) = rtrb::RingBuffer::new(OUTBOUND);
    shared.connected.store(true, Relaxed);
    shared.set_direction(Direction::SendRecv);
    let payloads = [
        (111, Payload::Voice(Codec::Opus)),
        (0, Payload::Voice(Codec::Pcmu)),
        (8, Payload::Voice(Codec::Pcma)),
        (9, Payload::Voice(Codec::G722)),
        (101, Payload::Events),
    ];
    shared.set_payloads(&payloads, &payloads);
    let reports = Reports::new(7, "fuzz".into(), now, SystemTime::UNIX_EPOCH);
    let receive = Receive::new(shared.clone(), reports, to_sound);
    let path = VoicePath::new(shared.clone(), from_network, from_sound);
    (shared, receive, path)
}

/// Cuts octets into packets: each begins with its length and the milliseconds after the one before.
fn packets(mut data: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let [length, later, rest @ ..] = data else { return None };
        let (packet, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        data = rest;
        Some((u64::from(*later), packet))
    })
}

/// RTP as it leaves SRTP, to the loudspeaker.
pub fn rtp(data: &[u8]) {
    let mut now = Instant::now();
    let (_, mut receive, mut path) = session(now);
    let mut out = [0.0; FRAME];
    for (later, packet) in packets(data) {
        now += Duration::from_millis(later);
        if let Ok(packet) = rtc::rtp::Packet::unmarshal(&mut Bytes::copy_from_slice(packet)) {
            receive.take_rtp(&packet, now);
        }
        path.render_at(now, &mut out);
        assert!(out.iter().all(|sample| sample.is_finite()));
    }
}

/// RTCP as it leaves SRTCP, to the figures and the next report.
pub fn rtcp(data: &[u8]) {
    let mut now = Instant::now();
    let mut reports = Reports::new(7, "fuzz".into(), now, SystemTime::UNIX_EPOCH);
    for (later, packet) in packets(data) {
        now += Duration::from_millis(later);
        reports.sent(later as u32, 48_000, packet.len(), now);
        if let Ok(packets) = rtc::rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(packet)) {
            reports.take(&packets, now);
        }
        let _ = reports.report(now);
        let figures = reports.figures();
        assert!((0.0..=100.0).contains(&figures.lost_remote_percent) && (0.0..=100.0).contains(&figures.loss_percent));
        assert!(figures.round_trip_ms.is_none_or(|time| time.is_finite() && time >= 0.0));
    }
}

/// Good packets at any time, in any order, from any source, with any jump of numbers and clocks: three octets each.
pub fn schedule(data: &[u8]) {
    let epoch = Instant::now();
    let mut playout = Playout::new(epoch);
    let Some((first, data)) = data.split_first() else { return };
    let codec = Codec::ALL[usize::from(*first) % Codec::ALL.len()];
    let Ok(mut encoder) = Encoder::new(codec) else { return };
    let tone: [f32; PACKET] = std::array::from_fn(|n| 0.3 * (n as f32 * 0.02).sin());
    let (mut payload, mut out) = ([0; LARGEST_PAYLOAD], [0.0; FRAME]);
    let (mut sequence, mut timestamp, mut micros, mut ssrc) = (0u16, 0u32, 0u64, 0u32);
    for step in data.chunks_exact(3) {
        let [numbers, clock, later] = [step[0], step[1], step[2]];
        let Some(length) = encoder.encode(&tone, &mut payload) else { return };
        sequence = sequence.wrapping_add(match numbers {
            0..200 => 1,
            200..240 => u16::from(numbers - 200),
            240..250 => 0u16.wrapping_sub(u16::from(numbers - 240)),
            _ => u16::from(numbers) * 257,
        });
        timestamp = timestamp.wrapping_add(if clock < 250 {
            20 * codec.clock_rate() / 1_000
        } else {
            u32::from(numbers) << 20
        });
        ssrc += u32::from(clock == 255);
        // A step of 10 ms or none, and seldom a long silence.
        micros += if later < 254 { u64::from(later % 4) * 10_000 } else { u64::from(numbers) * 40_000 };
        let now = epoch + Duration::from_micros(micros);
        let (kind, payload) = match clock {
            240..250 => (Payload::Comfort, &step[..usize::from(clock - 240).min(step.len())]),
            _ => (Payload::Voice(codec), &payload[..length]),
        };
        playout.put(&Packet { ssrc, sequence, timestamp, kind, payload }, now);
        for _ in 0..later % 4 {
            playout.render(now, &mut out);
            assert!(out.iter().all(|sample| sample.is_finite() && sample.abs() < 4.0));
        }
    }
    // However it went, it falls silent.
    let quiet = (0..4_000u64).any(|n| {
        let now = epoch + Duration::from_micros(micros + n * 10_000);
        playout.render(now, &mut out) == crate::playout::Heard::Silence
    });
    assert!(quiet);
}

/// Payloads for the Opus decoder: decoded, and used to cover what was before them.
pub fn opus(data: &[u8]) {
    let Ok(mut decoder) = Decoder::new(Codec::Opus) else { return };
    let mut out = Pcm::new();
    for (mode, payload) in packets(data) {
        out.clear();
        let _ = has_redundancy(payload);
        let made = if mode % 2 == 0 {
            decoder.decode(payload, &mut out)
        } else {
            decoder.reaches_back(payload, usize::from(mode as u16) * 48);
            let length = usize::from(mode as u8) * 48;
            decoder.conceal(length, &mut out)
                + decoder.recover(length, payload, &mut out)
                + decoder.recover_deep(length, usize::from(mode as u16) * 48, payload, &mut out)
        };
        assert_eq!(made, out.len());
        assert!(out.iter().all(|sample| sample.is_finite()));
    }
}
