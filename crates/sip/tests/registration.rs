//! Registration and digests against a server played by the test; time is virtual.
#![allow(clippy::unwrap_used)]

#[path = "common/virtual_time.rs"]
mod virtual_time;

use cuffia_sip::agent::{Input, Output, Transport};
use cuffia_sip::message::fields::NameAddr;
use cuffia_sip::*;
use std::time::Duration;
use virtual_time::*;

const SECOND: Duration = Duration::from_secs(1);
const OURS: (&str, &str) = ("WWW-Authenticate", "Digest realm=\"pbx.test\", nonce=\"n1\", qop=\"auth\"");
const ALIEN: (&str, &str) = ("WWW-Authenticate", "Digest realm=\"evil.test\", nonce=\"e1\", qop=\"auth\"");

fn failed(phone: &mut Solo) -> (LineError, Option<Duration>) {
    loop {
        if let LineEvent::Registration(Registration::Failed { error, retry_in }) = phone.event() {
            return (error, retry_in);
        }
    }
}

#[test]
fn the_binding_of_a_websocket_is_that_of_rfc_7118_and_5626() {
    let mut phone = Solo::new(Transport::Wss);
    phone.command(LineCommand::Register);
    let request = phone.sent_method("REGISTER");
    assert_eq!(request.uri(), "sip:pbx.test");
    let contact = NameAddr::parse(request.headers.get("Contact").unwrap()).unwrap();
    assert!(contact.uri.ends_with(".invalid;transport=ws"), "{}", contact.uri);
    assert_eq!(contact.params.get("reg-id"), Some("1"));
    assert!(contact.params.get("+sip.instance").unwrap().starts_with("\"<urn:uuid:"));
    let via = request.via().unwrap();
    assert!(via.transport == "WSS" && via.sent_by.ends_with(".invalid"));
}

#[test]
fn a_registration_is_refreshed_in_time_with_the_nonce_at_hand() {
    for (granted, before, after) in [("600", 539, 541), ("60", 53, 55), ("10", 4, 6)] {
        let mut phone = Solo::new(Transport::Tcp);
        phone.command(LineCommand::Register);
        let request = phone.sent_method("REGISTER");
        phone.reply(&request, 401, "s", &[OURS], "");
        let request = phone.sent_method("REGISTER");
        phone.reply(&request, 200, "s", &[("Expires", granted)], "");
        phone.advance(before * SECOND);
        phone.sent.retain(|m| m.method() == "REGISTER");
        assert!(phone.sent.is_empty(), "{granted}");
        phone.advance((after - before) * SECOND);
        let refresh = phone.sent_method("REGISTER");
        assert!(refresh.headers.get("Authorization").unwrap().contains("nc=00000002"));
        assert_eq!(refresh.call_id(), request.call_id());
        assert!(refresh.cseq().unwrap().0 > request.cseq().unwrap().0);
    }
}

#[test]
fn the_expiry_of_our_own_binding_counts_not_that_of_another_phone() {
    let mut phone = Solo::new(Transport::Wss);
    phone.command(LineCommand::Register);
    let request = phone.sent_method("REGISTER");
    let ours = NameAddr::parse(request.headers.get("Contact").unwrap()).unwrap().uri;
    let contacts = format!("<sip:other@192.0.2.77>;expires=3000, <{ours}>;expires=120");
    phone.reply(&request, 200, "s", &[("Contact", &contacts), ("Expires", "3000")], "");
    phone.event();
    let registered = Registration::Registered { server: "the server".into(), expires_s: 120 };
    assert_eq!(phone.event(), LineEvent::Registration(registered));
}

#[test]
fn an_expiry_too_brief_is_asked_for_longer() {
    let mut phone = Solo::new(Transport::Tcp);
    phone.command(LineCommand::Register);
    let request = phone.sent_method("REGISTER");
    phone.reply(&request, 423, "s", &[("Min-Expires", "1800")], "");
    let again = phone.sent_method("REGISTER");
    assert_eq!(again.headers.get("Expires"), Some("1800"));
    // A server that goes on like this is not asked for ever.
    phone.reply(&again, 423, "s", &[("Min-Expires", "1800")], "");
    phone.sent.clear();
    assert_eq!(failed(&mut phone).0.code(), "server_error");
}

#[test]
fn a_wrong_password_is_tried_twice_and_then_never_until_asked() {
    let mut phone = Solo::new(Transport::Wss);
    phone.command(LineCommand::Register);
    for _ in 0..3 {
        let request = phone.sent_method("REGISTER");
        phone.reply(&request, 401, "s", &[OURS], "");
    }
    assert_eq!(failed(&mut phone), (LineError::WrongPassword, None));
    phone.advance(3600 * SECOND);
    phone.quiet();
    phone.command(LineCommand::Register);
    assert_eq!(phone.event(), LineEvent::Registration(Registration::Connecting));
    assert_eq!(phone.others.last(), Some(&Output::Connect));
}

