//! Whether the microphone hears the loudspeaker at all. On a headset it does not, and an echo canceller that looks for an echo that
//! is not there takes the operator's words out while both talk.
//!
//! An echo comes later than what was played, nobody knows how much. But if at some moment the microphone was quiet although so long
//! before something loud was played, then there is no echo of that delay; and when this was seen for each delay, there is none. Such
//! moments come all the time, between two syllables too. When they come no more, for any delay, there may be an echo now.

use crate::{FRAME, Frame};

/// Levels are taken over so many frames, 20 ms: shorter than the gaps between syllables.
const BLOCK: usize = 2;
/// Delays looked at, in blocks: up to 0.8 s, devices and room together.
const DELAYS: usize = 40;
/// An echo so much weaker than what is played, dB, is none. What is measured is the microphone, so its noise has to be as weak too.
const NONE: f32 = 45.0;
/// How often a delay must be seen without an echo.
const ENOUGH: u32 = 4;
/// Played so loud, dBFS, an echo would show.
const LOUD: f32 = -30.0;
/// After so many loud blocks without a quiet one, five seconds, nothing is sure any more.
const STALE: u32 = 250;
/// Softer than this, dBFS, the microphone is switched off, which tells nothing.
const OFF: f32 = -90.0;
/// It is quiet within so much of the quietest block of late, dB; of that, so much is forgotten with each block.
const QUIET: f32 = 6.0;
const FORGET: f32 = 0.004;

/// Listens to both.
#[derive(Debug)]
pub struct Presence {
    /// Powers of the present block so far, played and microphone, and its frames.
    sums: [f32; 2],
    frames: usize,
    /// Levels of the blocks played last, the newest first, dBFS; none yet before that.
    played: [Option<f32>; DELAYS + 1],
    /// For each delay: blocks without an echo; loud ones since the last such.
    without: [u32; DELAYS],
    since: [u32; DELAYS],
    quietest: f32,
    absent: bool,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            sums: [0.0; 2],
            frames: 0,
            played: [None; DELAYS + 1],
            without: [0; DELAYS],
            since: [0; DELAYS],
            quietest: 0.0,
            absent: false,
        }
    }
}

impl Presence {
    /// Looks at what was played and what the microphone gave meanwhile; whether it is sure that there is no echo.
    pub fn absent_after(&mut self, played: &Frame, microphone: &Frame) -> bool {
        for (sum, frame) in self.sums.iter_mut().zip([played, microphone]) {
            *sum += frame.iter().map(|s| s * s).sum::<f32>();
        }
        self.frames += 1;
        if self.frames == BLOCK {
            let [played, microphone] = self.sums.map(|sum| 10.0 * (sum / (BLOCK * FRAME) as f32).max(1e-12).log10());
            (self.sums, self.frames) = ([0.0; 2], 0);
            self.played.rotate_right(1);
            self.played[0] = Some(played);
            if microphone > OFF {
                self.block(microphone);
            }
        }
        self.absent
    }

    fn block(&mut self, microphone: f32) {
        self.quietest = microphone.min(self.quietest + FORGET);
        let quiet = microphone <= self.quietest + QUIET;
        // What was played lies between two blocks: both have to be loud.
        let played = self.played.windows(2).map(|pair| Some(pair[0]?.min(pair[1]?)));
        for (played, (without, since)) in played.zip(self.without.iter_mut().zip(&mut self.since)) {
            match played {
                Some(played) if quiet && played - microphone >= NONE => (*without, *since) = (*without + 1, 0),
                Some(played) if played >= LOUD => *since += 1,
                _ => {}
            }
        }
        if self.since.iter().any(|since| *since >= STALE) {
            (self.without, self.since, self.absent) = ([0; DELAYS], [0; DELAYS], false);
        } else if self.without.iter().all(|without| *without >= ENOUGH) {
            self.absent = true;
        }
    }
}
