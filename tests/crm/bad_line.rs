//! Work on both sides over a line that loses, halves and delays; then a good line, until all is at rest.

use crate::line::Line;
use crate::radicale::{BOOK, Radicale, card};
use crate::{CONTACT, account, fields, store, the_field, wall};
use cuffia_crm::{CardDav, Upstream};
use cuffia_customers::new_id;
use cuffia_customers::sync::{Engine, Next};
use cuffia_phone::Trust;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Changes on both sides over a line that loses, halves and delays, on virtual time; then a good line, until all is at rest.
async fn bad_day(server: &Radicale, seed: u64) {
    for name in server.cards().into_keys() {
        server.delete(&name);
    }
    let (_folder, store) = store();
    let line = Line::to("127.0.0.1:5232".parse().unwrap(), seed, 50_000);
    let upstream = CardDav::new(&account(line.address()), &Trust::System, BOOK, true).unwrap();
    store.connect_crm("radicale", upstream.fields(), "IT", wall()).unwrap();
    let mut engine = Engine::new(upstream.capabilities(), seed);
    let mut chance = SmallRng::seed_from_u64(seed);
    let mut now = 1_000_000_000;
    let (mut made, mut wrote, mut count) = (BTreeSet::new(), BTreeMap::<(String, &str), String>::new(), 0);
    let mut step = async |now: &mut i64, wait: i64| -> bool {
        match store.next_request(&mut engine, "IT", *now).unwrap() {
            Next::Ask(step) => {
                let result = upstream.ask(&step.demand).await;
                store.take_answer(&mut engine, &step, result, "IT", *now).unwrap();
                true
            }
            Next::Wait(until) => {
                *now = until.unwrap_or(*now + wait).clamp(*now + 1, *now + wait);
                line.pass_time(*now);
                false
            }
        }
    };
    for _ in 0..120 {
        now += 100;
        line.pass_time(now);
        count += 1;
        let all = store.find_customers("", 50).unwrap();
        match (chance.random_range(0..10), all.choose(&mut chance)) {
            (0, _) => {
                let uid = new_id();
                let new = fields([("name", json!(format!("mine {count}")))]);
                store.create(CONTACT, &uid, &new, "IT", now).unwrap();
                made.insert(uid);
            }
            (1..3, Some(c)) => {
                let field = if chance.random() { "note" } else { "town" };
                let seen = store.customer_fields(&c.id).unwrap().unwrap();
                let value = format!("mine {count}");
                store.edit(CONTACT, &c.id, &fields([(field, json!(value))]), &seen, "IT", now).unwrap();
                wrote.insert((c.id.clone(), field), value);
            }
            (3, Some(c)) if chance.random_bool(0.2) => {
                store.delete(CONTACT, &c.id, "IT", now).unwrap();
                made.remove(&c.id);
                wrote.retain(|(uid, _), _| *uid != c.id);
            }
            (3, _) => {
                let names: Vec<String> = server.cards().into_keys().collect();
                match names.choose(&mut chance) {
                    Some(name) if chance.random_bool(0.1) => {
                        server.delete(name);
                        made.retain(|uid| *name != format!("{uid}.vcf"));
                    }
                    Some(name) if chance.random_bool(0.7) => server.change(name, "NOTE", &format!("theirs {count}")),
                    _ => server.put(&format!("t{count}.vcf"), &card(&format!("t{count}"), "theirs", "")),
                }
            }
            _ => drop(step(&mut now, 20_000).await),
        }
    }
    line.faulty(false);
    // Until nothing is late any more and all that waited was tried; then two more looks at what is new.
    let mut rounds = 0;
    for _ in 0..2_000 {
        store.go_on(false).unwrap();
        if !step(&mut now, 30_000).await && store.standing().unwrap().waiting == 0 {
            rounds += 1;
        }
        if rounds > 12 {
            break;
        }
    }
    let s = store.standing().unwrap();
    assert_eq!((s.waiting, s.refused), (0, 0), "seed {seed}: {s:?}");
    let there = server.cards();
    assert_eq!(there.len(), store.find_customers("", 500).unwrap().len(), "seed {seed}");
    for uid in &made {
        assert!(there.contains_key(&format!("{uid}.vcf")), "seed {seed}: {uid} is not there");
    }
    let conflicts = store.conflicts().unwrap();
    for ((uid, field), value) in &wrote {
        let asked = conflicts.iter().any(|c| match c.field.as_deref() {
            Some(f) => c.uid == *uid && f == *field && c.mine == *value,
            None => c.uid == *uid && c.mine[*field] == *value,
        });
        let here = the_field(&store, uid, field);
        // Somebody else's later value stands where ours arrived before it.
        assert!(
            asked || here == *value || here.as_str().is_some_and(|h| h.starts_with("theirs")),
            "seed {seed}: {value} of {uid}"
        );
    }
    let mut theirs: Vec<[String; 3]> = there
        .values()
        .map(|lines| {
            let of = |name: &str| lines.iter().find_map(|l| l.strip_prefix(name)).unwrap_or_default().to_owned();
            [of("FN:"), of("NOTE:"), of("ADR:").split(';').nth(3).unwrap_or_default().to_owned()]
        })
        .collect();
    let mut ours: Vec<[String; 3]> =
        store.find_customers("", 500).unwrap().into_iter().map(|c| [c.name, c.note, c.town]).collect();
    theirs.sort();
    ours.sort();
    assert_eq!(theirs, ours, "seed {seed}");
    assert!(line.lost() > 3, "seed {seed}: the line was too good");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_bad_line_everything_arrives_once() {
    let server = Radicale::start();
    for seed in 0..6 {
        bad_day(&server, seed).await;
    }
}
