//! Which record here is which there, and in what state it was last seen.

use super::upstream::{Entity, Remote};
use crate::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) uid: String,
    pub(crate) remote: String,
    pub(crate) version: Option<String>,
}

const LINK: &str = "uid, remote, version";

fn read(r: &Row<'_>) -> rusqlite::Result<Link> {
    Ok(Link { uid: r.get(0)?, remote: r.get(1)?, version: r.get(2)? })
}

/// The link of a record here.
pub(crate) fn of(db: &Connection, entity: Entity, uid: &str) -> Result<Option<Link>, StoreError> {
    let sql = format!("SELECT {LINK} FROM link WHERE entity = ?1 AND uid = ?2");
    Ok(db.prepare_cached(&sql)?.query_row(params![entity.word(), uid], read).optional()?)
}

/// The link of a record there.
pub(crate) fn to(db: &Connection, entity: Entity, remote: &str) -> Result<Option<Link>, StoreError> {
    let sql = format!("SELECT {LINK} FROM link WHERE entity = ?1 AND remote = ?2");
    Ok(db.prepare_cached(&sql)?.query_row(params![entity.word(), remote], read).optional()?)
}

/// Notes in what state a record is there. `pass` is the number of the pass that saw it.
pub(crate) fn put(db: &Connection, entity: Entity, uid: &str, r: &Remote, pass: i64) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO link (entity, uid, remote, version, seen) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(entity, uid) DO UPDATE SET remote = ?3, version = ?4, seen = ?5",
    )?
    .execute(params![entity.word(), uid, r.id, r.version, pass])?;
    Ok(())
}

/// It is still there.
pub(crate) fn saw(db: &Connection, entity: Entity, remote: &str, pass: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE link SET seen = ?3 WHERE entity = ?1 AND remote = ?2")?.execute(params![
        entity.word(),
        remote,
        pass
    ])?;
    Ok(())
}

pub(crate) fn remove(db: &Connection, entity: Entity, uid: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM link WHERE entity = ?1 AND uid = ?2")?.execute(params![entity.word(), uid])?;
    Ok(())
}

/// What is known of a record there is not its newest state: it is asked for again.
pub(crate) fn doubt(db: &Connection, entity: Entity, uid: &str) -> Result<(), StoreError> {
    let Some(link) = of(db, entity, uid)? else { return Ok(()) };
    db.prepare_cached("UPDATE link SET version = NULL WHERE entity = ?1 AND uid = ?2")?
        .execute(params![entity.word(), uid])?;
    fetch(db, entity, &link.remote)
}

/// Asks for a record as soon as nothing of its own is on the way.
pub(crate) fn fetch(db: &Connection, entity: Entity, remote: &str) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO fetch (entity, remote) VALUES (?1, ?2)")?
        .execute(params![entity.word(), remote])?;
    Ok(())
}

const FREE: &str = "FROM fetch f LEFT JOIN link l ON l.entity = f.entity AND l.remote = f.remote
     WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.entity = l.entity AND o.uid = l.uid AND o.state = 'sent')";

/// The next record to ask for.
pub(crate) fn to_fetch(db: &Connection, now: i64) -> Result<Option<(Entity, String)>, StoreError> {
    let sql = format!("SELECT f.entity, f.remote {FREE} AND f.not_before <= ?1 ORDER BY f.not_before LIMIT 1");
    let found: Option<(String, String)> =
        db.prepare_cached(&sql)?.query_row([now], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    Ok(found.and_then(|(entity, remote)| Some((Entity::of(&entity)?, remote))))
}

/// When the next one is to be asked for that is not yet.
pub(crate) fn next_fetch(db: &Connection) -> Result<Option<i64>, StoreError> {
    Ok(db.prepare_cached(&format!("SELECT min(f.not_before) {FREE}"))?.query_row([], |r| r.get(0))?)
}

/// Asked for in vain: again, but not before.
pub(crate) fn put_off(db: &Connection, entity: Entity, remote: &str, until: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE fetch SET not_before = ?3, attempts = attempts + 1 WHERE entity = ?1 AND remote = ?2")?
        .execute(params![entity.word(), remote, until])?;
    Ok(())
}

/// How often a record was asked for in vain.
pub(crate) fn attempts(db: &Connection, entity: Entity, remote: &str) -> Result<u32, StoreError> {
    let mut query = db.prepare_cached("SELECT attempts FROM fetch WHERE entity = ?1 AND remote = ?2")?;
    Ok(query.query_row(params![entity.word(), remote], |r| r.get(0)).optional()?.unwrap_or(0))
}

/// It has been asked for.
pub(crate) fn fetched(db: &Connection, entity: Entity, remote: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM fetch WHERE entity = ?1 AND remote = ?2")?
        .execute(params![entity.word(), remote])?;
    Ok(())
}
