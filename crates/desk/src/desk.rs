//! The desk itself: what it holds, and the task that listens to the phone.

use crate::articles::Articles;
use crate::calls::{LiveCall, WrapUp};
use crate::events::Telling;
use crate::import::Import;
use crate::line::LineStatus;
use crate::sign_out::Leaving;
use cuffia_crm::Runner;
use cuffia_customers::{Secrets, Store};
use cuffia_headset::Headset;
use cuffia_phone::{MediaConfig, Phone, PhoneEvent, SoundEvent, Trust};
use cuffia_recording::Key;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, broadcast};

/// UTC milliseconds; the system's, or a test's.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Shows an address in the operator's browser, without waiting for it.
pub type Browse = Arc<dyn Fn(&str) -> std::io::Result<()> + Send + Sync>;

/// What a desk is made of.
pub struct DeskSetup {
    /// The store.
    pub store: Arc<Store>,
    /// Where passwords are kept.
    pub secrets: Secrets,
    /// The sound thread.
    pub headset: Headset,
    /// Folder of the recordings.
    pub recordings: PathBuf,
    /// Folder of what is exported.
    pub downloads: PathBuf,
    /// How sound finds its way on a real line.
    pub media: MediaConfig,
    /// Which certificates a real line and a CRM trust.
    pub trust: Trust,
    /// Two-letter country of numbers written without one.
    pub region: String,
    /// The time.
    pub clock: Clock,
    /// The browser.
    pub browse: Browse,
}

/// What the operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OperatorState {
    /// Waits for a call.
    #[default]
    Ready,
    /// In a call, or one rings.
    InCall,
    /// After a call.
    WrapUp,
    /// On a break.
    Paused,
}

/// Which part of the desk has changed. Ask for it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeskEvent {
    /// [`Desk::line`].
    Line,
    /// [`Desk::operator`].
    Operator,
    /// [`Desk::live_calls`].
    Calls,
    /// [`Desk::wrap_up`].
    WrapUp,
    /// Lists of calls, requests, customers.
    Records,
    /// [`Desk::crm`].
    Crm,
    /// [`Desk::import`].
    Import,
    /// [`Desk::articles`].
    Articles,
    /// [`Desk::events_status`].
    Events,
    /// [`Desk::is_signed_out`].
    SignedOut,
    /// The database has turned out to be damaged: [`Desk::mend`].
    Damaged,
    /// It is mended.
    Mended,
    /// A call of ours was not answered, and it was not us who gave it up. Its record says why.
    NotReached(String),
    /// A call is over and all that belongs to it is on disk.
    CallKept(String),
    /// Something to tell the operator once: code, English text.
    Notice(String, String),
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) line: LineStatus,
    pub(crate) calls: Vec<LiveCall>,
    pub(crate) wrap_up: Option<WrapUp>,
    pub(crate) paused: bool,
    pub(crate) operator: (OperatorState, i64),
    pub(crate) import: Option<Import>,
    pub(crate) imports: u64,
    pub(crate) articles: Articles,
    pub(crate) telling: Telling,
    pub(crate) leaving: Leaving,
    /// The language of the sample articles.
    pub(crate) italian: bool,
}

struct Inner {
    setup: DeskSetup,
    phone: Phone,
    state: Mutex<State>,
    events: broadcast::Sender<DeskEvent>,
    recording_key: Key,
    /// Carries requests to the CRM.
    crm: Mutex<Option<Runner>>,
    /// Held while the database is mended.
    mending: tokio::sync::Mutex<()>,
    /// Held while articles are read.
    reading: tokio::sync::Mutex<()>,
    /// There is something to tell of calls.
    telling: Notify,
}

/// The handle.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

const RECORDING_KEY: &str = "recording.key";
/// More than a shell can be behind without asking for everything anew.
const EVENTS: usize = 256;

impl Desk {
    /// Opens the desk: closes what a killed process left open, and listens to the phone from now on.
    ///
    /// # Errors
    /// When the store or the recordings folder can't be used.
    pub fn open(setup: DeskSetup) -> Result<Desk, crate::DeskError> {
        std::fs::create_dir_all(&setup.recordings)?;
        crate::export::remove_left(&setup.downloads);
        let recording_key = match setup.store.setting::<[u8; 32]>(RECORDING_KEY)? {
            Some(bytes) => Key::new(bytes),
            None => {
                let (key, bytes) = Key::random_with_bytes()?;
                setup.store.set_setting(RECORDING_KEY, &bytes)?;
                key
            }
        };
        let (phone, phone_events) = Phone::start(setup.headset.clone());
        let now = (setup.clock)();
        let state = Mutex::new(State { operator: (OperatorState::Ready, now), ..State::default() });
        let (events, crm) = (broadcast::channel(EVENTS).0, Mutex::new(None));
        let (mending, reading, telling) = Default::default();
        let desk = Desk(Arc::new(Inner { setup, phone, state, events, recording_key, crm, mending, reading, telling }));
        desk.close_interrupted()?;
        tokio::spawn(desk.clone().listen(phone_events));
        tokio::spawn(desk.clone().look_after_store());
        tokio::spawn(desk.clone().look_after_articles());
        tokio::spawn(desk.clone().carry_events());
        Ok(desk)
    }

