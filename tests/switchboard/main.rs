//! Against Kamailio, rtpengine and coturn, with a libwebrtc peer and baresip: what an operator does on a working day.
#![allow(clippy::unwrap_used)]

mod command;

use cuffia_phone::{EndReason, IceServer, LineError, MediaConfig, PhoneEvent, Registration, Trust};
use cuffia_tests::peers::Switchboard;
use cuffia_tests::phone::{TestPhone, account};
use cuffia_tests::process::Process;

/// The peer hears a tone of about this frequency, clearly.
fn peer_hears(peer: &Process, hz: i64) {
    peer.forget();
    peer.line(&format!("{hz} Hz"), |l| {
        serde_json::from_str::<serde_json::Value>(l).is_ok_and(|v| {
            v["event"] == "heard"
                && v["hz"].as_i64().is_some_and(|h| (h - hz).abs() <= 12)
                && v["level"].as_i64().is_some_and(|l| (-20..0).contains(&l))
        })
    });
}

fn peer_hears_silence(peer: &Process) {
    peer.forget();
    peer.line("silence", |l| {
        serde_json::from_str::<serde_json::Value>(l)
            .is_ok_and(|v| v["event"] == "heard" && v["level"].as_i64().is_some_and(|l| l < -50))
    });
}

fn says(event: &str) -> impl Fn(&str) -> bool {
    let text = format!("\"event\":\"{event}\"");
    move |l: &str| l.contains(&text)
}

