//! The sound thread's end without a network: packets are handed over and looked at.

use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::normalise::Payload;
use crate::shared::{INBOUND, OUTBOUND};
use crate::types::Direction;

const OPUS: (u8, Payload) = (111, Payload::Voice(Codec::Opus));
const PCMU: (u8, Payload) = (0, Payload::Voice(Codec::Pcmu));
const G722: (u8, Payload) = (9, Payload::Voice(Codec::G722));
const EVENTS: (u8, Payload) = (101, Payload::Events);

struct Bench {
    path: VoicePath,
    shared: Arc<Shared>,
    to_sound: rtrb::Producer<Arrived>,
    to_network: rtrb::Consumer<Leaving>,
    events: mpsc::UnboundedReceiver<MediaEvent>,
    phase: usize,
}

impl Bench {
    fn new(payloads: &[(u8, Payload)]) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(sender));
        let (to_sound, from_network) = rtrb::RingBuffer::new(INBOUND);
        let (from_sound, to_network) = rtrb::RingBuffer::new(OUTBOUND);
        shared.connected.store(true, Relaxed);
        shared.set_direction(Direction::SendRecv);
        shared.set_payloads(payloads, payloads);
        let path = VoicePath::new(shared.clone(), from_network, from_sound);
        Self { path, shared, to_sound, to_network, events, phase: 0 }
    }

    /// Speaks for so many frames; the packets that leave.
    fn speak(&mut self, frames: usize) -> Vec<Leaving> {
        let mut packets = Vec::new();
        for _ in 0..frames {
            let frame = std::array::from_fn(|n| 0.3 * ((self.phase + n) as f32 * 0.06).sin());
            self.phase += FRAME;
            self.path.capture(&frame);
            packets.extend(std::iter::from_fn(|| self.to_network.pop().ok()));
        }
        packets
    }

    /// Hands over a packet as if it had come from the far end.
    fn arrives(&mut self, packet: &Leaving, codec: Codec, arrival: Instant) {
        let mut data = [0; crate::playout::jitter::LARGEST];
        data[..packet.length].copy_from_slice(&packet.data[..packet.length]);
        let arrived = Arrived {
            ssrc: 1,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            payload: Payload::Voice(codec),
            arrival,
            length: packet.length,
            data,
        };
        assert!(self.to_sound.push(arrived).is_ok());
    }
}

#[test]
fn twenty_milliseconds_make_a_packet_and_each_follows_the_one_before() {
    for (payload, step) in [(OPUS, 960), (PCMU, 160)] {
        let mut bench = Bench::new(&[payload]);
        let packets = bench.speak(20);
        assert_eq!(packets.len(), 10);
        assert!(packets.iter().all(|packet| packet.payload_type == payload.0 && packet.length > 0));
        assert!(packets[0].marker && packets[1..].iter().all(|packet| !packet.marker));
        for pair in packets.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(step));
        }
    }
}

#[test]
fn a_narrow_line_is_sent_longer_packets_whose_clock_goes_on() {
    let mut bench = Bench::new(&[OPUS]);
    let first = bench.speak(2).pop().unwrap();
    for (report, loss, round_trip) in [(1, 0.0, 40.0), (2, 33.0, 250.0)] {
        bench.shared.set_reception(|reception| {
            (reception.reports, reception.loss_percent, reception.round_trip_ms) = (report, loss, Some(round_trip));
        });
        bench.speak(200);
    }
    let packets = bench.speak(60);
    assert_eq!(packets.len(), 10);
    assert!(packets.windows(2).all(|pair| pair[1].timestamp == pair[0].timestamp.wrapping_add(2_880)));
    // All that was said since the first packet, and no more, is in packets: the clock tells.
    let spoken = 480 * (400 + 60) - 2_880;
    assert!(packets[9].timestamp.wrapping_sub(first.timestamp + 960).abs_diff(spoken) < 2_880);
    bench.shared.set_direction(Direction::RecvOnly);
    bench.speak(3);
    bench.shared.set_direction(Direction::SendRecv);
    assert!(bench.speak(5).is_empty() && bench.speak(1)[0].marker, "what was left before a hold is not sent after it");
}

#[test]
fn a_hold_sends_nothing_and_takes_time() {
    let mut bench = Bench::new(&[OPUS]);
    let before = bench.speak(2).pop().unwrap();
    bench.shared.set_direction(Direction::RecvOnly);
    assert!(bench.speak(100).is_empty());
    bench.shared.set_direction(Direction::SendRecv);
    let after = bench.speak(2).pop().unwrap();
    // The sequence has no hole, the clock went on, and a talk spurt begins.
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(102 * 480));
    assert!(after.marker);
    bench.shared.connected.store(false, Relaxed);
    assert!(bench.speak(10).is_empty());
}

