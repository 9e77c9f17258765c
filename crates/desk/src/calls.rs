//! Calls as the operator sees them, and what follows from them.

use crate::desk::DeskEvent;
use crate::line::LineKind;
use crate::pop::PopWhen;
use crate::records::{Ending, Trouble};
use crate::{Desk, DeskError};
use cuffia_crm::Happening;
use cuffia_customers::{CallRecord, Customer, Draft, Promise, Request, normalise};
use cuffia_headset::Frame;
use cuffia_phone::{CallInfo, EndReason, Origin, State, Statistics};
use cuffia_recording::{Tap, Writer};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

/// Time after a call before the next may come.
const WRAP_UP_MS: i64 = 60_000;
/// Requests shown on a card.
const CARD_REQUESTS: u32 = 4;
/// Answered when a call comes during a break.
const BUSY_HERE: u16 = 486;

/// A customer with what the card shows.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerSight {
    /// The customer.
    pub customer: Customer,
    /// The newest requests.
    pub requests: Vec<Request>,
    /// Promises not kept yet.
    pub promises: Vec<Promise>,
}

/// A call that lives.
#[derive(Clone)]
pub struct LiveCall {
    /// As the phone knows it.
    pub info: CallInfo,
    /// A practice call.
    pub practice: bool,
    /// UTC ms.
    pub started: i64,
    /// UTC ms.
    pub answered: Option<i64>,
    /// Customers with this number, best match first, and the one chosen.
    pub customers: Vec<CustomerSight>,
    /// The newest figures.
    pub quality: Option<Statistics>,
    /// What is written down so far.
    pub draft: Draft,
    /// What was registered.
    pub request: Option<Request>,
    /// Whether it is being recorded.
    pub recording: bool,
    mos: (f64, u32),
    troubles: Vec<Trouble>,
    writer: Arc<Mutex<Option<Writer>>>,
}

impl LiveCall {
    /// The other side's name: the chosen customer's, else what the network says.
    pub fn name(&self) -> Option<String> {
        let chosen = self.customers.iter().find(|s| Some(&s.customer.id) == self.draft.customer.as_ref());
        chosen.map(|s| s.customer.name.clone()).or_else(|| self.info.display_name.clone())
    }

    fn add(&mut self, troubles: &[Trouble]) {
        for trouble in troubles {
            if !self.troubles.contains(trouble) {
                self.troubles.push(*trouble);
            }
        }
    }

    pub(crate) fn record(&self) -> CallRecord {
        CallRecord {
            id: self.info.id.clone(),
            outgoing: self.info.origin == Origin::Out,
            number: self.info.number.clone(),
            name: self.name(),
            customer: self.draft.customer.clone(),
            called: self.info.called.clone(),
            practice: self.practice,
            started: self.started,
            answered: self.answered,
            ended: None,
            reason: None,
            recording: self.recording.then(|| recording_name(&self.info.id)),
            mos: (self.mos.1 > 0).then(|| self.mos.0 / f64::from(self.mos.1)),
            troubles: self.troubles.iter().map(|trouble| trouble.word().to_owned()).collect(),
        }
    }
}

/// What is still to be done after a call.
#[derive(Debug, Clone, PartialEq)]
pub struct WrapUp {
    /// The call.
    pub call: String,
    /// Name or number.
    pub name: String,
    /// The other side's number.
    pub number: String,
    /// When the next call may come, UTC ms.
    pub ends: i64,
    /// What was registered.
    pub request: Option<Request>,
    /// What is written down so far.
    pub draft: Draft,
    /// Customers with this number, and the one chosen.
    pub customers: Vec<CustomerSight>,
    /// How it ended.
    pub ending: Ending,
    /// How long they talked, ms.
    pub talked_ms: i64,
}

struct RecorderTap(Tap);

impl cuffia_headset::Tap for RecorderTap {
    fn frame(&mut self, operator: &Frame, customer: &Frame) {
        self.0.push(operator, customer);
    }
}

fn recording_name(call: &str) -> String {
    format!("{call}.rec")
}

