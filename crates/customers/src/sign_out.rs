//! Signing out: passwords and the key are destroyed first, so that whatever is still on the disk is noise, and then what it opened is
//! removed. A mark that is there from before the first step until after the last makes the next start finish what was cut off.

use crate::key::{self, KeyStore, Secrets};
use crate::{Store, StoreError, copy, mend};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

const MARK: &str = "signed-out";

fn mark(database: &Path) -> PathBuf {
    database.with_file_name(MARK)
}

/// Where the key is that is to be destroyed.
const SYSTEM: &str = "system";

/// On the disk when it returns, its name too. It says where the key is: once that can't be found any more, nobody else would know.
fn set_mark(database: &Path, place: KeyStore) -> io::Result<()> {
    let mut file = File::create(mark(database))?;
    file.write_all(if place == KeyStore::System { SYSTEM.as_bytes() } else { b"file" })?;
    file.sync_all()?;
    // Where a folder can be opened, its names are written with it.
    let _ = File::open(folder(database)).and_then(|folder| folder.sync_all());
    Ok(())
}

fn folder(database: &Path) -> &Path {
    database.parent().unwrap_or(Path::new("."))
}

impl Store {
    /// Destroys passwords and key, and closes the database for good: nothing that is asked of it after that is answered. Files are removed by
    /// [`remove`].
    ///
    /// # Errors
    /// [`StoreError::Key`] or [`StoreError::Disk`] when the key can't be destroyed: then all is still there, but for the passwords that were
    /// removed before.
    pub fn sign_out(&self, secrets: &Secrets) -> Result<(), StoreError> {
        // Nobody mends meanwhile what is to go.
        let _alone = self.mending.lock().unwrap_or_else(PoisonError::into_inner);
        set_mark(&self.path, secrets.place()).map_err(StoreError::Disk)?;
        let destroyed = secrets.remove_all(self).and_then(|()| key::destroy(folder(&self.path), secrets.place()));
        if let Err(e) = destroyed {
            fs::remove_file(mark(&self.path)).map_err(StoreError::Disk)?;
            return Err(e);
        }
        self.closed.store(true, Ordering::Relaxed);
        for open in [&self.writer, &self.reader] {
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            *open = Connection::open_in_memory()?;
        }
        Ok(())
    }
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
/// When the key store refuses, or what the key opened can't be removed.
pub fn finish(database: &Path, also: &[&Path]) -> Result<(), StoreError> {
    let mark = mark(database);
    if !mark.is_file() {
        return Ok(());
    }
    let said = fs::read_to_string(&mark).map_err(StoreError::Disk)?;
    let place = if said == SYSTEM { KeyStore::System } else { KeyStore::File };
    let folder = folder(database);
    // As long as it opens, the database knows which passwords there are.
    let opened = match key::find(folder, place)? {
        Some(key) if database.exists() => Store::open(database, &key).ok(),
        _ => None,
    };
    match opened {
        Some(store) => store.sign_out(&Secrets::new(folder, place))?,
        None => key::destroy(folder, place)?,
    }
    match remove(database, also) {
        Err(e) if database.exists() => Err(StoreError::Disk(e)),
        // The next start tries again.
        Err(e) => {
            tracing::warn!("not all that was left could be removed: {e}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
