//! Between a device's clock and ours: a ring, and a resampler whose ratio follows how full the ring is.
//!
//! Two devices never run at exactly the same rate; 100 ppm are 360 ms an hour. The ring would run empty or full. So the ratio is
//! changed by fractions of a per mille, slowly enough that nobody hears it, until the ring stays as full as wanted.

use crate::{FRAME, Frame, HeadsetError, SAMPLE_RATE};
use audioadapter_buffers::direct::InterleavedSlice;
use rtrb::{Consumer, Producer};
use rubato::{Async, FixedAsync, PolynomialDegree, Resampler};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// The ratio leaves its nominal value by at most this much: far more than any clock is off, less than a tenth of a semitone.
const MAX_CORRECTION: f64 = 0.004;
/// Weight of the newest fill in the running average: about two seconds.
const SMOOTHING: f64 = 0.005;
/// 10 ms too much in the ring are worked off within about ten seconds.
const GAIN: f64 = 0.1;

fn resampler(ratio: f64, fixed: FixedAsync) -> Result<Async<f32>, HeadsetError> {
    Async::new_poly(ratio, 1.0 + 2.0 * MAX_CORRECTION, PolynomialDegree::Cubic, FRAME, 1, fixed)
        .map_err(|e| HeadsetError::Refused { name: "resampler".into(), why: e.to_string() })
}

/// How long sound is under way in the device and its driver, beyond our ring. Written by the device's callback.
#[derive(Default)]
pub(crate) struct Inside(AtomicU32);

impl Inside {
    /// From the device's callback, with what its clocks say now and the sound it moves at once. Half of that is added: a frame of ours
    /// comes at any time between two callbacks.
    pub(crate) fn saw(&self, now: Duration, moved: Duration) {
        // Half a second and more is a clock that means something else.
        let now = (now + moved / 2).min(Duration::from_millis(500)).as_micros() as u32;
        let before = self.0.load(Relaxed);
        self.0.store(if before == 0 { now } else { (before * 15 + now) / 16 }, Relaxed);
    }

    fn seconds(&self) -> f64 {
        f64::from(self.0.load(Relaxed)) / 1e6
    }
}

/// Keeps a ring at its wanted fill. All in seconds.
struct Servo {
    target: f64,
    average: f64,
}

impl Servo {
    fn new(target: f64) -> Servo {
        Servo { target, average: target }
    }

