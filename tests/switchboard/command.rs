//! The command line on a real switchboard.

use crate::{peer_hears, says};
use cuffia_headset::{WavWriter, dbfs, read_wav};
use cuffia_tests::cli::{cuffia, finish, next_start};
use cuffia_tests::peers::Switchboard;
use cuffia_tests::process::Process;
use cuffia_tests::tone::{share, tone};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn alice(data: &Path, arguments: &[&str]) -> Command {
    let mut command = cuffia(data, arguments);
    command.env("CUFFIA_PASSWORD", "alicepw");
    command
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn call_plays_one_file_records_another_and_reports_what_was_heard() {
    let switchboard = Switchboard::start();
    let _turn = switchboard.start_turn();
    let peer = switchboard.start_webrtc_peer(700);
    let dir = tempfile::tempdir().unwrap();
    let (said, heard) = (dir.path().join("said.wav"), dir.path().join("heard.wav"));
    let mut writer = WavWriter::create(&said, 1).unwrap();
    writer.write(&tone(1000.0, 6.0));
    writer.finish(&said).unwrap();
    let (said, heard_name) = (said.display().to_string(), heard.display().to_string());
    let arguments = ["call", "bob", "--server", "ws://127.0.0.1:8080/", "--user", "alice"];
    let files = ["--wav", &said, "--record", &heard_name, "--json"];
    // By the shortest way, then by a relay whose certificate only CUFFIA_CA vouches for.
    for (relay, path) in [("", "host"), ("turns:127.0.0.1:5349 turnuser turnpass", "relay tls")] {
        let mut command = alice(&dir.path().join("data"), &[&arguments[..], &files].concat());
        command.env("CUFFIA_ICE", relay).env("CUFFIA_CA", switchboard.certificate_file());
        command.env("CUFFIA_RELAY_ONLY", if relay.is_empty() { "0" } else { "1" });
        let call = Process::start("cuffia", &mut command);
        peer.line("an answer", says("confirmed"));
        peer_hears(&peer, 1000);
        let report: Value = serde_json::from_str(&call.line("a report", |l| l.starts_with('{'))).unwrap();
        peer.line("the end", says("ended"));

        assert_eq!(report["ok"], true, "{report}");
        assert_eq!(
            (&report["call"]["number"], &report["call"]["practice"]),
            (&"bob".into(), &false.into()),
            "{report}"
        );
        assert_eq!(report["call"]["reason"], "hung_up_here", "{report}");
        assert!(number(&report["call"]["answered"]) >= number(&report["call"]["started"]), "{report}");
        assert!(Path::new(report["recording"].as_str().unwrap()).exists(), "{report}");
        for side in ["heard", "sent"] {
            let side = &report[side];
            assert!(number(&side["packets"]) > 200.0, "six seconds are 300 packets: {report}");
            assert!((0.0..50.0).contains(&number(&side["loss"])), "{report}");
            assert!((-30.0..0.0).contains(&number(&side["level"])), "{report}");
        }
        assert_eq!(report["heard"]["codec"], "opus", "{report}");
        assert!(report["heard"]["path"].as_str().unwrap().starts_with(path), "{report}");

        let sound = read_wav(&heard).unwrap();
        assert!(sound.len() > 5 * 48_000, "{} samples", sound.len());
        let middle = &sound[sound.len() / 2 - 12_000..sound.len() / 2 + 12_000];
        assert!(share(middle, 700.0) > 0.9 && dbfs(middle) > -20.0, "the peer's tone is in the file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_asked_to_end_in_a_call_hangs_up() {
    let switchboard = Switchboard::start();
    let peer = switchboard.start_webrtc_peer(700);
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["call", "bob", "--server", "ws://127.0.0.1:8080/", "--user", "alice", "--seconds", "60", "--json"];
    let mut call = Process::start("cuffia", &mut alice(dir.path(), &arguments));
    peer.line("an answer", says("confirmed"));
    call.ask_to_end();
    peer.line("the end", says("ended"));
    let report: Value = serde_json::from_str(&call.line("a report", |l| l.starts_with('{'))).unwrap();
    assert_eq!((&report["ok"], report["code"].as_str()), (&Value::Bool(false), Some("stopped")), "{report}");
    assert!(!call.wait(), "what was not finished is no success");

    let (_program, kept) = next_start(dir.path());
    assert_eq!(kept.call.reason.as_deref(), Some("hung_up_here"), "and not as interrupted");
}

/// Isolated tests may make networks of their own; this one has nothing in it.
#[test]
fn check_tells_when_there_is_no_network() {
    let dir = tempfile::tempdir().unwrap();
    let inside = cuffia(dir.path(), &["check", "--json"]);
    let mut outside = Command::new("unshare");
    outside.arg("--net").arg(inside.get_program()).args(inside.get_args()).env("CUFFIA_DATA_DIR", dir.path());
    let (report, ok) = finish(&mut outside);
    assert!(ok && report["network"] == false, "{report}");
}

#[test]
fn a_call_that_does_not_come_about_is_one_object_that_says_why() {
    let _switchboard = Switchboard::start();
    let dir = tempfile::tempdir().unwrap();
    for (target, code) in [("nobody", "call.not_found"), ("erin", "call.no_answer")] {
        let arguments = ["call", target, "--server", "ws://127.0.0.1:8080/", "--user", "alice", "--json"];
        let (report, ok) = finish(&mut alice(dir.path(), &arguments));
        assert!(!ok && report["ok"] == false, "{report}");
        assert_eq!(report["code"], code, "{report}");
        assert!(report["message"].as_str().unwrap().len() > 20, "{report}");
    }
}

#[test]
fn check_registers_and_says_what_is_wrong_otherwise() {
    let switchboard = Switchboard::start();
    let dir = tempfile::tempdir().unwrap();
    let check = |user: &str, certificate: bool| {
        let arguments = ["check", "--server", "wss://127.0.0.1:8443/", "--user", user, "--json"];
        let mut command = alice(dir.path(), &arguments);
        if certificate {
            command.env("CUFFIA_CA", switchboard.certificate_file());
        }
        finish(&mut command)
    };
    let (report, ok) = check("alice", true);
    assert!(ok && report["ok"] == true, "{report}");
    assert_eq!(report["switchboard"]["registered"], true, "{report}");
    assert_eq!(report["switchboard"]["user"], "alice", "{report}");
    assert_eq!(report["network"], true, "{report}");
    for (user, certificate, code) in [("bob", true, "line.wrong_password"), ("alice", false, "line.bad_certificate")] {
        let (report, ok) = check(user, certificate);
        assert!(!ok && report["ok"] == false, "{report}");
        assert_eq!(report["code"], code, "{report}");
    }
}
