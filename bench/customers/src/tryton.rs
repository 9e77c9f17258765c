//! How many operators a Tryton server holds: everything fetched once, then some at once who do nothing but what each does in a minute, as
//! fast as the server lets them.

use crate::percentile;
use cuffia_crm::{Account, Kind, Upstream};
use cuffia_customers::sync::upstream::{After, Answer, Demand, Entity};
use cuffia_phone::Trust;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CONTACT: Entity = Entity::Contact;
const AT_ONCE: [usize; 4] = [1, 4, 16, 64];
const FOR: Duration = Duration::from_secs(30);
/// One customer is changed in so many looks, which is once in five minutes.
const LOOKS: usize = 5;

fn operator(address: &str) -> Arc<dyn Upstream> {
    let account =
        Account { kind: Kind::Tryton, address: address.into(), user: "admin".into(), password: "adminpass".into() };
    account.open(&Trust::System, "crm", false, true, "IT").unwrap()
}

async fn page(operator: &dyn Upstream, after: After) -> cuffia_customers::sync::upstream::Page {
    match operator.ask(&Demand::Pull { entity: CONTACT, after }).await {
        Ok(Answer::Page(page)) => page,
        other => panic!("no page: {other:?}"),
    }
}

async fn look(operator: &dyn Upstream) -> f64 {
    let begun = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut after = After::Since(now - 300_000);
    while let Some(next) = page(operator, after).await.next {
        after = After::Page(next);
    }
    begun.elapsed().as_secs_f64() * 1e3
}

async fn change(operator: &dyn Upstream, id: String) -> f64 {
    let begun = Instant::now();
    let Ok(Answer::Record(now)) = operator.ask(&Demand::Get { entity: CONTACT, id: id.clone() }).await else {
        panic!("{id} is not there")
    };
    let patch = [("town".to_owned(), json!(format!("Town {}", begun.elapsed().as_nanos())))].into();
    // Somebody else may have been faster.
    let _ = operator.ask(&Demand::Update { entity: CONTACT, id, version: now.version, patch }).await;
    begun.elapsed().as_secs_f64() * 1e3
}

async fn work(address: String, seed: u64, count: usize) -> (Vec<f64>, Vec<f64>) {
    let (operator, mut chance) = (operator(&address), SmallRng::seed_from_u64(seed));
    let (mut looks, mut changes) = (Vec::new(), Vec::new());
    // To begin with, without a session and with everything to be counted.
    look(&*operator).await;
    let until = Instant::now() + FOR;
    while Instant::now() < until {
        looks.push(look(&*operator).await);
        if looks.len() % LOOKS == 0 {
            changes.push(change(&*operator, chance.random_range(1..=count).to_string()).await);
        }
    }
    (looks, changes)
}

/// Against a server that has so many parties, from the id 1 on.
pub fn run(address: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (first, begun, mut fetched, mut after) = (operator(address), Instant::now(), 0, After::Beginning);
        loop {
            let page = page(&*first, after).await;
            fetched += page.records.len();
            match page.next {
                Some(next) => after = After::Page(next),
                None => break,
            }
        }
        let fetch = fetched as f64 / begun.elapsed().as_secs_f64();
        println!("{}", json!({ "customers": fetched, "fetchedASecond": fetch.round() }));
        for at_once in AT_ONCE {
            let begun = Instant::now();
            let all: Vec<_> = (0..at_once)
                .map(|i| tokio::spawn(work(address.to_owned(), i as u64, count)))
                .collect();
            let (mut looks, mut changes) = (Vec::new(), Vec::new());
            for one in all {
                let (l, c) = one.await.unwrap();
                looks.extend(l);
                changes.extend(c);
            }
            let a_second = looks.len() as f64 / begun.elapsed().as_secs_f64();
            let ms = |values: &mut Vec<f64>| json!({ "p50": percentile(values, 50), "p95": percentile(values, 95) });
            let told = json!({ "atOnce": at_once, "looksASecond": a_second, "look": ms(&mut looks), "change": ms(&mut changes) });
            println!("{told}");
        }
    });
}
