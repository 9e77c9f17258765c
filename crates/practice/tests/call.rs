//! Real calls with the room over the product's own signalling and media, in real time: therefore few.
#![allow(clippy::unwrap_used)]

use cuffia_media::{Bind, Direction, FRAME, Frame, MediaConfig, MediaSession, VoicePath};
use cuffia_practice::*;
use cuffia_sip::{CallId, Line, LineCommand, LineEvent, Registration};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// Nothing waited for takes nearly so long; a test that does has failed.
const PATIENCE: Duration = Duration::from_secs(60);

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {what}"))
}

/// A phone: a line, a media session, and whoever speaks into it.
struct Phone {
    line: Line,
    events: UnboundedReceiver<LineEvent>,
    session: Arc<dyn MediaSession>,
    path: Option<VoicePath>,
    stop: Arc<AtomicBool>,
}

impl Phone {
    async fn registered(room: &Room) -> Self {
        let (line, events) = Line::open(room.account()).unwrap();
        let config = MediaConfig { bind: Bind::Loopback, ..MediaConfig::default() };
        let (session, path, _) = cuffia_media::open(config).await.unwrap();
        let mut phone = Self { line, events, session, path: Some(path), stop: Arc::default() };
        phone.line.send(LineCommand::Register);
        phone
            .event("registration", |e| {
                matches!(e, LineEvent::Registration(Registration::Registered { .. })).then_some(())
            })
            .await;
        phone
    }

