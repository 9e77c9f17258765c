//! Calls between two agents, and between one agent and a server played by the test; time is virtual.
#![allow(clippy::unwrap_used)]

#[path = "common/virtual_time.rs"]
mod virtual_time;

use cuffia_sip::agent::Transport;
use cuffia_sip::message::Message;
use cuffia_sip::*;
use std::time::Duration;
use virtual_time::*;

const CALL: CallId = CallId(1);
const SECOND: Duration = Duration::from_secs(1);

fn invite(to: &str) -> LineCommand {
    LineCommand::Invite { call: CALL, to: to.into(), sdp: "v=0 a".into() }
}

#[test]
fn a_call_is_made_held_and_ended_whatever_the_network_loses() {
    for seed in 0..200 {
        let mut net = Pair::lossy(seed, 0.25);
        let there = net.talking(CALL);
        net.command(A, LineCommand::Reoffer { call: CALL, sdp: "v=0 hold".into() });
        net.until(B, |e| matches!(e, LineEvent::Reoffered { .. }).then_some(()));
        net.command(B, LineCommand::AnswerReoffer { call: there, sdp: "v=0 held".into() });
        net.until(A, |e| matches!(e, LineEvent::ReofferAnswered { sdp, .. } if sdp == "v=0 held").then_some(()));
        net.command(B, LineCommand::HangUp { call: there });
        assert_eq!(net.ended(A), EndReason::HungUpThere { cause: None }, "seed {seed}");
        net.run(70 * SECOND);
        assert!(net.agents.iter().all(|a| a.calls().is_empty()));
        assert_eq!(net.events[A].iter().filter(|e| matches!(e, LineEvent::Ended { .. })).count(), 1);
        assert_eq!(net.events[A].iter().filter(|e| matches!(e, LineEvent::Answered { .. })).count(), 1);
        assert_eq!(net.events[B].iter().filter(|e| matches!(e, LineEvent::Incoming { .. })).count(), 1);
    }
}

#[test]
fn hanging_up_at_any_moment_ends_both_sides() {
    for seed in 0..100 {
        for moment in [0, 10, 30, 45, 70, 500, 3000] {
            let mut net = Pair::lossy(seed, 0.2);
            net.command(A, invite("bruno"));
            // B answers as soon as it hears the call, so some of these meet the 200 half-way.
            net.run(Duration::from_millis(moment / 2));
            if let Some(LineEvent::Incoming { call, .. }) = net.events[B].first().cloned() {
                net.command(B, LineCommand::Answer { call, sdp: "v=0 b".into() });
            }
            net.run(Duration::from_millis(moment / 2));
            net.command(A, LineCommand::HangUp { call: CALL });
            assert_eq!(net.ended(A), EndReason::HungUpHere);
            net.run(200 * SECOND);
            let rang = net.events[B].iter().any(|e| matches!(e, LineEvent::Incoming { .. }));
            let ended = net.events[B].iter().any(|e| matches!(e, LineEvent::Ended { .. }));
            assert_eq!(rang, ended, "seed {seed}, moment {moment}: {:?}", net.events[B]);
            let after_end = net.events[A].iter().skip_while(|e| !matches!(e, LineEvent::Ended { .. })).count();
            assert_eq!(after_end, 1, "nothing follows the end");
        }
    }
}

