//! Flows over real sockets. A flow is a pair of channels; a task of its own moves the bytes.

mod resolve;
mod stream;
mod tls;
mod udp;
pub(crate) mod ws;

use crate::server::{Server, Transport};
use crate::{LineError, Trust};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// For each step: TCP, TLS, WebSocket.
const STEP: Duration = Duration::from_secs(5);
/// Messages the agent has not taken yet; the far end waits beyond.
const ARRIVALS: usize = 64;

/// What goes out.
pub(crate) enum Frame {
    Message(Vec<u8>),
    Ping,
}

/// What comes in.
pub(crate) enum Arrival {
    Message(Vec<u8>),
    Alive,
    Closed(LineError),
}

/// One flow. When `send` is dropped, what was sent still goes out, then the socket is closed.
pub(crate) struct Connection {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    pub send: mpsc::UnboundedSender<Frame>,
    pub arrivals: mpsc::Receiver<Arrival>,
}

/// The task's ends of the channels.
struct Ends {
    outgoing: mpsc::UnboundedReceiver<Frame>,
    arrivals: mpsc::Sender<Arrival>,
}

fn channels(local: SocketAddr, peer: SocketAddr) -> (Connection, Ends) {
    let (send, outgoing) = mpsc::unbounded_channel();
    let (arrived, arrivals) = mpsc::channel(ARRIVALS);
    (Connection { local, peer, send, arrivals }, Ends { outgoing, arrivals: arrived })
}

/// Connects to the first of the server's addresses that answers. The error is that of the first attempt: the others are only
/// fall-backs.
pub(crate) async fn connect(server: &Server, trust: &Trust) -> Result<Connection, LineError> {
    let mut first_error = None;
    for address in resolve::addresses(server).await? {
        match connect_to(server, trust, address).await {
            Ok(connection) => return Ok(connection),
            Err(error) => {
                tracing::debug!(%address, code = error.code(), "no connection");
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or(LineError::NoSuchHost { host: server.host.clone() }))
}

async fn connect_to(server: &Server, trust: &Trust, address: SocketAddr) -> Result<Connection, LineError> {
    if server.transport == Transport::Udp {
        return udp::connect(address).await.map_err(|e| of_io(&e));
    }
    let socket = step(TcpStream::connect(address)).await?.map_err(|e| of_io(&e))?;
    // Signalling is small messages: each one counts at once.
    let _ = socket.set_nodelay(true);
    let local = socket.local_addr().map_err(|e| of_io(&e))?;
    match server.transport {
        Transport::Ws => ws::connect(socket, server, local, address).await,
        Transport::Tcp => Ok(stream::start(socket, local, address)),
        Transport::Wss => ws::connect(tls::connect(socket, server, trust).await?, server, local, address).await,
        Transport::Tls => Ok(stream::start(tls::connect(socket, server, trust).await?, local, address)),
        Transport::Udp => Err(LineError::ConnectionLost),
    }
}

async fn step<T>(work: impl Future<Output = T>) -> Result<T, LineError> {
    timeout(STEP, work).await.map_err(|_| LineError::Timeout)
}

fn of_io(error: &io::Error) -> LineError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => LineError::Refused,
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            LineError::Timeout
        }
        _ => LineError::ConnectionLost,
    }
}
