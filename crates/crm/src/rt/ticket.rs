//! A request as a ticket of Request Tracker's. Its note is what it began with, or the newest correction of that: what was said once can't
//! be changed there. All else that is written in it, mails and answers, is not read.

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
pub(super) const CORRECTED: &str = "Corrected note";
/// Statuses every server has, and whether they are an end. Of others it is asked.
const ENDS: [(&str, bool); 5] =
    [("new", false), ("open", false), ("stalled", false), ("resolved", true), ("rejected", true)];
const DELETED: &str = "deleted";
/// What a ticket becomes that is done, or is not any more: the first of these that its queue knows.
const DONE: [&str; 6] = ["resolved", "closed", "done", "solved", "completed", "finished"];
const OPEN: [&str; 4] = ["open", "reopened", "active", "new"];

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

/// The first of some texts, as it reads without its form.
pub(super) fn note(texts: &Value) -> Option<String> {
    let first = &texts["items"][0];
    let content = first["Content"].as_str()?;
    let plain = match first["ContentType"].as_str() {
        Some("text/html") => nanohtml2text::html2text(content),
        _ => content.to_owned(),
    };
    Some(plain.replace("\r\n", "\n").trim_end().to_owned())
}

/// The status that says this of a ticket, of those it may take now.
pub(super) fn status(done: bool, ticket: &Value) -> &'static str {
    let links = || ticket["_hyperlinks"].as_array().into_iter().flatten().filter(|l| l["ref"] == "lifecycle");
    let wanted: &[&str] = if done { &DONE } else { &OPEN };
    let known = wanted.iter().find(|status| links().any(|l| l["to"] == **status));
    known.unwrap_or(&wanted[0])
}

/// A subject that says who it is about.
pub(super) fn subject(title: &str, about: &str) -> String {
    if about.is_empty() { title.to_owned() } else { format!("{title} [{about}]") }
}

/// What such a subject is made of: the title, and who it is about.
pub(super) fn parts(subject: &str) -> (&str, &str) {
    let whole = (subject, "");
    subject.strip_suffix(']').map_or(whole, |rest| rest.rsplit_once(" [").unwrap_or(whole))
}

/// `customers`: they are kept there too.
pub(super) fn remote(ticket: &Value, note: &str, done: bool, customers: bool, seen: &Seen) -> Remote {
    let links = ticket["_hyperlinks"].as_array().into_iter().flatten();
    let key = links.filter(|l| l["ref"] == "refers-to").find_map(|l| l["_url"].as_str()?.strip_prefix(KEY));
    let subject = ticket["Subject"].as_str().unwrap_or_default();
    let mut fields: Fields = [
        ("title", json!(if key.is_some() { parts(subject).0 } else { subject })),
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
            "done" => ("Status", json!(if value == true { DONE[0] } else { OPEN[0] })),
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
    if !customers || fields.get("customer").is_none_or(Value::is_null) {
        // Nowhere else is there a place for who it is about.
        out.insert("Subject".into(), json!(subject(text("title"), text("about"))));
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
    fn a_note_is_read_without_its_form() {
        let text = |form: &str, content: &str| json!({ "items": [{ "Content": content, "ContentType": form }] });
        assert_eq!(note(&text("text/plain", "as it was\r\nsaid\n")).as_deref(), Some("as it was\nsaid"));
        let html = text("text/html", "<p>An <b>order</b> &amp; more</p><p>by Monday<br>at noon</p>");
        assert_eq!(note(&html).as_deref(), Some("An order & more\n\nby Monday\nat noon"));
        assert_eq!(note(&json!({ "items": [] })), None);
    }

    #[test]
    fn a_status_is_one_that_the_queue_knows() {
        let to = |to: &[&str]| json!({ "_hyperlinks": to.iter().map(|to| json!({ "ref": "lifecycle", "to": to })).collect::<Vec<_>>() });
        assert_eq!(status(true, &to(&["open", "resolved", "rejected"])), "resolved");
        assert_eq!(status(true, &to(&["waiting", "closed"])), "closed");
        assert_eq!((status(false, &to(&["waiting", "reopened"])), status(false, &to(&[]))), ("reopened", "open"));
    }

    #[test]
    fn without_customers_the_subject_says_who_it_is_about() {
        let fields: Fields =
            [("title", json!("Order")), ("about", json!("Anna Po, +390115550147")), ("customer", json!("7"))]
                .map(|(f, v)| (f.to_owned(), v))
                .into();
        let made = made("u", "1", &fields, false);
        assert_eq!(parts("Order [Anna Po, +390115550147]"), ("Order", "Anna Po, +390115550147"));
        assert_eq!((parts("Order"), parts("Order]")), (("Order", ""), ("Order]", "")));
        assert_eq!((&made["Subject"], &made["Requestor"]), (&json!("Order [Anna Po, +390115550147]"), &Value::Null));
    }
}
