//! The customer's mind on virtual time, with operators who are timetables.

use super::*;
use crate::Language;
use crate::pack::{self, facts_of};
use proptest::prelude::*;
use std::collections::BTreeMap;

const LINE_MS: u64 = 4_000;
const FACT_MS: u64 = 3_500;
const TICK: u64 = 10;

/// What an operator does when the customer has been silent for a while, or while he talks.
trait Operator {
    /// How long to speak after this much silence since the customer's last word, if at all.
    fn when_quiet(&mut self, quiet_ms: u64) -> Option<u64>;
    /// How long to speak over a line that has played so far, if at all.
    fn over_a_line(&mut self, _played_ms: u64) -> Option<u64> {
        None
    }
}

#[derive(Default)]
struct Course {
    said: Vec<String>,
    told: BTreeSet<String>,
    stops: usize,
    ending: Option<Ending>,
    end: u64,
    moods: Vec<i8>,
}

/// Plays a call. Every line takes four seconds and tells its facts by the end of the third and a half.
fn play(language: Language, operator: &mut dyn Operator) -> Course {
    let scenario = pack::find("invoice-mismatch", language).unwrap();
    let lines: BTreeMap<&str, &str> = scenario.lines(language).collect();
    let mut engine = Engine::new(scenario, 3);
    let mut course = Course::default();
    let mut customers_turn = false;
    // Name, beginning, and where it is stopped.
    let mut line: Option<(String, u64, Option<u64>)> = None;
    let (mut speaks, mut quiet_since): (Option<u64>, u64) = (None, 0);
    let mut events = vec![Event::Answered { dialled: false }];
    for now in (0..).step_by(TICK as usize) {
        assert!(now <= 241_000, "the call goes on for ever");
        if let Some(until) = speaks.filter(|until| *until <= now) {
            (speaks, quiet_since) = (None, now);
            events.push(Event::OperatorStops { at: until });
        }
        if let Some((name, since, stop)) = &line {
            let end = stop.unwrap_or(since + LINE_MS);
            if now >= end {
                let whole = end - since >= FACT_MS;
                if whole {
                    course.told.extend(facts_of(lines[name.as_str()]).map(str::to_owned));
                }
                events.push(match stop {
                    None => Event::LineEnded,
                    Some(_) => Event::LineStopped { facts_told: whole || facts_of(lines[name.as_str()]).count() == 0 },
                });
                (line, quiet_since) = (None, now);
            }
        }
        if speaks.is_none() {
            let length = match &line {
                Some((_, since, _)) => operator.over_a_line(now - since),
                // Whoever has just spoken waits for the customer.
                None if customers_turn => None,
                None => operator.when_quiet(now - quiet_since),
            };
            if let Some(length) = length {
                (speaks, customers_turn) = (Some(now + length), line.is_none());
                events.push(Event::OperatorStarts { at: now });
            }
        }
        events.push(Event::Tick);
        for event in std::mem::take(&mut events) {
            for action in engine.step(event, now) {
                match action {
                    Action::Say(name) => {
                        assert!(line.is_none(), "{name} is said into another line");
                        assert!(lines.contains_key(name.as_str()), "there is no line {name}");
                        course.said.push(name.clone());
                        customers_turn = false;
                        line = Some((name, now, None));
                    }
                    Action::Stop => {
                        course.stops += 1;
                        if let Some((_, _, stop)) = &mut line {
                            *stop = Some(now + 100);
                        }
                    }
                    Action::Cut | Action::HangUp => {}
                    Action::Ended(ending) => {
                        (course.ending, course.end) = (Some(ending), now);
                        return course;
                    }
                }
            }
            course.moods.push(engine.mood());
        }
    }
    course
}

/// Answers each turn with so much speech.
struct Answers(u64);
impl Operator for Answers {
    fn when_quiet(&mut self, quiet_ms: u64) -> Option<u64> {
        (quiet_ms == 700).then_some(self.0)
    }
}

/// Never says a word.
struct Silent;
impl Operator for Silent {
    fn when_quiet(&mut self, _: u64) -> Option<u64> {
        None
    }
}

/// Talks over each line one second after it begins, as long as it is new.
struct Interrupter;
impl Operator for Interrupter {
    fn when_quiet(&mut self, quiet_ms: u64) -> Option<u64> {
        (quiet_ms == 700).then_some(2_000)
    }
    fn over_a_line(&mut self, played_ms: u64) -> Option<u64> {
        (played_ms == 1_000).then_some(1_500)
    }
}

/// Says "mm" under every line and nothing else after the greeting.
struct Nods(bool);
impl Operator for Nods {
    fn when_quiet(&mut self, quiet_ms: u64) -> Option<u64> {
        (quiet_ms == 700 && std::mem::take(&mut self.0)).then_some(2_000)
    }
    fn over_a_line(&mut self, played_ms: u64) -> Option<u64> {
        (played_ms == 2_000).then_some(400)
    }
}