    async fn event<T>(&mut self, what: &str, mut wanted: impl FnMut(&LineEvent) -> Option<T>) -> T {
        within(what, async {
            loop {
                let event = self.events.recv().await.expect("the line is closed");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        })
        .await
    }

    /// From now on `voice` speaks and listens.
    fn talk(&mut self, mut voice: impl FnMut(&Frame, &mut Frame) + Send + 'static) {
        let (mut path, stop) = (self.path.take().unwrap(), self.stop.clone());
        std::thread::spawn(move || {
            let (mut heard, mut said, mut due) = ([0.0; FRAME], [0.0; FRAME], Instant::now());
            while !stop.load(Relaxed) {
                path.render(&mut heard);
                voice(&heard, &mut said);
                path.capture(&said);
                due += Duration::from_millis(10);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// The next event but progress, which is checked where it matters.
async fn next(events: &mut UnboundedReceiver<RoomEvent>) -> RoomEvent {
    loop {
        let event = within("event of the room", events.recv()).await.expect("the room is closed");
        if !matches!(event, RoomEvent::Progress { .. }) {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_with_a_speaking_operator_ends_with_thanks() {
    let (room, mut events) = Room::open().await.unwrap();
    room.call("invoice-mismatch", Language::It, Some(11)).unwrap();
    let preparing = RoomEvent::Preparing { scenario: "invoice-mismatch".into(), language: Language::It };
    assert_eq!(next(&mut events).await, preparing);
    let mut told = Vec::new();
    while told.last() != Some(&100) {
        match within("progress", events.recv()).await {
            Some(RoomEvent::Progress { percent }) => told.push(percent),
            other => panic!("{other:?} before the voice was made"),
        }
    }
    assert!(told.len() > 10 && told.is_sorted(), "it is told step by step how far the voice is: {told:?}");

    // The customer waits for the phone.
    let mut phone = Phone::registered(&room).await;
    let (call, offer) = phone
        .event("call", |event| match event {
            LineEvent::Incoming { call, from, offer, .. } => {
                assert_eq!(
                    (from.display_name.as_deref(), from.user.as_str()),
                    (Some("Giulia Ferraro"), "+390115550147")
                );
                Some((*call, offer.clone().unwrap()))
            }
            _ => None,
        })
        .await;
    assert_eq!(next(&mut events).await, RoomEvent::Calling);
    phone.line.send(LineCommand::Ringing { call });
    let (sdp, _) = phone.session.answer(&offer, Direction::SendRecv).await.unwrap();
    phone.line.send(LineCommand::Answer { call, sdp });
    assert_eq!(next(&mut events).await, RoomEvent::Answered);

    let operator = Arc::new(Mutex::new(SpeakingOperator::new("invoice-mismatch", Language::It).unwrap()));
    let voice = operator.clone();
    phone.talk(move |heard, said| voice.lock().unwrap().exchange(heard, said));
    let (mut lines, mut turns) = (Vec::new(), 0);
    let outcome = loop {
        match next(&mut events).await {
            RoomEvent::Said { speaker: Speaker::Customer, text, .. } => {
                operator.lock().unwrap().heard(&text);
                lines.push(text);
            }
            RoomEvent::Said { text, .. } => {
                assert_eq!(text, "");
                turns += 1;
            }
            RoomEvent::Finished(outcome) => break outcome,
            other => panic!("{other:?}"),
        }
    };
    phone.event("end of the call", |event| matches!(event, LineEvent::Ended { .. }).then_some(())).await;
    assert_eq!(outcome.ending, Ending::Thanked, "{lines:#?} {outcome:#?}");
    assert!(outcome.facts.len() == 5 && outcome.facts.iter().all(|fact| fact.was_told), "{outcome:#?}");
    assert!(turns >= 5 && outcome.time_to_answer_ms.is_some() && !outcome.too_noisy, "{turns} {outcome:#?}");
    assert!(outcome.time_to_greeting_ms.is_some_and(|ms| ms < 5_000), "{outcome:#?}");
    assert!((20.0..60.0).contains(&outcome.talk_share), "{outcome:#?}");
    assert_eq!((outcome.interruptions, outcome.silences), (0, 0), "{outcome:#?}");
    let note = operator.lock().unwrap().note();
    assert_eq!(data_score(&check(&outcome.facts, &note)), Some(100.0), "{note}");

    room.close().await;
    assert!(events.recv().await.is_none());
    assert_eq!(room.call("invoice-mismatch", Language::En, None).unwrap_err().code(), "practice.closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialled_customer_picks_up_and_is_hung_up_on() {
    let (room, mut events) = Room::open().await.unwrap();
    let mut phone = Phone::registered(&room).await;

    // Nobody has that number.
    let offer = phone.session.offer(Direction::SendRecv).await.unwrap();
    phone.line.send(LineCommand::Invite { call: CallId(1), to: "999".into(), sdp: offer.clone() });
    phone.event("refusal", |event| matches!(event, LineEvent::Ended { .. }).then_some(())).await;

    phone.line.send(LineCommand::Invite { call: CallId(2), to: "101".into(), sdp: offer });
    phone.event("ringing", |event| matches!(event, LineEvent::Progress { status: 180, .. }).then_some(())).await;
    assert!(matches!(next(&mut events).await, RoomEvent::Preparing { language: Language::En, .. }));
    let answer = phone
        .event("answer", |event| match event {
            LineEvent::Answered { sdp, .. } => Some(sdp.clone()),
            _ => None,
        })
        .await;
    phone.session.accept_answer(&answer).await.unwrap();
    assert_eq!(next(&mut events).await, RoomEvent::Answered);
    let heard = Arc::new(Mutex::new(0.0f32));
    let level = heard.clone();
    phone.talk(move |frame, said| {
        let loudest = frame.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        let mut level = level.lock().unwrap();
        *level = level.max(loudest);
        said.fill(0.0);
    });
    let RoomEvent::Said { speaker: Speaker::Customer, text, .. } = next(&mut events).await else { panic!() };
    assert_eq!(text, "Hale Joinery, Margaret Hale speaking.");
    within("voice", async {
        while *heard.lock().unwrap() < 0.1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    phone.line.send(LineCommand::HangUp { call: CallId(2) });
    let RoomEvent::Finished(outcome) = next(&mut events).await else { panic!() };
    assert_eq!(
        (outcome.ending, outcome.time_to_answer_ms, outcome.time_to_greeting_ms),
        (Ending::HungUpOn, None, None)
    );
    assert!(outcome.facts.iter().all(|fact| !fact.was_told));
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_is_refused_was_not_answered_and_another_may_call() {
    let (room, mut events) = Room::open().await.unwrap();
    assert_eq!(room.call("nothing", Language::En, None).unwrap_err().code(), "practice.no_such_scenario");
    let mut phone = Phone::registered(&room).await;
    let incoming = |event: &LineEvent| match event {
        LineEvent::Incoming { call, .. } => Some(*call),
        _ => None,
    };
    room.call("invoice-mismatch", Language::En, None).unwrap();
    let call = phone.event("call", incoming).await;
    phone.line.send(LineCommand::Reject { call, status: 603 });
    let outcome = within("outcome", async {
        loop {
            if let RoomEvent::Finished(outcome) = next(&mut events).await {
                return outcome;
            }
        }
    })
    .await;
    assert_eq!((outcome.ending, outcome.time_to_answer_ms, outcome.facts.len()), (Ending::Unanswered, None, 5));

    // A second call takes the place of the first, which is cancelled without an outcome.
    room.call("invoice-mismatch", Language::En, None).unwrap();
    let first = phone.event("call", incoming).await;
    room.call("invoice-mismatch", Language::It, None).unwrap();
    let ended = |event: &LineEvent| matches!(event, LineEvent::Ended { call, .. } if *call == first).then_some(());
    phone.event("cancel", ended).await;
    phone.event("call", incoming).await;
    room.close().await;
    let rest: Vec<RoomEvent> = std::iter::from_fn(|| events.try_recv().ok()).collect();
    assert!(!rest.iter().any(|event| matches!(event, RoomEvent::Finished(_))), "{rest:?}");
}
