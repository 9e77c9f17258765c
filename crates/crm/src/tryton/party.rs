//! A customer as Tryton's party: his fields, his state, and what is to be written to change him.
//!
//! A party's numbers and addresses are records of their own, each with its own time stamp. A party's version is all of them. With a
//! change all of them are named, and Tryton refuses it when one that it touches is no longer what was seen.

use cuffia_customers::normalise;
use cuffia_customers::sync::upstream::{Failure, Fields, Remote};
use serde_json::{Map, Value, json};

/// The fields of a customer that are kept there; company, product and note have no place in a party.
pub(super) const FIELDS: [&str; 4] = ["name", "town", "numbers", "emails"];
/// What is read of a party.
pub(super) const READ: [&str; 13] = [
    "name",
    "active",
    "replaced_by",
    "_timestamp",
    "contact_mechanisms.type",
    "contact_mechanisms.active",
    "contact_mechanisms.value",
    "contact_mechanisms.value_compact",
    "contact_mechanisms._timestamp",
    "addresses.city",
    "addresses.active",
    "addresses._timestamp",
    "identifiers.code",
];
/// What of it makes its version.
pub(super) const STAMPS: [&str; 3] = ["_timestamp", "contact_mechanisms._timestamp", "addresses._timestamp"];
pub(super) const PARTY: &str = "party.party";
/// What is read and written.
pub(super) const MODELS: [&str; 4] = [PARTY, PARTS[0].0, PARTS[1].0, "party.identifier"];
/// That of which one that is gone is a change of ours.
pub(super) const COUNTED: [&str; 3] = [PARTY, PARTS[0].0, PARTS[1].0];
/// The models of a party's parts, and where they hang on it.
pub(super) const PARTS: [(&str, &str); 2] =
    [("party.contact_mechanism", "contact_mechanisms"), ("party.address", "addresses")];
/// What stands before the id here, in an identifier of a party that was made here.
const KEY: &str = "cuffia:";
const PHONES: [&str; 2] = ["phone", "mobile"];
/// Extensions and emergency numbers: Tryton takes whole numbers alone for phones.
const OTHER: &str = "other";
const SIP: &str = "sip";
const MAIL: &str = "email";

fn parts<'a>(party: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    party[format!("{at}.")].as_array().into_iter().flatten()
}

/// Those in use.
fn used<'a>(party: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    parts(party, at).filter(|part| is_used(part))
}

/// Whether a party, or a part of one, was not put out of use.
pub(super) fn is_used(record: &Value) -> bool {
    record["active"] != false && record["active"] != 0
}

/// A party that was merged into another, and that one's id.
pub(super) fn merged(party: &Value) -> Option<(String, String)> {
    Some((party["id"].to_string(), party["replaced_by"].as_i64()?.to_string()))
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().unwrap_or_default()
}

/// An identifier for one that was made here.
pub(super) fn key(uid: &str) -> String {
    format!("{KEY}{uid}")
}

/// Model and id, with the stamp, of a party and each of its parts.
fn stamps(party: &Value) -> Vec<(String, &str)> {
    let of = |model: &str, record: &Value| format!("{model},{}", record["id"]);
    let mut all = vec![(of("party.party", party), text(party, "_timestamp"))];
    for (model, at) in PARTS {
        all.extend(parts(party, at).map(|part| (of(model, part), text(part, "_timestamp"))));
    }
    all.sort();
    all
}

/// Its version, in words of ours.
pub(super) fn version(party: &Value) -> String {
    stamps(party).into_iter().map(|(record, stamp)| format!("{record}={stamp}")).collect::<Vec<_>>().join(" ")
}

/// The context that names a version with a change.
pub(super) fn named(version: &str) -> Value {
    let stamps = version.split(' ').filter_map(|one| one.split_once('='));
    let stamps: Map<String, Value> = stamps.map(|(record, stamp)| (record.to_owned(), json!(stamp))).collect();
    json!({ "_timestamp": stamps, "active_test": false })
}

/// When it, or a part of it, was last changed, UTC milliseconds.
fn changed(party: &Value) -> Option<i64> {
    let seconds = stamps(party).into_iter().filter_map(|(_, stamp)| stamp.parse::<f64>().ok());
    seconds.map(|s| (s * 1_000.0) as i64).max()
}

