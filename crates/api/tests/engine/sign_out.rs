//! Signing out of a computer: nothing that has not reached the CRM goes unasked, and nothing stays.

use crate::shell::*;
use cuffia_api::*;
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::{StoreError, open_key, sign_out};
use cuffia_sip::LineCommand;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

async fn code(shell: &Shell, command: &str, arguments: Value) -> String {
    dispatch(&shell.engine, command, arguments).await.unwrap_err().code
}

/// All files of a folder and of those in it, but for the lock of who uses it.
fn files(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

/// Changes that wait for a CRM: a note, and a new customer.
fn write(shell: &Shell) {
    let store = shell.engine.desk().store();
    store.connect_crm("crm", &[(Entity::Contact, &["name", "note"])], "IT", NOW).unwrap();
    for (id, name, note) in [("a", "Zelda Ωmega", "=1+1; \"soon\""), ("b", "Bruno", "")] {
        let fields = [("name".to_owned(), json!(name)), ("note".to_owned(), json!(note))].into();
        store.create(Entity::Contact, id, &fields, "IT", NOW).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_reached_the_crm_is_asked_about_and_handed_over_and_then_nothing_is_left() {
    let (dir, _board, mut events, mut shell) = connected().await;
    // One of before there was a CRM is only here.
    let alone = [("name".to_owned(), json!("Carla Solo-Qui"))].into();
    shell.engine.desk().store().create(Entity::Contact, "c", &alone, "IT", NOW).unwrap();
    write(&shell);
    shell.ask("read_import", json!({"text": "Name;Phone\nDario Inport;011 555 0142\n"})).await;
    shell.until("the file", |s| s.import.as_ref().map(drop)).await;
    let call = shell.dial("301").await;
    let there = dialled(&mut events).await;
    assert_eq!(code(&shell, "sign_out", json!({"leaveBehind": true})).await, "sign_out.call");
    _board.send(LineCommand::Reject { call: there, status: 486 });
    shell.until("its end", |s| s.calls.is_empty().then_some(())).await;
    fs::create_dir_all(dir.path().join("recordings")).unwrap();
    fs::write(dir.path().join("recordings").join(format!("{call}.rec")), "sealed").unwrap();

    let left = shell.ask("left_behind", json!({})).await;
    assert_eq!((&left["unsent"], &left["customers"], &left["calls"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(code(&shell, "sign_out", json!({"leaveBehind": false})).await, "crm.waits");
    assert_eq!(shell.find("zelda", 5).await.len(), 1, "nothing was touched");

    fs::create_dir_all(dir.path().join("downloads")).unwrap();
    let made = shell.ask("hand_over", json!({})).await["file"].as_str().unwrap().to_owned();
    assert!(made.ends_with("changes not sent 2026-11-18.csv"), "{made}");
    let mut table = csv::Reader::from_path(&made).unwrap();
    let rows: Vec<Vec<String>> =
        table.records().map(|r| r.unwrap().iter().skip(1).map(str::to_owned).collect()).collect();
    let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    assert!(rows.contains(&row(["customer", "Zelda Ωmega", "new", "Name", "Zelda Ωmega"])), "{rows:?}");
    assert!(rows.contains(&row(["customer", "Zelda Ωmega", "new", "Note", "'=1+1; \"soon\""])), "{rows:?}");
    assert!(rows.contains(&row(["customer", "Bruno", "new", "Name", "Bruno"])), "{rows:?}");
    assert!(rows.contains(&row(["customer", "Carla Solo-Qui", "new", "Name", "Carla Solo-Qui"])), "{rows:?}");

    shell.ask("sign_out", json!({"leaveBehind": true})).await;
    assert!(shell.engine.whole().app.signed_out);
    let shown = serde_json::to_string(&shell.engine.whole()).unwrap();
    for word in ["Zelda", "Bruno", "Carla", "Dario", "301"] {
        assert!(!shown.contains(word), "{word} is still shown: {shown}");
    }
    assert_eq!(shell.engine.whole().line.state, LineState::Off);
    for (command, arguments) in [
        ("find_customers", json!({"text": "zelda", "limit": 5})),
        ("list_calls", json!({"before": null, "limit": 5})),
        ("dial", json!({"target": "301"})),
        ("sign_out", json!({"leaveBehind": true})),
    ] {
        assert_eq!(code(&shell, command, arguments).await, "sign_out.done", "{command}");
    }
    assert_eq!(files(dir.path()), ["downloads"], "what the operator exported stays, and nothing else");
    drop(shell);
    let shell = Shell::open(dir.path());
    assert_eq!(shell.find("zelda", 5).await.len(), 0);
    assert!(!shell.engine.whole().app.signed_out && shell.engine.whole().app.first_start);
    assert_eq!(shell.engine.whole().line.state, LineState::Off, "the account is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_signing_out_was_cut_off_the_next_start_finishes_it() {
    let work = tempfile::tempdir().unwrap();
    let shell = Shell::open(work.path());
    write(&shell);
    drop(shell);
    let all = files(work.path());
    assert!(all.contains(&"database.key".to_owned()) && all.contains(&"cuffia.db".to_owned()), "{all:?}");
    // After the mark, after the key, and after each file that is removed.
    for gone in 0..=all.len() {
        let cut = tempfile::tempdir().unwrap();
        let (database, recordings) = (cut.path().join("cuffia.db"), cut.path().join("recordings"));
        let mut order = all.clone();
        order.sort_by_key(|name| name != "database.key");
        for name in &order[gone..] {
            match fs::metadata(work.path().join(name)).unwrap().is_file() {
                true => drop(fs::copy(work.path().join(name), cut.path().join(name)).unwrap()),
                false => fs::create_dir(cut.path().join(name)).unwrap(),
            }
        }
        fs::write(cut.path().join("signed-out"), "file").unwrap();
        if gone == 1 {
            // Cut off while the key was written over.
            fs::write(cut.path().join("database.key"), "-".repeat(64)).unwrap();
        }
        sign_out::finish(&database, &[&recordings]).unwrap();
        assert_eq!(files(cut.path()), Vec::<String>::new(), "after {gone}");
        sign_out::finish(&database, &[&recordings]).unwrap();
    }
    // Without the mark nothing is touched.
    let (database, recordings) = (work.path().join("cuffia.db"), work.path().join("recordings"));
    sign_out::finish(&database, &[&recordings]).unwrap();
    assert_eq!(files(work.path()), all);
    // And without the key the rest is noise.
    fs::remove_file(work.path().join("database.key")).unwrap();
    let (other, _) = open_key(work.path(), false).unwrap();
    assert!(matches!(
        cuffia_customers::Store::open(&database, &other),
        Err(StoreError::Locked { .. } | StoreError::Lost { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_be_signed_out_is_told_so_and_works_on() {
    let (dir, _board, _events, mut shell) = connected().await;
    write(&shell);
    let all = files(dir.path());
    // What waits is a question, and no reason to leave the line.
    assert_eq!(code(&shell, "sign_out", json!({"leaveBehind": false})).await, "crm.waits");
    assert_eq!(shell.engine.whole().line.state, LineState::Registered);
    // Something is in the way of the mark: a disk that refuses.
    fs::create_dir(dir.path().join("signed-out")).unwrap();
    assert_eq!(code(&shell, "sign_out", json!({"leaveBehind": true})).await, "sign_out.refused");
    shell.registered(LineKind::Real).await;
    assert!(!shell.engine.whole().app.signed_out);
    assert_eq!(shell.find("zelda", 5).await.len(), 1);
    fs::remove_dir(dir.path().join("signed-out")).unwrap();
    assert_eq!(files(dir.path()), all);
}
