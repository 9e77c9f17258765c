//! Answering challenges, and above all: not answering them.

use super::Agent;
use super::wire::Purpose;
use crate::digest::Challenge;
use crate::message::Message;

/// What became of a challenge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Sent again with a digest; key and request of the new transaction.
    Sent(String, Box<Message>),
    /// The credentials were refused twice.
    WrongPassword,
    /// It comes from someone who may not see a digest of ours, or asks for what we cannot give.
    NotForThem,
    /// It is no challenge.
    NoChallenge,
}

/// Refused this often, the password is wrong.
const MAX_TRIES: u8 = 2;
/// Even a server that keeps saying `stale` ends a loop here.
const MAX_STALE: u8 = 4;

impl Agent {
    /// Sends the request again with the strongest digest the server takes (RFC 8760 2.4).
    ///
    /// A digest lets its receiver try passwords at leisure. A 401 may come from the far end of a call, any far end, through our
    /// server; so only the realm pinned at the first registration gets one. Before that, a challenge to REGISTER is the server's
    /// own, and for a call only a proxy or the account's own domain is believed; within a dialog nobody is.
    pub(super) fn retry_with_digest(
        &mut self,
        request: &Message,
        response: &Message,
        purpose: Purpose,
        tries: u8,
    ) -> Retry {
        if !matches!(response.status(), 401 | 407) {
            return Retry::NoChallenge;
        }
        let in_dialog = !request.to_tag().is_empty();
        let allowed = |challenge: &Challenge| match self.wallet.pinned() {
            Some(realm) => challenge.realm == realm,
            None if purpose == Purpose::Register => true,
            None => {
                !in_dialog && (response.status() == 407 || challenge.realm.eq_ignore_ascii_case(&self.settings.domain))
            }
        };
        let Some(challenge) = Challenge::read(response).into_iter().find(allowed) else {
            return Retry::NotForThem;
        };
        if tries >= MAX_STALE || (tries >= MAX_TRIES && !challenge.stale) {
            return Retry::WrongPassword;
        }
        let mut again = request.clone();
        let number = request.cseq().map_or(0, |c| c.0) + 1;
        again.headers.set("CSeq", format!("{number} {}", request.method()));
        let cnonce = self.token();
        let (name, value) = self.wallet.answer(&challenge, &again, &cnonce);
        again.headers.set(name, value);
        if purpose == Purpose::Register {
            self.registering.challenge = Some(challenge);
        }
        let key = self.begin(again.clone(), purpose, tries + 1);
        Retry::Sent(key.clone(), Box::new(self.clients.get(&key).map_or(again, |c| c.request.clone())))
    }
}
