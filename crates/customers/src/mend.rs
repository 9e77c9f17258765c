//! A damaged database: how it is recognised, and what is made of it.
//!
//! Each page carries a code made with the key, so a changed one can't be read. What nobody else has is taken from the copy, and after it
//! from what can still be read of the damaged file, which stays beside it. What a CRM has is fetched from it again.

use crate::{DatabaseKey, Store, StoreError, connect, copy, people, schema};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Set when a database was mended, until the operator has been told.
const MENDED: &str = "store.mended";
/// When the whole file was last read, UTC milliseconds.
const CHECKED: &str = "store.checked";
/// The whole file is read this often, milliseconds: a week.
const CHECK_EVERY: i64 = 7 * 24 * 3_600_000;

/// Every file that a database may have beside it, by what it is called without `-wal` and the like.
pub(crate) fn all_files(database: &Path) -> [PathBuf; 5] {
    let copy = copy::path(database);
    let aside = copy.with_extension("damaged.db");
    [database.into(), database.with_extension("damaged.db"), New::of(database).file, aside, copy]
}

/// What the CRM has by now is looked at before anything is sent; of a record only the first entry can be under way. All that it has is
/// fetched.
pub(crate) const IN_DOUBT: &str =
    "UPDATE outbox AS o SET state = 'sent', not_before = 0 WHERE state IN ('queued', 'looked') AND NOT EXISTS
         (SELECT 1 FROM outbox e WHERE e.entity = o.entity AND e.uid = o.uid AND e.seq < o.seq);
     UPDATE link SET version = NULL, seen = 0;
     UPDATE upstream SET stopped = NULL, retry_at = 0, failures = 0, error = NULL, may_vanish = 0;";

/// The connections of a store: one that writes, with the copy beside it, and one that reads.
pub(crate) fn open(path: &Path, key: &DatabaseKey) -> Result<(Connection, Connection), StoreError> {
    let new = New::of(path);
    if new.is_whole(key) {
        // Killed while it was put in place.
        new.put_in_place()?;
    }
    match open_as_it_is(path, key) {
        Err(StoreError::Damaged) => {
            tracing::error!("the database is damaged, and is made anew");
            new.make(key)?;
            new.put_in_place()?;
            open_as_it_is(path, key)
        }
        other => other,
    }
}

fn open_as_it_is(path: &Path, key: &DatabaseKey) -> Result<(Connection, Connection), StoreError> {
    let copy = copy::path(path);
    // An empty file is a new database, unless it was one with something in it.
    if std::fs::metadata(path).map_or(0, |m| m.len()) == 0 && has_something(&copy, key)? {
        return Err(StoreError::Damaged);
    }
    let mut writer = connect(path, key).map_err(|e| match e {
        // The key opens the copy.
        StoreError::Locked { .. } if has_something(&copy, key).unwrap_or(false) => StoreError::Damaged,
        e => e,
    })?;
    schema::migrate(&mut writer)?;
    copy::begin(&writer)?;
    let attached = copy::attach(&writer, &copy, key).and_then(|()| copy::is_ahead(&writer));
    let even = match attached {
        Ok(true) => return Err(StoreError::Damaged),
        Ok(false) => copy::catch_up(&mut writer),
        Err(e) => Err(e),
    };
    match even.map_err(StoreError::from) {
        Ok(()) => {}
        Err(StoreError::Damaged) if is_sound(path, key)? => another_copy(&mut writer, path, key)?,
        Err(StoreError::Damaged) => return Err(StoreError::Damaged),
        // It is tried again with each change; work goes on without it.
        Err(e) => {
            tracing::warn!("no second copy: {e}");
            copy::is_behind(&writer)?;
        }
    }
    let reader = connect(path, key)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok((writer, reader))
}

/// The copy is damaged: another one, and that one aside, for it may only be the key that does not fit it.
fn another_copy(writer: &mut Connection, path: &Path, key: &DatabaseKey) -> Result<(), StoreError> {
    tracing::warn!("the second copy of what waits is damaged, and is made anew");
    let copy = copy::path(path);
    // It may not have come to be there.
    let _ = writer.execute_batch("DETACH DATABASE copy");
    put_aside(&copy).map_err(StoreError::Disk)?;
    copy::attach(writer, &copy, key)?;
    Ok(copy::renew(writer)?)
}

