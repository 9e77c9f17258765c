//! Words for what is kept, and what can be asked of it.

use crate::{Desk, DeskError};
use cuffia_customers::{CallRecord, Customer, Draft, Request};
use cuffia_headset::Levels;
use cuffia_phone::EndReason;
use cuffia_recording::{Sealed, Stereo};
use std::sync::Arc;

/// Declares an enum whose variants have a stable word in the database.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vm:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vm])* $variant,)* }
        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant),*];
            /// The word in the database.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
            /// From the word.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// Kinds of request.
    Kind {
        /// Consultation.
        Consultation = "consultation",
        /// Order.
        Order = "order",
        /// Complaint.
        Complaint = "complaint",
        /// Survey.
        Survey = "survey",
        /// Sale.
        Sale = "sale",
        /// Information call.
        Information = "information",
        /// Callback.
        Callback = "callback",
    }
}

words! {
    /// How a call ended.
    Ending {
        /// We hung up.
        HungUpHere = "hung_up_here",
        /// They hung up.
        HungUpThere = "hung_up_there",
        /// They gave up before we answered.
        Missed = "missed",
        /// Somebody else of the team answered.
        AnsweredElsewhere = "answered_elsewhere",
        /// We declined.
        DeclinedHere = "declined_here",
        /// Busy.
        Busy = "busy",
        /// They declined.
        Declined = "declined",
        /// No such number.
        NotFound = "not_found",
        /// Nobody answered, or they cannot be reached just now: switchboards say the same for both (408, 480).
        NoAnswer = "no_answer",
        /// The switchboard does not allow this call.
        Forbidden = "forbidden",
        /// The switchboard did not respond, or the line to it was down.
        Unreachable = "unreachable",
        /// The switchboard or the network failed.
        Failed = "failed",
        /// The program was stopped in the middle.
        Interrupted = "interrupted",
    }
}

words! {
    /// What can be wrong with the sound of a call.
    Trouble {
        /// For seconds nothing came from the other side.
        Interrupted = "interrupted",
        /// The microphone gave nothing: they did not hear us.
        DeadMicrophone = "dead_microphone",
        /// They heard themselves.
        Echo = "echo",
        /// The microphone was too loud: we sounded harsh.
        TooLoud = "too_loud",
        /// The machine was too busy for all that is done for the sound.
        TooSlow = "too_slow",
    }
}

/// Nothing but zeros for so long is a microphone that gives nothing.
const DEAD_MICROPHONE_MS: u32 = 2_000;

impl Trouble {
    /// What is wrong just now, the worst first, as far as the sound on this side tells.
    pub fn of(levels: &Levels) -> Vec<Trouble> {
        [
            (levels.digital_silence_ms() >= DEAD_MICROPHONE_MS, Trouble::DeadMicrophone),
            (levels.echoes(), Trouble::Echo),
            (levels.too_loud(), Trouble::TooLoud),
            (levels.too_slow(), Trouble::TooSlow),
        ]
        .into_iter()
        .filter_map(|(so, trouble)| so.then_some(trouble))
        .collect()
    }
}

/// The status of a call that is not allowed.
const FORBIDDEN: u16 = 403;

