//! Calls we make: INVITE, its answers, CANCEL; and the ways any call ends.

use super::auth::Retry;
use super::call::{Call, Ours, Phase, telling};
use super::wire::{Purpose, contact_of};
use super::{Agent, Dial};
use crate::api::{CallId, EndReason, LineEvent};
use crate::dialog::Dialog;
use crate::message::Message;
use crate::message::fields::NameAddr;
use crate::message::uri::escape_user;
use crate::transaction::{LONG, T1};

impl Agent {
    pub(super) fn dial(&mut self, dial: Dial) {
        let id = dial.call;
        if self.calls.contains_key(&id) || self.closing.is_some() {
            return;
        }
        if !self.is_up() {
            self.event(LineEvent::Ended { call: id, reason: EndReason::LineLost });
            return;
        }
        let tag = self.token();
        let mut from = match &dial.from {
            Some(party) => {
                let host = if party.host.is_empty() { &self.settings.domain } else { &party.host };
                NameAddr::new(party.display_name.as_deref(), &format!("sip:{}@{host}", escape_user(&party.user)))
            }
            None => {
                let display = Some(self.settings.display_name.as_str()).filter(|d| !d.is_empty());
                NameAddr::new(display, &format!("sip:{}@{}", escape_user(&self.settings.user), self.settings.domain))
            }
        };
        let asserted = dial.from.as_ref().is_some_and(|p| p.asserted).then(|| from.to_string());
        from.params.set("tag", Some(tag.clone()));
        let mut invite = Message::request("INVITE", &dial.target);
        let headers = &mut invite.headers;
        headers.push("Max-Forwards", "70");
        headers.push("From", from.to_string());
        headers.push("To", format!("<{}>", dial.to));
        headers.push("Call-ID", self.token());
        headers.push("CSeq", "1 INVITE");
        self.introduce(&mut invite);
        if let Some(asserted) = asserted {
            invite.headers.push("P-Asserted-Identity", asserted);
        }
        for (name, value) in &dial.headers {
            if crate::message::fields::is_token(name) {
                invite.headers.push(name, value.clone());
            }
        }
        invite.set_body("application/sdp", &dial.sdp);
        let key = self.begin(invite.clone(), Purpose::Invite(id), 0);
        let invite = self.clients.get(&key).map_or(invite, |c| c.request.clone());
        self.calls.insert(id, Call::new(Phase::Calling, invite, key, tag));
    }

    pub(super) fn on_invite_response(&mut self, id: CallId, request: &Message, response: &Message, tries: u8) {
        self.with_call(id, |agent, call| match response.status() {
            ..200 => agent.on_provisional(id, call, response),
            200..=299 => agent.on_accepted(id, call, response),
            _ => agent.on_refused(id, call, request, response, tries),
        });
    }

    fn on_provisional(&mut self, id: CallId, call: &mut Call, response: &Message) {
        call.provisional = true;
        if call.cancel {
            return self.send_cancel(call);
        }
        if response.status() == 100 || call.phase != Phase::Calling {
            return;
        }
        let sdp = response.sdp();
        if let Some(dialog) = Dialog::of_caller(&call.invite, response) {
            let known = call.early.iter().position(|(d, _)| d.remote_tag() == dialog.remote_tag());
            match known {
                Some(at) if sdp.is_some() => call.early[at].1 = sdp.clone(),
                Some(_) => {}
                None if call.early.len() < 32 => call.early.push((dialog, sdp.clone())),
                None => {}
            }
        }
        self.event(LineEvent::Progress { call: id, status: response.status(), sdp });
    }

