//! What the operator writes is private, found at once, and there after a kill.
#![allow(clippy::unwrap_used)]

use cuffia_customers::sync::Kind;
use cuffia_customers::sync::upstream::{Entity, Fields};
use cuffia_customers::*;
use serde_json::json;
use std::path::Path;

const NOW: i64 = 1_795_000_000_000;

fn store(dir: &Path) -> Store {
    let (key, _) = open_key(dir, false).unwrap();
    Store::open(&dir.join("cuffia.db"), &key).unwrap()
}

fn call(id: &str) -> CallRecord {
    CallRecord { id: id.into(), number: "+390115550147".into(), started: NOW, ..CallRecord::default() }
}

#[test]
fn two_hundred_sample_customers_are_found_by_number_name_and_company() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    fill(&store, NOW).unwrap();
    fill(&store, NOW).unwrap();
    assert_eq!(store.count_customers().unwrap(), 200, "filling twice adds nothing");
    for (_, id, number) in PRACTICE_CUSTOMERS {
        let found = store.customers_by_number(number, "IT").unwrap();
        assert_eq!(found.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), [id]);
        assert!(!store.requests_of(id, 5).unwrap().is_empty(), "the card has something to show");
        assert!(!store.open_promises(id).unwrap().is_empty());
    }
    let by_tail = store.customers_by_number("0044 (0)113 4960147", "IT").unwrap();
    assert_eq!(by_tail.len(), 1, "another way of writing the same number");
    for text in ["ferraro off", "FERRARO", "0115550147", "damico", "niccolo"] {
        assert!(!store.find_customers(text, 20).unwrap().is_empty(), "{text} finds somebody");
    }
    assert!(store.find_customers("\"; DROP TABLE", 20).unwrap().is_empty());
    assert_eq!(store.find_customers("", 20).unwrap().len(), 20, "nothing typed: some to begin with");
}

#[test]
fn every_sample_number_is_a_number_that_can_be_dialled() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    fill(&store, NOW).unwrap();
    for c in store.find_customers("", 500).unwrap() {
        for n in &c.numbers {
            assert!(n.starts_with('+'), "{} of {} is E.164", n, c.company);
        }
    }
}

#[test]
fn the_samples_go_when_they_are_not_wanted_and_nothing_of_the_operators_goes_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    fill(&store, NOW).unwrap();
    let own =
        Customer { id: new_id(), name: "Vera Nuova".into(), numbers: vec!["0115559999".into()], ..Customer::default() };
    store.put_customer(&own, "IT", NOW).unwrap();
    let sample = store.find_customers("rossi", 1).unwrap().remove(0);
    assert!(sample.sample && !store.customer(&own.id).unwrap().sample);
    store.put_call(&CallRecord { customer: Some(sample.id.clone()), name: Some(sample.name), ..call("c1") }).unwrap();
    let written = Request {
        id: new_id(),
        call: Some("c1".into()),
        customer: Some(sample.id.clone()),
        at: NOW,
        kind: "order".into(),
        topic: "other".into(),
        subtopic: "other".into(),
        note: "written in a call".into(),
        ..Request::default()
    };
    store.register(&written, None, "IT", NOW).unwrap();
    let draft = Draft { note: "a draft".into(), customer: Some(sample.id.clone()), ..Draft::default() };
    store.put_draft("c2", &draft, NOW).unwrap();

    assert_eq!(store.count_samples().unwrap(), 198);
    store.remove_samples().unwrap();
    assert_eq!((store.count_samples().unwrap(), store.count_customers().unwrap()), (0, 3));
    assert_eq!(store.find_customers("nuova", 5).unwrap().len(), 1);
    assert!(store.find_customers("rossi", 5).unwrap().is_empty() && store.customer(&sample.id).is_err());
    assert!(store.requests_of(&sample.id, 5).unwrap().is_empty());
    for (_, practice, number) in PRACTICE_CUSTOMERS {
        assert_eq!(store.customers_by_number(number, "IT").unwrap()[0].id, practice);
        assert!(!store.open_promises(practice).unwrap().is_empty());
    }
    assert_eq!(store.call("c1").unwrap().customer, None);
    assert_eq!(store.request_of("c1").unwrap(), Some(Request { customer: None, ..written }));
    assert_eq!(store.draft("c2").unwrap(), Some(Draft { customer: None, ..draft }));
    fill(&store, NOW).unwrap();
    assert_eq!(store.count_customers().unwrap(), 3, "they don't come back at the next start");
}

