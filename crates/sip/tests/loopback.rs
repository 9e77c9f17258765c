//! A line and a switchboard on 127.0.0.1: real sockets, real time.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use cuffia_sip::*;
use std::net::TcpListener;

#[tokio::test]
async fn a_good_password_registers_and_a_bad_one_is_told_apart() {
    let (board, mut board_events) = board().await;
    let (_line, mut events) = line(&board, "pw");
    assert_eq!(events.recv().await, Some(LineEvent::Registration(Registration::Connecting)));
    let LineEvent::Registration(Registration::Registered { expires_s, .. }) = next(&mut events).await else { panic!() };
    assert!(expires_s > 30);
    assert_eq!(board_next(&mut board_events).await, SwitchboardEvent::Registered { user: "anna".into() });

    let (_line, mut events) = line(&board, "wrong");
    next(&mut events).await;
    let failed = Registration::Failed { error: LineError::WrongPassword, retry_in: None };
    assert_eq!(next(&mut events).await, LineEvent::Registration(failed));
}

#[tokio::test]
async fn the_customer_calls_the_phone_and_hangs_up() {
    let (board, mut board_events, line, mut events) = registered().await;
    let from = Party {
        display_name: Some("Rossi \"Carlo\"".into()),
        user: "+39 06".into(),
        host: String::new(),
        asserted: true,
    };
    board.call("anna", CallId(7), from, vec![("X-Queue".into(), "sales".into())], "v=0 offer".into()).unwrap();
    let LineEvent::Incoming { call, from, called, headers, offer } = next(&mut events).await else { panic!() };
    assert_eq!(
        (from.display_name.as_deref(), from.user.as_str(), from.asserted),
        (Some("Rossi \"Carlo\""), "+39 06", true)
    );
    assert_eq!((called.as_str(), offer.as_deref()), ("anna", Some("v=0 offer")));
    assert!(headers.contains(&("X-Queue".into(), "sales".into())));
    assert!(call.0 >> 63 == 1);

    line.send(LineCommand::Ringing { call });
    assert_eq!(board_call(&mut board_events).await, LineEvent::Progress { call: CallId(7), status: 180, sdp: None });
    line.send(LineCommand::Answer { call, sdp: "v=0 answer".into() });
    let LineEvent::Answered { sdp, .. } = board_call(&mut board_events).await else { panic!() };
    assert_eq!(sdp, "v=0 answer");
    assert_eq!(next(&mut events).await, LineEvent::Acknowledged { call, sdp: None });

    board.send(LineCommand::HangUp { call: CallId(7) });
    assert_eq!(next(&mut events).await, LineEvent::Ended { call, reason: EndReason::HungUpThere { cause: None } });
}

#[tokio::test]
async fn the_phone_dials_holds_and_hangs_up() {
    let (board, mut board_events, line, mut events) = registered().await;
    let call = CallId(1);
    line.send(LineCommand::Invite { call, to: "06 12#".into(), sdp: "v=0 offer".into() });
    let LineEvent::Incoming { call: there, called, offer, from, .. } = board_call(&mut board_events).await else {
        panic!()
    };
    assert_eq!((called.as_str(), offer.as_deref(), from.user.as_str()), ("0612#", Some("v=0 offer"), "anna"));
    board.send(LineCommand::Ringing { call: there });
    assert_eq!(next(&mut events).await, LineEvent::Progress { call, status: 180, sdp: None });
    board.send(LineCommand::Answer { call: there, sdp: "v=0 answer".into() });
    assert!(matches!(next(&mut events).await, LineEvent::Answered { sdp, .. } if sdp == "v=0 answer"));
    assert!(matches!(board_call(&mut board_events).await, LineEvent::Acknowledged { .. }));

    line.send(LineCommand::Reoffer { call, sdp: "v=0 hold".into() });
    assert_eq!(board_call(&mut board_events).await, LineEvent::Reoffered { call: there, sdp: Some("v=0 hold".into()) });
    board.send(LineCommand::AnswerReoffer { call: there, sdp: "v=0 held".into() });
    assert_eq!(next(&mut events).await, LineEvent::ReofferAnswered { call, sdp: "v=0 held".into() });

    line.send(LineCommand::Info { call, content_type: "application/dtmf-relay".into(), body: "Signal=5\r\n".into() });
    assert!(matches!(board_call(&mut board_events).await, LineEvent::Info { body, .. } if body == "Signal=5\r\n"));
    line.send(LineCommand::HangUp { call });
    assert_eq!(next(&mut events).await, LineEvent::Ended { call, reason: EndReason::HungUpHere });
    let ended = LineEvent::Ended { call: there, reason: EndReason::HungUpThere { cause: None } };
    assert_eq!(board_call(&mut board_events).await, ended);
}

