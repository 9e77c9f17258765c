use super::*;
use crate::pack::VoiceName;
use crate::speech::{Spoken, finish, speak_all};
use cuffia_media::FRAME;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Where the utterances stand in the sound below, in milliseconds.
type Spans = Vec<std::ops::Range<u64>>;

/// Three utterances with two seconds around each.
fn speech() -> (Vec<f32>, Spans) {
    let texts =
        ["Good morning, you are through to customer service.", "Could you read me the number?", "Thank you, goodbye."];
    let spoken = |text: &str| Spoken { text: text.to_owned(), pitch: 70, speed: 100 };
    let sounds = speak_all(VoiceName::EnUs, texts.map(spoken).to_vec(), |_| {}).unwrap();
    let (mut all, mut spans) = (vec![0.0; 96_000], Spans::new());
    for sound in sounds {
        let line = finish(&sound).unwrap();
        let start = all.len() as u64 / 48;
        all.extend(&line);
        spans.push(start..all.len() as u64 / 48);
        all.extend([0.0; 96_000]);
    }
    (all, spans)
}

fn mixed(speech: &[f32], mut noise: impl FnMut(usize) -> f32) -> Vec<f32> {
    speech.iter().enumerate().map(|(at, sample)| sample + noise(at)).collect()
}

/// White noise so far below speech at -20 dBFS.
fn hiss(below_db: f32) -> impl FnMut(usize) -> f32 {
    let mut rng = SmallRng::seed_from_u64(5);
    let amplitude = 3f32.sqrt() * 10f32.powf((-20.0 - below_db) / 20.0);
    move |_| rng.random_range(-1.0..1.0) * amplitude
}

fn hum(amplitude: f32) -> impl FnMut(usize) -> f32 {
    move |at| {
        let turn = std::f32::consts::TAU * at as f32 / 48_000.0;
        amplitude * ((turn * 100.0).sin() + 0.5 * (turn * 200.0).sin() + 0.25 * (turn * 400.0).sin())
    }
}

fn listen(sound: &[f32]) -> (Spans, Ears) {
    let (mut ears, mut spans, mut since) = (Ears::new(), Spans::new(), None);
    for frame in sound.chunks_exact(FRAME) {
        match ears.hear(frame.try_into().unwrap()) {
            Some(Edge::Starts(at)) => since = Some(at),
            Some(Edge::Stops(at)) => spans.extend(since.take().map(|since| since..at)),
            None => {}
        }
    }
    (spans, ears)
}

/// What is heard overlaps nothing but speech, covers most of it, and each utterance begins and ends about where it does.
fn assert_hears(heard: &Spans, spoken: &Spans, what: &str) {
    const SLACK: u64 = 260;
    for span in heard {
        let inside = |s: &std::ops::Range<u64>| span.start + SLACK >= s.start && span.end <= s.end + SLACK;
        assert!(spoken.iter().any(inside), "{what}: {span:?} is no speech: {heard:?} of {spoken:?}");
    }
    for span in spoken {
        let parts: Vec<_> = heard.iter().filter(|h| h.start < span.end + SLACK && h.end > span.start).collect();
        assert!(!parts.is_empty(), "{what}: nothing of {span:?}");
        assert!(parts[0].start <= span.start + SLACK, "{what}: {span:?} begins late: {heard:?}");
        assert!(parts[parts.len() - 1].end + SLACK >= span.end, "{what}: {span:?} ends early: {heard:?}");
    }
}

#[test]
fn speech_is_heard_in_quiet_and_in_noise() {
    let (sound, spoken) = speech();
    let rooms: [(&str, Vec<f32>); 4] = [
        ("silence", sound.clone()),
        ("line noise", mixed(&sound, hiss(40.0))),
        ("25 dB", mixed(&sound, hiss(25.0))),
        ("15 dB", mixed(&sound, hiss(15.0))),
    ];
    for (what, room) in rooms {
        let (heard, ears) = listen(&room);
        assert_hears(&heard, &spoken, what);
        assert!(!ears.too_noisy(), "{what}");
    }
}

#[test]
fn a_steady_hum_is_no_speech_and_hides_none() {
    let (sound, spoken) = speech();
    let (heard, _) = listen(&mixed(&vec![0.0; 480_000], hum(0.05)));
    assert!(heard.is_empty(), "{heard:?}");
    // 25 dB below the speech, from before the first word.
    let (heard, ears) = listen(&mixed(&sound, hum(0.007)));
    assert_hears(&heard, &spoken, "hum");
    assert!(!ears.too_noisy());
}

#[test]
fn neighbours_are_not_the_operator() {
    let (sound, spoken) = speech();
    // The same voices, shifted and 24 dB softer, all the time.
    let behind: Vec<f32> = sound.iter().cycle().skip(150_000).take(sound.len()).map(|s| s * 0.063).collect();
    let room = mixed(&sound, |at| behind[at]);
    let (heard, _) = listen(&room);
    let after_first: Spans = heard.into_iter().filter(|span| span.start + 300 >= spoken[0].start).collect();
    assert_hears(&after_first, &spoken, "neighbours");
}

#[test]
fn with_noise_near_speech_nothing_is_claimed() {
    let (sound, _) = speech();
    let (_, ears) = listen(&mixed(&sound, hiss(4.0)));
    assert!(ears.too_noisy());
}

#[test]
fn silence_and_a_click_are_nothing() {
    let mut sound = vec![0.0; 240_000];
    sound[100_000..101_000].fill(0.7);
    assert!(listen(&sound).0.is_empty());
}
