//! A CRM that does what it is asked.
#![allow(dead_code, clippy::unwrap_used)]

use cuffia_customers::Store;
use cuffia_customers::sync::upstream::{
    After, Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, Page, Remote,
};
use cuffia_customers::sync::{Engine, Next};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const NOW: i64 = 1_795_000_000_000;
pub const CONTACT: Entity = Entity::Contact;
pub const REQUEST: Entity = Entity::Request;

pub fn fields<const N: usize>(of: [(&str, Value); N]) -> Fields {
    of.map(|(field, value)| (field.to_owned(), value)).into()
}

#[derive(Clone, Default)]
pub struct Crm {
    pub records: BTreeMap<String, Remote>,
    /// It keeps requests too, which are these.
    pub requests: Option<BTreeMap<String, Remote>>,
    pub gone: Vec<String>,
    pub made: usize,
}

impl Crm {
    /// With so many customers, and a request of the first.
    pub fn with(many: usize) -> Crm {
        let mut crm = Crm { requests: Some(BTreeMap::new()), ..Crm::default() };
        for i in 0..many {
            let phone = json!([format!("+3901155{i:05}")]);
            crm.put(
                CONTACT,
                &format!("r{i}"),
                None,
                fields([("name", json!(format!("Carla {i}"))), ("numbers", phone)]),
            );
        }
        crm.put(REQUEST, "q0", None, fields([("title", json!("theirs")), ("customer", json!("r0"))]));
        crm
    }

    pub fn of(&mut self, entity: Entity) -> &mut BTreeMap<String, Remote> {
        match entity {
            CONTACT => &mut self.records,
            REQUEST => self.requests.as_mut().expect("it keeps requests"),
        }
    }

    pub fn put(&mut self, entity: Entity, id: &str, key: Option<String>, fields: Fields) -> Remote {
        self.made += 1;
        let version = Some(self.made.to_string());
        let remote = Remote { id: id.into(), version, changed: None, key, fields };
        self.of(entity).insert(id.into(), remote.clone());
        remote
    }

    /// Somebody else deletes it.
    pub fn delete(&mut self, entity: Entity, id: &str) {
        assert!(self.of(entity).remove(id).is_some());
        self.gone.push(id.to_owned());
    }

    pub fn answer(&mut self, demand: &Demand) -> Result<Answer, Failure> {
        let entity = demand.entity();
        let get = |crm: &mut Crm, id: &String| crm.of(entity).get(id).cloned().ok_or(Failure::Gone);
        Ok(match demand {
            Demand::Create { key, fields, .. } => match self.of(entity).get(&format!("{key}!")) {
                Some(r) => Answer::Record(r.clone()),
                None => Answer::Record(self.put(entity, &format!("{key}!"), Some(key.clone()), fields.clone())),
            },
            Demand::Find { .. } | Demand::List { .. } => unreachable!(),
            Demand::Get { id, .. } => Answer::Record(get(self, id)?),
            Demand::Update { id, version, patch, .. } => {
                let mut r = get(self, id)?;
                if r.version != *version {
                    return Err(Failure::Conflict);
                }
                r.fields.extend(patch.clone());
                Answer::Record(self.put(entity, id, r.key, r.fields))
            }
            Demand::Delete { id, version, .. } => {
                if get(self, id)?.version != *version {
                    return Err(Failure::Conflict);
                }
                self.of(entity).remove(id);
                Answer::Done
            }
            // Of this one it is known that nothing has changed since.
            Demand::Pull { after: After::Token(token), .. } if token == "newer" => {
                Answer::Page(Page { token: Some(token.clone()), ..Page::default() })
            }
            Demand::Pull { .. } => Answer::Page(Page {
                records: self.of(entity).values().cloned().collect(),
                gone: self.gone.clone(),
                token: Some("all".into()),
                ..Page::default()
            }),
        })
    }

    pub fn caps(&self) -> Capabilities {
        Capabilities {
            entities: if self.requests.is_some() { vec![CONTACT, REQUEST] } else { vec![CONTACT] },
            idempotent_create: true,
            versions: true,
            feed: Feed::Token,
            tombstones: true,
            request_lifetime_ms: 1_000,
        }
    }

    /// Asks and answers until there is nothing to do.
    pub fn serve(&mut self, store: &Store) {
        let mut engine = Engine::new(self.caps(), 1);
        let mut now = NOW;
        store.pull_now().unwrap();
        for _ in 0..500 {
            match store.next_request(&mut engine, "IT", now).unwrap() {
                Next::Ask(step) => {
                    let answer = self.answer(&step.demand);
                    store.take_answer(&mut engine, &step, answer, "IT", now).unwrap();
                }
                Next::Wait(_) if store.standing().unwrap().waiting == 0 => return,
                Next::Wait(until) => now = until.unwrap(),
            }
        }
        panic!("it does not come to rest");
    }
}
