//! A far end that is not ours: the bare `webrtc` crate with an interceptor that changes what it sends.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use common::{End, PATIENCE, loopback};
use cuffia_media::{Codec, Direction, MediaEvent};
use rtc::interceptor::{Interceptor, Packet, Registry, Slot, StreamInfo, TaggedPacket};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use tokio::sync::Notify;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCSessionDescription, SettingEngineBuilder,
};

const SSRC: u32 = 0x2222;
/// Opus by another number than ours, as Asterisk has it.
const OPUS: u8 = 107;

/// What the far end does to its packets.
#[derive(Default)]
struct Tricks {
    /// Another source from now on.
    ssrc: AtomicU32,
    silent: AtomicBool,
    /// One packet in so many is not sent; zero for none.
    drop_every: AtomicU32,
    sent: AtomicU64,
    received: AtomicU64,
}

struct Changer {
    tricks: Arc<Tricks>,
    read: VecDeque<TaggedPacket>,
    write: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Changer {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Self::Error> {
        if matches!(message.message.packet, Packet::Rtp(_)) {
            self.tricks.received.fetch_add(1, Relaxed);
        }
        self.read.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, mut message: TaggedPacket) -> Result<(), Self::Error> {
        if let Packet::Rtp(packet) = &mut message.message.packet {
            let (ssrc, every) = (self.tricks.ssrc.load(Relaxed), self.tricks.drop_every.load(Relaxed));
            let count = self.tricks.sent.fetch_add(1, Relaxed);
            if self.tricks.silent.load(Relaxed) || (every > 0 && count.is_multiple_of(u64::from(every))) {
                return Ok(());
            }
            if ssrc != 0 {
                packet.header.ssrc = ssrc;
                // A new source counts from elsewhere.
                packet.header.sequence_number = packet.header.sequence_number.wrapping_add(ssrc as u16);
                packet.header.timestamp = packet.header.timestamp.wrapping_add(ssrc);
            }
        }
        self.write.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write.pop_front()
    }
}

impl Interceptor for Changer {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

struct Gathered(Notify);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Gathered {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.0.notify_one();
        }
    }
}

struct FarEnd {
    connection: Arc<dyn PeerConnection>,
    tricks: Arc<Tricks>,
    gathered: Arc<Gathered>,
    humming: tokio::task::JoinHandle<()>,
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.humming.abort();
    }
}

impl FarEnd {
    async fn new() -> Self {
        let codec = RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: "audio/opus".into(),
                clock_rate: 48_000,
                channels: 2,
                ..Default::default()
            },
            payload_type: OPUS,
        };
        let mut engine = MediaEngine::default();
        engine.register_codec(codec.clone(), RtpCodecKind::Audio).unwrap();
        let tricks = Arc::new(Tricks::default());
        let changer = Changer { tricks: tricks.clone(), read: VecDeque::new(), write: VecDeque::new() };
        let gathered = Arc::new(Gathered(Notify::new()));
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .build();
        let built = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(settings)
            .with_interceptor_registry(Registry::new().with(Slot::CongestionControl, changer))
            .with_handler(gathered.clone())
            .with_udp_addrs(vec!["127.0.0.1:0".to_string()])
            .build();
        let connection: Arc<dyn PeerConnection> = Arc::new(built.await.unwrap());
        let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "s".into(),
            "t".into(),
            "moh".into(),
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() },
                codec: codec.rtp_codec,
                ..Default::default()
            }],
        )));
        connection.add_track(track.clone() as Arc<dyn TrackLocal>).await.unwrap();
        Self { connection, tricks, gathered, humming: tokio::spawn(hum(track)) }
    }

    /// Calls an end of ours.
    async fn call(&self, end: &mut End) {
        let offer = self.connection.create_offer(None).await.unwrap();
        self.connection.set_local_description(offer).await.unwrap();
        self.gathered.0.notified().await;
        let offer = self.connection.local_description().await.unwrap().sdp;
        let (answer, _) = end.session().answer(&offer, Direction::SendRecv).await.unwrap();
        self.connection.set_remote_description(RTCSessionDescription::answer(answer).unwrap()).await.unwrap();
        end.connected().await;
    }
}

