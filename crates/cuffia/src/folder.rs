//! The data folder: where everything that is kept lies, and nothing else.

use crate::StartError;
use std::fs::File;
use std::path::{Path, PathBuf};

/// An opened data folder. One program at a time: two would register twice and fight over the database.
pub struct DataFolder {
    path: PathBuf,
    chosen: bool,
    _lock: File,
}

/// `CUFFIA_DATA_DIR`, else the system's place for a user's data. True when it was chosen by hand.
pub fn data_folder() -> (PathBuf, bool) {
    match std::env::var_os("CUFFIA_DATA_DIR").filter(|v| !v.is_empty()) {
        Some(dir) => (PathBuf::from(dir), true),
        None => {
            let system = directories::ProjectDirs::from("", "", "Cuffia").map(|d| d.data_local_dir().to_path_buf());
            (system.unwrap_or_else(|| PathBuf::from("cuffia-data")), false)
        }
    }
}

/// The user's folder of downloads; where the system knows of none, the one in his home, the home itself, or the data folder.
pub(crate) fn downloads(data: &Path) -> PathBuf {
    let Some(user) = directories::UserDirs::new() else { return data.into() };
    match user.download_dir() {
        Some(folder) => folder.into(),
        None => {
            Some(user.home_dir().join("Downloads")).filter(|f| f.is_dir()).unwrap_or_else(|| user.home_dir().into())
        }
    }
}

impl DataFolder {
    /// Makes the folder, readable by this user only, and locks it.
    ///
    /// # Errors
    /// When it can't be written, or another program uses it.
    pub fn open() -> Result<DataFolder, StartError> {
        let (path, chosen) = data_folder();
        DataFolder::open_at(path, chosen)
    }

    /// As [`DataFolder::open`], elsewhere.
    ///
    /// # Errors
    /// As [`DataFolder::open`].
    pub fn open_at(path: PathBuf, chosen: bool) -> Result<DataFolder, StartError> {
        let unusable = |source| StartError::Folder { path: path.clone(), source };
        std::fs::create_dir_all(&path).map_err(unusable)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        }
        let lock = File::create(path.join("in-use.lock")).map_err(unusable)?;
        lock.try_lock().map_err(|_| StartError::InUse { path: path.clone() })?;
        Ok(DataFolder { path, chosen, _lock: lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("cuffia.db")
    }

    /// The folder of the recordings.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.path.join("recordings")
    }

    /// Chosen by hand: it keeps its key in itself, so that nothing is written outside of it.
    pub fn chosen(&self) -> bool {
        self.chosen
    }
}
