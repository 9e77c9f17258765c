//! The registrar of the practice switchboard: digest users, one binding for each flow.

use crate::digest::Claim;
use crate::message::fields::{NameAddr, quote};
use crate::message::uri::Uri;
use crate::message::{Message, Start, reason_phrase};
use secrecy::SecretString;
use std::time::{Duration, Instant};

pub(super) struct Registrar {
    users: Vec<(String, SecretString)>,
    realm: String,
    nonce: String,
    bound: Option<(String, Instant)>,
}

pub(super) enum Change {
    Bound { user: String, contact: String },
    Unbound { user: String },
}

/// Whether a call may enter.
pub(super) enum Entry {
    Allowed,
    Challenge(Vec<String>),
    Forbidden,
}

/// Bindings last at most this long.
const LONGEST: u32 = 600;

impl Registrar {
    pub fn new(users: Vec<(String, SecretString)>, realm: String, nonce: String) -> Self {
        Self { users, realm, nonce, bound: None }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.bound.as_ref().map(|(_, until)| *until)
    }

    pub fn expire(&mut self, now: Instant) -> Option<String> {
        self.bound.take_if(|(_, until)| *until <= now).map(|(user, _)| user)
    }

    /// The phone's connection broke.
    pub fn unbind(&mut self) -> Option<String> {
        self.bound.take().map(|(user, _)| user)
    }

    /// Strongest first; old phones take the second.
    fn challenges(&self) -> Vec<String> {
        ["SHA-256", "MD5"]
            .iter()
            .map(|algorithm| {
                let (realm, nonce) = (quote(&self.realm), &self.nonce);
                format!("Digest realm={realm}, nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"")
            })
            .collect()
    }

    /// The user whose password the request proves.
    fn proven(&self, request: &Message, field: &str) -> Option<String> {
        request.headers.all(field).filter_map(Claim::parse).find_map(|claim| {
            let (user, password) = self.users.iter().find(|(user, _)| *user == claim.username)?;
            (claim.nonce == self.nonce && claim.proves(request, &self.realm, password)).then(|| user.clone())
        })
    }

    pub fn check_call(&self, request: &Message) -> Entry {
        match (&self.bound, self.proven(request, "Proxy-Authorization")) {
            (None, _) => Entry::Forbidden,
            (Some((bound, _)), Some(user)) if *bound == user => Entry::Allowed,
            (Some(_), Some(_)) => Entry::Forbidden,
            (Some(_), None) => Entry::Challenge(self.challenges()),
        }
    }

    /// Completes `response` (RFC 3261 10.3).
    pub fn register(&mut self, request: &Message, response: &mut Message, now: Instant) -> Option<Change> {
        let status = |response: &mut Message, code: u16| {
            response.start = Start::Response { status: code, reason: reason_phrase(code).to_owned() };
        };
        let user = request.to().and_then(|to| Uri::parse(&to.uri)).map(|u| u.user_text()).unwrap_or_default();
        match self.proven(request, "Authorization") {
            None => {
                status(response, 401);
                for challenge in self.challenges() {
                    response.headers.push("WWW-Authenticate", challenge);
                }
                return None;
            }
            Some(proven) if proven != user => {
                status(response, 403);
                return None;
            }
            Some(_) => {}
        }
        let contact = request.headers.get("Contact")?;
        let default = request.headers.get("Expires").and_then(|e| e.trim().parse().ok()).unwrap_or(LONGEST);
        if contact.trim() == "*" {
            return self.bound.take().map(|(user, _)| Change::Unbound { user });
        }
        let Some(mut address) = NameAddr::parse(contact).filter(|a| Uri::parse(&a.uri).is_some()) else {
            status(response, 400);
            return None;
        };
        let expires = address.params.get("expires").and_then(|e| e.parse().ok()).unwrap_or(default).min(LONGEST);
        if expires == 0 {
            return self.bound.take().map(|(user, _)| Change::Unbound { user });
        }
        address.params.set("expires", Some(expires.to_string()));
        response.headers.push("Contact", address.to_string());
        self.bound = Some((user.clone(), now + Duration::from_secs(u64::from(expires))));
        Some(Change::Bound { user, contact: address.uri })
    }
}
