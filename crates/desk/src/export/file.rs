//! The file of an export: it has its name once it is whole and its line is in the audit log, and never another's place.

use super::ExportError;
use crate::DeskError;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::{Builder, NamedTempFile};

/// Where an export goes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Into a folder, under a name that says what it is and that nothing there has.
    Folder(PathBuf),
    /// There, if nothing is there.
    File(PathBuf),
}

const BEGIN: &str = ".cuffia-";
const END: &str = ".part";
/// What an ended process left is older than this; what another one writes just now is not.
const LEFT: Duration = Duration::from_secs(24 * 3_600);

/// A file that has no name yet. It is gone when it is dropped.
pub(crate) struct Nameless {
    file: NamedTempFile,
    folder: PathBuf,
}

impl Nameless {
    /// Begins one in the folder it is to stay in: from there it gets its name at one stroke.
    pub(crate) fn begin(place: &Place) -> Result<Nameless, ExportError> {
        let folder = match place {
            Place::Folder(folder) => folder.clone(),
            Place::File(path) if path.exists() => return Err(ExportError::Exists(path.display().to_string())),
            // A bare name is of the folder we are in.
            Place::File(path) => match path.parent() {
                Some(folder) if folder != Path::new("") => folder.to_owned(),
                _ => PathBuf::from("."),
            },
        };
        remove_left(&folder);
        let file = Builder::new().prefix(BEGIN).suffix(END).tempfile_in(&folder).map_err(|e| at(e, &folder))?;
        Ok(Nameless { file, folder })
    }

    pub(crate) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives it its name, once `noted` has written down that it has it.
    pub(crate) fn name(
        self,
        place: &Place,
        stem: &str,
        ending: &str,
        noted: impl FnOnce(&str) -> Result<(), DeskError>,
    ) -> Result<PathBuf, DeskError> {
        self.file.as_file().sync_all().map_err(|e| at(e, &self.folder))?;
        let path = match place {
            Place::File(path) => path.clone(),
            Place::Folder(folder) => free(folder, stem, ending),
        };
        noted(&path.file_name().unwrap_or_default().to_string_lossy())?;
        // Refused where something has come to be there meanwhile.
        self.file.persist_noclobber(&path).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => ExportError::Exists(path.display().to_string()),
            // Not the folder's rights: the file was made in it a moment ago. Some disks refuse names.
            _ => ExportError::from(e.error),
        })?;
        Ok(path)
    }
}

/// Removes what a process that was ended meanwhile had begun: customers are in it.
pub(crate) fn remove_left(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(BEGIN) && name.ends_with(END));
        let age = || entry.metadata().and_then(|m| m.modified()).ok()?.elapsed().ok();
        if ours && age().is_some_and(|age| age > LEFT) {
            // It is tried again the next time.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// A name that nothing in a folder has: `calls.csv`, `calls (2).csv`.
fn free(folder: &Path, stem: &str, ending: &str) -> PathBuf {
    let mut path = folder.join(format!("{stem}.{ending}"));
    for number in 2.. {
        // A link that leads nowhere is something too.
        if path.symlink_metadata().is_err() {
            break;
        }
        path = folder.join(format!("{stem} ({number}).{ending}"));
    }
    path
}

/// What the disk says, of a folder.
fn at(e: io::Error, folder: &Path) -> ExportError {
    let shown = || folder.display().to_string();
    match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ExportError::NoFolder(shown()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ExportError::ReadOnly(shown()),
        _ => e.into(),
    }
}
