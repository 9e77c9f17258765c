//! From the desk's own types to the wire's.

use crate::view::*;
use cuffia_customers::{CallRecord, Draft, Promise, Request};
use cuffia_desk::{
    CustomerSight, DeskError, Ending, Kind, LineKind as DeskLine, LineState as DeskLineState, LiveCall, Trouble, WrapUp,
};
use cuffia_headset::{Levels, Part, Work};
use cuffia_phone::{Impairment, Origin, State, Statistics};

impl From<DeskError> for ApiError {
    fn from(e: DeskError) -> Self {
        ApiError { code: e.code(), message: e.to_string() }
    }
}

/// Any error with a code.
macro_rules! coded {
    ($($ty:ty),*) => {
        $(impl From<$ty> for ApiError {
            fn from(e: $ty) -> Self {
                ApiError { code: e.code().into(), message: e.to_string() }
            }
        })*
    };
}
coded!(cuffia_customers::StoreError, cuffia_phone::PhoneError, cuffia_headset::HeadsetError);

pub(crate) fn line(status: &cuffia_desk::LineStatus, network: bool) -> LineView {
    let (state, error, retry_at) = match &status.state {
        DeskLineState::Off => (LineState::Off, None, None),
        DeskLineState::Connecting => (LineState::Connecting, None, None),
        DeskLineState::Registered => (LineState::Registered, None, None),
        DeskLineState::Failed(e, retry) => {
            let error = ApiError { code: format!("line.{}", e.code()), message: e.to_string() };
            (LineState::Failed, Some(error), *retry)
        }
    };
    LineView {
        kind: match status.kind {
            DeskLine::None => LineKind::None,
            DeskLine::Practice => LineKind::Practice,
            DeskLine::Real => LineKind::Real,
        },
        state,
        server: status.server.clone(),
        user: status.user.clone(),
        since: status.since,
        error,
        retry_at,
        network,
    }
}

pub(crate) fn call(c: &LiveCall, headset: &Levels) -> CallView {
    let state = match c.info.state {
        State::Dialling => CallState::Dialling,
        State::RingingThere => CallState::RingingThere,
        State::RingingHere => CallState::RingingHere,
        State::Answering => CallState::Answering,
        State::Active if c.info.held => CallState::Held,
        State::Active if c.info.held_there => CallState::HeldThere,
        State::Active => CallState::Active,
    };
    CallView {
        id: c.info.id.clone(),
        direction: direction(c.info.origin == Origin::Out),
        state,
        number: c.info.number.clone(),
        name: c.name(),
        called: c.info.called.clone(),
        practice: c.practice,
        started: c.started,
        answered: c.answered,
        recording: c.recording,
        customers: c.customers.iter().map(card).collect(),
        quality: c.quality.as_ref().map(|s| quality(s, headset)),
        draft: draft(&c.draft),
        request: c.request.as_ref().map(request),
    }
}

fn direction(outgoing: bool) -> Direction {
    if outgoing { Direction::Out } else { Direction::In }
}

fn quality(s: &Statistics, headset: &Levels) -> QualityView {
    let delays = headset.delays();
    QualityView {
        mos: s.mos,
        cause: match s.impairment {
            Impairment::Delay => QualityCause::Delay,
            Impairment::Loss => QualityCause::Loss,
            Impairment::Late => QualityCause::Late,
        },
        concealed: s.concealed_percent,
        loss_in: s.loss_percent,
        loss_out: s.lost_remote_percent,
        jitter: s.jitter_ms,
        round_trip: s.round_trip_ms,
        buffer: s.buffer_ms,
        delays: DelaysView {
            microphone: delays.microphone_ms,
            processing: headset.processing_ms(),
            packet: s.packet_ms,
            loudspeaker: delays.ear_ms,
        },
        work: work(headset.work()),
        codec: s.codec.map(|c| c.name().to_owned()),
        path: s.path.clone(),
        received: s.packets_received,
        sent: s.packets_sent,
    }
}

fn work(done: &Work) -> WorkView {
    WorkView {
        receiving: done.mean_ms(Part::Receiving),
        devices: done.mean_ms(Part::Devices),
        echo: done.mean_ms(Part::Echo),
        noise: done.mean_ms(Part::Noise),
        gain: done.mean_ms(Part::Gain),
        sending: done.mean_ms(Part::Sending),
        recording: done.mean_ms(Part::Recording),
        rest: done.mean_ms(Part::Rest),
        longest: done.longest_ms(),
    }
}

pub(crate) fn card(s: &CustomerSight) -> CustomerCard {
    let c = &s.customer;
    CustomerCard {
        id: c.id.clone(),
        name: c.name.clone(),
        company: c.company.clone(),
        product: c.product.clone(),
        town: c.town.clone(),
        numbers: c.numbers.clone(),
        emails: c.emails.clone(),
        note: c.note.clone(),
        requests: s.requests.iter().map(request).collect(),
        promises: s.promises.iter().map(promise).collect(),
        sample: c.sample,
    }
}

fn promise(p: &Promise) -> PromiseView {
    PromiseView { id: p.id.clone(), text: p.text.clone(), due: p.due }
}

