//! A process that writes and sends is killed at any moment: what it said is on disk is there, and arrives once.

use crate::radicale::{BOOK, Radicale};
use crate::{account, wall};
use cuffia_crm::{CardDav, Upstream};
use cuffia_customers::sync::{Engine, Next};
use cuffia_customers::{Store, open_key};
use cuffia_phone::Trust;
use cuffia_tests::process::Process;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const KILLS: u32 = 200;

/// Lets it write for a while that is never the same, and kills it. What it said.
fn run_and_kill(folder: &Path, server: &Radicale, run: u32, chance: &mut SmallRng) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuffia-writer"));
    command.arg(folder).arg(server.address()).arg(run.to_string());
    let mut writer = Process::start("cuffia-writer", &mut command);
    writer.line("its first line", |_| true);
    // Somewhere in the next transactions and requests.
    let moment = Instant::now() + Duration::from_micros(chance.random_range(0..40_000));
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
    writer.kill();
    writer.lines()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    let server = Radicale::start();
    let folder = tempfile::tempdir().unwrap();
    let mut chance = SmallRng::seed_from_u64(7);
    let mut said: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    for run in 0..KILLS {
        let (folder, server) = (folder.path(), &server);
        let lines = tokio::task::block_in_place(|| run_and_kill(folder, server, run, &mut chance));
        for line in lines {
            let mut words = line.split(' ').map(str::to_owned);
            match (words.next().as_deref(), words.next(), words.next()) {
                (Some("made"), Some(uid), name) => said.entry(uid).or_default()[0] = name,
                (Some("wrote"), Some(uid), note) => said.entry(uid).or_default()[1] = note,
                _ => panic!("run {run}: {line}"),
            }
        }
    }
    let (key, _) = open_key(folder.path(), false).unwrap();
    let store = Store::open(&folder.path().join("cuffia.db"), &key).unwrap();
    assert!(store.is_sound().unwrap());
    for (uid, [name, note]) in &said {
        let fields = store.customer_fields(uid).unwrap().unwrap_or_else(|| panic!("{uid} is lost"));
        for (field, value) in [("name", name), ("note", note)].into_iter().filter_map(|(f, v)| Some((f, v.as_ref()?))) {
            assert_eq!(fields[field], **value, "{uid}");
        }
    }
    // What waits is sent, on virtual time: what is in doubt is waited for.
    let upstream = CardDav::new(&account(server.address()), &Trust::System, BOOK, true).unwrap();
    let (mut engine, mut now) = (Engine::new(upstream.capabilities(), 7), wall());
    for _ in 0..20_000 {
        match store.next_request(&mut engine, "IT", now).unwrap() {
            Next::Ask(step) => {
                let result = upstream.ask(&step.demand).await;
                store.take_answer(&mut engine, &step, result, "IT", now).unwrap();
            }
            Next::Wait(_) if store.standing().unwrap().waiting == 0 => break,
            Next::Wait(until) => now = until.unwrap_or(now).max(now + 1),
        }
    }
    assert_eq!(store.standing().unwrap().waiting, 0);
    assert_eq!(store.conflicts().unwrap(), []);
    let there = server.cards();
    // One card each; of a customer that was on disk before its line was said, too.
    let mut names: Vec<&String> = there.values().flatten().filter(|l| l.starts_with("FN:")).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), all), (all, there.len()), "twice");
    for (uid, [name, note]) in &said {
        let card = there.get(&format!("{uid}.vcf")).unwrap_or_else(|| panic!("{uid} did not arrive"));
        for line in
            [name.as_ref().map(|n| format!("FN:{n}")), note.as_ref().map(|n| format!("NOTE:{n}"))].into_iter().flatten()
        {
            assert!(card.contains(&line), "{line} in {card:?}");
        }
    }
    assert!(said.len() > KILLS as usize, "it hardly wrote anything: {}", said.len());
}
