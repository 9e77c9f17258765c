//! Events of calls that an employer's program is still to be told, in the order in which they happened. They are on disk until they have
//! been told, or until nobody wants to hear them any more.

use crate::{Store, StoreError};
use rusqlite::{OptionalExtension, params};

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEvent {
    /// Its number.
    pub seq: i64,
    /// The call.
    pub call: String,
    /// What happened, in the form of whoever wrote it.
    pub body: String,
    /// Later than this, UTC milliseconds, nobody wants to hear it.
    pub until: i64,
    /// An earlier event of the call has been told, and the call has not been forgotten since.
    pub followed: bool,
}

impl Store {
    /// An event is to be told.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_event(&self, call: &str, body: &str, until: i64) -> Result<(), StoreError> {
        self.write()
            .prepare_cached("INSERT INTO call_event (call, body, until) VALUES (?1, ?2, ?3)")?
            .execute(params![call, body, until])?;
        Ok(())
    }

    /// The oldest event that waits.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn next_event(&self) -> Result<Option<WaitingEvent>, StoreError> {
        Ok(self
            .read()
            .prepare_cached(
                "SELECT seq, call, body, until, EXISTS (SELECT 1 FROM call_event b WHERE b.call = e.call AND b.told)
                 FROM call_event e WHERE NOT told ORDER BY seq LIMIT 1",
            )?
            .query_row([], |r| {
                let (seq, call, body, until, followed) = (r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?);
                Ok(WaitingEvent { seq, call, body, until, followed })
            })
            .optional()?)
    }

    /// How many events wait.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn count_events(&self) -> Result<u32, StoreError> {
        Ok(self.read().query_row("SELECT count(*) FROM call_event WHERE NOT told", [], |r| r.get(0))?)
    }

    /// An event has been told: those of its call that come later are of one that is known there.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn event_is_told(&self, seq: i64) -> Result<(), StoreError> {
        self.write().prepare_cached("UPDATE call_event SET told = 1 WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }

    /// An event will not be told.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn drop_event(&self, seq: i64) -> Result<(), StoreError> {
        self.write().prepare_cached("DELETE FROM call_event WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }

    /// All of a call has been told, or will not be.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn drop_events_of(&self, call: &str) -> Result<(), StoreError> {
        self.write().prepare_cached("DELETE FROM call_event WHERE call = ?1")?.execute([call])?;
        Ok(())
    }

    /// Nobody is to be told anything any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn drop_events(&self) -> Result<(), StoreError> {
        self.write().execute("DELETE FROM call_event", [])?;
        Ok(())
    }
}
