//! The words of this crate: commands, events, reasons.

use cuffia_tls::Trust;
use secrecy::SecretString;
use std::time::Duration;

/// A place at a switchboard.
#[derive(Clone, Debug)]
pub struct Account {
    /// `wss://pbx.example/ws`, `ws://…`, `sip:pbx.example;transport=udp|tcp|tls` or `sips:pbx.example`.
    pub server: String,
    /// User part of the address of record.
    pub user: String,
    /// Never logged, never written anywhere but into a digest.
    pub password: SecretString,
    /// Shown to those we call.
    pub display_name: String,
    /// Domain of the address of record; the host of `server` when absent.
    pub domain: Option<String>,
    /// User name for digests; `user` when absent.
    pub auth_user: Option<String>,
    /// Whose certificates are believed.
    pub trust: Trust,
}

/// Local handle of a call, chosen by whoever begins it. Calls that come in have the top bit set, so they never clash with ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

/// What the phone wants of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineCommand {
    /// Connect and register, and keep it so. After a wrong password this is also how to try again.
    Register,
    /// Give the registration back.
    Unregister,
    /// Call someone.
    Invite {
        /// Our handle.
        call: CallId,
        /// As typed: number, name or address.
        to: String,
        /// Our offer.
        sdp: String,
    },
    /// Tell the caller that it rings.
    Ringing {
        /// Which call.
        call: CallId,
    },
    /// Take the call. After an offer this is the answer; without one it is our offer.
    Answer {
        /// Which call.
        call: CallId,
        /// Session description.
        sdp: String,
    },
    /// Refuse a call that rings. [`LineEvent::Ended`] with [`EndReason::HungUpHere`] follows at once.
    Reject {
        /// Which call.
        call: CallId,
        /// 300 to 699, mostly 486 or 603.
        status: u16,
    },
    /// End the call, whatever state it is in: CANCEL, BYE or a final response. [`LineEvent::Ended`] follows at once.
    HangUp {
        /// Which call.
        call: CallId,
    },
    /// Change a running call (hold, resume, new media path). Waits while another change is open; only the newest one waits.
    Reoffer {
        /// Which call.
        call: CallId,
        /// The new offer.
        sdp: String,
    },
    /// Agree to the far end's change.
    AnswerReoffer {
        /// Which call.
        call: CallId,
        /// Answer, or our offer when theirs was empty.
        sdp: String,
    },
    /// Refuse the far end's change; the call goes on as it was.
    RejectReoffer {
        /// Which call.
        call: CallId,
        /// Mostly 488.
        status: u16,
    },
    /// Send an INFO.
    Info {
        /// Which call.
        call: CallId,
        /// Such as `application/dtmf-relay`.
        content_type: String,
        /// Its body.
        body: String,
    },
    /// End all calls, give the registration back and stop.
    Close,
}

/// What a line tells the phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// The registration changed.
    Registration(Registration),
    /// Someone calls.
    Incoming {
        /// Our handle for it.
        call: CallId,
        /// Who calls.
        from: Party,
        /// Whom they meant: user part of To.
        called: String,
        /// P-Asserted-Identity, Diversion, all X- fields and a few more that say who calls and for which queue.
        headers: Vec<(String, String)>,
        /// Their offer; absent when they want ours (then [`LineEvent::Acknowledged`] brings their answer).
        offer: Option<String>,
    },
    /// Our call is under way.
    Progress {
        /// Which call.
        call: CallId,
        /// 180 rings, 183 progress, 181 forwarded, 182 queued.
        status: u16,
        /// Early media.
        sdp: Option<String>,
    },
    /// Our call was taken.
    Answered {
        /// Which call.
        call: CallId,
        /// Their answer.
        sdp: String,
        /// As in [`LineEvent::Incoming`].
        headers: Vec<(String, String)>,
    },
    /// The far end confirmed our 200.
    Acknowledged {
        /// Which call.
        call: CallId,
        /// Their answer when the offer was ours.
        sdp: Option<String>,
    },
    /// The far end wants to change the call: answer or reject it.
    Reoffered {
        /// Which call.
        call: CallId,
        /// Their offer; absent when they want ours.
        sdp: Option<String>,
    },
    /// Our change was agreed to.
    ReofferAnswered {
        /// Which call.
        call: CallId,
        /// Their answer.
        sdp: String,
    },
    /// Our change was refused; the call goes on as it was.
    ReofferRefused {
        /// Which call.
        call: CallId,
        /// 408 after silence, 503 when the connection was lost meanwhile.
        status: u16,
    },
    /// An INFO came within a call.
    Info {
        /// Which call.
        call: CallId,
        /// Such as `application/dtmf-relay`.
        content_type: String,
        /// Its body.
        body: String,
    },
    /// A lost connection was replaced and registered again. These calls live on, but the far end does not know the new path
    /// until each sends a [`LineCommand::Reoffer`].
    FlowReplaced {
        /// Calls that were running.
        calls: Vec<CallId>,
    },
    /// The call is over. Nothing about it follows.
    Ended {
        /// Which call.
        call: CallId,
        /// Why.
        reason: EndReason,
    },
}

