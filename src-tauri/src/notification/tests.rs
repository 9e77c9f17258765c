//! Against a notification service of the test's own, on a bus of its own; and the whole way, with a practice call that rings.
#![allow(clippy::unwrap_used)]

use super::{Bus, start};
use crate::ringing::{Choice, Chosen, Notice, Order, Window, attend};
use cuffia::{DataFolder, Program, Sound};
use cuffia_api::{CallState, dispatch};
use cuffia_headset::MemoryDevices;
use serde_json::json;
use std::collections::HashMap;
use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::object_server::SignalEmitter;
use zbus::zvariant::OwnedValue;

/// Nothing waited for takes nearly so long; a test that does has failed.
const PATIENCE: Duration = Duration::from_secs(60);

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {what}"))
}

/// A message bus; gone when dropped.
struct OwnBus {
    daemon: Child,
    address: String,
}

impl OwnBus {
    fn start() -> OwnBus {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1", "--address=unix:tmpdir=/tmp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        std::io::BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        OwnBus { daemon, address: address.trim().to_owned() }
    }
}

impl Drop for OwnBus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// What the service was asked.
#[derive(Debug, PartialEq)]
enum Asked {
    Show { id: u32, title: String, body: String, actions: Vec<String>, urgency: u8, expires: i32 },
    Close(u32),
}

struct Service {
    asked: UnboundedSender<Asked>,
    last: u32,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    fn get_capabilities(&self) -> Vec<String> {
        vec!["actions".into(), "body-markup".into()]
    }

    #[allow(clippy::too_many_arguments)]
    fn notify(
        &mut self,
        _app_name: &str,
        _replaces: u32,
        _icon: &str,
        summary: String,
        body: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        expires: i32,
    ) -> u32 {
        self.last += 1;
        let urgency = hints.get("urgency").and_then(|v| v.downcast_ref::<u8>().ok()).unwrap_or(1);
        let _ = self.asked.send(Asked::Show { id: self.last, title: summary, body, actions, urgency, expires });
        self.last
    }

    async fn close_notification(&self, id: u32, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) {
        let _ = self.asked.send(Asked::Close(id));
        Self::notification_closed(&emitter, id, 3).await.unwrap();
    }

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, action: String) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn notification_closed(emitter: &SignalEmitter<'_>, id: u32, reason: u32) -> zbus::Result<()>;
}

/// The service's end in a test.
struct Desktop {
    connection: zbus::Connection,
    asked: UnboundedReceiver<Asked>,
}

const PATH: &str = "/org/freedesktop/Notifications";

impl Desktop {
    async fn join(bus: &OwnBus) -> Desktop {
        let (asked, received) = unbounded_channel();
        let connection = zbus::connection::Builder::address(bus.address.as_str())
            .unwrap()
            .serve_at(PATH, Service { asked, last: 0 })
            .unwrap()
            .name("org.freedesktop.Notifications")
            .unwrap()
            .build()
            .await
            .unwrap();
        Desktop { connection, asked: received }
    }

    async fn asked(&mut self) -> Asked {
        within("order at the service", self.asked.recv()).await.unwrap()
    }

    async fn click(&self, id: u32, action: &str) {
        let emitter = SignalEmitter::new(&self.connection, PATH).unwrap();
        Service::action_invoked(&emitter, id, action.to_owned()).await.unwrap();
    }
}

