//! What commands are given.

use super::{Language, PopView, RequestDraft, Theme};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// For commands that need or give nothing.
    struct Nothing {}

    /// The page that opens for who calls, or none.
    struct SetPop {
        /// It.
        pop: Option<PopView>,
    }

    /// Opens a page as if somebody called.
    struct TryPop {
        /// Its address, with places such as `{phone}` in it.
        template: String,
    }

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

    /// Destroys all that is kept here.
    struct SignOut {
        /// Also what has not reached the CRM.
        leave_behind: bool,
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
