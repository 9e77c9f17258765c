//! Whatever comes from outside: no panic, no loop, and what we print we can read.
#![allow(clippy::unwrap_used)]

#[path = "common/virtual_time.rs"]
mod virtual_time;

use cuffia_sip::agent::{Input, Transport};
use cuffia_sip::digest::{Challenge, Claim};
use cuffia_sip::message::fields::{NameAddr, Via, quote, unquote};
use cuffia_sip::message::uri::{Uri, escape_user, unescape};
use cuffia_sip::message::{Framed, Framer, Message};
use cuffia_sip::*;
use proptest::prelude::*;
use std::time::Duration;
use virtual_time::*;

fn torture() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files.iter().map(|f| std::fs::read_to_string(f).unwrap().replace('\n', "\r\n").into_bytes()).collect()
}

/// Everything that reads.
fn read(bytes: &[u8]) {
    let mut framer = Framer::new();
    framer.push(bytes);
    while let Ok(Some(Framed::Message(_) | Framed::Ping | Framed::Pong)) = framer.take() {}
    let text = String::from_utf8_lossy(bytes);
    let _ = (Uri::parse(&text), NameAddr::parse(&text), Via::parse(&text), Claim::parse(&text));
    let _ = (Challenge::parse(&text, false), unescape(&text), target::address(&text, "pbx.test"));
    if let Ok(message) = Message::parse(bytes) {
        let _ = message.problem();
        let printed = message.print();
        let again = Message::parse(&printed).expect("what was read and printed can be read");
        assert!(again.print() == printed, "printing is stable: {}", String::from_utf8_lossy(&printed));
    }
}

/// A phone that is registered, talks on one call and rings on another.
fn busy_phone() -> Solo {
    let mut phone = Solo::new(Transport::Udp);
    phone.register("pbx.test");
    phone.in_call(CallId(1));
    phone.receive(&invite_from_outside("1"));
    phone.command(LineCommand::Invite { call: CallId(2), to: "carol".into(), sdp: "v=0".into() });
    phone
}

