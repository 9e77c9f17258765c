//! A vCard (RFC 6350, and 3.0 of RFC 2426) as a customer's fields, and changes of these fields in a card, with all else in it as it was.
//!
//! | field | property |
//! |---|---|
//! | name | FN; N where there is no FN. Written into both: the last word is taken for the family's |
//! | company | the first part of ORG |
//! | numbers | TEL |
//! | emails | EMAIL |
//! | town | the locality of the first ADR |
//! | product | X-CUFFIA-PRODUCT |
//! | note | NOTE |

use calcard::vcard::{VCard, VCardEntry, VCardProperty, VCardValue};
use cuffia_customers::sync::upstream::Fields;
use serde_json::{Value, json};

/// The fields that a card keeps.
pub(crate) const FIELDS: [&str; 7] = ["name", "company", "product", "town", "note", "numbers", "emails"];
/// Where the locality is in ADR (RFC 6350 §6.3.1).
const LOCALITY: usize = 3;
const ADDRESS_PARTS: usize = 7;

fn product() -> VCardProperty {
    VCardProperty::Other("X-CUFFIA-PRODUCT".into())
}

const OURS: &str = "X-CUFFIA-ID";

/// A new card under an id; 3.0, which every server takes (RFC 6352 §5.1).
pub(crate) fn new(uid: &str) -> VCard {
    let text = |name: VCardProperty, value: &str| VCardEntry::new(name).with_value(value.to_owned());
    let ours = VCardProperty::Other(OURS.into());
    VCard { entries: vec![text(VCardProperty::Version, "3.0"), text(VCardProperty::Uid, uid), text(ours, uid)] }
}

/// Whether a card was made by [`new`], and not by a program that copied it under another id.
pub(crate) fn is_ours(card: &VCard) -> bool {
    let ours = card.property(&VCardProperty::Other(OURS.into())).and_then(|e| components(&e.values).into_iter().next());
    ours.is_some() && ours.as_deref() == card.uid()
}

