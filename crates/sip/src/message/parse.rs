//! Bytes in, message out.

use super::{Headers, Message, Start, fields};

/// Nothing larger is read from anyone.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// More fields than this is an attack, not a message.
const MAX_HEADERS: usize = 512;

/// Why bytes are not a message at all. Faults in a recognisable message are found by [`Message::problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Larger than [`MAX_MESSAGE`].
    #[error("message is larger than 64 KiB")]
    TooLarge,
    /// No start line of a request or a response.
    #[error("no SIP start line")]
    StartLine,
    /// A header line without a colon or with a bad name, or far too many lines.
    #[error("malformed header field")]
    Header,
    /// The empty line after the header fields is missing.
    #[error("message ends within its header fields")]
    Truncated,
    /// A response whose status is not one of 100 to 699.
    #[error("status code out of range")]
    Status,
    /// Content-Length missing or malformed where a stream needs it.
    #[error("no usable Content-Length")]
    Length,
}

impl Message {
    /// Reads one message from a datagram or a WebSocket frame. What follows the body by Content-Length is dropped (RFC 3261
    /// 18.3); a body shorter than declared is kept and reported by [`Message::problem`].
    pub fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(ParseError::TooLarge);
        }
        // Robustness: empty lines before the start line are ignored (RFC 3261 7.5).
        let skip = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let bytes = &bytes[skip..];
        let (head, body) = match head_end(bytes) {
            Some((end, body)) => (&bytes[..end], &bytes[body..]),
            None => return Err(if bytes.is_empty() { ParseError::StartLine } else { ParseError::Truncated }),
        };
        let mut message = parse_head(head)?;
        message.body = match message.declared_length() {
            Some(Ok(length)) if length <= body.len() => body[..length].to_vec(),
            _ => body.to_vec(),
        };
        Ok(message)
    }

    /// Content-Length: absent, a number, or malformed (also when two fields disagree).
    pub(super) fn declared_length(&self) -> Option<Result<usize, ()>> {
        let mut length = None;
        for value in self.headers.all("Content-Length") {
            let value = value.trim();
            let read = match value.parse::<usize>() {
                Ok(read) if value.bytes().all(|b| b.is_ascii_digit()) => read,
                _ => return Some(Err(())),
            };
            match length {
                None => length = Some(read),
                // RFC 4475 3.3.9: several values cannot be told apart, so the message cannot be framed.
                Some(_) => return Some(Err(())),
            }
        }
        length.map(Ok)
    }
}

/// Where the header fields end and where the body begins. Bare LF is tolerated.
pub(super) fn head_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(newline) = bytes[at..].iter().position(|b| *b == b'\n').map(|p| p + at) {
        let next = newline + 1;
        match (bytes.get(next), bytes.get(next + 1)) {
            (Some(b'\n'), _) => return Some((next, next + 1)),
            (Some(b'\r'), Some(b'\n')) => return Some((next, next + 2)),
            _ => at = next,
        }
    }
    None
}

/// Reads start line and header fields.
pub(super) fn parse_head(head: &[u8]) -> Result<Message, ParseError> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l));
    let (start, version) = start_line(lines.next().unwrap_or(""))?;
    let mut fields_read: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.is_empty() {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            // Folding: the line belongs to the field before it (RFC 3261 7.3.1).
            let (_, value) = fields_read.last_mut().ok_or(ParseError::Header)?;
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(ParseError::Header)?;
        let name = name.trim_end();
        if !fields::is_token(name) || fields_read.len() >= MAX_HEADERS {
            return Err(ParseError::Header);
        }
        fields_read.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut headers = Headers::new();
    for (name, value) in fields_read {
        headers.push(&name, value);
    }
    Ok(Message { start, version, headers, body: Vec::new() })
}

fn start_line(line: &str) -> Result<(Start, String), ParseError> {
    if let Some(rest) = line.strip_prefix("SIP/") {
        let (version, rest) = rest.split_once(' ').ok_or(ParseError::StartLine)?;
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseError::Status);
        }
        let status = code.parse().map_err(|_| ParseError::Status)?;
        if !(100..700).contains(&status) {
            return Err(ParseError::Status);
        }
        return Ok((Start::Response { status, reason: reason.to_owned() }, format!("SIP/{version}")));
    }
    // The Request-URI keeps any stray spaces, so that the check can refuse it with 400 rather than drop it.
    let (method, rest) = line.split_once(' ').ok_or(ParseError::StartLine)?;
    let (uri, version) = match rest.trim_end().rsplit_once(' ') {
        Some((uri, version)) if version.to_ascii_uppercase().starts_with("SIP/") => (uri, version),
        _ => return Err(ParseError::StartLine),
    };
    if !fields::is_token(method) {
        return Err(ParseError::StartLine);
    }
    let trailing = &rest[rest.trim_end().len()..];
    Ok((Start::Request { method: method.to_owned(), uri: uri.to_owned() }, format!("{version}{trailing}")))
}
