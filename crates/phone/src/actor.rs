//! The actor: owns the calls, carries out what the state machine decides, tells what happens.

use crate::machine::{Call, CallTone, Calls, Effect, Event, Origin, State};
use crate::media_task::{self, MediaNews, MediaOp};
use cuffia_headset::{Headset, Tone, VoiceId};
use cuffia_media::{MediaConfig, MediaError, MediaEvent, Statistics};
use cuffia_sip::{CallId, EndReason, Line, LineCommand, LineEvent, Registration};
use std::collections::HashMap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// A line to work with, and how its media finds its way.
pub struct LineUse {
    /// The line.
    pub line: Line,
    /// What it tells.
    pub events: UnboundedReceiver<LineEvent>,
    /// For each call's session.
    pub media: MediaConfig,
}

/// What is known of a call at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallInfo {
    /// UUIDv7.
    pub id: String,
    /// Who began it.
    pub origin: Origin,
    /// How far it is.
    pub state: State,
    /// Number or name of the other side, without host where it is a number.
    pub number: String,
    /// What the network calls the other side.
    pub display_name: Option<String>,
    /// What was called.
    pub called: String,
    /// `X-` headers and the like.
    pub headers: Vec<(String, String)>,
    /// We hold.
    pub held: bool,
    /// They hold.
    pub held_there: bool,
    /// Where its sound is on the sound thread.
    pub voice: VoiceId,
}

/// What the phone tells.
#[derive(Debug)]
pub enum PhoneEvent {
    /// The line's registration.
    Registration(Registration),
    /// A new call.
    Began(CallInfo),
    /// Something about a call has changed.
    Changed(CallInfo),
    /// Both sides have answered.
    Answered(CallInfo),
    /// A call is over.
    Ended(CallInfo, EndReason),
    /// A call's figures, each second.
    Statistics(String, Box<Statistics>),
    /// The other side pressed a key.
    Digit(String, char),
    /// Something about a call's sound.
    Sound(String, SoundEvent),
    /// The line was left and is closed, and all about its calls has been told. To be answered when that is dealt with.
    Left(oneshot::Sender<()>),
}

/// What happens to a call's sound.
#[derive(Debug, Clone)]
pub enum SoundEvent {
    /// The first audible sound has come.
    First,
    /// No packets come.
    Interrupted,
    /// They come again.
    Restored,
    /// There is no way for sound.
    Failed(MediaError),
}

/// Why the phone does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// There is no line.
    #[error("there is no line to call on. Connect a switchboard or open the practice room")]
    NoLine,
    /// The call is over or was never there.
    #[error("that call is over")]
    NoSuchCall,
    /// Not in this state.
    #[error("that is not possible while the call is in this state")]
    NotNow,
}

impl PhoneError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            PhoneError::NoLine => "phone.no_line",
            PhoneError::NoSuchCall => "phone.no_such_call",
            PhoneError::NotNow => "phone.not_now",
        }
    }
}

enum Request {
    UseLine(Option<LineUse>),
    Leave(oneshot::Sender<()>),
    Dial(String, oneshot::Sender<Result<String, PhoneError>>),
    Act(String, Act, oneshot::Sender<Result<(), PhoneError>>),
}

enum Act {
    Answer,
    Reject(u16),
    HangUp,
    Hold,
    Resume,
    Digits(String),
}

/// The handle. All shells' answers, hang-ups and holds come through here: there is one path for each.
#[derive(Clone)]
pub struct Phone {
    requests: UnboundedSender<Request>,
}

impl Phone {
    /// Starts the actor on the current tokio runtime.
    pub fn start(headset: Headset) -> (Phone, UnboundedReceiver<PhoneEvent>) {
        let (requests, inbox) = unbounded_channel();
        let (events, out) = unbounded_channel();
        let (news, heard) = unbounded_channel();
        let actor = Actor {
            calls: Calls::default(),
            ids: HashMap::new(),
            media: HashMap::new(),
            line: None,
            next: 1,
            headset,
            events,
            news,
        };
        tokio::spawn(actor.run(inbox, heard));
        (Phone { requests }, out)
    }

    /// Works on another line; calls on the one before are hung up.
    pub fn use_line(&self, line: Option<LineUse>) {
        let _ = self.requests.send(Request::UseLine(line));
    }

    /// Hangs up, gives the registration back, and waits until the far ends know or the line gives them up, and until whoever
    /// listens to the events has dealt with it. For the end of the program.
    pub async fn leave(&self) {
        let (reply, left) = oneshot::channel();
        let _ = self.requests.send(Request::Leave(reply));
        // Refused when nobody listens: then there is nothing to wait for.
        let _ = left.await;
    }

    /// Calls a number, a name or a link; gives the call's id.
    ///
    /// # Errors
    /// [`PhoneError::NoLine`].
    pub async fn dial(&self, target: String) -> Result<String, PhoneError> {
        let (reply, answer) = oneshot::channel();
        let _ = self.requests.send(Request::Dial(target, reply));
        answer.await.unwrap_or(Err(PhoneError::NoLine))
    }

