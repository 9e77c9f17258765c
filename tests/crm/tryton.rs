//! A real Tryton server, and a client of it that knows nothing of ours. It is on SQLite; `npm run test:crm` has the same on PostgreSQL.

use crate::line::Line;
use crate::postgres::Postgres;
use crate::radicale::USER;
use crate::{CONTACT, Working, account, exchange, fields, one, the_field, wall};
use cuffia_crm::{Account, CrmError, Kind, Tryton as Adapter, Upstream};
use cuffia_customers::sync::Choice;
use cuffia_customers::sync::upstream::{After, Answer, Demand, Failure};
use cuffia_customers::{CallRecord, Store, new_id};
use cuffia_phone::Trust;
use cuffia_tests::process::Process;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const SOCKET: ([u8; 4], u16) = ([127, 0, 0, 1], 18_001);
pub const DATABASE: &str = "crm";
/// Made by `scripts/tryton`.
const PASSWORD: &str = "adminpass";
/// `admin:adminpass`
const BASIC: &str = "YWRtaW46YWRtaW5wYXNz";

pub struct Tryton {
    // Before its folder, so that it ends before that is gone.
    process: Option<Process>,
    postgres: Option<Postgres>,
    folder: TempDir,
}

fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tryton")
}

impl Tryton {
    /// Starts it with a database that has a module for parties, and none of them.
    pub fn start() -> Tryton {
        match std::env::var("CUFFIA_TRYTON_ON").as_deref() {
            Ok("postgresql") => Tryton::on_postgres(),
            Ok(other) => panic!("CUFFIA_TRYTON_ON is {other:?}, not postgresql"),
            Err(_) => Tryton::on(None),
        }
    }

    fn on_postgres() -> Tryton {
        Tryton::on(Some(Postgres::start()))
    }

    fn on(postgres: Option<Postgres>) -> Tryton {
        let folder = tempfile::tempdir().unwrap();
        let uri = match &postgres {
            Some(postgres) => postgres.uri(),
            None => {
                let made = installed().join("made-8.2.sqlite");
                assert!(made.exists(), "{} is missing: run scripts/setup test", made.display());
                std::fs::copy(made, folder.path().join(format!("{DATABASE}.sqlite"))).unwrap();
                "sqlite://".into()
            }
        };
        let (path, port) = (folder.path().display(), SOCKET.1);
        let config = format!("[database]\nuri = {uri}\npath = {path}\n[web]\nlisten = 127.0.0.1:{port}\n");
        std::fs::write(folder.path().join("trytond.conf"), config).unwrap();
        let mut server = Tryton { process: None, postgres, folder };
        server.go();
        server
    }

