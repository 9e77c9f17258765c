//! `sip:`, `sips:` and `tel:` addresses.

use super::fields::Params;

/// An address. The user part is kept as written; [`Uri::user_text`] undoes its escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// In lower case.
    pub scheme: String,
    /// User part with password, escapes kept. For `tel:` the number.
    pub user: Option<String>,
    /// Host; for IPv6 with its brackets. Empty for `tel:`.
    pub host: String,
    /// Port, when written.
    pub port: Option<u16>,
    /// Address parameters.
    pub params: Params,
    /// What follows the question mark.
    pub headers: Option<String>,
}

impl Uri {
    /// Reads an address; `None` for other schemes and malformed ones.
    pub fn parse(text: &str) -> Option<Self> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"')) {
            return None;
        }
        let (scheme, rest) = text.split_once(':')?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "tel" {
            let mut parts = rest.split(';');
            let number = parts.next()?;
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_hexdigit() || b"+-.()*#".contains(&b)) {
                return None;
            }
            return Some(Self {
                scheme,
                user: Some(number.to_owned()),
                host: String::new(),
                port: None,
                params: read_params(parts)?,
                headers: None,
            });
        }
        if scheme != "sip" && scheme != "sips" {
            return None;
        }
        // The user part may hold `?`, `;` and `/` (RFC 4475 3.1.1.2) but no `@`.
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) if !user.is_empty() => (Some(user.to_owned()), rest),
            Some(_) => return None,
            None => (None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let mut parts = rest.split(';');
        let (host, port) = host_port(parts.next()?)?;
        Some(Self { scheme, user, host, port, params: read_params(parts)?, headers })
    }

    /// The user part without password, escapes undone, control characters dropped.
    pub fn user_text(&self) -> String {
        let user = self.user.as_deref().unwrap_or("");
        // `;` begins parameters of a telephone number in the user part (RFC 3261 19.1.6).
        let user = user.split([':', ';']).next().unwrap_or("");
        unescape(user)
    }
}

fn read_params<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Params> {
    let mut params = Vec::new();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (part, None),
        };
        if name.is_empty() {
            return None;
        }
        params.push((name.to_owned(), value));
    }
    Some(Params(params))
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`, and checks the characters.
pub fn host_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if text.starts_with('[') {
        let close = text.find(']')?;
        let inner = &text[1..close];
        inner.parse::<std::net::Ipv6Addr>().ok()?;
        (&text[..=close], text[close + 1..].strip_prefix(':').or((close + 1 != text.len()).then_some("bad")))
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let named = host.starts_with('[')
        || (!host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')));
    let port = match port {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok().filter(|p| *p != 0)?),
        Some(_) => return None,
        None => None,
    };
    named.then(|| (host.to_owned(), port))
}

/// Undoes `%41` escapes; what is not an escape stays, control characters go.
pub fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| (*b as char).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).chars().filter(|c| !c.is_control()).collect()
}

/// Escapes what may not stand in a user part (RFC 3261 25.1).
pub fn escape_user(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,?/".contains(&byte) {
            escaped.push(byte as char);
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
