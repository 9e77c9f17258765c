//! An address book on a CardDAV server (RFC 6352), followed by its sync tokens (RFC 6578). A customer is a card; the id here is the
//! card's name there, so that making it twice makes one.

use crate::find::{self, Book};
use crate::http::{Http, address, failure};
use crate::{CrmError, Upstream, vcard};
use async_trait::async_trait;
use calcard::vcard::VCard;
use cuffia_customers::sync::upstream::{
    After, Answer, Capabilities, Demand, Entity, Failure, Feed, Fields, List, Page, Remote,
};
use cuffia_tls::Trust;
use http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use http::{Method, Request, StatusCode, Uri};
use libdav::carddav::GetAddressBookResources;
use libdav::dav::{ListResources, Propfind, SyncCollection, SyncCollectionParseError, make_relative_url};
use libdav::encoding::strict_percent_encoded;
use libdav::names;
use libdav::requests::DavRequest;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// So many cards in one page at most.
const CARDS: usize = 200;
const NOT_ALLOWED: &str = "the server does not let this user change it";
/// Plain statuses with which servers say that they do not know a token.
const FORGETTING: [StatusCode; 4] =
    [StatusCode::CONFLICT, StatusCode::GONE, StatusCode::BAD_REQUEST, StatusCode::PRECONDITION_FAILED];
const NO_BOOK: &str = "the address book is no longer there";

/// One address book.
pub struct CardDav {
    http: Http,
    /// Scheme and host, and the path of the address book with a slash at its end.
    base: Uri,
    book: String,
    tokens: bool,
    /// What a sync token's report told, of which the pages are still being fetched.
    report: Mutex<Option<Arc<Report>>>,
    /// How many cards in one page: fewer where so many are too much for the line.
    cards: AtomicUsize,
}

struct Report {
    since: String,
    token: String,
    changed: Vec<String>,
    gone: Vec<String>,
    truncated: bool,
}

/// A card's name in its book.
fn last(href: &str) -> &str {
    href.rsplit('/').next().unwrap_or(href)
}

/// Whatever it was, it may have been done.
fn why(e: impl std::fmt::Display) -> Failure {
    Failure::Ambiguous { why: e.to_string() }
}

impl CardDav {
    /// The user's address books, without how many cards they have.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn found(account: &CardDavAccount, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        let (http, base) = account.client(trust)?;
        find::books(&http, &base).await
    }

    /// The user's address books, with how many cards each has.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn books(account: &CardDavAccount, trust: &Trust) -> Result<Vec<Book>, CrmError> {
        let mut books = CardDav::found(account, trust).await?;
        for book in &mut books {
            let there = CardDav::new(account, trust, &book.path, false)?;
            book.cards = there.list().await.map(|list| list.entries.len()).unwrap_or(0);
        }
        Ok(books)
    }

    /// An address book, named by its path. `tokens`: the server gives sync tokens.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(account: &CardDavAccount, trust: &Trust, book: &str, tokens: bool) -> Result<CardDav, CrmError> {
        let (http, base) = account.client(trust)?;
        Ok(CardDav {
            http,
            base,
            book: book.to_owned(),
            tokens,
            report: Mutex::new(None),
            cards: AtomicUsize::new(CARDS),
        })
    }
}

