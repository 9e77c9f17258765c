//! The employer's CRM: which, how it goes, and what waits for it or for the operator.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// How it is with the CRM.
    struct CrmView {
        /// How it stands.
        state: CrmState,
        /// What it speaks.
        kind: CrmKind,
        /// The address book's, the database's or the queue's name.
        name: String,
        /// The server's address as typed.
        server: String,
        /// The user there.
        user: String,
        /// Changes that wait or are on their way.
        waiting: i64,
        /// What needs the operator: conflicts, and what was refused.
        needs: i64,
        /// The last answer.
        answered: Option<i64>,
        /// Why the last request came to nothing, in the server's or the system's words.
        error: Option<String>,
        /// During the first fetch: customers that are here.
        here: Option<i64>,
        /// And still to come, where the server tells.
        to_come: Option<i64>,
        /// How long that will take if it goes on as it has, milliseconds.
        left_ms: Option<i64>,
        /// So many customers would vanish at once, and the operator is asked first.
        vanishing: Option<i64>,
    }

    /// How it stands with a CRM.
    enum CrmState {
        /** There is none: all stays on this computer. */ None,
        /** Known, but not asked. */ Off,
        /** It answers. */ Connected,
        /** It does not answer. */ Unreachable,
        /** It does not let us in. */ SignIn,
        /** It waits for an answer of the operator's. */ Asking,
    }

    /// What a CRM speaks.
    enum CrmKind {
        /** Address books on a CardDAV server. */ CardDav,
        /** Tryton. */ Tryton,
        /** Request Tracker. */ Rt,
    }

    /// A user of a CRM. An empty password stands for the one that is kept.
    struct CrmUser {
        /// What it speaks.
        kind: CrmKind,
        /// The server's address.
        server: String,
        /// User name.
        user: String,
        /// Password.
        password: String,
    }

    /// Connects an address book, a database or a queue.
    struct ConnectCrm {
        /// What the server speaks.
        kind: CrmKind,
        /// The server's address.
        server: String,
        /// User name.
        user: String,
        /// Password; empty for the one that is kept.
        password: String,
        /// The address book's path, the database's name, or the queue's number.
        book: String,
        /// What has not reached the CRM before stays on this computer.
        leave_behind: bool,
    }

    /// An address book of a user's, a database, or a queue.
    struct BookView {
        /// Its path on the server, its name, or its number.
        path: String,
        /// Its name.
        name: String,
        /// Cards in it, or requests that are to be done.
        cards: u32,
        /// It keeps customers for this user.
        customers: bool,
        /// It keeps requests.
        requests: bool,
        /// Whether we may change it.
        writable: bool,
    }

    /// All that waits, for the CRM or for the operator.
    struct CrmWork {
        /// The oldest changes that wait or are on their way.
        waiting: Vec<WaitingView>,
        /// What the CRM refused.
        refused: Vec<RefusedView>,
        /// What both sides changed.
        conflicts: Vec<ConflictView>,
        /// The operator's customers that it does not know of.
        only_here: i64,
    }

    /// What is done with a record.
    enum ChangeKind { /** Make it. */ Create, /** Change it. */ Update, /** Delete it. */ Delete, }

    /// What a record is.
    enum RecordKind { /** A customer. */ Customer, /** A request. */ Request, }

    /// A change that waits.
    struct WaitingView {
        /// What it is.
        what: RecordKind,
        /// Its id.
        record: String,
        /// The customer it is, or is of.
        customer: Option<String>,
        /// His name, or what a request is called.
        name: String,
        /// What is to be done.
        kind: ChangeKind,
        /// The fields.
        fields: Vec<String>,
        /// It may be on its way.
        sent: bool,
        /// When it was written.
        at: i64,
        /// Why the CRM did not do it the last time it was asked to.
        why: Option<String>,
    }

    /// A change that the CRM refused.
    struct RefusedView {
        /// Its number.
        seq: i64,
        /// What it is.
        what: RecordKind,
        /// Its id.
        record: String,
        /// The customer it is, or is of.
        customer: Option<String>,
        /// His name, or what a request is called.
        name: String,
        /// What was to be done.
        kind: ChangeKind,
        /// The CRM's words.
        why: String,
        /// When it was written.
        at: i64,
    }

    /// What a conflict is about.
    enum ConflictKind {
        /** Both changed a field. */ Field,
        /** Changed here, deleted there. */ GoneThere,
        /** Deleted here, changed there. */ DeletedHere,
    }

    /// What both sides changed.
    struct ConflictView {
        /// What it is.
        what: RecordKind,
        /// Its id.
        record: String,
        /// The customer it is, or is of.
        customer: Option<String>,
        /// His name, or what a request is called.
        name: String,
        /// What it is about.
        kind: ConflictKind,
        /// The field.
        field: Option<String>,
        /// What it was.
        base: String,
        /// What the operator wrote.
        mine: String,
        /// What the CRM has.
        theirs: String,
        /// Of a whole record: what the side that changed it has.
        fields: Vec<FieldView>,
        /// What the operator was shown, to be given back with the choice.
        shown: String,
        /// When it was noticed.
        at: i64,
    }

    /// A field and its value.
    struct FieldView {
        /// The field.
        field: String,
        /// Its value.
        value: String,
    }

    /// The operator's choice.
    struct ChooseValue {
        /// What it is about.
        what: RecordKind,
        /// Its id.
        record: String,
        /// The field; none when it is about the whole record.
        field: Option<String>,
        /// What he was shown.
        shown: String,
        /// His own, or else the CRM's.
        mine: bool,
    }

    /// Names what was refused.
    struct RefusedRef {
        /// Its number.
        seq: i64,
    }

    /// Asks the CRM now.
    struct SyncNow {
        /// The answer to the question whether so many may vanish.
        may_vanish: bool,
    }

    /// A customer's fields as they are written, to be edited.
    struct CustomerFields {
        /// Person.
        name: String,
        /// Company.
        company: String,
        /// Product in use.
        product: String,
        /// Town.
        town: String,
        /// A standing note.
        note: String,
        /// Numbers.
        numbers: Vec<String>,
        /// Mail addresses.
        emails: Vec<String>,
    }

    /// Changes a customer.
    struct EditCustomer {
        /// The customer's id.
        customer: String,
        /// What the form showed at first.
        seen: CustomerFields,
        /// What it shows now.
        fields: CustomerFields,
    }
}
