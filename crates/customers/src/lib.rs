//! The encrypted local store: customers, numbers, requests, promises, calls, drafts, settings.
//!
//! One SQLCipher file. It answers at once and is on disk when a call returns: everything an operator writes is committed with
//! `synchronous = FULL`. What an employer's CRM is to know, or knows, is kept beside it: see [`sync`].

mod calls;
mod key;
mod numbers;
mod people;
mod sample;
mod schema;
mod search;
mod settings;
pub mod sync;

pub use calls::{CallRecord, Draft, Promise, Request};
pub use key::{DatabaseKey, KeyStore, Secrets, open_key};
pub use numbers::{Number, normalise};
pub use people::{Customer, CustomerId};
pub use sample::{PRACTICE_CUSTOMERS, fill};
pub use search::fold;

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The key does not open it, or it is no database.
    #[error(
        "the customer database does not open with this key: {path}. If its key was lost, move the file away and start again"
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a newer version.
    #[error("the customer database is from a newer version of Cuffia. Install that version; nothing has been changed")]
    Newer,
    /// The key store or its fallback file can't be used.
    #[error("the database key can't be kept: {0}")]
    Key(String),
    /// The disk or the database refuses.
    #[error("the customer database can't be used: {0}. Check that the disk is not full, and may be written")]
    Database(#[from] rusqlite::Error),
    /// It is another by now than the operator was shown.
    #[error("it has changed meanwhile. Look at it again")]
    Changed,
    /// What was asked for is not there.
    #[error("no such {0}")]
    Missing(&'static str),
}

impl StoreError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Locked { .. } => "store.locked",
            StoreError::Newer => "store.newer",
            StoreError::Key(_) => "store.key",
            StoreError::Database(_) => "store.database",
            StoreError::Changed => "store.changed",
            StoreError::Missing(_) => "store.missing",
        }
    }
}

/// The store. One connection writes, one reads beside it (WAL), so a long read never delays a key stroke's draft.
pub struct Store {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Store {
    /// Opens or makes the database file.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(path: &Path, key: &DatabaseKey) -> Result<Store, StoreError> {
        let mut writer = connect(path, key)?;
        schema::migrate(&mut writer)?;
        let reader = connect(path, key)?;
        reader.pragma_update(None, "query_only", true)?;
        numbers::warm_up();
        Ok(Store { writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    /// Whether every page and every index is what it should be. Reads the whole file.
    ///
    /// # Errors
    /// When the database refuses to be read.
    pub fn is_sound(&self) -> Result<bool, StoreError> {
        let db = self.read();
        // Pages that were changed on the disk do not fit their codes; then what they say among themselves.
        let broken: bool = db.prepare("PRAGMA cipher_integrity_check")?.exists([])?;
        Ok(!broken && db.query_row("PRAGMA integrity_check", [], |r| r.get::<_, String>(0))? == "ok")
    }

    fn write(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held rolled its transaction back; the connection is sound.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path, key: &DatabaseKey) -> Result<Connection, StoreError> {
    let db = Connection::open(path)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    // A page of a CRM goes through some forty statements for each record: none shall be prepared twice.
    db.set_prepared_statement_cache_capacity(128);
    db.pragma_update(None, "key", key.pragma().as_str())?;
    // The first read shows whether the key fits.
    db.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).map_err(|e| match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Locked { path: path.to_path_buf() },
        _ => StoreError::Database(e),
    })?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "secure_delete", true)?;
    Ok(db)
}

/// A fresh id: UUIDv7, so that ids sort by time.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
