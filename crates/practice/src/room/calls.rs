//! The actor that owns the room's one call.

use super::USER;
use super::attempt::{Attempt, Way};
use crate::conversation::{Happened, Prepared};
use crate::customer::{self, News, Order};
use crate::pack::{self, Scenario};
use crate::{Language, PracticeError, RoomEvent};
use cuffia_media::{Bind, Direction, MediaConfig, MediaError, MediaEvent};
use cuffia_sip::{CallId, LineCommand, LineEvent, Party, Switchboard, SwitchboardEvent};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The customer gives up when nobody answers.
const PATIENCE: Duration = Duration::from_secs(30);
/// A customer who is called lets it ring once or twice.
const PICKS_UP: Duration = Duration::from_millis(2_500);

/// What the handle wants.
#[derive(Debug)]
pub(super) enum Wish {
    Call { scenario: &'static Scenario, language: Language, seed: u64 },
    Close(oneshot::Sender<()>),
}

/// What comes back from the work aside; each carries the number of its attempt.
enum Aside {
    Progress(u64, u8),
    Prepared(u64, Result<Prepared, PracticeError>),
    News(u64, News),
    Media(u64, MediaEvent),
}

/// See the module.
pub(super) struct Calls {
    board: Switchboard,
    events: UnboundedSender<RoomEvent>,
    registered: bool,
    language: Language,
    attempt: Option<Attempt>,
    next_attempt: u64,
    aside: UnboundedSender<Aside>,
    asides: UnboundedReceiver<Aside>,
}

impl Calls {
    pub fn new(board: Switchboard, events: UnboundedSender<RoomEvent>) -> Self {
        let (aside, asides) = unbounded_channel();
        Self { board, events, registered: false, language: Language::En, attempt: None, next_attempt: 1, aside, asides }
    }

    pub async fn run(mut self, mut told: UnboundedReceiver<SwitchboardEvent>, mut wished: UnboundedReceiver<Wish>) {
        let closing = loop {
            let due = self.attempt.as_ref().and_then(|attempt| attempt.due);
            let alarm = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                wish = wished.recv() => match wish {
                    Some(Wish::Call { scenario, language, seed }) => self.begin(scenario, language, seed).await,
                    Some(Wish::Close(done)) => break Some(done),
                    None => break None,
                },
                Some(event) = told.recv() => self.board_event(event).await,
                Some(aside) = self.asides.recv() => self.come_back(aside).await,
                () = alarm => self.alarm().await,
            }
        };
        // Whoever wishes for a call from here on is told that the room is closed.
        wished.close();
        self.break_off().await;
        self.board.close().await;
        // The events end before the one who closes goes on.
        drop(self.events);
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    fn tell(&self, event: RoomEvent) {
        let _ = self.events.send(event);
    }

    async fn begin(&mut self, scenario: &'static Scenario, language: Language, seed: u64) {
        self.break_off().await;
        self.language = language;
        self.prepare(Way::Calls, None, scenario, language, seed);
    }

    /// Ends what runs, without an outcome: the room broke it off, not the operator.
    async fn break_off(&mut self) {
        let Some(attempt) = self.attempt.take() else { return };
        if let Some(call) = attempt.call {
            self.board.send(LineCommand::HangUp { call });
        }
        if let Some(session) = &attempt.session {
            session.close().await;
        }
    }

    fn prepare(&mut self, way: Way, call: Option<CallId>, scenario: &'static Scenario, language: Language, seed: u64) {
        let number = self.next_attempt;
        self.next_attempt += 1;
        let mut attempt = Attempt::new(number, scenario, language, way);
        attempt.call = call;
        self.attempt = Some(attempt);
        self.tell(RoomEvent::Preparing { scenario: scenario.logic.id.clone(), language });
        let aside = self.aside.clone();
        tokio::task::spawn_blocking(move || {
            let progress = |percent| drop(aside.send(Aside::Progress(number, percent)));
            let _ = aside.send(Aside::Prepared(number, Prepared::new(scenario, language, seed, progress)));
        });
    }

