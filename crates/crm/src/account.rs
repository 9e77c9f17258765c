//! Who we are to which CRM, and what there is to be had there.

use crate::find::Book;
use crate::http::address;
use crate::{CardDav, CrmError, Rt, Tryton, Upstream};
use cuffia_tls::Trust;
use std::sync::Arc;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Address books (RFC 6352).
    #[default]
    CardDav,
    /// Tryton 8.
    Tryton,
    /// Request Tracker 5.
    Rt,
}

/// A user of a server.
#[derive(Clone)]
pub struct Account {
    /// What it speaks.
    pub kind: Kind,
    /// The server's address as typed.
    pub address: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl Account {
    /// The address books, databases or queues of the user, with how many customers each has.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn books(&self, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        match self.kind {
            Kind::CardDav => CardDav::books(self, trust).await,
            Kind::Tryton => Tryton::databases(self, trust).await,
            Kind::Rt => Rt::queues(self, trust, true).await,
        }
    }

    /// The same, as fast as it can be told: how many customers each has may be left out.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn found(&self, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        match self.kind {
            Kind::CardDav => CardDav::found(self, trust).await,
            Kind::Tryton => Tryton::databases(self, trust).await,
            Kind::Rt => Rt::queues(self, trust, false).await,
        }
    }

    /// One of them, to be asked: `book` is its path, `tokens` and `customers` as [`Book`] has them. `region` is the two-letter country of
    /// numbers written without one.
    ///
    /// # Errors
    /// When the address is none.
    pub fn open(
        &self,
        trust: &Trust,
        book: &str,
        tokens: bool,
        customers: bool,
        region: &str,
    ) -> Result<Arc<dyn Upstream>, CrmError> {
        Ok(match self.kind {
            Kind::CardDav => Arc::new(CardDav::new(self, trust, book, tokens)?),
            Kind::Tryton => Arc::new(Tryton::new(self, trust, book, region)?),
            Kind::Rt => Arc::new(Rt::new(self, trust, book, customers, region)?),
        })
    }

    /// What tells this user's address book, database or queue on this server from every other, however the address was typed.
    ///
    /// # Errors
    /// When the address is none.
    pub fn who(&self, book: &str) -> Result<String, CrmError> {
        let base = address(&self.address)?;
        let port = base.port_u16().unwrap_or(if base.scheme_str() == Some("http") { 80 } else { 443 });
        let host = base.host().unwrap_or_default().to_lowercase();
        let (kind, path) = match self.kind {
            Kind::CardDav => ("carddav", ""),
            Kind::Tryton => ("tryton", ""),
            // Several may live on one host.
            Kind::Rt => ("rt", base.path().trim_end_matches('/')),
        };
        Ok(format!("{kind} {host}:{port}{path}{book} {}", self.user))
    }
}