#[test]
fn the_caller_who_gives_up_cancels() {
    let mut net = Pair::new(Transport::Udp);
    net.command(A, invite("bruno"));
    net.incoming(B);
    net.run(SECOND);
    net.command(A, LineCommand::HangUp { call: CALL });
    assert_eq!(net.ended(B), EndReason::CancelledThere { elsewhere: false });
    net.run(SECOND);
    assert_eq!((net.count(A, "CANCEL", 0), net.count(B, "INVITE", 487), net.count(A, "ACK", 0)), (1, 1, 1));
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(invite("bob"));
    let request = phone.sent_method("INVITE");
    phone.command(LineCommand::HangUp { call: CALL });
    assert_eq!(phone.event(), LineEvent::Ended { call: CALL, reason: EndReason::HungUpHere });
    phone.quiet();
    phone.reply(&request, 100, "", &[], "");
    let cancel = phone.sent_method("CANCEL");
    for field in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(cancel.headers.get(field), request.headers.get(field), "{field} is that of the INVITE");
    }
    phone.reply(&cancel, 200, "b", &[], "");
    phone.reply(&request, 487, "b", &[], "");
    phone.sent_method("ACK");
    phone.quiet();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_ended_at_once() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(invite("bob"));
    let request = phone.sent_method("INVITE");
    phone.reply(&request, 180, "b", &[], "");
    phone.command(LineCommand::HangUp { call: CALL });
    phone.sent_method("CANCEL");
    phone.reply(&request, 200, "b", &[("Contact", "<sip:bob@192.0.2.9>")], "v=0");
    phone.sent_method("ACK");
    let bye = phone.sent_method("BYE");
    assert_eq!((bye.uri(), bye.to_tag().as_str()), ("sip:bob@192.0.2.9", "b"));
}

#[test]
fn refusals_are_told_apart() {
    for (status, field, reason) in [
        (486, None, EndReason::Busy),
        (600, None, EndReason::Busy),
        (603, None, EndReason::Declined),
        (404, None, EndReason::NotFound),
        (480, None, EndReason::NoAnswer),
        (503, None, EndReason::Refused { status: 503, reason: "Service Unavailable".into() }),
        (302, Some(("Contact", "<sip:evil@elsewhere>")), EndReason::Redirected { to: "sip:evil@elsewhere".into() }),
    ] {
        let mut phone = Solo::new(Transport::Udp);
        phone.command(invite("bob"));
        let request = phone.sent_method("INVITE");
        phone.reply(&request, status, "b", field.as_slice(), "");
        phone.sent_method("ACK");
        assert_eq!(phone.event(), LineEvent::Ended { call: CALL, reason });
        phone.quiet();
        // The refusal comes again: our ACK was lost.
        phone.reply(&request, status, "b", field.as_slice(), "");
        phone.sent_method("ACK");
        phone.quiet();
    }
}

#[test]
fn silence_ends_a_call_after_32_seconds() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(invite("bob"));
    phone.advance(33 * SECOND);
    assert_eq!(phone.event(), LineEvent::Ended { call: CALL, reason: EndReason::TimedOut });
    assert_eq!(phone.sent.len(), 7);
}

#[test]
fn of_two_who_answer_a_fork_the_first_wins() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(invite("bob"));
    let request = phone.sent_method("INVITE");
    phone.reply(&request, 183, "early", &[], "v=0 music");
    assert_eq!(phone.event(), LineEvent::Progress { call: CALL, status: 183, sdp: Some("v=0 music".into()) });
    phone.reply(&request, 200, "one", &[("Contact", "<sip:one@192.0.2.9>")], "v=0 one");
    assert_eq!(phone.sent_method("ACK").uri(), "sip:one@192.0.2.9");
    assert!(matches!(phone.event(), LineEvent::Answered { sdp, .. } if sdp == "v=0 one"));
    phone.reply(&request, 200, "two", &[("Contact", "<sip:two@192.0.2.9>")], "v=0 two");
    assert_eq!(phone.sent_method("ACK").uri(), "sip:two@192.0.2.9");
    assert_eq!(phone.sent_method("BYE").to_tag(), "two");
    // Both 200s come again: each gets its own ACK once more, and no second BYE.
    for tag in ["one", "two"] {
        phone.reply(&request, 200, tag, &[], "v=0");
        assert_eq!(phone.sent_method("ACK").to_tag(), tag);
    }
    phone.quiet();
}

#[test]
fn an_unconfirmed_answer_is_repeated_and_then_ended() {
    let mut phone = Solo::new(Transport::Wss);
    phone.receive(&invite_from_outside("1"));
    phone.sent_status(100);
    let LineEvent::Incoming { call, .. } = phone.event() else { panic!() };
    phone.command(LineCommand::Answer { call, sdp: "v=0".into() });
    phone.sent_status(200);
    phone.advance(33 * SECOND);
    assert_eq!(phone.event(), LineEvent::Ended { call, reason: EndReason::TimedOut });
    let bye = phone.sent.iter().filter(|m| m.method() == "BYE").count();
    let repeats = phone.sent.iter().filter(|m| m.status() == 200).count();
    assert_eq!((bye, repeats), (1, 10));
}