    /// Starts the process again with what it had.
    pub fn go(&mut self) {
        let mut command = Command::new(installed().join("bin/trytond"));
        command.arg("-c").arg(self.folder.path().join("trytond.conf")).args(["-d", DATABASE]);
        self.process = Some(Process::start("trytond", &mut command));
        let limit = Instant::now() + Duration::from_secs(40);
        while TcpStream::connect(std::net::SocketAddr::from(SOCKET)).is_err() {
            let lines = self.process.as_ref().map(Process::lines);
            assert!(Instant::now() < limit, "trytond does not listen: {lines:?}");
            std::thread::yield_now();
        }
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    /// While it is stopped: whoever was signed in is not any more.
    fn forget_sessions(&self) {
        if let Some(postgres) = &self.postgres {
            return postgres.run("DELETE FROM ir_session");
        }
        let database = self.folder.path().join(format!("{DATABASE}.sqlite"));
        let code =
            "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('delete from ir_session'); db.commit()";
        let done = Command::new(installed().join("bin/python")).args(["-c", code]).arg(database).status().unwrap();
        assert!(done.success());
    }

    pub fn upstream(&self, address: String) -> Arc<dyn Upstream> {
        Arc::new(Adapter::new(&user(address), &Trust::System, DATABASE, "IT").unwrap())
    }

    /// What its people's own program would do.
    pub fn call(&self, method: &str, parameters: Value) -> Value {
        self.call_any(&format!("party.{method}"), parameters)
    }

    fn call_any(&self, method: &str, parameters: Value) -> Value {
        self.rpc(&format!("model.{method}"), parameters)
    }

    fn rpc(&self, method: &str, parameters: Value) -> Value {
        let body = json!({ "id": 1, "method": method, "params": parameters }).to_string();
        let (head, body) = exchange(SOCKET, &format!("POST /{DATABASE}/rpc/"), BASIC, &body);
        let body = if head.to_lowercase().contains("chunked") { unchunked(&body) } else { body };
        let answer: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{method}: {e}: {body}"));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    pub fn make(&self, party: Value) -> i64 {
        self.call("party.create", json!([[party], {}]))[0].as_i64().unwrap()
    }

    /// All parties in use, by id.
    pub fn parties(&self) -> BTreeMap<i64, Value> {
        const READ: [&str; 6] = [
            "name",
            "contact_mechanisms.value",
            "contact_mechanisms.type",
            "contact_mechanisms.comment",
            "addresses.city",
            "identifiers.code",
        ];
        let all = self
            .call("party.search_read", json!([[["active", "=", true]], 0, null, null, READ, { "active_test": false }]));
        all.as_array().unwrap().iter().map(|p| (p["id"].as_i64().unwrap(), p.clone())).collect()
    }

    /// The id of the party with a name.
    pub fn named(&self, name: &str) -> Option<i64> {
        self.parties().into_iter().find(|(_, p)| p["name"] == name).map(|(id, _)| id)
    }
}

/// RFC 9112 §7.1; of what is ASCII.
fn unchunked(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.push_str(&more[..size]);
        rest = more[size..].trim_start_matches("\r\n");
    }
    whole
}

fn user(address: String) -> Account {
    Account { kind: Kind::Tryton, address, user: "admin".into(), password: PASSWORD.into() }
}

pub fn address() -> String {
    format!("http://127.0.0.1:{}/", SOCKET.1)
}

