//! Field values with structure: Via, addresses, CSeq, parameters.

/// Splits outside quoted strings and angle brackets; the parts are trimmed.
pub fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (index, c) in text.char_indices() {
        if quoted {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
        } else {
            match c {
                '"' => quoted = true,
                '<' => angle = true,
                '>' => angle = false,
                c if c == at && !angle => {
                    parts.push(text[start..index].trim());
                    start = index + c.len_utf8();
                }
                _ => {}
            }
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// Whether every quoted string ends.
pub fn quotes_balance(text: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

/// Text without its quotes and backslashes.
pub fn unquote(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}

/// A quoted string: what could end it early is escaped, control characters go.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// `;name=value` parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, Option<String>)>);

impl Params {
    /// Reads parameters already split at their semicolons. Empty ones make the field malformed.
    fn read(parts: &[&str]) -> Option<Self> {
        let mut params = Vec::with_capacity(parts.len());
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
                None => (part.trim(), None),
            };
            if name.is_empty() || name.contains([',', ' ', '<', '>']) {
                return None;
            }
            params.push((name.to_owned(), value));
        }
        Some(Self(params))
    }

    /// The value of a parameter; a parameter without value gives `""`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_deref().unwrap_or(""))
    }

    /// Sets or adds a parameter.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(param) => param.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl std::fmt::Display for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

/// One Via (RFC 3261 20.42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// UDP, TCP, TLS, WS, WSS or whatever the sender writes.
    pub transport: String,
    /// host and port as written by the sender.
    pub sent_by: String,
    /// branch, received, rport and others.
    pub params: Params,
}

impl Via {
    /// Reads one member of a Via field.
    pub fn parse(text: &str) -> Option<Self> {
        let parts = split(text, ';');
        let mut head = parts.first()?.splitn(3, '/').map(str::trim);
        let (name, version, rest) = (head.next()?, head.next()?, head.next()?);
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return None;
        }
        let (transport, sent_by) = rest.split_once(char::is_whitespace)?;
        let sent_by: String = sent_by.chars().filter(|c| !c.is_whitespace()).collect();
        if transport.is_empty() || sent_by.is_empty() {
            return None;
        }
        Some(Self { transport: transport.to_owned(), sent_by, params: Params::read(&parts[1..])? })
    }

    /// The branch, if there is one.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }
}

impl std::fmt::Display for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SIP/2.0/{} {}{}", self.transport, self.sent_by, self.params)
    }
}

/// A name-addr or addr-spec with the parameters of its field: From, To, Contact, Route and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name without quotes.
    pub display: Option<String>,
    /// The address as written.
    pub uri: String,
    /// Parameters of the field (not of the address).
    pub params: Params,
}

impl NameAddr {
    /// Reads one member of an address field.
    pub fn parse(text: &str) -> Option<Self> {
        if !quotes_balance(text) {
            return None;
        }
        let parts = split(text, ';');
        // A display name without quotes may not hold a semicolon, so the address stands in the first part.
        let head = parts.first()?;
        let open = open_bracket(head);
        let (display, uri) = match open {
            Some(open) => {
                let close = head[open..].find('>')? + open;
                if !head[close + 1..].trim().is_empty() {
                    return None;
                }
                (head[..open].trim(), head[open + 1..close].trim())
            }
            None => ("", *head),
        };
        // RFC 3261 20: an address with a comma, question mark or semicolon must be in angle brackets.
        if uri.is_empty() || uri.contains(char::is_whitespace) || (open.is_none() && uri.contains(['?', ',', '"'])) {
            return None;
        }
        Some(Self {
            display: Some(unquote(display)).filter(|d| !d.is_empty()),
            uri: uri.to_owned(),
            params: Params::read(&parts[1..])?,
        })
    }

    /// An address without parameters.
    pub fn new(display: Option<&str>, uri: &str) -> Self {
        Self { display: display.map(str::to_owned), uri: uri.to_owned(), params: Params::default() }
    }

    /// The tag of a From or To.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|t| !t.is_empty())
    }
}

fn open_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

impl std::fmt::Display for NameAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// CSeq (RFC 3261 20.16): its number must fit 31 bits, we tolerate 32.
pub fn cseq(text: &str) -> Option<(u32, &str)> {
    let mut parts = text.split_whitespace();
    let (number, method) = (parts.next()?, parts.next()?);
    if parts.next().is_some() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((number.parse().ok()?, method))
}

/// Whether all characters may stand in a token (RFC 3261 25.1).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}
