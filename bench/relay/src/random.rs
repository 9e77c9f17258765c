//! Random numbers that a seed repeats on every machine and with every version of every crate.

/// Knuth's linear congruential generator (MMIX).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(0x9e37_79b9_7f4a_7c15))
    }

    /// Uniform, 0 up to but not including 1.
    pub fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The low bits of such a generator have short periods.
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True in so many of a hundred cases. Draws even when it cannot be true, so that the other draws stay where they are.
    pub fn percent(&mut self, percent: f64) -> bool {
        self.share() < percent / 100.0
    }

    /// Exponential with a mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }
}
