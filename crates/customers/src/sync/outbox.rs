//! What waits to be sent. An entry is written in the transaction that changes the record, so neither is there without the other.

use super::merge::{Change, Clash, same, value};
use super::upstream::{Entity, Fields};
use super::{Here, Refused, Unsent, Waiting, conflict, link, records, state};
use crate::{StoreError, people};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

/// What an entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Make the record.
    Create,
    /// Change fields.
    Update,
    /// Delete it.
    Delete,
}

/// How far an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Certainly not done.
    Queued,
    /// Looked at: nobody else has changed it a moment ago. For CRMs without versions.
    Looked,
    /// A request is, or may be, on its way.
    Sent,
    /// Refused. It stays, and is shown, until somebody changes it or lets it go.
    Refused,
}

const KINDS: [(Kind, &str); 3] = [(Kind::Create, "create"), (Kind::Update, "update"), (Kind::Delete, "delete")];
const STATES: [(State, &str); 4] =
    [(State::Queued, "queued"), (State::Looked, "looked"), (State::Sent, "sent"), (State::Refused, "refused")];

fn word<T: PartialEq + Copy>(words: &[(T, &'static str)], of: T) -> &'static str {
    words.iter().find(|(x, _)| *x == of).map_or("", |(_, w)| w)
}

fn meaning<T: Copy>(words: &[(T, &str)], column: usize, word: &str) -> rusqlite::Result<T> {
    words
        .iter()
        .find(|(_, w)| *w == word)
        .map(|(x, _)| *x)
        .ok_or_else(|| unreadable(column, format!("no such word: {word}")))
}

fn unreadable(column: usize, why: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why.into())
}

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) entity: Entity,
    pub(crate) uid: String,
    pub(crate) kind: Kind,
    pub(crate) change: Change,
    pub(crate) state: State,
    /// Not to be looked at before, UTC milliseconds.
    pub(crate) not_before: i64,
    pub(crate) attempts: u32,
}

const ENTRY: &str = "seq, entity, uid, kind, patch, base, state, not_before, attempts";

fn read(r: &Row<'_>) -> rusqlite::Result<Entry> {
    let fields = |column: usize| -> rusqlite::Result<Fields> {
        serde_json::from_str(r.get_ref(column)?.as_str()?).map_err(|e| unreadable(column, e.to_string()))
    };
    let entity = r.get_ref(1)?.as_str()?;
    Ok(Entry {
        seq: r.get(0)?,
        entity: Entity::of(entity).ok_or_else(|| unreadable(1, format!("no such entity: {entity}")))?,
        uid: r.get(2)?,
        kind: meaning(&KINDS, 3, r.get_ref(3)?.as_str()?)?,
        change: Change { patch: fields(4)?, base: fields(5)? },
        state: meaning(&STATES, 6, r.get_ref(6)?.as_str()?)?,
        not_before: r.get(7)?,
        attempts: r.get(8)?,
    })
}

fn json(fields: &Fields) -> String {
    Value::Object(fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect()).to_string()
}

/// One entry.
pub(crate) fn get(db: &Connection, seq: i64) -> Result<Option<Entry>, StoreError> {
    let sql = format!("SELECT {ENTRY} FROM outbox WHERE seq = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([seq], read).optional()?)
}

/// A record's entries, oldest first.
pub(crate) fn of(db: &Connection, entity: Entity, uid: &str) -> Result<Vec<Entry>, StoreError> {
    let sql = format!("SELECT {ENTRY} FROM outbox WHERE entity = ?1 AND uid = ?2 ORDER BY seq");
    Ok(db.prepare_cached(&sql)?.query_map(params![entity.word(), uid], read)?.collect::<Result<_, _>>()?)
}

/// Within a record entries go in their order; one that waits or was refused holds up its own record alone, and requests of a customer who
/// is not there yet, or of whom it can't be said before all there are have been fetched.
const TURN: &str = "NOT EXISTS (SELECT 1 FROM outbox e WHERE e.entity = o.entity AND e.uid = o.uid AND e.seq < o.seq)
     AND NOT (o.entity = 'request' AND EXISTS (SELECT 1 FROM outbox e
         WHERE e.entity = 'contact' AND e.uid = json_extract(o.patch, '$.customer') AND e.kind = 'create'))
     AND NOT (o.entity = 'request' AND coalesce(json_extract(o.patch, '$.customer'), '') != ''
         AND NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = json_extract(o.patch, '$.customer'))
         AND (NOT EXISTS (SELECT 1 FROM feed f WHERE f.entity = 'contact' AND f.phase = 'idle' AND f.pass > 0)
             OR EXISTS (SELECT 1 FROM fetch f WHERE f.entity = 'contact' AND f.attempts < 3)))";

