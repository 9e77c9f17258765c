//! What must hold before a scenario is played. Packs may come from strangers.

use super::format::{LineFile, Logic, Silence, State};
use super::{CALLED, FactRule, LEAVE, OPEN, OUT_OF_TIME, Random, Scenario, Source};
use crate::{Language, PracticeError};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

/// Files larger than this are refused unread.
const LARGEST_FILE: usize = 64 * 1024;
/// A line longer than this takes longer than a person would talk at a stretch.
const LONGEST_LINE: usize = 300;
const MOST_STATES: usize = 100;
const MOST_LINES: usize = 200;
const MOST_FACTS: usize = 20;

fn fault(source: &Source<'_>, at: usize, why: impl Into<String>) -> PracticeError {
    let line = source.text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1;
    PracticeError::Pack { file: source.name.to_owned(), line, why: why.into() }
}

/// Where a text stands in the file; the beginning when it does not.
fn place(source: &Source<'_>, text: &str) -> usize {
    source.text.find(text).unwrap_or(0)
}

fn read<T: DeserializeOwned>(source: &Source<'_>) -> Result<T, PracticeError> {
    if source.text.len() > LARGEST_FILE {
        return Err(fault(source, 0, format!("the file is larger than {LARGEST_FILE} bytes")));
    }
    toml::from_str(source.text).map_err(|error| {
        let at = error.span().map_or(0, |Range { start, .. }| start);
        fault(source, at, error.message())
    })
}

/// The facts a line tells: the names in braces, in order.
pub(crate) fn facts_of(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// A line's name without its variant: `thanks@-2` is a `thanks`.
fn plain(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

pub(super) fn load(source: &Source<'_>, lines: &[(Language, Source<'_>)]) -> Result<Scenario, PracticeError> {
    let logic: Logic = read(source)?;
    sizes(source, &logic)?;
    targets(source, &logic)?;
    reachable(source, &logic)?;
    facts(source, &logic)?;
    let mut files = BTreeMap::new();
    for language in &logic.languages {
        let Some((_, file)) = lines.iter().find(|(known, _)| known == language) else {
            return Err(fault(source, place(source, "languages"), format!("there are no lines in {language:?}")));
        };
        if logic.persona.in_language(*language).is_none() {
            return Err(fault(source, place(source, "[persona"), format!("the persona does not speak {language:?}")));
        }
        let texts: LineFile = read(file)?;
        words(source, &logic, file, &texts)?;
        files.insert(*language, texts);
    }
    same_variants(&files, lines)?;
    told(source, &logic, &files)?;
    let mut fact_order: Vec<String> = logic.facts.keys().cloned().collect();
    fact_order.sort_by_key(|id| place(source, &format!("[facts.{id}]")));
    Ok(Scenario { logic, lines: files, fact_order })
}

fn sizes(source: &Source<'_>, logic: &Logic) -> Result<(), PracticeError> {
    let manner = &logic.persona;
    let rules: [(bool, &str, &str); 10] = [
        (logic.format == 1, "format", "only format 1 is understood"),
        (!logic.id.is_empty() && logic.id.len() <= 60, "id", "the id must have 1 to 60 letters"),
        ((1..=4).contains(&logic.level), "level", "the level must be 1 to 4"),
        ((1..=15).contains(&logic.max_minutes), "max_minutes", "a call may last 1 to 15 minutes"),
        (
            (1..=15).contains(&logic.number.len()) && logic.number.bytes().all(|b| b.is_ascii_digit()),
            "number",
            "the number must have 1 to 15 digits",
        ),
        (!logic.languages.is_empty(), "languages", "a scenario needs a language"),
        (logic.state.len() <= MOST_STATES, "[state", "there are too many states"),
        (logic.facts.len() <= MOST_FACTS, "[facts", "there are too many facts"),
        ((500..=3_000).contains(&manner.end_of_turn_ms), "end_of_turn_ms", "must be 500 to 3000"),
        (
            manner.reply_ms[0] <= manner.reply_ms[1] && manner.reply_ms[1] <= 5_000,
            "reply_ms",
            "must be from low to high",
        ),
    ];
    for (holds, what, why) in rules {
        if !holds {
            return Err(fault(source, place(source, what), why));
        }
    }
    for (name, voice) in [("[persona.en]", &manner.en), ("[persona.it]", &manner.it)] {
        if voice.as_ref().is_some_and(|v| !(50..=200).contains(&v.pitch) || !(50..=200).contains(&v.speed)) {
            return Err(fault(source, place(source, name), "pitch and speed must be 50 to 200"));
        }
    }
    Ok(())
}

