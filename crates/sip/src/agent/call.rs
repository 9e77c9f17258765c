//! One call: an INVITE usage of a dialog, from the first INVITE until nothing of it can come back.

use crate::api::Party;
use crate::dialog::Dialog;
use crate::message::Message;
use crate::message::fields::NameAddr;
use crate::message::uri::{Uri, unescape};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// We called; no final response yet.
    Calling,
    /// We are called; no final response yet.
    Ringing,
    /// A 2xx went or came.
    Established,
    /// The phone knows that it ended; only the protocol's tail is left.
    Over,
}

/// A 2xx of ours that waits for its ACK (RFC 3261 13.3.1.4).
pub(super) struct Unacked {
    pub wire: Vec<u8>,
    pub cseq: u32,
    pub interval: Duration,
    pub again: Instant,
    pub until: Instant,
    /// The 2xx carried our offer, so the ACK carries the answer.
    pub offered: bool,
    /// It belongs to the INVITE that made the call.
    pub first: bool,
}

/// Our change of a running call.
pub(super) enum Ours {
    /// Sent, answer awaited.
    Sent,
    /// Both sides wanted a change at once (491); ours is tried again then.
    Again { at: Instant, sdp: String },
}

/// Their change of a running call, not yet answered.
pub(super) struct Theirs {
    pub key: String,
    /// UPDATE rather than re-INVITE.
    pub update: bool,
}

pub(super) struct Call {
    pub phase: Phase,
    pub we_called: bool,
    /// As sent or received.
    pub invite: Message,
    /// Transaction of the INVITE.
    pub key: String,
    pub tag: String,
    pub dialog: Option<Dialog>,
    /// Early dialogs of a forked INVITE, with their early media.
    pub early: Vec<(Dialog, Option<String>)>,
    pub provisional: bool,
    pub cancel: bool,
    pub cancel_sent: bool,
    /// ACKs sent, by remote tag and number, for 2xx that come again.
    pub acks: Vec<(String, u32, Vec<u8>)>,
    pub unacked: Option<Unacked>,
    pub bye_after_ack: bool,
    pub ours: Option<Ours>,
    pub next_offer: Option<String>,
    pub theirs: Option<Theirs>,
    pub ring_again: Option<Instant>,
    /// The session ends then unless the far end refreshes it (RFC 4028).
    pub session_until: Option<Instant>,
    pub forget_at: Option<Instant>,
}

impl Call {
    pub fn new(phase: Phase, invite: Message, key: String, tag: String) -> Self {
        Self {
            phase,
            we_called: phase == Phase::Calling,
            invite,
            key,
            tag,
            dialog: None,
            early: Vec::new(),
            provisional: false,
            cancel: false,
            cancel_sent: false,
            acks: Vec::new(),
            unacked: None,
            bye_after_ack: false,
            ours: None,
            next_offer: None,
            theirs: None,
            ring_again: None,
            session_until: None,
            forget_at: None,
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        let again = match &self.ours {
            Some(Ours::Again { at, .. }) => Some(*at),
            _ => None,
        };
        [
            self.unacked.as_ref().map(|u| u.again.min(u.until)),
            again,
            self.ring_again,
            self.session_until,
            self.forget_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether a request belongs to this call.
    pub fn owns(&self, request: &Message) -> bool {
        self.dialog.as_ref().is_some_and(|d| d.owns(request)) || self.early.iter().any(|(d, _)| d.owns(request))
    }
}

/// Fields that say who calls, for whom and why.
pub(super) fn telling(message: &Message) -> Vec<(String, String)> {
    const TOLD: &[&str] = &[
        "P-Asserted-Identity",
        "Remote-Party-ID",
        "Diversion",
        "History-Info",
        "Alert-Info",
        "Call-Info",
        "Answer-Mode",
        "Subject",
        "Priority",
    ];
    message
        .headers
        .iter()
        .filter(|(name, _)| {
            name.len() > 2 && name[..2].eq_ignore_ascii_case("X-") || TOLD.iter().any(|t| t.eq_ignore_ascii_case(name))
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Who calls: what the network asserts (RFC 3325) before what the caller says.
pub(super) fn caller(invite: &Message) -> Party {
    let asserted = invite.headers.list("P-Asserted-Identity").into_iter().find_map(NameAddr::parse);
    let is_asserted = asserted.is_some();
    let from = invite.from();
    let address = asserted.or(from.clone());
    let uri = address.as_ref().map(|a| a.uri.clone()).unwrap_or_default();
    let parsed = Uri::parse(&uri);
    Party {
        display_name: address.and_then(|a| a.display).or(from.and_then(|f| f.display)),
        user: parsed.as_ref().map_or_else(|| unescape(&uri), Uri::user_text),
        host: parsed.map(|u| u.host).unwrap_or_default(),
        asserted: is_asserted,
    }
}

/// Text and cause of a Reason field (RFC 3326).
pub(super) struct Cause {
    pub text: Option<String>,
    pub elsewhere: bool,
}

pub(super) fn cause(message: &Message) -> Cause {
    let mut found = Cause { text: None, elsewhere: false };
    for value in message.headers.list("Reason") {
        let parts = crate::message::fields::split(value, ';');
        let sip = parts.first().is_some_and(|p| p.eq_ignore_ascii_case("SIP"));
        for part in &parts[1..] {
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = crate::message::fields::unquote(value);
            match name.trim().to_ascii_lowercase().as_str() {
                // The proxy that forked the call writes 200 into the CANCEL of those who lost.
                "cause" if sip && value == "200" => found.elsewhere = true,
                "text" => {
                    found.elsewhere |= value.to_ascii_lowercase().contains("elsewhere");
                    found.text.get_or_insert(value);
                }
                _ => {}
            }
        }
    }
    found
}
