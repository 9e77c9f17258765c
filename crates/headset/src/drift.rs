//! Between a device's clock and ours: a ring, and a resampler whose ratio follows how full the ring is.
//!
//! Two devices never run at exactly the same rate; 100 ppm are 360 ms an hour. The ring would run empty or full. So the ratio is
//! changed by fractions of a per mille, slowly enough that nobody hears it. What is held steady is not how much waits in the middle
//! but how little is left at worst: devices come in bursts of their own size, and only what is left at worst is delay for nothing.

mod servo;

use crate::{FRAME, Frame, HeadsetError, SAMPLE_RATE};
use audioadapter_buffers::direct::InterleavedSlice;
use rtrb::{Consumer, Producer};
use rubato::{Async, FixedAsync, PolynomialDegree, Resampler};
use servo::Servo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The ratio leaves its nominal value by at most this much: far more than any clock is off, less than a tenth of a semitone.
const MAX_CORRECTION: f64 = 0.004;
/// A frame, seconds.
const FRAME_S: f64 = FRAME as f64 / SAMPLE_RATE as f64;
/// Nobody hears a part of something so soft leave, full scale: -50 dBFS at its peaks.
const SILENT: f32 = 0.003;
fn silent(sound: &[f32]) -> bool {
    sound.iter().all(|sample| sample.abs() < SILENT)
}

fn resampler(ratio: f64, fixed: FixedAsync) -> Result<Async<f32>, HeadsetError> {
    Async::new_poly(ratio, 1.0 + 2.0 * MAX_CORRECTION, PolynomialDegree::Cubic, FRAME, 1, fixed)
        .map_err(|e| HeadsetError::Refused { name: "resampler".into(), why: e.to_string() })
}

/// What a device's callback lets the other end of the ring know.
pub(crate) struct Inside {
    epoch: Instant,
    /// How long sound is under way in the device and its driver, beyond our ring, microseconds.
    delay: AtomicU32,
    /// When the callback last came, microseconds after `epoch`, and how much it moved, microseconds of sound.
    came: AtomicU64,
    moved: AtomicU32,
}

impl Default for Inside {
    fn default() -> Self {
        Self { epoch: Instant::now(), delay: AtomicU32::new(0), came: AtomicU64::new(0), moved: AtomicU32::new(0) }
    }
}

impl Inside {
    /// From the device's callback at `now`, with the delay its clocks tell and the sound it moves at once. Half of that is added to the
    /// delay: a frame of ours comes at any time between two callbacks.
    pub(crate) fn saw(&self, now: Instant, delay: Duration, moved: Duration) {
        // Half a second and more is a clock that means something else.
        let delay = (delay + moved / 2).min(Duration::from_millis(500)).as_micros() as u32;
        let before = self.delay.load(Relaxed);
        self.delay.store(if before == 0 { delay } else { (before * 15 + delay) / 16 }, Relaxed);
        self.moved.store(moved.as_micros() as u32, Relaxed);
        self.came.store(now.saturating_duration_since(self.epoch).as_micros() as u64, Relaxed);
    }

    fn delay_s(&self) -> f64 {
        f64::from(self.delay.load(Relaxed)) / 1e6
    }

    /// How much the device moves at once, and how much of that it would have moved by `now` since its last callback, if it moved
    /// sample by sample; seconds. What a ring holds, corrected by this, does not depend on whether a callback comes now just before a
    /// frame or just after it.
    fn flow(&self, now: Instant, period: f64) -> (f64, f64) {
        let moved = self.moved.load(Relaxed);
        if moved == 0 {
            return (period, 0.0);
        }
        let now = now.saturating_duration_since(self.epoch).as_micros() as u64;
        let since = now.saturating_sub(self.came.load(Relaxed));
        (f64::from(moved) / 1e6, (since as f64 / 1e6).min(f64::from(moved) / 1e6))
    }
}

/// From a microphone's ring (mono, at the device's rate) to frames.
pub(crate) struct Intake {
    ring: Consumer<f32>,
    rate: f64,
    resampler: Async<f32>,
    servo: Servo,
    input: Vec<f32>,
    running: bool,
    inside: Arc<Inside>,
}

