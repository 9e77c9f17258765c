//! Hearing the operator: speech or not, and since when. Never what is said, nor how.
//!
//! A voice detector alone hears the neighbours too, so a frame counts only when it is also loud enough: near the level of the
//! speaker, and above the noise. Gaps in speech are joined and clicks are dropped before anyone hears of them.

use cuffia_media::Frame;
use earshot::Detector;
use std::collections::VecDeque;

/// Samples of one look at 16 kHz: 16 ms.
const LOOK: usize = 256;
const LOOK_MS: u64 = 16;
const THRESHOLD: f32 = 0.5;
/// Silences shorter than this are part of the speech.
const JOIN_MS: u64 = 300;
/// Sounds shorter than this are none.
const DROP_MS: u64 = 150;
/// A frame must be within this of the speaker's level.
const BELOW_SPEECH_DB: f32 = 14.0;
/// And so far above the noise.
const ABOVE_FLOOR_DB: f32 = 6.0;
/// With less than this between noise and speech nothing is measured.
const TOO_NOISY_DB: f32 = 12.0;
/// Nobody's room is quieter; a line that sends nothing is not a quiet room.
const QUIETEST_DB: f32 = -65.0;
/// Looks the noise floor is taken from: 4 s.
const MEMORY: usize = 250;
/// Softer than any microphone: the line sends nothing, which says nothing about the room.
const NOTHING_DB: f32 = -90.0;

/// Less says nothing about a microphone: 3 s.
const ENOUGH: u64 = 190;

/// A change in what is heard. Times are milliseconds of sound since the ears opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Speech, since then. Told after 0.15 s of it.
    Starts(u64),
    /// Silence, since then. Told after 0.3 s of it.
    Stops(u64),
}

/// See the module.
pub(crate) struct Ears {
    detector: Box<Detector>,
    down: Down,
    look: Vec<f32>,
    looks: u64,
    floor: Floor,
    speech_db: Option<f32>,
    smoother: Smoother,
    /// Levels of what was and was not speech, for the judgement at the end.
    voiced: Levels,
    unvoiced: Levels,
}

impl Ears {
    pub fn new() -> Self {
        Self {
            detector: Detector::default_boxed(),
            down: Down::new(),
            look: Vec::with_capacity(2 * LOOK),
            looks: 0,
            floor: Floor::new(),
            speech_db: None,
            smoother: Smoother::default(),
            voiced: Levels::default(),
            unvoiced: Levels::default(),
        }
    }

    /// Takes 10 ms.
    pub fn hear(&mut self, frame: &Frame) -> Option<Edge> {
        self.down.push(frame, &mut self.look);
        if self.look.len() < LOOK {
            return None;
        }
        // A decoder overshoots where somebody shouts; the detector wants full scale at most.
        let look: [f32; LOOK] = std::array::from_fn(|at| self.look.get(at).map_or(0.0, |s| s.clamp(-1.0, 1.0)));
        self.look.drain(..LOOK);
        let at = self.looks * LOOK_MS;
        self.looks += 1;
        let level = level(&look);
        let score = self.detector.predict_f32(&look);
        let loud = self.is_loud(level, score >= THRESHOLD);
        let edge = self.smoother.take(score >= THRESHOLD && loud, at, LOOK_MS);
        let levels = if self.smoother.speaking { &mut self.voiced } else { &mut self.unvoiced };
        levels.add(level);
        edge
    }

    /// The gate. It learns the noise from everything, and the speaker from what sounds like a voice.
    fn is_loud(&mut self, level: f32, voice: bool) -> bool {
        let floor = self.floor.take(level);
        let above_floor = level >= floor + ABOVE_FLOOR_DB;
        if voice && above_floor {
            let known = self.speech_db.get_or_insert(level);
            // Up within a word, down within half a minute of speech: a murmur behind the speaker does not become him.
            *known += (level - *known) * if level > *known { 0.1 } else { 0.0005 };
        }
        above_floor && self.speech_db.is_none_or(|speech| level >= speech - BELOW_SPEECH_DB)
    }

    /// Whether nothing came in, from the first moment to the last: a microphone that is switched off, not a person who is silent.
    pub fn heard_nothing(&self) -> bool {
        let sounds = self.voiced.above(NOTHING_DB) + self.unvoiced.above(NOTHING_DB);
        sounds == 0 && self.looks >= ENOUGH
    }

