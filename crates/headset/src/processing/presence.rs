//! Whether the microphone hears the loudspeaker at all. On a headset it does not, and an echo canceller that looks for an echo that
//! is not there takes the operator's words out while both talk.
//!
//! An echo comes later than what was played, nobody knows how much. But if at some moment the microphone was quiet although so long
//! before something loud was played, then there is no echo of that delay; and when this was seen for each delay, there is none.
//! An echo that is there later, because the headset lies on the table, gives itself away by rising and falling with what is played.

use crate::{FRAME, Frame};

/// Levels are taken over so many frames, 100 ms.
const BLOCK: usize = 10;
/// Delays looked at, in blocks: up to 0.8 s, devices and room together.
const DELAYS: usize = 8;
/// An echo so much weaker than what is played, dB, is none. What is measured is the microphone, so its noise has to be as weak too.
const NONE: f32 = 45.0;
/// How often a delay must be seen without an echo.
const ENOUGH: u32 = 4;
/// Played so loud, dBFS, an echo would show.
const LOUD: f32 = -30.0;
/// After so many loud blocks without a quiet one there is an echo, if over as many blocks both levels are alike: correlation of this and
/// more. Two people who talk at the same time reach a half.
const STALE: u32 = 30;
const SPAN: usize = 40;
const ALIKE: f32 = 0.85;
/// Levels below are alike, dBFS.
const FLOOR: f32 = -85.0;
/// Softer than this, dBFS, the microphone is switched off, which tells nothing.
const OFF: f32 = -90.0;
/// And the microphone gives no more than its own noise: within this of the quietest block of late, which is forgotten by so much a block, dB.
const NOISE: f32 = 6.0;
const FORGET: f32 = 0.02;

/// Listens to both.
#[derive(Debug)]
pub struct Presence {
    /// Powers of the present block so far, played and microphone, and its frames.
    sums: [f32; 2],
    frames: usize,
    /// Levels of the last blocks, the newest first, dBFS; none yet before that.
    played: [Option<f32>; SPAN + DELAYS],
    microphone: [f32; SPAN],
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
            played: [None; SPAN + DELAYS],
            microphone: [FLOOR; SPAN],
            without: [0; DELAYS],
            since: [0; DELAYS],
            quietest: 0.0,
            absent: false,
        }
    }
}

impl Presence {
    /// Looks at what was played and what the microphone gave meanwhile; whether it is sure that there is no echo.
    pub fn saw(&mut self, played: &Frame, microphone: &Frame) -> bool {
        for (sum, frame) in self.sums.iter_mut().zip([played, microphone]) {
            *sum += frame.iter().map(|s| s * s).sum::<f32>();
        }
        self.frames += 1;
        if self.frames == BLOCK {
            let [played, microphone] = self.sums.map(|sum| 10.0 * (sum / (BLOCK * FRAME) as f32).max(1e-12).log10());
            (self.sums, self.frames) = ([0.0; 2], 0);
            self.played.rotate_right(1);
            self.played[0] = Some(played);
            self.microphone.rotate_right(1);
            self.microphone[0] = microphone;
            if microphone > OFF {
                self.block(microphone);
            }
        }
        self.absent
    }

    fn block(&mut self, microphone: f32) {
        self.quietest = microphone.min(self.quietest + FORGET);
        let quiet = microphone <= self.quietest + NOISE;
        // A delay between two blocks shows in both.
        let pairs = self.played.windows(2).map(|pair| Some(pair[0]?.min(pair[1]?)));
        for (played, (without, since)) in pairs.zip(self.without.iter_mut().zip(&mut self.since)) {
            match played {
                Some(played) if quiet && played - microphone >= NONE => (*without, *since) = (*without + 1, 0),
                Some(played) if played >= LOUD => *since += 1,
                _ => {}
            }
        }
        let echo = |(delay, since): (usize, &u32)| *since >= STALE && self.alike(delay) >= ALIKE;
        if self.since.iter().enumerate().any(echo) {
            (self.without, self.since, self.absent) = ([0; DELAYS], [0; DELAYS], false);
        } else if self.without.iter().all(|without| *without >= ENOUGH) {
            self.absent = true;
        }
    }

    /// Correlation of both levels over the span, the microphone's so much later.
    fn alike(&self, delay: usize) -> f32 {
        let pairs = || {
            let played = self.played[delay..].iter().map(|level| level.unwrap_or(FLOOR).max(FLOOR));
            played.zip(self.microphone.map(|level| level.max(FLOOR)))
        };
        let (a, b) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / SPAN as f32, b + y / SPAN as f32));
        let (ab, aa, bb) = pairs().fold((0.0, 1e-6f32, 1e-6f32), |(ab, aa, bb), (x, y)| {
            (ab + (x - a) * (y - b), aa + (x - a) * (x - a), bb + (y - b) * (y - b))
        });
        ab / (aa * bb).sqrt()
    }
}