#[test]
fn a_callee_who_hangs_up_before_the_ack_sends_bye_after_it() {
    let mut phone = Solo::new(Transport::Udp);
    let request = invite_from_outside("1");
    phone.receive(&request);
    phone.sent_status(100);
    let LineEvent::Incoming { call, .. } = phone.event() else { panic!() };
    phone.command(LineCommand::Answer { call, sdp: "v=0".into() });
    let tag = phone.sent_status(200).to_tag();
    phone.command(LineCommand::HangUp { call });
    assert!(matches!(phone.event(), LineEvent::Ended { .. }));
    phone.quiet();
    phone.receive(&like(&request, "ACK", "2", 5, &tag));
    phone.sent_method("BYE");
    phone.quiet();
}

#[test]
fn a_late_offer_is_made_in_the_200_and_answered_in_the_ack() {
    let mut phone = Solo::new(Transport::Udp);
    let mut request = invite_from_outside("1");
    request.headers.remove("Content-Type");
    request.body.clear();
    phone.receive(&request);
    phone.sent_status(100);
    let LineEvent::Incoming { call, offer: None, .. } = phone.event() else { panic!() };
    phone.command(LineCommand::Answer { call, sdp: "v=0 our offer".into() });
    let ok = phone.sent_status(200);
    assert_eq!(ok.sdp().as_deref(), Some("v=0 our offer"));
    let mut ack = like(&request, "ACK", "2", 5, &ok.to_tag());
    ack.set_body("application/sdp", "v=0 their answer");
    phone.receive(&ack);
    assert_eq!(phone.event(), LineEvent::Acknowledged { call, sdp: Some("v=0 their answer".into()) });
}

#[test]
fn a_call_taken_elsewhere_is_not_a_missed_call() {
    for (reason, elsewhere) in [
        ("SIP;cause=200;text=\"Call completed elsewhere\"", true),
        ("Q.850;cause=26;text=\"Call Completed Elsewhere\"", true),
        ("SIP;cause=487", false),
    ] {
        let mut phone = Solo::new(Transport::Udp);
        let request = invite_from_outside("1");
        phone.receive(&request);
        phone.sent_status(100);
        let LineEvent::Incoming { call, .. } = phone.event() else { panic!() };
        let mut cancel = like(&request, "CANCEL", "1", 5, "");
        cancel.headers.push("Reason", reason);
        phone.receive(&cancel);
        let ok = phone.sent_status(200);
        assert_eq!(ok.method(), "CANCEL");
        phone.sent_status(487);
        assert_eq!(phone.event(), LineEvent::Ended { call, reason: EndReason::CancelledThere { elsewhere } });
    }
}

#[test]
fn a_request_that_comes_over_two_paths_is_merged() {
    let mut phone = Solo::new(Transport::Udp);
    phone.receive(&invite_from_outside("1"));
    phone.sent_status(100);
    phone.receive(&invite_from_outside("other-path"));
    phone.sent_status(482);
    assert!(matches!(phone.event(), LineEvent::Incoming { .. }));
    phone.quiet();
}

#[test]
fn a_rejected_call_is_refused_until_acknowledged() {
    let mut phone = Solo::new(Transport::Udp);
    let request = invite_from_outside("1");
    phone.receive(&request);
    phone.sent_status(100);
    let LineEvent::Incoming { call, .. } = phone.event() else { panic!() };
    phone.command(LineCommand::Ringing { call });
    assert!(phone.sent_status(180).headers.get("Contact").is_some());
    phone.command(LineCommand::Reject { call, status: 603 });
    let refusal = phone.sent_status(603);
    phone.advance(Duration::from_millis(600));
    phone.sent_status(603);
    phone.receive(&like(&request, "ACK", "1", 5, &refusal.to_tag()));
    phone.events.clear();
    phone.advance(10 * SECOND);
    phone.quiet();
}

