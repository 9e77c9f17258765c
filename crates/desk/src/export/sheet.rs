//! A table being written: CSV as spreadsheets read it, or a workbook.

use super::column::Cell;
use super::{ExportError, Form};
use chrono::{NaiveDate, NaiveTime, Timelike};
use rust_xlsxwriter::{Format, Workbook};
use std::io::Write;

/// Rows of a sheet below its headings.
pub(crate) const MOST_ROWS: u64 = 1_048_575;
/// A cell of a workbook holds so much, in UTF-16 units.
const LONGEST: usize = 32_767;
const SECONDS_A_DAY: f64 = 86_400.0;
/// Excel's own formats, which each spreadsheet shows as its country writes them.
const DATE: u8 = 14;
const TIME: u8 = 21;
const DATE_AND_TIME: u8 = 22;
const DURATION: u8 = 46;
/// With these a formula begins; the wide ones are taken for the others.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Takes rows, one after the other.
pub(crate) trait Sheet {
    /// Writes a row.
    fn row(&mut self, cells: Vec<Cell>) -> Result<(), ExportError>;
    /// Writes what is left; how many cells did not fit.
    fn finish(self: Box<Self>) -> Result<u64, ExportError>;
}

impl Cell {
    /// As CSV has it.
    pub(crate) fn in_csv(self, italian: bool) -> String {
        match self {
            Cell::Text(text) => defused(text),
            cell => cell.shown(italian),
        }
    }

    /// As text. Days as ISO 8601 has them, which every spreadsheet takes for days.
    pub(crate) fn shown(self, italian: bool) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) | Cell::Fixed(text) => text,
            Cell::Date(date) => date.format("%Y-%m-%d").to_string(),
            Cell::Time(time) => time.format("%H:%M:%S").to_string(),
            Cell::DateTime(at) => at.format("%Y-%m-%d %H:%M:%S").to_string(),
            Cell::Duration(ms) => {
                let s = ms / 1_000;
                format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
            }
            Cell::Number(number) => {
                let text = format!("{number:.1}");
                if italian { text.replace('.', ",") } else { text }
            }
        }
    }
}

/// What came from elsewhere and a spreadsheet would take for a formula is made text by an apostrophe (OWASP, CSV injection): where the
/// cell begins, and where a part of it would be a cell for a program that expects another separator. Our quotes do not keep it from
/// that: such a program heeds them only at the beginning of what is a cell to it. A plain telephone number with its plus is no formula.
fn defused(text: String) -> String {
    let digits = text.strip_prefix('+').unwrap_or_default();
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == ' ') {
        return text;
    }
    let mut safe = String::with_capacity(text.len());
    // Nothing of a cell stands here yet but what a program may drop.
    let mut begins = true;
    for (at, c) in text.char_indices() {
        if begins && FORMULA.contains(&c) || at == 0 && matches!(c, '\t' | '\r' | '\n') {
            safe.push('\'');
        }
        let separates = matches!(c, ',' | ';' | '\t' | '\r' | '\n');
        begins = separates || begins && (c.is_whitespace() || c == '"');
        safe.push(c);
    }
    safe
}

/// CSV: UTF-8 with its mark, by which Excel knows it; the separator and the comma of numbers as spreadsheets of the language want them.
pub(crate) struct Csv<W: Write> {
    writer: csv::Writer<W>,
    italian: bool,
}

impl<W: Write> Csv<W> {
    /// Begins with the headings.
    pub(crate) fn begin(mut file: W, form: &Form, italian: bool) -> Result<Csv<W>, ExportError> {
        file.write_all("\u{feff}".as_bytes())?;
        let mut writer = csv::WriterBuilder::new()
            .delimiter(if italian { b';' } else { b',' })
            .terminator(csv::Terminator::CRLF)
            // Each cell, so that a program which guesses the separator is not misled by another one in a text.
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(file);
        writer.write_record(form.columns.iter().map(|c| &c.heading))?;
        Ok(Csv { writer, italian })
    }
}

