//! What is heard of a voice whose packets are lost, late, doubled, or not sent.

use proptest::prelude::*;

use super::line::{Line, voice};
use super::*;
use crate::codec::{LARGEST_PAYLOAD, Law};

/// Seeded, so that a failure comes again: uniform in 0 to 1.
fn random(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Exponential jitter of a queue: nothing overtakes.
fn queue(mean: f64, seed: u64) -> impl FnMut(u64) -> Option<f64> {
    let mut random = random(seed);
    let mut last = 0.0f64;
    move |n| {
        let made = n as f64 * 20.0;
        last = last.max(made - mean * (1.0 - random()).ln());
        Some(last - made)
    }
}

#[test]
fn on_a_quiet_network_it_is_heard_at_once_and_whole() {
    for codec in [Codec::Opus, Codec::Pcmu] {
        let mut line = Line::new(codec);
        line.goes_on(500, |_| Some(3.0));
        let begun = line.heard.iter().position(|heard| *heard == Heard::Speech).unwrap();
        assert!(begun <= 5, "{codec:?} begins at {begun}0 ms");
        assert!(line.heard[begun..].iter().all(|heard| *heard == Heard::Speech));
        assert!(line.delay() <= 35, "{codec:?} settles at {} ms", line.delay());
        assert_eq!(line.decided_ms()[1..4], [0, 0, 0]);
    }
}

#[test]
fn a_lost_packet_comes_out_of_the_next_one() {
    let mut line = Line::new(Codec::Opus);
    line.goes_on(500, |n| (n % 10 != 7).then_some(0.0));
    let [_, lost, bridged, recovered, ..] = line.decided_ms();
    // The first few come before it is known that waiting for redundancy is worth it, and in pauses there is none.
    assert!(recovered > 500 && lost + bridged < 500, "{:?}", line.decided_ms());
    assert!(line.heard[100..].iter().all(|heard| *heard != Heard::Silence));
}

#[test]
fn what_a_burst_took_comes_out_of_deep_redundancy() {
    let known = |deep| {
        let mut line = Line { deep, ..Line::new(Codec::Opus) };
        line.goes_on(1_400, |n| (n % 30 < 28).then_some(0.0));
        (line.decided_ms()[3], line.delay())
    };
    let ((without, short), (with, long)) = (known(false), known(true));
    // Two of thirty are lost: 1,867 ms, of which one packet in each gap is known anyway, but in pauses.
    assert!(without < 910 && with > 1_300, "{without} ms, with deep redundancy {with}");
    assert!(long - short <= 25, "it is waited for: {short} ms, {long}");
}

#[test]
fn g711_has_no_redundancy_and_is_continued() {
    let mut line = Line::new(Codec::Pcma);
    line.goes_on(300, |n| (n % 10 != 7).then_some(0.0));
    let [_, lost, bridged, recovered, ..] = line.decided_ms();
    assert!((lost + bridged).abs_diff(600) < 60 && recovered == 0, "{:?}", line.decided_ms());
}

#[test]
fn a_packet_that_is_only_late_loses_nothing() {
    let mut line = Line::new(Codec::Opus);
    // The network stands still for 90 ms, then all comes at once.
    line.goes_on(400, |n| Some(if (250..255).contains(&n) { (255 - n) as f64 * 20.0 - 10.0 } else { 0.0 }));
    let [_, lost, bridged, ..] = line.decided_ms();
    line.listen(10);
    assert_eq!((line.decided_ms()[0], lost), (8_000, 0));
    assert!((40..110).contains(&bridged), "{bridged} ms");
}

#[test]
fn jitter_costs_little_sound_and_little_delay() {
    for (mean, seed) in [(5.0, 1), (10.0, 2), (20.0, 3), (40.0, 4)] {
        let mut line = Line::new(Codec::Opus);
        let (mut jitter, mut lags) = (queue(mean, seed), Vec::new());
        line.goes_on(3_000, |n| {
            let lag = jitter(n);
            lags.extend(lag);
            lag
        });
        lags.sort_by(f64::total_cmp);
        let lag = lags[lags.len() * 95 / 100];
        let concealed = line.concealed_from(500) * 100.0;
        let mut delays = line.delays[500..].to_vec();
        delays.sort_unstable();
        let (median, p95) = (delays[delays.len() / 2] as f64, delays[delays.len() * 95 / 100]);
        let [.., shortened, lengthened] = line.decided_ms();
        // Of a minute.
        assert!(shortened + lengthened < 900, "{mean} ms: {shortened} taken out, {lengthened} put in");
        let added = median - (delay::LEAST / MS) as f64;
        assert!(added <= lag + 40.0 && concealed < 3.0, "{mean} ms, {lag}: delay {median} to {p95} ms, {concealed} %");
    }
}

#[test]
fn a_spike_of_250_ms_loses_no_word_and_is_forgotten_within_ten_seconds() {
    let mut line = Line::new(Codec::Opus);
    line.goes_on(250, |_| Some(1.0));
    let before = line.delay();
    line.goes_on(550, |n| Some(if (250..263).contains(&n) { (263 - n) as f64 * 20.0 - 10.0 } else { 1.0 }));
    assert!(line.delays.iter().max().unwrap() > &200);
    assert!(line.delay() <= before + 20, "{} ms, before {before}", line.delay());
    let ten_seconds_later = line.delays[526 + 1_000];
    assert!(ten_seconds_later <= before + 20, "{ten_seconds_later}");
    line.listen(20);
    assert_eq!(line.decided_ms()[0], 800 * 20, "every packet was played");
}

#[test]
fn clocks_that_differ_by_100_ppm_move_nothing() {
    for ppm in [100, -100] {
        let mut line = Line::new(Codec::Pcmu);
        line.ppm = ppm;
        // Twenty minutes: 120 ms of difference.
        // A fast clock's packets come before their time; they are all 200 ms on their way.
        line.goes_on(60_000, |_| Some(200.0));
        let (least, most) = line.delays[1_000..].iter().fold((u128::MAX, 0), |(a, b), d| (a.min(*d), b.max(*d)));
        assert!(most <= least + 20 && most <= 40, "{ppm} ppm: {least} to {most} ms");
        assert!(line.concealed_from(1_000) < 0.001, "{} %", line.concealed_from(1_000) * 100.0);
    }
}

/// So many packets of G.711 from a sender whose clock is off, over a jittery network; with what was heard after the first ten seconds.
/// A cheap line for long calls: nothing is coded, nothing is remembered.
fn hours(packets: u64, ppm: i64, playout: &mut Playout, epoch: Instant) -> (Decisions, u128, u128) {
    let spoken = |n: u64| Law::A.compress((voice(n * 6) * 32_767.0) as i16);
    let voice: Vec<u8> = (0..5 * 8_000).map(spoken).collect();
    let payloads: Vec<&[u8]> = voice.chunks_exact(160).collect();
    let mut random = random(ppm.unsigned_abs() + 9);
    let (mut out, mut begun, mut least, mut most) = ([0.0; FRAME], Decisions::default(), u128::MAX, 0);
    // A quiet network: up to 5 ms.
    let mut arrival = |n: u64| (n * 20_000) * (1_000_000 - ppm) as u64 / 1_000_000 + (random() * 5_000.0) as u64;
    let mut next = (0, arrival(0));
    for tick in 0..2 * packets {
        let micros = tick * 10_000;
        while next.1 <= micros {
            let (kind, n) = (Payload::Voice(Codec::Pcma), next.0);
            let packet = Packet {
                ssrc: 7,
                sequence: n as u16,
                timestamp: (n * 160) as u32,
                kind,
                payload: payloads[n as usize % payloads.len()],
            };
            playout.put(&packet, epoch + Duration::from_micros(next.1));
            next = (n + 1, arrival(n + 1));
        }
        let now = epoch + Duration::from_micros(micros);
        let heard = playout.render(now, &mut out);
        if tick == 1_000 {
            begun = playout.decisions();
        } else if tick > 1_000 {
            let delay = playout.delay(now).as_millis();
            (least, most) = (least.min(delay), most.max(delay));
            assert_eq!(heard, Heard::Speech, "at {micros}: {:?}", playout.decisions());
        }
    }
    (begun, least, most)
}

#[test]
#[ignore = "a minute; npm run test:slow"]
fn eight_hours_at_100_ppm_without_a_glitch_and_without_drift() {
    for ppm in [100, -100] {
        let epoch = Instant::now();
        let mut playout = Playout::new(epoch);
        let (begun, least, most) = hours(8 * 3_600 * 50, ppm, &mut playout, epoch);
        let end = playout.decisions();
        assert!(most <= least + 20, "{ppm} ppm: {least} to {most} ms");
        assert_eq!((end.lost, end.bridged, end.late, end.streams), (begun.lost, begun.bridged, begun.late, 1));
    }
}

#[test]
#[ignore = "a minute; npm run test:slow"]
fn ten_thousand_calls_leave_nothing_behind() {
    let one = |n: i64| {
        let epoch = Instant::now();
        let mut playout = Playout::new(epoch);
        let mut encoders = crate::codec::Encoders::new();
        let mut payload = [0; LARGEST_PAYLOAD];
        for codec in Codec::ALL {
            encoders.of(codec).unwrap().encode(&[0.1; 960], &mut payload).unwrap();
        }
        hours(60, n % 100, &mut playout, epoch);
    };
    one(0);
    let counted = allocation_counter::measure(|| (1..10_000).for_each(one));
    assert_eq!((counted.count_current, counted.bytes_current), (0, 0), "{counted:?}");
}

#[test]
fn a_pause_of_the_sender_is_silent_and_what_follows_is_heard_whole() {
    let mut line = Line::new(Codec::Opus);
    line.goes_on(100, |_| Some(0.0));
    // Not sent at all, as in DTX: the numbers go on, the clock has moved.
    line.sent += 100;
    line.listen(200);
    assert_eq!(line.heard[line.heard.len() - 1], Heard::Silence);
    let played = line.playout.decisions().played;
    let payload = [0xf8, 0xff, 0xfe];
    for n in 0..10u64 {
        let micros = (200 + n) * 20_000;
        line.put(1, (100 + n) as u16, (200 + n) * 960, &payload, micros);
        line.listen(2);
    }
    line.listen(10);
    assert_eq!(line.playout.decisions().streams, 1, "no new stream");
    assert_eq!((line.playout.decisions().played - played) / 960, 10);
}

#[test]
fn another_source_is_heard_at_once() {
    let mut line = Line::new(Codec::Pcmu);
    line.goes_on(100, |_| Some(0.0));
    line.coming.clear();
    for n in 0..20u64 {
        line.put(9, n as u16, n * 960 + 77_777_760, &[0x55; 160], (100 + n) * 20_000);
        line.listen(2);
    }
    assert_eq!(line.playout.decisions().streams, 2);
    assert!(line.heard[212..].iter().all(|heard| *heard == Heard::Speech));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Losses, doubles, delays and jumps of the clock: every packet is played once or covered, the sound adds up, nothing blocks.
    #[test]
    fn every_schedule_adds_up(fates in prop::collection::vec((0u8..12, 0u64..180), 50..200), rate in 0u8..2) {
        let mut line = Line::new(if rate == 0 { Codec::Opus } else { Codec::Pcma });
        let mut fate = fates.iter();
        line.goes_on(fates.len() as u64, |_| match fate.next() {
            Some((0, _)) | None => None,
            Some((1, lag)) => Some(*lag as f64 * 3.0),
            Some((_, lag)) => Some(*lag as f64 / 9.0),
        });
        // The latest packet comes after half a second, and its background goes on for one more.
        line.listen(250);
        let d = line.playout.decisions();
        let rendered = line.heard.iter().filter(|heard| **heard != Heard::Silence).count() as u64 * FRAME as u64;
        let made = d.played + d.lost + d.bridged + d.paused + d.recovered + d.lengthened - d.shortened;
        // A last frame may be half full.
        prop_assert!(rendered >= made - line.playout.sound.len() as u64, "{d:?}");
        prop_assert!(rendered < made + FRAME as u64 * (2 + d.lost / 960 + d.bridged / 960), "{d:?}");
        prop_assert!(d.played <= fates.len() as u64 * 960);
        prop_assert!(line.sound.iter().all(|sample| sample.abs() <= 1.5));
        prop_assert_eq!(line.heard[line.heard.len() - 1], Heard::Silence);
    }
}
