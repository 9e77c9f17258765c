//! Packet by packet, with a clock of their own.

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// A sender of 20 ms Opus packets and a buffer, with time in milliseconds.
struct Bench {
    jitter: Jitter,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { jitter: Jitter::new(), start: Instant::now() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + MS * u32::try_from(ms).unwrap()
    }

    fn put_from(&mut self, ssrc: u32, sequence: u16, ms: u64) -> Put {
        let payload = sequence.to_be_bytes();
        let timestamp = u32::from(sequence).wrapping_mul(960);
        let packet = Packet { ssrc, sequence, timestamp, codec: Some(Codec::Opus), payload: &payload };
        let at = self.at(ms);
        self.jitter.put(&packet, at)
    }

    fn put(&mut self, sequence: u16, ms: u64) -> Put {
        self.put_from(1, sequence, ms)
    }

    /// What is taken, in short: the sequence number, m for missing, r with redundancy, s for starved, - for silent.
    fn take(&mut self, ms: u64) -> String {
        let at = self.at(ms);
        match self.jitter.take(at) {
            Next::Play { payload, .. } => number(payload).to_string(),
            Next::Missing { after: Some(payload), .. } => format!("r{}", number(payload)),
            Next::Missing { after: None, .. } => "m".into(),
            Next::Starved { .. } => "s".into(),
            Next::Silent => "-".into(),
        }
    }

    fn takes(&mut self, count: usize, ms: u64) -> String {
        (0..count).map(|_| self.take(ms)).collect::<Vec<_>>().join(" ")
    }
}

fn number(payload: &[u8]) -> u16 {
    u16::from_be_bytes(payload.try_into().unwrap())
}

#[test]
fn it_starts_with_forty_milliseconds_and_plays_in_order() {
    let mut bench = Bench::new();
    assert_eq!(bench.take(0), "-");
    assert_eq!(bench.put(10, 0), Put::Restarted);
    assert_eq!(bench.take(1), "-");
    assert_eq!(bench.put(11, 20), Put::Kept);
    assert_eq!(bench.take(21), "10");
    assert_eq!(bench.put(12, 40), Put::Kept);
    assert_eq!(bench.takes(2, 41), "11 12");
}

#[test]
fn a_lone_packet_does_not_wait_for_ever() {
    let mut bench = Bench::new();
    bench.put(10, 0);
    assert_eq!(bench.take(39), "-");
    assert_eq!(bench.take(40), "10");
}

#[test]
fn arrivals() {
    // (arriving sequence numbers 20 ms apart, everything that is then played)
    let table: [(&str, &[u16], &str); 8] = [
        ("in order", &[1, 2, 3, 4], "1 2 3 4"),
        ("out of order", &[2, 1, 4, 3], "1 2 3 4"),
        ("twice", &[1, 1, 2, 2, 3, 4, 4], "1 2 3 4"),
        ("one lost", &[1, 2, 4, 5], "1 2 r4 4 5"),
        ("two lost", &[1, 2, 5, 6], "1 2 m r5 5 6"),
        ("across the end of the numbers", &[65_534, 65_535, 0, 1], "65534 65535 0 1"),
        ("out of order across it", &[65_535, 65_534, 1, 0], "65534 65535 0 1"),
        ("lost across it", &[65_534, 0, 1], "65534 r0 0 1"),
    ];
    for (name, arriving, played) in table {
        let mut bench = Bench::new();
        for (at, sequence) in arriving.iter().enumerate() {
            bench.put(*sequence, at as u64 * 20);
        }
        let takes = played.split(' ').count();
        assert_eq!(bench.takes(takes, 200), played, "{name}");
        assert_eq!(bench.take(200), "s", "{name}: then there is nothing");
    }
}

#[test]
fn late_and_doubled_packets_are_told_apart() {
    let mut bench = Bench::new();
    bench.put(1, 0);
    bench.put(3, 20);
    assert_eq!(bench.put(3, 21), Put::Duplicate);
    assert_eq!(bench.takes(2, 60), "1 r3");
    assert_eq!(bench.put(2, 61), Put::Late);
    assert_eq!(bench.put(1, 62), Put::Duplicate);
    assert_eq!(bench.take(80), "3");
}

#[test]
fn starving_stretches_a_while_then_fills_anew() {
    let mut bench = Bench::new();
    bench.put(1, 0);
    bench.put(2, 20);
    assert_eq!(bench.takes(8, 60), "1 2 s s s s s -");
    // Nothing that comes now is late, and it waits for its forty milliseconds again.
    assert_eq!(bench.put(3, 300), Put::Kept);
    assert_eq!(bench.take(301), "-");
    bench.put(4, 320);
    assert_eq!(bench.takes(2, 321), "3 4");
}

#[test]
fn a_short_drought_only_adds_delay() {
    let mut bench = Bench::new();
    bench.put(1, 0);
    bench.put(2, 20);
    assert_eq!(bench.takes(3, 60), "1 2 s");
    assert_eq!(bench.put(3, 100), Put::Kept);
    assert_eq!(bench.take(101), "3");
}

#[test]
fn places_without_sound_are_no_loss() {
    let mut bench = Bench::new();
    bench.put(1, 0);
    let at = bench.at(20);
    for sequence in 2..5 {
        let event = Packet { ssrc: 1, sequence, timestamp: 960, codec: None, payload: &[5, 0, 0, 0] };
        assert_eq!(bench.jitter.put(&event, at), Put::Kept);
    }
    bench.put(5, 80);
    assert_eq!(bench.takes(2, 81), "1 5");
}

