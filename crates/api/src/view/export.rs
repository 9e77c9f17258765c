//! Calls and requests as a file.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// Which records are exported.
    enum ExportWhat {
        /// Requests that came in calls here, by when they were registered.
        Requests,
        /// Calls, by when they began.
        Calls,
    }

    /// How a file is written.
    enum ExportFormat { /** A workbook. */ Xlsx, /** Comma-separated values. */ Csv, }

    /// What is to be exported.
    struct ExportAsk {
        /// Which records.
        what: ExportWhat,
        /// First day, such as `2026-11-01`, where the operator is.
        from: String,
        /// Last day, which is with it.
        to: String,
        /// How.
        format: ExportFormat,
        /// Name of the form; none: all columns.
        form: Option<String>,
    }

    /// What would be written.
    struct ExportPreview {
        /// How many records.
        count: u64,
        /// Headings.
        headings: Vec<String>,
        /// The first rows.
        rows: Vec<Vec<String>>,
    }

    /// What was written.
    struct ExportWritten {
        /// The file.
        path: String,
        /// How many records.
        rows: u64,
        /// Cells that were longer than a workbook allows, and were cut.
        cut: u64,
    }

    /// An employer's headings, to be understood.
    struct ExportHeadings {
        /// Of which records.
        what: ExportWhat,
        /// A file's text, whose first line they are, or they themselves.
        text: String,
    }

    /// A column of a form.
    struct FormColumn {
        /// The heading, as the employer wants it.
        heading: String,
        /// Id of an [`ExportColumn`]; none: always the same text.
        column: Option<String>,
        /// That text; it may be nothing.
        text: String,
    }

    /// A form that an employer prescribes.
    struct ExportForm {
        /// What the operator calls it.
        name: String,
        /// Of which records.
        what: ExportWhat,
        /// Columns in their order.
        columns: Vec<FormColumn>,
    }

    /// A form to be kept.
    struct KeepForm {
        /// It.
        form: ExportForm,
        /// Name of the form it takes the place of; none: it is a new one.
        instead_of: Option<String>,
    }

    /// Names a form.
    struct ExportFormRef {
        /// Its name.
        name: String,
    }

    /// What a column can hold.
    struct ExportColumn {
        /// Of which records.
        what: ExportWhat,
        /// Id.
        id: String,
        /// In the window's language.
        name: String,
    }

    /// An export of the audit log.
    struct ExportLine {
        /// When.
        at: i64,
        /// Which records.
        what: ExportWhat,
        /// First day.
        from: String,
        /// Last day.
        to: String,
        /// Name of the form; none: all columns.
        form: Option<String>,
        /// How many records.
        rows: u64,
        /// Name of the file.
        file: String,
        /// There is no file after all.
        failed: bool,
    }

    /// What an export can be made of, and the last ones.
    struct ExportRoom {
        /// All columns that there are.
        columns: Vec<ExportColumn>,
        /// Forms that are kept.
        forms: Vec<ExportForm>,
        /// Where files go.
        folder: String,
        /// The last exports, newest first.
        log: Vec<ExportLine>,
    }
}
