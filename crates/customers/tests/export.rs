//! What is exported of a time: each record once, in its order, and nothing that was practised.
#![allow(clippy::unwrap_used)]

use cuffia_customers::*;

const FROM: i64 = 1_795_000_000_000;
const HOUR: i64 = 3_600_000;

fn store(folder: &std::path::Path) -> Store {
    let (key, _) = open_key(folder, false).unwrap();
    Store::open(&folder.join("cuffia.db"), &key).unwrap()
}

/// A call with a request that is registered an hour after it began.
fn a_call(store: &Store, id: &str, started: i64, practice: bool) {
    let call = CallRecord { id: id.into(), number: "+39".into(), started, practice, ..CallRecord::default() };
    store.put_call(&call).unwrap();
    let at = started + HOUR;
    let request =
        Request { id: format!("of {id}"), call: Some(id.into()), at, kind: "order".into(), ..Request::default() };
    store.register(&request, None, "IT", at).unwrap();
}

/// Ids of all, read in pages of two.
fn ids(store: &Store, records: Records, time: &std::ops::Range<i64>) -> Vec<String> {
    let (mut all, mut last) = (Vec::new(), None);
    loop {
        let page = store.records(records, time, last.as_ref(), 2).unwrap();
        let of = |e: &Exported| match records {
            Records::Calls => e.call.id.clone(),
            Records::Requests => e.request.as_ref().unwrap().id.clone(),
        };
        all.extend(page.iter().map(of));
        match page.into_iter().last() {
            Some(record) => last = Some(record),
            None => return all,
        }
    }
}

#[test]
fn each_record_of_a_time_comes_once_and_in_order_however_many_share_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let time = FROM..FROM + 10;
    for (id, started) in [("e", FROM + 9), ("before", FROM - 1), ("after", FROM + 10), ("d", FROM + 5)] {
        a_call(&store, id, started, false);
    }
    for id in ["c", "a", "b"] {
        a_call(&store, id, FROM, false);
    }
    a_call(&store, "practised", FROM + 3, true);
    assert_eq!(ids(&store, Records::Calls, &time), ["a", "b", "c", "d", "e"]);
    assert_eq!(store.count_records(Records::Calls, &time).unwrap(), 5);
    // By when they were registered, whenever the call began.
    assert_eq!(ids(&store, Records::Requests, &time), [""; 0]);
    let later = time.start + HOUR..time.end + HOUR;
    assert_eq!(ids(&store, Records::Requests, &later), ["of a", "of b", "of c", "of d", "of e"]);
    assert_eq!(store.count_records(Records::Requests, &later).unwrap(), 5);
}

#[test]
fn a_record_brings_its_customer_and_what_the_crm_calls_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let customer = Customer {
        id: "anna".into(),
        name: "Anna Po".into(),
        numbers: vec!["011 555 0147".into()],
        ..Customer::default()
    };
    store.put_customer(&customer, "IT", FROM).unwrap();
    a_call(&store, "a", FROM, false);
    store.link_call("a", Some("anna"), Some("Anna Po"), "IT", FROM).unwrap();
    let all = |records| store.records(records, &(FROM..FROM + 2 * HOUR), None, 9).unwrap().remove(0);
    for records in [Records::Calls, Records::Requests] {
        let found = all(records);
        assert_eq!(found.customer.unwrap().numbers, ["+390115550147"]);
        assert_eq!((found.request.unwrap().id.as_str(), found.there), ("of a", None));
    }
}

#[test]
fn lines_of_the_audit_log_are_numbered_and_come_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let first = store.add_audit("export", "{\"rows\":1}", FROM).unwrap();
    let second = store.add_audit("export", "{\"rows\":2}", FROM).unwrap();
    assert!(second > first);
    let lines = store.audit(9).unwrap();
    let shown: Vec<_> = lines.iter().map(|l| (l.seq, l.at, l.what.as_str(), l.detail.as_str())).collect();
    assert_eq!(shown, [(second, FROM, "export", "{\"rows\":2}"), (first, FROM, "export", "{\"rows\":1}")]);
    assert_eq!(store.audit(1).unwrap().len(), 1);
}
