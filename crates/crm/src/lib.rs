//! Employers' CRMs: an adapter for each, what carries the engine's requests to it, and files of other programs.
//!
//! When to ask, and what an answer means, is decided in [`cuffia_customers::sync`]. An adapter speaks one protocol; the
//! [`Runner`] waits, asks and tells.

mod account;
mod carddav;
mod events;
mod find;
mod http;
pub mod import;
mod rt;
mod runner;
mod tryton;
mod vcard;

pub use account::{Account, Kind};
pub use carddav::CardDav;
pub use events::{CallEvent, Form, Happening, Target, Teller, Told};
pub use find::Book;
pub use rt::Rt;
pub use runner::{Clock, News, Runner};
pub use tryton::Tryton;

use async_trait::async_trait;
use cuffia_customers::sync::upstream::{Answer, Capabilities, Demand, Entity, Failure};

/// A CRM that can be asked.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The fields that it keeps, of each kind of record.
    fn fields(&self) -> Vec<(Entity, &'static [&'static str])>;

    /// Does what is asked, within half a minute or so.
    ///
    /// # Errors
    /// See [`Failure`].
    async fn ask(&self, demand: &Demand) -> Result<Answer, Failure>;
}

/// Why there is no connection with a CRM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrmError {
    /// No address.
    #[error("{0:?} is no web address. It looks like https://crm.example.com/")]
    BadAddress(String),
    /// Passwords and customers would go through the network in the clear.
    #[error("the address begins with http: passwords and customers would travel in the clear. Use https")]
    InTheClear,
    /// Nobody there.
    #[error("the server does not answer: {0}. Check the address and the network")]
    Unreachable(String),
    /// Not believed.
    #[error("the server's certificate is not accepted: {0}")]
    Certificate(String),
    /// Wrong user or password.
    #[error("the server does not accept this user name and password")]
    Password,
    /// It asks for a second proof.
    #[error("the server asks for more than a password. Ask who runs it for a user that a program can sign in as")]
    MoreThanPassword,
    /// The user may not.
    #[error("the server knows this user, but does not let him see it. Ask who runs the server for the right to")]
    Rights,
    /// It speaks something else.
    #[error(
        "there is no address book at this address. Check the address; some servers have it under a path such as /dav"
    )]
    NoBook,
    /// The address book that was chosen is no longer there.
    #[error("the address book {0:?} is no longer there. Choose another one")]
    BookGone(String),
    /// It speaks something else than Tryton.
    #[error(
        "there is no Tryton server at this address. Check the address: it is the server's own, without a page's path"
    )]
    NoTryton,
    /// A version that is too old.
    #[error("the server is {0}; {1} or newer is needed")]
    Version(String, String),
    /// It does not tell its databases.
    #[error(
        "the server does not tell its databases, or has several. Write the database's name at the end of the address"
    )]
    WhichDatabase,
    /// No such database.
    #[error("there is no database {0:?} on this server. Check its name at the end of the address")]
    NoDatabase(String),
    /// The database has no customers.
    #[error("the database {0:?} has no module for parties. Ask who runs the server to activate it")]
    NoParties(String),
    /// It speaks something else than Request Tracker.
    #[error("there is no Request Tracker at this address. Check the address: it is that of its start page")]
    NoRt,
    /// The user sees no queue.
    #[error(
        "this user sees no queue there. Ask who runs the server for the right to see one and to create tickets in it"
    )]
    NoQueue,
    /// Nothing to sign with.
    #[error("the secret is none. It looks like whsec_ and some forty letters and digits; who runs the program has it")]
    Secret,
    /// The token in the address, or the signature, is not accepted.
    #[error("the program does not accept this address's token, or the signature. Check both with who runs it")]
    Token,
    /// Another address.
    #[error("there is nothing at this address that takes events. Check it with who runs the program")]
    NothingThere,
    /// Zammad's interface is off.
    #[error("Zammad's generic CTI integration is not switched on. Ask who runs it to")]
    CtiOff,
    /// Not Zammad.
    #[error(
        "this is no address of Zammad's CTI integration. It looks like https://zammad.example.com/api/v1/cti/TOKEN"
    )]
    NoZammad,
    /// It fails.
    #[error("the server fails: {0}")]
    Server(String),
}

impl CrmError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            CrmError::BadAddress(_) => "crm.address",
            CrmError::InTheClear => "crm.clear",
            CrmError::Unreachable(_) => "crm.unreachable",
            CrmError::Certificate(_) => "crm.certificate",
            CrmError::Password => "crm.password",
            CrmError::MoreThanPassword => "crm.more",
            CrmError::Rights => "crm.rights",
            CrmError::NoBook => "crm.no_book",
            CrmError::BookGone(_) => "crm.book_gone",
            CrmError::NoTryton => "crm.no_tryton",
            CrmError::Version(..) => "crm.version",
            CrmError::WhichDatabase => "crm.which_database",
            CrmError::NoDatabase(_) => "crm.no_database",
            CrmError::NoParties(_) => "crm.no_parties",
            CrmError::NoRt => "crm.no_rt",
            CrmError::NoQueue => "crm.no_queue",
            CrmError::Secret => "crm.secret",
            CrmError::Token => "crm.token",
            CrmError::NothingThere => "crm.nothing_there",
            CrmError::CtiOff => "crm.cti_off",
            CrmError::NoZammad => "crm.no_zammad",
            CrmError::Server(_) => "crm.server",
        }
    }
}
