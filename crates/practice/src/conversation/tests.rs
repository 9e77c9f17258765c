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
    let mut customer = Conversation::begin(Arc::new(Prepared::new(scenario, language, seed).unwrap()), dialled);
    let (mut from_operator, mut from_customer) = ([0.0; FRAME], [0.0; FRAME]);
    let mut lines = Vec::new();
    for tick in 0.. {
        assert!(tick < 5 * 60 * 100, "the call never ends: {lines:?}");
        let happened = customer.tick(&from_operator, &mut from_customer);
        for event in &happened {
            if let Happened::Said { speaker, text, at_ms } = event {
                println!("{:6.2} {speaker:?} {text}", *at_ms as f32 / 1000.0);
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
            println!("{summary:?}\n{}", operator.note());
            assert_eq!(summary.ending, Ending::Thanked, "{lines:?}");
            assert!(summary.facts.iter().all(|fact| fact.was_told), "{summary:?}");
            assert_eq!((summary.measures.interruptions, summary.measures.silences), (0, 0), "{summary:?}");
            assert!(!summary.too_noisy);
            assert!((30.0..70.0).contains(&summary.measures.talk_share), "{summary:?}");
            let checks = crate::check(&summary.facts, &operator.note());
            assert_eq!(crate::data_score(&checks), Some(100.0), "{checks:?}");
        }
    }
}
