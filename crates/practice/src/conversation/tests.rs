//! Whole calls over frames of sound, as fast as the machine allows.

use super::*;
use crate::SpeakingOperator;
use crate::pack;
use cuffia_media::FRAME;

/// A call between a customer and whoever `operator` is; the lines said, and the summary.
fn converse(
    language: Language,
    (dialled, seed): (bool, u64),
    mut operator: impl FnMut(&Frame, &mut Frame, &[Happened], u64),
) -> (Vec<String>, Summary) {
    let scenario = pack::find("invoice-mismatch", language).unwrap();
    let mut customer = Conversation::begin(Arc::new(Prepared::new(scenario, language, seed, |_| {}).unwrap()), dialled);
    let (mut from_operator, mut from_customer) = ([0.0; FRAME], [0.0; FRAME]);
    let mut lines = Vec::new();
    for tick in 0.. {
        assert!(tick < 5 * 60 * 100, "the call never ends: {lines:?}");
        let happened = customer.tick(&from_operator, &mut from_customer);
        for event in &happened {
            if let Happened::Said { speaker, text, .. } = event {
                lines.extend((*speaker == Speaker::Customer).then(|| text.clone()));
            }
        }
        if happened.contains(&Happened::HangUp) {
            break;
        }
        operator(&from_customer, &mut from_operator, &happened, tick * TICK_MS);
    }
    (lines, customer.end())
}

#[test]
fn a_good_operator_hears_every_fact_and_is_thanked() {
    for language in [Language::En, Language::It] {
        for (dialled, seed) in [(false, 11), (true, 7)] {
            let mut operator = SpeakingOperator::new("invoice-mismatch", language).unwrap();
            let (lines, summary) = converse(language, (dialled, seed), |heard, said, happened, _| {
                for event in happened {
                    if let Happened::Said { text, .. } = event {
                        operator.heard(text);
                    }
                }
                operator.exchange(heard, said);
            });
            assert_eq!(summary.ending, Ending::Thanked, "{lines:?}");
            assert!(summary.facts.iter().all(|fact| fact.was_told), "{summary:?}");
            assert_eq!((summary.measures.interruptions, summary.measures.silences), (0, 0), "{summary:?}");
            assert!(!summary.too_noisy && !summary.heard_nothing);
            assert!((30.0..70.0).contains(&summary.measures.talk_share), "{summary:?}");
            let checks = crate::check(&summary.facts, &operator.note());
            assert_eq!(crate::data_score(&checks), Some(100.0), "{checks:?}");
        }
    }
}

/// Talks for a second and a half into each line, one second after it begins, and never says anything else.
#[test]
fn an_interrupter_stops_each_line_once_and_hears_every_fact() {
    let spoken = crate::speech::Spoken {
        text: "Just tell me the number of the invoice and then we will see.".to_owned(),
        pitch: 70,
        speed: 100,
    };
    let sound = crate::speech::speak_all(pack::VoiceName::EnUs, vec![spoken], |_| {}).unwrap();
    let burst = crate::speech::finish(&sound[0]).unwrap();
    // The greeting.
    let mut begun = Some(0u64);
    let (lines, summary) = converse(Language::En, (false, 5), |_, said, happened, now| {
        if happened.iter().any(|event| matches!(event, Happened::Said { speaker: Speaker::Customer, .. })) {
            begun = Some(now);
        }
        said.fill(0.0);
        if let Some(at) = begun.and_then(|begun| now.checked_sub(begun + 1_000)) {
            for (sample, voice) in said.iter_mut().zip(burst.iter().skip(at as usize * 48).take(72_000)) {
                *sample = if at < 1_500 { *voice } else { 0.0 };
            }
        }
    });
    assert_eq!(summary.ending, Ending::Thanked, "{lines:#?}");
    assert!(summary.facts.iter().all(|fact| fact.was_told), "{summary:?} {lines:#?}");
    assert!((6..=9).contains(&summary.measures.interruptions), "{summary:?} {lines:#?}");
    let again = lines.iter().filter(|line| line.starts_with("So,") || line.starts_with("Let me finish")).count();
    assert_eq!(again, 2, "{lines:#?}");
}

#[test]
fn a_phone_that_sends_nothing_is_left() {
    let (lines, summary) = converse(Language::It, (false, 5), |_, said, _, _| said.fill(0.0));
    assert_eq!((summary.ending, lines.len()), (Ending::LeftAngry, 3), "{lines:?}");
    assert!(summary.facts.iter().all(|fact| !fact.was_told));
    assert_eq!((summary.measures.time_to_greeting_ms, summary.measures.silences), (None, 3));
    assert!(summary.heard_nothing, "and it is known why");
}

#[test]
fn on_hold_nothing_counts_as_silence_and_the_line_is_told_again() {
    let scenario = pack::find("invoice-mismatch", Language::En).unwrap();
    let mut customer = Conversation::begin(Arc::new(Prepared::new(scenario, Language::En, 2, |_| {}).unwrap()), true);
    let (quiet, mut said) = ([0.0; FRAME], [0.0; FRAME]);
    for tick in 0..3_500 {
        match tick {
            100 => customer.hold(true),
            3_000 => customer.hold(false),
            _ => {}
        }
        let happened = customer.tick(&quiet, &mut said);
        assert!(!happened.contains(&Happened::HangUp));
        let loudest = said.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!(!(101..3_000).contains(&tick) || loudest < 0.01, "nobody talks into a call on hold");
        assert!(loudest > 0.0, "the line is never digitally silent");
    }
    let summary = customer.end();
    assert_eq!(summary.ending, Ending::HungUpOn);
    assert_eq!((summary.measures.silences, summary.measures.longest_silence_ms), (1, 5_000));
}
