//! What the operator writes down: drafts, registered requests, and whose they are.

use crate::calls::CustomerSight;
use crate::desk::DeskEvent;
use crate::records::Kind;
use crate::{Desk, DeskError, TOPICS};
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::{CustomerId, Draft, Request};
use serde_json::json;

impl Desk {
    /// Saves what is written down about a call. On disk when it returns.
    ///
    /// # Errors
    /// When there is no such call or the store refuses.
    pub fn save_draft(&self, call: &str, draft: Draft) -> Result<(), DeskError> {
        self.store().call(call)?;
        self.store().put_draft(call, &draft, self.now())?;
        self.with(|s| {
            if let Some(c) = s.calls.iter_mut().find(|c| c.info.id == call) {
                c.draft = draft.clone();
            }
            if let Some(w) = s.wrap_up.as_mut().filter(|w| w.call == call) {
                w.draft = draft;
            }
        });
        Ok(())
    }

    /// Registers the request of a call, with its title in this language. On disk when it returns.
    ///
    /// # Errors
    /// [`DeskError::Incomplete`] when kind or topic is missing, or the store's.
    pub fn register(&self, call: &str, draft: &Draft, italian: bool) -> Result<Request, DeskError> {
        self.store().call(call)?;
        let kind = draft.kind.as_deref().and_then(Kind::from_word).ok_or(DeskError::Incomplete("kind"))?;
        let topic =
            TOPICS.iter().find(|t| Some(t.id) == draft.topic.as_deref()).ok_or(DeskError::Incomplete("topic"))?;
        let subtopic = topic
            .below
            .iter()
            .find(|(id, ..)| Some(*id) == draft.subtopic.as_deref())
            .ok_or(DeskError::Incomplete("subtopic"))?;
        let request = Request {
            id: cuffia_customers::new_id(),
            call: Some(call.into()),
            customer: draft.customer.clone(),
            at: self.now(),
            kind: kind.word().into(),
            topic: topic.id.into(),
            subtopic: subtopic.0.into(),
            note: draft.note.clone(),
            title: kind.title(topic, subtopic, italian),
            due: draft.due.filter(|_| draft.open),
            done: !draft.open,
        };
        // What the operator was shown.
        let seen = {
            let s = self.locked();
            let live = s.calls.iter().find(|c| c.info.id == call).and_then(|c| c.request.clone());
            live.or_else(|| s.wrap_up.as_ref().filter(|w| w.call == call).and_then(|w| w.request.clone()))
        };
        let request = self.store().register(&request, seen.as_ref(), self.region(), self.now())?;
        self.with(|s| {
            if let Some(w) = s.wrap_up.as_mut().filter(|w| w.call == call) {
                (w.request, w.draft) = (Some(request.clone()), draft.clone());
            }
            if let Some(c) = s.calls.iter_mut().find(|c| c.info.id == call) {
                (c.request, c.draft) = (Some(request.clone()), draft.clone());
            }
        });
        self.say(DeskEvent::Calls);
        self.say(DeskEvent::WrapUp);
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(request)
    }

    /// Says of a request that nothing is left to be done, or that something is again.
    ///
    /// # Errors
    /// When it is gone, or the store refuses.
    pub fn set_done(&self, request: &str, done: bool) -> Result<(), DeskError> {
        let [patch, seen] = [done, !done].map(|done| [("done".to_owned(), json!(done))].into());
        self.store().edit(Entity::Request, request, &patch, &seen, self.region(), self.now())?;
        let now = self.store().request(request)?;
        self.with(|s| {
            let live = s.calls.iter_mut().map(|c| &mut c.request).chain(s.wrap_up.iter_mut().map(|w| &mut w.request));
            for shown in live.flatten().filter(|r| r.id == request) {
                *shown = now.clone();
            }
            let cards =
                s.calls.iter_mut().map(|c| &mut c.customers).chain(s.wrap_up.iter_mut().map(|w| &mut w.customers));
            for shown in cards.flatten().flat_map(|card| &mut card.requests).filter(|r| r.id == request) {
                *shown = now.clone();
            }
        });
        self.say(DeskEvent::Calls);
        self.say(DeskEvent::WrapUp);
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(())
    }

    /// Makes the other side of a call a customer, with the call's number. Linking him with the call is
    /// [`Desk::choose_customer`]'s. On disk when it returns.
    ///
    /// # Errors
    /// [`DeskError::NoName`], when there is no such call, or when the store refuses.
    pub fn add_customer(&self, call: &str, name: &str, company: &str) -> Result<CustomerId, DeskError> {
        let number = self.store().call(call)?.number;
        let name = name.trim();
        if name.is_empty() {
            return Err(DeskError::NoName);
        }
        // Who hides his number is called "anonymous" by many switchboards.
        let numbers = if number.chars().any(|c| c.is_ascii_digit()) { vec![number] } else { Vec::new() };
        let fields = [("name", json!(name)), ("company", json!(company.trim())), ("numbers", json!(numbers))];
        let fields = fields.map(|(field, value)| (field.to_owned(), value)).into();
        let id = cuffia_customers::new_id();
        self.store().create(Entity::Contact, &id, &fields, self.region(), self.now())?;
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(id)
    }

    /// Says whose a call is, or that it is no customer's: during it, in wrap-up, or later. The call, its draft and its request move
    /// to that customer's time line. On disk when it returns.
    ///
    /// # Errors
    /// When there is no such call or customer, or the store refuses.
    pub fn choose_customer(&self, call: &str, customer: Option<&str>) -> Result<(), DeskError> {
        let chosen = match customer {
            Some(id) => Some(self.sight(self.store().customer(id)?)?),
            None => None,
        };
        let chosen_name = chosen.as_ref().map(|s| s.customer.name.clone());
        self.store().link_call(call, customer, chosen_name.as_deref(), self.region(), self.now())?;
        self.with(|s| {
            if let Some(c) = s.calls.iter_mut().find(|c| c.info.id == call) {
                c.draft.customer = customer.map(str::to_owned);
                take(&mut c.customers, chosen.as_ref());
                if let Some(r) = &mut c.request {
                    r.customer = customer.map(str::to_owned);
                }
            }
            if let Some(w) = s.wrap_up.as_mut().filter(|w| w.call == call) {
                w.draft.customer = customer.map(str::to_owned);
                w.name = chosen_name.unwrap_or_else(|| w.number.clone());
                take(&mut w.customers, chosen.as_ref());
                if let Some(r) = &mut w.request {
                    r.customer = customer.map(str::to_owned);
                }
            }
        });
        self.say(DeskEvent::Calls);
        self.say(DeskEvent::WrapUp);
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(())
    }
}

/// Puts the chosen customer among those shown.
fn take(shown: &mut Vec<CustomerSight>, chosen: Option<&CustomerSight>) {
    if let Some(chosen) = chosen
        && shown.iter().all(|s| s.customer.id != chosen.customer.id)
    {
        shown.push(chosen.clone());
    }
}