/// Whether it is something to be dialled.
fn is_number(part: &Value) -> bool {
    let kind = text(part, "type");
    PHONES.contains(&kind) || kind == SIP || (kind == OTHER && is_dialled(text(part, "value")))
}

/// Whether it consists of what keys there are, and of what people write between them.
fn is_dialled(value: &str) -> bool {
    let keys = |c: char| c.is_ascii_digit() || "+*#".contains(c);
    value.chars().any(keys) && value.chars().all(|c| keys(c) || " ()-/.".contains(c))
}

/// A number as we write it: Tryton's spaced form is for people to read there. The compact one has no extension.
fn number(part: &Value) -> &str {
    let (value, compact) = (text(part, "value"), text(part, "value_compact"));
    let extended = value.chars().any(char::is_alphabetic);
    if compact.starts_with('+') && !extended { compact } else { value }
}

pub(super) fn remote(party: &Value) -> Remote {
    let numbers: Vec<&str> = used(party, "contact_mechanisms").filter(|p| is_number(p)).map(number).collect();
    let mails = used(party, "contact_mechanisms").filter(|p| text(p, "type") == MAIL).map(|p| text(p, "value"));
    let town = used(party, "addresses").next().map_or("", |a| text(a, "city"));
    let fields = [
        ("name", json!(text(party, "name"))),
        ("town", json!(town)),
        ("numbers", json!(numbers)),
        ("emails", json!(mails.collect::<Vec<_>>())),
    ];
    Remote {
        id: party["id"].to_string(),
        version: Some(version(party)),
        changed: changed(party),
        key: parts(party, "identifiers").find_map(|i| text(i, "code").strip_prefix(KEY)).map(str::to_owned),
        fields: fields.map(|(field, value)| (field.to_owned(), value)).into(),
    }
}

/// What is to be written so that a party (`null` where it is to be made) has these fields. What stays the same is not touched, and what
/// is changed in its place keeps its kind and its remarks there.
///
/// # Errors
/// [`Failure::Rejected`] for what would be no number there.
pub(super) fn values(party: &Value, fields: &Fields, region: &str) -> Result<Value, Failure> {
    let mut out = Map::new();
    if let Some(name) = fields.get("name") {
        out.insert("name".into(), name.clone());
    }
    if let Some(town) = fields.get("town") {
        let change = match used(party, "addresses").next() {
            Some(address) => json!(["write", [address["id"]], { "city": town }]),
            None => json!(["create", [{ "city": town }]]),
        };
        if party.is_object() || town.as_str().is_some_and(|t| !t.is_empty()) {
            out.insert("addresses".into(), json!([change]));
        }
    }
    let mut mechanisms = Vec::new();
    for (field, mail) in [("numbers", false), ("emails", true)] {
        let Some(wanted) = fields.get(field).and_then(Value::as_array) else { continue };
        let wanted = wanted.iter().filter_map(Value::as_str).collect();
        let here = used(party, "contact_mechanisms");
        let here = here.filter(|p| if mail { text(p, "type") == MAIL } else { is_number(p) }).collect();
        let mechanism = |written: &str| match mail {
            true => Ok(json!({ "type": MAIL, "value": written })),
            false => phone(written, region),
        };
        change(here, wanted, mechanism, &mut mechanisms)?;
    }
    if !mechanisms.is_empty() {
        out.insert("contact_mechanisms".into(), json!(mechanisms));
    }
    Ok(Value::Object(out))
}

/// Which parts such a change deletes.
pub(super) fn deleted(values: &Value) -> Vec<(&'static str, i64)> {
    let (model, at) = PARTS[0];
    let changes = values[at].as_array().into_iter().flatten().filter(|change| change[0] == "delete");
    changes.filter_map(|change| Some((model, change[1][0].as_i64()?))).collect()
}

fn phone(written: &str, region: &str) -> Result<Value, Failure> {
    let number = normalise(written, region);
    Ok(match (number.e164, number.extension) {
        (Some(e164), None) => json!({ "type": PHONES[0], "value": e164 }),
        (Some(e164), Some(extension)) => json!({ "type": PHONES[0], "value": format!("{e164} ext. {extension}") }),
        (None, _) if is_dialled(&number.raw) => json!({ "type": OTHER, "value": number.raw }),
        (None, _) if written.contains('@') => json!({ "type": SIP, "value": written }),
        (None, _) => {
            return Err(Failure::Rejected { message: format!("{written:?} is no number that Tryton could keep") });
        }
    })
}