impl Desk {
    /// Who is to be called: a number, a link, or the customer whose name was typed; as the phone dials it.
    ///
    /// # Errors
    /// [`DeskError::NobodyToDial`], or the store's.
    pub fn target(&self, text: &str) -> Result<String, DeskError> {
        let text = text.trim();
        let is_link = ["sip:", "sips:", "tel:", "callto:"].iter().any(|s| text.to_ascii_lowercase().starts_with(s));
        let is_number = text.chars().any(|c| c.is_ascii_digit()) && !text.chars().any(char::is_alphabetic);
        let target = if is_link {
            text.to_owned()
        } else if is_number {
            // A public number goes out in its international form; an extension as it is.
            let number = normalise(text, self.region());
            number.e164.unwrap_or(number.raw)
        } else {
            let found = self.store().find_customers(text, 1)?;
            match found.first().and_then(|c| c.numbers.first()) {
                Some(number) if !text.is_empty() => number.clone(),
                // A colleague's name at the switchboard is one word.
                _ if !text.is_empty() && !text.contains(char::is_whitespace) => text.to_owned(),
                _ => return Err(DeskError::NobodyToDial(text.to_owned())),
            }
        };
        Ok(target)
    }

    /// Customers with this number, with what the card shows.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn sights(&self, number: &str) -> Result<Vec<CustomerSight>, DeskError> {
        self.store().customers_by_number(number, self.region())?.into_iter().map(|c| self.sight(c)).collect()
    }

    /// One customer with what the card shows.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn sight(&self, customer: Customer) -> Result<CustomerSight, DeskError> {
        Ok(CustomerSight {
            requests: self.store().requests_of(&customer.id, CARD_REQUESTS)?,
            promises: self.store().open_promises(&customer.id)?,
            customer,
        })
    }

    pub(crate) fn began(&self, info: CallInfo) {
        let (paused, practice) = {
            let state = self.locked();
            (state.paused, state.line.kind == LineKind::Practice)
        };
        if self.is_leaving() {
            // The line goes with all that was on it.
            return;
        }
        let customers = self.sights(&info.number).unwrap_or_else(|e| {
            self.complain(&e);
            Vec::new()
        });
        let draft = Draft {
            customer: if let [one] = customers.as_slice() { Some(one.customer.id.clone()) } else { None },
            ..Draft::default()
        };
        let call = LiveCall {
            info,
            practice,
            started: self.now(),
            answered: None,
            customers,
            quality: None,
            draft,
            request: None,
            recording: false,
            mos: (0.0, 0),
            troubles: Vec::new(),
            writer: Arc::default(),
        };
        self.keep(&call);
        if paused && call.info.origin == Origin::In {
            let (desk, id) = (self.clone(), call.info.id.clone());
            tokio::spawn(async move { desk.phone().reject(&id, BUSY_HERE).await });
        }
        // Who calls one who is on a break is told that he is busy.
        if !paused {
            self.pop_for(&call, PopWhen::Ringing);
        }
        let record = call.record();
        self.with(|s| s.calls.push(call));
        self.say(DeskEvent::Calls);
        self.say(DeskEvent::Records);
        // Once it is on the screen.
        self.tell(Happening::Began, &record);
    }

    pub(crate) fn changed(&self, info: CallInfo) {
        self.with(|s| {
            if let Some(call) = s.calls.iter_mut().find(|c| c.info.id == info.id) {
                call.info = info;
            }
        });
        self.say(DeskEvent::Calls);
    }

    pub(crate) fn answered(&self, info: CallInfo) {
        let now = self.now();
        let path = self.recordings().join(recording_name(&info.id));
        let started = cuffia_recording::start(&path, &self.recording_key());
        let Some(mut call) = self.live_calls().into_iter().find(|c| c.info.id == info.id) else { return };
        (call.info, call.answered, call.recording) = (info, Some(now), started.is_ok());
        // The row names the recording before a sound is in it, and says that we talk before anybody sees it: a killed process leaves
        // nothing that is not known.
        self.keep(&call);
        self.with(|s| {
            if let Some(shown) = s.calls.iter_mut().find(|c| c.info.id == call.info.id) {
                (shown.info, shown.answered, shown.recording) = (call.info.clone(), call.answered, call.recording);
            }
        });
        match started {
            Ok((tap, writer)) => {
                *call.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(writer);
                self.headset().tap(call.info.voice, Some(Box::new(RecorderTap(tap))));
            }
            Err(e) => self.complain(&e.into()),
        }
        self.say(DeskEvent::Calls);
        self.pop_for(&call, PopWhen::Answered);
        self.tell(Happening::Answered, &call.record());
    }

    /// Nothing comes from the other side.
    pub(crate) fn interrupted(&self, id: &str) {
        self.with(|s| {
            if let Some(call) = s.calls.iter_mut().find(|c| c.info.id == id) {
                // While it rings or is held, silence is no fault.
                if call.info.state == State::Active {
                    call.add(&[Trouble::Interrupted]);
                }
            }
        });
        self.say(DeskEvent::Notice(
            "call.interrupted".into(),
            "No sound comes from the other side. The network may be down; the call is kept.".into(),
        ));
    }

    pub(crate) fn measured(&self, id: &str, statistics: Statistics) {
        // Muted, it is no matter what the microphone gives.
        let troubles = if self.headset().muted() { Vec::new() } else { Trouble::of(&self.headset().levels()) };
        self.with(|s| {
            if let Some(call) = s.calls.iter_mut().find(|c| c.info.id == id) {
                if call.info.state == State::Active {
                    call.add(&troubles);
                }
                if statistics.packets_received > 0 && call.info.state == State::Active {
                    call.mos = (call.mos.0 + f64::from(statistics.mos), call.mos.1 + 1);
                }
                call.quality = Some(statistics);
            }
        });
        self.say(DeskEvent::Calls);
    }

    pub(crate) fn ended(&self, info: CallInfo, reason: EndReason) {
        let now = self.now();
        let call = self.with(|s| {
            let at = s.calls.iter().position(|c| c.info.id == info.id)?;
            let call = s.calls.remove(at);
            if let Some(answered) = call.answered {
                s.wrap_up = Some(WrapUp {
                    call: call.info.id.clone(),
                    name: call.name().unwrap_or_else(|| call.info.number.clone()),
                    number: call.info.number.clone(),
                    ends: now + WRAP_UP_MS,
                    request: call.request.clone(),
                    draft: call.draft.clone(),
                    customers: call.customers.clone(),
                    ending: Ending::of(&reason, call.info.origin == Origin::Out, true),
                    talked_ms: now - answered,
                });
            }
            Some(call)
        });
        let Some(call) = call else { return };
        self.headset().tap(info.voice, None);
        let mut record = call.record();
        let ending = Ending::of(&reason, record.outgoing, record.answered.is_some());
        (record.ended, record.reason) = (Some(now), Some(ending.word().into()));
        self.keep_record(record.clone());
        self.tell(Happening::Ended, &record);
        self.say(DeskEvent::Calls);
        self.say(DeskEvent::WrapUp);
        self.say(DeskEvent::Records);
        if record.outgoing && record.answered.is_none() && ending != Ending::HungUpHere {
            self.say(DeskEvent::NotReached(record.id));
        }
        let writer = call.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let desk = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Some(Err(e)) = writer.map(Writer::finish) {
                desk.complain(&e.into());
            }
            desk.say(DeskEvent::CallKept(info.id));
        });
        if call.answered.is_some() {
            self.end_wrap_up_in_time();
        }
    }

    fn end_wrap_up_in_time(&self) {
        let desk = self.clone();
        tokio::spawn(async move {
            while let Some(wrap_up) = desk.wrap_up() {
                let left = wrap_up.ends - desk.now();
                if left <= 0 {
                    desk.end_wrap_up();
                    break;
                }
                // In short steps: it may be extended, ended by hand, or the clock may jump.
                tokio::time::sleep(Duration::from_millis(left.min(500) as u64)).await;
            }
        });
    }

    /// Ends wrap-up. An unregistered draft stays with its call.
    pub fn end_wrap_up(&self) {
        self.with(|s| s.wrap_up = None);
        self.say(DeskEvent::WrapUp);
    }

    /// Extends wrap-up.
    pub fn extend_wrap_up(&self, seconds: u32) {
        self.with(|s| {
            if let Some(w) = &mut s.wrap_up {
                w.ends += i64::from(seconds.min(3_600)) * 1_000;
            }
        });
        self.say(DeskEvent::WrapUp);
    }

    /// Closes calls and recordings that a killed process left open.
    pub(crate) fn close_interrupted(&self) -> Result<(), DeskError> {
        for mut call in self.store().unfinished_calls()? {
            let repaired = call
                .recording
                .as_ref()
                .map(|name| cuffia_recording::repair(&self.recordings().join(name), &self.recording_key()));
            if let Some(Err(e)) = &repaired {
                tracing::warn!(call = %call.id, "a recording could not be closed: {e}");
            }
            let talked = repaired.and_then(Result::ok).map_or(0, |s| s.duration_ms as i64);
            call.ended = Some(call.answered.unwrap_or(call.started) + talked);
            call.reason = Some(Ending::Interrupted.word().into());
            self.store().put_call(&call)?;
            self.tell(Happening::Ended, &call);
        }
        Ok(())
    }

    fn keep(&self, call: &LiveCall) {
        self.keep_record(call.record());
    }

    pub(crate) fn complain(&self, e: &DeskError) {
        tracing::error!("{e}");
        self.say(DeskEvent::Notice(e.code(), e.to_string()));
    }
}
