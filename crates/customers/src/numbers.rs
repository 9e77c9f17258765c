//! Telephone numbers: what a switchboard or a person writes, as E.164 where it is a public number.

use phonenumber::{Mode, country};

/// A number as it came, and in the forms used for finding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// As it came, without what wraps it (`sip:`, `tel:`, a host, parameters).
    pub raw: String,
    /// `+` and digits, when it is a valid public number.
    pub e164: Option<String>,
    /// The extension behind that number, where one is written with it.
    pub extension: Option<String>,
}

/// Metadata of all countries is read at first use, half a second on a busy machine; do it before a call rings.
pub(crate) fn warm_up() {
    std::thread::spawn(|| normalise("+390115550147", "IT"));
}

/// Reads a number. `region` is the two-letter country for numbers written without one, such as `IT`.
///
/// Internal and emergency numbers stay what they are: `112` is not `+39112`.
pub fn normalise(text: &str, region: &str) -> Number {
    let raw = unwrap(text);
    let digits = raw.chars().filter(char::is_ascii_digit).count();
    // Extensions and emergency numbers are shorter than any public number we could match a customer by.
    if digits < 6 {
        return Number { raw, e164: None, extension: None };
    }
    // With a home country given, the library takes that country's trunk prefix off foreign numbers too: +39 011… would lose its 0.
    let (home, text) = match raw.strip_prefix("00") {
        _ if raw.starts_with('+') => (None, raw.clone()),
        Some(rest) => (None, format!("+{rest}")),
        None => (region.parse::<country::Id>().ok(), raw.clone()),
    };
    let number = phonenumber::parse(home, text).ok().filter(phonenumber::is_valid);
    let e164 = number.as_ref().map(|n| n.format().mode(Mode::E164).to_string());
    let extension = number.as_ref().and_then(|n| n.extension()).map(ToString::to_string);
    Number { raw, e164, extension }
}

/// `sip:+39…@host;user=phone`, `tel:+39-011…;ext=2`, `"Anna" <sip:…>` → what stands for the number.
fn unwrap(text: &str) -> String {
    let inner = text.split_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or(rest)).trim();
    let inner = ["sips:", "sip:", "tel:", "callto:"]
        .iter()
        .find_map(|scheme| {
            inner.get(..scheme.len()).filter(|s| s.eq_ignore_ascii_case(scheme)).map(|s| &inner[s.len()..])
        })
        .unwrap_or(inner);
    inner.split(['@', ';', '?']).next().unwrap_or(inner).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_many_countries_and_forms_become_e164() {
        for (text, region, e164) in [
            ("011 555 0147", "IT", "+390115550147"),
            ("+39 011-555 0147", "GB", "+390115550147"),
            ("0039 02 1234 5678", "IT", "+390212345678"),
            ("338 123 4567", "IT", "+393381234567"),
            ("sip:+390115550147@pbx.example;user=phone", "IT", "+390115550147"),
            ("\"Hale\" <sip:01134960147@host>", "GB", "+441134960147"),
            ("tel:+44-113-496-0147;ext=12", "IT", "+441134960147"),
            ("TEL:+4930123456", "IT", "+4930123456"),
            ("030 123456", "DE", "+4930123456"),
            ("01 42 68 53 00", "FR", "+33142685300"),
            ("91 123 45 67", "ES", "+34911234567"),
            ("044 668 18 00", "CH", "+41446681800"),
            ("01 515 890", "AT", "+431515890"),
            ("020 7946 0958", "GB", "+442079460958"),
            ("(212) 555-2368", "US", "+12125552368"),
            ("8 (916) 123-45-67", "RU", "+79161234567"),
            ("22 123 45 67", "PL", "+48221234567"),
            ("020 624 1111", "NL", "+31206241111"),
            ("02 555 12 12", "BE", "+3225551212"),
            ("08-123 456 78", "SE", "+46812345678"),
        ] {
            assert_eq!(normalise(text, region).e164.as_deref(), Some(e164), "{text} in {region}");
        }
    }

    #[test]
    fn internal_emergency_and_hidden_numbers_stay_what_they_are() {
        for text in
            ["112", "4021", "101", "anonymous", "", "sip:alice@pbx.example", "+", "*98", "00000000000000000000000000"]
        {
            let number = normalise(text, "IT");
            assert_eq!(number.e164, None, "{text}");
        }
        assert_eq!(normalise("sip:4021@pbx.example", "IT").raw, "4021");
    }
}