fn all_told(course: &Course) -> bool {
    course.told.len() == 5
}

#[test]
fn a_good_operator_is_told_everything_and_thanked() {
    for language in [Language::En, Language::It] {
        let course = play(language, &mut Answers(2_000));
        assert_eq!(course.said, ["problem", "number", "amounts", "callback", "thanks", "bye"]);
        assert_eq!((course.ending, all_told(&course), course.stops), (Some(Ending::Thanked), true, 0));
        assert!(course.moods.last() > Some(&0));
    }
}

#[test]
fn short_answers_are_enough() {
    let course = play(Language::It, &mut Answers(400));
    assert_eq!(course.said, ["problem", "number", "amounts", "callback", "thanks", "bye"]);
    assert_eq!((course.ending, all_told(&course)), (Some(Ending::Thanked), true));
}

#[test]
fn after_a_nod_the_customer_goes_on_by_himself() {
    let course = play(Language::En, &mut Nods(true));
    assert_eq!(course.said, ["problem", "number", "amounts", "callback", "thanks", "bye"]);
    assert_eq!((course.ending, course.stops), (Some(Ending::Thanked), 0), "a nod stops nobody");
}

#[test]
fn a_silent_operator_is_asked_scolded_and_left() {
    let course = play(Language::En, &mut Silent);
    assert_eq!(course.said, ["hello", "hello_again", "leave"]);
    assert_eq!(course.ending, Some(Ending::LeftAngry));
    assert!(course.end < 40_000 && course.told.is_empty());
    assert_eq!(course.moods.last(), Some(&-3));
}

#[test]
fn an_operator_who_falls_silent_is_asked_and_left() {
    struct OnlyGreets(bool);
    impl Operator for OnlyGreets {
        fn when_quiet(&mut self, quiet_ms: u64) -> Option<u64> {
            (quiet_ms == 500 && std::mem::take(&mut self.0)).then_some(2_000)
        }
    }
    let course = play(Language::It, &mut OnlyGreets(true));
    assert_eq!(course.said, ["problem", "are_you_there", "complain", "leave"]);
    assert_eq!(course.ending, Some(Ending::LeftAngry));
}

#[test]
fn an_interrupter_is_told_everything_all_the_same() {
    let course = play(Language::En, &mut Interrupter);
    assert!(all_told(&course), "{:?}", course.said);
    assert_eq!(course.ending, Some(Ending::Thanked));
    // Each line yields once and is then said to its end.
    let stopped = ["number", "amounts", "callback"];
    for line in stopped {
        assert!(course.said.iter().any(|said| said == &format!("{line}@again")), "{line}: {:?}", course.said);
    }
    assert!(!course.said.contains(&"problem@again".to_owned()), "what tells no fact need not be said again");
    assert_eq!(course.stops, 5, "these, the problem and the thanks");
    assert!(course.moods.iter().min() <= Some(&-2), "nobody likes it");
    assert!(course.said.contains(&"thanks@-2".to_owned()), "{:?}", course.said);
}

#[test]
fn with_a_pause_at_the_end_the_facts_are_said_once_more() {
    struct DoesNotConfirm(usize);
    impl Operator for DoesNotConfirm {
        fn when_quiet(&mut self, quiet_ms: u64) -> Option<u64> {
            let speaks = quiet_ms == 700 && self.0 != 4;
            self.0 += usize::from(quiet_ms == 700);
            speaks.then_some(2_000)
        }
    }
    let course = play(Language::En, &mut DoesNotConfirm(0));
    assert_eq!(course.said, ["problem", "number", "amounts", "callback", "repeat", "repeat_callback", "thanks", "bye"]);
    assert_eq!(course.ending, Some(Ending::Thanked));
}

fn engine() -> Engine<'static> {
    Engine::new(pack::find("invoice-mismatch", Language::En).unwrap(), 1)
}

/// Ticks from one time to another; what was done.
fn pass(engine: &mut Engine<'_>, from: u64, to: u64) -> Vec<(u64, Action)> {
    let ticks = (from..to).step_by(TICK as usize);
    ticks.flat_map(|now| engine.step(Event::Tick, now).into_iter().map(move |action| (now, action))).collect()
}

fn speak(engine: &mut Engine<'_>, from: u64, to: u64) -> Vec<(u64, Action)> {
    engine.step(Event::OperatorStarts { at: from }, from + 150);
    let mut done = pass(engine, from + 150, to + 300);
    done.extend(engine.step(Event::OperatorStops { at: to }, to + 300).into_iter().map(|action| (to + 300, action)));
    done
}

