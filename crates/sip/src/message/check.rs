//! What a recognisable message may still have wrong (RFC 4475 3.1.2, 3.3).

use super::fields::{NameAddr, Via, quotes_balance};
use super::uri::Uri;
use super::{Message, Start};

/// Fields that may stand only once.
const SINGLE: &[&str] = &["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Expires"];

impl Message {
    /// The status a request with a fault is refused with, and why. A response with a fault is dropped, whatever the status.
    pub fn problem(&self) -> Option<(u16, &'static str)> {
        let bad = |why| Some((400, why));
        if self.version != "SIP/2.0" {
            return if self.version.trim_end() == self.version && self.version.starts_with("SIP/") {
                Some((505, "Version Not Supported"))
            } else {
                bad("Malformed request line")
            };
        }
        if SINGLE.iter().any(|name| self.headers.all(name).nth(1).is_some()) {
            return bad("Field given more than once");
        }
        for name in ["From", "To", "Call-ID", "CSeq", "Via"] {
            if self.headers.get(name).is_none_or(|v| v.trim().is_empty()) {
                return bad("Mandatory field missing");
            }
        }
        if self.headers.all("Via").any(|line| super::fields::split(line, ',').iter().any(|v| Via::parse(v).is_none())) {
            return bad("Malformed Via");
        }
        if self.from().is_none() || self.to().is_none() {
            return bad("Malformed From or To");
        }
        for name in ["Contact", "Route", "Record-Route"] {
            for member in self.headers.all(name).flat_map(|line| super::fields::split(line, ',')) {
                let star = name == "Contact" && member == "*";
                let Some(address) = NameAddr::parse(member).or_else(|| star.then(|| NameAddr::new(None, "*"))) else {
                    return bad("Malformed address");
                };
                if address
                    .params
                    .get("expires")
                    .is_some_and(|e| e.bytes().all(|b| b.is_ascii_digit()) && e.parse::<u32>().is_err())
                {
                    return bad("Number out of range");
                }
            }
        }
        match self.declared_length() {
            Some(Err(())) => return bad("Malformed Content-Length"),
            Some(Ok(length)) if length != self.body.len() => return bad("Content-Length larger than the message"),
            _ => {}
        }
        if self.headers.get("Max-Forwards").is_some_and(|v| v.parse::<u8>().is_err()) {
            return bad("Malformed Max-Forwards");
        }
        if self
            .headers
            .get("Expires")
            .is_some_and(|v| v.bytes().all(|b| b.is_ascii_digit()) && v.parse::<u32>().is_err())
        {
            return bad("Number out of range");
        }
        if !["From", "To", "Contact"].iter().all(|n| self.headers.all(n).all(quotes_balance)) {
            return bad("Unbalanced quotes");
        }
        let Some((_, method)) = self.cseq() else { return bad("Malformed CSeq") };
        if let Start::Request { method: own, uri } = &self.start {
            if uri.is_empty() || uri.chars().any(|c| c.is_whitespace() || matches!(c, '<' | '>' | '"')) {
                return bad("Malformed Request-URI");
            }
            if method != own {
                return bad("CSeq method differs");
            }
            let scheme = uri.split(':').next().unwrap_or("").to_ascii_lowercase();
            match scheme.as_str() {
                "sip" | "sips" | "tel" => match Uri::parse(uri) {
                    // Header fields in a Request-URI are not allowed (RFC 3261 19.1.1).
                    None | Some(Uri { headers: Some(_), .. }) => return bad("Malformed Request-URI"),
                    Some(_) => {}
                },
                _ if !uri.contains(':') => return bad("Malformed Request-URI"),
                _ => return Some((416, "Unsupported URI Scheme")),
            }
        }
        None
    }
}
