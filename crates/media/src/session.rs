//! A session on the `webrtc` crate.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use webrtc::peer_connection::{PeerConnection, RTCSessionDescription};

use crate::connection;
use crate::error::MediaError;
use crate::handler::Handler;
use crate::levels::FLOOR_DBFS;
use crate::normalise::{Normalised, Payload, Role, Shape, normalise};
use crate::outgoing::{Wire, for_wire};
use crate::path::VoicePath;
use crate::sdp::Sdp;
use crate::shared::{OUTBOUND, Shared};
use crate::statistics;
use crate::turn::{self, StreamRuntime};
use crate::types::{Direction, MediaConfig, MediaEvent, Statistics};

/// With a relay only, an offer without a single candidate is no use: so long it waits for the first.
const RELAY_PATIENCE: Duration = Duration::from_secs(5);

/// The negotiation and the end of one voice session. Sound goes through the [`VoicePath`].
#[async_trait]
pub trait MediaSession: Send + Sync {
    /// The first offer or a re-offer, as it goes on the wire.
    async fn offer(&self, direction: Direction) -> Result<String, MediaError>;

    /// Takes the answer to our offer; the direction that results, as seen from here. The same answer may be given
    /// again, as a 200 repeats what a 183 brought.
    async fn accept_answer(&self, sdp: &str) -> Result<Direction, MediaError>;

    /// Answers a first or later offer, and tells the direction that results. `wanted` narrows what the far end allows.
    /// An offer of ours still open is rolled back.
    async fn answer(&self, offer: &str, wanted: Direction) -> Result<(String, Direction), MediaError>;

    /// Our re-offer was refused: everything stays as it was before it.
    async fn rollback(&self) -> Result<(), MediaError>;

    /// The newest snapshot, at most a second old.
    fn statistics(&self) -> Statistics;

    /// Releases sockets and tasks. May be called again; dropping the session does the same.
    async fn close(&self);
}

/// Opens a session: the negotiation end, the sound thread's end, and what happens to it.
pub async fn open(
    config: MediaConfig,
) -> Result<(Arc<dyn MediaSession>, VoicePath, mpsc::UnboundedReceiver<MediaEvent>), MediaError> {
    let (events, received) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(events));
    let (from_sound, to_network) = rtrb::RingBuffer::new(OUTBOUND);
    let ssrc = rand::random::<u32>();
    let handler = Arc::new(Handler::new(shared.clone()));
    let (servers, streams) = turn::split(&config.ice_servers)?;
    let runtime = Arc::new(StreamRuntime::new(streams.clone(), config.trust.clone()));

    let (connection, track, from_network) =
        connection::build(&config, &servers, handler.clone(), runtime, &shared, ssrc).await?;
    let snapshot = Arc::new(PlainMutex::new(Statistics {
        level_in_dbfs: FLOOR_DBFS,
        level_out_dbfs: FLOOR_DBFS,
        ..Statistics::default()
    }));
    let tasks = vec![
        tokio::spawn(connection::send(shared.clone(), track, ssrc, to_network)),
        tokio::spawn(statistics::watch(shared.clone(), connection.clone(), handler.clone(), streams, snapshot.clone())),
    ];
    let session = Session {
        shared: shared.clone(),
        connection,
        handler,
        config,
        negotiation: Mutex::new(Negotiation::default()),
        snapshot,
        tasks: PlainMutex::new(tasks),
        runtime: tokio::runtime::Handle::current(),
    };
    Ok((Arc::new(session), VoicePath::new(shared, from_network, from_sound), received))
}

struct Session {
    shared: Arc<Shared>,
    connection: Arc<dyn PeerConnection>,
    handler: Arc<Handler>,
    config: MediaConfig,
    negotiation: Mutex<Negotiation>,
    snapshot: Arc<PlainMutex<Statistics>>,
    tasks: PlainMutex<Vec<JoinHandle<()>>>,
    runtime: tokio::runtime::Handle,
}