#[test]
fn the_customer_waits_for_the_end_of_the_turn() {
    let mut engine = engine();
    engine.step(Event::Answered { dialled: false }, 0);
    assert_eq!(speak(&mut engine, 500, 2_500), []);
    // A breath of 600 ms is not the end.
    assert_eq!(pass(&mut engine, 2_800, 3_100), []);
    assert_eq!(speak(&mut engine, 3_100, 4_000), []);
    let done = pass(&mut engine, 4_300, 6_000);
    let [(at, Action::Say(line))] = done.as_slice() else { panic!("{done:?}") };
    assert_eq!(line, "problem");
    assert!((5_050..=5_360).contains(at), "800 ms and a moment after the last word: {at}");
}

#[test]
fn after_a_very_short_word_the_customer_waits_longer() {
    let mut engine = engine();
    engine.step(Event::Answered { dialled: false }, 0);
    speak(&mut engine, 500, 900);
    let done = pass(&mut engine, 1_200, 4_000);
    assert!(matches!(done.as_slice(), [(at, Action::Say(_))] if (2_350..=2_660).contains(at)), "{done:?}");
}

#[test]
fn on_hold_the_customer_is_patient_and_then_goes_on() {
    let mut engine = engine();
    engine.step(Event::Answered { dialled: false }, 0);
    speak(&mut engine, 500, 2_000);
    let said = pass(&mut engine, 2_300, 5_000);
    assert_eq!(said.len(), 1);
    assert_eq!(engine.step(Event::Held, 5_000), [Action::Cut]);
    engine.step(Event::LineStopped { facts_told: false }, 5_000);
    assert_eq!(pass(&mut engine, 5_000, 64_000), [], "59 s of hold are no silence");
    assert_eq!(engine.mood(), 1, "a good turn before it, and nothing lost by waiting");
    engine.step(Event::Resumed, 64_000);
    assert_eq!(pass(&mut engine, 64_000, 70_500), [], "patience begins anew");
    speak(&mut engine, 70_500, 72_500);
    let done = pass(&mut engine, 72_800, 75_000);
    assert!(matches!(done.as_slice(), [(_, Action::Say(line))] if line == "problem@again"), "{done:?}");
}

#[test]
fn hold_without_end_costs_the_mood_and_then_the_call() {
    let mut engine = engine();
    engine.step(Event::Answered { dialled: false }, 0);
    engine.step(Event::Held, 1_000);
    pass(&mut engine, 1_000, 62_000);
    assert_eq!(engine.mood(), -2);
    let done = pass(&mut engine, 62_000, 130_000);
    assert_eq!(done, [(121_000, Action::HangUp), (121_000, Action::Ended(Ending::LeftAngry))]);
}

#[test]
fn hanging_up_on_the_customer_is_told_from_hanging_up_after_the_thanks() {
    let mut early = engine();
    early.step(Event::Answered { dialled: false }, 0);
    assert_eq!(early.step(Event::HungUp, 3_000), [Action::Ended(Ending::HungUpOn)]);
    assert_eq!(early.step(Event::Tick, 3_010), [], "nothing follows");

    let mut late = engine();
    let mut actions = Vec::new();
    late.enter("thanks", 0, &mut actions);
    assert_eq!(late.step(Event::HungUp, 3_000), [Action::Ended(Ending::Thanked)]);
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Tick),
        2 => (0u64..3_000).prop_map(|at| Event::OperatorStarts { at }),
        2 => (0u64..3_000).prop_map(|at| Event::OperatorStops { at }),
        2 => Just(Event::LineEnded),
        1 => any::<bool>().prop_map(|facts_told| Event::LineStopped { facts_told }),
        1 => Just(Event::Held),
        1 => Just(Event::Resumed),
        1 => any::<bool>().prop_map(|dialled| Event::Answered { dialled }),
    ]
}

proptest! {
    /// Whatever happens in whatever order: no panic, a bounded mood, an end within the limit, and nothing after it.
    #[test]
    fn any_storm_of_events_ends(
        storm in prop::collection::vec((any_event(), 0u64..4_000), 0..400),
        seed in any::<u64>(),
    ) {
        let mut engine = Engine::new(pack::find("invoice-mismatch", Language::En).unwrap(), seed);
        let (mut now, mut endings, mut hang_ups) = (0, 0, 0);
        let rest = std::iter::repeat_n((Event::Tick, 1_000), 300);
        for (event, wait) in storm.into_iter().chain(rest) {
            now += wait;
            let event = match event {
                Event::OperatorStarts { at } => Event::OperatorStarts { at: now.saturating_sub(at) },
                Event::OperatorStops { at } => Event::OperatorStops { at: now.saturating_sub(at) },
                other => other,
            };
            let over = engine.is_over();
            let actions = engine.step(event, now);
            prop_assert!(!over || actions.is_empty());
            endings += actions.iter().filter(|action| matches!(action, Action::Ended(_))).count();
            hang_ups += actions.iter().filter(|action| matches!(action, Action::HangUp)).count();
            prop_assert!((WORST..=BEST).contains(&engine.mood()));
            prop_assert!(engine.is_over() || now < 4 * 60_000);
        }
        prop_assert_eq!((endings, hang_ups), (1, 1));
    }
}
