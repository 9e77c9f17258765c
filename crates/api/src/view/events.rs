//! What happens to calls, told to a program of the employer's.

use super::ApiError;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// The program that is told what happens to calls.
    struct EventsView {
        /// In which form.
        form: EventsForm,
        /// Its server.
        host: String,
        /// How many events wait.
        waiting: u32,
        /// Why the last was not taken.
        problem: Option<ApiError>,
    }

    /// In which form a program is told.
    enum EventsForm { /** Zammad's generic CTI interface. */ Zammad, /** A webhook, signed as Standard Webhooks 1.0 says. */ Webhook, }

    /// A program to be told.
    struct EventsTarget {
        /// In which form.
        form: EventsForm,
        /// Its address; empty: the one that is kept for this form.
        address: String,
        /// What a webhook is signed with; empty: what is kept for this address.
        secret: String,
    }

    /// The program to be told, or none.
    struct SetEvents {
        /// It.
        target: Option<EventsTarget>,
    }
}
