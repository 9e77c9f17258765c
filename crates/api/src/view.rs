//! What goes over the wire: plain data, as the window shows it. Times are UTC milliseconds; ids are strings; levels are dBFS.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Declares wire types: they go both ways, take no unknown fields, and are known to TypeScript.
macro_rules! wire {
    ($($(#[$meta:meta])* $kind:ident $name:ident $body:tt)*) => {
        $(wire!(@one [$(#[$meta])*] $kind $name $body);)*
    };
    (@one [$(#[$meta:meta])*] struct $name:ident { $($(#[$fm:meta])* $field:ident : $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name { $($(#[$fm])* pub $field: $ty,)* }
    };
    (@one [$(#[$meta:meta])*] enum $name:ident { $($(#[$vm:meta])* $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vm])* $variant,)* }
    };
}

wire! {
    /// For commands that need or give nothing.
    struct Nothing {}

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
    }
    /// Languages of the window.
    enum Language { /** English */ En, /** Italian */ It, }
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

    /// A call that lives.
    struct CallView {
        /// Its id; the same in the list of calls later.
        id: String,
        /// Who began it.
        direction: Direction,
        /// How it stands.
        state: CallState,
        /// The other side's number as it came or was dialled.
        number: String,
        /// The other side's name: the customer's, else what the network says.
        name: Option<String>,
        /// What was called, for an incoming call.
        called: String,
        /// A practice call.
        practice: bool,
        /// When it began.
        started: i64,
        /// When it was answered.
        answered: Option<i64>,
        /// Whether it is being recorded.
        recording: bool,
        /// Customers with this number, best match first, and the one chosen.
        customers: Vec<CustomerCard>,
        /// How well it is heard, once there is sound.
        quality: Option<QualityView>,
        /// What is written down so far, as saved.
        draft: RequestDraft,
        /// What was registered.
        request: Option<RequestView>,
    }
    /// Who began a call.
    enum Direction { /** They called. */ In, /** We called. */ Out, }
    /// How a call stands.
    enum CallState {
        /** We dial. */ Dialling,
        /** Rings there. */ RingingThere,
        /** Rings here. */ RingingHere,
        /** Answered here, sound on its way. */ Answering,
        /** Talking. */ Active,
        /** We hold. */ Held,
        /** They hold. */ HeldThere,
        /** Over. */ Ended,
    }
    /// What spoils how a call is heard.
    enum QualityCause {
        /** The way and the buffer take long. */ Delay,
        /** Packets are lost. */ Loss,
        /** Packets come too late to be played. */ Late,
    }
    /// How well a call is heard.
    struct QualityView {
        /// Estimated mean opinion score, 1 to 4.5 (ITU-T G.107).
        mos: f32,
        /// What costs most of it.
        cause: QualityCause,
        /// Of the sound heard in the last second, invented to cover gaps; percent.
        concealed: f32,
        /// Of what should have come in the last second, percent.
        loss_in: f32,
        /// As the other side reports it, percent.
        loss_out: f32,
        /// Interarrival jitter, ms.
        jitter: f32,
        /// Round trip, ms.
        round_trip: Option<f32>,
        /// Sound waiting in the jitter buffer, ms.
        buffer: f32,
        /// Codec.
        codec: Option<String>,
        /// Way the packets go: host, srflx, relay.
        path: Option<String>,
        /// Packets received.
        received: u64,
        /// Packets sent.
        sent: u64,
    }

    /// A customer, as the card shows him.
    struct CustomerCard {
        /// Id.
        id: String,
        /// Person.
        name: String,
        /// Company.
        company: String,
        /// Product in use.
        product: String,
        /// Town.
        town: String,
        /// Numbers, E.164.
        numbers: Vec<String>,
        /// A standing note.
        note: String,
        /// The newest requests.
        requests: Vec<RequestView>,
        /// Promises not kept yet.
        promises: Vec<PromiseView>,
        /// A sample: invented, so that a first start is alive.
        sample: bool,
    }
    /// A customer in a search result.
    struct CustomerRow {
        /// Id.
        id: String,
        /// Person.
        name: String,
        /// Company.
        company: String,
        /// First number, E.164.
        number: String,
        /// Where a practice customer is reached: this row is no real customer.
        practice: bool,
        /// A sample.
        sample: bool,
    }
    /// A customer's page.
    struct CustomerPage {
        /// The card.
        card: CustomerCard,
        /// Calls and requests, newest first.
        timeline: Vec<TimelineItem>,
    }
    /// One thing that happened with a customer.
    struct TimelineItem {
        /// When.
        at: i64,
        /// A call.
        call: Option<CallRow>,
        /// A request registered without a call in the list, or with it.
        request: Option<RequestView>,
    }
    /// A promise to a customer.
    struct PromiseView {
        /// Id.
        id: String,
        /// What was promised.
        text: String,
        /// Until when.
        due: i64,
    }

    /// Kinds of request.
    enum RequestKind {
        /** Consultation. */ Consultation,
        /** Order. */ Order,
        /** Complaint. */ Complaint,
        /** Survey. */ Survey,
        /** Sale. */ Sale,
        /** Information call. */ Information,
        /** Callback. */ Callback,
    }
    /// What the operator writes down during a call. On disk at each key stroke.
    struct RequestDraft {
        /// Kind.
        kind: Option<RequestKind>,
        /// Topic, first level: id.
        topic: Option<String>,
        /// Topic, second level: id.
        subtopic: Option<String>,
        /// Note.
        note: String,
        /// Which of the customers with this number it is.
        customer: Option<String>,
    }
    /// A registered request.
    struct RequestView {
        /// Id.
        id: String,
        /// When.
        at: i64,
        /// Kind.
        kind: RequestKind,
        /// Topic, first level: id.
        topic: String,
        /// Topic, second level: id.
        subtopic: String,
        /// Note.
        note: String,
        /// The customer it is about.
        customer: Option<String>,
    }
    /// A topic of the first level with those of the second.
    struct TopicView {
        /// Id.
        id: String,
        /// Name in the window's language.
        name: String,
        /// Second level.
        subtopics: Vec<SubtopicView>,
    }
    /// A topic of the second level.
    struct SubtopicView {
        /// Id.
        id: String,
        /// Name in the window's language.
        name: String,
    }
    /// What is still to be done after a call.
    struct WrapUpView {
        /// The call.
        call: String,
        /// The other side's name or number.
        name: String,
        /// The other side's number.
        number: String,
        /// When the next call may come.
        ends: i64,
        /// What was registered.
        request: Option<RequestView>,
        /// What is written down so far, as saved.
        draft: RequestDraft,
        /// Customers with this number, and the one chosen.
        customers: Vec<CustomerCard>,
        /// Why the call ended.
        reason: EndReasonView,
        /// How long they talked, ms.
        talked: i64,
    }

    /// A call in the list.
    struct CallRow {
        /// Id.
        id: String,
        /// Who began it.
        direction: Direction,
        /// The other side's number.
        number: String,
        /// The other side's name.
        name: Option<String>,
        /// Customer it was linked with.
        customer: Option<String>,
        /// A practice call.
        practice: bool,
        /// When it began.
        started: i64,
        /// When it was answered.
        answered: Option<i64>,
        /// When it ended; none: the program was stopped in the middle.
        ended: Option<i64>,
        /// Why it ended.
        reason: EndReasonView,
        /// There is a recording.
        recording: bool,
        /// What was registered.
        request: Option<RequestView>,
        /// What is left as a draft.
        draft: Option<RequestDraft>,
        /// Mean quality, 1 to 4.5.
        mos: Option<f32>,
    }
    /// Why a call ended.
    enum EndReasonView {
        /** It has not. */ None,
        /** We hung up. */ HungUpHere,
        /** They hung up. */ HungUpThere,
        /** They gave up before we answered. */ Missed,
        /** Somebody else of the team answered. */ AnsweredElsewhere,
        /** We declined. */ DeclinedHere,
        /** They were busy. */ Busy,
        /** They declined. */ Declined,
        /** No such number. */ NotFound,
        /** Nobody answered, or they cannot be reached just now. */ NoAnswer,
        /** The switchboard does not allow this call. */ Forbidden,
        /** The switchboard did not respond, or the line to it was down. */ Unreachable,
        /** The switchboard or the network failed. */ Failed,
        /** The program was stopped in the middle. */ Interrupted,
    }
    /// A recording's shape.
    struct RecordingView {
        /// Length, ms.
        duration: u64,
        /// Waveform of the operator, 0..=1, in equal steps.
        operator: Vec<f32>,
        /// Waveform of the customer, same steps.
        customer: Vec<f32>,
        /// Closed properly.
        complete: bool,
    }

    /// The practice room.
    struct PracticeView {
        /// Scenario.
        scenario: String,
        /// Its language.
        language: Language,
        /// How it stands.
        state: PracticeState,
        /// While it is prepared: how far, percent.
        prepared: u8,
        /// What was said, as far as it is known (the customer's lines; the operator's are not recognised).
        transcript: Vec<TranscriptLine>,
        /// Afterwards.
        result: Option<PracticeResult>,
    }
    /// How practice stands.
    enum PracticeState {
        /** The customer's voice is being made. */ Preparing,
        /** The customer calls. */ Calling,
        /** In conversation. */ Talking,
        /** Over. */ Finished,
    }
    /// A line of the dialogue.
    struct TranscriptLine {
        /// From the answer, ms.
        at: u64,
        /// Who.
        who: Speaker,
        /// What; empty for the operator, whose words are not recognised.
        text: String,
    }
    /// Who spoke.
    enum Speaker { /** The customer. */ Customer, /** The operator. */ Operator, }
    /// A scenario that can be practised.
    struct ScenarioView {
        /// Id.
        id: String,
        /// Title.
        title: String,
        /// What it is about.
        summary: String,
        /// The customer's name.
        customer: String,
        /// The number under which the customer can be called.
        number: String,
        /// Difficulty, 1 to 4.
        level: u8,
    }
    /// A short, honest result of a practice call.
    struct PracticeResult {
        /// Scenario.
        scenario: String,
        /// The call.
        call: String,
        /// From the first ring to the answer, ms; none when it was not answered.
        time_to_answer: Option<u64>,
        /// From the answer to the operator's first word, ms.
        time_to_greeting: Option<u64>,
        /// Stretches in which nobody spoke for more than four seconds.
        silences: u32,
        /// The longest of them, ms.
        longest_silence: u64,
        /// How often the operator talked into the customer's sentence.
        interruptions: u32,
        /// The operator's share of all speech, percent; a figure to look at, no points.
        talk_share: f32,
        /// How the customer left.
        ending: PracticeEnding,
        /// Facts, as told and as typed.
        facts: Vec<FactView>,
        /// Of the facts told, how many were written down right, percent; none before the request is registered.
        data_score: Option<f32>,
        /// It was too noisy to measure speech.
        too_noisy: bool,
        /// Nothing came from the operator's microphone, through the whole call.
        #[serde(default)]
        microphone_silent: bool,
    }
    /// How a practice customer left.
    enum PracticeEnding {
        /** Thanked. */ Thanked,
        /** Lost patience. */ LeftAngry,
        /** The operator hung up on him. */ HungUpOn,
        /** Nobody answered. */ Unanswered,
    }
    /// One fact of a scenario.
    struct FactView {
        /// What it is.
        name: String,
        /// What the customer said.
        told: String,
        /// Whether he came to say it.
        was_told: bool,
        /// Whether it stands in the note.
        written: bool,
        /// What is wrong, in one word for translation: transposed, wrong_digit, missing.
        problem: Option<String>,
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
    App(AppView),
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

wire! {
    /// Theme and language.
    struct Preferences {
        /// Language.
        language: Language,
        /// Look.
        theme: Theme,
    }
    /// An account at a switchboard.
    struct LineAccount {
        /// Address, such as `wss://pbx.example/ws`.
        server: String,
        /// Extension.
        user: String,
        /// Password.
        password: String,
        /// Name shown to others.
        display_name: String,
    }
    /// Names a call.
    struct CallRef {
        /// Its id.
        call: String,
    }
    /// What to dial: a number, a `tel:` or `sip:` link.
    struct Dial {
        /// As typed or pasted.
        target: String,
    }
    /// Mute or not.
    struct Mute {
        /// True: the other side hears silence.
        on: bool,
    }
    /// Keys of the keypad.
    struct Digits {
        /// The call.
        call: String,
        /// `0-9 * # A-D`.
        digits: String,
    }
    /// A search.
    struct Find {
        /// Any part of a name, company or number.
        text: String,
        /// At most so many.
        limit: u32,
    }
    /// Names a customer.
    struct CustomerRef {
        /// Id.
        customer: String,
    }
    /// A draft for a call.
    struct SaveDraft {
        /// The call.
        call: String,
        /// What is written.
        draft: RequestDraft,
    }
    /// Whose a call is.
    struct ChooseCustomer {
        /// The call.
        call: String,
        /// The customer; none: no customer's.
        customer: Option<String>,
    }
    /// The other side of a call becomes a customer.
    struct AddCustomer {
        /// The call, whose number he gets.
        call: String,
        /// Person; must not be empty.
        name: String,
        /// Company; may be empty.
        company: String,
    }
    /// More time after a call.
    struct Extend {
        /// Seconds more.
        seconds: u32,
    }
    /// Break or not.
    struct Pause {
        /// True: no calls.
        on: bool,
    }
    /// A page of the list of calls.
    struct ListCalls {
        /// Only calls begun before this; none: from the newest.
        before: Option<i64>,
        /// At most so many.
        limit: u32,
    }
    /// Replay.
    struct Play {
        /// The call.
        call: String,
        /// From where, ms.
        from: u64,
    }
    /// What to test.
    struct TestSound {
        /// Where.
        on: TestTarget,
    }
    /// Where a test sound is played.
    enum TestTarget { /** Ear. */ Loudspeaker, /** Ringing device. */ Ringer, }
    /// Practice to begin.
    struct StartPractice {
        /// Scenario id.
        scenario: String,
        /// Language of the customer.
        language: Language,
    }
}
