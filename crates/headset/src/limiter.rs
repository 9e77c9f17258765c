//! Safe ears: nothing louder than the ceiling reaches the headset, whatever the network or a customer's whistle brings.

use crate::{Frame, SAMPLE_RATE};

/// −3 dBFS.
const CEILING: f32 = 0.708;
/// Gain comes back within this time after a peak.
const RELEASE_S: f32 = 0.08;

/// A peak limiter without look-ahead: attacks within the sample, releases exponentially.
pub(crate) struct Limiter {
    envelope: f32,
    release: f32,
}

impl Limiter {
    pub(crate) fn new() -> Limiter {
        Limiter { envelope: 0.0, release: (-1.0 / (RELEASE_S * SAMPLE_RATE as f32)).exp() }
    }

    pub(crate) fn process(&mut self, frame: &mut Frame) {
        for s in frame {
            // Something not a number would stay in the envelope for ever.
            let x = if s.is_finite() { *s } else { 0.0 };
            self.envelope = x.abs().max(self.envelope * self.release);
            *s = if self.envelope > CEILING { x * CEILING / self.envelope } else { x };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_exceeds_the_ceiling_and_quiet_sound_passes_untouched() {
        let mut limiter = Limiter::new();
        let mut quiet = [0.5; 480];
        limiter.process(&mut quiet);
        assert_eq!(quiet, [0.5; 480]);
        let mut loud: Frame = std::array::from_fn(|i| if i % 7 == 0 { 30.0 } else { -0.9 });
        loud[5] = f32::NAN;
        loud[6] = f32::INFINITY;
        limiter.process(&mut loud);
        assert!(loud.iter().all(|s| s.abs() <= CEILING + 1e-6));
    }
}
