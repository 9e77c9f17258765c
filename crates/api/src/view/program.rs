//! The program, its line and its headset, and the operator: one moment, and how it changes.

use super::{ArticlesView, CallRow, CallView, CrmView, EventsView, ImportView, PracticeView, WrapUpView};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// All that the window shows at one moment. Later [`Event`]s change its parts.
    struct Snapshot {
        /// Number of the last event already contained.
        seq: u64,
        /// The program itself.
        app: AppView,
        /// The line to a switchboard.
        line: LineView,
        /// Devices and mute.
        headset: HeadsetView,
        /// The operator.
        operator: OperatorView,
        /// Calls that live, oldest first.
        calls: Vec<CallView>,
        /// What is still to be done after the last call.
        wrap_up: Option<WrapUpView>,
        /// The practice room, when it is open.
        practice: Option<PracticeView>,
        /// The employer's CRM.
        crm: CrmView,
        /// The file that is being looked at or taken over.
        import: Option<ImportView>,
    }

    /// The program itself.
    struct AppView {
        /// Version.
        version: String,
        /// Language of the window.
        language: Language,
        /// Look of the window.
        theme: Theme,
        /// The first-start pages have not been finished yet.
        first_start: bool,
        /// Folder with all data.
        data_folder: String,
        /// Where the database key is kept.
        key_store: KeyStore,
        /// Sample customers that can be removed.
        samples: u32,
        /// The page that opens for who calls.
        pop: Option<PopView>,
        /// The program that is told what happens to calls.
        events: Option<EventsView>,
        /// The knowledge articles.
        articles: ArticlesView,
        /// This computer keeps nothing of the operator any more.
        signed_out: bool,
        /// The database was damaged and has been mended, and the operator has not said that he knows.
        mended: Option<Mended>,
    }

    /// What signing out would destroy that nobody else has.
    struct LeftBehind {
        /// Changes that have not reached the CRM.
        unsent: i64,
        /// Events of calls that another program is still to be told.
        events: u32,
        /// Customers that no CRM knows of.
        customers: i64,
        /// Calls, with notes and recordings.
        calls: i64,
    }

    /// A file for whoever takes over what has not reached the CRM.
    struct HandedOver {
        /// Its path.
        file: String,
    }

    /// The page of the employer's own web program that opens for who calls.
    struct PopView {
        /// Its address, with places such as `{phone}` in it.
        template: String,
        /// When it opens.
        when: PopWhen,
    }

    /// When a page opens by itself.
    enum PopWhen { /** As soon as somebody calls. */ Ringing, /** When a call is answered. */ Answered, /** Never. */ ByHand, }

    /// What became of a damaged database.
    enum Mended {
        /// All that the operator wrote is kept.
        Whole,
        /// Some of it may be missing.
        Partly,
    }

    /// Languages of the window, and of practice customers.
    #[derive(Default)]
    enum Language { /** English */ #[default] En, /** Italian */ It, }

    /// Looks of the window.
    enum Theme { /** As the system. */ System, /** Light. */ Light, /** Dark. */ Dark, /** High contrast. */ Contrast, }

    /// Where the database key is kept.
    enum KeyStore { /** The system's key store. */ System, /** A file beside the database, readable by this user only. */ File, }

    /// The line to a switchboard.
    struct LineView {
        /// Which switchboard.
        kind: LineKind,
        /// How it stands.
        state: LineState,
        /// The switchboard's address, as given.
        server: String,
        /// The extension.
        user: String,
        /// Since when it stands so.
        since: i64,
        /// Why it is not registered.
        error: Option<ApiError>,
        /// When the next attempt is made.
        retry_at: Option<i64>,
        /// The machine has a network (a practice line needs none).
        network: bool,
    }

    /// Which switchboard a line leads to.
    enum LineKind { /** None. */ None, /** The practice switchboard inside the program. */ Practice, /** The employer's. */ Real, }

    /// How a line stands.
    enum LineState { /** Not wanted. */ Off, /** On its way. */ Connecting, /** Registered. */ Registered, /** Not working. */ Failed, }

    /// Devices and mute.
    struct HeadsetView {
        /// Name of the microphone in use; `default` for the system’s default, here and below.
        microphone: Option<String>,
        /// Name of the loudspeaker in use.
        loudspeaker: Option<String>,
        /// Name of a separate ringing device in use.
        ringer: Option<String>,
        /// The other side hears silence.
        muted: bool,
        /// What is wrong, if anything.
        warning: Option<HeadsetWarning>,
        /// The room is loud beside the voice.
        noisy: bool,
        /// Preferences.
        choice: DeviceChoice,
        /// Processing steps.
        processing: ProcessingView,
    }

    /// What can be wrong with a headset.
    enum HeadsetWarning {
        /// No microphone answers.
        NoMicrophone,
        /// No loudspeaker answers.
        NoLoudspeaker,
        /// The microphone has given nothing but zeros for two seconds: they can't hear you.
        DeadMicrophone,
        /// The microphone hears the loudspeaker, and it can't be taken out: they hear themselves.
        Echo,
        /// The microphone is so loud that its peaks are cut off: you sound harsh.
        TooLoud,
        /// The machine is too busy: the strong noise suppression, then the best concealment of gaps, are left out until the next call.
        TooSlow,
    }

    /// Devices by preference, best first; the system's default comes after the last.
    struct DeviceChoice {
        /// Ids of microphones.
        microphone: Vec<String>,
        /// Ids of loudspeakers.
        loudspeaker: Vec<String>,
        /// Ids of ringing devices; empty: the loudspeaker rings.
        ringer: Vec<String>,
    }

    /// Processing of the microphone.
    struct ProcessingView {
        /// Echo cancellation.
        echo_cancellation: bool,
        /// Noise suppression.
        noise_suppression: bool,
        /// Its strong form, for noisy rooms; only with it.
        strong_noise_suppression: bool,
        /// Gain control.
        gain_control: bool,
    }

    /// A sound device.
    struct DeviceView {
        /// For [`DeviceChoice`].
        id: String,
        /// For people; `default` for the system's default.
        name: String,
        /// Has a microphone.
        input: bool,
        /// Has a loudspeaker.
        output: bool,
    }

    /// Levels, 20 times a second, outside the numbered events.
    struct LevelsView {
        /// Microphone, dBFS.
        microphone: f32,
        /// Ear, dBFS.
        ear: f32,
        /// Where a replay is, ms.
        replay: Option<u64>,
    }

    /// The operator.
    struct OperatorView {
        /// State.
        state: OperatorState,
        /// Since when.
        since: i64,
    }

    /// What the operator does.
    enum OperatorState {
        /** Waits for a call. */ Ready,
        /** In a call or one rings. */ InCall,
        /** After a call. */ WrapUp,
        /** On a break: calls are answered as busy. */ Paused,
    }
}

