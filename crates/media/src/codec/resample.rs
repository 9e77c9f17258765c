//! 48 kHz to 8 kHz and back: one linear-phase low pass, run as a polyphase filter both ways.

use std::sync::OnceLock;

/// 48 kHz over 8 kHz.
pub const FACTOR: usize = 6;
/// Taps per phase; the delay is half of it at 8 kHz, 1.5 ms.
const PHASE_TAPS: usize = 24;
const TAPS: usize = PHASE_TAPS * FACTOR;

/// Kaiser-windowed sinc: flat to 3.2 kHz, 60 dB down from 4.3 kHz on.
fn taps() -> &'static [f32; TAPS] {
    static TABLE: OnceLock<[f32; TAPS]> = OnceLock::new();
    TABLE.get_or_init(|| {
        const CUTOFF: f64 = 3_700.0 / 48_000.0;
        const BETA: f64 = 5.65;
        let middle = (TAPS as f64 - 1.0) / 2.0;
        let tap = |n: usize| {
            let x = n as f64 - middle;
            let sinc = (std::f64::consts::TAU * CUTOFF * x).sin() / (std::f64::consts::PI * x);
            let edge = x / (middle + 0.5);
            sinc * bessel(BETA * (1.0 - edge * edge).max(0.0).sqrt()) / bessel(BETA)
        };
        // The count is even, so the middle falls between two taps and the sinc never divides by zero.
        let raw: [f64; TAPS] = std::array::from_fn(tap);
        let sum: f64 = raw.iter().sum();
        raw.map(|tap| (tap / sum) as f32)
    })
}

/// Modified Bessel function of the first kind, order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

/// Six samples in, one out.
pub struct Down {
    taps: &'static [f32; TAPS],
    history: [f32; TAPS],
}

impl Down {
    /// At rest.
    pub fn new() -> Self {
        Self { taps: taps(), history: [0.0; TAPS] }
    }

    /// Takes up to six samples and gives one at the low rate.
    pub fn push(&mut self, block: &[f32]) -> f32 {
        let count = block.len().min(TAPS);
        self.history.copy_within(count.., 0);
        self.history[TAPS - count..].copy_from_slice(&block[..count]);
        self.history.iter().zip(self.taps).map(|(sample, tap)| sample * tap).sum()
    }
}

/// One sample in, six out.
pub struct Up {
    taps: &'static [f32; TAPS],
    history: [f32; PHASE_TAPS],
}

impl Up {
    /// At rest.
    pub fn new() -> Self {
        Self { taps: taps(), history: [0.0; PHASE_TAPS] }
    }

    /// Takes one sample and gives six at the high rate.
    pub fn push(&mut self, sample: f32) -> [f32; FACTOR] {
        self.history.copy_within(1.., 0);
        self.history[PHASE_TAPS - 1] = sample;
        let newest_first = || self.history.iter().rev();
        std::array::from_fn(|phase| {
            let picked = self.taps.iter().skip(phase).step_by(FACTOR);
            newest_first().zip(picked).map(|(sample, tap)| sample * tap).sum::<f32>() * FACTOR as f32
        })
    }
}