/// All ways on from a state, in the order of the file.
fn ways<'a>(logic: &'a Logic, state: &'a State) -> impl Iterator<Item = &'a Spanned<String>> {
    let silence = silences(logic, state).iter().filter_map(|s| s.goto.as_ref());
    // A state that ends the call leads nowhere.
    state.on.turn_end.iter().chain(silence).filter(|_| state.end.is_none())
}

fn silences<'a>(logic: &'a Logic, state: &'a State) -> &'a [Silence] {
    state.on.silence.as_deref().unwrap_or(&logic.persona.impatience)
}

fn targets(source: &Source<'_>, logic: &Logic) -> Result<(), PracticeError> {
    for needed in [OPEN, LEAVE, OUT_OF_TIME] {
        if !logic.state.contains_key(needed) {
            return Err(fault(source, place(source, "[state"), format!("there is no state \"{needed}\"")));
        }
    }
    for state in logic.state.values() {
        for target in ways(logic, state) {
            if !logic.state.contains_key(target.get_ref()) {
                let why = format!("there is no state \"{}\"", target.get_ref());
                return Err(fault(source, target.span().start, why));
            }
        }
        for step in silences(logic, state) {
            if !(0.5..=120.0).contains(&step.after_s) {
                return Err(fault(source, place(source, "after_s"), "a silence must be 0.5 to 120 seconds"));
            }
        }
    }
    Ok(())
}

fn reachable(source: &Source<'_>, logic: &Logic) -> Result<(), PracticeError> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut open = vec![OPEN, CALLED, LEAVE, OUT_OF_TIME];
    while let Some(name) = open.pop() {
        if let Some(state) = logic.state.get(name)
            && seen.insert(name)
        {
            open.extend(ways(logic, state).map(|target| target.get_ref().as_str()));
        }
    }
    for name in logic.state.keys() {
        let at = place(source, &format!("[state.{name}]"));
        if !seen.contains(name.as_str()) {
            return Err(fault(source, at, format!("nothing leads to the state \"{name}\"")));
        }
        if !can_end(logic, name) {
            return Err(fault(source, at, format!("from the state \"{name}\" the call never ends")));
        }
    }
    Ok(())
}

/// Whether some way leads from here to an end. The way out through lost patience does not count: it is open everywhere.
fn can_end(logic: &Logic, from: &str) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        let Some(state) = logic.state.get(name) else { continue };
        if state.end.is_some() && (name != LEAVE || from == LEAVE) {
            return true;
        }
        if seen.insert(name) {
            open.extend(ways(logic, state).map(|target| target.get_ref().as_str()));
        }
    }
    false
}

