//! Every event in every state, and thousands of random call flows.
#![allow(clippy::unwrap_used)]

use cuffia_media::Direction;
use cuffia_phone::machine::*;
use cuffia_sip::{CallId, EndReason, LineCommand, LineEvent, Party};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

const A: CallId = CallId(1);

fn party() -> Party {
    Party { display_name: Some("Giulia".into()), user: "+390115550147".into(), host: "h".into(), asserted: false }
}
fn incoming(call: CallId, offer: Option<&str>) -> Event {
    let offer = offer.map(Into::into);
    Event::Line(LineEvent::Incoming { call, from: party(), called: "me".into(), headers: vec![], offer })
}
fn answered(call: CallId) -> Event {
    Event::Line(LineEvent::Answered { call, sdp: "answer".into(), headers: vec![] })
}
fn progress(call: CallId, status: u16, sdp: Option<&str>) -> Event {
    Event::Line(LineEvent::Progress { call, status, sdp: sdp.map(Into::into) })
}
fn acknowledged(call: CallId, sdp: Option<&str>) -> Event {
    Event::Line(LineEvent::Acknowledged { call, sdp: sdp.map(Into::into) })
}
fn reoffered(call: CallId, sdp: Option<&str>) -> Event {
    Event::Line(LineEvent::Reoffered { call, sdp: sdp.map(Into::into) })
}
fn ended(call: CallId, reason: EndReason) -> Event {
    Event::Line(LineEvent::Ended { call, reason })
}

