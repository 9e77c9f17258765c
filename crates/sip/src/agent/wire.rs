//! Sending and receiving: transactions, Via, the fields every message of ours has.

use super::{Agent, Flow, Output};
use crate::api::CallId;
use crate::message::fields::NameAddr;
use crate::message::{Message, Start};
use crate::transaction::{Action, Client, Server};

/// Who waits for the answer to a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Invite(CallId),
    Reinvite(CallId),
    Bye,
    Cancel,
    Info,
}

pub(super) struct ClientTransaction {
    pub machine: Client,
    pub request: Message,
    pub wire: Vec<u8>,
    pub purpose: Purpose,
    /// How often credentials were shown for this request.
    pub tries: u8,
}

pub(super) struct ServerTransaction {
    pub machine: Server,
    pub request: Message,
    pub wire: Option<Vec<u8>>,
}

pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY";
/// Requests that end calls are few; more than this waiting for a flow means the flow will not come.
const MAX_WAITING: usize = 64;
const MAX_SERVERS: usize = 4096;

/// What identifies the transaction of a request (RFC 3261 17.2.3). Without the magic cookie the rules of RFC 2543 apply.
pub(super) fn server_key(request: &Message, method: &str) -> Option<String> {
    let via = request.via()?;
    let sent_by = via.sent_by.to_ascii_lowercase();
    Some(match via.branch() {
        Some(branch) if branch.len() > 7 && branch.starts_with("z9hG4bK") => format!("{branch}|{sent_by}|{method}"),
        _ => format!(
            "{}|{}|{}|{sent_by}|{}|{method}",
            request.call_id(),
            request.from_tag(),
            request.cseq().map_or(0, |c| c.0),
            request.uri()
        ),
    })
}

