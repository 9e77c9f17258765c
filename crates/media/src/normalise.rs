//! What a switchboard wrote, turned into what the WebRTC core takes, and what must be undone in our answer.
//!
//! The core gets a description written anew from the few facts it needs. Everything else a switchboard puts in
//! (header extensions, feedback lines, SSRC declarations, second components, SDES keys) can only confuse it. In
//! particular the core never hears of hold: to it both ends always send and receive, because `inactive` would stop
//! its transceiver for good. Who may send is decided here and enforced in the voice path.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::codec::LONGEST_SENT;
use crate::error::MediaError;
use crate::sdp::{Sdp, Section};
use crate::types::{Codec, Direction};

/// The profile of DTLS-SRTP with feedback (RFC 5764 §8).
pub const PROFILE: &str = "UDP/TLS/RTP/SAVPF";
/// What the core calls the first section.
const FIRST_MID: &str = "0";
/// Our own Opus parameters (RFC 7587 §7).
pub const OPUS_FMTP: &str = "minptime=10;useinbandfec=1";
/// Says that deep redundancy (draft-ietf-mlcodec-opus-dred) is understood. The draft names no parameter, so only our own phones find it;
/// others ignore what they do not know (RFC 7587 §6.1).
pub const DEEP_FMTP: &str = "x-dred=1";
/// The events we send and understand: the keypad.
pub const EVENTS_FMTP: &str = "0-15";

/// Whether a description opens an exchange or closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It offers.
    Offer,
    /// It answers ours.
    Answer,
}

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Sound.
    Voice(Codec),
    /// Keys (RFC 4733 at 8 kHz).
    Events,
    /// How the room sounds while nobody speaks (RFC 3389 at 8 kHz). Taken from whoever sends it; we never ask for it, lest a far end
    /// cut off the ends of its words.
    Comfort,
}

impl Payload {
    /// Ticks of its RTP clock in a second.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Voice(codec) => codec.clock_rate(),
            Self::Events | Self::Comfort => 8_000,
        }
    }
}

/// A far description, understood.
#[derive(Debug, Clone)]
pub struct Normalised {
    /// For the core.
    pub core: String,
    /// As the far end stated it, from its own side.
    pub direction: Direction,
    /// Payload types in its order.
    pub payloads: Vec<(u8, Payload)>,
    /// It understands deep redundancy.
    pub deep: bool,
    /// The longest packet it takes, samples at 48 kHz.
    pub longest: usize,
    /// How our answer must look.
    pub shape: Shape,
    /// The far end's DTLS role.
    pub setup: String,
}

/// What the sound is called on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mid {
    /// As the core calls it.
    Ours,
    /// As the far offer calls it; the core keeps the name it gave first.
    Theirs(String),
    /// Nothing, as in the offer.
    Absent,
}

/// The outline a far offer gives to our answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The name of the sound.
    pub mid: Mid,
    /// The offer bundled them.
    pub group: bool,
    /// The offer multiplexes RTCP (RFC 5761: an answer may not bring it up).
    pub rtcp_mux: bool,
    /// The offer takes reduced-size RTCP (RFC 5506, likewise).
    pub rtcp_rsize: bool,
    /// The profile as spelled.
    pub profile: String,
    /// Where the sound stands among the sections.
    pub audio_at: usize,
    /// The other sections, which we refuse (RFC 3264 §6: as many sections as offered, in order).
    pub others: Vec<Section>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            mid: Mid::Ours,
            group: true,
            rtcp_mux: true,
            rtcp_rsize: false,
            profile: PROFILE.into(),
            audio_at: 0,
            others: Vec::new(),
        }
    }
}

impl Shape {
    /// For an offer of our own in the same session: our style, but the sections there already are (RFC 3264 §8).
    pub fn for_own_offer(&self) -> Self {
        Self { audio_at: self.audio_at, others: self.others.clone(), ..Self::default() }
    }
}

/// Reads a far description. `mid` is the name the core already gave the sound; switchboards may leave it out or change it.
pub fn normalise(text: &str, role: Role, mid: Option<&str>, codecs: &[Codec]) -> Result<Normalised, MediaError> {
    let sdp = Sdp::read(text)?;
    let audio_at = sdp.audio().ok_or(MediaError::NoAudio)?;
    let audio = &sdp.media[audio_at];
    if audio.head.port == 0 {
        return Err(MediaError::NoAudio);
    }
    let fingerprint = fingerprint(&sdp, audio)?;
    let (Some(ufrag), Some(password)) = (sdp.inherited(audio, "ice-ufrag"), sdp.inherited(audio, "ice-pwd")) else {
        return Err(MediaError::NoIce);
    };
    let payloads = payloads(audio, codecs);
    if !payloads.iter().any(|(_, payload)| matches!(payload, Payload::Voice(_))) {
        return Err(MediaError::NoCommonCodec);
    }
    let deep = audio.attributes("fmtp").any(|value| value.split([' ', ';']).any(|parameter| parameter == DEEP_FMTP));
    let longest = audio.attribute("maxptime").and_then(|ms| ms.trim().parse().ok()).map_or(LONGEST_SENT, longest);
    let setup = setup(sdp.inherited(audio, "setup"), role);
    let name = mid.unwrap_or(FIRST_MID);

    let mut core = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {name}\r\n");
    if sdp.attribute("ice-lite").is_some() || audio.has("ice-lite") {
        core.push_str("a=ice-lite\r\n");
    }
    let _ = write!(core, "m=audio {} {PROFILE}", audio.head.port);
    payloads.iter().for_each(|(number, _)| {
        let _ = write!(core, " {number}");
    });
    let _ = write!(
        core,
        "\r\nc=IN IP4 0.0.0.0\r\na=mid:{name}\r\na=rtcp-mux\r\na=setup:{setup}\r\na=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:{password}\r\na=fingerprint:sha-256 {fingerprint}\r\n"
    );
    for (number, payload) in &payloads {
        let _ = match payload {
            Payload::Voice(Codec::Opus) => {
                write!(core, "a=rtpmap:{number} opus/48000/2\r\na=fmtp:{number} {OPUS_FMTP}\r\n")
            }
            Payload::Voice(codec) => write!(core, "a=rtpmap:{number} {}/8000\r\n", codec.name()),
            Payload::Comfort => write!(core, "a=rtpmap:{number} CN/8000\r\n"),
            Payload::Events => {
                write!(core, "a=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} {EVENTS_FMTP}\r\n")
            }
        };
    }
    for candidate in audio.attributes("candidate").filter_map(candidate) {
        let _ = write!(core, "a=candidate:{candidate}\r\n");
    }
    core.push_str("a=end-of-candidates\r\na=sendrecv\r\n");

    let others =
        sdp.media.iter().enumerate().filter(|(at, _)| *at != audio_at).map(|(_, section)| section.clone()).collect();
    let shape = Shape {
        mid: audio
            .attribute("mid")
            .filter(|name| !name.is_empty())
            .map_or(Mid::Absent, |name| Mid::Theirs(name.into())),
        group: sdp.session.iter().any(|line| line.starts_with("a=group:BUNDLE")),
        rtcp_mux: audio.has("rtcp-mux"),
        rtcp_rsize: audio.has("rtcp-rsize"),
        profile: audio.head.profile.clone(),
        audio_at,
        others,
    };
    Ok(Normalised { core, direction: sdp.direction(audio), payloads, deep, longest, shape, setup })
}

