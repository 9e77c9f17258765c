//! Requests from the far end: the checks of RFC 3261 8.2 in their order, then calls that come in.

use super::call::{Call, Phase, Unacked, caller, cause, telling};
use super::invite::FIRST_GAP;
use super::registrar::{Change, Entry};
use super::wire::{ALLOW, server_key};
use super::{Agent, Flow, Output};
use crate::api::{CallId, EndReason, LineEvent};
use crate::dialog::Dialog;
use crate::message::Message;
use crate::message::fields::Via;
use crate::message::uri::Uri;
use crate::transaction::{Action, LONG};
use std::time::Duration;

/// Proxies give up on a call that says nothing for three minutes (RFC 3261 13.3.1.1).
const RING_AGAIN: Duration = Duration::from_secs(60);
const KNOWN: &[&str] = &["MESSAGE", "REFER", "SUBSCRIBE", "PUBLISH", "PRACK", "REGISTER"];

impl Agent {
    pub(super) fn on_request(&mut self, mut request: Message) {
        self.note_source(&mut request);
        let method = request.method().to_owned();
        if let Some((status, why)) = request.problem() {
            // An ACK is never answered. The answer goes back over the flow, so even an unreadable Via will do.
            if method != "ACK" && request.headers.get("Via").is_some() {
                let tag = self.token();
                let mut response = Message::response(&request, status, &tag);
                if let crate::message::Start::Response { reason, .. } = &mut response.start {
                    *reason = why.to_owned();
                }
                self.send(&response);
            }
            return;
        }
        let base = if matches!(method.as_str(), "ACK" | "CANCEL") { "INVITE" } else { &method };
        let Some(key) = server_key(&request, base) else { return };
        if method == "ACK" {
            return self.on_ack(&key, &request);
        }
        if method == "CANCEL" {
            return self.on_cancel(&key, &request);
        }
        if let Some(server) = self.servers.get_mut(&key) {
            if server.machine.on_repeat() == Action::Retransmit
                && let Some(wire) = server.wire.clone()
            {
                self.send_bytes(wire);
            }
            return;
        }
        // The same request over another path: a fork met itself (8.2.2.2).
        let merged = request.to_tag().is_empty()
            && self.servers.values().any(|s| {
                s.request.call_id() == request.call_id()
                    && s.request.cseq() == request.cseq()
                    && s.request.from_tag() == request.from_tag()
                    && s.request.to_tag().is_empty()
            });
        if !self.admit(&key, &request) {
            return;
        }
        if merged {
            return self.refuse(&key, 482, "", &[]);
        }
        let unsupported: Vec<&str> =
            request.headers.list("Require").into_iter().filter(|r| !r.eq_ignore_ascii_case("timer")).collect();
        if !unsupported.is_empty() {
            let unsupported = unsupported.join(", ");
            return self.refuse(&key, 420, "", &[("Unsupported", &unsupported)]);
        }
        if !request.to_tag().is_empty() {
            let owner = self.calls.iter().find(|(_, c)| c.phase != Phase::Over && c.owns(&request)).map(|(id, _)| *id);
            return match owner {
                Some(id) => self.on_request_in_call(id, &key, &request),
                None => self.refuse(&key, 481, "", &[]),
            };
        }
        match method.as_str() {
            "INVITE" => self.on_invite(&key, &request),
            "OPTIONS" => self.on_options(&key),
            // Unsolicited, such as the lamp of a mailbox: taken kindly (many switchboards send it without a subscription).
            "NOTIFY" => self.refuse(&key, 200, "", &[]),
            "REGISTER" if self.registrar.is_some() => self.on_register(&key, &request),
            "BYE" | "INFO" | "UPDATE" => self.refuse(&key, 481, "", &[]),
            m if KNOWN.contains(&m) => self.refuse(&key, 405, "", &[("Allow", ALLOW)]),
            _ => self.refuse(&key, 501, "", &[("Allow", ALLOW)]),
        }
    }

    /// RFC 3581: the answer must find its way back through address translation.
    fn note_source(&self, request: &mut Message) {
        let Flow::Up { peer, .. } = self.flow else { return };
        let members: Vec<String> = request.headers.list("Via").into_iter().map(str::to_owned).collect();
        let Some(mut via) = members.first().and_then(|v| Via::parse(v)) else { return };
        if via.params.get("rport") != Some("") {
            return;
        }
        via.params.set("rport", Some(peer.port().to_string()));
        via.params.set("received", Some(peer.ip().to_string()));
        request.headers.remove("Via");
        for member in members.iter().skip(1).rev() {
            request.headers.push_front("Via", member.clone());
        }
        request.headers.push_front("Via", via.to_string());
    }

