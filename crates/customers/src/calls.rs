//! Calls, what was written down about them, and promises.

use crate::sync::upstream::{Entity, Fields};
use crate::sync::{Here, outbox, records};
use crate::{CustomerId, Store, StoreError};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A call as it is kept. Times are UTC milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallRecord {
    /// Id.
    pub id: String,
    /// We called.
    pub outgoing: bool,
    /// The other side's number as it came or was dialled.
    pub number: String,
    /// The other side's name as the network or the customer's card told it.
    pub name: Option<String>,
    /// The customer it was linked with.
    pub customer: Option<CustomerId>,
    /// What was called.
    pub called: String,
    /// A practice call.
    pub practice: bool,
    /// Begun.
    pub started: i64,
    /// Answered.
    pub answered: Option<i64>,
    /// Ended; none while it lives, or when the program was stopped in the middle.
    pub ended: Option<i64>,
    /// Why it ended, one of the desk's words.
    pub reason: Option<String>,
    /// File name of the recording, within the recordings folder.
    pub recording: Option<String>,
    /// Mean quality.
    pub mos: Option<f64>,
    /// What was wrong with the sound at some time, the desk's words.
    pub troubles: Vec<String>,
}

/// What is written down during a call, before it is registered. Parts may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// Kind, one of the desk's words.
    pub kind: Option<String>,
    /// Topic id, first level.
    pub topic: Option<String>,
    /// Topic id, second level.
    pub subtopic: Option<String>,
    /// Note.
    pub note: String,
    /// The customer it is about.
    pub customer: Option<CustomerId>,
    /// Something is left to be done.
    pub open: bool,
    /// Until when, UTC milliseconds.
    pub due: Option<i64>,
}

/// A registered request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Id.
    pub id: String,
    /// The call it came in.
    pub call: Option<String>,
    /// The customer it is about.
    pub customer: Option<CustomerId>,
    /// When it was registered.
    pub at: i64,
    /// Kind, one of the desk's words.
    pub kind: String,
    /// Topic id, first level.
    pub topic: String,
    /// Topic id, second level.
    pub subtopic: String,
    /// Note.
    pub note: String,
    /// What it is called in the CRM.
    pub title: String,
    /// Until when it is to be done, UTC milliseconds.
    pub due: Option<i64>,
    /// Nothing is left to be done.
    pub done: bool,
}

impl Request {
    /// As the engine knows it.
    fn fields(&self) -> Fields {
        let text = |s: &String| json!(s);
        [
            ("customer", json!(self.customer)),
            ("at", json!(self.at)),
            ("kind", text(&self.kind)),
            ("topic", text(&self.topic)),
            ("subtopic", text(&self.subtopic)),
            ("note", text(&self.note)),
            ("title", text(&self.title)),
            ("due", json!(self.due)),
            ("done", json!(self.done)),
        ]
        .into_iter()
        .map(|(field, value)| (field.to_owned(), value))
        .collect()
    }
}

/// A promise to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Id.
    pub id: String,
    /// To whom.
    pub customer: CustomerId,
    /// What.
    pub text: String,
    /// Until when.
    pub due: i64,
    /// When it was kept.
    pub kept: Option<i64>,
}

pub(crate) const CALL: &str = "id, outgoing, number, name, customer, called, practice, started, answered, ended, reason, recording, mos, \
     troubles";
pub(crate) const REQUEST: &str = "id, call, customer, at, kind, topic, subtopic, note, title, due, done";