/// The oldest entry that may be worked on now.
pub(crate) fn due(db: &Connection, now: i64) -> Result<Option<Entry>, StoreError> {
    let sql = format!(
        "SELECT {ENTRY} FROM outbox o WHERE state != 'refused' AND not_before <= ?1 AND {TURN} ORDER BY seq LIMIT 1"
    );
    Ok(db.prepare_cached(&sql)?.query_row([now], read).optional()?)
}

/// The clock was put back: nothing waits longer than `longest_ms` from now, and what was looked at is looked at again.
pub(crate) fn wait_anew(db: &Connection, now: i64, longest_ms: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE outbox SET state = 'queued', not_before = 0 WHERE state = 'looked' AND not_before > ?1")?
        .execute([now])?;
    for table in ["outbox", "fetch"] {
        db.prepare_cached(&format!("UPDATE {table} SET not_before = ?1 WHERE not_before > ?1"))?
            .execute([now + longest_ms])?;
    }
    Ok(())
}

/// When the next entry may be worked on that may not now.
pub(crate) fn next_due(db: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = format!("SELECT min(not_before) FROM outbox o WHERE state != 'refused' AND {TURN}");
    Ok(db.prepare_cached(&sql)?.query_row([], |r| r.get(0))?)
}

/// Appends an entry.
fn append(h: &Here<'_>, entity: Entity, uid: &str, kind: Kind, change: &Change) -> Result<(), StoreError> {
    h.db.prepare_cached("INSERT INTO outbox (entity, uid, kind, patch, base, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![entity.word(), uid, word(&KINDS, kind), json(&change.patch), json(&change.base), h.now])?;
    Ok(())
}

/// Writes an entry's change, state and times.
pub(crate) fn put(db: &Connection, e: &Entry) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE outbox SET patch = ?2, base = ?3, state = ?4, not_before = ?5, attempts = ?6,
             error = CASE ?4 WHEN 'sent' THEN NULL ELSE error END WHERE seq = ?1",
    )?
    .execute(params![
        e.seq,
        json(&e.change.patch),
        json(&e.change.base),
        word(&STATES, e.state),
        e.not_before,
        e.attempts
    ])?;
    Ok(())
}

/// Why an entry is not done yet, or refused.
pub(crate) fn say_why(db: &Connection, seq: i64, why: &str) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE outbox SET error = ?2 WHERE seq = ?1")?.execute(params![seq, why])?;
    Ok(())
}

/// A record turns out to be one that is here already: what waits for the one waits for the other.
pub(crate) fn follow(db: &Connection, entity: Entity, from: &str, to: &str) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE outbox SET uid = ?3 WHERE entity = ?1 AND uid = ?2")?.execute(params![
        entity.word(),
        from,
        to
    ])?;
    Ok(())
}