/// The other side, that is our phone, has done this.
fn is_told(event: &str) -> impl Fn(&str) -> bool {
    let says = says(event);
    move |l: &str| says(l) && l.contains("\"by\":\"remote\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_over_ws_and_wss_and_says_what_is_wrong_otherwise() {
    let switchboard = Switchboard::start();
    let trusted = || Trust::Pem(switchboard.certificate().as_bytes().to_vec());
    let (ws, wss) = ("ws://127.0.0.1:8080/", "wss://localhost:8443/");
    for (server, trust) in [(ws, Trust::System), (wss, trusted())] {
        let registration = TestPhone::new().connect(account(server, "alice", trust), MediaConfig::default()).await;
        assert!(matches!(registration, Registration::Registered { .. }), "{server}: {registration:?}");
    }
    let wrong = cuffia_phone::Account { password: "nonsense".to_owned().into(), ..account(wss, "alice", trusted()) };
    let cases = [
        ("wrong password", wrong, "wrong_password"),
        ("a certificate nobody vouches for", account(wss, "alice", Trust::System), "bad_certificate"),
        ("no such host", account("wss://nohost.invalid/ws", "alice", Trust::System), "no_such_host"),
        ("nothing listens", account("ws://127.0.0.1:9/", "alice", Trust::System), "refused"),
    ];
    for (what, account, code) in cases {
        match TestPhone::new().connect(account, MediaConfig::default()).await {
            Registration::Failed { error, .. } => assert_eq!(error.code(), code, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    assert_eq!(LineError::WrongPassword.code(), "wrong_password");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_out_and_both_hear_each_other_until_they_hang_up() {
    let switchboard = Switchboard::start();
    let mut peer = switchboard.start_webrtc_peer(700);
    let mut alice = TestPhone::registered(MediaConfig::default()).await;
    alice.hum(1000.0, 60.0);
    alice.phone.dial("bob".into()).await.unwrap();
    alice.answered().await;
    alice.hears(700.0).await;
    peer_hears(&peer, 1000);
    peer.say("hangup");
    assert!(matches!(alice.ended().await, EndReason::HungUpThere { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn is_called_answers_and_hangs_up() {
    let switchboard = Switchboard::start();
    let mut peer = switchboard.start_webrtc_peer(700);
    let mut alice = TestPhone::registered(MediaConfig::default()).await;
    alice.hum(1000.0, 60.0);
    peer.say("call alice");
    let call = alice.rings().await;
    assert_eq!(call.number, "bob");
    alice.phone.answer(&call.id).await.unwrap();
    alice.answered().await;
    alice.hears(700.0).await;
    peer_hears(&peer, 1000);
    alice.phone.hang_up(&call.id).await.unwrap();
    peer.line("the end", is_told("ended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_wss_it_calls_and_is_called_and_both_hear_each_other() {
    let switchboard = Switchboard::start();
    let mut peer = switchboard.start_webrtc_peer(700);
    let trust = Trust::Pem(switchboard.certificate().as_bytes().to_vec());
    let account = account("wss://localhost:8443/", "alice", trust);
    let mut alice = TestPhone::registered_with(account, MediaConfig::default()).await;
    alice.hum(1000.0, 60.0);
    let call = alice.phone.dial("bob".into()).await.unwrap();
    alice.answered().await;
    alice.hears(700.0).await;
    peer_hears(&peer, 1000);
    alice.phone.hang_up(&call).await.unwrap();
    alice.ended().await;
    peer.line("the end", is_told("ended"));
    peer.forget();
    peer.say("call alice");
    let call = alice.rings().await;
    alice.phone.answer(&call.id).await.unwrap();
    alice.answered().await;
    alice.hears(700.0).await;
    peer_hears(&peer, 1000);
    peer.say("hangup");
    assert!(matches!(alice.ended().await, EndReason::HungUpThere { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_silences_both_and_resume_brings_both_back_whoever_holds() {
    let switchboard = Switchboard::start();
    let mut peer = switchboard.start_webrtc_peer(700);
    let mut alice = TestPhone::registered(MediaConfig::default()).await;
    alice.hum(1000.0, 120.0);
    let call = alice.phone.dial("bob".into()).await.unwrap();
    alice.answered().await;
    alice.hears(700.0).await;
    for _ in 0..2 {
        peer.forget();
        alice.phone.hold(&call).await.unwrap();
        peer.line("word of the hold", is_told("hold"));
        peer_hears_silence(&peer);
        alice.hears_silence().await;
        peer.forget();
        alice.phone.resume(&call).await.unwrap();
        peer.line("word of the end of the hold", is_told("unhold"));
        alice.hears(700.0).await;
        peer_hears(&peer, 1000);
    }
    peer.say("hold");
    let held = |e: &PhoneEvent| match e {
        PhoneEvent::Changed(info) if info.held_there => Some(()),
        _ => None,
    };
    alice.until("being held", held).await;
    alice.hears_silence().await;
    peer.say("unhold");
    alice.hears(700.0).await;
    peer_hears(&peer, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_phone_that_speaks_pcmu_only_echoes_what_it_hears() {
    a_desk_phone_echoes("carol", "PCMU", 1000.0).await;
}

/// 5 kHz: what a narrow-band call cannot carry.
#[tokio::test(flavor = "multi_thread")]
async fn a_desk_phone_that_speaks_g722_only_echoes_a_wide_band() {
    a_desk_phone_echoes("erin", "G722", 5000.0).await;
}

async fn a_desk_phone_echoes(name: &str, codec: &str, hz: f32) {
    let switchboard = Switchboard::start();
    let _there = switchboard.start_baresip(name);
    let mut alice = TestPhone::registered(MediaConfig::default()).await;
    alice.hum(hz, 60.0);
    let call = alice.phone.dial(name.into()).await.unwrap();
    alice.answered().await;
    alice.hears(hz).await;
    let spoken = alice
        .until("figures", |e| match e {
            PhoneEvent::Statistics(_, s) => s.codec,
            _ => None,
        })
        .await;
    assert_eq!(spoken.name(), codec);
    alice.phone.hang_up(&call).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_arrive_on_both_sides() {
    let switchboard = Switchboard::start();
    let mut dave = switchboard.start_baresip("dave");
    let mut alice = TestPhone::registered(MediaConfig::default()).await;
    let call = alice.phone.dial("dave".into()).await.unwrap();
    alice.answered().await;
    alice.hears(440.0).await;
    // Keys sent in one go, and one more when the voice has been heard again.
    for (sent, keys) in [("127#", vec!['1', '2', '7', '#']), ("1", vec!['1'])] {
        dave.forget();
        alice.phone.send_digits(&call, sent.into()).await.unwrap();
        for key in keys {
            dave.line(&format!("key {key}"), |l| l.contains(&format!("received event: '{key}' (end=1)")));
        }
    }
    for key in ['1', '2', '7', '#', '1'] {
        dave.say(&key.to_string());
        let digit = alice
            .until(&format!("key {key}"), |e| match e {
                PhoneEvent::Digit(_, digit) => Some(*digit),
                _ => None,
            })
            .await;
        assert_eq!(digit, key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_only_a_relay_may_be_used_the_call_goes_through_it() {
    let switchboard = Switchboard::start();
    let _turn = switchboard.start_turn();
    let peer = switchboard.start_webrtc_peer(700);
    for (url, transport) in [
        ("turn:127.0.0.1:3478?transport=udp", "udp"),
        ("turn:127.0.0.1:3478?transport=tcp", "tcp"),
        ("turns:127.0.0.1:5349?transport=tcp", "tls"),
        ("turns:localhost", "tls"),
    ] {
        let relay = IceServer { url: url.into(), username: "turnuser".into(), credential: "turnpass".into() };
        let trust = Trust::Pem(switchboard.certificate().as_bytes().to_vec());
        let media = MediaConfig { ice_servers: vec![relay], trust, relay_only: true, ..MediaConfig::default() };
        let mut alice = TestPhone::registered(media).await;
        alice.hum(1000.0, 60.0);
        let call = alice.phone.dial("bob".into()).await.unwrap();
        alice.answered().await;
        alice.hears(700.0).await;
        peer_hears(&peer, 1000);
        let path = alice
            .until("figures", |e| match e {
                PhoneEvent::Statistics(_, s) => s.path.clone(),
                _ => None,
            })
            .await;
        assert!(path.starts_with(&format!("relay {transport}")), "{url}: {path}");
        alice.phone.hang_up(&call).await.unwrap();
        alice.ended().await;
    }
}