/// A user of a CardDAV server.
#[derive(Clone)]
pub struct CardDavAccount {
    /// The server's address as typed.
    pub address: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl CardDavAccount {
    /// What tells this user's address book on this server from every other, however the address was typed.
    ///
    /// # Errors
    /// When the address is none.
    pub fn who(&self, book: &str) -> Result<String, CrmError> {
        let base = address(&self.address)?;
        let server =
            format!("{}://{}", base.scheme_str().unwrap_or_default(), base.authority().map_or("", |a| a.as_str()));
        Ok(format!("carddav {} {book} {}", server.to_lowercase(), self.user))
    }

    fn client(&self, trust: &Trust) -> Result<(Http, Uri), CrmError> {
        Ok((Http::new(trust, &self.user, &self.password)?, address(&self.address)?))
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

    fn fields(&self) -> &'static [&'static str] {
        &vcard::FIELDS
    }

    async fn ask(&self, demand: &Demand) -> Result<Answer, Failure> {
        match self.answer(demand).await {
            Err(Failure::Gone) => match self.is_there().await {
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
        match demand {
            Demand::Create { key, fields, .. } => self.create(key, fields).await.map(Answer::Record),
            Demand::Find { key, .. } => match self.get(&format!("{key}.vcf")).await {
                Ok((r, _)) => Ok(Answer::Records(vec![r])),
                Err(Failure::Gone) => Ok(Answer::Records(Vec::new())),
                Err(f) => Err(f),
            },
            Demand::Get { id, .. } => self.get(id).await.map(|(r, _)| Answer::Record(r)),
            Demand::Update { id, version, patch, .. } => {
                self.update(id, version.as_deref(), patch).await.map(Answer::Record)
            }
            // What is not known to be the newest is not deleted: it is looked at first.
            Demand::Delete { version: None, .. } => Err(Failure::Conflict),
            Demand::Delete { id, version, .. } => {
                self.write(self.request(Method::DELETE, id, version.as_deref(), String::new())?).await?;
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
            Demand::List { .. } => self.list().await.map(Answer::List).map_err(no_book),
        }
    }

    fn request(
        &self,
        method: Method,
        id: &str,
        version: Option<&str>,
        body: String,
    ) -> Result<Request<String>, Failure> {
        let uri = make_relative_url(self.base.clone(), &format!("{}{id}", self.book)).map_err(no_request)?;
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(version) = version {
            request = request.header(IF_MATCH, version);
        }
        request.body(body).map_err(no_request)
    }

    /// Sends what changes something. That it may not be changed is about this card, not about who we are.
    async fn write(&self, mut request: Request<String>) -> Result<(), Failure> {
        if !request.body().is_empty() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/vcard; charset=utf-8"));
        }
        let (parts, body) = self.http.send(request).await?;
        match parts.status {
            s if s.is_success() => Ok(()),
            StatusCode::FORBIDDEN => Err(Failure::Rejected { message: NOT_ALLOWED.into() }),
            // RFC 4918 §9.7.1: where it would be is not there.
            StatusCode::CONFLICT if !body.windows(9).any(|w| w == b"-conflict") => Err(no_book(Failure::Gone)),
            _ => Err(failure(&parts, &body)),
        }
    }

    async fn get(&self, id: &str) -> Result<(Remote, VCard), Failure> {
        let (parts, body) = self.http.send(self.request(Method::GET, id, None, String::new())?).await?;
        match parts.status {
            s if s.is_success() => {}
            // About this card, not about who we are.
            StatusCode::FORBIDDEN => return Err(Failure::Rejected { message: NOT_ALLOWED.into() }),
            _ => return Err(failure(&parts, &body)),
        }
        let version = parts.headers.get(ETAG).and_then(|v| v.to_str().ok()).map(str::to_owned);
        // Read with question marks for what is no UTF-8, it would be written back so.
        let none = || Failure::Rejected { message: "what the server has there is no contact that can be read".into() };
        let text = String::from_utf8(body).map_err(|_| none())?;
        let card = VCard::parse(&text).map_err(|_| none())?;
        Ok((remote(id.to_owned(), version, &card), card))
    }

    async fn create(&self, key: &str, fields: &Fields) -> Result<Remote, Failure> {
        let id = format!("{key}.vcf");
        let mut card = vcard::new(key);
        vcard::write(&mut card, fields);
        let mut request = self.request(Method::PUT, &id, None, card.to_string())?;
        request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        match self.write(request).await {
            // It is there already: made by an earlier request whose answer was lost.
            Ok(()) | Err(Failure::Conflict) => self.get(&id).await.map(|(r, _)| r).map_err(why),
            // Not the card: where it would be.
            Err(Failure::Gone) => Err(Failure::Retry { after_ms: None, why: NO_BOOK.into() }),
            Err(f) => Err(f),
        }
    }

    async fn update(&self, id: &str, version: Option<&str>, patch: &Fields) -> Result<Remote, Failure> {
        let (now, mut card) = self.get(id).await.map_err(not_done)?;
        if now.version.as_deref() != version {
            return Err(Failure::Conflict);
        }
        vcard::write(&mut card, patch);
        self.write(self.request(Method::PUT, id, version, card.to_string())?).await?;
        // The server's own words of it: some change a card. What it has been since it was written is in doubt until it is read.
        self.get(id).await.map(|(r, _)| r).map_err(why)
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
            None => (Arc::new(self.report(since).await?), 0),
        };
        let to = report.changed.len().min(from + self.cards.load(Ordering::Relaxed));
        let (records, there) = self.read(report.changed.get(from..to).unwrap_or_default()).await?;
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
            there,
            token: next.is_none().then(|| report.token.clone()),
            next,
            left: Some(report.changed.len() - to),
        };
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = more.then_some(report);
        Ok(page)
    }

    async fn report(&self, since: String) -> Result<Report, Failure> {
        let mut ask = SyncCollection::new(&self.book);
        if !since.is_empty() {
            ask = ask.with_sync_token(&since);
        }
        let (parts, body) = self.http.send(ask.prepare_request(self.base.clone()).map_err(why)?).await?;
        let told = match ask.parse_response(&parts, &body) {
            Ok(told) => told,
            Err(SyncCollectionParseError::PreconditionFailed(_)) => return Err(Failure::Forgotten),
            // Some servers say so with a plain status.
            Err(_) if !since.is_empty() && FORGETTING.contains(&parts.status) => return Err(Failure::Forgotten),
            Err(_) if !parts.status.is_success() => return Err(failure(&parts, &body)),
            Err(e) => return Err(why(e)),
        };
        // The server stopped in the middle (RFC 6578 §3.6); the library does not tell.
        let truncated = String::from_utf8_lossy(&body).contains(" 507 ");
        Ok(Report {
            truncated,
            token: told.new_sync_token.clone(),
            changed: told.changed.iter().map(|r| last(&r.href).to_owned()).filter(|n| !n.is_empty()).collect(),
            gone: told.deleted.iter().map(|href| last(href).to_owned()).collect(),
            since,
        })
    }

    /// Cards by their names, and the names of those that are there and can't be read. One that is not there any more is left out;
    /// anything else that is wrong with one is an error, for the token moves on with the page.
    async fn read(&self, names: &[String]) -> Result<(Vec<Remote>, Vec<String>), Failure> {
        if names.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let hrefs = names.iter().map(|n| strict_percent_encoded(&format!("{}{n}", self.book)).into_owned());
        let ask = GetAddressBookResources::new(&self.book).with_hrefs(hrefs);
        let (parts, body) = self.http.send(ask.prepare_request(self.base.clone()).map_err(why)?).await?;
        if !parts.status.is_success() {
            return Err(failure(&parts, &body));
        }
        let (mut out, mut unread) = (Vec::new(), Vec::new());
        let mut missing: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        for resource in ask.parse_response(&parts, &body).map_err(why)?.resources {
            let name = last(&resource.href);
            match resource.content {
                Ok(content) => match VCard::parse(&content.data) {
                    Ok(card) => out.push(remote(name.to_owned(), Some(content.etag), &card)),
                    Err(_) => unread.push(name.to_owned()),
                },
                Err(StatusCode::NOT_FOUND | StatusCode::GONE) => {}
                Err(StatusCode::FORBIDDEN) => unread.push(name.to_owned()),
                Err(status) => return Err(why(status)),
            }
            missing.remove(name);
        }
        for name in missing {
            match self.get(name).await {
                Ok((r, _)) => out.push(r),
                // Deleted in between.
                Err(Failure::Gone) => {}
                Err(Failure::Rejected { .. }) => unread.push(name.to_owned()),
                Err(f) => return Err(f),
            }
        }
        Ok((out, unread))
    }

    /// Whether the address book itself is there: a card that is not there is deleted only then.
    async fn is_there(&self) -> Result<bool, Failure> {
        let ask = Propfind::new(&self.book).with_properties(&[&names::RESOURCETYPE]);
        let (parts, body) = self.http.send(ask.prepare_request(self.base.clone()).map_err(why)?).await?;
        match failure(&parts, &body) {
            _ if parts.status.is_success() => Ok(true),
            Failure::Gone => Ok(false),
            f => Err(f),
        }
    }

    async fn list(&self) -> Result<List, Failure> {
        let ask = ListResources::new(&self.book);
        let (parts, body) = self.http.send(ask.prepare_request(self.base.clone()).map_err(why)?).await?;
        if !parts.status.is_success() {
            return Err(failure(&parts, &body));
        }
        let told = ask.parse_response(&parts, &body).map_err(why)?;
        let entries = told.resources.into_iter().map(|r| (last(&r.href).to_owned(), r.etag));
        let entries = entries.filter(|(name, _)| !name.is_empty()).collect();
        Ok(List { entries, next: None })
    }
}

fn no_request(e: http::Error) -> Failure {
    Failure::Rejected { message: e.to_string() }
}

/// The address book itself is not there.
fn no_book(f: Failure) -> Failure {
    if f == Failure::Gone { Failure::Retry { after_ms: None, why: NO_BOOK.into() } } else { f }
}

/// Reading first failed, so nothing was written.
fn not_done(f: Failure) -> Failure {
    match f {
        Failure::Ambiguous { why } => Failure::Later { why },
        other => other,
    }
}

fn remote(id: String, version: Option<String>, card: &VCard) -> Remote {
    // Ours have the id here for their name, and say so: other programs name theirs in the same way.
    let key = id.strip_suffix(".vcf").filter(|key| card.uid() == Some(*key) && vcard::is_ours(card)).map(str::to_owned);
    Remote { id, version, changed: None, key, fields: vcard::read(card) }
}