#[tokio::test]
async fn a_customer_who_gives_up_and_a_phone_that_gives_up_are_both_heard() {
    let (board, mut board_events, line, mut events) = registered().await;
    board.call("anna", CallId(7), customer(), vec![], "v=0".into()).unwrap();
    let LineEvent::Incoming { call, .. } = next(&mut events).await else { panic!() };
    board.send(LineCommand::HangUp { call: CallId(7) });
    assert_eq!(
        next(&mut events).await,
        LineEvent::Ended { call, reason: EndReason::CancelledThere { elsewhere: false } }
    );
    assert!(matches!(board_call(&mut board_events).await, LineEvent::Ended { reason: EndReason::HungUpHere, .. }));

    line.send(LineCommand::Invite { call: CallId(2), to: "0612".into(), sdp: "v=0".into() });
    let LineEvent::Incoming { call: there, .. } = board_call(&mut board_events).await else { panic!() };
    line.send(LineCommand::HangUp { call: CallId(2) });
    assert_eq!(next(&mut events).await, LineEvent::Ended { call: CallId(2), reason: EndReason::HungUpHere });
    let ended = LineEvent::Ended { call: there, reason: EndReason::CancelledThere { elsewhere: false } };
    assert_eq!(board_call(&mut board_events).await, ended);
}

#[tokio::test]
async fn a_call_survives_a_cut_connection_and_can_be_ended_from_both_sides_after() {
    for far_end_hangs_up in [true, false] {
        let (board, mut board_events, line, mut events) = registered().await;
        board.call("anna", CallId(7), customer(), vec![], "v=0".into()).unwrap();
        let LineEvent::Incoming { call, .. } = next(&mut events).await else { panic!() };
        line.send(LineCommand::Answer { call, sdp: "v=0".into() });
        assert!(matches!(next(&mut events).await, LineEvent::Acknowledged { .. }));
        assert!(matches!(board_call(&mut board_events).await, LineEvent::Answered { .. }));

        board.cut();
        let LineEvent::Registration(Registration::Failed { error, retry_in }) = next(&mut events).await else {
            panic!()
        };
        assert_eq!((error, retry_in.is_some()), (LineError::ConnectionLost, true));
        assert_eq!(next(&mut events).await, LineEvent::Registration(Registration::Connecting));
        assert!(matches!(next(&mut events).await, LineEvent::Registration(Registration::Registered { .. })));
        assert_eq!(next(&mut events).await, LineEvent::FlowReplaced { calls: vec![call] });

        line.send(LineCommand::Reoffer { call, sdp: "v=0 new path".into() });
        let reoffered = LineEvent::Reoffered { call: CallId(7), sdp: Some("v=0 new path".into()) };
        assert_eq!(board_call(&mut board_events).await, reoffered);
        board.send(LineCommand::AnswerReoffer { call: CallId(7), sdp: "v=0 ok".into() });
        assert!(matches!(next(&mut events).await, LineEvent::ReofferAnswered { .. }));
        if far_end_hangs_up {
            board.send(LineCommand::HangUp { call: CallId(7) });
            assert_eq!(
                next(&mut events).await,
                LineEvent::Ended { call, reason: EndReason::HungUpThere { cause: None } }
            );
        } else {
            line.send(LineCommand::HangUp { call });
            assert_eq!(next(&mut events).await, LineEvent::Ended { call, reason: EndReason::HungUpHere });
            assert!(matches!(
                board_call(&mut board_events).await,
                LineEvent::Ended { reason: EndReason::HungUpThere { .. }, .. }
            ));
        }
    }
}

#[tokio::test]
async fn closing_the_line_ends_its_calls_and_its_registration() {
    let (board, mut board_events, line, mut events) = registered().await;
    line.send(LineCommand::Invite { call: CallId(1), to: "0612".into(), sdp: "v=0".into() });
    let LineEvent::Incoming { call: there, .. } = board_call(&mut board_events).await else { panic!() };
    board.send(LineCommand::Answer { call: there, sdp: "v=0".into() });
    assert!(matches!(next(&mut events).await, LineEvent::Answered { .. }));
    line.send(LineCommand::Close);
    assert!(matches!(next(&mut events).await, LineEvent::Ended { reason: EndReason::HungUpHere, .. }));
    assert_eq!(next(&mut events).await, LineEvent::Registration(Registration::Unregistered));
    assert_eq!(within(events.recv()).await, None, "the events end");
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(board_next(&mut board_events).await);
    }
    assert!(seen.contains(&SwitchboardEvent::Unregistered { user: "anna".into() }));
    let hung_up = LineEvent::Ended { call: there, reason: EndReason::HungUpThere { cause: None } };
    assert!(seen.contains(&SwitchboardEvent::Call(hung_up)));
    within(board.close()).await;
}