fn mechanisms(party: &Value) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let all = party["contact_mechanisms."].as_array().unwrap();
    all.iter().map(|m| (text(&m["type"]), text(&m["value"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_side_writes_is_seen_by_the_other_in_trytons_own_form() {
    let mut server = Tryton::start();
    let theirs = server.make(json!({ "name": "Anna Po", "addresses": [["create", [{ "city": "Asti" }]]],
        "contact_mechanisms": [["create", [
            { "type": "mobile", "value": "+39 333 123 4567", "comment": "after six" },
            { "type": "email", "value": "anna@po.example" },
            { "type": "website", "value": "https://po.example" }]]] }));
    let mut here = Working::on(server.upstream(address()));
    here.until("the party there is here", |s| one(s, "anna po").is_some()).await;
    let found = here.store.customers_by_number("333 1234567", "IT").unwrap();
    assert_eq!((found[0].town.as_str(), found[0].emails.as_slice()), ("Asti", &["anna@po.example".to_owned()][..]));
    let uid = found[0].id.clone();

    // An extension is no number of a telephone network, and a note has no place in a party: both are kept, the one there, the other here.
    let made = new_id();
    let numbers = json!(["011 555 0147", "4021"]);
    let new = [("name", json!("Luca Ferri")), ("numbers", numbers), ("town", json!("Torino")), ("note", json!("told"))];
    here.store.create(CONTACT, &made, &fields(new), "IT", wall()).unwrap();
    here.edit(&uid, "numbers", json!(["+393331234567"]), json!(["333 765 4321", "02 1234567"]));
    here.sent().await;
    let there = server.parties();
    assert_eq!(there.len(), 2, "{there:?}");
    let luca = &there[&server.named("Luca Ferri").unwrap()];
    assert_eq!(mechanisms(luca), [("phone".into(), "+39 011 555 0147".into()), ("other".into(), "4021".into())]);
    assert_eq!(luca["addresses."][0]["city"], "Torino");
    let anna = &there[&theirs];
    assert!(mechanisms(anna).contains(&("mobile".into(), "+39 333 765 4321".into())), "{anna}");
    assert!(mechanisms(anna).contains(&("phone".into(), "+39 02 123 4567".into())), "{anna}");
    assert!(mechanisms(anna).contains(&("website".into(), "https://po.example".into())), "{anna}");
    assert!(anna.to_string().contains("after six"), "what stands beside a number is as it was: {anna}");
    assert_eq!(the_field(&here.store, &made, "note"), "told");
    assert_eq!(the_field(&here.store, &made, "numbers"), json!(["+390115550147", "4021"]));

    // Somebody else: a part alone, without the party; one put out of use; and one deleted.
    let address = anna["addresses."][0]["id"].clone();
    server.call("address.write", json!([[address], { "city": "Alba" }, {}]));
    here.fetch("the other town", |s| the_field(s, &uid, "town") == "Alba").await;
    server.call("party.write", json!([[theirs], { "active": false }, {}]));
    here.fetch("it is out of use", |s| one(s, "anna po").is_none()).await;
    server.call("party.delete", json!([[server.named("Luca Ferri")], {}]));
    here.fetch("it is deleted", |s| one(s, "luca ferri").is_none()).await;

    // The server away for a while, and with it the session.
    let made = new_id();
    server.stop();
    here.store.create(CONTACT, &made, &fields([("name", json!("Vera Nuova"))]), "IT", wall()).unwrap();
    here.runner.wake();
    here.until("it is offline", |s| s.standing().unwrap().error.is_some()).await;
    server.forget_sessions();
    server.go();
    here.store.go_on(false).unwrap();
    here.sent().await;
    assert!(server.named("Vera Nuova").is_some());
    here.store.delete(CONTACT, &made, "IT", wall()).unwrap();
    here.sent().await;
    assert!(server.named("Vera Nuova").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_changed_is_a_conflict_and_neither_overwrites_the_other() {
    let server = Tryton::start();
    let theirs = server.make(json!({ "name": "Anna Po", "addresses": [["create", [{ "city": "Asti" }]]] }));
    let mut here = Working::on(server.upstream(address()));
    here.until("the party there is here", |s| one(s, "anna po").is_some()).await;
    let uid = one(&here.store, "anna po").unwrap();
    let address = server.parties()[&theirs]["addresses."][0]["id"].clone();
    server.call("address.write", json!([[address], { "city": "Cuneo" }, {}]));
    here.edit(&uid, "town", json!("Asti"), json!("Bra"));
    here.edit(&uid, "name", json!("Anna Po"), json!("Anna Pò"));
    here.sent().await;
    let conflict = here.store.conflicts().unwrap().remove(0);
    assert_eq!((&conflict.base, &conflict.mine, &conflict.theirs), (&json!("Asti"), &json!("Bra"), &json!("Cuneo")));
    let now = server.parties()[&theirs].clone();
    assert_eq!((&now["name"], &now["addresses."][0]["city"]), (&json!("Anna Pò"), &json!("Cuneo")));
    here.store.choose(&conflict, Choice::Mine, "IT", wall()).unwrap();
    here.sent().await;
    assert_eq!(server.parties()[&theirs]["addresses."][0]["city"], "Bra");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tryton_does_not_take_is_said_in_its_words_and_a_change_in_between_is_refused_by_it() {
    let server = Arc::new(Tryton::start());
    let line = Line::to(SOCKET.into(), 1, 1_000);
    line.faulty(false);
    let upstream = server.upstream(line.address());
    let create = |fields| Demand::Create { entity: CONTACT, key: new_id(), fields };
    let bad = upstream.ask(&create(fields([("name", json!("Anna")), ("emails", json!([""]))]))).await;
    assert!(matches!(&bad, Err(Failure::Rejected { message }) if message.contains("Value")), "{bad:?}");
    assert!(server.parties().is_empty(), "what was refused is not there in part");

    let Ok(Answer::Record(r)) = upstream.ask(&create(fields([("name", json!("Anna"))]))).await else {
        panic!("it is not made")
    };
    let id = r.id.parse::<i64>().unwrap();
    server.call("contact_mechanism.create", json!([[{ "party": id, "type": "email", "value": "a@b.example" }], {}]));
    let patch = fields([("name", json!("Bianca"))]);
    let update = |version| Demand::Update { entity: CONTACT, id: r.id.clone(), version, patch: patch.clone() };
    assert_eq!(upstream.ask(&update(r.version.clone())).await, Err(Failure::Conflict), "a part of it has changed");
    let delete = Demand::Delete { entity: CONTACT, id: r.id.clone(), version: r.version.clone() };
    assert_eq!(upstream.ask(&delete).await, Err(Failure::Conflict));
    assert!(server.named("Anna").is_some());
    // Between our look at it and our change, what we change; what we leave alone is nobody's conflict.
    let Ok(Answer::Record(now)) = upstream.ask(&Demand::Get { entity: CONTACT, id: r.id.clone() }).await else {
        panic!("it is not there")
    };
    let somebody = server.clone();
    line.before("model.party.party.write", move || {
        let mail = somebody.call("contact_mechanism.search", json!([[["party", "=", id]], 0, null, null, {}]));
        somebody.call("contact_mechanism.write", json!([mail, { "value": "c@d.example" }, {}]));
    });
    let mail = fields([("emails", json!(["e@f.example"]))]);
    let change = Demand::Update { entity: CONTACT, id: r.id.clone(), version: now.version, patch: mail };
    assert_eq!(upstream.ask(&change).await, Err(Failure::Conflict), "just before it is written");
    assert_eq!(mechanisms(&server.parties()[&id])[0].1, "c@d.example");
    let Ok(Answer::Record(now)) = upstream.ask(&Demand::Get { entity: CONTACT, id: r.id.clone() }).await else {
        panic!("it is not there")
    };
    let somebody = server.clone();
    line.before("model.party.party.write", move || {
        somebody.call("party.write", json!([[id], { "name": "Carla" }, {}]));
    });
    assert_eq!(upstream.ask(&update(now.version)).await, Err(Failure::Conflict), "just before it is written");
    assert!(server.named("Carla").is_some() && server.named("Bianca").is_none());

    // A part alone is changed, long after the party.
    let since = |ms| Demand::Pull { entity: CONTACT, after: After::Since(ms) };
    let Ok(Answer::Page(all)) = upstream.ask(&since(0)).await else { panic!("no page") };
    let later = all.records[0].changed.unwrap() + 1;
    let Ok(Answer::Page(none)) = upstream.ask(&since(later)).await else { panic!("no page") };
    assert_eq!(none.records, []);
    server.call("address.create", json!([[{ "party": id, "city": "Asti" }], {}]));
    let Ok(Answer::Page(one)) = upstream.ask(&since(later)).await else { panic!("no page") };
    assert_eq!(one.records[0].fields["town"], json!("Asti"));

    let gone = Demand::Get { entity: CONTACT, id: "999999".into() };
    assert_eq!(upstream.ask(&gone).await, Err(Failure::Gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_tryton_is_said_before_it_is_connected() {
    let server = Tryton::start();
    server.make(json!({ "name": "Anna" }));
    let books = user(address()).books(&Trust::System).await.unwrap();
    assert_eq!((books.len(), books[0].name.as_str(), books[0].cards, books[0].writable), (1, DATABASE, 1, true));
    let named = user(format!("{}{DATABASE}/", address())).books(&Trust::System).await.unwrap();
    assert_eq!(named, books);
    let wrong = |a: Account| async move { a.books(&Trust::System).await.unwrap_err() };
    let nowhere = user(format!("{}nowhere", address()));
    assert_eq!(wrong(nowhere).await, CrmError::NoDatabase("nowhere".into()));
    assert_eq!(wrong(Account { password: "x".into(), ..user(address()) }).await, CrmError::Password);
    let other = crate::Radicale::start();
    assert_eq!(wrong(user(other.address())).await, CrmError::NoTryton, "another server");
    assert_eq!(wrong(Account { user: USER.into(), ..account(address()) }).await, CrmError::NoBook, "asked for books");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_did_not_touch_stays_as_it_is_written_there() {
    let server = Tryton::start();
    let theirs = server.make(json!({ "name": "Anna Po", "contact_mechanisms": [["create", [
        { "type": "phone", "value": "+39 011 555 0147", "comment": "shop" },
        // Of another country, as they say it there.
        { "type": "other", "value": "030 123456" },
        { "type": "phone", "value": "+39 02 123 4567 ext. 12" },
        { "type": "phone", "value": "+39 06 1234 5678" },
        { "type": "sip", "value": "anna@po.example" }]]] }));
    let rome = server.parties()[&theirs]["contact_mechanisms."][3]["id"].clone();
    server.call("contact_mechanism.write", json!([[rome], { "active": false }, {}]));
    let mut here = Working::on(server.upstream(address()));
    here.until("the party there is here", |s| one(s, "anna po").is_some()).await;
    let uid = one(&here.store, "anna po").unwrap();
    let shown = json!(["+390115550147", "030 123456", "+39 02 123 4567 ext. 12", "anna@po.example"]);
    assert_eq!(the_field(&here.store, &uid, "numbers"), shown, "one out of use is not among them");
    let before = mechanisms(&server.parties()[&theirs]);
    // One more, before the others; and one that is there, as the operator says it.
    let with = json!(["333 765 4321", "011 5550147", "030 123456", "+39 02 123 4567 ext. 12", "anna@po.example"]);
    here.edit(&uid, "numbers", shown, with);
    here.sent().await;
    let party = server.parties()[&theirs].clone();
    let mut after = mechanisms(&party);
    assert_eq!(after.pop(), Some(("phone".into(), "+39 333 765 4321".into())));
    assert_eq!(after, before);
    assert_eq!(party["contact_mechanisms."][0]["comment"], "shop", "{party}");

    // What they put out of use, take away or bring in late by itself is noticed.
    let id = |i: usize| party["contact_mechanisms."][i]["id"].clone();
    let numbers = |s: &Store| the_field(s, &uid, "numbers").to_string();
    server.call("contact_mechanism.write", json!([[id(0)], { "active": false }, {}]));
    here.fetch("it is out of use", |s| !numbers(s).contains("5550147")).await;
    server.call("contact_mechanism.delete", json!([[id(1)], {}]));
    here.fetch("it is deleted", |s| !numbers(s).contains("030")).await;

    // What would not come back is not sent, and said.
    let made = new_id();
    let odd = fields([("name", json!("Odd")), ("numbers", json!(["ask Carla"]))]);
    here.store.create(CONTACT, &made, &odd, "IT", wall()).unwrap();
    here.runner.wake();
    here.until("it is refused", |s| !s.refused(9).unwrap().is_empty()).await;
    assert!(here.store.refused(9).unwrap()[0].why.contains("ask Carla"));
    let extended =
        fields([("name", json!("Ext")), ("numbers", json!(["011 555 0147 ext. 12", "sip:bob@pbx.example"]))]);
    let kept = new_id();
    here.store.create(CONTACT, &kept, &extended, "IT", wall()).unwrap();
    here.runner.wake();
    here.until("it is there", |s| the_field(s, &kept, "numbers").to_string().contains("+39 011")).await;
    let there = mechanisms(&server.parties()[&server.named("Ext").unwrap()]);
    assert_eq!(there[0].1, "+39 011 555 0147 ext. 12");
    assert_eq!(there[1].0, "sip");
    assert_eq!(the_field(&here.store, &kept, "numbers").as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_rights_of_his_own_works_and_one_without_is_told() {
    let server = Tryton::start();
    let user_with = |login: &str, may: &[&str]| {
        let access: Vec<Value> = ["party", "contact_mechanism", "address", "identifier"]
            .iter()
            .map(|model| {
                let mut row = json!({ "model": format!("party.{model}") });
                for right in ["read", "write", "create", "delete"] {
                    row[format!("perm_{right}")] = json!(may.contains(&right));
                }
                row
            })
            .collect();
        let group =
            server.call_any("res.group.create", json!([[{ "name": login, "model_access": [["create", access]] }], {}]));
        let password = "a long enough secret";
        let user = json!({ "name": login, "login": login, "password": password, "groups": [["add", group]] });
        server.call_any("res.user.create", json!([[user], {}]));
        Account { kind: Kind::Tryton, address: address(), user: login.into(), password: password.into() }
    };
    let (works, looks, nothing) =
        (user_with("works", &["read", "write", "create"]), user_with("looks", &["read"]), user_with("nothing", &[]));
    let book = |a: &Account| {
        let a = a.clone();
        async move { a.books(&Trust::System).await.map(|books| books[0].writable) }
    };
    assert_eq!(book(&works).await, Ok(true));
    assert_eq!(book(&looks).await, Ok(false));
    assert_eq!(book(&nothing).await, Err(CrmError::Rights));

    // What he may make and not see is not made again and again.
    let rule = json!({ "name": "not these", "model": "party.party", "global_p": true, "perm_read": true,
        "perm_write": false, "perm_create": false, "perm_delete": false,
        "rules": [["create", [{ "domain": "[[\"name\", \"!=\", \"Segreta\"]]" }]]] });
    let rule = server.call_any("ir.rule.group.create", json!([[rule], {}]));
    let upstream = works.open(&Trust::System, DATABASE, false, true, "IT").unwrap();
    let named = |name| fields([("name", json!(name))]);
    let create = |name| Demand::Create { entity: CONTACT, key: new_id(), fields: named(name) };
    assert!(matches!(upstream.ask(&create("Anna")).await, Ok(Answer::Record(_))));
    let key = new_id();
    let hidden = upstream.ask(&Demand::Create { entity: CONTACT, key: key.clone(), fields: named("Segreta") }).await;
    assert!(matches!(&hidden, Err(Failure::Rejected { message }) if message.contains("may not see")), "{hidden:?}");
    // Once he may, and has written something else, that is what it gets.
    server.call_any("ir.rule.group.delete", json!([rule, {}]));
    let again = Demand::Create { entity: CONTACT, key, fields: named("Palese") };
    let made = upstream.ask(&again).await;
    assert!(matches!(made, Ok(Answer::Record(_))), "{made:?}");
    let parties: Vec<_> = server.parties().into_values().map(|p| p["name"].clone()).collect();
    assert_eq!(parties, ["Anna", "Palese"]);
    // Somebody else has worked on it: it is not written over.
    server.call("party.write", json!([[server.named("Palese")], { "name": "Theirs" }, {}]));
    let over = upstream.ask(&again).await;
    assert!(matches!(&over, Err(Failure::Rejected { message }) if message.contains("changed there")), "{over:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_deleted_by_itself_is_noticed_until_they_are_listed_and_our_own_changes_are_no_news() {
    let server = Tryton::start();
    let numbers = json!([["create", [
        { "type": "phone", "value": "+39 011 555 0147" },
        { "type": "phone", "value": "+39 02 123 4567" },
        { "type": "phone", "value": "+39 06 1234 5678" }]]]);
    let theirs = server.make(json!({ "name": "Anna Po", "contact_mechanisms": numbers }));
    let upstream = server.upstream(address());
    let moved = || async {
        // Far from all that was changed.
        let after = After::Since(wall() + 3_600_000);
        match upstream.ask(&Demand::Pull { entity: CONTACT, after }).await {
            Ok(Answer::Page(page)) => page.deleted,
            other => panic!("no page: {other:?}"),
        }
    };
    let list = || async {
        let listed = upstream.ask(&Demand::List { entity: CONTACT, after: None }).await;
        assert!(matches!(&listed, Ok(Answer::List(list)) if list.entries.len() == 1), "{listed:?}");
    };
    assert!(moved().await, "what was before is not known");
    list().await;
    assert!(!moved().await);
    let mechanism = server.parties()[&theirs]["contact_mechanisms."][2]["id"].clone();
    server.call("contact_mechanism.delete", json!([[mechanism], {}]));
    assert!(moved().await && moved().await, "until they are listed");
    list().await;
    assert!(!moved().await);
    let Ok(Answer::Record(now)) = upstream.ask(&Demand::Get { entity: CONTACT, id: theirs.to_string() }).await else {
        panic!("it is not there")
    };
    let one = fields([("numbers", json!(["+390115550147"]))]);
    let update = Demand::Update { entity: CONTACT, id: now.id, version: now.version, patch: one };
    assert!(matches!(upstream.ask(&update).await, Ok(Answer::Record(_))));
    assert_eq!(mechanisms(&server.parties()[&theirs]).len(), 1);
    assert!(!moved().await, "it is our own change");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: npm run test:crm"]
async fn what_shows_late_is_not_missed() {
    let server = Tryton::on_postgres();
    let postgres = server.postgres.as_ref().unwrap();
    let mut here = Working::on(server.upstream(address()));
    server.make(json!({ "name": "Anna Po" }));
    here.fetch("the first is here", |s| one(s, "anna po").is_some()).await;
    // Two transactions of others that have begun and do not show yet, the one a moment ago, the other a quarter of an hour.
    let party = |name: &str, ago: &str| {
        format!(
            "BEGIN; INSERT INTO party_party (active, code, create_date, create_uid, name)
             VALUES (true, '{name}', timezone('utc', now()) - interval '{ago}', 1, '{name}') RETURNING 'begun';"
        )
        .replace('\n', " ")
    };
    let mut others = [("Bice Rho", "1 second"), ("Ciro Lago", "15 minutes")].map(|(name, ago)| {
        let mut client = postgres.client();
        client.say(&party(name, ago));
        client.line("it is written", |line| line.contains("begun"));
        client
    });
    // What is made after them shows before them.
    server.make(json!({ "name": "Dora Elba" }));
    here.fetch("what came later is here", |s| one(s, "dora elba").is_some()).await;
    for (client, name) in others.iter_mut().zip(["bice rho", "ciro lago"]) {
        assert_eq!(one(&here.store, name), None);
        client.say("COMMIT; SELECT 'ended';");
        client.line("it shows", |line| line.contains("ended"));
        here.fetch(name, |s| one(s, name).is_some()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_merged_there_has_one_time_line_here() {
    let server = Tryton::start();
    let [one_of_them, stays] = ["Asti", "Bra"]
        .map(|town| server.make(json!({ "name": "Anna Po", "addresses": [["create", [{ "city": town }]]] })));
    let mut here = Working::on(server.upstream(address()));
    here.until("both are here", |s| s.find_customers("anna po", 5).unwrap().len() == 2).await;
    let found = here.store.find_customers("anna po", 5).unwrap();
    let id = |town: &str| found.iter().find(|c| c.town == town).unwrap().id.clone();
    let (from, to) = (id("Asti"), id("Bra"));
    let call = CallRecord { id: "c1".into(), number: "+39".into(), customer: Some(from), ..CallRecord::default() };
    here.store.put_call(&call).unwrap();
    // As people do it there.
    let session = server.rpc("wizard.party.replace.create", json!([{}]))[0].clone();
    let asked = json!({ "ask": { "source": one_of_them, "destination": stays } });
    server.rpc("wizard.party.replace.execute", json!([session, asked, "replace", {}]));
    here.fetch("one of them is gone", |s| s.find_customers("anna po", 5).unwrap().len() == 1).await;
    assert_eq!(here.store.call("c1").unwrap().customer, Some(to));
}
