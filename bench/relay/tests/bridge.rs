//! The relay between two real network namespaces: real UDP and TCP, as phones would send it. Needs root.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use cuffia_relay::{Config, Fate, Link};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use nix::unistd::Pid;
use serde_json::Value;

const RELAY: &str = env!("CARGO_BIN_EXE_cuffia-relay");
const NET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/net.sh");
/// No wait is longer, on the slowest machine.
const BOUND: Duration = Duration::from_secs(20);

/// The two hosts and the machine between them.
struct Net {
    dir: tempfile::TempDir,
    name: String,
}

impl Net {
    /// None, with a message, where namespaces cannot be made.
    fn up() -> Option<Self> {
        let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let allowed =
            || Command::new("unshare").args(["--net", "--mount", "true"]).output().is_ok_and(|o| o.status.success());
        if !root || !allowed() {
            eprintln!(
                "SKIPPED: network namespaces cannot be made here. Run it as root, with CAP_SYS_ADMIN and CAP_NET_ADMIN"
            );
            return None;
        }
        let dir = tempfile::tempdir().expect("a folder");
        let made = Command::new(NET).arg("up").arg(dir.path()).output().expect("net.sh runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let name = std::fs::read_to_string(dir.path().join("net")).expect("its name").trim().to_owned();
        Some(Self { dir, name })
    }

    /// Makes sockets in a host; they stay there.
    fn on<T: Send>(&self, host: &str, make: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}-{host}", self.name)).expect("the namespace");
        let there = move || {
            // Of this thread alone.
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("into the namespace");
            make()
        };
        thread::scope(|scope| scope.spawn(there).join()).expect("sockets")
    }

    fn udp(&self, host: &str, address: &str) -> UdpSocket {
        let socket = self.on(host, || UdpSocket::bind(address)).expect(address);
        socket.set_read_timeout(Some(BOUND)).expect("a timeout");
        socket
    }
}

impl std::ops::Drop for Net {
    fn drop(&mut self) {
        let _ = Command::new(NET).arg("down").arg(self.dir.path()).status();
    }
}

/// A running relay.
struct Relay<'a> {
    net: &'a Net,
    process: Child,
    said: Receiver<String>,
    complained: Receiver<String>,
}

impl<'a> Relay<'a> {
    fn start(net: &'a Net, config: &str) -> Self {
        std::fs::write(net.dir.path().join("config.json"), config).expect("a config");
        let mut process = Command::new(NET)
            .args(["in", "m", RELAY, "ma", "mb", "config.json", "stats.json"])
            .env("CUFFIA_NET", net.dir.path())
            .current_dir(net.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let said = lines(process.stdout.take().expect("piped"));
        let complained = lines(process.stderr.take().expect("piped"));
        let relay = Self { net, process, said, complained };
        relay.ready();
        relay
    }

    fn ready(&self) {
        let line = self.said.recv_timeout(BOUND);
        assert_eq!(line.as_deref(), Ok("ready"), "{:?}", self.complained.try_iter().collect::<Vec<_>>());
    }

    fn signal(&self, signal: Signal) {
        // net.sh and `ip netns exec` replaced themselves by it.
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("it runs");
    }

    fn reload(&self, config: &str) {
        std::fs::write(self.net.dir.path().join("config.json"), config).expect("a config");
        self.signal(Signal::SIGHUP);
    }

    /// Ends it and reads what it wrote.
    fn stop(mut self) -> Value {
        self.signal(Signal::SIGTERM);
        let code = self.process.wait().expect("it ends").code();
        let stats = std::fs::read_to_string(self.net.dir.path().join("stats.json")).expect("figures");
        let stats: Value = serde_json::from_str(&stats).expect("JSON");
        // Other tests keep the machine busy; the code must say so, no more.
        for way in ["a_to_b", "b_to_a"] {
            let sum = |counts: &[&str]| counts.iter().filter_map(|name| stats[way][name].as_u64()).sum::<u64>();
            let went = ["lost", "queue_dropped", "blackholed", "unmapped", "held", "sent", "unsent"];
            assert_eq!(sum(&["received", "duplicated"]), sum(&went), "{stats}");
        }
        assert_eq!(code, Some(if stats["spoilt"] == true { 3 } else { 0 }), "{stats}");
        stats
    }
}

impl std::ops::Drop for Relay<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
    lines
}

/// An RTP packet of a payload type, numbered.
fn rtp(payload_type: u8, number: u16) -> [u8; 100] {
    let mut packet = [0; 100];
    packet[..2].copy_from_slice(&[0x80, payload_type]);
    packet[2..4].copy_from_slice(&number.to_be_bytes());
    packet
}

/// The numbers of so many packets that came.
fn numbers(socket: &UdpSocket, count: usize) -> Vec<u16> {
    let mut packet = [0; 2_000];
    let mut next = || {
        let length = socket.recv(&mut packet).expect("a packet in time");
        assert_eq!(length, 100);
        u16::from_be_bytes([packet[2], packet[3]])
    };
    (0..count).map(|_| next()).collect()
}

