//! Requests that a CRM keeps too: whose they are, and what becomes of them when it has them no longer.
#![allow(clippy::unwrap_used)]

mod crm;

use crm::{CONTACT, Crm, NOW, REQUEST, fields};
use cuffia_customers::sync::upstream::{Answer, Capabilities, Demand, Failure, Fields};
use cuffia_customers::sync::{Choice, Engine, Next};
use cuffia_customers::*;
use serde_json::{Value, json};

/// A store with an empty CRM that keeps both.
fn begin() -> (tempfile::TempDir, Store, Crm) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("cuffia.db"), &open_key(folder.path(), false).unwrap().0).unwrap();
    let mut crm = Crm::with(0);
    crm.delete(REQUEST, "q0");
    connect(&store, "crm");
    (folder, store, crm)
}

fn connect(store: &Store, who: &str) {
    let kept: &[(_, &[&str])] = &[(CONTACT, &["name"]), (REQUEST, &["title", "note", "customer", "done"])];
    store.connect_crm(who, kept, "IT", NOW).unwrap();
}

fn register(store: &Store, call: &str, customer: Option<&str>) -> Request {
    store.put_call(&CallRecord { id: call.into(), number: "+390115550147".into(), ..CallRecord::default() }).unwrap();
    let customer = customer.map(str::to_owned);
    let request = Request {
        id: format!("q-{call}"),
        call: Some(call.into()),
        customer,
        title: call.into(),
        ..Request::default()
    };
    store.register(&request, None, "IT", NOW).unwrap()
}

fn named(name: &str) -> Fields {
    fields([("name", json!(name))])
}

fn change(store: &Store, id: &str, field: &str, seen: Value, value: Value) {
    store.edit(REQUEST, id, &fields([(field, value)]), &fields([(field, seen)]), "IT", NOW).unwrap();
}

fn customer_there(crm: &mut Crm, request: &str) -> Value {
    crm.of(REQUEST)[&format!("{request}!")].fields.get("customer").cloned().unwrap_or_default()
}

#[test]
fn what_came_in_a_call_stays_when_its_ticket_is_gone_and_comes_back_with_it() {
    let (_folder, store, mut crm) = begin();
    let (mine, kept) = (register(&store, "mine", None), register(&store, "kept", None));
    crm.put(REQUEST, "q1", None, fields([("title", json!("theirs"))]));
    crm.serve(&store);
    let was = crm.of(REQUEST).clone();
    change(&store, &mine.id, "note", json!(""), json!("written late"));
    crm.delete(REQUEST, "q-mine!");
    crm.serve(&store);
    let here = store.request(&mine.id).unwrap();
    assert_eq!((here.note.as_str(), store.standing().unwrap().conflicts), ("written late", 0));
    change(&store, &mine.id, "done", json!(false), json!(true));
    assert_eq!(store.standing().unwrap().waiting, 0, "nobody there knows of it");

    // Another CRM, and the first again, where it is there after all.
    connect(&store, "another");
    assert_eq!(store.request_of("kept").unwrap().unwrap().id, kept.id);
    connect(&store, "crm");
    *crm.of(REQUEST) = was;
    crm.gone.clear();
    crm.serve(&store);
    assert_eq!(store.request_of("mine").unwrap().unwrap().id, mine.id);
    let theirs = |title: &str| crm.requests.as_ref().unwrap().values().filter(|r| r.fields["title"] == title).count();
    assert_eq!((theirs("mine"), theirs("theirs")), (1, 1), "it is one and the same");
    // What was written while nobody there knew of it is not overwritten unseen.
    let asked: Vec<_> = store.conflicts().unwrap().into_iter().map(|c| (c.field.unwrap(), c.mine)).collect();
    assert_eq!(asked, [("done".to_owned(), json!(true)), ("note".to_owned(), json!("written late"))]);
    change(&store, &mine.id, "title", json!("mine"), json!("again"));
    crm.serve(&store);
    assert_eq!(crm.of(REQUEST)["q-mine!"].fields["title"], "again");
}

#[test]
fn of_an_invented_customer_the_crm_hears_nobodys_name_and_here_it_stays_his() {
    let (_folder, store, mut crm) = begin();
    fill(&store, NOW).unwrap();
    let sample = store.find_customers("", 1).unwrap().remove(0);
    assert!(sample.sample);
    let request = register(&store, "c", Some(&sample.id));
    crm.serve(&store);
    assert_eq!((customer_there(&mut crm, &request.id), crm.records.len()), (Value::Null, 0));
    assert_eq!(store.request(&request.id).unwrap().customer, Some(sample.id.clone()));
    crm.put(REQUEST, "q-c!", Some(request.id.clone()), fields([("title", json!("changed there"))]));
    crm.serve(&store);
    let here = store.request(&request.id).unwrap();
    assert_eq!((here.title.as_str(), here.customer), ("changed there", Some(sample.id)));
}

#[test]
fn a_request_that_is_here_before_its_customer_is_his_once_he_is() {
    let (_folder, store, mut crm) = begin();
    crm.put(REQUEST, "q1", None, fields([("title", json!("his")), ("customer", json!("r1"))]));
    crm.serve(&store);
    // Made here once, before this database was: he comes under that id.
    crm.put(CONTACT, "r1", Some("made-here".into()), named("Luca"));
    crm.serve(&store);
    assert_eq!(store.requests_of("made-here", 9).unwrap()[0].title, "his");
}

