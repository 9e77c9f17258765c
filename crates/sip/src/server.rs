//! The server's address in an account.

use crate::LineError;
use crate::message::uri::host_port;

/// How SIP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS.
    Wss,
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream over TLS.
    Tls,
}

impl Transport {
    /// As in a Via.
    pub fn via(self) -> &'static str {
        match self {
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// Whether the transport repeats lost bytes itself.
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// Whether it is a WebSocket.
    pub fn is_web(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub transport: Transport,
    /// IPv6 with brackets.
    pub host: String,
    pub port: Option<u16>,
    /// Path and query of a WebSocket.
    pub path: String,
}

impl Server {
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let bad = || LineError::BadAddress { address: text.chars().filter(|c| !c.is_control()).take(120).collect() };
        let text = text.trim();
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(bad());
        }
        let lower = text.to_ascii_lowercase();
        for (prefix, transport) in [("wss://", Transport::Wss), ("ws://", Transport::Ws)] {
            if lower.starts_with(prefix) {
                let rest = &text[prefix.len()..];
                let at = rest.find(['/', '?']).unwrap_or(rest.len());
                let (host, port) = host_port(&rest[..at]).ok_or_else(bad)?;
                let path = match &rest[at..] {
                    "" => "/".to_owned(),
                    path if path.starts_with('?') => format!("/{path}"),
                    path => path.to_owned(),
                };
                return Ok(Self { transport, host, port, path });
            }
        }
        let (secure, rest) = match (lower.strip_prefix("sips:"), lower.strip_prefix("sip:")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(bad()),
        };
        let mut parts = rest.split(';');
        let (host, port) = host_port(parts.next().unwrap_or("")).ok_or_else(bad)?;
        let mut transport = if secure { Transport::Tls } else { Transport::Udp };
        for part in parts {
            transport = match part {
                "transport=udp" if !secure => Transport::Udp,
                "transport=tcp" if !secure => Transport::Tcp,
                "transport=tls" | "transport=tcp" => Transport::Tls,
                "lr" => transport,
                _ => return Err(bad()),
            };
        }
        Ok(Self { transport, host, port, path: String::new() })
    }

    /// The port when none is written and DNS names none.
    pub fn default_port(&self) -> u16 {
        match self.transport {
            Transport::Ws => 80,
            Transport::Wss => 443,
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
        }
    }

    /// The host without brackets, for certificates and sockets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_servers_are_understood() {
        let server = Server::parse("wss://pbx.example:7443/ws?x=1").unwrap();
        assert_eq!((server.transport, server.port, server.path.as_str()), (Transport::Wss, Some(7443), "/ws?x=1"));
        assert_eq!(Server::parse("ws://[::1]:80").unwrap().bare_host(), "::1");
        assert_eq!(Server::parse("sip:pbx.example").unwrap().transport, Transport::Udp);
        assert_eq!(Server::parse("sip:pbx.example;transport=tcp").unwrap().transport, Transport::Tcp);
        assert_eq!(Server::parse("sips:pbx.example").unwrap().default_port(), 5061);
        for bad in [
            "",
            "pbx.example",
            "http://x",
            "wss://",
            "sip:a b",
            "sip:x;transport=sctp",
            "wss://u@h/",
            "ws://h:0/",
            "ws://h:99999/",
        ] {
            assert_eq!(Server::parse(bad).map_err(|e| e.code()), Err("bad_address"), "{bad}");
        }
    }
}