/// Whether there is a database here that the key opens. None is made.
fn has_something(path: &Path, key: &DatabaseKey) -> Result<bool, StoreError> {
    if !path.exists() {
        return Ok(false);
    }
    match connect(path, key).and_then(|db| Ok(version(&db, "main")?)) {
        Ok(version) => Ok(version > 0),
        Err(StoreError::Damaged | StoreError::Locked { .. }) => Ok(false),
        // Not now, for some reason or other.
        Err(e) => Err(e),
    }
}

fn version(db: &Connection, schema: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(Some(schema), "user_version", |r| r.get(0))
}

/// A database that is made in place of a damaged one. Nothing of the old ones is moved before it is whole, so whatever goes wrong, and
/// whenever it ends, there is what there was.
struct New<'a> {
    path: &'a Path,
    file: PathBuf,
}

impl New<'_> {
    fn of(path: &Path) -> New<'_> {
        New { path, file: path.with_extension("new.db") }
    }

    /// Whether it was made to its end.
    fn is_whole(&self, key: &DatabaseKey) -> bool {
        let mended = |db: Connection| {
            db.query_row("SELECT EXISTS (SELECT 1 FROM setting WHERE name = ?1)", [MENDED], |r| r.get(0))
        };
        has_something(&self.file, key).unwrap_or(false)
            && connect(&self.file, key).is_ok_and(|db| mended(db).unwrap_or(false))
    }

    /// Makes it of what the copy has, and of what can still be read of the damaged file.
    fn make(&self, key: &DatabaseKey) -> Result<(), StoreError> {
        let mut sources = Vec::new();
        for (schema, file) in [("copy", copy::path(self.path)), ("damaged", self.path.into())] {
            if has_something(&file, key)? {
                sources.push((schema, file));
            }
        }
        let Some((first, _)) = sources.first() else { return Err(StoreError::Lost { path: self.path.into() }) };
        copy::remove(&self.file).map_err(StoreError::Disk)?;
        let mut db = connect(&self.file, key)?;
        for (schema, file) in &sources {
            attach(&db, schema, file, key)?;
        }
        // Once a page could not be read, SQLCipher reads no more of a file that is open.
        let take_over = |db: &Connection, schema: &str, tables: Option<&[&str]>| {
            copy::take_over(db, schema, tables, |db| {
                let Some((_, file)) = sources.iter().find(|(name, _)| *name == schema) else { return Ok(()) };
                db.execute_batch(&format!("DETACH DATABASE {schema}"))?;
                attach(db, schema, file, key)
            })
        };
        // In the form of the version that wrote it.
        let form = version(&db, first)?;
        schema::migrate_to(&mut db, form)?;
        let mut lost = take_over(&db, first, None)?;
        let mut older = false;
        if sources.len() > 1 {
            // After a cut of power the copy may be a few seconds older, and longer when it could not be written.
            let newer = match copy::count(&db, "damaged") {
                Ok(count) => count > copy::count(&db, "copy").ok().flatten(),
                Err(_) => true,
            };
            let unread = take_over(&db, "damaged", Some(&lost[..]).filter(|_| !newer))?;
            if newer && unread.contains(&"phone") && !lost.contains(&"phone") {
                // They went with the customers that were replaced.
                take_over(&db, "copy", Some(&["phone"]))?;
            }
            lost.retain(|table| unread.contains(table));
            older = newer && !unread.is_empty();
        }
        for (schema, _) in &sources {
            db.execute_batch(&format!("DETACH DATABASE {schema}"))?;
        }
        schema::migrate(&mut db)?;
        let tx = db.transaction()?;
        tx.execute_batch(IN_DOUBT)?;
        people::index(&tx)?;
        let mended = if lost.is_empty() && !older { Mended::Whole } else { Mended::Partly };
        let mended = serde_json::to_string(&mended).unwrap_or_default();
        tx.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", [MENDED, &mended])?;
        tx.commit()?;
        // One file, to be renamed.
        db.pragma_update(None, "journal_mode", "DELETE")?;
        Ok(())
    }

    /// The old ones aside, and this one in their place. Nobody may have them open.
    fn put_in_place(&self) -> Result<(), StoreError> {
        let put = || -> std::io::Result<()> {
            put_aside(self.path)?;
            // It has all that could be read of its copy, which may be damaged too.
            put_aside(&copy::path(self.path))?;
            std::fs::rename(&self.file, self.path)
        };
        put().map_err(StoreError::Disk)
    }
}

