//! Finding a fact in a note.

use super::is_number;
use crate::{Fact, FactKind};
use unicode_normalization::UnicodeNormalization;

/// Joined at most: a phone number written in pairs.
const MOST_JOINED: usize = 6;

/// How near the note comes to a fact that is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Transposed,
    Close,
    Nothing,
}

/// A note as words and numbers.
pub(super) struct Note {
    tokens: Vec<Token>,
}

#[derive(Debug)]
struct Token {
    text: String,
    /// What stands between the token before and this one, without spaces.
    gap: String,
    number: bool,
    /// Part of a fact that was found.
    used: bool,
}

/// A stretch of the note that can be read as a value.
#[derive(Debug)]
struct Reading {
    from: usize,
    to: usize,
    value: String,
}

impl Note {
    pub fn read(note: &str) -> Self {
        let mut tokens: Vec<Token> = Vec::new();
        let (mut text, mut gap) = (String::new(), String::new());
        let folded = fold(note);
        for c in folded.chars().chain(['\n']) {
            let number = c.is_ascii_digit();
            let same = text.is_empty() || text.starts_with(|first: char| first.is_ascii_digit()) == number;
            if c.is_alphanumeric() && same {
                text.push(c);
                continue;
            }
            if !text.is_empty() {
                let number = text.starts_with(|first: char| first.is_ascii_digit());
                tokens.push(Token {
                    text: std::mem::take(&mut text),
                    gap: std::mem::take(&mut gap),
                    number,
                    used: false,
                });
            }
            match c {
                c if c.is_alphanumeric() => text.push(c),
                c if c.is_whitespace() && c != '\n' => {}
                c => gap.push(c),
            }
        }
        Self { tokens }
    }

    /// Finds the fact as it is, and keeps its place.
    pub fn take(&mut self, fact: &Fact) -> bool {
        let Some(wanted) = value(fact) else { return false };
        let found = self.readings(fact.kind).into_iter().find(|reading| same(fact.kind, &wanted, &reading.value));
        if let Some(reading) = &found {
            self.tokens.iter_mut().take(reading.to).skip(reading.from).for_each(|token| token.used = true);
        }
        found.is_some()
    }

    /// The nearest thing to the fact in what is left.
    pub fn nearest(&self, fact: &Fact) -> Finding {
        let Some(wanted) = value(fact) else { return Finding::Nothing };
        let readings = self.readings(fact.kind);
        let open = readings
            .iter()
            .filter(|reading| self.tokens.iter().take(reading.to).skip(reading.from).all(|token| !token.used));
        let findings: Vec<Finding> = open.map(|reading| compare(fact.kind, &wanted, &reading.value)).collect();
        let best = [Finding::Transposed, Finding::Close].into_iter().find(|finding| findings.contains(finding));
        best.unwrap_or(Finding::Nothing)
    }

    /// All that can be read as this kind.
    fn readings(&self, kind: FactKind) -> Vec<Reading> {
        let mut readings = Vec::new();
        for from in 0..self.tokens.len() {
            for to in from + 1..=(from + MOST_JOINED).min(self.tokens.len()) {
                let Some(tokens) = self.tokens.get(from..to) else { continue };
                let value = match kind {
                    FactKind::Digits | FactKind::Phone => joined_digits(tokens),
                    FactKind::Amount => amount(tokens),
                    FactKind::Date => date(tokens),
                    FactKind::Name => name(tokens),
                };
                readings.extend(value.map(|value| Reading { from, to, value }));
            }
        }
        readings
    }
}

/// Lower case, without accents; apostrophes vanish.
fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c));
    plain.flat_map(char::to_lowercase).filter(|c| !matches!(c, '\'' | '’' | '`')).collect()
}

/// The value of a fact in the form the readings have.
fn value(fact: &Fact) -> Option<String> {
    let note = Note::read(&fact.told);
    match fact.kind {
        FactKind::Digits | FactKind::Phone => {
            let digits: String = fact.told.chars().filter(char::is_ascii_digit).collect();
            (!digits.is_empty()).then_some(digits)
        }
        FactKind::Name => name(&note.tokens),
        // The longest reading is the whole fact.
        FactKind::Amount | FactKind::Date => {
            note.readings(fact.kind).into_iter().max_by_key(|reading| reading.to - reading.from).map(|r| r.value)
        }
    }
}

fn joined_digits(tokens: &[Token]) -> Option<String> {
    let parts = |gap: &str| gap.chars().all(|c| matches!(c, '-' | '.' | '/' | '(' | ')'));
    let whole = tokens.iter().all(|token| token.number) && tokens.iter().skip(1).all(|token| parts(&token.gap));
    whole.then(|| tokens.iter().map(|token| token.text.as_str()).collect())
}

