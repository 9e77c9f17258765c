//! The engine against a CRM that loses, delays and repeats, with somebody else at work in it: random shifts by seed, and at the end
//! what must hold. Each classic fault of such engines, put in on purpose, must be found.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::merge::{LAST_WRITER_WINS, same, value};
use super::outbox::State;
use super::upstream::{After, Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, List, Page, Remote};
use super::{Choice, Conflict, Engine, Here, Next, conflict, link, outbox, records, state};
use crate::schema;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const OVERLAP_MS: i64 = 60_000;
const LIFETIME_MS: i64 = 30_000;
const CONTACT: Entity = Entity::Contact;
const FIELDS: [&str; 2] = ["name", "note"];
/// What this CRM keeps; products stay here.
const MAPPED: [&str; 6] = ["name", "company", "town", "note", "numbers", "emails"];
const PAGE: usize = 3;
const LIST_MS: i64 = 120_000;

/// A fault put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NoKey,
    NoWait,
    NoOverlap,
    LastWriterWins,
    NoVersion,
}

#[derive(Debug, Clone)]
struct Kept {
    id: u32,
    key: Option<String>,
    fields: Fields,
    version: u64,
    changed: i64,
    deleted: bool,
    /// Every value each field ever had.
    had: BTreeMap<String, BTreeSet<String>>,
}