/// Replaces, removes or repeats a piece.
fn mutate(bytes: &mut Vec<u8>, changes: &[(usize, u8, u8)]) {
    for (at, kind, value) in changes {
        if bytes.is_empty() {
            return;
        }
        let at = at % bytes.len();
        match kind % 4 {
            0 => bytes[at] = *value,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, *value),
            _ => {
                let end = (at + usize::from(*value)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
        busy_phone().input(Input::Received(bytes));
    }

    #[test]
    fn damaged_messages(which in any::<usize>(), changes in proptest::collection::vec(any::<(usize, u8, u8)>(), 1..12)) {
        let all = torture();
        let mut bytes = all[which % all.len()].clone();
        mutate(&mut bytes, &changes);
        read(&bytes);
        let mut phone = busy_phone();
        phone.input(Input::Received(bytes));
        phone.advance(Duration::from_secs(70));
    }

    /// The far end answers and asks nonsense in the middle of things.
    #[test]
    fn damaged_answers(steps in proptest::collection::vec((any::<u16>(), any::<u8>(), proptest::collection::vec(any::<(usize, u8, u8)>(), 0..4)), 1..20)) {
        let mut phone = busy_phone();
        let first = phone.sent.back().cloned().unwrap();
        for (status, what, changes) in steps {
            let request = phone.sent.iter().rev().find(|m| m.status() == 0).cloned().unwrap_or_else(|| first.clone());
            let mut message = match what % 6 {
                0 => phone.far_request(&first, "INVITE", u32::from(status), "v=0"),
                1 => phone.far_request(&first, "BYE", u32::from(status), ""),
                2 => phone.far_request(&first, "UPDATE", u32::from(status), "v=0"),
                _ => Message::response(&request, 100 + status % 600, "b"),
            }.print();
            mutate(&mut message, &changes);
            phone.input(Input::Received(message));
            phone.command(LineCommand::AnswerReoffer { call: CallId(2), sdp: "v=0".into() });
            if what % 5 == 0 { phone.command(LineCommand::Reoffer { call: CallId(2), sdp: "v=0".into() }); }
            if what % 11 == 0 { phone.command(LineCommand::HangUp { call: CallId(2) }); }
            phone.advance(Duration::from_secs(u64::from(what)));
        }
        let told = phone.events.iter().filter(|e| matches!(e, LineEvent::Ended { call: CallId(2), .. })).count();
        prop_assert!(told <= 1, "a call ends once");
    }

    #[test]
    fn what_is_printed_is_read_back(
        fields in proptest::collection::vec(("[A-Za-z][A-Za-z-]{1,20}x", "[ -~éß世]{0,60}"), 0..20),
        uri in "sip:[a-z0-9]{1,10}@[a-z]{1,10}\\.test",
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut message = Message::request("OPTIONS", &uri);
        for (name, value) in &fields {
            message.headers.push(name, value.trim());
        }
        message.body = body;
        let mut read = Message::parse(&message.print()).unwrap();
        read.headers.remove("Content-Length");
        prop_assert_eq!(read, message);
    }

    #[test]
    fn no_value_adds_a_field(value in "(?s).{0,40}\r\n.{0,40}", name in "(?s)[a-z]{1,5}\r\n[a-z: ]{1,8}") {
        let mut message = Message::request("INFO", &format!("sip:{value}"));
        message.headers.push("Subject", value.clone());
        message.headers.push("From", NameAddr::new(Some(&value), "sip:a@b").to_string());
        message.headers.push(&name, "x");
        let printed = message.print();
        let lines = String::from_utf8_lossy(&printed).split("\r\n").count();
        // Start line, four fields, the empty line and the empty body.
        prop_assert_eq!(lines, 7);
    }

    #[test]
    fn quoting_and_escaping_lose_nothing(text in "[^\\p{C}]{0,40}") {
        prop_assert_eq!(unquote(&quote(&text)), text.clone());
        prop_assert_eq!(unescape(&escape_user(&text)), text);
    }

    #[test]
    fn a_stream_is_cut_where_it_was_joined(sizes in proptest::collection::vec(0_usize..300, 1..6), cut in 1_usize..50) {
        let mut bytes = Vec::new();
        for size in &sizes {
            let mut message = Message::request("OPTIONS", "sip:a@b.test");
            message.body = vec![b'\n'; *size];
            bytes.extend(message.print());
        }
        let mut framer = Framer::new();
        let mut read = Vec::new();
        for piece in bytes.chunks(cut) {
            framer.push(piece);
            while let Some(framed) = framer.take().unwrap() {
                let Framed::Message(bytes) = framed else { panic!() };
                read.push(Message::parse(&bytes).unwrap().body.len());
            }
        }
        prop_assert_eq!(read, sizes);
    }
}

/// Two agents, any commands at any time, any loss: both sides end in the same state and each call ends exactly once.
#[test]
fn any_two_people_at_any_time() {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    for seed in 0..400 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut net = Pair::lossy(seed, f64::from(rng.random_range(0..30_u8)) / 100.0);
        net.command(A, LineCommand::Invite { call: CallId(1), to: "bruno".into(), sdp: "v=0".into() });
        let mut there = None;
        for _ in 0..rng.random_range(1..30) {
            net.run(Duration::from_millis(rng.random_range(0..4000)));
            there = there.or(net.events[B].iter().find_map(|e| match e {
                LineEvent::Incoming { call, .. } => Some(*call),
                _ => None,
            }));
            let who = if there.is_some() && rng.random() { B } else { A };
            let call = if who == A { CallId(1) } else { there.unwrap() };
            let sdp = "v=0".to_owned();
            net.command(
                who,
                match rng.random_range(0..10) {
                    0 | 1 => LineCommand::Answer { call, sdp },
                    2 => LineCommand::Ringing { call },
                    3 | 4 => LineCommand::Reoffer { call, sdp },
                    5 | 6 => LineCommand::AnswerReoffer { call, sdp },
                    7 => LineCommand::RejectReoffer { call, status: 488 },
                    8 => LineCommand::Info { call, content_type: "text/plain".into(), body: "x".into() },
                    _ if rng.random_range(0..4) == 0 => LineCommand::HangUp { call },
                    _ => LineCommand::Ringing { call },
                },
            );
        }
        net.command(A, LineCommand::HangUp { call: CallId(1) });
        net.run(Duration::from_secs(200));
        let ends = |who: usize| net.events[who].iter().filter(|e| matches!(e, LineEvent::Ended { .. })).count();
        assert_eq!(ends(A), 1, "seed {seed}: {:?}", net.events[A]);
        let rang = net.events[B].iter().any(|e| matches!(e, LineEvent::Incoming { .. }));
        assert_eq!(ends(B), usize::from(rang), "seed {seed}: {:?} {:?}", net.events[A], net.events[B]);
        assert!(net.agents.iter().all(|a| a.calls().is_empty()), "seed {seed}");
    }
}