#[test]
fn two_changes_at_once_both_come_through_in_the_end() {
    for seed in 0..50 {
        let mut net = Pair::lossy(seed, 0.1);
        let there = net.talking(CALL);
        net.command(A, LineCommand::Reoffer { call: CALL, sdp: "v=0 from a".into() });
        net.command(B, LineCommand::Reoffer { call: there, sdp: "v=0 from b".into() });
        let mut done = [false; 2];
        for _ in 0..600 {
            net.run(Duration::from_millis(100));
            for (who, call) in [(A, CALL), (B, there)] {
                for event in std::mem::take(&mut net.events[who]) {
                    match event {
                        LineEvent::Reoffered { .. } => {
                            net.command(who, LineCommand::AnswerReoffer { call, sdp: "v=0 yes".into() })
                        }
                        LineEvent::ReofferAnswered { .. } => done[who] = true,
                        _ => {}
                    }
                }
            }
            if done == [true, true] {
                break;
            }
        }
        assert_eq!(done, [true, true], "seed {seed}");
    }
}

#[test]
fn glare_is_491_and_tried_again_after_the_interval_of_the_rfc() {
    let mut phone = Solo::new(Transport::Udp);
    let first = phone.in_call(CALL);
    phone.command(LineCommand::Reoffer { call: CALL, sdp: "v=0 hold".into() });
    let ours = phone.sent_method("INVITE");
    phone.receive(&phone.far_request(&first, "INVITE", 1, "v=0 theirs"));
    phone.sent_status(491);
    phone.reply(&ours, 491, "", &[], "");
    phone.sent_method("ACK");
    // The 491 of ours that nobody acknowledges is repeated meanwhile.
    phone.advance(Duration::from_millis(2090));
    phone.sent.retain(|m| m.status() == 0);
    phone.quiet();
    phone.advance(2 * SECOND);
    phone.sent.retain(|m| m.status() == 0);
    let again = phone.sent_method("INVITE");
    assert_eq!(again.sdp().as_deref(), Some("v=0 hold"));
    assert!(again.cseq().unwrap().0 > ours.cseq().unwrap().0);
}

#[test]
fn a_second_change_before_the_first_is_answered_is_told_to_wait() {
    let mut phone = Solo::new(Transport::Udp);
    let first = phone.in_call(CALL);
    phone.receive(&phone.far_request(&first, "INVITE", 1, "v=0 one"));
    phone.sent_status(100);
    assert!(matches!(phone.event(), LineEvent::Reoffered { .. }));
    phone.receive(&phone.far_request(&first, "INVITE", 2, "v=0 two"));
    assert!(phone.sent_status(500).headers.get("Retry-After").is_some());
    phone.command(LineCommand::RejectReoffer { call: CALL, status: 488 });
    phone.sent_status(488);
}

#[test]
fn requests_within_a_call_are_answered() {
    let mut phone = Solo::new(Transport::Udp);
    let first = phone.in_call(CALL);
    phone.receive(&phone.far_request(&first, "OPTIONS", 1, ""));
    phone.sent_status(200);
    let mut info = phone.far_request(&first, "INFO", 2, "Signal=1");
    info.headers.set("Content-Type", "application/dtmf-relay");
    phone.receive(&info);
    phone.sent_status(200);
    let info = LineEvent::Info { call: CALL, content_type: "application/dtmf-relay".into(), body: "Signal=1".into() };
    assert_eq!(phone.event(), info);
    phone.receive(&phone.far_request(&first, "UPDATE", 3, ""));
    phone.sent_status(200);
    phone.receive(&phone.far_request(&first, "UPDATE", 4, "v=0 update"));
    assert_eq!(phone.event(), LineEvent::Reoffered { call: CALL, sdp: Some("v=0 update".into()) });
    phone.command(LineCommand::AnswerReoffer { call: CALL, sdp: "v=0 yes".into() });
    assert_eq!(phone.sent_status(200).sdp().as_deref(), Some("v=0 yes"));
    phone.receive(&phone.far_request(&first, "REFER", 5, ""));
    assert!(phone.sent_status(405).headers.get("Allow").is_some());
    // Out of order.
    phone.receive(&phone.far_request(&first, "INFO", 4, "x"));
    phone.sent_status(500);
    let mut bye = phone.far_request(&first, "BYE", 6, "");
    bye.headers.push("Reason", "Q.850;cause=16;text=\"Normal clearing\"");
    phone.receive(&bye);
    phone.sent_status(200);
    let reason = EndReason::HungUpThere { cause: Some("Normal clearing".into()) };
    assert_eq!(phone.event(), LineEvent::Ended { call: CALL, reason });
    // It comes again: the 200 was lost.
    phone.receive(&bye);
    phone.sent_status(200);
    phone.quiet();
}

