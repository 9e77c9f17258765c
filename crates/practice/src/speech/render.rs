//! A scenario's lines as sound.

use super::sound::word_gaps;
use super::{Spoken, Value, normalise, speak_all, tighten, to_48k, trim};
use crate::pack::{Scenario, facts_of};
use crate::{Language, PracticeError};
use std::collections::BTreeMap;

/// All lines of a customer, ready to be played.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub lines: BTreeMap<String, RenderedLine>,
}

/// One line at 48 kHz.
#[derive(Debug)]
pub(crate) struct RenderedLine {
    /// As it is to be written.
    pub text: String,
    pub samples: Vec<f32>,
    /// Samples at which the voice may be stopped.
    pub gaps: Vec<usize>,
    /// Facts and the sample at which each is told.
    pub facts: Vec<(String, usize)>,
}

/// Renders every line with these facts. Takes some seconds; blocks. `progress` is told the percent done.
pub(crate) fn render(
    scenario: &Scenario,
    language: Language,
    facts: &[(String, Value)],
    progress: impl Fn(u8) + Send,
) -> Result<Rendered, PracticeError> {
    let persona =
        scenario.persona(language).ok_or_else(|| PracticeError::NoSuchLanguage { id: scenario.logic.id.clone() })?;
    let filled = |text: &str, form: &dyn Fn(&Value) -> String| {
        facts.iter().fold(text.to_owned(), |text, (id, value)| text.replace(&format!("{{{id}}}"), &form(value)))
    };
    let spoken = |text: &str| Spoken {
        text: filled(text, &|value| value.spoken(language)),
        pitch: persona.pitch,
        speed: persona.speed,
    };
    // Each line whole, and for each of its facts what comes before its end: so long it takes until the fact is told.
    let mut texts = Vec::new();
    for (_, text) in scenario.lines(language) {
        texts.push(spoken(text));
        for fact in facts_of(text) {
            let end = text.find(&format!("{{{fact}}}")).map_or(text.len(), |at| at + fact.len() + 2);
            // With the mark behind it, for the voice falls or rises before one.
            let mark = text.get(end..).is_some_and(|rest| rest.starts_with(['.', ',', '?', '!']));
            let until = end + usize::from(mark);
            texts.push(spoken(text.get(..until).unwrap_or(text)));
        }
    }
    let all = texts.len().max(1);
    let mut sounds = speak_all(persona.voice, texts, move |done| progress((done * 100 / all) as u8))?.into_iter();
    let mut lines = BTreeMap::new();
    for (name, text) in scenario.lines(language) {
        let samples = finish(&sounds.next().unwrap_or_default())?;
        let mut ends = Vec::new();
        for fact in facts_of(text) {
            let until = finish(&sounds.next().unwrap_or_default())?;
            ends.push((fact.to_owned(), until.len().min(samples.len())));
        }
        let line = RenderedLine {
            text: filled(text, &|value| value.written(language)),
            gaps: word_gaps(&samples),
            samples,
            facts: ends,
        };
        lines.insert(name.to_owned(), line);
    }
    Ok(Rendered { lines })
}

/// What the engine made, as it is played.
pub(crate) fn finish(sound: &[f32]) -> Result<Vec<f32>, PracticeError> {
    let mut samples = to_48k(sound)?;
    trim(&mut samples);
    tighten(&mut samples);
    if samples.is_empty() {
        return Err(PracticeError::voice("a line has no sound"));
    }
    normalise(&mut samples);
    Ok(samples)
}
