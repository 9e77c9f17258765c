//! Once a second: how the voice is doing. More often: whether it still comes.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use webrtc::peer_connection::{PeerConnection, RTCStatsReport, RTCStatsReportEntry, StatsSelector};

use crate::handler::Handler;
use crate::mos::{self, Conditions};
use crate::reports::Figures;
use crate::shared::Shared;
use crate::turn::StreamServer;
use crate::types::{Codec, MediaEvent, Statistics};

const TICK: Duration = Duration::from_millis(200);
const TICKS_PER_SNAPSHOT: u32 = 5;
/// Without a packet for so long, though some should come, the operator is told.
const SILENT: Duration = Duration::from_secs(3);
/// And while the far end has said that nobody speaks: those who say so repeat it, but not that often.
const SILENT_IN_PAUSE: Duration = Duration::from_secs(30);
/// So long after the first packet there is no ground for a verdict on loss: until the stream has found its feet, most of what is
/// rendered covers for packets that were never sent.
const SETTLING: Duration = Duration::from_secs(2);

/// Runs as long as the session.
pub async fn watch(
    shared: Arc<Shared>,
    connection: Arc<dyn PeerConnection>,
    handler: Arc<Handler>,
    streams: Vec<StreamServer>,
    snapshot: Arc<Mutex<Statistics>>,
) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut flow = Flow::new(Instant::now());
    let mut last = Last::new(Instant::now());
    let mut ticks = 0;
    let mut idle = None;
    loop {
        interval.tick().await;
        let now = Instant::now();
        let figures = shared.figures();
        let patience = shared.receives().then(|| if shared.pauses.load(Relaxed) { SILENT_IN_PAUSE } else { SILENT });
        match flow.look(now, patience, figures.packets_received, handler.path_lost()) {
            Some(true) => shared.tell(MediaEvent::Interrupted),
            Some(false) => shared.tell(MediaEvent::Restored),
            None => {}
        }
        if idle.is_none() && shared.connected.load(Relaxed) {
            // Before what we send ourselves can stand in a queue.
            let report = connection.get_stats(now, StatsSelector::None).await;
            idle = Some(Path::read(&report, &streams).round_trip_ms);
            shared.set_reception(|reception| reception.checked_ms = idle.flatten());
        }
        ticks += 1;
        if ticks % TICKS_PER_SNAPSHOT == 0 && shared.connected.load(Relaxed) {
            let report = connection.get_stats(now, StatsSelector::None).await;
            let statistics = last.advance(now, &shared, figures, Path::read(&report, &streams));
            snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&statistics);
            shared.tell(MediaEvent::Statistics(statistics));
        }
    }
}

/// Whether sound still comes. Sans-I/O.
pub struct Flow {
    packets: u64,
    moved: Instant,
    interrupted: bool,
}

impl Flow {
    pub fn new(now: Instant) -> Self {
        Self { packets: 0, moved: now, interrupted: false }
    }

    /// True when an interruption begins, false when one ends. `patience` is how long nothing may come; none where nothing should.
    pub fn look(&mut self, now: Instant, patience: Option<Duration>, packets: u64, path_lost: bool) -> Option<bool> {
        if packets != self.packets || patience.is_none() {
            (self.packets, self.moved) = (packets, now);
        }
        let waited = now.saturating_duration_since(self.moved);
        let interrupted = path_lost || patience.is_some_and(|patience| waited >= patience);
        (std::mem::replace(&mut self.interrupted, interrupted) != interrupted).then_some(interrupted)
    }
}

/// What the core knows of the path in use.
#[derive(Default)]
struct Path {
    name: Option<String>,
    round_trip_ms: Option<f32>,
    srtp: Option<String>,
}

impl Path {
    fn read(report: &RTCStatsReport, streams: &[StreamServer]) -> Self {
        let mut path = Self::default();
        let mut pair = None;
        for entry in report.iter() {
            match entry {
                RTCStatsReportEntry::IceCandidatePair(candidate_pair) if candidate_pair.nominated => {
                    pair = Some(candidate_pair)
                }
                RTCStatsReportEntry::Transport(transport) => {
                    path.srtp = Some(transport.srtp_cipher.to_string()).filter(|cipher| !cipher.is_empty());
                }
                _ => {}
            }
        }
        let Some(pair) = pair else { return path };
        path.round_trip_ms = Some(pair.current_round_trip_time as f32 * 1_000.0).filter(|time| *time > 0.0);
        // A pair names its candidates without the prefix their own entries have.
        let kind = |id: &str| {
            report.iter().find_map(|entry| match entry {
                RTCStatsReportEntry::LocalCandidate(candidate) if candidate.stats.id.ends_with(id) => {
                    let stream = streams.iter().find(|stream| candidate.url.contains(&stream.stand_in.to_string()));
                    Some((candidate.candidate_type.to_string(), stream.map_or("udp", StreamServer::transport)))
                }
                RTCStatsReportEntry::RemoteCandidate(candidate) if candidate.stats.id.ends_with(id) => {
                    Some((candidate.candidate_type.to_string(), "udp"))
                }
                _ => None,
            })
        };
        let local = kind(&pair.local_candidate_id)
            .map(|(kind, transport)| if kind == "relay" { format!("relay {transport}") } else { kind });
        // Candidates seen but never told have no entry.
        let remote = kind(&pair.remote_candidate_id).map_or_else(|| "prflx".to_owned(), |(kind, _)| kind);
        path.name = local.map(|local| if local == remote { local } else { format!("{local}/{remote}") });
        path
    }
}

