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
use folder::{Reading, Said};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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
    pub async fn open_article(
        &self,
        id: String,
        words: String,
        call: Option<String>,
    ) -> Result<ArticlePage, DeskError> {
        let desk = self.clone();
        blocking(move || {
            let store = desk.store();
            let (article, mut calls) = store.article(&id)?;
            // What a trainee looks up in practice helped no customer.
            if let Some(call) = call.filter(|call| store.call(call).is_ok_and(|c| !c.practice)) {
                store.use_article(&id, &call, desk.now())?;
                (_, calls) = store.article(&id)?;
            }
            let html = markdown::html(&article.body, &article.title, &id, &Words::of(&words));
            Ok(ArticlePage { title: article.title, html, changed: article.changed, calls })
        })
        .await
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
            blocking(move || Ok(folder::look(&folder)?)).await?;
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
        let which = match italian {
            _ if none => "none",
            true => "it",
            false => "en",
        };
        let source = format!("samples {which}");
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
        let stamps = if of_it { store.article_stamps()? } else { BTreeMap::new() };
        let reading = Reading::begin(&folder, Some(stamps.clone()));
        let (mut there, mut not_read, mut new) = (BTreeSet::new(), Vec::new(), Vec::new());
        let problem = loop {
            match reading.as_ref().map_err(Clone::clone).and_then(Reading::next) {
                Ok(Some(Said::Listed { files, closed })) => {
                    // What was read of a file stays, even if what is in it now can't be read.
                    there.extend(files.into_iter().map(|file| file.id).filter(|id| stamps.contains_key(id)));
                    not_read.extend(closed.into_iter().map(|id| (id, NotRead::Refused)));
                }
                Ok(Some(Said::Read(file, Ok(text)))) => {
                    there.insert(file.id.clone());
                    new.push(new_article(file.id, text, file.stamp, file.changed));
                    // In pieces: a call that comes meanwhile waits for none of them.
                    if new.len() == AT_ONCE {
                        store.put_articles(&std::mem::take(&mut new))?;
                    }
                }
                Ok(Some(Said::Read(file, Err(why)))) => not_read.push((file.id, why)),
                Ok(None) => break None,
                Err(problem) => break Some(problem),
            }
        };
        store.put_articles(&new)?;
        if problem.is_some() {
            let (count, read) = (store.count_articles()?, self.articles().read.filter(|_| of_it));
            return Ok(Articles { folder: Some(folder), count, read, problem, ..Articles::default() });
        }
        if !of_it || stamps.keys().any(|id| !there.contains(id)) {
            store.keep_articles(&there)?;
        }
        if !of_it {
            store.set_setting(SOURCE, &folder)?;
        }
        let (count, read, not_read_count) = (store.count_articles()?, Some(self.now()), not_read.len());
        not_read.truncate(MOST_NAMED);
        Ok(Articles { folder: Some(folder), count, read, problem, not_read, not_read_count })
    }
}
