//! A step of the chain that may fail.

use crate::Frame;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How often a failed step is built anew before it is left out.
const REBUILDS: u32 = 3;

/// A step whose library may fail, being young or a port: then the call goes on without it rather than not at all.
pub(super) struct Stage<T> {
    name: &'static str,
    build: Box<dyn Fn() -> T + Send>,
    step: Option<T>,
    rebuilds: u32,
    delay_ms: f32,
    spent: Duration,
}

impl<T> Stage<T> {
    /// A step that knows nothing yet and adds `delay_ms` to the way of the sound.
    pub(super) fn new(name: &'static str, delay_ms: f32, build: impl Fn() -> T + Send + 'static) -> Stage<T> {
        let mut stage =
            Stage { name, build: Box::new(build), step: None, rebuilds: 0, delay_ms, spent: Duration::ZERO };
        stage.anew();
        stage
    }

    /// Forgets what it has learnt.
    pub(super) fn anew(&mut self) {
        self.step = catch_unwind(AssertUnwindSafe(&self.build)).ok();
    }

    /// What it adds to the way of the sound, ms; nothing once it is left out.
    pub(super) fn delay_ms(&self) -> f32 {
        if self.step.is_some() { self.delay_ms } else { 0.0 }
    }

    /// The time its work took since it was last asked.
    pub(super) fn spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Works on a frame; if that fails, the frame stays as it was.
    pub(super) fn work(&mut self, frame: &mut Frame, work: impl FnOnce(&mut T, &mut Frame)) {
        let Some(step) = &mut self.step else { return };
        let (before, begun) = (*frame, Instant::now());
        let done = catch_unwind(AssertUnwindSafe(|| work(step, frame)));
        self.spent += begun.elapsed();
        if done.is_err() {
            *frame = before;
            self.rebuilds += 1;
            tracing::error!(step = self.name, rebuilds = self.rebuilds, "sound processing failed");
            if self.rebuilds <= REBUILDS { self.anew() } else { self.step = None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SILENCE;

    #[test]
    fn a_step_that_fails_is_built_anew_then_left_out_and_the_sound_goes_on() {
        // Counts its frames and fails at the third.
        let mut stage = Stage::new("test", 5.0, || 0);
        let mut heard = Vec::new();
        for _ in 0..20 {
            let mut frame = [0.5; 480];
            stage.work(&mut frame, |count, frame| {
                *count += 1;
                *frame = SILENCE;
                assert!(*count < 3, "fails on purpose");
            });
            heard.push(frame[0]);
        }
        // Three lives more, each of two frames; where it fails, and after it, the sound is as it came.
        assert_eq!(heard[..12], [0.0, 0.0, 0.5].repeat(4));
        assert!(heard[12..].iter().all(|s| *s == 0.5));
        assert_eq!(stage.delay_ms(), 0.0);
    }
}
