//! What happens to calls, told to a program of the employer's. An event is on disk before anybody is told; that a call rings is no news a
//! minute later, that one is over is told whenever it can be.

use crate::desk::DeskEvent;
use crate::line::LineKind;
use crate::{Desk, DeskError, blocking};
use cuffia_crm::{CallEvent, CrmError, Form, Happening, Target, Teller, Told};
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::{CallRecord, StoreError, WaitingEvent, new_id, normalise};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anybody wants to hear that a call rings or was answered, milliseconds.
const NEWS_MS: i64 = 60_000;
/// How long a call that is over is told, milliseconds: a week.
const RECORD_MS: i64 = 7 * 24 * 3_600_000;
/// Between two attempts: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A program that says when to come again is not asked to say so for longer than this.
const LONGEST_WISH: Duration = Duration::from_secs(600);
/// An event that Zammad has failed over so many times holds up no others: it says no more of why, be it for ever.
const MOST_FAULTS: u32 = 3;
/// The longest time without a look at what is to be told.
const LOOK: Duration = Duration::from_secs(60);

const FORM: &str = "events.form";
/// The address has a token in it, so it is kept where passwords are.
const SECRET: &str = "events";

/// How it is with the program that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsStatus {
    /// In which form.
    pub form: Form,
    /// The program's server.
    pub host: String,
    /// How many events wait.
    pub waiting: u32,
    /// Why the last was not taken.
    pub problem: Option<CrmError>,
}

/// Whom to tell, as it is kept; what is secret apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    form: Form,
    host: String,
}

/// Whom to tell, and how that goes.
#[derive(Default)]
pub(crate) struct Telling {
    teller: Option<Arc<Teller>>,
    problem: Option<CrmError>,
    /// Attempts in a row that came to nothing.
    failures: u32,
    /// The event that the program failed over, and how often.
    faults: (i64, u32),
    /// Nothing is told before, whatever happens.
    not_before: Option<Instant>,
}

