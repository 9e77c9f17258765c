//! Messages: reading, checking, printing. Tolerant where a user agent may be, strict where RFC 4475 wants it.

mod check;
pub mod fields;
mod framing;
mod headers;
mod parse;
pub mod uri;

pub use framing::{Framed, Framer};
pub use headers::Headers;
pub use parse::{MAX_MESSAGE, ParseError};

use fields::{NameAddr, Via};

/// What kind of message it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Someone wants something.
    Request {
        /// Case matters.
        method: String,
        /// The Request-URI as written.
        uri: String,
    },
    /// The answer to a request.
    Response {
        /// 100 to 699.
        status: u16,
        /// Text for people; may be empty.
        reason: String,
    },
}

/// One SIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: Start,
    /// `SIP/2.0`, or what the sender claims.
    pub version: String,
    /// Header fields in order.
    pub headers: Headers,
    /// What follows the empty line.
    pub body: Vec<u8>,
}

impl Message {
    /// A request without header fields.
    pub fn request(method: &str, uri: &str) -> Self {
        Self {
            start: Start::Request { method: method.to_owned(), uri: uri.to_owned() },
            version: "SIP/2.0".to_owned(),
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// A response to `request` (RFC 3261 8.2.6.2); `tag` is put on To when To has none and the status is above 100.
    pub fn response(request: &Message, status: u16, tag: &str) -> Self {
        let mut headers = Headers::new();
        for via in request.headers.all("Via") {
            headers.push("Via", via);
        }
        if status > 100 && status < 300 {
            for route in request.headers.all("Record-Route") {
                headers.push("Record-Route", route);
            }
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            if let Some(value) = request.headers.get(name) {
                let tagged = name == "To" && status > 100 && NameAddr::parse(value).is_none_or(|to| to.tag().is_none());
                if tagged && !tag.is_empty() {
                    headers.push(name, format!("{value};tag={tag}"));
                } else {
                    headers.push(name, value);
                }
            }
        }
        if status == 100
            && let Some(timestamp) = request.headers.get("Timestamp")
        {
            headers.push("Timestamp", timestamp);
        }
        Self {
            start: Start::Response { status, reason: reason_phrase(status).to_owned() },
            version: "SIP/2.0".to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    /// The method of a request; for a response the method of its CSeq.
    pub fn method(&self) -> &str {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => self.cseq().map_or("", |(_, method)| method),
        }
    }

    /// The Request-URI; empty for a response.
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => "",
        }
    }

    /// The status of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        match self.start {
            Start::Response { status, .. } => status,
            Start::Request { .. } => 0,
        }
    }

    /// The reason phrase of a response.
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Response { reason, .. } => reason,
            Start::Request { .. } => "",
        }
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via> {
        self.headers.list("Via").first().and_then(|v| Via::parse(v))
    }

    /// CSeq number and method.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        self.headers.get("CSeq").and_then(fields::cseq)
    }

    /// The Call-ID, or nothing.
    pub fn call_id(&self) -> &str {
        self.headers.get("Call-ID").unwrap_or("").trim()
    }

    /// The From address.
    pub fn from(&self) -> Option<NameAddr> {
        self.headers.get("From").and_then(NameAddr::parse)
    }

    /// The To address.
    pub fn to(&self) -> Option<NameAddr> {
        self.headers.get("To").and_then(NameAddr::parse)
    }

    /// The tag of From, or nothing.
    pub fn from_tag(&self) -> String {
        self.from().and_then(|a| a.tag().map(str::to_owned)).unwrap_or_default()
    }

    /// The tag of To, or nothing.
    pub fn to_tag(&self) -> String {
        self.to().and_then(|a| a.tag().map(str::to_owned)).unwrap_or_default()
    }

    /// The body when it is a session description.
    pub fn sdp(&self) -> Option<String> {
        let kind = self.headers.get("Content-Type").unwrap_or("application/sdp");
        let kind = kind.split(';').next().unwrap_or("").trim();
        (!self.body.is_empty() && kind.eq_ignore_ascii_case("application/sdp"))
            .then(|| String::from_utf8_lossy(&self.body).into_owned())
    }

    /// Gives the message a body.
    pub fn set_body(&mut self, content_type: &str, body: &str) {
        self.headers.set("Content-Type", content_type);
        self.body = body.as_bytes().to_vec();
    }

    /// The message as it goes over the wire. Content-Length is always written; a control character inside a field (which
    /// could begin a field of its own) becomes a space.
    pub fn print(&self) -> Vec<u8> {
        fn clean(text: &str) -> String {
            text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
        }
        let mut text = match &self.start {
            Start::Request { method, uri } => {
                let strip = |t: &str| t.chars().filter(|c| !c.is_control() && *c != ' ').collect::<String>();
                format!("{} {} SIP/2.0\r\n", strip(method), strip(uri))
            }
            Start::Response { status, reason } => format!("SIP/2.0 {status} {}\r\n", clean(reason)),
        };
        for (name, value) in self.headers.iter() {
            if !name.eq_ignore_ascii_case("Content-Length") {
                text.push_str(&clean(name));
                text.push_str(": ");
                // Trimmed as a reader will trim it.
                text.push_str(clean(value).trim());
                text.push_str("\r\n");
            }
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The usual text for a status (RFC 3261 21).
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        other => match other / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
