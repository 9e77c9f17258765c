//! The practice room.

use super::Language;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
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
        /// The language the customer spoke.
        #[serde(default)]
        language: Language,
        /// What was said, as far as it is known; empty in results that were kept before it was.
        #[serde(default)]
        transcript: Vec<TranscriptLine>,
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
