//! What the core reports. The callbacks run on its driver: they note and return, and never wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionIceErrorEvent,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState,
};

use crate::error::MediaError;
use crate::shared::Shared;
use crate::types::MediaEvent;

/// Keeps what the core reports.
pub struct Handler {
    shared: Arc<Shared>,
    complete: watch::Sender<bool>,
    candidates: watch::Sender<usize>,
    path_found: AtomicBool,
    path_lost: AtomicBool,
    told: AtomicBool,
}

impl Handler {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            complete: watch::Sender::new(false),
            candidates: watch::Sender::new(0),
            path_found: AtomicBool::new(false),
            path_lost: AtomicBool::new(false),
            told: AtomicBool::new(false),
        }
    }

    /// Waits until gathering is complete, or as long as allowed.
    pub async fn gathered(&self, allowed: Duration) {
        let mut complete = self.complete.subscribe();
        let _ = tokio::time::timeout(allowed, complete.wait_for(|complete| *complete)).await;
    }

    /// Waits for a first candidate; false when there is none in the end.
    pub async fn first_candidate(&self, allowed: Duration) -> bool {
        let (mut candidates, mut complete) = (self.candidates.subscribe(), self.complete.subscribe());
        let first = async {
            tokio::select! {
                biased;
                found = candidates.wait_for(|count| *count > 0) => found.is_ok(),
                _ = complete.wait_for(|complete| *complete) => false,
            }
        };
        tokio::time::timeout(allowed, first).await.unwrap_or(false)
    }

    /// Whether ICE has lost its path for the moment.
    pub fn path_lost(&self) -> bool {
        self.path_lost.load(Relaxed)
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, _: RTCPeerConnectionIceEvent) {
        self.candidates.send_modify(|count| *count += 1);
    }

    async fn on_ice_candidate_error(&self, error: RTCPeerConnectionIceErrorEvent) {
        tracing::warn!(code = error.error_code, text = %error.error_text, "a candidate server refused");
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.complete.send_replace(true);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        match state {
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => {
                self.path_found.store(true, Relaxed);
                self.path_lost.store(false, Relaxed);
            }
            RTCIceConnectionState::Disconnected | RTCIceConnectionState::Failed => self.path_lost.store(true, Relaxed),
            _ => {}
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connecting => self.shared.tell(MediaEvent::Connecting),
            RTCPeerConnectionState::Connected => {
                self.shared.connected.store(true, Relaxed);
                // Coming back after an interruption is told by the watch.
                if !self.told.swap(true, Relaxed) {
                    self.shared.tell(MediaEvent::Connected);
                }
            }
            RTCPeerConnectionState::Failed => {
                self.shared.connected.store(false, Relaxed);
                let never_encrypted = self.path_found.load(Relaxed) && !self.told.load(Relaxed);
                let error = if never_encrypted { MediaError::DtlsFailed } else { MediaError::IceFailed };
                self.shared.tell(MediaEvent::Failed(error));
            }
            _ => {}
        }
    }
}
