//! Records as fields, and fields as records: where the engine, which knows fields alone, meets the tables.

use super::upstream::{Entity, Fields};
use super::{Here, requests};
use crate::people;
use crate::{Customer, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

/// A record's fields.
pub(crate) fn read(db: &Connection, entity: Entity, uid: &str) -> Result<Option<Fields>, StoreError> {
    match entity {
        Entity::Contact => contact(db, uid),
        Entity::Request => requests::read(db, uid),
    }
}

/// Writes a record. What is missing is empty; a field that means nothing here is left out.
pub(crate) fn write(h: &Here<'_>, entity: Entity, uid: &str, fields: &Fields) -> Result<(), StoreError> {
    match entity {
        Entity::Contact => {
            let sample = people::is_sample(h.db, uid)?;
            people::put(h.db, &Customer { id: uid.to_owned(), sample, ..customer(fields) }, h.region, h.now)
        }
        Entity::Request => requests::write(h, uid, fields),
    }
}

/// A customer of these fields, without an id.
pub fn customer(fields: &Fields) -> Customer {
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |field: &str| -> Vec<String> {
        let list = fields.get(field).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Customer {
        id: String::new(),
        name: text("name"),
        company: text("company"),
        product: text("product"),
        town: text("town"),
        note: text("note"),
        numbers: list("numbers"),
        emails: list("emails"),
        sample: false,
    }
}

/// Removes a record.
pub(crate) fn remove(db: &Connection, entity: Entity, uid: &str) -> Result<(), StoreError> {
    match entity {
        Entity::Contact => people::remove(db, uid),
        Entity::Request => Ok(db.prepare_cached("DELETE FROM request WHERE id = ?1")?.execute([uid]).map(drop)?),
    }
}

/// Whether a record stays when the CRM has it no longer, and is not asked about: what came in a call of this computer is part of what
/// happened here.
pub(crate) fn stays(db: &Connection, entity: Entity, uid: &str) -> Result<bool, StoreError> {
    match entity {
        Entity::Contact => Ok(false),
        Entity::Request => {
            let mut own =
                db.prepare_cached("SELECT EXISTS (SELECT 1 FROM request WHERE id = ?1 AND call IS NOT NULL)")?;
            Ok(own.query_row([uid], |r| r.get(0))?)
        }
    }
}

/// What spoke of one record speaks of another from now on: they are one.
pub(crate) fn follow(db: &Connection, entity: Entity, from: &str, to: &str) -> Result<(), StoreError> {
    move_all(db, entity, from, to, true)
}

/// What spoke of a record speaks of the one that was made in its place. A request that the CRM has stays, there and here, with who was
/// deleted, unless it was to be changed.
pub(crate) fn made_anew(db: &Connection, entity: Entity, from: &str, to: &str) -> Result<(), StoreError> {
    move_all(db, entity, from, to, false)
}

fn move_all(db: &Connection, entity: Entity, from: &str, to: &str, one: bool) -> Result<(), StoreError> {
    // What is to be there; and, of one and the same, what is.
    let (waiting, asked): (&[&str], &[&str]) =
        if one { (&["patch", "base"], &["mine", "base", "theirs"]) } else { (&["patch"], &["mine"]) };
    let requests = if one {
        "1"
    } else {
        "NOT EXISTS (SELECT 1 FROM link l WHERE l.entity = 'request' AND l.uid = request.id)
             OR EXISTS (SELECT 1 FROM outbox o WHERE o.entity = 'request' AND o.uid = request.id
                 AND json_extract(o.patch, '$.customer') = ?1)"
    };
    let change = |sql: &str| db.prepare_cached(sql)?.execute(params![from, to]).map(drop);
    match entity {
        Entity::Contact => {
            for table in ["call", "promise"] {
                change(&format!("UPDATE {table} SET customer = ?2 WHERE customer = ?1"))?;
            }
            change(&format!("UPDATE request SET customer = ?2 WHERE customer = ?1 AND ({requests})"))?;
            change(
                "UPDATE draft SET body = json_set(body, '$.customer', ?2) WHERE json_extract(body, '$.customer') = ?1",
            )?;
            for side in waiting {
                change(&format!(
                    "UPDATE outbox SET {side} = json_set({side}, '$.customer', ?2)
                         WHERE entity = 'request' AND json_extract({side}, '$.customer') = ?1"
                ))?;
            }
            for side in asked {
                change(&format!(
                    "UPDATE conflict SET {side} = CASE field WHEN '' THEN json_set({side}, '$.customer', ?2) ELSE json_quote(?2) END
                         WHERE entity = 'request' AND field IN ('', 'customer')
                         AND json_extract({side}, CASE field WHEN '' THEN '$.customer' ELSE '$' END) = ?1"
                ))?;
            }
        }
        // A request's call knows it by its own id.
        Entity::Request => {
            let sql = "SELECT call FROM request WHERE id = ?1 AND call IS NOT NULL";
            let call: Option<String> = db.query_row(sql, [from], |r| r.get(0)).optional()?;
            if let Some(call) = call {
                db.execute("UPDATE request SET call = NULL WHERE id = ?1", [from])?;
                db.execute("UPDATE request SET call = ?2 WHERE id = ?1", [to, &call])?;
            }
        }
    }
    Ok(())
}

fn contact(db: &Connection, uid: &str) -> Result<Option<Fields>, StoreError> {
    let Some(c) = people::get(db, uid)? else { return Ok(None) };
    // As written, not as they are found.
    let numbers: Vec<String> = db
        .prepare_cached(
            "SELECT raw FROM phone WHERE customer = (SELECT n FROM customer WHERE id = ?1) ORDER BY position",
        )?
        .query_map([uid], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    let fields = [
        ("name", json!(c.name)),
        ("company", json!(c.company)),
        ("product", json!(c.product)),
        ("town", json!(c.town)),
        ("note", json!(c.note)),
        ("numbers", json!(numbers)),
        ("emails", json!(c.emails)),
    ];
    Ok(Some(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}
