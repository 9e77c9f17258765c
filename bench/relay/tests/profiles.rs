//! What each profile does to 100,000 packets, on virtual time.

use std::time::Duration;

use cuffia_relay::{Drop, Fate, Link, NAMES, Profile};

const PACKETS: usize = 100_000;
/// Opus at 32 kbit/s and 20 ms, in SRTP, UDP and IP.
const IP_BYTES: usize = 130;

/// What became of packets that came at equal distances.
struct Run {
    came: Vec<Duration>,
    fates: Vec<Fate>,
}

impl Run {
    fn of(profile: &Profile, seed: u64, every: Duration) -> Self {
        let mut link = Link::new(profile, seed);
        let came: Vec<_> = (0..PACKETS as u32).map(|n| every * n).collect();
        let fates = came.iter().map(|now| link.pass(*now, IP_BYTES)).collect();
        Self { came, fates }
    }

    fn named(name: &str) -> Self {
        Self::of(&profile(name), 7, Duration::from_millis(20))
    }

    fn dropped(&self, why: Drop) -> usize {
        self.fates.iter().filter(|fate| **fate == Fate::Dropped(why)).count()
    }

    fn lost_percent(&self) -> f64 {
        self.dropped(Drop::Lost) as f64 * 100.0 / PACKETS as f64
    }

    /// Mean number of packets lost in a row.
    fn burst(&self) -> f64 {
        let lost: Vec<_> = self.fates.iter().map(|fate| *fate == Fate::Dropped(Drop::Lost)).collect();
        let begun = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        self.dropped(Drop::Lost) as f64 / begun as f64
    }

    fn leaving(&self) -> Vec<Duration> {
        self.fates.iter().filter_map(leaves).collect()
    }

    /// How long each packet was in the network, ms.
    fn delays(&self) -> Vec<f64> {
        let both = self.came.iter().zip(&self.fates);
        both.filter_map(|(came, fate)| Some((leaves(fate)? - *came).as_secs_f64() * 1_000.0)).collect()
    }

    fn keeps_order(&self) -> bool {
        self.leaving().is_sorted()
    }
}

fn leaves(fate: &Fate) -> Option<Duration> {
    match fate {
        Fate::Leaves { at, .. } => Some(*at),
        Fate::Dropped(_) => None,
    }
}