    async fn come_back(&mut self, aside: Aside) {
        let number = match &aside {
            Aside::Progress(number, _) | Aside::Prepared(number, _) => *number,
            Aside::News(number, _) | Aside::Media(number, _) => *number,
        };
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.number == number) else { return };
        match aside {
            Aside::Progress(_, percent) => self.tell(RoomEvent::Progress { percent }),
            Aside::Prepared(_, Ok(prepared)) => {
                attempt.prepared = Some(Arc::new(prepared));
                self.go_on().await;
            }
            Aside::Prepared(_, Err(error)) => {
                tracing::error!(%error, code = error.code(), "practice customer cannot be prepared");
                self.give_up().await;
            }
            Aside::News(_, News::Happened(Happened::Said { at_ms, speaker, text })) => {
                self.tell(RoomEvent::Said { at_ms, speaker, text });
            }
            Aside::News(_, News::Happened(Happened::HangUp)) => {
                if let Some(call) = attempt.call {
                    self.board.send(LineCommand::HangUp { call });
                }
            }
            Aside::News(_, News::Happened(Happened::Ended(_))) => {}
            Aside::News(_, News::Finished(summary)) => self.finish(Some(summary)).await,
            Aside::Media(_, MediaEvent::Failed(error)) => {
                tracing::warn!(%error, "practice media failed");
                if let Some(call) = attempt.call {
                    self.board.send(LineCommand::HangUp { call });
                }
            }
            Aside::Media(..) => {}
        }
    }

