//! Three-way merge, field by field: what was (the base), what the operator made of it, what the CRM has now.

use super::upstream::Fields;
use crate::people;
use serde_json::Value;
use std::collections::BTreeSet;

/// A change that waits: new values, and what each was when the operator changed it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Change {
    pub(crate) patch: Fields,
    pub(crate) base: Fields,
}

impl Change {
    fn forget(&mut self, field: &str) {
        self.patch.remove(field);
        self.base.remove(field);
    }
}

/// A field that both sides have changed, differently.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clash {
    pub(crate) field: String,
    pub(crate) base: Value,
    pub(crate) mine: Value,
    pub(crate) theirs: Value,
}

pub(crate) fn value<'a>(fields: &'a Fields, field: &str) -> &'a Value {
    fields.get(field).unwrap_or(&Value::Null)
}

#[cfg(test)]
thread_local! {
    /// A fault put in on purpose, see `model`.
    pub(super) static LAST_WRITER_WINS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether two values mean the same to people. CRMs leave out what is empty, or write it in several ways.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let empty = |v: &Value| match v {
        Value::Null | Value::Bool(false) => true,
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        _ => false,
    };
    a == b || (empty(a) && empty(b))
}

/// Whether a list is the other with each number in another form: some CRMs write numbers in their own.
fn in_other_words(a: &Value, b: &Value) -> bool {
    let tail = |v: &Value| v.as_str().filter(|s| !s.contains('@')).and_then(people::tail);
    let (Some(a), Some(b)) = (a.as_array(), b.as_array()) else { return false };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (tail(a).is_some() && tail(a) == tail(b)))
}

/// Brings the changes of one record, oldest first, onto a new state of it. What the state already has is no longer to be sent. What
/// both sides changed leaves the changes and is given back.
pub(crate) fn rebase(changes: &mut [&mut Change], theirs: &Fields) -> Vec<Clash> {
    let fields: BTreeSet<String> = changes.iter().flat_map(|c| c.patch.keys().cloned()).collect();
    let mut clashes = Vec::new();
    for field in fields {
        let touching: Vec<usize> = (0..changes.len()).filter(|i| changes[*i].patch.contains_key(&field)).collect();
        let (Some(first), Some(last)) = (touching.first(), touching.last()) else { continue };
        let now = value(theirs, &field);
        let (base, mine) = (value(&changes[*first].base, &field).clone(), value(&changes[*last].patch, &field).clone());
        // The newest of our values that is there already: a change whose answer was lost, or the same thought on both sides.
        let is_there = |same: fn(&Value, &Value) -> bool| {
            touching.iter().rposition(|i| same(value(&changes[*i].patch, &field), now))
        };
        let moved = !same(now, &base);
        let done = match is_there(same).or_else(|| if moved { is_there(in_other_words) } else { None }) {
            Some(k) => k + 1,
            None if !moved => continue,
            #[cfg(test)]
            None if LAST_WRITER_WINS.get() => {
                changes[*first].base.insert(field, now.clone());
                continue;
            }
            None => {
                clashes.push(Clash { field: field.clone(), base, mine, theirs: now.clone() });
                touching.len()
            }
        };
        for i in &touching[..done] {
            changes[*i].forget(&field);
        }
        if let Some(next) = touching.get(done) {
            changes[*next].base.insert(field, now.clone());
        }
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(field: &str, base: &str, mine: &str) -> Change {
        Change { patch: [(field.into(), json!(mine))].into(), base: [(field.into(), json!(base))].into() }
    }

    fn state(field: &str, value: &str) -> Fields {
        [(field.into(), json!(value))].into()
    }

    #[test]
    fn what_only_the_operator_changed_is_still_to_be_sent() {
        let mut mine = change("name", "Rossi", "Bianchi");
        assert_eq!(rebase(&mut [&mut mine], &state("name", "Rossi")), []);
        assert_eq!(mine, change("name", "Rossi", "Bianchi"));
    }

    #[test]
    fn the_same_thought_on_both_sides_is_no_conflict() {
        let mut mine = change("name", "Rossi", "Bianchi");
        assert_eq!(rebase(&mut [&mut mine], &state("name", "Bianchi")), []);
        assert_eq!(mine, Change::default());
    }

    #[test]
    fn what_both_changed_is_shown_with_all_three_values() {
        let (mut first, mut second) = (change("name", "Rossi", "Bianchi"), change("name", "Bianchi", "Neri"));
        let clashes = rebase(&mut [&mut first, &mut second], &state("name", "Verdi"));
        let shown = Clash { field: "name".into(), base: json!("Rossi"), mine: json!("Neri"), theirs: json!("Verdi") };
        assert_eq!(clashes, [shown]);
        assert_eq!((first, second), (Change::default(), Change::default()));
    }

    #[test]
    fn an_earlier_change_that_arrived_is_the_base_of_the_later_one() {
        let (mut first, mut second) = (change("name", "Rossi", "Bianchi"), change("name", "Bianchi", "Neri"));
        assert_eq!(rebase(&mut [&mut first, &mut second], &state("name", "Bianchi")), []);
        assert_eq!((first, second), (Change::default(), change("name", "Bianchi", "Neri")));
    }

    #[test]
    fn a_number_that_the_crm_writes_in_its_own_form_has_arrived() {
        let numbers = |list: &[&str]| -> Fields { [("numbers".into(), json!(list))].into() };
        let change = |base: &[&str], mine: &[&str]| Change { patch: numbers(mine), base: numbers(base) };
        let mut added = change(&["4021"], &["4021", "011 555 0147"]);
        assert_eq!(rebase(&mut [&mut added], &numbers(&["4021", "+390115550147"])), []);
        assert_eq!(added, Change::default());
        // Another country is another number, as long as the old one is there.
        let mut moved = change(&["+390115550147"], &["+440115550147"]);
        assert_eq!(rebase(&mut [&mut moved], &numbers(&["+390115550147"])), []);
        assert_eq!(moved, change(&["+390115550147"], &["+440115550147"]));
    }

    #[test]
    fn a_field_that_is_missing_there_is_empty() {
        let mut filled = change("note", "", "new");
        assert_eq!(rebase(&mut [&mut filled], &Fields::new()), []);
        assert_eq!(filled, change("note", "", "new"));
        let mut cleared = change("note", "old", "");
        assert_eq!(rebase(&mut [&mut cleared], &Fields::new()), []);
        assert_eq!(cleared, Change::default());
        assert_eq!(rebase(&mut [&mut change("note", "old", "new")], &Fields::new()).len(), 1);
    }
}
