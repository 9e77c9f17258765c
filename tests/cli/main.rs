//! The command line: whole practice calls without window or sound card, clear failures, and a process that is killed.
#![allow(clippy::unwrap_used)]

use cuffia_tests::cli::{cuffia, finish, next_start, run};
use cuffia_tests::process::Process;
use serde_json::Value;
use std::path::Path;

#[test]
fn a_whole_practice_call_in_italian_is_taken_written_down_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (out, ok) = run(dir.path(), &["practice", "invoice-mismatch", "--language", "it", "--json"]);
    assert!(ok && out["ok"] == true, "{out}");
    assert_eq!(out["result"]["ending"], "thanked", "{out}");
    assert!(
        out["result"]["dataScore"].as_f64().unwrap() > 99.0,
        "the good typist wrote all facts down: {}",
        out["result"]
    );
    for side in ["heard", "sent"] {
        let side = &out[side];
        assert!(side["packets"].as_u64().unwrap() > 500, "sound went over the network: {side}");
        assert!((-40.0..0.0).contains(&side["level"].as_f64().unwrap()), "and was audible: {side}");
        assert!((0.0..50.0).contains(&side["loss"].as_f64().unwrap()), "{side}");
    }
    assert_eq!(out["call"]["name"], "Giulia Ferraro", "the customer was found by his number");
    for who in ["customer", "operator"] {
        assert!(out["turns"].as_array().unwrap().iter().any(|t| t["who"] == who), "{}", out["turns"]);
    }
    assert!(Path::new(out["recording"].as_str().unwrap()).exists());
}

#[test]
fn a_customer_hears_what_the_operators_file_says_and_leaves_when_it_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("silent.wav");
    let mut writer = cuffia_headset::WavWriter::create(&wav, 1).unwrap();
    writer.write(&vec![0.0; 48_000]);
    writer.finish(&wav).unwrap();
    let data = dir.path().join("data");
    let heard = dir.path().join("heard.wav");
    let (wav, heard_name) = (wav.display().to_string(), heard.display().to_string());
    let arguments =
        ["practice", "invoice-mismatch", "--language", "en", "--operator", &wav, "--record", &heard_name, "--json"];
    let (out, ok) = run(&data, &arguments);
    assert!(ok, "{out}");
    assert_eq!(out["result"]["timeToGreeting"], Value::Null, "nobody greeted: {}", out["result"]);
    assert!(matches!(out["result"]["ending"].as_str(), Some("left_angry" | "hung_up_on")), "{}", out["result"]);
    assert_eq!(out["result"]["dataScore"], Value::Null, "nothing was registered, so nothing is scored");
    let sound = cuffia_headset::read_wav(&heard).unwrap();
    assert!(cuffia_headset::dbfs(&sound) > -45.0, "the customer was heard and is in the file");

    // The same words from the operator's side: somebody speaks, says the right number, and is heard.
    let arguments = ["practice", "--language", "en", "--operator", &heard_name, "--note", "Invoice 40827", "--json"];
    let (out, ok) = run(&data, &arguments);
    assert!(ok, "{out}");
    assert!(out["result"]["timeToGreeting"].is_number(), "the customer heard the file: {}", out["result"]);
    assert!(out["turns"].as_array().unwrap().iter().any(|t| t["who"] == "operator"), "{}", out["turns"]);
    assert!((-40.0..0.0).contains(&out["sent"]["level"].as_f64().unwrap()), "{}", out["sent"]);
    assert!(out["result"]["dataScore"].is_number(), "the note was registered and checked: {}", out["result"]);
}

#[test]
fn failures_are_one_object_with_a_code_and_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let missing = data.join("missing.wav").display().to_string();
    for (arguments, code) in [
        (vec!["call", "112", "--json"], "phone.no_line"),
        (vec!["call", "112", "--wav", &missing, "--json"], "headset.file"),
        (vec!["call", "x", "--server", "wss://nohost.invalid/ws", "--user", "a", "--json"], "line.no_such_host"),
        (vec!["check", "--server", "ws://127.0.0.1:9/", "--user", "a", "--json"], "line.refused"),
        (vec!["practice", "no-such-scenario", "--json"], "practice.no_such_scenario"),
    ] {
        let (out, ok) = run(data, &arguments);
        assert!(!ok, "{arguments:?} fails");
        assert_eq!((&out["ok"], out["code"].as_str()), (&Value::Bool(false), Some(code)), "{arguments:?}: {out}");
        assert!(out["message"].as_str().unwrap().len() > 20, "{arguments:?}: {out}");
    }
}

#[test]
fn check_tells_of_devices_network_and_switchboard() {
    let dir = tempfile::tempdir().unwrap();
    let (out, ok) = run(dir.path(), &["check", "--json"]);
    assert!(ok, "{out}");
    assert!(out["devices"].is_array() && out["network"].is_boolean(), "{out}");
    assert_eq!(out["switchboard"]["registered"], false);
}