#[test]
fn requests_outside_a_call_are_answered() {
    for (method, status) in [
        ("OPTIONS", 200),
        ("NOTIFY", 200),
        ("BYE", 481),
        ("MESSAGE", 405),
        ("REFER", 405),
        ("SUBSCRIBE", 405),
        ("REGISTER", 405),
        ("FANCY", 501),
    ] {
        let mut phone = Solo::new(Transport::Udp);
        phone.receive(&like(&invite_from_outside("0"), method, "1", 1, ""));
        let response = phone.sent_status(status);
        assert!(!response.to_tag().is_empty());
        if matches!(status, 405 | 501) || method == "OPTIONS" {
            let allow = response.headers.get("Allow").unwrap();
            assert!(allow.contains("INVITE") && !allow.contains("PRACK"));
        }
        if method == "OPTIONS" {
            assert!(response.headers.lists("Accept", "application/sdp"));
            assert!(!response.headers.lists("Supported", "100rel"));
        }
    }
}

#[test]
fn calls_we_could_not_do_right_are_refused() {
    let cases: &[(&str, &str, u16)] = &[
        ("Require", "100rel", 420),
        ("Replaces", "x;to-tag=a;from-tag=b", 501),
        ("Content-Encoding", "gzip", 415),
        ("Accept", "text/plain", 406),
    ];
    for (name, value, status) in cases {
        let mut phone = Solo::new(Transport::Udp);
        let mut request = invite_from_outside("1");
        request.headers.push(name, *value);
        phone.receive(&request);
        let response = phone.sent_status(*status);
        assert_eq!(response.headers.get("Unsupported"), (*status == 420).then_some("100rel"));
        phone.quiet();
    }
}

#[test]
fn a_session_that_the_caller_stops_refreshing_is_left() {
    let mut phone = Solo::new(Transport::Udp);
    let mut request = invite_from_outside("1");
    request.headers.push("Supported", "timer");
    request.headers.push("Session-Expires", "90");
    phone.receive(&request);
    phone.sent_status(100);
    let LineEvent::Incoming { call, .. } = phone.event() else { panic!() };
    phone.command(LineCommand::Answer { call, sdp: "v=0".into() });
    let ok = phone.sent_status(200);
    assert_eq!(ok.headers.get("Session-Expires"), Some("90;refresher=uac"));
    phone.receive(&like(&request, "ACK", "2", 5, &ok.to_tag()));
    phone.event();
    phone.advance(50 * SECOND);
    let mut refresh = like(&request, "UPDATE", "3", 6, &ok.to_tag());
    refresh.headers.push("Supported", "timer");
    refresh.headers.push("Session-Expires", "90;refresher=uac");
    phone.receive(&refresh);
    phone.sent_status(200);
    phone.sent.clear();
    phone.advance(50 * SECOND);
    assert!(phone.events.is_empty(), "refreshed");
    phone.advance(20 * SECOND);
    phone.sent_method("BYE");
    assert_eq!(phone.event(), LineEvent::Ended { call, reason: EndReason::TimedOut });
}