#[test]
fn another_source_takes_over_at_once_and_the_old_one_does_not_come_back() {
    let mut bench = Bench::new();
    bench.put(100, 0);
    bench.put(101, 20);
    assert_eq!(bench.take(40), "100");
    assert_eq!(bench.put_from(2, 7, 60), Put::Restarted);
    assert_eq!(bench.put_from(1, 102, 61), Put::Refused);
    assert_eq!(bench.put_from(2, 8, 80), Put::Kept);
    assert_eq!(bench.takes(2, 81), "7 8");
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
    assert_eq!(bench.take(120), "30001");
}

#[test]
fn the_target_follows_the_spread_of_delays_within_its_bounds() {
    for (spread, expected) in [(0u64, 40), (60, 80), (1_000, 200)] {
        let mut bench = Bench::new();
        let mut taken = 0;
        for sequence in 0..300u16 {
            // One packet in five is held up by the whole spread.
            let held = if sequence % 5 == 0 { spread } else { 0 };
            bench.put(sequence, u64::from(sequence) * 20 + held);
            bench.take(u64::from(sequence) * 20);
            taken += 1;
        }
        assert_eq!(taken, 300);
        let target = bench.jitter.target().as_millis();
        assert!(target.abs_diff(expected) <= 2, "spread {spread}: {target}");
    }
}

#[test]
fn a_burst_leaves_a_surplus_to_be_shortened() {
    let mut bench = Bench::new();
    for sequence in 0..12 {
        bench.put(sequence, 0);
    }
    // Two seconds of play at the pace of arrival: 240 ms stay too many.
    for sequence in 12..112u16 {
        let ms = u64::from(sequence - 12) * 20;
        bench.put(sequence, ms);
        bench.take(ms);
    }
    let surplus = bench.jitter.surplus();
    assert!(surplus >= MS * 40, "{surplus:?}");
    bench.jitter.shortened(MS * 20);
    assert_eq!(bench.jitter.surplus(), surplus - MS * 20);
}

#[test]
fn more_than_fits_drops_the_oldest() {
    let mut bench = Bench::new();
    for sequence in 0..100 {
        bench.put(sequence, 0);
    }
    assert_eq!(bench.take(50), "36");
    assert!(bench.jitter.level() <= MS * 20 * SLOTS as u32);
}

#[test]
fn what_is_too_large_is_refused_and_clearing_forgets() {
    let mut bench = Bench::new();
    let at = bench.at(0);
    let large = vec![0; LARGEST + 1];
    let packet = Packet { ssrc: 1, sequence: 0, timestamp: 0, codec: Some(Codec::Pcma), payload: &large };
    assert_eq!(bench.jitter.put(&packet, at), Put::Refused);
    bench.put(1, 0);
    bench.put(2, 20);
    bench.jitter.clear();
    assert_eq!((bench.take(100), bench.jitter.level()), ("-".into(), Duration::ZERO));
    assert_eq!(bench.put(3, 120), Put::Restarted);
}

proptest! {
    /// Whatever comes in whatever order: no panic, and the delay stays bounded.
    #[test]
    fn any_packets_at_all(packets in prop::collection::vec((0u32..3, any::<u16>(), any::<u32>(), 0u64..50, any::<bool>()), 0..400)) {
        let mut bench = Bench::new();
        let mut ms = 0;
        for (ssrc, sequence, timestamp, pause, voice) in packets {
            ms += pause;
            let at = bench.at(ms);
            let packet = Packet { ssrc, sequence, timestamp, codec: voice.then_some(Codec::Pcmu), payload: &[1, 2] };
            bench.jitter.put(&packet, at);
            let _ = bench.jitter.take(at);
            prop_assert!(bench.jitter.target() >= LEAST && bench.jitter.target() <= MOST);
            prop_assert!(bench.jitter.level() <= MS * 120 * SLOTS as u32);
        }
    }

    /// A stream with losses, doubles and delays: what is in time is played once, and everything in order.
    #[test]
    fn in_time_means_played_once(
        first in any::<u16>(),
        fates in prop::collection::vec((0u8..10, 0u64..35), 50..200),
    ) {
        let mut bench = Bench::new();
        // (arrival, sequence): one in ten is lost, one in ten comes twice.
        let mut arrivals = Vec::new();
        for (n, (fate, delay)) in fates.iter().enumerate() {
            let sequence = first.wrapping_add(n as u16);
            let at = n as u64 * 20 + delay;
            if *fate > 0 {
                arrivals.push((at, sequence));
            }
            if *fate == 9 {
                arrivals.push((at + 5, sequence));
            }
        }
        arrivals.sort_unstable();
        let mut kept = Vec::new();
        let mut played = Vec::new();
        let mut arrivals = arrivals.into_iter().peekable();
        for ms in (0..fates.len() as u64 * 20 + 1_000).step_by(20) {
            while let Some((at, sequence)) = arrivals.next_if(|(at, _)| *at <= ms) {
                if matches!(bench.put(sequence, at), Put::Kept | Put::Restarted) {
                    kept.push(sequence);
                }
            }
            if let Ok(sequence) = bench.take(ms).parse::<u16>() {
                played.push(sequence);
            }
            prop_assert!(bench.jitter.level() <= MOST + MS * 100);
        }
        // Sequence numbers in the order of the sender, however they wrap.
        kept.sort_unstable_by_key(|sequence| sequence.wrapping_sub(first));
        prop_assert_eq!(played, kept);
    }
}
