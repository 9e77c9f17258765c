//! A real Request Tracker, and a client of it that knows nothing of ours. It takes minutes to install: `npm run test:crm`.

use crate::line::{Fate, Line};
use crate::{CONTACT, Working, exchange, fields, one, store, the_field, wall};
use cuffia_crm::{Account, CrmError, Kind, Rt as Adapter, Upstream};
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::sync::{Choice, Engine, Next};
use cuffia_customers::{CallRecord, Request, Store, new_id};
use cuffia_phone::Trust;
use cuffia_tests::process::Process;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const SOCKET: ([u8; 4], u16) = ([127, 0, 0, 1], 18_081);
const REQUEST: Entity = Entity::Request;
const WHY: &str = "needs Request Tracker: npm run test:crm";
/// `root:password`
const BASIC: &str = "cm9vdDpwYXNzd29yZA==";
const OPERATOR: (&str, &str) = ("operator", "secret-word");
/// 5 December 2026, 11:00 UTC, milliseconds.
const DUE: i64 = 1_796_468_400_000;

pub struct Rt {
    // Before its folder, so that it ends before that is gone.
    _process: Process,
    _folder: TempDir,
}

impl Rt {
    /// Starts it with a queue, and nothing in it.
    pub fn start() -> Rt {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/rt");
        let process = Process::start("rt", Command::new(script).arg(folder.path()).arg(SOCKET.1.to_string()));
        let limit = Instant::now() + Duration::from_secs(40);
        while TcpStream::connect(std::net::SocketAddr::from(SOCKET)).is_err() {
            assert!(Instant::now() < limit, "{WHY}: {:?}", process.lines());
            std::thread::yield_now();
        }
        Rt { _process: process, _folder: folder }
    }

    pub fn upstream(&self, address: String) -> Arc<dyn Upstream> {
        Arc::new(Adapter::new(&user(address), &Trust::System, "1", true, "IT").unwrap())
    }

