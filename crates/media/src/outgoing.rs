//! The core's description, made ready for a switchboard.

use std::net::IpAddr;

use crate::error::MediaError;
use crate::normalise::{EVENTS_FMTP, Mid, OPUS_FMTP, Payload, Shape};
use crate::sdp::{Head, Sdp, Section};
use crate::types::{Codec, Direction};

/// What the wire must say that the core does not.
#[derive(Debug, Clone)]
pub struct Wire<'a> {
    /// Session id and version for the origin line.
    pub origin: (u64, u64),
    /// The direction we mean; the core always writes `sendrecv`.
    pub direction: Direction,
    /// The DTLS role, where ours differs from what the core writes.
    pub setup: Option<&'a str>,
    /// The outline to fit.
    pub shape: &'a Shape,
}

/// The description as it goes out, and the payload types in it.
pub fn for_wire(core: &str, wire: &Wire<'_>) -> Result<(String, Vec<(u8, Payload)>), MediaError> {
    let mut sdp = Sdp::read(core)?;
    let at = sdp.audio().ok_or_else(|| MediaError::internal("no sound in our own description"))?;
    let session_fingerprint = sdp.attribute("fingerprint").map(str::to_owned);
    let mut audio = sdp.media.swap_remove(at);
    sdp.media.clear();

    let (id, version) = wire.origin;
    for line in &mut sdp.session {
        if line.starts_with("o=") {
            *line = format!("o=- {id} {version} IN IP4 127.0.0.1");
        }
    }
    sdp.session.retain(|line| !line.starts_with("a=fingerprint") && !line.starts_with("a=extmap-allow-mixed"));
    // Asterisk and older SBCs look for the fingerprint next to the sound.
    if let Some(fingerprint) = session_fingerprint.filter(|_| !audio.has("fingerprint")) {
        audio.lines.insert(0, format!("a=fingerprint:{fingerprint}"));
    }

    audio.lines.retain(|line| !is_second_component(line));
    set_default_candidate(&mut audio);
    if let Some(setup) = wire.setup {
        audio.set("setup", setup);
    }
    audio.set_direction(wire.direction);
    let payloads = payloads(&audio);
    write_formats(&mut audio, &payloads);

    let shape = wire.shape;
    audio.head.profile.clone_from(&shape.profile);
    if !shape.group {
        sdp.session.retain(|line| !line.starts_with("a=group:"));
    }
    match &shape.mid {
        Mid::Ours => {}
        Mid::Absent => audio.remove("mid"),
        Mid::Theirs(name) => {
            audio.set("mid", name);
            for line in sdp.session.iter_mut().filter(|line| line.starts_with("a=group:BUNDLE")) {
                *line = format!("a=group:BUNDLE {name}");
            }
        }
    }
    for (keep, name) in [(shape.rtcp_mux, "rtcp-mux"), (shape.rtcp_rsize, "rtcp-rsize")] {
        if !keep {
            audio.remove(name);
        }
    }
    sdp.media.extend(shape.others.iter().map(refused));
    let at = shape.audio_at.min(sdp.media.len());
    sdp.media.insert(at, audio);
    Ok((sdp.to_string(), payloads))
}

/// RTP and RTCP share one component here, yet the core lists each candidate for both.
fn is_second_component(line: &str) -> bool {
    line.strip_prefix("a=candidate:").is_some_and(|value| value.split_ascii_whitespace().nth(1) == Some("2"))
}

/// Puts the candidate most likely to work into `c=` and `m=` (RFC 8839 §4.2.1.2). Left at 0.0.0.0, switchboards take
/// the offer for an old-style hold and send nothing.
fn set_default_candidate(audio: &mut Section) {
    let rank = |kind: &str| ["relay", "srflx", "prflx", "host"].iter().position(|known| *known == kind);
    let candidate = |value: &str| {
        let fields: Vec<&str> = value.split_ascii_whitespace().collect();
        let [_, _, _, _, address, port, "typ", kind, ..] = fields.as_slice() else { return None };
        let (address, port): (IpAddr, u16) = (address.parse().ok()?, port.parse().ok()?);
        // IPv4 first: a switchboard without IPv6 must not stumble over the default.
        Some(((address.is_ipv6(), rank(kind)?), address, port))
    };
    let Some((_, address, port)) = audio.attributes("candidate").filter_map(candidate).min_by_key(|(order, ..)| *order)
    else {
        return;
    };
    audio.head.port = port;
    let family = if address.is_ipv6() { "IP6" } else { "IP4" };
    audio.lines.retain(|line| !line.starts_with("c="));
    // c= comes before b= and a= (RFC 8866 §5).
    let at = usize::from(audio.lines.first().is_some_and(|line| line.starts_with("i=")));
    audio.lines.insert(at, format!("c=IN {family} {address}"));
}

fn payloads(audio: &Section) -> Vec<(u8, Payload)> {
    let known = |format: &String| {
        let (name, rate) = audio.rtpmap(format)?;
        let payload = match (name.to_ascii_lowercase().as_str(), rate) {
            ("opus", 48_000) => Payload::Voice(Codec::Opus),
            ("pcmu", 8_000) => Payload::Voice(Codec::Pcmu),
            ("pcma", 8_000) => Payload::Voice(Codec::Pcma),
            ("telephone-event", 8_000) => Payload::Events,
            _ => return None,
        };
        Some((format.parse().ok()?, payload))
    };
    audio.head.formats.iter().filter_map(known).collect()
}

/// Says for each format what we take: parameters describe the receiver, so the far end's own are never repeated.
fn write_formats(audio: &mut Section, payloads: &[(u8, Payload)]) {
    for name in ["rtpmap", "fmtp", "rtcp-fb", "ptime", "maxptime", "extmap"] {
        audio.remove(name);
    }
    audio.head.formats = payloads.iter().map(|(number, _)| number.to_string()).collect();
    let at = audio
        .lines
        .iter()
        .position(|line| line.starts_with("a=ssrc") || line.starts_with("a=msid"))
        .unwrap_or(audio.lines.len());
    let mut lines = Vec::new();
    for (number, payload) in payloads {
        match payload {
            Payload::Voice(Codec::Opus) => {
                lines.push(format!("a=rtpmap:{number} opus/48000/2"));
                lines.push(format!("a=fmtp:{number} {OPUS_FMTP}"));
            }
            Payload::Voice(codec) => lines.push(format!("a=rtpmap:{number} {}/8000", codec.name())),
            Payload::Events => {
                lines.push(format!("a=rtpmap:{number} telephone-event/8000"));
                lines.push(format!("a=fmtp:{number} {EVENTS_FMTP}"));
            }
        }
    }
    lines.push("a=ptime:20".into());
    audio.lines.splice(at..at, lines);
}

/// A section we refuse: same kind, profile and formats, port zero (RFC 3264 §6).
fn refused(section: &Section) -> Section {
    let head = Head { port: 0, ..section.head.clone() };
    let mut lines = vec!["c=IN IP4 0.0.0.0".to_owned(), "a=inactive".to_owned()];
    lines.extend(section.attribute("mid").map(|mid| format!("a=mid:{mid}")));
    Section { head, lines }
}