#[test]
fn a_stale_nonce_is_no_wrong_password_but_no_loop_either() {
    let mut phone = Solo::new(Transport::Wss);
    phone.command(LineCommand::Register);
    let stale = ("WWW-Authenticate", "Digest realm=\"pbx.test\", nonce=\"n\", qop=\"auth\", stale=true");
    let mut requests = 0;
    while let Some(request) = phone.sent.pop_front() {
        requests += 1;
        phone.reply(&request, 401, "s", &[stale], "");
    }
    assert_eq!(requests, 5);
    assert_eq!(failed(&mut phone).0, LineError::WrongPassword);
}

#[test]
fn failures_are_named_and_come_back_when_that_makes_sense() {
    for (status, code, again) in [(403, "forbidden", false), (503, "server_error", true), (404, "server_error", true)] {
        let mut phone = Solo::new(Transport::Wss);
        phone.command(LineCommand::Register);
        let request = phone.sent_method("REGISTER");
        phone.reply(&request, status, "s", &[("Retry-After", "7 (soon)")], "");
        let (error, retry_in) = failed(&mut phone);
        assert_eq!((error.code(), retry_in), (code, again.then_some(7 * SECOND)));
        phone.advance(8 * SECOND);
        assert_eq!(phone.sent.iter().any(|m| m.method() == "REGISTER"), again);
    }
}

#[test]
fn a_server_that_is_away_is_asked_ever_less_often() {
    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    let mut waits = Vec::new();
    for _ in 0..12 {
        phone.input(Input::Lost(LineError::Refused));
        let (error, retry_in) = failed(&mut phone);
        assert_eq!(error, LineError::Refused);
        waits.push(retry_in.unwrap());
        phone.others.clear();
        phone.advance(retry_in.unwrap() + Duration::from_millis(1));
        assert_eq!(phone.others, [Output::Connect]);
    }
    assert!(waits[0] <= SECOND && waits[3] <= 8 * SECOND);
    assert!(waits.iter().all(|w| *w <= 60 * SECOND));
    assert!(waits[6..].iter().any(|w| *w > 15 * SECOND));
}

#[test]
fn a_websocket_that_no_longer_answers_pings_is_replaced() {
    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    phone.others.clear();
    phone.advance(26 * SECOND);
    assert_eq!(phone.others, [Output::Ping]);
    phone.input(Input::Alive);
    phone.advance(25 * SECOND);
    assert_eq!(phone.others, [Output::Ping, Output::Ping]);
    phone.advance(10 * SECOND);
    assert_eq!(failed(&mut phone).0, LineError::ConnectionLost);
    assert!(phone.others.contains(&Output::Disconnect));
}

#[test]
fn silence_is_a_timeout() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(LineCommand::Register);
    phone.advance(33 * SECOND);
    assert_eq!(failed(&mut phone).0, LineError::Timeout);
}

#[test]
fn leaving_takes_the_binding_away() {
    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    phone.command(LineCommand::Unregister);
    let request = phone.sent_method("REGISTER");
    assert_eq!(request.headers.get("Expires"), Some("0"));
    phone.reply(&request, 200, "s", &[], "");
    assert_eq!(phone.event(), LineEvent::Registration(Registration::Unregistered));
    phone.advance(3600 * SECOND);
    phone.quiet();
}

#[test]
fn closing_waits_two_seconds_for_a_silent_server_and_no_longer() {
    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    phone.in_call(CallId(1));
    phone.command(LineCommand::Close);
    assert_eq!(phone.sent_method("BYE").method(), "BYE");
    phone.sent_method("REGISTER");
    assert!(!phone.others.contains(&Output::Finished));
    phone.advance(2 * SECOND);
    assert_eq!(phone.others.last(), Some(&Output::Finished));
}

#[test]
fn behind_a_translator_the_public_address_is_registered() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(LineCommand::Register);
    let request = phone.sent_method("REGISTER");
    let mut response = message::Message::response(&request, 200, "s");
    let via = format!("{};received=203.0.113.5", request.headers.get("Via").unwrap().replace(";rport", ";rport=1024"));
    response.headers.set("Via", via);
    phone.receive(&response);
    let again = phone.sent_method("REGISTER");
    assert!(again.headers.get("Contact").unwrap().contains("@203.0.113.5:1024"));
}

