//! A process that writes customers and sends them to an address book until it is killed. Each line says what is on disk:
//! `made ID NAME`, `wrote ID NOTE`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use cuffia_crm::{Account, CardDav, Kind, Runner, Upstream};
use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::{Store, new_id, open_key};
use cuffia_phone::Trust;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[tokio::main]
async fn main() {
    let [_, folder, address, run] = std::env::args().collect::<Vec<_>>().try_into().expect("FOLDER ADDRESS RUN");
    let (key, _) = open_key(Path::new(&folder), false).unwrap();
    let store = Arc::new(Store::open(&Path::new(&folder).join("cuffia.db"), &key).unwrap());
    let account = Account { kind: Kind::CardDav, address, user: "anna".into(), password: "ciao ciao".into() };
    let upstream = CardDav::new(&account, &Trust::System, "/anna/customers/", true).unwrap();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    store.connect_crm("radicale", &upstream.fields(), "IT", now()).unwrap();
    let runner = Runner::start(store.clone(), Arc::new(upstream), "IT".into(), Arc::new(now), |_| {});
    tokio::task::block_in_place(|| {
        for n in 0.. {
            let uid = new_id();
            let (name, note) = (format!("{run}-{n}"), format!("note-{run}-{n}"));
            let fields = [("name".to_owned(), json!(name)), ("note".to_owned(), json!(""))].into();
            store.create(Entity::Contact, &uid, &fields, "IT", now()).unwrap();
            println!("made {uid} {name}");
            runner.wake();
            let (patch, seen) = ([("note".to_owned(), json!(note))].into(), [("note".to_owned(), json!(""))].into());
            store.edit(Entity::Contact, &uid, &patch, &seen, "IT", now()).unwrap();
            println!("wrote {uid} {note}");
            runner.wake();
        }
    });
}
