//! The engine as all shells see it: one state, one stream of changes.

use crate::show;
use crate::view::*;
use cuffia_customers::StoreError;
use cuffia_desk::{Desk, DeskEvent, OperatorState as DeskOperator, Trouble};
use cuffia_headset::{Choice, DeviceEvent, DeviceInfo, ProcessingConfig};
use cuffia_practice::{Outcome, Room, RoomEvent};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedReceiver;

/// Levels are sent this often.
const LEVELS: Duration = Duration::from_millis(50);
/// A shell further behind takes a new snapshot.
const BACKLOG: usize = 512;

/// The machine's devices, as far as a shell may choose them. A run without a sound card has none.
pub trait DeviceControl: Send + Sync {
    /// All devices.
    fn list(&self) -> Vec<DeviceInfo>;
    /// Uses others.
    fn choose(&self, choice: Choice);
}

/// What an engine is made of.
pub struct EngineSetup {
    /// The desk.
    pub desk: Desk,
    /// Devices.
    pub devices: Box<dyn DeviceControl>,
    /// What the devices tell.
    pub device_events: UnboundedReceiver<DeviceEvent>,
    /// The data folder, to be shown.
    pub data_folder: String,
    /// Where the key is.
    pub key_store: KeyStore,
    /// The system's language.
    pub system_language: Language,
}

/// Settings that belong to the window and the devices.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) language: Option<Language>,
    pub(crate) theme: Theme,
    pub(crate) started_before: bool,
    pub(crate) choice: Choice,
    pub(crate) processing: ProcessingConfig,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            language: None,
            theme: Theme::System,
            started_before: false,
            choice: Choice::default(),
            processing: ProcessingConfig::default(),
        }
    }
}

const SETTINGS: &str = "settings";

pub(crate) struct Practice {
    pub(crate) room: Room,
    pub(crate) view: PracticeView,
    /// The room's own measures, until the call they belong to is kept.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) call: Option<String>,
}

#[derive(Default)]
struct InUse {
    microphone: Option<String>,
    loudspeaker: Option<String>,
    ringer: Option<String>,
}

struct Mutable {
    seq: u64,
    settings: Settings,
    in_use: InUse,
    heard: Heard,
    known: Vec<DeviceInfo>,
    practice: Option<Practice>,
}

/// What the microphone's sound tells: the worst that is wrong, and that the room is loud.
type Heard = (Option<Trouble>, bool);

struct Inner {
    desk: Desk,
    devices: Box<dyn DeviceControl>,
    data_folder: String,
    key_store: KeyStore,
    system_language: Language,
    messages: broadcast::Sender<Message>,
    state: Mutex<Mutable>,
}

/// The handle. [`crate::dispatch`] calls its methods by name.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

