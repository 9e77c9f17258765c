//! Sending what waits. Before a request leaves, it is on disk that it may be under way; when its fate is unknown, nothing is done until
//! it can no longer arrive, and then the CRM is asked what it has.

use super::merge::{self, Change, Clash, same, value};
use super::outbox::{self, Entry, Kind, State};
use super::upstream::{Answer, Demand, Entity, Failure, Fields, Remote};
use super::{Engine, Here, conflict, link, pull, records, requests, state};
use crate::{StoreError, new_id};
use serde_json::Value;

/// How long it is believed that nobody else has changed a record, milliseconds, where the CRM can't be told which version is changed.
const FRESH_MS: i64 = 5_000;
/// After so many tries of one entry it is tried less often.
const PATIENCE: u32 = 4;

impl Engine {
    /// What to ask for an entry; none when it needed no request.
    pub(super) fn push(&mut self, h: &Here<'_>, mut entry: Entry) -> Result<Option<Demand>, StoreError> {
        let entity = entry.entity;
        let fields = requests::for_there(h.db, &entry)?;
        let link = link::of(h.db, entity, &entry.uid)?;
        let fresh = entry.state == State::Looked && h.now - entry.not_before <= FRESH_MS;
        let may_write = fresh || (entry.state == State::Queued && self.caps.versions);
        let demand = match (entry.kind, link) {
            (Kind::Create, _) if entry.state == State::Sent && !self.caps.idempotent_create => {
                return Ok(Some(Demand::Find { entity, key: entry.uid }));
            }
            (Kind::Create, _) => Demand::Create { entity, key: entry.uid.clone(), fields },
            (Kind::Update | Kind::Delete, None) => {
                gone(h, entity, &entry.uid)?;
                return Ok(None);
            }
            (Kind::Update | Kind::Delete, Some(l)) if !may_write => {
                return Ok(Some(Demand::Get { entity, id: l.remote }));
            }
            (Kind::Update, Some(l)) => Demand::Update { entity, id: l.remote, version: l.version, patch: fields },
            (Kind::Delete, Some(l)) => Demand::Delete { entity, id: l.remote, version: l.version },
        };
        let not_before = h.now + self.caps.request_lifetime_ms;
        (entry.state, entry.not_before, entry.attempts) = (State::Sent, not_before, entry.attempts + 1);
        outbox::put(h.db, &entry)?;
        Ok(Some(demand))
    }

    /// What an entry's answer means for it.
    pub(super) fn pushed(
        &mut self,
        h: &Here<'_>,
        mut entry: Entry,
        demand: &Demand,
        result: Result<Answer, Failure>,
    ) -> Result<(), StoreError> {
        let (entity, uid) = (entry.entity, entry.uid.clone());
        match result {
            Ok(Answer::Record(r)) => match demand {
                Demand::Create { .. } => adopt(h, &entry, &r),
                Demand::Update { .. } => {
                    outbox::remove(h.db, entry.seq)?;
                    settle(h, entity, &uid, &r)
                }
                _ => self.looked(h, &entry, &r),
            },
            Ok(Answer::Records(found)) => match found.into_iter().min_by(|a, b| a.id.cmp(&b.id)) {
                Some(r) => adopt(h, &entry, &r),
                None => {
                    let entries = outbox::of(h.db, entity, &uid)?;
                    if entries.iter().any(|e| e.kind == Kind::Delete) {
                        // Deleted here before it ever arrived.
                        return entries.iter().try_for_each(|e| outbox::remove(h.db, e.seq));
                    }
                    self.again(h, &mut entry)
                }
            },
            Ok(_) => finish(h, &entry),
            Err(Failure::Gone) if entry.kind == Kind::Delete => finish(h, &entry),
            Err(Failure::Gone) => gone(h, entity, &uid),
            // It is looked at before it is sent again.
            Err(Failure::Conflict) if demand.writes() => {
                (entry.state, entry.not_before) = (State::Sent, h.now + self.patience(entry.attempts));
                outbox::put(h.db, &entry)
            }
            Err(Failure::Rejected { message }) if demand.writes() => outbox::refuse(h.db, entry, &message),
            Err(f @ (Failure::Retry { .. } | Failure::Auth { .. })) => {
                if demand.writes() {
                    // It was not done now; but where it may simply be sent again, an earlier time may still have been.
                    let in_doubt = entry.kind == Kind::Create && self.caps.idempotent_create && entry.attempts > 1;
                    entry.state = if in_doubt { State::Sent } else { State::Queued };
                    (entry.not_before, entry.attempts) = (0, entry.attempts.saturating_sub(1));
                    outbox::put(h.db, &entry)?;
                }
                self.failed(h, &f)
            }
            Err(Failure::Later { why }) => {
                if demand.writes() {
                    // As above: it was not done now.
                    let in_doubt = entry.kind == Kind::Create && self.caps.idempotent_create && entry.attempts > 1;
                    entry.state = if in_doubt { State::Sent } else { State::Queued };
                } else {
                    entry.attempts += 1;
                }
                entry.not_before = h.now + self.pause(entry.attempts);
                outbox::put(h.db, &entry)?;
                outbox::say_why(h.db, entry.seq, &why)
            }
            Err(f) => {
                // Others pass meanwhile.
                if !demand.writes() {
                    entry.attempts += 1;
                    entry.not_before = h.now + self.pause(entry.attempts);
                    outbox::put(h.db, &entry)?;
                }
                self.failed(h, &f)
            }
        }
    }