    /// What changes from now on.
    pub fn events(&self) -> broadcast::Receiver<DeskEvent> {
        self.0.events.subscribe()
    }

    /// The line.
    pub fn line(&self) -> LineStatus {
        self.locked().line.clone()
    }

    /// The operator's state and since when.
    pub fn operator(&self) -> (OperatorState, i64) {
        self.locked().operator
    }

    /// Calls that live, oldest first.
    pub fn live_calls(&self) -> Vec<LiveCall> {
        self.locked().calls.clone()
    }

    /// What is still to be done after the last call.
    pub fn wrap_up(&self) -> Option<WrapUp> {
        self.locked().wrap_up.clone()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.setup.store
    }

    /// The store, to be kept.
    pub(crate) fn own_store(&self) -> Arc<Store> {
        self.0.setup.store.clone()
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.setup.secrets
    }

    pub(crate) fn clock(&self) -> Clock {
        self.0.setup.clock.clone()
    }

    pub(crate) fn runner(&self) -> MutexGuard<'_, Option<Runner>> {
        self.0.crm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mending(&self) -> &tokio::sync::Mutex<()> {
        &self.0.mending
    }

    pub(crate) fn telling(&self) -> &Notify {
        &self.0.telling
    }

    pub(crate) fn reading(&self) -> &tokio::sync::Mutex<()> {
        &self.0.reading
    }

    /// Opens the browser.
    pub(crate) fn browse(&self, address: &str) -> Result<(), crate::DeskError> {
        Ok((self.0.setup.browse)(address)?)
    }

    pub(crate) fn sayer(&self) -> broadcast::Sender<DeskEvent> {
        self.0.events.clone()
    }

    /// The sound thread.
    pub fn headset(&self) -> &Headset {
        &self.0.setup.headset
    }

    /// The phone: answer, hang up, hold and the like.
    pub fn phone(&self) -> &Phone {
        &self.0.phone
    }

    /// Two-letter country of numbers written without one.
    pub fn region(&self) -> &str {
        &self.0.setup.region
    }

    /// The time, UTC ms.
    pub fn now(&self) -> i64 {
        (self.0.setup.clock)()
    }

    /// The recordings folder.
    pub fn recordings(&self) -> &std::path::Path {
        &self.0.setup.recordings
    }

    /// The folder of what is exported.
    pub fn downloads(&self) -> &std::path::Path {
        &self.0.setup.downloads
    }

    pub(crate) fn recording_key(&self) -> Key {
        self.0.recording_key.clone()
    }

    pub(crate) fn media(&self) -> MediaConfig {
        self.0.setup.media.clone()
    }

    pub(crate) fn trust(&self) -> Trust {
        self.0.setup.trust.clone()
    }

    pub(crate) fn locked(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and derives the operator's state from it.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let now = self.now();
        let mut state = self.locked();
        let out = change(&mut state);
        let operator = match &*state {
            s if !s.calls.is_empty() => OperatorState::InCall,
            s if s.wrap_up.is_some() => OperatorState::WrapUp,
            s if s.paused => OperatorState::Paused,
            _ => OperatorState::Ready,
        };
        if operator != state.operator.0 {
            state.operator = (operator, now);
            self.say(DeskEvent::Operator);
        }
        out
    }

    pub(crate) fn say(&self, event: DeskEvent) {
        // Nobody may be listening.
        let _ = self.0.events.send(event);
    }

    /// Break or ready. During a break calls are answered as busy; a call that runs goes on.
    pub fn pause(&self, on: bool) {
        self.with(|s| s.paused = on);
        self.say(DeskEvent::Operator);
    }

    async fn listen(self, mut events: UnboundedReceiver<PhoneEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                PhoneEvent::Registration(registration) => self.registration(registration),
                PhoneEvent::Began(info) => self.began(info),
                PhoneEvent::Changed(info) => self.changed(info),
                PhoneEvent::Answered(info) => self.answered(info),
                PhoneEvent::Ended(info, reason) => self.ended(info, reason),
                PhoneEvent::Statistics(call, statistics) => self.measured(&call, *statistics),
                PhoneEvent::Left(dealt_with) => drop(dealt_with.send(())),
                PhoneEvent::Digit(..) | PhoneEvent::Sound(_, SoundEvent::First) => {}
                PhoneEvent::Sound(call, SoundEvent::Interrupted) => self.interrupted(&call),
                PhoneEvent::Sound(_, SoundEvent::Restored) => {
                    self.say(DeskEvent::Notice("call.restored".into(), "The sound is back.".into()));
                }
                PhoneEvent::Sound(_, SoundEvent::Failed(e)) => {
                    self.say(DeskEvent::Notice(e.code().into(), e.to_string()));
                }
            }
        }
    }
}
