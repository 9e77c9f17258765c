//! The practice switchboard: a registrar on a loopback WebSocket. Each connection hosts a user agent, so a simulated customer
//! calls a registered phone, and is called by it, over the phone's own path.

use crate::agent::{Agent, Dial, Input, Output, Role, Settings, Transport};
use crate::line::until;
use crate::transport::{Arrival, Connection, Frame, ws};
use crate::{CallId, LineCommand, LineError, LineEvent, Party, SwitchboardEvent};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No phone is registered under that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("No phone is registered as {user}.")]
pub struct NotRegistered {
    /// The name.
    pub user: String,
}

/// How long calls wait for a phone whose connection broke.
const PATIENCE: Duration = Duration::from_secs(60);
/// A connection must become a WebSocket within this time.
const HANDSHAKE: Duration = Duration::from_secs(5);

type Bindings = Arc<Mutex<BTreeMap<String, (u64, String)>>>;

/// A small SIP registrar and the far end of its calls.
#[derive(Debug)]
pub struct Switchboard {
    address: SocketAddr,
    domain: String,
    bindings: Bindings,
    orders: UnboundedSender<Order>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Call(u64, Dial),
    Command(LineCommand),
    Cut,
    Close(oneshot::Sender<()>),
}

impl Switchboard {
    /// Listens. `users` are names and passwords; `domain` is also the realm.
    pub async fn bind(
        addr: SocketAddr,
        domain: &str,
        users: Vec<(String, SecretString)>,
    ) -> io::Result<(Switchboard, UnboundedReceiver<SwitchboardEvent>)> {
        let listener = TcpListener::bind(addr).await?;
        let address = listener.local_addr()?;
        let (orders, ordered) = unbounded_channel();
        let (told, events) = unbounded_channel();
        let (arrived, arrivals) = channel(256);
        let bindings = Bindings::default();
        let house = House {
            domain: domain.to_owned(),
            users,
            bindings: bindings.clone(),
            rooms: BTreeMap::new(),
            owners: BTreeMap::new(),
            next: 1,
            arrived,
            told,
        };
        let task = tokio::spawn(house.run(listener, ordered, arrivals));
        Ok((Switchboard { address, domain: domain.to_owned(), bindings, orders, task }, events))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls a registered phone.
    pub fn call(
        &self,
        user: &str,
        call: CallId,
        from: Party,
        headers: Vec<(String, String)>,
        sdp: String,
    ) -> Result<(), NotRegistered> {
        let binding = self.bindings.lock().unwrap_or_else(PoisonError::into_inner).get(user).cloned();
        let (room, target) = binding.ok_or_else(|| NotRegistered { user: user.to_owned() })?;
        let to = format!("sip:{}@{}", crate::message::uri::escape_user(user), self.domain);
        let _ = self.orders.send(Order::Call(room, Dial { call, target, to, from: Some(from), headers, sdp }));
        Ok(())
    }

    /// For calls of either direction.
    pub fn send(&self, command: LineCommand) {
        let _ = self.orders.send(Order::Command(command));
    }

    /// Breaks every connection without a word, as a network does: for practising and testing the way back.
    pub fn cut(&self) {
        let _ = self.orders.send(Order::Cut);
    }

    /// Ends all calls and stops listening.
    pub async fn close(self) {
        let (done, finished) = oneshot::channel();
        if self.orders.send(Order::Close(done)).is_ok() {
            let _ = finished.await;
        }
        let _ = self.task.await;
    }
}

/// One connection's agent.
struct Room {
    agent: Agent,
    link: Option<UnboundedSender<Frame>>,
    /// Arrivals carry it; those of an older link no longer count.
    link_number: u64,
    user: Option<String>,
    empty_since: Option<Instant>,
}

struct House {
    domain: String,
    users: Vec<(String, SecretString)>,
    bindings: Bindings,
    rooms: BTreeMap<u64, Room>,
    owners: BTreeMap<CallId, u64>,
    next: u64,
    arrived: Sender<(u64, Arrival)>,
    told: UnboundedSender<SwitchboardEvent>,
}

impl House {
    async fn run(
        mut self,
        listener: TcpListener,
        mut ordered: UnboundedReceiver<Order>,
        mut arrivals: Receiver<(u64, Arrival)>,
    ) {
        let (opened, mut openings) = channel(16);
        // Dropped at the end, which is what the one who closes waits for.
        let mut closing: Option<oneshot::Sender<()>> = None;
        let mut held = true;
        loop {
            let due = self.rooms.values().filter_map(Room::due).min();
            if closing.is_some() && self.rooms.is_empty() {
                return drop(closing);
            }
            tokio::select! {
                accepted = listener.accept(), if closing.is_none() => match accepted {
                    Ok((socket, peer)) => drop(tokio::spawn(welcome(socket, peer, opened.clone()))),
                    Err(error) => tracing::warn!(%error, "switchboard cannot accept"),
                },
                Some(connection) = openings.recv(), if closing.is_none() => self.open(connection),
                Some((link, arrival)) = arrivals.recv() => self.arrive(link, arrival),
                () = until(due) => self.pass_time(),
                order = ordered.recv(), if held => match order {
                    Some(Order::Call(room, dial)) => {
                        self.owners.insert(dial.call, room);
                        let call = dial.call;
                        if !self.give(room, Input::Dial(dial)) {
                            self.tell(LineEvent::Ended { call, reason: crate::EndReason::LineLost });
                        }
                    }
                    Some(Order::Command(command)) => self.command(command),
                    Some(Order::Cut) => self.cut(),
                    Some(Order::Close(done)) => {
                        self.close_all();
                        closing = Some(done);
                    }
                    // The handle was dropped: the same, with nobody waiting.
                    None => {
                        held = false;
                        self.close_all();
                        closing.get_or_insert_with(|| oneshot::channel().0);
                    }
                },
            }
        }
    }

