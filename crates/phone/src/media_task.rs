//! One call's media session: negotiates in order, ties the voice to the sound thread, always releases.

use crate::machine::Event;
use cuffia_headset::{Frame, Headset, Voice, VoiceId};
use cuffia_media::{Dial, Direction, MediaConfig, MediaError, MediaEvent, MediaSession, VoicePath};
use cuffia_sip::CallId;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a call's session is asked to do.
pub(crate) enum MediaOp {
    Offer(Direction),
    Answer(String, Direction),
    AcceptAnswer(String),
    Rollback,
    Digits(String),
    Close,
}

/// What the actor hears back.
pub(crate) enum MediaNews {
    /// For the state machine.
    Machine(Event),
    /// For whoever shows the call.
    Session(CallId, MediaEvent),
    /// Why a session could not be made or was lost.
    Failed(CallId, MediaError),
}

struct PathVoice(VoicePath);

impl Voice for PathVoice {
    fn capture(&mut self, frame: &Frame) {
        self.0.capture(frame);
    }
    fn render(&mut self, out: &mut Frame) {
        self.0.render(out);
    }
    fn relieve(&mut self) {
        self.0.relieve();
    }
}

pub(crate) fn start(
    call: CallId,
    config: MediaConfig,
    headset: Headset,
    news: UnboundedSender<MediaNews>,
) -> UnboundedSender<MediaOp> {
    let (ops, inbox) = unbounded_channel();
    let task = MediaTask { call, config, headset, news, open: None };
    tokio::spawn(task.run(inbox));
    ops
}

struct MediaTask {
    call: CallId,
    config: MediaConfig,
    headset: Headset,
    news: UnboundedSender<MediaNews>,
    open: Option<(Arc<dyn MediaSession>, Dial)>,
}

impl MediaTask {
    async fn run(mut self, mut inbox: UnboundedReceiver<MediaOp>) {
        while let Some(op) = inbox.recv().await {
            if matches!(op, MediaOp::Close) {
                break;
            }
            match self.carry_out(op).await {
                Ok(Some(event)) => self.tell(MediaNews::Machine(event)),
                Ok(None) => {}
                Err(error) => {
                    self.tell(MediaNews::Failed(self.call, error));
                    self.tell(MediaNews::Machine(Event::MediaFailed(self.call)));
                }
            }
        }
        // Also when the actor is gone.
        self.headset.detach(VoiceId(self.call.0));
        if let Some((session, _)) = self.open.take() {
            session.close().await;
        }
    }

    fn tell(&self, news: MediaNews) {
        // When the actor is gone nobody needs to know.
        let _ = self.news.send(news);
    }

    async fn carry_out(&mut self, op: MediaOp) -> Result<Option<Event>, MediaError> {
        let call = self.call;
        Ok(match op {
            MediaOp::Offer(direction) => Some(Event::OfferReady(call, self.session().await?.offer(direction).await?)),
            MediaOp::Answer(offer, wanted) => {
                let (sdp, direction) = self.session().await?.answer(&offer, wanted).await?;
                Some(Event::AnswerReady(call, sdp, direction))
            }
            MediaOp::AcceptAnswer(sdp) => {
                Some(Event::AnswerAccepted(call, self.session().await?.accept_answer(&sdp).await?))
            }
            MediaOp::Rollback => {
                self.session().await?.rollback().await?;
                None
            }
            MediaOp::Digits(digits) => {
                if let Some((_, dial)) = &self.open {
                    dial.send_digits(&digits)?;
                }
                None
            }
            MediaOp::Close => None,
        })
    }

    async fn session(&mut self) -> Result<Arc<dyn MediaSession>, MediaError> {
        if let Some((session, _)) = &self.open {
            return Ok(session.clone());
        }
        let (session, path, mut events) = cuffia_media::open(self.config.clone()).await?;
        self.open = Some((session.clone(), path.dial()));
        self.headset.attach(VoiceId(self.call.0), Box::new(PathVoice(path)));
        let (call, news) = (self.call, self.news.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match &event {
                    MediaEvent::FirstSound => drop(news.send(MediaNews::Machine(Event::FirstSound(call)))),
                    MediaEvent::Failed(error) => {
                        drop(news.send(MediaNews::Failed(call, error.clone())));
                        drop(news.send(MediaNews::Machine(Event::MediaFailed(call))));
                    }
                    _ => {}
                }
                if news.send(MediaNews::Session(call, event)).is_err() {
                    break;
                }
            }
        });
        Ok(session)
    }
}
