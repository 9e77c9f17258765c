//! Concealment for G.711, after the idea of ITU-T G.711 appendix I: the last pitch period is repeated, fading out, and
//! what comes after the gap is blended in.

/// History: 40 ms at 8 kHz.
const HISTORY: usize = 320;
/// Pitch is looked for between 50 and 400 Hz.
const SHORTEST: usize = 20;
const LONGEST: usize = 160;
/// Silence is reached 60 ms into a gap.
const FADE: f32 = 480.0;
/// The blend after a gap: 4 ms.
const BLEND: usize = 32;

/// Watches the sound at 8 kHz and continues it when asked.
pub struct Conceal {
    history: [f32; HISTORY],
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
    pub fn new() -> Self {
        Self { history: [0.0; HISTORY], period: LONGEST, in_gap: false, invented: 0, blend: 0 }
    }

    /// A sample that arrived; right after a gap it comes back blended with the continuation.
    pub fn heard(&mut self, sample: f32) -> f32 {
        if self.in_gap {
            self.in_gap = false;
            self.blend = BLEND;
        }
        let sample = if self.blend > 0 {
            let share = self.blend as f32 / (BLEND + 1) as f32;
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
            self.period = pitch(&self.history);
        }
    }

    /// The next sample of the continuation.
    pub fn invent(&mut self) -> f32 {
        let sample = self.continued();
        // The history keeps the unfaded wave, so that each period repeats the one before it.
        let unfaded = self.history[HISTORY - self.period];
        self.remember(unfaded);
        self.invented += 1;
        sample
    }

    fn continued(&self) -> f32 {
        self.history[HISTORY - self.period] * (1.0 - self.invented as f32 / FADE).max(0.0)
    }

    fn remember(&mut self, sample: f32) {
        self.history.copy_within(1.., 0);
        self.history[HISTORY - 1] = sample;
    }
}

/// The lag at which the last 20 ms look most like what came before.
fn pitch(history: &[f32; HISTORY]) -> usize {
    let recent = &history[HISTORY - LONGEST..];
    let likeness = |lag: usize| {
        let earlier = &history[HISTORY - LONGEST - lag..HISTORY - lag];
        let (mut cross, mut energy) = (0.0f32, 1e-9f32);
        for (a, b) in recent.iter().zip(earlier) {
            cross += a * b;
            energy += b * b;
        }
        cross / energy.sqrt()
    };
    (SHORTEST..=LONGEST)
        .map(|lag| (lag, likeness(lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(LONGEST, |(lag, _)| lag)
}
