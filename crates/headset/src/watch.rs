//! What is wrong with a microphone, from its sound alone.

use crate::{Frame, dbfs};

/// At and above this a converter has no more to give.
const FULL: f32 = 0.999;
/// So many of those in a row are a cut top, not a peak that just fits.
const CUT: usize = 2;
/// Fifths of a second looked back on, and so many of them with cut tops are too many. A knock is in one or two.
const FIFTH: u32 = 20;
const FIFTHS: u32 = 25;
const TOO_LOUD: u32 = 5;

/// Frames in a block, over which a level is taken: shorter than the gaps between syllables.
const BLOCK: u32 = 5;
/// Blocks in a span of two seconds, and spans remembered: nobody speaks for eight seconds without a breath.
const SPAN: u32 = 40;
const SPANS: usize = 4;
/// A room so loud, dBFS, is noisy, whatever is said in it.
const NOISY: f32 = -45.0;
/// And one as loud as this, if the voice is not so much above it, dB.
const AUDIBLE: f32 = -60.0;
const CLEAR: f32 = 20.0;
/// While so much is played, dBFS, the microphone may hear that and not the room.
const PLAYED: f32 = -60.0;

/// Listens to a microphone as it comes, before anything is done to it.
pub(crate) struct Watch {
    /// Whether the tops were cut in each of the last fifths of a second, the newest in the lowest bit; and frames of the present one.
    cut: u32,
    cut_frames: u32,
    too_loud: bool,
    frames: u32,
    power: f32,
    blocks: u32,
    /// Softest and loudest block of each span, dBFS; the newest first. None before there was any.
    spans: [Option<(f32, f32)>; SPANS],
    noisy: bool,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch {
            cut: 0,
            cut_frames: 0,
            too_loud: false,
            frames: 0,
            power: 0.0,
            blocks: 0,
            spans: [None; SPANS],
            noisy: false,
        }
    }

    /// A call begins: how loud somebody was while putting the headset on is no matter.
    pub(crate) fn begin(&mut self) {
        (self.cut, self.too_loud) = (0, false);
    }

    /// So loud that its peaks are cut off, and cannot be mended.
    pub(crate) fn too_loud(&self) -> bool {
        self.too_loud
    }

    /// The room is loud beside the voice.
    pub(crate) fn noisy(&self) -> bool {
        self.noisy
    }

    pub(crate) fn listen(&mut self, microphone: &Frame, played: &Frame) {
        self.tops(microphone);
        if dbfs(played) > PLAYED {
            return;
        }
        self.power += 10f32.powf(dbfs(microphone) / 10.0);
        self.frames += 1;
        if self.frames == BLOCK {
            let level = 10.0 * (self.power / BLOCK as f32).log10();
            (self.frames, self.power) = (0, 0.0);
            self.block(level);
        }
    }

    fn tops(&mut self, microphone: &Frame) {
        let mut row = 0;
        let cut = microphone.iter().any(|s| {
            row = if s.abs() >= FULL { row + 1 } else { 0 };
            row >= CUT
        });
        self.cut |= u32::from(cut);
        self.cut_frames += 1;
        if self.cut_frames == FIFTH {
            let count = self.cut.count_ones();
            self.too_loud = if self.too_loud { count > 0 } else { count >= TOO_LOUD };
            self.cut = self.cut << 1 & ((1 << FIFTHS) - 1);
            self.cut_frames = 0;
        }
    }

    fn block(&mut self, level: f32) {
        let span = self.spans[0].get_or_insert((level, level));
        *span = (span.0.min(level), span.1.max(level));
        self.blocks += 1;
        if self.blocks < SPAN {
            return;
        }
        self.blocks = 0;
        let all =
            |of: fn(f32, f32) -> f32, end: fn(&(f32, f32)) -> f32| self.spans.iter().flatten().map(end).reduce(of);
        if let (Some(room), Some(voice), Some(_)) =
            (all(f32::min, |s| s.0), all(f32::max, |s| s.1), self.spans[SPANS - 1])
        {
            let somebody_spoke = voice - room > 6.0;
            self.noisy = room > NOISY || room > AUDIBLE && somebody_spoke && voice - room < CLEAR;
        }
        self.spans.rotate_right(1);
        self.spans[0] = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FRAME, SILENCE};

    fn tone(tick: usize, amplitude: f32) -> Frame {
        std::array::from_fn(|i| (amplitude * ((tick * FRAME + i) as f32 / 40.0).sin()).clamp(-1.0, 1.0))
    }

    /// Listens while nothing is played.
    fn hear(watch: &mut Watch, frame: &Frame) {
        watch.listen(frame, &SILENCE);
    }

    #[test]
    fn cut_tops_are_told_and_loud_speech_that_fits_is_not() {
        let mut watch = Watch::new();
        let mut hears = |amplitude, ticks| {
            (0..ticks).for_each(|tick| hear(&mut watch, &tone(tick, amplitude)));
            watch.too_loud()
        };
        assert!(!hears(0.99, 500), "it fits");
        assert!(!hears(1.5, 30), "a cough, or a knock");
        assert!(!hears(0.3, 600));
        assert!(hears(1.5, 120));
        assert!(hears(0.3, 300), "said long enough to be read");
        assert!(!hears(0.3, 300), "and no longer");
    }

    #[test]
    fn a_room_is_noisy_beside_the_voice() {
        // Amplitudes of room and voice; a voice speaks two seconds in three.
        for (room, voice, noisy) in [
            (0.0003, 0.1, false), // -73 and -23 dBFS
            (0.0003, 0.0, false),
            (0.003, 0.3, false), // -53 and -13: 40 dB apart
            (0.004, 0.02, true), // -51 and -37: a faint microphone in a loud room
            (0.02, 0.0, true),   // -37, nobody speaks
            (0.02, 0.3, true),
        ] {
            let mut watch = Watch::new();
            for tick in 0..1_200 {
                let talks = tick % 300 < 200;
                hear(&mut watch, &tone(tick, if talks { f32::max(room, voice) } else { room }));
            }
            assert_eq!(watch.noisy(), noisy, "room {room}, voice {voice}");
        }
    }

    #[test]
    fn neither_who_speaks_without_a_pause_nor_what_is_played_makes_a_room_noisy() {
        for name in ["italian-man", "english-woman"] {
            let path = format!("{}/../../tests/voices/{name}.wav", env!("CARGO_MANIFEST_DIR"));
            let voice = crate::read_wav(std::path::Path::new(&path)).expect("a voice");
            let mut watch = Watch::new();
            for (n, chunk) in voice.repeat(3).chunks_exact(FRAME).enumerate() {
                let frame: Frame = std::array::from_fn(|i| chunk[i] + 0.0003 * ((n * FRAME + i) as f32 / 3.0).sin());
                hear(&mut watch, &frame);
                assert!(!watch.noisy(), "{name} after {n}0 ms");
            }
        }
        let mut watch = Watch::new();
        (0..2_000).for_each(|tick| watch.listen(&tone(tick, 0.05), &tone(tick, 0.5)));
        assert!(!watch.noisy(), "a loudspeaker");
    }

    #[test]
    fn a_microphone_switched_off_is_not_a_noisy_room() {
        let mut watch = Watch::new();
        (0..2_000).for_each(|_| hear(&mut watch, &SILENCE));
        assert!(!watch.noisy() && !watch.too_loud());
    }
}