/// Where offer and answer stand.
#[derive(Default)]
struct Negotiation {
    /// Our offer that waits for its answer.
    open: Option<Offered>,
    /// The answer that closed the last of our offers, and what it led to.
    accepted: Option<(String, Direction)>,
    shape: Shape,
    /// The core's name for the sound.
    mid: Option<String>,
    /// Our DTLS role, once known.
    setup: Option<&'static str>,
    origin: Option<(u64, u64)>,
    gathered: bool,
}

struct Offered {
    direction: Direction,
    payloads: Vec<(u8, Payload)>,
}

impl Negotiation {
    /// Session id and the next version (RFC 3264 §8: one more each time).
    fn next_origin(&mut self) -> (u64, u64) {
        let (id, version) = self.origin.unwrap_or_else(|| (rand::random::<u64>() >> 2, 0));
        self.origin = Some((id, version + 1));
        (id, version + 1)
    }
}

impl Session {
    fn alive(&self) -> Result<(), MediaError> {
        if self.shared.closed.load(Relaxed) { Err(MediaError::Closed) } else { Ok(()) }
    }

    /// Waits until there are enough candidates to send.
    async fn gather(&self, negotiation: &mut Negotiation) -> Result<(), MediaError> {
        if !negotiation.gathered {
            self.handler.gathered(self.config.gather_timeout).await;
            if self.config.relay_only && !self.handler.first_candidate(RELAY_PATIENCE).await {
                return Err(MediaError::TurnRefused);
            }
            negotiation.gathered = true;
        }
        Ok(())
    }

    async fn local(&self) -> Result<String, MediaError> {
        let description = self.connection.local_description().await;
        description.map(|description| description.sdp).ok_or_else(|| MediaError::internal("no local description"))
    }

    async fn undo(&self) -> Result<(), MediaError> {
        let nothing = RTCSessionDescription::rollback(None).map_err(MediaError::internal)?;
        self.connection.set_local_description(nothing).await.map_err(MediaError::internal)
    }

    async fn make_offer(
        &self,
        negotiation: &mut Negotiation,
        direction: Direction,
    ) -> Result<(String, Offered), MediaError> {
        self.gather(negotiation).await?;
        let local = self.local().await?;
        let shape = negotiation.shape.for_own_offer();
        let wire = Wire {
            origin: negotiation.next_origin(),
            direction,
            // As DTLS client we begin; as server we would wait for the switchboard to repeat itself, three seconds.
            setup: Some(negotiation.setup.unwrap_or("active")),
            shape: &shape,
        };
        let (sdp, payloads) = for_wire(&local, &wire)?;
        Ok((sdp, Offered { direction, payloads }))
    }

    async fn make_answer(
        &self,
        negotiation: &mut Negotiation,
        offer: &Normalised,
        direction: Direction,
    ) -> Result<String, MediaError> {
        let answer = self.connection.create_answer(None).await.map_err(MediaError::internal)?;
        self.connection.set_local_description(answer).await.map_err(MediaError::internal)?;
        self.gather(negotiation).await?;
        let local = self.local().await?;
        let written = Sdp::read(&local)?;
        let audio = written.audio().and_then(|at| written.media.get(at));
        let setup = audio.and_then(|audio| written.inherited(audio, "setup"));
        // The core takes the other role of an offer that names one, yet writes `active` whatever the offer says.
        let setup = match (offer.setup.as_str(), setup) {
            ("active", _) | ("actpass", Some("passive")) => "passive",
            _ => "active",
        };
        // Within a session the role stays (RFC 8842 §5.3).
        let setup = *negotiation.setup.get_or_insert(setup);
        let wire = Wire { origin: negotiation.next_origin(), direction, setup: Some(setup), shape: &offer.shape };
        let (sdp, payloads) = for_wire(&local, &wire)?;
        negotiation.mid = audio.and_then(|audio| audio.attribute("mid")).map(str::to_owned);
        // What we kept of their list is what both sides use from now on.
        let agreed: Vec<_> = payloads.into_iter().filter(|kept| offer.payloads.contains(kept)).collect();
        if !agreed.iter().any(|(_, payload)| matches!(payload, Payload::Voice(_))) {
            return Err(MediaError::NoCommonCodec);
        }
        self.shared.set_payloads(&agreed, &agreed);
        self.shared.set_reception(|reception| (reception.deep, reception.longest) = (offer.deep, offer.longest));
        Ok(sdp)
    }
}

