//! What both sides changed. The CRM's value is shown on the card; the operator's waits here with both others until the operator
//! chooses. Nothing is lost by not choosing.

use super::merge::{Clash, same, value};
use super::upstream::{Entity, Fields};
use super::{Here, outbox, records};
use crate::{StoreError, new_id};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

/// A field that the operator and somebody else changed; or a record that one side deleted and the other changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// What.
    pub entity: Entity,
    /// The record's id here.
    pub uid: String,
    /// The field. None when it is about the whole record: gone there, then `mine` is an object of all its fields as the operator left
    /// them; or deleted here, then `mine` is null and `theirs` the object.
    pub field: Option<String>,
    /// What it was when the operator changed it.
    pub base: Value,
    /// What the operator wrote.
    pub mine: Value,
    /// What the CRM has.
    pub theirs: Value,
    /// When it was noticed, UTC milliseconds.
    pub at: i64,
}

/// Whose value it shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The operator's.
    Mine,
    /// The CRM's.
    Theirs,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Conflict> {
    let json = |column: usize| -> rusqlite::Result<Value> {
        let text = r.get_ref(column)?.as_str()?;
        // Written by us; should it be damaged, the words themselves are better than nothing.
        Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
    };
    let field: String = r.get(2)?;
    Ok(Conflict {
        entity: Entity::of(r.get_ref(0)?.as_str()?).unwrap_or(Entity::Contact),
        uid: r.get(1)?,
        field: Some(field).filter(|f| !f.is_empty()),
        base: json(3)?,
        mine: json(4)?,
        theirs: json(5)?,
        at: r.get(6)?,
    })
}

const CONFLICT: &str = "entity, uid, field, base, mine, theirs, at";

/// All that wait for a choice, oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Conflict>, StoreError> {
    let sql = format!("SELECT {CONFLICT} FROM conflict ORDER BY at, uid, field");
    Ok(db.prepare_cached(&sql)?.query_map([], read)?.collect::<Result<_, _>>()?)
}

fn one(db: &Connection, entity: Entity, uid: &str, field: Option<&str>) -> Result<Option<Conflict>, StoreError> {
    let sql = format!("SELECT {CONFLICT} FROM conflict WHERE entity = ?1 AND uid = ?2 AND field = ?3");
    let found =
        db.prepare_cached(&sql)?.query_row(params![entity.word(), uid, field.unwrap_or("")], read).optional()?;
    Ok(found)
}

/// Keeps a clash. One that is there already keeps its base: that is what the operator saw.
pub(crate) fn put(h: &Here<'_>, entity: Entity, uid: &str, clash: &Clash) -> Result<(), StoreError> {
    h.db.prepare_cached(
        "INSERT INTO conflict (entity, uid, field, base, mine, theirs, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT(entity, uid, field) DO UPDATE SET mine = ?5, theirs = ?6",
    )?
    .execute(params![
        entity.word(),
        uid,
        clash.field,
        clash.base.to_string(),
        clash.mine.to_string(),
        clash.theirs.to_string(),
        h.now
    ])?;
    Ok(())
}

/// What the operator wrote in the fields of a record that are in conflict.
pub(crate) fn mine(db: &Connection, entity: Entity, uid: &str) -> Result<Fields, StoreError> {
    let all = all(db)?.into_iter().filter(|c| c.entity == entity && c.uid == uid);
    Ok(all.filter_map(|c| Some((c.field?, c.mine))).collect())
}

/// The CRM's value of a field in conflict has changed again; when it is what the operator wrote, there is no conflict any more.
pub(crate) fn follow(db: &Connection, entity: Entity, uid: &str, theirs: &Fields) -> Result<(), StoreError> {
    let fields: Vec<(String, String)> = db
        .prepare_cached("SELECT field, mine FROM conflict WHERE entity = ?1 AND uid = ?2 AND field != ''")?
        .query_map(params![entity.word(), uid], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (field, mine) in fields {
        let now = value(theirs, &field);
        if serde_json::from_str(&mine).is_ok_and(|mine: Value| same(&mine, now)) {
            settle(db, entity, uid, &field)?;
        } else {
            db.prepare_cached("UPDATE conflict SET theirs = ?4 WHERE entity = ?1 AND uid = ?2 AND field = ?3")?
                .execute(params![entity.word(), uid, field, now.to_string()])?;
        }
    }
    Ok(())
}

/// The record is deleted here: nothing of it is to be chosen any more.
pub(crate) fn forget(db: &Connection, entity: Entity, uid: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM conflict WHERE entity = ?1 AND uid = ?2")?.execute(params![entity.word(), uid])?;
    Ok(())
}

/// The operator has written the field anew.
pub(crate) fn settle(db: &Connection, entity: Entity, uid: &str, field: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM conflict WHERE entity = ?1 AND uid = ?2 AND field = ?3")?.execute(params![
        entity.word(),
        uid,
        field
    ])?;
    Ok(())
}

/// A record turns out to be one that is here already.
pub(crate) fn adopt(db: &Connection, entity: Entity, from: &str, to: &str) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE OR IGNORE conflict SET uid = ?3 WHERE entity = ?1 AND uid = ?2 AND field != ''")?
        .execute(params![entity.word(), from, to])?;
    db.prepare_cached("DELETE FROM conflict WHERE entity = ?1 AND uid = ?2 AND field != ''")?
        .execute(params![entity.word(), from])?;
    Ok(())
}

/// The operator, who was shown `theirs`, chooses. The own value becomes a change like any other; of a record that is gone, a new record
/// in its place, whose id is the answer.
///
/// # Errors
/// [`StoreError::Changed`] when the CRM's value is another by now: it is to be shown first.
pub(crate) fn choose(
    h: &Here<'_>,
    entity: Entity,
    uid: &str,
    field: Option<&str>,
    theirs: &Value,
    choice: Choice,
) -> Result<Option<String>, StoreError> {
    let conflict = one(h.db, entity, uid, field)?.ok_or(StoreError::Missing("conflict"))?;
    if choice == Choice::Mine && !same(theirs, &conflict.theirs) {
        return Err(StoreError::Changed);
    }
    settle(h.db, entity, uid, field.unwrap_or(""))?;
    match (choice, field, conflict.mine) {
        (Choice::Theirs, _, _) => Ok(None),
        (Choice::Mine, Some(field), mine) => {
            let [patch, seen] = [mine, conflict.theirs].map(|v| [(field.to_owned(), v)].into());
            outbox::edit(h, entity, uid, &patch, &seen).map(|()| None)
        }
        (Choice::Mine, None, Value::Null) => outbox::delete(h, entity, uid).map(|()| None),
        (Choice::Mine, None, mine) => {
            let fields = mine.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
            let anew = new_id();
            outbox::create(h, entity, &anew, &fields)?;
            records::made_anew(h.db, entity, uid, &anew)?;
            Ok(Some(anew))
        }
    }
}
