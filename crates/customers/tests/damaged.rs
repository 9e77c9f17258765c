//! Damaged database files: each is recognised, what only the operator had is kept, and the rest comes from the CRM again.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod crm;

use crm::{CONTACT, Crm, NOW, REQUEST, fields};
use cuffia_customers::sync::upstream::{Answer, Demand, Page};
use cuffia_customers::sync::{Engine, Next};
use cuffia_customers::*;
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use serde_json::{Value, json};
use std::path::Path;

const FIELDS: [&str; 3] = ["name", "note", "numbers"];
/// SQLCipher's.
const PAGE: usize = 4096;

/// A shift: some of everything, and of what the CRM is to be told nothing has been sent.
fn work(store: &Store, crm: &mut Crm) {
    let own = fields([("name", json!("Dario before")), ("numbers", json!(["011 555 0101", "4021"]))]);
    store.create(CONTACT, "before", &own, "IT", NOW).unwrap();
    store.connect_crm("crm", &[(CONTACT, &FIELDS), (REQUEST, &["title", "note", "customer"])], "IT", NOW).unwrap();
    for i in 0..3 {
        let call = CallRecord { id: format!("sent-{i}"), number: "+39".into(), started: NOW, ..CallRecord::default() };
        store.put_call(&call).unwrap();
        let request = Request { id: new_id(), call: Some(call.id), note: format!("asked {i}"), ..Request::default() };
        store.register(&request, None, "IT", NOW).unwrap();
    }
    crm.serve(store);
    let found = store.find_customers("carla", 50).unwrap();
    for (i, c) in found.iter().enumerate().take(14) {
        let shown = store.customer_fields(&c.id).unwrap().unwrap();
        match i {
            0..4 => store.edit(CONTACT, &c.id, &fields([("note", json!(format!("call {i} back")))]), &shown, "IT", NOW),
            4..8 => {
                let stale = fields([("name", json!("another name"))]);
                store.edit(CONTACT, &c.id, &fields([("name", json!(format!("mine {i}")))]), &stale, "IT", NOW)
            }
            8..10 => store.delete(CONTACT, &c.id, "IT", NOW),
            // What the CRM does not keep.
            10..12 => store.edit(CONTACT, &c.id, &fields([("product", json!(c.name))]), &shown, "IT", NOW),
            _ => {
                let promise =
                    Promise { id: new_id(), customer: c.id.clone(), text: "call".into(), due: NOW + 1, kept: None };
                store.put_promise(&promise)
            }
        }
        .unwrap();
    }
    for i in 0..12 {
        let made = fields([("name", json!(format!("New {i}"))), ("note", json!("x".repeat(300)))]);
        store.create(CONTACT, &format!("new-{i}"), &made, "IT", NOW + i).unwrap();
    }
    for i in 0..20 {
        let id = format!("call-{i}");
        let customer = found.get(i).map(|c| c.id.clone());
        let call = CallRecord {
            id: id.clone(),
            number: "+39".into(),
            customer: customer.clone(),
            started: NOW,
            ..CallRecord::default()
        };
        store.put_call(&call).unwrap();
        store.use_article("help.md", &id, NOW).unwrap();
        store.put_draft(&id, &Draft { note: format!("half a sentence {i}"), ..Draft::default() }, NOW).unwrap();
        if i < 10 {
            let (kind, topic, note) = ("order".into(), "t".into(), format!("wants {i}"));
            let subtopic = "s".into();
            let request = Request {
                id: new_id(),
                call: Some(id),
                customer,
                at: NOW,
                kind,
                topic,
                subtopic,
                note,
                ..Request::default()
            };
            store.register(&request, None, "IT", NOW).unwrap();
        }
    }
    store.set_setting("account", &json!({"server": "sip.example"})).unwrap();
    for i in 0..3 {
        store.add_audit("export", &format!("calls {i}"), NOW).unwrap();
    }
}

