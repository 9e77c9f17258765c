//! The words of this crate: languages, events, outcomes, facts.

use serde::{Deserialize, Serialize};

/// A language customers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// British English.
    En,
    /// Italian.
    It,
}

/// What a list of scenarios shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioInfo {
    /// Stable name.
    pub id: String,
    /// In the language asked for.
    pub title: String,
    /// One or two sentences.
    pub summary: String,
    /// What the phone dials to call this customer.
    pub number: String,
    /// The customer's name.
    pub customer: String,
    /// The number the customer calls from, E.164.
    pub caller: String,
    /// 1 calm to 4 conflict.
    pub level: u8,
}

/// What happens in the room.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomEvent {
    /// The customer gets ready: his facts are drawn and his voice is rendered.
    Preparing {
        /// Which scenario.
        scenario: String,
        /// Which language.
        language: Language,
    },
    /// How far he is with it.
    Progress {
        /// Of his voice, percent.
        percent: u8,
    },
    /// The customer calls the phone.
    Calling,
    /// The call was taken, by either side.
    Answered,
    /// Someone began to speak.
    Said {
        /// Since the call was taken.
        at_ms: u64,
        /// Who.
        speaker: Speaker,
        /// The customer's words as they are to be written; empty for the operator.
        text: String,
    },
    /// The call is over. Not told of a call that the room itself broke off.
    Finished(Outcome),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The simulated customer.
    Customer,
    /// The one at the phone.
    Operator,
}

/// What can be measured about a practice call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which scenario.
    pub scenario: String,
    /// Which language.
    pub language: Language,
    /// First ring to answer; absent when the operator called or nobody answered.
    pub time_to_answer_ms: Option<u64>,
    /// Answer to the operator's first speech.
    pub time_to_greeting_ms: Option<u64>,
    /// Times both were silent for more than four seconds, hold apart.
    pub silences: u32,
    /// The longest time both were silent, hold apart.
    pub longest_silence_ms: u64,
    /// Times the operator talked over the customer for 0.7 s or more.
    pub interruptions: u32,
    /// Percent of all speech that is the operator's.
    pub talk_share: f32,
    /// How it ended.
    pub ending: Ending,
    /// What the customer had to tell.
    pub facts: Vec<Fact>,
    /// The operator's surroundings are too loud for the figures above to mean anything.
    pub too_noisy: bool,
    /// Nothing came from the operator's microphone, through the whole call.
    pub heard_nothing: bool,
}

/// How a practice call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The customer said thanks and goodbye.
    Thanked,
    /// The customer lost patience and hung up.
    LeftAngry,
    /// The operator hung up before the customer was done.
    HungUpOn,
    /// Nobody took the call.
    Unanswered,
}

/// Something the customer tells and the operator should write down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Stable name.
    pub id: String,
    /// In the language of the call.
    pub name: String,
    /// As it is to be written.
    pub told: String,
    /// The customer spoke it to its end.
    pub was_told: bool,
    /// What it is compared as.
    pub kind: FactKind,
}

/// What a fact is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// A person or a company.
    Name,
    /// A number whose every digit counts.
    Digits,
    /// Money.
    Amount,
    /// A day and a month.
    Date,
    /// A telephone number.
    Phone,
}
