//! The commands about what customers asked for and is to be done.

use crate::engine::Engine;
use crate::show;
use crate::view::*;

/// More than anybody has to do.
const LISTED: u32 = 100;

impl Engine {
    pub(crate) async fn set_done(&self, s: SetDone) -> Result<Nothing, ApiError> {
        self.desk().set_done(&s.request, s.done)?;
        Ok(Nothing {})
    }

    pub(crate) async fn open_requests(&self, _: Nothing) -> Result<Vec<OpenRequest>, ApiError> {
        let store = self.desk().store();
        let named = |r: cuffia_customers::Request| OpenRequest {
            name: r.customer.as_deref().and_then(|uid| Some(store.customer(uid).ok()?.name)),
            request: show::request(&r),
        };
        Ok(store.open_requests(LISTED)?.into_iter().map(named).collect())
    }
}
