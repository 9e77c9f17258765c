//! Whether the customer hears himself: an echo that is left after all that was done against it.
//!
//! What goes out is compared with what was played, level by level. If for seconds it is louder whenever that was, by some delay, it is
//! an echo. While the operator talks too they differ, and nothing is said either way.

use crate::{FRAME, Frame};

/// Levels are taken over so many frames, 20 ms.
const BLOCK: usize = 2;
/// Compared over so many blocks, four seconds.
const WINDOW: usize = 200;
/// Delays looked at, in blocks: up to 0.8 s, devices, room and cleaning together.
const DELAYS: usize = 40;
/// It is looked at every so many blocks, once a second.
const STEP: usize = 50;
/// So many looks in a row have to find it.
const SURE: u32 = 3;
/// Levels below this, dBFS, count as this: nobody hears them.
const FAINT: f32 = -60.0;
/// What is played has to change by so much, dB (standard deviation), or nothing can be told.
const CHANGING: f32 = 6.0;
/// What goes out has to reach this at least in a tenth of the blocks, dBFS, or nobody hears it.
const HEARD: f32 = -48.0;
/// So alike (correlation) are an echo and its cause, and so unlike what is none.
const ALIKE: f32 = 0.8;
const UNLIKE: f32 = 0.5;

/// Listens to what is played and to what goes out.
pub(super) struct Leak {
    sums: [f32; 2],
    frames: usize,
    /// Levels of the last blocks, the newest last, dBFS.
    played: [f32; WINDOW + DELAYS],
    out: [f32; WINDOW],
    blocks: usize,
    found: u32,
    leaks: bool,
}

impl Leak {
    pub(super) fn new() -> Leak {
        Leak {
            sums: [0.0; 2],
            frames: 0,
            played: [FAINT; WINDOW + DELAYS],
            out: [FAINT; WINDOW],
            blocks: 0,
            found: 0,
            leaks: false,
        }
    }

    /// Whether there is an echo in what goes out.
    pub(super) fn leaks(&self) -> bool {
        self.leaks
    }

    pub(super) fn listen(&mut self, played: &Frame, out: &Frame) {
        for (sum, frame) in self.sums.iter_mut().zip([played, out]) {
            *sum += frame.iter().map(|s| s * s).sum::<f32>();
        }
        self.frames += 1;
        if self.frames < BLOCK {
            return;
        }
        let [played, out] = self.sums.map(|sum| (10.0 * (sum / (BLOCK * FRAME) as f32).max(1e-12).log10()).max(FAINT));
        (self.sums, self.frames) = ([0.0; 2], 0);
        self.played.rotate_left(1);
        self.out.rotate_left(1);
        (self.played[WINDOW + DELAYS - 1], self.out[WINDOW - 1]) = (played, out);
        self.blocks += 1;
        if self.blocks.is_multiple_of(STEP) {
            self.look();
        }
    }

    fn look(&mut self) {
        let heard = self.out.iter().filter(|level| **level > HEARD).count() >= WINDOW / 10;
        let alike = if heard { self.alike() } else { Some(0.0) };
        self.found = if alike.is_some_and(|alike| alike > ALIKE) { self.found + 1 } else { 0 };
        if alike.is_some_and(|alike| alike < UNLIKE) {
            self.leaks = false;
        }
        self.leaks |= self.found >= SURE;
    }

    /// The most alike they are at any delay; none where what was played says nothing.
    fn alike(&self) -> Option<f32> {
        let windows = (0..DELAYS).map(|delay| &self.played[DELAYS - delay..][..WINDOW]);
        let telling = windows.filter_map(|played| correlation(played, &self.out));
        telling.max_by(f32::total_cmp)
    }
}

/// None where the first changes too little.
fn correlation(a: &[f32], b: &[f32]) -> Option<f32> {
    let count = a.len() as f32;
    let mean = |x: &[f32]| x.iter().sum::<f32>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut power_a, mut power_b) = (0.0, 0.0, 1e-6);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        (both, power_a, power_b) = (both + a * b, power_a + a * a, power_b + b * b);
    }
    (power_a > CHANGING * CHANGING * count).then(|| both / (power_a * power_b).sqrt())
}
