//! Reports between two ends, with a clock and a network of their own.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn reports(ssrc: u32, now: Instant) -> Reports {
    Reports::new(ssrc, "x".into(), now, UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

fn block(packets: &[Box<dyn Packet>]) -> ReceptionReport {
    let any = packets[0].as_any();
    let sender = any.downcast_ref::<SenderReport>().map(|report| report.reports.clone());
    let blocks = sender.or_else(|| any.downcast_ref::<ReceiverReport>().map(|report| report.reports.clone())).unwrap();
    blocks[0].clone()
}

#[test]
fn loss_is_counted_over_the_interval_and_in_all() {
    let start = Instant::now();
    let mut reports = reports(1, start);
    // One in five is missing, across the end of the numbers.
    for n in (0..100u16).filter(|n| n % 5 != 3) {
        reports.received(
            7,
            65_500u16.wrapping_add(n),
            u32::from(n) * 960,
            48_000,
            true,
            start + MS * u32::from(n) * 20,
        );
    }
    let told = block(&reports.report(start + MS * 2_000));
    assert_eq!((told.ssrc, told.total_lost), (7, 20));
    assert!((f32::from(told.fraction_lost) / 256.0 - 0.2).abs() < 0.01);
    assert_eq!(reports.figures().packets_lost, 20);
    assert!((reports.figures().loss_percent - 20.0).abs() < 1.0);
    assert!(reports.figures().jitter_ms < 0.01);
    // The next interval is clean.
    for n in 100..150u16 {
        reports.received(
            7,
            65_500u16.wrapping_add(n),
            u32::from(n) * 960,
            48_000,
            true,
            start + MS * u32::from(n) * 20,
        );
    }
    let told = block(&reports.report(start + MS * 3_000));
    assert_eq!((told.fraction_lost, told.total_lost), (0, 20));
    assert_eq!(reports.figures().loss_percent, 0.0);
}

#[test]
fn another_source_or_a_restart_is_no_loss() {
    let start = Instant::now();
    let mut reports = reports(1, start);
    for (ssrc, sequence) in [(7, 100u16), (7, 101), (8, 40_000), (8, 40_001), (8, 5), (8, 6)] {
        reports.received(ssrc, sequence, 0, 8_000, true, start);
    }
    assert_eq!((reports.figures().packets_lost, reports.figures().packets_received), (0, 6));
}

#[test]
fn jitter_is_in_time_whatever_the_clock_rate() {
    for clock_rate in [8_000u32, 48_000] {
        let start = Instant::now();
        let mut reports = reports(1, start);
        for n in 0..500u32 {
            // Every other packet is ten milliseconds late.
            let late = MS * (n % 2) * 10;
            reports.received(7, n as u16, n * clock_rate / 50, clock_rate, true, start + MS * n * 20 + late);
        }
        assert!((reports.figures().jitter_ms - 10.0).abs() < 0.5, "{}", reports.figures().jitter_ms);
    }
}

#[test]
fn the_round_trip_leaves_out_what_the_far_end_held_back() {
    let start = Instant::now();
    let (mut near, mut far) = (reports(1, start), reports(2, start));
    near.sent(0, 48_000, 80, start);
    far.received(1, 0, 0, 48_000, true, start + MS * 30);
    let report = near.report(start + MS * 1_000);
    far.take(&report, start + MS * 1_030);
    // The far end reports 400 ms later; back again takes 50.
    let report = far.report(start + MS * 1_430);
    near.take(&report, start + MS * 1_480);
    let round_trip = near.figures().round_trip_ms.unwrap();
    assert!((round_trip - 80.0).abs() < 0.1, "{round_trip}");
    assert_eq!(near.figures().lost_remote_percent, 0.0);
}

#[test]
fn a_report_on_somebody_else_is_not_ours() {
    let start = Instant::now();
    let (mut near, mut far) = (reports(1, start), reports(2, start));
    far.received(99, 0, 0, 48_000, true, start);
    far.received(99, 9, 0, 48_000, true, start);
    near.take(&far.report(start + MS), start + MS * 2);
    assert_eq!(near.figures(), Figures::default());
}

#[test]
fn a_sender_tells_how_much_and_when() {
    let start = Instant::now();
    let mut reports = reports(1, start);
    assert!(reports.report(start)[0].as_any().is::<ReceiverReport>());
    reports.sent(1_000, 8_000, 160, start);
    reports.sent(1_160, 8_000, 160, start + MS * 20);
    let told = reports.report(start + MS * 520);
    let report = told[0].as_any().downcast_ref::<SenderReport>().unwrap();
    assert_eq!((report.packet_count, report.octet_count), (2, 320));
    // Half a second after the last packet its clock has gone on by 4000.
    assert_eq!(report.rtp_time, 1_160 + 4_000);
    assert_eq!(report.ntp_time >> 32, 1_700_000_000 + NTP_EPOCH);
    assert!(told[1].as_any().is::<SourceDescription>());
    // Nothing sent since: only a receiver report.
    assert!(reports.report(start + MS * 1_520)[0].as_any().is::<ReceiverReport>());
}
