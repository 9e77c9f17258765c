//! Knowledge articles: kept here so that they are found without a network, and as fast as anybody types. Where they come from has them too,
//! but for in which calls they were of use.

use crate::{Store, StoreError, search};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use unicode_normalization::char::is_combining_mark;

/// A text that is longer than what an operator notes in a call says no more about what it is about.
const MOST_STEMS: usize = 32;
/// A word that more than one article in so many has says nothing about any.
const RARE: usize = 3;
/// So many articles are removed in one go: a call that comes waits no longer.
const AT_ONCE: usize = 100;
/// So many articles are ranked.
const FEW: u32 = 300;
/// A word in the title says as much as so many in the text.
const IN_TITLE: f64 = 3.0;

/// An article.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Article {
    /// Where it comes from calls it so.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its text as it was written, Markdown.
    pub body: String,
    /// Its text without marks.
    pub text: String,
    /// When it was last changed, UTC milliseconds.
    pub changed: i64,
}

/// An article that is new or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArticle {
    /// The article.
    pub article: Article,
    /// Changes whenever the article does.
    pub stamp: String,
}

/// What is looked for in articles: words, each of which may be only begun.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of what was typed.
    pub fn of(text: &str) -> Words {
        Words(search::fold(&apart(text)).split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect())
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where in a text, in bytes, words stand that begin with one of these: as they are found, whatever their accents and their alphabet.
    pub fn hits<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let of_word = |c: char| c.is_alphanumeric() || is_combining_mark(c);
        let mut begun = None;
        text.char_indices().chain([(text.len(), ' ')]).filter_map(move |(at, c)| match (begun, of_word(c)) {
            (None, true) => {
                begun = Some(at);
                None
            }
            (Some(from), false) => {
                begun = None;
                self.begin(&text[from..at]).then_some(from..at)
            }
            _ => None,
        })
    }

    fn begin(&self, word: &str) -> bool {
        !self.is_empty()
            && search::indexed(word).split(' ').any(|form| self.0.iter().any(|begun| form.starts_with(begun.as_str())))
    }

    fn query(&self, join: &str) -> String {
        self.0.iter().map(|word| format!("\"{word}\"*")).collect::<Vec<_>>().join(join)
    }
}

/// `dell'importo` is two words, and so is `fattura.pdf`.
fn apart(text: &str) -> String {
    text.replace(['\'', '’', '.'], " ")
}

/// The longer words of a text without their endings, which in Italian tell one from many.
fn stems(text: &str) -> Vec<String> {
    let mut stems = Vec::new();
    for word in Words::of(text).0 {
        let letters = word.chars().count();
        let stem: String = match letters {
            0..=3 => continue,
            4 => word,
            _ => word.chars().take(letters - 1).collect(),
        };
        if !stems.contains(&stem) {
            stems.push(stem);
        }
        if stems.len() == MOST_STEMS {
            break;
        }
    }
    stems
}

fn article(row: &Row<'_>) -> rusqlite::Result<Article> {
    Ok(Article { id: row.get(0)?, title: row.get(1)?, body: row.get(2)?, text: row.get(3)?, changed: row.get(4)? })
}

/// Articles that a query finds. Of a few the best come first; where there are many, ranking them all would take longer than anybody waits
/// between two letters, and those with all of it in the title come first.
fn ranked(db: &Connection, query: &str, limit: u32) -> Result<Vec<Article>, StoreError> {
    let counted =
        format!("SELECT count(*) FROM (SELECT 1 FROM article_text WHERE article_text MATCH ?1 LIMIT {FEW} + 1)");
    let count: u32 = db.prepare_cached(&counted)?.query_row([query], |r| r.get(0))?;
    let mut found: Vec<Article> = Vec::new();
    let mut add = |query: &str, order: &str| -> Result<(), StoreError> {
        let sql = format!(
            "SELECT a.id, a.title, a.body, a.text, a.changed FROM article_text t JOIN article a ON a.n = t.rowid
             WHERE article_text MATCH ?1 {order} LIMIT ?2"
        );
        for one in db.prepare_cached(&sql)?.query_map(params![query, limit], article)? {
            let one = one?;
            if found.len() < limit as usize && found.iter().all(|known| known.id != one.id) {
                found.push(one);
            }
        }
        Ok(())
    };
    if count <= FEW {
        add(query, "ORDER BY bm25(article_text, 8.0, 1.0)")?;
    } else {
        add(&format!("title : ({query})"), "")?;
        add(query, "")?;
    }
    Ok(found)
}

