//! The commands about signing out of this computer.

use crate::engine::Engine;
use crate::view::*;

impl Engine {
    pub(crate) async fn left_behind(&self, _: Nothing) -> Result<LeftBehind, ApiError> {
        let left = self.desk().left_behind()?;
        Ok(LeftBehind { unsent: left.unsent, customers: left.customers, calls: left.calls })
    }

    pub(crate) async fn hand_over(&self, _: Nothing) -> Result<HandedOver, ApiError> {
        let path = self.desk().hand_over(self.language() == Language::It).await?;
        Ok(HandedOver { file: path.display().to_string() })
    }

    pub(crate) async fn sign_out(&self, s: SignOut) -> Result<Nothing, ApiError> {
        if self.in_practice() && self.desk().live_calls().is_empty() {
            self.end_practice().await?;
        }
        self.desk().sign_out(s.leave_behind).await?;
        Ok(Nothing {})
    }

    /// Nothing is done any more once this computer keeps nothing of the operator.
    pub(crate) fn is_open_for(&self, command: &str) -> Result<(), ApiError> {
        if !self.desk().is_signed_out() || command == "snapshot" {
            return Ok(());
        }
        Err(ApiError { code: "sign_out.done".into(), message: "you are signed out. Start the program again".into() })
    }
}
