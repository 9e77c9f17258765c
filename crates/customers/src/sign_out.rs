//! Signing out: the key is destroyed first, so that whatever is still on the disk is noise, and then what it opened is removed. A mark that
//! is there from before the first step until after the last makes the next start finish what was cut off.

use crate::key::{self, KeyStore, Secrets};
use crate::{Store, StoreError, copy, mend};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

const MARK: &str = "signed-out";

fn mark(database: &Path) -> PathBuf {
    database.with_file_name(MARK)
}

impl Store {
    /// Destroys passwords and key, and closes the database for good: nothing that is asked of it after that is answered. Files are removed by
    /// [`remove`].
    ///
    /// # Errors
    /// [`StoreError::Key`] when the key store refuses: then the key is still there, and so is all else but the passwords that are gone
    /// already; [`StoreError::Disk`].
    pub fn sign_out(&self, secrets: &Secrets) -> Result<(), StoreError> {
        let mark = mark(&self.path);
        File::create(&mark).and_then(|f| f.sync_all()).map_err(StoreError::Disk)?;
        let destroyed = secrets.remove_all(self).and_then(|()| key::destroy(folder(&self.path), secrets.place()));
        if let Err(e) = destroyed {
            fs::remove_file(&mark).map_err(StoreError::Disk)?;
            return Err(e);
        }
        let _mending = self.mending.lock().unwrap_or_else(PoisonError::into_inner);
        for open in [&self.writer, &self.reader] {
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            *open = Connection::open_in_memory()?;
        }
        Ok(())
    }
}

fn folder(database: &Path) -> &Path {
    database.parent().unwrap_or(Path::new("."))
}

/// Removes a database whose key is destroyed, all that lay beside it, and what else belongs to it.
///
/// # Errors
/// When the system refuses: the next start tries again.
pub fn remove(database: &Path, also: &[&Path]) -> io::Result<()> {
    for file in mend::all_files(database) {
        copy::remove(&file)?;
    }
    for folder in also {
        match fs::remove_dir_all(folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::remove_file(mark(database))
}

/// Finishes a signing out that was cut off; at a start, before anything is opened.
///
/// # Errors
/// When the key store or the disk refuses.
pub fn finish(database: &Path, also: &[&Path], use_system: bool) -> Result<(), StoreError> {
    if !mark(database).exists() {
        return Ok(());
    }
    key::destroy(folder(database), KeyStore::File)?;
    if use_system && let Err(e) = key::destroy(folder(database), KeyStore::System) {
        // Where there is no key store, it was in the file.
        tracing::warn!("{e}");
    }
    remove(database, also).map_err(StoreError::Disk)
}
