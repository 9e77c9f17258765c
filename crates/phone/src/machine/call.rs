//! One call: how far it is, and which negotiation is under way.

use super::Effect;
use cuffia_media::Direction;
use cuffia_sip::{CallId, Party};

/// Who began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// They called.
    In,
    /// We called.
    Out,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// We dial; our offer is being made or sent.
    Dialling,
    /// It rings there.
    RingingThere,
    /// It rings here.
    RingingHere,
    /// Answered here; our session description is being made, or their ACK awaited.
    Answering,
    /// Answered by both.
    Active,
}

/// Which negotiation is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    Idle,
    /// Our re-offer is being made, or has been sent.
    OursMaking(Direction),
    OursSent(Direction),
    /// Our answer to theirs is being made.
    TheirsMaking(Direction),
    /// They asked us to offer (a re-INVITE without a body).
    TheirsAsked(Direction),
    TheirsAskedSent(Direction),
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its handle on the line.
    pub id: CallId,
    /// Who began it.
    pub origin: Origin,
    /// How far it is.
    pub state: State,
    /// The other side: their identity, or what was dialled.
    pub remote: Party,
    /// What was called.
    pub called: String,
    /// `X-` headers and the like, as they came.
    pub headers: Vec<(String, String)>,
    /// We hold.
    pub held: bool,
    /// They hold.
    pub held_there: bool,
    pub(super) offer: Option<String>,
    pub(super) exchange: Exchange,
    /// The direction the other side knows of.
    pub(super) told: Direction,
    /// Their answer to our first offer has been taken (it may come early, in a 183).
    pub(super) accepted: bool,
    /// Audible early media replaces our ringback.
    pub(super) early: bool,
    /// The other side must learn our new address.
    pub(super) renew: bool,
}

/// Whether this direction, as seen from here, means that they hold us.
pub(super) fn holds(direction: Direction, held: bool) -> bool {
    match direction {
        Direction::RecvOnly => true,
        Direction::Inactive => !held,
        Direction::SendRecv | Direction::SendOnly => false,
    }
}

pub(super) fn new_call(id: CallId, origin: Origin, remote: Party, called: String) -> Call {
    Call {
        id,
        origin,
        state: State::RingingHere,
        remote,
        called,
        headers: Vec::new(),
        held: false,
        held_there: false,
        offer: None,
        exchange: Exchange::Idle,
        told: Direction::SendRecv,
        accepted: false,
        early: false,
        renew: false,
    }
}

impl Call {
    pub(super) fn wanted(&self) -> Direction {
        if self.held { Direction::SendOnly } else { Direction::SendRecv }
    }

    /// Offers again when the other side does not know the direction we want, or where we are.
    pub(super) fn renegotiate(&mut self, out: &mut Vec<Effect>) {
        let due = self.renew || self.told != self.wanted();
        if due && self.exchange == Exchange::Idle && self.state == State::Active && self.accepted {
            self.renew = false;
            self.exchange = Exchange::OursMaking(self.wanted());
            out.push(Effect::MakeOffer(self.id, self.wanted()));
        }
    }
}
