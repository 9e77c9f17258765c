//! The commands about signing out of this computer.

use crate::engine::Engine;
use crate::view::*;

impl Engine {
    pub(crate) async fn left_behind(&self, _: Nothing) -> Result<LeftBehind, ApiError> {
        let left = self.desk().left_behind()?;
        Ok(LeftBehind { unsent: left.unsent, events: left.events, customers: left.customers, calls: left.calls })
    }

    pub(crate) async fn hand_over(&self, _: Nothing) -> Result<HandedOver, ApiError> {
        let path = self.desk().hand_over(self.language() == Language::It).await?;
        Ok(HandedOver { file: path.display().to_string() })
    }

    pub(crate) async fn sign_out(&self, s: SignOut) -> Result<Nothing, ApiError> {
        let left = self.desk().sign_out(s.leave_behind).await;
        // Its line is gone, or was left for the real one.
        if matches!(left, Ok(()) | Err(cuffia_desk::DeskError::StaysSignedIn(_)))
            && let Some(practice) = self.with_practice(Option::take)
        {
            practice.room.close().await;
            self.send_practice();
        }
        left?;
        Ok(Nothing {})
    }

    /// Nothing is done any more once this computer keeps nothing of the operator.
    pub(crate) fn is_open_for(&self, command: &str) -> Result<(), ApiError> {
        if command == "snapshot" || !self.desk().is_leaving() {
            return Ok(());
        }
        Err(ApiError { code: "sign_out.done".into(), message: "you are signed out. Start the program again".into() })
    }
}
