//! The user agent without I/O: [`Agent::handle`] takes commands, bytes and time, [`Agent::poll`] gives what to do, and
//! [`Agent::next_timeout`] says when to come back.
//!
//! An agent has one flow: the connection to the account's server. Everything it sends goes there, so the server is also the
//! outbound proxy, and no digest can travel any other way.

mod auth;
mod call;
mod incoming;
mod interface;
mod invite;
mod registrar;
mod registration;
mod reoffer;
mod wire;

pub use crate::server::Transport;
pub use interface::{Dial, Input, Output, Role, Settings};

use crate::api::{CallId, EndReason, LineCommand, LineError, LineEvent};
use crate::digest::Wallet;
use crate::message::Message;
use crate::transaction::{Action, LONG};
use call::{Call, Phase};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use registrar::Registrar;
use registration::Registering;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use wire::{ClientTransaction, Purpose, ServerTransaction};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Down,
    Connecting,
    Up { local: SocketAddr, peer: SocketAddr },
}

/// How long [`LineCommand::Close`] waits for the far ends.
const CLOSING: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_secs(25);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// The user agent.
pub struct Agent {
    settings: Settings,
    rng: StdRng,
    now: Instant,
    out: VecDeque<Output>,
    flow: Flow,
    /// Where the server sees us, when that is not our own address (RFC 3581).
    seen_as: Option<(String, u16)>,
    clients: BTreeMap<String, ClientTransaction>,
    servers: BTreeMap<String, ServerTransaction>,
    /// Requests that end calls and wait for the next flow.
    waiting: Vec<(Message, Purpose)>,
    calls: BTreeMap<CallId, Call>,
    registering: Registering,
    registrar: Option<Registrar>,
    wallet: Wallet,
    contact_user: String,
    invalid_host: String,
    instance: String,
    next_incoming: u64,
    ping_at: Option<Instant>,
    pong_due: Option<Instant>,
    pongs: bool,
    closing: Option<Instant>,
    finished: bool,
    /// Our public address was told to the registrar on this flow.
    rebound: bool,
}

impl Agent {
    /// An agent without a flow.
    pub fn new(mut settings: Settings, now: Instant) -> Self {
        let mut rng = StdRng::from_seed(settings.seed);
        let wallet = Wallet::new(&settings.auth_user, settings.password.clone());
        let registrar = match std::mem::replace(&mut settings.role, Role::Phone) {
            Role::Phone => None,
            Role::Switchboard(users) => {
                Some(Registrar::new(users, settings.domain.clone(), format!("{:032x}", rng.random::<u128>())))
            }
        };
        let (contact_user, host, uuid) = (rng.random::<u64>(), rng.random::<u64>(), rng.random::<u128>());
        // Version 4, variant 1 (RFC 9562).
        let uuid = format!("{:032x}", (uuid & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62));
        Self {
            registering: Registering::new(
                format!("{:016x}", rng.random::<u64>()),
                format!("{:016x}", rng.random::<u64>()),
            ),
            next_incoming: settings.first_incoming | 1 << 63,
            settings,
            rng,
            now,
            out: VecDeque::new(),
            flow: Flow::Down,
            seen_as: None,
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            waiting: Vec::new(),
            calls: BTreeMap::new(),
            registrar,
            wallet,
            contact_user: format!("{contact_user:016x}"),
            // A browser-like client has no name of its own (RFC 7118 5); so do we on WebSocket.
            invalid_host: format!("{:012x}.invalid", host >> 16),
            instance: format!("{}-{}-{}-{}-{}", &uuid[..8], &uuid[8..12], &uuid[12..16], &uuid[16..20], &uuid[20..]),
            ping_at: None,
            pong_due: None,
            pongs: false,
            closing: None,
            finished: false,
            rebound: false,
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.now = self.now.max(now);
        match input {
            Input::Command(command) => self.command(command),
            Input::Dial(dial) => self.dial(dial),
            Input::Connected { local, peer } => self.connected(local, peer),
            Input::Lost(error) => self.lost(error),
            Input::Received(bytes) => {
                self.pong_due = None;
                self.receive(&bytes);
            }
            Input::Alive => {
                self.pong_due = None;
                self.pongs = true;
            }
            Input::Time => {}
        }
        self.pass_time();
    }

    /// What to do next; ask until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Time`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        let transactions = self.clients.values().map(|c| c.machine.deadline());
        let servers = self.servers.values().map(|s| s.machine.deadline());
        transactions
            .chain(servers)
            .chain(self.calls.values().map(Call::deadline))
            .chain([
                self.registering.deadline(),
                self.registrar.as_ref().and_then(Registrar::deadline),
                self.ping_at,
                self.pong_due,
                self.closing,
            ])
            .flatten()
            .min()
    }

