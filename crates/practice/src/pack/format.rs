//! The files of a pack as they are written.

use crate::speech::Value;
use crate::{FactKind, Language};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// The logic of a scenario: no word of any language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logic {
    pub format: u32,
    pub id: String,
    #[serde(rename = "version")]
    pub _version: String,
    #[serde(rename = "license")]
    pub _license: String,
    pub level: u8,
    pub number: String,
    pub languages: Vec<Language>,
    pub max_minutes: u64,
    pub persona: Manner,
    pub facts: BTreeMap<String, FactRule>,
    pub state: BTreeMap<String, State>,
}

/// How the customer behaves in a conversation, and who he is in each language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manner {
    pub end_of_turn_ms: u64,
    pub short_turn_ms: u64,
    pub short_turn_wait_ms: u64,
    pub reply_ms: [u64; 2],
    pub barge_in_ms: u64,
    pub go_on_s: f64,
    pub hold_patience_s: u64,
    pub hold_leave_s: u64,
    pub impatience: Vec<Silence>,
    pub en: Option<Persona>,
    pub it: Option<Persona>,
}

impl Manner {
    pub fn in_language(&self, language: Language) -> Option<&Persona> {
        match language {
            Language::En => self.en.as_ref(),
            Language::It => self.it.as_ref(),
        }
    }
}

/// Who the customer is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Persona {
    pub name: String,
    pub caller: String,
    pub voice: VoiceName,
    /// Percent of the voice's own pitch; 60 makes a man of a woman.
    pub pitch: u16,
    /// Percent of the voice's own speed.
    pub speed: u16,
}

/// A voice compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum VoiceName {
    #[serde(rename = "en-GB")]
    EnGb,
    #[serde(rename = "en-US")]
    EnUs,
    #[serde(rename = "it-IT")]
    ItIt,
}

/// How a fact is drawn.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum FactRule {
    Digits { random: Random },
    Phone { random: Random },
    Name { pick: PerLanguage<Vec<String>> },
    Date {},
    Amount { above: Option<String>, by: Option<Vec<u32>>, between: Option<[u32; 2]> },
}

/// `#` stands for a digit; the same in all languages or one for each.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Random {
    Same(String),
    Each(PerLanguage<String>),
}

impl Random {
    pub fn pattern(&self, language: Language) -> &str {
        match self {
            Self::Same(pattern) => pattern,
            Self::Each(each) => each.get(language),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerLanguage<T> {
    en: T,
    it: T,
}

impl<T> PerLanguage<T> {
    pub fn get(&self, language: Language) -> &T {
        match language {
            Language::En => &self.en,
            Language::It => &self.it,
        }
    }
}

/// A place in the conversation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Said on the way in.
    pub say: Option<Spanned<String>>,
    /// The customer hangs up after the line.
    pub end: Option<End>,
    /// The call counts as this if the operator hangs up from here on.
    pub if_hung_up: Option<End>,
    #[serde(default)]
    pub on: On,
}

/// What leads on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct On {
    pub turn_end: Option<Spanned<String>>,
    /// In place of the persona's impatience.
    pub silence: Option<Vec<Silence>>,
}

/// One step of impatience.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Silence {
    pub after_s: f64,
    pub say: Option<Spanned<String>>,
    #[serde(default)]
    pub mood: i8,
    pub goto: Option<Spanned<String>>,
}

/// How the customer ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Thanked,
    LeftAngry,
}

/// The texts of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineFile {
    pub title: String,
    pub summary: String,
    pub facts: BTreeMap<String, String>,
    pub lines: BTreeMap<String, String>,
}

impl FactRule {
    /// The fact that must be drawn before.
    pub fn depends_on(&self) -> Option<&str> {
        match self {
            Self::Amount { above, .. } => above.as_deref(),
            _ => None,
        }
    }

    pub fn kind(&self) -> FactKind {
        match self {
            Self::Digits { .. } => FactKind::Digits,
            Self::Phone { .. } => FactKind::Phone,
            Self::Name { .. } => FactKind::Name,
            Self::Date {} => FactKind::Date,
            Self::Amount { .. } => FactKind::Amount,
        }
    }

    pub fn draw(&self, language: Language, other: Option<&Value>, rng: &mut StdRng) -> Value {
        match self {
            Self::Digits { random } => Value::Digits(fill(random.pattern(language), rng)),
            Self::Phone { random } => Value::Phone(fill(random.pattern(language), rng)),
            Self::Name { pick } => Value::Name(pick.get(language).choose(rng).cloned().unwrap_or_default()),
            // Days that cannot be taken for a month, in every month.
            Self::Date {} => Value::Date { day: rng.random_range(13..=28), month: rng.random_range(1..=12) },
            Self::Amount { by, between, .. } => {
                let cents = *[0, 20, 40, 50, 60, 80].choose(rng).unwrap_or(&0);
                match (other, by, between) {
                    (Some(Value::Amount { cents: other }), Some(by), _) => {
                        Value::Amount { cents: other + 100 * u64::from(*by.choose(rng).unwrap_or(&100)) }
                    }
                    (_, _, Some([low, high])) => {
                        Value::Amount { cents: 100 * u64::from(rng.random_range(*low..=*high)) + cents }
                    }
                    _ => Value::Amount { cents: 10_000 + cents },
                }
            }
        }
    }
}

/// Neighbours differ, so that two digits changed about can be told from a right number.
fn fill(pattern: &str, rng: &mut StdRng) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut last = None;
    for c in pattern.chars() {
        let digit = match c {
            '#' => {
                let low = if last.is_none() { 1 } else { 0 };
                let mut digit = rng.random_range(low..=9);
                while Some(digit) == last {
                    digit = rng.random_range(low..=9);
                }
                last = Some(digit);
                char::from_digit(digit, 10).unwrap_or('0')
            }
            other => {
                last = other.to_digit(10).or(last);
                other
            }
        };
        text.push(digit);
    }
    text
}
