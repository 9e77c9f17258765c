//! The requests to one address book, each by itself.

use crate::http::{Http, failure};
use crate::vcard;
use calcard::vcard::VCard;
use cuffia_customers::sync::upstream::{Failure, Fields, List, Remote};
use http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use http::{Method, Request, StatusCode, Uri};
use libdav::carddav::GetAddressBookResources;
use libdav::dav::{ListResources, Propfind, SyncCollection, SyncCollectionParseError, make_relative_url};
use libdav::encoding::strict_percent_encoded;
use libdav::names;
use libdav::requests::DavRequest;
use std::collections::BTreeSet;

const NOT_ALLOWED: &str = "the server does not let this user change it";
/// Plain statuses with which servers say that they do not know a token.
const FORGETTING: [StatusCode; 4] =
    [StatusCode::CONFLICT, StatusCode::GONE, StatusCode::BAD_REQUEST, StatusCode::PRECONDITION_FAILED];
const NO_BOOK: &str = "the address book is no longer there";

/// Cards that were read, and the names of those that are there and can't be.
pub(super) type Cards = (Vec<Remote>, Vec<String>);

/// What a token's report told.
pub(super) struct Report {
    pub(super) since: String,
    pub(super) token: String,
    pub(super) changed: Vec<String>,
    pub(super) gone: Vec<String>,
    pub(super) truncated: bool,
}

/// An address book, as it is reached.
pub(super) struct There {
    pub(super) http: Http,
    /// Scheme and host.
    pub(super) base: Uri,
    /// The path of the address book with a slash at its end.
    pub(super) book: String,
}

impl There {
    pub(super) fn request(
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
    pub(super) async fn write(&self, mut request: Request<String>) -> Result<(), Failure> {
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

    pub(super) async fn get(&self, id: &str) -> Result<(Remote, VCard), Failure> {
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

    pub(super) async fn create(&self, key: &str, fields: &Fields) -> Result<Remote, Failure> {
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

    pub(super) async fn update(&self, id: &str, version: Option<&str>, patch: &Fields) -> Result<Remote, Failure> {
        let (now, mut card) = self.get(id).await.map_err(not_done)?;
        if now.version.as_deref() != version {
            return Err(Failure::Conflict);
        }
        vcard::write(&mut card, patch);
        self.write(self.request(Method::PUT, id, version, card.to_string())?).await?;
        // The server's own words of it: some change a card. What it has been since it was written is in doubt until it is read.
        self.get(id).await.map(|(r, _)| r).map_err(why)
    }

    pub(super) async fn report(&self, since: String) -> Result<Report, Failure> {
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
    pub(super) async fn read(&self, names: &[String]) -> Result<Cards, Failure> {
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
    pub(super) async fn is_there(&self) -> Result<bool, Failure> {
        let ask = Propfind::new(&self.book).with_properties(&[&names::RESOURCETYPE]);
        let (parts, body) = self.http.send(ask.prepare_request(self.base.clone()).map_err(why)?).await?;
        match failure(&parts, &body) {
            _ if parts.status.is_success() => Ok(true),
            Failure::Gone => Ok(false),
            f => Err(f),
        }
    }

    pub(super) async fn list(&self) -> Result<List, Failure> {
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

/// A card's name in its book.
fn last(href: &str) -> &str {
    href.rsplit('/').next().unwrap_or(href)
}

/// Whatever it was, it may have been done.
pub(super) fn why(e: impl std::fmt::Display) -> Failure {
    Failure::Ambiguous { why: e.to_string() }
}

fn no_request(e: http::Error) -> Failure {
    Failure::Rejected { message: e.to_string() }
}

/// The address book itself is not there.
pub(super) fn no_book(f: Failure) -> Failure {
    if f == Failure::Gone { Failure::Retry { after_ms: None, why: NO_BOOK.into() } } else { f }
}

/// Reading first failed, so nothing was written.
pub(super) fn not_done(f: Failure) -> Failure {
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