/// Both enums have the same words; the desk's is the truth.
fn kind(k: Kind) -> RequestKind {
    match k {
        Kind::Consultation => RequestKind::Consultation,
        Kind::Order => RequestKind::Order,
        Kind::Complaint => RequestKind::Complaint,
        Kind::Survey => RequestKind::Survey,
        Kind::Sale => RequestKind::Sale,
        Kind::Information => RequestKind::Information,
        Kind::Callback => RequestKind::Callback,
    }
}

pub(crate) fn request(r: &Request) -> RequestView {
    RequestView {
        id: r.id.clone(),
        at: r.at,
        kind: match &*r.kind {
            // Made in the CRM.
            "" => None,
            // A kind of a later version is shown as the most general one rather than hidden.
            word => Some(kind(Kind::from_word(word).unwrap_or(Kind::Consultation))),
        },
        title: r.title.clone(),
        due: r.due,
        done: r.done,
        topic: r.topic.clone(),
        subtopic: r.subtopic.clone(),
        note: r.note.clone(),
        customer: r.customer.clone(),
    }
}

pub(crate) fn draft(d: &Draft) -> RequestDraft {
    RequestDraft {
        kind: d.kind.as_deref().and_then(Kind::from_word).map(kind),
        topic: d.topic.clone(),
        subtopic: d.subtopic.clone(),
        note: d.note.clone(),
        customer: d.customer.clone(),
        open: d.open,
        due: d.due,
    }
}

impl From<RequestDraft> for Draft {
    fn from(d: RequestDraft) -> Self {
        let word = d.kind.and_then(|k| Kind::ALL.iter().find(|x| kind(**x) == k)).map(|k| k.word().to_owned());
        let RequestDraft { topic, subtopic, note, customer, open, due, .. } = d;
        Draft { kind: word, topic, subtopic, note, customer, open, due }
    }
}

pub(crate) fn pop(p: cuffia_desk::Pop) -> PopView {
    let when = match p.when {
        cuffia_desk::PopWhen::Ringing => PopWhen::Ringing,
        cuffia_desk::PopWhen::Answered => PopWhen::Answered,
        cuffia_desk::PopWhen::ByHand => PopWhen::ByHand,
    };
    PopView { template: p.template, when }
}

pub(crate) fn mended(m: cuffia_customers::Mended) -> Mended {
    match m {
        cuffia_customers::Mended::Whole => Mended::Whole,
        cuffia_customers::Mended::Partly => Mended::Partly,
    }
}

fn ending(e: Ending) -> EndReasonView {
    match e {
        Ending::HungUpHere => EndReasonView::HungUpHere,
        Ending::HungUpThere => EndReasonView::HungUpThere,
        Ending::Missed => EndReasonView::Missed,
        Ending::AnsweredElsewhere => EndReasonView::AnsweredElsewhere,
        Ending::DeclinedHere => EndReasonView::DeclinedHere,
        Ending::Busy => EndReasonView::Busy,
        Ending::Declined => EndReasonView::Declined,
        Ending::NotFound => EndReasonView::NotFound,
        Ending::NoAnswer => EndReasonView::NoAnswer,
        Ending::Forbidden => EndReasonView::Forbidden,
        Ending::Unreachable => EndReasonView::Unreachable,
        Ending::Failed => EndReasonView::Failed,
        Ending::Interrupted => EndReasonView::Interrupted,
    }
}

pub(crate) fn wrap_up(w: &WrapUp) -> WrapUpView {
    WrapUpView {
        call: w.call.clone(),
        name: w.name.clone(),
        number: w.number.clone(),
        ends: w.ends,
        request: w.request.as_ref().map(request),
        draft: draft(&w.draft),
        customers: w.customers.iter().map(card).collect(),
        reason: ending(w.ending),
        talked: w.talked_ms,
    }
}

pub(crate) fn call_row(c: &CallRecord, r: Option<&Request>, d: Option<&Draft>) -> CallRow {
    CallRow {
        id: c.id.clone(),
        direction: direction(c.outgoing),
        number: c.number.clone(),
        name: c.name.clone(),
        customer: c.customer.clone(),
        practice: c.practice,
        started: c.started,
        answered: c.answered,
        ended: c.ended,
        reason: c.reason.as_deref().and_then(Ending::from_word).map_or(EndReasonView::None, ending),
        recording: c.recording.is_some(),
        request: r.map(request),
        draft: d.map(draft),
        mos: c.mos.map(|m| m as f32),
        troubles: c.troubles.iter().filter_map(|word| Trouble::from_word(word)).map(trouble).collect(),
    }
}

/// What to tell the operator of it while it lasts; an interruption is told of as it happens.
pub(crate) fn warning(t: Trouble) -> Option<HeadsetWarning> {
    match t {
        Trouble::Interrupted => None,
        Trouble::DeadMicrophone => Some(HeadsetWarning::DeadMicrophone),
        Trouble::Echo => Some(HeadsetWarning::Echo),
        Trouble::TooLoud => Some(HeadsetWarning::TooLoud),
        Trouble::TooSlow => Some(HeadsetWarning::TooSlow),
    }
}

fn trouble(t: Trouble) -> TroubleView {
    match t {
        Trouble::Interrupted => TroubleView::Interrupted,
        Trouble::DeadMicrophone => TroubleView::DeadMicrophone,
        Trouble::Echo => TroubleView::Echo,
        Trouble::TooLoud => TroubleView::TooLoud,
        Trouble::TooSlow => TroubleView::TooSlow,
    }
}
