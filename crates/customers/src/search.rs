//! Words as people type them: without accents, case and punctuation.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds text for comparing: compatibility decomposition, no marks, lower case, single spaces.
pub(crate) fn fold(text: &str) -> String {
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

/// An FTS5 query in which every typed word is a prefix and nothing is syntax.
pub(crate) fn query(text: &str) -> Option<String> {
    let words: Vec<String> = fold(text).split(' ').filter(|w| !w.is_empty()).map(|w| format!("\"{w}\"*")).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_as_people_type_them() {
        assert_eq!(fold("  Niccolò  D'Amico & Søn GmbH, Łódź "), "niccolo damico son gmbh lodz");
        assert_eq!(query("ros \"OR\" *"), Some("\"ros\"* \"or\"*".into()));
        assert_eq!(query(" - "), None);
    }
}
