//! The `webrtc` core as a telephone needs it: one sound section, our codecs, our interceptor.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rtc::interceptor::{Registry, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, RTCBundlePolicy, RTCConfigurationBuilder, RTCIceServer,
    RTCIceTransportPolicy, SettingEngineBuilder,
};

use crate::error::MediaError;
use crate::handler::Handler;
use crate::normalise::{EVENTS_FMTP, OPUS_FMTP};
use crate::receive::Receive;
use crate::reports::Reports;
use crate::shared::{Arrived, INBOUND, Leaving, Shared};
use crate::turn::StreamRuntime;
use crate::types::{Bind, Codec, IceServer, MediaConfig};

/// A core, the track our voice goes into, and what comes out of the network.
type Built = (Arc<dyn PeerConnection>, Arc<TrackLocalStaticRTP>, rtrb::Consumer<Arrived>);

/// Builds the core with one sound section in it.
pub async fn build(
    config: &MediaConfig,
    servers: &[IceServer],
    handler: Arc<Handler>,
    runtime: Arc<StreamRuntime>,
    shared: &Arc<Shared>,
    ssrc: u32,
) -> Result<Built, MediaError> {
    if config.codecs.is_empty() {
        return Err(MediaError::NoCommonCodec);
    }
    let cname = format!("{:016x}", rand::random::<u64>());
    let mut connection = None;
    for addresses in address_lists(&config.bind) {
        let reports = Reports::new(ssrc, cname.clone(), Instant::now(), SystemTime::now());
        // A ring for each attempt: the one before went down with its core.
        let (to_sound, from_network) = rtrb::RingBuffer::new(INBOUND);
        let receive = Receive::new(shared.clone(), reports, to_sound);
        match core(config, servers, addresses, handler.clone(), runtime.clone(), receive).await {
            Ok(built) => {
                connection = Some(Ok((built, from_network)));
                break;
            }
            Err(error) => connection = Some(Err(error)),
        }
    }
    let (connection, from_network) = connection.unwrap_or_else(|| Err(MediaError::internal("no address to bind")))?;

    let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        cname.clone(),
        format!("{cname}a"),
        "microphone".into(),
        RtpCodecKind::Audio,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec: codecs(&config.codecs).into_iter().next().map(|codec| codec.rtp_codec).unwrap_or_default(),
            ..Default::default()
        }],
    )));
    let prepared = async {
        connection.add_track(track.clone() as Arc<dyn TrackLocal>).await.map_err(MediaError::internal)?;
        for transceiver in connection.get_transceivers().await {
            // Otherwise the offer lists the track's own codec alone.
            transceiver.set_codec_preferences(codecs(&config.codecs)).await.map_err(MediaError::internal)?;
        }
        Ok(())
    };
    if let Err(error) = prepared.await {
        let _ = connection.close().await;
        return Err(error);
    }
    Ok((connection, track, from_network))
}

/// Address lists to try, one after another.
fn address_lists(bind: &Bind) -> Vec<Vec<String>> {
    match bind {
        // The core turns each wildcard into one socket per interface. A machine without IPv6 cannot bind the second.
        Bind::AllInterfaces => vec![vec!["0.0.0.0:0".into(), "[::]:0".into()], vec!["0.0.0.0:0".into()]],
        Bind::Loopback => vec![vec!["127.0.0.1:0".into()]],
        Bind::Addresses(addresses) => {
            let literal = |address: &IpAddr| std::net::SocketAddr::new(*address, 0).to_string();
            vec![addresses.iter().map(literal).collect()]
        }
    }
}

/// The codecs as the core knows them, in order of preference, telephone events last.
fn codecs(wanted: &[Codec]) -> Vec<RTCRtpCodecParameters> {
    let codec = |name: &str, clock_rate, channels, fmtp: &str, payload_type| RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: format!("audio/{name}"),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.into(),
            rtcp_feedback: Vec::new(),
        },
        payload_type,
    };
    let voice = wanted.iter().map(|wanted| match wanted {
        Codec::Opus => codec("opus", 48_000, 2, OPUS_FMTP, 111),
        Codec::Pcmu => codec("PCMU", 8_000, 0, "", 0),
        Codec::Pcma => codec("PCMA", 8_000, 0, "", 8),
        Codec::G722 => codec("G722", 8_000, 0, "", 9),
    });
    voice.chain([codec("telephone-event", 8_000, 0, EVENTS_FMTP, 101)]).collect()
}

async fn core(
    config: &MediaConfig,
    servers: &[IceServer],
    addresses: Vec<String>,
    handler: Arc<Handler>,
    runtime: Arc<StreamRuntime>,
    receive: Receive,
) -> Result<Arc<dyn PeerConnection>, MediaError> {
    let mut engine = MediaEngine::default();
    for codec in codecs(&config.codecs) {
        engine.register_codec(codec, RtpCodecKind::Audio).map_err(MediaError::internal)?;
    }
    let servers = servers.iter().map(|server| RTCIceServer {
        urls: vec![server.url.clone()],
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    let policy = if config.relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
    let loopback = match &config.bind {
        Bind::AllInterfaces => false,
        Bind::Loopback => true,
        Bind::Addresses(addresses) => addresses.iter().any(IpAddr::is_loopback),
    };
    let settings = SettingEngineBuilder::new()
        .with_include_loopback_candidate(loopback)
        // Multicast would fail to build at all on a machine without a network.
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        // Switchboards are seen by their peer-reflexive address first; waiting for a better one costs seconds.
        .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_relay_acceptance_min_wait(Some(Duration::from_millis(100)))
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_configuration(
            RTCConfigurationBuilder::new()
                .with_ice_servers(servers.collect())
                .with_ice_transport_policy(policy)
                .with_bundle_policy(RTCBundlePolicy::MaxBundle)
                .build(),
        )
        .with_media_engine(engine)
        .with_setting_engine(settings)
        .with_interceptor_registry(Registry::new().with(Slot::CongestionControl, receive))
        .with_runtime(runtime)
        .with_handler(handler)
        .with_udp_addrs(addresses)
        .build()
        .await
        .map_err(MediaError::internal)?;
    Ok(Arc::new(connection))
}

/// Takes what the sound thread made to the core.
pub async fn send(
    shared: Arc<Shared>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    mut leaving: rtrb::Consumer<Leaving>,
) {
    loop {
        shared.leaving.notified().await;
        while let Ok(packet) = leaving.pop() {
            let header = rtc::rtp::Header {
                version: 2,
                marker: packet.marker,
                payload_type: packet.payload_type,
                sequence_number: packet.sequence,
                timestamp: packet.timestamp,
                ssrc,
                ..Default::default()
            };
            let payload = bytes::Bytes::copy_from_slice(&packet.data[..packet.length]);
            if shared.sends() && track.write_rtp(rtc::rtp::Packet { header, payload }).await.is_err() {
                return;
            }
        }
    }
}
