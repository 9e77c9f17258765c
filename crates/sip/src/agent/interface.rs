//! What goes into an agent and what comes out.

use super::Transport;
use crate::api::{CallId, LineCommand, LineError, LineEvent, Party};
use secrecy::SecretString;
use std::net::SocketAddr;

/// Who the agent is.
pub struct Settings {
    /// User part of the address of record.
    pub user: String,
    /// Shown to those we call.
    pub display_name: String,
    /// Domain of the address of record.
    pub domain: String,
    /// User name for digests.
    pub auth_user: String,
    /// Password for digests.
    pub password: SecretString,
    /// The server as the account names it.
    pub server: String,
    /// How SIP travels.
    pub transport: Transport,
    /// Which side we are.
    pub role: Role,
    /// Number of the first call that comes in; the top bit is added.
    pub first_incoming: u64,
    /// For tokens, tags and random waits.
    pub seed: [u8; 32],
}

/// Which side we are.
pub enum Role {
    /// Registers with a server.
    Phone,
    /// Lets phones register: users and their passwords.
    Switchboard(Vec<(String, SecretString)>),
}

/// What happens to the agent.
#[derive(Debug)]
pub enum Input {
    /// The phone wants something.
    Command(LineCommand),
    /// A call with all details given (the switchboard's way to call a phone).
    Dial(Dial),
    /// The flow asked for by [`Output::Connect`] is there.
    Connected {
        /// Our end.
        local: SocketAddr,
        /// The server's end.
        peer: SocketAddr,
    },
    /// The flow could not be made, or broke.
    Lost(LineError),
    /// One datagram, WebSocket frame or framed message.
    Received(Vec<u8>),
    /// The far end answered a ping.
    Alive,
    /// Time has passed.
    Time,
}

/// A call with all details given.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Handle.
    pub call: CallId,
    /// Request-URI.
    pub target: String,
    /// Address in To.
    pub to: String,
    /// In From instead of ourselves.
    pub from: Option<Party>,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// Offer.
    pub sdp: String,
}

/// What the agent wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Make a flow to the server; [`Input::Connected`] or [`Input::Lost`] answers.
    Connect,
    /// Close the flow, after what has been sent.
    Disconnect,
    /// Send this message.
    Send(Vec<u8>),
    /// Send a keep-alive: a ping frame on a WebSocket, a double CRLF elsewhere.
    Ping,
    /// Tell the phone.
    Event(LineEvent),
    /// A phone registered here.
    Bound {
        /// User part.
        user: String,
        /// Its Contact address.
        contact: String,
    },
    /// A phone is gone from here.
    Unbound {
        /// User part.
        user: String,
    },
    /// Everything is closed; the agent may be dropped.
    Finished,
}
