//! Knowledge articles: the employer's folder of Markdown, read again whenever something in it has changed, and kept in the store, so that
//! they are there when the folder is not. Until a folder is chosen there are some samples.

mod folder;
mod markdown;
mod sample;

pub use folder::NotRead;
pub use markdown::Piece;

use crate::desk::DeskEvent;
use crate::{Desk, DeskError, blocking};
use cuffia_customers::{Article, NewArticle, Words};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The folder is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Files that were not read are named up to so many.
const MOST_NAMED: usize = 50;
/// A longer list would not be looked through.
const MOST_FOUND: u32 = 50;
const MOST_LISTED: u32 = 500;
/// Articles that are put into the store in one go.
const AT_ONCE: usize = 50;
/// How long a folder may take to say what is in it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Articles suggested in a call.
const SUGGESTED: usize = 3;

const FOLDER: &str = "articles.folder";
/// Whose articles are in the store: a folder's, or the samples of a language.
const SOURCE: &str = "articles.source";

/// Why a folder's articles are not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArticlesError {
    /// It can't be read.
    #[error("the folder {folder} can't be read: {why}. Check its name, and that it is connected")]
    Folder {
        /// Which.
        folder: String,
        /// What the system says.
        why: String,
    },
    /// There is nothing in it.
    #[error("there is no article in {0}. Articles are files whose names end in .md")]
    Empty(String),
    /// Its name would be another folder's from another place.
    #[error("{0:?} is no whole path. Type it from its beginning")]
    Relative(String),
    /// A link to something that is not opened.
    #[error("{0:?} leads neither to the web nor to a mail")]
    Link(String),
}

impl ArticlesError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            ArticlesError::Folder { .. } => "articles.folder",
            ArticlesError::Empty(_) => "articles.empty",
            ArticlesError::Relative(_) => "articles.relative",
            ArticlesError::Link(_) => "articles.link",
        }
    }
}

/// The articles as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Articles {
    /// The folder; none as long as there are samples.
    pub folder: Option<String>,
    /// How many there are.
    pub count: u32,
    /// When the folder was last read, UTC milliseconds.
    pub read: Option<i64>,
    /// Why it could not be read the last time. What was read before is still there.
    pub problem: Option<ArticlesError>,
    /// The first of the files and folders that are not read, and why.
    pub not_read: Vec<(String, NotRead)>,
    /// How many those are.
    pub not_read_count: usize,
}

/// An article in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundArticle {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Vec<Piece>,
    /// Some words of it, around what was found.
    pub excerpt: Vec<Piece>,
}

/// An article to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticlePage {
    /// Its title.
    pub title: String,
    /// Its text as HTML of known parts only, what was looked for in `<mark>`.
    pub html: String,
    /// When it was last changed, UTC milliseconds.
    pub changed: i64,
    /// In how many calls it was opened.
    pub calls: u32,
}

fn found(article: Article, words: &Words) -> FoundArticle {
    FoundArticle {
        title: markdown::pieces(&article.title, words),
        excerpt: markdown::excerpt(&article.text, &article.title, words),
        id: article.id,
    }
}

fn new_article(id: String, text: String, stamp: String, changed: i64) -> NewArticle {
    let named = || Path::new(&id).file_stem().map_or_else(|| id.clone(), |stem| stem.to_string_lossy().into_owned());
    let title = markdown::title(&text).unwrap_or_else(named);
    let plain = markdown::plain(&text);
    NewArticle { stamp, article: Article { id, title, body: text, text: plain, changed } }
}

impl Desk {
    /// The articles as they stand.
    pub fn articles(&self) -> Articles {
        self.locked().articles.clone()
    }