#[test]
fn a_draft_becomes_a_request_and_both_are_on_the_customers_time_line() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    fill(&store, NOW).unwrap();
    let customer = PRACTICE_CUSTOMERS[0].1;
    store.put_call(&call("c1")).unwrap();
    let draft = Draft { note: "fattura 1".into(), ..Draft::default() };
    store.put_draft("c1", &draft, NOW).unwrap();
    assert_eq!(store.draft("c1").unwrap(), Some(draft));
    let request = Request {
        id: new_id(),
        call: Some("c1".into()),
        customer: Some(customer.into()),
        at: NOW,
        kind: "complaint".into(),
        topic: "invoices".into(),
        subtopic: "mismatch".into(),
        note: "fattura 12".into(),
        ..Request::default()
    };
    store.register(&request, None, "IT", NOW).unwrap();
    assert_eq!(store.draft("c1").unwrap(), None, "the draft is done with");
    assert_eq!(store.request_of("c1").unwrap(), Some(request.clone()));
    assert_eq!(store.requests_of(customer, 1).unwrap()[0], request);
    assert_eq!(store.calls_of(customer, 5).unwrap()[0].id, "c1", "registering links the call");
    let corrected = Request { note: "corrected".into(), ..request.clone() };
    let again = store.register(&Request { id: new_id(), ..corrected.clone() }, Some(&request), "IT", NOW).unwrap();
    assert_eq!(again, corrected, "it stays the same request");
    assert_eq!(store.requests_of(customer, 50).unwrap().iter().filter(|r| r.call.is_some()).count(), 1, "one per call");
}

#[test]
fn calls_come_newest_first_in_pages_and_open_ones_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for i in 0..30 {
        store
            .put_call(&CallRecord {
                started: NOW + i,
                ended: (i != 7).then_some(NOW + i + 5),
                ..call(&format!("c{i}"))
            })
            .unwrap();
    }
    let first = store.calls(None, 10).unwrap();
    assert_eq!((first[0].id.as_str(), first[9].id.as_str()), ("c29", "c20"));
    assert_eq!(store.calls(Some(first[9].started), 10).unwrap()[0].id, "c19");
    let open: Vec<_> = store.unfinished_calls().unwrap().into_iter().map(|c| c.id).collect();
    assert_eq!(open, ["c7"]);
}

/// None of the words is in any file of the folder, in no usual encoding. How many files there are.
fn unreadable(dir: &Path, words: &[&str]) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for form in [word.as_bytes(), &wide] {
                assert!(!bytes.windows(form.len()).any(|w| w == form), "{word} is readable in {}", path.display());
            }
        }
        files += 1;
    }
    files
}

#[test]
fn a_stolen_disk_yields_nothing_and_another_key_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = store(dir.path());
        fill(&store, NOW).unwrap();
        store.put_draft("c", &Draft { note: "xyzzy-canary".into(), ..Draft::default() }, NOW).unwrap();
        // What waits for a CRM, and what it is found by.
        store.connect_crm("canary", &[(Entity::Contact, &["name", "note", "numbers"])], "IT", NOW).unwrap();
        let fields = [("name", "Quagga Canary"), ("note", "told in confidence")];
        let mut fields: Fields = fields.map(|(f, v)| (f.to_owned(), json!(v))).into();
        fields.insert("numbers".into(), json!(["+39 011 555 7788"]));
        store.create(Entity::Contact, "q", &fields, "IT", NOW).unwrap();
        assert_eq!(store.find_customers("quag", 5).unwrap().len(), 1);
        // While it is open: the log of what is not in the file yet lies beside it.
        let unread = unreadable(dir.path(), &["Quagga", "quagga", "confidence", "5557788", "555 7788"]);
        assert!(unread >= 3, "{unread} files");
    }
    unreadable(dir.path(), &["Ferraro", "ferraro", "xyzzy-canary", "Quagga", "confidence", "5557788", "SQLite format"]);
    let other = DatabaseKey::random().unwrap();
    assert!(matches!(Store::open(&dir.path().join("cuffia.db"), &other), Err(StoreError::Locked { .. })));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(dir.path().join("database.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the key file is this user's alone");
    }
}

#[test]
fn a_damaged_key_file_is_an_error_and_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(store(dir.path()));
    std::fs::write(dir.path().join("database.key"), "nonsense").unwrap();
    assert_eq!(open_key(dir.path(), false).unwrap_err().code(), "store.key");
    assert_eq!(std::fs::read_to_string(dir.path().join("database.key")).unwrap(), "nonsense");
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cuffia.db");
    let (key, _) = open_key(dir.path(), false).unwrap();
    drop(Store::open(&path, &key).unwrap());
    let hex = std::fs::read_to_string(dir.path().join("database.key")).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "key", format!("x'{hex}'")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert!(matches!(Store::open(&path, &key), Err(StoreError::Newer)));
}