/// In cents.
fn amount(tokens: &[Token]) -> Option<String> {
    let (first, rest) = tokens.split_first()?;
    if !first.number || first.text.len() > 7 {
        return None;
    }
    let mut whole = first.text.clone();
    let mut cents: Option<&str> = None;
    // Words between the whole and the cents: "1284 pounds and 50".
    let mut words = false;
    for token in rest {
        if !token.number {
            let known = ["euro", "euros", "eur", "pounds", "pound", "gbp", "and", "e", "virgola", "point", "comma"];
            if !known.contains(&token.text.as_str())
                || cents.is_some()
                || !token.gap.chars().all(|c| matches!(c, '€' | '£'))
            {
                return None;
            }
            words = true;
        } else if cents.is_some() {
            return None;
        } else if token.text.len() == 3 && !words && matches!(token.gap.as_str(), "." | "," | "") {
            whole.push_str(&token.text);
        } else if token.text.len() <= 2 && (words || matches!(token.gap.as_str(), "." | "," | "€" | "£")) {
            cents = Some(&token.text);
        } else {
            return None;
        }
    }
    // A word at the end belongs to what follows.
    if tokens.last().is_some_and(|last| !last.number) {
        return None;
    }
    let cents = match cents {
        Some(tenths) if tenths.len() == 1 => format!("{tenths}0"),
        Some(cents) => cents.to_owned(),
        None => "00".to_owned(),
    };
    Some(format!("{}{cents}", whole.trim_start_matches('0')))
}

const MONTHS: [[&str; 2]; 12] = [
    ["january", "gennaio"],
    ["february", "febbraio"],
    ["march", "marzo"],
    ["april", "aprile"],
    ["may", "maggio"],
    ["june", "giugno"],
    ["july", "luglio"],
    ["august", "agosto"],
    ["september", "settembre"],
    ["october", "ottobre"],
    ["november", "novembre"],
    ["december", "dicembre"],
];

fn month(token: &Token) -> Option<u32> {
    let text = token.text.as_str();
    let names = |names: &[&str; 2]| names.iter().any(|name| text.len() >= 3 && name.starts_with(text));
    if text == "sept" { Some(9) } else { MONTHS.iter().position(names).map(|at| at as u32 + 1) }
}

/// As `DDMM`.
fn date(tokens: &[Token]) -> Option<String> {
    let number = |token: &Token| token.text.parse::<u32>().ok().filter(|_| token.text.len() <= 2);
    let suffix = |token: &Token| matches!(token.text.as_str(), "st" | "nd" | "rd" | "th" | "of" | "the" | "de" | "di");
    let core: Vec<&Token> = tokens.iter().filter(|token| token.number || !suffix(token)).collect();
    // The small words stand inside a date, not around it.
    if tokens.first().is_some_and(|t| !t.number && suffix(t)) || tokens.last().is_some_and(|t| !t.number && suffix(t)) {
        return None;
    }
    let written = |gap: &str| matches!(gap, "/" | "." | "-");
    let (day, month) = match core.as_slice() {
        [day, name] if day.number && !name.number => (number(day)?, month(name)?),
        [name, day] if !name.number && day.number => (number(day)?, month(name)?),
        [day, month] if written(&month.gap) => (number(day)?, number(month)?),
        [year, month, day] if year.text.len() == 4 && written(&month.gap) && written(&day.gap) => {
            (number(day)?, number(month)?)
        }
        [day, month, year] if written(&month.gap) && written(&year.gap) && year.number => {
            (number(day)?, number(month)?)
        }
        _ => return None,
    };
    // The American way, when it cannot be the other.
    let (day, month) = if month > 12 && day <= 12 { (month, day) } else { (day, month) };
    ((1..=31).contains(&day) && (1..=12).contains(&month)).then(|| format!("{day:02}{month:02}"))
}

/// The words in alphabetic order: Rossi Carlo is Carlo Rossi.
fn name(tokens: &[Token]) -> Option<String> {
    if tokens.iter().any(|token| token.number) {
        return None;
    }
    let mut words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    words.sort_unstable();
    Some(words.concat())
}

fn same(kind: FactKind, wanted: &str, read: &str) -> bool {
    match kind {
        FactKind::Phone => {
            let (wanted, read) = (significant(wanted), significant(read));
            let (short, long) = if wanted.len() < read.len() { (wanted, read) } else { (read, wanted) };
            // Seven digits without the area are a number still.
            short.len() >= 7 && long.ends_with(short)
        }
        _ => wanted == read,
    }
}

/// A phone number without what a prefix may add or take: `+39`, `0044`, the leading zero.
fn significant(digits: &str) -> &str {
    let digits = digits.trim_start_matches('0');
    digits.get(digits.len().saturating_sub(10)..).unwrap_or(digits)
}

fn compare(kind: FactKind, wanted: &str, read: &str) -> Finding {
    let (wanted, read) =
        if kind == FactKind::Phone { (significant(wanted), significant(read)) } else { (wanted, read) };
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    let distance = distance(wanted, read);
    // Half of it may not be wrong, or it is something else.
    let tolerance = if is_number(kind) { 2.min(wanted.chars().count().saturating_sub(2)) } else { 2 };
    if wanted != read && sorted(wanted) == sorted(read) && distance <= tolerance.max(2) {
        Finding::Transposed
    } else if distance <= tolerance && wanted.chars().count() >= 4 {
        Finding::Close
    } else {
        Finding::Nothing
    }
}

/// Damerau–Levenshtein, neighbours changed about count once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> =
        (0..=a.len()).map(|i| (0..=b.len()).map(|j| if i == 0 { j } else { i }).collect()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}
