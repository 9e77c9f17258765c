//! A CRM in memory: what it can do is drawn, and a fault can be put into it.

use super::super::merge::same;
use super::super::upstream::{After, Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, List, Page, Remote};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: usize = 3;

/// A fault put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoKey,
    NoWait,
    NoOverlap,
    LastWriterWins,
    NoVersion,
}

#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) id: u32,
    pub(super) entity: Entity,
    pub(super) key: Option<String>,
    pub(super) fields: Fields,
    pub(super) version: u64,
    pub(super) changed: i64,
    pub(super) deleted: bool,
    /// Every value each field ever had.
    pub(super) had: BTreeMap<String, BTreeSet<String>>,
}

pub(super) struct Server {
    pub(super) caps: Capabilities,
    pub(super) fault: Option<Fault>,
    pub(super) records: Vec<Kept>,
    pub(super) version: u64,
    /// Requests on their way, and changes of others not committed yet: when, and what.
    pub(super) late: Vec<(i64, Demand)>,
    pub(super) uncommitted: Vec<(i64, u32, &'static str, String, i64)>,
    /// What our changes overwrote or deleted: by id, the field, the value, and when.
    pub(super) overwritten: Vec<(u32, String, String, i64)>,
    /// When somebody else's value was committed.
    pub(super) committed: BTreeMap<String, i64>,
    pub(super) forget_token: bool,
    pub(super) locked_out: bool,
    /// Its feed does not tell the key; it leaves out what is empty.
    pub(super) keyless_feed: bool,
    pub(super) sparse: bool,
    /// Its feed of requests tells which have changed, and no more.
    pub(super) tells_which: bool,
}

impl Server {
    pub(super) fn remote(&self, r: &Kept) -> Remote {
        let mut fields = r.fields.clone();
        if self.sparse {
            fields.retain(|_, v| !same(v, &Value::Null));
        }
        Remote {
            id: r.id.to_string(),
            version: self.caps.versions.then(|| r.version.to_string()),
            changed: matches!(self.caps.feed, Feed::Since { .. }).then_some(r.changed),
            key: r.key.clone().filter(|_| self.fault != Some(Fault::NoKey)),
            fields,
        }
    }

    pub(super) fn fed(&self, r: &Kept) -> Remote {
        let key = |key| if self.keyless_feed { None } else { key };
        let r = self.remote(r);
        Remote { key: key(r.key.clone()), ..r }
    }

    pub(super) fn alive(&self, id: &str) -> Result<usize, Failure> {
        self.records.iter().position(|r| r.id.to_string() == *id && !r.deleted).ok_or(Failure::Gone)
    }

    pub(super) fn touch(&mut self, i: usize, changed: i64) {
        self.version += 1;
        let r = &mut self.records[i];
        (r.version, r.changed) = (self.version, changed);
        for (field, value) in &r.fields {
            r.had.entry(field.clone()).or_default().insert(text(value));
        }
    }

    pub(super) fn insert(&mut self, entity: Entity, key: Option<String>, fields: Fields, now: i64) -> usize {
        let id = u32::try_from(self.records.len()).unwrap() + 1;
        self.records.push(Kept {
            id,
            entity,
            key,
            fields: whole(entity, fields),
            version: 0,
            changed: now,
            deleted: false,
            had: BTreeMap::new(),
        });
        self.touch(self.records.len() - 1, now);
        self.records.len() - 1
    }

    pub(super) fn allow(&self, i: usize, version: &Option<String>) -> Result<(), Failure> {
        let checks = self.caps.versions && self.fault != Some(Fault::NoVersion);
        let fits = version.as_ref().is_some_and(|v| *v == self.records[i].version.to_string());
        if checks && !fits { Err(Failure::Conflict) } else { Ok(()) }
    }

