//! The page of the employer's own web program for who calls: its address is made from a template, and opened in the browser.

use crate::calls::LiveCall;
use crate::{Desk, DeskError};
use cuffia_customers::normalise;
use cuffia_customers::sync::upstream::Entity;
use cuffia_phone::Origin;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// When a page opens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PopWhen {
    /// As soon as somebody calls.
    Ringing,
    /// When a call is answered.
    #[default]
    Answered,
    /// Never.
    ByHand,
}

/// The template and when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pop {
    /// An address with places such as `{phone}` in it.
    pub template: String,
    /// When.
    pub when: PopWhen,
}

/// What can stand in a template.
const PLACES: [&str; 9] =
    ["phone", "phone_e164", "phone_digits", "name", "called", "direction", "call_id", "customer_id", "started_at"];

/// Why a template is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PopError {
    /// No address.
    #[error("{0:?} is no web address. It looks like https://crm.example.com/search?q={{phone}}")]
    Address(String),
    /// Who calls would go through the network in the clear.
    #[error("the address begins with http: who calls would be told in the clear. Use https")]
    InTheClear,
    /// A place before the path: who calls could choose the server.
    #[error("places such as {{phone}} may stand after the server's name only")]
    Server,
    /// A place nobody knows.
    #[error("there is no {{{place}}}. There are: {}", PLACES.map(|p| format!("{{{p}}}")).join(" "))]
    Place {
        /// What stands there.
        place: String,
    },
}

impl PopError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            PopError::Address(_) => "pop.address",
            PopError::InTheClear => "pop.clear",
            PopError::Server => "pop.server",
            PopError::Place { .. } => "pop.place",
        }
    }
}

/// RFC 3986 §2.3: what needs no quoting; all else of a value is quoted, so that nothing in it means anything.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const POP: &str = "pop";

/// A template's literal parts, each with the name of the place that follows it.
fn parts(template: &str) -> Result<Vec<(&str, Option<&str>)>, PopError> {
    let mut all = Vec::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once('{') {
        let (place, next) = after.split_once('}').ok_or_else(|| PopError::Place { place: after.to_owned() })?;
        all.push((literal, Some(place)));
        rest = next;
    }
    all.push((rest, None));
    Ok(all)
}

/// Whether a template is one.
///
/// # Errors
/// See [`PopError`].
pub fn check(template: &str) -> Result<(), PopError> {
    let address = || PopError::Address(template.to_owned());
    let parts = parts(template)?;
    let (scheme, rest) = template.split_once("://").ok_or_else(address)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if authority.contains('{') {
        return Err(PopError::Server);
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
    if authority.is_empty() || authority.contains(['@', ' ', '\\']) || template.contains(char::is_whitespace) {
        return Err(address());
    }
    match scheme {
        "https" => {}
        "http" if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()) => {}
        "http" => return Err(PopError::InTheClear),
        _ => return Err(address()),
    }
    match parts.iter().filter_map(|(_, place)| *place).find(|place| !PLACES.contains(place)) {
        Some(place) => Err(PopError::Place { place: place.to_owned() }),
        None => Ok(()),
    }
}

/// The address that a template makes of a call.
fn fill(template: &str, value: impl Fn(&str) -> String) -> Result<String, PopError> {
    check(template)?;
    let mut address = String::new();
    for (literal, place) in parts(template)? {
        address += literal;
        address.extend(place.map(|place| utf8_percent_encode(&value(place), QUOTED).to_string()));
    }
    Ok(address)
}

