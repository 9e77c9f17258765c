//! All calls of one phone as a pure state machine: events in, effects out, no clock, no network, no sound.
//!
//! What it guarantees, whatever comes in whatever order: at most one call talks; a call that is over has been told so by the line or
//! has been hung up or refused towards it; media is closed exactly when a call is over.

mod call;
mod negotiation;

pub use call::{Call, Origin, State};
use call::{Exchange, new_call};
use cuffia_media::Direction;
use cuffia_sip::{CallId, EndReason, LineCommand, LineEvent, Party};

/// What happens to the calls.
#[derive(Debug, Clone)]
pub enum Event {
    /// The operator dials.
    Dial(CallId, String),
    /// The operator answers.
    Answer(CallId),
    /// The operator declines; the status to say so.
    Reject(CallId, u16),
    /// The operator hangs up.
    HangUp(CallId),
    /// The operator holds.
    Hold(CallId),
    /// The operator resumes.
    Resume(CallId),
    /// The operator presses keys.
    Digits(CallId, String),
    /// The line says.
    Line(LineEvent),
    /// Our offer is made.
    OfferReady(CallId, String),
    /// Our answer is made; the direction as seen from here.
    AnswerReady(CallId, String, Direction),
    /// Their answer is taken; the direction as seen from here.
    AnswerAccepted(CallId, Direction),
    /// Early or first sound is audible.
    FirstSound(CallId),
    /// The session can't be made or was lost.
    MediaFailed(CallId),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell the line.
    Line(LineCommand),
    /// Make an offer; opens the media session when there is none.
    MakeOffer(CallId, Direction),
    /// Make an answer to this offer; opens the media session when there is none.
    MakeAnswer(CallId, String, Direction),
    /// Take their answer.
    AcceptAnswer(CallId, String),
    /// Our re-offer came to nothing.
    Rollback(CallId),
    /// Send keys as RFC 4733 events.
    Digits(CallId, String),
    /// Release the session.
    CloseMedia(CallId),
    /// Who hears the operator and is heard.
    Talk(Option<CallId>),
    /// Which tone the operator hears.
    Tone(Option<CallTone>),
    /// A new call to show.
    Began(CallId),
    /// Something to show has changed.
    Changed(CallId),
    /// Both have answered.
    Answered(CallId),
    /// It is over.
    Ended(CallId, EndReason),
}

/// Tones that follow from the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallTone {
    /// A call rings here.
    Ringing,
    /// A call rings here while another talks.
    Waiting,
    /// It rings there.
    Ringback,
    /// They were busy.
    Busy,
}

/// All calls.
#[derive(Debug, Default)]
pub struct Calls {
    calls: Vec<Call>,
    talking: Option<CallId>,
    tone: Option<CallTone>,
}

impl Calls {
    /// The calls that live, oldest first.
    pub fn all(&self) -> &[Call] {
        &self.calls
    }

