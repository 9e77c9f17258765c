//! The form an employer prescribes: headings in his order, and what stands under each.

use super::{Column, ExportError};
use crate::{Desk, DeskError};
use cuffia_crm::import::first_line;
use cuffia_customers::{Records, Store};
use serde::{Deserialize, Serialize};

/// A prescribed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What the operator calls it.
    pub name: String,
    /// Of which records.
    pub records: Records,
    /// From left to right.
    pub columns: Vec<FormColumn>,
}

/// A column of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormColumn {
    /// The heading, as it was given.
    pub heading: String,
    /// The word of a [`Column`]; one that this version does not know is left empty.
    pub column: Option<String>,
    /// What always stands there, where there is no column; it may be nothing.
    pub text: String,
}

/// The setting they are kept in.
const FORMS: &str = "export.forms";
/// A line with more cells is none of headings, but another file.
const WIDEST: usize = 500;

impl Form {
    /// All our columns under our names, where nothing is prescribed.
    pub(crate) fn own(records: Records, italian: bool) -> Form {
        let column = |c: &Column| FormColumn {
            heading: c.name(italian).into(),
            column: Some(c.word().into()),
            text: String::new(),
        };
        Form { name: String::new(), records, columns: Column::of(records).iter().map(column).collect() }
    }
}

impl FormColumn {
    pub(crate) fn of(&self) -> Option<Column> {
        self.column.as_deref().and_then(Column::from_word)
    }
}

/// What an employer's headings seem to mean: the first line of a file, or headings with tabs, semicolons or commas between them. Each
/// column is taken once.
///
/// # Errors
/// [`ExportError::Headings`] when there are none, [`ExportError::NoText`] for a workbook.
pub fn read_headings(text: &str, records: Records) -> Result<Vec<FormColumn>, ExportError> {
    // A workbook is a ZIP archive; older ones have bytes that are no text either.
    if text.starts_with("PK\u{3}\u{4}") || text.contains('\0') {
        return Err(ExportError::NoText);
    }
    let headings = first_line(text);
    if headings.len() > WIDEST || headings.iter().all(String::is_empty) {
        return Err(ExportError::Headings);
    }
    let mut columns: Vec<FormColumn> = Vec::new();
    for heading in headings {
        let column = Column::guess(&heading, records).map(|c| c.word().to_owned());
        let taken = columns.iter().any(|before| before.column == column);
        columns.push(FormColumn { heading, column: column.filter(|_| !taken), text: String::new() });
    }
    Ok(columns)
}

/// The forms that are kept, by name.
pub(crate) fn forms(store: &Store) -> Result<Vec<Form>, DeskError> {
    Ok(store.setting::<Vec<Form>>(FORMS)?.unwrap_or_default())
}

pub(super) fn keep(store: &Store, mut form: Form, instead_of: Option<&str>) -> Result<(), DeskError> {
    form.name = form.name.trim().to_owned();
    if form.name.is_empty() {
        return Err(ExportError::NoName.into());
    }
    if form.columns.is_empty() || form.columns.len() > WIDEST {
        return Err(ExportError::Headings.into());
    }
    let mut forms = forms(store)?;
    forms.retain(|kept| Some(kept.name.as_str()) != instead_of);
    // Of calls and requests together: on the command line a form is its name.
    if forms.iter().any(|kept| kept.name == form.name) {
        return Err(ExportError::NameTaken.into());
    }
    forms.push(form);
    forms.sort_by_key(|kept| kept.name.to_lowercase());
    Ok(store.set_setting(FORMS, &forms)?)
}

