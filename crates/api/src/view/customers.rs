//! Customers, what is registered about them, and topics.

use super::CallRow;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
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
        /// Mail addresses.
        emails: Vec<String>,
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
        /// Something is left to be done.
        open: bool,
        /// Until when.
        due: Option<i64>,
    }

    /// A registered request.
    struct RequestView {
        /// Id.
        id: String,
        /// When.
        at: i64,
        /// Kind; none when it was made in the CRM.
        kind: Option<RequestKind>,
        /// What it is called in the CRM.
        title: String,
        /// Until when it is to be done.
        due: Option<i64>,
        /// Nothing is left to be done.
        done: bool,
        /// Topic, first level: id.
        topic: String,
        /// Topic, second level: id.
        subtopic: String,
        /// Note.
        note: String,
        /// The customer it is about.
        customer: Option<String>,
    }

    /// Says of a request whether something is left to be done.
    struct SetDone {
        /// The request's id.
        request: String,
        /// Nothing is.
        done: bool,
    }

    /// A request of the operator's that is to be done.
    struct OpenRequest {
        /// The request.
        request: RequestView,
        /// The customer's name.
        name: Option<String>,
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
}