    /// Calls, or picks up, as soon as everything for it is there.
    async fn go_on(&mut self) {
        let Some(attempt) = self.attempt.as_mut().filter(|a| a.prepared.is_some() && a.session.is_none()) else {
            return;
        };
        let done = match &attempt.way {
            Way::Calls if !self.registered => return,
            Way::Calls => self.ring().await,
            // The alarm picks up.
            Way::Dialled { .. } if attempt.due.is_some() => return,
            Way::Dialled { .. } => self.pick_up().await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "practice call failed");
            self.give_up().await;
        }
    }

    /// Opens the media of the attempt.
    async fn open_media(&mut self) -> Result<(), MediaError> {
        let config = MediaConfig { bind: Bind::Loopback, ..MediaConfig::default() };
        let (session, path, mut events) = cuffia_media::open(config).await?;
        let Some(attempt) = &mut self.attempt else { return Ok(()) };
        (attempt.session, attempt.path) = (Some(session), Some(path));
        let (number, aside) = (attempt.number, self.aside.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if matches!(event, MediaEvent::Failed(_)) && aside.send(Aside::Media(number, event)).is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    async fn ring(&mut self) -> Result<(), MediaError> {
        self.open_media().await?;
        let Some(attempt) = &mut self.attempt else { return Ok(()) };
        let Some(session) = &attempt.session else { return Ok(()) };
        let offer = session.offer(Direction::SendRecv).await?;
        let persona = attempt.scenario.persona(attempt.language);
        let from = Party {
            display_name: persona.map(|p| p.name.clone()),
            user: persona.map(|p| p.caller.clone()).unwrap_or_default(),
            host: String::new(),
            asserted: true,
        };
        let call = CallId(attempt.number);
        let headers = vec![("X-Practice-Scenario".to_owned(), attempt.scenario.logic.id.clone())];
        if self.board.call(USER, call, from, headers, offer).is_err() {
            // The phone left between two looks: the call waits for it again.
            self.registered = false;
            if let Some(session) = attempt.session.take() {
                session.close().await;
            }
            return Ok(());
        }
        (attempt.call, attempt.due) = (Some(call), Some(Instant::now() + PATIENCE));
        self.tell(RoomEvent::Calling);
        Ok(())
    }

    async fn pick_up(&mut self) -> Result<(), MediaError> {
        self.open_media().await?;
        let Some(attempt) = &mut self.attempt else { return Ok(()) };
        let (Some(session), Some(call)) = (&attempt.session, attempt.call) else { return Ok(()) };
        let sdp = match &attempt.way {
            Way::Dialled { offer: Some(offer) } => session.answer(offer, Direction::SendRecv).await?.0,
            _ => {
                attempt.offered = true;
                session.offer(Direction::SendRecv).await?
            }
        };
        self.board.send(LineCommand::Answer { call, sdp });
        self.talk();
        Ok(())
    }

    /// The call was taken: the customer begins.
    fn talk(&mut self) {
        let Some(attempt) = &mut self.attempt else { return };
        let (Some(prepared), Some(path)) = (attempt.prepared.clone(), attempt.path.take()) else { return };
        let (number, aside) = (attempt.number, self.aside.clone());
        let news = move |news| drop(aside.send(Aside::News(number, news)));
        (attempt.answered_at, attempt.due) = (Some(Instant::now()), None);
        match customer::talk(prepared, attempt.is_dialled(), path, news) {
            Ok(customer) => attempt.customer = Some(customer),
            Err(error) => tracing::error!(%error, "practice customer has no thread"),
        }
        self.tell(RoomEvent::Answered);
    }

    async fn alarm(&mut self) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.due = None;
        match (&attempt.way, attempt.call) {
            // The end of the call brings the outcome.
            (Way::Calls, Some(call)) => self.board.send(LineCommand::HangUp { call }),
            _ => self.go_on().await,
        }
    }

    async fn board_event(&mut self, event: SwitchboardEvent) {
        match event {
            SwitchboardEvent::Registered { .. } => {
                self.registered = true;
                self.go_on().await;
            }
            SwitchboardEvent::Unregistered { .. } => self.registered = false,
            SwitchboardEvent::Call(LineEvent::Incoming { call, called, offer, .. }) => {
                self.dialled(call, &called, offer)
            }
            SwitchboardEvent::Call(event) => {
                if let Err(error) = self.call_event(event).await {
                    tracing::warn!(%error, "practice call cannot go on");
                    if let Some(call) = self.attempt.as_ref().and_then(|attempt| attempt.call) {
                        self.board.send(LineCommand::HangUp { call });
                    }
                }
            }
        }
    }

    fn dialled(&mut self, call: CallId, called: &str, offer: Option<String>) {
        let refuse = |status| self.board.send(LineCommand::Reject { call, status });
        let Some((scenario, own)) = pack::dialled(called) else { return refuse(404) };
        if self.attempt.is_some() {
            return refuse(486);
        }
        let language = own.unwrap_or(self.language);
        if scenario.persona(language).is_none() {
            return refuse(404);
        }
        self.board.send(LineCommand::Ringing { call });
        self.prepare(Way::Dialled { offer }, Some(call), scenario, language, rand::random());
        if let Some(attempt) = &mut self.attempt {
            attempt.due = Some(Instant::now() + PICKS_UP);
        }
    }

    async fn call_event(&mut self, event: LineEvent) -> Result<(), MediaError> {
        let of = match &event {
            LineEvent::Progress { call, .. } | LineEvent::Answered { call, .. } => *call,
            LineEvent::Acknowledged { call, .. } | LineEvent::Reoffered { call, .. } => *call,
            LineEvent::Ended { call, .. } => *call,
            _ => return Ok(()),
        };
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.call == Some(of)) else { return Ok(()) };
        let session = attempt.session.clone();
        match (event, session) {
            (LineEvent::Progress { status: 180, .. }, _) => {
                attempt.rang_at.get_or_insert_with(Instant::now);
            }
            (LineEvent::Answered { sdp, .. }, Some(session)) => {
                attempt.rang_at.get_or_insert_with(Instant::now);
                session.accept_answer(&sdp).await?;
                self.talk();
            }
            (LineEvent::Acknowledged { sdp: Some(sdp), .. }, Some(session)) if attempt.offered => {
                attempt.offered = false;
                let direction = session.accept_answer(&sdp).await?;
                attempt.tell(Order::Hold(!direction.sends()));
            }
            (LineEvent::Reoffered { call, sdp: Some(offer) }, Some(session)) => {
                match session.answer(&offer, Direction::SendRecv).await {
                    Ok((sdp, direction)) => {
                        // Whoever holds does not want to hear us.
                        attempt.tell(Order::Hold(!direction.sends()));
                        self.board.send(LineCommand::AnswerReoffer { call, sdp });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "practice re-offer refused");
                        self.board.send(LineCommand::RejectReoffer { call, status: 488 });
                    }
                }
            }
            (LineEvent::Reoffered { call, sdp: None }, Some(session)) => {
                attempt.offered = true;
                let sdp = session.offer(Direction::SendRecv).await?;
                self.board.send(LineCommand::AnswerReoffer { call, sdp });
            }
            (LineEvent::Ended { .. }, _) => {
                attempt.call = None;
                if attempt.customer.is_some() {
                    // The customer's summary brings the outcome.
                    attempt.tell(Order::End);
                } else {
                    self.finish(None).await;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Something of ours failed before the call was up.
    async fn give_up(&mut self) {
        if let Some(call) = self.attempt.as_mut().and_then(|attempt| attempt.call.take()) {
            self.board.send(LineCommand::HangUp { call });
        }
        self.finish(None).await;
    }

    async fn finish(&mut self, summary: Option<crate::conversation::Summary>) {
        let Some(attempt) = self.attempt.take() else { return };
        self.tell(RoomEvent::Finished(attempt.outcome(summary)));
        if let Some(session) = &attempt.session {
            session.close().await;
        }
    }
}