#[test]
fn a_key_takes_the_place_of_the_voice() {
    let mut bench = Bench::new(&[OPUS, EVENTS]);
    bench.speak(2);
    bench.path.dial().send_digits("5").unwrap();
    let packets = bench.speak(24);
    let (keys, voice): (Vec<_>, Vec<_>) = packets.iter().partition(|packet| packet.payload_type == 101);
    assert_eq!((keys.len(), voice.len()), (7, 7));
    assert!(keys[0].marker && keys[1..].iter().all(|key| !key.marker));
    assert!(keys.iter().all(|key| key.timestamp == keys[0].timestamp && key.length == 4 && key.data[0] == 5));
    // One sequence for both, and the voice begins a talk spurt after the key.
    assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
    assert!(voice[0].marker);
}

#[test]
fn what_comes_is_heard_and_the_first_of_it_told() {
    for (payload, codec) in [(OPUS, Codec::Opus), (PCMU, Codec::Pcmu)] {
        let mut bench = Bench::new(&[payload]);
        let packets = bench.speak(60);
        let start = Instant::now();
        let (mut out, mut heard) = ([0.0; FRAME], Vec::new());
        for (n, packet) in packets.iter().enumerate() {
            bench.arrives(packet, codec, start + Duration::from_millis(20 * n as u64));
            for half in 0..2 {
                let at = start + Duration::from_millis(20 * n as u64 + 10 * half);
                heard.push(bench.path.render_at(at, &mut out));
            }
        }
        assert_eq!(heard.iter().filter(|heard| **heard == Heard::Speech).count(), heard.len() - 4, "{codec:?}");
        assert!((levels::dbfs(&out) + 13.5).abs() < 1.0);
        assert!(matches!(bench.events.try_recv(), Ok(MediaEvent::FirstSound)));
        assert!(bench.events.try_recv().is_err(), "told once");
        // Nothing comes any more: covered for a while, then silent.
        let rest: Vec<_> =
            (120..160).map(|n| bench.path.render_at(start + Duration::from_millis(10 * n), &mut out)).collect();
        assert!(rest.contains(&Heard::Concealed) && rest.ends_with(&[Heard::Silence; 10]));
        assert_eq!(out, [0.0; FRAME]);
    }
}

#[test]
fn a_hold_silences_what_still_comes() {
    let mut bench = Bench::new(&[PCMU]);
    let packets = bench.speak(20);
    for packet in &packets {
        bench.arrives(packet, Codec::Pcmu, Instant::now());
    }
    let mut out = [1.0; FRAME];
    assert_eq!(bench.path.render(&mut out), Heard::Speech);
    bench.shared.set_direction(Direction::SendOnly);
    assert_eq!(bench.path.render(&mut out), Heard::Silence);
    assert_eq!(out, [0.0; FRAME]);
}

#[test]
fn rubbish_from_the_network_is_survived() {
    let mut bench = Bench::new(&[OPUS]);
    let mut out = [0.0; FRAME];
    for n in 0..500u16 {
        let mut packet = bench.speak(2).pop().unwrap();
        packet.sequence = n.wrapping_mul(if n % 50 == 0 { 7_919 } else { 1 });
        packet.data.iter_mut().for_each(|octet| *octet = octet.wrapping_mul(31).wrapping_add(n as u8));
        bench.arrives(&packet, Codec::Opus, Instant::now());
        bench.path.render(&mut out);
        bench.path.render(&mut out);
        assert!(out.iter().all(|sample| sample.is_finite()));
    }
}

#[test]
fn a_call_with_loss_and_a_change_of_codec_asks_for_no_memory_on_the_sound_thread() {
    for (payload, codec) in [(OPUS, Codec::Opus), (PCMU, Codec::Pcmu), (G722, Codec::G722)] {
        let mut bench = Bench::new(&[payload]);
        bench.shared.set_reception(|reception| (reception.deep, reception.loss_percent) = (true, 20.0));
        let packets = bench.speak(600);
        let start = Instant::now();
        let at = |n: usize, half: u64| start + Duration::from_millis(20 * n as u64 + 10 * half);
        let mut out = [0.0; FRAME];
        // The first sound is told, once.
        for (n, packet) in packets[..10].iter().enumerate() {
            bench.arrives(packet, codec, at(n, 0));
            for half in 0..2 {
                bench.path.render_at(at(n, half), &mut out);
            }
        }
        let counted = allocation_counter::measure(|| {
            for (n, packet) in packets.iter().enumerate().skip(10) {
                // A lost one in seven, three at once in fifty, one late in eleven, another source in the middle.
                if n % 7 != 3 && n % 50 < 47 {
                    bench.arrives(packet, codec, at(n, 0) + Duration::from_millis(if n % 11 == 5 { 70 } else { 0 }));
                }
                for half in 0..2 {
                    bench.path.render_at(at(n, half), &mut out);
                }
                bench.path.capture(&out);
                while bench.to_network.pop().is_ok() {}
            }
        });
        assert_eq!(counted.count_total, 0, "{codec:?}: {counted:?}");
    }
}
