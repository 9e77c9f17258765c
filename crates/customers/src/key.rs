//! Where the database key lives: the system's key store, else a file that only this user can read.

use crate::{Store, StoreError};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs;
use std::io::Write;
use std::path::Path;
use zeroize::Zeroizing;

const SERVICE: &str = "cuffia";
const FILE: &str = "database.key";
/// The setting with the names of the passwords in the key store.
const NAMES: &str = "secret.names";

/// 32 random bytes.
#[derive(Clone)]
pub struct DatabaseKey(Zeroizing<[u8; 32]>);

/// Where a key was found or put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStore {
    /// Keychain, Credential Manager, Secret Service.
    System,
    /// A file beside the database.
    File,
}

impl DatabaseKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the system has no randomness to give.
    pub fn random() -> Result<DatabaseKey, StoreError> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(bytes.as_mut()).map_err(|_| StoreError::Key("no randomness".into()))?;
        Ok(DatabaseKey(bytes))
    }

    fn from_hex(hex: &str) -> Option<DatabaseKey> {
        let hex = hex.trim();
        let mut bytes = Zeroizing::new([0; 32]);
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(DatabaseKey(bytes))
    }

    fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// SQLCipher's form of a raw key: no derivation, so the database opens within a millisecond.
    pub(crate) fn pragma(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("x'{}'", *self.hex()))
    }
}

impl std::fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseKey(..)")
    }
}

/// Finds the key of the database in `folder`, or makes one.
///
/// `use_system` asks the system's key store first. A folder of its own choosing (portable use, tests) keeps its key in itself, so
/// that nothing is written outside of it. A key file found there is always used: it belongs to the database beside it.
///
/// # Errors
/// [`StoreError::Key`] when neither place works, or the key file is damaged.
pub fn open_key(folder: &Path, use_system: bool) -> Result<(DatabaseKey, KeyStore), StoreError> {
    let path = folder.join(FILE);
    if let Some(key) = key_of_file(&path)? {
        return Ok((key, KeyStore::File));
    }
    if use_system {
        match system_key(folder) {
            Ok(key) => return Ok((key, KeyStore::System)),
            Err(e) => tracing::warn!(
                "no system key store here ({e}): the database's key is kept in a file that only you can read"
            ),
        }
    }
    let key = DatabaseKey::random()?;
    write_private(&path, &key.hex()).map_err(|e| StoreError::Key(e.to_string()))?;
    Ok((key, KeyStore::File))
}

fn key_of_file(path: &Path) -> Result<Option<DatabaseKey>, StoreError> {
    let Ok(hex) = fs::read_to_string(path) else { return Ok(None) };
    let key = DatabaseKey::from_hex(&hex)
        .ok_or_else(|| StoreError::Key(format!("{} is damaged; restore it from a backup", path.display())))?;
    Ok(Some(key))
}

