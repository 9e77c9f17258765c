//! Taking over what has changed in the CRM: by its feed, from where we were, and by listing what there is where it does not tell
//! deletions.

use super::outbox::{self, Kind, State};
use super::upstream::{After, Demand, Entity, Feed, List, Page, Remote};
use super::{Engine, Here, Progress, link, push, records, state};
use crate::{StoreError, new_id};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// So many records, and a fifth of all, do not vanish at once without a question: an empty answer of a server that was set up anew, or
/// a right that was taken away, must not empty the operator's list.
const MANY: i64 = 20;
/// So few may be all there is, and vanish.
const FEW: i64 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Pull,
    List,
}

/// Where a feed is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    phase: Phase,
    /// What to ask with the next time: the token, or the newest time stamp seen by the server's clock.
    token: Option<String>,
    high: Option<i64>,
    /// In a pass: the next page, and the newest time stamp so far.
    page: Option<String>,
    rising: Option<i64>,
    /// Number of the pass, when it began, and how many records vanished in it.
    pass: i64,
    began: i64,
    gone: i64,
    /// It began at the beginning: what it does not show is gone.
    full: bool,
    next_at: i64,
    list_at: i64,
    /// How many records this pass has brought, and will bring where that is known.
    shown: i64,
    remaining: Option<i64>,
}

const PLACE: &str = "phase, token, high, page, rising, pass, began, gone, full, next_at, list_at, shown, remaining";

fn read(r: &Row<'_>) -> rusqlite::Result<Place> {
    let phase = match r.get_ref(0)?.as_str()? {
        "pull" => Phase::Pull,
        "list" => Phase::List,
        _ => Phase::Idle,
    };
    Ok(Place {
        phase,
        token: r.get(1)?,
        high: r.get(2)?,
        page: r.get(3)?,
        rising: r.get(4)?,
        pass: r.get(5)?,
        began: r.get(6)?,
        gone: r.get(7)?,
        full: r.get(8)?,
        next_at: r.get(9)?,
        list_at: r.get(10)?,
        shown: r.get(11)?,
        remaining: r.get(12)?,
    })
}

fn place(db: &Connection, entity: Entity) -> Result<Place, StoreError> {
    let sql = format!("SELECT {PLACE} FROM feed WHERE entity = ?1");
    let found = db.prepare_cached(&sql)?.query_row([entity.word()], read).optional()?;
    Ok(found.unwrap_or(Place {
        phase: Phase::Idle,
        token: None,
        high: None,
        page: None,
        rising: None,
        pass: 0,
        began: 0,
        gone: 0,
        full: false,
        next_at: 0,
        list_at: 0,
        shown: 0,
        remaining: None,
    }))
}

