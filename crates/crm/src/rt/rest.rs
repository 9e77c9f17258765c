//! Request Tracker's REST2: JSON there and back, and what its statuses mean. A refusal is about what was asked, not about who asks; only
//! a wrong password is. And it is Request Tracker's only where it is said in its words: a gateway before it says such things too.

use crate::http::{Http, address, failure};
use crate::{Account, CrmError};
use cuffia_customers::sync::upstream::Failure;
use cuffia_tls::Trust;
use http::header::{CONTENT_TYPE, DATE, ETAG, IF_MATCH};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

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
    /// The server's clock, UTC milliseconds, and when it was told.
    clock: Mutex<Option<(i64, Instant)>>,
}

impl Rest {
    pub(super) fn new(account: &Account, trust: &Trust) -> Result<Rest, CrmError> {
        let http = Http::new(trust, &account.user, &account.password)?;
        Ok(Rest { http, base: address(&account.address)?, clock: Mutex::default() })
    }

    /// What time it is there, UTC milliseconds.
    pub(super) async fn now(&self) -> Result<i64, Failure> {
        let known = || *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if known().is_none() {
            self.get("rt").await?;
        }
        let (told, at) = known().ok_or_else(no_answer)?;
        Ok(told.saturating_add(i64::try_from(at.elapsed().as_millis()).unwrap_or(0)))
    }

    /// Reads a list, or something there always is.
    pub(super) async fn get(&self, path: &str) -> Result<Told, Failure> {
        self.ask(Method::GET, path, None, None).await.map_err(not_now)
    }

    /// Reads one record. One that may not be seen is not there.
    pub(super) async fn record(&self, path: &str) -> Result<Told, Failure> {
        self.ask(Method::GET, path, None, None).await.map_err(|f| match f {
            Failure::Rejected { message } if message.starts_with(FORBIDDEN) => Failure::Gone,
            other => other,
        })
    }

    /// A search by a list of conditions.
    pub(super) async fn search(&self, path: &str, question: &Value) -> Result<Told, Failure> {
        self.ask(Method::POST, path, Some(question), None).await.map_err(not_now)
    }

    /// Makes something.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Told, Failure> {
        self.ask(Method::POST, path, Some(body), None).await.map_err(|f| match f {
            // There is nothing that could be gone.
            Failure::Gone => Failure::Rejected { message: "the server knows nothing of the kind".into() },
            other => other,
        })
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
        let at = date(&parts.headers);
        if let Some(at) = at {
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, Instant::now()));
        }
        match parts.status {
            s if s.is_success() => Ok(Told {
                body: if told.is_empty() {
                    Value::Null
                } else {
                    serde_json::from_slice(&told).map_err(|_| no_answer())?
                },
                etag: text(ETAG).map(str::to_owned),
                at,
            }),
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE if said(&told).is_none() => {
                let why = format!("{}{NOT_RT}", parts.status);
                Err(Failure::Retry { after_ms: None, why })
            }
            // Refused, or there is already such a one.
            StatusCode::FORBIDDEN => Err(Failure::Rejected { message: format!("{FORBIDDEN}{}", words(&told)) }),
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Failure::Rejected { message: words(&told) })
            }
            _ => Err(failure(&parts, &told)),
        }
    }
}

/// How a refusal ends that is another's.
pub(super) const NOT_RT: &str = ", and not by Request Tracker";
/// How an answer ends that is.
pub(super) const NO_ANSWER: &str = "none of Request Tracker's";
/// How a refusal for want of a right begins.
pub(super) const FORBIDDEN: &str = "not allowed: ";

/// A list can't be gone: it may not be seen just now.
fn not_now(f: Failure) -> Failure {
    match f {
        Failure::Gone => Failure::Retry { after_ms: None, why: "404 Not Found".into() },
        Failure::Rejected { message } if message.starts_with(FORBIDDEN) => {
            Failure::Retry { after_ms: None, why: message }
        }
        other => other,
    }
}

fn no_answer() -> Failure {
    Failure::Ambiguous { why: format!("the server's answer is {NO_ANSWER}") }
}

/// What it says is wrong, if it is Request Tracker that says it.
fn said(body: &[u8]) -> Option<String> {
    let told: Value = serde_json::from_slice(body).ok()?;
    Some(told.get("message")?.as_str()?.to_owned())
}

fn words(body: &[u8]) -> String {
    said(body).unwrap_or_else(|| String::from_utf8_lossy(body).chars().take(300).collect())
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

/// A time as it reads them, in whole seconds. None is the beginning of 1970.
pub(super) fn written(ms: Option<i64>) -> Value {
    let at = time::OffsetDateTime::from_unix_timestamp(ms.unwrap_or(0).div_euclid(1_000));
    let at = at.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    json!(format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    ))
}