/// How many there are of all customers, and of nobody.
fn requests(store: &Store) -> usize {
    let mut all: Vec<String> = Vec::new();
    for c in store.find_customers("", 1_000).unwrap() {
        all.extend(store.requests_of(&c.id, 100).unwrap().into_iter().map(|r| r.id));
    }
    for c in store.calls(None, 1_000).unwrap() {
        all.extend(store.request_of(&c.id).unwrap().map(|r| r.id));
    }
    all.sort();
    all.dedup();
    all.len()
}

/// What nobody else has.
fn kept(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for w in store.waiting(1_000).unwrap() {
        all.push(format!("waits {} {:?} {:?} {}", w.uid, w.kind, w.fields, w.at));
        // What is edited is on the screen, without the CRM.
        let shown = store.customer_fields(&w.uid).unwrap().unwrap_or_default();
        let on_the_card = w.fields.iter().filter(|f| *f == "name" || *f == "note");
        all.extend(on_the_card.map(|f| format!("{} {:?}", w.uid, shown.get(f))));
    }
    all.extend(store.conflicts().unwrap().iter().map(|c| format!("{c:?}")));
    for c in store.calls(None, 100).unwrap() {
        all.push(format!("{c:?} {:?} {:?}", store.draft(&c.id).unwrap(), store.request_of(&c.id).unwrap()));
        all.extend(c.customer.map(|c| format!("{:?}", store.open_promises(&c).unwrap())));
    }
    all.extend(store.audit(100).unwrap().iter().map(|line| format!("{line:?}")));
    all.push(format!("{:?} {:?}", store.customer("before").ok(), store.setting::<Value>("account").unwrap()));
    let products = store.find_customers("carla", 500).unwrap().into_iter().filter(|c| !c.product.is_empty());
    all.extend(products.map(|c| format!("{c:?}")));
    for text in ["dario", "5550101", "new 7"] {
        all.push(format!("{text}: {:?}", store.find_customers(text, 1).unwrap().first().map(|c| &c.id)));
    }
    all
}

/// In how many calls an article was opened, once it has come from its folder again.
fn opened(store: &Store) -> u32 {
    let article = Article { id: "help.md".into(), ..Article::default() };
    store.put_articles(&[NewArticle { article, stamp: String::new() }]).unwrap();
    store.article("help.md").unwrap().1
}

/// Does something to the bytes on the disk, and says what.
fn damage(folder: &Path, chance: &mut SmallRng) -> String {
    // The log of what is not in the file yet, where a killed process left one.
    let log = folder.join("cuffia.db-wal");
    let path = if log.exists() && chance.random() { log } else { folder.join("cuffia.db") };
    let mut bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / PAGE;
    let at = chance.random_range(0..bytes.len());
    let page = chance.random_range(0..pages) * PAGE;
    let what = match chance.random_range(0..10) {
        0 => {
            bytes[at] ^= 1 << chance.random_range(0..8);
            format!("a bit at {at}")
        }
        1 => {
            bytes[page..page + PAGE].fill(0);
            format!("page at {page} empty")
        }
        2 => {
            let to = bytes.len().min(at + chance.random_range(1..20_000));
            chance.fill_bytes(&mut bytes[at..to]);
            format!("{at} to {to} at random")
        }
        3 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        4 => {
            bytes.truncate(page);
            format!("cut at page {page}")
        }
        5 => {
            let other = (page + PAGE * chance.random_range(1..pages)) % (pages * PAGE);
            let moved = bytes[page..page + PAGE].to_vec();
            bytes.copy_within(other..other + PAGE, page);
            bytes[other..other + PAGE].copy_from_slice(&moved);
            format!("pages at {page} and {other} exchanged")
        }
        6 => {
            let half = page + PAGE / 2;
            chance.fill_bytes(&mut bytes[half..page + PAGE]);
            format!("half of the page at {page} at random")
        }
        7 => {
            bytes[..16].fill(0);
            "the first bytes".into()
        }
        8 => {
            bytes = b"SQLite format 3\0this is another file".to_vec();
            "another file in its place".into()
        }
        _ => {
            std::fs::remove_file(&path).unwrap();
            return "gone".into();
        }
    };
    std::fs::write(&path, bytes).unwrap();
    what
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // Its index is made anew after a crash.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn open(folder: &Path) -> Store {
    let (key, _) = open_key(folder, false).unwrap();
    Store::open(&folder.join("cuffia.db"), &key).unwrap()
}