#[test]
fn who_calls_is_told_with_what_the_network_asserts() {
    let mut phone = Solo::new(Transport::Udp);
    let mut request = invite_from_outside("1");
    request.headers.set("From", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=b");
    request.headers.push("P-Asserted-Identity", "\"Rossi\" <sip:+39061234@pbx.test>, <tel:+39061234>");
    request.headers.push("Diversion", "<sip:sales@pbx.test>;reason=unconditional");
    request.headers.push("X-Wait-Seconds", "42");
    phone.receive(&request);
    let LineEvent::Incoming { from, headers, .. } = phone.event() else { panic!() };
    let party =
        Party { display_name: Some("Rossi".into()), user: "+39061234".into(), host: "pbx.test".into(), asserted: true };
    assert_eq!(from, party);
    assert_eq!(
        headers.iter().map(|h| h.0.as_str()).collect::<Vec<_>>(),
        ["P-Asserted-Identity", "Diversion", "X-Wait-Seconds"]
    );
}

#[test]
fn nothing_typed_can_add_a_field() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(invite("bob\r\nX-Evil: 1"));
    assert!(matches!(phone.event(), LineEvent::Ended { reason: EndReason::Refused { status: 484, .. }, .. }));
    phone.quiet();
    phone.in_call(CALL);
    let content_type = "text/plain\r\nX-Evil: 1".into();
    phone.command(LineCommand::Info { call: CALL, content_type, body: "a\r\nb".into() });
    let info = phone.sent_method("INFO");
    assert_eq!(info.headers.get("X-Evil"), None);
    assert_eq!(info.body, b"a\r\nb");
}

#[test]
fn a_lost_bye_is_repeated_and_a_lost_flow_gets_its_bye_later() {
    let mut phone = Solo::new(Transport::Udp);
    phone.in_call(CALL);
    phone.command(LineCommand::HangUp { call: CALL });
    phone.advance(33 * SECOND);
    assert_eq!(phone.sent.iter().filter(|m| m.method() == "BYE").count(), 11);

    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    phone.in_call(CALL);
    phone.input(agent::Input::Lost(LineError::ConnectionLost));
    phone.command(LineCommand::HangUp { call: CALL });
    assert!(phone.sent.is_empty());
    phone.advance(2 * SECOND);
    assert!(phone.others.contains(&agent::Output::Connect));
    phone.connect();
    let request = phone.sent_method("REGISTER");
    phone.reply(&request, 200, "s", &[("Expires", "600")], "");
    phone.sent_method("BYE");
}

#[test]
fn calls_survive_a_lost_flow_and_the_phone_is_told() {
    let mut phone = Solo::new(Transport::Wss);
    phone.register("pbx.test");
    phone.in_call(CALL);
    phone.command(LineCommand::Invite { call: CallId(2), to: "carol".into(), sdp: "v=0".into() });
    phone.sent.clear();
    phone.input(agent::Input::Lost(LineError::ConnectionLost));
    assert_eq!(phone.event(), LineEvent::Ended { call: CallId(2), reason: EndReason::LineLost });
    phone.command(LineCommand::Reoffer { call: CALL, sdp: "v=0".into() });
    phone.advance(2 * SECOND);
    phone.connect();
    let request = phone.sent_method("REGISTER");
    phone.reply(&request, 200, "s", &[("Expires", "600")], "");
    assert_eq!(phone.events.pop_back(), Some(LineEvent::FlowReplaced { calls: vec![CALL] }));
    phone.events.clear();
    phone.command(LineCommand::Reoffer { call: CALL, sdp: "v=0 new".into() });
    assert_eq!(phone.sent_method("INVITE").sdp().as_deref(), Some("v=0 new"));
}

#[test]
fn a_far_end_that_forgot_the_call_ends_it() {
    let mut phone = Solo::new(Transport::Udp);
    phone.in_call(CALL);
    phone.command(LineCommand::Reoffer { call: CALL, sdp: "v=0".into() });
    let request = phone.sent_method("INVITE");
    phone.reply(&request, 481, "", &[], "");
    phone.sent_method("ACK");
    phone.sent_method("BYE");
    assert!(matches!(phone.event(), LineEvent::Ended { .. }));
}

#[test]
fn routes_recorded_on_the_way_are_kept_in_reverse() {
    let mut phone = Solo::new(Transport::Udp);
    phone.command(invite("bob"));
    let request = phone.sent_method("INVITE");
    let fields = [("Contact", "<sip:bob@192.0.2.9>"), ("Record-Route", "<sip:p2;lr>, <sip:p1;lr>")];
    phone.reply(&request, 200, "b", &fields, "v=0");
    let ack: Message = phone.sent_method("ACK");
    assert_eq!(ack.headers.list("Route"), ["<sip:p1;lr>", "<sip:p2;lr>"]);
    assert_eq!(ack.uri(), "sip:bob@192.0.2.9");
}