fn facts(source: &Source<'_>, logic: &Logic) -> Result<(), PracticeError> {
    for (id, rule) in &logic.facts {
        let refuse = |why: &str| Err(fault(source, place(source, &format!("[facts.{id}]")), format!("{id}: {why}")));
        let pattern = |random: &Random| {
            [Language::En, Language::It].into_iter().all(|language| {
                let pattern = random.pattern(language);
                pattern.contains('#')
                    && pattern.len() <= 20
                    && pattern.chars().all(|c| c == '#' || c == ' ' || c.is_ascii_digit())
            })
        };
        match rule {
            FactRule::Digits { random } | FactRule::Phone { random } if !pattern(random) => {
                return refuse("the pattern must be digits, spaces and at least one #");
            }
            FactRule::Name { pick } if pick.get(Language::En).is_empty() || pick.get(Language::It).is_empty() => {
                return refuse("there must be names to pick from");
            }
            FactRule::Amount { above: Some(above), by, .. } => {
                let other = logic.facts.get(above);
                if !matches!(other, Some(FactRule::Amount { above: None, .. })) || by.as_ref().is_none_or(Vec::is_empty)
                {
                    return refuse("\"above\" needs an amount that is drawn by itself, and \"by\" how much");
                }
            }
            FactRule::Amount { above: None, between, .. } if !matches!(between, Some([a, b]) if a <= b && *b < 100_000) =>
            {
                return refuse("an amount needs \"between\", from low to high, under 100000");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Each language: every line and every fact's name is there, and nothing in it can be taken for markup.
fn words(source: &Source<'_>, logic: &Logic, file: &Source<'_>, texts: &LineFile) -> Result<(), PracticeError> {
    let steps = logic.state.values().flat_map(|s| silences(logic, s)).filter_map(|s| s.say.as_ref());
    for say in logic.state.values().filter_map(|s| s.say.as_ref()).chain(steps) {
        if !texts.lines.contains_key(say.get_ref()) {
            let why = format!("{} has no line \"{}\"", file.name, say.get_ref());
            return Err(fault(source, say.span().start, why));
        }
    }
    for id in logic.facts.keys() {
        if texts.facts.get(id).is_none_or(|name| name.trim().is_empty()) {
            return Err(fault(file, place(file, "[facts]"), format!("the fact \"{id}\" has no name")));
        }
    }
    if texts.lines.len() > MOST_LINES {
        return Err(fault(file, 0, "there are too many lines"));
    }
    for (name, text) in &texts.lines {
        let refuse = |why: String| Err(fault(file, place(file, name), why));
        if text.trim().is_empty() || text.len() > LONGEST_LINE {
            return refuse(format!("the line \"{name}\" must have 1 to {LONGEST_LINE} letters"));
        }
        if text.chars().any(|c| matches!(c, '<' | '>' | '&' | '\\') || c.is_control()) {
            return refuse(format!("the line \"{name}\" holds a sign that cannot be spoken"));
        }
        if text.matches(['{', '}']).count() != 2 * facts_of(text).count() {
            return refuse(format!("the line \"{name}\" has a brace without its fellow"));
        }
        if let Some(fact) = facts_of(text).find(|fact| !logic.facts.contains_key(*fact)) {
            return refuse(format!("the line \"{name}\" tells \"{fact}\", which is no fact"));
        }
        // A variant tells what the line tells, or a fact would be lost with a mood.
        let own: BTreeSet<&str> = facts_of(text).collect();
        let base = texts.lines.get(plain(name)).map(|base| facts_of(base).collect::<BTreeSet<&str>>());
        if base.is_none_or(|base| base != own) {
            return refuse(format!("the line \"{name}\" must tell the same facts as \"{}\"", plain(name)));
        }
    }
    Ok(())
}

fn same_variants(
    files: &BTreeMap<Language, LineFile>,
    sources: &[(Language, Source<'_>)],
) -> Result<(), PracticeError> {
    for (language, file) in files {
        for other in files.values() {
            let Some(extra) = other.lines.keys().find(|name| !file.lines.contains_key(*name)) else { continue };
            if let Some((_, source)) = sources.iter().find(|(known, _)| known == language) {
                let why = format!("there is no line \"{extra}\", which another language has");
                return Err(fault(source, place(source, "[lines]"), why));
            }
        }
    }
    Ok(())
}

/// Every fact is told on every way to a good end.
fn told(source: &Source<'_>, logic: &Logic, files: &BTreeMap<Language, LineFile>) -> Result<(), PracticeError> {
    let Some(texts) = files.values().next() else { return Ok(()) };
    let all: BTreeSet<&str> = logic.facts.keys().map(String::as_str).collect();
    let says = |state: &State| -> BTreeSet<&str> {
        let line = state.say.as_ref().and_then(|say| texts.lines.get(say.get_ref()));
        line.into_iter().flat_map(|line| facts_of(line)).collect()
    };
    // Certainly told on entering a state: what all ways to it have in common. Sets only shrink, so this ends.
    let mut certain: BTreeMap<&str, BTreeSet<&str>> =
        BTreeMap::from([(OPEN, BTreeSet::new()), (CALLED, BTreeSet::new())]);
    let mut open = vec![OPEN, CALLED];
    while let Some(name) = open.pop() {
        let (Some(state), Some(before)) = (logic.state.get(name), certain.get(name)) else { continue };
        let after: BTreeSet<&str> = before.union(&says(state)).copied().collect();
        for target in ways(logic, state) {
            let Some((target, _)) = logic.state.get_key_value(target.get_ref()) else { continue };
            let common = match certain.get(target.as_str()) {
                Some(known) => known.intersection(&after).copied().collect(),
                None => after.clone(),
            };
            if certain.get(target.as_str()) != Some(&common) {
                certain.insert(target, common);
                open.push(target);
            }
        }
    }
    for (name, state) in &logic.state {
        if state.end != Some(super::End::Thanked) {
            continue;
        }
        let known = certain.get(name.as_str()).cloned().unwrap_or_default();
        if let Some(missing) = all.iter().find(|fact| !known.contains(*fact)) {
            let why = format!("\"{missing}\" need not have been told when the call ends in \"{name}\"");
            return Err(fault(source, place(source, &format!("[facts.{missing}]")), why));
        }
    }
    Ok(())
}
