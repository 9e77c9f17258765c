//! Request Tracker's REST2: JSON there and back, and what its statuses mean. A refusal is about what was asked, not about who asks; only
//! a wrong password is.

use crate::http::{Http, address, failure};
use crate::{Account, CrmError};
use cuffia_customers::sync::upstream::Failure;
use cuffia_tls::Trust;
use http::header::{CONTENT_TYPE, DATE, ETAG, IF_MATCH};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// Where it is, beneath the server's address.
const REST: &str = "/REST/2.0/";

/// A part of an address, so that nothing in it means anything.
pub(super) fn quoted(part: &str) -> String {
    utf8_percent_encode(part, NON_ALPHANUMERIC).to_string()
}

/// An answer.
pub(super) struct Told {
    pub(super) body: Value,
    /// The state it is of.
    pub(super) etag: Option<String>,
    /// When it was told, by the server's clock, UTC milliseconds.
    pub(super) at: Option<i64>,
}

/// One user of one server.
pub(super) struct Rest {
    http: Http,
    base: Uri,
}

impl Rest {
    pub(super) fn new(account: &Account, trust: &Trust) -> Result<Rest, CrmError> {
        Ok(Rest { http: Http::new(trust, &account.user, &account.password)?, base: address(&account.address)? })
    }

    /// Reads. What may not be seen is not there.
    pub(super) async fn get(&self, path: &str) -> Result<Told, Failure> {
        self.ask(Method::GET, path, None, None).await.map_err(|f| match f {
            Failure::Rejected { message } if message.starts_with(FORBIDDEN) => {
                tracing::debug!("{path}: {message}");
                Failure::Gone
            }
            other => other,
        })
    }

    /// A search with a question too long for an address.
    pub(super) async fn search(&self, path: &str, question: &Value) -> Result<Told, Failure> {
        self.ask(Method::POST, path, Some(question), None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Told, Failure> {
        self.ask(Method::POST, path, Some(body), None).await
    }

    /// Changes a record that is still in this state. The answer is what the server says of each part, done or not.
    pub(super) async fn put(&self, path: &str, body: &Value, etag: &str) -> Result<Vec<String>, Failure> {
        let said = self.ask(Method::PUT, path, Some(body), Some(etag)).await?.body;
        Ok(said.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    pub(super) async fn delete(&self, path: &str, etag: &str) -> Result<(), Failure> {
        self.ask(Method::DELETE, path, None, Some(etag)).await.map(drop)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        state: Option<&str>,
    ) -> Result<Told, Failure> {
        let no_request = |e: http::Error| Failure::Rejected { message: e.to_string() };
        let mut parts = self.base.clone().into_parts();
        let whole = format!("{}{REST}{path}", self.base.path().trim_end_matches('/'));
        parts.path_and_query = Some(whole.parse().map_err(|e: http::uri::InvalidUri| no_request(e.into()))?);
        let uri = Uri::from_parts(parts).map_err(|e| no_request(e.into()))?;
        let mut request = Request::builder().method(method).uri(uri);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(state) = state {
            request = request.header(IF_MATCH, state);
        }
        let request = request.body(body.map(Value::to_string).unwrap_or_default()).map_err(no_request)?;
        let (parts, told) = self.http.send(request).await?;
        let text = |name| parts.headers.get(name).and_then(|v| v.to_str().ok());
        match parts.status {
            s if s.is_success() => Ok(Told {
                body: if told.is_empty() {
                    Value::Null
                } else {
                    serde_json::from_slice(&told).map_err(|_| no_answer())?
                },
                etag: text(ETAG).map(str::to_owned),
                at: date(&parts.headers),
            }),
            // Refused, or there is already such a one.
            StatusCode::FORBIDDEN => Err(Failure::Rejected { message: format!("{FORBIDDEN}{}", words(&told)) }),
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Failure::Rejected { message: words(&told) })
            }
            _ => Err(failure(&parts, &told)),
        }
    }
}

/// How a refusal for want of a right begins.
const FORBIDDEN: &str = "not allowed: ";

fn no_answer() -> Failure {
    Failure::Ambiguous { why: "the server's answer is none of Request Tracker's".into() }
}

/// What it says is wrong.
fn words(body: &[u8]) -> String {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    match told["message"].as_str() {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(body).chars().take(300).collect(),
    }
}

/// When an answer was given (RFC 9110 §6.6.1).
fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    // Written like a mail's, but for the zone's name.
    let date = text.replace("GMT", "+0000");
    let date = time::OffsetDateTime::parse(&date, &time::format_description::well_known::Rfc2822).ok()?;
    Some(date.unix_timestamp().saturating_mul(1_000))
}

/// A time as it writes them, UTC milliseconds; none where it has none, which is the beginning of 1970 there.
pub(super) fn moment(text: &Value) -> Option<i64> {
    let at = time::OffsetDateTime::parse(text.as_str()?, &time::format_description::well_known::Rfc3339).ok()?;
    Some(at.unix_timestamp().saturating_mul(1_000)).filter(|at| *at > 0)
}

/// A time as it reads them; empty for none. It keeps whole seconds.
pub(super) fn written(ms: Option<i64>) -> Value {
    let at = ms.and_then(|ms| time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok());
    json!(at.map_or(String::new(), |at| format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )))
}
