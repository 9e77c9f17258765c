//! A folder of Markdown files: what is in it, and what is not taken from it.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Folders within folders.
const DEEPEST: usize = 12;
/// Files and folders looked at.
const MOST: usize = 50_000;
/// Bytes of one article.
const LONGEST: u64 = 1 << 20;

/// A file that may be an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its path from the folder, with `/`.
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    /// Changes whenever the file does.
    pub(crate) stamp: String,
    /// UTC milliseconds.
    pub(crate) changed: i64,
    bytes: u64,
}

/// Why a file is not an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRead {
    /// It is longer than 1 MiB.
    TooLong,
    /// It is not text in UTF-8.
    NotText,
    /// The system does not give it.
    Refused,
}

/// Whether a file's name ends as one of Markdown does.
pub(crate) fn is_markdown(end: &str) -> bool {
    ["md", "markdown"].iter().any(|known| end.eq_ignore_ascii_case(known))
}

/// The Markdown files of a folder and of those in it, by name, and the folders in it that may not be read. Hidden ones are left out, and
/// links are not followed.
pub(crate) fn list(folder: &Path) -> io::Result<(Vec<Listed>, Vec<String>)> {
    let (mut found, mut closed) = (Vec::new(), Vec::new());
    let mut looked = 0;
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((path, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&path) {
            // Such as what a disk has found of its own.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && depth > 0 => {
                closed.extend(id(folder, &path));
                continue;
            }
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            looked += 1;
            if looked > MOST {
                return Err(io::Error::other("there are too many files in it"));
            }
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < DEEPEST {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file()
                && entry.path().extension().is_some_and(|end| is_markdown(&end.to_string_lossy()))
                && let Some(id) = id(folder, &entry.path())
            {
                match entry.metadata() {
                    // An editor's, gone again.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    meta => found.push(listed(id, entry.path(), &meta?)),
                }
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((found, closed))
}

fn id(folder: &Path, path: &Path) -> Option<String> {
    let parts: Vec<_> = path.strip_prefix(folder).ok()?.iter().map(|part| part.to_string_lossy()).collect();
    Some(parts.join("/"))
}

fn listed(id: String, path: PathBuf, meta: &Metadata) -> Listed {
    let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let changed = i64::try_from(since.as_millis()).unwrap_or_default();
    Listed { id, path, stamp: format!("{} {}", since.as_nanos(), meta.len()), changed, bytes: meta.len() }
}

/// The text of a file.
pub(crate) fn read(file: &Listed) -> Result<String, NotRead> {
    if file.bytes > LONGEST {
        return Err(NotRead::TooLong);
    }
    let bytes = std::fs::read(&file.path).map_err(|_| NotRead::Refused)?;
    String::from_utf8(bytes).map_err(|_| NotRead::NotText)
}
