//! Echo on generated rooms, with voices, in virtual time.

use super::*;
use crate::FRAME;
use crate::{dbfs, read_wav};
use std::path::Path;

pub(super) const SECOND: usize = SAMPLE_RATE as usize;

/// A voice of `tests/voices` at -23 dBFS, over and over.
pub(super) fn voice(name: &str, seconds: usize) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/voices").join(name).with_extension("wav");
    let mut voice = read_wav(&path).expect("a voice for tests");
    at(&mut voice, -23.0);
    voice.iter().copied().cycle().take(seconds * SECOND).collect()
}

/// Brings sound to a level, dBFS over all of it.
pub(super) fn at(sound: &mut [f32], level: f32) {
    let gain = 10f32.powf((level - dbfs(sound)) / 20.0);
    sound.iter_mut().for_each(|s| *s *= gain);
}

/// Uniform in ±1, seeded.
fn random(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

/// A way from the loudspeaker to the microphone: straight, and by a tail of sparse reflections that dies away (velvet noise).
struct Room {
    /// Delay in samples and gain of each reflection.
    reflections: Vec<(usize, f32)>,
    /// What devices and buffers take, ms.
    delays: Delays,
}

impl Room {
    /// Delay of 30 to 180 ms, reverberation (RT60) of 0.15 to 0.6 s, echo 8 to 30 dB below what is played.
    fn generated(seed: u64) -> Room {
        let mut random = random(seed);
        let mut between = |low: f32, high: f32| low + (random() + 1.0) / 2.0 * (high - low);
        let (delay, rt60, weaker) = (between(30.0, 180.0), between(0.15, 0.6), between(8.0, 30.0));
        let straight = (delay * 48.0) as usize;
        let mut reflections = vec![(straight, 1.0)];
        let mut after = between(0.001, 0.004);
        while after < rt60 {
            let decay = 10f32.powf(-3.0 * after / rt60);
            reflections.push((straight + (after * 48_000.0) as usize, 0.6 * decay * between(-1.0, 1.0)));
            after += between(0.000_3, 0.001_5);
        }
        let energy: f32 = reflections.iter().map(|(_, gain)| gain * gain).sum();
        let scale = 10f32.powf(-weaker / 20.0) / energy.sqrt();
        reflections.iter_mut().for_each(|(_, gain)| *gain *= scale);
        Room { reflections, delays: Delays { microphone_ms: delay / 2.0, ear_ms: delay / 2.0 } }
    }

    fn echo(&self, played: &[f32]) -> Vec<f32> {
        let mut echo = vec![0.0; played.len()];
        for (delay, gain) in &self.reflections {
            for (out, s) in echo.iter_mut().skip(*delay).zip(played) {
                *out += gain * s;
            }
        }
        echo
    }
}

/// What comes out of the microphone's chain.
pub(super) fn cleaned(config: ProcessingConfig, delays: Delays, played: &[f32], microphone: &[f32]) -> Vec<f32> {
    passed(&mut Processing::new(config), delays, played, microphone)
}

pub(super) fn passed(processing: &mut Processing, delays: Delays, played: &[f32], microphone: &[f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(microphone.len());
    for (played, microphone) in played.chunks_exact(FRAME).zip(microphone.chunks_exact(FRAME)) {
        let mut frame: Frame = microphone.try_into().expect("a frame");
        let played = played.try_into().expect("a frame");
        processing.capture(&mut frame, played, delays);
        processing.listen_for_echo(played, &frame);
        out.extend_from_slice(&frame);
    }
    out
}

pub(super) fn mixed(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The microphone's own noise, -75 dBFS.
pub(super) fn hiss(samples: usize, seed: u64) -> Vec<f32> {
    let mut random = random(seed ^ 0xff);
    (0..samples).map(|_| random() * 0.000_3).collect()
}

/// Without gain control, which would change the levels that are compared.
const CHAIN: ProcessingConfig =
    ProcessingConfig { echo_cancellation: true, noise_suppression: true, ..ProcessingConfig::OFF };

#[test]
fn in_twenty_four_rooms_the_echo_is_20_db_weaker_after_two_seconds() {
    let played = voice("english-woman", 6);
    let mut told = Vec::new();
    for seed in 0..24 {
        let room = Room::generated(seed);
        let echo = room.echo(&played);
        let out = cleaned(CHAIN, room.delays, &played, &mixed(&echo, &hiss(echo.len(), seed)));
        let part = 2 * SECOND..6 * SECOND;
        told.push(dbfs(&echo[part.clone()]) - dbfs(&out[part]));
    }
    assert!(told.iter().all(|erle| *erle >= 20.0), "{told:.1?}");
}

/// Level of each fifth of a second in which `of` has a voice, of `of` and of `sound`, dBFS.
fn levels<'a>(of: &'a [f32], sound: &'a [f32]) -> impl Iterator<Item = (f32, f32)> + 'a {
    let fifths = of.chunks_exact(SECOND / 5).zip(sound.chunks_exact(SECOND / 5));
    fifths.map(|(a, b)| (dbfs(a), dbfs(b))).filter(|(voice, _)| *voice > -40.0)
}

#[test]
fn another_device_in_mid_call_costs_two_seconds_of_echo_at_most() {
    let played = voice("english-woman", 10);
    for seed in 0..16 {
        let (before, after) = (Room::generated(seed), Room::generated(seed + 100));
        let (mut echo, other) = (before.echo(&played), after.echo(&played));
        echo[4 * SECOND..].copy_from_slice(&other[4 * SECOND..]);
        let microphone = mixed(&echo, &hiss(echo.len(), seed));
        let mut chain = Processing::new(CHAIN);
        let (now, later) = (..4 * SECOND, 4 * SECOND..);
        let mut out = passed(&mut chain, before.delays, &played[now], &microphone[now]);
        chain.other_device();
        out.extend(passed(&mut chain, after.delays, &played[later.clone()], &microphone[later]));
        let part = 6 * SECOND..10 * SECOND;
        let erle = dbfs(&echo[part.clone()]) - dbfs(&out[part]);
        assert!(erle >= 20.0, "room {seed}: {erle}");
    }
}

#[test]
fn the_operator_alone_is_left_as_he_is() {
    let near = voice("italian-man", 6);
    let config = ProcessingConfig { noise_suppression: false, ..CHAIN };
    let out = cleaned(config, Delays::default(), &vec![0.0; near.len()], &mixed(&near, &hiss(near.len(), 1)));
    let lag = (Processing::new(config).delay_ms() * 48.0) as usize;
    for (before, after) in levels(&near[2 * SECOND..near.len() - lag], &out[2 * SECOND + lag..]) {
        assert!((before - after).abs() < 1.0, "{before} dBFS became {after}");
    }
}

#[test]
fn while_both_talk_the_operator_is_heard_and_the_echo_is_not() {
    let (far, near) = (voice("english-woman", 8), voice("italian-man", 8));
    let part = 3 * SECOND..8 * SECOND;
    let (mut voices, mut echoes) = (Vec::new(), Vec::new());
    for seed in 0..24 {
        let room = Room::generated(seed);
        let echo = room.echo(&far);
        let operator = mixed(&near, &hiss(near.len(), seed));
        let alone = &cleaned(CHAIN, room.delays, &vec![0.0; far.len()], &operator)[part.clone()];
        let both = &cleaned(CHAIN, room.delays, &far, &mixed(&echo, &operator))[part.clone()];
        // What of the outcome is the operator, and what is left.
        let power: f32 = alone.iter().map(|s| s * s).sum();
        let share = both.iter().zip(alone).map(|(a, b)| a * b).sum::<f32>() / power;
        let rest: Vec<f32> = both.iter().zip(alone).map(|(a, b)| a - share * b).collect();
        voices.push(20.0 * share.log10());
        echoes.push(dbfs(&rest) - dbfs(alone));
    }
    voices.sort_by(f32::total_cmp);
    assert!(voices[12] > -3.0 && voices[0] > -8.0, "{voices:.1?}");
}

#[test]
fn a_fan_is_hardly_heard_in_a_noisy_room_and_the_operator_stays() {
    let strong = ProcessingConfig { noise_suppression: true, strong_noise_suppression: true, ..ProcessingConfig::OFF };
    let light = ProcessingConfig { strong_noise_suppression: false, ..strong };
    for name in ["italian-man", "english-woman"] {
        let near = voice(name, 12);
        let mut fan = hiss(near.len(), 9);
        at(&mut fan, -40.0);
        let silent = vec![0.0; near.len()];
        let left = |config| dbfs(&cleaned(config, Delays::default(), &silent, &fan)[2 * SECOND..]);
        let (weakly, strongly) = (left(light), left(strong));
        assert!(strongly < -60.0 && strongly < weakly - 6.0, "-40 dBFS: {weakly:.1}, {strongly:.1}");

        let out = cleaned(strong, Delays::default(), &silent, &mixed(&near, &fan));
        let lag = (Processing::new(strong).delay_ms() * 48.0) as usize;
        let mut lost: Vec<f32> = levels(&near[2 * SECOND..near.len() - lag], &out[2 * SECOND + lag..])
            .filter(|(before, _)| *before > -30.0)
            .map(|(before, after)| before - after)
            .collect();
        lost.sort_by(f32::total_cmp);
        assert!(lost[lost.len() / 2] < 1.0 && lost[lost.len() - 1] < 3.0, "{name}: {lost:.1?}");
    }
}

/// The customer alone for so long, over a headset: the chain knows then that there is no echo.
fn on_a_headset(chain: &mut Processing, far: &[f32]) {
    let before = chain.delay_ms();
    passed(chain, Delays { microphone_ms: 30.0, ear_ms: 40.0 }, far, &hiss(far.len(), 3));
    assert_eq!(before - chain.delay_ms(), ECHO_MS, "the echo canceller rests");
}

#[test]
fn on_a_headset_both_talk_and_no_word_is_lost() {
    for (far, near) in [("english-woman", "italian-man"), ("italian-man", "english-woman")] {
        let (far, near) = (voice(far, 24), voice(near, 24));
        let mut chain = Processing::new(CHAIN);
        on_a_headset(&mut chain, &far[..4 * SECOND]);
        let out = passed(&mut chain, Delays::default(), &far, &mixed(&near, &hiss(near.len(), 3)));
        let lag = (chain.delay_ms() * 48.0) as usize;
        let lost: Vec<f32> =
            levels(&near[..near.len() - lag], &out[lag..]).map(|(before, after)| before - after).collect();
        assert!(chain.headset && lost.iter().all(|lost| *lost < 3.0), "{lost:.0?}");
    }
}

#[test]
fn a_faint_echo_in_a_quiet_microphone_is_one_too() {
    let played = voice("english-woman", 12);
    for seed in 0..24 {
        let room = Room::generated(seed);
        let mut echo = room.echo(&played);
        at(&mut echo, -58.0);
        let mut chain = Processing::new(CHAIN);
        passed(&mut chain, room.delays, &played, &mixed(&echo, &hiss(echo.len(), seed)));
        assert!(!chain.headset, "room {seed}");
    }
}

#[test]
fn a_knock_does_not_boom() {
    // A steep filter against rumble would go on sounding at 100 Hz, and blur each word's lowest note.
    let mut near = hiss(3 * SECOND, 2);
    let knock = 2 * SECOND;
    near[knock] = 0.9;
    let out = cleaned(CHAIN, Delays::default(), &vec![0.0; near.len()], &near);
    let heard = knock + (Processing::new(CHAIN).delay_ms() * 48.0) as usize;
    let (at_once, later) = (dbfs(&out[heard - 480..heard + 480]), dbfs(&out[heard + 1_440..heard + 3_360]));
    assert!(at_once > -40.0 && later < at_once - 45.0, "{at_once:.1} dBFS, {later:.1} after 30 ms");
}

#[test]
fn who_hears_himself_is_noticed_and_nobody_else() {
    let deaf = ProcessingConfig { echo_cancellation: false, ..ProcessingConfig::default() };
    let (far, near) = (voice("english-woman", 16), voice("italian-man", 16));
    let silent = vec![0.0; far.len()];
    for seed in 0..12 {
        let room = Room::generated(seed);
        let (echo, quiet) = (room.echo(&far), hiss(far.len(), seed));
        let told = |config, played: &[f32], microphone: &[f32]| {
            let mut chain = Processing::new(config);
            passed(&mut chain, room.delays, played, microphone);
            chain.echoes()
        };
        assert!(told(deaf, &far, &mixed(&echo, &quiet)), "room {seed}: nothing is done against the echo");
        let on = ProcessingConfig::default();
        assert!(!told(on, &far, &mixed(&echo, &quiet)), "room {seed}: the echo is taken out");
        assert!(!told(on, &far, &mixed(&mixed(&near, &echo), &quiet)), "room {seed}: both talk");
        assert!(!told(deaf, &far, &mixed(&near, &quiet)), "room {seed}: a headset, both talk");
        assert!(!told(deaf, &silent, &mixed(&near, &quiet)), "room {seed}: on hold");
    }
}

#[test]
fn when_the_echo_canceller_goes_the_loudness_stays() {
    let far = voice("english-woman", 16);
    let mut near = voice("italian-man", 16);
    at(&mut near, -45.0);
    let microphone = mixed(&near, &hiss(near.len(), 6));
    let mut chain = Processing::new(ProcessingConfig::default());
    let loud = |chain: &mut Processing, played: &[f32], part: std::ops::Range<usize>| {
        dbfs(&passed(chain, Delays::default(), played, &microphone[part]))
    };
    loud(&mut chain, &vec![0.0; 12 * SECOND], 0..12 * SECOND);
    let before = loud(&mut chain, &vec![0.0; 2 * SECOND], 12 * SECOND..14 * SECOND);
    on_a_headset(&mut chain, &far[..4 * SECOND]);
    let after = loud(&mut chain, &vec![0.0; 2 * SECOND], 12 * SECOND..14 * SECOND);
    assert!((before - after).abs() < 2.0, "{before:.1} dBFS became {after:.1}");
}

#[test]
fn an_echo_that_comes_later_is_taken_out_too() {
    let played = voice("english-woman", 28);
    for (seed, talks) in (0..8).flat_map(|seed| [(seed, false), (seed, true)]) {
        let room = Room::generated(seed);
        let mut chain = Processing::new(CHAIN);
        on_a_headset(&mut chain, &played[..4 * SECOND]);
        // Now the headset lies on the table; the operator says nothing, or speaks two seconds in four until the end.
        let echo = room.echo(&played);
        let mut near = voice("italian-man", 28);
        for (n, sample) in near.iter_mut().enumerate() {
            *sample *= f32::from(u8::from(talks && n < 20 * SECOND && n % (4 * SECOND) < 2 * SECOND));
        }
        let out = passed(&mut chain, room.delays, &played, &mixed(&near, &mixed(&echo, &hiss(echo.len(), seed))));
        let part = 21 * SECOND..28 * SECOND;
        let erle = dbfs(&echo[part.clone()]) - dbfs(&out[part]);
        assert!(erle >= 20.0, "room {seed}, the operator talks: {talks}: {erle}");
    }
}

#[test]
fn microphones_30_db_apart_are_heard_at_one_level_and_no_word_pumps() {
    for (name, level) in ["italian-man", "english-woman"]
        .into_iter()
        .flat_map(|name| [-45.0, -40.0, -35.0, -30.0, -25.0, -20.0, -15.0].map(|level| (name, level)))
    {
        let mut near = voice(name, 24);
        at(&mut near, level);
        let config = ProcessingConfig::default();
        let out = cleaned(config, Delays::default(), &vec![0.0; near.len()], &mixed(&near, &hiss(near.len(), 4)));
        // Ten seconds to find it; then the pauses of each voice are passed over.
        let from = 10 * SECOND;
        let lag = (Processing::new(config).delay_ms() * 48.0) as usize;
        let gains: Vec<(f32, f32)> = near[from..near.len() - lag]
            .chunks_exact(SECOND / 5)
            .zip(out[from + lag..].chunks_exact(SECOND / 5))
            .map(|(before, after)| (dbfs(before), dbfs(after)))
            .filter(|(before, _)| *before > level - 10.0)
            .collect();
        let power = gains.iter().map(|(_, after)| 10f32.powf(after / 10.0)).sum::<f32>() / gains.len() as f32;
        let active = 10.0 * power.log10();
        assert!((active + 23.0).abs() <= 3.0, "{name} at {level} dBFS: {active:.1} dBFS");
        let mut gains: Vec<f32> = gains.iter().map(|(before, after)| after - before).collect();
        gains.sort_by(f32::total_cmp);
        let spread = gains[gains.len() * 19 / 20] - gains[gains.len() / 20];
        assert!(spread <= 4.0, "{name} at {level} dBFS: the gain moves by {spread:.1} dB");
    }
}
