//! Agents without sockets and without a clock.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use cuffia_sip::agent::*;
use cuffia_sip::message::Message;
use cuffia_sip::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub fn settings(user: &str, transport: Transport, seed: u8) -> Settings {
    Settings {
        user: user.into(),
        display_name: user.to_uppercase(),
        domain: "pbx.test".into(),
        auth_user: user.into(),
        password: "secret".to_owned().into(),
        server: "the server".into(),
        transport,
        role: Role::Phone,
        first_incoming: 1,
        seed: [seed; 32],
    }
}

fn connect(agent: &mut Agent, now: Instant) {
    let (local, peer) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap());
    agent.handle(Input::Connected { local, peer }, now);
}

/// One agent; the test plays the server.
pub struct Solo {
    pub agent: Agent,
    pub now: Instant,
    pub sent: VecDeque<Message>,
    pub events: VecDeque<LineEvent>,
    pub others: Vec<Output>,
}

impl Solo {
    pub fn new(transport: Transport) -> Self {
        let now = Instant::now();
        let agent = Agent::new(settings("anna", transport, 1), now);
        let mut solo = Self { agent, now, sent: VecDeque::new(), events: VecDeque::new(), others: Vec::new() };
        solo.connect();
        solo
    }

    pub fn connect(&mut self) {
        connect(&mut self.agent, self.now);
        self.drain();
    }

    pub fn input(&mut self, input: Input) {
        self.agent.handle(input, self.now);
        self.drain();
    }

    pub fn command(&mut self, command: LineCommand) {
        self.input(Input::Command(command));
    }

    pub fn receive(&mut self, message: &Message) {
        self.input(Input::Received(message.print()));
    }

    fn drain(&mut self) {
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Send(bytes) => self.sent.push_back(Message::parse(&bytes).unwrap()),
                Output::Event(event) => self.events.push_back(event),
                other => self.others.push(other),
            }
        }
    }

    /// Lets time pass, stopping at each timer.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.agent.next_timeout().filter(|t| *t <= end) {
            self.now = self.now.max(due);
            self.input(Input::Time);
        }
        self.now = end;
        self.input(Input::Time);
    }

    pub fn sent(&mut self) -> Message {
        self.sent.pop_front().expect("nothing was sent")
    }

    pub fn sent_method(&mut self, method: &str) -> Message {
        let message = self.sent();
        assert_eq!((message.status(), message.method()), (0, method));
        message
    }

    pub fn sent_status(&mut self, status: u16) -> Message {
        let message = self.sent();
        assert_eq!(message.status(), status, "{message:?}");
        message
    }

    pub fn event(&mut self) -> LineEvent {
        self.events.pop_front().expect("nothing was told")
    }

    pub fn quiet(&self) {
        assert!(self.sent.is_empty() && self.events.is_empty(), "{:?} {:?}", self.sent, self.events);
    }

    /// Answers a request of the agent.
    pub fn reply(&mut self, request: &Message, status: u16, tag: &str, fields: &[(&str, &str)], sdp: &str) -> Message {
        let mut response = Message::response(request, status, tag);
        for (name, value) in fields {
            response.headers.push(name, *value);
        }
        if !sdp.is_empty() {
            response.set_body("application/sdp", sdp);
        }
        self.receive(&response);
        response
    }

    /// Registers with a digest asked for by `realm`.
    pub fn register(&mut self, realm: &str) {
        self.command(LineCommand::Register);
        let request = self.sent_method("REGISTER");
        let challenge = format!("Digest realm=\"{realm}\", nonce=\"n1\", qop=\"auth\"");
        self.reply(&request, 401, "s", &[("WWW-Authenticate", &challenge)], "");
        let request = self.sent_method("REGISTER");
        assert!(request.headers.get("Authorization").is_some());
        self.reply(&request, 200, "s", &[("Expires", "600")], "");
        self.events.clear();
    }

    /// A call that has been answered with To tag `b`; gives the INVITE.
    pub fn in_call(&mut self, call: CallId) -> Message {
        self.command(LineCommand::Invite { call, to: "bob".into(), sdp: "v=0".into() });
        let invite = self.sent_method("INVITE");
        self.reply(&invite, 200, "b", &[("Contact", "<sip:bob@192.0.2.9>")], "v=0 answer");
        self.sent_method("ACK");
        assert!(matches!(self.event(), LineEvent::Answered { .. }));
        invite
    }

    /// A request from the far end within the dialog made by `invite`.
    pub fn far_request(&self, invite: &Message, method: &str, number: u32, body: &str) -> Message {
        let mut request = Message::request(method, "sip:anna@192.0.2.1");
        let headers = &mut request.headers;
        headers.push("Via", format!("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKfar{method}{number}"));
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("{};tag=b", invite.headers.get("To").unwrap()));
        headers.push("To", invite.headers.get("From").unwrap());
        headers.push("Call-ID", invite.call_id());
        headers.push("CSeq", format!("{number} {method}"));
        headers.push("Contact", "<sip:bob@192.0.2.9>");
        if !body.is_empty() {
            request.set_body("application/sdp", body);
        }
        request
    }
}

