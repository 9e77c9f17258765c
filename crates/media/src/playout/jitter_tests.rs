//! Packet by packet, with a clock of their own.

use proptest::prelude::*;

use super::*;

use crate::types::Codec;

const MS: i64 = 48;
const OPUS: Payload = Payload::Voice(Codec::Opus);

/// A sender of 20 ms Opus packets and a buffer, with time in milliseconds.
struct Bench {
    jitter: Jitter,
}

impl Bench {
    fn new() -> Self {
        Self { jitter: Jitter::new() }
    }

    fn put_from(&mut self, ssrc: u32, sequence: u16, ms: i64) -> Put {
        let payload = sequence.to_be_bytes();
        let timestamp = u32::from(sequence).wrapping_mul(960);
        let packet = Packet { ssrc, sequence, timestamp, kind: OPUS, payload: &payload };
        self.jitter.put(&packet, ms * MS).0
    }

    fn put(&mut self, sequence: u16, ms: i64) -> Put {
        self.put_from(1, sequence, ms)
    }

    /// Everything that waits, by sequence number.
    fn drain(&mut self) -> Vec<u16> {
        let mut all = Vec::new();
        while let Some(waiting) = self.jitter.next() {
            all.push(u16::from_be_bytes(waiting.payload.try_into().unwrap()));
            self.jitter.pop();
        }
        all
    }
}

#[test]
fn whatever_the_order_of_arrival_they_leave_in_the_senders() {
    let table: [(&[u16], &[u16]); 6] = [
        (&[1, 2, 3, 4], &[1, 2, 3, 4]),
        (&[2, 1, 4, 3], &[1, 2, 3, 4]),
        (&[1, 1, 2, 2, 4, 4], &[1, 2, 4]),
        (&[65_534, 65_535, 0, 1], &[65_534, 65_535, 0, 1]),
        (&[65_535, 65_534, 1, 0], &[65_534, 65_535, 0, 1]),
        (&[65_534, 0, 1], &[65_534, 0, 1]),
    ];
    for (arriving, leaving) in table {
        let mut bench = Bench::new();
        for (n, sequence) in arriving.iter().enumerate() {
            // The clock of a sender does not wrap with its sequence.
            let timestamp = (65_536 + i64::from(*sequence as i16)) as u32 * 960;
            let payload = sequence.to_be_bytes();
            let packet = Packet { ssrc: 1, sequence: *sequence, timestamp, kind: OPUS, payload: &payload };
            bench.jitter.put(&packet, n as i64 * 20 * MS);
        }
        assert_eq!(bench.drain(), leaving, "{arriving:?}");
    }
}

#[test]
fn late_and_doubled_packets_are_told_apart() {
    let mut bench = Bench::new();
    assert_eq!(bench.put(1, 0), Put::Restarted);
    assert_eq!(bench.put(3, 20), Put::Kept);
    assert_eq!(bench.put(3, 21), Put::Duplicate);
    assert_eq!(bench.drain(), [1, 3]);
    assert_eq!(bench.put(2, 61), Put::Late);
    assert_eq!(bench.put(1, 62), Put::Duplicate);
}

#[test]
fn each_packet_lies_where_its_sender_says_in_any_clock() {
    for (codec, step) in [(Codec::Opus, 960), (Codec::Pcma, 160)] {
        let mut jitter = Jitter::new();
        // Across the end of the timestamps, with a pause of 400 ms in which nothing was sent.
        let first = u32::MAX - step;
        for (n, units) in [0, step, 2 * step, 22 * step].into_iter().enumerate() {
            let packet = Packet {
                ssrc: 1,
                sequence: n as u16,
                timestamp: first.wrapping_add(units),
                kind: Payload::Voice(codec),
                payload: &[1],
            };
            jitter.put(&packet, i64::from(units / step) * 960);
        }
        let mut at = Vec::new();
        while let Some(waiting) = jitter.next() {
            at.push(waiting.at / 960);
            jitter.pop();
        }
        assert_eq!(at, [0, 1, 2, 22]);
    }
}