/// Milliseconds in samples; nobody wants longer packets than we make.
fn longest(ms: usize) -> usize {
    ms.saturating_mul(48).min(LONGEST_SENT)
}

/// The SHA-256 fingerprint. Its hash name is spelled in capitals by Asterisk, and others may stand before it.
fn fingerprint(sdp: &Sdp, audio: &Section) -> Result<String, MediaError> {
    let mut all: Vec<&str> = audio.attributes("fingerprint").collect();
    if all.is_empty() {
        all = sdp.session.iter().filter_map(|line| line.strip_prefix("a=fingerprint:")).collect();
    }
    if all.is_empty() {
        return Err(MediaError::NoDtls);
    }
    let sha256 = all
        .iter()
        .filter_map(|value| value.split_once(char::is_whitespace))
        .find(|(hash, _)| hash.eq_ignore_ascii_case("sha-256"));
    let value = sha256.ok_or(MediaError::NoSha256Fingerprint)?.1.trim().to_ascii_uppercase();
    let bytes =
        value.split(':').filter(|pair| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit())).count();
    if bytes != 32 || value.len() != 95 {
        return Err(MediaError::bad_sdp("the fingerprint is not 32 bytes"));
    }
    Ok(value)
}

/// The formats we speak, each once, in the far end's order. telephone-event counts at 8 kHz only: Asterisk offers two
/// rates under numbers that change places between offers.
fn payloads(audio: &Section, codecs: &[Codec]) -> Vec<(u8, Payload)> {
    let mut found: Vec<(u8, Payload)> = Vec::new();
    for format in &audio.head.formats {
        let Some(number) = format.parse::<u8>().ok().filter(|number| *number < 128) else { continue };
        let Some((name, rate)) = audio.rtpmap(format) else { continue };
        let voice = codecs.iter().find(|codec| codec.name().eq_ignore_ascii_case(name) && codec.clock_rate() == rate);
        let payload = match voice {
            Some(codec) => Payload::Voice(*codec),
            None if name.eq_ignore_ascii_case("telephone-event") && rate == 8_000 => Payload::Events,
            None => continue,
        };
        if found.iter().all(|(other, there)| *other != number && *there != payload) {
            found.push((number, payload));
        }
    }
    found
}

/// The DTLS role (RFC 5763 §5). We offer `active`, so an answer that says nothing usable means `passive`.
fn setup(told: Option<&str>, role: Role) -> String {
    match (told.map(str::to_ascii_lowercase).as_deref(), role) {
        (Some(end @ ("active" | "passive")), _) => end.into(),
        (_, Role::Offer) => "actpass".into(),
        (_, Role::Answer) => "passive".into(),
    }
}

/// A candidate line the core can use: UDP, first component (RTCP shares it), a literal address, and nothing after the
/// related address.
fn candidate(value: &str) -> Option<String> {
    let fields: Vec<&str> = value.split_ascii_whitespace().collect();
    let [foundation, "1", transport, priority, address, port, "typ", kind, rest @ ..] = fields.as_slice() else {
        return None;
    };
    let address: IpAddr = address.parse().ok()?;
    let (priority, port): (u32, u16) = (priority.parse().ok()?, port.parse().ok()?);
    if !transport.eq_ignore_ascii_case("udp") || port == 0 || !matches!(*kind, "host" | "srflx" | "prflx" | "relay") {
        return None;
    }
    // The core wants a related address for reflexive and relayed candidates; who hides it writes 0.0.0.0 (RFC 8839 §5.1).
    let related = match rest {
        ["raddr", related, "rport", port, ..] if related.parse::<IpAddr>().is_ok() && port.parse::<u16>().is_ok() => {
            Some((*related, *port))
        }
        _ if *kind == "host" => None,
        _ => Some(("0.0.0.0", "9")),
    };
    let mut line = format!("{foundation} 1 udp {priority} {address} {port} typ {kind}");
    if let Some((address, port)) = related {
        let _ = write!(line, " raddr {address} rport {port}");
    }
    Some(line)
}

#[cfg(test)]
mod tests;
