//! The engine behind the table, with a switchboard of the employer's on loopback and no sound card.
#![allow(clippy::unwrap_used)]

mod articles;
mod events;
mod shell;
mod sign_out;

use cuffia_api::*;
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::{CallRecord, PRACTICE_CUSTOMERS, Store};
use cuffia_headset::DeviceEvent;
use cuffia_sip::{CallId, LineCommand, Switchboard, SwitchboardEvent};
use serde_json::json;
use shell::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use tokio::sync::mpsc::UnboundedReceiver;

const SCENARIO: &str = "invoice-mismatch";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_snapshot_has_the_draft_as_saved_and_what_was_registered() {
    let (_dir, _board, mut events, mut shell) = connected().await;
    let known = shell.someone().await;
    let call = shell.dial(&known.number).await;
    dialled(&mut events).await;
    let known = known.id.as_str();

    shell.ask("save_draft", json!({"call": call, "draft": draft("invoice 40827", Some(known))})).await;
    let view = shell.engine.whole().calls.remove(0);
    assert_eq!((view.draft.note.as_str(), view.request), ("invoice 40827", None));

    shell.ask("register_request", json!({"call": call, "draft": draft("invoice 40827!", Some(known))})).await;
    let of_event = shell
        .change("the call with its request", |c| match c {
            Change::Calls(calls) => calls.into_iter().find_map(|c| c.request),
            _ => None,
        })
        .await;
    let request = shell.engine.whole().calls.remove(0).request.unwrap();
    assert_eq!(request, of_event, "told to every window, and in a new snapshot");
    assert_eq!((request.note.as_str(), request.customer.as_deref()), ("invoice 40827!", Some(known)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_left_by_hand_stays_left_after_practice_and_after_a_restart() {
    let (dir, board, _events, mut shell) = connected().await;
    let practise = json!({"scenario": SCENARIO, "language": "en"});

    shell.ask("start_practice", practise.clone()).await;
    shell.registered(LineKind::Practice).await;
    shell.ask("stop_practice", json!({})).await;
    shell.registered(LineKind::Real).await;

    shell.ask("disconnect_line", json!({})).await;
    assert_eq!(shell.engine.whole().line.kind, LineKind::None);
    shell.ask("start_practice", practise.clone()).await;
    shell.registered(LineKind::Practice).await;
    shell.ask("stop_practice", json!({})).await;
    assert_eq!(shell.engine.whole().line.kind, LineKind::None, "the operator left it by hand");
    assert_eq!(Shell::open(dir.path()).engine.whole().line.kind, LineKind::None, "also after the next start");

    shell.connect(&board).await;
    shell.ask("start_practice", practise).await;
    shell.registered(LineKind::Practice).await;
    shell.ask("disconnect_line", json!({})).await;
    assert_eq!(shell.engine.whole().line.kind, LineKind::Practice, "the practice line is not the one that is left");
    shell.ask("stop_practice", json!({})).await;
    assert_eq!(shell.engine.whole().line.kind, LineKind::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_call_was_not_answered_is_told_at_once_and_stands_in_the_list() {
    let (_dir, board, mut events, mut shell) = connected().await;
    let known = shell.someone().await;
    for (status, reason) in [
        (486, EndReasonView::Busy),
        (603, EndReasonView::Declined),
        (404, EndReasonView::NotFound),
        (480, EndReasonView::NoAnswer),
        (403, EndReasonView::Forbidden),
        (503, EndReasonView::Failed),
    ] {
        let id = shell.dial(&known.number).await;
        let call = dialled(&mut events).await;
        board.send(LineCommand::Reject { call, status });
        let told = shell.change("the reason", not_reached).await;
        assert_eq!((told.id.as_str(), told.reason), (id.as_str(), reason), "{status}");
        assert_eq!(told.name.as_deref(), Some(known.name.as_str()));
        assert_eq!(shell.row(&id).await.reason, reason);
    }

    let id = shell.dial(&known.number).await;
    dialled(&mut events).await;
    board.cut();
    let told = shell.change("the reason", not_reached).await;
    assert_eq!((told.id.as_str(), told.reason), (id.as_str(), EndReasonView::Unreachable));
}

fn not_reached(change: Change) -> Option<CallRow> {
    match change {
        Change::NotReached(row) => Some(*row),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_customers_invented_number_never_goes_out_on_a_real_line() {
    let (_dir, _board, mut events, mut shell) = connected().await;
    for target in ["0115550147", "+44 113 496 0147", "tel:+39-011-555-0147", "Giulia Ferraro"] {
        let refused = dispatch(&shell.engine, "dial", json!({"target": target})).await.unwrap_err();
        assert_eq!(refused.code, "practice.closed", "{target}");
    }
    let known = shell.someone().await;
    shell.dial(&known.number).await;
    assert_eq!(number_dialled(&mut events).await.1, known.number, "the first that the switchboard hears of");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_given_up_by_the_operator_is_no_news() {
    let (_dir, _board, mut events, mut shell) = connected().await;
    let id = shell.dial("101").await;
    dialled(&mut events).await;
    shell.ask("hang_up", json!({"call": id})).await;
    // What is told comes before the line is told to be off, and the list is told of last.
    let told = shell
        .change("the end", |c| match c {
            Change::NotReached(_) => Some(true),
            Change::Calls(calls) if calls.is_empty() => Some(false),
            _ => None,
        })
        .await;
    shell.ask("disconnect_line", json!({})).await;
    let late = shell
        .change("the line", |c| match c {
            Change::NotReached(_) => Some(true),
            Change::Line(line) if line.kind == LineKind::None => Some(false),
            _ => None,
        })
        .await;
    assert!(!told && !late);
    assert_eq!(shell.row(&id).await.reason, EndReasonView::HungUpHere);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customer_of_a_call_is_corrected_during_it_and_after_it() {
    let (_dir, board, mut events, mut shell) = connected().await;
    let known = shell.someone().await;
    let (_, margaret, _) = PRACTICE_CUSTOMERS[1];
    let call = shell.dial(&known.number).await;
    let (known, known_name) = (known.id.as_str(), known.name.as_str());
    let at_board = dialled(&mut events).await;
    let choose = |customer: Option<&str>| json!({"call": call, "customer": customer});

    let view = shell.engine.whole().calls.remove(0);
    assert_eq!(view.draft.customer.as_deref(), Some(known), "found by the number");
    shell.ask("choose_customer", choose(Some(margaret))).await;
    let view = shell.engine.whole().calls.remove(0);
    assert_eq!((view.name.as_deref(), view.draft.customer.as_deref()), (Some("Margaret Hale"), Some(margaret)));
    assert!(view.customers.iter().any(|c| c.id == margaret), "her card can be shown");

    shell
        .ask("register_request", json!({"call": call, "draft": draft("her sister’s telephone", Some(margaret))}))
        .await;
    board.send(LineCommand::Reject { call: at_board, status: 486 });
    shell.change("the end", not_reached).await;
    assert_eq!(shell.row(&call).await.customer.as_deref(), Some(margaret));
    assert_eq!(shell.time_line(margaret).await, [call.as_str()]);

    shell.ask("choose_customer", choose(Some(known))).await;
    let row = shell.row(&call).await;
    assert_eq!((row.customer.as_deref(), row.name.as_deref()), (Some(known), Some(known_name)));
    assert_eq!(row.request.unwrap().customer.as_deref(), Some(known), "the request goes with the call");
    assert_eq!(shell.time_line(known).await, [call.as_str()]);
    assert!(shell.time_line(margaret).await.is_empty());

    shell.ask("choose_customer", choose(None)).await;
    let row = shell.row(&call).await;
    assert_eq!((row.customer, row.name), (None, None), "nobody’s: the list shows the number");
    assert!(shell.time_line(known).await.is_empty());
    let wrong = dispatch(&shell.engine, "choose_customer", choose(Some("nobody"))).await.unwrap_err();
    assert_eq!(wrong.code, "store.missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_left_after_a_call_keeps_the_customer_chosen_later() {
    let (_dir, board, mut events, mut shell) = connected().await;
    let (_, margaret, _) = PRACTICE_CUSTOMERS[1];
    let call = shell.dial("0999").await;
    let at_board = dialled(&mut events).await;
    shell.ask("save_draft", json!({"call": call, "draft": draft("rings back", None)})).await;
    board.send(LineCommand::Reject { call: at_board, status: 480 });
    shell.change("the end", not_reached).await;
    shell.ask("choose_customer", json!({"call": call, "customer": margaret})).await;
    let left = shell.row(&call).await.draft.unwrap();
    assert_eq!((left.note.as_str(), left.customer.as_deref()), ("rings back", Some(margaret)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_caller_becomes_a_customer_who_is_known_the_next_time() {
    let (_dir, board, mut events, mut shell) = connected().await;
    let call = shell.dial("0115559876").await;
    let at_board = dialled(&mut events).await;
    shell.ask("save_draft", json!({"call": call, "draft": draft("wants an offer", None)})).await;

    let nameless = dispatch(&shell.engine, "add_customer", json!({"call": call, "name": "  ", "company": "X"})).await;
    assert_eq!(nameless.unwrap_err().code, "customer.no_name");
    assert!(shell.find("0115559876", 5).await.is_empty());

    let added = shell.ask("add_customer", json!({"call": call, "name": " Vera Nuova ", "company": "Nuova snc"})).await;
    let vera = added["customer"].as_str().unwrap();
    shell.ask("choose_customer", json!({"call": call, "customer": vera})).await;
    let view = shell.engine.whole().calls.remove(0);
    assert_eq!((view.name.as_deref(), view.customers[0].company.as_str()), (Some("Vera Nuova"), "Nuova snc"));
    assert_eq!((view.draft.note.as_str(), view.draft.customer.as_deref()), ("wants an offer", Some(vera)));
    shell.ask("register_request", json!({"call": call, "draft": view.draft})).await;
    board.send(LineCommand::Reject { call: at_board, status: 486 });
    shell.until("the end", |s| s.calls.is_empty().then_some(())).await;

    let row = shell.row(&call).await;
    assert_eq!((row.customer.as_deref(), row.request.unwrap().customer.as_deref()), (Some(vera), Some(vera)));
    assert_eq!(shell.time_line(vera).await, [call.as_str()]);
    let found = shell.find("nuova", 5).await.remove(0);
    assert_eq!((found.number.as_str(), found.sample), ("+390115559876", false));
    shell.dial("0115559876").await;
    assert_eq!(shell.engine.whole().calls[0].name.as_deref(), Some("Vera Nuova"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_customer_is_found_and_called_by_name_and_number_and_has_a_card() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Shell::open(dir.path());
    assert!(shell.find("101", 5).await.iter().all(|r| !r.practice), "only in the practice room");
    shell.ask("start_practice", json!({"scenario": SCENARIO, "language": "en"})).await;

    let found = shell.find("margaret", 3).await;
    let (_, margaret, _) = PRACTICE_CUSTOMERS[1];
    let first = &found[0];
    assert_eq!((first.name.as_str(), first.number.as_str(), first.practice), ("Margaret Hale", "101", true));
    assert_eq!((first.id.as_str(), first.company.as_str()), (margaret, "Hale Joinery Ltd"));
    assert_eq!(found.iter().filter(|r| r.id == margaret).count(), 1, "once, though she is in the store too");
    assert_eq!(shell.find("101", 3).await[0].name, "Margaret Hale");
    let all = shell.find("", 3).await;
    assert_eq!(all.iter().filter(|r| !r.practice).count(), 3, "she takes no customer's place");

    // She calls first; once declined, she can be called.
    let call = shell.until("her call", |s| s.calls.first().map(|c| c.id.clone())).await;
    shell.ask("reject", json!({"call": call})).await;
    shell.until("the room is free", |s| (s.practice.as_ref()?.state == PracticeState::Finished).then_some(())).await;
    shell.dial("101").await;
    let view = shell.engine.whole().calls.remove(0);
    assert_eq!(view.name.as_deref(), Some("Margaret Hale"));
    assert_eq!(view.customers[0].company, "Hale Joinery Ltd");
    shell.until("her answer", |s| s.calls.first()?.answered).await;
    shell.ask("hang_up", json!({"call": view.id})).await;
    shell.until("the end", |s| s.calls.is_empty().then_some(())).await;
    assert_eq!(shell.row(&view.id).await.name.as_deref(), Some("Margaret Hale"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_microphone_is_told_at_once_and_stays_with_the_call() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Shell::open(dir.path());
    shell.ask("start_practice", json!({"scenario": SCENARIO, "language": "en"})).await;
    let call = shell.until("her call", |s| s.calls.first().map(|c| c.id.clone())).await;
    shell.ask("answer", json!({"call": call})).await;
    // Figures come once a second.
    let received = |s: &Snapshot| s.calls.first().and_then(|c| c.quality.as_ref()).map_or(0, |q| q.received);
    let warned = |s: &Snapshot, warning| (s.headset.warning == Some(warning)).then_some(());
    for plugged in [DeviceEvent::Microphone(Some("m".into())), DeviceEvent::Loudspeaker(Some("l".into()))] {
        shell.plugs.send(plugged).unwrap();
    }
    // Nothing but zeros comes from it, until somebody shouts.
    shell.until("the silent microphone", |s| warned(s, HeadsetWarning::DeadMicrophone)).await;
    let before = received(&shell.engine.whole());
    shell.until("two seconds of call", |s| (received(s) > before + 75).then_some(())).await;
    let shout: Vec<f32> = (0..30 * 48_000).map(|i| (3.0 * (i as f32 / 30.0).sin()).clamp(-1.0, 1.0)).collect();
    shell.microphone.speak(&shout);
    shell.until("the loud microphone", |s| warned(s, HeadsetWarning::TooLoud)).await;
    let before = received(&shell.engine.whole());
    shell.until("two seconds more", |s| (received(s) > before + 75).then_some(())).await;
    shell.ask("hang_up", json!({"call": call})).await;
    shell.until("the end", |s| s.calls.is_empty().then_some(())).await;
    // It is written once nobody waits for it any more.
    let kept = loop {
        let row = shell.row(&call).await;
        if row.ended.is_some() {
            break row;
        }
        let _ = within("the call kept", shell.messages.recv()).await;
    };
    let troubles = kept.troubles;
    assert!(troubles.starts_with(&[TroubleView::DeadMicrophone, TroubleView::TooLoud]), "{troubles:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_told_how_far_the_practice_customer_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Shell::open(dir.path());
    shell.ask("start_practice", json!({"scenario": SCENARIO, "language": "it"})).await;
    let mut seen = Vec::new();
    shell
        .change("the customer ready", |c| {
            let Change::Practice(Some(p)) = c else { return None };
            if p.state == PracticeState::Preparing {
                seen.push(p.prepared);
            }
            (p.state == PracticeState::Calling).then_some(())
        })
        .await;
    assert!(seen.is_sorted() && seen.contains(&100) && seen.iter().any(|p| (10..90).contains(p)), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_counts_from_the_registration_when_that_is_later() {
    let dir = tempfile::tempdir().unwrap();
    let (board, _events) = employer().await;
    let time = Arc::new(AtomicI64::new(NOW));
    let clock = time.clone();
    let mut shell = Shell::open_at(dir.path(), Arc::new(move || clock.load(Relaxed)));
    let ready = |s: &Snapshot| (s.operator.state == OperatorState::Ready).then_some(s.operator.since);
    assert_eq!(ready(&shell.engine.whole()), Some(NOW));
    time.store(NOW + 60_000, Relaxed);
    shell.connect(&board).await;
    assert_eq!(ready(&shell.engine.whole()), Some(NOW + 60_000), "nobody could call before");
    // A break ends later than that: then it counts from there.
    shell.ask("pause", json!({"on": true})).await;
    time.store(NOW + 90_000, Relaxed);
    shell.ask("pause", json!({"on": false})).await;
    assert_eq!(ready(&shell.engine.whole()), Some(NOW + 90_000));
}

/// All but the first page of the database is nonsense.
fn ruin(folder: &Path) {
    let path = folder.join("cuffia.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(7);
    std::fs::write(&path, bytes).unwrap();
}

/// A call to a customer, with a draft, that rings at the switchboard.
struct Ringing {
    board: Switchboard,
    there: CallId,
    shell: Shell,
    call: String,
    known: CustomerRow,
    _events: UnboundedReceiver<SwitchboardEvent>,
}

/// What there is of customers is in the database's file, and not only in its log.
async fn ringing_on_a_file(folder: &Path) -> Ringing {
    let (key, _) = cuffia_customers::open_key(folder, false).unwrap();
    drop(Store::open(&folder.join("cuffia.db"), &key).map(|store| cuffia_customers::fill(&store, NOW).unwrap()));
    let (board, mut events) = employer().await;
    let mut shell = Shell::open(folder);
    shell.connect(&board).await;
    let known = shell.someone().await;
    let call = shell.dial(&known.number).await;
    let there = dialled(&mut events).await;
    shell.ask("save_draft", json!({"call": call, "draft": draft("before", Some(&known.id))})).await;
    Ringing { board, there, shell, call, known, _events: events }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_damaged_in_the_middle_of_a_call_is_mended_and_the_call_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Ringing { board, there, mut shell, call, known, _events } = ringing_on_a_file(dir.path()).await;

    let found = shell.find("srl", 50).await;
    ruin(dir.path());
    // What was read a moment ago is still known; with a change it is read again.
    let meanwhile = draft("meanwhile", Some(&known.id));
    let written = dispatch(&shell.engine, "save_draft", json!({"call": call, "draft": meanwhile})).await;
    let read = dispatch(&shell.engine, "find_customers", json!({"text": "srl", "limit": 50})).await;
    assert_eq!(written.and(read).unwrap_err().code, "store.damaged");
    shell.until("the news", |s| s.app.mended.map(|mended| assert_eq!(mended, Mended::Whole))).await;
    assert_eq!(shell.find("srl", 50).await, found, "customers are found again");

    shell.ask("save_draft", json!({"call": call, "draft": draft("after", Some(&known.id))})).await;
    board.send(LineCommand::Reject { call: there, status: 486 });
    shell.change("the reason", not_reached).await;
    assert_eq!(shell.row(&call).await.reason, EndReasonView::Busy);
    assert_eq!(shell.time_line(&known.id).await, [call]);
    shell.ask("mending_is_known", json!({})).await;
    assert_eq!(shell.engine.whole().app.mended, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_while_the_database_is_damaged_is_kept_as_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let Ringing { board, there, mut shell, call, known, _events } = ringing_on_a_file(dir.path()).await;
    // Another program's write: nothing that was read before counts any more.
    let (key, _) = cuffia_customers::open_key(dir.path(), false).unwrap();
    let other = Store::open(&dir.path().join("cuffia.db"), &key).unwrap();
    ruin(dir.path());
    other.set_setting("other", &1).unwrap();
    drop(other);
    let log = dir.path().join("cuffia.db-wal");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[32..].fill(7);
    std::fs::write(&log, bytes).unwrap();
    // Both find out, one of them first: the answer that the line is busy is written down, and somebody searches.
    board.send(LineCommand::Reject { call: there, status: 486 });
    let _ = dispatch(&shell.engine, "find_customers", json!({"text": "srl", "limit": 50})).await;
    shell.until("the news", |s| s.app.mended).await;
    let engine = shell.engine.clone();
    let reason = || async {
        let rows = dispatch(&engine, "list_calls", json!({"before": null, "limit": 50})).await.ok()?;
        let rows: Vec<CallRow> = serde_json::from_value(rows).unwrap();
        let row = rows.into_iter().find(|r| r.id == call)?;
        row.ended.map(|_| (row.reason, row.customer))
    };
    within("the call's end", async {
        loop {
            if let Some(ended) = reason().await {
                assert_eq!(ended, (EndReasonView::Busy, Some(known.id.clone())));
                break;
            }
            let _ = shell.messages.recv().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_who_calls_is_checked_tried_and_opens_for_no_practice() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::open(dir.path());
    let pop = |template: &str| json!({"pop": {"template": template, "when": "ringing"}});
    let refused = dispatch(&shell.engine, "set_pop", pop("https://crm.example.com/{fone}")).await.unwrap_err();
    assert_eq!(refused.code, "pop.place");
    assert_eq!(shell.engine.whole().app.pop.map(|p| p.template), None);
    shell.ask("set_pop", pop("https://crm.example.com/{call_id}")).await;
    shell.ask("try_pop", json!({"template": "https://crm.example.com/?q={phone_e164}"})).await;
    assert_eq!(*shell.pages.lock().unwrap(), ["https://crm.example.com/?q=%2B390115550147"]);
    let practised = CallRecord { id: "p".into(), practice: true, started: NOW, ..CallRecord::default() };
    shell.engine.desk().store().put_call(&practised).unwrap();
    let refused = dispatch(&shell.engine, "open_page", json!({"call": "p"})).await.unwrap_err();
    assert_eq!(refused.code, "store.missing");
    shell.ask("set_pop", json!({"pop": null})).await;
    assert_eq!((shell.engine.whole().app.pop.is_none(), shell.pages.lock().unwrap().len()), (true, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_another_than_its_call_is_on_both_pages() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::open(dir.path());
    let store = shell.engine.desk().store();
    let [a, b] = [0, 1].map(|i| store.find_customers("", 9).unwrap()[i].id.clone());
    store
        .put_call(&CallRecord { id: "c".into(), customer: Some(a.clone()), started: NOW, ..CallRecord::default() })
        .unwrap();
    shell.ask("register_request", json!({"call": "c", "draft": draft("for whom?", Some(&a))})).await;
    let id = store.request_of("c").unwrap().unwrap().id;
    let of = |uid: &String| [("customer".to_owned(), json!(uid))].into();
    store.edit(Entity::Request, &id, &of(&b), &of(&a), "IT", NOW).unwrap();
    let page = |customer: String| shell.ask("customer", json!({"customer": customer}));
    let (page_a, page_b) = (page(a).await, page(b).await);
    assert_eq!(page_a["timeline"][0]["call"]["request"]["id"], json!(id));
    assert!(page_b["timeline"].as_array().unwrap().iter().any(|item| item["request"]["id"] == json!(id)));
}
