//! Request Tracker 5 (<https://bestpractical.com/request-tracker>) by its REST2: requests are the tickets of a queue, customers the people
//! who ask for them. It has versions of what is read by itself, and refuses a change of an older one; a list tells the second of the last
//! change alone. So lists tell which have changed, and each of these is read by itself.

mod rest;
mod ticket;
mod user;

use crate::find::Book;
use crate::{Account, CrmError, Upstream};
use async_trait::async_trait;
use cuffia_customers::sync::upstream::{
    After, Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, List, Page, Remote,
};
use cuffia_tls::Trust;
use rest::{Rest, Told, moment, quoted};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// As many as it gives at once.
const PAGE: usize = 100;
/// The oldest that is spoken to: `MAJOR` of its version.
const OLDEST: u32 = 5;
/// As long as a transaction there may take until it shows, milliseconds; and so many others may be newer by then.
const OVERLAP_MS: i64 = 300_000;
const OVERLAP: i64 = 200;
/// Tickets that are done are followed as long as this.
const RECENT: &str = "90 days ago";
/// What is not told to who may not administer users.
const NEVER: &str = "1970-01-01T00:00:00Z";

/// When an answer was given, by the server's clock, UTC milliseconds.
pub(crate) struct Seen(Option<i64>);

impl Seen {
    /// The state of a record: the second of its last change. As long as that lasts another change may come in it, and would look the same.
    fn version(&self, record: &Value) -> Option<String> {
        let stamp = record["LastUpdated"].as_str()?;
        let over = self.0.zip(moment(&record["LastUpdated"])).is_some_and(|(at, changed)| at > changed);
        Some(if over { stamp.to_owned() } else { format!("{stamp}~") })
    }
}

/// One queue of a server's, and its customers where this user may see them.
pub struct Rt {
    rest: Rest,
    queue: String,
    customers: bool,
    /// Two-letter country of numbers written without one.
    region: String,
    /// Changes of customers that were told; those a little older than the newest are looked through each time.
    told: Mutex<BTreeSet<i64>>,
}

