//! What the ten milliseconds of a tick are spent on.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A part of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What came over the line is made sound.
    Receiving,
    /// Sound goes to the devices and comes from them.
    Devices,
    /// The echo canceller.
    Echo,
    /// The noise suppressors.
    Noise,
    /// The gain control.
    Gain,
    /// Sound is made what goes over the line.
    Sending,
    /// Sound is handed to the recorder.
    Recording,
    /// All else: tones, limiter, meters, the watch over it all.
    Rest,
}

const PARTS: usize = Part::Rest as usize + 1;
/// Ticks in a second.
const SECOND: u32 = 100;

/// What a tick takes, over the last second; read by anyone at any time.
#[derive(Debug, Default)]
pub struct Work {
    each: [AtomicU32; PARTS],
    longest: AtomicU32,
}

impl Work {
    /// What a part takes of a tick on average, ms.
    pub fn mean_ms(&self, part: Part) -> f32 {
        f32::from_bits(self.each[part as usize].load(Relaxed))
    }

    /// What the longest tick took, ms: of ten there are.
    pub fn longest_ms(&self) -> f32 {
        f32::from_bits(self.longest.load(Relaxed))
    }
}

/// On the sound thread.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    spent: [Duration; PARTS],
    whole: Duration,
    longest: Duration,
    ticks: u32,
}

impl Stopwatch {
    /// Does some work, and counts what it took.
    pub(crate) fn time<T>(&mut self, part: Part, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.spent(part, begun.elapsed());
        done
    }

    /// So much was spent.
    pub(crate) fn spent(&mut self, part: Part, time: Duration) {
        self.spent[part as usize] += time;
    }

    /// A tick is over and took so long; tells it once a second.
    pub(crate) fn ticked(&mut self, whole: Duration, told: &Work) {
        self.whole += whole;
        self.longest = self.longest.max(whole);
        self.ticks += 1;
        if self.ticks < SECOND {
            return;
        }
        let store = |cell: &AtomicU32, ms: f32| cell.store(ms.to_bits(), Relaxed);
        self.spent[Part::Rest as usize] = self.whole.saturating_sub(self.spent.iter().sum());
        for (cell, spent) in told.each.iter().zip(self.spent) {
            store(cell, spent.as_secs_f32() * 1_000.0 / SECOND as f32);
        }
        store(&told.longest, self.longest.as_secs_f32() * 1_000.0);
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_told_on_average_and_the_longest_tick_as_it_was() {
        let (mut stopwatch, told) = (Stopwatch::default(), Work::default());
        for tick in 0..SECOND {
            stopwatch.spent(Part::Echo, Duration::from_millis(if tick % 2 == 0 { 2 } else { 0 }));
            assert_eq!(stopwatch.time(Part::Gain, || tick), tick);
            assert_eq!(told.longest_ms(), 0.0, "not before the second is over");
            stopwatch.ticked(Duration::from_millis(if tick == 7 { 9 } else { 3 }), &told);
        }
        assert!((told.mean_ms(Part::Echo) - 1.0).abs() < 1e-3 && (told.longest_ms() - 9.0).abs() < 1e-3);
        assert_eq!(told.mean_ms(Part::Noise), 0.0);
        assert!((told.mean_ms(Part::Rest) - 2.06).abs() < 0.01, "{}", told.mean_ms(Part::Rest));
        (0..SECOND).for_each(|_| stopwatch.ticked(Duration::from_millis(1), &told));
        assert_eq!((told.mean_ms(Part::Echo), told.longest_ms()), (0.0, 1.0), "of the last second alone");
    }
}
