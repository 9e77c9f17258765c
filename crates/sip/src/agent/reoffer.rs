//! Within a call: re-INVITE and UPDATE in both directions, glare, INFO, BYE.

use super::Agent;
use super::auth::Retry;
use super::call::{Call, Ours, Phase, Theirs, cause};
use super::wire::{ALLOW, Purpose};
use crate::api::{CallId, EndReason, LineEvent};
use crate::message::Message;
use rand::Rng;
use std::time::Duration;

impl Agent {
    pub(super) fn on_request_in_call(&mut self, id: CallId, key: &str, request: &Message) {
        self.with_call(id, |agent, call| {
            let tag = call.tag.clone();
            let in_order = match &mut call.dialog {
                Some(dialog) => dialog.take_cseq(request),
                // An early dialog of a call we make; which one will live is not known yet.
                None => true,
            };
            if !in_order {
                return agent.refuse(key, 500, &tag, &[]);
            }
            match request.method() {
                "BYE" => agent.on_bye(id, call, key, request),
                "INVITE" | "UPDATE" => agent.on_reoffer(id, call, key, request),
                "INFO" => {
                    agent.refuse(key, 200, &tag, &[]);
                    let content_type = request.headers.get("Content-Type").unwrap_or("").to_owned();
                    let body = String::from_utf8_lossy(&request.body).into_owned();
                    agent.event(LineEvent::Info { call: id, content_type, body });
                }
                "OPTIONS" | "NOTIFY" => {
                    if let Some(mut response) = agent.response(key, 200, &tag) {
                        agent.introduce(&mut response);
                        response.headers.push("Accept", "application/sdp");
                        agent.respond(key, &response);
                    }
                }
                "MESSAGE" | "REFER" | "SUBSCRIBE" | "PRACK" | "PUBLISH" | "REGISTER" => {
                    agent.refuse(key, 405, &tag, &[("Allow", ALLOW)]);
                }
                _ => agent.refuse(key, 501, &tag, &[("Allow", ALLOW)]),
            }
        });
    }

    fn on_bye(&mut self, id: CallId, call: &mut Call, key: &str, request: &Message) {
        let tag = call.tag.clone();
        self.refuse(key, 200, &tag, &[]);
        if let Some(theirs) = call.theirs.take() {
            self.refuse(&theirs.key, 487, &tag, &[]);
        }
        let why = cause(request);
        match call.phase {
            // A caller may BYE what only rings (RFC 3261 15).
            Phase::Ringing => {
                self.refuse(&call.key, 487, &tag, &[]);
                self.end(id, call, EndReason::CancelledThere { elsewhere: why.elsewhere });
            }
            // One branch of a fork gives up; the others may still answer.
            Phase::Calling => call.early.retain(|(d, _)| !d.owns(request)),
            Phase::Established | Phase::Over => {
                call.unacked = None;
                self.end(id, call, EndReason::HungUpThere { cause: why.text });
            }
        }
    }

    fn on_reoffer(&mut self, id: CallId, call: &mut Call, key: &str, request: &Message) {
        let tag = call.tag.clone();
        let update = request.method() == "UPDATE";
        if !request.body.is_empty() && request.sdp().is_none() {
            return self.refuse(key, 415, &tag, &[("Accept", "application/sdp")]);
        }
        if update && request.body.is_empty() {
            // Only a refresh of session and target (RFC 3311, RFC 4028).
            if call.phase == Phase::Established {
                self.accept(call, key, "", false);
            } else {
                self.refuse(key, 200, &tag, &[]);
            }
            return;
        }
        // Offers may not cross (RFC 3261 14.2, RFC 3311 5.2).
        let ours_is_out = matches!(call.ours, Some(Ours::Sent)) || call.unacked.as_ref().is_some_and(|u| u.offered);
        if call.phase == Phase::Calling || (call.phase == Phase::Established && ours_is_out) {
            return self.refuse(key, 491, &tag, &[]);
        }
        if call.phase == Phase::Ringing || call.theirs.is_some() {
            let seconds = self.rng.random_range(0..=10_u32).to_string();
            return self.refuse(key, 500, &tag, &[("Retry-After", &seconds)]);
        }
        if !update && let Some(trying) = self.response(key, 100, "") {
            self.respond(key, &trying);
        }
        call.theirs = Some(Theirs { key: key.to_owned(), update });
        self.event(LineEvent::Reoffered { call: id, sdp: request.sdp() });
    }

    pub(super) fn answer_reoffer(&mut self, id: CallId, sdp: &str) {
        self.with_call(id, |agent, call| {
            if let Some(theirs) = call.theirs.take() {
                agent.accept(call, &theirs.key, sdp, false);
                if theirs.update {
                    agent.offer_next(id, call);
                }
            }
        });
    }

