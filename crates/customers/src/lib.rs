//! The encrypted local store: customers, numbers, requests, promises, calls, drafts, knowledge articles, settings.
//!
//! One SQLCipher file. It answers at once and is on disk when a call returns: everything an operator writes is committed with
//! `synchronous = FULL`. What an employer's CRM is to know, or knows, is kept beside it: see [`sync`].

mod articles;
mod audit;
mod calls;
mod copy;
mod events;
mod export;
mod key;
mod mend;
mod numbers;
mod people;
mod sample;
mod schema;
mod search;
mod settings;
pub mod sign_out;
pub mod sync;

pub use articles::{Article, NewArticle, Words};
pub use audit::AuditLine;
pub use calls::{CallRecord, Draft, Promise, Request};
pub use events::WaitingEvent;
pub use export::{Exported, Records};
pub use key::{DatabaseKey, KeyStore, Secrets, open_key};
pub use mend::Mended;
pub use numbers::{Number, normalise};
pub use people::{Customer, CustomerId};
pub use sample::{PRACTICE_CUSTOMERS, fill};
pub use search::fold;

use rusqlite::{Connection, ErrorCode};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
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
    Database(rusqlite::Error),
    /// What is on the disk is not what was written.
    #[error("the customer database is damaged. It is being mended; what you wrote is kept. Try again in a moment")]
    Damaged,
    /// The disk refuses to read, move or remove a file.
    #[error(
        "the customer database can't be mended: {0}. Check that the disk is not full and its folder may be written"
    )]
    Disk(std::io::Error),
    /// Nothing can be made of it.
    #[error(
        "neither the customer database nor its second copy can be read: {path}. Restore them from a backup, or move both away and start again"
    )]
    Lost {
        /// The database.
        path: PathBuf,
    },
    /// It is another by now than the operator was shown.
    #[error("it has changed meanwhile. Look at it again")]
    Changed,
    /// What was asked for is not there.
    #[error("no such {0}")]
    Missing(&'static str),
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> StoreError {
        match e.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged,
            _ => StoreError::Database(e),
        }
    }
}

impl StoreError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Locked { .. } => "store.locked",
            StoreError::Newer => "store.newer",
            StoreError::Key(_) => "store.key",
            StoreError::Database(_) => "store.database",
            StoreError::Damaged => "store.damaged",
            StoreError::Disk(_) => "store.disk",
            StoreError::Lost { .. } => "store.lost",
            StoreError::Changed => "store.changed",
            StoreError::Missing(_) => "store.missing",
        }
    }
}

/// The store. One connection writes, one reads beside it (WAL), so a long read never delays a key stroke's draft.
pub struct Store {
    path: PathBuf,
    key: DatabaseKey,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// Held while the files are looked at or mended.
    mending: Mutex<()>,
    /// Something was found damaged where nobody could be told.
    hurt: AtomicBool,
    /// Signed out: it is not opened again.
    closed: AtomicBool,
}

impl Store {
    /// Opens or makes the database file, and beside it a copy of what nobody else has. A file that is damaged is put aside and made anew
    /// from the copy: see [`Store::was_mended`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(path: &Path, key: &DatabaseKey) -> Result<Store, StoreError> {
        let (writer, reader) = mend::open(path, key)?;
        numbers::warm_up();
        Ok(Store {
            path: path.into(),
            key: key.clone(),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            mending: Mutex::new(()),
            hurt: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&self) -> Writing<'_> {
        // A panic while the lock was held rolled its transaction back; the connection is sound.
        Writing { store: self, db: self.writer.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    fn read(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection that writes. Once it is let go of, what was written is copied.
struct Writing<'a> {
    store: &'a Store,
    db: MutexGuard<'a, Connection>,
}

impl Deref for Writing<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.db
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.db
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        // What was written is written, whatever becomes of its copy: that is tried again the next time.
        let store = self.store;
        if store.closed.load(Ordering::Relaxed) {
            return;
        }
        match copy::keep_up(&mut self.db, &copy::path(&store.path), &store.key).map_err(StoreError::from) {
            Ok(()) => {}
            // Which of both is damaged takes longer to find out than anybody may wait here.
            Err(StoreError::Damaged) => store.hurt.store(true, Ordering::Relaxed),
            Err(e) => tracing::warn!("no second copy: {e}"),
        }
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
        Some(ErrorCode::NotADatabase) => StoreError::Locked { path: path.to_path_buf() },
        _ => e.into(),
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