    /// Does what it is asked.
    pub(super) fn apply(&mut self, demand: &Demand, now: i64) -> Result<Answer, Failure> {
        if self.locked_out {
            return Err(Failure::Auth { why: "password".into() });
        }
        if let Demand::Create { fields, .. } | Demand::Update { patch: fields, .. } = demand
            && fields
                .iter()
                .any(|(field, v)| !["customer", "about"].contains(&field.as_str()) && text(v).ends_with("13"))
        {
            return Err(Failure::Rejected { message: "unlucky".into() });
        }
        match demand {
            Demand::Create { entity, key, fields } => {
                let known = self.records.iter().position(|r| r.key.as_ref() == Some(key));
                let i = match known {
                    Some(i) if self.caps.idempotent_create => i,
                    _ => {
                        let mut fields = fields.clone();
                        fields.remove("about");
                        self.insert(*entity, Some(key.clone()), fields, now)
                    }
                };
                if self.records[i].deleted {
                    Err(Failure::Gone)
                } else {
                    Ok(Answer::Record(self.remote(&self.records[i])))
                }
            }
            Demand::Find { key, .. } => {
                let found = self.records.iter().filter(|r| r.key.as_ref() == Some(key) && !r.deleted);
                let found = found.filter(|_| self.fault != Some(Fault::NoKey));
                Ok(Answer::Records(found.map(|r| self.remote(r)).collect()))
            }
            Demand::Get { id, .. } => Ok(Answer::Record(self.remote(&self.records[self.alive(id)?]))),
            Demand::Update { id, version, patch, .. } => {
                let i = self.alive(id)?;
                self.allow(i, version)?;
                for (field, value) in patch {
                    let old = text(&self.records[i].fields[field]);
                    if old != text(value) {
                        self.overwritten.push((self.records[i].id, field.clone(), old, now));
                    }
                }
                self.records[i].fields.extend(patch.clone());
                self.touch(i, now);
                Ok(Answer::Record(self.remote(&self.records[i])))
            }
            Demand::Delete { id, version, .. } => {
                let i = self.alive(id)?;
                self.allow(i, version)?;
                for (field, value) in self.records[i].fields.clone() {
                    self.overwritten.push((self.records[i].id, field, text(&value), now));
                }
                self.records[i].deleted = true;
                self.touch(i, now);
                Ok(Answer::Done)
            }
            Demand::Pull { entity, after } => self.page(*entity, after).map(Answer::Page),
            Demand::List { entity, after } => {
                let after: u32 = after.as_ref().map_or(0, |a| a.parse().unwrap());
                let rest: Vec<_> = self.of(*entity).filter(|r| !r.deleted && r.id > after).collect();
                let page = &rest[..rest.len().min(PAGE)];
                let version = |r: &Kept| self.caps.versions.then(|| r.version.to_string());
                let entries = page.iter().map(|r| (r.id.to_string(), version(r))).collect();
                let next = (rest.len() > PAGE).then(|| page[PAGE - 1].id.to_string());
                Ok(Answer::List(List { entries, next }))
            }
        }
    }

    fn of(&self, entity: Entity) -> impl Iterator<Item = &Kept> {
        self.records.iter().filter(move |r| r.entity == entity)
    }

    pub(super) fn page(&mut self, entity: Entity, from: &After) -> Result<Page, Failure> {
        if std::mem::take(&mut self.forget_token) && matches!(from, After::Token(_)) {
            return Err(Failure::Forgotten);
        }
        let place = |r: &Kept| match self.caps.feed {
            Feed::Since { .. } => (r.changed, r.id),
            _ => (i64::try_from(r.version).unwrap(), 0),
        };
        let after = match from {
            After::Beginning => (i64::MIN, 0),
            After::Token(t) => (t.parse().unwrap(), 0),
            After::Since(at) => (*at, 0),
            After::Page(p) => {
                let (at, id) = p.split_once(',').unwrap();
                (at.parse().unwrap(), id.parse().unwrap())
            }
        };
        let mut rest: Vec<&Kept> = self.of(entity).filter(|r| place(r) > after).collect();
        rest.retain(|r| !r.deleted || (self.caps.tombstones && *from != After::Beginning));
        rest.sort_by_key(|r| place(r));
        let page = &rest[..rest.len().min(PAGE)];
        let last = page.last().map_or(after, |r| place(r));
        let more = rest.len() > PAGE;
        let which = self.tells_which && entity == Entity::Request;
        let alive = || page.iter().filter(|r| !r.deleted);
        let version = |r: &Kept| self.caps.versions.then(|| r.version.to_string());
        Ok(Page {
            records: alive().filter(|_| !which).map(|r| self.fed(r)).collect(),
            changed: alive().filter(|_| which).map(|r| (r.id.to_string(), version(r))).collect(),
            gone: page.iter().filter(|r| r.deleted).map(|r| r.id.to_string()).collect(),
            next: more.then(|| format!("{},{}", last.0, last.1)),
            token: (!more && self.caps.feed == Feed::Token).then(|| last.0.max(0).to_string()),
            ..Page::default()
        })
    }

    pub(super) fn foreign(&mut self, id: u32, field: &str, value: &str, began: i64, now: i64) {
        let Some(i) = self.records.iter().position(|r| r.id == id && !r.deleted) else { return };
        self.records[i].fields.insert(field.into(), json!(value));
        self.committed.insert(value.to_owned(), now);
        self.touch(i, began);
    }

    /// What arrives or is committed by now.
    pub(super) fn pass_time(&mut self, now: i64) {
        self.late.sort_by_key(|(at, _)| *at);
        while self.late.first().is_some_and(|(at, _)| *at <= now) {
            let (at, demand) = self.late.remove(0);
            let _ = self.apply(&demand, at);
        }
        let (due, rest) = std::mem::take(&mut self.uncommitted).into_iter().partition(|(at, ..)| *at <= now);
        self.uncommitted = rest;
        let due: Vec<_> = due;
        for (at, id, field, value, began) in due {
            self.foreign(id, field, &value, began, at);
        }
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// With every field the store keeps.
pub(super) fn whole(entity: Entity, fields: Fields) -> Fields {
    let empty =
        |fields: &[&str], value: Value| fields.iter().map(|f| ((*f).to_owned(), value.clone())).collect::<Fields>();
    let mut all = match entity {
        Entity::Contact => empty(&["name", "company", "town", "note"], json!("")),
        Entity::Request => empty(&["title", "note", "customer"], json!("")),
    };
    if entity == Entity::Contact {
        all.extend(empty(&["numbers", "emails"], json!([])));
    }
    all.extend(fields);
    all
}