impl Desk {
    /// How it is with the program that is told what happens to calls; none when nobody is.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn events_status(&self) -> Result<Option<EventsStatus>, DeskError> {
        let Some(Kept { form, host }) = self.store().setting::<Option<Kept>>(FORM)?.flatten() else { return Ok(None) };
        let (waiting, problem) = (self.store().count_events()?, self.locked().telling.problem.clone());
        Ok(Some(EventsStatus { form, host, waiting, problem }))
    }

    /// Asks a program whether it would take events; it is told none.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn try_events(&self, target: Target) -> Result<(), DeskError> {
        let teller = Teller::new(&self.whole(target).await?, &self.trust())?;
        Ok(teller.try_it(&new_id(), self.now()).await?)
    }

    /// From now on this program is told what happens to calls, or none is. What another was still to be told is not told to this one.
    ///
    /// # Errors
    /// See [`CrmError`], or when the store or the key store refuses. That nobody answers there is no error.
    pub async fn set_events(&self, target: Option<Target>) -> Result<(), DeskError> {
        let target = match target {
            Some(target) => Some(self.whole(target).await?),
            None => None,
        };
        let teller = target.as_ref().map(|target| Teller::new(target, &self.trust())).transpose()?;
        let kept = target
            .as_ref()
            .zip(teller.as_ref())
            .map(|(t, teller)| Kept { form: t.form, host: teller.host().to_owned() });
        let desk = self.clone();
        let before = blocking(move || {
            let before = desk.events_target()?;
            let secret = serde_json::to_string(&target).map_err(|e| DeskError::System(e.into()))?;
            desk.secrets().put(desk.store(), SECRET, &secret)?;
            desk.store().set_setting(FORM, &kept)?;
            let same = before.zip(target).is_some_and(|(b, t)| (b.form, &b.address) == (t.form, &t.address));
            if !same {
                desk.store().drop_events()?;
            }
            Ok(())
        });
        before.await?;
        self.with(|s| s.telling = Telling { teller: teller.map(Arc::new), ..Telling::default() });
        self.telling().notify_one();
        self.say(DeskEvent::Events);
        Ok(())
    }

    /// The target that is kept.
    fn events_target(&self) -> Result<Option<Target>, DeskError> {
        let kept = self.secrets().get(self.store(), SECRET)?;
        Ok(kept.and_then(|text| serde_json::from_str::<Option<Target>>(&text).ok()).flatten())
    }

    /// What is left empty is as it is kept: the form does not show it.
    async fn whole(&self, mut target: Target) -> Result<Target, DeskError> {
        let desk = self.clone();
        let kept = blocking(move || desk.events_target()).await?;
        if let Some(kept) = kept.filter(|kept| kept.form == target.form) {
            if target.address.trim().is_empty() {
                target.address = kept.address.clone();
            }
            // A secret is for one address.
            if target.secret.trim().is_empty() && target.address.trim() == kept.address {
                target.secret = kept.secret;
            }
        }
        Ok(Target { address: target.address.trim().to_owned(), secret: target.secret.trim().to_owned(), ..target })
    }

    /// Something happened to a call. What is practised is told to nobody.
    pub(crate) fn tell(&self, what: Happening, call: &CallRecord) {
        match self.note(what, call) {
            Ok(true) => self.telling().notify_one(),
            Ok(false) => {}
            Err(e) => self.complain(&e),
        }
    }

    fn note(&self, what: Happening, call: &CallRecord) -> Result<bool, DeskError> {
        if call.practice || self.store().setting::<Option<Kept>>(FORM)?.flatten().is_none() {
            return Ok(false);
        }
        let line = self.line();
        let account = self.saved_account()?;
        // The line may be another by now, or not there yet.
        let saved = account.as_ref().map(|a| a.account(self.trust()).user);
        let extension = if line.kind == LineKind::Real { line.user } else { saved.unwrap_or_default() };
        let operator = account.map(|a| a.display_name).filter(|name| !name.trim().is_empty());
        let number = normalise(&call.number, self.region());
        let event = CallEvent {
            id: new_id(),
            what,
            at: self.now(),
            call: call.id.clone(),
            outgoing: call.outgoing,
            number: number.e164.unwrap_or_else(|| call.number.clone()),
            called: if call.outgoing { String::new() } else { call.called.clone() },
            name: call.name.clone(),
            customer: match &call.customer {
                Some(customer) => self.store().id_there(Entity::Contact, customer)?,
                None => None,
            },
            operator: operator.unwrap_or_else(|| extension.clone()),
            extension,
            started: call.started,
            answered: call.answered,
            ended: call.ended,
            reason: call.reason.clone(),
        };
        let until = self.now() + if what == Happening::Ended { RECORD_MS } else { NEWS_MS };
        let body = serde_json::to_string(&event).map_err(|e| DeskError::System(e.into()))?;
        self.store().put_event(&call.id, &body, until)?;
        Ok(true)
    }

    pub(crate) async fn carry_events(self) {
        loop {
            match self.carry_one().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(e) => {
                    tracing::warn!("events of calls: {e}");
                    if matches!(e, DeskError::Store(StoreError::Damaged)) {
                        self.mend();
                    }
                }
            }
            let pause = until_next(self.locked().telling.not_before, Instant::now());
            tokio::select! {
                () = self.telling().notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whom to tell; asked of the key store until it says, for it may be locked when the program starts.
    async fn teller(&self) -> Result<Option<Arc<Teller>>, DeskError> {
        if let Some(teller) = self.locked().telling.teller.clone() {
            return Ok(Some(teller));
        }
        if self.is_signed_out() || self.store().setting::<Option<Kept>>(FORM)?.flatten().is_none() {
            return Ok(None);
        }
        let desk = self.clone();
        let Some(target) = blocking(move || desk.events_target()).await? else { return Ok(None) };
        let teller = Arc::new(Teller::new(&target, &self.trust())?);
        // Another may have been chosen while the key store asked.
        Ok(Some(self.with(|s| s.telling.teller.get_or_insert(teller).clone())))
    }

    /// Tells the oldest event. True when the next may be told at once.
    async fn carry_one(&self) -> Result<bool, DeskError> {
        let Some(teller) = self.teller().await? else { return Ok(false) };
        if self.locked().telling.not_before.is_some_and(|until| Instant::now() < until) {
            return Ok(false);
        }
        let Some(waiting) = self.store().next_event()? else { return Ok(false) };
        let Some(event) = self.wanted(&waiting, &teller)? else { return Ok(true) };
        let told = teller.tell(&event, self.now()).await;
        // Another one may be told meanwhile.
        if !self.locked().telling.teller.as_ref().is_some_and(|now| Arc::ptr_eq(now, &teller)) {
            return Ok(true);
        }
        let (problem, again) = match told {
            Told::Yes if event.what == Happening::Ended => {
                self.store().drop_events_of(&event.call)?;
                (None, None)
            }
            Told::Yes => {
                self.store().event_is_told(waiting.seq)?;
                (None, None)
            }
            Told::Fault(why) if teller.form() == Form::Webhook || self.faults(waiting.seq) < MOST_FAULTS => {
                (Some(why), Some(self.rest(None)))
            }
            Told::No(why) | Told::Fault(why) => {
                tracing::warn!("an event of a call was not taken: {why}");
                self.give_up(&waiting, Some(event.what))?;
                (Some(why), None)
            }
            Told::Later { after_ms, why } => (Some(why), Some(self.rest(after_ms))),
        };
        let was = self.with(|s| {
            if again.is_none() {
                s.telling.failures = 0;
            }
            s.telling.not_before = again.map(|pause| Instant::now() + pause);
            std::mem::replace(&mut s.telling.problem, problem.clone())
        });
        // Once: it stands in the settings as long as it lasts.
        let lasting = matches!(problem, Some(CrmError::Token | CrmError::NothingThere | CrmError::CtiOff));
        if let Some(problem) = problem.filter(|_| lasting).filter(|problem| was.as_ref() != Some(problem)) {
            let text = format!("The employer's program is not told of calls: {problem}");
            self.say(DeskEvent::Notice("events.refused".into(), text));
        }
        self.say(DeskEvent::Events);
        Ok(again.is_none())
    }

    /// How often a program has failed over an event, with this time.
    fn faults(&self, seq: i64) -> u32 {
        self.with(|s| {
            let before = if s.telling.faults.0 == seq { s.telling.faults.1 } else { 0 };
            s.telling.faults = (seq, before.saturating_add(1));
            s.telling.faults.1
        })
    }

    /// When the same event is tried again: each time later, or when the program says.
    fn rest(&self, after_ms: Option<i64>) -> Duration {
        let before = self.with(|s| {
            s.telling.failures = s.telling.failures.saturating_add(1);
            s.telling.failures - 1
        });
        let wish = after_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        let own = FIRST_PAUSE.saturating_mul(1 << before.min(10)).min(LONGEST_PAUSE);
        wish.unwrap_or(own).clamp(FIRST_PAUSE, LONGEST_WISH)
    }

    /// An event is not told; with an end all of its call is done with.
    fn give_up(&self, waiting: &WaitingEvent, what: Option<Happening>) -> Result<(), DeskError> {
        let store = self.store();
        match what {
            Some(Happening::Ended) => store.drop_events_of(&waiting.call)?,
            _ => store.drop_event(waiting.seq)?,
        }
        Ok(())
    }

    /// The event, if anybody still wants to hear it. Zammad keeps no calls of the past: one that it was not told of while it rang it would
    /// take for one that rings now.
    fn wanted(&self, waiting: &WaitingEvent, teller: &Teller) -> Result<Option<CallEvent>, DeskError> {
        let read = serde_json::from_str::<CallEvent>(&waiting.body).ok();
        let what = read.as_ref().map(|event| event.what);
        let event = read.filter(|_| self.now() <= waiting.until);
        let unknown = |e: &CallEvent| teller.form() == Form::Zammad && e.what != Happening::Began && !waiting.followed;
        let event = event.filter(|e| !unknown(e));
        if event.is_none() {
            self.give_up(waiting, what)?;
        }
        Ok(event)
    }
}

/// How long nothing is looked for, if nothing happens. A time that is past is that of an event that is dealt with.
fn until_next(not_before: Option<Instant>, now: Instant) -> Duration {
    not_before.map(|until| until.saturating_duration_since(now)).filter(|pause| !pause.is_zero()).unwrap_or(LOOK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_dealt_with_leaves_no_loop_without_a_pause() {
        let now = Instant::now();
        let soon = now + Duration::from_secs(3);
        assert_eq!((until_next(None, now), until_next(Some(now), soon)), (LOOK, LOOK));
        assert_eq!(until_next(Some(soon), now), Duration::from_secs(3));
    }
}