#[test]
fn customers_from_before_a_crm_stay_here_until_they_are_sent() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    fill(&store, NOW).unwrap();
    let fields =
        |note: &str| -> Fields { [("name".to_owned(), json!("Dario")), ("note".to_owned(), json!(note))].into() };
    store.create(Entity::Contact, "d", &fields(""), "IT", NOW).unwrap();
    store.connect_crm("a", &[(Entity::Contact, &["name", "note"])], "IT", NOW).unwrap();
    store.edit(Entity::Contact, "d", &fields("changed"), &fields(""), "IT", NOW).unwrap();
    let sample = store.find_customers("ferraro", 1).unwrap().remove(0);
    store.edit(Entity::Contact, &sample.id, &fields("changed"), &Fields::new(), "IT", NOW).unwrap();
    assert_eq!((store.standing().unwrap().waiting, store.only_here().unwrap()), (0, 1));
    store.send_only_here("IT", NOW).unwrap();
    assert_eq!((store.standing().unwrap().waiting, store.only_here().unwrap()), (1, 0));
    // Another CRM instead: what has not reached the first stays, as a customer of this computer.
    store.connect_crm("b", &[(Entity::Contact, &["name", "note"])], "IT", NOW).unwrap();
    assert_eq!((store.standing().unwrap().waiting, store.only_here().unwrap()), (0, 1));
    assert_eq!(store.customer("d").unwrap().note, "changed");
}

#[test]
fn a_request_goes_to_the_crm_with_its_customer_and_what_is_practised_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    fill(&store, NOW).unwrap();
    let fields = |name: &str| [("name".to_owned(), json!(name))].into();
    store.create(Entity::Contact, "before", &fields("Vera"), "IT", NOW).unwrap();
    store
        .connect_crm(
            "crm",
            &[(Entity::Contact, &["name"]), (Entity::Request, &["title", "note", "customer", "done"])],
            "IT",
            NOW,
        )
        .unwrap();
    let waiting = || store.waiting(9).unwrap().into_iter().map(|w| (w.entity, w.uid, w.kind)).collect::<Vec<_>>();
    let request = |id: &str, call: &str, customer: &str| Request {
        id: id.into(),
        call: Some(call.into()),
        customer: Some(customer.into()),
        at: NOW,
        title: "Order".into(),
        ..Request::default()
    };
    store.put_call(&CallRecord { practice: true, ..call("p") }).unwrap();
    store.register(&request("r-p", "p", PRACTICE_CUSTOMERS[0].1), None, "IT", NOW).unwrap();
    assert_eq!(waiting(), [], "practice");

    store.put_call(&call("c")).unwrap();
    let made = store.register(&request("r", "c", "before"), None, "IT", NOW).unwrap();
    let create = |entity, uid: &str| (entity, uid.to_owned(), Kind::Create);
    let both = [create(Entity::Contact, "before"), create(Entity::Request, "r")];
    assert_eq!(waiting(), both, "he goes first, though nobody had sent him");
    let [patch, seen] = [true, false].map(|done| [("done".to_owned(), json!(done))].into());
    store.edit(Entity::Request, "r", &patch, &seen, "IT", NOW).unwrap();
    assert_eq!(waiting(), both, "what has not left is changed in place");
    assert_eq!(store.request("r").unwrap(), Request { done: true, ..made });

    // Of a customer from before, whom nobody sent, it says so there when he turns out to be another.
    store.put_call(&call("s")).unwrap();
    let sample = store.find_customers("rossi", 1).unwrap().remove(0);
    store.register(&request("r-s", "s", &sample.id), None, "IT", NOW).unwrap();
    assert_eq!(waiting()[2..], [create(Entity::Request, "r-s")], "an invented one stays here");
    store.link_call("s", Some("before"), None, "IT", NOW).unwrap();
    assert_eq!(store.request("r-s").unwrap().customer.as_deref(), Some("before"));
    assert_eq!(waiting().len(), 3);

    // What came in a call is part of what happened here, whatever becomes of the CRM.
    store.connect_crm("another", &[(Entity::Request, &["title"])], "IT", NOW).unwrap();
    assert_eq!(store.requests_of("before", 9).unwrap().len(), 2);
    assert_eq!(waiting(), []);
}