fn put(db: &Connection, entity: Entity, p: &Place) -> Result<(), StoreError> {
    let phase = match p.phase {
        Phase::Idle => "idle",
        Phase::Pull => "pull",
        Phase::List => "list",
    };
    let sql = format!(
        "INSERT OR REPLACE INTO feed (entity, {PLACE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    );
    db.prepare_cached(&sql)?.execute(params![
        entity.word(),
        phase,
        p.token,
        p.high,
        p.page,
        p.rising,
        p.pass,
        p.began,
        p.gone,
        p.full,
        p.next_at,
        p.list_at,
        p.shown,
        p.remaining
    ])?;
    Ok(())
}

/// The number of the pass an entity's feed is in.
pub(super) fn pass(db: &Connection, entity: Entity) -> Result<i64, StoreError> {
    let mut found = db.prepare_cached("SELECT pass FROM feed WHERE entity = ?1")?;
    Ok(found.query_row([entity.word()], |r| r.get(0)).optional()?.unwrap_or(0))
}

/// How far the first pass over all there is has come: records here, and still to come where that is known.
pub(super) fn progress(db: &Connection) -> Result<Option<Progress>, StoreError> {
    let sql = "SELECT shown, remaining, began FROM feed
         WHERE phase = 'pull' AND page IS NOT NULL AND token IS NULL AND high IS NULL AND shown > 0";
    let read = |r: &Row<'_>| Ok(Progress { here: r.get(0)?, to_come: r.get(1)?, began: r.get(2)? });
    if let Some(progress) = db.prepare_cached(sql)?.query_row([], read).optional()? {
        return Ok(Some(progress));
    }
    // Those that were told of and are read one by one.
    let count = |sql: &str| db.prepare_cached(sql)?.query_row([], |r| r.get::<_, i64>(0));
    let to_come = count("SELECT count(*) FROM (SELECT 1 FROM fetch WHERE attempts = 0 LIMIT 10000)")?;
    if to_come < MANY {
        return Ok(None);
    }
    Ok(Some(Progress { here: count("SELECT count(*) FROM link")?, to_come: Some(to_come), began: None }))
}

/// Asks all feeds at once for what is new.
pub(super) fn now(db: &Connection) -> Result<(), StoreError> {
    db.execute("UPDATE feed SET next_at = 0", [])?;
    Ok(())
}

impl Engine {
    /// What to ask of the feeds.
    pub(super) fn pull(&self, h: &Here<'_>) -> Result<Option<Demand>, StoreError> {
        for entity in self.caps.entities.clone() {
            let mut p = place(h.db, entity)?;
            // A time too far away was written before the clock was put back.
            if p.phase == Phase::Idle && !(h.now + 1..=h.now + self.pull_every_ms).contains(&p.next_at) {
                p.phase = if self.caps.feed == Feed::Listing { Phase::List } else { Phase::Pull };
                // Only a feed by token shows all there is from its beginning, whatever is changed meanwhile.
                p.full = self.caps.feed == Feed::Token && p.token.is_none();
                p.begin(h.now);
            }
            if p.phase != Phase::Idle && p.page.is_none() {
                // What was seen before it is asked from the start may be gone by then.
                p.pass += 1;
                put(h.db, entity, &p)?;
            }
            let after = match (p.page, p.token, p.high, self.caps.feed) {
                (Some(page), ..) => After::Page(page),
                (None, Some(token), ..) => After::Token(token),
                (None, None, Some(high), Feed::Since { overlap_ms }) => After::Since(high.saturating_sub(overlap_ms)),
                _ => After::Beginning,
            };
            match (p.phase, after) {
                (Phase::Idle, _) => {}
                (Phase::Pull, after) => return Ok(Some(Demand::Pull { entity, after })),
                (Phase::List, After::Page(page)) => return Ok(Some(Demand::List { entity, after: Some(page) })),
                (Phase::List, _) => return Ok(Some(Demand::List { entity, after: None })),
            }
        }
        Ok(None)
    }

    /// When the next feed is due.
    pub(super) fn next_pull(&self, db: &Connection) -> Result<Option<i64>, StoreError> {
        let mut next = None;
        for entity in &self.caps.entities {
            let at = place(db, *entity)?.next_at;
            next = Some(next.map_or(at, |n: i64| n.min(at)));
        }
        Ok(next)
    }

    /// A page of a feed has come.
    pub(super) fn pulled(&mut self, h: &Here<'_>, entity: Entity, page: Page) -> Result<(), StoreError> {
        let mut p = place(h.db, entity)?;
        if p.phase != Phase::Pull {
            // It was asked for before the database was made anew: from its token on it is half of what there is.
            return Ok(());
        }
        for remote in &page.there {
            link::saw(h.db, entity, remote, p.pass)?;
        }
        for (remote, version) in &page.changed {
            self::changed(h, entity, remote, version.as_ref(), p.pass)?;
        }
        for r in &page.records {
            p.rising = p.rising.max(r.changed);
            take(h, entity, r, p.pass)?;
        }
        for (remote, into) in &page.merged {
            // What happened with the one has happened with the other, or with whom that one was merged into.
            let chain = std::iter::successors(Some(into), |last| page.merged.get(*last));
            let Some(last) = chain.take(page.merged.len() + 1).last() else { continue };
            if let Some(to) = link::to(h.db, entity, last)? {
                let from = match link::to(h.db, entity, remote)? {
                    Some(l) => l.uid,
                    None => first_id(h, entity, remote)?,
                };
                records::follow(h.db, entity, &from, &to.uid)?;
            }
        }
        let mut gone = Vec::new();
        for remote in &page.gone {
            gone.extend(link::to(h.db, entity, remote)?.map(|l| l.uid));
        }
        if !vanish(h, entity, &mut p, &gone)? {
            return Ok(());
        }
        p.page = page.next;
        p.shown += i64::try_from(page.records.len() + page.changed.len()).unwrap_or(0);
        p.remaining = page.left.and_then(|left| i64::try_from(left).ok()).filter(|_| p.page.is_some());
        if p.page.is_none() {
            if p.full && !sweep(h, entity, &mut p)? {
                return Ok(());
            }
            // What was committed late during a pass of many pages may be older than what the last page showed, by as long as the
            // pass took. And a server's clock that was ahead for a while must not blind us.
            let took = Some(h.now - p.began).filter(|took| *took >= 0);
            let shown = p.rising.zip(took).map(|(newest, took)| newest.min(h.now) - took);
            (p.token, p.high, p.full) = (page.token, p.high.max(shown).map(|high| high.min(h.now)), false);
            let list_due = page.deleted || !(h.now + 1..=h.now + self.list_every_ms).contains(&p.list_at);
            if list_due && (!self.caps.tombstones || matches!(self.caps.feed, Feed::Since { .. })) {
                p.phase = Phase::List;
                p.begin(h.now);
            } else {
                self.end(h, &mut p)?;
            }
        }
        put(h.db, entity, &p)
    }

    /// A page of the list of all there is has come.
    pub(super) fn listed(&mut self, h: &Here<'_>, entity: Entity, list: List) -> Result<(), StoreError> {
        let mut p = place(h.db, entity)?;
        if p.phase != Phase::List {
            return Ok(());
        }
        for (remote, version) in &list.entries {
            changed(h, entity, remote, version.as_ref(), p.pass)?;
        }
        p.page = list.next;
        if p.page.is_none() {
            if !sweep(h, entity, &mut p)? {
                return Ok(());
            }
            p.list_at = h.now + self.list_every_ms;
            self.end(h, &mut p)?;
        }
        put(h.db, entity, &p)
    }

    fn end(&self, h: &Here<'_>, p: &mut Place) -> Result<(), StoreError> {
        (p.phase, p.next_at) = (Phase::Idle, h.now + self.pull_every_ms);
        state::no_more_vanish(h.db)
    }

    /// The CRM does not know where we were: from the beginning, after a pause. Nothing that waits is touched.
    pub(super) fn forgotten(&mut self, h: &Here<'_>, entity: Entity) -> Result<(), StoreError> {
        let p = place(h.db, entity)?;
        let next_at = h.now + self.pause(1);
        put(h.db, entity, &Place { phase: Phase::Idle, token: None, high: None, page: None, next_at, ..p })
    }
}

impl Place {
    fn begin(&mut self, now: i64) {
        (self.page, self.rising, self.began) = (None, None, now);
        (self.gone, self.shown) = (0, 0);
    }
}

/// A record is there, in this state. Where that is not the known one it is asked for.
fn changed(h: &Here<'_>, entity: Entity, remote: &str, version: Option<&String>, pass: i64) -> Result<(), StoreError> {
    let known = link::to(h.db, entity, remote)?;
    link::saw(h.db, entity, remote, pass)?;
    if known.is_none_or(|l| version.is_none() || l.version.as_ref() != version) {
        link::fetch(h.db, entity, remote)?;
    }
    Ok(())
}

/// What a whole pass has not shown is gone. Answers false when that needs a question first.
fn sweep(h: &Here<'_>, entity: Entity, p: &mut Place) -> Result<bool, StoreError> {
    let uids: Vec<String> =
        h.db.prepare_cached("SELECT uid FROM link WHERE entity = ?1 AND seen < ?2")?
            .query_map(params![entity.word(), p.pass], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
    vanish(h, entity, p, &uids)
}

fn vanish(h: &Here<'_>, entity: Entity, p: &mut Place, uids: &[String]) -> Result<bool, StoreError> {
    if uids.is_empty() {
        return Ok(true);
    }
    let left: i64 = h.db.query_row("SELECT count(*) FROM link WHERE entity = ?1", [entity.word()], |r| r.get(0))?;
    let (gone, all) = (p.gone + i64::try_from(uids.len()).unwrap_or(i64::MAX), p.gone + left);
    // Of the rest nothing but its picture goes.
    let asked = entity == Entity::Contact;
    if asked && gone > all / 5 && (gone > MANY || (gone == all && gone >= FEW)) && gone > state::may_vanish(h.db)? {
        state::ask(h, gone)?;
        return Ok(false);
    }
    for uid in uids {
        let first = outbox::of(h.db, entity, uid)?.into_iter().next();
        // One that may be asked for will be told so, and knows what to do.
        if first.is_none_or(|e| e.state == State::Refused) {
            push::gone(h, entity, uid)?;
        }
    }
    p.gone = gone;
    Ok(true)
}

/// A record asked for by itself is not there. Answers false when it is one of so many that that needs a question first.
pub(super) fn missing(h: &Here<'_>, entity: Entity, remote: &str) -> Result<bool, StoreError> {
    let Some(l) = link::to(h.db, entity, remote)? else { return Ok(true) };
    let mut p = place(h.db, entity)?;
    let answer = vanish(h, entity, &mut p, &[l.uid])?;
    put(h.db, entity, &p)?;
    Ok(answer)
}

/// The id here of a record that was made there: always the same for the same one, so that calls and requests find their customer again
/// when it was away for a while.
pub(super) fn first_id(h: &Here<'_>, entity: Entity, remote: &str) -> Result<String, StoreError> {
    let who = state::who(h.db)?.unwrap_or_default();
    let name = format!("{who} {} {remote}", entity.word());
    Ok(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes()).to_string())
}

/// A record there has another id here than that: what came before it and is about it finds it all the same. Gives its id.
pub(super) fn known_as(h: &Here<'_>, entity: Entity, remote: &str, uid: &str) -> Result<String, StoreError> {
    records::follow(h.db, entity, &first_id(h, entity, remote)?, uid)?;
    Ok(uid.to_owned())
}

/// That id, or another where a card has it already.
fn own_id(h: &Here<'_>, entity: Entity, remote: &str) -> Result<String, StoreError> {
    let id = first_id(h, entity, remote)?;
    // A card of this computer that was once of that CRM stays what it is.
    Ok(if records::read(h.db, entity, &id)?.is_some() { new_id() } else { id })
}

/// A record as the CRM has it now.
pub(super) fn take(h: &Here<'_>, entity: Entity, r: &Remote, pass: i64) -> Result<(), StoreError> {
    let known = link::to(h.db, entity, &r.id)?;
    let ours = r.key.as_deref();
    let uid = match (known, ours) {
        (Some(l), _) => {
            if r.version.is_some() && l.version == r.version {
                return link::saw(h.db, entity, &r.id, pass);
            }
            l.uid
        }
        (None, Some(key)) => {
            if link::of(h.db, entity, key)?.is_some() {
                // Made twice by somebody else's hand, or copied with its key: another record.
                own_id(h, entity, &r.id)?
            } else {
                if let Some(entry) = outbox::of(h.db, entity, key)?.iter().find(|e| e.kind == Kind::Create) {
                    return push::adopt(h, entry, r);
                }
                // Made here before this database was, or before that CRM was left. But a card with this id that nobody there knows of is
                // another one: it is kept.
                match records::read(h.db, entity, key)? {
                    None => known_as(h, entity, &r.id, key)?,
                    Some(here) if records::stays(h.db, entity, key)? => {
                        push::meet_again(h, entity, key, &here, r)?;
                        key.to_owned()
                    }
                    Some(_) => own_id(h, entity, &r.id)?,
                }
            }
        }
        (None, None) => own_id(h, entity, &r.id)?,
    };
    if outbox::of(h.db, entity, &uid)?.iter().any(|e| e.state == State::Sent) {
        // What is on the way may be in this state or not: it is asked for again when that is known.
        return link::fetch(h.db, entity, &r.id);
    }
    push::settle(h, entity, &uid, r)
}