/// Whenever it happens: before the answer the call is there, and from the first moment of the talk a recording that opens.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_as_it_rings_or_as_the_talk_begins_leaves_the_call() {
    for (moment, talked) in [("ring:", false), ("answered", true)] {
        let dir = tempfile::tempdir().unwrap();
        let mut process = Process::start("cuffia", &mut cuffia(dir.path(), &["practice", "--language", "en"]));
        process.line(moment, |l| l.starts_with(moment));
        process.kill();
        let (program, call) = next_start(dir.path());
        assert_eq!(call.call.reason.as_deref(), Some("interrupted"), "{moment}");
        assert_eq!(call.call.answered.is_some(), talked, "{moment}");
        if talked {
            assert!(program.engine.desk().recording(&call.call.id).await.unwrap().complete, "{moment}");
        }
    }
}

/// What is there after `kill -9` in the middle of a conversation: the call, its draft, its recording but for the last second.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_in_mid_call_loses_nothing_but_the_last_second() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start("cuffia", &mut cuffia(dir.path(), &["practice", "--language", "en"]));
    process.line("a first fact", |l| l.contains("customer:") && l.contains("invoice number"));
    // What follows is said after the fact was written down.
    process.line("a second fact", |l| l.contains("customer:") && l.contains("billed"));
    let answered = process.lines();
    process.kill();
    assert!(answered.iter().any(|l| l == "answered"));
    let (program, call) = next_start(dir.path());
    assert_eq!(call.call.reason.as_deref(), Some("interrupted"));
    assert!(call.draft.as_ref().is_some_and(|d| d.note.contains("invoice number")), "{:?}", call.draft);
    let shape = program.engine.desk().recording(&call.call.id).await.unwrap();
    assert!(shape.complete, "the recording is closed");
    assert!(shape.duration_ms > 5_000, "and holds the conversation: {} ms", shape.duration_ms);
    assert!(shape.peaks.iter().any(|p| p.0 > 0.05) && shape.peaks.iter().any(|p| p.1 > 0.05), "both speakers");
}

#[test]
fn what_was_registered_is_exported_by_the_command_line_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("calls.csv").display().to_string());
    std::fs::create_dir(&data).unwrap();
    let (key, _) = cuffia_customers::open_key(&data, false).unwrap();
    let store = cuffia_customers::Store::open(&data.join("cuffia.db"), &key).unwrap();
    // Noon in Greenwich: the same day wherever this is likely to run.
    let started = 1_795_003_200_000;
    let call = |id: &str, practice| cuffia_customers::CallRecord {
        id: id.into(),
        number: "+390115550147".into(),
        started,
        practice,
        ..Default::default()
    };
    store.put_call(&call("real", false)).unwrap();
    store.put_call(&call("practised", true)).unwrap();
    drop(store);
    let days = ["--from", "2026-11-18", "--to", "2026-11-18", "--language", "it", "--json"];
    let export = |what: &str, more: &[&str]| run(&data, &[&["export", what, &file][..], &days, more].concat());
    let (out, ok) = export("--calls", &[]);
    assert!(ok && out["rows"] == 1 && out["file"] == *file, "{out}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("\u{feff}\"Inizio chiamata\";\"Data\";"), "{text}");
    assert!(text.contains(";\"+390115550147\";") && text.ends_with(";\"real\"\r\n"), "{text}");
    assert_eq!(text.lines().count(), 2, "what is practised is not exported");
    // Where the operator is: at that moment it is the next day in Auckland.
    let elsewhere = dir.path().join("elsewhere.csv").display().to_string();
    let days = ["--from", "2026-11-19", "--to", "2026-11-19", "--json"];
    let mut command = cuffia(&data, &[&["export", "--calls", &elsewhere][..], &days].concat());
    let (out, ok) = finish(command.env("TZ", "NZDT-13"));
    assert!(ok && out["rows"] == 1, "{out}");
    let there = std::fs::read_to_string(&elsewhere).unwrap();
    assert!(there.contains("\"2026-11-19 01:00:00\""), "{there}");
    for (what, more, code) in [
        ("--calls", &[][..], "export.exists"),
        ("--requests", &[], "export.nothing"),
        ("--calls", &["--form", "theirs"], "export.no_form"),
    ] {
        let (out, ok) = export(what, more);
        assert!(!ok && out["code"] == code, "{what}: {out}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    for (arguments, code) in [
        (["--from", "2026-11-19", "--to", "2026-11-18", "x.csv"], "export.order"),
        (["--from", "yesterday", "--to", "2026-11-18", "x.csv"], "export.day"),
        (["--from", "2026-11-19", "--to", "2026-11-20", "x.csv"], "export.nothing"),
        (["--from", "2026-11-18", "--to", "2026-11-18", "x.pdf"], "usage"),
    ] {
        let (out, ok) = run(&data, &[&["export", "--calls", "--json"][..], &arguments].concat());
        assert!(!ok && out["code"] == code, "{arguments:?}: {out}");
    }
}
