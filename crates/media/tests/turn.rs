//! Relay only, over a coturn of our own: TURN by UDP and by TCP.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{End, PATIENCE, loopback, negotiate};
use cuffia_media::{Codec, Direction, IceServer, MediaConfig, MediaEvent};

const COTURN: &str = "/usr/bin/turnserver";

/// A relay server that ends with the test.
struct Relay {
    server: Child,
    port: u16,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_file(pid_file(self.port));
    }
}

fn pid_file(port: u16) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("cuffia-coturn-{port}.pid"))
}

impl Relay {
    /// None where coturn is not installed.
    async fn start(udp: bool) -> Option<Self> {
        if !std::path::Path::new(COTURN).exists() {
            eprintln!("coturn is not installed: nothing proven");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(COTURN);
        command.args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-cli"]);
        command.args([
            "--no-tls",
            "--no-dtls",
            "--lt-cred-mech",
            "--realm=practice",
            "--user=operator:secret",
            "--log-file=stdout",
        ]);
        command.args([format!("--listening-port={port}"), format!("--pidfile={}", pid_file(port).display())]);
        if !udp {
            command.arg("--no-udp");
        }
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let relay = Self { server, port };
        let listens = async {
            let mut often = tokio::time::interval(Duration::from_millis(50));
            loop {
                often.tick().await;
                // TCP is listened to in both set-ups, and UDP not later.
                if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("coturn does not listen");
        Some(relay)
    }

    fn config(&self, transport: &str, credential: &str) -> MediaConfig {
        let server = IceServer {
            url: format!("turn:127.0.0.1:{}?transport={transport}", self.port),
            username: "operator".into(),
            credential: credential.into(),
        };
        MediaConfig { ice_servers: vec![server], relay_only: true, ..loopback(&[Codec::Opus]) }
    }
}

async fn both_hear_each_other_by(transport: &str) {
    let Some(relay) = Relay::start(transport == "udp").await else { return };
    let mut a = End::humming(relay.config(transport, "secret"), 440.0).await;
    let mut b = End::humming(relay.config(transport, "secret"), 1_000.0).await;
    let offer = a.session().offer(Direction::SendRecv).await.unwrap();
    let candidates: Vec<_> = offer.lines().filter(|line| line.starts_with("a=candidate")).collect();
    assert!(!candidates.is_empty() && candidates.iter().all(|line| line.contains("typ relay")), "{candidates:?}");
    let (answer, _) = b.session().answer(&offer, Direction::SendRecv).await.unwrap();
    a.session().accept_answer(&answer).await.unwrap();
    a.connected().await;
    b.connected().await;
    a.hears(1_000.0).await;
    b.hears(440.0).await;
    let path = format!("relay {transport}");
    a.event(
        &path,
        |event| matches!(event, MediaEvent::Statistics(s) if s.path.as_ref().is_some_and(|p| p.starts_with(&path))),
    )
    .await;
    negotiate(&a, Direction::SendOnly, &b, Direction::SendRecv).await;
    a.hears_nothing().await;
    a.session().close().await;
    b.session().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relayed_by_udp() {
    both_hear_each_other_by("udp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relayed_by_tcp() {
    both_hear_each_other_by("tcp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such() {
    let Some(relay) = Relay::start(true).await else { return };
    let a = End::humming(relay.config("udp", "wrong"), 440.0).await;
    assert_eq!(a.session().offer(Direction::SendRecv).await.unwrap_err().code(), "media.turn_refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_does_not_hold_up_an_ordinary_offer() {
    // Bound, so that nobody else answers there, and silent.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("turn:{}?transport=udp", silent.local_addr().unwrap());
    let server = IceServer { url, username: "operator".into(), credential: "secret".into() };
    let a = End::humming(MediaConfig { ice_servers: vec![server], ..loopback(&[Codec::Opus]) }, 440.0).await;
    let b = End::humming(loopback(&[Codec::Opus]), 1_000.0).await;
    negotiate(&a, Direction::SendRecv, &b, Direction::SendRecv).await;
    a.hears(1_000.0).await;
}