impl Engine {
    /// Starts the engine: applies saved settings, connects the saved line, follows desk and devices.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn start(setup: EngineSetup) -> Result<Engine, ApiError> {
        let settings: Settings = setup.desk.store().setting(SETTINGS)?.unwrap_or_default();
        let engine = Engine(Arc::new(Inner {
            desk: setup.desk,
            devices: setup.devices,
            data_folder: setup.data_folder,
            key_store: setup.key_store,
            system_language: setup.system_language,
            messages: broadcast::channel(BACKLOG).0,
            state: Mutex::new(Mutable {
                seq: 0,
                settings: settings.clone(),
                in_use: InUse::default(),
                heard: Heard::default(),
                known: Vec::new(),
                practice: None,
            }),
        }));
        engine.desk().headset().processing(settings.processing);
        engine.desk().speak_italian(engine.language() == Language::It);
        engine.0.devices.choose(settings.choice);
        if let Err(e) = engine.desk().connect_saved() {
            // A damaged address must not keep the window from opening; the line shows as off and the notice says why.
            engine.notice(e.into());
        }
        tokio::spawn(engine.clone().connect_crm_at_start());
        tokio::spawn(engine.clone().follow_desk(engine.desk().events()));
        tokio::spawn(engine.clone().follow_devices(setup.device_events));
        tokio::spawn(engine.clone().send_levels());
        Ok(engine)
    }

    async fn connect_crm_at_start(self) {
        if let Err(e) = self.desk().connect_saved_crm().await {
            self.notice(e.into());
        }
    }

    /// Everything from now on.
    pub fn messages(&self) -> broadcast::Receiver<Message> {
        self.0.messages.subscribe()
    }

    /// The desk underneath.
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }

    fn locked(&self) -> MutexGuard<'_, Mutable> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> Settings {
        self.locked().settings.clone()
    }

    pub(crate) fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Result<(), ApiError> {
        let settings = {
            let mut state = self.locked();
            change(&mut state.settings);
            state.settings.clone()
        };
        Ok(self.desk().store().set_setting(SETTINGS, &settings)?)
    }

    pub(crate) fn language(&self) -> Language {
        self.locked().settings.language.unwrap_or(self.0.system_language)
    }

    pub(crate) fn devices(&self) -> &dyn DeviceControl {
        &*self.0.devices
    }

    pub(crate) fn with_practice<T>(&self, change: impl FnOnce(&mut Option<Practice>) -> T) -> T {
        change(&mut self.locked().practice)
    }

    /// All that a window shows.
    pub fn whole(&self) -> Snapshot {
        // Numbered first: an event sent meanwhile is applied twice rather than lost, and parts are whole, so twice is harmless.
        let seq = self.locked().seq;
        Snapshot {
            seq,
            app: self.app(),
            line: self.line(),
            headset: self.headset(),
            operator: self.operator(),
            calls: self.calls(),
            wrap_up: self.desk().wrap_up().as_ref().map(show::wrap_up),
            practice: self.with_practice(|p| p.as_ref().map(|p| p.view.clone())),
            crm: self.crm(),
            import: self.import(),
        }
    }

    pub(crate) fn app(&self) -> AppView {
        let settings = self.settings();
        AppView {
            version: env!("CARGO_PKG_VERSION").into(),
            language: self.language(),
            theme: settings.theme,
            first_start: !settings.started_before,
            data_folder: self.0.data_folder.clone(),
            key_store: self.0.key_store,
            // A database that refuses says so where it is used.
            samples: self.desk().store().count_samples().unwrap_or_default(),
            pop: self.desk().pop().ok().flatten().map(show::pop),
            events: self.events(),
            articles: self.articles(),
            signed_out: self.desk().is_signed_out(),
            mended: self.desk().store().was_mended().ok().flatten().map(show::mended),
        }
    }

    fn line(&self) -> LineView {
        show::line(&self.desk().line(), has_network())
    }

    fn operator(&self) -> OperatorView {
        let (state, since) = self.desk().operator();
        let state = match state {
            DeskOperator::Ready => OperatorState::Ready,
            DeskOperator::InCall => OperatorState::InCall,
            DeskOperator::WrapUp => OperatorState::WrapUp,
            DeskOperator::Paused => OperatorState::Paused,
        };
        OperatorView { state, since }
    }

    fn calls(&self) -> Vec<CallView> {
        let headset = self.desk().headset().levels();
        self.desk().live_calls().iter().map(|call| show::call(call, &headset)).collect()
    }

    pub(crate) fn headset(&self) -> HeadsetView {
        let muted = self.desk().headset().muted();
        let state = self.locked();
        let name = |id: &Option<String>| {
            id.as_ref().map(|id| state.known.iter().find(|d| d.id == *id).map_or(id, |d| &d.name).clone())
        };
        let (in_use, (trouble, noisy)) = (&state.in_use, state.heard);
        HeadsetView {
            microphone: name(&in_use.microphone),
            loudspeaker: name(&in_use.loudspeaker),
            ringer: name(&in_use.ringer),
            muted,
            warning: match () {
                () if in_use.microphone.is_none() => Some(HeadsetWarning::NoMicrophone),
                () if in_use.loudspeaker.is_none() => Some(HeadsetWarning::NoLoudspeaker),
                () => trouble.and_then(show::warning),
            },
            noisy,
            choice: DeviceChoice {
                microphone: state.settings.choice.microphone.clone(),
                loudspeaker: state.settings.choice.loudspeaker.clone(),
                ringer: state.settings.choice.ringer.clone(),
            },
            processing: ProcessingView {
                echo_cancellation: state.settings.processing.echo_cancellation,
                noise_suppression: state.settings.processing.noise_suppression,
                strong_noise_suppression: state.settings.processing.strong_noise_suppression,
                gain_control: state.settings.processing.gain_control,
            },
        }
    }

    pub(crate) fn send(&self, change: Change) {
        // Under the lock, so that numbers go out in order.
        let mut state = self.locked();
        state.seq += 1;
        let event = Event { seq: state.seq, change };
        let _ = self.0.messages.send(Message::Event(event));
    }

    /// Whoever finds out that the database is damaged, it is mended.
    pub(crate) fn look_after_store(&self, error: Option<&ApiError>) {
        if error.is_some_and(|error| error.code == StoreError::Damaged.code()) {
            self.desk().mend();
        } else {
            self.desk().mend_if_hurt();
        }
    }

    pub(crate) fn notice(&self, error: ApiError) {
        self.look_after_store(Some(&error));
        self.send(Change::Notice(error));
    }

    pub(crate) fn send_app(&self) {
        self.send(Change::App(Box::new(self.app())));
    }

    pub(crate) fn send_headset(&self) {
        self.send(Change::Headset(self.headset()));
    }

    pub(crate) fn send_practice(&self) {
        let view = self.with_practice(|p| p.as_ref().map(|p| p.view.clone()));
        self.send(Change::Practice(view));
    }

    async fn follow_desk(self, mut events: broadcast::Receiver<DeskEvent>) {
        loop {
            match events.recv().await {
                Ok(event) => self.desk_changed(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // Say everything again rather than guess what was missed.
                    for event in [
                        DeskEvent::Line,
                        DeskEvent::Operator,
                        DeskEvent::Calls,
                        DeskEvent::WrapUp,
                        DeskEvent::Records,
                        DeskEvent::Crm,
                        DeskEvent::Import,
                        DeskEvent::Mended,
                    ] {
                        self.desk_changed(event);
                    }
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    fn desk_changed(&self, event: DeskEvent) {
        match event {
            DeskEvent::Line => self.send(Change::Line(self.line())),
            DeskEvent::Operator => self.send(Change::Operator(self.operator())),
            DeskEvent::Calls => self.send(Change::Calls(self.calls())),
            DeskEvent::WrapUp => {
                self.send(Change::WrapUp(self.desk().wrap_up().as_ref().map(|w| Box::new(show::wrap_up(w)))));
                self.rate_practice();
            }
            DeskEvent::Records => self.send(Change::Records),
            DeskEvent::Import => self.send(Change::Import(self.import().map(Box::new))),
            DeskEvent::Crm => self.send(Change::Crm(Box::new(self.crm()))),
            DeskEvent::Damaged => self.desk().mend(),
            DeskEvent::Articles | DeskEvent::Events | DeskEvent::Mended | DeskEvent::SignedOut => self.send_app(),
            DeskEvent::NotReached(id) => match self.desk().store().call(&id) {
                Ok(call) => self.send(Change::NotReached(Box::new(show::call_row(&call, None, None)))),
                Err(e) => self.notice(e.into()),
            },
            DeskEvent::CallKept(_) => {
                self.rate_practice();
                self.send(Change::Records);
            }
            DeskEvent::Notice(code, message) => self.notice(ApiError { code, message }),
        }
    }

    async fn follow_devices(self, mut events: UnboundedReceiver<DeviceEvent>) {
        while let Some(event) = events.recv().await {
            let known = self.devices().list();
            {
                let mut state = self.locked();
                state.known = known;
                match event {
                    DeviceEvent::Microphone(id) => state.in_use.microphone = id,
                    DeviceEvent::Loudspeaker(id) => state.in_use.loudspeaker = id,
                    DeviceEvent::Ringer(id) => state.in_use.ringer = id,
                }
            }
            self.send_headset();
        }
    }

    async fn send_levels(self) {
        let levels = self.desk().headset().levels();
        let mut tick = tokio::time::interval(LEVELS);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            let heard = (Trouble::of(&levels).first().copied(), levels.noisy());
            if heard != std::mem::replace(&mut self.locked().heard, heard) {
                self.send_headset();
            }
            if self.0.messages.receiver_count() == 0 {
                continue;
            }
            let view = LevelsView {
                microphone: levels.microphone(),
                ear: levels.ear(),
                replay: self.desk().headset().playing().map(|samples| samples as u64 / 48),
            };
            let _ = self.0.messages.send(Message::Levels(view));
        }
    }

    pub(crate) async fn follow_room(self, mut events: UnboundedReceiver<RoomEvent>) {
        while let Some(event) = events.recv().await {
            self.room_event(event);
        }
    }
}

/// Whether the machine has any address but its own. A practice line needs none.
fn has_network() -> bool {
    // Connecting a datagram socket sends nothing; it only asks the routing table.
    std::net::UdpSocket::bind(("0.0.0.0", 0)).is_ok_and(|s| s.connect(("192.0.2.1", 9)).is_ok())
}
