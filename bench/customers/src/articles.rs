//! How fast articles are found, and suggested for what is written down in a call.

use crate::{figures, timed};
use cuffia_customers::{Article, DatabaseKey, NewArticle, Store, Words};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use std::time::Instant;

const WORDS: usize = 8_000;
const OF_AN_ARTICLE: usize = 350;
const SEARCHES: usize = 300;
const FOUND: u32 = 50;
const SUGGESTED: usize = 3;

/// Words as a language has them: of three or four syllables, and few of them in most sentences.
fn vocabulary(chance: &mut SmallRng) -> Vec<String> {
    const SYLLABLES: [&str; 24] = [
        "fa", "tu", "ra", "con", "to", "ri", "chie", "sta", "nu", "me", "ro", "li", "cen", "za", "pa", "ga", "men",
        "te", "so", "le", "ci", "di", "bo", "per",
    ];
    let mut word = || (0..chance.random_range(2..5)).map(|_| SYLLABLES[chance.random_range(0..24)]).collect();
    (0..WORDS).map(|_| word()).collect()
}

fn some(words: &[String], count: usize, chance: &mut SmallRng) -> String {
    let mut rare = || ((WORDS as f64).powf(chance.random::<f64>()) as usize).min(WORDS - 1);
    (0..count).map(|_| words[rare()].as_str()).collect::<Vec<_>>().join(" ")
}

pub fn run(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("cuffia.db"), &DatabaseKey::random().unwrap()).unwrap();
    let mut chance = SmallRng::seed_from_u64(7);
    let words = vocabulary(&mut chance);
    let all: Vec<NewArticle> = (0..count)
        .map(|i| {
            let (title, text) = (some(&words, 5, &mut chance), some(&words, OF_AN_ARTICLE, &mut chance));
            let article = Article { id: format!("{i}.md"), title, body: text.clone(), text, changed: 0 };
            NewArticle { article, stamp: String::new() }
        })
        .collect();
    let begun = Instant::now();
    for some in all.chunks(50) {
        store.put_articles(some).unwrap();
    }
    let made = begun.elapsed().as_secs_f64();
    let mut typed = |count: usize, letters: usize| -> Vec<String> {
        let begun = |text: String| text.split(' ').map(|w| &w[..w.len().min(letters)]).collect::<Vec<_>>().join(" ");
        (0..SEARCHES).map(|_| begun(some(&words, count, &mut chance))).collect()
    };
    let (one, three, two, note) = (typed(1, 1), typed(1, 3), typed(2, 9), typed(20, 9));
    let find = |texts: &[String]| timed(SEARCHES, |i| drop(store.find_articles(&Words::of(&texts[i]), FOUND).unwrap()));
    let mut out: Map<String, Value> = [
        figures("oneLetter", find(&one)),
        figures("threeLetters", find(&three)),
        figures("twoWords", find(&two)),
        figures("suggestion", timed(SEARCHES, |i| drop(store.suggest_articles(&note[i], SUGGESTED).unwrap()))),
    ]
    .into_iter()
    .collect();
    out.insert("articles".into(), json!(count));
    out.insert("madeS".into(), json!(made));
    println!("{}", Value::Object(out));
}
