//! Requests: whose they are here and in the CRM, and their rows.

use super::outbox::{self, Entry, Kind};
use super::upstream::{Entity, Fields, Remote};
use super::{Here, link, pull};
use crate::{StoreError, people};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

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
    let row = |r: &Row<'_>| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?));
    let (customer, number) = db.prepare_cached(sql)?.query_row([uid], row).optional()?.unwrap_or_default();
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
        Some(uid) => read(h.db, &uid)?.and_then(|mut fields| fields.remove("customer")),
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

/// A request's fields.
pub(crate) fn read(db: &Connection, uid: &str) -> Result<Option<Fields>, StoreError> {
    let sql = "SELECT customer, at, kind, topic, subtopic, note, title, due, done FROM request WHERE id = ?1";
    let row = |r: &Row<'_>| {
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
    let fields = db.prepare_cached(sql)?.query_row([uid], row).optional()?;
    Ok(fields.map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

/// Writes a request. When it was registered, and in which call, stays.
pub(crate) fn write(h: &Here<'_>, uid: &str, fields: &Fields) -> Result<(), StoreError> {
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
