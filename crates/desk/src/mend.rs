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

    /// Mends the database if what was written could not be copied: that is nobody's error to be told.
    pub fn mend_if_hurt(&self) {
        if self.store().is_hurt() {
            self.mend();
        }
    }

    /// Writes a call down; if the database turns out to be damaged, as soon as it is mended.
    pub(crate) fn keep_record(&self, record: CallRecord) {
        match self.store().put_call(&record) {
            Ok(()) => self.mend_if_hurt(),
            Err(StoreError::Damaged) => {
                let desk = self.clone();
                tokio::spawn(async move {
                    let alone = desk.mending().lock().await;
                    desk.mend_now().await;
                    drop(alone);
                    let again = desk.clone();
                    match blocking(move || again.keep_after_mending(record)).await {
                        Ok(()) => desk.say(DeskEvent::Records),
                        Err(e) => desk.complain(&e),
                    }
                });
            }
            Err(e) => self.complain(&e.into()),
        }
    }

    /// Writes a call down that could not be written before. What was written meanwhile is newer.
    fn keep_after_mending(&self, mut record: CallRecord) -> Result<(), DeskError> {
        if record.ended.is_none() {
            // One that lives no longer has been written by its end. It must not go on between the question and the answer.
            return self.with(|s| {
                let live = s.calls.iter().find(|call| call.info.id == record.id);
                live.map_or(Ok(()), |call| Ok(self.store().put_call(&call.record())?))
            });
        }
        if let Ok(there) = self.store().call(&record.id)
            && there.customer.is_some()
        {
            (record.customer, record.name) = (there.customer, there.name);
        }
        Ok(self.store().put_call(&record)?)
    }
}