    async fn act(&self, call: &str, act: Act) -> Result<(), PhoneError> {
        let (reply, answer) = oneshot::channel();
        let _ = self.requests.send(Request::Act(call.to_owned(), act, reply));
        answer.await.unwrap_or(Err(PhoneError::NoSuchCall))
    }

    /// Answers.
    ///
    /// # Errors
    /// When it does not ring, or is over.
    pub async fn answer(&self, call: &str) -> Result<(), PhoneError> {
        self.act(call, Act::Answer).await
    }

    /// Declines with a final response (486 busy, 603 declined).
    ///
    /// # Errors
    /// When it is over.
    pub async fn reject(&self, call: &str, status: u16) -> Result<(), PhoneError> {
        self.act(call, Act::Reject(status)).await
    }

    /// Ends the call, whatever state it is in.
    ///
    /// # Errors
    /// When it is over.
    pub async fn hang_up(&self, call: &str) -> Result<(), PhoneError> {
        self.act(call, Act::HangUp).await
    }

    /// Holds.
    ///
    /// # Errors
    /// When it is not answered, or is over.
    pub async fn hold(&self, call: &str) -> Result<(), PhoneError> {
        self.act(call, Act::Hold).await
    }

    /// Resumes; another active call is held.
    ///
    /// # Errors
    /// When it is not answered, or is over.
    pub async fn resume(&self, call: &str) -> Result<(), PhoneError> {
        self.act(call, Act::Resume).await
    }

    /// Sends keys.
    ///
    /// # Errors
    /// When there is no sound path yet, or the call is over.
    pub async fn send_digits(&self, call: &str, digits: String) -> Result<(), PhoneError> {
        self.act(call, Act::Digits(digits)).await
    }
}

struct Actor {
    calls: Calls,
    ids: HashMap<CallId, String>,
    media: HashMap<CallId, UnboundedSender<MediaOp>>,
    line: Option<LineUse>,
    next: u64,
    headset: Headset,
    events: UnboundedSender<PhoneEvent>,
    news: UnboundedSender<MediaNews>,
}

impl Actor {
    async fn run(mut self, mut inbox: UnboundedReceiver<Request>, mut heard: UnboundedReceiver<MediaNews>) {
        loop {
            tokio::select! {
                request = inbox.recv() => match request {
                    Some(request) => self.request(request),
                    None => break,
                },
                Some(news) = heard.recv() => self.news(news),
                event = next_line_event(&mut self.line) => match event {
                    Some(LineEvent::Registration(r)) => self.tell(PhoneEvent::Registration(r)),
                    Some(event) => self.handle(Event::Line(event)),
                    // The line's driver is gone; its calls with it.
                    None => drop(self.leave_line()),
                },
            }
        }
        drop(self.leave_line());
    }

