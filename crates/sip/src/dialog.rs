//! Dialogs (RFC 3261 12).

use crate::message::Message;
use crate::message::fields::{NameAddr, split};

/// A peer-to-peer relationship between two user agents.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: String,
    /// Our address with tag, as it stands in From of our requests.
    pub local: NameAddr,
    /// Theirs.
    pub remote: NameAddr,
    /// Where requests go: their Contact.
    pub target: String,
    /// Route set, first hop first.
    pub routes: Vec<String>,
    /// Number of our last request.
    pub local_cseq: u32,
    /// Number of their last request.
    pub remote_cseq: Option<u32>,
}

fn contact(message: &Message) -> Option<String> {
    message.headers.list("Contact").first().and_then(|c| NameAddr::parse(c)).map(|c| c.uri)
}

fn record_routes(message: &Message) -> Vec<String> {
    message
        .headers
        .all("Record-Route")
        .flat_map(|line| split(line, ','))
        .filter(|route| !route.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Dialog {
    /// The caller's side, from a provisional or 2xx response with a To tag (12.1.2).
    pub fn of_caller(invite: &Message, response: &Message) -> Option<Self> {
        let remote = response.to()?;
        remote.tag()?;
        let mut routes = record_routes(response);
        routes.reverse();
        Some(Self {
            call_id: invite.call_id().to_owned(),
            local: invite.from()?,
            // A far end that gives no Contact can still be reached where the INVITE went.
            target: contact(response).unwrap_or_else(|| invite.uri().to_owned()),
            remote,
            routes,
            local_cseq: invite.cseq()?.0,
            remote_cseq: None,
        })
    }

    /// The callee's side (12.1.1).
    pub fn of_callee(invite: &Message, tag: &str) -> Option<Self> {
        let mut local = invite.to()?;
        local.params.set("tag", Some(tag.to_owned()));
        let remote = invite.from()?;
        Some(Self {
            call_id: invite.call_id().to_owned(),
            target: contact(invite).unwrap_or_else(|| remote.uri.clone()),
            local,
            remote,
            routes: record_routes(invite),
            local_cseq: 0,
            remote_cseq: invite.cseq().map(|c| c.0),
        })
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or("")
    }

    /// Their tag. Empty for a far end older than RFC 3261.
    pub fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or("")
    }

    /// Whether a request belongs here.
    pub fn owns(&self, request: &Message) -> bool {
        request.call_id() == self.call_id
            && request.to_tag() == self.local_tag()
            && request.from_tag() == self.remote_tag()
    }

    /// The next request in this dialog (12.2.1.1), without Via.
    pub fn request(&mut self, method: &str) -> Message {
        self.local_cseq += 1;
        self.request_numbered(method, self.local_cseq)
    }

    /// A request with a given number: ACK has that of its INVITE.
    pub fn request_numbered(&self, method: &str, number: u32) -> Message {
        let mut request = Message::request(method, &self.target);
        // A first hop without `lr` is a strict router of RFC 2543: it wants itself as Request-URI.
        let strict = self.routes.first().and_then(|r| NameAddr::parse(r)).filter(|r| {
            !r.uri.split(';').skip(1).any(|p| p.split('=').next().is_some_and(|n| n.eq_ignore_ascii_case("lr")))
        });
        let mut routes = self.routes.clone();
        if let Some(strict) = strict {
            request = Message::request(method, &strict.uri);
            routes.remove(0);
            routes.push(format!("<{}>", self.target));
        }
        for route in routes {
            request.headers.push("Route", route);
        }
        request.headers.push("Max-Forwards", "70");
        request.headers.push("From", self.local.to_string());
        request.headers.push("To", self.remote.to_string());
        request.headers.push("Call-ID", self.call_id.clone());
        request.headers.push("CSeq", format!("{number} {method}"));
        request
    }

    /// Takes the number of their request; false when it is out of order (12.2.2), which is answered with 500.
    pub fn take_cseq(&mut self, request: &Message) -> bool {
        let Some((number, _)) = request.cseq() else { return false };
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// A target refresh: re-INVITE, UPDATE or the 2xx to ours carries a new Contact.
    pub fn refresh(&mut self, message: &Message) {
        if let Some(target) = contact(message) {
            self.target = target;
        }
    }
}