    fn on_accepted(&mut self, id: CallId, call: &mut Call, response: &Message) {
        let (tag, number) = (response.to_tag(), call.invite.cseq().map_or(1, |c| c.0));
        if self.ack_again(call, &tag, number) {
            return;
        }
        let Some(mut dialog) = Dialog::of_caller(&call.invite, response) else { return };
        self.ack(call, &dialog, number);
        if call.phase != Phase::Calling {
            // Hung up while the 200 was on its way, or a second branch of a fork answered: nobody is there to talk to it.
            let bye = dialog.request("BYE");
            self.begin(bye, Purpose::Bye, 0);
            return;
        }
        let early = call.early.iter().find(|(d, _)| d.remote_tag() == tag).and_then(|(_, sdp)| sdp.clone());
        let Some(sdp) = response.sdp().or(early) else {
            let bye = dialog.request("BYE");
            self.begin(bye, Purpose::Bye, 0);
            let reason = "the far end answered without saying how to talk".to_owned();
            return self.end(id, call, EndReason::Refused { status: 488, reason });
        };
        call.phase = Phase::Established;
        call.dialog = Some(dialog);
        call.early.clear();
        self.event(LineEvent::Answered { call: id, sdp, headers: telling(response) });
        self.offer_next(id, call);
    }

    /// A 2xx that came again wants its ACK again.
    pub(super) fn ack_again(&mut self, call: &Call, tag: &str, number: u32) -> bool {
        let known = call.acks.iter().find(|(t, n, _)| t == tag && *n == number).map(|(.., wire)| wire.clone());
        let again = known.is_some();
        if let Some(wire) = known {
            self.send_bytes(wire);
        }
        again
    }

    pub(super) fn ack(&mut self, call: &mut Call, dialog: &Dialog, number: u32) {
        let mut ack = dialog.request_numbered("ACK", number);
        // The credentials of the INVITE go with its ACK (RFC 3261 22.1); they have passed the same proxy already.
        for name in ["Authorization", "Proxy-Authorization"] {
            if let Some(value) =
                call.invite.headers.get(name).filter(|_| call.invite.cseq().is_some_and(|c| c.0 == number))
            {
                ack.headers.push(name, value);
            }
        }
        let wire = self.send_ack(ack);
        if call.acks.len() >= 32 {
            call.acks.remove(0);
        }
        call.acks.push((dialog.remote_tag().to_owned(), number, wire));
    }

    fn on_refused(&mut self, id: CallId, call: &mut Call, request: &Message, response: &Message, tries: u8) {
        if call.phase != Phase::Calling {
            return;
        }
        let status = response.status();
        if let Retry::Sent(key, again) = self.retry_with_digest(request, response, Purpose::Invite(id), tries) {
            call.key = key;
            call.invite = *again;
            call.provisional = false;
            call.early.clear();
            return;
        }
        let reason = response.reason().to_owned();
        let end = match status {
            300..=399 => EndReason::Redirected { to: contact_of(response).unwrap_or_default() },
            486 | 600 => EndReason::Busy,
            603 => EndReason::Declined,
            404 | 410 | 484 | 604 => EndReason::NotFound,
            408 | 480 => EndReason::NoAnswer,
            _ => EndReason::Refused { status, reason },
        };
        self.end(id, call, end);
    }

    pub(super) fn invite_timed_out(&mut self, id: CallId) {
        self.with_call(id, |agent, call| agent.end(id, call, EndReason::TimedOut));
    }

    fn send_cancel(&mut self, call: &mut Call) {
        if std::mem::replace(&mut call.cancel_sent, true) {
            return;
        }
        // RFC 3261 9.1: all but the method is that of the INVITE, so that every hop finds it.
        let mut cancel = Message::request("CANCEL", call.invite.uri());
        for name in ["Via", "Route", "Max-Forwards", "From", "To", "Call-ID"] {
            for value in call.invite.headers.all(name) {
                cancel.headers.push(name, value);
            }
        }
        cancel.headers.push("CSeq", format!("{} CANCEL", call.invite.cseq().map_or(1, |c| c.0)));
        let key = call.key.replace("|INVITE", "|CANCEL");
        self.begin_with_via(cancel, key, Purpose::Cancel, 0);
        call.forget_at = Some(self.now + LONG);
    }

