//! The operator's day: the line, the calls with their customers, requests, wrap-up, recordings, knowledge articles.
//!
//! The desk introduces phone and customers to each other. It listens to the phone; each consequence of a call (the card, the row in
//! the list, the recorder, wrap-up) is a small step of its own in [`calls`](crate). What the operator writes is on disk before a
//! method returns.

mod articles;
mod calls;
mod crm;
mod desk;
mod events;
mod export;
mod import;
mod line;
mod mend;
mod pop;
mod records;
mod requests;
mod sign_out;
mod topics;

pub use articles::{ArticlePage, Articles, ArticlesError, FoundArticle, NotRead, Piece};
pub use calls::{CustomerSight, LiveCall, WrapUp};
pub use crm::{CrmAccount, CrmStatus};
pub use cuffia_crm::import::{Column, Fault};
pub use cuffia_crm::{Account, Book, Form as EventsForm, Kind as CrmKind, Target as EventsTarget};
pub use desk::{Browse, Clock, Desk, DeskEvent, DeskSetup, OperatorState};
pub use events::EventsStatus;
pub use export::{
    Ask, Column as ExportColumn, Days, ExportError, Form, FormColumn, Format as ExportFormat, LogEntry, Noted, Preview,
    Written, export_to, read_headings, words,
};
pub use import::Import;
pub use line::{LineKind, LineState, LineStatus, RealAccount};
pub use pop::{Pop, PopError, PopWhen};
pub use records::{Ending, KeptCall, Kind, RecordingShape, Trouble};
pub use sign_out::LeftBehind;
pub use topics::{TOPICS, Topic};

use cuffia_crm::CrmError;
use cuffia_customers::StoreError;
use cuffia_phone::{LineError, PhoneError};
use cuffia_recording::RecordingError;

/// Why the desk does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The phone.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// The line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A recording.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The CRM.
    #[error(transparent)]
    Crm(#[from] CrmError),
    /// Another CRM is to be connected, and there is something that this one does not have.
    #[error("{0} changes have not reached the CRM yet. Wait for them, or leave them on this computer")]
    CrmWaits(i64),
    /// In the middle of a call.
    #[error("a call goes on. End it first")]
    InCall,
    /// The key could not be destroyed.
    #[error("you are still signed in: {0}. Nothing was destroyed but passwords; type them again, or try once more")]
    StaysSignedIn(String),
    /// A request is not complete.
    #[error("choose {0} before registering the request")]
    Incomplete(&'static str),
    /// A new customer has no name.
    #[error("type a name for the new customer: without one he cannot be found again")]
    NoName,
    /// Nothing to dial.
    #[error("{0:?} is neither a number nor the name of a customer. Type a number, or part of a customer's name")]
    NobodyToDial(String),
    /// The page for who calls.
    #[error(transparent)]
    Pop(#[from] PopError),
    /// The folder of articles.
    #[error(transparent)]
    Articles(#[from] ArticlesError),
    /// An export.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Something the system refuses.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// Does what may take a while where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, DeskError> + Send + 'static,
) -> Result<T, DeskError> {
    tokio::task::spawn_blocking(f).await.map_err(|e| DeskError::System(std::io::Error::other(e)))?
}

impl DeskError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> String {
        match self {
            DeskError::Store(e) => e.code().into(),
            DeskError::Phone(e) => e.code().into(),
            DeskError::Line(e) => format!("line.{}", e.code()),
            DeskError::Recording(e) => e.code().into(),
            DeskError::Crm(e) => e.code().into(),
            DeskError::InCall => "sign_out.call".into(),
            DeskError::StaysSignedIn(_) => "sign_out.refused".into(),
            DeskError::CrmWaits(_) => "crm.waits".into(),
            DeskError::Incomplete(what) => format!("request.no_{what}"),
            DeskError::NoName => "customer.no_name".into(),
            DeskError::NobodyToDial(_) => "dial.nobody".into(),
            DeskError::Pop(e) => e.code().into(),
            DeskError::Articles(e) => e.code().into(),
            DeskError::Export(e) => e.code().into(),
            DeskError::System(_) => "system".into(),
        }
    }
}
