//! Whole calls as real switchboards negotiated them, from the first description to the last hold, through a real session.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::loopback;
use cuffia_media::{Codec, Direction, MediaSession, open};

/// What a captured description is in its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Theirs, the first of a call.
    FirstOffer,
    /// To our first offer.
    FirstAnswer,
    /// Theirs, in a call that is up: the number in the name.
    Offer(u32),
    /// To an offer of ours in a call that is up, with the direction it had.
    Hold(&'static str),
}

/// One description of the far end.
struct Capture {
    step: Step,
    name: String,
    text: String,
}

/// All that was captured, by call and in its order.
fn calls() -> BTreeMap<String, Vec<Capture>> {
    let mut calls: BTreeMap<String, Vec<Capture>> = BTreeMap::new();
    for entry in std::fs::read_dir("tests/sdp/captures").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some((stem, _)) = name.split_once("-1-").or(name.split_once("-2-")).or(name.split_once("-3-")) else {
            continue; // the README
        };
        let (call, step) = step(stem);
        calls.entry(call).or_default().push(Capture { step, name, text: std::fs::read_to_string(&path).unwrap() });
    }
    for call in calls.values_mut() {
        call.sort_by(|a, b| (a.step, &a.name).cmp(&(b.step, &b.name)));
    }
    calls
}

/// The call a file name belongs to, and its place there.
fn step(stem: &str) -> (String, Step) {
    // A hold of theirs is followed by their resume: in pairs, by what they held with.
    for (at, way) in ["sendonly", "inactive"].into_iter().enumerate() {
        for (after, kind) in ["remote-hold", "remote-resume"].into_iter().enumerate() {
            if let Some(call) = stem.strip_suffix(&format!("-{kind}-{way}")) {
                return (call.into(), Step::Offer((2 * at + after) as u32));
            }
        }
    }
    for (kind, way) in [
        ("hold-sendonly", "sendonly"),
        ("hold-inactive", "inactive"),
        ("hold-inactive-rw", "inactive"),
        ("resume-sendonly", "sendrecv"),
        ("resume-inactive", "sendrecv"),
        ("resume-inactive-rw", "sendrecv"),
    ] {
        if let Some(call) = stem.strip_suffix(&format!("-{kind}")) {
            return (call.into(), Step::Hold(way));
        }
    }
    let (call, last) = stem.rsplit_once('-').unwrap();
    match last {
        "invite" | "init" => (call.into(), Step::FirstAnswer),
        "invite1" => (call.into(), Step::FirstOffer),
        // Transferred, the target was called once more: a call of its own.
        "invite4" => (stem.into(), Step::FirstOffer),
        _ => match last.strip_prefix("reinvite") {
            Some(number) => (call.into(), Step::Offer(number.parse().unwrap())),
            // rtpengine calls us, once.
            None => (stem.into(), Step::FirstOffer),
        },
    }
}

fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(start)).collect()
}

fn direction(text: &str) -> Direction {
    text.lines().find_map(|line| Direction::from_attribute(line.strip_prefix("a=")?)).unwrap_or_default()
}

/// Of a list of formats those a telephone speaks, by number.
fn spoken(text: &str) -> Vec<&str> {
    let known = ["opus/48000/2", "PCMU/8000", "PCMA/8000", "G722/8000", "telephone-event/8000"];
    let maps = lines(text, "a=rtpmap:");
    let is_known = |number: &&str| {
        maps.iter().filter_map(|map| map.split_once(' ')).any(|(n, format)| n == *number && known.contains(&format))
    };
    lines(text, "m=audio ")[0].split(' ').skip(2).filter(is_known).collect()
}

/// What no description of ours may have: switchboards read a hold, or a second component, into it.
fn is_fit_for_the_wire(name: &str, ours: &str) {
    assert!(ours.contains("c=IN IP4 127.0.0.1\r\n") && !ours.contains("0.0.0.0"), "{name}: {ours}");
    assert!(!ours.contains("m=audio 9 "), "{name}: the default candidate's port");
    let candidates = lines(ours, "a=candidate:");
    assert!(!candidates.is_empty() && candidates.iter().all(|c| c.split(' ').nth(1) == Some("1")), "{name}: {ours}");
}

async fn answer(session: &dyn MediaSession, Capture { name, text, .. }: &Capture) {
    let (ours, way) = session.answer(text, Direction::SendRecv).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(way, direction(text).mirrored(), "{name}");
    assert_eq!(direction(&ours), way, "{name}: {ours}");
    is_fit_for_the_wire(name, &ours);
    let formats: Vec<_> = lines(&ours, "m=audio ")[0].split(' ').skip(2).collect();
    assert_eq!(formats, spoken(text), "{name}: their numbers, in their order");
    assert_eq!(spoken(&ours), formats, "{name}: and what they stand for");
    assert_eq!(lines(&ours, "a=mid:"), lines(text, "a=mid:"), "{name}");
    assert_eq!(lines(&ours, "a=group:"), lines(text, "a=group:"), "{name}");
    assert!(["active", "passive"].contains(&lines(&ours, "a=setup:")[0]), "{name}");
}

async fn offer(session: &dyn MediaSession, wanted: Direction, Capture { name, text, .. }: &Capture) {
    let ours = session.offer(wanted).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(direction(&ours), wanted, "{name}");
    is_fit_for_the_wire(name, &ours);
    // An answer takes numbers from the offer, each for what it stood for there; so this capture fits our offer.
    for number in spoken(text) {
        assert!(spoken(&ours).contains(&number), "{name}: {number} is not in {ours}");
    }
    let way = session.accept_answer(text).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(way, wanted.narrowed_by(direction(text)), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_that_was_captured_can_be_negotiated_to_its_end() {
    let calls = calls();
    assert!(calls.len() >= 40, "only {} calls", calls.len());
    for (call, steps) in &calls {
        let (session, _path, _events) = open(loopback(&[Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma]))
            .await
            .unwrap_or_else(|e| panic!("{call}: {e}"));
        for capture in steps {
            match capture.step {
                Step::FirstOffer | Step::Offer(_) => answer(&*session, capture).await,
                Step::FirstAnswer => offer(&*session, Direction::SendRecv, capture).await,
                Step::Hold(way) => offer(&*session, Direction::from_attribute(way).unwrap(), capture).await,
            }
        }
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_offer_is_answered_in_a_call_of_its_own_too() {
    for capture in calls().into_values().flatten().filter(|c| matches!(c.step, Step::FirstOffer | Step::Offer(_))) {
        let (session, _path, _events) =
            open(loopback(&[Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma])).await.unwrap();
        answer(&*session, &capture).await;
        session.close().await;
    }
}
