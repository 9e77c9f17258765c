//! Real switchboards and phones, each in its own folder, on the ports of their configurations (see scripts/isolated).

use crate::process::Process;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Kamailio with rtpengine.
pub struct Switchboard {
    folder: TempDir,
    certificate: String,
    _processes: Vec<Process>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Waits until a TCP port answers.
fn port(port: u16) {
    let limit = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < limit, "nothing listens on port {port}");
        std::thread::yield_now();
    }
}

impl Switchboard {
    /// Starts it and waits until it listens. `ws://127.0.0.1:8080/`, `wss://127.0.0.1:8443/`, UDP and TCP 5060.
    pub fn start() -> Switchboard {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["softphone.test".to_owned(), "localhost".into(), "127.0.0.1".into()];
        let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem();
        std::fs::write(folder.path().join("cert.pem"), &certificate).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        for name in ["kamailio.cfg", "tls.cfg", "turnserver.conf"] {
            template(&format!("tests/peers/{name}"), &folder.path().join(name), folder.path());
        }
        let rtpengine = Process::start(
            "rtpengine",
            Command::new("rtpengine").args([
                "--foreground",
                "--log-stderr",
                "--log-level=5",
                "--table=-1",
                "--interface=127.0.0.1",
                "--listen-ng=127.0.0.1:2223",
                "--listen-cli=127.0.0.1:2224",
                "--port-min=30000",
                "--port-max=30999",
                "--num-threads=1",
                "--media-num-threads=1",
                "--timeout=60",
                "--delete-delay=0",
                "--offer-timeout=120",
            ]),
        );
        let run = folder.path().display().to_string();
        let kamailio = Process::start(
            "kamailio",
            Command::new("kamailio").args([
                "-DD",
                "-E",
                "-f",
                &format!("{run}/kamailio.cfg"),
                "-w",
                &run,
                "-Y",
                &run,
                "-m",
                "32",
                "-M",
                "4",
            ]),
        );
        for p in [8080, 8443, 5060, 2224] {
            port(p);
        }
        Switchboard { folder, certificate, _processes: vec![rtpengine, kamailio] }
    }

    /// The certificate of its TLS ports, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The file it is in.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// A TURN server on port 3478 (UDP and TCP) and 5349 (TLS, with the switchboard's certificate): `turnuser`, `turnpass`.
    pub fn start_turn(&self) -> Process {
        let configuration = self.folder.path().join("turnserver.conf");
        let turn = Process::start("turnserver", Command::new("turnserver").arg("-c").arg(configuration));
        port(3478);
        port(5349);
        turn
    }

    /// A baresip phone, registered: `dave` speaks Opus and plays 440 Hz, `carol` speaks PCMU
    /// only and echoes, `erin` the same in G.722.
    pub fn start_baresip(&self, name: &str) -> Process {
        let home = self.folder.path().join(format!("baresip-{name}"));
        std::fs::create_dir_all(&home).unwrap();
        for file in ["accounts", "config"] {
            template(&format!("tests/peers/baresip-{name}/{file}"), &home.join(file), self.folder.path());
        }
        let phone = Process::start(name, Command::new("baresip").arg("-4").arg("-f").arg(&home).arg("-v"));
        phone.line("registration", |l| l.contains("200 OK") || l.contains("registered"));
        phone
    }

    /// A libwebrtc phone (JsSIP on Node), registered as `bob`; plays a tone and says what it hears.
    pub fn start_webrtc_peer(&self, hz: u32) -> Process {
        let script = repository().join("tests/switchboard/webrtc-peer.mjs");
        let peer =
            Process::start("webrtc peer", Command::new("node").arg(script).args(["bob", "bobpw", &hz.to_string()]));
        peer.line("registration", |l| l.contains("\"registered\""));
        peer
    }
}

/// Copies a configuration, with the run folder in place of `@RUN@`.
pub(crate) fn template(from: &str, to: &Path, run: &Path) {
    let text = std::fs::read_to_string(repository().join(from)).unwrap();
    std::fs::write(to, text.replace("@RUN@", &run.display().to_string())).unwrap();
}
