//! The commands about the program that is told what happens to calls.

use crate::engine::Engine;
use crate::view::*;
use cuffia_desk::{DeskError, EventsForm as Form};

impl Engine {
    /// A database that refuses says so where it is used.
    pub(crate) fn events(&self) -> Option<EventsView> {
        let s = self.desk().events_status().ok().flatten()?;
        let form = match s.form {
            Form::Zammad => EventsForm::Zammad,
            Form::Webhook => EventsForm::Webhook,
        };
        let problem = s.problem.map(|e| DeskError::from(e).into());
        Some(EventsView { form, host: s.host, waiting: s.waiting, problem })
    }

    pub(crate) async fn set_events(&self, s: SetEvents) -> Result<Nothing, ApiError> {
        self.desk().set_events(s.target.map(target)).await?;
        Ok(Nothing {})
    }

    pub(crate) async fn try_events(&self, t: EventsTarget) -> Result<Nothing, ApiError> {
        self.desk().try_events(target(t)).await?;
        Ok(Nothing {})
    }
}

fn target(t: EventsTarget) -> cuffia_desk::EventsTarget {
    let form = match t.form {
        EventsForm::Zammad => Form::Zammad,
        EventsForm::Webhook => Form::Webhook,
    };
    cuffia_desk::EventsTarget { form, address: t.address, secret: t.secret }
}