    /// One call.
    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.calls.iter().find(|c| c.id == id)
    }

    /// Takes one event.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Dial(id, target) => self.dial(id, target, &mut out),
            Event::Answer(id) => self.answer(id, &mut out),
            Event::Reject(id, status) => self.reject(id, status, &mut out),
            Event::HangUp(id) => self.hang_up(id, &mut out),
            Event::Hold(id) => self.set_held(id, true, &mut out),
            Event::Resume(id) => self.resume(id, &mut out),
            Event::Digits(id, digits) => {
                if self.get(id).is_some_and(|c| c.state == State::Active || c.accepted) {
                    out.push(Effect::Digits(id, digits));
                }
            }
            Event::Line(event) => self.line(event, &mut out),
            Event::OfferReady(id, sdp) => self.offer_ready(id, sdp, &mut out),
            Event::AnswerReady(id, sdp, direction) => self.answer_ready(id, sdp, direction, &mut out),
            Event::AnswerAccepted(id, direction) => self.answer_accepted(id, direction, &mut out),
            Event::FirstSound(id) => {
                if let Some(call) = self.get_mut(id) {
                    call.early = true;
                }
            }
            Event::MediaFailed(id) => self.media_failed(id, &mut out),
        }
        self.settle(&mut out);
        out
    }

    fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.calls.iter_mut().find(|c| c.id == id)
    }

    fn dial(&mut self, id: CallId, target: String, out: &mut Vec<Effect>) {
        if self.get(id).is_some() {
            return;
        }
        self.hold_others(id, out);
        let remote = Party { display_name: None, user: target.clone(), host: String::new(), asserted: false };
        self.calls.push(Call { state: State::Dialling, ..new_call(id, Origin::Out, remote, target) });
        out.push(Effect::Began(id));
        out.push(Effect::MakeOffer(id, Direction::SendRecv));
    }

    fn answer(&mut self, id: CallId, out: &mut Vec<Effect>) {
        let Some(call) = self.get_mut(id).filter(|c| c.state == State::RingingHere) else { return };
        call.state = State::Answering;
        out.push(match call.offer.take() {
            Some(offer) => Effect::MakeAnswer(id, offer, Direction::SendRecv),
            None => Effect::MakeOffer(id, Direction::SendRecv),
        });
        out.push(Effect::Changed(id));
        self.hold_others(id, out);
    }

    fn reject(&mut self, id: CallId, status: u16, out: &mut Vec<Effect>) {
        match self.get(id).map(|c| c.state) {
            Some(State::RingingHere) => {
                out.push(Effect::Line(LineCommand::Reject { call: id, status }));
                self.end(id, EndReason::Declined, out);
            }
            Some(_) => self.hang_up(id, out),
            None => {}
        }
    }

    fn hang_up(&mut self, id: CallId, out: &mut Vec<Effect>) {
        match self.get(id).map(|c| c.state) {
            Some(State::RingingHere) => self.reject(id, 603, out),
            Some(_) => {
                out.push(Effect::Line(LineCommand::HangUp { call: id }));
                self.end(id, EndReason::HungUpHere, out);
            }
            None => {}
        }
    }

    fn resume(&mut self, id: CallId, out: &mut Vec<Effect>) {
        if self.get(id).is_some_and(|c| c.state == State::Active) {
            self.hold_others(id, out);
            self.set_held(id, false, out);
        }
    }

    fn hold_others(&mut self, id: CallId, out: &mut Vec<Effect>) {
        let others: Vec<CallId> =
            self.calls.iter().filter(|c| c.id != id && c.state == State::Active && !c.held).map(|c| c.id).collect();
        for other in others {
            self.set_held(other, true, out);
        }
    }

    fn set_held(&mut self, id: CallId, held: bool, out: &mut Vec<Effect>) {
        let Some(call) = self.get_mut(id).filter(|c| c.state == State::Active && c.held != held) else { return };
        call.held = held;
        out.push(Effect::Changed(id));
        call.renegotiate(out);
    }

    fn line(&mut self, event: LineEvent, out: &mut Vec<Effect>) {
        match event {
            LineEvent::Registration(_) | LineEvent::Info { .. } => {}
            LineEvent::Incoming { call, from, called, headers, offer } => {
                if self.get(call).is_some() {
                    return;
                }
                self.calls.push(Call { headers, offer, ..new_call(call, Origin::In, from, called) });
                out.push(Effect::Line(LineCommand::Ringing { call }));
                out.push(Effect::Began(call));
            }
            LineEvent::Progress { call: id, status, sdp } => {
                let Some(call) = self.get_mut(id).filter(|c| c.origin == Origin::Out && c.state < State::RingingHere)
                else {
                    return;
                };
                if status >= 180 && call.state != State::RingingThere {
                    call.state = State::RingingThere;
                    out.push(Effect::Changed(id));
                }
                if let Some(sdp) = sdp.filter(|_| !call.accepted) {
                    call.accepted = true;
                    out.push(Effect::AcceptAnswer(id, sdp));
                }
            }
            LineEvent::Answered { call: id, sdp, .. } => {
                let Some(call) = self.get_mut(id).filter(|c| c.origin == Origin::Out && c.state < State::RingingHere)
                else {
                    return;
                };
                call.state = State::Active;
                if !call.accepted {
                    call.accepted = true;
                    out.push(Effect::AcceptAnswer(id, sdp));
                }
                out.push(Effect::Answered(id));
                self.hold_others(id, out);
            }
            LineEvent::Acknowledged { call: id, sdp } => {
                let Some(call) = self.get_mut(id) else { return };
                let answered = call.state == State::Answering;
                if answered {
                    call.state = State::Active;
                    out.push(Effect::Answered(id));
                }
                let asked = matches!(call.exchange, Exchange::TheirsAskedSent(_));
                match sdp {
                    Some(sdp) if asked || (!call.accepted && call.origin == Origin::In) => {
                        call.accepted = true;
                        out.push(Effect::AcceptAnswer(id, sdp));
                    }
                    // They owe us an answer to our offer and sent none (RFC 3261 13.2.2.4): there is no session.
                    None if !call.accepted && call.origin == Origin::In => {
                        out.push(Effect::Line(LineCommand::HangUp { call: id }));
                        let reason = EndReason::Refused { status: 488, reason: "no answer to our offer".into() };
                        self.end(id, reason, out);
                    }
                    _ if asked => {
                        call.exchange = Exchange::Idle;
                        out.push(Effect::Rollback(id));
                        call.renegotiate(out);
                    }
                    _ => {}
                }
                if answered {
                    self.hold_others(id, out);
                }
            }
            LineEvent::Reoffered { call: id, sdp } => self.reoffered(id, sdp, out),
            LineEvent::ReofferAnswered { call: id, sdp } => {
                if let Some(Exchange::OursSent(_)) = self.get(id).map(|c| c.exchange) {
                    out.push(Effect::AcceptAnswer(id, sdp));
                }
            }
            LineEvent::ReofferRefused { call: id, .. } => {
                let Some(call) = self.get_mut(id) else { return };
                if let Exchange::OursSent(direction) = call.exchange {
                    // They will not have it: do not ask again until the operator wants something else. Held sound stays off here.
                    (call.exchange, call.told) = (Exchange::Idle, direction);
                    out.push(Effect::Rollback(id));
                    call.renegotiate(out);
                }
            }
            LineEvent::FlowReplaced { calls } => {
                for id in calls {
                    // The far end must learn our new address, or its BYE never arrives.
                    if let Some(call) = self.get_mut(id).filter(|c| c.state == State::Active) {
                        call.renew = true;
                        call.renegotiate(out);
                    }
                }
            }
            LineEvent::Ended { call, reason } => self.end(call, reason, out),
        }
    }

    fn end(&mut self, id: CallId, reason: EndReason, out: &mut Vec<Effect>) {
        let Some(at) = self.calls.iter().position(|c| c.id == id) else { return };
        let call = self.calls.remove(at);
        out.push(Effect::CloseMedia(id));
        if call.origin == Origin::Out && reason == EndReason::Busy {
            // Replaces the ringback; ends by itself.
            self.tone = None;
            out.push(Effect::Tone(Some(CallTone::Busy)));
        }
        out.push(Effect::Ended(id, reason));
    }

    /// Derives from the calls who talks and what sounds, and says so when it changed.
    fn settle(&mut self, out: &mut Vec<Effect>) {
        let talks = |c: &&Call| !c.held && (c.state == State::Active || (c.state == State::RingingThere && c.accepted));
        // The newest, were there ever two; `hold_others` sees to it that there are not.
        let talking = self.calls.iter().rev().find(talks).map(|c| c.id);
        if talking != self.talking {
            self.talking = talking;
            out.push(Effect::Talk(talking));
        }
        let rings = self.calls.iter().any(|c| c.state == State::RingingHere);
        let busy = self.calls.iter().any(|c| c.state >= State::Answering);
        let ringback = self.calls.iter().any(|c| c.state == State::RingingThere && !c.early);
        let tone = match (rings, busy) {
            (true, false) => Some(CallTone::Ringing),
            (true, true) => Some(CallTone::Waiting),
            _ => ringback.then_some(CallTone::Ringback),
        };
        if tone != self.tone {
            self.tone = tone;
            out.push(Effect::Tone(tone));
        }
    }
}