/// Done with an entry.
pub(crate) fn remove(db: &Connection, seq: i64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM outbox WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// The operator makes a record.
pub(crate) fn create(h: &Here<'_>, entity: Entity, uid: &str, fields: &Fields) -> Result<(), StoreError> {
    records::write(h, entity, uid, fields)?;
    send(h, entity, uid)
}

/// With a request goes its customer, where nobody said yet that he shall; an invented one stays.
fn along(h: &Here<'_>, entity: Entity, patch: &Fields) -> Result<(), StoreError> {
    let Some(customer) = value(patch, "customer").as_str().filter(|_| entity == Entity::Request) else { return Ok(()) };
    let known =
        link::of(h.db, Entity::Contact, customer)?.is_some() || !of(h.db, Entity::Contact, customer)?.is_empty();
    if known || people::is_sample(h.db, customer)? { Ok(()) } else { send(h, Entity::Contact, customer) }
}

/// The operator changes fields of a record; `seen` is what the card showed in these fields. What has changed since is a conflict at
/// once. What has not been sent yet is changed in place.
pub(crate) fn edit(h: &Here<'_>, entity: Entity, uid: &str, patch: &Fields, seen: &Fields) -> Result<(), StoreError> {
    let before = records::read(h.db, entity, uid)?.ok_or(StoreError::Missing("record"))?;
    let mut change = Change::default();
    for (field, mine) in patch {
        let (shown, now) = (value(seen, field), value(&before, field));
        if same(mine, now) {
            conflict::settle(h.db, entity, uid, field)?;
        } else if same(shown, now) {
            conflict::settle(h.db, entity, uid, field)?;
            change.patch.insert(field.clone(), mine.clone());
            change.base.insert(field.clone(), now.clone());
        } else if !same(mine, shown) {
            let (base, mine, theirs) = (shown.clone(), mine.clone(), now.clone());
            conflict::put(h, entity, uid, &Clash { field: field.clone(), base, mine, theirs })?;
        }
    }
    if change.patch.is_empty() {
        return Ok(());
    }
    let mut after = before;
    after.extend(change.patch.clone());
    records::write(h, entity, uid, &after)?;
    let Some(mapped) = state::mapped(h.db, entity)? else { return Ok(()) };
    change.patch.retain(|f, _| mapped.contains(f));
    change.base.retain(|f, _| mapped.contains(f));
    if change.patch.is_empty() {
        return Ok(());
    }
    let entries = of(h.db, entity, uid)?;
    if entries.is_empty() && link::of(h.db, entity, uid)?.is_none() {
        // Nobody there knows it, and nobody said that they shall; of the invented ones nobody ever can.
        return Ok(());
    }
    along(h, entity, &change.patch)?;
    let last = entries.into_iter().next_back();
    match last.filter(|e| matches!(e.state, State::Queued | State::Refused) && e.kind != Kind::Delete) {
        Some(mut entry) => {
            fold(&mut entry.change, change);
            // Written anew after a refusal, it is tried anew.
            (entry.state, entry.not_before, entry.attempts) = (State::Queued, 0, 0);
            put(h.db, &entry)
        }
        None => append(h, entity, uid, Kind::Update, &change),
    }
}

/// A later change becomes part of an earlier one.
pub(crate) fn fold(earlier: &mut Change, later: Change) {
    for (field, base) in later.base {
        if !earlier.patch.contains_key(&field) {
            earlier.base.insert(field, base);
        }
    }
    earlier.patch.extend(later.patch);
}

/// The operator deletes a record. One that never left is simply gone; of one that did, what the card showed is kept, and in place of new
/// values what the CRM had where the card showed changes that had not left: to ask when it was changed there meanwhile.
pub(crate) fn delete(h: &Here<'_>, entity: Entity, uid: &str) -> Result<(), StoreError> {
    let entries = of(h.db, entity, uid)?;
    let left = entries.iter().any(|e| e.state == State::Sent) || link::of(h.db, entity, uid)?.is_some();
    // What changes that are given up with it were based on is what the CRM has, and no news.
    let mut was = Fields::new();
    for entry in entries.into_iter().filter(|e| e.state != State::Sent) {
        remove(h.db, entry.seq)?;
        for (field, base) in entry.change.base {
            was.entry(field).or_insert(base);
        }
    }
    let base = records::read(h.db, entity, uid)?.unwrap_or_default();
    records::remove(h.db, entity, uid)?;
    conflict::forget(h.db, entity, uid)?;
    if left { append(h, entity, uid, Kind::Delete, &Change { patch: was, base }) } else { Ok(()) }
}

/// The CRM refuses an entry for good. What was written after it may be taken: it goes along with it once more.
pub(crate) fn refuse(db: &Connection, mut entry: Entry, why: &str) -> Result<(), StoreError> {
    let later = of(db, entry.entity, &entry.uid)?.into_iter().filter(|e| e.seq > entry.seq);
    let (mut folded, mut deleted) = (false, false);
    for e in later {
        if e.kind == Kind::Delete {
            deleted = true;
            if entry.kind == Kind::Create {
                remove(db, e.seq)?;
            }
        } else {
            remove(db, e.seq)?;
            fold(&mut entry.change, e.change);
            folded = true;
        }
    }
    if deleted {
        return remove(db, entry.seq);
    }
    entry.state = if folded { State::Queued } else { State::Refused };
    (entry.not_before, entry.attempts) = (0, 0);
    put(db, &entry)?;
    say_why(db, entry.seq, why)
}

/// What waits or is on its way, oldest first.
pub(crate) fn waiting(db: &Connection, limit: u32) -> Result<Vec<Waiting>, StoreError> {
    let sql = format!("SELECT {ENTRY}, at, error FROM outbox WHERE state != 'refused' ORDER BY seq LIMIT ?1");
    let read = |r: &Row<'_>| {
        let e = read(r)?;
        let (fields, sent) = (e.change.patch.into_keys().collect(), e.state == State::Sent);
        Ok(Waiting { entity: e.entity, uid: e.uid, kind: e.kind, fields, sent, at: r.get(9)?, why: r.get(10)? })
    };
    Ok(db.prepare_cached(&sql)?.query_map([limit], read)?.collect::<Result<_, _>>()?)
}

