//! A switchboard with one phone.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use cuffia_sip::*;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// A test that hangs shall say where, not run into the runner's limit.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("nothing happened for 30 s")
}

pub async fn next(events: &mut UnboundedReceiver<LineEvent>) -> LineEvent {
    within(events.recv()).await.expect("the line has closed")
}

pub async fn board_next(events: &mut UnboundedReceiver<SwitchboardEvent>) -> SwitchboardEvent {
    within(events.recv()).await.expect("the switchboard has closed")
}

/// The next event of a call; comings and goings of phones are skipped.
pub async fn board_call(events: &mut UnboundedReceiver<SwitchboardEvent>) -> LineEvent {
    loop {
        if let SwitchboardEvent::Call(event) = board_next(events).await {
            return event;
        }
    }
}

pub async fn board() -> (Switchboard, UnboundedReceiver<SwitchboardEvent>) {
    let users = vec![("anna".to_owned(), "pw".to_owned().into())];
    Switchboard::bind("127.0.0.1:0".parse().unwrap(), "practice.test", users).await.unwrap()
}

pub fn account(server: &str, password: &str) -> Account {
    Account {
        server: server.to_owned(),
        user: "anna".to_owned(),
        password: password.to_owned().into(),
        display_name: "Anna".to_owned(),
        domain: Some("practice.test".to_owned()),
        auth_user: None,
        trust: Trust::System,
    }
}

pub fn line(board: &Switchboard, password: &str) -> (Line, UnboundedReceiver<LineEvent>) {
    let (line, events) = Line::open(account(&format!("ws://{}/", board.address()), password)).unwrap();
    line.send(LineCommand::Register);
    (line, events)
}

pub async fn registered() -> (Switchboard, UnboundedReceiver<SwitchboardEvent>, Line, UnboundedReceiver<LineEvent>) {
    let (board, board_events) = board().await;
    let (line, mut events) = line(&board, "pw");
    while !matches!(next(&mut events).await, LineEvent::Registration(Registration::Registered { .. })) {}
    (board, board_events, line, events)
}

pub fn customer() -> Party {
    Party { display_name: None, user: "0699".to_owned(), host: String::new(), asserted: false }
}
