//! What each kind of switchboard writes, and what the core gets of it.

use proptest::prelude::*;

use super::*;

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcma, Codec::Pcmu];
const OPUS: Payload = Payload::Voice(Codec::Opus);
const PCMU: Payload = Payload::Voice(Codec::Pcmu);
const PCMA: Payload = Payload::Voice(Codec::Pcma);
const EVENTS: Payload = Payload::Events;

macro_rules! sdp {
    ($name:literal) => {
        include_str!(concat!("../../tests/sdp/", $name, ".txt"))
    };
}

fn offer(text: &str) -> Normalised {
    normalise(text, Role::Offer, None, &ALL).unwrap()
}

struct Row {
    name: &'static str,
    text: &'static str,
    direction: Direction,
    payloads: &'static [(u8, Payload)],
    mid: Mid,
    group: bool,
    rtcp_mux: bool,
    profile: &'static str,
    setup: &'static str,
    others: usize,
}

fn theirs(name: &str) -> Mid {
    Mid::Theirs(name.into())
}

fn offers() -> Vec<Row> {
    let usual = |name, text, direction, payloads, mid: Mid| Row {
        name,
        text,
        direction,
        payloads,
        group: false,
        mid,
        rtcp_mux: true,
        profile: PROFILE,
        setup: "actpass",
        others: 0,
    };
    vec![
        Row {
            group: true,
            ..usual(
                "Asterisk: capitals in the hash, Opus 107, events at 8 kHz under the second number",
                sdp!("asterisk-offer"),
                Direction::SendRecv,
                &[(107, OPUS), (0, PCMU), (8, PCMA), (102, EVENTS)],
                theirs("audio-0"),
            )
        },
        usual(
            "Asterisk without bundle: no mid, no group",
            sdp!("asterisk-nobundle-offer"),
            Direction::SendRecv,
            &[(107, OPUS), (0, PCMU), (102, EVENTS)],
            Mid::Absent,
        ),
        usual(
            "Asterisk holds: the numbers of the events have changed places",
            sdp!("asterisk-nobundle-hold"),
            Direction::SendOnly,
            &[(111, OPUS), (0, PCMU), (101, EVENTS)],
            Mid::Absent,
        ),
        Row {
            group: true,
            ..usual(
                "Asterisk holds without music",
                sdp!("asterisk-hold-inactive"),
                Direction::Inactive,
                &[(111, OPUS), (0, PCMU), (8, PCMA), (101, EVENTS)],
                theirs("0"),
            )
        },
        usual(
            "rtpengine: a second component, its own mid",
            sdp!("rtpengine-offer"),
            Direction::SendRecv,
            &[(96, OPUS), (101, EVENTS)],
            theirs("1"),
        ),
        usual(
            "rtpengine holds",
            sdp!("rtpengine-hold-inactive"),
            Direction::Inactive,
            &[(111, OPUS), (101, EVENTS)],
            theirs("0"),
        ),
        Row {
            profile: "RTP/SAVPF",
            ..usual(
                "FreeSWITCH: no mid, no group, old profile, two rates of events",
                sdp!("freeswitch-offer"),
                Direction::SendRecv,
                &[(102, OPUS), (0, PCMU), (8, PCMA), (101, EVENTS)],
                Mid::Absent,
            )
        },
        Row {
            group: true,
            others: 2,
            ..usual(
                "a browser: sections we refuse, SHA-512 first, everything at session level, names for candidates",
                sdp!("browser-offer"),
                Direction::SendRecv,
                &[(111, OPUS), (0, PCMU), (8, PCMA), (126, EVENTS)],
                theirs("mic"),
            )
        },
        Row {
            profile: "UDP/TLS/RTP/SAVP",
            setup: "passive",
            rtcp_mux: false,
            ..usual(
                "an SBC: ICE lite, no rtpmap for PCMA, no RTCP multiplexing, direction at session level",
                sdp!("ice-lite-offer"),
                Direction::SendOnly,
                &[(8, PCMA), (101, EVENTS)],
                Mid::Absent,
            )
        },
    ]
}