/// 1000 Hz in Opus, twenty milliseconds at a time.
async fn hum(track: Arc<TrackLocalStaticRTP>) {
    let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip).unwrap();
    let mut every = tokio::time::interval(Duration::from_millis(20));
    let (mut at, mut phase) = (0u32, 0f32);
    loop {
        every.tick().await;
        let sound: Vec<f32> = (0..960)
            .map(|_| {
                phase = (phase + std::f32::consts::TAU * 1_000.0 / 48_000.0) % std::f32::consts::TAU;
                common::AMPLITUDE * phase.sin()
            })
            .collect();
        let payload = encoder.encode_vec_float(&sound, 400).unwrap();
        let header = rtc::rtp::Header {
            version: 2,
            payload_type: OPUS,
            sequence_number: at as u16,
            timestamp: at * 960,
            ssrc: SSRC,
            ..Default::default()
        };
        let _ = track.write_rtp(rtc::rtp::Packet { header, payload: payload.into() }).await;
        at += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_in_mid_call_is_heard_on() {
    let mut end = End::humming(loopback(&[Codec::Opus]), 440.0).await;
    let far = FarEnd::new().await;
    far.call(&mut end).await;
    end.hears(1_000.0).await;
    for ssrc in [0x9999_1234u32, 0x0BAD_CAFE, 0] {
        far.tricks.ssrc.store(ssrc, Relaxed);
        // A whole second of the new source, not what was left of the old one.
        end.ear.lock().unwrap().heard.clear();
        end.hears(1_000.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn we_send_by_the_numbers_of_the_far_end() {
    let mut end = End::humming(loopback(&[Codec::Opus, Codec::Pcma]), 440.0).await;
    let far = FarEnd::new().await;
    far.call(&mut end).await;
    let arrives = async {
        let mut often = tokio::time::interval(Duration::from_millis(20));
        while far.tricks.received.load(Relaxed) < 50 {
            often.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, arrives).await.expect("nothing arrives at the far end");
    // It took no telephone events.
    assert_eq!(end.dial.send_digits("1").unwrap_err().code(), "media.no_digits");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_on_the_line_is_told_and_its_end_too() {
    let mut end = End::humming(loopback(&[Codec::Opus]), 440.0).await;
    let far = FarEnd::new().await;
    far.call(&mut end).await;
    end.hears(1_000.0).await;
    far.tricks.silent.store(true, Relaxed);
    end.event("interruption", |event| matches!(event, MediaEvent::Interrupted)).await;
    end.hears_nothing().await;
    far.tricks.silent.store(false, Relaxed);
    end.event("restoration", |event| matches!(event, MediaEvent::Restored)).await;
    end.hears(1_000.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loss_is_covered_and_counted() {
    let mut end = End::humming(loopback(&[Codec::Opus]), 440.0).await;
    let far = FarEnd::new().await;
    far.call(&mut end).await;
    end.hears(1_000.0).await;
    far.tricks.drop_every.store(10, Relaxed);
    let told = end
        .event(
            "loss",
            // The verdict comes two seconds after the first packet.
            |event| matches!(event, MediaEvent::Statistics(s) if s.loss_percent > 5.0 && s.concealed_percent > 0.0 && s.mos < 4.3),
        )
        .await;
    let MediaEvent::Statistics(statistics) = told else { unreachable!() };
    assert!(statistics.packets_lost > 0 && statistics.loss_percent < 20.0);
    // A tenth of the packets gone, and still no hole in the sound.
    let silence = end.ear.lock().unwrap().silence;
    end.ear.lock().unwrap().heard.clear();
    end.until("a second of sound", |ear| ear.heard.len() == 48_000).await;
    let ear = end.ear.lock().unwrap();
    assert_eq!(ear.silence, silence);
    let (level, _) = common::tone(&ear.heard, 1_000.0);
    assert!(level > common::AMPLITUDE * 0.7, "{level}");
}
