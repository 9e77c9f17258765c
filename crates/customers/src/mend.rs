//! A damaged database: how it is recognised, and what is made of it.
//!
//! Each page carries a code made with the key, so a changed one can't be read. What nobody else has is taken from the copy, and after it
//! from what can still be read of the damaged file, which stays beside it. What a CRM has is fetched from it again.

use crate::{DatabaseKey, Store, StoreError, connect, copy, people, schema};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::PoisonError;

/// Set when a database was mended, until the operator has been told.
const MENDED: &str = "store.mended";
/// When the whole file was last read, UTC milliseconds.
const CHECKED: &str = "store.checked";
/// The whole file is read this often, milliseconds: a week.
const CHECK_EVERY: i64 = 7 * 24 * 3_600_000;

/// What the CRM has by now is looked at before anything is sent; of a record only the first entry can be under way. All that it has is
/// fetched.
pub(crate) const IN_DOUBT: &str =
    "UPDATE outbox AS o SET state = 'sent', not_before = 0 WHERE state IN ('queued', 'looked') AND NOT EXISTS
         (SELECT 1 FROM outbox e WHERE e.entity = o.entity AND e.uid = o.uid AND e.seq < o.seq);
     UPDATE link SET version = NULL, seen = 0;";

/// The connections of a store: one that writes, with the copy beside it, and one that reads.
pub(crate) fn open(path: &Path, key: &DatabaseKey) -> Result<(Connection, Connection), StoreError> {
    match open_as_it_is(path, key) {
        Err(StoreError::Damaged) => {
            tracing::error!("the database is damaged, and is made anew");
            restore(path, key)?;
            open_as_it_is(path, key)
        }
        other => other,
    }
}

fn open_as_it_is(path: &Path, key: &DatabaseKey) -> Result<(Connection, Connection), StoreError> {
    let copy = copy::path(path);
    // An empty file is a new database, unless it was one with something in it.
    if std::fs::metadata(path).map_or(0, |m| m.len()) == 0 && has_something(&copy, key) {
        return Err(StoreError::Damaged);
    }
    let mut writer = connect(path, key).map_err(|e| match e {
        // The key opens the copy.
        StoreError::Locked { .. } if has_something(&copy, key) => StoreError::Damaged,
        e => e,
    })?;
    schema::migrate(&mut writer)?;
    let attached = copy::attach(&writer, &copy, key).and_then(|()| copy::is_ahead(&writer));
    let begun = match attached {
        Ok(true) => return Err(StoreError::Damaged),
        Ok(false) => copy::begin(&mut writer),
        Err(e) => Err(e),
    };
    match begun.map_err(StoreError::from) {
        Err(StoreError::Damaged) => {
            another_copy(&writer, path, key)?;
            copy::begin(&mut writer)?;
        }
        other => other?,
    }
    let reader = connect(path, key)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok((writer, reader))
}

/// One of both is damaged. If it is the copy: an empty one in its place.
fn another_copy(writer: &Connection, path: &Path, key: &DatabaseKey) -> Result<(), StoreError> {
    if !is_sound(path, key)? {
        return Err(StoreError::Damaged);
    }
    tracing::warn!("the second copy of what waits is damaged, and is made anew");
    let copy = copy::path(path);
    // It may not have come to be there.
    let _ = writer.execute_batch("DETACH DATABASE copy");
    copy::remove(&copy).map_err(StoreError::Disk)?;
    Ok(copy::attach(writer, &copy, key)?)
}

/// Whether there is a database here that the key opens. None is made.
fn has_something(path: &Path, key: &DatabaseKey) -> bool {
    let version = |db: Connection| version(&db, "main").is_ok_and(|version| version > 0);
    path.exists() && connect(path, key).is_ok_and(version)
}

fn version(db: &Connection, schema: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(Some(schema), "user_version", |r| r.get(0))
}

