//! Calls through lines that lose, that are too narrow, and that only look so.

use super::*;

/// A call through a line that lets pass so much, kbit/s; what is too much waits, or is thrown away.
struct Call {
    adaptation: Adaptation,
    reception: Reception,
    told: Told,
    /// Report every so many seconds.
    every: u32,
    /// Of so many reports one tells the round trip, and of the first so many none.
    tells: u32,
    untold: u32,
    step: u32,
    queue_ms: f32,
    passed: (f32, f32),
}

/// What a line does.
#[derive(Clone, Copy)]
struct Line {
    kbit: f32,
    holds_ms: f32,
    loses: f32,
    trip_ms: f32,
}

const FREE: Line = Line { kbit: 1_000.0, holds_ms: 200.0, loses: 0.0, trip_ms: 40.0 };

impl Call {
    fn new(every: u32) -> Self {
        let mut adaptation = Adaptation::new();
        let reception = Reception { deep: true, checked_ms: Some(FREE.trip_ms), ..Reception::default() };
        let told = adaptation.follow(&reception);
        Self { adaptation, reception, told, every, tells: 1, untold: 0, step: 0, queue_ms: 0.0, passed: (0.0, 0.0) }
    }

    /// Goes on for so many seconds; what is sent then.
    fn through(&mut self, line: Line, seconds: u32) -> Told {
        for _ in 0..seconds * 50 {
            let sent = wire(self.told.bitrate, self.told.samples) as f32 / 1_000.0;
            self.queue_ms += (sent / line.kbit - 1.0) * 20.0;
            let over = (self.queue_ms - line.holds_ms).max(0.0) * line.kbit / sent / 20.0;
            self.queue_ms = self.queue_ms.clamp(0.0, line.holds_ms);
            self.passed.0 += (1.0 - over) * (1.0 - line.loses / 100.0);
            self.passed.1 += 1.0;
            self.step += 1;
            if self.step.is_multiple_of(self.every * 50) {
                self.reception.reports += 1;
                self.reception.loss_percent = 100.0 * (1.0 - self.passed.0 / self.passed.1);
                let reports = self.reception.reports;
                let tells = reports > self.untold && reports.is_multiple_of(self.tells);
                self.reception.round_trip_ms = tells.then_some(line.trip_ms + self.queue_ms);
                self.passed = (0.0, 0.0);
            }
            self.told = self.adaptation.follow(&self.reception);
        }
        self.told
    }
}

#[test]
fn a_line_that_loses_is_given_more_however_much_it_loses() {
    for every in [1, 5] {
        for loses in [4.0, 10.0, 30.0] {
            let mut call = Call::new(every);
            call.through(Line { loses, ..FREE }, 60);
            let told = call.through(Line { loses, ..FREE }, 30);
            assert_eq!((told.bitrate, told.samples, told.deep), (48_000, PACKET, true), "{loses} % each {every} s");
            let told = call.through(FREE, 30);
            assert_eq!((told.bitrate, told.samples, told.deep), (32_000, PACKET, false), "and nothing any more");
        }
    }
}

#[test]
fn a_line_too_narrow_is_given_what_passes() {
    for every in [1, 5] {
        for (kbit, holds_ms, most) in [(48.0, 200.0, 34_000), (32.0, 200.0, 28_000), (24.0, 400.0, 21_000)] {
            let mut call = Call::new(every);
            call.through(Line { kbit, holds_ms, ..FREE }, 50);
            let told = call.told;
            let sent = wire(told.bitrate, told.samples);
            assert!(sent <= most, "{kbit} kbit/s and {holds_ms} ms, each {every} s: {sent}");
            assert!(call.queue_ms < 100.0, "{kbit} kbit/s: a queue of {} ms", call.queue_ms);
        }
    }
}

