//! Settings: small JSON values by name.

use crate::{Store, StoreError};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Store {
    /// A setting; none when it was never set or its form is of another version.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let text: Option<String> =
            self.read().query_row("SELECT value FROM setting WHERE name = ?1", [name], |r| r.get(0)).optional()?;
        Ok(text.and_then(|t| serde_json::from_str(&t).ok()))
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn set_setting<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let text = serde_json::to_string(value).map_err(|e| StoreError::Key(e.to_string()))?;
        self.write().execute(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2",
            params![name, text],
        )?;
        Ok(())
    }

    /// Forgets a setting.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn clear_setting(&self, name: &str) -> Result<(), StoreError> {
        self.write().execute("DELETE FROM setting WHERE name = ?1", [name])?;
        Ok(())
    }
}