impl Desk {
    /// The page for who calls, if there is one.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn pop(&self) -> Result<Option<Pop>, DeskError> {
        Ok(self.store().setting::<Option<Pop>>(POP)?.flatten())
    }

    /// From now on there is such a page, or none.
    ///
    /// # Errors
    /// [`PopError`], or when the store refuses.
    pub fn set_pop(&self, pop: Option<&Pop>) -> Result<(), DeskError> {
        if let Some(pop) = pop {
            check(&pop.template)?;
        }
        Ok(self.store().set_setting(POP, &pop)?)
    }

    /// Opens a template's page as if a customer of a well-known number called.
    ///
    /// # Errors
    /// [`PopError`], or when no browser can be opened.
    pub fn try_pop(&self, template: &str) -> Result<(), DeskError> {
        let address = fill(template, |place| {
            match place {
                "phone" => "+39 011 555 0147",
                "phone_e164" => "+390115550147",
                "phone_digits" => "390115550147",
                "name" => "Anna Po",
                "called" => "100",
                "direction" => "in",
                "call_id" => "00000000-0000-7000-8000-000000000000",
                "started_at" => "1795950000",
                _ => "",
            }
            .to_owned()
        })?;
        self.browse(&address)
    }

    /// Opens the page for a call that lives, or for one of the list.
    ///
    /// # Errors
    /// When there is no such call or no page, or no browser can be opened.
    pub fn open_page(&self, call: &str) -> Result<(), DeskError> {
        let pop = self.pop()?.ok_or_else(|| PopError::Address(String::new()))?;
        let record = self.store().call(call)?;
        if record.practice {
            return Err(cuffia_customers::StoreError::Missing("call").into());
        }
        let there = match &record.customer {
            Some(customer) => self.store().id_there(Entity::Contact, customer)?,
            None => None,
        };
        let address = fill(&pop.template, |place| match place {
            "phone" => record.number.clone(),
            "phone_e164" => normalise(&record.number, self.region()).e164.unwrap_or_default(),
            "phone_digits" => record.number.chars().filter(char::is_ascii_digit).collect(),
            "name" => record.name.clone().unwrap_or_default(),
            "called" => record.called.clone(),
            "direction" => if record.outgoing { "out" } else { "in" }.to_owned(),
            "call_id" => record.id.clone(),
            "customer_id" => there.clone().unwrap_or_default(),
            "started_at" => (record.started / 1_000).to_string(),
            _ => String::new(),
        })?;
        self.browse(&address)
    }

    /// Opens the page for a call if it is to open by itself now. What is practised has none.
    pub(crate) fn pop_for(&self, call: &LiveCall, now: PopWhen) {
        if call.practice || (now == PopWhen::Ringing && call.info.origin == Origin::Out) {
            return;
        }
        let (desk, id) = (self.clone(), call.info.id.clone());
        // Nobody waits for a browser.
        tokio::task::spawn_blocking(move || {
            let opened = match desk.pop() {
                Ok(Some(pop)) if pop.when == now => desk.open_page(&id),
                Ok(_) => Ok(()),
                Err(e) => Err(e),
            };
            if let Err(e) = opened {
                desk.complain(&e);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_is_called_means_nothing_in_an_address() {
        let value = |place: &str| if place == "name" { "A&b=c/../?#é".to_owned() } else { "+39 011".to_owned() };
        let filled = fill("https://crm.example.com/find?q={phone}&n={name}&x=1", value);
        assert_eq!(
            filled.as_deref(),
            Ok("https://crm.example.com/find?q=%2B39%20011&n=A%26b%3Dc%2F..%2F%3F%23%C3%A9&x=1")
        );
    }

    #[test]
    fn a_template_is_checked_before_it_is_used() {
        for good in [
            "https://crm.example.com/#Contact/{customer_id}",
            "https://crm.example.com",
            "http://127.0.0.1:8069/odoo?p={phone_e164}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check("http://crm.example.com/{phone}"), Err(PopError::InTheClear));
        for nowhere in ["https://{name}/x", "https://crm.{called}.example/x"] {
            assert_eq!(check(nowhere), Err(PopError::Server), "{nowhere}");
        }
        for unknown in ["https://crm.example.com/{fone}", "https://crm.example.com/{phone"] {
            assert!(matches!(check(unknown), Err(PopError::Place { .. })), "{unknown}");
        }
        for bad in [
            "",
            "crm.example.com/{phone}",
            "javascript://x/{name}",
            "file:///etc/passwd",
            "https://a@b/{phone}",
            "https:///{phone}",
            "https://crm.example.com/a b",
        ] {
            assert!(matches!(check(bad), Err(PopError::Address(_))), "{bad}");
        }
    }
}