    /// Whether the surroundings are too loud to tell speech from silence. Needs a second of speech to say so.
    pub fn too_noisy(&self) -> bool {
        let (Some(speech), Some(noise)) = (self.voiced.median(60), self.unvoiced.median(30)) else { return false };
        speech - noise < TOO_NOISY_DB
    }
}

fn level(look: &[f32]) -> f32 {
    let power = look.iter().map(|s| s * s).sum::<f32>() / look.len() as f32;
    10.0 * power.max(1e-12).log10()
}

/// The noise: what nine looks in ten of the last seconds exceed.
struct Floor {
    recent: VecDeque<f32>,
}

impl Floor {
    fn new() -> Self {
        Self { recent: VecDeque::from([QUIETEST_DB]) }
    }

    fn take(&mut self, level: f32) -> f32 {
        if self.recent.len() > MEMORY {
            self.recent.pop_front();
        }
        if level > NOTHING_DB {
            self.recent.push_back(level.max(QUIETEST_DB));
        }
        let mut sorted: Vec<f32> = self.recent.iter().copied().collect();
        let at = sorted.len() / 10;
        *sorted.select_nth_unstable_by(at, f32::total_cmp).1
    }
}

/// Joins gaps and drops clicks.
#[derive(Default)]
struct Smoother {
    speaking: bool,
    /// Speech not yet long enough to count: since when, and how much of it.
    begun: Option<(u64, u64)>,
    last_voiced_end: u64,
}

impl Smoother {
    fn take(&mut self, voiced: bool, at: u64, length: u64) -> Option<Edge> {
        let now = at + length;
        if voiced {
            self.last_voiced_end = now;
            if self.speaking {
                return None;
            }
            let (since, sum) = self.begun.unwrap_or((at, 0));
            self.begun = Some((since, sum + length));
            if sum + length >= DROP_MS {
                (self.speaking, self.begun) = (true, None);
                return Some(Edge::Starts(since));
            }
        } else if now - self.last_voiced_end >= JOIN_MS {
            self.begun = None;
            if std::mem::take(&mut self.speaking) {
                return Some(Edge::Stops(self.last_voiced_end));
            }
        }
        None
    }
}

/// How often each level was met, in whole decibels below full scale.
struct Levels([u32; 121]);

impl Default for Levels {
    fn default() -> Self {
        Self([0; 121])
    }
}

impl Levels {
    fn add(&mut self, level: f32) {
        let at = (-level).clamp(0.0, 120.0).round() as usize;
        if let Some(count) = self.0.get_mut(at) {
            *count += 1;
        }
    }

    /// Looks louder than this.
    fn above(&self, level: f32) -> u32 {
        self.0.iter().take((-level) as usize).sum()
    }

    /// Nothing below `least` looks.
    fn median(&self, least: u32) -> Option<f32> {
        let all: u32 = self.0.iter().sum();
        let mut left = all / 2;
        if all < least {
            return None;
        }
        for (at, count) in self.0.iter().enumerate() {
            if left < *count {
                return Some(-(at as f32));
            }
            left -= count;
        }
        None
    }
}

/// 48 kHz to 16 kHz: a windowed sinc over three phases.
struct Down {
    taps: [f32; TAPS],
    history: [f32; TAPS],
}

const TAPS: usize = 48;

impl Down {
    fn new() -> Self {
        let middle = (TAPS as f32 - 1.0) / 2.0;
        let raw: [f32; TAPS] = std::array::from_fn(|n| {
            let x = n as f32 - middle;
            // 7 kHz of 48: the count is even, so x is never zero.
            let sinc = (std::f32::consts::TAU * 7.0 / 48.0 * x).sin() / x;
            let window = 0.54 + 0.46 * (std::f32::consts::PI * x / (middle + 0.5)).cos();
            sinc * window
        });
        let sum: f32 = raw.iter().sum();
        Self { taps: raw.map(|tap| tap / sum), history: [0.0; TAPS] }
    }

    fn push(&mut self, frame: &Frame, out: &mut Vec<f32>) {
        for three in frame.chunks_exact(3) {
            self.history.copy_within(3.., 0);
            self.history[TAPS - 3..].copy_from_slice(three);
            out.push(self.history.iter().zip(&self.taps).map(|(sample, tap)| sample * tap).sum());
        }
    }
}

#[cfg(test)]
mod tests;
