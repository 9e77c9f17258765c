//! A disk that is full or may not be written: what was said to be kept is kept, what is not is said, and work goes on when there is room.

use crate::{CONTACT, fields, wall};
use cuffia_customers::{DatabaseKey, Store, StoreError, new_id};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk of so many kilobytes at a folder, as long as the test's own view of the file system lasts.
fn disk(options: &str, at: &Path) {
    let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(at).status().unwrap();
    assert!(done.success(), "mount {options}");
}

fn create(store: &Store, note: &str) -> Result<String, StoreError> {
    let uid = new_id();
    store.create(CONTACT, &uid, &fields([("name", json!("Dario")), ("note", json!(note))]), "IT", wall())?;
    Ok(uid)
}

/// A store with a CRM that nothing has been sent to, on a disk of so many megabytes.
fn begun(folder: &Path, megabytes: u8) -> (PathBuf, DatabaseKey, Store) {
    disk(&format!("size={megabytes}m"), folder);
    let (path, key) = (folder.join("cuffia.db"), DatabaseKey::random().unwrap());
    let store = Store::open(&path, &key).unwrap();
    store.connect_crm("disk", &[(CONTACT, &["name", "note"])], "IT", wall()).unwrap();
    (path, key, store)
}

fn all_is_kept(store: &Store, kept: &[String]) {
    assert_eq!(store.standing().unwrap().waiting, kept.len() as i64);
    for uid in kept {
        assert!(store.customer_fields(uid).unwrap().is_some(), "{uid} is lost");
    }
}

#[test]
fn on_a_full_or_protected_disk_nothing_that_was_kept_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key, store) = begun(folder.path(), 4);
    let (mut kept, mut refused) = (Vec::new(), None);
    let note = "a note of some length ".repeat(40);
    for _ in 0..5_000 {
        match create(&store, &note) {
            Ok(uid) => kept.push(uid),
            Err(e) => {
                refused = Some(e);
                break;
            }
        }
    }
    let told = refused.expect("the disk is never full");
    assert_eq!(told.code(), "store.database");
    assert!(told.to_string().contains("Check that the disk is not full"), "{told}");
    assert!(kept.len() > 20, "{}", kept.len());
    // What is there can still be read, and found.
    assert_eq!(store.find_customers("dario", 5).unwrap().len(), 5);
    assert_eq!(store.standing().unwrap().waiting, kept.len() as i64);

    disk("remount,size=16m", folder.path());
    kept.push(create(&store, &note).unwrap());
    drop(store);
    // It may not be written: that is what is wrong, not the key.
    disk("remount,size=16m,ro", folder.path());
    let told = Store::open(&path, &key).map(drop).unwrap_err();
    assert_eq!(told.code(), "store.database", "{told}");
    disk("remount,size=16m,rw", folder.path());
    let store = Store::open(&path, &key).unwrap();
    assert!(store.is_sound().unwrap());
    assert_eq!(store.count_customers().unwrap(), kept.len() as i64);
    all_is_kept(&store, &kept);
}

#[test]
fn a_damaged_database_on_a_full_disk_is_mended_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key, store) = begun(folder.path(), 8);
    let note = "a note of some length ".repeat(40);
    let kept: Vec<String> = (0..100).map(|_| create(&store, &note).unwrap()).collect();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(7);
    std::fs::write(&path, &bytes).unwrap();
    // It ends at another step of the mending with each piece that there is more.
    let other = folder.path().join("other");
    let left = |kilobytes: usize| {
        let mut room = vec![0; 8 << 20];
        while std::fs::write(&other, &room).is_err() {
            room.truncate(room.len() - (16 << 10));
        }
        std::fs::write(&other, &room[..room.len() - (kilobytes << 10)]).unwrap();
    };
    let mut refused = 0;
    for kilobytes in (0..2_048).step_by(32) {
        left(kilobytes);
        match Store::open(&path, &key).map(drop) {
            Ok(()) => break,
            Err(told) => assert!(told.to_string().contains("heck that the disk is not full"), "{kilobytes}: {told}"),
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{kilobytes}: it is moved");
        refused += 1;
    }
    assert!(refused > 5, "only {refused}");
    std::fs::remove_file(other).unwrap();
    let store = Store::open(&path, &key).unwrap();
    all_is_kept(&store, &kept);
}

#[test]
fn an_export_into_a_full_or_protected_folder_leaves_no_half_file_and_says_so() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (key, _) = cuffia_customers::open_key(data.path(), false).unwrap();
    let store = Store::open(&data.path().join("cuffia.db"), &key).unwrap();
    for i in 0..2_000 {
        let (id, number) = (format!("{i:0100}"), format!("+39 011 {i}"));
        let call = cuffia_customers::CallRecord { id, number, started: 1_795_003_200_000, ..Default::default() };
        store.put_call(&call).unwrap();
    }
    drop(store);
    disk("size=64k", out.path());
    let export = |name: &str| {
        let file = out.path().join(name).display().to_string();
        let days = ["--from", "2026-11-18", "--to", "2026-11-18", "--json"];
        cuffia_tests::cli::run(data.path(), &[&["export", "--calls", &file][..], &days].concat())
    };
    let files = || std::fs::read_dir(out.path()).unwrap().count();
    for name in ["calls.csv", "calls.xlsx"] {
        let (told, ok) = export(name);
        assert!(!ok && told["code"] == "export.full", "{name}: {told}");
        assert!(told["message"].as_str().unwrap().contains("Make room"), "{told}");
        assert_eq!(files(), 0, "{name}");
    }
    disk("remount,size=64k,ro", out.path());
    let (told, ok) = export("calls.csv");
    assert!(!ok && told["code"] == "export.read_only", "{told}");
    assert_eq!(files(), 0);
    // Of what left nothing outside the log has no line.
    let store = Store::open(&data.path().join("cuffia.db"), &key).unwrap();
    assert_eq!(store.audit(9).unwrap(), []);
    drop(store);
    disk("remount,size=16m,rw", out.path());
    for name in ["calls.csv", "calls.xlsx"] {
        let (told, ok) = export(name);
        assert!(ok && told["rows"] == 2_000, "{told}");
    }
    assert_eq!(files(), 2);
    assert_eq!(Store::open(&data.path().join("cuffia.db"), &key).unwrap().audit(9).unwrap().len(), 2);
}
