//! The value of a fact, as it is written and as it is spoken.

use super::numbers::{EN_MONTHS, IT_MONTHS, cardinal, day, digit_by_digit};
use crate::Language;

/// What a fact is this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Name(String),
    Digits(String),
    Phone(String),
    Amount { cents: u64 },
    Date { day: u8, month: u8 },
}

impl Value {
    /// As an operator writes it down.
    pub fn written(&self, language: Language) -> String {
        match (self, language) {
            (Self::Name(text) | Self::Digits(text) | Self::Phone(text), _) => text.clone(),
            (Self::Amount { cents }, Language::En) => format!("£{}.{:02}", grouped(cents / 100, ','), cents % 100),
            (Self::Amount { cents }, Language::It) => format!("{},{:02} €", grouped(cents / 100, '.'), cents % 100),
            (Self::Date { day, month }, _) => format!("{day} {}", month_name(*month, language)),
        }
    }

    /// So that it can be written down at first hearing.
    pub fn spoken(&self, language: Language) -> String {
        match (self, language) {
            (Self::Name(text), _) => text.clone(),
            (Self::Digits(text) | Self::Phone(text), _) => digit_by_digit(text, language),
            (Self::Amount { cents }, _) => {
                let (whole, part) = (cardinal(cents / 100, language), cents % 100);
                match (language, part) {
                    (Language::En, 0) => format!("{whole} pounds"),
                    (Language::En, _) => format!("{whole} pounds {}", cardinal(part, language)),
                    (Language::It, 0) => format!("{whole} euro"),
                    (Language::It, _) => format!("{whole} euro e {}", cardinal(part, language)),
                }
            }
            (Self::Date { day: n, month }, Language::En) => {
                format!("the {} of {}", day(*n, language), month_name(*month, language))
            }
            (Self::Date { day: n, month }, Language::It) => {
                format!("{} {}", day(*n, language), month_name(*month, language))
            }
        }
    }
}

fn month_name(month: u8, language: Language) -> &'static str {
    let months = match language {
        Language::En => &EN_MONTHS,
        Language::It => &IT_MONTHS,
    };
    months.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or_default()
}

fn grouped(n: u64, separator: char) -> String {
    if n < 1_000 { n.to_string() } else { format!("{}{separator}{:03}", grouped(n / 1_000, separator), n % 1_000) }
}