    fn on_options(&mut self, key: &str) {
        let tag = self.token();
        if let Some(mut response) = self.response(key, 200, &tag) {
            self.introduce(&mut response);
            response.headers.push("Accept", "application/sdp");
            response.headers.push("Supported", "timer, outbound, path");
            self.respond(key, &response);
        }
    }

    fn on_ack(&mut self, key: &str, request: &Message) {
        let now = self.now;
        if let Some(server) = self.servers.get_mut(key) {
            server.machine.on_ack(now);
        }
        let number = request.cseq().map_or(0, |c| c.0);
        let Some(id) = self.calls.iter().find(|(_, c)| c.owns(request)).map(|(id, _)| *id) else { return };
        self.with_call(id, |agent, call| {
            if call.unacked.as_ref().is_none_or(|u| u.cseq != number) {
                return;
            }
            let Some(unacked) = call.unacked.take() else { return };
            if call.bye_after_ack {
                return agent.bye(call);
            }
            if call.phase == Phase::Established && (unacked.first || unacked.offered) {
                agent.event(LineEvent::Acknowledged { call: id, sdp: request.sdp().filter(|_| unacked.offered) });
            }
            agent.offer_next(id, call);
        });
    }

    fn on_cancel(&mut self, invite_key: &str, request: &Message) {
        let Some(key) = server_key(request, "CANCEL") else { return };
        if let Some(server) = self.servers.get_mut(&key) {
            if let (Action::Retransmit, Some(wire)) = (server.machine.on_repeat(), server.wire.clone()) {
                self.send_bytes(wire);
            }
            return;
        }
        if !self.admit(&key, request) {
            return;
        }
        let Some(pending) = self.servers.get(invite_key).map(|s| s.machine.is_pending()) else {
            return self.refuse(&key, 481, "", &[]);
        };
        let owner = self.calls.iter().find(|(_, c)| !c.we_called && c.key == invite_key).map(|(id, _)| *id);
        let tag = owner.and_then(|id| self.calls.get(&id)).map(|c| c.tag.clone()).unwrap_or_default();
        self.refuse(&key, 200, &tag, &[]);
        // After our final response a CANCEL has no effect (9.2): the caller gets the 200 and sends BYE.
        if !pending {
            return;
        }
        self.refuse(invite_key, 487, &tag, &[]);
        if let Some(id) = owner {
            let elsewhere = cause(request).elsewhere;
            self.with_call(id, |agent, call| agent.end(id, call, EndReason::CancelledThere { elsewhere }));
        } else {
            for call in self.calls.values_mut() {
                if call.theirs.as_ref().is_some_and(|t| t.key == invite_key) {
                    call.theirs = None;
                }
            }
        }
    }

    fn on_invite(&mut self, key: &str, request: &Message) {
        if self.closing.is_some() {
            return self.refuse(key, 480, "", &[]);
        }
        // A call that shall replace another one must not ring as a new one (RFC 3891 3).
        if request.headers.get("Replaces").is_some() {
            return self.refuse(key, 501, "", &[("Allow", ALLOW)]);
        }
        let encoded =
            request.headers.get("Content-Encoding").is_some_and(|e| !e.trim().eq_ignore_ascii_case("identity"));
        if !request.body.is_empty() && (encoded || request.sdp().is_none()) {
            return self.refuse(key, 415, "", &[("Accept", "application/sdp"), ("Accept-Encoding", "identity")]);
        }
        let accepts = request.headers.list("Accept");
        let takes_sdp = |a: &&str| {
            let kind = a.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            matches!(kind.as_str(), "application/sdp" | "*/*" | "application/*")
        };
        if !accepts.is_empty() && !accepts.iter().any(takes_sdp) {
            return self.refuse(key, 406, "", &[]);
        }
        if let Some(registrar) = &mut self.registrar {
            match registrar.check_call(request) {
                Entry::Allowed => {}
                Entry::Challenge(challenges) => {
                    let tag = self.token();
                    if let Some(mut response) = self.response(key, 407, &tag) {
                        for challenge in challenges {
                            response.headers.push("Proxy-Authenticate", challenge);
                        }
                        self.respond(key, &response);
                    }
                    return;
                }
                Entry::Forbidden => return self.refuse(key, 403, "", &[]),
            }
        }
        let tag = self.token();
        let Some(dialog) = Dialog::of_callee(request, &tag) else { return self.refuse(key, 400, "", &[]) };
        // Stops the caller's retransmissions while a person decides.
        if let Some(trying) = self.response(key, 100, "") {
            self.respond(key, &trying);
        }
        let id = CallId(self.next_incoming);
        self.next_incoming += 1;
        let mut call = Call::new(Phase::Ringing, request.clone(), key.to_owned(), tag);
        call.dialog = Some(dialog);
        self.calls.insert(id, call);
        let to = request.to().map(|t| t.uri).unwrap_or_default();
        let called = Uri::parse(&to).map_or(to, |u| u.user_text());
        self.event(LineEvent::Incoming {
            call: id,
            from: caller(request),
            called,
            headers: telling(request),
            offer: request.sdp(),
        });
    }