impl Store {
    /// The stamps of the articles that are here, by their ids.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn article_stamps(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let db = self.read();
        let mut all = db.prepare_cached("SELECT id, stamp FROM article")?;
        Ok(all.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Puts articles in place of what there was of them. What they are found by is worked out before anybody else has to wait.
    ///
    /// # Errors
    /// When the database refuses; then all is as it was.
    pub fn put_articles(&self, new: &[NewArticle]) -> Result<(), StoreError> {
        let by = |text: &str| search::indexed(&apart(text));
        let found_by: Vec<_> = new.iter().map(|n| (by(&n.article.title), by(&n.article.text))).collect();
        let mut db = self.write();
        let tx = db.transaction()?;
        for (NewArticle { article: a, stamp }, (title, text)) in new.iter().zip(found_by) {
            let n: i64 = tx
                .prepare_cached(
                    "INSERT INTO article (id, title, body, text, stamp, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT(id) DO UPDATE SET title = ?2, body = ?3, text = ?4, stamp = ?5, changed = ?6 RETURNING n",
                )?
                .query_row(params![a.id, a.title, a.body, a.text, stamp, a.changed], |r| r.get(0))?;
            tx.prepare_cached("INSERT OR REPLACE INTO article_text (rowid, title, text) VALUES (?1, ?2, ?3)")?
                .execute(params![n, title, text])?;
        }
        Ok(tx.commit()?)
    }

    /// Removes the articles that are not among these.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn keep_articles(&self, there: &BTreeSet<String>) -> Result<(), StoreError> {
        let gone: Vec<String> = self.article_stamps()?.into_keys().filter(|id| !there.contains(id)).collect();
        for some in gone.chunks(AT_ONCE) {
            let mut db = self.write();
            let tx = db.transaction()?;
            for id in some {
                tx.prepare_cached("DELETE FROM article_text WHERE rowid = (SELECT n FROM article WHERE id = ?1)")?
                    .execute([id])?;
                tx.prepare_cached("DELETE FROM article WHERE id = ?1")?.execute([id])?;
            }
            tx.commit()?;
        }
        Ok(())
    }

    /// How many articles there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn count_articles(&self) -> Result<u32, StoreError> {
        Ok(self.read().query_row("SELECT count(*) FROM article", [], |r| r.get(0))?)
    }

    /// An article, and in how many calls it was opened.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none with this id.
    pub fn article(&self, id: &str) -> Result<(Article, u32), StoreError> {
        let db = self.read();
        let found = db
            .prepare_cached("SELECT id, title, body, text, changed FROM article WHERE id = ?1")?
            .query_row([id], article)
            .optional()?
            .ok_or(StoreError::Missing("article"))?;
        let uses =
            db.prepare_cached("SELECT count(*) FROM article_use WHERE article = ?1")?.query_row([id], |r| r.get(0))?;
        Ok((found, uses))
    }

    /// Articles with all these words, the best first; if no article has all, those with some. Without a word, all by their titles.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn find_articles(&self, words: &Words, limit: u32) -> Result<Vec<Article>, StoreError> {
        let db = self.read();
        if words.is_empty() {
            let mut all = db.prepare_cached(
                "SELECT id, title, body, text, changed FROM article ORDER BY title COLLATE NOCASE, id LIMIT ?1",
            )?;
            return Ok(all.query_map([limit], article)?.collect::<Result<_, _>>()?);
        }
        let all = ranked(&db, &words.query(" "), limit)?;
        if all.is_empty() { ranked(&db, &words.query(" OR "), limit) } else { Ok(all) }
    }

    /// Articles that may help with what a text is about, the best first: those with one of its rarer words in the title, or two in the
    /// text. None is better than one that does not fit.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn suggest_articles(&self, text: &str, limit: usize) -> Result<Vec<Article>, StoreError> {
        let db = self.read();
        let count: u32 = db.query_row("SELECT count(*) FROM article", [], |r| r.get(0))?;
        let mut with = db.prepare_cached("SELECT rowid FROM article_text WHERE article_text MATCH ?1")?;
        let mut with = |query: String| -> Result<BTreeSet<i64>, StoreError> {
            Ok(with.query_map([query], |r| r.get(0))?.collect::<Result<_, _>>()?)
        };
        // By article: what speaks for it, and how many words do.
        let mut found: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
        for stem in stems(text) {
            let have = with(format!("\"{stem}\"*"))?;
            if have.is_empty() || have.len() > (count as usize / RARE).max(1) {
                continue;
            }
            let title = with(format!("title : \"{stem}\"*"))?;
            let rarity = (f64::from(count) / have.len() as f64).ln_1p();
            for n in have {
                let (score, words) = found.entry(n).or_default();
                let in_title = title.contains(&n);
                *score += if in_title { IN_TITLE * rarity } else { rarity };
                *words += if in_title { 2 } else { 1 };
            }
        }
        let mut best: Vec<(i64, f64)> =
            found.into_iter().filter(|(_, (_, words))| *words >= 2).map(|(n, (score, _))| (n, score)).collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut get = db.prepare_cached("SELECT id, title, body, text, changed FROM article WHERE n = ?1")?;
        best.iter().take(limit).map(|(n, _)| Ok(get.query_row([n], article)?)).collect()
    }

    /// An article was opened in a call. Once is counted for each call.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn use_article(&self, article: &str, call: &str, at: i64) -> Result<(), StoreError> {
        self.write().execute(
            "INSERT INTO article_use (article, call, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![article, call, at],
        )?;
        Ok(())
    }
}
