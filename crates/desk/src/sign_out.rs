//! Signing out of a computer: what has not reached the employer's CRM is sent or handed over first, then everything is destroyed.

use crate::desk::DeskEvent;
use crate::export::hand_over;
use crate::{Desk, DeskError, blocking};
use cuffia_customers::sign_out;
use std::path::PathBuf;

/// How far signing out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Leaving {
    #[default]
    No,
    Now,
    Done,
}

/// What signing out would destroy that nobody else has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftBehind {
    /// Changes that have not reached the CRM: waiting, refused, or in conflict.
    pub unsent: i64,
    /// Events of calls that another program is still to be told.
    pub events: u32,
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
        let (customers, events, calls) = (store.only_here()?, store.count_events()?, store.count_calls()?);
        Ok(LeftBehind { unsent, events, customers, calls })
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

    /// Leaves the line, destroys passwords and the key of the database, and with it all that is in it, recordings too, and removes what lies on
    /// the disk. Nothing is done for anybody meanwhile, and nothing is answered after it; the program is to be ended.
    ///
    /// # Errors
    /// [`DeskError::InCall`], for nothing is hung up; [`DeskError::CrmWaits`] when something has not reached the CRM, unless it may be left
    /// behind; [`DeskError::StaysSignedIn`] when the key can't be destroyed. Then work goes on.
    pub async fn sign_out(&self, leave_behind: bool) -> Result<(), DeskError> {
        // In the same breath: a call that begins now is not taken any more.
        let free = self.with(|s| {
            let free = s.calls.is_empty() && s.leaving == Leaving::No;
            if free {
                s.leaving = Leaving::Now;
            }
            free
        });
        if !free {
            return Err(DeskError::InCall);
        }
        let left = self.leave_for_good(leave_behind).await;
        self.with(|s| s.leaving = if left.is_ok() { Leaving::Done } else { Leaving::No });
        if let Err(DeskError::StaysSignedIn(_)) = left {
            self.connect_saved()?;
            self.connect_saved_crm().await?;
        }
        left?;
        let desk = self.clone();
        let removed = blocking(move || Ok(sign_out::remove(desk.store().path(), &[desk.recordings()])?)).await;
        if let Err(e) = removed {
            // Noise by now; the next start removes it.
            tracing::warn!("not all files could be removed: {e}");
        }
        self.say(DeskEvent::SignedOut);
        Ok(())
    }

    async fn leave_for_good(&self, leave_behind: bool) -> Result<(), DeskError> {
        let desk = self.clone();
        let unsent = blocking(move || Ok(desk.left_behind()?.unsent)).await?;
        if unsent > 0 && !leave_behind {
            return Err(DeskError::CrmWaits(unsent));
        }
        self.disconnect();
        *self.runner() = None;
        let desk = self.clone();
        let destroyed = blocking(move || Ok(desk.store().sign_out(desk.secrets())?)).await;
        destroyed.map_err(|e| DeskError::StaysSignedIn(e.to_string()))?;
        self.headset().stop_playing();
        self.with(|s| {
            (s.wrap_up, s.import) = (None, None);
            (s.telling, s.articles) = Default::default();
        });
        Ok(())
    }

    /// Whether nothing is done for anybody any more, or just now.
    pub fn is_leaving(&self) -> bool {
        self.locked().leaving != Leaving::No
    }

    /// Whether this computer keeps nothing of the operator any more.
    pub fn is_signed_out(&self) -> bool {
        self.locked().leaving == Leaving::Done
    }
}
