//! What a session is opened with, and what it tells about itself.

use std::net::IpAddr;
use std::time::Duration;

use cuffia_tls::Trust;

use crate::error::MediaError;
use crate::playout::Decisions;

/// Samples in one frame: 10 ms at 48 kHz, mono.
pub const FRAME: usize = 480;

/// 10 ms of sound, full scale ±1.0.
pub type Frame = [f32; FRAME];

/// How a session finds its way and what it speaks.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// STUN and TURN servers.
    pub ice_servers: Vec<IceServer>,
    /// Whose certificates are believed when a relay is reached by TLS.
    pub trust: Trust,
    /// Send and receive over a relay only; the far end never learns our addresses.
    pub relay_only: bool,
    /// Which local addresses to use.
    pub bind: Bind,
    /// How long an offer or answer waits for candidates before it goes out with what it has.
    pub gather_timeout: Duration,
    /// Codecs in order of preference; those not listed are not spoken.
    pub codecs: Vec<Codec>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            ice_servers: Vec::new(),
            trust: Trust::System,
            relay_only: false,
            bind: Bind::AllInterfaces,
            gather_timeout: Duration::from_millis(500),
            codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu],
        }
    }
}

/// A STUN or TURN server.
#[derive(Clone, Default)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp|tcp` or `turns:host:port`.
    pub url: String,
    /// User name for TURN.
    pub username: String,
    /// Password for TURN.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The credential never reaches a log.
        f.debug_struct("IceServer").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Which local addresses a session binds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Bind {
    /// Every interface that is up, without loopback and link-local ones.
    #[default]
    AllInterfaces,
    /// 127.0.0.1 only: practice and tests, with no network at all.
    Loopback,
    /// These addresses only.
    Addresses(Vec<IpAddr>),
}

/// Which way sound flows, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// Only from us.
    SendOnly,
    /// Only to us.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Whether we send.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether we receive.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The direction that sends and receives as told.
    pub fn from_flows(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same flows seen from the far end.
    pub fn mirrored(self) -> Self {
        Self::from_flows(self.receives(), self.sends())
    }

    /// What remains of `self` when the far end states `far` from its own side (RFC 3264 §6.1).
    pub fn narrowed_by(self, far: Self) -> Self {
        Self::from_flows(self.sends() && far.receives(), self.receives() && far.sends())
    }

    /// The SDP attribute.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction an SDP attribute names.
    pub fn from_attribute(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|d| d.attribute().eq_ignore_ascii_case(name))
    }
}

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus, 48 kHz (RFC 7587).
    Opus,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722, 16 kHz.
    G722,
}

impl Codec {
    /// Each of them, in the order of the enumeration.
    pub const ALL: [Self; 4] = {
        let all = [Self::Opus, Self::Pcmu, Self::Pcma, Self::G722];
        let mut n = 0;
        // Coders are found by this order.
        while n < all.len() {
            assert!(all[n] as usize == n);
            n += 1;
        }
        all
    };

    /// RTP clock rate. That of G.722 is 8 kHz by an old mistake (RFC 3551 §4.5.2).
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
        }
    }

    /// What making packets of 20 ms of frames adds to the way of the sound, ms: the wait for the second frame of a packet, and what the
    /// codec looks ahead and the filters at both ends take. A packet for a narrow line waits for more frames: [`Statistics::packet_ms`].
    pub(crate) fn packet_ms(self) -> f32 {
        match self {
            Self::Opus => 16.5,
            Self::G722 => 14.5,
            Self::Pcmu | Self::Pcma => 13.0,
        }
    }

    /// The encoding name of the rtpmap.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }
}

/// What a session tells its owner.
#[derive(Debug, Clone)]
pub enum MediaEvent {
    /// Looking for a path.
    Connecting,
    /// A path is found and encrypted; sound flows where the direction allows.
    Connected,
    /// The first audible packet has been rendered.
    FirstSound,
    /// The path is lost, or nothing arrived for three seconds though it should.
    Interrupted,
    /// It is back.
    Restored,
    /// The session will not recover.
    Failed(MediaError),
    /// The far end pressed a key.
    Digit(char),
    /// Once a second.
    Statistics(Statistics),
    /// Sockets and tasks are gone; nothing follows.
    Closed,
}

/// How the voice is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// Packets that never reached us.
    pub packets_lost: u64,
    /// Share of our packets lost on the way to the far end, as it last reported.
    pub lost_remote_percent: f32,
    /// Share of packets lost on the way to us in the last interval.
    pub loss_percent: f32,
    /// Interarrival jitter (RFC 3550 A.8).
    pub jitter_ms: f32,
    /// Round trip, from receiver reports or else from ICE.
    pub round_trip_ms: Option<f32>,
    /// What making packets adds to the way of our sound: waiting for the last of the frames, look-ahead, filters.
    pub packet_ms: f32,
    /// How long what is heard has waited in the jitter buffer, beyond the quickest packet's way.
    pub buffer_ms: f32,
    /// What the playout decided since the call began.
    pub playout: Decisions,
    /// Share of rendered sound that was invented to cover gaps in the last interval.
    pub concealed_percent: f32,
    /// The codec we send.
    pub codec: Option<Codec>,
    /// Payload bits sent per second in the last interval.
    pub bitrate_bps: u32,
    /// Kind of the path: `host`, `srflx`, `relay udp`, `relay tcp`, `relay tls`; local/remote when they differ.
    pub path: Option<String>,
    /// Level of what arrives.
    pub level_in_dbfs: f32,
    /// Level of what we capture.
    pub level_out_dbfs: f32,
    /// Estimated listening quality, 1.0 to 4.5 (ITU-T G.107, simplified). In the first two seconds of a stream it rests on delay alone.
    pub mos: f32,
    /// What costs most of that quality.
    pub impairment: Impairment,
    /// SRTP protection profile.
    pub srtp: Option<String>,
}

/// What spoils how a call is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Impairment {
    /// The way, and the buffer against its jitter, take long.
    #[default]
    Delay,
    /// Packets are lost on the way.
    Loss,
    /// Packets come too late to be played, from the network or because this machine is busy.
    Late,
}