#[tokio::test]
async fn nobody_is_called_who_is_not_registered() {
    let (board, _events) = board().await;
    let refused = board.call("anna", CallId(1), customer(), vec![], "v=0".into());
    assert_eq!(refused, Err(NotRegistered { user: "anna".into() }));
    board.close().await;
}

async fn first_error(server: &str) -> LineError {
    let (line, mut events) = Line::open(account(server, "pw")).unwrap();
    line.send(LineCommand::Register);
    assert_eq!(next(&mut events).await, LineEvent::Registration(Registration::Connecting));
    match next(&mut events).await {
        LineEvent::Registration(Registration::Failed { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_named() {
    let host = "nohost.invalid".to_owned();
    assert_eq!(first_error("wss://nohost.invalid/ws").await, LineError::NoSuchHost { host: host.clone() });
    assert_eq!(first_error("sip:nohost.invalid").await, LineError::NoSuchHost { host });
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["ws://", "wss://"] {
        assert_eq!(first_error(&format!("{scheme}{closed}/")).await, LineError::Refused, "{scheme}");
    }
    assert_eq!(first_error(&format!("sip:{closed};transport=tcp")).await, LineError::Refused);
    let bad = Line::open(account("pbx.example", "pw")).map(drop);
    assert_eq!(bad, Err(LineError::BadAddress { address: "pbx.example".into() }));
}

#[tokio::test]
async fn a_server_that_is_no_sip_websocket_is_named() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for (answer, error) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", LineError::HandshakeFailed { status: 404 }),
        ("220 mail.example ESMTP\r\n\r\n", LineError::NotAWebSocket),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let _ = socket.write_all(answer.as_bytes()).await;
            // Held open until the client has read and leaves.
            let _ = socket.read(&mut buffer).await;
        });
        assert_eq!(first_error(&format!("ws://{address}/")).await, error);
    }
}

#[tokio::test]
async fn calls_of_several_phones_are_told_apart_and_nobody_calls_in_another_name() {
    let users = ["anna", "bruno"].map(|u| (u.to_owned(), "pw".to_owned().into())).to_vec();
    let (board, mut board_events) =
        Switchboard::bind("127.0.0.1:0".parse().unwrap(), "practice.test", users).await.unwrap();
    let mut lines = Vec::new();
    for user in ["anna", "bruno"] {
        let account = Account { user: user.into(), ..account(&format!("ws://{}/", board.address()), "pw") };
        let (line, mut events) = Line::open(account).unwrap();
        line.send(LineCommand::Register);
        while !matches!(next(&mut events).await, LineEvent::Registration(Registration::Registered { .. })) {}
        line.send(LineCommand::Invite { call: CallId(1), to: format!("for-{user}"), sdp: "v=0".into() });
        lines.push((line, events));
    }
    let mut calls = Vec::new();
    while calls.len() < 2 {
        if let LineEvent::Incoming { call, from, called, .. } = board_call(&mut board_events).await {
            assert_eq!(called, format!("for-{}", from.user));
            calls.push((call, called));
        }
    }
    assert_ne!(calls[0].0, calls[1].0);
    // Each answer reaches the phone it is for.
    for (call, called) in &calls {
        board.send(LineCommand::Answer { call: *call, sdp: called.clone() });
    }
    for ((_, events), sdp) in lines.iter_mut().zip(["for-anna", "for-bruno"]) {
        assert!(matches!(next(events).await, LineEvent::Answered { sdp: found, .. } if found == sdp));
    }
    board.close().await;
    for (_, events) in &mut lines {
        assert!(matches!(next(events).await, LineEvent::Ended { reason: EndReason::HungUpThere { .. }, .. }));
    }
}

#[tokio::test]
async fn a_line_nobody_holds_any_more_closes() {
    let (_board, mut board_events, line, mut events) = registered().await;
    drop(line);
    assert_eq!(next(&mut events).await, LineEvent::Registration(Registration::Unregistered));
    assert_eq!(within(events.recv()).await, None);
    board_next(&mut board_events).await;
    assert_eq!(board_next(&mut board_events).await, SwitchboardEvent::Unregistered { user: "anna".into() });
}
