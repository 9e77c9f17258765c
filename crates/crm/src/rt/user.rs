//! A customer as a user of Request Tracker's that is not privileged: a requestor.

use super::{Seen, ticket};
use cuffia_customers::normalise;
use cuffia_customers::sync::upstream::{Failure, Fields, Remote};
use serde_json::{Map, Value, json};

/// The fields of a customer that are kept there.
pub(super) const FIELDS: [&str; 6] = ["name", "company", "town", "note", "numbers", "emails"];
/// Where his numbers are, in the order in which they are shown.
const PHONES: [&str; 4] = ["MobilePhone", "WorkPhone", "HomePhone", "PagerPhone"];
/// What a field is called there.
const NAMES: [(&str, &str); 4] =
    [("name", "RealName"), ("company", "Organization"), ("town", "City"), ("note", "Comments")];

fn text<'a>(user: &'a Value, field: &str) -> &'a str {
    user[field].as_str().unwrap_or_default()
}

fn yes(user: &Value, field: &str) -> bool {
    user[field] == true || user[field] == 1 || user[field] == "1"
}

/// Whether he is a customer: no colleague, and not put out of use.
pub(super) fn is_customer(user: &Value) -> bool {
    !yes(user, "Privileged") && !yes(user, "Disabled") && !["RT_System", "Nobody"].contains(&text(user, "Name"))
}

pub(super) fn remote(user: &Value, seen: &Seen) -> Remote {
    let mail = text(user, "EmailAddress");
    let name = [text(user, "RealName"), mail, text(user, "Name")].into_iter().find(|s| !s.is_empty());
    let numbers: Vec<&str> = PHONES.iter().map(|slot| text(user, slot)).filter(|s| !s.is_empty()).collect();
    let mut fields: Fields = NAMES.map(|(field, there)| (field.to_owned(), json!(text(user, there)))).into();
    fields.insert("name".into(), json!(name.unwrap_or_default()));
    fields.insert("numbers".into(), json!(numbers));
    fields.insert("emails".into(), if mail.is_empty() { json!([]) } else { json!([mail]) });
    let key = text(user, "Name");
    Remote {
        id: ticket::id(&user["id"]).unwrap_or_default(),
        version: seen.version(user),
        key: uuid::Uuid::parse_str(key).is_ok().then(|| key.to_owned()),
        fields,
        ..Remote::default()
    }
}

/// What is to be written so that a user (`null` where he is to be made) has these fields.
///
/// # Errors
/// [`Failure::Rejected`] where there is no place for them.
pub(super) fn values(user: &Value, fields: &Fields, region: &str) -> Result<Value, Failure> {
    let mut out = Map::new();
    for (field, there) in NAMES {
        if let Some(value) = fields.get(field) {
            out.insert(there.into(), json!(value.as_str().unwrap_or_default()));
        }
    }
    let list = |field: &str| Some(fields.get(field)?.as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    if let Some(mails) = list("emails") {
        if mails.len() > 1 {
            return Err(full("one mail address"));
        }
        out.insert("EmailAddress".into(), json!(mails.first().unwrap_or(&"")));
    }
    if let Some(numbers) = list("numbers") {
        if numbers.len() > PHONES.len() {
            return Err(full("four numbers"));
        }
        out.extend(phones(user, numbers, region));
    }
    Ok(Value::Object(out))
}

fn full(what: &str) -> Failure {
    Failure::Rejected { message: format!("Request Tracker keeps {what} of each person, and no more") }
}

/// The numbers that change place by place: what stays the same stays where it is.
fn phones(user: &Value, wanted: Vec<&str>, region: &str) -> Vec<(String, Value)> {
    let plain = |written: &str| {
        let n = normalise(written, region);
        n.e164.map_or(n.raw.clone(), |e164| n.extension.map_or(e164.clone(), |x| format!("{e164} ext. {x}")))
    };
    let mut wanted: Vec<String> = wanted.into_iter().map(plain).collect();
    let (mut free, mut out) = (Vec::new(), Vec::new());
    for slot in PHONES {
        let there = text(user, slot);
        match wanted.iter().position(|w| !there.is_empty() && *w == plain(there)) {
            Some(i) => drop(wanted.remove(i)),
            None => free.push((slot, there)),
        }
    }
    let mut wanted = wanted.into_iter();
    for (slot, there) in free {
        let number = wanted.next().unwrap_or_default();
        if number != there {
            out.push((slot.to_owned(), json!(number)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_place_and_a_fifth_has_none() {
        let user =
            json!({ "id": 3, "Name": "anna", "RealName": "Anna Po", "WorkPhone": "011 555 0147", "HomePhone": "4021" });
        let numbers = |of: &[&str]| values(&user, &[("numbers".to_owned(), json!(of))].into(), "IT");
        assert_eq!(numbers(&["+390115550147", "4021"]).ok(), Some(json!({})));
        assert_eq!(
            numbers(&["+390115550147", "333 765 4321"]).ok(),
            Some(json!({ "MobilePhone": "+393337654321", "HomePhone": "" }))
        );
        assert!(numbers(&["1", "2", "3", "4", "5"]).is_err());
    }
}
