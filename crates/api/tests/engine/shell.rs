//! An engine with its data in a folder, and what a test asks of it.

use cuffia_api::*;
use cuffia_customers::{PRACTICE_CUSTOMERS, Store};
use cuffia_desk::{Clock, Desk, DeskSetup};
use cuffia_headset::{Choice, DeviceEvent, DeviceInfo, Headset, MemoryDevices, MemoryEnd, ProcessingConfig};
use cuffia_phone::{MediaConfig, Trust};
use cuffia_sip::{CallId, LineEvent, Switchboard, SwitchboardEvent};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Nothing waited for takes nearly so long; a test that does has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const NOW: i64 = 1_795_000_000_000;

pub(crate) async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {what}"))
}

pub(crate) struct NoDevices;

impl DeviceControl for NoDevices {
    fn list(&self) -> Vec<DeviceInfo> {
        Vec::new()
    }
    fn choose(&self, _: Choice) {}
}

/// An engine with its data in a folder.
pub(crate) struct Shell {
    pub(crate) engine: Engine,
    pub(crate) messages: broadcast::Receiver<Message>,
    pub(crate) microphone: MemoryEnd,
    pub(crate) plugs: UnboundedSender<DeviceEvent>,
    /// What the browser was asked to show.
    pub(crate) pages: Arc<Mutex<Vec<String>>>,
}

impl Shell {
    pub(crate) fn open(folder: &Path) -> Shell {
        Shell::open_at(folder, Arc::new(|| NOW))
    }

    /// With a clock of the test's own.
    pub(crate) fn open_at(folder: &Path, clock: Clock) -> Shell {
        let (key, _) = cuffia_customers::open_key(folder, false).unwrap();
        let store = Store::open(&folder.join("cuffia.db"), &key).unwrap();
        cuffia_customers::fill(&store, NOW).unwrap();
        let (devices, microphone) = MemoryDevices::new();
        let pages = Arc::<Mutex<Vec<String>>>::default();
        let shown = pages.clone();
        let desk = Desk::open(DeskSetup {
            store: Arc::new(store),
            secrets: cuffia_customers::Secrets::new(folder, cuffia_customers::KeyStore::File),
            headset: Headset::start(Box::new(devices), ProcessingConfig::default()).unwrap(),
            recordings: folder.join("recordings"),
            downloads: folder.join("downloads"),
            media: MediaConfig::default(),
            trust: Trust::System,
            region: "IT".into(),
            clock,
            browse: Arc::new(move |address: &str| {
                shown.lock().unwrap().push(address.to_owned());
                Ok(())
            }),
        })
        .unwrap();
        let (plugs, device_events) = unbounded_channel();
        let engine = Engine::start(EngineSetup {
            desk,
            devices: Box::new(NoDevices),
            device_events,
            data_folder: String::new(),
            key_store: KeyStore::File,
            system_language: Language::En,
        })
        .unwrap();
        Shell { messages: engine.messages(), engine, microphone, plugs, pages }
    }

    pub(crate) async fn ask(&self, command: &str, arguments: Value) -> Value {
        dispatch(&self.engine, command, arguments).await.unwrap_or_else(|e| panic!("{command}: {e}"))
    }

    /// Waits until the state of things gives something; looks again after each change.
    pub(crate) async fn until<T>(&mut self, what: &str, mut ready: impl FnMut(&Snapshot) -> Option<T>) -> T {
        within(what, async {
            loop {
                if let Some(found) = ready(&self.engine.whole()) {
                    return found;
                }
                let _ = self.messages.recv().await;
            }
        })
        .await
    }

    pub(crate) async fn change<T>(&mut self, what: &str, mut wanted: impl FnMut(Change) -> Option<T>) -> T {
        within(what, async {
            loop {
                if let Ok(Message::Event(event)) = self.messages.recv().await
                    && let Some(found) = wanted(event.change)
                {
                    return found;
                }
            }
        })
        .await
    }

    pub(crate) async fn connect(&mut self, board: &Switchboard) {
        self.ask(
            "connect_line",
            json!({"server": format!("ws://{}/", board.address()), "user": "204", "password": "secret", "displayName": ""}),
        )
        .await;
        self.registered(LineKind::Real).await;
    }

    pub(crate) async fn registered(&mut self, kind: LineKind) {
        self.until("registration", |s| (s.line.kind == kind && s.line.state == LineState::Registered).then_some(()))
            .await;
    }

    /// Dials, and waits until the desk has the call.
    pub(crate) async fn dial(&mut self, target: &str) -> String {
        let id = self.ask("dial", json!({"target": target})).await["call"].as_str().unwrap().to_owned();
        self.until("the call", |s| s.calls.iter().any(|c| c.id == id).then_some(())).await;
        id
    }

    pub(crate) async fn row(&self, call: &str) -> CallRow {
        let rows: Vec<CallRow> =
            serde_json::from_value(self.ask("list_calls", json!({"before": null, "limit": 50})).await).unwrap();
        rows.into_iter().find(|r| r.id == call).unwrap()
    }

    pub(crate) async fn time_line(&self, customer: &str) -> Vec<String> {
        let page: CustomerPage =
            serde_json::from_value(self.ask("customer", json!({"customer": customer})).await).unwrap();
        page.timeline.into_iter().filter_map(|i| i.call).map(|c| c.id).collect()
    }

    /// A customer like any other.
    pub(crate) async fn someone(&self) -> CustomerRow {
        let all = self.find("srl", 50).await;
        all.into_iter().find(|c| PRACTICE_CUSTOMERS.iter().all(|p| p.1 != c.id)).unwrap()
    }

    pub(crate) async fn find(&self, text: &str, limit: u32) -> Vec<CustomerRow> {
        serde_json::from_value(self.ask("find_customers", json!({"text": text, "limit": limit})).await).unwrap()
    }
}

pub(crate) async fn employer() -> (Switchboard, UnboundedReceiver<SwitchboardEvent>) {
    let users = vec![("204".to_owned(), "secret".to_owned().into())];
    Switchboard::bind(([127, 0, 0, 1], 0).into(), "127.0.0.1", users).await.unwrap()
}

/// A shell on its employer's switchboard, with the folder of its data.
pub(crate) async fn connected() -> (tempfile::TempDir, Switchboard, UnboundedReceiver<SwitchboardEvent>, Shell) {
    let dir = tempfile::tempdir().unwrap();
    let (board, events) = employer().await;
    let mut shell = Shell::open(dir.path());
    shell.connect(&board).await;
    (dir, board, events, shell)
}

/// The call that was dialled, as the switchboard sees it.
pub(crate) async fn dialled(events: &mut UnboundedReceiver<SwitchboardEvent>) -> CallId {
    number_dialled(events).await.0
}

/// The same, and what was dialled.
pub(crate) async fn number_dialled(events: &mut UnboundedReceiver<SwitchboardEvent>) -> (CallId, String) {
    within("call at the switchboard", async {
        loop {
            if let SwitchboardEvent::Call(LineEvent::Incoming { call, called, .. }) = events.recv().await.unwrap() {
                return (call, called);
            }
        }
    })
    .await
}

pub(crate) fn draft(note: &str, customer: Option<&str>) -> Value {
    json!({"kind": "complaint", "topic": "invoices", "subtopic": "mismatch", "note": note, "customer": customer, "open": false, "due": null})
}