impl Ending {
    /// Its name for people, as the window has it.
    pub(crate) fn name(self, italian: bool) -> &'static str {
        let (en, it) = match self {
            Ending::HungUpHere => ("You hung up", "Hai riagganciato tu"),
            Ending::HungUpThere => ("They hung up", "Ha riagganciato il cliente"),
            Ending::Missed => ("Missed", "Persa"),
            Ending::AnsweredElsewhere => ("Answered by a colleague", "Ha risposto un collega"),
            Ending::DeclinedHere => ("You declined", "Rifiutata da te"),
            Ending::Busy => ("Busy", "Occupato"),
            Ending::Declined => ("They declined", "Rifiutata"),
            Ending::NotFound => ("No such number", "Numero inesistente"),
            Ending::NoAnswer => ("No answer", "Nessuna risposta"),
            Ending::Forbidden => ("Not allowed", "Non consentita"),
            Ending::Unreachable => ("Switchboard did not respond", "Il centralino non ha risposto"),
            Ending::Failed => ("Could not be put through", "Non inoltrata"),
            Ending::Interrupted => ("The program was stopped", "Il programma è stato chiuso"),
        };
        if italian { it } else { en }
    }

    pub(crate) fn of(reason: &EndReason, outgoing: bool, answered: bool) -> Ending {
        match reason {
            EndReason::HungUpHere => Ending::HungUpHere,
            EndReason::HungUpThere { .. } if answered || outgoing => Ending::HungUpThere,
            EndReason::HungUpThere { .. } => Ending::Missed,
            EndReason::CancelledThere { elsewhere: true } => Ending::AnsweredElsewhere,
            EndReason::CancelledThere { elsewhere: false } => Ending::Missed,
            EndReason::Busy => Ending::Busy,
            EndReason::Declined if outgoing => Ending::Declined,
            EndReason::Declined => Ending::DeclinedHere,
            EndReason::NotFound => Ending::NotFound,
            EndReason::NoAnswer if !answered => Ending::NoAnswer,
            EndReason::Refused { status: FORBIDDEN, .. } => Ending::Forbidden,
            EndReason::TimedOut | EndReason::LineLost if outgoing && !answered => Ending::Unreachable,
            _ => Ending::Failed,
        }
    }
}

/// A recording's waveform.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingShape {
    /// Length, ms.
    pub duration_ms: u64,
    /// Greatest magnitudes in equal steps, (operator, customer), 0..=1.
    pub peaks: Vec<(f32, f32)>,
    /// Closed properly.
    pub complete: bool,
}

/// A call as it is kept, with what was written down about it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptCall {
    /// The call.
    pub call: CallRecord,
    /// What was registered.
    pub request: Option<Request>,
    /// What is left as a draft.
    pub draft: Option<Draft>,
}

/// Steps of a waveform: more than any window has pixels to show.
const PEAKS: usize = 600;

impl Desk {
    /// Calls begun before a time, newest first, with request and draft.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn calls_before(&self, before: Option<i64>, limit: u32) -> Result<Vec<KeptCall>, DeskError> {
        let store = self.store();
        store
            .calls(before, limit.min(500))?
            .into_iter()
            .map(|call| Ok(KeptCall { request: store.request_of(&call.id)?, draft: store.draft(&call.id)?, call }))
            .collect()
    }

    /// A customer's calls and requests for the time line.
    ///
    /// # Errors
    /// When the store refuses or there is no such customer.
    pub fn customer_history(&self, id: &str) -> Result<(Customer, Vec<CallRecord>, Vec<Request>), DeskError> {
        let store = self.store();
        Ok((store.customer(id)?, store.calls_of(id, 100)?, store.requests_of(id, 100)?))
    }

    /// Shape of a call's recording.
    ///
    /// # Errors
    /// When there is none or it does not open.
    pub async fn recording(&self, call: &str) -> Result<RecordingShape, DeskError> {
        let (sound, complete) = self.load(call).await?;
        Ok(RecordingShape {
            duration_ms: sound.operator.len() as u64 / 48,
            peaks: cuffia_recording::peaks(&sound, PEAKS),
            complete,
        })
    }

    /// Replays a call's recording to the ear, from a time in ms.
    ///
    /// # Errors
    /// As [`Desk::recording`].
    pub async fn play_recording(&self, call: &str, from_ms: u64) -> Result<(), DeskError> {
        let (sound, _) = self.load(call).await?;
        let mono: Vec<f32> = sound.operator.iter().zip(&sound.customer).map(|(o, c)| o + c).collect();
        self.headset().play(Arc::new(mono), (from_ms as usize).saturating_mul(48));
        Ok(())
    }

    async fn load(&self, call: &str) -> Result<(Stereo, bool), DeskError> {
        let record = self.store().call(call)?;
        let name = record.recording.ok_or(cuffia_customers::StoreError::Missing("recording"))?;
        let (path, key) = (self.recordings().join(name), self.recording_key());
        tokio::task::spawn_blocking(move || {
            let sealed = Sealed::read(&path, &key)?;
            Ok((cuffia_recording::decode(&sealed.ogg)?, sealed.complete))
        })
        .await
        .map_err(|e| DeskError::System(std::io::Error::other(e)))?
    }
}