#[test]
fn a_call_is_authenticated_within_the_same_call() {
    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    phone.command(LineCommand::Invite { call: CallId(1), to: "bob".into(), sdp: "v=0".into() });
    let first = phone.sent_method("INVITE");
    phone.reply(&first, 407, "p", &[("Proxy-Authenticate", OURS.1)], "");
    assert_eq!(phone.sent_method("ACK").to_tag(), "p");
    let second = phone.sent_method("INVITE");
    assert!(second.headers.get("Proxy-Authorization").unwrap().contains("username=\"anna\""));
    assert_eq!((second.call_id(), second.from_tag()), (first.call_id(), first.from_tag()));
    assert_eq!(second.cseq().unwrap().0, first.cseq().unwrap().0 + 1);
    assert_ne!(second.via().unwrap().branch(), first.via().unwrap().branch());
    // Refused even so: the call ends, the account does not loop.
    phone.reply(&second, 407, "p", &[("Proxy-Authenticate", OURS.1)], "");
    phone.sent_method("ACK");
    let third = phone.sent_method("INVITE");
    phone.reply(&third, 407, "p", &[("Proxy-Authenticate", OURS.1)], "");
    phone.sent_method("ACK");
    assert!(matches!(phone.event(), LineEvent::Ended { reason: EndReason::Refused { status: 407, .. }, .. }));
    phone.quiet();
}

#[test]
fn the_far_end_of_a_call_gets_no_digest() {
    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    // To the INVITE itself.
    phone.command(LineCommand::Invite { call: CallId(9), to: "evil@evil.test".into(), sdp: "v=0".into() });
    let request = phone.sent_method("INVITE");
    phone.reply(&request, 401, "e", &[ALIEN], "");
    phone.sent_method("ACK");
    assert!(matches!(phone.event(), LineEvent::Ended { reason: EndReason::Refused { status: 401, .. }, .. }));
    phone.quiet();
    // To a re-INVITE, INFO and BYE within a call.
    phone.in_call(CallId(1));
    phone.command(LineCommand::Reoffer { call: CallId(1), sdp: "v=0".into() });
    let request = phone.sent_method("INVITE");
    phone.reply(&request, 401, "b", &[ALIEN], "");
    phone.sent_method("ACK");
    assert_eq!(phone.event(), LineEvent::ReofferRefused { call: CallId(1), status: 401 });
    phone.command(LineCommand::Info { call: CallId(1), content_type: "text/plain".into(), body: "x".into() });
    let request = phone.sent_method("INFO");
    phone.reply(&request, 401, "b", &[ALIEN], "");
    phone.command(LineCommand::HangUp { call: CallId(1) });
    let request = phone.sent_method("BYE");
    phone.reply(&request, 407, "b", &[("Proxy-Authenticate", ALIEN.1)], "");
    phone.events.clear();
    phone.quiet();
}

#[test]
fn before_the_first_registration_only_the_server_itself_gets_a_digest() {
    for (status, realm, answered) in [(401, "pbx.test", true), (407, "asterisk", true), (401, "evil.test", false)] {
        let mut phone = Solo::new(Transport::Wss);
        phone.command(LineCommand::Invite { call: CallId(1), to: "bob".into(), sdp: "v=0".into() });
        let request = phone.sent_method("INVITE");
        let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        phone.reply(&request, status, "p", &[(name, &format!("Digest realm=\"{realm}\", nonce=\"n\""))], "");
        phone.sent_method("ACK");
        assert_eq!(phone.sent.iter().any(|m| m.method() == "INVITE"), answered, "{status} {realm}");
    }
    let mut phone = Solo::new(Transport::Wss);
    phone.in_call(CallId(1));
    phone.command(LineCommand::HangUp { call: CallId(1) });
    let request = phone.sent_method("BYE");
    phone.reply(&request, 401, "b", &[OURS], "");
    phone.events.clear();
    phone.quiet();
}

#[test]
fn a_registrar_that_changes_its_realm_gets_no_digest() {
    let mut phone = Solo::new(Transport::Tcp);
    phone.register("pbx.test");
    phone.advance(541 * SECOND);
    phone.sent.retain(|m| m.method() == "REGISTER");
    let refresh = phone.sent_method("REGISTER");
    phone.reply(&refresh, 401, "s", &[ALIEN], "");
    assert!(phone.sent.is_empty());
    assert_eq!(failed(&mut phone).0.code(), "server_error");
}

#[test]
fn the_strongest_digest_offered_is_used() {
    let mut phone = Solo::new(Transport::Wss);
    phone.command(LineCommand::Register);
    let request = phone.sent_method("REGISTER");
    let strong = ("WWW-Authenticate", "Digest realm=\"pbx.test\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"");
    phone.reply(&request, 401, "s", &[OURS, strong], "");
    assert!(phone.sent_method("REGISTER").headers.get("Authorization").unwrap().contains("algorithm=SHA-256"));
}
