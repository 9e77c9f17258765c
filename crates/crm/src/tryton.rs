//! Parties in Tryton 8 (<https://www.tryton.org>), by its JSON-RPC. It has no key for what is made, so one of ours goes along as an
//! identifier; it tells changes by the time of each record, and deletions by there being fewer.

mod party;
mod rpc;

use crate::find::Book;
use crate::{Account, CrmError, Upstream};
use async_trait::async_trait;
use cuffia_customers::sync::upstream::{
    After, Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, List, Page, Remote,
};
use cuffia_tls::Trust;
use rpc::Rpc;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// So many parties in a page, and so many in a page of a list.
const PARTIES: usize = 200;
const LISTED: usize = 1_000;
/// The oldest that is spoken to: `MAJOR` of its version.
const OLDEST: u32 = 8;
/// As long as a transaction there may take until it shows.
const OVERLAP_MS: i64 = 300_000;

/// The parties of one database.
pub struct Tryton {
    rpc: Rpc,
    /// Two-letter country of numbers written without one.
    region: String,
    /// How many there were, and the highest id, when the feed was last read to its end.
    counted: Mutex<Option<(i64, i64)>>,
}

impl Tryton {
    /// The databases of a server that let this user in, with how many parties each has.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn databases(account: &Account, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        let server = Rpc::new(account, trust, "")?;
        let version = server.server("common.server.version").await?;
        let version = version.as_str().ok_or(CrmError::NoTryton)?.to_owned();
        if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < OLDEST) {
            return Err(CrmError::Version(format!("Tryton {version}"), format!("{OLDEST}.0")));
        }
        let typed = crate::http::address(&account.address)?.path().trim_matches('/').to_owned();
        let names = if typed.is_empty() {
            let list = server.server("common.db.list").await.map_err(|_| CrmError::WhichDatabase)?;
            list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        } else {
            vec![typed]
        };
        let (mut books, mut first) = (Vec::new(), CrmError::WhichDatabase);
        for name in names {
            match Tryton::look(account, trust, &name).await {
                Ok(book) => books.push(book),
                Err(e @ (CrmError::Unreachable(_) | CrmError::Certificate(_))) => return Err(e),
                Err(e) => first = e,
            }
        }
        if books.is_empty() { Err(first) } else { Ok(books) }
    }

    async fn look(account: &Account, trust: &Trust, database: &str) -> Result<Book, CrmError> {
        let there = Tryton::new(account, trust, database, "")?;
        there.rpc.sign_in().await?;
        let models = json!([["party.party", "party.contact_mechanism", "party.address"], {}]);
        let refused = |f: Failure| match f {
            Failure::Rejected { .. } => CrmError::Rights,
            Failure::Later { .. } => CrmError::NoParties(database.to_owned()),
            other => CrmError::Server(other.to_string()),
        };
        let rights = there.rpc.call("model.ir.model.access.get_access", models).await.map_err(refused)?;
        let may = |what: &str| rights.as_object().is_some_and(|all| all.values().all(|of| of[what] == true));
        if !may("read") {
            return Err(CrmError::Rights);
        }
        let cards = there.count(json!([])).await.map_err(refused)?;
        Ok(Book {
            path: database.to_owned(),
            name: database.to_owned(),
            cards: usize::try_from(cards).unwrap_or(0),
            writable: may("write") && may("create"),
            tokens: false,
        })
    }

    /// The parties of a database. `region` is the two-letter country of numbers written without one.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(account: &Account, trust: &Trust, database: &str, region: &str) -> Result<Tryton, CrmError> {
        let rpc = Rpc::new(account, trust, database)?;
        Ok(Tryton { rpc, region: region.to_owned(), counted: Mutex::new(None) })
    }

    async fn party(&self, method: &str, parameters: Value) -> Result<Value, Failure> {
        self.rpc.call(&format!("model.party.party.{method}"), parameters).await
    }

    /// Parties of a domain by their ids, those put out of use too.
    async fn search(&self, domain: Value, limit: usize, fields: &[&str], all: bool) -> Result<Vec<Value>, Failure> {
        let context = json!({ "active_test": !all });
        match self.party("search_read", json!([domain, 0, limit, [["id", "ASC"]], fields, context])).await? {
            Value::Array(found) => Ok(found),
            _ => Err(Failure::Ambiguous { why: "the server's answer is no list".into() }),
        }
    }

    async fn count(&self, domain: Value) -> Result<i64, Failure> {
        let counted = self.party("search_count", json!([domain, 0, null, { "active_test": false }])).await?;
        Ok(counted.as_i64().unwrap_or(0))
    }

    /// One that is there and in use.
    async fn read(&self, id: &str) -> Result<Value, Failure> {
        let number: i64 = id.parse().map_err(|_| Failure::Gone)?;
        let found = self.search(json!([["id", "=", number]]), 1, &party::READ, false).await?;
        found.into_iter().next().ok_or(Failure::Gone)
    }

    async fn create(&self, key: &str, fields: &Fields) -> Result<Remote, Failure> {
        let mut values = party::values(&Value::Null, fields, &self.region);
        values["identifiers"] = json!([["create", [{ "code": party::key(key) }]]]);
        let made = self.party("create", json!([[values], {}])).await?;
        let id = made[0].as_i64().ok_or_else(|| in_doubt("the server does not say what it made"))?;
        self.read(&id.to_string()).await.map(|p| party::remote(&p)).map_err(in_doubt)
    }

    async fn update(&self, id: &str, version: Option<&str>, patch: &Fields) -> Result<Remote, Failure> {
        let now = self.read(id).await.map_err(not_done)?;
        let seen = party::version(&now);
        if version != Some(&seen) {
            return Err(Failure::Conflict);
        }
        let values = party::values(&now, patch, &self.region);
        self.party("write", json!([[now["id"]], values, party::named(&seen)])).await?;
        self.read(id).await.map(|p| party::remote(&p)).map_err(in_doubt)
    }

    async fn pull(&self, after: &After) -> Result<Page, Failure> {
        // A page goes on after an id, in what has changed since the same time.
        let (since, last) = match after {
            After::Since(since) => (Some(*since), 0),
            After::Page(page) => {
                let (since, last) = page.split_once(' ').unwrap_or(("", page));
                (since.parse().ok(), last.parse().unwrap_or(0))
            }
            After::Beginning | After::Token(_) => (None, 0),
        };
        let mut domain = vec![json!(["id", ">", last])];
        domain.extend(since.map(changed_since));
        let found = self.search(json!(domain), PARTIES, &party::READ, true).await?;
        let full = found.len() == PARTIES;
        let next = found
            .last()
            .filter(|_| full)
            .map(|p| format!("{} {}", since.map(|s| s.to_string()).unwrap_or_default(), p["id"]));
        let left = match (&next, since, found.last()) {
            // All there is takes a while, and is counted.
            (Some(_), None, Some(p)) => usize::try_from(self.count(json!([["id", ">", p["id"]]])).await?).ok(),
            _ => None,
        };
        let (used, unused): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|p| p["active"] != false && p["active"] != 0);
        Ok(Page {
            records: used.iter().map(party::remote).collect(),
            gone: unused.iter().map(|p| p["id"].to_string()).collect(),
            deleted: next.is_none() && self.are_fewer().await?,
            next,
            left,
            ..Page::default()
        })
    }

    /// Whether there are fewer than before and those made since: some were deleted. Where that is not known they may have been.
    async fn are_fewer(&self) -> Result<bool, Failure> {
        let newest = json!([[], 0, 1, [["id", "DESC"]], ["id"], { "active_test": false }]);
        let highest = self.party("search_read", newest).await?[0]["id"].as_i64().unwrap_or(0);
        // What is made in between is counted the next time.
        let now = self.count(json!([["id", "<=", highest]])).await?;
        let before = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let fewer = match before {
            Some((many, until)) => self.count(json!([["id", "<=", until]])).await? < many,
            None => true,
        };
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, highest));
        Ok(fewer)
    }

    async fn list(&self, after: Option<&str>) -> Result<List, Failure> {
        let last: i64 = after.and_then(|a| a.parse().ok()).unwrap_or(0);
        let found = self.search(json!([["id", ">", last]]), LISTED, &party::STAMPS, false).await?;
        Ok(List {
            next: found.last().filter(|_| found.len() == LISTED).map(|p| p["id"].to_string()),
            entries: found.iter().map(|p| (p["id"].to_string(), Some(party::version(p)))).collect(),
        })
    }
}

