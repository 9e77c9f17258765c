//! Signing out of a computer: what has not reached the employer's CRM is sent or handed over first, then everything is destroyed.

use crate::desk::DeskEvent;
use crate::events::Telling;
use crate::export::hand_over;
use crate::{Desk, DeskError, blocking};
use cuffia_customers::sign_out;
use std::path::PathBuf;

/// What signing out would destroy that nobody else has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftBehind {
    /// Changes that have not reached the CRM: waiting, refused, or in conflict.
    pub unsent: i64,
    /// Customers that no CRM knows of.
    pub customers: i64,
    /// Calls, what was practised left out.
    pub calls: i64,
}

impl Desk {
    /// What signing out would destroy that nobody else has.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn left_behind(&self) -> Result<LeftBehind, DeskError> {
        let (store, s) = (self.store(), self.store().standing()?);
        let unsent = s.waiting + s.conflicts + s.refused;
        Ok(LeftBehind { unsent, customers: store.only_here()?, calls: store.count_calls()? })
    }

    /// Writes what has not reached the CRM into a file among the downloads, for somebody to take over; its path. It is a CSV file that anybody
    /// can read.
    ///
    /// # Errors
    /// When nothing waits, or the disk refuses.
    pub async fn hand_over(&self, italian: bool) -> Result<PathBuf, DeskError> {
        let desk = self.clone();
        blocking(move || hand_over::write(desk.store(), desk.downloads(), italian, desk.now())).await
    }

    /// Hangs up nothing: a call is ended first. Leaves the line, destroys the key of the database and with it all that is in it, recordings
    /// too, and removes what lies on the disk. Nothing is answered after that; the program is to be ended.
    ///
    /// # Errors
    /// [`DeskError::InCall`]; [`DeskError::CrmWaits`] when something has not reached the CRM, unless it may be left behind; when the key
    /// store refuses. Then nothing was destroyed but passwords.
    pub async fn sign_out(&self, leave_behind: bool) -> Result<(), DeskError> {
        if !self.live_calls().is_empty() {
            return Err(DeskError::InCall);
        }
        let unsent = self.left_behind()?.unsent;
        if unsent > 0 && !leave_behind {
            return Err(DeskError::CrmWaits(unsent));
        }
        self.disconnect();
        *self.runner() = None;
        self.with(|s| s.telling = Telling::default());
        let desk = self.clone();
        blocking(move || Ok(desk.store().sign_out(desk.secrets())?)).await?;
        self.with(|s| {
            s.signed_out = true;
            s.wrap_up = None;
        });
        let desk = self.clone();
        let removed = blocking(move || Ok(sign_out::remove(desk.store().path(), &[desk.recordings()])?)).await;
        if let Err(e) = removed {
            // Noise by now; the next start removes it.
            tracing::warn!("not all files could be removed: {e}");
        }
        self.say(DeskEvent::SignedOut);
        Ok(())
    }

    /// Whether this computer keeps nothing of the operator any more.
    pub fn is_signed_out(&self) -> bool {
        self.locked().signed_out
    }
}
