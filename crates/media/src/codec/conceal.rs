//! Concealment for codecs without one of their own, after the idea of ITU-T G.711 appendix I: the last pitch period is repeated, fading
//! out, and what comes after the gap is blended in.

use super::resample::Rate;

// In samples at 8 kHz; at 16 kHz twice as many.
/// History: 40 ms.
const HISTORY: usize = 320;
/// Pitch is looked for between 50 and 400 Hz.
const SHORTEST: usize = 20;
const LONGEST: usize = 160;
/// Silence is reached 60 ms into a gap.
const FADE: usize = 480;
/// The blend after a gap: 4 ms.
const BLEND: usize = 32;
/// Most samples a history may need.
const ROOM: usize = 2 * HISTORY;

/// Watches the sound at the codec's rate and continues it when asked.
pub struct Conceal {
    /// The newest last; of it, as much as the rate needs.
    history: [f32; ROOM],
    /// 1 at 8 kHz, 2 at 16 kHz.
    scale: usize,
    /// Pitch period of the present gap.
    period: usize,
    in_gap: bool,
    /// Samples invented in this gap.
    invented: usize,
    /// Samples of the blend still to come.
    blend: usize,
}

impl Conceal {
    /// Nothing heard yet.
    pub fn new(rate: Rate) -> Self {
        let scale = match rate {
            Rate::Narrow => 1,
            Rate::Wide => 2,
        };
        Self { history: [0.0; ROOM], scale, period: LONGEST * scale, in_gap: false, invented: 0, blend: 0 }
    }

    /// A sample that arrived; right after a gap it comes back blended with the continuation.
    pub fn heard(&mut self, sample: f32) -> f32 {
        if self.in_gap {
            self.in_gap = false;
            self.blend = BLEND * self.scale;
        }
        let sample = if self.blend > 0 {
            let share = self.blend as f32 / (BLEND * self.scale + 1) as f32;
            self.blend -= 1;
            sample * (1.0 - share) + self.continued() * share
        } else {
            sample
        };
        self.remember(sample);
        sample
    }

    /// A gap begins or goes on.
    pub fn begin(&mut self) {
        if !self.in_gap {
            self.in_gap = true;
            self.invented = 0;
            self.period = pitch(&self.history[ROOM - HISTORY * self.scale..], self.scale);
        }
    }

    /// The next sample of the continuation.
    pub fn invent(&mut self) -> f32 {
        let sample = self.continued();
        // The history keeps the unfaded wave, so that each period repeats the one before it.
        let unfaded = self.history[ROOM - self.period];
        self.remember(unfaded);
        self.invented += 1;
        sample
    }

    fn continued(&self) -> f32 {
        self.history[ROOM - self.period] * (1.0 - self.invented as f32 / (FADE * self.scale) as f32).max(0.0)
    }

    fn remember(&mut self, sample: f32) {
        self.history.copy_within(1.., 0);
        self.history[ROOM - 1] = sample;
    }
}

/// The lag at which the last 20 ms look most like what came before.
fn pitch(history: &[f32], scale: usize) -> usize {
    let longest = LONGEST * scale;
    let recent = &history[history.len() - longest..];
    let likeness = |lag: usize| {
        let earlier = &history[history.len() - longest - lag..history.len() - lag];
        let (mut cross, mut energy) = (0.0f32, 1e-9f32);
        for (a, b) in recent.iter().zip(earlier) {
            cross += a * b;
            energy += b * b;
        }
        cross / energy.sqrt()
    };
    (SHORTEST * scale..=longest)
        .map(|lag| (lag, likeness(lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(longest, |(lag, _)| lag)
}