impl Desk {
    /// The forms that are kept, by name.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn forms(&self) -> Result<Vec<Form>, DeskError> {
        forms(self.store())
    }

    /// Keeps a form, in place of another or beside the others.
    ///
    /// # Errors
    /// [`ExportError::NoName`], [`ExportError::NameTaken`], [`ExportError::Headings`], or when the store refuses.
    pub fn keep_form(&self, form: Form, instead_of: Option<&str>) -> Result<(), DeskError> {
        keep(self.store(), form, instead_of)
    }

    /// Forgets a form.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn remove_form(&self, name: &str) -> Result<(), DeskError> {
        let mut forms = self.forms()?;
        forms.retain(|kept| kept.name != name);
        Ok(self.store().set_setting(FORMS, &forms)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_employers_headings_are_understood_in_both_languages_and_in_his_order() {
        let understood = |text: &str, records| -> Vec<String> {
            let columns = read_headings(text, records).unwrap();
            columns.into_iter().map(|c| format!("{}={}", c.heading, c.column.unwrap_or_default())).collect()
        };
        assert_eq!(
            understood(
                "\u{feff}Data;Ora;Filiale;Nome cliente;Ragione sociale;Telefono;Tipologia;Motivo;Descrizione;Durata;Codice operatore;Esito\r\nx;y",
                Records::Requests
            ),
            [
                "Data=date",
                "Ora=time",
                "Filiale=",
                "Nome cliente=customer",
                "Ragione sociale=company",
                "Telefono=number",
                "Tipologia=kind",
                "Motivo=topic",
                "Descrizione=note",
                "Durata=talk_time",
                "Codice operatore=",
                "Esito=",
            ]
        );
        // The more of a heading is understood, the better; and of what is somebody else's nothing is.
        assert_eq!(
            understood("Numero cliente;Cliente;Codice cliente;Telefono operatore;Telefono", Records::Requests),
            [
                "Numero cliente=customer_number",
                "Cliente=customer",
                "Codice cliente=",
                "Telefono operatore=",
                "Telefono=number"
            ]
        );
        // Pasted from a spreadsheet; the second of the same is left empty.
        assert_eq!(
            understood(
                "Date\tCall start\tCaller\tName\tCustomer\tAnswered\tDuration\tOutcome\tNotes\tDate\t",
                Records::Calls
            ),
            [
                "Date=date",
                "Call start=call_began",
                "Caller=number",
                "Name=name",
                "Customer=customer",
                "Answered=answered",
                "Duration=talk_time",
                "Outcome=ended_because",
                "Notes=note",
                "Date=",
                "=",
            ]
        );
        // A heading may begin as a workbook does.
        assert_eq!(understood("PK;Nome", Records::Requests), ["PK=", "Nome=customer"]);
        // What we call them ourselves is always known.
        for (records, italian) in
            [(Records::Requests, false), (Records::Requests, true), (Records::Calls, false), (Records::Calls, true)]
        {
            let own = Form::own(records, italian);
            let line = own.columns.iter().map(|c| c.heading.as_str()).collect::<Vec<_>>().join("\t");
            assert_eq!(read_headings(&line, records).unwrap(), own.columns);
        }
        for (text, code) in [
            ("", "export.headings"),
            ("\n\n", "export.headings"),
            (";;;\na;b;c;d", "export.headings"),
            ("PK\u{3}\u{4}", "export.no_text"),
        ] {
            assert_eq!(read_headings(text, Records::Calls).unwrap_err().code(), code, "{text:?}");
        }
        assert_eq!(read_headings(&"a,".repeat(600), Records::Calls).unwrap_err().code(), "export.headings");
    }

    #[test]
    fn forms_are_kept_by_names_and_none_takes_anothers_place_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let key = cuffia_customers::DatabaseKey::random().unwrap();
        let store = Store::open(&folder.path().join("cuffia.db"), &key).unwrap();
        let form = |name: &str, records| Form { name: name.into(), ..Form::own(records, false) };
        let names = || forms(&store).unwrap().into_iter().map(|f| f.name).collect::<Vec<_>>();
        let keep = |form, instead_of| super::keep(&store, form, instead_of).map_err(|e| e.code());
        keep(form(" weekly ", Records::Calls), None).unwrap();
        keep(form("Branch", Records::Requests), None).unwrap();
        assert_eq!(names(), ["Branch", "weekly"]);
        for (taken, instead_of) in [("Branch", None), ("weekly", Some("Branch"))] {
            assert_eq!(keep(form(taken, Records::Calls), instead_of), Err("export.name_taken".into()));
        }
        keep(form("daily", Records::Calls), Some("weekly")).unwrap();
        assert_eq!(names(), ["Branch", "daily"]);
        assert_eq!(keep(form("  ", Records::Calls), None), Err("export.no_name".into()));
        let empty = Form { columns: Vec::new(), ..form("x", Records::Calls) };
        assert_eq!(keep(empty, None), Err("export.headings".into()));
        assert_eq!(names(), ["Branch", "daily"]);
    }
}
