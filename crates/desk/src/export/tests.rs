//! What is in the rows.
#![allow(clippy::unwrap_used)]

mod files;

use super::log::exports;
use super::*;
use calamine::{Data, Reader, Xlsx as Workbook, open_workbook};
use chrono::Utc;
use chrono_tz::Europe::Rome;
use cuffia_customers::{CallRecord, Customer, DatabaseKey, Request};
use std::path::Path;
use std::sync::Arc;

const MINUTE: i64 = 60_000;

/// A store, and a folder for files.
struct Here {
    folder: tempfile::TempDir,
    store: Arc<Store>,
}

impl Here {
    fn new() -> Here {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cuffia.db"), &DatabaseKey::random().unwrap()).unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        Here { folder, store: Arc::new(store) }
    }

    fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    fn files(&self) -> Vec<String> {
        let all = std::fs::read_dir(self.out()).unwrap();
        let mut names: Vec<String> = all.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A call that was answered after ten seconds and talked for three minutes, with its request.
    fn call(&self, id: &str, started: i64, note: &str) {
        let call = CallRecord {
            id: id.into(),
            number: "+390115550147".into(),
            called: "100".into(),
            started,
            answered: Some(started + 10_000),
            ended: Some(started + 10_000 + 3 * MINUTE),
            reason: Some("hung_up_there".into()),
            mos: Some(4.36),
            ..CallRecord::default()
        };
        self.store.put_call(&call).unwrap();
        let request = Request {
            id: format!("of-{id}"),
            call: Some(id.into()),
            at: started + 2 * MINUTE,
            kind: "complaint".into(),
            topic: "invoices".into(),
            subtopic: "mismatch".into(),
            note: note.into(),
            title: "Complaint: Invoices".into(),
            ..Request::default()
        };
        self.store.register(&request, None, "IT", started).unwrap();
    }

    fn write(&self, ask: &Ask) -> Result<Written, DeskError> {
        write(&self.store, ask, &Rome, &Place::Folder(self.out()), 7)
    }

    /// The text of a file of CSV, without its mark.
    fn csv(&self, ask: &Ask) -> String {
        let text = std::fs::read_to_string(self.write(ask).unwrap().path).unwrap();
        text.strip_prefix('\u{feff}').expect("a mark").to_owned()
    }

    /// Keeps a form of these records with all under one heading each.
    fn form(&self, records: Records, columns: &[(&str, &str, &str)]) {
        let column = |(heading, column, text): &(&str, &str, &str)| FormColumn {
            heading: (*heading).into(),
            column: Some((*column).to_owned()).filter(|c| !c.is_empty()),
            text: (*text).into(),
        };
        let form = Form { name: "theirs".into(), records, columns: columns.iter().map(column).collect() };
        self.store.set_setting("export.forms", &vec![form]).unwrap();
    }
}

fn ask(records: Records, first: &str, last: &str, format: Format) -> Ask {
    Ask { records, days: Days::read(first, last).unwrap(), format, form: None, italian: false }
}

/// In November, when Rome is an hour ahead.
fn at(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

#[test]
fn a_day_is_the_operators_from_its_first_moment_to_its_last() {
    let place = Here::new();
    for (id, moment) in [
        ("a-first", "2026-11-02T00:00:00.000+01:00"),
        ("b-last", "2026-11-30T23:59:59.999+01:00"),
        ("before", "2026-11-01T23:59:59.999+01:00"),
        ("after", "2026-12-01T00:00:00.000+01:00"),
    ] {
        place.call(id, at(moment), "");
    }
    let shown = |zone: &dyn Fn(&Ask) -> Preview| {
        let found = zone(&ask(Records::Calls, "2026-11-02", "2026-11-30", Format::Csv));
        (found.count, found.rows.iter().map(|row| row.last().unwrap().clone()).collect::<Vec<_>>())
    };
    let rome = shown(&|ask| preview(&place.store, ask, &Rome).unwrap());
    assert_eq!(rome, (2, vec!["a-first".to_owned(), "b-last".to_owned()]));
    let utc = shown(&|ask| preview(&place.store, ask, &Utc).unwrap());
    assert_eq!(utc.1, ["b-last", "after"], "elsewhere it is another day");
    // Clocks are put back on the 25th: it has 25 hours.
    let days = Days::read("2026-10-25", "2026-10-25").unwrap().time(&Rome);
    assert_eq!(days.end - days.start, 25 * 60 * MINUTE);
    // In Beirut clocks are put forward at midnight, so the day begins at one.
    let days = Days::read("2026-03-29", "2026-03-29").unwrap().time(&chrono_tz::Asia::Beirut);
    assert_eq!(days.end - days.start, 23 * 60 * MINUTE);
    assert!(matches!(Days::read("2026-11-02", "2026-11-01"), Err(ExportError::Order)));
    // What the page can't show is no day either.
    for none in ["", "2026-02-30", "1.11.2026", "+10000-01-01", "0000-12-31", "-0001-01-01"] {
        assert!(matches!(Days::read(none, "2026-11-01"), Err(ExportError::Day(_))), "{none}");
        assert!(matches!(Days::read("2026-11-01", none), Err(ExportError::Day(_))), "{none}");
    }
    let days = Days::read("0001-01-01", "9999-12-31").unwrap().time(&Rome);
    assert!(days.end > days.start);
}

#[test]
fn requests_have_what_the_window_shows_of_them_in_its_language() {
    let place = Here::new();
    let anna =
        Customer { id: "anna".into(), name: "Anna Po".into(), company: "Officine; Po".into(), ..Customer::default() };
    place.store.put_customer(&anna, "IT", 0).unwrap();
    place.call("a", at("2026-07-03T14:02:00+02:00"), "Two\nlines, \"so\"");
    place.store.link_call("a", Some("anna"), Some("Anna Po"), "IT", 0).unwrap();
    let mut asked = ask(Records::Requests, "2026-07-01", "2026-07-31", Format::Csv);
    let english = place.csv(&asked);
    assert_eq!(
        english,
        "\"Registered at\",\"Date\",\"Time\",\"Kind\",\"Topic\",\"Detail\",\"Title\",\"Note\",\"Customer\",\"Company\",\
         \"Customer’s number\",\"Number\",\"Direction\",\"Call began\",\"Talk time\",\"Recording\",\"To be done by\",\"Done\",\
         \"Id\",\"Id in the CRM\"\r\n\
         \"2026-07-03 14:04:00\",\"2026-07-03\",\"14:04:00\",\"Complaint\",\"Invoices\",\"Amount does not match\",\
         \"Complaint: Invoices\",\"Two\nlines, \"\"so\"\"\",\"Anna Po\",\"Officine; Po\",\"\",\"+390115550147\",\"Incoming\",\
         \"2026-07-03 14:02:00\",\"0:03:00\",\"no\",\"\",\"no\",\"of-a\",\"\"\r\n"
    );
    asked.italian = true;
    let italian = place.csv(&asked);
    assert!(italian.starts_with("\"Registrata il\";\"Data\";\"Ora\";\"Tipo\""), "{italian}");
    assert!(italian.contains(";\"Reclamo\";\"Fatture\";\"Importo che non torna\";"), "{italian}");
    asked.records = Records::Calls;
    let calls = place.csv(&asked);
    assert!(calls.contains(";\"In entrata\";\"+390115550147\";\"Anna Po\";\"Anna Po\";"), "{calls}");
    assert!(
        calls.contains(";\"100\";\"sì\";\"0:00:10\";\"0:03:00\";\"Ha riagganciato il cliente\";\"no\";\"4,4\";"),
        "{calls}"
    );
}

#[test]
fn reasons_are_called_as_in_the_window() {
    let window = |file: &str| {
        let path = format!("{}/../../ui/src/lib/i18n/{file}.ts", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    for (file, italian) in [("en", false), ("it", true)] {
        let words = window(file);
        for ending in crate::Ending::ALL {
            let line = format!("'reason.{}': '{}',", ending.word(), ending.name(italian));
            assert!(words.contains(&line), "{line}");
        }
        for kind in crate::Kind::ALL {
            let line = format!("'kind.{}': '{}',", kind.word(), kind.name(italian));
            assert!(words.contains(&line), "{line}");
        }
    }
}

#[test]
fn what_is_practised_and_what_came_in_it_is_left_out() {
    let place = Here::new();
    let day = at("2026-11-05T10:00:00+01:00");
    place
        .store
        .put_call(&CallRecord { id: "p".into(), practice: true, started: day, ..CallRecord::default() })
        .unwrap();
    let request = Request { id: "of-p".into(), call: Some("p".into()), at: day, ..Request::default() };
    place.store.register(&request, None, "IT", day).unwrap();
    for records in [Records::Calls, Records::Requests] {
        let asked = ask(records, "2026-11-05", "2026-11-05", Format::Xlsx);
        assert_eq!(preview(&place.store, &asked, &Rome).unwrap().count, 0);
        assert_eq!(place.write(&asked).unwrap_err().code(), "export.nothing");
    }
    assert!(place.files().is_empty() && exports(&place.store, 9).unwrap().is_empty());
}

#[test]
fn what_a_caller_wrote_is_no_formula_and_a_number_keeps_its_plus() {
    let place = Here::new();
    let texts = [
        "=HYPERLINK(\"http://x\")",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "＝1",
        "+39 011 555",
        "a=b",
        "+",
    ];
    for (i, text) in texts.iter().enumerate() {
        place.call(&format!("{i}"), at("2026-11-05T10:00:00+01:00") + i as i64, text);
    }
    place.form(Records::Requests, &[("=Nota", "note", ""), ("Filiale", "", "-"), ("Leer", "", "")]);
    let mut asked = ask(Records::Requests, "2026-11-05", "2026-11-05", Format::Csv);
    asked.form = Some("theirs".into());
    let text = place.csv(&asked);
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows[0], "\"=Nota\",\"Filiale\",\"Leer\"", "the employer's headings, as they are");
    let notes: Vec<&str> =
        rows[1..].iter().map(|row| row.strip_suffix(",\"-\",\"\"").expect("what always stands there")).collect();
    assert_eq!(
        notes,
        [
            "\"'=HYPERLINK(\"\"http://x\"\")\"",
            "\"'+cmd|' /C calc'!A0\"",
            "\"'-2+3\"",
            "\"'@SUM(A1)\"",
            "\"'\t'=1\"",
            "\"'＝1\"",
            "\"+39 011 555\"",
            "\"a=b\"",
            "\"'+\""
        ]
    );
    // What is shown before is what stands in the file.
    let shown = |ask: &Ask| preview(&place.store, ask, &Rome).unwrap().rows[0].clone();
    assert_eq!(shown(&asked), ["'=HYPERLINK(\"http://x\")", "-", ""]);
    // In a workbook text is text.
    asked.format = Format::Xlsx;
    assert_eq!(shown(&asked)[0], texts[0]);
    let written = place.write(&asked).unwrap();
    let cells = sheet(&written.path);
    assert_eq!(cells[1][0], Data::String(texts[0].into()));
    assert_eq!(cells[0][0], Data::String("=Nota".into()));
}

#[test]
fn no_part_of_what_a_caller_wrote_is_a_formula_where_another_separator_is_expected() {
    let place = Here::new();
    for (i, text) in [
        "Anna;=cmd|' /C calc'!A0;",
        "Anna,=cmd|' /C calc'!A0,",
        "Anna\t=1+1",
        "Anna\n-2+3\nBo",
        "Anna\r@SUM(A1)",
        "Anna; =1+1,\u{a0}=1+1\t ＋1",
        "Anna;\"=1+1\",\"=1+1\"\t\"=1+1\"",
        "\"=1+1\"; \" =1+1",
        " =1+1",
        ";;=1+1,,=1+1\n\n=1+1",
    ]
    .iter()
    .enumerate()
    {
        place.call(&format!("{i}"), at("2026-11-05T10:00:00+01:00") + i as i64, text);
    }
    place.form(Records::Requests, &[("Nota", "note", ""), ("Data", "date", ""), ("Testo", "note", "")]);
    let mut asked = ask(Records::Requests, "2026-11-05", "2026-11-05", Format::Csv);
    asked.form = Some("theirs".into());
    for italian in [false, true] {
        asked.italian = italian;
        let text = place.csv(&asked);
        for separator in *b",;\t" {
            let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            assert!(rows.len() >= 10, "{rows:?}");
            for cell in rows.iter().flatten() {
                // A spreadsheet may drop what is blank.
                assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '＋']), "{cell:?} of {rows:?}");
            }
        }
    }
}

