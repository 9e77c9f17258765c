//! What the operator's side of the program does with records that a CRM keeps too, and what it shows of the work between them.

use super::outbox::{self, Kind};
use super::upstream::{Answer, Entity, Failure, Fields};
use super::{Choice, Conflict, Engine, Here, Mapped, Next, Step, Stopped, conflict, link, pull, records, state};
use crate::{Store, StoreError, new_id};

/// How it goes with the CRM.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// Changes that wait or are on their way.
    pub waiting: i64,
    /// Changes that the CRM refused.
    pub refused: i64,
    /// What both sides changed.
    pub conflicts: i64,
    /// Why nothing is asked until the operator does something.
    pub stopped: Option<Stopped>,
    /// Why the last request came to nothing, in plain words; none when it did not.
    pub error: Option<String>,
    /// The last answer, UTC milliseconds.
    pub answered: Option<i64>,
    /// How far the first pass is, while it lasts.
    pub progress: Option<Progress>,
}

/// A change that waits for its turn, for the network, or for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What.
    pub entity: Entity,
    /// The record's id here.
    pub uid: String,
    /// What is to be done with it.
    pub kind: Kind,
    /// The fields that are to be changed.
    pub fields: Vec<String>,
    /// It may be on its way, or may have arrived.
    pub sent: bool,
    /// When the operator wrote it, UTC milliseconds.
    pub at: i64,
    /// Why the CRM did not do it the last time it was asked to.
    pub why: Option<String>,
}

/// How far the first pass over all that a CRM has is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records that are here.
    pub here: i64,
    /// Records still to come, where the CRM tells.
    pub to_come: Option<i64>,
    /// When it began, UTC milliseconds, where it goes on since.
    pub began: Option<i64>,
}

const ONLY_HERE: &str = "FROM customer c WHERE c.sample = 0
     AND NOT EXISTS (SELECT 1 FROM link l WHERE l.entity = 'contact' AND l.uid = c.id)
     AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.entity = 'contact' AND o.uid = c.id)";

/// A change that the CRM will not take as it is. It waits for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its number in the outbox.
    pub seq: i64,
    /// What.
    pub entity: Entity,
    /// The record's id here.
    pub uid: String,
    /// What was to be done with it.
    pub kind: Kind,
    /// The CRM's words.
    pub why: String,
    /// When the operator wrote it, UTC milliseconds.
    pub at: i64,
}

