//! What the audit log says of exports.
//!
//! A line is written when a file is whole, before it has its name: so there is no file without one. Lines are only added, so where the
//! name was refused after all a second line says that. What fails earlier has left nothing outside, and is not noted.

use super::Ask;
use crate::{Desk, DeskError};
use cuffia_customers::{Records, Store};
use serde::{Deserialize, Serialize};

const EXPORT: &str = "export";
const FAILED: &str = "export_failed";

/// What is noted of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Which records.
    pub what: Records,
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// Name of the form; none: all our columns.
    pub form: Option<String>,
    /// How many records.
    pub rows: u64,
    /// Name of the file, without its folder.
    pub file: String,
}

/// Of a line before it.
#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    of: i64,
    code: String,
}

/// An export, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When, UTC milliseconds.
    pub at: i64,
    /// What.
    pub noted: Noted,
    /// There is no file after all.
    pub failed: bool,
}

/// Adds a line about an export; the answer is its number.
pub(super) fn note(store: &Store, ask: &Ask, rows: u64, file: &str, now: i64) -> Result<i64, DeskError> {
    let noted = Noted {
        what: ask.records,
        from: ask.days.first.to_string(),
        to: ask.days.last.to_string(),
        form: ask.form.clone(),
        rows,
        file: file.to_owned(),
    };
    Ok(store.add_audit(EXPORT, &detail(&noted)?, now)?)
}

/// Says that a line's file has not come to be. That it fails is said already: where this can't be added too, the line stays alone.
pub(super) fn note_failed(store: &Store, line: i64, code: &str, now: i64) {
    let failed = Failed { of: line, code: code.to_owned() };
    let added = detail(&failed).and_then(|detail| Ok(store.add_audit(FAILED, &detail, now)?));
    if let Err(e) = added {
        tracing::warn!("no line about an export that failed: {e}");
    }
}

fn detail(of: &impl Serialize) -> Result<String, DeskError> {
    serde_json::to_string(of).map_err(|e| DeskError::System(std::io::Error::other(e)))
}

impl Desk {
    /// The last exports, newest first.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn exports(&self, limit: u32) -> Result<Vec<LogEntry>, DeskError> {
        exports(self.store(), limit)
    }
}

pub(super) fn exports(store: &Store, limit: u32) -> Result<Vec<LogEntry>, DeskError> {
    let (mut failed, mut entries) = (Vec::new(), Vec::new());
    for line in store.audit(limit)? {
        if line.what == FAILED {
            failed.extend(serde_json::from_str::<Failed>(&line.detail).map(|f| f.of));
        } else if line.what == EXPORT
            && let Ok(noted) = serde_json::from_str(&line.detail)
        {
            entries.push(LogEntry { at: line.at, noted, failed: failed.contains(&line.seq) });
        }
    }
    Ok(entries)
}
