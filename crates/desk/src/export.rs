//! Calls and requests as a file, in columns of ours or as an employer prescribes them.

mod column;
mod file;
mod form;
pub(crate) mod hand_over;
mod log;
mod sheet;
#[cfg(test)]
mod tests;

pub use column::Column;
pub(crate) use file::remove_left;
pub use form::{Form, FormColumn, read_headings};
pub use hand_over::words;
pub use log::{LogEntry, Noted};

use crate::{Desk, DeskError};
use chrono::{Datelike, Days as Count, Local, NaiveDate, NaiveTime, TimeZone};
use column::Cell;
use cuffia_customers::{Exported, Records, Store};
use file::{Nameless, Place};
use sheet::{Csv, MOST_ROWS, Sheet, Xlsx};
use std::fs::File;
use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// So many records are read at once: a page of them takes some milliseconds, and then others may ask the store.
const PAGE: u32 = 200;
/// So many are shown before anything is written.
const SHOWN: u32 = 5;

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Not a day, or one beyond the year 9999.
    #[error("{0:?} is no day. It looks like 2026-11-30")]
    Day(String),
    /// It ends before it begins.
    #[error("the first day comes after the last. Choose an earlier first day, or a later last one")]
    Order,
    /// No such record.
    #[error("there is nothing in that time. Choose other days")]
    Nothing,
    /// No form of this name, of these records.
    #[error("there is no form {0:?} of these records. Choose another, or make it in the window")]
    NoForm(String),
    /// A form without a name.
    #[error("type a name for the form: by it you choose it later")]
    NoName,
    /// Another form has this name.
    #[error("there is a form of this name already. Type another name, or change that form")]
    NameTaken,
    /// No headings.
    #[error("the first line holds no headings. Choose the employer's form saved as CSV, or paste its headings")]
    Headings,
    /// A workbook, or something else that is no text.
    #[error("this file is no text. Save the form as CSV, or paste its headings")]
    NoText,
    /// More than a sheet holds.
    #[error("a workbook holds {MOST_ROWS} rows. Choose fewer days, or CSV")]
    TooMany,
    /// The folder is not there.
    #[error("there is no folder {0}. Make it, then export again")]
    NoFolder(String),
    /// The folder may not be written to.
    #[error("nothing may be written to {0}. Change its rights, then export again")]
    ReadOnly(String),
    /// Something is there already.
    #[error("{0} is there already, and nothing is overwritten. Choose another name")]
    Exists(String),
    /// The disk is full.
    #[error("the disk is full. Make room, then export again; no half file is left")]
    Full,
    /// The disk refuses otherwise.
    #[error("the file can't be written: {0}. No half file is left")]
    Write(io::Error),
}

impl ExportError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            ExportError::Day(_) => "export.day",
            ExportError::Order => "export.order",
            ExportError::Nothing => "export.nothing",
            ExportError::NoForm(_) => "export.no_form",
            ExportError::NoName => "export.no_name",
            ExportError::NameTaken => "export.name_taken",
            ExportError::Headings => "export.headings",
            ExportError::NoText => "export.no_text",
            ExportError::TooMany => "export.too_many",
            ExportError::NoFolder(_) => "export.no_folder",
            ExportError::ReadOnly(_) => "export.read_only",
            ExportError::Exists(_) => "export.exists",
            ExportError::Full => "export.full",
            ExportError::Write(_) => "export.write",
        }
    }
}

impl From<io::Error> for ExportError {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ExportError::Full,
            _ => ExportError::Write(e),
        }
    }
}

impl From<csv::Error> for ExportError {
    fn from(e: csv::Error) -> Self {
        match e.into_kind() {
            csv::ErrorKind::Io(e) => e.into(),
            other => ExportError::Write(io::Error::other(format!("{other:?}"))),
        }
    }
}

impl From<rust_xlsxwriter::XlsxError> for ExportError {
    fn from(e: rust_xlsxwriter::XlsxError) -> Self {
        match e {
            rust_xlsxwriter::XlsxError::RowColumnLimitError => ExportError::TooMany,
            e => ExportError::Write(io::Error::other(e)),
        }
    }
}

