//! What real switchboards wrote, through a real session.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{End, loopback};
use cuffia_media::{Bind, Codec, Direction, MediaConfig, MediaSession, open};

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcma, Codec::Pcmu];

fn sdp(name: &str) -> String {
    std::fs::read_to_string(format!("tests/sdp/{name}.txt")).unwrap()
}

async fn session() -> std::sync::Arc<dyn MediaSession> {
    open(loopback(&ALL)).await.unwrap().0
}

fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_offer_gets_an_answer_its_sender_understands() {
    // (offer, m= without the port, mid, group, our setup)
    let table = [
        ("asterisk-offer", "UDP/TLS/RTP/SAVPF 107 0 8 102", Some("audio-0"), true, "active"),
        ("asterisk-nobundle-offer", "UDP/TLS/RTP/SAVPF 107 0 102", None, false, "active"),
        ("rtpengine-offer", "UDP/TLS/RTP/SAVPF 96 101", Some("1"), false, "active"),
        ("freeswitch-offer", "RTP/SAVPF 102 0 8 101", None, false, "active"),
        ("browser-offer", "UDP/TLS/RTP/SAVPF 111 0 8 126", Some("mic"), true, "active"),
        ("ice-lite-offer", "UDP/TLS/RTP/SAVP 8 101", None, false, "active"),
    ];
    for (name, media, mid, group, setup) in table {
        let session = session().await;
        let offer = sdp(name);
        let (answer, direction) =
            session.answer(&offer, Direction::SendRecv).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let audio = lines(&answer, "m=audio ");
        let (port, rest) = audio[0].strip_prefix("m=audio ").unwrap().split_once(' ').unwrap();
        assert_eq!(rest, media, "{name}");
        assert!(!["0", "9"].contains(&port), "{name}: the default candidate's port");
        assert!(answer.contains("c=IN IP4 127.0.0.1\r\n"), "{name}: the default candidate's address");
        match mid {
            Some(mid) => assert!(answer.contains(&format!("a=mid:{mid}\r\n")), "{name}"),
            None => assert!(!answer.contains("a=mid:"), "{name}"),
        }
        assert_eq!(answer.contains("a=group:BUNDLE"), group, "{name}");
        assert_eq!(lines(&answer, "a=setup:"), [format!("a=setup:{setup}")], "{name}");
        assert_eq!(answer.contains("a=rtcp-mux"), offer.contains("a=rtcp-mux"), "{name}");
        assert_eq!(lines(&answer, "m=").len(), lines(&offer, "m=").len(), "{name}: as many sections as offered");
        assert!(
            lines(&answer, "a=fingerprint:sha-256 ").len() == 1 && lines(&answer, "a=ice-ufrag:").len() == 1,
            "{name}"
        );
        assert!(
            lines(&answer, "a=candidate:").iter().all(|line| line.split(' ').nth(1) == Some("1")),
            "{name}: one component"
        );
        let expected = if name == "ice-lite-offer" { Direction::RecvOnly } else { Direction::SendRecv };
        assert_eq!(direction, expected, "{name}");
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sections_we_refuse_stay_refused_in_our_own_offers() {
    let session = session().await;
    let (answer, _) = session.answer(&sdp("browser-offer"), Direction::SendRecv).await.unwrap();
    let offer = session.offer(Direction::SendOnly).await.unwrap();
    for description in [&answer, &offer] {
        let kinds: Vec<_> =
            lines(description, "m=").iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!((kinds[0].as_str(), kinds[2].as_str()), ("m=video 0", "m=application 0"));
        assert!(kinds[1].starts_with("m=audio ") && !kinds[1].ends_with(" 0"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_we_cannot_take_say_why_and_leave_the_session_usable() {
    let session = session().await;
    for (name, code) in [("plain-offer", "media.no_dtls"), ("sdes-offer", "media.no_dtls")] {
        assert_eq!(session.answer(&sdp(name), Direction::SendRecv).await.unwrap_err().code(), code);
    }
    assert_eq!(session.answer("rubbish", Direction::SendRecv).await.unwrap_err().code(), "media.bad_sdp");
    session.answer(&sdp("rtpengine-offer"), Direction::SendRecv).await.unwrap();
}

/// The switchboard answers us, then makes its offers again and again, each with a direction for us.
async fn holds_and_resumes(answer: &str, first: Direction, offers: [(&str, Direction); 2]) {
    let session = session().await;
    session.offer(Direction::SendRecv).await.unwrap();
    assert_eq!(session.accept_answer(&sdp(answer)).await.unwrap(), first, "{answer}");
    let mut origins = Vec::new();
    for _ in 0..3 {
        for (offer, expected) in offers {
            let (sdp, direction) = session.answer(&sdp(offer), Direction::SendRecv).await.unwrap();
            assert_eq!(direction, expected, "{offer}");
            assert!(sdp.contains(&format!("a={}\r\n", expected.attribute())), "{offer}");
            origins.push(lines(&sdp, "o=")[0].to_owned());
        }
    }
    // Our own offer goes on from there, with one session and a new version each time.
    origins.push(lines(&session.offer(Direction::SendRecv).await.unwrap(), "o=")[0].to_owned());
    let ids: BTreeSet<_> = origins.iter().map(|origin| origin.split(' ').nth(1).unwrap()).collect();
    let distinct: BTreeSet<_> = origins.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (1, origins.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn asterisk_without_bundle_holds_and_resumes() {
    let offers = [("asterisk-nobundle-hold", Direction::RecvOnly), ("asterisk-nobundle-resume", Direction::SendRecv)];
    holds_and_resumes("asterisk-nobundle-answer", Direction::SendRecv, offers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asterisk_holds_in_silence_and_resumes_one_way() {
    let offers = [("asterisk-hold-inactive", Direction::Inactive), ("asterisk-recvonly", Direction::SendOnly)];
    holds_and_resumes("asterisk-answer", Direction::SendOnly, offers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rtpengine_holds_and_resumes() {
    let offers = [("rtpengine-hold-inactive", Direction::Inactive), ("rtpengine-resume", Direction::SendRecv)];
    holds_and_resumes("rtpengine-answer", Direction::SendRecv, offers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_hold_is_what_the_switchboard_reads() {
    let session = session().await;
    let offer = session.offer(Direction::SendRecv).await.unwrap();
    assert_eq!(lines(&offer, "m=audio ")[0].split(' ').skip(3).collect::<Vec<_>>(), ["111", "8", "0", "101"]);
    assert_eq!(lines(&offer, "a=setup:"), ["a=setup:active"]);
    assert!(offer.contains("a=rtpmap:101 telephone-event/8000\r\n") && offer.contains("useinbandfec=1"));
    session.accept_answer(&sdp("asterisk-nobundle-answer")).await.unwrap();
    let hold = session.offer(Direction::Inactive).await.unwrap();
    assert!(hold.contains("a=inactive\r\n") && !hold.contains("a=sendrecv") && hold.contains("c=IN IP4 127.0.0.1\r\n"));
    assert_eq!(session.accept_answer(&sdp("asterisk-answer-to-hold")).await.unwrap(), Direction::Inactive);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_releases_ports_and_tasks_however_it_is_done() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    for dropped in [false, true] {
        let mut end = End::humming(loopback(&ALL), 440.0).await;
        let offer = end.session().offer(Direction::SendRecv).await.unwrap();
        let port: u16 = lines(&offer, "m=audio ")[0].split(' ').nth(1).unwrap().parse().unwrap();
        assert!(std::net::UdpSocket::bind(("127.0.0.1", port)).is_err());
        if dropped {
            end.session = None;
        } else {
            end.session().close().await;
            end.session().close().await;
            assert_eq!(end.session().offer(Direction::SendRecv).await.unwrap_err().code(), "media.closed");
        }
        end.event("end", |event| matches!(event, cuffia_media::MediaEvent::Closed)).await;
        let released = async {
            let mut often = tokio::time::interval(std::time::Duration::from_millis(20));
            while std::net::UdpSocket::bind(("127.0.0.1", port)).is_err() || metrics.num_alive_tasks() > before {
                often.tick().await;
            }
        };
        tokio::time::timeout(common::PATIENCE, released).await.expect("still something alive");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_interfaces_leave_out_loopback() {
    let (session, _path, _events) =
        open(MediaConfig { bind: Bind::AllInterfaces, ..MediaConfig::default() }).await.unwrap();
    let offer = session.offer(Direction::SendRecv).await.unwrap();
    assert!(
        lines(&offer, "a=candidate:")
            .iter()
            .all(|line| !line.contains(" 127.") && !line.contains(" fe80:") && !line.contains(" 169.254."))
    );
    session.close().await;
}
