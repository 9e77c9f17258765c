//! How much delay is enough: from when packets came against when they were made. Sans-I/O; all times are samples at 48 kHz.
//!
//! The quickest packet of the last seconds is the yardstick; a histogram that forgets tells how far the others lag behind it, as in
//! NetEQ of libwebrtc.

/// One millisecond.
const MS: i64 = 48;
/// The yardstick looks back on so many spans of half a second.
const SPANS: usize = 10;
const SPAN: i64 = 500 * MS;
/// The yardstick moves by so much at once only when the way has become longer.
const LONGER_WAY: i64 = 20 * MS;
/// Packets that come so close to each other come together.
const TOGETHER: i64 = 5 * MS;
/// Width of a bucket and their number: up to half a second of lag.
const BUCKET: i64 = 5 * MS;
const BUCKETS: usize = 100;
/// What is left of the memory after 20 ms: about ten seconds of it, however long the packets are.
const FORGET: f32 = 0.998;
const STEP: i64 = 20 * MS;
/// What is forgotten at most with one packet, in such steps: a pause tells nothing of the network.
const MOST_STEPS: f32 = 6.0;
/// Share of packets that should come in time. The rest is cheaper to cover than to wait for.
const IN_TIME: f32 = 0.985;
/// Before anything is known: so much lag is expected, with the weight of so many packets: a second of a quiet network outweighs it.
const EXPECTED: i64 = 40 * MS;
const EXPECTED_WEIGHT: f32 = 1.0;
/// Sound is taken every 10 ms: a packet may come right after.
const TICK: i64 = 10 * MS;
/// Least and most delay aimed at.
pub const LEAST: i64 = 20 * MS;
/// See [`LEAST`].
pub const MOST: i64 = 400 * MS;

/// The delays of one direction.
pub struct Delay {
    /// Least relative delay in each span; the newest at `span`.
    least: [i64; SPANS],
    span: usize,
    span_began: Option<i64>,
    base: i64,
    /// Arrival and lag of the packet before.
    last: (i64, i64),
    /// When the newest was made.
    made: Option<i64>,
    histogram: [f32; BUCKETS],
    weight: f32,
}

impl Delay {
    /// Nothing known yet.
    pub fn new() -> Self {
        let mut histogram = [0.0; BUCKETS];
        histogram[bucket(EXPECTED - TICK - 1)] = EXPECTED_WEIGHT;
        Self {
            least: [i64::MAX; SPANS],
            span: 0,
            span_began: None,
            base: 0,
            last: (i64::MIN / 2, 0),
            made: None,
            histogram,
            weight: EXPECTED_WEIGHT,
        }
    }

    /// Another stream, another clock; what is known of the network stays.
    pub fn restart(&mut self) {
        (self.least, self.span_began, self.made) = ([i64::MAX; SPANS], None, None);
    }

    /// A packet made at `at` came at `arrival`.
    pub fn came(&mut self, at: i64, arrival: i64) {
        let relative = arrival - at;
        if self.span_began.is_none() {
            // Another clock: its distance from the one before tells nothing.
            self.base = relative;
        }
        let began = *self.span_began.get_or_insert(arrival);
        let passed = ((arrival - began).max(0) / SPAN).min(SPANS as i64);
        if passed > 0 {
            for _ in 0..passed {
                self.span = (self.span + 1) % SPANS;
                self.least[self.span] = i64::MAX;
            }
            self.span_began = Some(arrival);
        }
        self.least[self.span] = self.least[self.span].min(relative);
        let base = self.least.iter().copied().min().unwrap_or(relative);
        if base.saturating_sub(self.base) >= LONGER_WAY {
            self.told_anew(base - self.base);
        }
        self.base = base;
        let steps = self.made.map_or(0, |made| at.saturating_sub(made)) as f32 / STEP as f32;
        self.made = self.made.max(Some(at));
        let forget = FORGET.powf(steps.clamp(0.0, MOST_STEPS));
        self.histogram.iter_mut().for_each(|share| *share *= forget);
        let lag = relative - self.base;
        // What stood in a queue behind a late packet comes at once with it: one event, not one for each.
        let follows = arrival - self.last.0 < TOGETHER && lag < self.last.1;
        self.last = (arrival, lag);
        self.histogram[bucket(if follows { 0 } else { lag })] += 1.0;
        self.weight = self.weight * forget + 1.0;
    }

    /// The way has become longer for good: what came since it did was no late packet.
    fn told_anew(&mut self, longer: i64) {
        let by = bucket(longer);
        let below: f32 = self.histogram[..by].iter().sum();
        self.histogram.copy_within(by.., 0);
        self.histogram[BUCKETS - by..].fill(0.0);
        self.histogram[0] += below;
    }

