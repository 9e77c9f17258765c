//! Offers and answers after the first: hold, resume, a new address, and what the other side wants (RFC 3264 8, RFC 6337).

use super::call::{Exchange, holds};
use super::{Calls, Effect, Origin, State};
use cuffia_media::Direction;
use cuffia_sip::{CallId, EndReason, LineCommand};

impl Calls {
    pub(super) fn reoffered(&mut self, id: CallId, sdp: Option<String>, out: &mut Vec<Effect>) {
        let Some(call) = self.get_mut(id).filter(|c| c.state == State::Active) else {
            out.push(Effect::Line(LineCommand::RejectReoffer { call: id, status: 491 }));
            return;
        };
        match call.exchange {
            Exchange::Idle => {}
            // Ours has not left the house: theirs goes first, ours is made again afterwards.
            Exchange::OursMaking(_) => out.push(Effect::Rollback(id)),
            _ => {
                out.push(Effect::Line(LineCommand::RejectReoffer { call: id, status: 491 }));
                return;
            }
        }
        match sdp {
            Some(sdp) => {
                call.exchange = Exchange::TheirsMaking(call.wanted());
                out.push(Effect::MakeAnswer(id, sdp, call.wanted()));
            }
            None => {
                call.exchange = Exchange::TheirsAsked(call.wanted());
                out.push(Effect::MakeOffer(id, call.wanted()));
            }
        }
    }

    pub(super) fn offer_ready(&mut self, id: CallId, sdp: String, out: &mut Vec<Effect>) {
        let Some(call) = self.get_mut(id) else { return };
        match (call.state, call.exchange) {
            (State::Dialling, _) => {
                out.push(Effect::Line(LineCommand::Invite { call: id, to: call.called.clone(), sdp }));
            }
            (State::Answering, _) => out.push(Effect::Line(LineCommand::Answer { call: id, sdp })),
            (State::Active, Exchange::OursMaking(direction)) => {
                call.exchange = Exchange::OursSent(direction);
                out.push(Effect::Line(LineCommand::Reoffer { call: id, sdp }));
            }
            (State::Active, Exchange::TheirsAsked(direction)) => {
                call.exchange = Exchange::TheirsAskedSent(direction);
                out.push(Effect::Line(LineCommand::AnswerReoffer { call: id, sdp }));
            }
            // Overtaken by their re-offer.
            _ => {}
        }
    }

    pub(super) fn answer_ready(&mut self, id: CallId, sdp: String, direction: Direction, out: &mut Vec<Effect>) {
        let Some(call) = self.get_mut(id) else { return };
        match (call.state, call.exchange) {
            (State::Answering, _) => {
                (call.accepted, call.held_there) = (true, holds(direction, call.held));
                out.push(Effect::Line(LineCommand::Answer { call: id, sdp }));
            }
            (State::Active, Exchange::TheirsMaking(told)) => {
                (call.exchange, call.told) = (Exchange::Idle, told);
                call.held_there = holds(direction, told == Direction::SendOnly);
                out.push(Effect::Line(LineCommand::AnswerReoffer { call: id, sdp }));
                out.push(Effect::Changed(id));
                // The operator may have pressed hold meanwhile.
                call.renegotiate(out);
            }
            _ => {}
        }
    }

    pub(super) fn answer_accepted(&mut self, id: CallId, direction: Direction, out: &mut Vec<Effect>) {
        let Some(call) = self.get_mut(id) else { return };
        match call.exchange {
            Exchange::OursSent(told) | Exchange::TheirsAskedSent(told) => {
                (call.exchange, call.told) = (Exchange::Idle, told);
            }
            _ => {}
        }
        call.held_there = holds(direction, call.told == Direction::SendOnly);
        out.push(Effect::Changed(id));
        call.renegotiate(out);
    }

    pub(super) fn media_failed(&mut self, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.get_mut(id) else { return };
        let lost = EndReason::Refused { status: 488, reason: "no session for sound".into() };
        match (call.state, call.exchange) {
            (State::RingingHere, _) => return,
            (State::Active, Exchange::TheirsMaking(_) | Exchange::TheirsAsked(_)) => {
                call.exchange = Exchange::Idle;
                out.push(Effect::Line(LineCommand::RejectReoffer { call: id, status: 488 }));
                return;
            }
            (State::Active, Exchange::OursMaking(direction)) => {
                (call.exchange, call.told) = (Exchange::Idle, direction);
                out.push(Effect::Rollback(id));
                return;
            }
            (State::Answering, _) if call.origin == Origin::In && !call.accepted => {
                out.push(Effect::Line(LineCommand::Reject { call: id, status: 488 }));
            }
            _ => out.push(Effect::Line(LineCommand::HangUp { call: id })),
        }
        self.end(id, lost, out);
    }
}
