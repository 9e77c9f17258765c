//! Registration (RFC 3261 10, RFC 5626): keep one binding alive over one flow, and come back after every loss.

use super::auth::Retry;
use super::wire::{Purpose, contact_of};
use super::{Agent, Flow, Output};
use crate::api::{CallId, LineError, LineEvent, Registration};
use crate::digest::Challenge;
use crate::message::Message;
use crate::message::fields::NameAddr;
use rand::Rng;
use std::time::{Duration, Instant};

const EXPIRES: u32 = 600;
/// Longest wait between attempts.
const MAX_WAIT: Duration = Duration::from_secs(60);

pub(super) struct Registering {
    /// The phone wants to be registered.
    wanted: bool,
    registered: bool,
    call_id: String,
    from_tag: String,
    cseq: u32,
    expires: u32,
    /// To answer the next challenge before it is made.
    pub(super) challenge: Option<Challenge>,
    refresh_at: Option<Instant>,
    retry_at: Option<Instant>,
    failures: u32,
    /// Given back and waiting for the server's word.
    leaving: bool,
    /// The flow broke since the last registration.
    pub(super) flow_replaced: bool,
}

impl Registering {
    pub(super) fn new(call_id: String, from_tag: String) -> Self {
        Self {
            wanted: false,
            registered: false,
            call_id,
            from_tag,
            cseq: 0,
            expires: EXPIRES,
            challenge: None,
            refresh_at: None,
            retry_at: None,
            failures: 0,
            leaving: false,
            flow_replaced: false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match (self.refresh_at, self.retry_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

impl Agent {
    pub(super) fn register(&mut self) {
        if self.closing.is_some() || self.registrar.is_some() {
            return;
        }
        let r = &mut self.registering;
        let idle = !r.wanted || (!r.registered && r.retry_at.is_some()) || (self.flow == Flow::Down);
        r.wanted = true;
        r.leaving = false;
        r.failures = 0;
        if idle {
            self.connect_or_register();
        }
    }

    fn connect_or_register(&mut self) {
        self.registering.retry_at = None;
        if !self.registering.registered {
            self.event(LineEvent::Registration(Registration::Connecting));
        }
        match self.flow {
            Flow::Down => {
                self.flow = Flow::Connecting;
                self.out.push_back(Output::Connect);
            }
            Flow::Connecting => {}
            Flow::Up { .. } => self.send_register(self.registering.expires),
        }
    }

    pub(super) fn register_on_new_flow(&mut self) {
        if self.registering.wanted {
            self.send_register(self.registering.expires);
        } else if self.closing.is_none() {
            self.send_waiting();
        }
    }

    pub(super) fn unregister(&mut self) {
        let r = &mut self.registering;
        let had = r.registered;
        r.wanted = false;
        r.registered = false;
        r.refresh_at = None;
        r.retry_at = None;
        // A request on its way would bind us again after we have left.
        self.clients.retain(|_, c| c.purpose != Purpose::Register);
        if had && self.is_up() {
            self.registering.leaving = true;
            self.send_register(0);
        } else if self.registrar.is_none() {
            self.left();
        }
    }

    fn left(&mut self) {
        self.registering.leaving = false;
        self.event(LineEvent::Registration(Registration::Unregistered));
        // Running calls still need the flow; closing ends it by itself.
        if self.closing.is_none() && self.calls().is_empty() {
            self.ping_at = None;
            self.disconnect();
        }
    }

    fn send_register(&mut self, expires: u32) {
        self.registering.cseq += 1;
        let aor = format!("sip:{}@{}", crate::message::uri::escape_user(&self.settings.user), self.settings.domain);
        let mut request = Message::request("REGISTER", &format!("sip:{}", self.settings.domain));
        let mut from =
            NameAddr::new(Some(&self.settings.display_name).filter(|d| !d.is_empty()).map(String::as_str), &aor);
        from.params.set("tag", Some(self.registering.from_tag.clone()));
        let contact = self.contact_uri();
        let headers = &mut request.headers;
        headers.push("Max-Forwards", "70");
        headers.push("From", from.to_string());
        headers.push("To", format!("<{aor}>"));
        headers.push("Call-ID", self.registering.call_id.clone());
        headers.push("CSeq", format!("{} REGISTER", self.registering.cseq));
        self.introduce(&mut request);
        let binding = format!("<{contact}>;reg-id=1;+sip.instance=\"<urn:uuid:{}>\";expires={expires}", self.instance);
        request.headers.set("Contact", binding);
        request.headers.push("Expires", expires.to_string());
        request.headers.push("Supported", "path, outbound");
        if let Some(challenge) = self.registering.challenge.clone() {
            let cnonce = self.token();
            let (name, value) = self.wallet.answer(&challenge, &request, &cnonce);
            request.headers.push(name, value);
        }
        self.registering.refresh_at = None;
        self.begin(request, Purpose::Register, 0);
    }

    pub(super) fn on_register_response(&mut self, request: &Message, response: &Message, tries: u8) {
        let status = response.status();
        if status < 200 {
            return;
        }
        self.registering.cseq = self.registering.cseq.max(request.cseq().map_or(0, |c| c.0));
        let leaving = self.registering.leaving;
        match status {
            200..=299 if leaving => self.left(),
            200..=299 => self.on_registered(request, response),
            401 | 407 => match self.retry_with_digest(request, response, Purpose::Register, tries) {
                Retry::Sent(_, again) => self.registering.cseq = again.cseq().map_or(0, |c| c.0),
                _ if leaving => self.left(),
                Retry::WrongPassword => self.registration_failed(LineError::WrongPassword, None, false),
                Retry::NotForThem | Retry::NoChallenge => {
                    let reason =
                        "the server asks for a kind of password, or for a realm, that this account does not answer";
                    let error = LineError::ServerError { code: status, reason: reason.to_owned() };
                    self.registration_failed(error, None, false);
                }
            },
            _ if leaving => self.left(),
            423 => {
                let least = response.headers.get("Min-Expires").and_then(|v| v.trim().parse::<u32>().ok());
                match least.filter(|least| *least > self.registering.expires && *least <= 86_400) {
                    Some(least) => {
                        self.registering.expires = least;
                        self.send_register(least);
                    }
                    None => self.registration_failed(server_error(response), retry_after(response), true),
                }
            }
            403 => self.registration_failed(LineError::Forbidden, None, false),
            408 => self.registration_failed(LineError::Timeout, None, true),
            _ => self.registration_failed(server_error(response), retry_after(response), true),
        }
    }

    fn on_registered(&mut self, request: &Message, response: &Message) {
        let ours = contact_of(request);
        let granted = response
            .headers
            .list("Contact")
            .into_iter()
            .filter_map(NameAddr::parse)
            .filter(|c| {
                Some(&c.uri) == ours.as_ref()
                    || c.params.get("+sip.instance").is_some_and(|i| i.contains(&self.instance))
            })
            .find_map(|c| c.params.get("expires")?.parse::<u32>().ok())
            .or_else(|| response.headers.get("Expires")?.trim().parse().ok())
            .unwrap_or(self.registering.expires)
            .clamp(1, 86_400);
        let sent_digest = request.headers.get("Authorization").or(request.headers.get("Proxy-Authorization")).is_some();
        if sent_digest && let Some(challenge) = &self.registering.challenge {
            self.wallet.pin(&challenge.realm.clone());
        }
        // Refreshed in time even when an answer or two are lost: at 90 %, short ones at half or five seconds before.
        let wait = if granted >= 50 { granted * 9 / 10 } else { granted.saturating_sub(5).max(granted / 2) };
        let r = &mut self.registering;
        r.refresh_at = Some(self.now + Duration::from_secs(u64::from(wait)).max(Duration::from_millis(500)));
        r.failures = 0;
        r.retry_at = None;
        let first = !std::mem::replace(&mut r.registered, true);
        let replaced = std::mem::take(&mut r.flow_replaced);
        if first {
            let server = self.settings.server.clone();
            self.event(LineEvent::Registration(Registration::Registered { server, expires_s: granted }));
        }
        self.send_waiting();
        if replaced {
            let calls: Vec<CallId> = self.calls();
            if !calls.is_empty() {
                // The far end, or the proxy that stands for it, still sends to the old flow until a re-INVITE brings the new one.
                self.event(LineEvent::FlowReplaced { calls });
            }
        }
        // Behind a NAT the first answer tells our public address; the binding must name it, or nobody finds us.
        if ours.is_some_and(|c| c != self.contact_uri()) && self.rebind() {
            self.send_register(self.registering.expires);
        }
    }

    /// Once per flow is enough: some NATs give another port each time.
    fn rebind(&mut self) -> bool {
        !std::mem::replace(&mut self.rebound, true)
    }

    pub(super) fn register_timed_out(&mut self) {
        if self.registering.leaving {
            self.left();
        } else {
            self.registration_failed(LineError::Timeout, None, true);
        }
    }

    /// Reports, and comes back later unless a person must act first.
    fn registration_failed(&mut self, error: LineError, after: Option<Duration>, again: bool) {
        let retry_in = again.then(|| after.unwrap_or_else(|| self.back_off()));
        let r = &mut self.registering;
        r.registered = false;
        r.refresh_at = None;
        r.challenge = None;
        r.wanted = again;
        r.retry_at = retry_in.map(|wait| self.now + wait);
        let fresh_flow = matches!(error, LineError::Timeout) || (!again && self.calls().is_empty());
        self.event(LineEvent::Registration(Registration::Failed { error, retry_in }));
        if fresh_flow && self.is_up() {
            self.ping_at = None;
            self.pong_due = None;
            self.disconnect();
            self.flow_gone();
        }
    }

    pub(super) fn registration_lost(&mut self, error: LineError) {
        self.rebound = false;
        if std::mem::take(&mut self.registering.leaving) {
            self.event(LineEvent::Registration(Registration::Unregistered));
        } else if self.registering.wanted {
            // A wrong address stays wrong; everything else may heal.
            let again = !matches!(error, LineError::BadAddress { .. });
            self.registration_failed(error, None, again);
        }
    }

    /// Full jitter: after a restart of the server the phones of a whole floor must not come back in the same second.
    fn back_off(&mut self) -> Duration {
        let limit = Duration::from_secs(1 << self.registering.failures.min(6)).min(MAX_WAIT);
        self.registering.failures += 1;
        limit.mul_f64(self.rng.random::<f64>())
    }

    pub(super) fn pass_registration(&mut self) {
        let now = self.now;
        if self.registering.refresh_at.is_some_and(|t| t <= now) && self.is_up() {
            self.send_register(self.registering.expires);
        }
        if self.registering.retry_at.is_some_and(|t| t <= now) {
            self.connect_or_register();
        }
    }
}

fn server_error(response: &Message) -> LineError {
    LineError::ServerError { code: response.status(), reason: response.reason().to_owned() }
}

fn retry_after(response: &Message) -> Option<Duration> {
    let value = response.headers.get("Retry-After")?;
    let digits: String = value.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u64>().ok().map(|s| Duration::from_secs(s.clamp(1, 3600)))
}