impl Intake {
    /// `period_s` is what the device gives at once, seconds.
    pub(crate) fn new(
        ring: Consumer<f32>,
        rate: u32,
        period_s: f64,
        inside: Arc<Inside>,
    ) -> Result<Intake, HeadsetError> {
        let resampler = resampler(f64::from(SAMPLE_RATE) / f64::from(rate), FixedAsync::Output)?;
        let input = vec![0.0; resampler.input_frames_max()];
        Ok(Intake { ring, rate: rate.into(), resampler, servo: Servo::new(period_s), input, running: false, inside })
    }

    /// From the microphone to the frame it is heard in, seconds, averaged over some seconds.
    pub(crate) fn delay_s(&self) -> f64 {
        self.servo.average + self.inside.delay_s()
    }

    fn fill_s(&self) -> f64 {
        self.ring.slots() as f64 / self.rate
    }

    /// What will be left at worst after the next frame: just before the device's next callback.
    fn left_s(&self, now: Instant) -> f64 {
        let (moves, moved) = self.inside.flow(now, self.servo.period);
        self.fill_s() - FRAME_S + moved - moves
    }

    /// Throws away the oldest sound, and begins anew with what is left.
    fn skip(&mut self, seconds: f64) {
        let samples = ((seconds.max(0.0) * self.rate) as usize).min(self.ring.slots());
        if let Ok(chunk) = self.ring.read_chunk(samples) {
            chunk.commit_all();
        }
        self.servo.begin(self.fill_s());
    }

    /// Skips the oldest sound if nobody hears that.
    fn skip_silence(&mut self, seconds: f64) {
        let samples = (seconds * self.rate) as usize;
        let Ok(chunk) = self.ring.read_chunk(samples) else { return };
        let (a, b) = chunk.as_slices();
        if silent(a) && silent(b) {
            chunk.commit_all();
            self.servo.skipped(seconds);
        }
    }

    /// The next frame, at `now`; silence while the ring fills up.
    pub(crate) fn take(&mut self, out: &mut Frame, now: Instant) {
        out.fill(0.0);
        let (fill, left) = (self.fill_s(), self.left_s(now));
        if !self.running {
            if left < self.servo.reserve {
                return;
            }
            self.running = true;
            self.skip(left - self.servo.reserve);
        } else if let Some(excess) = self.servo.excess(fill, left) {
            self.skip(excess);
        } else if let Some(excess) = self.servo.some_excess() {
            self.skip_silence(excess);
        }
        let (fill, left) = (self.fill_s(), self.left_s(now));
        let speed = self.servo.speed(fill, left);
        // Slower output for each input when the ring is full: ratio = out / in.
        let _ = rubato::Adjustable::set_resample_ratio_relative(&mut self.resampler, 1.0 / speed, true);
        let needed = self.resampler.input_frames_next();
        let Ok(chunk) = self.ring.read_chunk(needed) else {
            self.running = false;
            self.servo.ran_dry();
            return;
        };
        let (a, b) = chunk.as_slices();
        self.input[..a.len()].copy_from_slice(a);
        self.input[a.len()..needed].copy_from_slice(b);
        chunk.commit_all();
        if let (Ok(from), Ok(mut to)) =
            (InterleavedSlice::new(&self.input[..needed], 1, needed), InterleavedSlice::new_mut(out, 1, FRAME))
        {
            let _ = self.resampler.process_into_buffer(&from, &mut to, None);
        }
    }
}

/// From frames to a loudspeaker's ring (mono, at the device's rate).
pub(crate) struct Outlet {
    ring: Producer<f32>,
    rate: f64,
    resampler: Async<f32>,
    servo: Servo,
    output: Vec<f32>,
    draining: bool,
    inside: Arc<Inside>,
}

impl Outlet {
    /// As [`Intake::new`]. The ring begins with some silence.
    pub(crate) fn new(
        ring: Producer<f32>,
        rate: u32,
        period_s: f64,
        inside: Arc<Inside>,
    ) -> Result<Outlet, HeadsetError> {
        let resampler = resampler(f64::from(rate) / f64::from(SAMPLE_RATE), FixedAsync::Input)?;
        let output = vec![0.0; resampler.output_frames_max()];
        let mut outlet =
            Outlet { ring, rate: rate.into(), resampler, servo: Servo::new(period_s), output, draining: false, inside };
        outlet.refill(Instant::now());
        Ok(outlet)
    }

    /// From a frame to the ear, seconds, averaged over some seconds.
    pub(crate) fn delay_s(&self) -> f64 {
        self.servo.average + self.inside.delay_s()
    }