    pub(super) fn ring(&mut self, id: CallId) {
        self.with_call(id, |agent, call| {
            if call.phase == Phase::Ringing {
                agent.send_ringing(call);
            }
        });
    }

    pub(super) fn send_ringing(&mut self, call: &mut Call) {
        call.ring_again = None;
        if call.phase != Phase::Ringing {
            return;
        }
        if let Some(mut ringing) = self.response(&call.key, 180, &call.tag) {
            self.introduce(&mut ringing);
            self.respond(&call.key, &ringing);
            call.ring_again = Some(self.now + RING_AGAIN);
        }
    }

    pub(super) fn answer(&mut self, id: CallId, sdp: &str) {
        self.with_call(id, |agent, call| {
            if call.phase != Phase::Ringing {
                return;
            }
            let key = call.key.clone();
            if agent.accept(call, &key, sdp, true) {
                call.phase = Phase::Established;
            }
        });
    }

    /// 200 with a session description, to an INVITE, a re-INVITE or an UPDATE.
    pub(super) fn accept(&mut self, call: &mut Call, key: &str, sdp: &str, first: bool) -> bool {
        let Some(request) = self.servers.get(key).map(|s| s.request.clone()) else { return false };
        let mut response = Message::response(&request, 200, &call.tag);
        self.introduce(&mut response);
        response.headers.push("Supported", "timer, outbound");
        self.keep_session(call, &request, &mut response);
        if !sdp.is_empty() {
            response.set_body("application/sdp", sdp);
        }
        if !self.respond(key, &response) {
            return false;
        }
        if let (Some(dialog), false) = (&mut call.dialog, first) {
            dialog.refresh(&request);
        }
        call.ring_again = None;
        if request.method() == "INVITE" {
            // Repeated over every transport: the ACK is end to end (RFC 3261 13.3.1.4).
            call.unacked = Some(Unacked {
                wire: response.print(),
                cseq: request.cseq().map_or(0, |c| c.0),
                interval: FIRST_GAP,
                again: self.now + FIRST_GAP,
                until: self.now + LONG,
                offered: request.sdp().is_none(),
                first,
            });
        }
        true
    }

    /// Session timers in the simplest form that is right: we let the caller refresh, and leave when it does not. A caller that
    /// asks us to refresh is answered as by one that knows no timers, which RFC 4028 9 allows. To come: our own refreshes, 422
    /// with Min-SE, and timers in our INVITEs.
    pub(super) fn keep_session(&mut self, call: &mut Call, request: &Message, response: &mut Message) {
        call.session_until = None;
        let knows = request.headers.lists("Supported", "timer") || request.headers.lists("Require", "timer");
        let Some(value) = request.headers.get("Session-Expires").filter(|_| knows) else { return };
        let mut parts = value.split(';').map(str::trim);
        let Some(seconds) = parts.next().and_then(|s| s.parse::<u64>().ok()).filter(|s| (30..=86_400).contains(s))
        else {
            return;
        };
        if parts.any(|p| p.replace(' ', "").eq_ignore_ascii_case("refresher=uas")) {
            return;
        }
        response.headers.push("Session-Expires", format!("{seconds};refresher=uac"));
        response.headers.push("Require", "timer");
        // RFC 4028 10: BYE a little before the end.
        call.session_until = Some(self.now + Duration::from_secs(seconds - (seconds / 3).min(32)));
    }

    pub(super) fn reject(&mut self, id: CallId, status: u16) {
        self.with_call(id, |agent, call| {
            if call.phase == Phase::Ringing {
                let status = if (300..700).contains(&status) { status } else { 486 };
                let tag = call.tag.clone();
                agent.refuse(&call.key, status, &tag, &[]);
                agent.end(id, call, EndReason::HungUpHere);
            }
        });
    }

    fn on_register(&mut self, key: &str, request: &Message) {
        let now = self.now;
        let tag = self.token();
        let (Some(registrar), Some(mut response)) =
            (&mut self.registrar, self.servers.get(key).map(|s| Message::response(&s.request, 200, &tag)))
        else {
            return;
        };
        match registrar.register(request, &mut response, now) {
            Some(Change::Bound { user, contact }) => self.out.push_back(Output::Bound { user, contact }),
            Some(Change::Unbound { user }) => self.out.push_back(Output::Unbound { user }),
            None => {}
        }
        self.respond(key, &response);
    }
}
