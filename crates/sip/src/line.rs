//! One account's line: an agent on a real connection.

use crate::agent::{Agent, Input, Output, Role, Settings};
use crate::server::Server;
use crate::transport::{self, Arrival, Connection, Frame};
use crate::{Account, LineCommand, LineError, LineEvent, Trust};
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// A handle to a line. The line closes when [`LineCommand::Close`] is sent or the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Line {
    commands: UnboundedSender<LineCommand>,
}

impl Line {
    /// Checks the account and starts the line; it neither connects nor registers by itself. Needs a Tokio runtime.
    ///
    /// The events end when the line has closed.
    pub fn open(account: Account) -> Result<(Line, UnboundedReceiver<LineEvent>), LineError> {
        let server = Server::parse(&account.server)?;
        let domain = account.domain.clone().filter(|d| !d.is_empty()).unwrap_or_else(|| server.host.clone());
        let bad =
            |text: &str| LineError::BadAddress { address: text.chars().filter(|c| !c.is_control()).take(80).collect() };
        if crate::message::uri::host_port(&domain).is_none() {
            return Err(bad(&domain));
        }
        if account.user.trim().is_empty() || account.user.chars().any(char::is_control) {
            return Err(bad(&account.user));
        }
        let settings = Settings {
            auth_user: account.auth_user.filter(|a| !a.is_empty()).unwrap_or_else(|| account.user.clone()),
            user: account.user,
            display_name: account.display_name,
            domain,
            password: account.password,
            server: account.server,
            transport: server.transport,
            role: Role::Phone,
            first_incoming: 1,
            seed: rand::random(),
        };
        let (commands, wanted) = unbounded_channel();
        let (told, events) = unbounded_channel();
        let driver = Driver {
            agent: Agent::new(settings, Instant::now()),
            server,
            trust: account.trust,
            connecting: None,
            connection: None,
            told,
        };
        tokio::spawn(driver.run(wanted));
        Ok((Line { commands }, events))
    }

    /// Tells the line what to do. After it has closed this does nothing.
    pub fn send(&self, command: LineCommand) {
        let _ = self.commands.send(command);
    }
}

struct Driver {
    agent: Agent,
    server: Server,
    trust: Trust,
    connecting: Option<JoinHandle<Result<Connection, LineError>>>,
    connection: Option<Connection>,
    told: UnboundedSender<LineEvent>,
}

enum Happened {
    Input(Input),
    Connected(Box<Connection>),
    Failed(LineError),
}

impl Driver {
    async fn run(mut self, mut wanted: UnboundedReceiver<LineCommand>) {
        let mut open = true;
        loop {
            let due = self.agent.next_timeout();
            let happened = tokio::select! {
                command = wanted.recv(), if open => match command {
                    Some(command) => Happened::Input(Input::Command(command)),
                    None => {
                        open = false;
                        Happened::Input(Input::Command(LineCommand::Close))
                    }
                },
                result = connected(&mut self.connecting) => match result {
                    Ok(connection) => Happened::Connected(Box::new(connection)),
                    Err(error) => Happened::Failed(error),
                },
                arrival = arrived(&mut self.connection) => match arrival {
                    Arrival::Message(bytes) => Happened::Input(Input::Received(bytes)),
                    Arrival::Alive => Happened::Input(Input::Alive),
                    Arrival::Closed(error) => Happened::Failed(error),
                },
                () = until(due) => Happened::Input(Input::Time),
            };
            let input = match happened {
                Happened::Input(input) => input,
                Happened::Connected(connection) => {
                    let (local, peer) = (connection.local, connection.peer);
                    self.connecting = None;
                    self.connection = Some(*connection);
                    Input::Connected { local, peer }
                }
                Happened::Failed(error) => {
                    self.connecting = None;
                    self.connection = None;
                    Input::Lost(error)
                }
            };
            self.agent.handle(input, Instant::now());
            if self.carry_out() {
                return;
            }
        }
    }

    /// True when the agent has finished.
    fn carry_out(&mut self) -> bool {
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Connect => {
                    let (server, trust) = (self.server.clone(), self.trust.clone());
                    self.connection = None;
                    if let Some(old) = self.connecting.take() {
                        old.abort();
                    }
                    self.connecting = Some(tokio::spawn(async move { transport::connect(&server, &trust).await }));
                }
                Output::Disconnect => {
                    self.connection = None;
                    if let Some(old) = self.connecting.take() {
                        old.abort();
                    }
                }
                Output::Send(bytes) => self.put(Frame::Message(bytes)),
                Output::Ping => self.put(Frame::Ping),
                Output::Event(event) => {
                    let _ = self.told.send(event);
                }
                Output::Finished => return true,
                Output::Bound { .. } | Output::Unbound { .. } => {}
            }
        }
        false
    }

    fn put(&self, frame: Frame) {
        if let Some(connection) = &self.connection {
            // When the task is gone, its last arrival says so.
            let _ = connection.send.send(frame);
        }
    }
}

async fn connected(
    connecting: &mut Option<JoinHandle<Result<Connection, LineError>>>,
) -> Result<Connection, LineError> {
    match connecting {
        Some(task) => task.await.unwrap_or(Err(LineError::ConnectionLost)),
        None => std::future::pending().await,
    }
}

async fn arrived(connection: &mut Option<Connection>) -> Arrival {
    match connection {
        Some(connection) => connection.arrivals.recv().await.unwrap_or(Arrival::Closed(LineError::ConnectionLost)),
        None => std::future::pending().await,
    }
}

pub(crate) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