#[test]
fn places_without_sound_are_passed_over() {
    let mut bench = Bench::new();
    bench.put(1, 0);
    for sequence in 2..5 {
        let event = Packet { ssrc: 1, sequence, timestamp: 960, kind: Payload::Events, payload: &[5, 0, 0, 0] };
        assert_eq!(bench.jitter.put(&event, 20 * MS), (Put::Kept, None));
    }
    bench.put(5, 80);
    assert_eq!(bench.drain(), [1, 5]);
}

#[test]
fn another_source_takes_over_at_once_and_the_old_one_does_not_come_back() {
    let mut bench = Bench::new();
    bench.put(100, 0);
    bench.put(101, 20);
    assert_eq!(bench.put_from(2, 7, 60), Put::Restarted);
    assert_eq!(bench.put_from(1, 102, 61), Put::Refused);
    assert_eq!(bench.put_from(2, 8, 80), Put::Kept);
    assert_eq!(bench.drain(), [7, 8]);
    // The new one falls silent: after half a second the old one may speak again.
    assert_eq!(bench.put_from(1, 103, 700), Put::Restarted);
}

#[test]
fn numbers_that_start_over_are_followed_after_two_packets() {
    let mut bench = Bench::new();
    bench.put(100, 0);
    assert_eq!(bench.put(30_000, 20), Put::Refused);
    // A stray: the stream goes on.
    assert_eq!(bench.put(101, 40), Put::Kept);
    assert_eq!(bench.put(30_000, 60), Put::Refused);
    assert_eq!(bench.put(30_001, 80), Put::Restarted);
    assert_eq!(bench.drain(), [30_001]);
}

#[test]
fn a_clock_set_anew_or_another_clock_rate_begins_a_stream() {
    let mut bench = Bench::new();
    bench.put(100, 0);
    bench.put(101, 20);
    for (timestamp, codec) in [(102 * 960 + 5_000_000, Codec::Opus), (102 * 160, Codec::Pcmu)] {
        let packet = Packet { ssrc: 1, sequence: 102, timestamp, kind: Payload::Voice(codec), payload: &[0, 102] };
        assert_eq!(bench.jitter.put(&packet, 40 * MS).0, Put::Restarted);
        bench.put(101, 41);
    }
    // A whole stream that was held up for five seconds is no new clock once it goes on.
    assert_eq!(bench.put(103, 60), Put::Kept);
    assert_eq!(bench.put(104, 5_080), Put::Restarted);
    assert_eq!(bench.put(105, 5_081), Put::Kept);
}

#[test]
fn more_than_fits_drops_the_oldest() {
    let mut bench = Bench::new();
    for sequence in 0..100 {
        bench.put(sequence, 0);
    }
    let left = bench.drain();
    assert_eq!((left[0], left.len()), (36, 64));
}

#[test]
fn what_is_too_large_is_refused_and_clearing_forgets() {
    let mut bench = Bench::new();
    let large = vec![0; LARGEST + 1];
    let packet = Packet { ssrc: 1, sequence: 0, timestamp: 0, kind: Payload::Voice(Codec::Pcma), payload: &large };
    assert_eq!(bench.jitter.put(&packet, 0), (Put::Refused, None));
    bench.put(1, 0);
    bench.put(2, 20);
    bench.jitter.clear();
    assert_eq!(bench.jitter.next(), None);
    assert_eq!(bench.put(3, 120), Put::Restarted);
}

proptest! {
    /// Whatever comes in whatever order: no panic, and each leaves once, in order.
    #[test]
    fn any_packets_at_all(packets in prop::collection::vec((0u32..3, any::<u16>(), any::<u32>(), 0i64..50, 0..4), 0..400)) {
        let mut jitter = Jitter::new();
        let mut ms = 0;
        for (ssrc, sequence, timestamp, pause, kind) in packets {
            ms += pause;
            let kind = match kind {
                0 => OPUS,
                1 => Payload::Comfort,
                2 => Payload::Events,
                _ => Payload::Voice(Codec::Pcmu),
            };
            let packet = Packet { ssrc, sequence, timestamp, kind, payload: &[1, 2] };
            jitter.put(&packet, ms * MS);
            if sequence % 3 == 0 {
                jitter.pop();
            }
        }
        let mut left = 0;
        while jitter.next().is_some() {
            jitter.pop();
            left += 1;
        }
        prop_assert!(left <= SLOTS);
    }
}
