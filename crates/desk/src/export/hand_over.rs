//! What has not reached the CRM, as a table for whoever takes it over: a line for each field that was written.

use super::column::Cell;
use super::file::{Nameless, Place};
use super::sheet::{Csv, Sheet};
use super::{ExportError, Form, FormColumn};
use crate::DeskError;
use chrono::{DateTime, Local, NaiveDateTime};
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::sync::{Kind, Unsent};
use cuffia_customers::{Records, Store};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Words in English and in Italian.
type Words = (&'static str, &'static str);
const HEADINGS: [Words; 6] = [
    ("When", "Quando"),
    ("Of", "Di"),
    ("Name", "Nome"),
    ("Change", "Modifica"),
    ("Field", "Campo"),
    ("Value", "Valore"),
];
const FIELDS: [(&str, Words); 15] = [
    ("name", ("Name", "Nome")),
    ("company", ("Company", "Azienda")),
    ("product", ("Product", "Prodotto")),
    ("town", ("Town", "Città")),
    ("note", ("Note", "Nota")),
    ("numbers", ("Numbers", "Numeri")),
    ("emails", ("E-mail addresses", "Indirizzi e-mail")),
    ("title", ("Title", "Titolo")),
    ("customer", ("Customer", "Cliente")),
    ("kind", ("Kind", "Tipo")),
    ("topic", ("Topic", "Argomento")),
    ("subtopic", ("Detail", "Dettaglio")),
    ("at", ("Registered", "Registrata")),
    ("due", ("To be done by", "Da fare entro")),
    ("done", ("Done", "Fatta")),
];

fn of(words: Words, italian: bool) -> String {
    (if italian { words.1 } else { words.0 }).to_owned()
}

fn local(ms: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_millis(ms).map(|at| at.with_timezone(&Local).naive_local())
}

/// A field's value as people read it; a time as a number.
pub fn words(store: &Store, field: &str, value: &Value) -> String {
    match value {
        Value::String(uid) if field == "customer" => store.customer(uid).map(|c| c.name).unwrap_or_default(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(|v| words(store, field, v)).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn cell(store: &Store, field: &str, value: &Value, italian: bool) -> Cell {
    match (field, value) {
        ("at" | "due", Value::Number(ms)) => ms.as_i64().and_then(local).map_or(Cell::Empty, Cell::DateTime),
        ("done", Value::Bool(done)) => Cell::Text(of(if *done { ("yes", "sì") } else { ("no", "no") }, italian)),
        _ => Cell::Text(words(store, field, value)),
    }
}

fn rows(store: &Store, one: &Unsent, italian: bool) -> Vec<Vec<Cell>> {
    let text = |words| Cell::Text(of(words, italian));
    let (what, name) = match one.entity {
        Entity::Contact => (("customer", "cliente"), store.customer(&one.uid).map(|c| c.name)),
        Entity::Request => (("request", "richiesta"), store.request(&one.uid).map(|r| r.title)),
    };
    let name = name.ok().filter(|name| !name.is_empty());
    let name = name.or_else(|| one.fields.get("name").or(one.fields.get("title"))?.as_str().map(str::to_owned));
    let kind = match one.kind {
        Kind::Create => ("new", "nuovo"),
        Kind::Update => ("changed", "cambiato"),
        Kind::Delete => ("deleted", "eliminato"),
    };
    let row = |field: Cell, value: Cell| {
        let when = local(one.at).map_or(Cell::Empty, Cell::DateTime);
        vec![when, text(what), Cell::Text(name.clone().unwrap_or_default()), text(kind), field, value]
    };
    if one.fields.is_empty() {
        return vec![row(Cell::Empty, Cell::Empty)];
    }
    let heading =
        |field: &str| FIELDS.iter().find(|f| f.0 == field).map_or_else(|| field.to_owned(), |f| of(f.1, italian));
    one.fields.iter().map(|(field, v)| row(Cell::Text(heading(field)), cell(store, field, v, italian))).collect()
}

/// Writes the file; its path.
pub(crate) fn write(store: &Store, folder: &Path, italian: bool, now: i64) -> Result<PathBuf, DeskError> {
    let unsent = store.unsent()?;
    if unsent.is_empty() {
        return Err(ExportError::Nothing.into());
    }
    let place = Place::Folder(folder.to_owned());
    let file = Nameless::begin(&place)?;
    let heading = |words| FormColumn { heading: of(words, italian), column: None, text: String::new() };
    let form = Form { name: String::new(), records: Records::Requests, columns: HEADINGS.map(heading).to_vec() };
    let mut table = Box::new(Csv::begin(file.file(), &form, italian)?);
    for row in unsent.iter().flat_map(|one| rows(store, one, italian)) {
        table.row(row)?;
    }
    table.finish()?;
    let day = local(now).map_or_else(String::new, |at| at.format(" %Y-%m-%d").to_string());
    let stem = of(("changes not sent", "modifiche non inviate"), italian) + &day;
    // The audit log is to be destroyed; the file speaks for itself.
    file.name(&place, &stem, "csv", |_| Ok(()))
}