#[test]
fn what_waits_for_one_of_two_cards_waits_for_the_one_that_stays() {
    let (_folder, store, mut crm) = begin();
    store.create(CONTACT, "luca", &named("Luca"), "IT", NOW).unwrap();
    const LIFETIME: i64 = 600_000;
    let mut engine = Engine::new(Capabilities { request_lifetime_ms: LIFETIME, ..crm.caps() }, 1);
    // He is made there, and the answer is lost; the feed shows him without the key.
    let Next::Ask(step) = store.next_request(&mut engine, "IT", NOW).unwrap() else { panic!("nothing to ask") };
    let made = crm.answer(&step.demand).unwrap();
    let lost = Err(Failure::Ambiguous { why: "lost".into() });
    store.take_answer(&mut engine, &step, lost, "IT", NOW).unwrap();
    let Answer::Record(there) = made else { panic!("no record") };
    let mut now = NOW;
    while store.find_customers("luca", 9).unwrap().len() < 2 {
        match store.next_request(&mut engine, "IT", now).unwrap() {
            Next::Ask(step) => {
                let mut answer = crm.answer(&step.demand);
                if let Ok(Answer::Page(page)) = &mut answer {
                    page.records.iter_mut().for_each(|r| r.key = None);
                }
                let pull = matches!(step.demand, Demand::Pull { .. });
                let answer = if pull { answer } else { Err(Failure::Ambiguous { why: "lost".into() }) };
                store.take_answer(&mut engine, &step, answer, "IT", now).unwrap();
            }
            Next::Wait(until) => now = until.unwrap(),
        }
        assert!(now < NOW + LIFETIME, "his second card is here before he is asked for");
    }
    let second = store.find_customers("luca", 9).unwrap().into_iter().find(|c| c.id != "luca").unwrap().id;
    let request = register(&store, "c", Some(&second));
    crm.serve(&store);
    assert_eq!(customer_there(&mut crm, &request.id), json!(there.id));
    assert_eq!(store.request(&request.id).unwrap().customer.as_deref(), Some("luca"));
    assert_eq!(store.requests_of("luca", 9).unwrap().len(), 1);
}

#[test]
fn who_is_made_anew_takes_along_what_the_crm_does_not_have() {
    let (_folder, store, mut crm) = begin();
    store.create(CONTACT, "luca", &named("Luca"), "IT", NOW).unwrap();
    let sent = register(&store, "sent", Some("luca"));
    crm.serve(&store);
    store.edit(CONTACT, "luca", &named("Luca F"), &named("Luca"), "IT", NOW).unwrap();
    let waits = register(&store, "waits", Some("luca"));
    crm.delete(CONTACT, "luca!");
    let mut engine = Engine::new(crm.caps(), 1);
    let Next::Ask(step) = store.next_request(&mut engine, "IT", NOW).unwrap() else { panic!("nothing to ask") };
    store.take_answer(&mut engine, &step, Err(Failure::Gone), "IT", NOW).unwrap();
    let conflict = store.conflicts().unwrap().remove(0);
    let anew = store.choose(&conflict, Choice::Mine, "IT", NOW).unwrap().unwrap();
    crm.serve(&store);
    assert_eq!(customer_there(&mut crm, &waits.id), json!(format!("{anew}!")));
    assert_eq!(store.request(&waits.id).unwrap().customer, Some(anew.clone()));
    assert_eq!(customer_there(&mut crm, &sent.id), "luca!", "that is who it is of there");
    assert_ne!(store.request(&sent.id).unwrap().customer, Some(anew.clone()));
    assert_eq!(store.call("sent").unwrap().customer, Some(anew), "whoever it is there, this is who called");
}

#[test]
fn what_is_refused_is_sent_again_or_kept_here_and_holds_nobody_up_then() {
    let (_folder, store, mut crm) = begin();
    let refuse = |store: &Store, crm: &Crm| {
        let mut engine = Engine::new(crm.caps(), 1);
        let Next::Ask(step) = store.next_request(&mut engine, "IT", NOW).unwrap() else { panic!("nothing to ask") };
        let no = Err(Failure::Rejected { message: "no".into() });
        store.take_answer(&mut engine, &step, no, "IT", NOW).unwrap();
        store.refused(1).unwrap().remove(0).seq
    };
    for (name, again) in [("luca", true), ("vera", false)] {
        store.create(CONTACT, name, &named(name), "IT", NOW).unwrap();
        let request = register(&store, name, Some(name));
        let seq = refuse(&store, &crm);
        if again {
            store.send_again(seq, "IT", NOW).unwrap();
        } else {
            store.let_go(seq, "IT", NOW).unwrap();
        }
        crm.serve(&store);
        assert_eq!(store.customer(name).unwrap().name, name, "the card stays");
        let there = if again { json!(format!("{name}!")) } else { Value::Null };
        assert_eq!(customer_there(&mut crm, &request.id), there);
        assert_eq!(store.request(&request.id).unwrap().customer.as_deref(), Some(name));
    }
    assert_eq!((crm.records.len(), store.only_here().unwrap()), (1, 1));
    let next = register(&store, "vera calls again", Some("vera"));
    crm.serve(&store);
    assert_eq!(customer_there(&mut crm, &next.id), "vera!", "with her next request she is tried again");
}