    fn open(&mut self, connection: Connection) {
        let number = self.next;
        self.next += 1;
        let settings = Settings {
            user: "switchboard".to_owned(),
            display_name: String::new(),
            domain: self.domain.clone(),
            auth_user: "switchboard".to_owned(),
            password: SecretString::default(),
            server: String::new(),
            transport: Transport::Ws,
            role: Role::Switchboard(self.users.clone()),
            // Each connection numbers its calls in a range of its own.
            first_incoming: number << 32,
            seed: rand::random(),
        };
        let agent = Agent::new(settings, Instant::now());
        let room =
            Room { agent, link: Some(connection.send.clone()), link_number: number, user: None, empty_since: None };
        self.rooms.insert(number, room);
        let (local, peer) = (connection.local, connection.peer);
        tokio::spawn(forward(number, connection.arrivals, self.arrived.clone()));
        self.give(number, Input::Connected { local, peer });
    }

    fn arrive(&mut self, link: u64, arrival: Arrival) {
        let Some(room) = self.rooms.iter().find(|(_, r)| r.link_number == link && r.link.is_some()).map(|(n, _)| *n)
        else {
            return;
        };
        let input = match arrival {
            Arrival::Message(bytes) => Input::Received(bytes),
            Arrival::Alive => Input::Alive,
            Arrival::Closed(error) => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.link = None;
                    room.empty_since = Some(Instant::now());
                }
                Input::Lost(error)
            }
        };
        self.give(room, input);
    }

    fn command(&mut self, command: LineCommand) {
        use LineCommand as C;
        let call = match &command {
            C::Ringing { call } | C::HangUp { call } => *call,
            C::Answer { call, .. } | C::Reject { call, .. } | C::Reoffer { call, .. } => *call,
            C::AnswerReoffer { call, .. } | C::RejectReoffer { call, .. } | C::Info { call, .. } => *call,
            // A switchboard neither registers nor dials by itself.
            C::Register | C::Unregister | C::Invite { .. } | C::Close => return,
        };
        if let Some(room) = self.owners.get(&call).copied() {
            self.give(room, Input::Command(command));
        }
    }

    fn pass_time(&mut self) {
        let now = Instant::now();
        let due: Vec<u64> =
            self.rooms.iter().filter(|(_, r)| r.due().is_some_and(|t| t <= now)).map(|(n, _)| *n).collect();
        for number in due {
            self.give(number, Input::Time);
            let given_up = |r: &Room| r.empty_since.is_some_and(|t| t + PATIENCE <= now);
            if self.rooms.get(&number).is_some_and(given_up) {
                for call in self.rooms.remove(&number).map(|r| r.agent.calls()).unwrap_or_default() {
                    self.owners.remove(&call);
                    self.tell(LineEvent::Ended { call, reason: crate::EndReason::LineLost });
                }
            }
        }
    }

    fn cut(&mut self) {
        let all: Vec<u64> = self.rooms.keys().copied().collect();
        for number in all {
            if let Some(room) = self.rooms.get_mut(&number)
                && room.link.take().is_some()
            {
                room.empty_since = Some(Instant::now());
                self.give(number, Input::Lost(LineError::ConnectionLost));
            }
        }
    }

    fn close_all(&mut self) {
        let all: Vec<u64> = self.rooms.keys().copied().collect();
        for number in all {
            self.give(number, Input::Command(LineCommand::Close));
        }
    }

    /// Gives an input to an agent and carries out what it wants; false when the room is gone.
    fn give(&mut self, number: u64, input: Input) -> bool {
        let Some(room) = self.rooms.get_mut(&number) else { return false };
        room.agent.handle(input, Instant::now());
        let mut told = Vec::new();
        let mut bound = None;
        while let Some(output) = room.agent.poll() {
            match output {
                Output::Send(bytes) => {
                    if let Some(link) = &room.link {
                        let _ = link.send(Frame::Message(bytes));
                    }
                }
                Output::Event(LineEvent::Registration(_)) | Output::Connect | Output::Ping => {}
                // Dropping the link lets its last words out.
                Output::Disconnect | Output::Finished => room.link = None,
                Output::Event(event) => told.push(event),
                Output::Bound { user, contact } => bound = Some((user, contact)),
                Output::Unbound { user } => {
                    let mut bindings = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
                    // A phone that came back over another connection stays.
                    if bindings.get(&user).is_some_and(|(room, _)| *room == number) {
                        bindings.remove(&user);
                        drop(bindings);
                        let _ = self.told.send(SwitchboardEvent::Unregistered { user });
                    }
                }
            }
        }
        if room.link.is_none() && room.agent.calls().is_empty() {
            self.rooms.remove(&number);
        }
        for event in told {
            match &event {
                LineEvent::Incoming { call, .. } => {
                    self.owners.insert(*call, number);
                }
                LineEvent::Ended { call, .. } => {
                    self.owners.remove(call);
                }
                _ => {}
            }
            self.tell(event);
        }
        if let Some((user, contact)) = bound {
            self.bound(number, user, contact);
        }
        true
    }

    /// A phone is here. When its older connection left calls behind, they move to the new one.
    fn bound(&mut self, number: u64, user: String, contact: String) {
        let older = self
            .rooms
            .iter()
            .find(|(n, r)| **n != number && r.user.as_deref() == Some(&user) && !r.agent.calls().is_empty());
        let mut home = number;
        if let Some(older) = older.map(|(n, _)| *n)
            && let Some(newer) = self.rooms.remove(&number)
            && let Some(room) = self.rooms.get_mut(&older)
        {
            room.agent.take_over(newer.agent);
            room.link = newer.link;
            room.link_number = newer.link_number;
            room.empty_since = None;
            home = older;
        }
        if let Some(room) = self.rooms.get_mut(&home) {
            room.user = Some(user.clone());
        }
        let before = self.bindings.lock().unwrap_or_else(PoisonError::into_inner).insert(user.clone(), (home, contact));
        if before.is_none() {
            let _ = self.told.send(SwitchboardEvent::Registered { user });
        }
        // What waited for the phone goes out now.
        self.give(home, Input::Time);
    }

    fn tell(&self, event: LineEvent) {
        let _ = self.told.send(SwitchboardEvent::Call(event));
    }
}

impl Room {
    fn due(&self) -> Option<Instant> {
        let patience = self.empty_since.map(|t| t + PATIENCE);
        match (self.agent.next_timeout(), patience) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

async fn welcome(socket: TcpStream, peer: SocketAddr, opened: Sender<Connection>) {
    let _ = socket.set_nodelay(true);
    let Ok(local) = socket.local_addr() else { return };
    if let Ok(Ok(connection)) = tokio::time::timeout(HANDSHAKE, ws::accept(socket, local, peer)).await {
        let _ = opened.send(connection).await;
    }
}

async fn forward(link: u64, mut arrivals: Receiver<Arrival>, house: Sender<(u64, Arrival)>) {
    while let Some(arrival) = arrivals.recv().await {
        if house.send((link, arrival)).await.is_err() {
            return;
        }
    }
    let _ = house.send((link, Arrival::Closed(LineError::ConnectionLost))).await;
}
