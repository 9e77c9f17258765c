//! Events of calls, told to an employer's program by HTTP: in the form of Zammad's generic CTI interface, or as a webhook that is signed
//! as Standard Webhooks 1.0 says.

use crate::CrmError;
use crate::http::{Broken, Http, address};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cuffia_tls::Trust;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts;
use http::{Method, Request, StatusCode, Uri};
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// In which form a program is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `POST /api/v1/cti/TOKEN` of Zammad.
    Zammad,
    /// A webhook, signed with a secret that both know.
    Webhook,
}

/// Whom to tell.
#[derive(Clone, Serialize, Deserialize)]
pub struct Target {
    /// How.
    pub form: Form,
    /// Where. Zammad's has a token in it.
    pub address: String,
    /// What a webhook is signed with: base64, with or without `whsec_` before it.
    pub secret: String,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// It rings, here or there.
    Began,
    /// It was answered.
    Answered,
    /// It is over.
    Ended,
}

/// Something that happened to a call. Times are UTC milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// Its own id: told twice, it is still one.
    pub id: String,
    /// What.
    pub what: Happening,
    /// When.
    pub at: i64,
    /// The call.
    pub call: String,
    /// We called.
    pub outgoing: bool,
    /// The other side: E.164 if it is a public number, else as it came; empty when it is withheld.
    pub number: String,
    /// What was called of ours; empty when we called.
    pub called: String,
    /// The customer's name, or what the network says.
    pub name: Option<String>,
    /// The customer's id in the CRM.
    pub customer: Option<String>,
    /// The operator's extension.
    pub extension: String,
    /// The operator's name.
    pub operator: String,
    /// Begun.
    pub started: i64,
    /// Answered.
    pub answered: Option<i64>,
    /// Over.
    pub ended: Option<i64>,
    /// Why it ended, one of the desk's words.
    pub reason: Option<String>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It was taken.
    Yes,
    /// Not now; perhaps after so many milliseconds.
    Later {
        /// When the server says to come again.
        after_ms: Option<i64>,
        /// Why.
        why: CrmError,
    },
    /// Its program failed over it, and may do so again.
    Fault(CrmError),
    /// Not this one.
    No(CrmError),
}

/// Tells a program.
pub struct Teller {
    http: Http,
    uri: Uri,
    form: Form,
    key: hmac::Key,
}

/// A key that is shorter could be guessed, bytes.
const SHORTEST: usize = 16;

fn key(form: Form, secret: &str) -> Result<hmac::Key, CrmError> {
    let secret = secret.trim();
    let bytes = match form {
        Form::Zammad => Vec::new(),
        Form::Webhook => {
            STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).map_err(|_| CrmError::Secret)?
        }
    };
    if form == Form::Webhook && bytes.len() < SHORTEST {
        return Err(CrmError::Secret);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

impl Teller {
    /// A teller for a target. Nothing is asked.
    ///
    /// # Errors
    /// [`CrmError::BadAddress`], [`CrmError::InTheClear`], [`CrmError::Secret`].
    pub fn new(target: &Target, trust: &Trust) -> Result<Teller, CrmError> {
        let uri = address(&target.address)?;
        if target.form == Form::Zammad && !uri.path().contains("/api/v1/cti/") {
            return Err(CrmError::NoZammad);
        }
        Ok(Teller { http: Http::anonymous(trust)?, uri, form: target.form, key: key(target.form, &target.secret)? })
    }

    /// How the program is told.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The server's name, to be shown.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// Whether the program is there and would take events. It is told none.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn try_it(&self, id: &str, now: i64) -> Result<(), CrmError> {
        let body = match self.form {
            // Without a direction it is refused, but only once the token was looked at.
            Form::Zammad => json!({"event": "test"}),
            Form::Webhook => json!({"type": "test", "timestamp": stamp(now), "data": {}}),
        };
        let (parts, said) = self.http.send(self.request(id, &body, now)).await?;
        let words = words(&said);
        match self.form {
            Form::Zammad if words.contains("Invalid direction") => Ok(()),
            _ => match understood(self.form, &parts, &words) {
                // Another program than Zammad takes what Zammad would not.
                Told::Yes if self.form == Form::Zammad => Err(CrmError::NoZammad),
                Told::Yes => Ok(()),
                Told::Later { why, .. } | Told::Fault(why) | Told::No(why) => Err(why),
            },
        }
    }

    /// Tells an event.
    pub async fn tell(&self, event: &CallEvent, now: i64) -> Told {
        let body = match self.form {
            Form::Zammad => zammad(event),
            Form::Webhook => webhook(event),
        };
        match self.http.send(self.request(&event.id, &body, now)).await {
            Ok((parts, said)) => understood(self.form, &parts, &words(&said)),
            // Both forms know an event again that they have had.
            Err(Broken::Unreachable(why) | Broken::Lost(why)) => {
                Told::Later { after_ms: None, why: CrmError::Unreachable(why) }
            }
            Err(Broken::Certificate(why)) => Told::Later { after_ms: None, why: CrmError::Certificate(why) },
        }
    }

    fn request(&self, id: &str, body: &Value, now: i64) -> Request<String> {
        let (body, seconds) = (body.to_string(), now / 1_000);
        let mut request = Request::new(String::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let mut header = |name: &'static str, value: &str| {
            // Ids, numbers and base64 are always values of a header.
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        };
        header(CONTENT_TYPE.as_str(), "application/json");
        // Else Zammad says what is wrong as a page for people.
        header(ACCEPT.as_str(), "application/json");
        if self.form == Form::Webhook {
            let signature = hmac::sign(&self.key, format!("{id}.{seconds}.{body}").as_bytes());
            header("webhook-id", id);
            header("webhook-timestamp", &seconds.to_string());
            header("webhook-signature", &format!("v1,{}", STANDARD.encode(signature)));
        }
        *request.body_mut() = body;
        request
    }
}

