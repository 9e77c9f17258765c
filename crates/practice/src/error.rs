//! What can go wrong in the practice room.

/// Why there is no practice. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PracticeError {
    /// Nobody knows that scenario.
    #[error("There is no practice scenario named \"{id}\".")]
    NoSuchScenario {
        /// What was asked for.
        id: String,
    },
    /// The scenario is not written in that language.
    #[error("The scenario \"{id}\" is not available in this language.")]
    NoSuchLanguage {
        /// The scenario.
        id: String,
    },
    /// A scenario pack is not as it must be.
    #[error("{file}, line {line}: {why}")]
    Pack {
        /// Which file of the pack.
        file: String,
        /// Where in it; 1 when the fault is something missing.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The customer's voice cannot be made.
    #[error("The practice voice cannot be prepared ({why}). Check that there is room on the disk for temporary files.")]
    Voice {
        /// What the voice says.
        why: String,
    },
    /// The switchboard cannot listen.
    #[error("The practice switchboard cannot start on this computer ({why}).")]
    Switchboard {
        /// What the system says.
        why: String,
    },
    /// The room has been left.
    #[error("The practice room is closed. Open it again.")]
    Closed,
}

impl PracticeError {
    /// Stable code for settings, records and help pages.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchScenario { .. } => "practice.no_such_scenario",
            Self::NoSuchLanguage { .. } => "practice.no_such_language",
            Self::Pack { .. } => "practice.pack",
            Self::Voice { .. } => "practice.voice",
            Self::Switchboard { .. } => "practice.switchboard",
            Self::Closed => "practice.closed",
        }
    }

    pub(crate) fn voice(why: impl ToString) -> Self {
        Self::Voice { why: why.to_string() }
    }
}