    /// Articles with these words, the best first; without a word, all by their titles.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn find_articles(&self, text: String) -> Result<Vec<FoundArticle>, DeskError> {
        let desk = self.clone();
        blocking(move || {
            let words = Words::of(&text);
            let most = if words.is_empty() { MOST_LISTED } else { MOST_FOUND };
            let all = desk.store().find_articles(&words, most)?;
            Ok(all.into_iter().map(|article| found(article, &words)).collect())
        })
        .await
    }

    /// Articles that may help with what is written down in a call.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn suggest_articles(&self, text: String) -> Result<Vec<FoundArticle>, DeskError> {
        let desk = self.clone();
        blocking(move || {
            let all = desk.store().suggest_articles(&text, SUGGESTED)?;
            Ok(all.into_iter().map(|article| found(article, &Words::default())).collect())
        })
        .await
    }

    /// An article to be read, with these words marked; in a call that is counted.
    ///
    /// # Errors
    /// When there is no such article, or the store refuses.
    pub fn open_article(&self, id: &str, words: &str, call: Option<&str>) -> Result<ArticlePage, DeskError> {
        let (article, mut calls) = self.store().article(id)?;
        // What a trainee looks up in practice helped no customer.
        if let Some(call) = call.filter(|call| self.store().call(call).is_ok_and(|c| !c.practice)) {
            self.store().use_article(id, call, self.now())?;
            (_, calls) = self.store().article(id)?;
        }
        let html = markdown::html(&article.body, &article.title, id, &Words::of(words));
        Ok(ArticlePage { title: article.title, html, changed: article.changed, calls })
    }

    /// Opens an article's link outside.
    ///
    /// # Errors
    /// When it leads neither to the web nor to a mail, or nothing can be opened.
    pub fn open_link(&self, address: &str) -> Result<(), DeskError> {
        let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("https" | "http" | "mailto")) {
            return Err(ArticlesError::Link(address.to_owned()).into());
        }
        self.browse(address)
    }

    /// Takes the articles from another folder, or the samples again. Nothing is changed when it can't be read.
    ///
    /// # Errors
    /// [`ArticlesError`], or when the store refuses.
    pub async fn set_articles(&self, folder: Option<String>) -> Result<(), DeskError> {
        // Not while somebody else looks at it.
        let alone = self.reading().lock().await;
        if let Some(folder) = &folder {
            let folder = folder.clone();
            blocking(move || Ok(look_in_time(&folder).map(drop)?)).await?;
        }
        self.store().set_setting(FOLDER, &folder)?;
        drop(alone);
        self.read_articles().await
    }

    /// The samples' language from now on.
    pub fn speak_italian(&self, italian: bool) {
        let changed = self.with(|s| std::mem::replace(&mut s.italian, italian) != italian);
        if changed {
            let desk = self.clone();
            tokio::spawn(async move {
                if let Err(e) = desk.read_articles().await {
                    desk.complain(&e);
                }
            });
        }
    }

    /// Looks what is new in the folder.
    ///
    /// # Errors
    /// When the store refuses. That the folder can't be read is in [`Desk::articles`].
    pub async fn read_articles(&self) -> Result<(), DeskError> {
        let alone = self.reading().lock().await;
        let desk = self.clone();
        let new = blocking(move || desk.read_now()).await?;
        let changed = self.with(|s| std::mem::replace(&mut s.articles, new.clone()) != new);
        drop(alone);
        if changed {
            self.say(DeskEvent::Articles);
        }
        Ok(())
    }

    pub(crate) async fn look_after_articles(self) {
        loop {
            if let Err(e) = self.read_articles().await {
                tracing::warn!("articles: {e}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn read_now(&self) -> Result<Articles, DeskError> {
        match self.store().setting::<Option<String>>(FOLDER)?.flatten() {
            Some(folder) => self.read_folder(folder),
            None => self.read_samples(),
        }
    }

    fn read_samples(&self) -> Result<Articles, DeskError> {
        let (store, italian) = (self.store(), self.locked().italian);
        // They go with the other samples.
        let none = store.count_samples()? == 0;
        let source = format!(
            "samples {}",
            if none {
                "none"
            } else if italian {
                "it"
            } else {
                "en"
            }
        );
        // A database that was mended has lost them.
        let lost = !none && store.count_articles()? == 0;
        if lost || store.setting::<String>(SOURCE)?.as_ref() != Some(&source) {
            let all = sample::all(italian).filter(|_| !none);
            let new: Vec<_> = all
                .map(|(id, text)| new_article(id.to_owned(), text.to_owned(), source.clone(), sample::WRITTEN))
                .collect();
            store.put_articles(&new)?;
            store.keep_articles(&new.into_iter().map(|n| n.article.id).collect())?;
            store.set_setting(SOURCE, &source)?;
        }
        Ok(Articles { count: store.count_articles()?, ..Articles::default() })
    }

    fn read_folder(&self, folder: String) -> Result<Articles, DeskError> {
        let store = self.store();
        let of_it = store.setting::<String>(SOURCE)?.as_ref() == Some(&folder);
        let (listed, closed) = match look_in_time(&folder) {
            Ok(found) => found,
            Err(problem) => {
                let read = self.articles().read.filter(|_| of_it);
                let (folder, count, problem) = (Some(folder), store.count_articles()?, Some(problem));
                return Ok(Articles { folder, count, read, problem, ..Articles::default() });
            }
        };
        let stamps = if of_it { store.article_stamps()? } else { BTreeMap::new() };
        let mut there = BTreeSet::new();
        let mut not_read: Vec<_> = closed.into_iter().map(|id| (id, NotRead::Refused)).collect();
        let mut new = Vec::new();
        for file in listed {
            if stamps.get(&file.id) != Some(&file.stamp) {
                let (path, id) = (file.clone(), file.id.clone());
                // A share that hangs in the middle is given up like one that hangs at once: the next look goes on from here.
                let Some(read) = in_time(move || folder::read(&path)) else {
                    store.put_articles(&new)?;
                    let (count, problem) =
                        (store.count_articles()?, Some(unreadable(&folder, format!("{id} does not come"))));
                    return Ok(Articles { folder: Some(folder), count, problem, ..Articles::default() });
                };
                match read {
                    Ok(text) => new.push(new_article(file.id.clone(), text, file.stamp, file.changed)),
                    Err(why) => {
                        not_read.push((file.id.clone(), why));
                        // What was read of it before stays.
                        if !stamps.contains_key(&file.id) {
                            continue;
                        }
                    }
                }
            }
            there.insert(file.id);
            // In pieces: a call that comes meanwhile waits for none of them.
            if new.len() == AT_ONCE {
                store.put_articles(&std::mem::take(&mut new))?;
            }
        }
        store.put_articles(&new)?;
        if !of_it || there.len() != stamps.len() || stamps.keys().any(|id| !there.contains(id)) {
            store.keep_articles(&there)?;
        }
        if !of_it {
            store.set_setting(SOURCE, &folder)?;
        }
        let (count, read, not_read_count) = (store.count_articles()?, Some(self.now()), not_read.len());
        not_read.truncate(MOST_NAMED);
        Ok(Articles { folder: Some(folder), count, read, problem: None, not_read, not_read_count })
    }
}

type Found = (Vec<folder::Listed>, Vec<String>);

/// The files of a folder, and the folders in it that may not be read.
fn look(folder: &str) -> Result<Found, ArticlesError> {
    let path = PathBuf::from(folder);
    if !path.is_absolute() {
        return Err(ArticlesError::Relative(folder.to_owned()));
    }
    let found = folder::list(&path).map_err(|e| unreadable(folder, e.to_string()))?;
    // A share that is not connected is an empty folder on some systems: what was read is not given up for that.
    if found.0.is_empty() { Err(ArticlesError::Empty(folder.to_owned())) } else { Ok(found) }
}

fn unreadable(folder: &str, why: String) -> ArticlesError {
    ArticlesError::Folder { folder: folder.to_owned(), why }
}

/// Folders at which somebody still looks.
static LOOKED_AT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The same, but a share that hangs is given up: whoever waits for it waits alone, and nobody joins him.
fn look_in_time(folder: &str) -> Result<Found, ArticlesError> {
    let late = || unreadable(folder, "it does not answer".into());
    let looked_at = || LOOKED_AT.lock().unwrap_or_else(PoisonError::into_inner);
    if !looked_at().insert(folder.to_owned()) {
        return Err(late());
    }
    let at = folder.to_owned();
    let found = in_time(move || {
        let found = look(&at);
        looked_at().remove(&at);
        found
    });
    found.unwrap_or_else(|| Err(late()))
}

/// What a disk says, if it says it in time.
fn in_time<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (say, said) = std::sync::mpsc::channel();
    // Nobody may be waiting any more.
    std::thread::spawn(move || drop(say.send(ask())));
    said.recv_timeout(PATIENCE).ok()
}