#[test]
fn every_kind_of_offer_becomes_one_the_core_takes() {
    for row in offers() {
        let got = offer(row.text);
        let name = row.name;
        assert_eq!(got.direction, row.direction, "{name}");
        assert_eq!(got.payloads, row.payloads, "{name}");
        assert_eq!(
            (&got.shape.mid, got.shape.group, got.shape.rtcp_mux),
            (&row.mid, row.group, row.rtcp_mux),
            "{name}"
        );
        assert_eq!((got.shape.profile.as_str(), got.setup.as_str()), (row.profile, row.setup), "{name}");
        assert_eq!(got.shape.others.len(), row.others, "{name}");

        let core = Sdp::read(&got.core).unwrap();
        let [audio] = core.media.as_slice() else { panic!("{name}: one section") };
        assert_eq!(audio.head.profile, PROFILE, "{name}");
        assert_eq!(audio.attribute("mid"), Some("0"), "{name}");
        assert_eq!(core.attribute("group"), Some("BUNDLE 0"), "{name}");
        assert!(audio.has("rtcp-mux"), "{name}");
        assert_eq!(core.direction(audio), Direction::SendRecv, "{name}: the core never hears of hold");
        let fingerprints: Vec<_> = audio.attributes("fingerprint").collect();
        assert!(fingerprints.len() == 1 && fingerprints[0].starts_with("sha-256 "), "{name}: {fingerprints:?}");
        let candidates: Vec<_> = audio.attributes("candidate").collect();
        assert!(!candidates.is_empty(), "{name}");
        for candidate in candidates {
            let fields: Vec<_> = candidate.split(' ').collect();
            assert_eq!((fields[1], fields[2]), ("1", "udp"), "{name}");
            assert!(fields[4].parse::<IpAddr>().is_ok(), "{name}: {candidate}");
        }
        let events = audio.attributes("rtpmap").filter(|map| map.contains("telephone-event")).count();
        assert_eq!(events, 1, "{name}");
        for gone in ["ssrc", "extmap", "rtcp-fb", "crypto", "rtcp"] {
            assert!(!audio.has(gone), "{name}: {gone}");
        }
    }
}

#[test]
fn ice_lite_is_kept() {
    assert!(offer(sdp!("ice-lite-offer")).core.contains("\r\na=ice-lite\r\n"));
    assert!(!offer(sdp!("asterisk-offer")).core.contains("ice-lite"));
}

#[test]
fn an_answer_takes_our_name_for_the_sound() {
    for (text, setup) in [
        (sdp!("asterisk-nobundle-answer"), "active"),
        (sdp!("asterisk-answer"), "active"),
        (sdp!("rtpengine-answer"), "passive"),
    ] {
        let answer = normalise(text, Role::Answer, Some("voice"), &ALL).unwrap();
        assert!(answer.core.contains("a=group:BUNDLE voice\r\n") && answer.core.contains("a=mid:voice\r\n"));
        assert_eq!(answer.setup, setup);
    }
    assert_eq!(
        normalise(sdp!("asterisk-answer-to-hold"), Role::Answer, None, &ALL).unwrap().direction,
        Direction::Inactive
    );
}

