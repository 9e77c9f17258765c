//! `cuffia export`.

use super::{Failure, Report};
use crate::DataFolder;
use crate::compose::{now, open_store};
use cuffia_api::{ApiError, Language};
use cuffia_customers::Records;
use cuffia_desk::{Ask, Days, DeskError, ExportFormat, export_to};
use serde_json::json;
use std::path::PathBuf;

/// Writes calls or requests of some days into a file. Neither the switchboard nor the CRM hears of it.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["requests", "calls"]))]
pub struct Export {
    /// Requests that came in calls, by when they were registered.
    #[arg(long)]
    requests: bool,
    /// Calls, by when they began.
    #[arg(long)]
    calls: bool,
    /// First day, such as 2026-11-01.
    #[arg(long)]
    from: String,
    /// Last day, which is with it.
    #[arg(long)]
    to: String,
    /// Name of a form that was made in the window; without it all columns.
    #[arg(long)]
    form: Option<String>,
    /// Language of headings and words: en or it. Without it the system's, whatever the window's is.
    #[arg(long)]
    language: Option<String>,
    /// The file, .xlsx or .csv. Nothing may be there yet.
    file: PathBuf,
    /// One JSON object at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Export {
    pub(crate) async fn run(self) -> Result<Report, Failure> {
        let format = match self.file.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
            Some("xlsx") => ExportFormat::Xlsx,
            Some("csv") => ExportFormat::Csv,
            _ => {
                return Err(Failure::new(
                    "usage",
                    "the file's name ends in .xlsx or .csv, which says how it is written",
                ));
            }
        };
        let said = |e: DeskError| Failure::from(ApiError::from(e));
        let ask = Ask {
            records: if self.calls { Records::Calls } else { Records::Requests },
            days: Days::read(&self.from, &self.to).map_err(|e| said(e.into()))?,
            format,
            form: self.form,
            italian: super::language(self.language.as_deref())? == Language::It,
        };
        let folder = DataFolder::open()?;
        let (store, _) = open_store(&folder)?;
        let written = export_to(&store, &ask, &self.file, now()).map_err(said)?;
        let file = written.path.display().to_string();
        let cut = match written.cut {
            0 => String::new(),
            cut => format!("; {cut} cells were longer than a workbook allows and were cut: CSV has them whole"),
        };
        Ok(Report {
            words: format!("{} rows in {file}{cut}", written.rows),
            fields: json!({ "file": file, "rows": written.rows, "cut": written.cut }),
        })
    }
}
