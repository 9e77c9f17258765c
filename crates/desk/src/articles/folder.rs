//! A folder of Markdown files: what is in it, and what is not taken from it. It may be on a share that hangs.

use super::ArticlesError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

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
fn list(folder: &Path) -> io::Result<(Vec<Listed>, Vec<String>)> {
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
fn read(file: &Listed) -> Result<String, NotRead> {
    if file.bytes > LONGEST {
        return Err(NotRead::TooLong);
    }
    let bytes = std::fs::read(&file.path).map_err(|_| NotRead::Refused)?;
    String::from_utf8(bytes).map_err(|_| NotRead::NotText)
}

/// How long a folder may take to say the next thing.
const PATIENCE: Duration = Duration::from_secs(20);
/// Texts that are read ahead.
const AHEAD: usize = 8;

/// Folders that somebody still reads.
static READ: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What a folder says, in this order.
#[derive(Debug)]
pub(crate) enum Said {
    /// The files in it, and the folders in it that may not be read.
    Listed { files: Vec<Listed>, closed: Vec<String> },
    /// A file that is new or changed.
    Read(Listed, Result<String, NotRead>),
}

/// A folder that is being read, on a thread of its own: one that hangs is given up, whoever waits for it waits alone, and nobody joins him.
pub(crate) struct Reading {
    folder: String,
    said: Receiver<Result<Said, ArticlesError>>,
}

impl Reading {
    /// Begins. `known` are the stamps of the files that need not be read; none: nothing is read but their names.
    pub(crate) fn begin(folder: &str, known: Option<BTreeMap<String, String>>) -> Result<Reading, ArticlesError> {
        let alone = Alone::with(folder).ok_or_else(|| late(folder))?;
        let (say, said) = sync_channel(AHEAD);
        let path = folder.to_owned();
        std::thread::spawn(move || {
            // It is let go of before the last word is heard.
            let _alone = alone;
            tell(&path, known, &say);
        });
        Ok(Reading { folder: folder.to_owned(), said })
    }

    /// The next thing it says; none at the end.
    pub(crate) fn next(&self) -> Result<Option<Said>, ArticlesError> {
        match self.said.recv_timeout(PATIENCE) {
            Ok(said) => said.map(Some),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(late(&self.folder)),
        }
    }
}

/// Whether a folder has articles in it.
pub(crate) fn look(folder: &str) -> Result<(), ArticlesError> {
    let reading = Reading::begin(folder, None)?;
    while reading.next()?.is_some() {}
    Ok(())
}

fn tell(folder: &str, known: Option<BTreeMap<String, String>>, say: &SyncSender<Result<Said, ArticlesError>>) {
    let listed = listed_in(folder);
    let files = listed.as_ref().map_or(Vec::new(), |(files, _)| files.clone());
    let mut heard = say.send(listed.map(|(files, closed)| Said::Listed { files, closed })).is_ok();
    for file in known.iter().flat_map(|known| files.iter().filter(|f| known.get(&f.id) != Some(&f.stamp))) {
        // Nobody may be waiting any more.
        heard = heard && say.send(Ok(Said::Read(file.clone(), read(file)))).is_ok();
        if !heard {
            return;
        }
    }
}

fn listed_in(folder: &str) -> Result<(Vec<Listed>, Vec<String>), ArticlesError> {
    let path = PathBuf::from(folder);
    if !path.is_absolute() {
        return Err(ArticlesError::Relative(folder.to_owned()));
    }
    let found = list(&path).map_err(|e| ArticlesError::Folder { folder: folder.to_owned(), why: e.to_string() })?;
    // A share that is not connected is an empty folder on some systems: what was read is not given up for that.
    if found.0.is_empty() { Err(ArticlesError::Empty(folder.to_owned())) } else { Ok(found) }
}

fn late(folder: &str) -> ArticlesError {
    ArticlesError::Folder { folder: folder.to_owned(), why: "it does not answer".into() }
}

/// Nobody else reads a folder meanwhile.
struct Alone(String);

impl Alone {
    fn with(folder: &str) -> Option<Alone> {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(folder.to_owned()).then(|| Alone(folder.to_owned()))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        READ.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nobody_joins_who_still_reads_a_folder_and_who_gives_up_lets_it_go() {
        let folder = tempfile::tempdir().unwrap();
        // More than are read ahead.
        for i in 0..3 * AHEAD {
            std::fs::write(folder.path().join(format!("{i}.md")), "text").unwrap();
        }
        let path = folder.path().to_str().unwrap();
        let reading = Reading::begin(path, Some(BTreeMap::new())).unwrap();
        assert!(matches!(reading.next(), Ok(Some(Said::Listed { files, .. })) if files.len() == 3 * AHEAD));
        assert_eq!(look(path), Err(late(path)));
        drop(reading);
        let patience = std::time::Instant::now() + Duration::from_secs(60);
        while look(path).is_err() {
            assert!(std::time::Instant::now() < patience, "it is not let go of");
            std::thread::yield_now();
        }
        let reading = Reading::begin(path, Some(BTreeMap::new())).unwrap();
        let mut said = 0;
        while reading.next().unwrap().is_some() {
            said += 1;
        }
        assert_eq!(said, 1 + 3 * AHEAD);
        assert_eq!(look(path), Ok(()), "once the last word is heard it may be read again");
    }
}
