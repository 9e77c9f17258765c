//! How fast customers and articles are found, written and fetched: `cuffia-customers-bench COUNT...`, `cuffia-customers-bench sync COUNT`,
//! `cuffia-customers-bench articles COUNT` or `cuffia-customers-bench tryton ADDRESS COUNT`. One JSON object a line. Times are milliseconds.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a bench that can't go on stops

mod articles;
mod people;
mod sync;
mod tryton;

use cuffia_customers::sync::upstream::Entity;
use cuffia_customers::{Customer, DatabaseKey, Store};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::time::Instant;

const LOOKS: usize = 3_000;
const SEARCHES: usize = 300;
const COMMITS: usize = 300;
const BATCH: usize = 5_000;
/// Of these some are in memory and some are not, as on a morning.
const KEPT: usize = 20_000;

/// Value below which a share of all lie.
pub fn percentile(values: &mut [f64], share: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * share / 100).or(values.last()).copied().unwrap_or(0.0)
}

fn timed(times: usize, mut what: impl FnMut(usize)) -> Vec<f64> {
    (0..times)
        .map(|i| {
            let begun = Instant::now();
            what(i);
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect()
}

fn figures(name: &str, mut ms: Vec<f64>) -> (String, Value) {
    let [p50, p95, p99] = [50, 95, 99].map(|share| percentile(&mut ms, share));
    (name.to_owned(), json!({ "p50": p50, "p95": p95, "p99": p99 }))
}

/// Resident memory of this process, MB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn local(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cuffia.db");
    let key = DatabaseKey::random().unwrap();
    let mut chance = SmallRng::seed_from_u64(7);
    let store = Store::open(&path, &key).unwrap();
    let begun = Instant::now();
    let mut kept: Vec<Customer> = Vec::new();
    for done in (0..count).step_by(BATCH) {
        let batch: Vec<Customer> = (done..count.min(done + BATCH)).map(|_| people::one(&mut chance)).collect();
        store.put_customers(&batch, "IT", 1).unwrap();
        kept.extend(batch.into_iter().filter(|_| chance.random_range(0..count) < KEPT));
        eprintln!("{} of {count}", done + BATCH);
    }
    let filled = begun.elapsed().as_secs_f64();
    drop(store);
    let begun = Instant::now();
    let store = Store::open(&path, &key).unwrap();
    let opened = begun.elapsed().as_secs_f64() * 1e3;
    let mapped = ["name", "company", "product", "town", "note", "numbers", "emails"];
    store.connect_crm("bench", &[(Entity::Contact, &mapped)], "IT", 1).unwrap();
    let some = |chance: &mut SmallRng| kept.choose(chance).unwrap().clone();
    // Each letter typed is a search: what a person waits for after it.
    let typed = |store: &Store, chance: &mut SmallRng, what: &dyn Fn(&Customer) -> String| {
        timed(SEARCHES, |_| drop(store.find_customers(&what(&some(chance)), 20).unwrap()))
    };
    let first = |text: &str, letters: usize| text.chars().take(letters).collect::<String>();
    let cyrillic = |c: &Customer| {
        if c.name.chars().any(|c| ('а'..='я').contains(&c)) { first(&c.name, 3) } else { "куз".into() }
    };
    let mut all = vec![
        figures(
            "number",
            timed(LOOKS, |_| drop(store.customers_by_number(&some(&mut chance).numbers[0], "IT").unwrap())),
        ),
        figures("one letter", typed(&store, &mut chance, &|c| first(&c.name, 1))),
        figures("three letters", typed(&store, &mut chance, &|c| first(&c.name, 3))),
        figures("two words", typed(&store, &mut chance, &|c| c.name.clone())),
        figures("Cyrillic", typed(&store, &mut chance, &cyrillic)),
        figures("Latin for Cyrillic", typed(&store, &mut chance, &|_| "kuzn".into())),
        figures("part of a number", typed(&store, &mut chance, &|c| c.numbers[0][4..11].to_owned())),
        figures("customer", timed(LOOKS, |_| drop(store.customer(&some(&mut chance).id).unwrap()))),
    ];
    let commits = timed(COMMITS, |i| {
        let id = some(&mut chance).id;
        let seen = store.customer_fields(&id).unwrap().unwrap();
        let patch = [("note".to_owned(), json!(format!("note {i}")))].into();
        store.edit(Entity::Contact, &id, &patch, &seen, "IT", 2).unwrap();
    });
    all.push(figures("commit", commits));
    let size = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
    let figures: serde_json::Map<String, Value> = all.into_iter().collect();
    println!(
        "{}",
        json!({ "customers": count, "ms": figures, "openMs": opened, "fillS": filled, "sizeMb": size, "memoryMb": memory() })
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let counts = |from: &[String]| from.iter().map(|a| a.parse::<usize>().unwrap()).collect::<Vec<_>>();
    match arguments.split_first() {
        Some((word, rest)) if word == "sync" => {
            for count in counts(rest) {
                sync::run(count);
            }
        }
        Some((word, rest)) if word == "articles" => counts(rest).into_iter().for_each(articles::run),
        Some((word, [address, count])) if word == "tryton" => tryton::run(address, count.parse().unwrap()),
        _ => {
            for count in counts(&arguments) {
                local(count);
            }
        }
    }
}
