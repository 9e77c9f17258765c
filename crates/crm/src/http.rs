//! HTTP as the adapters need it: one request, and a whole answer or a reason that the engine understands.

use crate::CrmError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cuffia_customers::sync::upstream::Failure;
use cuffia_tls::Trust;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::response::Parts;
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::io::Read;
use std::net::IpAddr;
use std::time::Duration;

/// How long a server may take until it is connected.
const CONNECT: Duration = Duration::from_secs(10);
/// How long it may take to answer, and how long it may say nothing while it answers with a list.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a whole list may take: that of a big address book, on a slow line.
const WHOLE: Duration = Duration::from_secs(300);
/// The largest answer that is read, bytes.
const LARGEST: usize = 64 << 20;
/// How a packed answer begins (RFC 1952 §2.3.1); some servers say that plain ones are packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// No connection: nothing was sent.
    Unreachable(String),
    /// The same, because the certificate is not believed.
    Certificate(String),
    /// Something may have been sent.
    Lost(String),
}

impl From<Broken> for Failure {
    fn from(b: Broken) -> Failure {
        match b {
            Broken::Unreachable(why) => Failure::Retry { after_ms: None, why },
            Broken::Certificate(why) => Failure::Retry { after_ms: None, why: CrmError::Certificate(why).to_string() },
            Broken::Lost(why) => Failure::Ambiguous { why },
        }
    }
}

impl From<Broken> for CrmError {
    fn from(b: Broken) -> CrmError {
        match b {
            Broken::Unreachable(why) | Broken::Lost(why) => CrmError::Unreachable(why),
            Broken::Certificate(why) => CrmError::Certificate(why),
        }
    }
}

/// A client for one server, as one user.
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, String>,
    authorization: Option<HeaderValue>,
}

impl Http {
    /// A client that says who it is with each request (RFC 7617).
    pub(crate) fn new(trust: &Trust, user: &str, password: &str) -> Result<Http, CrmError> {
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let mut authorization = HeaderValue::from_str(&basic).map_err(|_| CrmError::Password)?;
        authorization.set_sensitive(true);
        Ok(Http { authorization: Some(authorization), ..Http::anonymous(trust)? })
    }

    /// A client that leaves it to each request to say who it is.
    pub(crate) fn anonymous(trust: &Trust) -> Result<Http, CrmError> {
        let tls = cuffia_tls::client_config(trust).map_err(|e| CrmError::Certificate(e.to_string()))?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Http { client: Client::builder(TokioExecutor::new()).build(connector), authorization: None })
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request<String>) -> Result<(Parts, Vec<u8>), Broken> {
        // What asks for a list, or for many at once.
        let long = ["REPORT", "PROPFIND"].contains(&request.method().as_str());
        self.exchange(request, if long { WHOLE } else { PATIENCE }).await
    }

    /// The same where a whole list is asked for.
    pub(crate) async fn fetch(&self, request: Request<String>) -> Result<(Parts, Vec<u8>), Broken> {
        self.exchange(request, WHOLE).await
    }

    async fn exchange(&self, mut request: Request<String>, limit: Duration) -> Result<(Parts, Vec<u8>), Broken> {
        // Of a card by itself the server would tell another version than it knows, so that no change would ever be of the newest.
        let packed = ["POST", "REPORT", "PROPFIND"].contains(&request.method().as_str());
        let headers = request.headers_mut();
        if packed {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Cuffia/", env!("CARGO_PKG_VERSION"))));
        let late = |limit: Duration| move |_| Broken::Lost(format!("no answer within {} s", limit.as_secs()));
        let exchange = async {
            let begun = tokio::time::timeout(PATIENCE, self.client.request(request)).await.map_err(late(PATIENCE))?;
            let answer = begun.map_err(|e| match certificate(&e) {
                Some(why) => Broken::Certificate(why),
                None if e.is_connect() => Broken::Unreachable(innermost(&e)),
                None => Broken::Lost(innermost(&e)),
            })?;
            let (parts, mut body) = answer.into_parts();
            let mut whole = Vec::new();
            while let Some(frame) = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(late(PATIENCE))? {
                let frame = frame.map_err(|e| Broken::Lost(innermost(&e)))?;
                whole.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if whole.len() > LARGEST {
                    return Err(too_large());
                }
            }
            let packed =
                parts.headers.get(CONTENT_ENCODING).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"gzip"));
            let whole = if packed && whole.starts_with(&GZIP) { unpack(&whole)? } else { whole };
            Ok((parts, whole))
        };
        tokio::time::timeout(limit, exchange).await.map_err(late(limit))?
    }
}

