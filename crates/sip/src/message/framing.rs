//! Messages out of a byte stream (TCP, TLS).

use super::parse::{head_end, parse_head};
use super::{MAX_MESSAGE, Message, ParseError};

/// Collects bytes until a message is whole.
#[derive(Debug, Default)]
pub struct Framer {
    held: Vec<u8>,
}

/// What a stream gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed {
    /// A whole message, as bytes.
    Message(Vec<u8>),
    /// A double CRLF: the far end wants a single one back (RFC 5626 3.5.1).
    Ping,
    /// A single CRLF: the answer to our ping.
    Pong,
}

impl Framer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next thing, if it is complete. After an error the stream cannot be read further: close it.
    pub fn take(&mut self) -> Result<Option<Framed>, ParseError> {
        if self.held.starts_with(b"\r\n\r\n") {
            self.held.drain(..4);
            return Ok(Some(Framed::Ping));
        }
        if self.held.starts_with(b"\r\n") {
            // A lone CR LF CR may yet become a ping.
            if self.held.len() == 3 && self.held[2] == b'\r' {
                return Ok(None);
            }
            self.held.drain(..2);
            return Ok(Some(Framed::Pong));
        }
        let Some((end, body)) = head_end(&self.held) else {
            return if self.held.len() > MAX_MESSAGE { Err(ParseError::TooLarge) } else { Ok(None) };
        };
        // Where the message ends is known only by Content-Length (RFC 3261 18.3).
        let length = match parse_head(&self.held[..end])?.declared_length() {
            Some(Ok(length)) => length,
            _ => return Err(ParseError::Length),
        };
        let whole = body.checked_add(length).filter(|w| *w <= MAX_MESSAGE).ok_or(ParseError::TooLarge)?;
        if self.held.len() < whole {
            return Ok(None);
        }
        Ok(Some(Framed::Message(self.held.drain(..whole).collect())))
    }
}

/// Whether a datagram or WebSocket frame is only a keep-alive.
pub(crate) fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0))
}

impl Message {
    /// Whether these bytes are a keep-alive rather than a message.
    pub fn is_keep_alive(bytes: &[u8]) -> bool {
        is_keep_alive(bytes)
    }
}