#[test]
fn each_of_two_hundred_damaged_databases_is_recognised_and_nothing_that_waits_is_lost() {
    let (work_folder, closed, killed) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut crm = Crm::with(120);
    let store = open(work_folder.path());
    work(&store, &mut crm);
    let when_closed = kept(&store);
    assert!(when_closed.len() > 70 && store.conflicts().unwrap().len() == 4, "{}", when_closed.len());
    drop(store);
    copy_folder(work_folder.path(), closed.path());
    // As a process that was killed leaves it: the last of it in the log.
    let store = open(work_folder.path());
    for i in 12..18 {
        let made = fields([("name", json!(format!("New {i}"))), ("note", json!("y".repeat(600)))]);
        store.create(CONTACT, &format!("new-{i}"), &made, "IT", NOW).unwrap();
    }
    let when_killed = kept(&store);
    copy_folder(work_folder.path(), killed.path());
    drop(store);
    for seed in 0..200 {
        let mut chance = SmallRng::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let (from, before, new) = if seed % 2 == 0 { (&closed, &when_closed, 12) } else { (&killed, &when_killed, 18) };
        copy_folder(from.path(), folder.path());
        let what = format!("seed {seed}: {}", damage(folder.path(), &mut chance));
        let store = open(folder.path());
        assert!(store.was_mended().unwrap().is_some() || store.check(NOW).unwrap(), "{what}: not noticed");
        assert!(store.was_mended().unwrap().is_some(), "{what}: the operator is not told");
        let after = kept(&store);
        assert_eq!(before.iter().find(|line| !after.contains(line)), None, "{what}: something is lost");
        assert_eq!(after.len(), before.len(), "{what}");
        assert_eq!(opened(&store), 20, "{what}");
        assert!(store.is_sound().unwrap(), "{what}");
        let mut crm = crm.clone();
        // Somebody else deletes one meanwhile, of which something is only here.
        let product = store.find_customers("carla", 500).unwrap().into_iter().find(|c| !c.product.is_empty()).unwrap();
        crm.records.retain(|_, r| r.fields["name"] != json!(product.name));
        crm.serve(&store);
        let cards = store.count_customers().unwrap();
        assert_eq!(crm.records.len(), 120 - 3 + new, "{what}: something is lost or doubled there");
        assert_eq!(cards, 1 + crm.records.len() as i64, "{what}: the cache is not what the CRM has");
        assert_eq!(crm.of(REQUEST).len(), 1 + 3 + 10, "{what}: a request is lost or doubled there");
        assert_eq!(requests(&store), crm.of(REQUEST).len(), "{what}: or here");
        assert_eq!(store.conflicts().unwrap().len(), 4, "{what}");
        drop(store);
        assert!(open(folder.path()).is_sound().unwrap(), "{what}");
    }
}

/// A folder with a shift's work, closed, and what must be kept of it.
fn worked() -> (tempfile::TempDir, Crm, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut crm = Crm::with(120);
    let store = open(folder.path());
    work(&store, &mut crm);
    let before = kept(&store);
    (folder, crm, before)
}

