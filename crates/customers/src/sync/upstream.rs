//! What an employer's CRM can do, what is asked of it, and what it may answer. An adapter speaks one CRM's protocol and nothing else:
//! when to ask, what to make of an answer and what to do when none comes is the [engine](super)'s.

use serde_json::Value;
use std::collections::BTreeMap;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entity {
    /// A customer.
    Contact,
    /// What a customer asked for, and is followed until it is done. Its field `customer` is the id of a contact; so the adapter sees the
    /// CRM's.
    Request,
}

impl Entity {
    /// All of them.
    pub const ALL: [Entity; 2] = [Entity::Contact, Entity::Request];

    /// Its word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Entity::Contact => "contact",
            Entity::Request => "request",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Entity> {
        Entity::ALL.into_iter().find(|e| e.word() == word)
    }
}

/// A record or a change of one, field by field. A field that is missing is the same as one that is empty.
pub type Fields = BTreeMap<String, Value>;

/// A record as the CRM has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Remote {
    /// The CRM's own id.
    pub id: String,
    /// What the CRM calls this state of it (an ETag, a time stamp), if it does.
    pub version: Option<String>,
    /// When it was last changed by the CRM's clock, UTC milliseconds. A feed by time needs it.
    pub changed: Option<i64>,
    /// The key it was made with, when it was made by one of us and the CRM keeps it.
    pub key: Option<String>,
    /// All fields that the adapter maps.
    pub fields: Fields,
}

/// How a CRM tells what has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// It gives a token, and for a token what has changed since (RFC 6578).
    Token,
    /// It can be asked for records changed since a time of its own clock. What was changed during the last `overlap_ms` is asked
    /// for again: a long transaction on the server shows later than its time stamp says.
    Since {
        /// As long as the longest transaction on the server, milliseconds.
        overlap_ms: i64,
    },
    /// It can only list what there is.
    Listing,
}

/// What a CRM can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// What it keeps.
    pub entities: Vec<Entity>,
    /// Making the same record twice, by its key, makes one.
    pub idempotent_create: bool,
    /// A change names the version it is of and is refused when that is no longer the newest.
    pub versions: bool,
    /// How it tells changes.
    pub feed: Feed,
    /// Whether its feed tells deletions. If not, what there is is listed from time to time.
    pub tombstones: bool,
    /// How long a request may live after it was sent, milliseconds: only then is it certain that it will not be done any more.
    pub request_lifetime_ms: i64,
}

/// After what a feed goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// All there is.
    Beginning,
    /// What has changed since the token.
    Token(String),
    /// What has changed since a time of the CRM's clock, UTC milliseconds.
    Since(i64),
    /// The page after the last one, in the adapter's words.
    Page(String),
}

/// A piece of a feed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// New and changed records.
    pub records: Vec<Remote>,
    /// Ids of others that are new or changed, with their versions where these are told with them. They are asked for one by one.
    pub changed: Vec<(String, Option<String>)>,
    /// Ids of those that are gone.
    pub gone: Vec<String>,
    /// Ids of those of them that were merged into another, with that one's.
    pub merged: BTreeMap<String, String>,
    /// How to ask for the next page; none when this was the last.
    pub next: Option<String>,
    /// On the last page of a feed by token: the token to ask with the next time.
    pub token: Option<String>,
    /// Ids of those that are there, but can't be read.
    pub there: Vec<String>,
    /// How many more records are still to come, where that is known.
    pub left: Option<usize>,
    /// On the last page of a feed that does not tell deletions: some may have been deleted. What there is is listed then.
    pub deleted: bool,
}

/// A piece of a list of all there is: ids with versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// Ids and versions.
    pub entries: Vec<(String, Option<String>)>,
    /// How to ask for the rest; none when this was all.
    pub next: Option<String>,
}

