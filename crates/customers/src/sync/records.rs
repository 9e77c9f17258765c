//! Records as fields, and fields as records: where the engine, which knows fields alone, meets the tables.

use super::Here;
use super::upstream::{Entity, Fields};
use crate::people;
use crate::{Customer, StoreError};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// A record's fields.
pub(crate) fn read(db: &Connection, entity: Entity, uid: &str) -> Result<Option<Fields>, StoreError> {
    match entity {
        Entity::Contact => contact(db, uid),
    }
}

/// Writes a record. What is missing is empty; a field that means nothing here is left out.
pub(crate) fn write(h: &Here<'_>, entity: Entity, uid: &str, fields: &Fields) -> Result<(), StoreError> {
    match entity {
        Entity::Contact => {
            let sample = people::is_sample(h.db, uid)?;
            people::put(h.db, &Customer { id: uid.to_owned(), sample, ..customer(fields) }, h.region, h.now)
        }
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
    }
}

/// What spoke of one record speaks of another from now on: it was made anew.
pub(crate) fn follow(db: &Connection, entity: Entity, from: &str, to: &str) -> Result<(), StoreError> {
    match entity {
        Entity::Contact => {
            for table in ["call", "request", "promise"] {
                db.execute(&format!("UPDATE {table} SET customer = ?2 WHERE customer = ?1"), params![from, to])?;
            }
            db.execute(
                "UPDATE draft SET body = json_set(body, '$.customer', ?2) WHERE json_extract(body, '$.customer') = ?1",
                params![from, to],
            )?;
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
