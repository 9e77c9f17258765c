//! Against real CRM servers: what an operator writes arrives once, what others write comes here, whatever the line does.
#![allow(clippy::unwrap_used)]

mod bad_line;
mod disk;
mod killed;
mod line;
mod postgres;
mod radicale;
mod rt;
mod tryton;

use cuffia_crm::{Account, CardDav, CrmError, Kind, News, Runner, Upstream};
use cuffia_customers::sync::Choice;
use cuffia_customers::sync::upstream::{After, Answer, Demand, Entity, Failure, Fields};
use cuffia_customers::{DatabaseKey, Store, new_id};
use cuffia_phone::Trust;
use line::{Fate, Line};
use radicale::{BOOK, PASSWORD, Radicale, USER, card};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const CONTACT: Entity = Entity::Contact;

fn account(address: String) -> Account {
    Account { kind: Kind::CardDav, address, user: USER.into(), password: PASSWORD.into() }
}

fn fields<const N: usize>(of: [(&str, Value); N]) -> Fields {
    of.map(|(field, value)| (field.to_owned(), value)).into()
}

/// Asks a server without any of our code: the head and the body of its answer. `basic` is user and password (RFC 7617).
fn exchange(socket: ([u8; 4], u16), what: &str, basic: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(SocketAddr::from(socket)).unwrap();
    let request = format!(
        "{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {basic}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn store() -> (TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("cuffia.db"), &DatabaseKey::random().unwrap()).unwrap();
    (folder, Arc::new(store))
}

fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A store whose runner talks with a server.
struct Working {
    store: Arc<Store>,
    runner: Runner,
    news: UnboundedReceiver<News>,
    _folder: TempDir,
}

impl Working {
    fn with(server: &Radicale) -> Working {
        Working::on(Arc::new(CardDav::new(&account(server.address()), &Trust::System, BOOK, true).unwrap()))
    }

    fn on(upstream: Arc<dyn Upstream>) -> Working {
        let (folder, store) = store();
        store.connect_crm("here", &upstream.fields(), "IT", wall()).unwrap();
        let (say, news) = unbounded_channel();
        let say = move |n| {
            let _ = say.send(n);
        };
        let runner = Runner::start(store.clone(), upstream, "IT".into(), Arc::new(wall), say);
        Working { store, runner, news, _folder: folder }
    }

    /// Waits until something is so, looking whenever anything happens.
    async fn until(&mut self, what: &str, is_so: impl Fn(&Store) -> bool) {
        let wait = async {
            while !is_so(&self.store) {
                self.news.recv().await.unwrap();
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(60), wait).await;
        assert!(done.is_ok(), "{what}: {:?} {:?}", self.store.standing(), self.store.waiting(9));
    }

    async fn sent(&mut self) {
        self.runner.wake();
        self.until("all is sent", |s| s.standing().unwrap().waiting == 0).await;
    }

    fn edit(&self, uid: &str, field: &str, seen: Value, value: Value) {
        let (patch, seen) = (fields([(field, value)]), fields([(field, seen)]));
        self.store.edit(CONTACT, uid, &patch, &seen, "IT", wall()).unwrap();
    }

    /// What the server has now comes here.
    async fn fetch(&mut self, what: &str, is_so: impl Fn(&Store) -> bool) {
        self.store.pull_now().unwrap();
        self.runner.wake();
        self.until(what, is_so).await;
    }
}

fn one(store: &Store, name: &str) -> Option<String> {
    store.find_customers(name, 5).unwrap().first().map(|c| c.id.clone())
}

fn the_field(store: &Store, uid: &str, field: &str) -> Value {
    store.customer_fields(uid).unwrap().map_or(Value::Null, |f| f[field].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_side_writes_is_seen_by_the_other() {
    let server = Radicale::start();
    let other = "ORG:Officine Po;Acquisti\r\nTEL;TYPE=WORK:011 555 0147\r\nBDAY:1980-02-01\r\nPHOTO;VALUE=uri:http://x.example/p\r\n";
    server.put("theirs.vcf", &card("theirs", "Anna Po", other));
    let mut here = Working::with(&server);
    here.until("the card there is here", |s| one(s, "anna po").is_some()).await;
    let found = here.store.customers_by_number("+390115550147", "IT").unwrap();
    assert_eq!((found[0].name.as_str(), found[0].company.as_str()), ("Anna Po", "Officine Po"));

    let made = new_id();
    let new =
        fields([("name", json!("Luca Ferri")), ("numbers", json!(["338 123 4567"])), ("note", json!("a; b, c\nd"))]);
    here.store.create(CONTACT, &made, &new, "IT", wall()).unwrap();
    let theirs = found[0].id.clone();
    here.edit(&theirs, "town", json!(""), json!("Torino"));
    here.sent().await;
    let there = server.cards();
    assert_eq!(there.len(), 2);
    assert!(there[&format!("{made}.vcf")].iter().any(|l| l == "FN:Luca Ferri"), "{there:?}");
    // What the card has besides is as it was.
    let changed = there["theirs.vcf"].join("\n");
    for kept in ["Torino", "Acquisti", "1980", "http://x.example/p", "TYPE=WORK"] {
        assert!(changed.contains(kept), "{kept} in {changed}");
    }

    server.change("theirs.vcf", "NOTE", "from there");
    server.delete(&format!("{made}.vcf"));
    here.fetch("both are told", |s| the_field(s, &theirs, "note") == "from there" && one(s, "luca ferri").is_none())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_come_whole_while_the_operator_works() {
    let server = Radicale::start();
    server.fill(650);
    let mut here = Working::with(&server);
    here.until("the first page", |s| s.count_customers().unwrap() > 0).await;
    let made = new_id();
    here.store.create(CONTACT, &made, &fields([("name", json!("Luca"))]), "IT", wall()).unwrap();
    let some = here.store.find_customers("customer", 5).unwrap().remove(0);
    let changed = some.id;
    here.edit(&changed, "note", json!(""), json!("written meanwhile"));
    here.runner.wake();
    here.until("all of it", |s| {
        let now = s.standing().unwrap();
        s.count_customers().unwrap() == 651 && now.waiting == 0 && now.progress.is_none()
    })
    .await;
    assert_eq!(the_field(&here.store, &changed, "note"), "written meanwhile");
    let card = some.name.replace("Customer ", "c");
    assert!(server.card(&format!("{card}.vcf")).unwrap().contains(&"NOTE:written meanwhile".to_owned()));
    assert!(server.card(&format!("{made}.vcf")).is_some());
    assert_eq!(here.store.conflicts().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_read_ahead_is_not_older_than_what_was_written_since() {
    let server = Radicale::start();
    server.fill(300);
    let book = CardDav::new(&account(server.address()), &Trust::System, BOOK, true).unwrap();
    let pull = async |after| match book.ask(&Demand::Pull { entity: CONTACT, after }).await {
        Ok(Answer::Page(page)) => page,
        other => panic!("{other:?}"),
    };
    let first = pull(After::Beginning).await;
    let next = first.next.expect("a second page");
    let later = (0..300).map(|n| format!("c{n}.vcf")).find(|id| first.records.iter().all(|r| r.id != *id)).unwrap();
    let get = Demand::Get { entity: CONTACT, id: later.clone() };
    // More than one, so that what is read ahead has come meanwhile.
    let mut version = None;
    for _ in 0..40 {
        let Ok(Answer::Record(r)) = book.ask(&get).await else { panic!("it is not there") };
        version = r.version;
    }
    let patch = fields([("note", json!("written since"))]);
    book.ask(&Demand::Update { entity: CONTACT, id: later.clone(), version, patch }).await.unwrap();
    let second = pull(After::Page(next)).await;
    let there = second.records.iter().find(|r| r.id == later).expect("on the second page");
    assert_eq!(there.fields["note"], "written since");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_changed_waits_for_the_operators_choice() {
    let server = Radicale::start();
    server.put("c.vcf", &card("c", "Carla Neri", "NOTE:old\r\n"));
    let mut here = Working::with(&server);
    here.until("the card is here", |s| one(s, "carla").is_some()).await;
    let uid = one(&here.store, "carla").unwrap();
    server.change("c.vcf", "NOTE", "theirs");
    here.edit(&uid, "note", json!("old"), json!("mine"));
    here.sent().await;
    let conflicts = here.store.conflicts().unwrap();
    let c = &conflicts[0];
    assert_eq!((c.base.clone(), c.mine.clone(), c.theirs.clone()), (json!("old"), json!("mine"), json!("theirs")));
    assert_eq!(the_field(&here.store, &uid, "note"), "theirs");

    here.store.choose(c, Choice::Mine, "IT", wall()).unwrap();
    here.sent().await;
    assert!(server.card("c.vcf").unwrap().contains(&"NOTE:mine".to_owned()));
    assert_eq!(here.store.conflicts().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_everything_is_kept_and_sent_when_the_server_is_back() {
    let mut server = Radicale::start();
    server.put("c.vcf", &card("c", "Carla Neri", ""));
    let mut here = Working::with(&server);
    here.until("the card is here", |s| one(s, "carla").is_some()).await;
    server.stop();
    let uid = one(&here.store, "carla").unwrap();
    here.edit(&uid, "note", json!(""), json!("written offline"));
    let made = new_id();
    here.store.create(CONTACT, &made, &fields([("name", json!("Dario"))]), "IT", wall()).unwrap();
    here.runner.wake();
    here.until("it is told that nobody answers", |s| s.standing().unwrap().error.is_some()).await;
    assert_eq!(here.store.standing().unwrap().waiting, 2);

    server.go();
    here.store.go_on(false).unwrap();
    here.sent().await;
    assert!(server.card("c.vcf").unwrap().contains(&"NOTE:written offline".to_owned()));
    assert!(server.card(&format!("{made}.vcf")).is_some());
    assert_eq!(here.store.standing().unwrap().error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_before_anything_is_connected() {
    let server = Radicale::start();
    let (secure, certificate) = Radicale::with_tls();
    let books = CardDav::books(&account(server.address()), &Trust::System).await.unwrap();
    let book = &books[0];
    assert_eq!((book.path.as_str(), book.name.as_str(), book.cards), (BOOK, "Customers", 0));
    assert!(book.writable && book.tokens);
    // Anywhere on the server will do.
    for path in ["anna/", "anna/customers/", ".well-known/carddav", "nowhere/at/all"] {
        let found = CardDav::books(&account(format!("{}{path}", server.address())), &Trust::System).await;
        assert_eq!(found.as_deref(), Ok(books.as_slice()), "{path}");
    }
    let its_own = Trust::Pem(std::fs::read(certificate).unwrap());
    assert_eq!(CardDav::books(&account(secure.address()), &its_own).await, Err(CrmError::NoBook), "TLS");
    let wrong = Account { password: "nonsense".into(), ..account(server.address()) };
    let cases = [
        ("a wrong password", wrong, "crm.password"),
        ("a certificate nobody vouches for", account(secure.address()), "crm.certificate"),
        ("nothing listens", account("http://127.0.0.1:9/".into()), "crm.unreachable"),
        ("no such host", account("https://nohost.invalid/".into()), "crm.unreachable"),
        ("in the clear", account("http://dav.example.com/".into()), "crm.clear"),
        ("no address", account("::".into()), "crm.address"),
    ];
    for (what, account, code) in cases {
        let told = CardDav::books(&account, &Trust::System).await.map_err(|e| e.code());
        assert_eq!(told, Err(code), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_no_longer_right_stops_asking_and_loses_nothing() {
    let server = Radicale::start();
    let (_folder, store) = store();
    let wrong = Account { password: "nonsense".into(), ..account(server.address()) };
    let upstream = CardDav::new(&wrong, &Trust::System, BOOK, true).unwrap();
    store.connect_crm("radicale", &upstream.fields(), "IT", wall()).unwrap();
    store.create(CONTACT, &new_id(), &fields([("name", json!("Dario"))]), "IT", wall()).unwrap();
    let (say, news) = unbounded_channel();
    let say = move |n| {
        let _ = say.send(n);
    };
    let runner = Runner::start(store.clone(), Arc::new(upstream), "IT".into(), Arc::new(wall), say);
    let mut here = Working { store, runner, news, _folder };
    here.until("it has stopped", |s| s.standing().unwrap().stopped.is_some()).await;
    assert_eq!(here.store.standing().unwrap().waiting, 1);
    assert!(server.cards().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_or_was_not_done_is_never_guessed() {
    let server = Arc::new(Radicale::start());
    let direct = CardDav::new(&account(server.address()), &Trust::System, BOOK, true).unwrap();
    let record = |answer| match answer {
        Ok(Answer::Record(r)) => r,
        other => panic!("{other:?}"),
    };
    let key = new_id();
    let create = Demand::Create { entity: CONTACT, key: key.clone(), fields: fields([("name", json!("Dario"))]) };
    let made = record(direct.ask(&create).await);
    assert_eq!(made.key.as_ref(), Some(&key));
    server.change(&made.id, "NOTE", "theirs");
    // Asked for twice, it is one, and what somebody else wrote meanwhile stands.
    let again = record(direct.ask(&create).await);
    assert_eq!((&again.id, &again.fields["note"]), (&made.id, &json!("theirs")));
    let update = |version: &Option<String>, note: &str| Demand::Update {
        entity: CONTACT,
        id: made.id.clone(),
        version: version.clone(),
        patch: fields([("note", json!(note))]),
    };
    let delete = |version: Option<String>| Demand::Delete { entity: CONTACT, id: made.id.clone(), version };
    for stale in [update(&made.version, "mine"), update(&None, "mine"), delete(made.version.clone()), delete(None)] {
        assert_eq!(direct.ask(&stale).await, Err(Failure::Conflict), "{stale:?}");
    }
    // Somebody writes in the moment between our look and our change.
    let line = Line::to("127.0.0.1:5232".parse().unwrap(), 1, 1_000);
    line.faulty(false);
    let there = CardDav::new(&account(line.address()), &Trust::System, BOOK, true).unwrap();
    let (somebody, id) = (server.clone(), made.id.clone());
    line.before("PUT /", move || somebody.change(&id, "NOTE", "just now"));
    assert_eq!(there.ask(&update(&again.version, "mine")).await, Err(Failure::Conflict));
    assert!(server.card(&made.id).unwrap().contains(&"NOTE:just now".to_owned()));

    let get = Demand::Get { entity: CONTACT, id: made.id.clone() };
    let now = record(direct.ask(&get).await);
    for (fate, in_doubt) in [
        (Fate::AnswerLost, true),
        (Fate::Lost, true),
        (Fate::Late, true),
        (Fate::AnswerHalved, true),
        (Fate::Fails, true),
        (Fate::FailsAfter, true),
        (Fate::Busy, false),
    ] {
        line.always(fate);
        for demand in [delete(now.version.clone()), create.clone()] {
            let told = there.ask(&demand).await;
            assert_eq!(matches!(told, Err(Failure::Ambiguous { .. })), in_doubt, "{fate:?}: {told:?}");
            assert_eq!(
                matches!(told, Err(Failure::Retry { after_ms: Some(2_000), .. })),
                !in_doubt,
                "{fate:?}: {told:?}"
            );
        }
    }
    let nobody = CardDav::new(&account("http://127.0.0.1:9/".into()), &Trust::System, BOOK, true).unwrap();
    let told = nobody.ask(&create).await;
    assert!(matches!(told, Err(Failure::Retry { after_ms: None, .. })), "{told:?}");
}
