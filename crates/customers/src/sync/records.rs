//! Records as fields, and fields as records: where the engine, which knows fields alone, meets the tables.

use super::outbox::{self, Entry, Kind};
use super::upstream::Remote;
use super::upstream::{Entity, Fields};
use super::{Here, link, pull};
use crate::people;
use crate::{Customer, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

/// A record's fields.
pub(crate) fn read(db: &Connection, entity: Entity, uid: &str) -> Result<Option<Fields>, StoreError> {
    match entity {
        Entity::Contact => contact(db, uid),
        Entity::Request => request(db, uid),
    }
}

/// Writes a record. What is missing is empty; a field that means nothing here is left out.
pub(crate) fn write(h: &Here<'_>, entity: Entity, uid: &str, fields: &Fields) -> Result<(), StoreError> {
    match entity {
        Entity::Contact => {
            let sample = people::is_sample(h.db, uid)?;
            people::put(h.db, &Customer { id: uid.to_owned(), sample, ..customer(fields) }, h.region, h.now)
        }
        Entity::Request => put_request(h, uid, fields),
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

/// What an entry asks for in the CRM's words: of a request the contact's id there, or nobody's where the CRM does not know him. With a new request goes who it is `about`, in words, for CRMs that keep no customers.
pub(crate) fn for_there(db: &Connection, entry: &Entry) -> Result<Fields, StoreError> {
    let mut fields = entry.change.patch.clone();
    if entry.entity != Entity::Request {
        return Ok(fields);
    }
    if entry.kind == Kind::Create {
        fields.insert("about".into(), json!(about(db, &entry.uid)?));
    }
    if let Some(customer) = fields.get_mut("customer") {
        let there = link::of(db, Entity::Contact, customer.as_str().unwrap_or_default())?;
        *customer = there.map_or(Value::Null, |l| json!(l.remote));
    }
    Ok(fields)
}

/// Who a request is about: the customer's name, company and number, or the number that called.
fn about(db: &Connection, uid: &str) -> Result<String, StoreError> {
    let sql = "SELECT coalesce(r.customer, ''), coalesce(c.number, '') FROM request r LEFT JOIN call c ON c.id = r.call WHERE r.id = ?1";
    let read = |r: &rusqlite::Row<'_>| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?));
    let (customer, number) = db.prepare_cached(sql)?.query_row([uid], read).optional()?.unwrap_or_default();
    let card = people::get(db, &customer)?;
    let (name, company, first) =
        card.map(|c| (c.name, c.company, c.numbers.into_iter().next().unwrap_or_default())).unwrap_or_default();
    let number = if number.is_empty() { first } else { number };
    Ok([name, company, number].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", "))
}

/// A request as the CRM tells it, with the contact's id here in place of its own. Where it names nobody the request stays with a customer
/// whom the CRM does not know.
pub(crate) fn told(h: &Here<'_>, r: &mut Remote) -> Result<(), StoreError> {
    let here = match link::to(h.db, Entity::Request, &r.id)?.map(|l| l.uid).or(r.key.clone()) {
        Some(uid) => request(h.db, &uid)?.and_then(|mut fields| fields.remove("customer")),
        None => None,
    };
    let here = here.filter(|uid| !uid.is_null());
    let only_here = match &here {
        Some(Value::String(uid)) => {
            link::of(h.db, Entity::Contact, uid)?.is_none() && outbox::of(h.db, Entity::Contact, uid)?.is_empty()
        }
        _ => false,
    };
    let theirs = r.fields.get("customer").and_then(Value::as_str).map(str::to_owned);
    let known = match &theirs {
        Some(remote) => link::to(h.db, Entity::Contact, remote)?.map(|l| l.uid),
        None => None,
    };
    let customer = match (theirs, known) {
        (_, Some(uid)) => json!(uid),
        (Some(remote), None) => json!(pull::first_id(h, Entity::Contact, &remote)?),
        (None, None) if only_here => here.unwrap_or_default(),
        (None, None) => Value::Null,
    };
    r.fields.insert("customer".to_owned(), customer);
    Ok(())
}

fn request(db: &Connection, uid: &str) -> Result<Option<Fields>, StoreError> {
    let sql = "SELECT customer, at, kind, topic, subtopic, note, title, due, done FROM request WHERE id = ?1";
    let read = |r: &rusqlite::Row<'_>| {
        let text = |column: usize| r.get::<_, String>(column).map(|s| json!(s));
        Ok([
            ("customer", json!(r.get::<_, Option<String>>(0)?)),
            ("at", json!(r.get::<_, i64>(1)?)),
            ("kind", text(2)?),
            ("topic", text(3)?),
            ("subtopic", text(4)?),
            ("note", text(5)?),
            ("title", text(6)?),
            ("due", json!(r.get::<_, Option<i64>>(7)?)),
            ("done", json!(r.get::<_, bool>(8)?)),
        ])
    };
    let fields = db.prepare_cached(sql)?.query_row([uid], read).optional()?;
    Ok(fields.map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

fn put_request(h: &Here<'_>, uid: &str, fields: &Fields) -> Result<(), StoreError> {
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let number = |field: &str| fields.get(field).and_then(Value::as_i64);
    let customer = Some(text("customer")).filter(|uid| !uid.is_empty());
    let done = fields.get("done").and_then(Value::as_bool).unwrap_or(false);
    h.db.prepare_cached(
        "INSERT INTO request (id, customer, at, kind, topic, subtopic, note, title, due, done)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT(id) DO UPDATE SET customer = ?2, kind = ?4, topic = ?5, subtopic = ?6, note = ?7, title = ?8, due = ?9,
             done = ?10",
    )?
    .execute(params![
        uid,
        customer,
        number("at").unwrap_or(h.now),
        text("kind"),
        text("topic"),
        text("subtopic"),
        text("note"),
        text("title"),
        number("due"),
        done
    ])?;
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
