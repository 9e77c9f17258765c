//! Fetching all customers of a server for the first time, beside the same adapter with nothing behind it; looking numbers up meanwhile;
//! sending what has waited.

use crate::{people, percentile};
use cuffia_crm::{Account, CardDav, Kind, Runner, Upstream};
use cuffia_customers::sync::upstream::{After, Answer, Demand, Entity};
use cuffia_customers::{DatabaseKey, Store, new_id};
use cuffia_phone::Trust;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::json;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::unbounded_channel;

const BOOK: &str = "/anna/customers/";
const WAITING: usize = 100;
const BARE: usize = 20;
const PORT: u16 = 5234;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Radicale with so many cards, written to its folder.
fn server(folder: &Path, count: usize) -> Server {
    let book = folder.join("data/collection-root/anna/customers");
    std::fs::create_dir_all(&book).unwrap();
    std::fs::write(book.join(".Radicale.props"), r#"{"tag": "VADDRESSBOOK", "D:displayname": "Customers"}"#).unwrap();
    let mut chance = SmallRng::seed_from_u64(7);
    for n in 0..count {
        let c = people::one(&mut chance);
        let numbers: String = c.numbers.iter().map(|n| format!("TEL:{n}\r\n")).collect();
        let card = format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c{n}\r\nFN:{}\r\nORG:{}\r\n{numbers}EMAIL:{}\r\nEND:VCARD\r\n",
            c.name, c.company, c.emails[0]
        );
        std::fs::write(book.join(format!("c{n}.vcf")), card).unwrap();
    }
    std::fs::write(folder.join("users"), "anna:secret\n").unwrap();
    let config = format!(
        "[server]\nhosts = 127.0.0.1:{PORT}\n[auth]\ntype = htpasswd\nhtpasswd_filename = {0}/users\nhtpasswd_encryption = plain\n\
         delay = 0\n[storage]\nfilesystem_folder = {0}/data\n",
        folder.display()
    );
    std::fs::write(folder.join("config"), config).unwrap();
    let mut command = Command::new("radicale");
    command.arg("--config").arg(folder.join("config")).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server(command.spawn().expect("radicale (bash scripts/setup test installs it)"));
    let limit = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", PORT)).is_err() {
        assert!(Instant::now() < limit, "radicale does not listen");
        std::thread::yield_now();
    }
    server
}

fn upstream() -> CardDav {
    let account = Account {
        kind: Kind::CardDav,
        address: format!("http://127.0.0.1:{PORT}/"),
        user: "anna".into(),
        password: "secret".into(),
    };
    CardDav::new(&account, &Trust::System, BOOK, true).unwrap()
}

/// All cards, read and thrown away: what the server and the adapter alone take, seconds.
async fn bare() -> f64 {
    let (upstream, begun, mut after) = (upstream(), Instant::now(), After::Beginning);
    loop {
        let Ok(Answer::Page(page)) = upstream.ask(&Demand::Pull { entity: Entity::Contact, after }).await else {
            panic!("the server does not answer")
        };
        match page.next {
            Some(next) => after = After::Page(next),
            None => return begun.elapsed().as_secs_f64(),
        }
    }
}

/// What the server and the adapter alone take to make a customer, seconds.
async fn bare_creates() -> f64 {
    let (upstream, begun) = (upstream(), Instant::now());
    for n in 0..BARE {
        let fields = [("name".to_owned(), json!(format!("Bare {n}")))].into();
        let made = upstream.ask(&Demand::Create { entity: Entity::Contact, key: new_id(), fields }).await;
        assert!(made.is_ok(), "{made:?}");
    }
    begun.elapsed().as_secs_f64() / BARE as f64
}

fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

#[tokio::main]
pub async fn run(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let _server = server(folder.path(), count);
    // The server reads each card once and remembers it: neither of the two shall pay for that.
    bare().await;
    let alone = bare().await;
    let making = bare_creates().await;
    let store = Store::open(&folder.path().join("cuffia.db"), &DatabaseKey::random().unwrap()).unwrap();
    let store = Arc::new(store);
    let upstream = upstream();
    store.connect_crm("bench", &upstream.fields(), "IT", wall()).unwrap();
    let (say, mut news) = unbounded_channel();
    let begun = Instant::now();
    let say = move |n| {
        let _ = say.send(n);
    };
    let runner = Runner::start(store.clone(), Arc::new(upstream), "IT".into(), Arc::new(wall), say);
    let (mut looks, mut slowest) = (Vec::new(), 0.0f64);
    while store.count_customers().unwrap() < (count + BARE) as i64 {
        let look = Instant::now();
        store.customers_by_number("+390111234567", "IT").unwrap();
        let ms = look.elapsed().as_secs_f64() * 1e3;
        looks.push(ms);
        slowest = slowest.max(ms);
        // Whatever comes, or a moment later: number look-ups go on all the time.
        let _ = tokio::time::timeout(Duration::from_millis(5), news.recv()).await;
    }
    let fetched = begun.elapsed().as_secs_f64();
    for n in 0..WAITING {
        let fields = [("name".to_owned(), json!(format!("Waiting {n}")))].into();
        store.create(Entity::Contact, &new_id(), &fields, "IT", wall()).unwrap();
    }
    let begun = Instant::now();
    runner.wake();
    while store.standing().unwrap().waiting > 0 {
        let _ = tokio::time::timeout(Duration::from_millis(50), news.recv()).await;
    }
    let drained = begun.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({
            "cards": count, "bareS": alone, "fetchS": fetched, "share": alone / fetched, "drainS": drained, "waiting": WAITING,
            "bareDrainS": making * WAITING as f64,
            "lookP99Ms": percentile(&mut looks, 99), "lookSlowestMs": slowest,
        })
    );
}
