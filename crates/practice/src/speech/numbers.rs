//! Numbers in words, so that no voice has to guess how to read them.

use crate::Language;

const EN_SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const EN_TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const IT_SMALL: [&str; 20] = [
    "zero",
    "uno",
    "due",
    "tre",
    "quattro",
    "cinque",
    "sei",
    "sette",
    "otto",
    "nove",
    "dieci",
    "undici",
    "dodici",
    "tredici",
    "quattordici",
    "quindici",
    "sedici",
    "diciassette",
    "diciotto",
    "diciannove",
];
const IT_TENS: [&str; 10] =
    ["", "", "venti", "trenta", "quaranta", "cinquanta", "sessanta", "settanta", "ottanta", "novanta"];
const EN_ORDINAL: [&str; 20] = [
    "",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
pub(crate) const EN_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const IT_MONTHS: [&str; 12] = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];

/// A whole number below a million.
pub(crate) fn cardinal(n: u64, language: Language) -> String {
    match language {
        Language::En => english(n),
        Language::It => italian(n),
    }
}

fn english(n: u64) -> String {
    let name = |table: &[&str], at: u64| table.get(at as usize).copied().unwrap_or_default().to_owned();
    match n {
        0..20 => name(&EN_SMALL, n),
        20..100 if n.is_multiple_of(10) => name(&EN_TENS, n / 10),
        20..100 => format!("{}-{}", name(&EN_TENS, n / 10), english(n % 10)),
        100..1_000 if n.is_multiple_of(100) => format!("{} hundred", english(n / 100)),
        100..1_000 => format!("{} hundred and {}", english(n / 100), english(n % 100)),
        _ => {
            let thousands = format!("{} thousand", english(n / 1_000));
            match n % 1_000 {
                0 => thousands,
                rest @ 1..100 => format!("{thousands} and {}", english(rest)),
                rest => format!("{thousands} {}", english(rest)),
            }
        }
    }
}

fn italian(n: u64) -> String {
    let name = |table: &[&str], at: u64| table.get(at as usize).copied().unwrap_or_default().to_owned();
    match n {
        0..20 => name(&IT_SMALL, n),
        20..100 => {
            let tens = name(&IT_TENS, n / 10);
            match n % 10 {
                0 => tens,
                // Ventuno, ventotto: the vowel goes. Ventitré: the accent comes.
                one @ (1 | 8) => format!("{}{}", &tens[..tens.len() - 1], italian(one)),
                3 => format!("{tens}tré"),
                one => format!("{tens}{}", italian(one)),
            }
        }
        100..1_000 => {
            let hundreds = if n / 100 == 1 { "cento".to_owned() } else { format!("{}cento", italian(n / 100)) };
            if n.is_multiple_of(100) { hundreds } else { format!("{hundreds} {}", italian(n % 100)) }
        }
        _ => {
            // Written apart: spoken the same, and the voice stresses each part.
            let thousands = if n / 1_000 == 1 { "mille".to_owned() } else { format!("{}mila", italian(n / 1_000)) };
            if n.is_multiple_of(1_000) { thousands } else { format!("{thousands} {}", italian(n % 1_000)) }
        }
    }
}

/// A day of the month, as dates are spoken.
pub(crate) fn day(n: u8, language: Language) -> String {
    match (language, n) {
        (Language::It, 1) => "primo".to_owned(),
        (Language::It, n) => italian(u64::from(n)),
        (Language::En, n @ 0..20) => EN_ORDINAL.get(usize::from(n)).copied().unwrap_or_default().to_owned(),
        (Language::En, 20) => "twentieth".to_owned(),
        (Language::En, 30) => "thirtieth".to_owned(),
        (Language::En, n) => {
            let (tens, one) = (EN_TENS.get(usize::from(n / 10)), EN_ORDINAL.get(usize::from(n % 10)));
            format!("{}-{}", tens.copied().unwrap_or_default(), one.copied().unwrap_or_default())
        }
    }
}

/// Each digit by itself, with a breath between groups of three and at every space.
pub(crate) fn digit_by_digit(text: &str, language: Language) -> String {
    let mut spoken = String::new();
    for group in text.split_whitespace() {
        let digits: Vec<u64> = group.chars().filter_map(|c| c.to_digit(10)).map(u64::from).collect();
        // Five digits are easier as three and two, four as two and two.
        let size = if digits.len() == 4 { 2 } else { 3 };
        for part in digits.chunks(size) {
            if !spoken.is_empty() {
                spoken.push_str(", ");
            }
            let words: Vec<String> = part.iter().map(|digit| cardinal(*digit, language)).collect();
            spoken.push_str(&words.join(" "));
        }
    }
    spoken
}

/// A text with its longer numbers digit by digit: for reading back what was written down.
pub(crate) fn spell_numbers(text: &str, language: Language) -> String {
    let mut spelled = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if digits.len() > 3 {
            spelled.push_str(&digit_by_digit(&digits, language));
        } else {
            spelled.push_str(&digits);
        }
        digits.clear();
        match c {
            '\0' => {}
            // Signs a voice may read as something else.
            '<' | '>' | '&' | '\\' => spelled.push(' '),
            other => spelled.push(other),
        }
    }
    spelled
}