/// Something went wrong: what happened, in words, and a stable code for translations and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct ApiError {
    /// A stable code such as `line.wrong_password`.
    pub code: String,
    /// English, says what to do.
    pub message: String,
}

/// One change, numbered without gaps. After a gap take a new [`Snapshot`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Number.
    pub seq: u64,
    /// The change.
    pub change: Change,
}

/// A part of the [`Snapshot`] in its new form, or a hint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "part", content = "value", rename_all = "camelCase")]
pub enum Change {
    /// The program.
    App(Box<AppView>),
    /// The line.
    Line(LineView),
    /// The headset.
    Headset(HeadsetView),
    /// The operator.
    Operator(OperatorView),
    /// All living calls.
    Calls(Vec<CallView>),
    /// After a call.
    WrapUp(Option<Box<WrapUpView>>),
    /// The practice room.
    Practice(Option<PracticeView>),
    /// The employer's CRM.
    Crm(Box<CrmView>),
    /// The file that is being looked at or taken over.
    Import(Option<Box<ImportView>>),
    /// A call of the operator's that was not answered, unless he gave it up himself: its row says why.
    NotReached(Box<CallRow>),
    /// Lists of calls, requests or customers shown anywhere should be read again.
    Records,
    /// Something to tell the operator once.
    Notice(ApiError),
}

/// What a shell receives: numbered events, and levels in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", content = "data", rename_all = "camelCase")]
pub enum Message {
    /// A change.
    Event(Event),
    /// Levels.
    Levels(LevelsView),
}