    fn fill_s(&self) -> f64 {
        (self.ring.buffer().capacity() - self.ring.slots()) as f64 / self.rate
    }

    fn refill(&mut self, now: Instant) {
        let start = self.servo.reserve + self.inside.flow(now, self.servo.period).0;
        let silence = (start * self.rate) as usize;
        if let Ok(chunk) = self.ring.write_chunk_uninit(silence.min(self.ring.slots())) {
            chunk.fill_from_iter(std::iter::repeat_n(0.0, silence));
        }
        self.servo.begin(start);
    }

    /// Gives the next frame, at `now`. It is left out while far too much waits: a device that starts late would otherwise stay late,
    /// since the resampler works off only a few ms each second.
    pub(crate) fn give(&mut self, frame: &Frame, now: Instant) {
        // At worst: just after the device's next callback, if that comes just before a frame.
        let left = |outlet: &Self| outlet.fill_s() - outlet.inside.flow(now, outlet.servo.period).1;
        if self.fill_s() == 0.0 {
            self.servo.ran_dry();
            self.refill(now);
        }
        self.draining |= self.servo.excess(self.fill_s(), left(self)).is_some();
        if self.draining {
            if left(self) > self.servo.reserve {
                return;
            }
            self.draining = false;
            self.servo.begin(self.fill_s());
        }
        if self.servo.some_excess().is_some_and(|excess| excess >= FRAME_S) && silent(frame) {
            self.servo.skipped(FRAME_S);
            return;
        }
        let speed = self.servo.speed(self.fill_s(), left(self));
        let _ = rubato::Adjustable::set_resample_ratio_relative(&mut self.resampler, 1.0 / speed, true);
        let room = self.output.len();
        if let (Ok(from), Ok(mut to)) =
            (InterleavedSlice::new(frame, 1, FRAME), InterleavedSlice::new_mut(&mut self.output, 1, room))
            && let Ok((_, made)) = self.resampler.process_into_buffer(&from, &mut to, None)
            && let Ok(chunk) = self.ring.write_chunk_uninit(made)
        {
            chunk.fill_from_iter(self.output[..made].iter().copied());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rtrb::RingBuffer;

    fn tone(i: usize, rate: f64) -> f32 {
        (std::f64::consts::TAU * 300.0 * i as f64 / rate).sin() as f32 * 0.5
    }

    /// Five minutes of a microphone whose clock is off, in virtual time: never empty, never growing, never a click.
    fn microphone(rate: u32, ppm: f64) {
        let period = f64::from(rate) / 100.0;
        let (mut device, ring) = RingBuffer::new(rate as usize);
        let (inside, epoch) = (Arc::new(Inside::default()), Instant::now());
        let mut intake = Intake::new(ring, rate, 0.01, inside.clone()).unwrap();
        let (mut produced, mut owed, mut breaks, mut worst_fill, mut last) = (0usize, 0.0f64, 0, 0.0f64, 0.0f32);
        let mut out = crate::SILENCE;
        for tick in 0..30_000 {
            let now = epoch + Duration::from_millis(10 * tick);
            owed += f64::from(rate) / 100.0 * (1.0 + ppm / 1e6);
            while owed >= period {
                inside.saw(now, Duration::ZERO, Duration::from_millis(10));
                for _ in 0..period as usize {
                    let _ = device.push(tone(produced, f64::from(rate)));
                    produced += 1;
                }
                owed -= period;
            }
            intake.take(&mut out, now);
            assert!(tick < 500 || intake.running, "{rate} Hz at {ppm} ppm: ran empty");
            if tick > 500 {
                worst_fill = worst_fill.max(intake.fill_s());
                for s in out {
                    // The steepest slope of the tone, with a little room.
                    breaks += usize::from((s - last).abs() > 0.5 * 300.0 * std::f32::consts::TAU / 48_000.0 * 1.1);
                    last = s;
                }
            } else {
                last = out[FRAME - 1];
            }
        }
        assert_eq!(breaks, 0, "{rate} Hz at {ppm} ppm: no click in five minutes");
        assert!(worst_fill < 0.08, "{rate} Hz at {ppm} ppm: the delay stays bounded ({worst_fill} s)");
    }

    #[test]
    fn microphones_of_any_rate_and_clock_give_unbroken_sound() {
        for rate in [8_000, 44_100, 48_000] {
            for ppm in [-200.0, 200.0] {
                microphone(rate, ppm);
            }
        }
    }

    #[test]
    fn loudspeakers_of_any_rate_and_clock_get_unbroken_sound() {
        for rate in [16_000u32, 44_100, 48_000] {
            for ppm in [-200.0, 200.0] {
                let (ring, mut device) = RingBuffer::new(rate as usize);
                let (inside, epoch) = (Arc::new(Inside::default()), Instant::now());
                let mut outlet = Outlet::new(ring, rate, 0.01, inside.clone()).unwrap();
                let (mut sent, mut owed, mut last, mut breaks) = (0usize, 0.0f64, 0.0f32, 0);
                for tick in 0..30_000 {
                    let frame: Frame = std::array::from_fn(|i| tone(sent + i, 48_000.0));
                    sent += FRAME;
                    let now = epoch + Duration::from_millis(10 * tick);
                    outlet.give(&frame, now);
                    owed += f64::from(rate) / 100.0 * (1.0 + ppm / 1e6);
                    while owed >= f64::from(rate) / 100.0 {
                        inside.saw(now, Duration::ZERO, Duration::from_millis(10));
                        for _ in 0..rate / 100 {
                            let s = device.pop().unwrap_or(9.0);
                            let steep = 0.5 * 300.0 * std::f32::consts::TAU / rate as f32 * 1.1;
                            breaks += usize::from(tick > 500 && (s - last).abs() > steep);
                            last = s;
                        }
                        owed -= f64::from(rate) / 100.0;
                    }
                }
                assert_eq!(breaks, 0, "{rate} Hz at {ppm} ppm: no click and never empty in five minutes");
                assert!(outlet.fill_s() < 0.08, "{rate} Hz at {ppm} ppm: {}", outlet.fill_s());
            }
        }
    }

    /// What waits after three seconds, s, of a microphone and of a loudspeaker that began with 30 ms too much.
    fn after_three_seconds(loud: f32) -> (f64, f64) {
        let (mut device, ring) = RingBuffer::new(48_000);
        let (inside, epoch) = (Arc::new(Inside::default()), Instant::now());
        let mut intake = Intake::new(ring, 48_000, 0.01, inside.clone()).unwrap();
        let (to_ear, mut ear) = RingBuffer::new(48_000);
        let ear_inside = Arc::new(Inside::default());
        let mut outlet = Outlet::new(to_ear, 48_000, 0.01, ear_inside.clone()).unwrap();
        let mut sent = 0;
        for tick in 0..300 {
            let now = epoch + Duration::from_millis(10 * tick);
            inside.saw(now, Duration::ZERO, Duration::from_millis(10));
            ear_inside.saw(now, Duration::ZERO, Duration::from_millis(10));
            // Three frames more once it runs.
            let frames = if tick == 5 { 4 } else { 1 };
            for _ in 0..frames * FRAME {
                let _ = device.push(loud * tone(sent, 48_000.0));
                sent += 1;
            }
            let mut out = crate::SILENCE;
            intake.take(&mut out, now);
            let frame: Frame = std::array::from_fn(|i| loud * tone(sent + i, 48_000.0));
            for _ in 0..frames {
                outlet.give(&frame, now);
            }
            for _ in 0..FRAME {
                let _ = ear.pop();
            }
        }
        (intake.fill_s(), outlet.fill_s())
    }

    #[test]
    fn what_is_too_much_goes_at_once_where_nothing_is_heard() {
        let (quiet, loud) = (after_three_seconds(0.001), after_three_seconds(1.0));
        assert!(quiet.0 + 0.02 < loud.0, "microphone: {} and {}", quiet.0, loud.0);
        assert!(quiet.1 + 0.02 < loud.1, "loudspeaker: {} and {}", quiet.1, loud.1);
    }

    #[test]
    fn after_a_stall_of_ours_the_old_sound_is_skipped_not_dragged_along() {
        let (mut device, ring) = RingBuffer::new(96_000);
        let mut intake = Intake::new(ring, 48_000, 0.01, Arc::default()).unwrap();
        for i in 0..48_000 {
            device.push(tone(i, 48_000.0)).unwrap();
        }
        intake.take(&mut { crate::SILENCE }, Instant::now());
        assert!(intake.fill_s() < 0.05, "{}", intake.fill_s());
    }
}