/// State of the registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// On the way.
    Connecting,
    /// Calls can come in. Told once, not at every refresh; again after a loss.
    Registered {
        /// As the account names it.
        server: String,
        /// What the server granted.
        expires_s: u32,
    },
    /// Not registered.
    Failed {
        /// Why.
        error: LineError,
        /// When it is tried again by itself; absent when a person must act first.
        retry_in: Option<Duration>,
    },
    /// Given back, as asked.
    Unregistered,
}

/// Someone at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Display name.
    pub display_name: Option<String>,
    /// User part, mostly a number; escapes undone.
    pub user: String,
    /// Host part.
    pub host: String,
    /// The network vouches for it (RFC 3325).
    pub asserted: bool,
}

/// Why a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// By us.
    HungUpHere,
    /// By the far end after it was taken.
    HungUpThere {
        /// Text of a Reason field.
        cause: Option<String>,
    },
    /// The caller gave up, or someone else took it.
    CancelledThere {
        /// Taken elsewhere: not a missed call.
        elsewhere: bool,
    },
    /// 486, 600.
    Busy,
    /// 603.
    Declined,
    /// 404, 410, 484, 604.
    NotFound,
    /// 408, 480.
    NoAnswer,
    /// Any other refusal.
    Refused {
        /// Status code.
        status: u16,
        /// The server's words.
        reason: String,
    },
    /// 3xx; never followed by itself.
    Redirected {
        /// Where the caller should try.
        to: String,
    },
    /// No response, no ACK, or a session that was not refreshed.
    TimedOut,
    /// The connection to the server was lost before the call was taken, or there was none.
    LineLost,
}

/// Why there is no registration or no connection. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// DNS knows no such name.
    #[error(
        "There is no server named {host}. Check the address for a typing error, or the connection to the internet."
    )]
    NoSuchHost {
        /// The name.
        host: String,
    },
    /// Nothing listens there.
    #[error(
        "The server refuses connections on this address and port. Check the port, or ask whether the server is running."
    )]
    Refused,
    /// Silence.
    #[error("The server does not answer. Check the connection to the internet, a VPN or a firewall.")]
    Timeout,
    /// TLS does not trust the server.
    #[error(
        "The server's certificate is not trusted ({reason}). Ask your administrator; do not enter the password elsewhere."
    )]
    BadCertificate {
        /// What is wrong with it.
        reason: String,
    },
    /// The digest was refused.
    #[error("The server refuses this user name or password. Enter them again.")]
    WrongPassword,
    /// 403.
    #[error("The server does not allow this account to register. Ask your administrator.")]
    Forbidden,
    /// Any other refusal.
    #[error("The server answers with error {code} ({reason}). If it stays, tell your administrator.")]
    ServerError {
        /// Status code.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// The port speaks something else.
    #[error("This address does not speak WebSocket. Check the port and the path, often /ws.")]
    NotAWebSocket,
    /// The HTTP server refuses the upgrade.
    #[error("The server refuses the WebSocket connection (HTTP {status}). Check the path, often /ws.")]
    HandshakeFailed {
        /// HTTP status.
        status: u16,
    },
    /// Cannot be an address.
    #[error("\"{address}\" is not a valid address.")]
    BadAddress {
        /// What was given.
        address: String,
    },
    /// The connection broke.
    #[error("The connection to the server was lost. It is being restored.")]
    ConnectionLost,
}

impl LineError {
    /// Stable code for settings, records and help pages.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchHost { .. } => "no_such_host",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::BadCertificate { .. } => "bad_certificate",
            Self::WrongPassword => "wrong_password",
            Self::Forbidden => "forbidden",
            Self::ServerError { .. } => "server_error",
            Self::NotAWebSocket => "not_a_websocket",
            Self::HandshakeFailed { .. } => "handshake_failed",
            Self::BadAddress { .. } => "bad_address",
            Self::ConnectionLost => "connection_lost",
        }
    }
}

/// What the practice switchboard tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchboardEvent {
    /// A phone registered.
    Registered {
        /// User part.
        user: String,
    },
    /// A phone is gone.
    Unregistered {
        /// User part.
        user: String,
    },
    /// A call with a registered phone. `Incoming`: the phone dialled us, `called` is what it dialled.
    Call(LineEvent),
}
