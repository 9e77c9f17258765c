//! What happens to calls, told to a program of the employer's. An event is on disk before anybody is told; that a call rings is no news a
//! minute later, that one is over is told whenever it can be.

use crate::desk::DeskEvent;
use crate::line::LineKind;
use crate::{Desk, DeskError, blocking};
use cuffia_crm::{CallEvent, CrmError, Form, Happening, Target, Teller, Told};
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::{CallRecord, WaitingEvent, new_id, normalise};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long anybody wants to hear that a call rings or was answered, milliseconds.
const NEWS_MS: i64 = 60_000;
/// How long a call that is over is told, milliseconds: a week.
const RECORD_MS: i64 = 7 * 24 * 3_600_000;
/// Between two attempts: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// An event that a program has failed over so many times holds up no others.
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
    failures: u32,
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
        let extension = if line.kind == LineKind::Real { line.user } else { String::new() };
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
        let desk = self.clone();
        match blocking(move || desk.events_target()).await {
            Ok(Some(target)) => match Teller::new(&target, &self.trust()) {
                Ok(teller) => self.with(|s| s.telling.teller = s.telling.teller.take().or(Some(Arc::new(teller)))),
                Err(e) => self.complain(&e.into()),
            },
            Ok(None) => {}
            Err(e) => self.complain(&e),
        }
        loop {
            let pause = match self.carry_one().await {
                Ok(None) => LOOK,
                Ok(Some(pause)) => pause,
                Err(e) => {
                    tracing::warn!("events of calls: {e}");
                    LOOK
                }
            };
            if pause.is_zero() {
                continue;
            }
            tokio::select! {
                () = self.telling().notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tells the oldest event. The answer is when to go on; none when there is nothing to tell.
    async fn carry_one(&self) -> Result<Option<Duration>, DeskError> {
        let Some(teller) = self.locked().telling.teller.clone() else { return Ok(None) };
        let Some(waiting) = self.store().next_event()? else { return Ok(None) };
        let Some(event) = self.wanted(&waiting, &teller)? else { return Ok(Some(Duration::ZERO)) };
        let told = teller.tell(&event, self.now()).await;
        // Another one may be told meanwhile.
        if !self.locked().telling.teller.as_ref().is_some_and(|now| Arc::ptr_eq(now, &teller)) {
            return Ok(Some(Duration::ZERO));
        }
        let (problem, pause) = match told {
            Told::Yes if event.what == Happening::Ended => {
                self.store().drop_events_of(&event.call)?;
                (None, Duration::ZERO)
            }
            Told::Yes => {
                self.store().event_is_told(waiting.seq)?;
                (None, Duration::ZERO)
            }
            Told::Fault(why) if self.locked().telling.failures + 1 < MOST_FAULTS => (Some(why), self.later(None)),
            Told::No(why) | Told::Fault(why) => {
                tracing::warn!("an event of a call was not taken: {why}");
                self.store().drop_event(waiting.seq)?;
                (Some(why), Duration::ZERO)
            }
            Told::Later { after_ms, why } => (Some(why), self.later(after_ms)),
        };
        let was = self.with(|s| {
            if pause.is_zero() {
                s.telling.failures = 0;
            }
            std::mem::replace(&mut s.telling.problem, problem.clone())
        });
        // Once: it stands in the settings as long as it lasts.
        if let Some(problem @ (CrmError::Token | CrmError::NothingThere | CrmError::CtiOff)) = &problem
            && was.as_ref() != Some(problem)
        {
            self.say(DeskEvent::Notice(
                "events.refused".into(),
                format!("The employer's program is not told of calls: {problem}"),
            ));
        }
        self.say(DeskEvent::Events);
        Ok(Some(pause))
    }

    /// When the same event is tried again: each time later, or when the program says.
    fn later(&self, after_ms: Option<i64>) -> Duration {
        let before = self.with(|s| {
            s.telling.failures = s.telling.failures.saturating_add(1);
            s.telling.failures - 1
        });
        let asked = after_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        asked.unwrap_or(FIRST_PAUSE.saturating_mul(1 << before.min(10))).clamp(FIRST_PAUSE, LONGEST_PAUSE)
    }

    /// The event, if anybody still wants to hear it. Zammad keeps no calls of the past: one that it was not told of while it rang it would
    /// take for one that rings now.
    fn wanted(&self, waiting: &WaitingEvent, teller: &Teller) -> Result<Option<CallEvent>, DeskError> {
        let event = serde_json::from_str::<CallEvent>(&waiting.body).ok().filter(|_| self.now() <= waiting.until);
        let unknown = |e: &CallEvent| teller.form() == Form::Zammad && e.what != Happening::Began && !waiting.followed;
        let event = event.filter(|e| !unknown(e));
        if event.is_none() {
            self.store().drop_event(waiting.seq)?;
        }
        Ok(event)
    }
}
