//! How it goes with the CRM as a whole: not reachable for now, or stopped until somebody answers.

use super::upstream::Entity;
use super::{Here, conflict, records};
use crate::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::collections::BTreeSet;

/// Why nothing is asked of the CRM until the operator does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It does not let us in.
    SignIn,
    /// So many customers would vanish at once. That may be right; it may be a mistake on the server.
    Vanishing(i64),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) stopped: Option<Stopped>,
    /// Not to be asked before, UTC milliseconds.
    pub(crate) retry_at: i64,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// The last failure in plain words.
    pub(crate) error: Option<String>,
    /// The last answer, UTC milliseconds.
    pub(crate) answered: Option<i64>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Standing> {
    let stopped: Option<String> = r.get(0)?;
    let stopped = stopped.map(|s| match s.parse() {
        Ok(gone) => Stopped::Vanishing(gone),
        Err(_) => Stopped::SignIn,
    });
    Ok(Standing { stopped, retry_at: r.get(1)?, failures: r.get(2)?, error: r.get(3)?, answered: r.get(4)? })
}

pub(crate) fn get(db: &Connection) -> Result<Standing, StoreError> {
    let mut query = db.prepare_cached("SELECT stopped, retry_at, failures, error, answered FROM upstream")?;
    Ok(query.query_row([], read).optional()?.unwrap_or_default())
}

pub(crate) fn put(db: &Connection, c: &Standing) -> Result<(), StoreError> {
    let stopped = c.stopped.as_ref().map(|s| match s {
        Stopped::SignIn => "sign-in".to_owned(),
        Stopped::Vanishing(gone) => gone.to_string(),
    });
    db.prepare_cached("UPDATE upstream SET stopped = ?1, retry_at = ?2, failures = ?3, error = ?4, answered = ?5")?
        .execute(params![stopped, c.retry_at, c.failures, c.error, c.answered])?;
    Ok(())
}

/// The fields that a CRM keeps of each kind of record; of a kind that is not named it keeps none.
pub type Mapped<'a> = &'a [(Entity, &'a [&'a str])];

/// A CRM that keeps these fields. Others stay on this computer. `who` tells one CRM, and one user's part of it, from another; when it is
/// another one than before, nothing of that stays but what nobody there knows of.
pub(crate) fn connect(h: &Here<'_>, who: &str, fields: Mapped<'_>) -> Result<(), StoreError> {
    let db = h.db;
    let fields: serde_json::Map<_, _> =
        fields.iter().map(|(entity, of)| (entity.word().to_owned(), Value::from(of.to_vec()))).collect();
    let fields = Value::Object(fields).to_string();
    let read = |r: &Row<'_>| Ok((r.get(0)?, r.get(1)?));
    let before: Option<(String, String)> = db.query_row("SELECT who, fields FROM upstream", [], read).optional()?;
    match before {
        Some((before, _)) if before != who => forget(h)?,
        // It keeps others than before: all there is is looked at again.
        Some((_, before)) if before != fields => {
            db.execute_batch("DELETE FROM feed; UPDATE link SET version = NULL, seen = 0")?;
        }
        _ => {}
    }
    db.execute(
        "INSERT INTO upstream (id, retry_at, failures, who, fields) VALUES (1, 0, 0, ?1, ?2)
         ON CONFLICT(id) DO UPDATE SET stopped = NULL, retry_at = 0, failures = 0, fields = ?2",
        [who, &fields],
    )?;
    Ok(())
}

/// Leaves a CRM for good. Its records go; those with something of the operator's that it does not have stay, as records of this computer,
/// with what the operator wrote.
fn forget(h: &Here<'_>) -> Result<(), StoreError> {
    let db = h.db;
    for c in conflict::all(db)? {
        let mut card = records::read(db, c.entity, &c.uid)?;
        match (c.field, c.mine) {
            (Some(field), mine) => card.iter_mut().for_each(|card| drop(card.insert(field.clone(), mine.clone()))),
            // Deleted by the operator, and changed there: that is the CRM's affair.
            (None, Value::Null) => continue,
            (None, mine) => {
                card = Some(mine.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect())
            }
        }
        if let Some(card) = card {
            records::write(h, c.entity, &c.uid, &card)?;
        }
    }
    for entity in Entity::ALL {
        let uids: Vec<String> = db
            .prepare(
                "SELECT l.uid FROM link l WHERE l.entity = ?1
                     AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.entity = l.entity AND o.uid = l.uid)
                     AND NOT EXISTS (SELECT 1 FROM conflict c WHERE c.entity = l.entity AND c.uid = l.uid)",
            )?
            .query_map([entity.word()], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        for uid in uids {
            if !records::stays(db, entity, &uid)? {
                records::remove(db, entity, &uid)?;
            }
        }
    }
    for table in ["link", "fetch", "feed", "outbox", "conflict", "upstream"] {
        db.execute(&format!("DELETE FROM {table}"), [])?;
    }
    Ok(())
}

/// Which CRM it is, if there is one.
pub(crate) fn who(db: &Connection) -> Result<Option<String>, StoreError> {
    Ok(db.query_row("SELECT who FROM upstream", [], |r| r.get(0)).optional()?)
}

/// The fields of such a record that the CRM keeps; none when there is no CRM, or it keeps no such records.
pub(crate) fn mapped(db: &Connection, entity: Entity) -> Result<Option<BTreeSet<String>>, StoreError> {
    let mut query = db.prepare_cached("SELECT json_extract(fields, '$.' || ?1) FROM upstream")?;
    let fields: Option<String> = query.query_row([entity.word()], |r| r.get(0)).optional()?.flatten();
    Ok(fields.map(|f| serde_json::from_str(&f).unwrap_or_default()))
}

/// It has answered.
pub(crate) fn answered(h: &Here<'_>) -> Result<(), StoreError> {
    let c = get(h.db)?;
    put(h.db, &Standing { retry_at: 0, failures: 0, error: None, answered: Some(h.now), ..c })
}

/// Many would vanish: that is asked first.
pub(crate) fn ask(h: &Here<'_>, gone: i64) -> Result<(), StoreError> {
    let c = get(h.db)?;
    put(h.db, &Standing { stopped: Some(Stopped::Vanishing(gone)), ..c })
}

/// How many the operator said may vanish.
pub(crate) fn may_vanish(db: &Connection) -> Result<i64, StoreError> {
    let mut query = db.prepare_cached("SELECT may_vanish FROM upstream")?;
    Ok(query.query_row([], |r| r.get(0)).optional()?.unwrap_or(0))
}

/// A pass has ended: the next time it is asked again.
pub(crate) fn no_more_vanish(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE upstream SET may_vanish = 0 WHERE may_vanish")?.execute([])?;
    Ok(())
}

/// The operator has done something about it: signed in, or looked after the server; or said that they `may_vanish`, as many as were
/// asked about. What waits is tried at once.
pub(crate) fn go_on(db: &Connection, may_vanish: bool) -> Result<(), StoreError> {
    let c = get(db)?;
    let agreed = match c.stopped {
        Some(Stopped::Vanishing(gone)) if may_vanish => gone,
        _ => 0,
    };
    put(db, &Standing { stopped: None, retry_at: 0, failures: 0, ..c })?;
    db.execute("UPDATE upstream SET may_vanish = ?1", [agreed])?;
    db.execute_batch(
        "UPDATE outbox SET not_before = 0 WHERE state = 'queued' AND not_before > 0;
         UPDATE fetch SET not_before = 0 WHERE not_before > 0",
    )?;
    Ok(())
}
