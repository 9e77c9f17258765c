//! The commands about the page for who calls.

use crate::engine::Engine;
use crate::view::*;

impl Engine {
    pub(crate) async fn set_pop(&self, s: SetPop) -> Result<Nothing, ApiError> {
        let pop = s.pop.map(|p| cuffia_desk::Pop {
            template: p.template.trim().to_owned(),
            when: match p.when {
                PopWhen::Ringing => cuffia_desk::PopWhen::Ringing,
                PopWhen::Answered => cuffia_desk::PopWhen::Answered,
                PopWhen::ByHand => cuffia_desk::PopWhen::ByHand,
            },
        });
        self.desk().set_pop(pop.as_ref())?;
        self.send_app();
        Ok(Nothing {})
    }

    pub(crate) async fn try_pop(&self, t: TryPop) -> Result<Nothing, ApiError> {
        self.desk().try_pop(t.template.trim())?;
        Ok(Nothing {})
    }

    pub(crate) async fn open_page(&self, c: CallRef) -> Result<Nothing, ApiError> {
        self.desk().open_page(&c.call)?;
        Ok(Nothing {})
    }
}