impl<W: Write> Sheet for Csv<W> {
    fn row(&mut self, cells: Vec<Cell>) -> Result<(), ExportError> {
        let italian = self.italian;
        Ok(self.writer.write_record(cells.into_iter().map(|cell| cell.in_csv(italian)))?)
    }

    fn finish(mut self: Box<Self>) -> Result<u64, ExportError> {
        self.writer.flush()?;
        Ok(0)
    }
}

/// A workbook of one sheet. Its text is text: nothing in it is a formula.
pub(crate) struct Xlsx<W: Write> {
    file: W,
    book: Workbook,
    row: u32,
    cut: u64,
    date: Format,
    time: Format,
    date_and_time: Format,
    duration: Format,
    number: Format,
}

impl<W: Write> Xlsx<W> {
    /// Begins with the headings, which stay in sight.
    pub(crate) fn begin(file: W, form: &Form, name: &str) -> Result<Xlsx<W>, ExportError> {
        let indexed = |index| Format::new().set_num_format_index(index);
        let mut xlsx = Xlsx {
            file,
            book: Workbook::new(),
            row: 1,
            cut: 0,
            date: indexed(DATE),
            time: indexed(TIME),
            date_and_time: indexed(DATE_AND_TIME),
            duration: indexed(DURATION),
            number: Format::new().set_num_format("0.0"),
        };
        let sheet = xlsx.book.add_worksheet();
        sheet.set_name(name)?.set_freeze_panes(1, 0)?;
        let bold = Format::new().set_bold();
        for (i, column) in (0u16..).zip(&form.columns) {
            let heading = fitting(&column.heading, &mut xlsx.cut);
            sheet.write_string_with_format(0, i, heading, &bold)?;
            let wide = column.of().map_or(12.0, |c| c.width()).max(heading.chars().count().min(60) as f64 + 2.0);
            sheet.set_column_width(i, wide)?;
        }
        Ok(xlsx)
    }
}

impl<W: Write> Sheet for Xlsx<W> {
    fn row(&mut self, cells: Vec<Cell>) -> Result<(), ExportError> {
        let sheet = self.book.worksheet_from_index(0)?;
        for (i, cell) in (0u16..).zip(cells) {
            let row = self.row;
            match cell {
                Cell::Empty => continue,
                Cell::Text(text) | Cell::Fixed(text) => sheet.write_string(row, i, fitting(&text, &mut self.cut))?,
                Cell::Date(day) => sheet.write_number_with_format(row, i, days(day), &self.date)?,
                Cell::Time(time) => sheet.write_number_with_format(row, i, part(time), &self.time)?,
                Cell::DateTime(at) => {
                    let number = days(at.date()) + part(at.time());
                    sheet.write_number_with_format(row, i, number, &self.date_and_time)?
                }
                Cell::Duration(ms) => {
                    let number = (ms / 1_000) as f64 / SECONDS_A_DAY;
                    sheet.write_number_with_format(row, i, number, &self.duration)?
                }
                Cell::Number(number) => {
                    sheet.write_number_with_format(row, i, (number * 10.0).round() / 10.0, &self.number)?
                }
            };
        }
        self.row += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, ExportError> {
        let bytes = self.book.save_to_buffer()?;
        self.file.write_all(&bytes)?;
        self.file.flush()?;
        Ok(self.cut)
    }
}

/// A day as a workbook counts them, from the last but one of 1899.
fn days(day: NaiveDate) -> f64 {
    const FIRST: NaiveDate = NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day");
    (day - FIRST).num_days() as f64
}

/// A time as a part of its day.
fn part(time: NaiveTime) -> f64 {
    f64::from(time.num_seconds_from_midnight()) / SECONDS_A_DAY
}

/// As much of a text as a cell holds.
fn fitting<'a>(text: &'a str, cut: &mut u64) -> &'a str {
    let mut length = 0;
    for (at, c) in text.char_indices() {
        length += c.len_utf16();
        if length > LONGEST {
            *cut += 1;
            return &text[..at];
        }
    }
    text
}