/// What becomes of the parts there are, so that there are those that are wanted.
fn change(
    mut here: Vec<&Value>,
    mut wanted: Vec<&str>,
    part_of: impl Fn(&str) -> Result<Value, Failure>,
    out: &mut Vec<Value>,
) -> Result<(), Failure> {
    // First what is there as it is shown: whatever we make of it, nobody has touched it.
    wanted.retain(|w| {
        here.iter().position(|h| number(h) == *w || text(h, "value") == *w).map(|i| here.remove(i)).is_none()
    });
    let mut wanted = wanted.into_iter().map(part_of).collect::<Result<Vec<_>, _>>()?;
    wanted.retain(|w| here.iter().position(|h| number(h) == w["value"]).map(|i| here.remove(i)).is_none());
    let mut wanted = wanted.into_iter();
    for part in here {
        out.push(match wanted.next() {
            // A phone may be a mobile one: that stays.
            Some(w) if PHONES.contains(&text(part, "type")) && w["type"] == PHONES[0] => {
                json!(["write", [part["id"]], { "value": w["value"] }])
            }
            Some(w) => json!(["write", [part["id"]], w]),
            None => json!(["delete", [part["id"]]]),
        });
    }
    let new: Vec<Value> = wanted.collect();
    if !new.is_empty() {
        out.push(json!(["create", new]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party() -> Value {
        json!({ "id": 3, "name": "Anna Po", "active": true, "_timestamp": "17.5",
            "contact_mechanisms.": [
                { "id": 7, "type": "mobile", "value": "+39 333 123 4567", "value_compact": "+393331234567", "_timestamp": "18.25" },
                { "id": 8, "type": "other", "value": "4021", "value_compact": "4021", "_timestamp": "17" },
                { "id": 9, "type": "email", "value": "anna@po.example", "value_compact": "anna@po.example", "_timestamp": "17" },
                { "id": 10, "type": "website", "value": "po.example", "value_compact": "po.example", "_timestamp": "17" }],
            "addresses.": [{ "id": 4, "city": "Asti", "_timestamp": "17" }],
            "identifiers.": [{ "id": 1, "code": "IT123" }, { "id": 2, "code": "cuffia:abc" }] })
    }

    #[test]
    fn a_party_is_a_customer_with_the_newest_stamp_of_all_its_parts() {
        let r = remote(&party());
        assert_eq!((r.id.as_str(), r.changed, r.key.as_deref()), ("3", Some(18_250), Some("abc")));
        assert_eq!(r.fields["numbers"], json!(["+393331234567", "4021"]));
        assert_eq!((&r.fields["emails"], &r.fields["town"]), (&json!(["anna@po.example"]), &json!("Asti")));
        let mut later = party();
        later["addresses."][0]["_timestamp"] = json!("19");
        assert_ne!(version(&later), version(&party()), "somebody else's change of an address is a change");
        assert_eq!(named(&version(&party()))["_timestamp"]["party.contact_mechanism,7"], "18.25");
    }

    #[test]
    fn only_what_changes_is_written_and_in_its_place() {
        let patch: Fields = [("numbers".to_owned(), json!(["4021", "333 765 4321", "011 555 0147"]))].into();
        assert_eq!(
            values(&party(), &patch, "IT").ok(),
            Some(json!({ "contact_mechanisms": [
                ["write", [7], { "value": "+393337654321" }],
                ["create", [{ "type": "phone", "value": "+390115550147" }]]] }))
        );
        let none: Fields =
            [("numbers".to_owned(), json!([])), ("emails".to_owned(), json!(["anna@po.example"]))].into();
        assert_eq!(
            values(&party(), &none, "IT").ok(),
            Some(json!({ "contact_mechanisms": [["delete", [7]], ["delete", [8]]] }))
        );
        let new: Fields = [("name".to_owned(), json!("Anna")), ("town".to_owned(), json!(""))].into();
        assert_eq!(values(&Value::Null, &new, "IT").ok(), Some(json!({ "name": "Anna" })));
    }
}
