//! Holds steady how little is left in a ring at worst.

use super::{FRAME_S, MAX_CORRECTION};

/// Weight of the newest fill in the running average, which is only told: about two seconds.
const SMOOTHING: f64 = 0.005;
/// 10 ms too much in the ring are worked off within about ten seconds.
const GAIN: f64 = 0.1;
/// The least fill is looked for in spans of so many frames, the present one and the one before.
const SPAN: u32 = 100;
/// So much should be left at worst, seconds.
const SPARE: f64 = 0.003;
/// What is kept in reserve after the ring has run dry again and again, seconds.
const MOST_RESERVE: f64 = 0.06;
/// Each time it runs dry, so much more is kept in reserve; after so many calm spans in a row, a little less.
const MORE_RESERVE: f64 = 0.004;
const LESS_RESERVE: f64 = 0.001;
const CALM: u32 = 300;
/// So much too much is not worked off but skipped: a resampler would take minutes.
const FAR_TOO_MUCH: f64 = 0.06;
/// So much too much need not be worked off where nobody hears it skipped.
const SOME_TOO_MUCH: f64 = 0.004;
/// So much in the ring means that nobody took any: skipped at once.
const STALLED: f64 = 0.25;

/// Keeps what is left in a ring at worst where it should be. All in seconds.
pub(super) struct Servo {
    pub(super) period: f64,
    pub(super) reserve: f64,
    /// Least that was left, in the present span and the one before.
    least: [f64; 2],
    frames: u32,
    calm: u32,
    pub(super) average: f64,
}

impl Servo {
    /// For a device that will move about a `period` at once.
    pub(super) fn new(period: f64) -> Servo {
        let average = SPARE + period + FRAME_S;
        Servo { period, reserve: SPARE, least: [f64::INFINITY; 2], frames: 0, calm: 0, average }
    }

    /// The ring begins (anew) with so much.
    pub(super) fn begin(&mut self, fill: f64) {
        (self.least, self.frames, self.average) = ([f64::INFINITY; 2], 0, fill);
    }

    /// There was not enough.
    pub(super) fn ran_dry(&mut self) {
        (self.reserve, self.calm) = ((self.reserve + MORE_RESERVE).min(MOST_RESERVE), 0);
    }

    /// Relative change of speed at which the ring should be emptied, above 1 when it is too full; it holds `fill`, of which `left` stays
    /// at worst.
    pub(super) fn speed(&mut self, fill: f64, left: f64) -> f64 {
        self.average += SMOOTHING * (fill - self.average);
        self.least[0] = self.least[0].min(left);
        self.frames += 1;
        if self.frames == SPAN {
            (self.least, self.frames) = ([f64::INFINITY, self.least[0]], 0);
            self.calm += 1;
            if self.calm == CALM {
                (self.calm, self.reserve) = (0, (self.reserve - LESS_RESERVE).max(SPARE));
            }
        }
        1.0 + ((self.least() - self.reserve) * GAIN).clamp(-MAX_CORRECTION, MAX_CORRECTION)
    }

    fn least(&self) -> f64 {
        let least = self.least[0].min(self.least[1]);
        if least.is_finite() { least } else { self.reserve }
    }

    /// What is far too much, if it is and has been for a span; the ring holds `fill`, of which `left` stays at worst.
    pub(super) fn excess(&self, fill: f64, left: f64) -> Option<f64> {
        if fill > STALLED {
            return Some(left - self.reserve);
        }
        (self.least[1].is_finite() && self.least() > self.reserve + FAR_TOO_MUCH).then(|| self.least() - self.reserve)
    }

    /// What is too much, if it has been for a span: to be skipped where nobody hears that.
    pub(super) fn some_excess(&self) -> Option<f64> {
        let excess = self.least() - self.reserve;
        (self.least[1].is_finite() && excess > SOME_TOO_MUCH).then_some(excess)
    }

    /// So much was.
    pub(super) fn skipped(&mut self, seconds: f64) {
        self.least = self.least.map(|least| least - seconds);
    }
}
