//! A request as a ticket of Request Tracker's. Its note is what it began with, or the newest correction of that: what was said once can't
//! be changed there.

use super::Seen;
use super::rest::{moment, written};
use cuffia_customers::sync::upstream::{Fields, Remote};
use serde_json::{Map, Value, json};

/// The fields of a request that are kept there, the customer only where customers are.
pub(super) const FIELDS: [&str; 5] = ["title", "note", "due", "done", "customer"];
/// What a search is to tell of one.
pub(super) const READ: &str = "fields=Subject,Status,Due,LastUpdated,Created,Queue,Requestor,EffectiveId,_hyperlinks\
     &fields%5BRequestor%5D=id&fields%5BQueue%5D=id";
/// What stands before the id here, in what a ticket made here refers to (RFC 9562 §4).
const KEY: &str = "urn:uuid:";
/// The subject of a correction of the note.
const CORRECTED: &str = "Corrected note";
/// Statuses every server has, and whether they are an end. Of others it is asked.
const ENDS: [(&str, bool); 5] =
    [("new", false), ("open", false), ("stalled", false), ("resolved", true), ("rejected", true)];
const DELETED: &str = "deleted";
/// What a ticket becomes that is done, or is not any more.
const DONE: &str = "resolved";
const OPEN: &str = "open";

/// What a ticket made here refers to.
pub(super) fn key(uid: &str) -> String {
    format!("{KEY}{uid}")
}

pub(super) fn is_deleted(ticket: &Value) -> bool {
    ticket["Status"] == DELETED
}

/// Whether nothing is left to be done, where its status tells.
pub(super) fn is_done(ticket: &Value) -> Option<bool> {
    ENDS.iter().find(|(status, _)| ticket["Status"] == *status).map(|(_, done)| *done)
}

/// A number that may be written as a word.
pub(super) fn id(of: &Value) -> Option<String> {
    of.as_i64().map(|n| n.to_string()).or_else(|| of.as_str().map(str::to_owned))
}

/// The note among the texts of a ticket, oldest first.
pub(super) fn note(attachments: &Value) -> String {
    let texts = || {
        let all = attachments["items"].as_array().into_iter().flatten();
        all.filter(|a| a["ContentType"] == "text/plain" && a["Content"].is_string())
    };
    let corrected = texts().rfind(|a| a["Subject"] == CORRECTED);
    let note = corrected.or_else(|| texts().next()).and_then(|a| a["Content"].as_str()).unwrap_or_default();
    note.replace("\r\n", "\n").trim_end().to_owned()
}

/// `customers`: they are kept there too.
pub(super) fn remote(ticket: &Value, note: &str, done: bool, customers: bool, seen: &Seen) -> Remote {
    let mut fields: Fields = [
        ("title", ticket["Subject"].clone()),
        ("note", json!(note)),
        ("due", json!(moment(&ticket["Due"]))),
        ("done", json!(done)),
        ("at", json!(moment(&ticket["Created"]))),
    ]
    .map(|(field, value)| (field.to_owned(), value))
    .into();
    if customers {
        fields.insert("customer".into(), json!(id(&ticket["Requestor"][0]["id"])));
    }
    let links = ticket["_hyperlinks"].as_array().into_iter().flatten();
    let key = links.filter(|l| l["ref"] == "refers-to").find_map(|l| l["_url"].as_str()?.strip_prefix(KEY));
    Remote {
        id: id(&ticket["id"]).unwrap_or_default(),
        version: seen.version(ticket),
        key: key.map(str::to_owned),
        fields,
        ..Remote::default()
    }
}

/// What is to be written to change these fields; the note apart.
pub(super) fn values(fields: &Fields) -> Map<String, Value> {
    let mut out = Map::new();
    for (field, value) in fields {
        let (there, value) = match field.as_str() {
            "title" => ("Subject", json!(value.as_str().unwrap_or_default())),
            "due" => ("Due", written(value.as_i64())),
            "done" => ("Status", json!(if value == true { DONE } else { OPEN })),
            "customer" => ("Requestor", value.as_str().map_or(json!([]), |id| json!([id]))),
            _ => continue,
        };
        out.insert(there.into(), value);
    }
    out
}

/// A new one.
pub(super) fn made(uid: &str, queue: &str, fields: &Fields, customers: bool) -> Value {
    let mut out = values(fields);
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    if !customers {
        // Nowhere else is there a place for who it is about.
        let subject = [text("title"), text("about")].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>();
        out.insert("Subject".into(), json!(subject.join(" – ")));
        out.remove("Requestor");
    }
    out.insert("Queue".into(), json!(queue));
    out.insert("RefersTo".into(), json!(key(uid)));
    if !text("note").is_empty() {
        out.extend([("Content".into(), json!(text("note"))), ("ContentType".into(), json!("text/plain"))]);
    }
    Value::Object(out)
}

/// A correction of the note.
pub(super) fn correction(note: &str) -> Value {
    json!({ "Subject": CORRECTED, "Content": note, "ContentType": "text/plain" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_correction_is_the_note_and_an_answer_is_none() {
        let text = |subject: &str, content: &str| json!({ "Subject": subject, "Content": content, "ContentType": "text/plain" });
        let mut all = vec![text("Order", "as it was\r\nsaid\n"), text("Re: Order", "thank you")];
        assert_eq!(note(&json!({ "items": all })), "as it was\nsaid");
        all.insert(1, text(CORRECTED, "once"));
        all.push(text(CORRECTED, "twice"));
        assert_eq!(note(&json!({ "items": all })), "twice");
        assert_eq!(note(&json!({ "items": [] })), "");
    }

    #[test]
    fn without_customers_the_subject_says_who_it_is_about() {
        let fields: Fields =
            [("title", json!("Order")), ("about", json!("Anna Po, +390115550147")), ("customer", json!("7"))]
                .map(|(f, v)| (f.to_owned(), v))
                .into();
        let made = made("u", "1", &fields, false);
        assert_eq!((&made["Subject"], &made["Requestor"]), (&json!("Order – Anna Po, +390115550147"), &Value::Null));
    }
}