fn notice(call: &str) -> Notice {
    Notice {
        call: call.into(),
        title: format!("Caller {call}"),
        body: "Incoming call · Hale & Sons".into(),
        answer: "Answer",
        decline: "Decline",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_has_both_buttons_stays_and_is_closed_when_it_rings_no_more() {
    let bus = OwnBus::start();
    let mut desktop = Desktop::join(&bus).await;
    let (orders, mut choices) = start(Bus::At(bus.address.clone()));

    orders.send(Order::Show(notice("one"))).unwrap();
    let expected = Asked::Show {
        id: 1,
        title: "Caller one".into(),
        body: "Incoming call · Hale &amp; Sons".into(),
        actions: ["answer", "Answer", "decline", "Decline", "default", ""].map(String::from).to_vec(),
        urgency: 2,
        expires: 0,
    };
    assert_eq!(desktop.asked().await, expected);
    orders.send(Order::Show(notice("two"))).unwrap();
    desktop.asked().await;

    desktop.click(77, "answer").await; // Another program's.
    for (id, action, call, choice) in [
        (2, "answer", "two", Choice::Answer),
        (1, "decline", "one", Choice::Decline),
        (1, "default", "one", Choice::Show),
    ] {
        desktop.click(id, action).await;
        let chosen = within("choice", choices.recv()).await;
        assert_eq!(chosen, Some(Chosen { call: call.into(), choice }));
    }
    orders.send(Order::Close("two".into())).unwrap();
    assert_eq!(desktop.asked().await, Asked::Close(2));
    orders.send(Order::Close("one".into())).unwrap();
    assert_eq!(desktop.asked().await, Asked::Close(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_or_a_bus_nothing_breaks_and_a_service_that_comes_later_is_used() {
    let (orders, _choices) = start(Bus::At("unix:path=/nowhere/bus".into()));
    orders.send(Order::Show(notice("one"))).unwrap();
    orders.send(Order::Close("one".into())).unwrap();

    let bus = OwnBus::start();
    let (orders, mut choices) = start(Bus::At(bus.address.clone()));
    orders.send(Order::Show(notice("one"))).unwrap();
    orders.send(Order::Close("one".into())).unwrap();
    let mut desktop = Desktop::join(&bus).await;
    orders.send(Order::Show(notice("two"))).unwrap();
    // The first may come too: that depends on how quickly the service was there.
    let shown = loop {
        match desktop.asked().await {
            Asked::Show { id, title, .. } if title == "Caller two" => break id,
            _ => {}
        }
    };
    desktop.click(shown, "answer").await;
    assert_eq!(within("choice", choices.recv()).await.unwrap().call, "two");
}

/// The whole way: a practice customer calls, and the operator clicks on the notification.
async fn rings_and_is(clicked: &str, language: &str) -> (Vec<String>, CallState, Vec<Window>) {
    let data = tempfile::tempdir().unwrap();
    let bus = OwnBus::start();
    let mut desktop = Desktop::join(&bus).await;
    let (devices, _end) = MemoryDevices::new();
    let program =
        Program::start(DataFolder::open_at(data.path().to_path_buf(), true).unwrap(), Sound::Own(Box::new(devices)))
            .unwrap();
    let engine = program.engine.clone();
    let (orders, choices) = start(Bus::At(bus.address.clone()));
    let (window, mut wanted) = unbounded_channel();
    tokio::spawn(attend(engine.clone(), orders, choices, move |what| {
        let _ = window.send(what);
    }));
    let mut messages = engine.messages();
    let preferences = json!({"language": language, "theme": "system"});
    dispatch(&engine, "set_preferences", preferences).await.unwrap();
    dispatch(&engine, "start_practice", json!({"scenario": "invoice-mismatch", "language": language})).await.unwrap();

    let Asked::Show { id, title, body, actions, .. } = desktop.asked().await else { panic!("closed unasked") };
    desktop.click(id, clicked).await;
    let state = within("end of the ringing", async {
        loop {
            match engine.whole().calls.first().map_or(CallState::Ended, |c| c.state) {
                CallState::RingingHere | CallState::Answering => drop(messages.recv().await),
                other => return other,
            }
        }
    })
    .await;
    assert_eq!(desktop.asked().await, Asked::Close(id), "it rings no more");
    let words = [title, body, actions[1].clone(), actions[3].clone()].to_vec();
    let mut windows = Vec::new();
    while let Ok(what) = wanted.try_recv() {
        windows.push(what);
    }
    (words, state, windows)
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_on_the_notification_answers_and_brings_the_window_to_the_front() {
    let (words, state, windows) = rings_and_is("answer", "it").await;
    let body = "Chiamata di esercitazione · Officine Ferraro srl · +390115550147";
    assert_eq!(words, ["Giulia Ferraro", body, "Rispondi", "Rifiuta"]);
    assert_eq!(state, CallState::Active);
    assert_eq!(windows, [Window::Attention, Window::Front]);
}

#[tokio::test(flavor = "multi_thread")]
async fn decline_on_the_notification_declines_and_leaves_the_window_where_it_is() {
    let (words, state, windows) = rings_and_is("decline", "en").await;
    let body = "Practice call · Hale Joinery Ltd · +441134960147";
    assert_eq!(words, ["Margaret Hale", body, "Answer", "Decline"]);
    assert_eq!(state, CallState::Ended);
    assert_eq!(windows, [Window::Attention]);
}
