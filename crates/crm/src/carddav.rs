//! An address book on a CardDAV server (RFC 6352), followed by its sync tokens (RFC 6578). A customer is a card; the id here is the
//! card's name there, so that making it twice makes one.

mod there;

use crate::find::{self, Book};
use crate::http::{Http, address};
use crate::{Account, CrmError, Upstream, vcard};
use async_trait::async_trait;
use cuffia_customers::sync::upstream::{After, Answer, Capabilities, Demand, Entity, Failure, Feed, Page};
use cuffia_tls::Trust;
use http::{Method, Uri};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use there::{Cards, Report, There, no_book, not_done, why};
use tokio::task::JoinHandle;

/// So many cards in one page at most.
const CARDS: usize = 200;

/// One address book.
pub struct CardDav {
    there: Arc<There>,
    tokens: bool,
    /// What a sync token's report told, of which the pages are still being fetched.
    report: Mutex<Option<Arc<Report>>>,
    /// How many cards in one page: fewer where so many are too much for the line.
    cards: AtomicUsize,
    ahead: Mutex<Option<Ahead>>,
}

/// The page after the one that was asked for, read already. Whatever else is asked makes it void: it might be older than what that does.
struct Ahead {
    names: Vec<String>,
    cards: JoinHandle<Result<Cards, Failure>>,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.cards.abort();
    }
}

impl CardDav {
    /// The user's address books, without how many cards they have.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn found(account: &Account, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        let (http, base) = client(account, trust)?;
        find::books(&http, &base).await
    }

    /// The user's address books, with how many cards each has.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn books(account: &Account, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        let mut books = CardDav::found(account, trust).await?;
        for book in &mut books {
            let there = CardDav::new(account, trust, &book.path, false)?;
            book.cards = there.there.list().await.map(|list| list.entries.len()).unwrap_or(0);
        }
        Ok(books)
    }

    /// An address book, named by its path. `tokens`: the server gives sync tokens.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(account: &Account, trust: &Trust, book: &str, tokens: bool) -> Result<CardDav, CrmError> {
        let (http, base) = client(account, trust)?;
        Ok(CardDav {
            there: Arc::new(There { http, base, book: book.to_owned() }),
            tokens,
            report: Mutex::new(None),
            cards: AtomicUsize::new(CARDS),
            ahead: Mutex::new(None),
        })
    }
}

#[async_trait]
impl Upstream for CardDav {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            entities: vec![Entity::Contact],
            idempotent_create: true,
            versions: true,
            feed: if self.tokens { Feed::Token } else { Feed::Listing },
            tombstones: self.tokens,
            // A change is read, written and read: as long as that may take, twice.
            request_lifetime_ms: 180_000,
        }
    }

    fn fields(&self) -> Vec<(Entity, &'static [&'static str])> {
        vec![(Entity::Contact, &vcard::FIELDS)]
    }

    async fn ask(&self, demand: &Demand) -> Result<Answer, Failure> {
        if !matches!(demand, Demand::Pull { .. }) {
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        match self.answer(demand).await {
            Err(Failure::Gone) => match self.there.is_there().await {
                Ok(true) => Err(Failure::Gone),
                Ok(false) => Err(no_book(Failure::Gone)),
                // A deletion that found nothing has done nothing; nor has anything else that ended so.
                Err(f) => Err(not_done(f)),
            },
            other => other,
        }
    }
}

impl CardDav {
    async fn answer(&self, demand: &Demand) -> Result<Answer, Failure> {
        let there = &self.there;
        match demand {
            Demand::Create { key, fields, .. } => there.create(key, fields).await.map(Answer::Record),
            Demand::Find { key, .. } => match there.get(&format!("{key}.vcf")).await {
                Ok((r, _)) => Ok(Answer::Records(vec![r])),
                Err(Failure::Gone) => Ok(Answer::Records(Vec::new())),
                Err(f) => Err(f),
            },
            Demand::Get { id, .. } => there.get(id).await.map(|(r, _)| Answer::Record(r)),
            Demand::Update { id, version, patch, .. } => {
                there.update(id, version.as_deref(), patch).await.map(Answer::Record)
            }
            // What is not known to be the newest is not deleted: it is looked at first.
            Demand::Delete { version: None, .. } => Err(Failure::Conflict),
            Demand::Delete { id, version, .. } => {
                there.write(there.request(Method::DELETE, id, version.as_deref(), String::new())?).await?;
                Ok(Answer::Done)
            }
            Demand::Pull { after, .. } => match self.pull(after).await {
                Ok(page) => {
                    let more = (self.cards.load(Ordering::Relaxed) * 2).min(CARDS);
                    self.cards.store(more, Ordering::Relaxed);
                    Ok(Answer::Page(page))
                }
                Err(f) => {
                    // Perhaps it was too much for the line, or for the server.
                    let fewer = (self.cards.load(Ordering::Relaxed) / 2).max(1);
                    self.cards.store(fewer, Ordering::Relaxed);
                    Err(no_book(f))
                }
            },
            Demand::List { .. } => there.list().await.map(Answer::List).map_err(no_book),
        }
    }

    async fn pull(&self, after: &After) -> Result<Page, Failure> {
        let (since, from) = match after {
            After::Beginning | After::Since(_) => (String::new(), 0),
            After::Token(token) => (token.clone(), 0),
            After::Page(page) => match page.split_once(' ') {
                Some((from, since)) => (since.to_owned(), from.parse().unwrap_or(0)),
                None => (String::new(), 0),
            },
        };
        let known = self.report.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (report, from) = match known.filter(|r| from > 0 && r.since == since) {
            Some(report) => (report, from),
            // From its first page again: what it told is no longer known.
            None => (Arc::new(self.there.report(since).await?), 0),
        };
        let to = report.changed.len().min(from + self.cards.load(Ordering::Relaxed));
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        let names = report.changed.get(from..to).unwrap_or_default();
        let (records, there) = match ahead.filter(|ahead| ahead.names == names) {
            Some(mut ahead) => (&mut ahead.cards).await.map_err(why)??,
            None => self.there.read(names).await?,
        };
        let more = to < report.changed.len();
        let next = if more {
            Some(format!("{to} {}", report.since))
        } else {
            // The rest is told after the new token.
            report.truncated.then(|| format!("0 {}", report.token))
        };
        let page = Page {
            records,
            gone: if from == 0 { report.gone.clone() } else { Vec::new() },
            changed: Vec::new(),
            merged: BTreeMap::new(),
            there,
            token: next.is_none().then(|| report.token.clone()),
            next,
            left: Some(report.changed.len() - to),
            deleted: false,
        };
        if more {
            // While this page is stored the next is read.
            let names = report.changed[to..report.changed.len().min(to + self.cards.load(Ordering::Relaxed))].to_vec();
            let (there, wanted) = (self.there.clone(), names.clone());
            let cards = tokio::spawn(async move { there.read(&wanted).await });
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ahead { names, cards });
        }
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = more.then_some(report);
        Ok(page)
    }
}

fn client(account: &Account, trust: &Trust) -> Result<(Http, Uri), CrmError> {
    Ok((Http::new(trust, &account.user, &account.password)?, address(&account.address)?))
}
