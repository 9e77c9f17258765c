//! Scenarios as data: logic without a language, and lines in each.

mod format;
mod lint;

pub(crate) use format::{End, FactRule, Logic, On, Persona, Random, Silence, State, VoiceName};
pub(crate) use lint::facts_of;

use crate::speech::Value;
use crate::{Language, PracticeError, ScenarioInfo};
use format::LineFile;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The state a call from the customer begins in.
pub(crate) const OPEN: &str = "open";
/// The state a call to the customer begins in.
pub(crate) const CALLED: &str = "called";
/// Where patience ends.
pub(crate) const LEAVE: &str = "leave";
/// Where the time ends.
pub(crate) const OUT_OF_TIME: &str = "out_of_time";

/// A scenario that passed every check.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub logic: Logic,
    lines: BTreeMap<Language, LineFile>,
    /// Facts in the order of the file.
    fact_order: Vec<String>,
}

/// One file of a pack, with the name its errors carry.
pub(crate) struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

impl Scenario {
    /// Reads and checks a scenario. The first fault is told with its file and line.
    pub fn load(logic: &Source<'_>, lines: &[(Language, Source<'_>)]) -> Result<Self, PracticeError> {
        lint::load(logic, lines)
    }

    pub fn info(&self, language: Language) -> ScenarioInfo {
        let file = self.lines.get(&language);
        let persona = self.persona(language);
        ScenarioInfo {
            id: self.logic.id.clone(),
            title: file.map(|f| f.title.clone()).unwrap_or_default(),
            summary: file.map(|f| f.summary.clone()).unwrap_or_default(),
            number: self.logic.number.clone(),
            customer: persona.map(|p| p.name.clone()).unwrap_or_default(),
            caller: persona.map(|p| p.caller.clone()).unwrap_or_default(),
            level: self.logic.level,
        }
    }

    pub fn persona(&self, language: Language) -> Option<&Persona> {
        self.logic.persona.in_language(language)
    }

    /// The lines of a language, by name.
    pub fn lines(&self, language: Language) -> impl Iterator<Item = (&str, &str)> {
        self.lines.get(&language).into_iter().flat_map(|f| &f.lines).map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether there is a line of this name.
    pub fn has_line(&self, name: &str) -> bool {
        self.lines.values().next().is_some_and(|f| f.lines.contains_key(name))
    }

    pub fn fact_name(&self, id: &str, language: Language) -> String {
        self.lines.get(&language).and_then(|f| f.facts.get(id)).cloned().unwrap_or_default()
    }

    /// Draws the facts of one attempt, in the order of the file.
    pub fn draw(&self, language: Language, rng: &mut StdRng) -> Vec<(String, Value)> {
        let mut drawn: Vec<(String, Value)> = Vec::new();
        // Those that depend on another come second.
        for dependent in [false, true] {
            for id in &self.fact_order {
                let Some(rule) = self.logic.facts.get(id).filter(|rule| rule.depends_on().is_some() == dependent)
                else {
                    continue;
                };
                let other = rule.depends_on().and_then(|other| drawn.iter().find(|(id, _)| id == other));
                let value = rule.draw(language, other.map(|(_, value)| value), rng);
                drawn.push((id.clone(), value));
            }
        }
        drawn.sort_by_key(|(id, _)| self.fact_order.iter().position(|known| known == id));
        drawn
    }
}

/// The scenarios compiled in.
pub(crate) fn library() -> Result<&'static [Scenario], PracticeError> {
    static LIBRARY: OnceLock<Result<Vec<Scenario>, PracticeError>> = OnceLock::new();
    LIBRARY.get_or_init(read_library).as_ref().map(Vec::as_slice).map_err(|error| {
        tracing::error!(%error, "practice pack refused");
        error.clone()
    })
}

fn read_library() -> Result<Vec<Scenario>, PracticeError> {
    let logic = Source { name: "invoice-mismatch.toml", text: include_str!("../../packs/base/invoice-mismatch.toml") };
    let en = Source {
        name: "invoice-mismatch.en.toml",
        text: include_str!("../../packs/base/lines/invoice-mismatch.en.toml"),
    };
    let it = Source {
        name: "invoice-mismatch.it.toml",
        text: include_str!("../../packs/base/lines/invoice-mismatch.it.toml"),
    };
    Ok(vec![Scenario::load(&logic, &[(Language::En, en), (Language::It, it)])?])
}

/// The scenario of that name, if it speaks that language.
pub(crate) fn find(id: &str, language: Language) -> Result<&'static Scenario, PracticeError> {
    let scenario = library()?.iter().find(|s| s.logic.id == id);
    let scenario = scenario.ok_or_else(|| PracticeError::NoSuchScenario { id: id.to_owned() })?;
    match scenario.persona(language) {
        Some(_) => Ok(scenario),
        None => Err(PracticeError::NoSuchLanguage { id: id.to_owned() }),
    }
}

/// The scenario whose customer answers when the phone dials this.
pub(crate) fn dialled(called: &str) -> Option<(&'static Scenario, Option<Language>)> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let called = digits(called);
    library().ok()?.iter().find_map(|scenario| {
        if scenario.logic.number == called {
            return Some((scenario, None));
        }
        // A customer's own number, with or without the prefix of the country.
        let own = [Language::En, Language::It].into_iter().find(|language| {
            scenario.persona(*language).is_some_and(|persona| {
                let caller = digits(&persona.caller);
                called.len() >= 7 && (caller == called || caller.ends_with(called.trim_start_matches('0')))
            })
        });
        own.map(|language| (scenario, Some(language)))
    })
}

#[cfg(test)]
mod tests;
