//! Whether ten milliseconds are enough for the work of ten milliseconds.

use std::time::Duration;

/// A tick that took longer leaves too little for the next one to be in time.
const TIGHT: Duration = Duration::from_millis(7);
/// What one tick leaves of the count of tight ones: a second of memory.
const MEMORY: f32 = 0.99;
/// So many of late are too many. One or two are somebody else's doing.
const TOO_MANY: f32 = 8.0;

/// What is left out when the work does not fit, in this order. Nothing comes back in mid-call: it would be too much again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relief {
    /// Nothing: all is well.
    #[default]
    None,
    /// The strong noise suppression.
    StrongNoise,
    /// The deep concealment of lost packets too.
    Concealment,
}

/// Counts ticks that took too long.
#[derive(Debug, Default)]
pub(crate) struct Pressure(f32);

impl Pressure {
    /// Takes the time a tick has taken; true when something has to be left out. Then it counts anew.
    pub(crate) fn took(&mut self, time: Duration) -> bool {
        self.0 = self.0 * MEMORY + f32::from(u8::from(time > TIGHT));
        let too_much = self.0 >= TOO_MANY;
        if too_much {
            self.0 = 0.0;
        }
        too_much
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_moment_is_none_and_a_slow_machine_is() {
        let (quick, slow) = (Duration::from_millis(1), Duration::from_millis(9));
        let mut pressure = Pressure::default();
        // Five slow ticks each second.
        assert!((0..2_000).all(|n| !pressure.took(if n % 100 < 5 { slow } else { quick })));
        assert!((0..20).any(|_| pressure.took(slow)));
    }
}