/// All cells of a workbook's sheet, by a reader that is not ours.
fn sheet(path: &Path) -> Vec<Vec<Data>> {
    let mut book: Workbook<_> = open_workbook(path).unwrap();
    let (_, range) = book.worksheets().remove(0);
    assert!(book.worksheet_formula(&book.sheet_names()[0]).unwrap().is_empty(), "no formula");
    range.rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn days_times_and_durations_of_a_workbook_are_what_they_are_and_numbers_are_text() {
    let place = Here::new();
    place.call("a", at("2026-11-05T10:00:30+01:00"), "note");
    let long = 30 * 60 * MINUTE;
    let started = at("2026-11-06T08:00:00+01:00");
    let call = CallRecord {
        id: "long".into(),
        started,
        answered: Some(started),
        ended: Some(started + long),
        ..CallRecord::default()
    };
    place.store.put_call(&call).unwrap();
    let written = place.write(&ask(Records::Calls, "2026-11-01", "2026-11-30", Format::Xlsx)).unwrap();
    assert_eq!(written.path.file_name().unwrap(), "calls 2026-11-01 to 2026-11-30.xlsx");
    let cells = sheet(&written.path);
    let of = |row: usize, heading: &str| {
        let at = cells[0].iter().position(|c| *c == Data::String(heading.into())).expect(heading);
        cells[row][at].clone()
    };
    let date = |cell: Data| {
        let Data::DateTime(date) = cell else { panic!("{cell:?}") };
        (date.as_f64(), date.is_duration())
    };
    let day = f64::from(46_331); // 5 November 2026
    let ten = (10.0 * 3_600.0 + 30.0) / 86_400.0;
    assert_eq!(date(of(1, "Call began")), (day + ten, false));
    assert_eq!(date(of(1, "Date")), (day, false));
    assert_eq!(date(of(1, "Time")), (ten, false));
    assert_eq!(date(of(1, "Talk time")), (180.0 / 86_400.0, true));
    assert_eq!(date(of(2, "Talk time")), (1.25, true), "more than a day");
    assert_eq!(of(1, "Number"), Data::String("+390115550147".into()));
    assert_eq!(of(1, "Quality (MOS)"), Data::Float(4.4));
    assert_eq!(of(2, "Note"), Data::Empty);
}

#[test]
fn what_a_cell_cannot_hold_is_cut_and_said() {
    let place = Here::new();
    place.call("a", at("2026-11-05T10:00:00+01:00"), &"é😀".repeat(20_000));
    place.call("b", at("2026-11-05T10:00:01+01:00"), "\u{1} a bell \u{7} and <xml>&");
    let mut asked = ask(Records::Requests, "2026-11-05", "2026-11-05", Format::Xlsx);
    let written = place.write(&asked).unwrap();
    assert_eq!((written.rows, written.cut), (2, 1));
    let cells = sheet(&written.path);
    let Data::String(note) = &cells[1][7] else { panic!("{:?}", cells[1]) };
    assert_eq!(note.encode_utf16().count(), 32_767);
    let Data::String(note) = &cells[2][7] else { panic!("{:?}", cells[2]) };
    assert!(note.contains("a bell") && note.ends_with("<xml>&"), "{note:?}");
    asked.format = Format::Csv;
    assert_eq!(place.write(&asked).unwrap().cut, 0);
}

#[test]
fn a_form_is_of_its_records_and_what_it_does_not_know_any_more_is_left_empty() {
    let place = Here::new();
    place.call("a", at("2026-11-05T10:00:00+01:00"), "note");
    place.form(Records::Calls, &[("Nr", "number", ""), ("New", "of_a_later_version", ""), ("Nr", "number", "")]);
    let mut asked = ask(Records::Calls, "2026-11-05", "2026-11-05", Format::Csv);
    asked.form = Some("theirs".into());
    assert_eq!(place.csv(&asked), "\"Nr\",\"New\",\"Nr\"\r\n\"+390115550147\",\"\",\"+390115550147\"\r\n");
    assert_eq!(exports(&place.store, 1).unwrap()[0].noted.form.as_deref(), Some("theirs"));
    asked.records = Records::Requests;
    assert_eq!(place.write(&asked).unwrap_err().code(), "export.no_form");
}