fn profile(name: &str) -> Profile {
    Profile::named(name).expect(name)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[track_caller]
fn near(value: f64, wanted: f64, tolerance: f64) {
    assert!((value - wanted).abs() <= tolerance, "{value} is not {wanted} ± {tolerance}");
}

#[test]
fn clean_is_as_if_there_were_no_network() {
    let run = Run::named("clean");
    assert_eq!(run.leaving(), run.came);
}

#[test]
fn rtt60_takes_thirty_milliseconds_each_way() {
    assert!(Run::named("rtt60").delays().iter().all(|delay| (delay - 30.0).abs() < 1e-6));
}

#[test]
fn loss_is_independent_and_of_the_share_named() {
    for percent in [1.0, 5.0, 10.0, 20.0, 30.0] {
        let run = Run::named(&format!("loss{percent}"));
        near(run.lost_percent(), percent, 0.4);
        near(run.burst(), 1.0 / (1.0 - percent / 100.0), 0.03);
        assert_eq!(run.leaving().len() + run.dropped(Drop::Lost), PACKETS);
    }
}

#[test]
fn bursts_are_three_in_a_row_and_of_the_share_named() {
    for percent in [5.0, 10.0, 20.0] {
        let run = Run::named(&format!("burst{percent}"));
        near(run.lost_percent(), percent, percent * 0.06);
        near(run.burst(), 3.0, 0.1);
    }
}

#[test]
fn lossgen_loses_a_tenth_with_outages_between_long_good_stretches() {
    let run = Run::named("lossgen10");
    near(run.lost_percent(), 9.9, 0.5);
    near(run.burst(), 1.68, 0.1);
    let longest = run.fates.chunk_by(|a, b| leaves(a).is_none() == leaves(b).is_none());
    assert!(longest.filter(|row| leaves(&row[0]).is_none()).any(|row| row.len() > 30));
    let other = Run::of(&profile("lossgen10"), 8, Duration::from_millis(20));
    assert_ne!(run.fates, other.fates, "another seed begins elsewhere");
}

#[test]
fn jitter_is_exponential_and_nothing_overtakes() {
    for ms in [10.0, 20.0, 40.0] {
        let name = format!("jitter{ms}");
        assert!(Run::named(&name).keeps_order());
        // So far apart that no packet waits for the one before.
        let delays = Run::of(&profile(&name), 7, Duration::from_secs(2)).delays();
        near(mean(&delays), ms, ms * 0.03);
        let above = delays.iter().filter(|delay| **delay > 2.0 * ms).count() as f64 / PACKETS as f64;
        near(above, (-2.0f64).exp(), 0.005);
    }
}

#[test]
fn wifi_holds_a_quarter_of_a_second_and_lets_it_out_together() {
    let run = Run::named("wifi24");
    assert!(run.keeps_order());
    assert_eq!(run.lost_percent(), 0.0);
    for stall in run.came.chunks(250).zip(run.fates.chunks(250)).take(100) {
        let (came, fates) = stall;
        let end = came[0] + Duration::from_millis(250);
        let held: Vec<_> = fates.iter().take(13).filter_map(leaves).collect();
        assert!(held.iter().all(|at| *at >= end), "none leaves within the stall");
        let calm: Vec<_> =
            came.iter().zip(fates).skip(40).filter_map(|(came, fate)| Some(leaves(fate)? - *came)).collect();
        assert!(calm.iter().sum::<Duration>() / calm.len() as u32 >= Duration::from_millis(5));
        assert!(calm.iter().all(|delay| *delay < Duration::from_millis(200)));
    }
}

#[test]
fn reordered_packets_are_overtaken_and_duplicates_come_twice() {
    let run = Run::named("reorder5");
    let leaving = run.leaving();
    assert_eq!(leaving.len(), PACKETS);
    let overtaken = leaving.windows(2).filter(|pair| pair[1] < pair[0]).count();
    // Of those held back, each is overtaken unless the next is held back too.
    near(overtaken as f64 * 100.0 / PACKETS as f64, 5.0 * 0.95, 0.3);
    let twice =
        Run::named("duplicate5").fates.iter().filter(|fate| matches!(fate, Fate::Leaves { twice: true, .. })).count();
    near(twice as f64 * 100.0 / PACKETS as f64, 5.0, 0.3);
    assert!(Run::named("duplicate5").keeps_order());
}

#[test]
fn a_narrow_link_keeps_its_rate_and_its_queue() {
    for rate in [64.0, 48.0, 32.0] {
        let run = Run::named(&format!("cap{rate}"));
        let offered = IP_BYTES as f64 * 8.0 / 20.0;
        let leaving = run.leaving();
        let bits = (leaving.len() * IP_BYTES * 8) as f64;
        let span = (leaving[leaving.len() - 1] - leaving[0]).as_secs_f64() * 1_000.0;
        near(bits / span, offered.min(rate), 0.1);
        assert!(run.keeps_order());
        let packet = IP_BYTES as f64 * 8.0 / rate;
        assert!(run.delays().iter().all(|delay| *delay <= 200.0 + packet + 0.001));
        if offered > rate {
            assert!(run.dropped(Drop::QueueFull) > 0);
            assert!(run.delays().iter().skip(1_000).all(|delay| *delay > 150.0), "a full queue stays nearly full");
        } else {
            assert_eq!(run.dropped(Drop::QueueFull), 0);
        }
    }
}

#[test]
fn combined_is_all_of_it() {
    let run = Run::named("combined");
    near(run.lost_percent(), 5.0, 0.4);
    near(run.burst(), 3.0, 0.15);
    assert!(run.keeps_order());
    assert!(run.delays().iter().all(|delay| *delay >= 30.0));
    near(mean(&Run::of(&profile("combined"), 7, Duration::from_secs(2)).delays()), 50.0, 1.0);
}

#[test]
fn a_blackhole_swallows_what_comes_within_it() {
    let away = Profile { blackhole: Some([10.0, 15.0]), ..Profile::default() };
    let run = Run::of(&away, 1, Duration::from_millis(20));
    assert_eq!(run.dropped(Drop::Blackhole), 250);
    assert!(run.fates[500..750].iter().all(|fate| *fate == Fate::Dropped(Drop::Blackhole)));
}

#[test]
fn a_seed_repeats_a_run_and_another_does_not() {
    for name in NAMES {
        let run = |seed| Run::of(&profile(name), seed, Duration::from_millis(20)).fates;
        assert_eq!(run(3), run(3), "{name}");
        let chance = !(["clean", "rtt60"].contains(&name) || name.starts_with("cap"));
        assert_eq!(run(3) != run(4), chance, "{name}");
    }
}

#[test]
fn one_seed_loses_the_same_packets_with_jitter_and_without() {
    let lost = |profile: &Profile| -> Vec<_> {
        Run::of(profile, 3, Duration::from_millis(20)).fates.iter().map(|fate| leaves(fate).is_none()).collect()
    };
    assert_eq!(lost(&profile("burst5")), lost(&profile("combined")));
}

#[test]
fn time_that_runs_backwards_is_taken_for_standing_still() {
    let mut link = Link::new(&profile("cap64"), 1);
    link.pass(Duration::from_secs(1), 1_000);
    assert_eq!(link.pass(Duration::ZERO, 1_000), Fate::Leaves { at: Duration::from_millis(1_250), twice: false });
}

#[test]
fn names_that_are_no_profile() {
    for name in ["", "loss", "loss101", "burst90", "lossgen20", "clean5", "wifi5", "cap0", "Loss5", "jitter-1", "7"] {
        assert_eq!(Profile::named(name), None, "{name}");
    }
}
