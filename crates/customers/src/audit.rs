//! The audit log: what left this computer. Lines are added and never changed; whoever has the key can still change the file.

use crate::{Store, StoreError};
use rusqlite::params;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number, rising.
    pub seq: i64,
    /// When, UTC milliseconds.
    pub at: i64,
    /// What was done, one of the desk's words.
    pub what: String,
    /// The rest, as JSON.
    pub detail: String,
}

impl Store {
    /// Adds a line. On disk when it returns; the answer is its number.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn add_audit(&self, what: &str, detail: &str, now: i64) -> Result<i64, StoreError> {
        let db = self.write();
        db.execute("INSERT INTO audit (at, what, detail) VALUES (?1, ?2, ?3)", params![now, what, detail])?;
        Ok(db.last_insert_rowid())
    }

    /// The last lines, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn audit(&self, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        let db = self.read();
        let mut query = db.prepare_cached("SELECT seq, at, what, detail FROM audit ORDER BY seq DESC LIMIT ?1")?;
        let line =
            |r: &rusqlite::Row<'_>| Ok(AuditLine { seq: r.get(0)?, at: r.get(1)?, what: r.get(2)?, detail: r.get(3)? });
        Ok(query.query_map([limit], line)?.collect::<Result<_, _>>()?)
    }
}