/// The key that there is in a place. None is made.
///
/// # Errors
/// [`StoreError::Key`] when the key store refuses to say.
pub(crate) fn find(folder: &Path, place: KeyStore) -> Result<Option<DatabaseKey>, StoreError> {
    match place {
        // One that was cut off while it was destroyed is none.
        KeyStore::File => Ok(key_of_file(&folder.join(FILE)).unwrap_or_default()),
        KeyStore::System => match system_entry(folder).and_then(|entry| entry.get_password()) {
            Ok(hex) => Ok(DatabaseKey::from_hex(&hex)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(e) => Err(StoreError::Key(e.to_string())),
        },
    }
}

/// One entry for each data folder: two profiles of one user have two keys.
fn system_key(folder: &Path) -> Result<DatabaseKey, keyring::Error> {
    let entry = system_entry(folder)?;
    match entry.get_password() {
        Ok(hex) => DatabaseKey::from_hex(&hex).ok_or(keyring::Error::NoEntry),
        Err(keyring::Error::NoEntry) => {
            let key = DatabaseKey::random().map_err(|_| keyring::Error::NoEntry)?;
            entry.set_password(&key.hex())?;
            Ok(key)
        }
        Err(e) => Err(e),
    }
}

/// Keeps passwords where the database's key is: in the system's key store. Where there is none they are in the database, which the key
/// beside it opens.
pub struct Secrets(Option<String>);

impl Secrets {
    /// For the data folder whose key was found in a place.
    pub fn new(folder: &Path, key: KeyStore) -> Secrets {
        Secrets((key == KeyStore::System).then(|| folder.display().to_string()))
    }

    /// A password by name, if there is one. The system may ask the user: not for the thread of a window or of sound.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the key store refuses.
    pub fn get(&self, store: &Store, name: &str) -> Result<Option<String>, StoreError> {
        let Some(folder) = &self.0 else { return store.setting(&setting(name)) };
        match entry(folder, name).and_then(|entry| entry.get_password()) {
            Ok(secret) => Ok(Some(secret)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(e) => Err(StoreError::Key(e.to_string())),
        }
    }

    /// Where they are.
    pub(crate) fn place(&self) -> KeyStore {
        if self.0.is_some() { KeyStore::System } else { KeyStore::File }
    }

    /// Removes them all.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the key store refuses.
    pub(crate) fn remove_all(&self, store: &Store) -> Result<(), StoreError> {
        // Those in the database go with its key.
        let Some(folder) = &self.0 else { return Ok(()) };
        for name in store.setting::<Vec<String>>(NAMES)?.unwrap_or_default() {
            gone(entry(folder, &name).and_then(|entry| entry.delete_credential()))?;
        }
        Ok(())
    }

    /// Keeps a password.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the key store refuses.
    pub fn put(&self, store: &Store, name: &str, secret: &str) -> Result<(), StoreError> {
        let Some(folder) = &self.0 else { return store.set_setting(&setting(name), &secret) };
        // A key store does not tell what is in it.
        let mut names: Vec<String> = store.setting(NAMES)?.unwrap_or_default();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
            store.set_setting(NAMES, &names)?;
        }
        entry(folder, name).and_then(|entry| entry.set_password(secret)).map_err(|e| StoreError::Key(e.to_string()))
    }
}

/// Destroys the key of the database in `folder`. That there is none any more is no error.
///
/// # Errors
/// [`StoreError::Key`] when the key store refuses, [`StoreError::Disk`].
pub(crate) fn destroy(folder: &Path, place: KeyStore) -> Result<(), StoreError> {
    match place {
        KeyStore::System => gone(system_entry(folder).and_then(|entry| entry.delete_credential())),
        KeyStore::File => {
            let path = folder.join(FILE);
            let Ok(before) = fs::read(&path) else { return Ok(()) };
            // Most disks write elsewhere what is written over; where they do not, this helps.
            let over = fs::OpenOptions::new().write(true).open(&path).and_then(|mut file| {
                file.write_all(&[b'-'; 64])?;
                file.sync_all()
            });
            match over.and(fs::remove_file(&path)) {
                // From the first byte on it opens nothing any more.
                Err(e) if fs::read(&path).is_ok_and(|now| now == before) => Err(StoreError::Disk(e)),
                Err(e) => {
                    tracing::warn!("what is left of the key could not be removed: {e}");
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        }
    }
}

fn gone(removed: Result<(), keyring::Error>) -> Result<(), StoreError> {
    match removed {
        Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
        Err(e) => Err(StoreError::Key(e.to_string())),
    }
}

fn system_entry(folder: &Path) -> Result<keyring::Entry, keyring::Error> {
    keyring::Entry::new(SERVICE, &folder.display().to_string())
}

fn setting(name: &str) -> String {
    format!("secret.{name}")
}

fn entry(folder: &str, name: &str) -> Result<keyring::Entry, keyring::Error> {
    keyring::Entry::new(SERVICE, &format!("{folder} {name}"))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
