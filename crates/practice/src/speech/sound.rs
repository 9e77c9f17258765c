//! Sound as lines need it: rate, level, edges, and the noise of a line.

use crate::PracticeError;
use audioadapter_buffers::direct::InterleavedSlice;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rubato::{Fft, FixedSync, Resampler};

/// Speech is brought to this level.
const SPEECH_DBFS: f32 = -20.0;
/// No sample goes higher.
const PEAK: f32 = 0.89;
/// A stretch of 10 ms softer than this is no speech.
const SPEECH_FLOOR_DBFS: f32 = -52.0;
/// A telephone line is never quieter.
const NOISE_DBFS: f32 = -60.0;
const STRETCH: usize = 480;
/// The engine pauses for most of a second between sentences, which at the telephone sounds like the end of a turn.
const LONGEST_PAUSE: usize = 22;

/// RMS in dBFS, never below -120.
pub(crate) fn dbfs(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32;
    (10.0 * power.max(1e-12).log10()).max(-120.0)
}

/// 16 kHz to 48 kHz.
pub(crate) fn to_48k(samples: &[f32]) -> Result<Vec<f32>, PracticeError> {
    let mut fft = Fft::<f32>::new(16_000, 48_000, 512, 1, FixedSync::Input).map_err(PracticeError::voice)?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(PracticeError::voice)?;
    Ok(fft.process_all(&input, samples.len(), None).map_err(PracticeError::voice)?.take_data())
}

/// The level of the stretches that hold speech.
pub(crate) fn level_active(samples: &[f32]) -> f32 {
    let active = samples.chunks(STRETCH).filter(|stretch| dbfs(stretch) > SPEECH_FLOOR_DBFS);
    let (power, count) = active.fold((0.0, 0usize), |(power, count), stretch| {
        (power + stretch.iter().map(|s| s * s).sum::<f32>(), count + stretch.len())
    });
    10.0 * (power / count.max(1) as f32).max(1e-12).log10()
}

/// Brings speech to its level without touching the ceiling.
pub(crate) fn normalise(samples: &mut [f32]) {
    let peak = samples.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
    let wanted = 10f32.powf((SPEECH_DBFS - level_active(samples)) / 20.0);
    let gain = wanted.min(PEAK / peak.max(1e-3));
    samples.iter_mut().for_each(|s| *s *= gain);
}

/// Takes the silence off both ends, so that a line is as long as its speech.
pub(crate) fn trim(samples: &mut Vec<f32>) {
    let loud = |stretch: &[f32]| dbfs(stretch) > SPEECH_FLOOR_DBFS;
    let last = samples.chunks(STRETCH).rposition(loud).map_or(0, |at| at + 1);
    samples.truncate(last * STRETCH);
    let first = samples.chunks(STRETCH).position(loud).unwrap_or(0);
    samples.drain(..first * STRETCH);
}

/// Shortens long pauses within a line.
pub(crate) fn tighten(samples: &mut Vec<f32>) {
    let (mut kept, mut quiet) = (Vec::with_capacity(samples.len()), 0);
    for stretch in samples.chunks(STRETCH) {
        quiet = if dbfs(stretch) > SPEECH_FLOOR_DBFS { 0 } else { quiet + 1 };
        if quiet <= LONGEST_PAUSE {
            kept.extend_from_slice(stretch);
        }
    }
    *samples = kept;
}

/// Where the voice pauses for a moment: the middles of quiet stretches of 20 ms or more.
pub(crate) fn word_gaps(samples: &[f32]) -> Vec<usize> {
    let quiet: Vec<bool> = samples.chunks(STRETCH).map(|stretch| dbfs(stretch) < SPEECH_DBFS - 20.0).collect();
    let pairs = quiet.windows(2).enumerate();
    pairs.filter(|(_, pair)| pair.iter().all(|q| *q)).map(|(at, _)| (at + 1) * STRETCH).collect()
}

/// Line noise at -60 dBFS.
pub(crate) struct Noise {
    rng: SmallRng,
    low: f32,
}

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self { rng: SmallRng::seed_from_u64(seed), low: 0.0 }
    }

    /// Adds noise with the sound of a line: more of it low than high.
    pub fn add(&mut self, frame: &mut [f32]) {
        // A uniform ±1 has an RMS of 1/√3; the one-pole filter with 0.5 leaves 1/√3 of that.
        let scale = 3.0 * 10f32.powf(NOISE_DBFS / 20.0);
        for sample in frame {
            self.low = 0.5 * self.low + 0.5 * self.rng.random_range(-1.0..1.0f32);
            *sample += self.low * scale;
        }
    }
}
