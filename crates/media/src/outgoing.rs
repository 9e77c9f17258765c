//! The core's description, made ready for a switchboard.

use std::net::IpAddr;

use crate::error::MediaError;
use crate::normalise::{DEEP_FMTP, EVENTS_FMTP, Mid, OPUS_FMTP, Payload, Shape};
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
            ("g722", 8_000) => Payload::Voice(Codec::G722),
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
                lines.push(format!("a=fmtp:{number} {OPUS_FMTP};{DEEP_FMTP}"));
            }
            Payload::Voice(codec) => lines.push(format!("a=rtpmap:{number} {}/8000", codec.name())),
            Payload::Comfort => lines.push(format!("a=rtpmap:{number} CN/8000")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Mid;

    const CORE: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 AA\r\na=group:BUNDLE 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 8 101\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
        a=rtpmap:111 opus/48000/2\r\na=fmtp:111 stereo=1\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n\
        CANDIDATES";

    fn sent(candidates: &str, shape: &Shape) -> Sdp {
        let wire = Wire { origin: (7, 3), direction: Direction::Inactive, setup: Some("active"), shape };
        Sdp::read(&for_wire(&CORE.replace("CANDIDATES", candidates), &wire).unwrap().0).unwrap()
    }

    #[test]
    fn the_default_candidate_is_the_one_most_likely_to_work() {
        let (host, host6) =
            ("a=candidate:1 1 udp 1 10.0.0.1 1000 typ host\r\n", "a=candidate:2 1 udp 9 2001:db8::1 1001 typ host\r\n");
        let reflexive = "a=candidate:3 1 udp 1 192.0.2.9 2000 typ srflx raddr 10.0.0.1 rport 1000\r\n";
        let relay = "a=candidate:4 1 udp 1 192.0.2.8 3000 typ relay raddr 192.0.2.9 rport 2000\r\n";
        let second = "a=candidate:1 2 udp 1 10.0.0.1 1000 typ host\r\n";
        let table = [
            ([host6, host, second].concat(), "c=IN IP4 10.0.0.1", 1_000, 2),
            ([host, host6, reflexive].concat(), "c=IN IP4 192.0.2.9", 2_000, 3),
            ([host, reflexive, relay].concat(), "c=IN IP4 192.0.2.8", 3_000, 3),
            (host6.to_owned(), "c=IN IP6 2001:db8::1", 1_001, 1),
            (String::new(), "c=IN IP4 0.0.0.0", 9, 0),
        ];
        for (candidates, connection, port, count) in table {
            let sdp = sent(&candidates, &Shape::default());
            let audio = &sdp.media[0];
            let connections: Vec<_> = audio.lines.iter().filter(|line| line.starts_with("c=")).collect();
            assert_eq!(connections, [connection]);
            assert_eq!((audio.head.port, audio.attributes("candidate").count()), (port, count));
        }
    }

    #[test]
    fn what_we_mean_replaces_what_the_core_wrote() {
        let sdp = sent("", &Shape::default());
        let audio = &sdp.media[0];
        assert!(sdp.session.contains(&"o=- 7 3 IN IP4 127.0.0.1".to_owned()));
        assert_eq!(sdp.direction(audio), Direction::Inactive);
        assert_eq!((audio.attribute("setup"), audio.attribute("fingerprint")), (Some("active"), Some("sha-256 AA")));
        assert_eq!(audio.attributes("fmtp").next(), Some("111 minptime=10;useinbandfec=1;x-dred=1"));
        assert_eq!(audio.attribute("ptime"), Some("20"));
    }

    #[test]
    fn an_answer_has_the_outline_of_its_offer() {
        let video = Sdp::read("v=0\r\nm=video 5 RTP/AVP 96 97\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n").unwrap().media;
        let shape = Shape {
            mid: Mid::Theirs("sound".into()),
            rtcp_mux: false,
            profile: "RTP/SAVPF".into(),
            audio_at: 1,
            others: video,
            ..Shape::default()
        };
        let sdp = sent("", &shape);
        assert_eq!(sdp.media[0].head.to_string(), "m=video 0 RTP/AVP 96 97");
        assert_eq!(sdp.media[0].attribute("mid"), Some("v"));
        assert_eq!(sdp.media[1].head.to_string(), "m=audio 9 RTP/SAVPF 111 8 101");
        assert_eq!(sdp.media[1].attribute("mid"), Some("sound"));
        assert_eq!(sdp.attribute("group"), Some("BUNDLE sound"));
        assert!(!sdp.media[1].has("rtcp-mux") && !sdp.media[1].has("rtcp-rsize"));
        let bare = sent("", &Shape { mid: Mid::Absent, group: false, ..Shape::default() });
        assert!(!bare.media[0].has("mid") && bare.attribute("group").is_none());
    }
}
