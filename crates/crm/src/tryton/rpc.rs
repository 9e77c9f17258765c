//! JSON-RPC as Tryton speaks it: a session that is taken once and again when it has expired, and errors that come with status 200.

use crate::http::{Http, address, failure};
use crate::{Account, CrmError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cuffia_customers::sync::upstream::Failure;
use cuffia_tls::Trust;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// One user of one database on a server.
pub(super) struct Rpc {
    http: Http,
    base: Uri,
    database: String,
    user: String,
    password: String,
    /// The header of the session.
    session: Mutex<Option<HeaderValue>>,
}

impl Rpc {
    /// `database` as it stands in an address; empty for what is asked of the server itself.
    pub(super) fn new(account: &Account, trust: &Trust, database: &str) -> Result<Rpc, CrmError> {
        Ok(Rpc {
            http: Http::anonymous(trust)?,
            base: address(&account.address)?,
            database: database.to_owned(),
            user: account.user.clone(),
            password: account.password.clone(),
            session: Mutex::new(None),
        })
    }

    /// What the server itself answers, without a user.
    pub(super) async fn server(&self, method: &str) -> Result<Value, CrmError> {
        let (status, body) = self.post("", method, &json!([]), None).await.map_err(said)?;
        if status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED {
            return Err(CrmError::NoTryton);
        }
        result(&body).map_err(|_| CrmError::NoTryton)
    }

    /// Takes a session, to see whether it is given.
    pub(super) async fn sign_in(&self) -> Result<(), CrmError> {
        let body = json!([self.user, { "password": self.password }]);
        let (status, body) = self.post(&self.database, "common.db.login", &body, None).await.map_err(said)?;
        match status {
            StatusCode::UNAUTHORIZED => return Err(CrmError::Password),
            StatusCode::NOT_FOUND => return Err(CrmError::NoDatabase(self.database.clone())),
            StatusCode::TOO_MANY_REQUESTS => return Err(CrmError::Server("too many wrong passwords; wait".into())),
            s if !s.is_success() => return Err(CrmError::Server(s.to_string())),
            _ => {}
        }
        let given = match answer(&body) {
            Ok(Ok(given)) => given,
            Ok(Err(error)) if error.name == "LoginException" => return Err(CrmError::MoreThanPassword),
            Ok(Err(error)) => return Err(CrmError::Server(error.name)),
            Err(_) => return Err(CrmError::NoTryton),
        };
        let (Some(id), Some(token)) = (given[0].as_i64(), given[1].as_str()) else { return Err(CrmError::Password) };
        let session = format!("Session {}", STANDARD.encode(format!("{}:{id}:{token}", self.user)));
        let mut header = HeaderValue::from_str(&session).map_err(|_| CrmError::NoTryton)?;
        header.set_sensitive(true);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(header);
        Ok(())
    }

    /// Calls a method as the user.
    ///
    /// # Errors
    /// [`Failure::Later`] where the server fails; it says then that nothing was done.
    pub(super) async fn call(&self, method: &str, parameters: Value) -> Result<Value, Failure> {
        for _ in 0..2 {
            let known = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let session = match known {
                Some(session) => session,
                None => {
                    self.sign_in().await.map_err(not_let_in)?;
                    continue;
                }
            };
            let (status, body) = self.post(&self.database, method, &parameters, Some(session)).await?;
            if status == StatusCode::UNAUTHORIZED {
                // It has expired: nothing was done.
                *self.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.sign_in().await.map_err(not_let_in)?;
                continue;
            }
            if status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED {
                // It takes no calls for this database, which it says too when it does not reach it.
                let why = format!("the server does not open the database {:?}", self.database);
                return Err(Failure::Retry { after_ms: None, why });
            }
            return result(&body);
        }
        // Given a moment ago and not believed now.
        Err(Failure::Retry { after_ms: None, why: "the server gives sessions and does not take them".into() })
    }

    async fn post(
        &self,
        database: &str,
        method: &str,
        parameters: &Value,
        session: Option<HeaderValue>,
    ) -> Result<(StatusCode, Vec<u8>), Failure> {
        let path = if database.is_empty() { "/rpc/".to_owned() } else { format!("/{database}/rpc/") };
        let no_request = |e: http::Error| Failure::Rejected { message: e.to_string() };
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(path.parse().map_err(|e: http::uri::InvalidUri| no_request(e.into()))?);
        let uri = Uri::from_parts(parts).map_err(|e| no_request(e.into()))?;
        let body = json!({ "id": 1, "method": method, "params": parameters }).to_string();
        let mut request = Request::post(uri).header(CONTENT_TYPE, "application/json").body(body).map_err(no_request)?;
        if let Some(session) = session {
            request.headers_mut().insert(AUTHORIZATION, session);
        }
        let list = method.ends_with(".search_read");
        let (parts, body) = if list { self.http.fetch(request).await? } else { self.http.send(request).await? };
        // What each of these means here, the caller knows.
        const MEANT: [StatusCode; 3] =
            [StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
        match parts.status {
            s if s.is_success() || MEANT.contains(&s) => Ok((s, body)),
            s if s == StatusCode::TOO_MANY_REQUESTS && method == "common.db.login" => Ok((s, body)),
            _ => Err(failure(&parts, &body)),
        }
    }
}

/// What a server says is wrong.
struct Told {
    /// The kind of error.
    name: String,
    /// What it says beside that.
    words: Value,
}

/// The result in an answer, or the error in it.
///
/// # Errors
/// When it is no answer of Tryton's.
fn answer(body: &[u8]) -> Result<Result<Value, Told>, Failure> {
    let none = || Failure::Ambiguous { why: "the server's answer is none of Tryton's".into() };
    let mut answer: Value = serde_json::from_slice(body).map_err(|_| none())?;
    match answer.get_mut("error").filter(|e| !e.is_null()).map(Value::take) {
        Some(mut error) => {
            let name = error[0].as_str().unwrap_or_default().to_owned();
            let words = error.get_mut(1).map(Value::take).unwrap_or_default();
            Ok(Err(Told { name, words }))
        }
        None => answer.get_mut("result").map(|r| Ok(r.take())).ok_or_else(none),
    }
}

/// The result, or the error as the engine understands it. It has been rolled back.
fn result(body: &[u8]) -> Result<Value, Failure> {
    let words = |of: &Value| match of {
        Value::String(s) => s.clone(),
        Value::Array(a) => a.iter().filter_map(Value::as_str).filter(|s| !s.is_empty()).collect::<Vec<_>>().join(": "),
        other => other.to_string(),
    };
    answer(body)?.map_err(|told| match told.name.as_str() {
        "ConcurrencyException" => Failure::Conflict,
        "UserError" => Failure::Rejected { message: words(&told.words) },
        // Its first word is a name for programs.
        "UserWarning" => Failure::Rejected { message: words(&told.words[1]) },
        // A fault in the server, or its database is busy.
        name => Failure::Later { why: format!("the server fails: {name}") },
    })
}

fn said(f: Failure) -> CrmError {
    match f {
        Failure::Retry { why, .. } | Failure::Ambiguous { why } | Failure::Auth { why } => CrmError::Unreachable(why),
        other => CrmError::Server(other.to_string()),
    }
}

/// Without a session nothing was done.
fn not_let_in(e: CrmError) -> Failure {
    match e {
        CrmError::Password => Failure::Auth { why: e.to_string() },
        e => Failure::Retry { after_ms: None, why: e.to_string() },
    }
}
