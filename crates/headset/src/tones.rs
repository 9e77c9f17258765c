//! Tones the operator hears: ringing, ringback, busy, keypad, test.

use crate::{Frame, SAMPLE_RATE};
use std::f32::consts::TAU;

/// One stretch of a cadence: two frequencies (0 = none) for so many ms.
type Part = (f32, f32, u32);

/// Ringing for an incoming call: two soft notes, a pause.
pub(crate) const RINGING: &[Part] = &[(660.0, 880.0, 380), (0.0, 0.0, 120), (660.0, 880.0, 380), (0.0, 0.0, 2120)];
/// Ringback, ETSI TR 101 041: 425 Hz, 1 s on, 4 s off.
pub(crate) const RINGBACK: &[Part] = &[(425.0, 0.0, 1000), (0.0, 0.0, 4000)];
/// Call waiting: 425 Hz, two short beeps, then nothing for five seconds.
pub(crate) const WAITING: &[Part] = &[(425.0, 0.0, 150), (0.0, 0.0, 100), (425.0, 0.0, 150), (0.0, 0.0, 5000)];
/// Busy: 425 Hz, half a second on and off.
pub(crate) const BUSY: &[Part] = &[(425.0, 0.0, 500), (0.0, 0.0, 500)];
/// Test sound: three notes going up.
pub(crate) const TEST: &[Part] = &[(523.0, 0.0, 220), (659.0, 0.0, 220), (784.0, 0.0, 420), (0.0, 0.0, 100)];

/// The two frequencies of a key, ITU-T Q.23.
pub(crate) fn key(digit: char) -> Option<(f32, f32)> {
    let row = |i: usize| [697.0, 770.0, 852.0, 941.0][i];
    let column = |i: usize| [1209.0, 1336.0, 1477.0, 1633.0][i];
    let at = "123A456B789C*0#D".find(digit.to_ascii_uppercase())?;
    Some((row(at / 4), column(at % 4)))
}

/// Plays a cadence, once or for ever, with soft edges.
pub(crate) struct Player {
    parts: Vec<Part>,
    repeat: bool,
    at: usize,
    left: u32,
    phases: [f32; 2],
    gain: f32,
    level: f32,
}

impl Player {
    /// `level` is the amplitude of the sum of both notes, 0..=1.
    pub(crate) fn new(parts: &[Part], repeat: bool, level: f32) -> Player {
        let left = parts.first().map_or(0, |p| p.2 * (SAMPLE_RATE / 1000));
        Player { parts: parts.to_vec(), repeat, at: 0, left, phases: [0.0; 2], gain: 0.0, level }
    }

    /// Adds the next frame; false when it is over.
    pub(crate) fn mix(&mut self, out: &mut Frame) -> bool {
        for s in out {
            if self.left == 0 {
                self.at += 1;
                if self.at >= self.parts.len() {
                    if !self.repeat || self.parts.is_empty() {
                        return false;
                    }
                    self.at = 0;
                }
                self.left = self.parts[self.at].2 * (SAMPLE_RATE / 1000);
            }
            let Some(&(a, b, _)) = self.parts.get(self.at) else { return false };
            self.left -= 1;
            // 5 ms edges, so that nothing clicks.
            let edge = 1.0 / (0.005 * SAMPLE_RATE as f32);
            let target = if a > 0.0 && self.left > SAMPLE_RATE / 200 { 1.0 } else { 0.0 };
            self.gain += (target - self.gain).clamp(-edge, edge);
            let mut v = 0.0;
            for (phase, hz) in self.phases.iter_mut().zip([a, b]) {
                *phase = (*phase + hz / SAMPLE_RATE as f32).fract();
                v += if hz > 0.0 { (TAU * *phase).sin() } else { 0.0 };
            }
            *s += v * self.gain * self.level / if b > 0.0 { 2.0 } else { 1.0 };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SILENCE, dbfs};

    #[test]
    fn a_single_cadence_ends_and_a_repeated_one_goes_on() {
        let mut once = Player::new(TEST, false, 0.3);
        let mut frames = 0;
        while once.mix(&mut { SILENCE }) {
            frames += 1;
            assert!(frames < 200, "it must end");
        }
        assert_eq!(frames, 96, "960 ms");
        let mut forever = Player::new(RINGBACK, true, 0.3);
        let loud = (0..1000).filter(|_| {
            let mut f = SILENCE;
            assert!(forever.mix(&mut f));
            dbfs(&f) > -40.0
        });
        assert!((190..=202).contains(&loud.count()), "one second in five");
    }

    #[test]
    fn every_key_has_its_own_pair_of_notes() {
        let pairs: std::collections::HashSet<_> = "0123456789*#ABCD".chars().map(|c| format!("{:?}", key(c))).collect();
        assert_eq!(pairs.len(), 16);
        assert_eq!(key('5'), Some((770.0, 1336.0)));
        assert_eq!(key('x'), None);
    }
}