/// The customer's fields of a card.
pub(crate) fn read(card: &VCard) -> Fields {
    let parts = |name: &VCardProperty| card.property(name).map(|e| components(&e.values)).unwrap_or_default();
    let first = |name: &VCardProperty| parts(name).into_iter().next().unwrap_or_default();
    let all = |name: VCardProperty| -> Value {
        let texts = card.properties(&name).filter_map(|e| components(&e.values).into_iter().next());
        Value::from(texts.map(|t| t.trim_start_matches("tel:").to_owned()).collect::<Vec<_>>())
    };
    let mut name = first(&VCardProperty::Fn);
    if name.is_empty() {
        // Family and given name.
        let of = parts(&VCardProperty::N);
        name = [of.get(1), of.first()]
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
    }
    let fields = [
        ("name", json!(name)),
        ("company", json!(first(&VCardProperty::Org))),
        ("product", json!(first(&product()))),
        ("town", json!(parts(&VCardProperty::Adr).get(LOCALITY).cloned().unwrap_or_default())),
        ("note", json!(first(&VCardProperty::Note))),
        ("numbers", all(VCardProperty::Tel)),
        ("emails", all(VCardProperty::Email)),
    ];
    fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

/// Writes fields into a card.
pub(crate) fn write(card: &mut VCard, patch: &Fields) {
    for (field, value) in patch {
        let text = value.as_str().unwrap_or_default();
        match field.as_str() {
            "name" => {
                set(card, VCardProperty::Fn, 0, 1, text);
                // RFC 2426 wants it, and some programs show nothing else.
                let (given, family) = text.rsplit_once(' ').unwrap_or(("", text));
                let parts = [family, given, "", "", ""].map(|part| VCardValue::Text(part.to_owned()));
                card.entries.retain(|e| e.name != VCardProperty::N);
                card.entries.push(VCardEntry::new(VCardProperty::N).with_values(parts.into()));
            }
            "company" => set(card, VCardProperty::Org, 0, 1, text),
            "product" => set(card, product(), 0, 1, text),
            "town" => set(card, VCardProperty::Adr, LOCALITY, ADDRESS_PARTS, text),
            "note" => set(card, VCardProperty::Note, 0, 1, text),
            "numbers" => list(card, &VCardProperty::Tel, value),
            "emails" => list(card, &VCardProperty::Email, value),
            _ => {}
        }
    }
}

fn components(values: &[VCardValue]) -> Vec<String> {
    let mut out = Vec::new();
    for value in values {
        match value {
            VCardValue::Text(t) => out.push(t.clone()),
            VCardValue::Component(c) => out.push(c.join(",")),
            VCardValue::Integer(i) => out.push(i.to_string()),
            _ => out.push(String::new()),
        }
    }
    out
}

/// One part of the first property of this name, which is made or removed as need be.
fn set(card: &mut VCard, name: VCardProperty, part: usize, parts: usize, text: &str) {
    let empty = || VCardValue::Text(String::new());
    let at = match card.entries.iter().position(|e| e.name == name) {
        Some(at) => at,
        None if text.is_empty() => return,
        None => {
            card.entries.push(VCardEntry::new(name).with_values(vec![empty(); parts]));
            card.entries.len() - 1
        }
    };
    let values = &mut card.entries[at].values;
    values.resize(values.len().max(part + 1), empty());
    values[part] = VCardValue::Text(text.to_owned());
    if components(values).iter().all(String::is_empty) {
        card.entries.remove(at);
    }
}

/// All properties of this name. Those that stay keep what else is said of them (work, home, preferred).
fn list(card: &mut VCard, name: &VCardProperty, value: &Value) {
    let wanted: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let text_of = |e: &VCardEntry| components(&e.values).into_iter().next().unwrap_or_default();
    let mut before: Vec<VCardEntry> = Vec::new();
    card.entries.retain(|e| {
        let other = e.name != *name;
        if !other {
            before.push(e.clone());
        }
        other
    });
    for text in wanted {
        let known = before.iter().position(|e| text_of(e).trim_start_matches("tel:") == text);
        let entry = known.map(|i| before.remove(i));
        card.entries.push(entry.unwrap_or_else(|| VCardEntry::new(name.clone()).with_value(text.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:7\r\nN:Rossi;Anna;;;\r\nFN:Anna Rossi\r\nORG:Officine Ferraro;Acquisti\r\n\
        TEL;TYPE=WORK:+39 011 555 0147\r\nTEL;TYPE=CELL:333 555 1000\r\nEMAIL:anna@ferraro.example\r\nADR:;;Via Po 1;Torino;;10121;Italia\r\n\
        BDAY:1980-02-01\r\nX-OTHER:kept\r\nEND:VCARD\r\n";

    fn card() -> VCard {
        VCard::parse(CARD).expect("a card")
    }

    #[test]
    fn a_card_is_read_as_a_customer() {
        let fields = read(&card());
        assert_eq!(fields["name"], "Anna Rossi");
        assert_eq!(fields["company"], "Officine Ferraro");
        assert_eq!(fields["town"], "Torino");
        assert_eq!(fields["numbers"], json!(["+39 011 555 0147", "333 555 1000"]));
        assert_eq!(fields["emails"], json!(["anna@ferraro.example"]));
    }

    #[test]
    fn a_change_leaves_everything_else_in_the_card() {
        let mut card = card();
        let patch =
            [("town".to_owned(), json!("Asti")), ("numbers".to_owned(), json!(["333 555 1000", "0141 55 55 55"]))];
        write(&mut card, &patch.into());
        let text = card.to_string();
        for kept in [
            "BDAY:19800201",
            "X-OTHER:kept",
            "ORG:Officine Ferraro;Acquisti",
            "Via Po 1;Asti;;10121;Italia",
            "TYPE=CELL",
        ] {
            assert!(text.contains(kept) || text.contains(&kept.replace("19800201", "1980-02-01")), "{kept} in {text}");
        }
        assert!(!text.contains("011 555"), "{text}");
        let again = read(&VCard::parse(&text).expect("a card"));
        assert_eq!(again["numbers"], json!(["333 555 1000", "0141 55 55 55"]));
    }

    #[test]
    fn what_is_written_into_a_new_card_is_read_from_it() {
        let fields: Fields = read(&card());
        let mut anew = new("uid-1");
        write(&mut anew, &fields);
        let parsed = VCard::parse(anew.to_string()).expect("a card");
        assert_eq!((read(&parsed), parsed.uid()), (fields, Some("uid-1")));
    }
}
