//! Calls and requests of a time, page by page, oldest first, each with all that is known of it. What was practised is not among them.

use crate::calls::{CALL, REQUEST, read_call, read_request};
use crate::sync::link;
use crate::sync::upstream::Entity;
use crate::{CallRecord, Customer, Request, Store, StoreError, people};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// Requests that came in calls of this computer, by when they were registered.
    Requests,
    /// Calls, by when they began.
    Calls,
}

/// A call, what was registered in it, and its customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The call.
    pub call: CallRecord,
    /// Its request; always there among requests.
    pub request: Option<Request>,
    /// The request's customer, else the call's, unless he was deleted.
    pub customer: Option<Customer>,
    /// The request's id in the CRM.
    pub there: Option<String>,
}

impl Records {
    /// The part of a query behind its columns: from `?1`, before `?2`.
    fn from(self) -> &'static str {
        match self {
            Records::Calls => "FROM call r WHERE practice = 0 AND started >= ?1 AND started < ?2",
            Records::Requests => {
                "FROM request r WHERE call IS NOT NULL AND at >= ?1 AND at < ?2
                     AND EXISTS (SELECT 1 FROM call c WHERE c.id = r.call AND c.practice = 0)"
            }
        }
    }

    /// What they are ordered by, before the id.
    fn time(self) -> &'static str {
        match self {
            Records::Calls => "started",
            Records::Requests => "at",
        }
    }
}

impl Exported {
    /// Where it stands in the order of these records.
    fn place(&self, records: Records) -> (i64, String) {
        match (records, &self.request) {
            (Records::Requests, Some(r)) => (r.at, r.id.clone()),
            _ => (self.call.started, self.call.id.clone()),
        }
    }
}

impl Store {
    /// How many records there are of a time, UTC milliseconds.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn count_records(&self, records: Records, time: &Range<i64>) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) {}", records.from());
        let count: i64 = self.read().query_row(&sql, params![time.start, time.end], |r| r.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The records of a time, UTC milliseconds, that come after one of them, at most so many. The database is free for others between
    /// two pages.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn records(
        &self,
        records: Records,
        time: &Range<i64>,
        after: Option<&Exported>,
        limit: u32,
    ) -> Result<Vec<Exported>, StoreError> {
        let db = self.read();
        let order = records.time();
        let columns = if records == Records::Calls { CALL } else { REQUEST };
        // From the last one on, so that no page passes over those before it again.
        let from = records.from();
        let sql = format!("SELECT {columns} {from} AND ({order} > ?1 OR id > ?3) ORDER BY {order}, id LIMIT ?4");
        let (at, id) = after.map_or((time.start, String::new()), |last| last.place(records));
        let mut query = db.prepare_cached(&sql)?;
        let page = params![at, time.end, id, limit];
        match records {
            Records::Calls => {
                let calls: Vec<CallRecord> = query.query_map(page, read_call)?.collect::<Result<_, _>>()?;
                calls.into_iter().map(|call| whole(&db, call, None)).collect()
            }
            Records::Requests => {
                let requests: Vec<Request> = query.query_map(page, read_request)?.collect::<Result<_, _>>()?;
                let mut call = db.prepare_cached(&format!("SELECT {CALL} FROM call WHERE id = ?1"))?;
                let with_call = |r: Request| whole(&db, call.query_row([&r.call], read_call)?, Some(r));
                requests.into_iter().map(with_call).collect()
            }
        }
    }
}

/// A call with the rest; a request that is known already need not be looked for.
fn whole(db: &Connection, call: CallRecord, request: Option<Request>) -> Result<Exported, StoreError> {
    let request = match request {
        Some(request) => Some(request),
        None => db
            .prepare_cached(&format!("SELECT {REQUEST} FROM request WHERE call = ?1"))?
            .query_row([&call.id], read_request)
            .optional()?,
    };
    let customer = match request.as_ref().and_then(|r| r.customer.as_ref()).or(call.customer.as_ref()) {
        Some(id) => people::get(db, id)?,
        None => None,
    };
    let there = match &request {
        Some(r) => link::of(db, Entity::Request, &r.id)?.map(|l| l.remote),
        None => None,
    };
    Ok(Exported { call, request, customer, there })
}