fn too_large() -> Broken {
    Broken::Lost(format!("the answer is larger than {} MB", LARGEST >> 20))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Broken> {
    let mut whole = Vec::new();
    // One byte more tells that there is more.
    let limit = LARGEST as u64 + 1;
    let read = flate2::read::MultiGzDecoder::new(packed).take(limit).read_to_end(&mut whole);
    read.map_err(|e| Broken::Lost(format!("the answer can't be unpacked: {e}")))?;
    if whole.len() > LARGEST { Err(too_large()) } else { Ok(whole) }
}

/// What a person typed as a web address. Without a scheme it is https; http is for this computer alone.
///
/// # Errors
/// [`CrmError::BadAddress`], [`CrmError::InTheClear`].
pub(crate) fn address(typed: &str) -> Result<Uri, CrmError> {
    let bad = || CrmError::BadAddress(typed.to_owned());
    let text = typed.trim();
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let uri: Uri = whole.parse().map_err(|_| bad())?;
    let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(bad)?;
    // User and password have fields of their own; here they would be shown.
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(bad());
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") => {
            let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
            let here = host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback());
            if here { Ok(uri) } else { Err(CrmError::InTheClear) }
        }
        _ => Err(bad()),
    }
}

/// The innermost reason: "connection refused" says more than "error trying to connect".
fn innermost(e: &dyn Error) -> String {
    let mut inner = e;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Why a certificate is not believed, if that is what is wrong.
fn certificate(e: &(dyn Error + 'static)) -> Option<String> {
    let mut next: Option<&(dyn Error + 'static)> = Some(e);
    while let Some(e) = next {
        if let Some(rustls::Error::InvalidCertificate(fault)) = e.downcast_ref::<rustls::Error>() {
            return Some(cuffia_tls::reason(fault));
        }
        // An I/O error's source is the source of what it wraps: what it wraps would be left out.
        next = match e.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => e.source(),
        };
    }
    None
}

/// What a status that is no success means.
pub(crate) fn failure(parts: &Parts, body: &[u8]) -> Failure {
    let words = || {
        let said: String = String::from_utf8_lossy(body).chars().take(300).collect();
        if said.trim().is_empty() { parts.status.to_string() } else { format!("{}: {}", parts.status, said.trim()) }
    };
    match parts.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Auth { why: parts.status.to_string() },
        StatusCode::NOT_FOUND | StatusCode::GONE => Failure::Gone,
        StatusCode::PRECONDITION_FAILED => Failure::Conflict,
        // Without a word of when to come again, a 503 may be a gateway's that has already handed the request on.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            if parts.status == StatusCode::TOO_MANY_REQUESTS || parts.headers.contains_key(RETRY_AFTER) =>
        {
            let seconds = parts.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse::<i64>().ok());
            Failure::Retry { after_ms: seconds.map(|s| s.saturating_mul(1_000)), why: parts.status.to_string() }
        }
        // Sent elsewhere, locked for now, not ready: nothing was done.
        s if s.is_redirection() || [StatusCode::LOCKED, StatusCode::TOO_EARLY].contains(&s) => {
            Failure::Later { why: words() }
        }
        s if s.is_server_error() || s == StatusCode::REQUEST_TIMEOUT => Failure::Ambiguous { why: words() },
        _ => Failure::Rejected { message: words() },
    }
}

/// It was written, and what it is now is not known.
pub(crate) fn in_doubt(f: impl std::fmt::Display) -> Failure {
    Failure::Ambiguous { why: f.to_string() }
}

/// Reading first failed, so nothing was written. It is the line, or the server as a whole.
pub(crate) fn not_done(f: Failure) -> Failure {
    match f {
        Failure::Ambiguous { why } => Failure::Retry { after_ms: None, why },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_type_them() {
        assert_eq!(
            address(" dav.example.com/books ").map(|u| u.to_string()),
            Ok("https://dav.example.com/books".into())
        );
        assert_eq!(address("http://127.0.0.1:5232").map(|u| u.to_string()), Ok("http://127.0.0.1:5232/".into()));
        assert_eq!(address("http://[::1]:5232/").map(|u| u.to_string()), Ok("http://[::1]:5232/".into()));
        assert_eq!(address("http://dav.example.com"), Err(CrmError::InTheClear));
        for bad in ["", "https://", "ftp://dav.example.com", "a b", "https://anna:secret@dav.example.com"] {
            assert_eq!(address(bad), Err(CrmError::BadAddress(bad.into())), "{bad:?}");
        }
    }

    #[test]
    fn a_busy_server_says_when_to_come_again() {
        let answer = http::Response::builder().status(429).header("Retry-After", "7").body(()).expect("an answer");
        let expected = Failure::Retry { after_ms: Some(7_000), why: "429 Too Many Requests".into() };
        assert_eq!(failure(&answer.into_parts().0, b""), expected);
    }
}