/// Days of an export, both with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    first: NaiveDate,
    last: NaiveDate,
}

impl Days {
    /// From two days such as `2026-11-30`.
    ///
    /// # Errors
    /// [`ExportError::Day`], [`ExportError::Order`].
    pub fn read(first: &str, last: &str) -> Result<Days, ExportError> {
        let day = |text: &str| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
            // The log is shown by a page, to which a year has four digits.
            day.filter(|day| (1..=9999).contains(&day.year())).ok_or_else(|| ExportError::Day(text.into()))
        };
        let days = Days { first: day(first)?, last: day(last)? };
        if days.first > days.last { Err(ExportError::Order) } else { Ok(days) }
    }

    /// The time they are, UTC milliseconds, where the operator is.
    fn time(&self, zone: &impl TimeZone) -> Range<i64> {
        let next = self.last.checked_add_days(Count::new(1)).unwrap_or(NaiveDate::MAX);
        midnight(zone, self.first)..midnight(zone, next)
    }
}

/// When a day begins. Some days have no midnight: clocks are put forward then.
fn midnight(zone: &impl TimeZone, day: NaiveDate) -> i64 {
    let hours = (0..24).filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
    let mut begins = hours.filter_map(|time| zone.from_local_datetime(&day.and_time(time)).earliest());
    // A day that was left out there, as Samoa did one, is the end of time.
    begins.next().map_or(i64::MAX, |at| at.timestamp_millis())
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A workbook.
    Xlsx,
    /// Comma-separated values.
    Csv,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which records.
    pub records: Records,
    /// Of which days.
    pub days: Days,
    /// How.
    pub format: Format,
    /// Name of the form; none: all our columns.
    pub form: Option<String>,
    /// Names and words are Italian.
    pub italian: bool,
}

/// What would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// How many records.
    pub count: u64,
    /// The headings.
    pub headings: Vec<String>,
    /// The first rows.
    pub rows: Vec<Vec<String>>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// How many records.
    pub rows: u64,
    /// Cells that were longer than a workbook allows, and were cut.
    pub cut: u64,
}

impl Ask {
    fn form(&self, store: &Store) -> Result<Form, DeskError> {
        let Some(name) = &self.form else { return Ok(Form::own(self.records, self.italian)) };
        let kept = form::forms(store)?.into_iter().find(|f| f.name == *name && f.records == self.records);
        kept.ok_or_else(|| ExportError::NoForm(name.clone()).into())
    }

    fn row(&self, form: &Form, of: &Exported, zone: &impl TimeZone) -> Vec<Cell> {
        let cell = |c: &FormColumn| match (&c.column, c.of()) {
            (_, Some(column)) => column.cell(self.records, of, zone, self.italian),
            (None, None) if !c.text.is_empty() => Cell::Fixed(c.text.clone()),
            _ => Cell::Empty,
        };
        form.columns.iter().map(cell).collect()
    }

    /// What they are, in the window's language; also the sheet's name.
    fn what(&self) -> &'static str {
        match (self.records, self.italian) {
            (Records::Requests, false) => "Requests",
            (Records::Requests, true) => "Richieste",
            (Records::Calls, false) => "Calls",
            (Records::Calls, true) => "Chiamate",
        }
    }

    /// `requests 2026-11-01 to 2026-11-30`, without its ending.
    fn file_name(&self) -> String {
        let (what, Days { first, last }) = (self.what().to_lowercase(), self.days);
        match self.italian {
            _ if first == last => format!("{what} {first}"),
            false => format!("{what} {first} to {last}"),
            true => format!("{what} dal {first} al {last}"),
        }
    }
}

