//! Whose words pass the gate: the operator's, and not those of a neighbour.

use super::gate::Gate;
use super::rooms::{SECOND, at, cleaned, hiss, mixed, passed, voice};
use super::*;
use crate::dbfs;

fn noisy_room() -> ProcessingConfig {
    ProcessingConfig { strong_noise_suppression: true, ..ProcessingConfig::default() }
}

/// What the strong suppressor makes of a microphone, with its gate and with one that is always open.
fn gated_and_open(strong: ProcessingConfig, microphone: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let silent = vec![0.0; microphone.len()];
    let gated = cleaned(strong, Delays::default(), &silent, microphone);
    let mut open = Processing::new(strong);
    if let Some(strong) = &mut open.strong {
        strong.work(&mut SILENCE.clone(), |strong, _| strong.gate = Gate::always_open());
    }
    (gated, passed(&mut open, Delays::default(), &silent, microphone))
}

#[test]
fn the_gate_takes_no_word_of_the_operators() {
    for name in ["italian-man", "english-woman"] {
        for level in [-45.0, -35.0, -25.0, -15.0] {
            let mut near = voice(name, 24);
            at(&mut near, level);
            // With a pause of a second and a half each three seconds, so that there are first words.
            for (n, sample) in near.iter_mut().enumerate() {
                *sample *= f32::from(u8::from(n % (3 * SECOND) < 3 * SECOND / 2));
            }
            let (gated, open) = gated_and_open(noisy_room(), &mixed(&near, &hiss(near.len(), 8)));
            let frames: Vec<(f32, f32)> = open[SECOND..]
                .chunks_exact(960)
                .zip(gated[SECOND..].chunks_exact(960))
                .map(|(open, gated)| (dbfs(open), dbfs(open) - dbfs(gated)))
                .collect();
            // Active speech, nearly as in ITU-T P.56: what is less than 15.9 dB below its own mean.
            let mean = |floor: f32| {
                let power: Vec<f32> = frames.iter().filter(|f| f.0 > floor).map(|f| 10f32.powf(f.0 / 10.0)).collect();
                10.0 * (power.iter().sum::<f32>() / power.len() as f32).log10()
            };
            let active = mean(mean(-90.0) - 15.9);
            let taken = |below: f32| {
                let spoken = frames.iter().filter(|f| f.0 > active - below);
                (spoken.clone().filter(|f| f.1 > 6.0).count(), spoken.count())
            };
            let (words, soft) = (taken(15.9), taken(25.0));
            assert!(words.0 == 0 && words.1 > 200, "{name} at {level} dBFS: {words:?}");
            assert!(soft.0 * 50 < soft.1, "{name} at {level} dBFS: {soft:?} with the softest beginnings");
        }
    }
}

#[test]
fn who_speaks_far_away_is_turned_down_between_the_operators_words() {
    for (near, far, level, least) in [
        ("italian-man", "english-woman", -48.0, 3.0),
        ("italian-man", "english-woman", -53.0, 10.0),
        ("english-woman", "italian-man", -48.0, 3.0),
        ("english-woman", "italian-man", -53.0, 10.0),
    ] {
        let (mut near, mut neighbour) = (voice(near, 24), voice(far, 24));
        at(&mut neighbour, level);
        for (n, sample) in near.iter_mut().enumerate() {
            *sample *= f32::from(u8::from(n % (6 * SECOND) < 3 * SECOND));
        }
        let (gated, open) = gated_and_open(noisy_room(), &mixed(&near, &neighbour));
        // The last two seconds of the operator's second and third pause.
        for from in [10, 16] {
            let part = from * SECOND..(from + 2) * SECOND;
            let weaker = dbfs(&open[part.clone()]) - dbfs(&gated[part]);
            assert!(weaker > least, "{far} at {level} dBFS: {weaker:.1} dB");
        }
    }
}

#[test]
fn an_operator_who_leans_back_is_taken_for_a_neighbour_only_for_a_while() {
    let mut near = voice("italian-man", 40);
    near[12 * SECOND..].iter_mut().for_each(|sample| *sample *= 0.04);
    // Gain control would bring it back by itself.
    let config = ProcessingConfig { gain_control: false, ..noisy_room() };
    let (gated, open) = gated_and_open(config, &near);
    let weaker =
        |from: usize, to: usize| dbfs(&open[from * SECOND..to * SECOND]) - dbfs(&gated[from * SECOND..to * SECOND]);
    assert!(weaker(14, 16) > 3.0, "{:.1} dB at first", weaker(14, 16));
    assert!(weaker(35, 40) < 1.0, "{:.1} dB in the end", weaker(35, 40));
}