#[async_trait]
impl Upstream for Tryton {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            entities: vec![Entity::Contact],
            idempotent_create: false,
            versions: true,
            feed: Feed::Since { overlap_ms: OVERLAP_MS },
            tombstones: false,
            // A change is read, written and read: as long as that may take, twice.
            request_lifetime_ms: 180_000,
        }
    }

    fn fields(&self) -> &'static [&'static str] {
        &party::FIELDS
    }

    async fn ask(&self, demand: &Demand) -> Result<Answer, Failure> {
        match demand {
            Demand::Create { key, fields, .. } => self.create(key, fields).await.map(Answer::Record),
            Demand::Find { key, .. } => {
                let with_key = json!([["identifiers.code", "=", party::key(key)]]);
                let found = self.search(with_key, PARTIES, &party::READ, true).await?;
                Ok(Answer::Records(found.iter().map(party::remote).collect()))
            }
            Demand::Get { id, .. } => self.read(id).await.map(|p| Answer::Record(party::remote(&p))),
            Demand::Update { id, version, patch, .. } => {
                self.update(id, version.as_deref(), patch).await.map(Answer::Record)
            }
            // What is not known to be the newest is not deleted: it is looked at first.
            Demand::Delete { version: None, .. } => Err(Failure::Conflict),
            Demand::Delete { id, version: Some(version), .. } => {
                let number: i64 = id.parse().map_err(|_| Failure::Gone)?;
                let now = self.read(id).await.map_err(not_done)?;
                if party::version(&now) != *version {
                    return Err(Failure::Conflict);
                }
                self.party("delete", json!([[number], party::named(version)])).await?;
                Ok(Answer::Done)
            }
            Demand::Pull { after, .. } => self.pull(after).await.map(Answer::Page),
            Demand::List { after, .. } => self.list(after.as_deref()).await.map(Answer::List),
        }
    }
}

/// Parties that were made or changed since a time of the server's clock, or a part of which was.
fn changed_since(ms: i64) -> Value {
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let time = json!({ "__class__": "datetime", "year": time.year(), "month": u8::from(time.month()), "day": time.day(),
        "hour": time.hour(), "minute": time.minute(), "second": time.second(), "microsecond": time.microsecond() });
    let mut any = vec![json!("OR")];
    for at in ["".to_owned()].into_iter().chain(party::PARTS.map(|(_, at)| format!("{at}."))) {
        for stamp in ["write_date", "create_date"] {
            any.push(json!([format!("{at}{stamp}"), ">=", time]));
        }
    }
    json!(any)
}

/// It was written, and what it is now is not known.
fn in_doubt(f: impl std::fmt::Display) -> Failure {
    Failure::Ambiguous { why: f.to_string() }
}

/// Reading first failed, so nothing was written.
fn not_done(f: Failure) -> Failure {
    match f {
        Failure::Ambiguous { why } => Failure::Later { why },
        other => other,
    }
}
