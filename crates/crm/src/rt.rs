//! Request Tracker 5 (<https://bestpractical.com/request-tracker>) by its REST2: requests are the tickets of a queue, customers the people
//! who ask for them. It has versions of what is read by itself, and refuses a change of an older one; a list tells the second of the last
//! change alone. So lists tell which have changed, and each of these is read by itself.

mod feed;
mod queues;
mod rest;
mod ticket;
mod user;

use crate::http::{in_doubt, not_done};
use crate::{Account, CrmError, Upstream};
use async_trait::async_trait;
use cuffia_customers::sync::upstream::{Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, Remote};
use cuffia_tls::Trust;
use rest::{Rest, Told, moment, quoted};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// As many as it gives at once.
const PAGE: usize = 100;
/// Tickets that are done are followed as long as this.
const RECENT: &str = "90 days ago";

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
    /// How many users there are, as the last page of them said.
    total: Mutex<Option<i64>>,
}

impl Rt {
    /// A queue by its number. `customers`: this user may see them, and change them.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(account: &Account, trust: &Trust, queue: &str, customers: bool, region: &str) -> Result<Rt, CrmError> {
        let (rest, queue, region) = (Rest::new(account, trust)?, queue.to_owned(), region.to_owned());
        Ok(Rt { rest, queue, customers, region, told: Mutex::default(), total: Mutex::default() })
    }

    /// Tickets that are followed: of the queue, and our own wherever they went, to be done or done of late.
    fn followed(&self) -> String {
        let whose = match self.customers {
            true => format!("(Queue = '{}' OR Creator = '__CurrentUser__')", self.queue),
            // Of nobody's customer there is no page on which the others could be seen.
            false => "Creator = '__CurrentUser__'".to_owned(),
        };
        format!("{whose} AND (Status = '__Active__' OR LastUpdated > '{RECENT}')")
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
        let note = self.note(&id).await?;
        let done = match ticket::is_done(ticket) {
            Some(done) => done,
            None => {
                let active = quoted(&format!("id = {id} AND Status = '__Active__'"));
                items(&self.rest.get(&format!("tickets?query={active}")).await?.body).next().is_none()
            }
        };
        Ok(ticket::remote(ticket, &note, done, self.customers, &Seen(at)))
    }

    /// What a ticket began with, or the newest correction of it.
    async fn note(&self, id: &str) -> Result<String, Failure> {
        let is = |field: &str, value: &str| json!({ "field": field, "value": value });
        let texts = |conditions: Value, order: &str| {
            let path =
                format!("ticket/{id}/attachments?per_page=1&orderby=id&order={order}&fields=Content,ContentType");
            async move { Ok::<_, Failure>(ticket::note(&self.rest.search(&path, &conditions).await?.body)) }
        };
        if let Some(corrected) = texts(json!([is("Subject", ticket::CORRECTED)]), "DESC").await? {
            return Ok(corrected);
        }
        let made = json!([is("ObjectType", "RT::Ticket"), is("ObjectId", id), is("Type", "Create")]);
        let made = self.rest.search("transactions?per_page=1", &made).await?.body;
        let Some(made) = items(&made).next().and_then(|t| ticket::id(&t["id"])) else { return Ok(String::new()) };
        for form in ["text/plain", "text/html"] {
            let conditions = json!([is("TransactionId", &made), is("ContentType", form)]);
            if let Some(note) = texts(conditions, "ASC").await? {
                return Ok(note);
            }
        }
        Ok(String::new())
    }

    async fn ticket(&self, id: &str) -> Result<Remote, Failure> {
        let number: i64 = id.parse().map_err(|_| Failure::Gone)?;
        let query = quoted(&format!("id = {number}"));
        let found = self.rest.get(&format!("tickets?query={query}&{}", ticket::READ)).await?;
        let ticket = items(&found.body).next().ok_or(Failure::Gone)?;
        self.whole_ticket(ticket, found.at).await
    }

    async fn user(&self, id: &str) -> Result<(Told, Remote), Failure> {
        let told = self.rest.record(&format!("user/{}", quoted(id))).await?;
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
                return match self.rest.record(&format!("user/{}", quoted(key))).await {
                    Ok(told) if user::is_customer(&told.body) => Ok(user::remote(&told.body, &Seen(told.at))),
                    // It was made, and put out of use.
                    Ok(_) => Err(Failure::Gone),
                    Err(_) => Err(Failure::Rejected { message }),
                };
            }
            // The queue may have other words for it. Nothing was made.
            Err(Failure::Rejected { message }) if body["Status"].is_string() => {
                return self.create_and_end(key, body, message).await;
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

    /// Makes a ticket that is done, in a queue that has no such status at the beginning.
    async fn create_and_end(&self, key: &str, mut body: Value, refused: String) -> Result<Remote, Failure> {
        body.as_object_mut().map(|body| body.remove("Status"));
        let made = self.rest.post("ticket", &body).await.map_err(|f| match f {
            Failure::Rejected { .. } => Failure::Rejected { message: refused.clone() },
            other => other,
        })?;
        let id = ticket::id(&made.body["id"]).ok_or_else(|| in_doubt("the server does not say what it made"))?;
        let path = format!("ticket/{id}");
        let there = self.rest.record(&path).await.map_err(in_doubt)?;
        let etag = there.etag.as_deref().unwrap_or("*");
        let status = ticket::status(true, &there.body);
        let said = self.rest.put(&path, &json!({ "Status": status }), etag).await.map_err(in_doubt)?;
        let made = self.ticket(&id).await.map_err(in_doubt)?;
        if made.fields["done"] == true {
            return Ok(made);
        }
        tracing::warn!("request {key} was made as ticket {id}, and could not be ended: {said:?}");
        Err(Failure::Rejected { message: format!("it was made as ticket {id}, but not as done: {refused}") })
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
        let mut told = self.rest.record(&path).await.map_err(not_done)?;
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
            Entity::Request => self.changes(id, &told.body, patch).await?,
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

    /// What is to be written into a ticket. Of several who ask, only the first is shown, and changed.
    async fn changes(&self, id: &str, ticket: &Value, patch: &Fields) -> Result<Value, Failure> {
        let mut body = ticket::values(patch);
        if let Some(done) = patch.get("done") {
            body.insert("Status".into(), json!(ticket::status(*done == true, ticket)));
        }
        if let Some(title) = patch.get("title").and_then(Value::as_str) {
            let (_, about) = ticket::parts(ticket["Subject"].as_str().unwrap_or_default());
            body.insert("Subject".into(), json!(ticket::subject(title, about)));
        }
        if let Some(first) = body.get_mut("Requestor").and_then(Value::as_array_mut) {
            let query = quoted(&format!("id = {id}"));
            let path = format!("tickets?query={query}&fields=Requestor&fields%5BRequestor%5D=id");
            let found = self.rest.get(&path).await.map_err(not_done)?.body;
            let all = items(&found).next().and_then(|t| t["Requestor"].as_array());
            first.extend(all.into_iter().flatten().skip(1).filter_map(|r| ticket::id(&r["id"])).map(Value::from));
        }
        Ok(Value::Object(body))
    }

    async fn delete(&self, entity: Entity, id: &str, version: Option<&str>) -> Result<(), Failure> {
        let (path, _, etag) = self.state(entity, id, version).await?;
        self.rest.delete(&path, &etag).await
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

fn gone_or_in_doubt(f: Failure) -> Failure {
    if f == Failure::Gone { f } else { in_doubt(f) }
}

fn refused(said: &[String]) -> Failure {
    let said = said.join("; ");
    Failure::Rejected {
        message: if said.is_empty() { "the server did not do it, and does not say why".into() } else { said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_long_as_the_second_of_a_change_lasts_its_version_is_none_to_rely_on() {
        let ticket = json!({ "LastUpdated": "2026-12-05T11:00:00Z" });
        let told_at = |ms: Option<i64>| Seen(ms).version(&ticket).unwrap_or_default();
        assert_eq!(told_at(Some(1_796_468_400_000)), "2026-12-05T11:00:00Z~");
        assert_eq!(told_at(Some(1_796_468_401_000)), "2026-12-05T11:00:00Z");
        assert_eq!(told_at(None), "2026-12-05T11:00:00Z~");
    }
}
