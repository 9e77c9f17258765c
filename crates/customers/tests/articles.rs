//! Articles are found by what they say, the best first, however many there are.
#![allow(clippy::unwrap_used)]

use cuffia_customers::*;
use std::path::Path;

fn store(dir: &Path) -> Store {
    let (key, _) = open_key(dir, false).unwrap();
    Store::open(&dir.join("cuffia.db"), &key).unwrap()
}

fn article(id: usize, title: &str, text: &str) -> NewArticle {
    let (body, text) = (text.to_owned(), text.to_owned());
    let article = Article { id: format!("{id}.md"), title: title.to_owned(), body, text, changed: 0 };
    NewArticle { article, stamp: String::new() }
}

fn titles(store: &Store, words: &str, limit: u32) -> Vec<String> {
    store.find_articles(&Words::of(words), limit).unwrap().into_iter().map(|a| a.title).collect()
}

#[test]
fn an_article_with_it_in_its_title_comes_first_among_few_and_among_more_than_are_ranked() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for count in [20, 1_000] {
        let all: Vec<_> = (0..count).map(|i| article(i, "Altro", "il rimborso del cliente")).collect();
        store.put_articles(&all).unwrap();
        store.put_articles(&[article(count, "Rimborso al cliente", "entro dieci giorni")]).unwrap();
        for words in ["r", "rim", "rimborso cliente"] {
            let found = titles(&store, words, 10);
            assert_eq!((found.len(), found[0].as_str()), (10, "Rimborso al cliente"), "{words} of {count}");
        }
        assert_eq!(titles(&store, "dieci", 10), ["Rimborso al cliente"]);
        assert_eq!(titles(&store, "rimborso", 2_000).len(), count + 1, "each once");
        store.keep_articles(&Default::default()).unwrap();
        assert_eq!(titles(&store, "rimborso", 10).len(), 0);
    }
}
