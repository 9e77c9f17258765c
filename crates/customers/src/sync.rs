//! Keeping the store and an employer's CRM the same, over a line that comes and goes.
//!
//! An outbox of changes, each with what was there before; one request at a time; a feed with a cursor on the server's clock. What a
//! request's fate is when its answer was lost is never guessed. Nothing here knows a network or a clock: [`Engine::next`] says what to
//! ask, [`Engine::answer`] is told what came of it, both in one transaction each, so that a process may be killed between any two
//! steps. A thin runner beside them carries the requests to an adapter.
//!
//! Only one request is ever asked for at a time. So an answer is never overtaken by another, and a page of the feed never holds a state
//! older than the one it meets (an adapter that reads a page ahead throws it away when anything else is asked); what is in doubt is left
//! alone until it has been asked for.

mod conflict;
mod desk_side;
pub(crate) mod link;
mod merge;
#[cfg(test)]
mod model;
pub(crate) mod outbox;
mod pull;
mod push;
pub(crate) mod records;
mod requests;
pub(crate) mod state;
mod unsent;
pub mod upstream;

pub use conflict::{Choice, Conflict};
pub use desk_side::{Progress, Refused, Standing, Waiting};
pub use outbox::Kind;
pub use records::customer;
pub use state::{Mapped, Stopped};
pub use unsent::Unsent;

use crate::StoreError;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rusqlite::Connection;
use upstream::{Answer, Capabilities, Demand, Entity, Failure};

/// The shortest and the longest pause after failures, milliseconds.
const PAUSE_MS: (i64, i64) = (1_000, 300_000);

/// Where and when something happens: the open transaction, the country of numbers without one, the time.
pub(crate) struct Here<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) region: &'a str,
    /// UTC milliseconds.
    pub(crate) now: i64,
}

/// A request that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The entry of the outbox it is for, if it is for one.
    pub(crate) entry: Option<i64>,
    /// The request.
    pub demand: Demand,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Ask, and tell [`Engine::answer`] what came of it.
    Ask(Step),
    /// Nothing until then, UTC milliseconds, or until something changes here.
    Wait(Option<i64>),
}

/// Decides what is asked of a CRM, and what its answers mean.
pub struct Engine {
    caps: Capabilities,
    chance: SmallRng,
    /// What has been asked for. An answer to anything else is none.
    asked: Option<Step>,
    /// Of which CRM. When another one has been connected since, an answer is none of its.
    who: Option<String>,
    /// How often the feed is asked, and all there is listed, milliseconds.
    pull_every_ms: i64,
    list_every_ms: i64,
}

impl Engine {
    /// For a CRM that can do so much. `seed` is for the pauses' jitter.
    pub fn new(caps: Capabilities, seed: u64) -> Engine {
        let chance = SmallRng::seed_from_u64(seed);
        Engine { caps, chance, asked: None, who: None, pull_every_ms: 60_000, list_every_ms: 24 * 3_600_000 }
    }

    /// What is to be done now. An entry that leaves is marked as under way in the same transaction.
    pub(crate) fn next(&mut self, h: &Here<'_>) -> Result<Next, StoreError> {
        (self.asked, self.who) = (None, state::who(h.db)?);
        let standing = state::get(h.db)?;
        if standing.stopped.is_some() {
            return Ok(Next::Wait(None));
        }
        // A time too far away was written before the clock was put back; then what is under way is waited for from now on.
        outbox::wait_anew(h.db, h.now, self.caps.request_lifetime_ms.max(PAUSE_MS.1))?;
        if (h.now + 1..=h.now + PAUSE_MS.1).contains(&standing.retry_at) {
            return Ok(Next::Wait(Some(standing.retry_at)));
        }
        while let Some(entry) = outbox::due(h.db, h.now)? {
            let seq = entry.seq;
            if let Some(demand) = self.push(h, entry)? {
                return Ok(self.ask(Some(seq), demand));
            }
        }
        if let Some((entity, id)) = link::to_fetch(h.db, h.now)? {
            return Ok(self.ask(None, Demand::Get { entity, id }));
        }
        if let Some(demand) = self.pull(h)? {
            return Ok(self.ask(None, demand));
        }
        let waiting = [outbox::next_due(h.db)?, link::next_fetch(h.db)?, self.next_pull(h.db)?];
        Ok(Next::Wait(waiting.into_iter().flatten().min()))
    }