    /// Relative change of speed at which the ring should be emptied; above 1 when it is too full.
    fn speed(&mut self, fill: f64) -> f64 {
        self.average += SMOOTHING * (fill - self.average);
        1.0 + ((self.average - self.target) * GAIN).clamp(-MAX_CORRECTION, MAX_CORRECTION)
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
    /// `target_s` is the sound that should wait in the ring: a device period and some reserve, seconds.
    pub(crate) fn new(
        ring: Consumer<f32>,
        rate: u32,
        target_s: f64,
        inside: Arc<Inside>,
    ) -> Result<Intake, HeadsetError> {
        let resampler = resampler(f64::from(SAMPLE_RATE) / f64::from(rate), FixedAsync::Output)?;
        let input = vec![0.0; resampler.input_frames_max()];
        Ok(Intake { ring, rate: rate.into(), resampler, servo: Servo::new(target_s), input, running: false, inside })
    }

    /// From the microphone to the frame it is heard in, seconds, averaged over some seconds.
    pub(crate) fn delay_s(&self) -> f64 {
        self.servo.average + self.inside.seconds()
    }

    fn fill_s(&self) -> f64 {
        self.ring.slots() as f64 / self.rate
    }

    /// The next frame; silence while the ring fills up.
    pub(crate) fn take(&mut self, out: &mut Frame) {
        out.fill(0.0);
        let mut fill = self.fill_s();
        if !self.running {
            if fill < self.servo.target {
                return;
            }
            (self.running, self.servo.average) = (true, self.servo.target);
        }
        // A stall of ours (or a burst of the device) left far too much: jump, a resampler would take minutes.
        let limit = 2.0 * self.servo.target + 0.05;
        if fill > limit {
            let excess = ((fill - self.servo.target) * self.rate) as usize;
            if let Ok(chunk) = self.ring.read_chunk(excess.min(self.ring.slots())) {
                chunk.commit_all();
            }
            (fill, self.servo.average) = (self.fill_s(), self.servo.target);
        }
        let speed = self.servo.speed(fill);
        // Slower output for each input when the ring is full: ratio = out / in.
        let _ = rubato::Adjustable::set_resample_ratio_relative(&mut self.resampler, 1.0 / speed, true);
        let needed = self.resampler.input_frames_next();
        let Ok(chunk) = self.ring.read_chunk(needed) else {
            self.running = false;
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
    /// As [`Intake::new`]. The ring is filled to its target with silence at once.
    pub(crate) fn new(
        ring: Producer<f32>,
        rate: u32,
        target_s: f64,
        inside: Arc<Inside>,
    ) -> Result<Outlet, HeadsetError> {
        let resampler = resampler(f64::from(rate) / f64::from(SAMPLE_RATE), FixedAsync::Input)?;
        let output = vec![0.0; resampler.output_frames_max()];
        let mut outlet =
            Outlet { ring, rate: rate.into(), resampler, servo: Servo::new(target_s), output, draining: false, inside };
        outlet.refill();
        Ok(outlet)
    }

    /// From a frame to the ear, seconds, averaged over some seconds.
    pub(crate) fn delay_s(&self) -> f64 {
        self.servo.average + self.inside.seconds()
    }

    fn fill_s(&self) -> f64 {
        (self.ring.buffer().capacity() - self.ring.slots()) as f64 / self.rate
    }

    fn refill(&mut self) {
        let silence = (self.servo.target * self.rate) as usize;
        if let Ok(chunk) = self.ring.write_chunk_uninit(silence.min(self.ring.slots())) {
            chunk.fill_from_iter(std::iter::repeat_n(0.0, silence));
        }
        self.servo.average = self.servo.target;
    }

    /// Gives the next frame. It is left out while far too much waits: a device that starts late would otherwise stay late, since the
    /// resampler works off only a few ms each second.
    pub(crate) fn give(&mut self, frame: &Frame) {
        let fill = self.fill_s();
        if fill == 0.0 {
            self.refill();
        }
        self.draining = fill > if self.draining { self.servo.target } else { 2.0 * self.servo.target + 0.05 };
        if self.draining {
            self.servo.average = self.servo.target;
            return;
        }
        let speed = self.servo.speed(fill);
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
        let mut intake = Intake::new(ring, rate, 0.03, Arc::default()).unwrap();
        let (mut produced, mut owed, mut breaks, mut worst_fill, mut last) = (0usize, 0.0f64, 0, 0.0f64, 0.0f32);
        let mut out = crate::SILENCE;
        for tick in 0..30_000 {
            owed += f64::from(rate) / 100.0 * (1.0 + ppm / 1e6);
            while owed >= period {
                for _ in 0..period as usize {
                    let _ = device.push(tone(produced, f64::from(rate)));
                    produced += 1;
                }
                owed -= period;
            }
            intake.take(&mut out);
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
                let mut outlet = Outlet::new(ring, rate, 0.03, Arc::default()).unwrap();
                let (mut sent, mut owed, mut last, mut breaks) = (0usize, 0.0f64, 0.0f32, 0);
                for tick in 0..30_000 {
                    let frame: Frame = std::array::from_fn(|i| tone(sent + i, 48_000.0));
                    sent += FRAME;
                    outlet.give(&frame);
                    owed += f64::from(rate) / 100.0 * (1.0 + ppm / 1e6);
                    while owed >= f64::from(rate) / 100.0 {
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

    #[test]
    fn after_a_stall_of_ours_the_old_sound_is_skipped_not_dragged_along() {
        let (mut device, ring) = RingBuffer::new(96_000);
        let mut intake = Intake::new(ring, 48_000, 0.03, Arc::default()).unwrap();
        for i in 0..48_000 {
            device.push(tone(i, 48_000.0)).unwrap();
        }
        intake.take(&mut { crate::SILENCE });
        assert!(intake.fill_s() < 0.05, "{}", intake.fill_s());
    }
}