impl Store {
    /// Writes a call, new or changed. On disk when it returns.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_call(&self, c: &CallRecord) -> Result<(), StoreError> {
        self.write().execute(
            &format!(
                "INSERT INTO call ({CALL}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT(id) DO UPDATE SET outgoing = ?2, number = ?3, name = ?4, customer = ?5, called = ?6, practice = ?7,
                     started = ?8, answered = ?9, ended = ?10, reason = ?11, recording = ?12, mos = ?13, troubles = ?14"
            ),
            params![
                c.id, c.outgoing, c.number, c.name, c.customer, c.called, c.practice, c.started, c.answered, c.ended,
                c.reason, c.recording, c.mos, c.troubles.join(" ")
            ],
        )?;
        Ok(())
    }

    /// One call.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none with this id.
    pub fn call(&self, id: &str) -> Result<CallRecord, StoreError> {
        self.read()
            .query_row(&format!("SELECT {CALL} FROM call WHERE id = ?1"), [id], read_call)
            .optional()?
            .ok_or(StoreError::Missing("call"))
    }

    /// Calls begun before a time, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn calls(&self, before: Option<i64>, limit: u32) -> Result<Vec<CallRecord>, StoreError> {
        let db = self.read();
        let sql = format!("SELECT {CALL} FROM call WHERE started < ?1 ORDER BY started DESC, id DESC LIMIT ?2");
        let mut query = db.prepare_cached(&sql)?;
        Ok(query.query_map(params![before.unwrap_or(i64::MAX), limit], read_call)?.collect::<Result<_, _>>()?)
    }

    /// How many there are, what was practised left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn count_calls(&self) -> Result<i64, StoreError> {
        Ok(self.read().query_row("SELECT count(*) FROM call WHERE NOT practice", [], |r| r.get(0))?)
    }

    /// A customer's calls, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn calls_of(&self, customer: &str, limit: u32) -> Result<Vec<CallRecord>, StoreError> {
        let db = self.read();
        let sql = format!("SELECT {CALL} FROM call WHERE customer = ?1 ORDER BY started DESC LIMIT ?2");
        let mut query = db.prepare_cached(&sql)?;
        Ok(query.query_map(params![customer, limit], read_call)?.collect::<Result<_, _>>()?)
    }

    /// Calls that a killed process left open.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unfinished_calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        let db = self.read();
        let mut query = db.prepare(&format!("SELECT {CALL} FROM call WHERE ended IS NULL AND reason IS NULL"))?;
        Ok(query.query_map([], read_call)?.collect::<Result<_, _>>()?)
    }

    /// Saves a call's draft. On disk when it returns.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_draft(&self, call: &str, draft: &Draft, now: i64) -> Result<(), StoreError> {
        let body = serde_json::to_string(draft).map_err(|e| StoreError::Key(e.to_string()))?;
        self.write().execute(
            "INSERT INTO draft (call, body, updated) VALUES (?1, ?2, ?3) ON CONFLICT(call) DO UPDATE SET body = ?2, updated = ?3",
            params![call, body, now],
        )?;
        Ok(())
    }

    /// A call's draft.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn draft(&self, call: &str) -> Result<Option<Draft>, StoreError> {
        let body: Option<String> =
            self.read().query_row("SELECT body FROM draft WHERE call = ?1", [call], |r| r.get(0)).optional()?;
        Ok(body.and_then(|b| serde_json::from_str(&b).ok()))
    }

    /// Writes a request that no CRM is told of.
    pub(crate) fn put_request(&self, r: &Request) -> Result<(), StoreError> {
        self.change("", r.at, |h| records::write(h, Entity::Request, &r.id, &r.fields()))
    }

    /// Registers the request of a call, of which the operator was shown `seen` if there was one; the draft is done with. It goes to the CRM
    /// if that keeps requests, and its customer with it; what is registered in practice does not. One call has one request: a second one
    /// changes the first, whose id is the answer's.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn register(&self, r: &Request, seen: Option<&Request>, region: &str, now: i64) -> Result<Request, StoreError> {
        let registered = |h: &Here<'_>| -> Result<Option<Request>, StoreError> {
            let sql = format!("SELECT {REQUEST} FROM request WHERE call = ?1");
            Ok(h.db.query_row(&sql, [&r.call], read_request).optional()?)
        };
        self.change(region, now, |h| {
            let practice: Option<bool> =
                h.db.query_row("SELECT practice FROM call WHERE id = ?1", [&r.call], |row| row.get(0)).optional()?;
            let before = registered(h)?;
            match &before {
                Some(before) => {
                    let mut fields = r.fields();
                    fields.remove("at");
                    outbox::edit(h, Entity::Request, &before.id, &fields, &seen.unwrap_or(before).fields())?;
                }
                None => {
                    records::write(h, Entity::Request, &r.id, &r.fields())?;
                    h.db.execute("UPDATE request SET call = ?2 WHERE id = ?1", params![r.id, r.call])?;
                    if practice == Some(false) {
                        outbox::send(h, Entity::Request, &r.id)?;
                    }
                }
            }
            h.db.execute("DELETE FROM draft WHERE call = ?1", [&r.call])?;
            if r.customer.is_some() {
                h.db.execute("UPDATE call SET customer = ?2 WHERE id = ?1", params![r.call, r.customer])?;
            }
            registered(h)?.ok_or(StoreError::Missing("request"))
        })
    }

    /// Links a call with a customer, or with none: its row, its request and its draft. The name is the customer's; without
    /// one the row shows the number. On disk when it returns.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such call, or when the database refuses.
    pub fn link_call(
        &self,
        call: &str,
        customer: Option<&str>,
        name: Option<&str>,
        region: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        self.change(region, now, |h| {
            let changed =
                h.db.execute("UPDATE call SET customer = ?2, name = ?3 WHERE id = ?1", params![call, customer, name])?;
            if changed == 0 {
                return Err(StoreError::Missing("call"));
            }
            let request: Option<String> =
                h.db.query_row("SELECT id FROM request WHERE call = ?1", [call], |r| r.get(0)).optional()?;
            if let Some(id) = request {
                let seen = records::read(h.db, Entity::Request, &id)?.unwrap_or_default();
                outbox::edit(h, Entity::Request, &id, &[("customer".to_owned(), json!(customer))].into(), &seen)?;
            }
            h.db.execute(
                "UPDATE draft SET body = json_set(body, '$.customer', ?2), updated = ?3 WHERE call = ?1",
                params![call, customer, now],
            )?;
            Ok(())
        })
    }

    /// The request of a call.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn request_of(&self, call: &str) -> Result<Option<Request>, StoreError> {
        Ok(self
            .read()
            .query_row(&format!("SELECT {REQUEST} FROM request WHERE call = ?1"), [call], read_request)
            .optional()?)
    }

    /// A request.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none with this id.
    pub fn request(&self, id: &str) -> Result<Request, StoreError> {
        let sql = format!("SELECT {REQUEST} FROM request WHERE id = ?1");
        self.read().query_row(&sql, [id], read_request).optional()?.ok_or(StoreError::Missing("request"))
    }

    /// What came in calls of this computer and is to be done yet: what has a day first, the most urgent first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn open_requests(&self, limit: u32) -> Result<Vec<Request>, StoreError> {
        let db = self.read();
        let sql = format!("SELECT {REQUEST} FROM request WHERE done = 0 AND call IS NOT NULL
                 AND EXISTS (SELECT 1 FROM call c WHERE c.id = request.call AND c.practice = 0) ORDER BY due IS NULL, due, at LIMIT ?1");
        let mut query = db.prepare_cached(&sql)?;
        Ok(query.query_map([limit], read_request)?.collect::<Result<_, _>>()?)
    }

    /// A customer's requests, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn requests_of(&self, customer: &str, limit: u32) -> Result<Vec<Request>, StoreError> {
        let db = self.read();
        let sql = format!("SELECT {REQUEST} FROM request WHERE customer = ?1 ORDER BY at DESC LIMIT ?2");
        let mut query = db.prepare_cached(&sql)?;
        Ok(query.query_map(params![customer, limit], read_request)?.collect::<Result<_, _>>()?)
    }

    /// Adds or changes a promise.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_promise(&self, p: &Promise) -> Result<(), StoreError> {
        self.write().execute(
            "INSERT OR REPLACE INTO promise (id, customer, text, due, kept) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![p.id, p.customer, p.text, p.due, p.kept],
        )?;
        Ok(())
    }

    /// A customer's promises not kept yet, the most urgent first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn open_promises(&self, customer: &str) -> Result<Vec<Promise>, StoreError> {
        let db = self.read();
        let mut query = db.prepare_cached(
            "SELECT id, customer, text, due, kept FROM promise WHERE customer = ?1 AND kept IS NULL ORDER BY due",
        )?;
        let read = |r: &Row<'_>| {
            Ok(Promise { id: r.get(0)?, customer: r.get(1)?, text: r.get(2)?, due: r.get(3)?, kept: r.get(4)? })
        };
        Ok(query.query_map([customer], read)?.collect::<Result<_, _>>()?)
    }

    /// Keeps a practice call's result, as JSON.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_practice_result(&self, call: &str, json: &str) -> Result<(), StoreError> {
        self.write().execute("UPDATE call SET practice_result = ?2 WHERE id = ?1", params![call, json])?;
        Ok(())
    }

    /// A practice call's result, as JSON.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn practice_result(&self, call: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .read()
            .query_row("SELECT practice_result FROM call WHERE id = ?1", [call], |r| r.get(0))
            .optional()?
            .flatten())
    }
}

pub(crate) fn read_call(r: &Row<'_>) -> rusqlite::Result<CallRecord> {
    Ok(CallRecord {
        id: r.get(0)?,
        outgoing: r.get(1)?,
        number: r.get(2)?,
        name: r.get(3)?,
        customer: r.get(4)?,
        called: r.get(5)?,
        practice: r.get(6)?,
        started: r.get(7)?,
        answered: r.get(8)?,
        ended: r.get(9)?,
        reason: r.get(10)?,
        recording: r.get(11)?,
        mos: r.get(12)?,
        troubles: r.get_ref(13)?.as_str()?.split_whitespace().map(str::to_owned).collect(),
    })
}

pub(crate) fn read_request(r: &Row<'_>) -> rusqlite::Result<Request> {
    Ok(Request {
        id: r.get(0)?,
        call: r.get(1)?,
        customer: r.get(2)?,
        at: r.get(3)?,
        kind: r.get(4)?,
        topic: r.get(5)?,
        subtopic: r.get(6)?,
        note: r.get(7)?,
        title: r.get(8)?,
        due: r.get(9)?,
        done: r.get(10)?,
    })
}