/// How a call gets into each state.
fn states() -> Vec<(&'static str, Vec<Event>)> {
    let offer = Event::OfferReady(A, "offer".into());
    let out = vec![Event::Dial(A, "42".into())];
    let invited = [out.clone(), vec![offer]].concat();
    let ringing_there = [invited.clone(), vec![progress(A, 180, None)]].concat();
    let early = [invited.clone(), vec![progress(A, 183, Some("early")), Event::AnswerAccepted(A, Direction::SendRecv)]]
        .concat();
    let active = [ringing_there.clone(), vec![answered(A), Event::AnswerAccepted(A, Direction::SendRecv)]].concat();
    let holding = [active.clone(), vec![Event::Hold(A)]].concat();
    let hold_sent = [holding.clone(), vec![Event::OfferReady(A, "hold".into())]].concat();
    let line_answer = Event::Line(LineEvent::ReofferAnswered { call: A, sdp: "held".into() });
    let held = [hold_sent.clone(), vec![line_answer, Event::AnswerAccepted(A, Direction::SendOnly)]].concat();
    let theirs = [active.clone(), vec![reoffered(A, Some("theirs"))]].concat();
    let held_there = [theirs.clone(), vec![Event::AnswerReady(A, "ok".into(), Direction::RecvOnly)]].concat();
    let asked = [active.clone(), vec![reoffered(A, None)]].concat();
    let asked_sent = [asked.clone(), vec![Event::OfferReady(A, "asked".into())]].concat();
    let rings = vec![incoming(A, Some("offer"))];
    let answering = [rings.clone(), vec![Event::Answer(A)]].concat();
    let answer_sent = [answering.clone(), vec![Event::AnswerReady(A, "answer".into(), Direction::SendRecv)]].concat();
    let rings_bare = vec![incoming(A, None)];
    let late_sent = [rings_bare.clone(), vec![Event::Answer(A), Event::OfferReady(A, "late".into())]].concat();
    vec![
        ("nothing", vec![]),
        ("dialling, offer being made", out),
        ("invited", invited),
        ("rings there", ringing_there),
        ("early media", early),
        ("active", active),
        ("hold being made", holding),
        ("hold sent", hold_sent),
        ("held", held),
        ("their re-offer being answered", theirs),
        ("held there", held_there),
        ("asked to offer", asked),
        ("asked offer sent", asked_sent),
        ("rings here", rings),
        ("answer being made", answering),
        ("answer sent", answer_sent),
        ("rings here without an offer", rings_bare),
        ("our late offer sent", late_sent),
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    vec![
        ("dial", Event::Dial(A, "42".into())),
        ("answer", Event::Answer(A)),
        ("reject", Event::Reject(A, 486)),
        ("hang up", Event::HangUp(A)),
        ("hold", Event::Hold(A)),
        ("resume", Event::Resume(A)),
        ("digits", Event::Digits(A, "5".into())),
        ("incoming", incoming(A, Some("again"))),
        ("180", progress(A, 180, None)),
        ("183 with sound", progress(A, 183, Some("early"))),
        ("answered", answered(A)),
        ("ACK", acknowledged(A, None)),
        ("ACK with sdp", acknowledged(A, Some("ack"))),
        ("re-offer", reoffered(A, Some("theirs"))),
        ("re-offer without sdp", reoffered(A, None)),
        ("re-offer answered", Event::Line(LineEvent::ReofferAnswered { call: A, sdp: "ok".into() })),
        ("re-offer refused", Event::Line(LineEvent::ReofferRefused { call: A, status: 488 })),
        ("flow replaced", Event::Line(LineEvent::FlowReplaced { calls: vec![A] })),
        ("hung up there", ended(A, EndReason::HungUpThere { cause: None })),
        ("cancelled there", ended(A, EndReason::CancelledThere { elsewhere: false })),
        ("busy", ended(A, EndReason::Busy)),
        ("offer ready", Event::OfferReady(A, "offer".into())),
        ("answer ready", Event::AnswerReady(A, "answer".into(), Direction::SendRecv)),
        ("answer taken", Event::AnswerAccepted(A, Direction::SendRecv)),
        ("first sound", Event::FirstSound(A)),
        ("media failed", Event::MediaFailed(A)),
    ]
}

fn run(path: &[Event]) -> Calls {
    let mut calls = Calls::default();
    for event in path {
        calls.handle(event.clone());
    }
    calls
}

fn shown(calls: &Calls) -> String {
    calls.get(A).map_or("over".into(), |c| {
        let flags = [(c.held, " held"), (c.held_there, " held-there")];
        format!("{:?}{}", c.state, flags.iter().filter(|f| f.0).map(|f| f.1).collect::<String>())
    })
}

/// The table is committed; a change of behaviour is a reviewed change of the table (`UPDATE_TABLE=1`).
#[test]
fn every_event_in_every_state() {
    let mut table = String::new();
    for (state, path) in states() {
        let before = shown(&run(&path));
        writeln!(table, "\n== {state} ({before})").unwrap();
        for (name, event) in events() {
            let mut calls = run(&path);
            let effects = calls.handle(event);
            let now = shown(&calls);
            if effects.is_empty() && now == before {
                continue;
            }
            let effects =
                effects.iter().map(|e| format!("{e:?}")).collect::<Vec<_>>().join("; ").replace("CallId(1)", "A");
            writeln!(table, "{name} -> {now}: {effects}").unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transitions.txt");
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    for (was, is) in committed.lines().zip(table.lines()) {
        assert_eq!(was, is, "a transition changed; if that is meant, UPDATE_TABLE=1 and review the difference");
    }
    assert_eq!(committed.lines().count(), table.lines().count());
}

#[test]
fn while_it_rings_and_another_talks_only_a_waiting_tone_is_heard() {
    let mut calls = run(&states()[5].1);
    let effects = calls.handle(incoming(CallId(2), Some("offer")));
    assert!(effects.contains(&Effect::Tone(Some(CallTone::Waiting))));
    let effects = calls.handle(Event::Answer(CallId(2)));
    assert!(effects.contains(&Effect::MakeOffer(A, Direction::SendOnly)), "the first is put on hold");
    assert!(effects.contains(&Effect::Talk(None)), "and hears nothing more");
    assert!(effects.contains(&Effect::Tone(None)));
}

#[test]
fn a_183_with_silence_still_rings() {
    let mut calls = run(&states()[2].1);
    let effects = calls.handle(progress(A, 183, Some("early")));
    assert!(effects.contains(&Effect::Tone(Some(CallTone::Ringback))));
    assert!(
        calls.handle(Event::FirstSound(A)).contains(&Effect::Tone(None)),
        "audible early media replaces our ringback"
    );
}

#[test]
fn hold_pressed_twice_during_the_negotiation_ends_as_the_operator_wants_it() {
    let mut calls = run(&states()[7].1);
    calls.handle(Event::Resume(A));
    calls.handle(Event::Line(LineEvent::ReofferAnswered { call: A, sdp: "held".into() }));
    let effects = calls.handle(Event::AnswerAccepted(A, Direction::SendOnly));
    assert!(effects.contains(&Effect::MakeOffer(A, Direction::SendRecv)), "{effects:?}");
}

#[test]
fn hold_pressed_while_their_re_offer_is_answered_is_told_afterwards() {
    let mut calls = run(&states()[9].1);
    calls.handle(Event::Hold(A));
    let effects = calls.handle(Event::AnswerReady(A, "ok".into(), Direction::SendRecv));
    assert!(effects.contains(&Effect::MakeOffer(A, Direction::SendOnly)), "{effects:?}");
}

fn event(id: u64) -> impl Strategy<Value = Event> {
    let id = CallId(id);
    let direction = prop_oneof![
        Just(Direction::SendRecv),
        Just(Direction::SendOnly),
        Just(Direction::RecvOnly),
        Just(Direction::Inactive)
    ];
    let reason =
        prop_oneof![Just(EndReason::HungUpThere { cause: None }), Just(EndReason::Busy), Just(EndReason::LineLost)];
    prop_oneof![
        3 => Just(Event::Dial(id, "42".into())),
        3 => proptest::option::of(Just("offer")).prop_map(move |o| incoming(id, o)),
        3 => Just(Event::Answer(id)),
        1 => Just(Event::Reject(id, 486)),
        1 => Just(Event::HangUp(id)),
        2 => Just(Event::Hold(id)),
        2 => Just(Event::Resume(id)),
        1 => Just(Event::Digits(id, "1".into())),
        2 => (180u16..184, proptest::option::of(Just("sdp"))).prop_map(move |(s, sdp)| progress(id, s, sdp)),
        3 => Just(answered(id)),
        3 => proptest::option::of(Just("sdp")).prop_map(move |s| acknowledged(id, s)),
        2 => proptest::option::of(Just("sdp")).prop_map(move |s| reoffered(id, s)),
        2 => Just(Event::Line(LineEvent::ReofferAnswered { call: id, sdp: "s".into() })),
        1 => Just(Event::Line(LineEvent::ReofferRefused { call: id, status: 488 })),
        1 => Just(Event::Line(LineEvent::FlowReplaced { calls: vec![id] })),
        1 => reason.prop_map(move |r| ended(id, r)),
        4 => Just(Event::OfferReady(id, "o".into())),
        4 => direction.clone().prop_map(move |d| Event::AnswerReady(id, "a".into(), d)),
        4 => direction.prop_map(move |d| Event::AnswerAccepted(id, d)),
        1 => Just(Event::FirstSound(id)),
        1 => Just(Event::MediaFailed(id)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]
    #[test]
    fn no_flow_breaks_the_promises(flow in proptest::collection::vec((1u64..4).prop_flat_map(event), 1..60)) {
        let mut calls = Calls::default();
        let (mut alive, mut opened): (BTreeSet<u64>, HashSet<u64>) = Default::default();
        let mut talking = None;
        for event in flow {
            let told_over = match &event {
                Event::Line(LineEvent::Ended { call, .. }) => Some(call.0),
                _ => None,
            };
            let effects = calls.handle(event);
            let mut closed_towards_line: HashSet<u64> = told_over.into_iter().collect();
            let mut closed_media = HashSet::new();
            for effect in &effects {
                match effect {
                    Effect::Line(LineCommand::HangUp { call } | LineCommand::Reject { call, .. }) => {
                        closed_towards_line.insert(call.0);
                    }
                    Effect::MakeOffer(id, _) | Effect::MakeAnswer(id, ..) => {
                        opened.insert(id.0);
                    }
                    Effect::CloseMedia(id) => {
                        closed_media.insert(id.0);
                        opened.remove(&id.0);
                    }
                    Effect::Talk(id) => talking = *id,
                    Effect::Began(id) => prop_assert!(alive.insert(id.0), "a call begins once"),
                    Effect::Ended(id, _) => {
                        prop_assert!(alive.remove(&id.0), "a call ends once, and only after it began");
                        prop_assert!(closed_towards_line.contains(&id.0), "a leg ends with BYE, CANCEL or a final response");
                        prop_assert!(closed_media.contains(&id.0), "its media is released");
                    }
                    _ => {}
                }
            }
            let live: BTreeSet<u64> = calls.all().iter().map(|c| c.id.0).collect();
            prop_assert_eq!(&live, &alive, "no call is lost");
            prop_assert!(opened.iter().all(|id| alive.contains(id)), "no media without a call");
            if let Some(id) = talking {
                let call = calls.get(id);
                prop_assert!(call.is_some_and(|c| !c.held && c.state >= State::RingingThere), "only a live call that is not held talks");
            }
            let could = calls.all().iter().filter(|c| c.state == State::Active && !c.held).count();
            prop_assert!(could <= 1, "never two active sounds");
        }
    }
}