/// Which of so many packets a config lets through.
fn survivors(config: &str, packets: u16) -> Vec<u16> {
    let config = Config::parse(config).expect("a config");
    let mut link = Link::new(&config.a_to_b, config.link_seed(true));
    (0..packets).filter(|_| matches!(link.pass(Duration::ZERO, 128), Fate::Leaves { .. })).collect()
}

fn send(from: &UdpSocket, to: &str, payload_type: u8, packets: u16) {
    for number in 0..packets {
        from.send_to(&rtp(payload_type, number), to).expect("sent");
    }
}

#[test]
fn udp_and_tcp_pass_and_udp_alone_is_impaired() {
    let Some(net) = Net::up() else { return };
    let lossy = r#"{"seed": 7, "a_to_b": "loss20", "b_to_a": "clean"}"#;
    let relay = Relay::start(&net, lossy);
    let (a, b) = (net.udp("a", "10.77.0.1:4000"), net.udp("b", "10.77.0.2:4000"));

    // The very packets that the seed loses on virtual time are lost on the wire.
    let expected = survivors(lossy, 200);
    send(&a, "10.77.0.2:4000", 111, 200);
    assert_eq!(numbers(&b, expected.len()), expected);

    // Signalling is spared.
    let signalling = net.udp("b", "10.77.0.2:5060");
    send(&a, "10.77.0.2:5060", 0, 50);
    assert_eq!(numbers(&signalling, 50), (0..50).collect::<Vec<_>>());

    // Four datagrams handed to the kernel as one, which the relay has to take apart.
    setsockopt(&b, UdpGsoSegment, &100).expect("segmentation");
    let together: Vec<u8> = (0..4).flat_map(|number| rtp(8, number)).collect();
    b.send_to(&together, "10.77.0.1:4000").expect("sent");
    assert_eq!(numbers(&a, 4), [0, 1, 2, 3]);

    // TCP, in segments larger than the wire allows and with sums that the kernel puts off.
    let listener = net.on("b", || TcpListener::bind("10.77.0.2:9000")).expect("a listener");
    let sent: Vec<u8> = (0..4u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut stream = net.on("a", || TcpStream::connect("10.77.0.2:9000")).expect("a connection");
    let (mut accepted, _) = listener.accept().expect("a connection");
    accepted.set_read_timeout(Some(BOUND)).expect("a timeout");
    let mut received = Vec::new();
    thread::scope(|scope| {
        scope
            .spawn(|| stream.write_all(&sent).and_then(|()| stream.shutdown(std::net::Shutdown::Write)).expect("sent"));
        accepted.read_to_end(&mut received).expect("received");
    });
    assert!(received == sent, "TCP came through unchanged");

    let stats = relay.stop();
    let there = &stats["a_to_b"];
    assert_eq!((&there["received"], &there["sent"]), (&200.into(), &expected.len().into()));
    assert_eq!(there["lost"], 200 - expected.len());
    assert_eq!(there["rtp_payload_types"], serde_json::json!({"111": 200}));
    let began = stats["started_s"].as_f64().expect("seconds")..stats["ended_s"].as_f64().expect("seconds");
    for kind in ["rtp", "skipped_port"] {
        assert!(began.contains(&there["first_seen_s"][kind].as_f64().expect(kind)), "{kind}");
    }
    let back = &stats["b_to_a"];
    assert_eq!(back["rtp_payload_types"], serde_json::json!({"8": 4}));
    assert_eq!((&back["sent"], &back["unsent"], &there["unsent"]), (&4.into(), &0.into(), &0.into()));
}

#[test]
fn delay_reordering_and_duplicates_are_what_the_config_says() {
    let Some(net) = Net::up() else { return };
    let relay = Relay::start(&net, r#"{"a_to_b": {"delay_ms": 50, "duplicate_percent": 100}, "b_to_a": "rtt60"}"#);
    let (a, b) = (net.udp("a", "10.77.0.1:4000"), net.udp("b", "10.77.0.2:4000"));
    let begun = std::time::Instant::now();
    send(&a, "10.77.0.2:4000", 9, 1);
    assert_eq!(numbers(&b, 2), [0, 0]);
    assert!(begun.elapsed() >= Duration::from_millis(50));
    send(&b, "10.77.0.1:4000", 9, 1);
    numbers(&a, 1);
    assert!(begun.elapsed() >= Duration::from_millis(80));

    relay.reload(r#"{"seed": 2, "a_to_b": "reorder20", "b_to_a": "clean"}"#);
    relay.ready();
    send(&a, "10.77.0.2:4000", 9, 100);
    let came = numbers(&b, 100);
    assert!(!came.is_sorted());
    assert_eq!(came.into_iter().collect::<BTreeSet<_>>().len(), 100);
    let stats = relay.stop();
    assert_eq!((&stats["a_to_b"]["duplicated"], &stats["a_to_b"]["sent"]), (&1.into(), &102.into()));
    let reordered = stats["a_to_b"]["reordered"].as_u64().expect("a count");
    assert!((5..=40).contains(&reordered), "{reordered}");
}

#[test]
fn a_bad_config_is_reported_and_the_old_one_stays() {
    let Some(net) = Net::up() else { return };
    let relay = Relay::start(&net, r#"{"a_to_b": {"blackhole": [0, 3600]}, "b_to_a": "clean"}"#);
    let (a, b) = (net.udp("a", "10.77.0.1:4000"), net.udp("b", "10.77.0.2:4000"));
    relay.reload(r#"{"profile": "brust5"}"#);
    let complaint = relay.complained.recv_timeout(BOUND).expect("a complaint");
    assert!(complaint.contains(r#"no profile is called "brust5""#) && complaint.contains("stays"), "{complaint}");
    send(&a, "10.77.0.2:4000", 111, 20);
    // An answer the other way tells that these have been through the relay: TCP is not impaired, and keeps its place.
    let listener = net.on("b", || TcpListener::bind("10.77.0.2:9000")).expect("a listener");
    net.on("a", || TcpStream::connect("10.77.0.2:9000")).expect("a connection");
    drop(listener);
    relay.reload(r#"{"profile": "clean"}"#);
    relay.ready();
    a.send_to(&rtp(111, 77), "10.77.0.2:4000").expect("sent");
    assert_eq!(numbers(&b, 1), [77]);
    assert_eq!(relay.stop()["a_to_b"]["blackholed"], 20);
}

#[test]
fn a_nat_that_forgets_gives_a_port_another_face() {
    let Some(net) = Net::up() else { return };
    let relay = Relay::start(&net, r#"{"profile": "clean", "rebind_a_s": [0]}"#);
    let (a, b) = (net.udp("a", "10.77.0.1:4000"), net.udp("b", "10.77.0.2:4000"));
    // Two at once: their sums are complete when the port changes; those of the third are not.
    setsockopt(&a, UdpGsoSegment, &100).expect("segmentation");
    a.send_to(&[rtp(0, 1), rtp(0, 2)].concat(), "10.77.0.2:4000").expect("sent");
    a.send_to(&rtp(0, 3), "10.77.0.2:4000").expect("sent");
    let mut packet = [0; 200];
    let faces: Vec<_> = (0..3).map(|_| b.recv_from(&mut packet).expect("a packet in time").1).collect();
    assert_ne!(faces[0].port(), 4_000);
    assert_eq!(faces, [faces[0]; 3]);
    b.send_to(&rtp(0, 4), "10.77.0.1:4000").expect("sent");
    b.send_to(&rtp(0, 5), faces[0]).expect("sent");
    assert_eq!(numbers(&a, 1), [5], "what was sent to the old face is not heard");
    assert_eq!(relay.stop()["b_to_a"]["unmapped"], 1);
}

#[test]
fn an_interface_that_goes_away_ends_the_run() {
    let Some(net) = Net::up() else { return };
    let mut relay = Relay::start(&net, r#"{"profile": "clean"}"#);
    let gone =
        Command::new("ip").args(["-n", &format!("{}-a", net.name), "link", "del", "va"]).status().expect("ip runs");
    assert!(gone.success());
    let complaint = relay.complained.recv_timeout(BOUND).expect("a complaint");
    assert!(complaint.contains("ma: the interface is gone"), "{complaint}");
    assert_eq!(relay.process.wait().expect("it ends").code(), Some(2));
}

fn relay(config: &Path, stats: &Path, interface: &str) -> Output {
    Command::new(RELAY).args([interface, interface]).args([config, stats]).output().expect("the relay starts")
}

#[test]
fn what_cannot_begin_says_why_by_its_code() {
    let dir = tempfile::tempdir().expect("a folder");
    let (config, stats) = (dir.path().join("config.json"), dir.path().join("stats.json"));
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let missing = relay(&config, &stats, "lo");
    assert_eq!((missing.status.code(), said(&missing).contains("cannot be read")), (Some(1), true));
    std::fs::write(&config, "{}").expect("a config");
    let empty = relay(&config, &stats, "lo");
    assert_eq!((empty.status.code(), said(&empty).contains("nothing says what a_to_b does")), (Some(1), true));
    std::fs::write(&config, r#"{"profile": "clean"}"#).expect("a config");
    let unwritable = relay(&config, &dir.path().join("none/stats.json"), "lo");
    assert_eq!((unwritable.status.code(), said(&unwritable).contains("cannot be written here")), (Some(1), true));
    let nowhere = relay(&config, &stats, "nowhere0");
    assert_eq!((nowhere.status.code(), said(&nowhere).contains("there is no such interface")), (Some(2), true));
    let usage = Command::new(RELAY).output().expect("the relay starts");
    assert_eq!((usage.status.code(), said(&usage).contains("usage:")), (Some(1), true));
}
