use super::numbers::cardinal;
use super::sound::{dbfs, level_active};
use super::*;
use crate::Language;
use crate::pack::{self, VoiceName};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The pitch of speech: the median over voiced stretches of the strongest period between 60 and 400 Hz.
fn pitch(samples: &[f32]) -> f32 {
    let low: Vec<f32> = samples.chunks_exact(6).map(|six| six.iter().sum::<f32>() / 6.0).collect();
    let mut found = Vec::new();
    for window in low.chunks_exact(320) {
        if dbfs(window) < -30.0 {
            continue;
        }
        let strength = |lag: usize| {
            let product: f32 = window.iter().zip(&window[lag..]).map(|(a, b)| a * b).sum();
            let energy: f32 = window[..window.len() - lag].iter().map(|s| s * s).sum();
            product / energy.max(1e-9)
        };
        let best = (20..133).max_by(|a, b| strength(*a).total_cmp(&strength(*b))).unwrap();
        if strength(best) > 0.6 {
            found.push(8_000.0 / best as f32);
        }
    }
    found.sort_by(f32::total_cmp);
    assert!(found.len() > 10, "too little voice to tell its pitch");
    found[found.len() / 2]
}

#[test]
fn every_line_of_every_language_is_speech_of_the_right_level_and_length() {
    for scenario in pack::library().unwrap() {
        for language in scenario.logic.languages.iter().copied() {
            let facts = scenario.draw(language, &mut StdRng::seed_from_u64(9));
            let rendered = render(scenario, language, &facts, |_| {}).unwrap();
            assert_eq!(rendered.lines.len(), scenario.lines(language).count());
            for (name, line) in &rendered.lines {
                let seconds = line.samples.len() as f32 / 48_000.0;
                assert!((0.3..15.0).contains(&seconds), "{name}: {seconds} s");
                let peak = line.samples.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
                assert!(peak < 0.95, "{name} clips: {peak}");
                let level = level_active(&line.samples);
                assert!((level + 20.0).abs() < 1.5, "{name}: {level} dBFS");
                assert!(!line.text.contains(['{', '}']), "{}", line.text);
                assert!(line.facts.windows(2).all(|pair| pair[0].1 < pair[1].1), "{name}: {:?}", line.facts);
                for (fact, end) in &line.facts {
                    assert!(*end > 24_000 && *end <= line.samples.len(), "{name}/{fact} is told at {end}");
                }
                assert!(seconds < 2.0 || !line.gaps.is_empty(), "{name} has no gap to stop at");
            }
            // A fact in mid-line is told before the line ends, one at the end about when it ends.
            let number = &rendered.lines["number"];
            assert!(number.facts[0].1 + 24_000 < number.samples.len());
            assert!(number.facts[1].1 + 9_600 > number.samples.len(), "{:?} of {}", number.facts, number.samples.len());
        }
    }
}

#[test]
fn pitch_and_speed_make_men_women_and_the_hurried() {
    for voice in [VoiceName::EnGb, VoiceName::EnUs, VoiceName::ItIt] {
        let say = |pitch, speed| Spoken { text: "Buona sera, good evening to you all.".into(), pitch, speed };
        let sounds = speak_all(voice, vec![say(100, 100), say(62, 100), say(100, 140)], |_| {}).unwrap();
        let peak = sounds.iter().flatten().fold(0.0f32, |peak, s| peak.max(s.abs()));
        assert!(peak < 0.99, "{voice:?} is overdriven");
        let lines: Vec<Vec<f32>> = sounds.iter().map(|sound| finish(sound).unwrap()).collect();
        let (woman, man) = (pitch(&lines[0]), pitch(&lines[1]));
        assert!((150.0..260.0).contains(&woman) && (85.0..150.0).contains(&man), "{voice:?}: {woman} and {man} Hz");
        assert!(lines[2].len() * 5 < lines[0].len() * 4, "{voice:?}: faster is shorter");
    }
}

#[test]
fn what_cannot_be_spoken_is_an_error_and_no_crash() {
    for text in ["", "   ", "a < b", "null \0 byte", &"long ".repeat(400)] {
        let spoken = Spoken { text: text.to_owned(), pitch: 100, speed: 100 };
        assert_eq!(speak_all(VoiceName::EnGb, vec![spoken], |_| {}).unwrap_err().code(), "practice.voice");
    }
    // Odd, but text: whatever comes out, it comes out.
    let odd = Spoken { text: "€ § ž 漢字 🙂 …".to_owned(), pitch: 100, speed: 100 };
    let _ = speak_all(VoiceName::ItIt, vec![odd], |_| {});
}

#[test]
fn the_line_is_never_digitally_silent() {
    let mut noise = Noise::new(1);
    let mut second = vec![0.0; 48_000];
    second.chunks_mut(480).for_each(|frame| noise.add(frame));
    assert!((dbfs(&second) + 60.0).abs() < 1.0, "{}", dbfs(&second));
}

#[test]
fn numbers_are_words() {
    let words = |n, language| cardinal(n, language);
    for (n, en, it) in [
        (0, "zero", "zero"),
        (21, "twenty-one", "ventuno"),
        (28, "twenty-eight", "ventotto"),
        (33, "thirty-three", "trentatré"),
        (80, "eighty", "ottanta"),
        (108, "one hundred and eight", "cento otto"),
        (1_000, "one thousand", "mille"),
        (1_040, "one thousand and forty", "mille quaranta"),
        (2_384, "two thousand three hundred and eighty-four", "duemila trecento ottantaquattro"),
    ] {
        assert_eq!((words(n, Language::En), words(n, Language::It)), (en.to_owned(), it.to_owned()));
    }
}

#[test]
fn facts_are_written_one_way_and_spoken_another() {
    let both = |value: Value, language| (value.written(language), value.spoken(language));
    let cases = [
        (Value::Digits("47192".into()), Language::En, "47192", "four seven one, nine two"),
        (Value::Digits("47192".into()), Language::It, "47192", "quattro sette uno, nove due"),
        (
            Value::Phone("07700 900279".into()),
            Language::En,
            "07700 900279",
            "zero seven seven, zero zero, nine zero zero, two seven nine",
        ),
        (
            Value::Amount { cents: 128_450 },
            Language::En,
            "£1,284.50",
            "one thousand two hundred and eighty-four pounds fifty",
        ),
        (Value::Amount { cents: 42_000 }, Language::En, "£420.00", "four hundred and twenty pounds"),
        (
            Value::Amount { cents: 128_450 },
            Language::It,
            "1.284,50 €",
            "mille duecento ottantaquattro euro e cinquanta",
        ),
        (Value::Date { day: 22, month: 3 }, Language::En, "22 March", "the twenty-second of March"),
        (Value::Date { day: 13, month: 8 }, Language::It, "13 agosto", "tredici agosto"),
        (Value::Date { day: 1, month: 5 }, Language::It, "1 maggio", "primo maggio"),
    ];
    for (value, language, written, spoken) in cases {
        assert_eq!(both(value, language), (written.to_owned(), spoken.to_owned()));
    }
    assert_eq!(spell_numbers("n. 47192, 12", Language::It), "n. quattro sette uno, nove due, 12");
}