    /// One way to end a call, whatever its state.
    pub(super) fn hang_up(&mut self, id: CallId) {
        self.with_call(id, |agent, call| {
            match call.phase {
                Phase::Calling => {
                    call.cancel = true;
                    // Before any provisional response the INVITE may not have arrived, and a CANCEL could overtake it (9.1).
                    if call.provisional {
                        agent.send_cancel(call);
                    }
                }
                // 486 rather than 603: a queue shall try the next operator.
                Phase::Ringing => {
                    let tag = call.tag.clone();
                    agent.refuse(&call.key, 486, &tag, &[]);
                }
                Phase::Established => agent.leave(call),
                Phase::Over => return,
            }
            agent.end(id, call, EndReason::HungUpHere);
        });
    }

    /// BYE, or BYE as soon as it is allowed: a callee waits for the ACK of its 200 (RFC 3261 15).
    pub(super) fn leave(&mut self, call: &mut Call) {
        if let Some(theirs) = call.theirs.take() {
            let tag = call.tag.clone();
            self.refuse(&theirs.key, 487, &tag, &[]);
        }
        if call.unacked.as_ref().is_some_and(|u| u.first) {
            call.bye_after_ack = true;
        } else {
            self.bye(call);
        }
    }

    pub(super) fn bye(&mut self, call: &mut Call) {
        call.unacked = None;
        call.bye_after_ack = false;
        if let Some(dialog) = &mut call.dialog {
            let bye = dialog.request("BYE");
            self.begin(bye, Purpose::Bye, 0);
        }
    }

    pub(super) fn info(&mut self, id: CallId, content_type: &str, body: &str) {
        self.with_call(id, |agent, call| {
            if call.phase == Phase::Established
                && let Some(dialog) = &mut call.dialog
            {
                let mut info = dialog.request("INFO");
                info.set_body(content_type, body);
                agent.begin(info, Purpose::Info, 0);
            }
        });
    }

    pub(super) fn call_lost_flow(&mut self, id: CallId) {
        self.with_call(id, |agent, call| {
            call.theirs = None;
            call.ring_again = None;
            let change = call.ours.take().is_some() | call.next_offer.take().is_some();
            if call.bye_after_ack {
                agent.bye(call);
            }
            // An ACK on its way went down with the flow, and the far end, which has our 200, sends no other.
            call.unacked = None;
            match call.phase {
                Phase::Established if change => agent.event(LineEvent::ReofferRefused { call: id, status: 503 }),
                Phase::Established => {}
                _ => agent.end(id, call, EndReason::LineLost),
            }
        });
    }

    pub(super) fn pass_call(&mut self, id: CallId) {
        let now = self.now;
        self.with_call(id, |agent, call| {
            if let Some(unacked) = &mut call.unacked {
                if unacked.until <= now {
                    // Nobody confirms: the far end is told that it is over, should it listen after all.
                    agent.bye(call);
                    agent.end(id, call, EndReason::TimedOut);
                } else if unacked.again <= now {
                    unacked.interval = (unacked.interval * 2).min(crate::transaction::T2);
                    unacked.again = now + unacked.interval;
                    let wire = unacked.wire.clone();
                    agent.send_bytes(wire);
                }
            }
            if call.ring_again.is_some_and(|t| t <= now) {
                agent.send_ringing(call);
            }
            if call.session_until.is_some_and(|t| t <= now) {
                call.session_until = None;
                if call.phase == Phase::Established {
                    agent.leave(call);
                    agent.end(id, call, EndReason::TimedOut);
                }
            }
            if matches!(&call.ours, Some(Ours::Again { at, .. }) if *at <= now) {
                agent.offer_again(id, call);
            }
        });
        if self.calls.get(&id).is_some_and(|c| c.forget_at.is_some_and(|t| t <= now)) {
            if self.calls.get(&id).is_some_and(|c| c.bye_after_ack) {
                self.with_call(id, |agent, call| agent.bye(call));
            }
            self.calls.remove(&id);
            self.clients.retain(|_, c| c.purpose != Purpose::Invite(id));
        }
    }
}

/// First gap between copies of a 2xx.
pub(super) const FIRST_GAP: std::time::Duration = T1;