fn words(said: &[u8]) -> String {
    String::from_utf8_lossy(said).chars().take(300).collect()
}

fn understood(form: Form, parts: &Parts, words: &str) -> Told {
    let after_ms = parts.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse::<i64>().ok());
    let later = |why| Told::Later { after_ms: after_ms.map(|s| s.saturating_mul(1_000)), why };
    let said = || CrmError::Server(format!("{} {}", parts.status, words.trim()).trim().to_owned());
    if form == Form::Zammad {
        // It had it, and the answer was lost. Of other faults, such as a call that it does not know, it tells their number in its log alone.
        if words.contains("already exists") {
            return Told::Yes;
        }
        if words.contains("is disabled") || words.contains("not configured") {
            return later(CrmError::CtiOff);
        }
    }
    match parts.status {
        s if s.is_success() => Told::Yes,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => later(CrmError::Token),
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => later(CrmError::NothingThere),
        s if s.is_client_error() && ![StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&s) => {
            Told::No(said())
        }
        StatusCode::INTERNAL_SERVER_ERROR => Told::Fault(said()),
        _ => later(said()),
    }
}

/// Zammad writes public numbers without a plus.
fn zammad(e: &CallEvent) -> Value {
    let plain = |number: &str| match number {
        "" => "anonymous".to_owned(),
        number => number.strip_prefix('+').unwrap_or(number).to_owned(),
    };
    let ours = plain(if e.called.is_empty() { &e.extension } else { &e.called });
    let (from, to) = if e.outgoing { (ours, plain(&e.number)) } else { (plain(&e.number), ours) };
    let event = match e.what {
        Happening::Began => "newCall",
        Happening::Answered => "answer",
        Happening::Ended => "hangup",
    };
    let mut body = json!({
        "event": event, "from": from, "to": to, "callId": e.call, "user": e.operator,
        "direction": if e.outgoing { "out" } else { "in" },
    });
    match e.what {
        Happening::Began => {}
        // Whose screen the customer's page opens on.
        Happening::Answered => body["answeringNumber"] = json!(e.extension),
        Happening::Ended => {
            body["cause"] = json!(match e.reason.as_deref() {
                Some("hung_up_here" | "hung_up_there") => "normalClearing",
                Some("missed") => "cancel",
                // Nobody has missed it.
                Some("answered_elsewhere") => "forwarded",
                Some("busy" | "declined" | "declined_here") => "busy",
                Some("not_found") => "notFound",
                Some("no_answer") => "noAnswer",
                _ => "congestion",
            });
        }
    }
    body
}

fn stamp(ms: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()?.format(&Rfc3339).ok()
}

