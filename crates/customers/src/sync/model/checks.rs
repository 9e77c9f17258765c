//! What must hold when all has come to rest.

use super::super::merge::{same, value};
use super::super::upstream::Entity;
use super::super::{conflict, link, records};
use super::{CONTACT, Kept, LIFETIME_MS, MAPPED, REQUEST, World, text};
use std::collections::BTreeSet;

impl World {
    pub(super) fn check(&self) -> Result<(), String> {
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
        self.check_requests()?;
        self.check_writes()?;
        for (id, field, old, at) in self.server.overwritten.iter().filter(|(_, field, ..)| field != "customer") {
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
        for r in self.server.records.iter().filter(|r| !r.deleted && r.entity == CONTACT) {
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
        cards.retain(|uid| !self.only_here(CONTACT, uid));
        if cards.is_empty() { Ok(()) } else { Err(format!("only here: {cards:?}")) }
    }

    /// The CRM refused it, and it was kept.
    fn only_here(&self, entity: Entity, uid: &str) -> bool {
        self.shift.kept.contains(uid) && link::of(&self.db, entity, uid).unwrap().is_none()
    }

    fn check_requests(&self) -> Result<(), String> {
        let mut here: BTreeSet<String> = self.requests().into_iter().collect();
        for r in self.server.records.iter().filter(|r| !r.deleted && r.entity == REQUEST) {
            let l = link::to(&self.db, REQUEST, &r.id.to_string()).unwrap().ok_or(format!("{} is not here", r.id))?;
            let fields = records::read(&self.db, REQUEST, &l.uid).unwrap().ok_or(format!("{} has no row", r.id))?;
            if ["title", "note"].iter().any(|field| !same(&fields[*field], value(&r.fields, field))) {
                return Err(format!("{}: here {fields:?}, there {:?}", r.id, r.fields));
            }
            let there = text(value(&r.fields, "customer"));
            let known = link::to(&self.db, CONTACT, &there).unwrap().map(|l| l.uid);
            let known_here = link::of(&self.db, CONTACT, &text(&fields["customer"])).unwrap().is_some();
            // A customer who is gone there is still who it was.
            let right = match known {
                Some(uid) => text(&fields["customer"]) == uid,
                None => !known_here,
            };
            if !right {
                return Err(format!("{} ({}) is of {} here, of {there:?} there", r.id, l.uid, fields["customer"]));
            }
            here.remove(&l.uid);
        }
        here.retain(|uid| !records::stays(&self.db, REQUEST, uid).unwrap() && !self.only_here(REQUEST, uid));
        if here.is_empty() { Ok(()) } else { Err(format!("only here: {here:?}")) }
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
            let read = |entity| records::read(&self.db, entity, uid).unwrap().map(|r| text(value(&r, field)));
            // What came in a call stays here when it is gone there, and what was never taken when it was let go.
            let here = read(REQUEST).or(read(CONTACT)).as_ref() == Some(last);
            let stays = records::stays(&self.db, REQUEST, uid).unwrap()
                || [CONTACT, REQUEST].iter().any(|entity| self.only_here(*entity, uid));
            if !(had || asked || (here && stays)) {
                return Err(format!("{field} of {uid}: {last} is lost"));
            }
            let now = read(CONTACT).or(read(REQUEST));
            if now.is_some_and(|now| now != *last && values.contains(&now)) {
                return Err(format!("{field} of {uid}: an older value than {last}"));
            }
        }
        Ok(())
    }
}