    /// How long after the quickest packet made at `at` would have come it is now.
    pub fn of(&self, at: i64, now: i64) -> i64 {
        now - at - self.base
    }

    /// The delay to aim at; so much of it is to wait for redundancy, which comes after what was lost.
    pub fn target(&self, redundancy: i64) -> i64 {
        let mut late = self.weight * (1.0 - IN_TIME);
        let mut lag = BUCKETS;
        while lag > 1 && self.histogram[lag - 1] <= late {
            late -= self.histogram[lag - 1];
            lag -= 1;
        }
        // The upper edge of the bucket, but for the first: a network without jitter shall not pay for its width.
        let lag = if lag == 1 { 2 * MS } else { lag as i64 * BUCKET };
        (lag + TICK + redundancy).clamp(LEAST, MOST)
    }
}

fn bucket(lag: i64) -> usize {
    (lag.max(0) / BUCKET).min(BUCKETS as i64 - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 20 ms whose lag in ms is told by `lag`; the delay.
    fn after(packets: i64, lag: impl Fn(i64) -> i64) -> Delay {
        let mut delay = Delay::new();
        for n in 0..packets {
            delay.came(n * 20 * MS, (n * 20 + lag(n)) * MS);
        }
        delay
    }

    fn target_ms(delay: &Delay) -> i64 {
        delay.target(0) / MS
    }

    #[test]
    fn what_is_unknown_gets_forty_milliseconds_and_a_quiet_network_soon_the_least() {
        assert_eq!(target_ms(&Delay::new()), 40);
        assert_eq!(target_ms(&after(500, |_| 3)), 20);
    }

    #[test]
    fn it_covers_the_lag_of_nearly_all_packets() {
        // One in ten lags.
        for (lag, expected) in [(12, 25), (33, 45), (78, 90), (203, 215), (900, 400)] {
            let target = target_ms(&after(1_000, |n| if n % 10 == 0 { lag } else { 0 }));
            assert_eq!(target, expected, "lag {lag}");
        }
    }

    #[test]
    fn one_packet_in_a_hundred_is_not_waited_for() {
        assert_eq!(target_ms(&after(2_000, |n| if n % 100 == 0 { 150 } else { 0 })), 20);
    }

    #[test]
    fn redundancy_is_worth_a_packet_of_waiting() {
        let delay = after(500, |_| 0);
        assert_eq!(delay.target(20 * MS) - delay.target(0), 12 * MS, "up from a floor of 20 ms");
    }

    #[test]
    fn spikes_are_forgotten_within_ten_seconds() {
        // Once a second a quarter of it stands still, then everything comes at once.
        let spike = |n: i64| if (50..213).contains(&n) { (13 - n % 50).max(0) * 20 } else { 0 };
        assert!(target_ms(&after(214, spike)) > 20);
        assert_eq!(target_ms(&after(214 + 500, spike)), 20);
    }

    #[test]
    fn the_yardstick_follows_a_longer_way_and_a_clock_that_drifts() {
        let longer = after(500, |n| if n < 200 { 0 } else { 80 });
        assert_eq!(longer.of(500 * 20 * MS, (500 * 20 + 80) * MS), 0);
        assert_eq!(target_ms(&after(500, |n| if n < 200 { 0 } else { 80 })), 20);
        // 100 ppm for an hour: 360 ms.
        let drifted = after(180_000, |n| n / 500);
        assert!(drifted.of(180_000 * 20 * MS, (180_000 * 20 + 360) * MS) <= MS, "{}", drifted.base);
        assert_eq!(target_ms(&drifted), 20);
    }

    #[test]
    fn what_was_is_forgotten_alike_with_long_packets_and_short_ones_and_out_of_order() {
        let left = |ms: i64, swapped: bool| {
            let mut delay = Delay::new();
            for n in 0..12_000 / ms {
                let at = if swapped { n ^ 1 } else { n } * ms;
                // Two seconds in which some lag, then none.
                delay.came(at * MS, (at + if at < 2_000 && at / 60 % 2 == 1 { 100 } else { 0 }) * MS);
            }
            delay.histogram[20] / delay.weight
        };
        let usual = left(20, false);
        for (ms, swapped) in [(10, false), (60, false), (20, true)] {
            let share = left(ms, swapped) / usual;
            assert!((0.85..1.15).contains(&share), "{ms} ms, swapped {swapped}: {share}");
        }
    }

    #[test]
    fn times_from_nowhere_do_no_harm() {
        let mut delay = Delay::new();
        for n in [0, i64::MAX / 4, -1_000_000, 7, i64::MIN / 4, 12] {
            delay.came(n, -n);
            assert!((LEAST..=MOST).contains(&delay.target(960)));
        }
    }
}
