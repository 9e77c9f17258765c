//! What was written down against what was told.

mod find;

use crate::{Fact, FactKind};
use find::{Finding, Note};

/// One fact and whether the note has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactCheck {
    /// The fact.
    pub fact: Fact,
    /// It is written down right.
    pub written: bool,
    /// Why not.
    pub problem: Option<Problem>,
}

/// Why a fact does not count as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// It is there with digits or letters changed about.
    Transposed,
    /// It is there with a digit or two wrong, or one too many or too few.
    WrongDigit,
    /// It is not there.
    Missing,
}

impl Problem {
    /// Stable word for records and the window.
    pub fn word(self) -> &'static str {
        match self {
            Self::Transposed => "transposed",
            Self::WrongDigit => "wrong_digit",
            Self::Missing => "missing",
        }
    }
}

/// Looks for each fact anywhere in a free note. Forms do not matter: separators of thousands, `12/3` or `12 March`, prefixes of
/// countries, accents.
pub fn check(facts: &[Fact], note: &str) -> Vec<FactCheck> {
    let mut note = Note::read(note);
    // Those that are right take their place in the note first, so that a near miss is never another fact.
    let right: Vec<bool> = facts.iter().map(|fact| note.take(fact)).collect();
    let checks = facts.iter().zip(right).map(|(fact, written)| {
        let problem = if written { None } else { Some(note.nearest(fact).into()) };
        FactCheck { fact: fact.clone(), written, problem }
    });
    checks.collect()
}

/// Percent of the told facts that are written right. Nothing when none was told.
pub fn data_score(checks: &[FactCheck]) -> Option<f32> {
    let told: Vec<&FactCheck> = checks.iter().filter(|check| check.fact.was_told).collect();
    let right = told.iter().filter(|check| check.written).count();
    if told.is_empty() { None } else { Some(100.0 * right as f32 / told.len() as f32) }
}

impl From<Finding> for Problem {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Transposed => Self::Transposed,
            Finding::Close => Self::WrongDigit,
            Finding::Nothing => Self::Missing,
        }
    }
}

/// The kinds whose digits are compared.
fn is_number(kind: FactKind) -> bool {
    kind != FactKind::Name
}

#[cfg(test)]
mod tests;