    /// A record as it is now, asked for because of an entry: to see what became of it, or whether anybody else has changed it.
    fn looked(&mut self, h: &Here<'_>, entry: &Entry, r: &Remote) -> Result<(), StoreError> {
        let in_doubt = entry.state == State::Sent;
        settle(h, entry.entity, &entry.uid, r)?;
        match outbox::get(h.db, entry.seq)? {
            Some(mut left) if in_doubt => self.again(h, &mut left),
            Some(mut left) => {
                (left.state, left.not_before) = (State::Looked, h.now);
                outbox::put(h.db, &left)
            }
            None => Ok(()),
        }
    }

    /// It was certainly not done: once more, if need be after a while.
    fn again(&mut self, h: &Here<'_>, entry: &mut Entry) -> Result<(), StoreError> {
        (entry.state, entry.not_before) = (State::Queued, h.now + self.patience(entry.attempts));
        outbox::put(h.db, entry)
    }

    fn patience(&mut self, attempts: u32) -> i64 {
        if attempts > PATIENCE { self.pause(attempts - PATIENCE) } else { 0 }
    }
}

/// It is deleted there too.
fn finish(h: &Here<'_>, entry: &Entry) -> Result<(), StoreError> {
    outbox::remove(h.db, entry.seq)?;
    link::remove(h.db, entry.entity, &entry.uid)?;
    // What was deleted turned out to be a second card of one that stays: that one is made again.
    outbox::send(h, entry.entity, &entry.uid)
}