    pub(super) fn reject_reoffer(&mut self, id: CallId, status: u16) {
        self.with_call(id, |agent, call| {
            if let Some(theirs) = call.theirs.take() {
                let tag = call.tag.clone();
                let status = if (300..700).contains(&status) { status } else { 488 };
                agent.refuse(&theirs.key, status, &tag, &[]);
                agent.offer_next(id, call);
            }
        });
    }

    pub(super) fn reoffer(&mut self, id: CallId, sdp: String) {
        let known = self.with_call(id, |agent, call| {
            if !matches!(call.phase, Phase::Established) {
                return;
            }
            if !agent.is_up() {
                return agent.event(LineEvent::ReofferRefused { call: id, status: 503 });
            }
            if let Some(Ours::Again { sdp: waiting, .. }) = &mut call.ours {
                *waiting = sdp;
                return;
            }
            // Only the newest wish counts.
            call.next_offer = Some(sdp);
            agent.offer_next(id, call);
        });
        if known.is_none() {
            tracing::debug!(call = id.0, "change of a call that is over");
        }
    }

    /// Sends the waiting change as soon as no other offer is open (RFC 3261 14.1).
    pub(super) fn offer_next(&mut self, id: CallId, call: &mut Call) {
        let free =
            call.phase == Phase::Established && call.ours.is_none() && call.theirs.is_none() && call.unacked.is_none();
        if !free || !self.is_up() {
            return;
        }
        let Some(sdp) = call.next_offer.take() else { return };
        let Some(dialog) = &mut call.dialog else { return };
        let mut invite = dialog.request("INVITE");
        self.introduce(&mut invite);
        invite.set_body("application/sdp", &sdp);
        call.ours = Some(Ours::Sent);
        self.begin(invite, Purpose::Reinvite(id), 0);
    }

    pub(super) fn offer_again(&mut self, id: CallId, call: &mut Call) {
        if let Some(Ours::Again { sdp, .. }) = call.ours.take() {
            call.next_offer = Some(sdp);
            self.offer_next(id, call);
        }
    }

    pub(super) fn on_reinvite_response(&mut self, id: CallId, request: &Message, response: &Message, tries: u8) {
        let status = response.status();
        match status {
            ..200 => {}
            200..=299 => {
                self.with_call(id, |agent, call| agent.on_reinvite_accepted(id, call, request, response));
            }
            401 | 407 => match self.retry_with_digest(request, response, Purpose::Reinvite(id), tries) {
                Retry::Sent(_, again) => {
                    if let Some(dialog) = self.calls.get_mut(&id).and_then(|c| c.dialog.as_mut()) {
                        dialog.local_cseq = dialog.local_cseq.max(again.cseq().map_or(0, |c| c.0));
                    }
                }
                _ => self.reinvite_failed(id, status, None),
            },
            491 => {
                let sdp = request.sdp().unwrap_or_default();
                self.reinvite_failed(id, 491, Some(sdp));
            }
            _ => self.reinvite_failed(id, status, None),
        }
    }

    fn on_reinvite_accepted(&mut self, id: CallId, call: &mut Call, request: &Message, response: &Message) {
        let number = request.cseq().map_or(0, |c| c.0);
        if self.ack_again(call, &response.to_tag(), number) {
            return;
        }
        let Some(mut dialog) = call.dialog.clone() else { return };
        dialog.refresh(response);
        self.ack(call, &dialog, number);
        call.dialog = Some(dialog);
        if call.phase != Phase::Established {
            return;
        }
        call.ours = None;
        match response.sdp() {
            Some(sdp) => self.event(LineEvent::ReofferAnswered { call: id, sdp }),
            None => self.event(LineEvent::ReofferRefused { call: id, status: 488 }),
        }
        self.offer_next(id, call);
    }

    pub(super) fn reinvite_failed(&mut self, id: CallId, status: u16, glare: Option<String>) {
        let steps = self.rng.random::<u32>();
        self.with_call(id, |agent, call| {
            if call.phase != Phase::Established {
                return;
            }
            call.ours = None;
            if let Some(sdp) = glare {
                // RFC 3261 14.1: who owns the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms.
                let wait = if call.we_called { 2100 + steps % 191 * 10 } else { steps % 201 * 10 };
                let sdp = call.next_offer.take().unwrap_or(sdp);
                call.ours = Some(Ours::Again { at: agent.now + Duration::from_millis(u64::from(wait)), sdp });
                return;
            }
            match status {
                // The far end knows nothing of the call (12.2.1.2).
                481 => {
                    agent.bye(call);
                    agent.end(id, call, EndReason::HungUpThere { cause: None });
                }
                408 => {
                    agent.bye(call);
                    agent.end(id, call, EndReason::TimedOut);
                }
                _ => {
                    agent.event(LineEvent::ReofferRefused { call: id, status });
                    agent.offer_next(id, call);
                }
            }
        });
    }
}
