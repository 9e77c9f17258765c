//! Looks after the database while it is in use.

use crate::desk::DeskEvent;
use crate::{Desk, DeskError, blocking};
use cuffia_customers::{CallRecord, StoreError};

impl Desk {
    /// Reads the whole database when it is time to, where nobody waits for it, and mends what is damaged.
    pub(crate) async fn look_after_store(self) {
        let (store, now) = (self.own_store(), self.now());
        let checked = blocking(move || Ok(store.check(now)?)).await;
        self.mended(checked);
    }

    /// The database has turned out to be damaged. It is mended in the background; [`DeskEvent::Mended`] tells when it is.
    pub fn mend(&self) {
        let desk = self.clone();
        tokio::spawn(async move {
            // Many may have found out at once.
            if let Ok(_alone) = desk.mending().try_lock() {
                desk.mend_now().await;
            }
        });
    }

    async fn mend_now(&self) {
        let store = self.own_store();
        let mended = blocking(move || Ok(store.mend()?)).await;
        self.mended(mended);
    }

    fn mended(&self, mended: Result<bool, DeskError>) {
        match mended {
            Ok(false) => {}
            Ok(true) => {
                self.say(DeskEvent::Mended);
                self.say(DeskEvent::Records);
                self.crm_has_work();
            }
            Err(e) => self.complain(&e),
        }
    }

    /// Writes a call down; if the database turns out to be damaged, as soon as it is mended.
    pub(crate) fn keep_record(&self, record: CallRecord) {
        match self.store().put_call(&record) {
            Ok(()) => {}
            Err(StoreError::Damaged) => {
                let desk = self.clone();
                tokio::spawn(async move {
                    let alone = desk.mending().lock().await;
                    desk.mend_now().await;
                    drop(alone);
                    if let Err(e) = desk.store().put_call(&record) {
                        desk.complain(&e.into());
                    }
                });
            }
            Err(e) => self.complain(&e.into()),
        }
    }
}