/// The figures a second ago.
struct Last {
    at: Instant,
    figures: Figures,
    rendered: u64,
    concealed: u64,
    /// When there first was a packet.
    begun: Option<Instant>,
}

impl Last {
    fn new(now: Instant) -> Self {
        Self { at: now, figures: Figures::default(), rendered: 0, concealed: 0, begun: None }
    }

    fn advance(&mut self, now: Instant, shared: &Shared, figures: Figures, path: Path) -> Statistics {
        let (rendered, concealed) = (shared.rendered.load(Relaxed), shared.concealed.load(Relaxed));
        let seconds = now.saturating_duration_since(self.at).as_secs_f32().max(0.001);
        let octets = figures.octets_sent.saturating_sub(self.figures.octets_sent);
        let frames = rendered.saturating_sub(self.rendered);
        let invented = concealed.saturating_sub(self.concealed);
        let concealed_percent = if frames == 0 { 0.0 } else { invented as f32 * 100.0 / frames as f32 };
        let begun = self.begun.or((figures.packets_received > 0).then_some(now));
        *self = Self { at: now, figures, rendered, concealed, begun };
        let settled = begun.is_some_and(|begun| now.saturating_duration_since(begun) >= SETTLING);
        let round_trip_ms = figures.round_trip_ms.or(path.round_trip_ms);
        let buffer_ms = shared.buffer_ms.get();
        let codec = shared.voice().map(|(_, codec)| codec);
        let conditions = Conditions {
            codec: shared.heard().or(codec).unwrap_or(Codec::Opus),
            delay_ms: round_trip_ms.unwrap_or(0.0) / 2.0 + buffer_ms + 20.0,
            loss_percent: if settled { figures.loss_percent } else { 0.0 },
            // Late packets count like lost ones, and only the concealment knows of them.
            missing_percent: if settled { concealed_percent } else { 0.0 },
        };
        let (mos, impairment) = mos::estimate(conditions);
        Statistics {
            packets_sent: figures.packets_sent,
            packets_received: figures.packets_received,
            packets_lost: figures.packets_lost,
            lost_remote_percent: figures.lost_remote_percent,
            loss_percent: figures.loss_percent,
            jitter_ms: figures.jitter_ms,
            round_trip_ms,
            packet_ms: codec.map_or(0.0, |codec| codec.packet_ms() + shared.longer_ms.get()),
            buffer_ms,
            playout: shared.decisions(),
            concealed_percent,
            codec,
            bitrate_bps: (octets as f32 * 8.0 / seconds) as u32,
            path: path.name,
            level_in_dbfs: shared.level_in.get(),
            level_out_dbfs: shared.level_out.get(),
            mos,
            impairment,
            srtp: path.srtp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_seconds_of_a_stream_are_not_held_against_it() {
        let (events, _told) = tokio::sync::mpsc::unbounded_channel();
        let (shared, start) = (Shared::new(events), Instant::now());
        let mut last = Last::new(start);
        let mut figures = Figures::default();
        // (second, packets so far, frames rendered in it, of them invented, poor)
        let table = [(1, 0, 0, 0, false), (2, 20, 100, 60, false), (3, 70, 100, 40, false), (4, 120, 100, 30, true)];
        for (second, packets, rendered, concealed, poor) in table {
            figures.packets_received = packets;
            shared.rendered.fetch_add(rendered, Relaxed);
            shared.concealed.fetch_add(concealed, Relaxed);
            let told = last.advance(start + Duration::from_secs(second), &shared, figures, Path::default());
            assert_eq!(told.mos < 3.0, poor, "second {second}: {}", told.mos);
            assert_eq!(told.concealed_percent, concealed as f32, "the figure itself is told all the same");
        }
    }

    #[test]
    fn too_long_without_packets_is_an_interruption_only_while_some_should_come() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        let (usual, pause) = (Some(SILENT), Some(SILENT_IN_PAUSE));
        // (second, patience, packets so far, path lost) -> told
        let table = [
            (1, usual, 50, false, None),
            (3, usual, 50, false, None),
            (4, usual, 50, false, Some(true)),
            (5, usual, 50, false, None),
            (6, usual, 51, false, Some(false)),
            (7, None, 51, false, None),
            (20, None, 51, false, None),
            (21, usual, 51, false, None),
            (23, usual, 51, false, Some(true)),
            (24, None, 51, false, Some(false)),
            (25, usual, 60, true, Some(true)),
            (26, usual, 70, false, Some(false)),
            (27, pause, 71, false, None),
            (56, pause, 71, false, None),
            (57, pause, 71, false, Some(true)),
            (58, usual, 72, false, Some(false)),
        ];
        for (second, patience, packets, lost, told) in table {
            assert_eq!(
                flow.look(start + Duration::from_secs(second), patience, packets, lost),
                told,
                "second {second}"
            );
        }
    }
}