fn attach(db: &Connection, schema: &str, file: &Path, key: &DatabaseKey) -> Result<(), StoreError> {
    let attach = format!("ATTACH DATABASE ?1 AS {schema} KEY ?2");
    db.execute(&attach, params![file.to_string_lossy(), *key.pragma()])?;
    Ok(())
}

/// A database beside itself, in place of the one that was put there before.
fn put_aside(path: &Path) -> std::io::Result<()> {
    let aside = path.with_extension("damaged.db");
    if path.exists() {
        copy::remove(&aside)?;
    }
    for (from, to) in copy::files(path).iter().zip(copy::files(&aside)).rev().filter(|(from, _)| from.exists()) {
        std::fs::rename(from, to)?;
    }
    Ok(())
}

/// Whether every page of a file fits its code, and they fit each other. One that is not there is not sound.
fn is_sound(path: &Path, key: &DatabaseKey) -> Result<bool, StoreError> {
    let look = || -> Result<bool, StoreError> {
        let db = connect(path, key)?;
        let mut pages = db.prepare("PRAGMA cipher_integrity_check")?;
        // The first thing it finds is enough.
        if let Some(said) = pages.query_map([], |r| r.get::<_, String>(0))?.next() {
            let said = said?;
            if said.contains("HMAC verification failed") || said.contains("invalid size") {
                return Ok(false);
            }
            // It could not be read, or not be worked out: that says nothing about what is there.
            return Err(StoreError::Disk(std::io::Error::other(said)));
        }
        Ok(db.query_row("PRAGMA integrity_check", [], |r| r.get::<_, String>(0))? == "ok")
    };
    if !path.exists() {
        return Ok(false);
    }
    match look() {
        Err(StoreError::Damaged | StoreError::Locked { .. }) => Ok(false),
        other => other,
    }
}

/// How much of what the operator wrote could be kept when a database was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mended {
    /// All of it, but perhaps for the last seconds before a cut of power.
    Whole,
    /// Perhaps not all: the second copy was damaged too, or older.
    Partly,
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

    /// Looks at the whole file and its copy if a week has passed since, and mends what is damaged. The answer is whether something was.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn check(&self, now: i64) -> Result<bool, StoreError> {
        let last: i64 = self.setting(CHECKED)?.unwrap_or(0);
        if (last..last + CHECK_EVERY).contains(&now) {
            return Ok(false);
        }
        let damaged = self.mend()?;
        self.set_setting(CHECKED, &now)?;
        Ok(damaged)
    }

    /// Looks at the whole file and its copy, and makes what is damaged anew, while it is in use. Nobody waits while it looks; while it
    /// mends whoever asks does. The answer is whether the database was damaged; its copy alone is nobody's concern.
    ///
    /// # Errors
    /// [`StoreError::Lost`], or when the disk refuses. Then all is as it was.
    pub fn mend(&self) -> Result<bool, StoreError> {
        let _alone = self.mending.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let sound = is_sound(&self.path, &self.key)?;
        if sound && is_sound(&copy::path(&self.path), &self.key)? {
            return Ok(false);
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if sound {
            return another_copy(&mut writer, &self.path, &self.key).map(|()| false);
        }
        let new = New::of(&self.path);
        if self.path.exists() || !new.is_whole(&self.key) {
            new.make(&self.key)?;
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        // The files are let go of.
        (*writer, *reader) = (Connection::open_in_memory()?, Connection::open_in_memory()?);
        let put = new.put_in_place();
        let stays = put.is_err() && self.path.exists();
        if stays {
            // Work goes on with the damaged one: what is written from now on must not be missing at the next start.
            copy::remove(&new.file).map_err(StoreError::Disk)?;
        }
        // Where the old one is away already, the new one is put in place here.
        (*writer, *reader) = open(&self.path, &self.key)?;
        if stays { put.map(|()| true) } else { Ok(true) }
    }

    /// Whether what was written could not be copied because something is damaged, since this was last asked: see [`Store::mend`].
    pub fn is_hurt(&self) -> bool {
        self.hurt.swap(false, Ordering::Relaxed)
    }

    /// How a damaged database was mended, until the operator has said that he knows.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn was_mended(&self) -> Result<Option<Mended>, StoreError> {
        self.setting(MENDED)
    }

    /// The operator knows.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn mending_is_known(&self) -> Result<(), StoreError> {
        self.clear_setting(MENDED)
    }
}