#[test]
fn what_cannot_be_answered_says_why() {
    let good = sdp!("rtpengine-offer");
    let without = |start: &str| {
        good.lines().filter(|line| !line.starts_with(start)).map(|line| format!("{line}\r\n")).collect::<String>()
    };
    let table: [(&str, String, &str); 12] = [
        ("plain RTP", sdp!("plain-offer").into(), "media.no_dtls"),
        ("SDES", sdp!("sdes-offer").into(), "media.no_dtls"),
        ("SHA-1 only", good.replace("sha-256", "sha-1"), "media.no_sha256_fingerprint"),
        ("a short fingerprint", good.replace(":08:AA:DA", ""), "media.bad_sdp"),
        ("no ICE", without("a=ice-"), "media.no_ice"),
        ("G.729 alone", good.replace("opus/48000/2", "G729/8000"), "media.no_common_codec"),
        ("events alone", good.replace("SAVPF 96 101", "SAVPF 101"), "media.no_common_codec"),
        ("refused sound", good.replace("m=audio 30080", "m=audio 0"), "media.no_audio"),
        ("video alone", good.replace("m=audio", "m=video"), "media.no_audio"),
        ("nothing", String::new(), "media.bad_sdp"),
        ("no version", without("v="), "media.bad_sdp"),
        ("no port", good.replace("m=audio 30080 ", "m=audio "), "media.bad_sdp"),
    ];
    for (name, text, code) in table {
        assert_eq!(normalise(&text, Role::Offer, None, &ALL).unwrap_err().code(), code, "{name}");
    }
}

#[test]
fn only_what_is_configured_is_spoken() {
    let only_pcma = normalise(sdp!("asterisk-offer"), Role::Offer, None, &[Codec::Pcma]).unwrap();
    assert_eq!(only_pcma.payloads, [(8, PCMA), (102, EVENTS)]);
}

#[test]
fn line_ends_do_not_matter() {
    let unix = sdp!("asterisk-offer").replace("\r\n", "\n");
    assert_eq!(offer(&unix).core, offer(sdp!("asterisk-offer")).core);
}

proptest! {
    #[test]
    fn nothing_that_comes_in_panics(text in "\\PC*", role in prop_oneof![Just(Role::Offer), Just(Role::Answer)]) {
        let _ = normalise(&text, role, None, &ALL);
    }

    /// Damage to real descriptions: lines lost, doubled, cut, or with a character changed.
    #[test]
    fn damaged_descriptions_do_not_panic(
        which in 0usize..9,
        damage in prop::collection::vec((0u8..4, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<char>()), 1..8),
    ) {
        let text = offers()[which].text;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (kind, line, at, character) in damage {
            if lines.is_empty() {
                break;
            }
            let line = line.index(lines.len());
            match kind {
                0 => { lines.remove(line); }
                1 => { let copy = lines[line].clone(); lines.insert(line, copy); }
                2 => { let cut = at.index(lines[line].chars().count() + 1); lines[line] = lines[line].chars().take(cut).collect(); }
                _ => {
                    let at = at.index(lines[line].chars().count() + 1);
                    lines[line] = lines[line].chars().enumerate().map(|(n, c)| if n == at { character } else { c }).collect();
                }
            }
        }
        if let Ok(got) = normalise(&lines.join("\r\n"), Role::Offer, None, &ALL) {
            // What passes is a description again, in one piece.
            prop_assert_eq!(Sdp::read(&got.core).unwrap().media.len(), 1);
        }
    }
}

#[test]
fn who_says_so_understands_deep_redundancy() {
    let text = sdp!("browser-offer");
    assert!(!offer(text).deep);
    for (parameter, deep) in [("x-dred=1", true), ("x-dred=10", false), ("no-x-dred=1", false), ("x-dred=0", false)] {
        let said = text.replace("a=fmtp:111 ", &format!("a=fmtp:111 {parameter};"));
        assert!(said.contains(parameter) && offer(&said).deep == deep, "{parameter}");
    }
}

#[test]
fn no_longer_packets_are_sent_than_the_far_end_takes() {
    let text = sdp!("rtpengine-offer");
    for (said, longest) in [("20", 960), ("60", 2_880), ("150", 2_880), ("0", 0), ("rubbish", 2_880)] {
        let text = text.replace("a=rtcp-mux", &format!("a=maxptime:{said}\r\na=rtcp-mux"));
        assert_eq!(offer(&text).longest, longest, "{said}");
    }
}