#[test]
fn a_line_too_narrow_is_found_out_though_its_queue_is_seen_late() {
    // What would tell of the round trip is lost there too.
    for untold in 1..15 {
        let mut call = Call::new(1);
        call.untold = untold;
        let line = Line { kbit: 32.0, ..FREE };
        call.through(line, untold + 5);
        let flooded = (0..40).filter(|_| call.through(line, 1).bitrate > 32_000).count();
        assert_eq!(flooded, 0, "{untold}: seconds of more than before, though a queue was seen");
        let sent = wire(call.told.bitrate, call.told.samples);
        assert!(sent <= 28_000 && call.queue_ms < 100.0, "{untold}: {sent}, a queue of {} ms", call.queue_ms);
    }
}

#[test]
fn once_the_line_is_wider_more_is_sent_and_what_was_wrong_is_tried_ever_more_seldom() {
    let mut call = Call::new(1);
    call.through(FREE, 10);
    let narrow = Line { kbit: 40.0, ..FREE };
    call.through(narrow, 30);
    let mut until_tried =
        || (1..900).find(|_| call.through(narrow, 1).samples == PACKET && call.through(narrow, 20).samples > PACKET);
    let (first, second, third) = (until_tried(), until_tried(), until_tried());
    assert!(first.is_some() && first < second && second < third, "{first:?} {second:?} {third:?}");
    assert_eq!(call.through(FREE, 900).bitrate, 32_000);
}

#[test]
fn neither_a_stall_nor_jitter_nor_another_path_is_a_queue() {
    let mut call = Call::new(1);
    call.through(FREE, 10);
    for _ in 0..10 {
        call.through(Line { trip_ms: 300.0, ..FREE }, 1);
        assert_eq!(call.told.samples, PACKET, "a stall");
        assert_eq!(call.through(FREE, 4).samples, PACKET);
    }
    call.reception.jitter_ms = 30.0;
    assert_eq!(call.through(Line { trip_ms: 150.0, ..FREE }, 60).samples, PACKET, "jitter");
    call.reception.jitter_ms = 0.0;
    call.through(Line { trip_ms: 300.0, ..FREE }, 20);
    assert_eq!(call.through(Line { trip_ms: 300.0, ..FREE }, 60).samples, PACKET, "another path");
}

#[test]
fn checks_that_end_nearer_than_reports_are_no_queue() {
    for tells in [1, 2, 3] {
        let mut call = Call::new(1);
        (call.reception.checked_ms, call.tells) = (Some(20.0), tells);
        let line = Line { trip_ms: 190.0, ..FREE };
        let less = (0..300).filter(|_| call.through(line, 1).samples > PACKET).count();
        assert!((1..20).contains(&less), "{less} s of 300 where one in {tells} tells the round trip");
    }
}

#[test]
fn a_line_without_a_queue_is_not_overrun_for_long() {
    for holds_ms in [0.0, 50.0] {
        let mut call = Call::new(1);
        // One bad moment; then 52 kbit/s pass and 68 do not.
        call.through(Line { loses: 6.0, ..FREE }, 5);
        let line = Line { kbit: 56.0, holds_ms, ..FREE };
        let over = (0..300).filter(|_| call.through(line, 1).bitrate == 48_000).count();
        assert!(over < 90, "{holds_ms} ms: {over} s of 300");
    }
}

#[test]
fn where_reports_cease_it_is_as_if_nothing_were_known() {
    let mut call = Call::new(1);
    call.through(FREE, 10);
    assert!(call.through(Line { kbit: 32.0, ..FREE }, 20).samples > PACKET);
    call.every = 1_000;
    let told = call.through(FREE, 60);
    assert_eq!((told.bitrate, told.samples), (32_000, PACKET));
}

#[test]
fn nobody_is_sent_longer_packets_than_he_takes() {
    for (longest, samples) in [(PACKET, PACKET), (2 * PACKET + 480, 2 * PACKET), (0, PACKET)] {
        let mut call = Call::new(1);
        call.reception.longest = longest;
        call.through(FREE, 10);
        assert_eq!(call.through(Line { kbit: 24.0, ..FREE }, 20).samples, samples);
    }
}
