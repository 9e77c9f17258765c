//! Finding a user's address books from what a person types: the address of a server, or of anything on it (RFC 6764 §6).

use crate::CrmError;
use crate::http::Http;
use http::header::LOCATION;
use http::response::Parts;
use http::{StatusCode, Uri};
use libdav::carddav::FindAddressBookHomeSet;
use libdav::dav::{FindPropertyHrefs, Propfind};
use libdav::encoding::normalise_percent_encoded;
use libdav::names;
use libdav::requests::DavRequest;
use libdav::{Depth, PropertyName};

/// An address book on a server, a database, or a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// Its path on the server, with a slash at its end; a database's name; a queue's number.
    pub path: String,
    /// Its name as people see it.
    pub name: String,
    /// How many cards it has, where the server was asked.
    pub cards: usize,
    /// Whether we may change it. A server that does not say is believed to let us.
    pub writable: bool,
    /// It can tell what has changed since a token (RFC 6578).
    pub tokens: bool,
    /// It keeps customers for this user.
    pub customers: bool,
    /// It keeps requests.
    pub requests: bool,
}

/// RFC 6764 §5.
const WELL_KNOWN: &str = "/.well-known/carddav";
/// A server may send us elsewhere on itself so many times.
const REDIRECTS: usize = 5;
/// RFC 3744 §5.4.
const PRIVILEGES: PropertyName = PropertyName::new(names::DAV, "current-user-privilege-set");

/// All address books of the user, by name; without their number of cards.
///
/// # Errors
/// See [`CrmError`].
pub(crate) async fn books(http: &Http, typed: &Uri) -> Result<Vec<Book>, CrmError> {
    let mut first = CrmError::NoBook;
    for (i, from) in [typed.path(), WELL_KNOWN, "/"].into_iter().enumerate() {
        match from_path(http, typed, from).await {
            Ok(books) if !books.is_empty() => return Ok(books),
            Ok(_) => {}
            // What was typed is asked about; the rest are guesses.
            Err(e @ (CrmError::Unreachable(_) | CrmError::Certificate(_) | CrmError::Password)) => return Err(e),
            Err(e) if i == 0 => first = e,
            Err(_) => {}
        }
    }
    Err(first)
}

async fn from_path(http: &Http, base: &Uri, path: &str) -> Result<Vec<Book>, CrmError> {
    let principals = hrefs(http, base, path, &names::CURRENT_USER_PRINCIPAL).await?;
    let principal = principals.into_iter().next().ok_or(CrmError::NoBook)?;
    let ask = FindAddressBookHomeSet::new(&principal);
    let (parts, body) = ask_dav(http, base, &ask).await?;
    let homes = ask.parse_response(&parts, &body).map_err(unreadable)?.home_sets;
    let mut all = Vec::new();
    for home in homes {
        all.extend(in_home(http, base, home.path()).await?);
    }
    all.sort_by_key(|b: &Book| b.name.to_lowercase());
    all.dedup_by(|a, b| a.path == b.path);
    Ok(all)
}

async fn hrefs(http: &Http, base: &Uri, path: &str, name: &PropertyName<'_, '_>) -> Result<Vec<String>, CrmError> {
    let mut path = path.to_owned();
    for _ in 0..REDIRECTS {
        let ask = FindPropertyHrefs::new(&path, name);
        let (parts, body) = send(http, base, &ask).await?;
        if parts.status.is_redirection() {
            path = elsewhere(base, &parts).ok_or(CrmError::NoBook)?;
            continue;
        }
        check(&parts)?;
        let found = ask.parse_response(&parts, &body).map_err(unreadable)?;
        return Ok(found.hrefs.iter().map(|uri| uri.path().to_owned()).collect());
    }
    Err(CrmError::NoBook)
}

/// Where a server sends us, as long as it stays itself: to another one the password is not told.
fn elsewhere(base: &Uri, parts: &Parts) -> Option<String> {
    let to: Uri = parts.headers.get(LOCATION)?.to_str().ok()?.parse().ok()?;
    let itself = to.host().is_none_or(|host| Some(host) == base.host());
    itself.then(|| to.path().to_owned())
}

async fn in_home(http: &Http, base: &Uri, home: &str) -> Result<Vec<Book>, CrmError> {
    let ask = Propfind::new(home).with_depth(Depth::One).with_properties(&[
        &names::RESOURCETYPE,
        &names::DISPLAY_NAME,
        &names::SUPPORTED_REPORT_SET,
        &PRIVILEGES,
    ]);
    let (parts, body) = ask_dav(http, base, &ask).await?;
    let told = ask.parse_response(&parts, &body).map_err(unreadable)?;
    let tree = told.xml_tree().map_err(unreadable)?;
    let mut books = Vec::new();
    for response in tree.descendants().filter(|n| n.tag_name() == names::RESPONSE) {
        let find = |name: &PropertyName<'_, '_>| response.descendants().find(|n| n.tag_name() == *name);
        let Some(kind) = find(&names::RESOURCETYPE) else { continue };
        if !kind.descendants().any(|n| n.tag_name() == names::ADDRESSBOOK) {
            continue;
        }
        let Some(path) = find(&names::HREF).and_then(|n| n.text()).and_then(path_of) else { continue };
        let named = find(&names::DISPLAY_NAME).and_then(|n| n.text()).map(str::trim).filter(|n| !n.is_empty());
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or(&path);
        let may = |p: &roxmltree::Node<'_, '_>| ["all", "write", "write-content"].contains(&p.tag_name().name());
        let rights = find(&PRIVILEGES).filter(|p| p.has_children());
        let reports = find(&names::SUPPORTED_REPORT_SET);
        books.push(Book {
            name: named.unwrap_or(last).to_owned(),
            cards: 0,
            writable: rights.is_none_or(|r| r.descendants().any(|p| may(&p))),
            customers: true,
            requests: false,
            tokens: reports.is_some_and(|r| r.descendants().any(|n| n.tag_name() == names::SYNC_COLLECTION)),
            path,
        });
    }
    Ok(books)
}

/// The path of an href, which may be a whole URL (RFC 4918 §8.3), with a slash at its end.
fn path_of(href: &str) -> Option<String> {
    let uri: Uri = href.trim().parse().ok()?;
    // As the library compares it.
    let path = normalise_percent_encoded(uri.path()).ok()?;
    Some(format!("{}/", path.trim_end_matches('/')))
}

async fn ask_dav<R: DavRequest>(http: &Http, base: &Uri, ask: &R) -> Result<(Parts, Vec<u8>), CrmError> {
    let (parts, body) = send(http, base, ask).await?;
    check(&parts)?;
    Ok((parts, body))
}

async fn send<R: DavRequest>(http: &Http, base: &Uri, ask: &R) -> Result<(Parts, Vec<u8>), CrmError> {
    let request = ask.prepare_request(base.clone()).map_err(|_| CrmError::BadAddress(base.to_string()))?;
    Ok(http.send(request).await?)
}

fn check(parts: &Parts) -> Result<(), CrmError> {
    match parts.status {
        s if s.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED => Err(CrmError::Password),
        StatusCode::FORBIDDEN => Err(CrmError::Rights),
        s if s.is_server_error() => Err(CrmError::Server(s.to_string())),
        _ => Err(CrmError::NoBook),
    }
}

fn unreadable(_: impl std::fmt::Display) -> CrmError {
    // A web page, most often: it is no CardDAV server, or not here.
    CrmError::NoBook
}
