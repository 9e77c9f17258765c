//! Parties in Tryton 8 (<https://www.tryton.org>), by its JSON-RPC. It has no key for what is made, so one of ours goes along as an
//! identifier; it tells changes by the time of each record, and deletions by there being fewer.

mod party;
mod rpc;

use crate::find::Book;
use crate::http::{in_doubt, not_done};
use crate::{Account, CrmError, Upstream};
use async_trait::async_trait;
use cuffia_customers::sync::upstream::{
    After, Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, List, Page, Remote,
};
use cuffia_tls::Trust;
use rpc::Rpc;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many parties in a page, and so many in a page of a list; fewer where a page does not get here, but not fewer than this.
const PARTIES: usize = 200;
const LISTED: usize = 1_000;
const FEWEST: usize = 20;
/// The oldest that is spoken to: `MAJOR` of its version.
const OLDEST: u32 = 8;
/// As long as a transaction there may take until it shows.
const OVERLAP_MS: i64 = 300_000;

/// The parties of one database.
pub struct Tryton {
    rpc: Rpc,
    /// Two-letter country of numbers written without one.
    region: String,
    /// How many of each model there were, and their highest id, when the feed was last read to its end.
    counted: Mutex<[Option<(i64, i64)>; party::COUNTED.len()]>,
    /// There are not as many as there should be, and they have not been listed since.
    moved: AtomicBool,
    /// How many are asked for at once.
    page: AtomicUsize,
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
        // It need not tell them.
        let told = server.server("common.db.list").await.unwrap_or_default();
        let names: Vec<&str> = told.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let name = match &*names {
            // On PostgreSQL it would look for it for half a minute.
            _ if !typed.is_empty() && told.is_array() && !names.contains(&&*typed) => {
                return Err(CrmError::NoDatabase(typed));
            }
            _ if !typed.is_empty() => &typed,
            [name] => *name,
            // Each wrong one would be a failed sign-in of somebody there.
            _ => return Err(CrmError::WhichDatabase),
        };
        Ok(vec![Tryton::look(account, trust, name).await?])
    }

    async fn look(account: &Account, trust: &Trust, database: &str) -> Result<Book, CrmError> {
        let there = Tryton::new(account, trust, database, "")?;
        there.rpc.sign_in().await?;
        let models = json!([party::MODELS, {}]);
        let refused = |f: Failure| match f {
            Failure::Rejected { .. } => CrmError::Rights,
            Failure::Later { why } if why.ends_with("KeyError") => CrmError::NoParties(database.to_owned()),
            other => CrmError::Server(other.to_string()),
        };
        let rights = there.rpc.call("model.ir.model.access.get_access", models).await.map_err(refused)?;
        // A number where somebody has given or taken a right, and a word where nobody has.
        let given = |right: &Value| *right == true || right.as_i64().is_some_and(|n| n > 0);
        let may = |what: &str| party::MODELS.iter().all(|model| given(&rights[model][what]));
        if !may("read") {
            return Err(CrmError::Rights);
        }
        let cards = there.count("party.party", json!([])).await.map_err(refused)?;
        Ok(Book {
            path: database.to_owned(),
            name: database.to_owned(),
            cards: usize::try_from(cards).unwrap_or(0),
            writable: may("write") && may("create"),
            tokens: false,
            customers: true,
            requests: false,
        })
    }

    /// The parties of a database. `region` is the two-letter country of numbers written without one.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(account: &Account, trust: &Trust, database: &str, region: &str) -> Result<Tryton, CrmError> {
        let rpc = Rpc::new(account, trust, database)?;
        Ok(Tryton {
            rpc,
            region: region.to_owned(),
            counted: Mutex::default(),
            moved: AtomicBool::new(false),
            page: AtomicUsize::new(LISTED),
        })
    }

    async fn call(&self, model: &str, method: &str, parameters: Value) -> Result<Value, Failure> {
        self.rpc.call(&format!("model.{model}.{method}"), parameters).await
    }

    async fn party(&self, method: &str, parameters: Value) -> Result<Value, Failure> {
        self.call(party::PARTY, method, parameters).await
    }

    /// Parties of a domain by their ids, and whether there may be more. Those put out of use are among them, and such parts of any.
    async fn search(&self, domain: Value, limit: usize, fields: &[&str]) -> Result<(Vec<Value>, bool), Failure> {
        let limit = limit.min(self.page.load(Relaxed));
        let context = json!({ "active_test": false });
        match self.party("search_read", json!([domain, 0, limit, [["id", "ASC"]], fields, context])).await {
            Ok(Value::Array(found)) => {
                let full = found.len() == limit;
                if full && limit == self.page.load(Relaxed) {
                    self.page.store((limit * 2).min(LISTED), Relaxed);
                }
                Ok((found, full))
            }
            Ok(_) => Err(Failure::Ambiguous { why: "the server's answer is no list".into() }),
            // Too many for the server, or for the line: the next time fewer.
            Err(f @ (Failure::Rejected { .. } | Failure::Ambiguous { .. })) if limit > FEWEST => {
                self.page.store((limit / 2).max(FEWEST), Relaxed);
                Err(Failure::Retry { after_ms: None, why: f.to_string() })
            }
            Err(f) => Err(f),
        }
    }

    async fn count(&self, model: &str, domain: Value) -> Result<i64, Failure> {
        let counted = self.call(model, "search_count", json!([domain, 0, null, { "active_test": false }])).await?;
        Ok(counted.as_i64().unwrap_or(0))
    }

    /// One that is there and in use.
    async fn read(&self, id: &str) -> Result<Value, Failure> {
        let number: i64 = id.parse().map_err(|_| Failure::Gone)?;
        let found = self.search(json!([["id", "=", number], ["active", "=", true]]), 1, &party::READ).await?.0;
        found.into_iter().next().ok_or(Failure::Gone)
    }

    async fn create(&self, key: &str, fields: &Fields) -> Result<Remote, Failure> {
        // It may be there, made when this user could not see it yet.
        let with_key = json!([["identifiers.code", "=", party::key(key)]]);
        let made = self
            .search(with_key, 1, &[&party::READ[..], &["create_uid", "write_uid"]].concat())
            .await
            .map_err(not_done)?
            .0;
        if let Some(made) = made.first() {
            return self.make_up(made, fields).await;
        }
        let mut values = party::values(&Value::Null, fields, &self.region)?;
        values["identifiers"] = json!([["create", [{ "code": party::key(key) }]]]);
        let made = self.party("create", json!([[values], {}])).await.map_err(|f| match f {
            // What comes after it may have failed, when it was made.
            Failure::Later { why } => Failure::Ambiguous { why },
            other => other,
        })?;
        let id = made[0].as_i64().ok_or_else(|| in_doubt("the server does not say what it made"))?;
        match self.read(&id.to_string()).await {
            Ok(party) => Ok(party::remote(&party)),
            // It would be looked for, not found, and made again.
            Err(Failure::Gone) => Err(Failure::Rejected {
                message: format!(
                    "it was made as party {id}, which this user may not see: ask for the right to read it"
                ),
            }),
            Err(f) => Err(in_doubt(f)),
        }
    }

    /// What was made before gets what the operator has written since, unless somebody else has changed it.
    async fn make_up(&self, made: &Value, fields: &Fields) -> Result<Remote, Failure> {
        if !made["write_uid"].is_null() && made["write_uid"] != made["create_uid"] {
            return Err(Failure::Rejected {
                message: format!("it is there as party {}, and was changed there: look at it there", made["id"]),
            });
        }
        let id = made["id"].to_string();
        self.update(&id, &party::version(made), fields).await
    }

    /// The party as it was seen.
    async fn as_seen(&self, id: &str, version: &str) -> Result<Value, Failure> {
        let now = self.read(id).await.map_err(not_done)?;
        if party::version(&now) == version { Ok(now) } else { Err(Failure::Conflict) }
    }

    async fn update(&self, id: &str, version: &str, patch: &Fields) -> Result<Remote, Failure> {
        let now = self.as_seen(id, version).await?;
        let values = party::values(&now, patch, &self.region)?;
        if values != json!({}) {
            self.party("write", json!([[now["id"]], values, party::named(version)])).await?;
            self.expect_fewer(&party::deleted(&values));
        }
        self.read(id).await.map(|p| party::remote(&p)).map_err(in_doubt)
    }

    /// It is put out of use, as people do it there: what else hangs on it stays, and it can be taken back.
    async fn delete(&self, id: &str, version: &str) -> Result<(), Failure> {
        let now = self.as_seen(id, version).await?;
        self.party("write", json!([[now["id"]], { "active": false }, party::named(version)])).await?;
        Ok(())
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
        let (found, full) = self.search(json!(domain), PARTIES, &party::READ).await?;
        let next = found
            .last()
            .filter(|_| full)
            .map(|p| format!("{} {}", since.map(|s| s.to_string()).unwrap_or_default(), p["id"]));
        let left = match (&next, since, found.last()) {
            // All there is takes a while, and is counted.
            (Some(_), None, Some(p)) => {
                usize::try_from(self.count(party::PARTY, json!([["id", ">", p["id"]]])).await?).ok()
            }
            _ => None,
        };
        let (used, unused): (Vec<_>, Vec<_>) = found.into_iter().partition(party::is_used);
        Ok(Page {
            records: used.iter().map(party::remote).collect(),
            gone: unused.iter().map(|p| p["id"].to_string()).collect(),
            merged: unused.iter().filter_map(party::merged).collect(),
            deleted: next.is_none() && self.has_moved().await?,
            next,
            left,
            ..Page::default()
        })
    }

    /// Whether there are not as many as before, of those there were: some were deleted, or came late. Where that is not known they may
    /// have been. It stays so until they are listed.
    async fn has_moved(&self) -> Result<bool, Failure> {
        for (i, model) in party::COUNTED.into_iter().enumerate() {
            let newest = json!([[], 0, 1, [["id", "DESC"]], ["id"], { "active_test": false }]);
            let highest = self.call(model, "search_read", newest).await?[0]["id"].as_i64().unwrap_or(0);
            let up_to = |id: i64| self.count(model, json!([["id", "<=", id]]));
            let before = self.counted()[i];
            let (as_many, same_range) = match before {
                Some((many, until)) => (up_to(until).await? == many, until == highest),
                None => (false, false),
            };
            if !as_many {
                self.moved.store(true, Relaxed);
            }
            if !as_many || !same_range {
                // What is made in between is counted the next time.
                let now = up_to(highest).await?;
                self.counted()[i] = Some((now, highest));
            }
        }
        Ok(self.moved.load(Relaxed))
    }

    fn counted(&self) -> MutexGuard<'_, [Option<(i64, i64)>; party::COUNTED.len()]> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These were deleted by ourselves.
    fn expect_fewer(&self, deleted: &[(&str, i64)]) {
        let mut counted = self.counted();
        for (model, id) in deleted {
            let i = party::COUNTED.iter().position(|m| m == model);
            if let Some(Some((many, until))) = i.and_then(|i| counted.get_mut(i)) {
                *many -= i64::from(id <= until);
            }
        }
    }

    async fn list(&self, after: Option<&str>) -> Result<List, Failure> {
        if after.is_none() {
            self.moved.store(false, Relaxed);
        }
        let last: i64 = after.and_then(|a| a.parse().ok()).unwrap_or(0);
        let used = json!([["id", ">", last], ["active", "=", true]]);
        let (found, full) = self.search(used, LISTED, &party::STAMPS).await?;
        Ok(List {
            next: found.last().filter(|_| full).map(|p| p["id"].to_string()),
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
            // A change is read, written and read: as long as that may take, twice, and a busy server begins late.
            request_lifetime_ms: 300_000,
        }
    }

    fn fields(&self) -> Vec<(Entity, &'static [&'static str])> {
        vec![(Entity::Contact, &party::FIELDS)]
    }

    async fn ask(&self, demand: &Demand) -> Result<Answer, Failure> {
        match demand {
            Demand::Create { key, fields, .. } => self.create(key, fields).await.map(Answer::Record),
            Demand::Find { key, .. } => {
                let with_key = json!([["identifiers.code", "=", party::key(key)]]);
                let (found, _) = self.search(with_key, PARTIES, &party::READ).await?;
                Ok(Answer::Records(found.iter().map(party::remote).collect()))
            }
            Demand::Get { id, .. } => self.read(id).await.map(|p| Answer::Record(party::remote(&p))),
            // What is not known to be the newest is not written: it is looked at first.
            Demand::Update { version: None, .. } | Demand::Delete { version: None, .. } => Err(Failure::Conflict),
            Demand::Update { id, version: Some(version), patch, .. } => {
                self.update(id, version, patch).await.map(Answer::Record)
            }
            Demand::Delete { id, version: Some(version), .. } => self.delete(id, version).await.map(|()| Answer::Done),
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