/// What would be written. Nothing is.
///
/// # Errors
/// [`ExportError::NoForm`], or when the store refuses.
pub(crate) fn preview(store: &Store, ask: &Ask, zone: &impl TimeZone) -> Result<Preview, DeskError> {
    let (form, time) = (ask.form(store)?, ask.days.time(zone));
    let rows = store.records(ask.records, &time, None, SHOWN)?;
    let shown = |cell: Cell| match ask.format {
        Format::Csv => cell.in_csv(ask.italian),
        Format::Xlsx => cell.shown(ask.italian),
    };
    let row = |of| ask.row(&form, of, zone).into_iter().map(shown).collect();
    Ok(Preview {
        count: store.count_records(ask.records, &time)?,
        rows: rows.iter().map(row).collect(),
        headings: form.columns.into_iter().map(|c| c.heading).collect(),
    })
}

/// Writes a file, and a line about it in the audit log. Takes a while: not for where others wait.
///
/// # Errors
/// [`ExportError`], or when the store refuses; then there is no file.
pub(crate) fn write(
    store: &Store,
    ask: &Ask,
    zone: &impl TimeZone,
    place: &Place,
    now: i64,
) -> Result<Written, DeskError> {
    let (form, time) = (ask.form(store)?, ask.days.time(zone));
    let count = store.count_records(ask.records, &time)?;
    if count == 0 {
        return Err(ExportError::Nothing.into());
    }
    if ask.format == Format::Xlsx && count > MOST_ROWS {
        return Err(ExportError::TooMany.into());
    }
    let nameless = Nameless::begin(place)?;
    let (rows, cut) = fill(store, ask, &form, &time, zone, nameless.file())?;
    let ending = match ask.format {
        Format::Xlsx => "xlsx",
        Format::Csv => "csv",
    };
    let mut line = None;
    let named = nameless.name(place, &ask.file_name(), ending, |file| {
        line = Some(log::note(store, ask, rows, file, now)?);
        Ok(())
    });
    if let (Err(e), Some(line)) = (&named, line) {
        log::note_failed(store, line, &e.code(), now);
    }
    Ok(Written { path: named?, rows, cut })
}

/// Writes all rows. The answer is how many, and how many cells were cut.
fn fill(
    store: &Store,
    ask: &Ask,
    form: &Form,
    time: &Range<i64>,
    zone: &impl TimeZone,
    file: &File,
) -> Result<(u64, u64), DeskError> {
    let file = BufWriter::new(file);
    let mut sheet: Box<dyn Sheet + '_> = match ask.format {
        Format::Csv => Box::new(Csv::begin(file, form, ask.italian)?),
        Format::Xlsx => Box::new(Xlsx::begin(file, form, ask.what())?),
    };
    let (mut rows, mut last) = (0, None);
    loop {
        let page = store.records(ask.records, time, last.as_ref(), PAGE)?;
        for record in &page {
            sheet.row(ask.row(form, record, zone))?;
            rows += 1;
        }
        match page.into_iter().last() {
            Some(record) => last = Some(record),
            None => break,
        }
    }
    Ok((rows, sheet.finish()?))
}

/// Writes a file that is not there yet, in the operator's own time, and a line about it in the audit log.
///
/// # Errors
/// [`ExportError`], or when the store refuses; then there is no file.
pub fn export_to(store: &Store, ask: &Ask, path: &Path, now: i64) -> Result<Written, DeskError> {
    write(store, ask, &Local, &Place::File(path.to_owned()), now)
}

impl Desk {
    /// What would be written, in the operator's own time. Nothing is.
    ///
    /// # Errors
    /// [`ExportError::NoForm`], or when the store refuses.
    pub async fn preview_export(&self, ask: Ask) -> Result<Preview, DeskError> {
        let store = self.own_store();
        crate::blocking(move || preview(&store, &ask, &Local)).await
    }

    /// Writes a file into the folder of downloads.
    ///
    /// # Errors
    /// As [`export_to`].
    pub async fn run_export(&self, ask: Ask) -> Result<Written, DeskError> {
        let (store, place, now) = (self.own_store(), Place::Folder(self.downloads().to_owned()), self.now());
        crate::blocking(move || write(&store, &ask, &Local, &place, now)).await
    }
}