struct Server {
    caps: Capabilities,
    fault: Option<Fault>,
    records: Vec<Kept>,
    version: u64,
    /// Requests on their way, and changes of others not committed yet: when, and what.
    late: Vec<(i64, Demand)>,
    uncommitted: Vec<(i64, u32, &'static str, String, i64)>,
    /// What our changes overwrote or deleted: by id, the field, the value, and when.
    overwritten: Vec<(u32, String, String, i64)>,
    /// When somebody else's value was committed.
    committed: BTreeMap<String, i64>,
    forget_token: bool,
    locked_out: bool,
    /// Its feed does not tell the key; it leaves out what is empty.
    keyless_feed: bool,
    sparse: bool,
}

impl Server {
    fn remote(&self, r: &Kept) -> Remote {
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

    fn fed(&self, r: &Kept) -> Remote {
        let key = |key| if self.keyless_feed { None } else { key };
        let r = self.remote(r);
        Remote { key: key(r.key.clone()), ..r }
    }

    fn alive(&self, id: &str) -> Result<usize, Failure> {
        self.records.iter().position(|r| r.id.to_string() == *id && !r.deleted).ok_or(Failure::Gone)
    }

    fn touch(&mut self, i: usize, changed: i64) {
        self.version += 1;
        let r = &mut self.records[i];
        (r.version, r.changed) = (self.version, changed);
        for (field, value) in &r.fields {
            r.had.entry(field.clone()).or_default().insert(text(value));
        }
    }

    fn insert(&mut self, key: Option<String>, fields: Fields, now: i64) -> usize {
        let id = u32::try_from(self.records.len()).unwrap() + 1;
        self.records.push(Kept {
            id,
            key,
            fields: whole(fields),
            version: 0,
            changed: now,
            deleted: false,
            had: BTreeMap::new(),
        });
        self.touch(self.records.len() - 1, now);
        self.records.len() - 1
    }

    fn allow(&self, i: usize, version: &Option<String>) -> Result<(), Failure> {
        let checks = self.caps.versions && self.fault != Some(Fault::NoVersion);
        let fits = version.as_ref().is_some_and(|v| *v == self.records[i].version.to_string());
        if checks && !fits { Err(Failure::Conflict) } else { Ok(()) }
    }

    /// Does what it is asked.
    fn apply(&mut self, demand: &Demand, now: i64) -> Result<Answer, Failure> {
        if self.locked_out {
            return Err(Failure::Auth { why: "password".into() });
        }
        if let Demand::Create { fields, .. } | Demand::Update { patch: fields, .. } = demand
            && fields.values().any(|v| text(v).ends_with("13"))
        {
            return Err(Failure::Rejected { message: "unlucky".into() });
        }
        match demand {
            Demand::Create { key, fields, .. } => {
                let known = self.records.iter().position(|r| r.key.as_ref() == Some(key));
                let i = match known {
                    Some(i) if self.caps.idempotent_create => i,
                    _ => self.insert(Some(key.clone()), fields.clone(), now),
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
            Demand::Pull { after, .. } => self.page(after).map(Answer::Page),
            Demand::List { after, .. } => {
                let after: u32 = after.as_ref().map_or(0, |a| a.parse().unwrap());
                let rest: Vec<_> = self.records.iter().filter(|r| !r.deleted && r.id > after).collect();
                let page = &rest[..rest.len().min(PAGE)];
                let version = |r: &Kept| self.caps.versions.then(|| r.version.to_string());
                let entries = page.iter().map(|r| (r.id.to_string(), version(r))).collect();
                let next = (rest.len() > PAGE).then(|| page[PAGE - 1].id.to_string());
                Ok(Answer::List(List { entries, next }))
            }
        }
    }

    fn page(&mut self, from: &After) -> Result<Page, Failure> {
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
        let mut rest: Vec<&Kept> = self.records.iter().filter(|r| place(r) > after).collect();
        rest.retain(|r| !r.deleted || (self.caps.tombstones && *from != After::Beginning));
        rest.sort_by_key(|r| place(r));
        let page = &rest[..rest.len().min(PAGE)];
        let last = page.last().map_or(after, |r| place(r));
        let more = rest.len() > PAGE;
        Ok(Page {
            records: page.iter().filter(|r| !r.deleted).map(|r| self.fed(r)).collect(),
            gone: page.iter().filter(|r| r.deleted).map(|r| r.id.to_string()).collect(),
            next: more.then(|| format!("{},{}", last.0, last.1)),
            token: (!more && self.caps.feed == Feed::Token).then(|| last.0.max(0).to_string()),
            there: Vec::new(),
            left: None,
        })
    }

    fn foreign(&mut self, id: u32, field: &str, value: &str, began: i64, now: i64) {
        let Some(i) = self.records.iter().position(|r| r.id == id && !r.deleted) else { return };
        self.records[i].fields.insert(field.into(), json!(value));
        self.committed.insert(value.to_owned(), now);
        self.touch(i, began);
    }

    /// What arrives or is committed by now.
    fn pass_time(&mut self, now: i64) {
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// With every field the store keeps.
fn whole(fields: Fields) -> Fields {
    let mut all: Fields = ["name", "company", "town", "note"].map(|f| (f.to_owned(), json!(""))).into();
    all.extend(["numbers", "emails"].map(|f| (f.to_owned(), json!([]))));
    all.extend(fields);
    all
}

/// What the operator did, to be asked about at the end.
#[derive(Default)]
struct Shift {
    /// Made here, and not deleted here since.
    made: BTreeSet<String>,
    /// What was written into a field, in its order.
    wrote: BTreeMap<(String, String), Vec<String>>,
    /// What was on the card when a field was changed or the card deleted.
    saw: BTreeSet<String>,
    /// The product on the card, which no CRM knows.
    products: BTreeMap<String, String>,
    /// Deleted here, with the id there where it was known.
    deleted: BTreeMap<String, Option<String>>,
}

impl Shift {
    /// The operator does not want any more what was written there.
    fn give_up(&mut self, uid: &str) {
        self.wrote.retain(|(of, _), _| of != uid);
    }
}

struct World {
    db: Connection,
    engine: Engine,
    server: Server,
    shift: Shift,
    chance: SmallRng,
    now: i64,
    count: u32,
    offline: bool,
    /// How far the operator's clock is from the server's, milliseconds.
    skew: i64,
}

impl World {
    fn new(seed: u64, fault: Option<Fault>) -> World {
        let mut chance = SmallRng::seed_from_u64(seed);
        let feed = match fault {
            Some(Fault::NoOverlap) => Feed::Since { overlap_ms: OVERLAP_MS },
            _ => [Feed::Token, Feed::Since { overlap_ms: OVERLAP_MS }, Feed::Listing][chance.random_range(0..3)],
        };
        let caps = Capabilities {
            entities: vec![CONTACT],
            idempotent_create: fault.is_none() && chance.random(),
            versions: fault.is_some() || chance.random(),
            feed,
            tombstones: feed != Feed::Listing && chance.random(),
            request_lifetime_ms: LIFETIME_MS,
        };
        let mut told = caps.clone();
        match fault {
            Some(Fault::NoWait) => told.request_lifetime_ms = 0,
            Some(Fault::NoOverlap) => told.feed = Feed::Since { overlap_ms: 0 },
            _ => {}
        }
        LAST_WRITER_WINS.set(fault == Some(Fault::LastWriterWins));
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        state::connect(&Here { db: &db, region: "IT", now: 0 }, "model", &MAPPED).unwrap();
        let mut engine = Engine::new(told, seed);
        // A fault that a list would mend in the night is to be seen by day.
        engine.list_every_ms = if fault == Some(Fault::NoOverlap) { i64::MAX / 4 } else { LIST_MS };
        let server = Server {
            caps,
            fault,
            records: Vec::new(),
            version: 0,
            late: Vec::new(),
            uncommitted: Vec::new(),
            overwritten: Vec::new(),
            committed: BTreeMap::new(),
            forget_token: false,
            locked_out: false,
            keyless_feed: fault.is_none() && chance.random_bool(0.3),
            sparse: chance.random(),
        };
        World {
            db,
            engine,
            server,
            shift: Shift::default(),
            chance,
            now: 1_000_000_000,
            count: 0,
            offline: false,
            skew: 0,
        }
    }

    fn here<T>(&mut self, f: impl FnOnce(&Here<'_>, &mut Engine) -> Result<T, crate::StoreError>) -> T {
        let tx = self.db.transaction().unwrap();
        let now = self.now + self.skew;
        let out = f(&Here { db: &tx, region: "IT", now }, &mut self.engine).unwrap();
        tx.commit().unwrap();
        out
    }

    fn word(&mut self, who: &str) -> String {
        self.count += 1;
        format!("{who}{}", self.count)
    }

    fn cards(&self) -> Vec<String> {
        let mut all = self.db.prepare("SELECT id FROM customer ORDER BY id").unwrap();
        all.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The operator does something.
    fn operator(&mut self) {
        let cards = self.cards();
        match (self.chance.random_range(0..10), cards.choose(&mut self.chance).cloned()) {
            (0..3, _) | (_, None) => {
                let (uid, name) = (self.word("uid-"), self.word("mine"));
                self.here(|h, _| outbox::create(h, CONTACT, &uid, &whole([("name".into(), json!(name))].into())));
                self.shift.wrote.insert((uid.clone(), "name".into()), vec![name]);
                self.shift.made.insert(uid);
            }
            (3..8, Some(uid)) => {
                // The card may have been open for a while.
                let shown = records::read(&self.db, CONTACT, &uid).unwrap().unwrap();
                for _ in 0..self.chance.random_range(0..3) {
                    self.sync();
                }
                self.edit(&uid, &shown);
            }
            (8, Some(uid)) if self.chance.random_bool(0.5) => self.delete(&uid),
            _ => {
                let Some(c) = conflict::all(&self.db).unwrap().choose(&mut self.chance).cloned() else { return };
                let choice = if self.chance.random() { Choice::Mine } else { Choice::Theirs };
                self.choose(&c, choice);
            }
        }
    }

    fn edit(&mut self, uid: &str, shown: &Fields) {
        if records::read(&self.db, CONTACT, uid).unwrap().is_none() {
            return;
        }
        let (field, value) = (*FIELDS.choose(&mut self.chance).unwrap(), self.word("mine"));
        self.shift.saw.insert(text(&shown[field]));
        let product = self.word("product");
        let patch = [(field.into(), json!(value)), ("product".into(), json!(product))].into();
        self.here(|h, _| outbox::edit(h, CONTACT, uid, &patch, shown));
        self.shift.products.insert(uid.to_owned(), product);
        self.shift.wrote.entry((uid.to_owned(), field.into())).or_default().push(value);
    }

    fn delete(&mut self, uid: &str) {
        for (_, shown) in records::read(&self.db, CONTACT, uid).unwrap().unwrap() {
            self.shift.saw.insert(text(&shown));
        }
        let there = link::of(&self.db, CONTACT, uid).unwrap().map(|l| l.remote);
        self.here(|h, _| outbox::delete(h, CONTACT, uid));
        self.shift.made.remove(uid);
        self.shift.give_up(uid);
        self.shift.deleted.insert(uid.to_owned(), there);
    }

    fn choose(&mut self, c: &Conflict, choice: Choice) {
        self.shift.saw.insert(text(&c.theirs));
        for value in c.theirs.as_object().into_iter().flat_map(|fields| fields.values()) {
            self.shift.saw.insert(text(value));
        }
        match (choice, c.field.as_deref(), &c.mine) {
            // Deleted again; if the card was taken away meanwhile, there is nothing to delete.
            (Choice::Mine, None, Value::Null) if !self.cards().contains(&c.uid) => return,
            (Choice::Mine, None, Value::Null) => return self.delete(&c.uid),
            _ => {}
        }
        let field = c.field.as_deref();
        let anew = self.here(|h, _| conflict::choose(h, CONTACT, &c.uid, field, &c.theirs, choice));
        match (choice, field) {
            (Choice::Mine, Some(_)) => {}
            // Seen, and let go.
            (Choice::Theirs, Some(field)) => {
                self.shift.wrote.remove(&(c.uid.clone(), field.to_owned()));
            }
            (_, None) => {
                self.shift.give_up(&c.uid);
                self.shift.products.remove(&c.uid);
                self.shift.deleted.remove(&c.uid);
                self.shift.made.remove(&c.uid);
            }
        }
        if let Some(anew) = anew {
            for field in FIELDS {
                let mine = text(value(&records::read(&self.db, CONTACT, &anew).unwrap().unwrap(), field));
                if mine.starts_with("mine") {
                    self.shift.wrote.insert((anew.clone(), field.into()), vec![mine]);
                }
            }
            self.shift.made.insert(anew);
        }
    }

    /// What the CRM refused is written anew, or let go.
    fn refused(&mut self) {
        let sql = "SELECT seq FROM outbox WHERE state = 'refused'";
        let Ok(seq) = self.db.query_row(sql, [], |r| r.get(0)) else { return };
        let entry = outbox::get(&self.db, seq).unwrap().unwrap();
        assert_eq!(entry.state, State::Refused);
        let card = records::read(&self.db, CONTACT, &entry.uid).unwrap();
        match card.filter(|_| self.chance.random()) {
            Some(shown) => {
                // Anew in every field, for it is not told which one was refused.
                for field in FIELDS {
                    let value = self.word("mine");
                    self.shift.saw.insert(text(&shown[field]));
                    let patch = [(field.into(), json!(value))].into();
                    self.here(|h, _| outbox::edit(h, CONTACT, &entry.uid, &patch, &shown));
                    self.shift.wrote.entry((entry.uid.clone(), field.into())).or_default().push(value);
                }
            }
            None => {
                self.here(|h, _| outbox::let_go(h, seq));
                self.shift.give_up(&entry.uid);
                self.shift.made.remove(&entry.uid);
            }
        }
    }

    /// Somebody else does something.
    fn somebody(&mut self) {
        let ids: Vec<u32> = self.server.records.iter().filter(|r| !r.deleted).map(|r| r.id).collect();
        let value = self.word("theirs");
        match (self.chance.random_range(0..10), ids.choose(&mut self.chance)) {
            (0..3, _) | (_, None) => {
                self.server.insert(None, [("name".into(), json!(value))].into(), self.now);
            }
            (3..9, Some(id)) => {
                let field = *FIELDS.choose(&mut self.chance).unwrap();
                if self.chance.random_bool(0.3) {
                    let commit = self.now + self.chance.random_range(1_000..OVERLAP_MS / 2);
                    self.server.uncommitted.push((commit, *id, field, value, self.now));
                } else {
                    self.server.foreign(*id, field, &value, self.now, self.now);
                }
            }
            (_, Some(id)) => {
                let i = self.server.alive(&id.to_string()).unwrap();
                self.server.records[i].deleted = true;
                self.server.touch(i, self.now);
            }
        }
    }

    /// A request on a line that loses.
    fn ask(&mut self, demand: &Demand) -> Result<Answer, Failure> {
        let writes = matches!(demand, Demand::Create { .. } | Demand::Update { .. } | Demand::Delete { .. });
        let lost = || Err(Failure::Ambiguous { why: "timeout".into() });
        if self.offline {
            return Err(Failure::Retry { after_ms: None, why: "no network".into() });
        }
        match self.chance.random_range(0..100) {
            0..10 => lost(),
            10..18 if writes => {
                let at = self.now + self.chance.random_range(1..LIFETIME_MS);
                self.server.late.push((at, demand.clone()));
                lost()
            }
            18..35 => {
                let _ = self.server.apply(demand, self.now);
                lost()
            }
            35..38 => Err(Failure::Retry { after_ms: Some(2_000), why: "429".into() }),
            38..40 => Err(Failure::Later { why: "locked".into() }),
            _ => self.server.apply(demand, self.now),
        }
    }

    fn sync(&mut self) {
        match self.here(|h, engine| engine.next(h)) {
            Next::Ask(step) => {
                let result = self.ask(&step.demand);
                match self.chance.random_range(0..20) {
                    // Killed before the answer came.
                    0 => {}
                    // Killed while it was written down.
                    1 => {
                        let tx = self.db.transaction().unwrap();
                        let now = self.now + self.skew;
                        self.engine.answer(&Here { db: &tx, region: "IT", now }, &step, result).unwrap();
                    }
                    _ => self.here(|h, engine| engine.answer(h, &step, result)),
                }
            }
            Next::Wait(_) => self.go_on(),
        }
    }

    fn go_on(&mut self) {
        if state::get(&self.db).unwrap().stopped.is_some() {
            self.server.locked_out = false;
            state::go_on(&self.db, self.chance.random()).unwrap();
        }
    }

    fn shift(&mut self) {
        for _ in 0..self.chance.random_range(20..120) {
            match self.chance.random_range(0..20) {
                0..4 => self.operator(),
                4..6 => self.somebody(),
                6..16 => self.sync(),
                16 => self.offline = self.chance.random_bool(0.4),
                17 if self.chance.random() => self.refused(),
                17 => {
                    self.server.forget_token = self.chance.random_bool(0.1);
                    self.server.locked_out = self.chance.random_bool(0.1);
                }
                18 if self.chance.random_bool(0.1) => self.now += 3_600_000,
                // The clock is put back; forward it is as if time had passed.
                18 if self.chance.random_bool(0.1) => self.skew -= self.chance.random_range(0..7_200_000),
                _ => self.now += self.chance.random_range(0..LIFETIME_MS),
            }
            self.now += self.chance.random_range(1..500);
            self.server.pass_time(self.now);
        }
    }

    /// The line is good, nobody writes: all comes to rest.
    fn rest(&mut self) -> Result<(), String> {
        (self.offline, self.server.forget_token, self.server.locked_out) = (false, false, false);
        let end = self.now + 4 * LIST_MS + 300_000;
        for _ in 0..5_000 {
            self.server.pass_time(self.now);
            match self.here(|h, engine| engine.next(h)) {
                Next::Ask(step) => {
                    let result = self.server.apply(&step.demand, self.now);
                    self.now += 10;
                    self.here(|h, engine| engine.answer(h, &step, result));
                }
                Next::Wait(_) if self.now > end => return Ok(()),
                Next::Wait(Some(until)) if until <= self.now + self.skew => return Err("it waits for the past".into()),
                Next::Wait(until) => {
                    self.go_on();
                    self.refused();
                    self.now = until.map_or(self.now, |u| u - self.skew).clamp(self.now + 1_000, self.now + 60_000);
                }
            }
        }
        Err("it does not come to rest".into())
    }

    fn check(&self) -> Result<(), String> {
        let waiting: i64 = self.db.query_row("SELECT count(*) FROM outbox", [], |r| r.get(0)).unwrap();
        if waiting > 0 {
            return Err(format!("{waiting} entries still wait"));
        }
        let with_key =
            |uid: &String| self.server.records.iter().filter(|r| r.key.as_ref() == Some(uid)).collect::<Vec<_>>();
        for uid in &self.shift.made {
            let there = with_key(uid);
            let (ever, alive) = (there.len(), there.iter().filter(|r| !r.deleted).count());
            let asked = conflict::all(&self.db).unwrap().iter().any(|c| c.uid == *uid && c.field.is_none());
            if alive > 1 || (ever == 0 && !asked) {
                return Err(format!("{uid} is there {alive} times"));
            }
        }
        for (uid, there) in &self.shift.deleted {
            let of_id = self.server.records.iter().filter(|r| Some(r.id.to_string()) == *there).collect::<Vec<_>>();
            let hidden = |r: &Kept| !r.deleted && link::to(&self.db, CONTACT, &r.id.to_string()).unwrap().is_none();
            // It stays when somebody else changed it, and then the operator is, or was, asked; or it was the second card of one.
            if with_key(uid).into_iter().chain(of_id).any(hidden) && !self.cards().contains(uid) {
                return Err(format!("{uid} is deleted here and lives there"));
            }
        }
        self.check_cache()?;
        self.check_writes()?;
        for (id, field, old, at) in &self.server.overwritten {
            let ours = old.is_empty() || old.starts_with("mine");
            // Without versions there is a moment between looking and writing, and as long as a request may live.
            let moment = if self.server.caps.versions { 0 } else { 5_000 + LIFETIME_MS };
            let just = self.server.committed.get(old).is_some_and(|c| *c >= at - moment && moment > 0);
            if !ours && !just && !self.shift.saw.contains(old) {
                return Err(format!("{field} of {id}: {old} was overwritten unseen"));
            }
        }
        Ok(())
    }

    fn check_cache(&self) -> Result<(), String> {
        let mut cards: BTreeSet<String> = self.cards().into_iter().collect();
        for r in self.server.records.iter().filter(|r| !r.deleted) {
            let l = link::to(&self.db, CONTACT, &r.id.to_string()).unwrap().ok_or(format!("{} is not here", r.id))?;
            let here = records::read(&self.db, CONTACT, &l.uid).unwrap().ok_or(format!("{} has no card", r.id))?;
            let product = self.shift.products.get(&l.uid).filter(|_| !self.shift.deleted.contains_key(&l.uid));
            if product.is_some_and(|p| text(&here["product"]) != *p) {
                return Err(format!("{}: the product is no longer {product:?}", l.uid));
            }
            if MAPPED.iter().any(|field| !same(&here[*field], value(&r.fields, field))) {
                return Err(format!("{}: here {here:?}, there {:?}", r.id, r.fields));
            }
            cards.remove(&l.uid);
        }
        if cards.is_empty() { Ok(()) } else { Err(format!("only here: {cards:?}")) }
    }

    fn check_writes(&self) -> Result<(), String> {
        let conflicts = conflict::all(&self.db).unwrap();
        for ((uid, field), values) in &self.shift.wrote {
            let last = values.last().unwrap();
            let had = self.server.records.iter().any(|r| r.had.get(field).is_some_and(|h| h.contains(last)));
            let asked = conflicts.iter().any(|c| match (&c.field, &c.mine) {
                // By the value, which no other has: the card may turn out to be a second one of somebody.
                (Some(f), mine) => f == field && text(mine) == *last,
                (None, mine) => mine.get(field).is_some_and(|v| text(v) == *last),
            });
            if !had && !asked {
                return Err(format!("{field} of {uid}: {last} is lost"));
            }
            let now = records::read(&self.db, CONTACT, uid).unwrap().map(|r| text(value(&r, field)));
            if now.is_some_and(|now| now != *last && values.contains(&now)) {
                return Err(format!("{field} of {uid}: an older value than {last}"));
            }
        }
        Ok(())
    }
}

fn run(seed: u64, fault: Option<Fault>) -> Result<(), String> {
    let mut world = World::new(seed, fault);
    world.shift();
    world.rest()?;
    world.check()
}

#[test]
fn nothing_is_lost_doubled_or_overwritten_unseen() {
    let failed: Vec<String> =
        (0..1_000).filter_map(|seed| run(seed, None).err().map(|e| format!("seed {seed}: {e}"))).collect();
    assert!(failed.is_empty(), "{} of 1000 shifts:\n{}", failed.len(), failed.join("\n"));
}

/// The fault is found for what it is, and more than once.
fn is_found(fault: Fault, as_what: &str) {
    let told: Vec<String> = (0..300).filter_map(|seed| run(seed, Some(fault)).err()).collect();
    let found = told.iter().filter(|e| e.contains(as_what)).count();
    println!("{fault:?}: {found} of 300 shifts, {} in all", told.len());
    assert!(found >= 3, "{fault:?} goes unnoticed: {told:?}");
}

#[test]
fn a_create_without_a_key_is_found() {
    is_found(Fault::NoKey, "times");
}

#[test]
fn a_look_before_the_request_can_no_longer_arrive_is_found() {
    is_found(Fault::NoWait, "times");
}

#[test]
fn a_cursor_without_overlap_is_found() {
    is_found(Fault::NoOverlap, ": here");
}

#[test]
fn the_last_writer_winning_is_found() {
    is_found(Fault::LastWriterWins, "overwritten unseen");
}

#[test]
fn changes_without_a_version_are_found() {
    is_found(Fault::NoVersion, "overwritten unseen");
}