    /// What its people's own program would do.
    pub fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        ask(method, path, body)
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null)
    }

    pub fn make(&self, what: &str, body: Value) -> String {
        let made = self.ask("POST", what, body)["id"].as_str().unwrap().to_owned();
        if what == "user" { self.get(&format!("user/{made}"))["id"].to_string() } else { made }
    }

    /// Customers in use, by number.
    pub fn users(&self) -> BTreeMap<String, Value> {
        let all = self.get("users?fields=id&per_page=100");
        let ids = all["items"].as_array().unwrap().iter().map(|u| u["id"].to_string());
        let all = ids.map(|id| (id.clone(), self.get(&format!("user/{id}"))));
        let known = |u: &Value| ["RT_System", "Nobody"].contains(&u["Name"].as_str().unwrap());
        all.filter(|(_, u)| u["Privileged"] == 0 && u["Disabled"] != "1" && u["Disabled"] != 1 && !known(u)).collect()
    }

    /// Tickets, by number.
    fn tickets(&self) -> BTreeMap<String, Value> {
        let all = self.get("tickets?query=id%3E0&per_page=100");
        let ids = all["items"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned());
        ids.map(|id| (id.clone(), self.get(&format!("ticket/{id}")))).collect()
    }

    /// All that was written into a ticket, oldest first.
    fn texts(&self, ticket: &str) -> Vec<String> {
        let all = self.get(&format!("ticket/{ticket}/attachments?fields=Content&orderby=id"));
        all["items"].as_array().unwrap().iter().map(|a| a["Content"].as_str().unwrap().to_owned()).collect()
    }

    /// A colleague who may do these things, in the queue and everywhere.
    fn colleague(&self, in_queue: &[&str], everywhere: &[&str]) {
        let (name, password) = OPERATOR;
        let id = self.make("user", json!({ "Name": name, "Password": password, "Privileged": 1 }));
        let rights = |of: &str, rights: &[&str]| {
            let right = |r: &&str| {
                format!(
                    "my $o = {of}; my $u = RT::User->new(RT->SystemUser); $u->Load({id}); \
                my ($ok, $why) = $u->PrincipalObj->GrantRight(Right => '{r}', Object => $o); die $why unless $ok;"
                )
            };
            rights.iter().map(right).collect::<Vec<_>>().join(" ")
        };
        let queue = "do { my $q = RT::Queue->new(RT->SystemUser); $q->Load(1); $q }";
        let code = format!(
            "use lib '/usr/share/request-tracker5/lib'; use RT; RT::LoadConfig(); RT::Init(); {{ {} }} {{ {} }}",
            rights(queue, in_queue).replace("my ", ""),
            rights("RT->System", everywhere).replace("my ", ""),
        );
        let site = self._folder.path().join("site.pm");
        let settings = self._folder.path().join("settings");
        let mut perl = Command::new("setpriv");
        perl.args(["--reuid=www-data", "--regid=www-data", "--clear-groups", "perl", "-e", &code]);
        let done = perl.env("RT_SITE_CONFIG", site).env("RT_SITE_CONFIG_DIR", settings).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

fn ask(method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (head, body) = exchange(SOCKET, &format!("{method} /REST/2.0/{path}"), BASIC, &body);
    assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {head}\n{body}");
    serde_json::from_str(&body).unwrap_or_default()
}

fn user(address: String) -> Account {
    Account { kind: Kind::Rt, address, user: "root".into(), password: "password".into() }
}

fn operator(address: String) -> Account {
    Account { user: OPERATOR.0.into(), password: OPERATOR.1.into(), ..user(address) }
}

fn address() -> String {
    format!("http://127.0.0.1:{}/", SOCKET.1)
}

fn register(store: &Store, customer: Option<String>, request: Request) -> Request {
    let call = new_id();
    store.put_call(&CallRecord { id: call.clone(), number: "+390115550147".into(), ..CallRecord::default() }).unwrap();
    let request = Request { id: new_id(), call: Some(call), customer, at: wall(), kind: "order".into(), ..request };
    store.register(&request, None, "IT", wall()).unwrap()
}

fn change(store: &Store, request: &str, field: &str, seen: Value, value: Value) {
    let (patch, seen) = (fields([(field, value)]), fields([(field, seen)]));
    store.edit(REQUEST, request, &patch, &seen, "IT", wall()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Request Tracker: npm run test:crm"]
async fn a_request_goes_there_with_its_customer_and_both_sides_follow_it() {
    let server = Rt::start();
    let anna = server.make(
        "user",
        json!({ "Name": "anna@po.example", "EmailAddress": "anna@po.example", "RealName": "Anna Po",
        "WorkPhone": "011 555 0147", "Privileged": 0 }),
    );
    let theirs = server.make(
        "ticket",
        json!({ "Queue": "General", "Subject": "Invoice 12 is wrong", "Requestor": anna,
        "Content": "as Anna says,\nit is", "ContentType": "text/plain", "Due": "2026-12-05 11:00:00" }),
    );
    let mut here = Working::on(server.upstream(address()));
    here.until("Anna is here", |s| one(s, "anna po").is_some()).await;
    let uid = here.store.customers_by_number("+390115550147", "IT").unwrap()[0].id.clone();
    here.until("her request is here", |s| s.requests_of(&uid, 9).unwrap().len() == 1).await;
    assert_eq!(here.store.find_customers("", 9).unwrap().len(), 1, "colleagues are no customers");
    let found = here.store.requests_of(&uid, 9).unwrap().remove(0);
    assert_eq!((found.title.as_str(), found.note.as_str()), ("Invoice 12 is wrong", "as Anna says,\nit is"));
    assert_eq!((found.due, found.done, found.call), (Some(DUE), false, None));

    // One who is made in the call goes first.
    let made = new_id();
    let new =
        [("name", json!("Luca Ferri")), ("numbers", json!(["338 123 4567", "4021"])), ("note", json!("ring twice"))];
    here.store.create(CONTACT, &made, &fields(new), "IT", wall()).unwrap();
    let asked = Request {
        title: "Order: Licences".into(),
        note: "two more – perché no?".into(),
        due: Some(DUE),
        ..Request::default()
    };
    let asked = register(&here.store, Some(made.clone()), asked);
    let done = register(
        &here.store,
        Some(uid.clone()),
        Request { title: "Consultation".into(), done: true, ..Request::default() },
    );
    here.sent().await;
    let users = server.users();
    let (number, luca) = users.iter().find(|(_, u)| u["RealName"] == "Luca Ferri").unwrap();
    assert_eq!((&luca["MobilePhone"], &luca["WorkPhone"]), (&json!("+393381234567"), &json!("4021")));
    let tickets = server.tickets();
    assert_eq!(tickets.len(), 3);
    let by_subject = |subject: &str| tickets.iter().find(|(_, t)| t["Subject"] == subject).unwrap();
    let (order, there) = by_subject("Order: Licences");
    assert_eq!(server.texts(order), ["two more – perché no?"]);
    assert_eq!((&there["Status"], &there["Due"]), (&json!("new"), &json!("2026-12-05T11:00:00Z")));
    assert_eq!(there["Requestor"][0]["id"], luca["Name"], "{number}");
    assert_eq!(by_subject("Consultation").1["Status"], "resolved");
    assert_eq!(here.store.request(&done.id).unwrap().customer.as_deref(), Some(uid.as_str()));

    // A colleague resolves the one and moves the other's day; here the note is corrected, and what came from there is done.
    server.ask("PUT", &format!("ticket/{order}"), json!({ "Status": "resolved" }));
    here.fetch("it is done", |s| s.request(&asked.id).unwrap().done).await;
    change(&here.store, &asked.id, "note", json!(asked.note), json!("three more"));
    change(&here.store, &found.id, "done", json!(false), json!(true));
    here.sent().await;
    assert_eq!(server.texts(order), ["two more – perché no?", "three more"], "what was said stays");
    assert_eq!(server.get(&format!("ticket/{theirs}"))["Status"], "resolved");
    assert_eq!(here.store.request(&asked.id).unwrap().note, "three more");
    assert_eq!(here.store.standing().unwrap().refused, 0);
    here.edit(&uid, "numbers", json!(["011 555 0147"]), json!(["011 555 0147", "+39 333 765 4321"]));
    here.sent().await;
    let there = server.get(&format!("user/{anna}"));
    assert_eq!((&there["WorkPhone"], &there["MobilePhone"]), (&json!("011 555 0147"), &json!("+393337654321")));

    // Gone there: what came in a call here stays here.
    server.ask("DELETE", &format!("ticket/{order}"), Value::Null);
    server.ask("DELETE", &format!("ticket/{theirs}"), Value::Null);
    change(&here.store, &asked.id, "title", json!("Order: Licences"), json!("Order: Licences, three"));
    change(&here.store, &found.id, "title", json!("Invoice 12 is wrong"), json!("mine"));
    here.sent().await;
    assert_eq!(here.store.request(&asked.id).unwrap().title, "Order: Licences, three");
    let asked_about = here.store.conflicts().unwrap();
    assert!(matches!(&asked_about[..], [c] if c.uid == found.id && c.field.is_none()), "{asked_about:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Request Tracker: npm run test:crm"]
async fn a_note_is_what_a_ticket_began_with_and_of_several_who_ask_the_others_stay() {
    let server = Rt::start();
    let [anna, vera] = ["anna", "vera"].map(|name| {
        server.make(
            "user",
            json!({ "Name": name, "EmailAddress": format!("{name}@po.example"), "RealName": name, "Privileged": 0 }),
        )
    });
    let html = json!({ "Queue": "General", "Subject": "from a browser", "Requestor": [anna, vera],
        "Content": "<p>An <b>order</b> &amp; more</p>", "ContentType": "text/html" });
    let html = server.make("ticket", html);
    let silent = server.make("ticket", json!({ "Queue": "General", "Subject": "without a word", "Requestor": anna }));
    for ticket in [&html, &silent] {
        let answer = json!({ "Subject": "Re: it", "Content": "thank you", "ContentType": "text/plain" });
        server.ask("POST", &format!("ticket/{ticket}/correspond"), answer);
    }
    let mut here = Working::on(server.upstream(address()));
    let of = |s: &Store, name: &str| one(s, name).map(|uid| s.requests_of(&uid, 9).unwrap()).unwrap_or_default();
    here.until("both are here", |s| of(s, "anna").len() == 2).await;
    let found = of(&here.store, "anna");
    let note = |title: &str| found.iter().find(|r| r.title == title).unwrap().note.clone();
    assert_eq!((note("from a browser").as_str(), note("without a word").as_str()), ("An order & more", ""));

    let luca = fields([("name", json!("Luca Ferri"))]);
    here.store.create(CONTACT, "luca", &luca, "IT", wall()).unwrap();
    let id = &found.iter().find(|r| r.title == "from a browser").unwrap().id;
    change(&here.store, id, "customer", json!(one(&here.store, "anna")), json!("luca"));
    here.sent().await;
    let there = server.get(&format!("ticket/{html}"));
    let mut asking: Vec<&str> =
        there["Requestor"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    asking.sort_unstable();
    assert_eq!(asking, ["luca", "vera"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Request Tracker: npm run test:crm"]
async fn what_both_changed_is_asked_and_what_can_not_be_kept_is_said() {
    let server = Rt::start();
    let line = Line::to(SOCKET.into(), 1, 1);
    line.faulty(false);
    let mut here = Working::on(server.upstream(line.address()));
    here.store.create(CONTACT, "luca", &fields([("name", json!("Luca"))]), "IT", wall()).unwrap();
    let asked = Request { title: "Order".into(), ..Request::default() };
    let made = register(&here.store, Some("luca".into()), asked);
    here.sent().await;
    let (ticket, _) = server.tickets().pop_first().unwrap();
    server.ask("PUT", &format!("ticket/{ticket}"), json!({ "Subject": "theirs" }));
    change(&here.store, &made.id, "title", json!("Order"), json!("mine"));
    here.runner.wake();
    here.until("it is asked", |s| !s.conflicts().unwrap().is_empty()).await;
    let c = here.store.conflicts().unwrap().remove(0);
    assert_eq!((&c.base, &c.mine, &c.theirs), (&json!("Order"), &json!("mine"), &json!("theirs")));
    assert_eq!(server.get(&format!("ticket/{ticket}"))["Subject"], "theirs", "nothing is overwritten unseen");
    here.store.choose(&c, Choice::Mine, "IT", wall()).unwrap();
    here.sent().await;
    assert_eq!(server.get(&format!("ticket/{ticket}"))["Subject"], "mine");
    // Between looking and writing, too.
    let path = format!("ticket/{ticket}");
    line.before("PUT /REST", move || drop(ask("PUT", &path, json!({ "Subject": "theirs again" }))));
    change(&here.store, &made.id, "title", json!("mine"), json!("mine again"));
    here.runner.wake();
    here.until("it is asked again", |s| !s.conflicts().unwrap().is_empty()).await;
    assert_eq!(server.get(&format!("ticket/{ticket}"))["Subject"], "theirs again");

    let new = [("name", json!("Anna Po")), ("numbers", json!(["1", "2", "3", "4", "5"]))];
    here.store.create(CONTACT, "five", &fields(new), "IT", wall()).unwrap();
    let waits = register(&here.store, Some("five".into()), Request { title: "hers".into(), ..Request::default() });
    here.runner.wake();
    here.until("it is refused", |s| s.standing().unwrap().refused == 1).await;
    assert!(here.store.refused(1).unwrap()[0].why.contains("four numbers"));
    assert_eq!(server.tickets().len(), 1, "her request waits for her");
    here.edit("five", "numbers", json!(["1", "2", "3", "4", "5"]), json!(["1"]));
    here.sent().await;
    let hers = server.tickets().into_iter().find(|(_, t)| t["Subject"] == "hers").unwrap().1;
    assert_eq!(hers["Requestor"][0]["id"], "five");
    assert_eq!(here.store.request(&waits.id).unwrap().customer.as_deref(), Some("five"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Request Tracker: npm run test:crm"]
async fn who_may_see_no_customers_sends_requests_that_say_who_asks() {
    let server = Rt::start();
    let trust = Trust::System;
    assert_eq!(operator(address()).books(&trust).await, Err(CrmError::Password));
    let rights = ["SeeQueue", "ShowTicket", "CreateTicket", "ModifyTicket", "CommentOnTicket", "ShowTicketComments"];
    server.colleague(&rights, &[]);
    let books = operator(address()).books(&trust).await.unwrap();
    let found: Vec<_> = books.iter().map(|b| (b.name.as_str(), b.customers, b.requests, b.writable)).collect();
    assert_eq!(found, [("General", false, true, true)]);
    let all = user(address()).books(&trust).await.unwrap();
    assert!(all.iter().any(|b| b.customers), "an administrator of users may");
    let elsewhere = Line::to(SOCKET.into(), 1, 1);
    elsewhere.always(Fate::Fails);
    assert!(matches!(
        user(elsewhere.address()).books(&trust).await,
        Err(CrmError::Server(_) | CrmError::Unreachable(_))
    ));

    let upstream = operator(address()).open(&trust, &books[0].path, false, books[0].customers, "IT").unwrap();
    let mut here = Working::on(upstream);
    let vera =
        fields([("name", json!("Vera Nuova")), ("company", json!("Officine")), ("numbers", json!(["011 555 9999"]))]);
    here.store.create(CONTACT, "vera", &vera, "IT", wall()).unwrap();
    let made = register(
        &here.store,
        Some("vera".into()),
        Request { title: "Order".into(), note: "two".into(), ..Request::default() },
    );
    here.sent().await;
    let (ticket, there) = server.tickets().pop_first().unwrap();
    assert_eq!(there["Subject"], "Order [Vera Nuova, Officine, +390115550147]", "the number that called");
    assert!(server.users().is_empty());
    change(&here.store, &made.id, "done", json!(false), json!(true));
    change(&here.store, &made.id, "note", json!("two"), json!("three"));
    change(&here.store, &made.id, "title", json!("Order"), json!("Complaint"));
    here.sent().await;
    let subject = server.get(&format!("ticket/{ticket}"))["Subject"].clone();
    assert_eq!(subject, "Complaint [Vera Nuova, Officine, +390115550147]");
    assert_eq!(
        (here.store.request(&made.id).unwrap().title.as_str(), here.store.conflicts().unwrap().len()),
        ("Complaint", 0)
    );
    assert_eq!(server.get(&format!("ticket/{ticket}"))["Status"], "resolved");
    assert_eq!(here.store.request(&made.id).unwrap().customer.as_deref(), Some("vera"), "she stays here");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Request Tracker: npm run test:crm"]
async fn over_a_bad_line_each_request_is_there_once() {
    let server = Rt::start();
    let (_folder, store) = store();
    let line = Line::to(SOCKET.into(), 7, 50_000);
    let upstream = server.upstream(line.address());
    store.connect_crm("there", &upstream.fields(), "IT", wall()).unwrap();
    let mut engine = Engine::new(upstream.capabilities(), 7);
    let (mut chance, mut now) = (SmallRng::seed_from_u64(7), wall());
    let mut made: Vec<Request> = Vec::new();
    for step in 0..900 {
        if step < 200 && step % 10 == 0 {
            let (i, customer) = (made.len(), new_id());
            let named = fields([("name", json!(format!("Anna {i}")))]);
            store.create(CONTACT, &customer, &named, "IT", now).unwrap();
            let request = Request { title: format!("request {i}"), note: format!("note {i}"), ..Request::default() };
            made.push(register(&store, Some(customer), request));
        } else if step < 300 && step % 7 == 0 && !made.is_empty() {
            let i = chance.random_range(0..made.len());
            let note = format!("corrected {step}");
            change(&store, &made[i].id, "note", json!(made[i].note), json!(note));
            made[i].note = note;
        }
        line.faulty(step < 400);
        match store.next_request(&mut engine, "IT", now).unwrap() {
            Next::Ask(step) => {
                let result = upstream.ask(&step.demand).await;
                store.take_answer(&mut engine, &step, result, "IT", now).unwrap();
            }
            Next::Wait(until) => now = until.unwrap_or(now + 20_000).clamp(now + 1, now + 20_000),
        }
        line.pass_time(now);
        if step > 400 && store.standing().unwrap().waiting == 0 {
            break;
        }
    }
    let s = store.standing().unwrap();
    assert_eq!((s.waiting, s.refused, s.conflicts), (0, 0, 0), "{s:?} {:?}", store.waiting(9));
    let (tickets, users) = (server.tickets(), server.users());
    assert_eq!((tickets.len(), users.len()), (made.len(), made.len()));
    for request in &made {
        let (id, ticket) = tickets.iter().find(|(_, t)| t["Subject"] == *request.title).unwrap();
        assert_eq!(server.texts(id).last(), Some(&request.note));
        assert_eq!(ticket["Requestor"][0]["id"], *request.customer.as_ref().unwrap());
        assert_eq!(
            the_field(&store, request.customer.as_ref().unwrap(), "name"),
            users.values().find(|u| u["Name"] == *request.customer.as_ref().unwrap()).unwrap()["RealName"]
        );
    }
    assert!(line.lost() > 3, "the line was too good");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Request Tracker: npm run test:crm"]
async fn a_gateway_that_bars_the_way_loses_nothing_and_a_queue_has_words_of_its_own() {
    let server = Rt::start();
    let queue = server.make("queue", json!({ "Name": "Support", "Lifecycle": "support" }));
    let line = Line::to(SOCKET.into(), 1, 1);
    line.faulty(false);
    let found = user(line.address()).books(&Trust::System).await.unwrap();
    assert!(found.iter().any(|b| b.path == queue && b.name == "Support" && b.writable), "{found:?}");
    let upstream = Adapter::new(&user(line.address()), &Trust::System, &queue, true, "IT").unwrap();
    let mut here = Working::on(Arc::new(upstream));
    let asked = register(&here.store, None, Request { title: "asked".into(), done: true, ..Request::default() });
    here.sent().await;
    let (ticket, there) = server.tickets().pop_first().unwrap();
    assert_eq!((&there["Status"], here.store.request(&asked.id).unwrap().done), (&json!("closed"), true));
    change(&here.store, &asked.id, "done", json!(true), json!(false));
    here.sent().await;
    assert_eq!(server.get(&format!("ticket/{ticket}"))["Status"], "open");

    line.always(Fate::Barred);
    change(&here.store, &asked.id, "done", json!(false), json!(true));
    let late = register(&here.store, None, Request { title: "late".into(), ..Request::default() });
    here.store.pull_now().unwrap();
    here.runner.wake();
    here.until("it is barred", |s| s.standing().unwrap().error.is_some_and(|e| e.contains("not by"))).await;
    let s = here.store.standing().unwrap();
    assert_eq!((s.waiting, s.refused, s.conflicts), (2, 0, 0), "{s:?}");
    line.always(Fate::Good);
    here.store.go_on(false).unwrap();
    here.sent().await;
    assert_eq!(server.get(&format!("ticket/{ticket}"))["Status"], "closed");
    assert!(here.store.request(&late.id).is_ok() && server.tickets().len() == 2);
}
