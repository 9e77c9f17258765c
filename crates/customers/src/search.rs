//! Words as people type them: without accents, case and punctuation, and Cyrillic found by Latin letters too.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds text for comparing: compatibility decomposition, no marks, lower case, single spaces.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'ł' => out.push('l'),
            'ø' => out.push('o'),
            'đ' => out.push('d'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ı' => out.push('i'),
            c if c.is_alphanumeric() => out.push(c),
            // D'Amico is found as damico.
            '\'' | '’' | '.' => {}
            _ if out.ends_with(' ') || out.is_empty() => {}
            _ => out.push(' '),
        }
    }
    out.trim_end().to_owned()
}

/// Cyrillic letters as folded, with how they are written in Latin: as in passports (ICAO 9303, without what people leave out), and as
/// in ISO 9 without marks.
const CYRILLIC: [(char, &str, &str); 35] = [
    ('а', "a", "a"),
    ('б', "b", "b"),
    ('в', "v", "v"),
    ('г', "g", "g"),
    ('д', "d", "d"),
    ('е', "e", "e"),
    ('ж', "zh", "z"),
    ('з', "z", "z"),
    ('и', "i", "i"),
    ('к', "k", "k"),
    ('л', "l", "l"),
    ('м', "m", "m"),
    ('н', "n", "n"),
    ('о', "o", "o"),
    ('п', "p", "p"),
    ('р', "r", "r"),
    ('с', "s", "s"),
    ('т', "t", "t"),
    ('у', "u", "u"),
    ('ф', "f", "f"),
    ('х', "kh", "h"),
    ('ц', "ts", "c"),
    ('ч', "ch", "c"),
    ('ш', "sh", "s"),
    ('щ', "shch", "s"),
    ('ъ', "", ""),
    ('ы', "y", "y"),
    ('ь', "", ""),
    ('э', "e", "e"),
    ('ю', "yu", "u"),
    ('я', "ya", "a"),
    ('і', "i", "i"),
    ('є', "ye", "e"),
    ('ґ', "g", "g"),
    ('ђ', "dj", "d"),
];

/// What is kept to find a record by: the folded text, and where it has Cyrillic, how that is written in Latin.
pub(crate) fn indexed(text: &str) -> String {
    let folded = fold(text);
    let latin = |which: fn(&(char, &'static str, &'static str)) -> &'static str| -> String {
        let mut out = String::with_capacity(folded.len());
        for c in folded.chars() {
            match CYRILLIC.iter().find(|(letter, ..)| *letter == c) {
                Some(row) => out.push_str(which(row)),
                None => out.push(c),
            }
        }
        out
    };
    let passport = latin(|row| row.1);
    if passport == folded {
        return folded;
    }
    let iso = latin(|row| row.2);
    format!("{folded} {passport} {iso}")
}

/// An FTS5 query in which every typed word is a prefix and nothing is syntax.
pub(crate) fn query(text: &str) -> Option<String> {
    let words: Vec<String> = fold(text).split(' ').filter(|w| !w.is_empty()).map(|w| format!("\"{w}\"*")).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// What is in the index of a single letter: the pairs that words begin with, by the alphabet it is of. The list of the letter itself is that
/// of a good part of all customers. A rare second letter is left out.
pub(crate) fn letter_query(text: &str) -> Option<String> {
    const ALPHABETS: [&str; 3] =
        ["abcdefghijklmnopqrstuvwxyz", "абвгдежзиклмнопрстуфхцчшщъыьэюяіє", "αβγδεζηθικλμνξοπρστυφχψω"];
    let folded = fold(text);
    let alphabet = ALPHABETS.iter().find(|of| folded.chars().count() == 1 && of.contains(&folded))?;
    let pairs = alphabet.chars().map(|second| format!(" OR \"{folded}{second}\"*"));
    Some(format!("\"{folded}\"{}", pairs.collect::<String>()))
}

/// The digits of what may be a part of a number in any notation; none when it is too short or more than a number.
pub(crate) fn digits(text: &str) -> Option<String> {
    let of_numbers = |c: char| c.is_ascii_digit() || " +-/().".contains(c);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (text.chars().all(of_numbers) && digits.len() >= 3).then_some(digits)
}

/// An FTS5 query for digits anywhere in a number; also without what is dialled before it at home or from abroad.
pub(crate) fn number_query(digits: &str) -> String {
    let bare = digits.trim_start_matches('0');
    if bare.len() >= 3 && bare != digits { format!("\"{digits}\" OR \"{bare}\"") } else { format!("\"{digits}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_as_people_type_them() {
        assert_eq!(fold("  Niccolò  D'Amico & Søn GmbH, Łódź "), "niccolo damico son gmbh lodz");
        assert_eq!(query("ros \"OR\" *"), Some("\"ros\"* \"or\"*".into()));
        assert_eq!(query(" - "), None);
        assert!(letter_query("É").is_some_and(|q| q.starts_with("\"e\" OR \"ea\"* OR ")));
        assert_eq!((letter_query("er"), letter_query("7"), letter_query("")), (None, None, None));
    }

    #[test]
    fn cyrillic_is_found_by_both_ways_to_write_it_in_latin() {
        assert_eq!(indexed("Кузнецов"), "кузнецов kuznetsov kuznecov");
        assert_eq!(indexed("Алёна Щукина"), "алена щукина alena shchukina alena sukina");
        assert_eq!(indexed("Rossi"), "rossi");
    }

    #[test]
    fn a_part_of_a_number_is_told_from_words() {
        assert_eq!(digits("+39 (011) 555-01"), Some("3901155501".into()));
        assert_eq!((digits("01"), digits("via 123"), digits("")), (None, None, None));
        assert_eq!(number_query("0113"), "\"0113\" OR \"113\"");
    }
}