impl Rt {
    /// The queues that a user sees, with how many tickets to be done each has.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn queues(account: &Account, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        let rest = Rest::new(account, trust)?;
        let said = |f: Failure| match f {
            Failure::Auth { .. } => CrmError::Password,
            Failure::Retry { why, .. } => CrmError::Unreachable(why),
            Failure::Gone | Failure::Rejected { .. } => CrmError::NoRt,
            // What answers there is something else.
            Failure::Ambiguous { why } if why.contains("none of") => CrmError::NoRt,
            other => CrmError::Server(other.to_string()),
        };
        let version = rest.get("rt").await.map_err(said)?.body;
        let version = version["Version"].as_str().ok_or(CrmError::NoRt)?;
        if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < OLDEST) {
            return Err(CrmError::Version(format!("Request Tracker {version}"), format!("{OLDEST}.0")));
        }
        let first = rest.get("users?fields=LastUpdated&orderby=id&per_page=1").await.map_err(said)?.body;
        let customers = first["items"][0]["LastUpdated"].as_str().is_some_and(|stamp| stamp != NEVER);
        let mut books = Vec::new();
        for queue in items(&rest.get("queues/all?per_page=100&fields=Name").await.map_err(said)?.body) {
            let Some(id) = ticket::id(&queue["id"]) else { continue };
            let links = rest.get(&format!("queue/{id}")).await.map_err(said)?.body;
            let mut links = links["_hyperlinks"].as_array().into_iter().flatten();
            let query = quoted(&format!("Queue = '{id}' AND Status = '__Active__'"));
            let open = rest.get(&format!("tickets?per_page=1&query={query}")).await.map_err(said)?.body;
            books.push(Book {
                name: queue["Name"].as_str().unwrap_or(&id).to_owned(),
                path: id,
                cards: open["total"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
                writable: links.any(|link| link["ref"] == "create"),
                tokens: false,
                customers,
                requests: true,
            });
        }
        if books.is_empty() { Err(CrmError::NoQueue) } else { Ok(books) }
    }

    /// A queue by its number. `customers`: this user may see them, and change them.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(account: &Account, trust: &Trust, queue: &str, customers: bool, region: &str) -> Result<Rt, CrmError> {
        let (rest, queue, region) = (Rest::new(account, trust)?, queue.to_owned(), region.to_owned());
        Ok(Rt { rest, queue, customers, region, told: Mutex::default() })
    }

    /// Tickets that are followed: of the queue, and our own wherever they went, to be done or done of late.
    fn followed(&self) -> String {
        format!(
            "(Queue = '{}' OR Creator = '__CurrentUser__') AND (Status = '__Active__' OR LastUpdated > '{RECENT}')",
            self.queue
        )
    }

    /// Of some tickets those with a greater number than the last one, in their order.
    async fn tickets(&self, query: &str, last: &str, read: &str) -> Result<Told, Failure> {
        let query = quoted(&format!("{query} AND id > {last}"));
        self.rest.get(&format!("tickets?orderby=id&order=ASC&per_page={PAGE}&query={query}&{read}")).await
    }

    async fn whole_ticket(&self, ticket: &Value, at: Option<i64>) -> Result<Remote, Failure> {
        let id = ticket::id(&ticket["id"]).ok_or(Failure::Gone)?;
        let merged = ticket::id(&ticket["EffectiveId"]["id"]).is_some_and(|other| other != id);
        if ticket::is_deleted(ticket) || merged {
            return Err(Failure::Gone);
        }
        let path =
            format!("ticket/{id}/attachments?per_page={PAGE}&orderby=id&order=ASC&fields=Content,Subject,ContentType");
        let note = ticket::note(&self.rest.get(&path).await?.body);
        let done = match ticket::is_done(ticket) {
            Some(done) => done,
            None => {
                let active = quoted(&format!("id = {id} AND Status = '__Active__'"));
                items(&self.rest.get(&format!("tickets?query={active}")).await?.body).next().is_none()
            }
        };
        Ok(ticket::remote(ticket, &note, done, self.customers, &Seen(at)))
    }

    async fn ticket(&self, id: &str) -> Result<Remote, Failure> {
        let number: i64 = id.parse().map_err(|_| Failure::Gone)?;
        let query = quoted(&format!("id = {number}"));
        let found = self.rest.get(&format!("tickets?query={query}&{}", ticket::READ)).await?;
        let ticket = items(&found.body).next().ok_or(Failure::Gone)?;
        self.whole_ticket(ticket, found.at).await
    }

    async fn user(&self, id: &str) -> Result<(Told, Remote), Failure> {
        let told = self.rest.get(&format!("user/{}", quoted(id))).await?;
        if !user::is_customer(&told.body) {
            return Err(Failure::Gone);
        }
        let remote = user::remote(&told.body, &Seen(told.at));
        Ok((told, remote))
    }

    async fn read(&self, entity: Entity, id: &str) -> Result<Remote, Failure> {
        match entity {
            Entity::Contact => Ok(self.user(id).await?.1),
            Entity::Request => self.ticket(id).await,
        }
    }

    async fn create(&self, entity: Entity, key: &str, fields: &Fields) -> Result<Remote, Failure> {
        let (path, body) = match entity {
            Entity::Contact => {
                let mut body = user::values(&Value::Null, fields, &self.region)?;
                (body["Name"], body["Privileged"]) = (json!(key), json!(0));
                ("user", body)
            }
            Entity::Request => ("ticket", ticket::made(key, &self.queue, fields, self.customers)),
        };
        let made = match self.rest.post(path, &body).await {
            Err(Failure::Rejected { message }) if entity == Entity::Contact => {
                return match self.rest.get(&format!("user/{}", quoted(key))).await {
                    Ok(told) if user::is_customer(&told.body) => Ok(user::remote(&told.body, &Seen(told.at))),
                    // It was made, and put out of use.
                    Ok(_) => Err(Failure::Gone),
                    Err(_) => Err(Failure::Rejected { message }),
                };
            }
            made => made?,
        };
        let id = ticket::id(&made.body["id"]).ok_or_else(|| in_doubt("the server does not say what it made"))?;
        match self.read(entity, &id).await {
            Ok(made) => Ok(made),
            // It would be looked for, not found, and made again.
            Err(Failure::Gone) => Err(Failure::Rejected {
                message: format!("it was made as {path} {id}, which this user may not see: ask for the right to"),
            }),
            Err(f) => Err(in_doubt(f)),
        }
    }

    async fn find(&self, entity: Entity, key: &str) -> Result<Vec<Remote>, Failure> {
        match entity {
            Entity::Contact => match self.user(key).await {
                Ok((_, remote)) => Ok(vec![remote]),
                Err(Failure::Gone) => Ok(Vec::new()),
                Err(f) => Err(f),
            },
            Entity::Request => {
                let query = quoted(&format!("RefersTo = '{}'", ticket::key(key)));
                let found = self.rest.get(&format!("tickets?query={query}&{}", ticket::READ)).await?;
                let mut all = Vec::new();
                for ticket in items(&found.body) {
                    let remote = self.whole_ticket(ticket, found.at).await?;
                    // A question it does not understand it leaves out.
                    if remote.key.as_deref() == Some(key) {
                        all.push(remote);
                    }
                }
                Ok(all)
            }
        }
    }

    /// The record's path, and its state by which a change is refused when it is another by then.
    async fn state(&self, entity: Entity, id: &str, version: Option<&str>) -> Result<(String, Told, String), Failure> {
        // What is not known to be the newest is not written: it is looked at first.
        let version = version.filter(|v| !v.ends_with('~')).ok_or(Failure::Conflict)?;
        let path = match entity {
            Entity::Contact => format!("user/{}", quoted(id)),
            Entity::Request => format!("ticket/{}", quoted(id)),
        };
        let mut told = self.rest.get(&path).await.map_err(not_done)?;
        if entity == Entity::Contact && !user::is_customer(&told.body) || ticket::is_deleted(&told.body) {
            return Err(Failure::Gone);
        }
        let etag = told.etag.take().ok_or(Failure::Conflict)?;
        if Seen(told.at).version(&told.body).as_deref() == Some(version) {
            Ok((path, told, etag))
        } else {
            Err(Failure::Conflict)
        }
    }

    async fn update(&self, entity: Entity, id: &str, version: Option<&str>, patch: &Fields) -> Result<Remote, Failure> {
        let (path, told, etag) = self.state(entity, id, version).await?;
        let body = match entity {
            Entity::Contact => user::values(&told.body, patch, &self.region)?,
            Entity::Request => Value::Object(ticket::values(patch)),
        };
        let mut said = Vec::new();
        if body.as_object().is_some_and(|body| !body.is_empty()) {
            said = self.rest.put(&path, &body, &etag).await?;
        }
        let note =
            patch.get("note").filter(|_| entity == Entity::Request).map(|note| note.as_str().unwrap_or_default());
        if let Some(note) = note {
            let corrected = self.rest.post(&format!("{path}/comment"), &ticket::correction(note)).await;
            corrected.map_err(|f| if body == json!({}) { f } else { in_doubt(f) })?;
        }
        // It says of each part that it was not done, and of the whole that it was.
        let now = match entity {
            Entity::Contact => {
                let (told, remote) = self.user(id).await.map_err(gone_or_in_doubt)?;
                let done = body.as_object().into_iter().flatten().all(|(there, value)| told.body[there] == *value);
                if done { remote } else { return Err(refused(&said)) }
            }
            Entity::Request => {
                let remote = self.ticket(id).await.map_err(gone_or_in_doubt)?;
                let whole_seconds = |v: &Value| v.as_i64().map(|ms| ms.div_euclid(1_000));
                let done = |field: &String, value: &Value| match field.as_str() {
                    "due" => whole_seconds(&remote.fields["due"]) == whole_seconds(value),
                    "note" => remote.fields["note"] == value.as_str().unwrap_or_default().trim_end(),
                    field => remote.fields.get(field).is_none_or(|there| there == value),
                };
                if patch.iter().all(|(field, value)| done(field, value)) { remote } else { return Err(refused(&said)) }
            }
        };
        Ok(now)
    }

    async fn delete(&self, entity: Entity, id: &str, version: Option<&str>) -> Result<(), Failure> {
        let (path, _, etag) = self.state(entity, id, version).await?;
        self.rest.delete(&path, &etag).await
    }

    /// Which tickets have changed since a time of the server's clock, or which there are. Between pages it is noted when the first was told.
    async fn changed_tickets(&self, after: &After) -> Result<Page, Failure> {
        let (began, since, last) = match after {
            After::Page(page) => {
                let mut parts = page.splitn(3, ' ').map(|part| part.parse::<i64>().unwrap_or(0));
                let mut part = || parts.next().unwrap_or(0);
                (Some(part()), Some(part()).filter(|since| *since > 0), part())
            }
            After::Token(token) => (None, Some(token.parse::<i64>().map_err(|_| Failure::Forgotten)?), 0),
            After::Since(since) => (None, Some(*since), 0),
            After::Beginning => (None, None, 0),
        };
        let mut query = self.followed();
        if let Some(since) = since {
            query += &format!(" AND LastUpdated > '{}'", utc(since - OVERLAP_MS));
        }
        let told = self.tickets(&query, &last.to_string(), "fields=LastUpdated").await?;
        let began = began.or(told.at).ok_or_else(|| in_doubt("the server does not say what time it is"))?;
        let changed = entries(&told.body);
        let next = changed.last().map(|(id, _)| format!("{began} {} {id}", since.unwrap_or(0)));
        let token = next.is_none().then(|| began.to_string());
        Ok(Page { changed, next, token, ..Page::default() })
    }

    /// Which customers have changed since a transaction of the server's, or which there are.
    async fn changed_users(&self, after: &After) -> Result<Page, Failure> {
        if let After::Token(token) = after {
            return self.touched(token.parse().map_err(|_| Failure::Forgotten)?).await;
        }
        let (began, page) = match after {
            After::Page(page) => {
                let mut parts = page.splitn(2, ' ').map(|part| part.parse::<i64>().unwrap_or(0));
                (parts.next().unwrap_or(0), parts.next().unwrap_or(1))
            }
            _ => {
                let newest = json!([{ "field": "id", "operator": ">", "value": 0 }]);
                let found = self.rest.search("transactions?orderby=id&order=DESC&per_page=1", &newest).await?;
                let newest = items(&found.body).next().and_then(|t| ticket::id(&t["id"])?.parse().ok());
                (newest.unwrap_or(0), 1)
            }
        };
        let changed = self.users(page).await?;
        let next = (changed.len() == PAGE).then(|| format!("{began} {}", page + 1));
        let token = next.is_none().then(|| began.to_string());
        Ok(Page { changed, next, token, ..Page::default() })
    }

    async fn users(&self, page: i64) -> Result<Vec<(String, Option<String>)>, Failure> {
        let path = format!("users?fields=id,LastUpdated&orderby=id&order=ASC&per_page={PAGE}&page={page}");
        Ok(entries(&self.rest.get(&path).await?.body))
    }

    /// Customers that newer transactions are about.
    async fn touched(&self, last: i64) -> Result<Page, Failure> {
        let newer = json!([
            { "field": "id", "operator": ">", "value": last - OVERLAP },
            { "field": "ObjectType", "value": "RT::User" }
        ]);
        let path = format!("transactions?fields=ObjectId&orderby=id&order=ASC&per_page={PAGE}");
        let (mut changed, mut newest) = (BTreeSet::new(), last);
        for page in 1.. {
            let found = self.rest.search(&format!("{path}&page={page}"), &newer).await?;
            let mut many = 0;
            for transaction in items(&found.body) {
                many += 1;
                let id = ticket::id(&transaction["id"]).and_then(|id| id.parse::<i64>().ok());
                let (Some(id), Some(user)) = (id, ticket::id(&transaction["ObjectId"])) else { continue };
                newest = newest.max(id);
                if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
                    changed.insert(user);
                }
            }
            if many < PAGE {
                break;
            }
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told = told.split_off(&(newest - 2 * OVERLAP));
        let changed = changed.into_iter().map(|id| (id, None)).collect();
        Ok(Page { changed, token: Some(newest.to_string()), ..Page::default() })
    }

    async fn list(&self, entity: Entity, after: Option<&str>) -> Result<List, Failure> {
        match entity {
            Entity::Request => {
                let last: i64 = after.and_then(|a| a.parse().ok()).unwrap_or(0);
                let told = self.tickets(&self.followed(), &last.to_string(), "fields=LastUpdated").await?;
                let entries = entries(&told.body);
                Ok(List { next: entries.last().map(|(id, _)| id.clone()), entries })
            }
            Entity::Contact => {
                let page: i64 = after.and_then(|a| a.parse().ok()).unwrap_or(1);
                let entries = self.users(page).await?;
                Ok(List { next: (entries.len() == PAGE).then(|| (page + 1).to_string()), entries })
            }
        }
    }
}