    /// Calls that are not over.
    pub fn calls(&self) -> Vec<CallId> {
        self.calls.iter().filter(|(_, c)| c.phase != Phase::Over).map(|(id, _)| *id).collect()
    }

    fn command(&mut self, command: LineCommand) {
        match command {
            LineCommand::Register => self.register(),
            LineCommand::Unregister => self.unregister(),
            LineCommand::Invite { call, to, sdp } => match crate::target::address(&to, &self.settings.domain) {
                Ok(target) => {
                    self.dial(Dial { call, to: target.clone(), target, from: None, headers: Vec::new(), sdp })
                }
                Err(error) => {
                    let reason = EndReason::Refused { status: 484, reason: error.to_string() };
                    self.event(LineEvent::Ended { call, reason });
                }
            },
            LineCommand::Ringing { call } => self.ring(call),
            LineCommand::Answer { call, sdp } => self.answer(call, &sdp),
            LineCommand::Reject { call, status } => self.reject(call, status),
            LineCommand::HangUp { call } => self.hang_up(call),
            LineCommand::Reoffer { call, sdp } => self.reoffer(call, sdp),
            LineCommand::AnswerReoffer { call, sdp } => self.answer_reoffer(call, &sdp),
            LineCommand::RejectReoffer { call, status } => self.reject_reoffer(call, status),
            LineCommand::Info { call, content_type, body } => self.info(call, &content_type, &body),
            LineCommand::Close => self.close(),
        }
    }

    fn connected(&mut self, local: SocketAddr, peer: SocketAddr) {
        self.flow = Flow::Up { local, peer };
        self.seen_as = None;
        self.pong_due = None;
        self.pongs = false;
        if self.registrar.is_some() {
            self.send_waiting();
        } else {
            self.ping_at = Some(self.now + PING_EVERY);
            self.register_on_new_flow();
        }
    }

    /// The flow is gone. Calls that were taken live on; those that only rang cannot be finished without it.
    fn lost(&mut self, error: LineError) {
        self.flow = Flow::Down;
        self.flow_gone();
        if let Some(user) = self.registrar.as_mut().and_then(Registrar::unbind) {
            self.out.push_back(Output::Unbound { user });
        }
        self.registration_lost(error);
        self.finish_if_closed();
    }

    /// A phone came back over a new flow: its binding and flow move from the agent that met it to the one with its calls.
    pub(crate) fn take_over(&mut self, newer: Agent) {
        self.registrar = newer.registrar;
        self.servers = newer.servers;
        self.flow = newer.flow;
        self.now = self.now.max(newer.now);
        self.send_waiting();
    }

