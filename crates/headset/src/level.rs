//! Levels in dBFS (RMS; a full-scale sine reads −3.01), and what the way through the headset takes.

use crate::watch::Watch;
use crate::work::Work;
use crate::{Delays, Frame};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// The lowest level shown: nothing audible is below.
const FLOOR: f32 = -120.0;

/// RMS level of some samples, dBFS, not below −120.
pub fn dbfs(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32;
    if power > 0.0 { (10.0 * power.log10()).max(FLOOR) } else { FLOOR }
}

/// The newest levels and delays, read by anyone at any time.
#[derive(Debug)]
pub struct Levels {
    microphone: AtomicU32,
    ear: AtomicU32,
    digital_silence: AtomicU32,
    microphone_delay: AtomicU32,
    ear_delay: AtomicU32,
    processing_delay: AtomicU32,
    too_loud: AtomicBool,
    noisy: AtomicBool,
    echoes: AtomicBool,
    too_slow: AtomicBool,
    work: Work,
}

impl Default for Levels {
    fn default() -> Self {
        let floor = || AtomicU32::new(FLOOR.to_bits());
        let zero = || AtomicU32::new(0);
        Levels {
            microphone: floor(),
            ear: floor(),
            digital_silence: zero(),
            microphone_delay: zero(),
            ear_delay: zero(),
            processing_delay: zero(),
            too_loud: AtomicBool::default(),
            noisy: AtomicBool::default(),
            echoes: AtomicBool::default(),
            too_slow: AtomicBool::default(),
            work: Work::default(),
        }
    }
}

impl Levels {
    /// Microphone after processing and before mute, dBFS: shows that it works even while muted.
    pub fn microphone(&self) -> f32 {
        f32::from_bits(self.microphone.load(Relaxed))
    }

    /// What goes to the ear, dBFS.
    pub fn ear(&self) -> f32 {
        f32::from_bits(self.ear.load(Relaxed))
    }

    /// For how long the microphone has given nothing but exact zeros, ms. A real microphone never does: it is unplugged, switched off
    /// or withheld by the system.
    pub fn digital_silence_ms(&self) -> u32 {
        self.digital_silence.load(Relaxed) * 10
    }

    /// The microphone is so loud that its peaks are cut off, which nothing can mend afterwards.
    pub fn too_loud(&self) -> bool {
        self.too_loud.load(Relaxed)
    }

    /// The room is loud beside the operator's voice.
    pub fn noisy(&self) -> bool {
        self.noisy.load(Relaxed)
    }

    /// The other side hears itself: an echo has been left for seconds.
    pub fn echoes(&self) -> bool {
        self.echoes.load(Relaxed)
    }

    /// The machine is too slow for all that was wanted, and something is left out.
    pub fn too_slow(&self) -> bool {
        self.too_slow.load(Relaxed)
    }

    /// What ten milliseconds of sound take of the machine.
    pub fn work(&self) -> &Work {
        &self.work
    }

    pub(crate) fn saw_troubles(&self, watch: &Watch, echoes: bool, too_slow: bool) {
        self.too_slow.store(too_slow, Relaxed);
        self.too_loud.store(watch.too_loud(), Relaxed);
        self.noisy.store(watch.noisy(), Relaxed);
        self.echoes.store(echoes, Relaxed);
    }

    /// What devices, drivers and rings add to the way of the sound.
    pub fn delays(&self) -> Delays {
        Delays {
            microphone_ms: f32::from_bits(self.microphone_delay.load(Relaxed)),
            ear_ms: f32::from_bits(self.ear_delay.load(Relaxed)),
        }
    }

    /// What cleaning the microphone adds, ms.
    pub fn processing_ms(&self) -> f32 {
        f32::from_bits(self.processing_delay.load(Relaxed))
    }

    pub(crate) fn saw_delays(&self, delays: Delays, processing_ms: f32) {
        self.microphone_delay.store(delays.microphone_ms.to_bits(), Relaxed);
        self.ear_delay.store(delays.ear_ms.to_bits(), Relaxed);
        self.processing_delay.store(processing_ms.to_bits(), Relaxed);
    }

    pub(crate) fn saw_microphone(&self, raw: &Frame, processed: &Frame) {
        fall(&self.microphone, dbfs(processed));
        if raw.iter().all(|&s| s == 0.0) {
            self.digital_silence.fetch_add(1, Relaxed);
        } else {
            self.digital_silence.store(0, Relaxed);
        }
    }

    pub(crate) fn saw_ear(&self, frame: &Frame) {
        fall(&self.ear, dbfs(frame));
    }
}

/// Rises at once, falls by 1.5 dB a frame (150 dB/s), so that a reader at 20 Hz misses no syllable.
fn fall(cell: &AtomicU32, now: f32) {
    let before = f32::from_bits(cell.load(Relaxed));
    cell.store(now.max(before - 1.5).max(FLOOR).to_bits(), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_sine_reads_minus_three_and_silence_the_floor() {
        let sine: Vec<f32> = (0..4800).map(|i| (std::f32::consts::TAU * i as f32 / 48.0).sin()).collect();
        assert!((dbfs(&sine) + 3.01).abs() < 0.01);
        assert_eq!(dbfs(&[0.0; 480]), -120.0);
        assert_eq!(dbfs(&[]), -120.0);
    }
}
