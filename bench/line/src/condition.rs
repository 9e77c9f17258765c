//! Conditions of a network, seeded.

use std::time::Duration;

/// When a packet of so many octets made at a moment arrives; none: never.
pub type Fate = Box<dyn FnMut(Duration, usize) -> Option<Duration>>;

/// `clean`, `lossN`, `burstN` (mean 3 in a row), `jitterN` (exponential, mean in ms, nothing overtakes), `wifi24`, `combined`.
pub fn named(name: &str, seed: u64) -> Option<Fate> {
    let number = || name.trim_start_matches(|c: char| c.is_ascii_lowercase()).parse::<f64>().ok();
    let (loss, burst, jitter, spikes) = match name {
        "clean" => (0.0, 1.0, 0.0, false),
        "wifi24" => (0.0, 1.0, 10.0, true),
        "combined" => (5.0, 3.0, 20.0, false),
        _ if name.starts_with("loss") => (number()?, 1.0, 0.0, false),
        _ if name.starts_with("burst") => (number()?, 3.0, 0.0, false),
        _ if name.starts_with("jitter") => (0.0, 1.0, number()?, false),
        _ => return None,
    };
    let mut random = random(seed);
    let (mut bad, mut last) = (false, Duration::ZERO);
    Some(Box::new(move |made, _| {
        let share = loss / 100.0;
        bad = if burst <= 1.0 {
            random() < share
        } else if bad {
            random() >= 1.0 / burst
        } else {
            random() < share / burst / (1.0 - share)
        };
        let mut arrival = made + Duration::from_secs_f64(-jitter * (1.0 - random()).ln() / 1_000.0);
        // Every five seconds the air is taken for a quarter of one.
        let phase = made.as_millis() as u64 % 5_000;
        if spikes && phase < 250 {
            arrival += Duration::from_millis(250 - phase);
        }
        last = last.max(arrival);
        (!bad).then_some(last)
    }))
}

/// Uniform in 0 to 1, Knuth's linear congruential generator.
fn random(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}
