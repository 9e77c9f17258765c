//! Between the operator's words, the room is turned down: what the noise suppressor leaves of it, and people who speak further away.
//!
//! It follows how loud the operator speaks. What is not much weaker opens it at once, a voice or not: words may begin with an *s*. It
//! closes slowly, long after the last word, and never wholly, so that nobody thinks the line is dead.

use crate::{Frame, dbfs};

/// Surer than this, of 1, that it hears a voice, the suppressor tells how loud the operator speaks.
const SURE: f32 = 0.9;
/// And surer than this, that it may be the operator after all.
const LIKELY: f32 = 0.5;
/// What is weaker than the operator's voice by more, dB, is somebody else's. At a headset's microphone, neighbours are 25 to 35 dB
/// weaker; words begin with what is 20 dB weaker.
const WEAKER: f32 = 21.0;
/// How loud an operator speaks of whom nothing is known yet, dBFS: rather too soft than a first word lost.
const EXPECTED: f32 = -45.0;
/// How quickly the notion of it rises and falls with each frame of the operator's voice.
const RISE: f32 = 0.1;
const FALL: f32 = 0.004;
/// And what it falls by with each frame of a voice taken for somebody else's, dB: it may be the operator, who has leant back.
const DOUBT: f32 = 0.004;
/// Frames it stays open after the last word.
const HOLD: u32 = 40;
/// Closed, the room is so much weaker: 12 dB.
const CLOSED: f32 = 0.25;
/// What one frame takes of the gain while it closes: half a second.
const CLOSE: f32 = 0.973;

/// Follows the operator.
#[derive(Debug)]
pub struct Gate {
    /// How loud the operator speaks, dBFS: the louder syllables, for it rises quickly and falls slowly.
    level: f32,
    hold: u32,
    gain: f32,
}

impl Gate {
    /// Open, and expecting a soft voice.
    pub fn new() -> Self {
        Self { level: EXPECTED, hold: HOLD, gain: 1.0 }
    }

    /// To compare with.
    #[cfg(test)]
    pub fn always_open() -> Self {
        Self { hold: u32::MAX, ..Self::new() }
    }

    /// Turns a frame down unless it is the operator's; `voice` is how sure the suppressor is that one is heard.
    pub fn pass(&mut self, frame: &mut Frame, voice: f32) {
        let level = dbfs(frame);
        if level > self.level - WEAKER {
            self.hold = self.hold.max(HOLD);
            if voice > SURE {
                let share = if level > self.level { RISE } else { FALL };
                self.level += share * (level - self.level);
            }
        } else {
            self.hold = self.hold.saturating_sub(1);
            self.level -= if voice > LIKELY { DOUBT } else { 0.0 };
        }
        let before = self.gain;
        self.gain = if self.hold > 0 { 1.0 } else { (self.gain * CLOSE).max(CLOSED) };
        if before == 1.0 && self.gain == 1.0 {
            return;
        }
        let length = frame.len() as f32;
        for (n, sample) in frame.iter_mut().enumerate() {
            *sample *= before + (self.gain - before) * (n as f32 + 1.0) / length;
        }
    }
}