#[async_trait]
impl Upstream for Rt {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            entities: self.fields().into_iter().map(|(entity, _)| entity).collect(),
            idempotent_create: false,
            versions: true,
            feed: Feed::Token,
            tombstones: false,
            // A change is read, written and read: as long as that may take, twice, and a busy server begins late.
            request_lifetime_ms: 300_000,
        }
    }

    fn fields(&self) -> Vec<(Entity, &'static [&'static str])> {
        match self.customers {
            true => vec![(Entity::Contact, &user::FIELDS), (Entity::Request, &ticket::FIELDS)],
            false => vec![(Entity::Request, &ticket::FIELDS[..ticket::FIELDS.len() - 1])],
        }
    }

    async fn ask(&self, demand: &Demand) -> Result<Answer, Failure> {
        match demand {
            Demand::Create { entity, key, fields } => self.create(*entity, key, fields).await.map(Answer::Record),
            Demand::Find { entity, key } => self.find(*entity, key).await.map(Answer::Records),
            Demand::Get { entity, id } => self.read(*entity, id).await.map(Answer::Record),
            Demand::Update { entity, id, version, patch } => {
                self.update(*entity, id, version.as_deref(), patch).await.map(Answer::Record)
            }
            Demand::Delete { entity, id, version } => {
                self.delete(*entity, id, version.as_deref()).await.map(|()| Answer::Done)
            }
            Demand::Pull { entity: Entity::Request, after } => self.changed_tickets(after).await.map(Answer::Page),
            Demand::Pull { entity: Entity::Contact, after } => self.changed_users(after).await.map(Answer::Page),
            Demand::List { entity, after } => self.list(*entity, after.as_deref()).await.map(Answer::List),
        }
    }
}

fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["items"].as_array().into_iter().flatten()
}

/// Numbers and versions of what a list tells.
fn entries(answer: &Value) -> Vec<(String, Option<String>)> {
    items(answer).filter_map(|r| Some((ticket::id(&r["id"])?, r["LastUpdated"].as_str().map(str::to_owned)))).collect()
}

/// A time as its searches read it, in UTC whatever the user's zone there.
fn utc(ms: i64) -> String {
    rest::written(Some(ms)).as_str().unwrap_or_default().replace(' ', "T") + "Z"
}

/// It was written, and what it is now is not known.
fn in_doubt(f: impl std::fmt::Display) -> Failure {
    Failure::Ambiguous { why: f.to_string() }
}

fn gone_or_in_doubt(f: Failure) -> Failure {
    if f == Failure::Gone { f } else { in_doubt(f) }
}

/// Reading first failed, so nothing was written. It is the line, or the server as a whole.
fn not_done(f: Failure) -> Failure {
    match f {
        Failure::Ambiguous { why } => Failure::Retry { after_ms: None, why },
        other => other,
    }
}

fn refused(said: &[String]) -> Failure {
    let said = said.join("; ");
    Failure::Rejected {
        message: if said.is_empty() { "the server did not do it, and does not say why".into() } else { said },
    }
}