impl Store {
    /// From now on there is a CRM that keeps these fields; changes wait for it. `who` tells it from others: for another
    /// one than before, the cards of that one go, but for those with something of the operator's it does not have.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn connect_crm(&self, who: &str, fields: Mapped<'_>, region: &str, now: i64) -> Result<(), StoreError> {
        self.change(region, now, |h| state::connect(h, who, fields))
    }

    /// Which CRM changes wait for, if for one.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn crm(&self) -> Result<Option<String>, StoreError> {
        state::who(&self.read())
    }

    /// A record's id in the CRM, where it has one.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn id_there(&self, entity: Entity, uid: &str) -> Result<Option<String>, StoreError> {
        Ok(link::of(&self.read(), entity, uid)?.map(|l| l.remote))
    }

    /// Whether a request may be under way, or may have been when the program ended.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn in_doubt(&self) -> Result<bool, StoreError> {
        Ok(self.read().query_row("SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'sent')", [], |r| r.get(0))?)
    }

    /// The oldest changes that wait or are on their way.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn waiting(&self, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        outbox::waiting(&self.read(), limit)
    }

    /// The oldest changes that the CRM refused.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn refused(&self, limit: u32) -> Result<Vec<Refused>, StoreError> {
        outbox::refused(&self.read(), limit)
    }

    /// How many customers of the operator's no CRM knows of.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn only_here(&self) -> Result<i64, StoreError> {
        Ok(self.read().query_row(&format!("SELECT count(*) {ONLY_HERE}"), [], |r| r.get(0))?)
    }

    /// Those customers, with when each was last changed, UTC milliseconds.
    pub(super) fn only_here_since(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let db = self.read();
        let mut all = db.prepare(&format!("SELECT c.id, c.updated {ONLY_HERE} ORDER BY c.n"))?;
        Ok(all.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Sends those customers to the CRM.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn send_only_here(&self, region: &str, now: i64) -> Result<(), StoreError> {
        self.change(region, now, |h| {
            let uids: Vec<String> =
                h.db.prepare(&format!("SELECT c.id {ONLY_HERE}"))?
                    .query_map([], |r| r.get(0))?
                    .collect::<Result<_, _>>()?;
            uids.iter().try_for_each(|uid| outbox::send(h, Entity::Contact, uid))
        })
    }

    /// What is to be asked of the CRM now.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn next_request(&self, engine: &mut Engine, region: &str, now: i64) -> Result<Next, StoreError> {
        self.change(region, now, |h| engine.next(h))
    }

    /// What came of a request.
    ///
    /// # Errors
    /// When the database refuses; then it is as if no answer had come.
    pub fn take_answer(
        &self,
        engine: &mut Engine,
        step: &Step,
        result: Result<Answer, Failure>,
        region: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        self.change(region, now, |h| engine.answer(h, step, result))
    }

    /// Makes a record under an id of ours. On disk when it returns, with what is to be sent.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn create(&self, e: Entity, uid: &str, fields: &Fields, region: &str, now: i64) -> Result<(), StoreError> {
        self.change(region, now, |h| outbox::create(h, e, uid, fields))
    }

    /// Makes many records at once, each under a fresh id: all of them, or none.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn create_many(&self, e: Entity, all: &[Fields], region: &str, now: i64) -> Result<(), StoreError> {
        self.change(region, now, |h| all.iter().try_for_each(|fields| outbox::create(h, e, &new_id(), fields)))
    }

    /// Changes fields of a record; `seen` is what was shown in them. What has changed since becomes a conflict.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it is gone, or when the database refuses.
    pub fn edit(
        &self,
        entity: Entity,
        uid: &str,
        patch: &Fields,
        seen: &Fields,
        region: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        self.change(region, now, |h| outbox::edit(h, entity, uid, patch, seen))
    }

    /// A customer's fields as they are written, to be edited.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn customer_fields(&self, id: &str) -> Result<Option<Fields>, StoreError> {
        records::read(&self.read(), Entity::Contact, id)
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn delete(&self, entity: Entity, uid: &str, region: &str, now: i64) -> Result<(), StoreError> {
        self.change(region, now, |h| outbox::delete(h, entity, uid))
    }

    /// What both sides changed, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn conflicts(&self) -> Result<Vec<Conflict>, StoreError> {
        conflict::all(&self.read())
    }

    /// The operator, who was shown `theirs`, chooses. The answer is the id of the record that was made in place of one that is gone.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the CRM's value is another by now.
    pub fn choose(&self, c: &Conflict, choice: Choice, region: &str, now: i64) -> Result<Option<String>, StoreError> {
        self.change(region, now, |h| conflict::choose(h, c.entity, &c.uid, c.field.as_deref(), &c.theirs, choice))
    }

    /// Sends once more what the CRM refused.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such entry.
    pub fn send_again(&self, seq: i64, region: &str, now: i64) -> Result<(), StoreError> {
        self.change(region, now, |h| outbox::again(h, seq))
    }

    /// Gives up what the CRM refused: the record is again what the CRM has, or stays here where it never had it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such entry.
    pub fn let_go(&self, seq: i64, region: &str, now: i64) -> Result<(), StoreError> {
        self.change(region, now, |h| outbox::let_go(h, seq))
    }

    /// The operator has signed in, or looked after the server, or said that so many records `may_vanish`.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn go_on(&self, may_vanish: bool) -> Result<(), StoreError> {
        self.change("", 0, |h| state::go_on(h.db, may_vanish))
    }

    /// Asks at once for what is new.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn pull_now(&self) -> Result<(), StoreError> {
        pull::now(&self.write())
    }

    /// How it goes.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn standing(&self) -> Result<Standing, StoreError> {
        let db = self.read();
        let c = state::get(&db)?;
        Ok(Standing {
            waiting: db.query_row("SELECT count(*) FROM outbox WHERE state != 'refused'", [], |r| r.get(0))?,
            refused: db.query_row("SELECT count(*) FROM outbox WHERE state = 'refused'", [], |r| r.get(0))?,
            conflicts: db.query_row("SELECT count(*) FROM conflict", [], |r| r.get(0))?,
            stopped: c.stopped,
            error: c.error,
            answered: c.answered,
            progress: pull::progress(&db)?,
        })
    }

    /// One transaction.
    pub(crate) fn change<T>(
        &self,
        region: &str,
        now: i64,
        f: impl FnOnce(&Here<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut db = self.write();
        let tx = db.transaction()?;
        let out = f(&Here { db: &tx, region, now })?;
        tx.commit()?;
        Ok(out)
    }
}
