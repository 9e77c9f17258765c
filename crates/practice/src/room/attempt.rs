//! One practice call, from the first preparation to the outcome.

use crate::conversation::{Prepared, Summary};
use crate::customer::Order;
use crate::measures::Measures;
use crate::pack::Scenario;
use crate::{Ending, Language, Outcome};
use cuffia_media::{MediaSession, VoicePath};
use cuffia_sip::CallId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::time::Instant;

/// See the module.
pub(super) struct Attempt {
    pub number: u64,
    pub scenario: &'static Scenario,
    pub language: Language,
    pub way: Way,
    pub prepared: Option<Arc<Prepared>>,
    pub call: Option<CallId>,
    pub session: Option<Arc<dyn MediaSession>>,
    /// Until the customer takes it.
    pub path: Option<VoicePath>,
    /// To the customer once he talks.
    pub customer: Option<Sender<Order>>,
    pub rang_at: Option<Instant>,
    pub answered_at: Option<Instant>,
    /// When the customer gives up, or answers.
    pub due: Option<Instant>,
    /// We offered in a re-INVITE without a description; the answer comes with the ACK.
    pub offered: bool,
}

/// Who calls whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The customer calls the phone.
    Calls,
    /// The phone called; this is its offer.
    Dialled { offer: Option<String> },
}

impl Attempt {
    pub fn new(number: u64, scenario: &'static Scenario, language: Language, way: Way) -> Self {
        Self {
            number,
            scenario,
            language,
            way,
            prepared: None,
            call: None,
            session: None,
            path: None,
            customer: None,
            rang_at: None,
            answered_at: None,
            due: None,
            offered: false,
        }
    }

    pub fn is_dialled(&self) -> bool {
        self.way != Way::Calls
    }

    pub fn tell(&self, order: Order) {
        if let Some(customer) = &self.customer {
            let _ = customer.send(order);
        }
    }

    /// The outcome; without a summary nobody took the call.
    pub fn outcome(&self, summary: Option<Summary>) -> Outcome {
        let summary = summary.unwrap_or_else(|| Summary {
            ending: Ending::Unanswered,
            measures: Measures::default(),
            facts: self.prepared.as_ref().map(|p| p.facts(&BTreeSet::new())).unwrap_or_default(),
            too_noisy: false,
            heard_nothing: false,
        });
        let waited = match (self.rang_at, self.answered_at) {
            (Some(rang), Some(answered)) if !self.is_dialled() => {
                Some(answered.duration_since(rang).as_millis() as u64)
            }
            _ => None,
        };
        Outcome {
            scenario: self.scenario.logic.id.clone(),
            language: self.language,
            time_to_answer_ms: waited,
            time_to_greeting_ms: summary.measures.time_to_greeting_ms,
            silences: summary.measures.silences,
            longest_silence_ms: summary.measures.longest_silence_ms,
            interruptions: summary.measures.interruptions,
            talk_share: summary.measures.talk_share,
            ending: summary.ending,
            facts: summary.facts,
            too_noisy: summary.too_noisy,
            heard_nothing: summary.heard_nothing,
        }
    }
}