    fn flow_gone(&mut self) {
        self.ping_at = None;
        self.pong_due = None;
        self.servers.clear();
        self.registering.flow_replaced = true;
        for (_, client) in std::mem::take(&mut self.clients) {
            if let (Purpose::Bye, true) = (&client.purpose, client.machine.is_pending()) {
                self.wait_for_flow(client.request, Purpose::Bye);
            }
        }
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.call_lost_flow(id);
        }
    }

    fn close(&mut self) {
        if self.closing.is_some() {
            return;
        }
        for call in self.calls() {
            self.hang_up(call);
        }
        self.closing = Some(self.now + CLOSING);
        self.unregister();
        self.finish_if_closed();
    }

    fn finish_if_closed(&mut self) {
        let Some(until) = self.closing else { return };
        let late = until <= self.now;
        let unconfirmed: Vec<CallId> = self.calls.iter().filter(|(_, c)| c.bye_after_ack).map(|(id, _)| *id).collect();
        if late {
            for call in &unconfirmed {
                self.with_call(*call, |agent, call| agent.bye(call));
            }
        }
        let pending = !unconfirmed.is_empty() || self.clients.values().any(|c| c.machine.is_pending());
        if (late || !self.is_up() || !pending) && !self.finished {
            self.finished = true;
            self.flow = Flow::Down;
            self.ping_at = None;
            self.pong_due = None;
            self.out.push_back(Output::Disconnect);
            self.out.push_back(Output::Finished);
        }
        if self.finished {
            self.closing = None;
            self.clients.clear();
            self.servers.clear();
            self.calls.clear();
        }
    }

    fn pass_time(&mut self) {
        let now = self.now;
        self.pass_transactions();
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.pass_call(id);
        }
        self.pass_registration();
        if let Some(user) = self.registrar.as_mut().and_then(|r| r.expire(now)) {
            self.out.push_back(Output::Unbound { user });
        }
        if self.pong_due.is_some_and(|t| t <= now) {
            self.disconnect();
            self.lost(LineError::ConnectionLost);
        }
        if self.ping_at.is_some_and(|t| t <= now) {
            self.ping_at = Some(now + PING_EVERY);
            self.out.push_back(Output::Ping);
            // RFC 6455 obliges to answer a ping frame. A CRLF pong is owed only by those who know RFC 5626: expected once seen.
            if self.settings.transport.is_web() || self.pongs {
                self.pong_due = Some(now + PONG_WITHIN);
            }
        }
        self.finish_if_closed();
    }

    fn pass_transactions(&mut self) {
        let now = self.now;
        let due: Vec<String> = self
            .clients
            .iter()
            .filter(|(_, c)| c.machine.deadline().is_some_and(|t| t <= now))
            .map(|(k, _)| k.clone())
            .collect();
        for key in due {
            let Some(client) = self.clients.get_mut(&key) else { continue };
            let action = client.machine.on_time(now);
            match action {
                Action::Retransmit => self.out.push_back(Output::Send(client.wire.clone())),
                Action::TimedOut => {
                    if let Some(client) = self.clients.remove(&key) {
                        self.client_timed_out(client);
                    }
                }
                _ => {}
            }
        }
        self.clients.retain(|_, c| !c.machine.is_over());
        for server in self.servers.values_mut().filter(|s| s.machine.deadline().is_some_and(|t| t <= now)) {
            if server.machine.on_time(now) == Action::Retransmit
                && let Some(wire) = &server.wire
            {
                self.out.push_back(Output::Send(wire.clone()));
            }
        }
        self.servers.retain(|_, s| !s.machine.is_over());
    }

    fn client_timed_out(&mut self, client: ClientTransaction) {
        match client.purpose {
            Purpose::Register => self.register_timed_out(),
            Purpose::Invite(call) => self.invite_timed_out(call),
            Purpose::Reinvite(call) => self.reinvite_failed(call, 408, None),
            Purpose::Bye | Purpose::Cancel | Purpose::Info => {}
        }
    }

    fn event(&mut self, event: LineEvent) {
        self.out.push_back(Output::Event(event));
    }

    fn token(&mut self) -> String {
        format!("{:016x}", self.rng.random::<u64>())
    }

    fn disconnect(&mut self) {
        if self.flow != Flow::Down {
            self.out.push_back(Output::Disconnect);
        }
        self.flow = Flow::Down;
    }

    fn is_up(&self) -> bool {
        matches!(self.flow, Flow::Up { .. })
    }

    fn with_call<R>(&mut self, id: CallId, act: impl FnOnce(&mut Self, &mut Call) -> R) -> Option<R> {
        let mut call = self.calls.remove(&id)?;
        let result = act(self, &mut call);
        self.calls.insert(id, call);
        Some(result)
    }

    fn end(&mut self, id: CallId, call: &mut Call, reason: EndReason) {
        if call.phase != Phase::Over {
            call.phase = Phase::Over;
            call.forget_at = Some(self.now + LONG);
            self.event(LineEvent::Ended { call: id, reason });
        }
    }
}
