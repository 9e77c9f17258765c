//! What a person types, made into an address.

use crate::LineError;
use crate::message::uri::{Uri, escape_user, host_port};

/// The address to call for `0612 345678`, `alice`, `alice@host`, `sip:…` or `tel:+39…`, within the account's domain.
pub fn address(typed: &str, domain: &str) -> Result<String, LineError> {
    let typed = typed.trim();
    let bad = || LineError::BadAddress { address: typed.chars().filter(|c| !c.is_control()).take(80).collect() };
    if typed.is_empty() || typed.len() > 256 || typed.chars().any(char::is_control) {
        return Err(bad());
    }
    let lower = typed.to_ascii_lowercase();
    if lower.starts_with("sip:") || lower.starts_with("sips:") {
        let uri = Uri::parse(typed).filter(|u| u.headers.is_none()).ok_or_else(bad)?;
        // `sip:0612` has the number where the host should be; people write it, and it can only mean one thing.
        if uri.user.is_none() && uri.host.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(format!("{}:{}@{domain}", uri.scheme, uri.host));
        }
        return Ok(typed.to_owned());
    }
    if lower.starts_with("tel:") {
        let uri = Uri::parse(&typed.replace(' ', "")).ok_or_else(bad)?;
        let number = number(&uri.user_text()).ok_or_else(bad)?;
        return Ok(format!("sip:{}@{domain}", escape_user(&number)));
    }
    let rest = match lower.strip_prefix("callto:") {
        Some(rest) => &typed[typed.len() - rest.len()..],
        None => typed,
    };
    if let Some(number) = number(rest) {
        return Ok(format!("sip:{}@{domain}", escape_user(&number)));
    }
    let (user, host) = rest.split_once('@').unwrap_or((rest, domain));
    let fine = user.chars().any(char::is_alphanumeric)
        && !user.contains([' ', '<', '>', '"', ';', ':', '\\'])
        && host_port(host).is_some();
    if !fine {
        return Err(bad());
    }
    Ok(format!("sip:{}@{host}", escape_user(user)))
}

/// Digits, `*`, `#` and a leading `+`, without what people put between them (RFC 3966 5.1.1); `None` for a name.
fn number(text: &str) -> Option<String> {
    let mut digits = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' | '*' | '#' => digits.push(c),
            '+' if digits.is_empty() => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
            _ => return None,
        }
    }
    (digits.bytes().any(|b| b != b'+')).then_some(digits)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_people_type_becomes_an_address() {
        for (typed, address) in [
            ("0612345678", "sip:0612345678@pbx.example"),
            ("06 12-34.56 (78)", "sip:0612345678@pbx.example"),
            ("+39 02 1234", "sip:+39021234@pbx.example"),
            ("*21#", "sip:*21%23@pbx.example"),
            ("alice", "sip:alice@pbx.example"),
            ("Zoë", "sip:Zo%C3%AB@pbx.example"),
            ("alice@other.example", "sip:alice@other.example"),
            ("sip:alice@host:5070;transport=tcp", "sip:alice@host:5070;transport=tcp"),
            ("sip:0612", "sip:0612@pbx.example"),
            ("tel:+39-02-1234;phone-context=x", "sip:+39021234@pbx.example"),
            ("callto:0612", "sip:0612@pbx.example"),
            ("alice@[::1]:5060", "sip:alice@[::1]:5060"),
        ] {
            assert_eq!(super::address(typed, "pbx.example").unwrap(), address, "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in [
            "",
            "   ",
            "a b",
            "alice@",
            "@host",
            "sip:",
            "sip:a b@c",
            "alice@ho st",
            "sip:a@b\r\nX: y",
            "0612\r\n34",
            "tel:abc!",
            "sip:a@b?Replaces=x",
            "<sip:a@b>",
            "alice;x@y",
            "http://x/y",
            "+",
            "a:b@c",
        ] {
            assert!(super::address(typed, "pbx.example").is_err(), "{typed:?}");
        }
    }
}