/// A call from outside, before it is sent.
pub fn invite_from_outside(branch: &str) -> Message {
    let mut request = Message::request("INVITE", "sip:anna@192.0.2.1");
    let headers = &mut request.headers;
    headers.push("Via", format!("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{branch}"));
    headers.push("Max-Forwards", "70");
    headers.push("From", "<sip:bob@pbx.test>;tag=b");
    headers.push("To", "<sip:anna@pbx.test>");
    headers.push("Call-ID", "outside");
    headers.push("CSeq", "5 INVITE");
    headers.push("Contact", "<sip:bob@192.0.2.9>");
    request.set_body("application/sdp", "v=0 offer");
    request
}

/// A request that belongs to such a call.
pub fn like(invite: &Message, method: &str, branch: &str, number: u32, to_tag: &str) -> Message {
    let mut request = Message::request(method, invite.uri());
    request.headers.push("Via", format!("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{branch}"));
    for name in ["Max-Forwards", "From", "Call-ID", "Contact"] {
        request.headers.push(name, invite.headers.get(name).unwrap());
    }
    let to = invite.headers.get("To").unwrap();
    request.headers.push("To", if to_tag.is_empty() { to.to_owned() } else { format!("{to};tag={to_tag}") });
    request.headers.push("CSeq", format!("{number} {method}"));
    request
}

/// Gives true for what is lost, by sender.
pub type Loss = Box<dyn FnMut(usize, &Message) -> bool>;

/// Two agents whose flows end at each other, over a network that loses what the seed says.
pub struct Pair {
    pub agents: [Agent; 2],
    pub now: Instant,
    pub events: [Vec<LineEvent>; 2],
    pub passed: Vec<(usize, Message)>,
    pub lose: Loss,
    wire: Vec<(Instant, usize, Vec<u8>)>,
}

pub const A: usize = 0;
pub const B: usize = 1;

impl Pair {
    pub fn new(transport: Transport) -> Self {
        let now = Instant::now();
        let mut agents =
            [("anna", 1), ("bruno", 2)].map(|(user, seed)| Agent::new(settings(user, transport, seed), now));
        for agent in &mut agents {
            connect(agent, now);
        }
        let mut pair = Self {
            agents,
            now,
            events: [Vec::new(), Vec::new()],
            passed: Vec::new(),
            lose: Box::new(|_, _| false),
            wire: Vec::new(),
        };
        pair.drain();
        pair
    }

    pub fn lossy(seed: u64, loss: f64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut pair = Self::new(Transport::Udp);
        pair.lose = Box::new(move |_, _| rng.random::<f64>() < loss);
        pair
    }

    pub fn command(&mut self, who: usize, command: LineCommand) {
        self.agents[who].handle(Input::Command(command), self.now);
        self.drain();
    }

    fn drain(&mut self) {
        for who in [A, B] {
            while let Some(output) = self.agents[who].poll() {
                match output {
                    Output::Send(bytes) => {
                        let message = Message::parse(&bytes).unwrap();
                        let lost = (self.lose)(who, &message);
                        self.passed.push((who, message));
                        if !lost {
                            self.wire.push((self.now + Duration::from_millis(20), 1 - who, bytes));
                        }
                    }
                    Output::Event(event) => self.events[who].push(event),
                    _ => {}
                }
            }
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.wire.iter().map(|(t, ..)| *t).min();
            let timer = self.agents.iter().filter_map(Agent::next_timeout).min();
            let Some(due) = arrival.into_iter().chain(timer).min().filter(|t| *t <= end) else { break };
            self.now = self.now.max(due);
            let (arrived, later) = std::mem::take(&mut self.wire).into_iter().partition(|(t, ..)| *t <= self.now);
            self.wire = later;
            let arrived: Vec<_> = arrived;
            for (_, to, bytes) in arrived {
                self.agents[to].handle(Input::Received(bytes), self.now);
            }
            for agent in &mut self.agents {
                agent.handle(Input::Time, self.now);
            }
            self.drain();
        }
        self.now = end;
    }

    /// Runs until an event of that side gives something.
    pub fn until<T>(&mut self, who: usize, mut find: impl FnMut(&LineEvent) -> Option<T>) -> T {
        for _ in 0..2000 {
            if let Some(found) = self.events[who].iter().find_map(&mut find) {
                return found;
            }
            self.run(Duration::from_millis(50));
        }
        panic!("it never happened: {:?}", self.events);
    }

    pub fn incoming(&mut self, who: usize) -> CallId {
        self.until(who, |e| match e {
            LineEvent::Incoming { call, .. } => Some(*call),
            _ => None,
        })
    }

    pub fn ended(&mut self, who: usize) -> EndReason {
        self.until(who, |e| match e {
            LineEvent::Ended { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }

    /// A answered call from A to B; gives B's handle.
    pub fn talking(&mut self, call: CallId) -> CallId {
        self.command(A, LineCommand::Invite { call, to: "bruno".into(), sdp: "v=0 a".into() });
        let there = self.incoming(B);
        self.command(B, LineCommand::Ringing { call: there });
        self.command(B, LineCommand::Answer { call: there, sdp: "v=0 b".into() });
        self.until(A, |e| matches!(e, LineEvent::Answered { .. }).then_some(()));
        self.until(B, |e| matches!(e, LineEvent::Acknowledged { .. }).then_some(()));
        there
    }

    pub fn count(&self, who: usize, method: &str, status: u16) -> usize {
        self.passed.iter().filter(|(w, m)| *w == who && m.status() == status && m.method() == method).count()
    }
}