/// What was made here is there: from now on they are one record.
pub(super) fn adopt(h: &Here<'_>, entry: &Entry, r: &Remote) -> Result<(), StoreError> {
    let (entity, uid) = (entry.entity, entry.uid.as_str());
    outbox::remove(h.db, entry.seq)?;
    pull::known_as(h, entity, &r.id, uid)?;
    if entry.state != State::Sent {
        // It arrived the time before, and has been changed here since: what it is there may be that, or somebody else's work on it.
        for (field, mine) in &entry.change.patch {
            let theirs = value(&r.fields, field).clone();
            if !same(mine, &theirs) {
                conflict::put(
                    h,
                    entity,
                    uid,
                    &Clash { field: field.clone(), base: Value::Null, mine: mine.clone(), theirs },
                )?;
            }
        }
    }
    if let Some(other) = link::to(h.db, entity, &r.id)?.filter(|l| l.uid != uid) {
        // It came by the feed before it was known to be ours, and may have been worked on. The operator saw two cards of one person. When
        // one of them was deleted, it was the one too many.
        let deleted =
            |entries: Vec<Entry>| entries.into_iter().filter(|e| e.kind == Kind::Delete && e.state != State::Sent);
        if deleted(outbox::of(h.db, entity, uid)?).next().is_some() {
            return outbox::of(h.db, entity, uid)?.iter().try_for_each(|e| outbox::remove(h.db, e.seq));
        }
        for e in deleted(outbox::of(h.db, entity, &other.uid)?) {
            outbox::remove(h.db, e.seq)?;
        }
        let others = outbox::of(h.db, entity, &other.uid)?;
        let on_the_way = others.iter().any(|e| e.state == State::Sent);
        written_twice(h, entity, uid, &other.uid, others, on_the_way)?;
        outbox::follow(h.db, entity, &other.uid, uid)?;
        conflict::adopt(h.db, entity, &other.uid, uid)?;
        link::remove(h.db, entity, &other.uid)?;
        records::follow(h.db, entity, &other.uid, uid)?;
        records::remove(h.db, entity, &other.uid)?;
        if on_the_way {
            // The card shows what was written on either, also if no more is heard of the record than that it is gone.
            let mut fields = records::read(h.db, entity, uid)?.unwrap_or_default();
            fields.extend(outbox::of(h.db, entity, uid)?.into_iter().flat_map(|e| e.change.patch));
            records::write(h, entity, uid, &fields)?;
            link::put(h.db, entity, uid, r, pull::pass(h.db, entity)?)?;
            return link::doubt(h.db, entity, uid);
        }
    }
    settle(h, entity, uid, r)
}

/// A record was away for a while, there or here. What it is here now may be what the operator has made of it since, and what it is there
/// somebody else's work: he is asked.
pub(super) fn meet_again(h: &Here<'_>, entity: Entity, uid: &str, here: &Fields, r: &Remote) -> Result<(), StoreError> {
    for field in state::mapped(h.db, entity)?.unwrap_or_default() {
        let (mine, theirs) = (value(here, &field).clone(), value(&r.fields, &field).clone());
        if !same(&mine, &theirs) {
            conflict::put(h, entity, uid, &Clash { field, base: Value::Null, mine, theirs })?;
        }
    }
    Ok(())
}

/// Two cards turn out to be of one record, and both were given a value in the same field. Which is meant only the operator knows: the
/// second card's are kept apart, or, where these are on their way, the first's.
fn written_twice(
    h: &Here<'_>,
    entity: Entity,
    uid: &str,
    other: &str,
    others: Vec<Entry>,
    on_the_way: bool,
) -> Result<(), StoreError> {
    let ours = outbox::of(h.db, entity, uid)?;
    let (chosen, asked) = (conflict::mine(h.db, entity, uid)?, conflict::mine(h.db, entity, other)?);
    let here = |field: &String| chosen.contains_key(field) || ours.iter().any(|e| e.change.patch.contains_key(field));
    let there = |field: &String| others.iter().any(|e| e.change.patch.contains_key(field));
    let apart = |of: &str, asked: &Fields, to: &str| -> Result<(), StoreError> {
        let mut card = records::read(h.db, entity, of)?.unwrap_or_default();
        card.extend(asked.clone());
        let mine = Value::Object(card.into_iter().collect());
        conflict::put(h, entity, to, &Clash { field: String::new(), base: Value::Null, mine, theirs: Value::Null })
    };
    let twice = others.iter().any(|e| e.change.patch.keys().any(here));
    if asked.keys().any(here) || (twice && !on_the_way) {
        conflict::forget(h.db, entity, other)?;
        apart(other, &asked, other)?;
        if !on_the_way {
            others.iter().try_for_each(|e| outbox::remove(h.db, e.seq))?;
        }
    }
    if twice && on_the_way {
        // Beside what else is asked about either card.
        apart(uid, &chosen, &new_id())?;
        for mut e in ours {
            e.change.patch.retain(|field, _| !there(field));
            e.change.base.retain(|field, _| !there(field));
            if e.change.patch.is_empty() { outbox::remove(h.db, e.seq)? } else { outbox::put(h.db, &e)? }
        }
    }
    Ok(())
}