/// One request to a CRM.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// Make a record, keeping `key` with it. Answered by [`Answer::Record`].
    Create {
        /// What.
        entity: Entity,
        /// The record's id here, by which it is found again.
        key: String,
        /// All its fields.
        fields: Fields,
    },
    /// Records made with this key: [`Answer::Records`].
    Find {
        /// What.
        entity: Entity,
        /// The key.
        key: String,
    },
    /// A record: [`Answer::Record`], or [`Failure::Gone`].
    Get {
        /// What.
        entity: Entity,
        /// The CRM's id.
        id: String,
    },
    /// Change some fields: [`Answer::Record`] with what it is now.
    Update {
        /// What.
        entity: Entity,
        /// The CRM's id.
        id: String,
        /// The state that is changed; with another the answer is [`Failure::Conflict`].
        version: Option<String>,
        /// The fields.
        patch: Fields,
    },
    /// Delete: [`Answer::Done`].
    Delete {
        /// What.
        entity: Entity,
        /// The CRM's id.
        id: String,
        /// The state that is deleted.
        version: Option<String>,
    },
    /// A page of what has changed: [`Answer::Page`].
    Pull {
        /// What.
        entity: Entity,
        /// After what.
        after: After,
    },
    /// A page of what there is: [`Answer::List`].
    List {
        /// What.
        entity: Entity,
        /// After which page; none for the first.
        after: Option<String>,
    },
}

impl Demand {
    /// What it is about.
    pub fn entity(&self) -> Entity {
        match self {
            Demand::Create { entity, .. }
            | Demand::Find { entity, .. }
            | Demand::Get { entity, .. }
            | Demand::Update { entity, .. }
            | Demand::Delete { entity, .. }
            | Demand::Pull { entity, .. }
            | Demand::List { entity, .. } => *entity,
        }
    }

    /// Whether it changes anything there.
    pub fn writes(&self) -> bool {
        matches!(self, Demand::Create { .. } | Demand::Update { .. } | Demand::Delete { .. })
    }

    /// Whether it can be answered so.
    pub(crate) fn fits(&self, answer: &Answer) -> bool {
        matches!(
            (self, answer),
            (Demand::Create { .. } | Demand::Update { .. } | Demand::Get { .. }, Answer::Record(_))
                | (Demand::Find { .. }, Answer::Records(_))
                | (Demand::Delete { .. }, Answer::Done)
                | (Demand::Pull { .. }, Answer::Page(_))
                | (Demand::List { .. }, Answer::List(_))
        )
    }
}

/// A CRM's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A record.
    Record(Remote),
    /// Records.
    Records(Vec<Remote>),
    /// It is done.
    Done,
    /// A page of a feed.
    Page(Page),
    /// A page of a list.
    List(List),
}

impl Answer {
    /// All records in it.
    pub(crate) fn records(&mut self) -> &mut [Remote] {
        match self {
            Answer::Record(r) => std::slice::from_mut(r),
            Answer::Records(all) => all,
            Answer::Page(page) => &mut page.records,
            Answer::Done | Answer::List(_) => &mut [],
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was certainly not done: no connection, or the server is too busy to look at it.
    #[error("{why}")]
    Retry {
        /// When to ask again as the server wishes, milliseconds from now.
        after_ms: Option<i64>,
        /// In plain words.
        why: String,
    },
    /// It was certainly not done, and that is about this record alone: it is locked, or broken there. Others can be asked for.
    #[error("{why}")]
    Later {
        /// In plain words.
        why: String,
    },
    /// It may have been done: the connection broke after the request was sent, or the server failed over it.
    #[error("{why}")]
    Ambiguous {
        /// In plain words.
        why: String,
    },
    /// We are not let in, or may not do this at all.
    #[error("{why}")]
    Auth {
        /// In plain words.
        why: String,
    },
    /// It will never be taken like this.
    #[error("{message}")]
    Rejected {
        /// The server's words.
        message: String,
    },
    /// The record is no longer what it was.
    #[error("changed by somebody else meanwhile")]
    Conflict,
    /// The record is not there.
    #[error("deleted")]
    Gone,
    /// The token means nothing to the server any more: from the beginning.
    #[error("the server has forgotten where we were")]
    Forgotten,
}
