//! Time stretching: takes one period of the voice out of the sound, or puts one in, without a seam. The pitch stays.
//!
//! The idea is waveform similarity overlap-add (Verhelst and Roelands, ICASSP 1993): where the sound resembles itself a lag later, the
//! two are blended into each other over the length of the lag.

/// Shortest and longest lag, in samples at 48 kHz: 2.5 and 15 ms, a pitch of 400 to 67 Hz.
const SHORTEST: usize = 120;
const LONGEST: usize = 720;
/// The search looks at every sixth sample, 8 kHz.
const COARSE: usize = 6;
/// Sound needed for the longest lag: 30 ms.
pub const ENOUGH: usize = 2 * LONGEST;
/// Softer than this, in mean square (-45 dBFS), no seam is heard, however unlike.
pub const QUIET: f32 = 3.2e-5;

/// How much it may be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Only where the sound is alike.
    Gentle,
    /// Even where it is not so much alike: there is far too much of it.
    Hurried,
}

impl Care {
    fn least_likeness(self) -> f32 {
        match self {
            Self::Gentle => 0.9,
            Self::Hurried => 0.5,
        }
    }
}

/// Shortens the beginning of the sound by at most `most` samples; the samples saved, zero where it would be heard.
pub fn shorten(sound: &mut Vec<f32>, most: usize, care: Care) -> usize {
    let Some(lag) = lag(sound, most, care) else { return 0 };
    for n in 0..lag {
        sound[n] = blend(sound[n], sound[n + lag], n, lag);
    }
    sound.copy_within(2 * lag.., lag);
    sound.truncate(sound.len() - lag);
    lag
}

/// Lengthens the beginning of the sound by at most `most` samples; the samples gained, zero where it would be heard or there is no
/// room without allocating.
pub fn lengthen(sound: &mut Vec<f32>, most: usize) -> usize {
    let Some(lag) = lag(sound, most, Care::Gentle).filter(|lag| sound.len() + lag <= sound.capacity()) else {
        return 0;
    };
    let before = sound.len();
    sound.resize(before + lag, 0.0);
    sound.copy_within(lag..before, 2 * lag);
    // Where the copy was taken from still holds the original second period.
    for n in 0..lag {
        sound[n + lag] = blend(sound[n + 2 * lag], sound[n], n, lag);
    }
    lag
}

fn blend(from: f32, to: f32, n: usize, length: usize) -> f32 {
    let share = (n as f32 + 0.5) / length as f32;
    from + (to - from) * share
}

/// The lag at which the beginning of the sound is most like what follows, if it is alike enough.
fn lag(sound: &[f32], most: usize, care: Care) -> Option<usize> {
    let longest = most.min(LONGEST).min(sound.len() / 2);
    if longest < SHORTEST {
        return None;
    }
    let window = (sound.len() - longest).min(LONGEST);
    let power = sound[..window].iter().map(|sample| sample * sample).sum::<f32>() / window as f32;
    if power < QUIET {
        return Some(longest);
    }
    let coarse = (SHORTEST / COARSE..=longest / COARSE)
        .map(|lag| lag * COARSE)
        .max_by(|a, b| likeness(sound, *a, window, COARSE).total_cmp(&likeness(sound, *b, window, COARSE)))?;
    let around = coarse.saturating_sub(COARSE - 1).max(SHORTEST)..=(coarse + COARSE - 1).min(longest);
    let (lag, alike) = around.map(|lag| (lag, likeness(sound, lag, window, 1))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (alike >= care.least_likeness()).then_some(lag)
}

/// Normalised cross-correlation of the beginning with what is `lag` later, -1 to 1.
fn likeness(sound: &[f32], lag: usize, window: usize, step: usize) -> f32 {
    let (mut cross, mut here, mut there) = (0.0f32, 1e-9f32, 1e-9f32);
    for n in (0..window).step_by(step) {
        let (a, b) = (sound[n], sound[n + lag]);
        cross += a * b;
        here += a * a;
        there += b * b;
    }
    cross / (here * there).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice of 130 Hz with harmonics.
    fn voice(length: usize) -> Vec<f32> {
        let mut sound = Vec::with_capacity(8 * LONGEST);
        sound.extend((0..length).map(|n| {
            let phase = n as f32 * 130.0 / 48_000.0 * std::f32::consts::TAU;
            0.2 * (phase.sin() + 0.5 * (2.0 * phase + 1.0).sin() + 0.3 * (5.0 * phase).sin())
        }));
        sound
    }

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_voice_loses_or_gains_whole_periods_and_has_no_seam() {
        let period = 48_000.0 / 130.0;
        let mut sound = voice(ENOUGH);
        let steep = steepest(&sound);
        let saved = shorten(&mut sound, LONGEST, Care::Gentle);
        assert!(saved > 0 && (saved as f32 / period - (saved as f32 / period).round()).abs() < 0.02, "{saved}");
        assert_eq!(sound.len(), ENOUGH - saved);
        assert!(steepest(&sound) < steep * 1.05);

        let mut sound = voice(ENOUGH);
        let end = sound[ENOUGH - 100..].to_vec();
        let gained = lengthen(&mut sound, LONGEST);
        assert!(gained > 0 && (gained as f32 / period - (gained as f32 / period).round()).abs() < 0.02, "{gained}");
        assert_eq!(sound.len(), ENOUGH + gained);
        assert!(steepest(&sound) < steep * 1.05);
        assert_eq!(sound[sound.len() - 100..], end, "what follows is untouched");
    }

    #[test]
    fn it_never_takes_more_than_asked() {
        for most in [0, 119, 120, 300, 500, 5_000] {
            let mut sound = voice(ENOUGH);
            assert!(shorten(&mut sound, most, Care::Hurried) <= most.min(LONGEST));
            assert!(lengthen(&mut sound, most) <= most.min(LONGEST));
        }
        assert_eq!(shorten(&mut vec![0.5; 100], 500, Care::Gentle), 0, "too little to tell");
    }

    #[test]
    fn noise_is_left_alone_unless_there_is_far_too_much_and_silence_is_free() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        };
        let mut sound: Vec<f32> = (0..ENOUGH).map(|_| noise()).collect();
        assert_eq!(shorten(&mut sound, LONGEST, Care::Gentle), 0);
        assert_eq!(lengthen(&mut sound, LONGEST), 0);
        let mut silence = vec![0.0; ENOUGH];
        assert_eq!(shorten(&mut silence, LONGEST, Care::Gentle), LONGEST);
    }
}