/// All but the first page is nonsense.
fn ruin(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    SmallRng::seed_from_u64(7).fill_bytes(&mut bytes[PAGE..]);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_database_is_mended_while_it_is_in_use() {
    let (folder, mut crm, before) = worked();
    let store = open(folder.path());
    ruin(&folder.path().join("cuffia.db"));
    assert_eq!(store.find_customers("carla", 50).unwrap_err().code(), "store.damaged");
    assert!(store.mend().unwrap());
    assert!(!store.mend().unwrap(), "it is done once");
    assert_eq!(kept(&store), before);
    store.put_draft("call-3", &Draft { note: "goes on".into(), ..Draft::default() }, NOW).unwrap();
    crm.serve(&store);
    let cards = store.count_customers().unwrap();
    assert_eq!(cards, 1 + crm.records.len() as i64);
    assert!(store.is_sound().unwrap() && store.was_mended().unwrap().is_some());
    // Once more, when the CRM knows of everybody.
    ruin(&folder.path().join("cuffia.db"));
    assert!(store.mend().unwrap());
    crm.serve(&store);
    assert_eq!(store.count_customers().unwrap(), cards, "somebody is lost or here twice");
    store.mending_is_known().unwrap();
    drop(store);
    let store = open(folder.path());
    assert!(store.was_mended().unwrap().is_none());
    assert_eq!(store.draft("call-3").unwrap().unwrap().note, "goes on");
}

#[test]
fn a_damaged_copy_is_made_anew_and_the_database_is_left_as_it_is() {
    // Before it is opened, and while it is in use.
    for while_open in [false, true] {
        let (folder, _, _) = worked();
        let (path, copy) = (folder.path().join("cuffia.db"), folder.path().join("cuffia.copy.db"));
        let store = while_open.then(|| open(folder.path()));
        ruin(&copy);
        let store = store.unwrap_or_else(|| open(folder.path()));
        // Whatever is written is written.
        let notes = |note: &str| Draft { note: note.repeat(900), ..Draft::default() };
        let hurt = (0..20).any(|i| {
            store.put_draft(&format!("call-{i}"), &notes("written after it"), NOW).unwrap();
            store.is_hurt()
        });
        assert_eq!(hurt, while_open, "the one who can have it mended is told");
        assert!(
            !store.mend().unwrap() && store.was_mended().unwrap().is_none(),
            "nothing of the operator's was damaged"
        );
        assert!(store.is_sound().unwrap());
        assert_eq!(store.count_customers().unwrap(), 1 + 120 - 2 + 12);
        let before = kept(&store);
        drop(store);
        // The new one is as good as the old.
        std::fs::remove_file(&path).unwrap();
        assert_eq!(kept(&open(folder.path())), before);
    }
}

#[test]
fn when_both_are_damaged_what_can_be_read_is_kept() {
    let (folder, _, before) = worked();
    let (path, copy) = (folder.path().join("cuffia.db"), folder.path().join("cuffia.copy.db"));
    let whole = (std::fs::read(&path).unwrap(), std::fs::read(&copy).unwrap());
    let mut all = 0;
    for seed in 0..20 {
        for aside in ["cuffia.damaged.db", "cuffia.copy.damaged.db"] {
            let _ = std::fs::remove_file(folder.path().join(aside));
        }
        std::fs::write(&path, &whole.0).unwrap();
        std::fs::write(&copy, &whole.1).unwrap();
        let mut chance = SmallRng::seed_from_u64(seed);
        for file in [&path, &copy] {
            let mut bytes = std::fs::read(file).unwrap();
            let page = chance.random_range(1..bytes.len() / PAGE) * PAGE;
            bytes[page..page + PAGE].fill(0);
            std::fs::write(file, bytes).unwrap();
        }
        let store = open(folder.path());
        store.mend().unwrap();
        assert!(store.is_sound().unwrap(), "seed {seed}");
        let lost = before.iter().any(|line| !kept(&store).contains(line));
        let told = store.was_mended().unwrap();
        assert!(
            !lost || told == Some(Mended::Partly),
            "seed {seed}: something is lost, and the operator is told {told:?}"
        );
        all += usize::from(!lost);
        drop(store);
    }
    println!("one page of each damaged: nothing lost in {all} of 20");
    assert!(all >= 15, "only {all} of 20");
}

#[test]
fn mending_that_was_interrupted_goes_on_at_the_next_start() {
    let (folder, _, before) = worked();
    let file = |name: &str| folder.path().join(name);
    // While the new one was written.
    ruin(&file("cuffia.db"));
    std::fs::write(file("cuffia.new.db"), vec![7; 3 * PAGE]).unwrap();
    let store = open(folder.path());
    assert_eq!(kept(&store), before);
    assert!(store.was_mended().unwrap().is_some() && !file("cuffia.new.db").exists());
    store.put_draft("call-3", &Draft { note: "later".into(), ..Draft::default() }, NOW).unwrap();
    let later = kept(&store);
    drop(store);
    // While it was put in place: the old one is aside, with its copy or without.
    for aside in [&["cuffia.db"][..], &["cuffia.db", "cuffia.copy.db"]] {
        std::fs::copy(file("cuffia.db"), file("cuffia.new.db")).unwrap();
        for name in aside {
            std::fs::rename(file(name), file(&name.replace(".db", ".damaged.db"))).unwrap();
        }
        let store = open(folder.path());
        assert_eq!(kept(&store), later);
        assert!(store.is_sound().unwrap() && store.was_mended().unwrap().is_some());
    }
}

#[test]
fn a_database_without_a_copy_of_its_own_time_gives_what_can_be_read() {
    let (folder, _, _) = worked();
    let file = |name: &str| folder.path().join(name);
    let (key, _) = open_key(folder.path(), false).unwrap();
    // Or one that is older: copying failed since.
    let old = std::fs::read(file("cuffia.copy.db")).unwrap();
    let store = open(folder.path());
    for i in 0..20 {
        store.put_draft(&format!("call-{i}"), &Draft { note: "later".repeat(90), ..Draft::default() }, NOW).unwrap();
    }
    let before = kept(&store);
    drop(store);
    let whole = std::fs::read(file("cuffia.db")).unwrap();
    let (mut all, mut unreadable) = (0, None);
    for (page, with_copy) in (1..whole.len() / PAGE).flat_map(|page| [(page, false), (page, true)]) {
        let _ = std::fs::remove_file(file("cuffia.copy.db"));
        if with_copy {
            std::fs::write(file("cuffia.copy.db"), &old).unwrap();
        }
        let mut bytes = whole.clone();
        bytes[page * PAGE..][..PAGE].fill(0);
        std::fs::write(file("cuffia.db"), &bytes).unwrap();
        let store = match Store::open(&file("cuffia.db"), &key) {
            Ok(store) => store,
            Err(told) => {
                // What its tables are stands on this page.
                assert_eq!(told.code(), "store.lost", "page {page}: {told}");
                assert!(std::fs::read(file("cuffia.db")).unwrap() == bytes, "page {page}: it is moved");
                unreadable = Some(page);
                continue;
            }
        };
        store.mend().unwrap();
        assert!(store.is_sound().unwrap());
        let after = kept(&store);
        let lost = before.iter().find(|line| !after.contains(line));
        let told = store.was_mended().unwrap();
        // How old a copy is nobody can tell when nothing else is left.
        let unknown = unreadable == Some(page);
        assert!(
            lost.is_none() || unknown || told == Some(Mended::Partly),
            "page {page}, with an old copy {with_copy}: {lost:?} is lost, and the operator is told {told:?}"
        );
        assert!(told.is_none() || file("cuffia.damaged.db").exists(), "somebody may read more of it");
        all += usize::from(lost.is_none());
    }
    let times = 2 * (whole.len() / PAGE - 1);
    println!("one page damaged, without a copy or with an old one: nothing lost in {all} of {times}");
    assert!(all * 10 >= times * 7, "only {all} of {times}");
}

#[test]
fn where_nothing_can_be_read_nothing_is_moved() {
    let (folder, _, _) = worked();
    let (key, _) = open_key(folder.path(), false).unwrap();
    let file = |name: &str| folder.path().join(name);
    for name in ["cuffia.db", "cuffia.copy.db"] {
        std::fs::write(file(name), vec![7; 20 * PAGE]).unwrap();
    }
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    for _ in 0..2 {
        // It may as well be the key that is another: that is what is said then.
        let told = Store::open(&file("cuffia.db"), &key).map(drop).unwrap_err();
        assert!(["store.lost", "store.locked"].contains(&told.code()), "{told}");
    }
    for name in ["cuffia.db", "cuffia.copy.db"] {
        assert_eq!(std::fs::read(file(name)).unwrap(), vec![7; 20 * PAGE], "{name}");
    }
    assert_eq!(names(), before);
    // While it is in use, with the first page as it was.
    let (folder, _, _) = worked();
    let file = |name: &str| folder.path().join(name);
    let store = open(folder.path());
    let whole = std::fs::read(file("cuffia.db")).unwrap();
    for name in ["cuffia.db", "cuffia.copy.db"] {
        std::fs::write(file(name), vec![7; whole.len()]).unwrap();
    }
    assert_eq!(store.mend().unwrap_err().code(), "store.lost");
    std::fs::write(file("cuffia.db"), &whole).unwrap();
    assert!(!store.mend().unwrap(), "its copy is made anew");
    assert!(store.is_sound().unwrap());
    store.put_draft("call-3", &Draft { note: "goes on".into(), ..Draft::default() }, NOW).unwrap();
}

#[test]
fn an_answer_that_was_asked_for_before_mending_is_not_taken_for_all_there_is() {
    let (folder, mut crm, _) = worked();
    let store = open(folder.path());
    let mut engine = Engine::new(crm.caps(), 1);
    store.pull_now().unwrap();
    let later = NOW + 3_600_000;
    let asked = loop {
        match store.next_request(&mut engine, "IT", later).unwrap() {
            Next::Ask(step) if matches!(step.demand, Demand::Pull { .. }) => break step,
            Next::Ask(step) => {
                let answer = crm.answer(&step.demand);
                store.take_answer(&mut engine, &step, answer, "IT", later).unwrap();
            }
            Next::Wait(until) => panic!("it waits until {until:?}"),
        }
    };
    ruin(&folder.path().join("cuffia.db"));
    assert!(store.mend().unwrap());
    // Nothing has changed since the token.
    let nothing = Answer::Page(Page { token: Some("newer".into()), ..Page::default() });
    store.take_answer(&mut engine, &asked, Ok(nothing), "IT", later).unwrap();
    crm.serve(&store);
    assert_eq!(store.count_customers().unwrap(), 1 + crm.records.len() as i64);
}

#[test]
fn a_copy_that_could_not_be_made_whole_at_the_start_is_made_with_the_next_change() {
    let (folder, _, before) = worked();
    let (path, copy) = (folder.path().join("cuffia.db"), folder.path().join("cuffia.copy.db"));
    std::fs::remove_file(&copy).unwrap();
    // Nothing can be written in its place.
    std::fs::create_dir(&copy).unwrap();
    let store = open(folder.path());
    store.put_draft("call-12", &Draft { note: "not copied".into(), ..Draft::default() }, NOW).unwrap();
    std::fs::remove_dir(&copy).unwrap();
    store.put_draft("call-13", &Draft { note: "copied".into(), ..Draft::default() }, NOW).unwrap();
    drop(store);
    std::fs::remove_file(&path).unwrap();
    let store = open(folder.path());
    let after = kept(&store);
    let notes = |line: &&String| !line.contains("call-12") && !line.contains("call-13");
    assert_eq!(before.iter().filter(notes).find(|line| !after.contains(line)), None);
    assert_eq!(store.draft("call-12").unwrap().unwrap().note, "not copied");
    assert_eq!(store.draft("call-13").unwrap().unwrap().note, "copied");
}