    fn ask(&mut self, entry: Option<i64>, demand: Demand) -> Next {
        let step = Step { entry, demand };
        self.asked = Some(step.clone());
        Next::Ask(step)
    }

    /// What came of the request that [`Engine::next`] asked for.
    pub(crate) fn answer(
        &mut self,
        h: &Here<'_>,
        step: &Step,
        result: Result<Answer, Failure>,
    ) -> Result<(), StoreError> {
        if self.asked.take().as_ref() != Some(step) || state::who(h.db)? != self.who {
            return Ok(());
        }
        let result = match result {
            Ok(answer) if !step.demand.fits(&answer) => {
                Err(Failure::Ambiguous { why: "it answered something else".into() })
            }
            other => other,
        };
        let mut result = result;
        if step.demand.entity() == Entity::Request {
            for r in result.iter_mut().flat_map(Answer::records) {
                requests::told(h, r)?;
            }
        }
        let about_a_write = matches!(result, Err(Failure::Conflict | Failure::Rejected { .. })) && step.demand.writes();
        if result.is_ok() || about_a_write || matches!(result, Err(Failure::Gone)) {
            state::answered(h)?;
        }
        if let Some(seq) = step.entry {
            return match outbox::get(h.db, seq)? {
                Some(entry) => self.pushed(h, entry, &step.demand, result),
                None => Ok(()),
            };
        }
        match (&step.demand, result) {
            (Demand::Get { entity, id }, Ok(Answer::Record(r))) => {
                link::fetched(h.db, *entity, id)?;
                pull::take(h, *entity, &r, pull::pass(h.db, *entity)?)
            }
            (Demand::Get { entity, id }, Err(Failure::Gone)) => {
                if pull::missing(h, *entity, id)? {
                    link::fetched(h.db, *entity, id)?;
                }
                Ok(())
            }
            (Demand::Pull { entity, .. }, Ok(Answer::Page(page))) => self.pulled(h, *entity, page),
            (Demand::List { entity, .. }, Ok(Answer::List(list))) => self.listed(h, *entity, list),
            (Demand::Pull { entity, .. } | Demand::List { entity, .. }, Err(f @ Failure::Forgotten)) => {
                self.forgotten(h, *entity)?;
                self.failed(h, &f)
            }
            (Demand::Get { entity, id }, Err(f)) if !matches!(f, Failure::Retry { .. } | Failure::Auth { .. }) => {
                let attempts = link::attempts(h.db, *entity, id)? + 1;
                link::put_off(h.db, *entity, id, h.now + self.pause(attempts))?;
                // About this record alone: the CRM is there.
                if matches!(f, Failure::Later { .. } | Failure::Rejected { .. }) { Ok(()) } else { self.failed(h, &f) }
            }
            (_, Err(f)) => self.failed(h, &f),
            (_, Ok(_)) => Ok(()),
        }
    }

    /// The CRM could not be asked: a pause, longer each time; or, where we are not let in, until the operator signs in.
    fn failed(&mut self, h: &Here<'_>, f: &Failure) -> Result<(), StoreError> {
        let mut standing = state::get(h.db)?;
        standing.failures += 1;
        standing.error = Some(f.to_string());
        match f {
            Failure::Auth { .. } => standing.stopped = Some(Stopped::SignIn),
            Failure::Retry { after_ms: Some(after), .. } => {
                standing.retry_at = h.now + (*after).clamp(PAUSE_MS.0, PAUSE_MS.1);
            }
            _ => standing.retry_at = h.now + self.pause(standing.failures),
        }
        state::put(h.db, &standing)
    }

    /// Exponential, with full jitter, so that a hundred operators do not come back in the same second.
    fn pause(&mut self, failures: u32) -> i64 {
        let longest = PAUSE_MS.0.saturating_mul(1 << failures.min(16)).min(PAUSE_MS.1);
        self.chance.random_range(PAUSE_MS.0 / 2..=longest)
    }
}