/// Takes a new state of a record over, with what the operator changed on top. Of its entries none may be under way but the one that is
/// being answered.
pub(super) fn settle(h: &Here<'_>, entity: Entity, uid: &str, r: &Remote) -> Result<(), StoreError> {
    let mut entries = outbox::of(h.db, entity, uid)?;
    link::put(h.db, entity, uid, r, pull::pass(h.db, entity)?)?;
    if let Some(deletion) = entries.iter().find(|e| e.kind == Kind::Delete) {
        return settle_deleted(h, &entries, &deletion.change, r);
    }
    let mut changes: Vec<_> = entries.iter_mut().map(|e| &mut e.change).collect();
    for clash in merge::rebase(&mut changes, &r.fields) {
        conflict::put(h, entity, uid, &clash)?;
    }
    conflict::follow(h.db, entity, uid, &r.fields)?;
    // What the CRM does not keep stays as it is; what it keeps and does not tell is empty there.
    let shown = records::read(h.db, entity, uid)?;
    let mut fields = shown.clone().unwrap_or_else(|| r.fields.clone());
    for field in state::mapped(h.db, entity)?.unwrap_or_default() {
        fields.insert(field.clone(), value(&r.fields, &field).clone());
    }
    for entry in &entries {
        if entry.change.patch.is_empty() {
            outbox::remove(h.db, entry.seq)?;
        } else {
            outbox::put(h.db, entry)?;
            fields.extend(entry.change.patch.clone());
        }
    }
    if shown.is_none_or(|shown| shown.iter().any(|(field, now)| !same(now, value(&fields, field)))) {
        records::write(h, entity, uid, &fields)?;
    }
    Ok(())
}

/// The record is deleted here. If it is what the operator saw, or what an own change that never arrived left, it goes; if somebody else
/// has changed it, it stays, and the operator is asked.
fn settle_deleted(h: &Here<'_>, entries: &[Entry], deleted: &Change, r: &Remote) -> Result<(), StoreError> {
    let mut seen = vec![&deleted.base, &deleted.patch];
    for entry in entries.iter().filter(|e| e.kind != Kind::Delete) {
        seen.push(&entry.change.base);
        outbox::remove(h.db, entry.seq)?;
    }
    let known = |field: &String, now: &Value| {
        seen.iter().any(|fields| fields.contains_key(field) && same(value(fields, field), now))
            || same(now, &Value::Null)
    };
    if r.fields.iter().all(|(field, now)| known(field, now)) {
        return Ok(());
    }
    let Some(first) = entries.first() else { return Ok(()) };
    for entry in entries {
        outbox::remove(h.db, entry.seq)?;
    }
    records::write(h, first.entity, &first.uid, &r.fields)?;
    let theirs = Value::Object(r.fields.clone().into_iter().collect());
    let clash = Clash { field: String::new(), base: Value::Null, mine: Value::Null, theirs };
    conflict::put(h, first.entity, &first.uid, &clash)
}

/// The record is gone there. What was changed here waits for the operator's choice; what stays here anyway, stays with it.
pub(super) fn gone(h: &Here<'_>, entity: Entity, uid: &str) -> Result<(), StoreError> {
    let written = conflict::mine(h.db, entity, uid)?;
    let entries = outbox::of(h.db, entity, uid)?;
    let changed = !written.is_empty() || entries.iter().any(|e| e.kind != Kind::Delete);
    conflict::forget(h.db, entity, uid)?;
    let stays = records::stays(h.db, entity, uid)?;
    if let Some(mut fields) = records::read(h.db, entity, uid)?.filter(|_| changed) {
        fields.extend(written);
        if stays {
            records::write(h, entity, uid, &fields)?;
        }
        let mine = Value::Object(fields.into_iter().collect());
        if !stays {
            conflict::put(
                h,
                entity,
                uid,
                &Clash { field: String::new(), base: Value::Null, mine, theirs: Value::Null },
            )?;
        }
    }
    for entry in entries {
        outbox::remove(h.db, entry.seq)?;
    }
    if !stays {
        records::remove(h.db, entity, uid)?;
    }
    link::remove(h.db, entity, uid)
}