impl Agent {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if Message::is_keep_alive(bytes) {
            self.pongs = true;
            return;
        }
        match Message::parse(bytes) {
            Ok(message) => match message.start {
                Start::Request { .. } => self.on_request(message),
                Start::Response { .. } => self.on_response(message),
            },
            // Nobody can be answered when there is no start line.
            Err(error) => tracing::debug!(%error, length = bytes.len(), "not a SIP message"),
        }
    }

    /// host:port for Via and Contact.
    fn own_host(&self) -> String {
        if self.settings.transport.is_web() && self.registrar.is_none() {
            return self.invalid_host.clone();
        }
        match (&self.seen_as, self.flow) {
            (Some((host, port)), _) => format!("{host}:{port}"),
            (None, Flow::Up { local, .. }) => local.to_string(),
            _ => self.invalid_host.clone(),
        }
    }

    pub(super) fn contact_uri(&self) -> String {
        let transport = match self.settings.transport {
            crate::server::Transport::Udp => String::new(),
            // RFC 7118 5.2.1: `ws` for both.
            t if t.is_web() => ";transport=ws".to_owned(),
            t => format!(";transport={}", t.via().to_ascii_lowercase()),
        };
        format!("sip:{}@{}{transport}", self.contact_user, self.own_host())
    }

    /// Contact, Allow, Supported and User-Agent, for whatever makes or refreshes a dialog.
    pub(super) fn introduce(&self, message: &mut Message) {
        message.headers.set("Contact", format!("<{}>", self.contact_uri()));
        message.headers.set("Allow", ALLOW);
        message.headers.set("User-Agent", concat!("Cuffia/", env!("CARGO_PKG_VERSION")));
    }

    /// Sends a request as a new transaction and gives its key. Without a flow, BYE waits for the next one, the rest is dropped.
    pub(super) fn begin(&mut self, mut request: Message, purpose: Purpose, tries: u8) -> String {
        if !self.is_up() {
            if purpose == Purpose::Bye {
                self.wait_for_flow(request, purpose);
            }
            return String::new();
        }
        let branch = format!("z9hG4bK{}", self.token());
        let via = format!("SIP/2.0/{} {};branch={branch};rport", self.settings.transport.via(), self.own_host());
        request.headers.remove("Via");
        request.headers.push_front("Via", via);
        let method = request.method().to_owned();
        self.begin_with_via(request, format!("{branch}|{method}"), purpose, tries)
    }

    /// CANCEL has the branch of its INVITE.
    pub(super) fn begin_with_via(&mut self, request: Message, key: String, purpose: Purpose, tries: u8) -> String {
        let wire = self.send(&request);
        let machine = Client::new(request.method() == "INVITE", self.settings.transport.is_reliable(), self.now);
        self.clients.insert(key.clone(), ClientTransaction { machine, request, wire, purpose, tries });
        key
    }

    /// Sends outside any transaction: the ACK of a 2xx.
    pub(super) fn send_ack(&mut self, mut ack: Message) -> Vec<u8> {
        let branch = format!("z9hG4bK{}", self.token());
        let via = format!("SIP/2.0/{} {};branch={branch};rport", self.settings.transport.via(), self.own_host());
        ack.headers.push_front("Via", via);
        self.send(&ack)
    }

    pub(super) fn send(&mut self, message: &Message) -> Vec<u8> {
        let bytes = message.print();
        self.send_bytes(bytes.clone());
        bytes
    }

    pub(super) fn send_bytes(&mut self, bytes: Vec<u8>) {
        if self.is_up() {
            self.out.push_back(Output::Send(bytes));
        }
    }

    pub(super) fn wait_for_flow(&mut self, request: Message, purpose: Purpose) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push((request, purpose));
        }
    }

    pub(super) fn send_waiting(&mut self) {
        for (request, purpose) in std::mem::take(&mut self.waiting) {
            self.begin(request, purpose, 0);
        }
    }

    /// Sends a response within its transaction; false when a final one has gone already.
    pub(super) fn respond(&mut self, key: &str, response: &Message) -> bool {
        let now = self.now;
        let Some(server) = self.servers.get_mut(key) else { return false };
        if !server.machine.on_send(response.status(), now) {
            return false;
        }
        let bytes = response.print();
        server.wire = Some(bytes.clone());
        self.send_bytes(bytes);
        true
    }

    /// The response to the request of a transaction, to be completed and sent.
    pub(super) fn response(&self, key: &str, status: u16, tag: &str) -> Option<Message> {
        self.servers.get(key).map(|s| Message::response(&s.request, status, tag))
    }

    /// A response without anything special.
    pub(super) fn refuse(&mut self, key: &str, status: u16, tag: &str, fields: &[(&str, &str)]) {
        let tag = if tag.is_empty() { self.token() } else { tag.to_owned() };
        if let Some(mut response) = self.response(key, status, &tag) {
            for (name, value) in fields {
                response.headers.set(name, *value);
            }
            self.respond(key, &response);
        }
    }

    /// Makes room for the transaction of a request; false when there are too many.
    pub(super) fn admit(&mut self, key: &str, request: &Message) -> bool {
        if self.servers.len() >= MAX_SERVERS {
            return false;
        }
        let machine = Server::new(request.method() == "INVITE", self.settings.transport.is_reliable());
        self.servers.insert(key.to_owned(), ServerTransaction { machine, request: request.clone(), wire: None });
        true
    }

    fn on_response(&mut self, response: Message) {
        // A second Via means it was never ours (RFC 3261 8.1.3.3).
        if response.problem().is_some() || response.headers.list("Via").len() != 1 {
            return;
        }
        let Some(via) = response.via() else { return };
        let Some(branch) = via.branch() else { return };
        let key = format!("{branch}|{}", response.method());
        let now = self.now;
        let Some(client) = self.clients.get_mut(&key) else { return };
        let action = client.machine.on_response(response.status(), now);
        let (request, purpose, tries) = (client.request.clone(), client.purpose, client.tries);
        self.learn_address(&via);
        if matches!(action, Action::Ack | Action::DeliverAndAck) {
            let ack = ack_of_refusal(&request, &response);
            self.send(&ack);
        }
        if !matches!(action, Action::Deliver | Action::DeliverAndAck) {
            return;
        }
        match purpose {
            Purpose::Register => self.on_register_response(&request, &response, tries),
            Purpose::Invite(call) => self.on_invite_response(call, &request, &response, tries),
            Purpose::Reinvite(call) => self.on_reinvite_response(call, &request, &response, tries),
            Purpose::Bye | Purpose::Info => {
                self.retry_with_digest(&request, &response, purpose, tries);
            }
            Purpose::Cancel => {}
        }
    }

    /// RFC 3581: how the server sees us is what others must be told.
    fn learn_address(&mut self, via: &crate::message::fields::Via) {
        if self.settings.transport.is_web() {
            return;
        }
        let port = via.params.get("rport").and_then(|p| p.parse::<u16>().ok());
        let host = via.params.get("received").filter(|h| h.parse::<std::net::IpAddr>().is_ok());
        let Flow::Up { local, .. } = self.flow else { return };
        let host = host.map_or_else(|| local.ip().to_string(), str::to_owned);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let seen = (host, port.unwrap_or(local.port()));
        self.seen_as = (format!("{}:{}", seen.0, seen.1) != local.to_string()).then_some(seen);
    }
}

/// The ACK of a final response other than 2xx (RFC 3261 17.1.1.3).
fn ack_of_refusal(invite: &Message, response: &Message) -> Message {
    let mut ack = Message::request("ACK", invite.uri());
    if let Some(via) = invite.headers.get("Via") {
        ack.headers.push("Via", via);
    }
    for route in invite.headers.all("Route") {
        ack.headers.push("Route", route);
    }
    ack.headers.push("Max-Forwards", "70");
    ack.headers.push("From", invite.headers.get("From").unwrap_or(""));
    ack.headers.push("To", response.headers.get("To").unwrap_or(""));
    ack.headers.push("Call-ID", invite.call_id());
    ack.headers.push("CSeq", format!("{} ACK", invite.cseq().map_or(0, |c| c.0)));
    ack
}

/// The address of the first Contact.
pub(super) fn contact_of(message: &Message) -> Option<String> {
    message.headers.list("Contact").first().and_then(|c| NameAddr::parse(c)).map(|c| c.uri)
}