/// All entries, oldest first.
pub(crate) fn unsent(db: &Connection) -> Result<Vec<Unsent>, StoreError> {
    let read = |r: &Row<'_>| {
        let e = read(r)?;
        Ok(Unsent { entity: e.entity, uid: e.uid, kind: e.kind, fields: e.change.patch, at: r.get(9)? })
    };
    let mut all = db.prepare(&format!("SELECT {ENTRY}, at FROM outbox ORDER BY seq"))?;
    Ok(all.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// Sends a record that no CRM knows of.
pub(crate) fn send(h: &Here<'_>, entity: Entity, uid: &str) -> Result<(), StoreError> {
    let (Some(mut patch), Some(mapped)) = (records::read(h.db, entity, uid)?, state::mapped(h.db, entity)?) else {
        return Ok(());
    };
    patch.retain(|field, v| mapped.contains(field) && !same(v, &Value::Null));
    along(h, entity, &patch)?;
    append(h, entity, uid, Kind::Create, &Change { patch, base: Fields::new() })
}

/// What was refused, oldest first.
pub(crate) fn refused(db: &Connection, limit: u32) -> Result<Vec<Refused>, StoreError> {
    let sql =
        format!("SELECT {ENTRY}, coalesce(error, ''), at FROM outbox WHERE state = 'refused' ORDER BY seq LIMIT ?1");
    let read = |r: &Row<'_>| {
        let e = read(r)?;
        Ok(Refused { seq: e.seq, entity: e.entity, uid: e.uid, kind: e.kind, why: r.get(9)?, at: r.get(10)? })
    };
    Ok(db.prepare_cached(&sql)?.query_map([limit], read)?.collect::<Result<_, _>>()?)
}

/// The reason why it was refused is gone, the operator says: it is tried anew.
pub(crate) fn again(h: &Here<'_>, seq: i64) -> Result<(), StoreError> {
    let mut entry =
        get(h.db, seq)?.filter(|e| e.state == State::Refused).ok_or(StoreError::Missing("refused entry"))?;
    (entry.state, entry.not_before, entry.attempts) = (State::Queued, 0, 0);
    put(h.db, &entry)
}

/// The operator gives up what was refused: the record is again what the CRM has. What it never had stays here, and goes there with his
/// next request, or when he says so.
pub(crate) fn let_go(h: &Here<'_>, seq: i64) -> Result<(), StoreError> {
    let entry = get(h.db, seq)?.filter(|e| e.state == State::Refused).ok_or(StoreError::Missing("refused entry"))?;
    let (entity, uid) = (entry.entity, entry.uid.as_str());
    remove(h.db, seq)?;
    match entry.kind {
        Kind::Create => Ok(()),
        Kind::Update => {
            let mut fields = records::read(h.db, entity, uid)?.unwrap_or_default();
            fields.extend(entry.change.base);
            records::write(h, entity, uid, &fields)?;
            link::doubt(h.db, entity, uid)
        }
        Kind::Delete => link::doubt(h.db, entity, uid),
    }
}