fn webhook(e: &CallEvent) -> Value {
    let kind = match e.what {
        Happening::Began => "call.started",
        Happening::Answered => "call.answered",
        Happening::Ended => "call.ended",
    };
    json!({
        "type": kind,
        "timestamp": stamp(e.at),
        "data": {
            "call_id": e.call,
            "direction": if e.outgoing { "out" } else { "in" },
            "number": e.number,
            "called": e.called,
            "name": e.name,
            "customer_id": e.customer,
            "extension": e.extension,
            "operator": e.operator,
            "started_at": stamp(e.started),
            "answered_at": e.answered.and_then(stamp),
            "ended_at": e.ended.and_then(stamp),
            "reason": e.reason,
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn event(what: Happening) -> CallEvent {
        CallEvent {
            id: "e1".into(),
            what,
            at: 1_795_000_000_500,
            call: "c1".into(),
            outgoing: false,
            number: "+390115550147".into(),
            called: "200".into(),
            name: Some("Anna Po".into()),
            customer: None,
            extension: "204".into(),
            operator: "Giulia".into(),
            started: 1_795_000_000_000,
            answered: None,
            ended: None,
            reason: Some("missed".into()),
        }
    }

    #[test]
    fn a_webhook_is_signed_as_the_specification_does_it() {
        // The example of Standard Webhooks' own documentation.
        let target = Target {
            form: Form::Webhook,
            address: "https://a.example".into(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        };
        let teller = Teller::new(&target, &Trust::System).unwrap();
        let body = json!({"test": 2_432_232_314_u64});
        let request = teller.request("msg_p5jXN8AQM9LWM0D4loKWxJek", &body, 1_614_265_330_000);
        assert_eq!(request.headers()["webhook-timestamp"], "1614265330");
        // The documentation's body has a space after the colon; its signature was made over that.
        let signed = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let documented = hmac::sign(&key(Form::Webhook, &target.secret).unwrap(), signed.as_bytes());
        assert_eq!(STANDARD.encode(documented), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let ours = hmac::sign(&teller.key, format!("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{body}").as_bytes());
        assert_eq!(request.headers()["webhook-signature"], format!("v1,{}", STANDARD.encode(ours)).as_str());
    }

    #[test]
    fn a_secret_that_is_none_and_an_address_that_is_not_zammads_are_refused() {
        let new = |form, address: &str, secret: &str| {
            let target = Target { form, address: address.into(), secret: secret.into() };
            Teller::new(&target, &Trust::System).err()
        };
        let long = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(new(Form::Webhook, "https://a.example/hook", long), None);
        assert_eq!(new(Form::Webhook, "https://a.example/hook", &long[6..]), None);
        for secret in ["", "whsec_", "whsec_YWJj", "not base64!"] {
            assert_eq!(new(Form::Webhook, "https://a.example/hook", secret), Some(CrmError::Secret), "{secret}");
        }
        assert_eq!(new(Form::Webhook, "http://a.example/hook", long), Some(CrmError::InTheClear));
        assert_eq!(new(Form::Zammad, "https://a.example/api/v1/cti/abc", ""), None);
        assert_eq!(new(Form::Zammad, "https://a.example/", ""), Some(CrmError::NoZammad));
    }

    #[test]
    fn zammad_is_told_in_its_words() {
        assert_eq!(
            zammad(&event(Happening::Began)),
            json!({"event": "newCall", "from": "390115550147", "to": "200", "callId": "c1", "user": "Giulia", "direction": "in"})
        );
        assert_eq!(zammad(&event(Happening::Answered))["answeringNumber"], "204");
        assert_eq!(zammad(&event(Happening::Ended))["cause"], "cancel");
        let out = CallEvent { outgoing: true, number: String::new(), called: String::new(), ..event(Happening::Began) };
        let said = zammad(&out);
        assert_eq!(
            (&said["from"], &said["to"], &said["direction"]),
            (&json!("204"), &json!("anonymous"), &json!("out"))
        );
    }

    #[test]
    fn what_a_program_answers_is_understood() {
        let answered = |form, status: u16, words: &str| {
            let parts = http::Response::builder().status(status).body(()).unwrap().into_parts().0;
            understood(form, &parts, words)
        };
        let later = |why| Told::Later { after_ms: None, why };
        assert_eq!(answered(Form::Webhook, 204, ""), Told::Yes);
        assert_eq!(answered(Form::Zammad, 500, "{\"error\":\"Object already exists!\"}"), Told::Yes);
        let fault = "{\"error\":\"Error ID 4KqHnA: Please contact your administrator.\"}";
        assert!(matches!(answered(Form::Zammad, 500, fault), Told::Fault(_)));
        assert_eq!(answered(Form::Zammad, 401, "Invalid token"), later(CrmError::Token));
        assert_eq!(answered(Form::Zammad, 422, "Feature is disabled, please"), later(CrmError::CtiOff));
        assert_eq!(answered(Form::Webhook, 404, ""), later(CrmError::NothingThere));
        assert!(matches!(answered(Form::Webhook, 400, "no"), Told::No(_)));
        for status in [302, 408, 429, 502, 503] {
            assert!(matches!(answered(Form::Webhook, status, ""), Told::Later { .. }), "{status}");
        }
    }
}