    fn tell(&self, event: PhoneEvent) {
        let _ = self.events.send(event);
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Leave(reply) => {
                let (left, events) = (self.leave_line(), self.events.clone());
                tokio::spawn(async move {
                    if let Some(mut left) = left {
                        while left.recv().await.is_some() {}
                    }
                    let _ = events.send(PhoneEvent::Left(reply));
                });
            }
            Request::UseLine(line) => {
                drop(self.leave_line());
                self.line = line;
                if let Some(line) = &self.line {
                    line.line.send(LineCommand::Register);
                }
            }
            Request::Dial(target, reply) => {
                let answer = if self.line.is_some() {
                    let id = CallId(self.next);
                    self.next += 1;
                    self.handle(Event::Dial(id, target));
                    self.ids.get(&id).cloned().ok_or(PhoneError::NoLine)
                } else {
                    Err(PhoneError::NoLine)
                };
                let _ = reply.send(answer);
            }
            Request::Act(call, act, reply) => {
                let _ = reply.send(self.act(&call, act));
            }
        }
    }

    fn act(&mut self, call: &str, act: Act) -> Result<(), PhoneError> {
        let id = *self.ids.iter().find(|(_, name)| *name == call).ok_or(PhoneError::NoSuchCall)?.0;
        let state = self.calls.get(id).ok_or(PhoneError::NoSuchCall)?.state;
        let (possible, event) = match act {
            Act::Answer => (state == State::RingingHere, Event::Answer(id)),
            Act::Reject(status) => (true, Event::Reject(id, status)),
            Act::HangUp => (true, Event::HangUp(id)),
            Act::Hold => (state == State::Active, Event::Hold(id)),
            Act::Resume => (state == State::Active, Event::Resume(id)),
            Act::Digits(digits) => {
                for digit in digits.chars() {
                    self.headset.key(digit);
                }
                (state != State::RingingHere, Event::Digits(id, digits))
            }
        };
        if !possible {
            return Err(PhoneError::NotNow);
        }
        self.handle(event);
        Ok(())
    }

    /// Hangs up and leaves; gives the line's events, which end when it has closed.
    fn leave_line(&mut self) -> Option<UnboundedReceiver<LineEvent>> {
        for id in self.calls.all().iter().map(|c| c.id).collect::<Vec<_>>() {
            self.handle(Event::HangUp(id));
        }
        let line = self.line.take()?;
        line.line.send(LineCommand::Unregister);
        line.line.send(LineCommand::Close);
        Some(line.events)
    }

    fn news(&mut self, news: MediaNews) {
        match news {
            MediaNews::Machine(event) => self.handle(event),
            MediaNews::Failed(call, error) => {
                if let Some(id) = self.ids.get(&call) {
                    self.tell(PhoneEvent::Sound(id.clone(), SoundEvent::Failed(error)));
                }
            }
            MediaNews::Session(call, event) => {
                let Some(id) = self.ids.get(&call).cloned() else { return };
                match event {
                    MediaEvent::FirstSound => self.tell(PhoneEvent::Sound(id, SoundEvent::First)),
                    MediaEvent::Interrupted => self.tell(PhoneEvent::Sound(id, SoundEvent::Interrupted)),
                    MediaEvent::Restored => self.tell(PhoneEvent::Sound(id, SoundEvent::Restored)),
                    MediaEvent::Digit(digit) => self.tell(PhoneEvent::Digit(id, digit)),
                    MediaEvent::Statistics(s) => self.tell(PhoneEvent::Statistics(id, Box::new(s))),
                    _ => {}
                }
            }
        }
    }

    fn handle(&mut self, event: Event) {
        // The last sight of calls that this event ends.
        let before: Vec<Call> = self.calls.all().to_vec();
        for effect in self.calls.handle(event) {
            self.carry_out(effect, &before);
        }
    }

    fn carry_out(&mut self, effect: Effect, before: &[Call]) {
        match effect {
            Effect::Line(command) => {
                if let Some(line) = &self.line {
                    line.line.send(command);
                }
            }
            Effect::MakeOffer(id, direction) => self.media(id, MediaOp::Offer(direction)),
            Effect::MakeAnswer(id, offer, direction) => self.media(id, MediaOp::Answer(offer, direction)),
            Effect::AcceptAnswer(id, sdp) => self.media(id, MediaOp::AcceptAnswer(sdp)),
            Effect::Rollback(id) => self.media(id, MediaOp::Rollback),
            Effect::Digits(id, digits) => self.media(id, MediaOp::Digits(digits)),
            Effect::CloseMedia(id) => {
                if let Some(ops) = self.media.remove(&id) {
                    let _ = ops.send(MediaOp::Close);
                }
            }
            Effect::Talk(id) => self.headset.talk(id.map(|id| VoiceId(id.0))),
            Effect::Tone(tone) => {
                self.headset.quiet();
                if let Some(tone) = tone {
                    self.headset.tone(match tone {
                        CallTone::Ringing => Tone::Ringing,
                        CallTone::Waiting => Tone::Waiting,
                        CallTone::Ringback => Tone::Ringback,
                        CallTone::Busy => Tone::Busy,
                    });
                }
            }
            Effect::Began(id) => {
                self.ids.insert(id, uuid::Uuid::now_v7().to_string());
                self.tell_call(id, before, PhoneEvent::Began);
            }
            Effect::Changed(id) => self.tell_call(id, before, PhoneEvent::Changed),
            Effect::Answered(id) => self.tell_call(id, before, PhoneEvent::Answered),
            Effect::Ended(id, reason) => {
                self.tell_call(id, before, |info| PhoneEvent::Ended(info, reason));
                self.ids.remove(&id);
            }
        }
    }

    fn media(&mut self, id: CallId, op: MediaOp) {
        let Some(line) = &self.line else { return };
        let ops = self
            .media
            .entry(id)
            .or_insert_with(|| media_task::start(id, line.media.clone(), self.headset.clone(), self.news.clone()));
        let _ = ops.send(op);
    }

    fn tell_call(&self, id: CallId, before: &[Call], event: impl FnOnce(CallInfo) -> PhoneEvent) {
        let call = self.calls.get(id).or_else(|| before.iter().find(|c| c.id == id));
        if let (Some(call), Some(name)) = (call, self.ids.get(&id)) {
            self.tell(event(info(name, call)));
        }
    }
}

fn info(id: &str, call: &Call) -> CallInfo {
    CallInfo {
        id: id.to_owned(),
        origin: call.origin,
        state: call.state,
        number: call.remote.user.clone(),
        display_name: call.remote.display_name.clone(),
        called: call.called.clone(),
        headers: call.headers.clone(),
        held: call.held,
        held_there: call.held_there,
        voice: VoiceId(call.id.0),
    }
}

async fn next_line_event(line: &mut Option<LineUse>) -> Option<LineEvent> {
    match line {
        Some(line) => line.events.recv().await,
        None => std::future::pending().await,
    }
}