/// Puts the damaged file aside and makes a database of what its copy has, and of what can still be read of it. Killed in between, it is
/// done at the next start.
fn restore(path: &Path, key: &DatabaseKey) -> Result<(), StoreError> {
    let (copy, damaged, new) = (copy::path(path), path.with_extension("damaged.db"), path.with_extension("new.db"));
    put_aside(path, &damaged).and_then(|()| copy::remove(&new)).map_err(StoreError::Disk)?;
    let mut db = connect(&new, key)?;
    let mut sources = Vec::new();
    for (schema, file) in [("copy", &copy), ("damaged", &damaged)] {
        if has_something(file, key) {
            db.execute(
                &format!("ATTACH DATABASE ?1 AS {schema} KEY ?2"),
                params![file.to_string_lossy(), *key.pragma()],
            )?;
            sources.push(schema);
        }
    }
    // In the form of the version that wrote it.
    let form = sources.first().map_or(Ok(0), |schema| version(&db, schema))?;
    schema::migrate_to(&mut db, form)?;
    match sources[..] {
        [] => {}
        [only] => drop(copy::take_over(&db, only, None)),
        [..] => {
            let unread = copy::take_over(&db, "copy", None);
            // After a cut of power the copy may be a few seconds older.
            let newer = copy::count(&db, "damaged").ok().flatten() > copy::count(&db, "copy").ok().flatten();
            copy::take_over(&db, "damaged", Some(&unread[..]).filter(|_| !newer));
        }
    }
    for schema in sources {
        db.execute_batch(&format!("DETACH DATABASE {schema}"))?;
    }
    schema::migrate(&mut db)?;
    let tx = db.transaction()?;
    tx.execute_batch(IN_DOUBT)?;
    people::index(&tx)?;
    tx.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, 'true')", [MENDED])?;
    tx.commit()?;
    // One file, to be renamed.
    db.pragma_update(None, "journal_mode", "DELETE")?;
    drop(db);
    // The new one has all that its copy has, which may be damaged too.
    std::fs::rename(&new, path).and_then(|()| copy::remove(&copy)).map_err(StoreError::Disk)
}

fn put_aside(path: &Path, damaged: &Path) -> std::io::Result<()> {
    if path.exists() {
        copy::remove(damaged)?;
        for (from, to) in copy::files(path).iter().zip(copy::files(damaged)).filter(|(from, _)| from.exists()) {
            std::fs::rename(from, to)?;
        }
    }
    // A log without its database.
    copy::remove(path)
}

/// Whether every page of a file fits its code, and they fit each other.
fn is_sound(path: &Path, key: &DatabaseKey) -> Result<bool, StoreError> {
    let look = || -> Result<bool, StoreError> {
        let db = connect(path, key)?;
        let broken: bool = db.prepare("PRAGMA cipher_integrity_check")?.exists([])?;
        Ok(!broken && db.query_row("PRAGMA integrity_check", [], |r| r.get::<_, String>(0))? == "ok")
    };
    match look() {
        Err(StoreError::Damaged | StoreError::Locked { .. }) => Ok(false),
        other => other,
    }
}

impl Store {
    /// Whether every page and every index is what it should be, of the copy too. Reads both files, on connections of its own: nobody
    /// waits for it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn is_sound(&self) -> Result<bool, StoreError> {
        Ok(is_sound(&self.path, &self.key)? && is_sound(&copy::path(&self.path), &self.key)?)
    }

    /// Looks at the whole file and its copy once a week, and mends what is damaged. The answer is whether something was.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn check(&self, now: i64) -> Result<bool, StoreError> {
        let last: i64 = self.setting(CHECKED)?.unwrap_or(0);
        if (last..last + CHECK_EVERY).contains(&now) {
            return Ok(false);
        }
        let damaged = !self.is_sound()? && self.mend()?;
        self.set_setting(CHECKED, &now)?;
        Ok(damaged)
    }

    /// Looks at the whole file and its copy, and makes what is damaged anew, while it is in use. Whoever asks meanwhile waits. The answer
    /// is whether the database was damaged; its copy alone is nobody's concern.
    ///
    /// # Errors
    /// When the disk refuses. Then nothing can be read or written until the program is started again, which tries once more.
    pub fn mend(&self) -> Result<bool, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if is_sound(&copy::path(&self.path), &self.key)? {
            if is_sound(&self.path, &self.key)? {
                return Ok(false);
            }
        } else {
            match self.renew_copy(&mut writer) {
                Err(StoreError::Damaged) => {}
                other => return other.map(|()| false),
            }
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        // The files are let go of.
        (*writer, *reader) = (Connection::open_in_memory()?, Connection::open_in_memory()?);
        restore(&self.path, &self.key)?;
        (*writer, *reader) = open(&self.path, &self.key)?;
        Ok(true)
    }

    /// Another copy, if it is the copy that is damaged.
    pub(crate) fn renew_copy(&self, writer: &mut Connection) -> Result<(), StoreError> {
        another_copy(writer, &self.path, &self.key)?;
        Ok(copy::renew(writer)?)
    }

    /// Whether the database was mended and the operator has not said that he knows.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn was_mended(&self) -> Result<bool, StoreError> {
        Ok(self.setting(MENDED)?.unwrap_or(false))
    }

    /// The operator knows.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn mending_is_known(&self) -> Result<(), StoreError> {
        self.clear_setting(MENDED)
    }
}
