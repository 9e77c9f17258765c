//! Relay only, over a coturn of our own: TURN by UDP, TCP and TLS.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{End, PATIENCE, loopback, negotiate};
use cuffia_media::{Codec, Direction, IceServer, MediaConfig, MediaEvent, Trust};

const COTURN: &str = "/usr/bin/turnserver";

/// A relay server that ends with the test.
struct Relay {
    server: Child,
    port: u16,
    certificate: Certificate,
}

/// For 127.0.0.1, signed by itself, and its key, in files.
struct Certificate {
    pem: String,
    files: [std::path::PathBuf; 2],
}

impl Certificate {
    fn new(port: u16) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        let files = ["cert", "key"].map(|kind| std::env::temp_dir().join(format!("cuffia-coturn-{port}-{kind}.pem")));
        std::fs::write(&files[0], &pem).unwrap();
        std::fs::write(&files[1], key.serialize_pem()).unwrap();
        Self { pem, files }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        for file in [&pid_file(self.port), &self.certificate.files[0], &self.certificate.files[1]] {
            let _ = std::fs::remove_file(file);
        }
    }
}

fn pid_file(port: u16) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("cuffia-coturn-{port}.pid"))
}

impl Relay {
    /// None where coturn is not installed.
    async fn start(transport: &str) -> Option<Self> {
        if !std::path::Path::new(COTURN).exists() {
            eprintln!("coturn is not installed: nothing proven");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(COTURN);
        command.args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-cli"]);
        command.args([
            "--no-dtls",
            "--lt-cred-mech",
            "--realm=practice",
            "--user=operator:secret",
            "--log-file=stdout",
        ]);
        command.arg(format!("--pidfile={}", pid_file(port).display()));
        let certificate = Certificate::new(port);
        if transport == "tls" {
            let [certificate, key] = certificate.files.each_ref().map(|file| file.display());
            command.args([format!("--cert={certificate}"), format!("--pkey={key}")]);
            command.args([format!("--tls-listening-port={port}"), "--no-udp".into(), "--no-tcp".into()]);
        } else {
            command.args([format!("--listening-port={port}"), "--no-tls".into()]);
        }
        if transport == "tcp" {
            command.arg("--no-udp");
        }
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let relay = Self { server, port, certificate };
        let listens = async {
            let mut often = tokio::time::interval(Duration::from_millis(50));
            loop {
                often.tick().await;
                // TCP is listened to in all set-ups, and UDP not later.
                if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("coturn does not listen");
        Some(relay)
    }

    fn config(&self, transport: &str, credential: &str) -> MediaConfig {
        let (scheme, query) = if transport == "tls" { ("turns", "tcp") } else { ("turn", transport) };
        let server = IceServer {
            url: format!("{scheme}:127.0.0.1:{}?transport={query}", self.port),
            username: "operator".into(),
            credential: credential.into(),
        };
        let trust = Trust::Pem(self.certificate.pem.clone().into_bytes());
        MediaConfig { ice_servers: vec![server], trust, relay_only: true, ..loopback(&[Codec::Opus]) }
    }
}

async fn both_hear_each_other_by(transport: &str) {
    let Some(relay) = Relay::start(transport).await else { return };
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
async fn relayed_by_tls() {
    both_hear_each_other_by("tls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_certificate_nobody_vouches_for_is_not_used() {
    let Some(relay) = Relay::start("tls").await else { return };
    let config = MediaConfig { trust: Trust::System, ..relay.config("tls", "secret") };
    let a = End::humming(config, 440.0).await;
    assert_eq!(a.session().offer(Direction::SendRecv).await.unwrap_err().code(), "media.turn_refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such() {
    let Some(relay) = Relay::start("udp").await else { return };
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