#[async_trait]
impl MediaSession for Session {
    async fn offer(&self, direction: Direction) -> Result<String, MediaError> {
        let mut negotiation = self.negotiation.lock().await;
        self.alive()?;
        if negotiation.open.take().is_some() {
            self.undo().await?;
        }
        let offer = self.connection.create_offer(None).await.map_err(MediaError::internal)?;
        self.connection.set_local_description(offer).await.map_err(MediaError::internal)?;
        match self.make_offer(&mut negotiation, direction).await {
            Ok((sdp, offered)) => {
                negotiation.open = Some(offered);
                Ok(sdp)
            }
            Err(error) => {
                let _ = self.undo().await;
                Err(error)
            }
        }
    }

    async fn accept_answer(&self, sdp: &str) -> Result<Direction, MediaError> {
        let mut negotiation = self.negotiation.lock().await;
        self.alive()?;
        let Some(offered) = &negotiation.open else {
            return match &negotiation.accepted {
                Some((known, direction)) if known == sdp => Ok(*direction),
                _ => Err(MediaError::OutOfStep { why: "an answer without an offer".into() }),
            };
        };
        let local = Sdp::read(&self.local().await?)?;
        let mid = local.audio().and_then(|at| local.media.get(at)).and_then(|audio| audio.attribute("mid"));
        let answer = normalise(sdp, Role::Answer, mid, &self.config.codecs)?;
        let direction = offered.direction.narrowed_by(answer.direction);
        let payloads = offered.payloads.clone();
        let description = RTCSessionDescription::answer(answer.core).map_err(MediaError::internal)?;
        self.connection.set_remote_description(description).await.map_err(MediaError::internal)?;
        self.shared.set_payloads(&payloads, &answer.payloads);
        self.shared.set_reception(|reception| (reception.deep, reception.longest) = (answer.deep, answer.longest));
        self.shared.set_direction(direction);
        negotiation.open = None;
        negotiation.mid = mid.map(str::to_owned);
        negotiation.setup.get_or_insert(if answer.setup == "active" { "passive" } else { "active" });
        negotiation.accepted = Some((sdp.to_owned(), direction));
        Ok(direction)
    }

    async fn answer(&self, offer: &str, wanted: Direction) -> Result<(String, Direction), MediaError> {
        let mut negotiation = self.negotiation.lock().await;
        self.alive()?;
        let offer = normalise(offer, Role::Offer, negotiation.mid.as_deref(), &self.config.codecs)?;
        let direction = wanted.narrowed_by(offer.direction);
        if negotiation.open.take().is_some() {
            self.undo().await?;
        }
        let description = RTCSessionDescription::offer(offer.core.clone()).map_err(MediaError::internal)?;
        self.connection.set_remote_description(description).await.map_err(MediaError::internal)?;
        match self.make_answer(&mut negotiation, &offer, direction).await {
            Ok(sdp) => {
                negotiation.shape = offer.shape;
                self.shared.set_direction(direction);
                negotiation.accepted = None;
                Ok((sdp, direction))
            }
            Err(error) => {
                if let Ok(nothing) = RTCSessionDescription::rollback(None) {
                    let _ = self.connection.set_remote_description(nothing).await;
                }
                Err(error)
            }
        }
    }

    async fn rollback(&self) -> Result<(), MediaError> {
        let mut negotiation = self.negotiation.lock().await;
        self.alive()?;
        if negotiation.open.take().is_some() { self.undo().await } else { Ok(()) }
    }

    fn statistics(&self) -> Statistics {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn close(&self) {
        if self.shared.closed.swap(true, Relaxed) {
            return;
        }
        self.shared.connected.store(false, Relaxed);
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing the core");
        }
        self.shared.tell(MediaEvent::Closed);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.shared.closed.swap(true, Relaxed) {
            return;
        }
        self.shared.connected.store(false, Relaxed);
        for task in self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        let (connection, shared) = (self.connection.clone(), self.shared.clone());
        self.runtime.spawn(async move {
            let _ = connection.close().await;
            shared.tell(MediaEvent::Closed);
        });
    }
}
