//! A customer's side of a call over frames of sound: engine, mouth and ears, and the record of who spoke when.
//!
//! Nothing here waits or has a clock. One tick is 10 ms of sound in and out, so a whole call can run as fast as the machine
//! allows, or as slowly as a telephone.

use crate::ears::{Ears, Edge};
use crate::engine::{Action, Engine, Event};
use crate::measures::{Measures, Span, Timeline};
use crate::pack::Scenario;
use crate::player::{Over, Player};
use crate::speech::{Rendered, Value, render};
use crate::{Ending, Fact, Language, PracticeError, Speaker};
use cuffia_media::Frame;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One tick.
const TICK_MS: u64 = 10;

/// A customer who is ready to talk: the facts are drawn and the voice is made.
pub(crate) struct Prepared {
    scenario: &'static Scenario,
    language: Language,
    seed: u64,
    facts: Vec<(String, Value)>,
    lines: Arc<Rendered>,
}

impl Prepared {
    /// Takes some seconds; blocks. `progress` is told the percent done.
    pub fn new(
        scenario: &'static Scenario,
        language: Language,
        seed: u64,
        progress: impl Fn(u8) + Send,
    ) -> Result<Self, PracticeError> {
        let facts = scenario.draw(language, &mut StdRng::seed_from_u64(seed));
        let lines = Arc::new(render(scenario, language, &facts, progress)?);
        Ok(Self { scenario, language, seed, facts, lines })
    }

    /// What there is to tell; `told` are the ids that were.
    pub fn facts(&self, told: &BTreeSet<String>) -> Vec<Fact> {
        let fact = |(id, value): &(String, Value)| Fact {
            id: id.clone(),
            name: self.scenario.fact_name(id, self.language),
            told: value.written(self.language),
            was_told: told.contains(id),
            kind: self.scenario.logic.facts.get(id).map_or(crate::FactKind::Name, |rule| rule.kind()),
        };
        self.facts.iter().map(fact).collect()
    }
}

/// What others want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Said { at_ms: u64, speaker: Speaker, text: String },
    HangUp,
    Ended(Ending),
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub ending: Ending,
    pub measures: Measures,
    pub facts: Vec<Fact>,
    pub too_noisy: bool,
    pub heard_nothing: bool,
}

/// See the module.
pub(crate) struct Conversation {
    prepared: Arc<Prepared>,
    engine: Engine<'static>,
    player: Player,
    ears: Ears,
    timeline: Timeline,
    told: BTreeSet<String>,
    now: u64,
    line_since: Option<u64>,
    operator_since: Option<u64>,
    held_since: Option<u64>,
    /// The operator has spoken since the customer last began.
    operator_turn: bool,
    ending: Option<Ending>,
    happened: Vec<Happened>,
}

impl Conversation {
    /// At the moment of the answer.
    pub fn begin(prepared: Arc<Prepared>, dialled: bool) -> Self {
        let seed = prepared.seed;
        let mut conversation = Self {
            engine: Engine::new(prepared.scenario, seed),
            player: Player::new(prepared.lines.clone(), seed),
            prepared,
            ears: Ears::new(),
            timeline: Timeline::default(),
            told: BTreeSet::new(),
            now: 0,
            line_since: None,
            operator_since: None,
            held_since: None,
            operator_turn: false,
            ending: None,
            happened: Vec::new(),
        };
        conversation.give(Event::Answered { dialled });
        conversation
    }

    /// 10 ms: what the operator said, and what the customer says.
    pub fn tick(&mut self, heard: &Frame, said: &mut Frame) -> Vec<Happened> {
        self.now += TICK_MS;
        match self.ears.hear(heard) {
            Some(Edge::Starts(at)) => {
                self.operator_since = Some(at);
                // One line of the transcript for a turn, however many breaths it has.
                if !std::mem::replace(&mut self.operator_turn, true) {
                    self.happened.push(Happened::Said { at_ms: at, speaker: Speaker::Operator, text: String::new() });
                }
                self.give(Event::OperatorStarts { at });
            }
            Some(Edge::Stops(at)) => {
                if let Some(since) = self.operator_since.take() {
                    self.timeline.operator.push(since..at);
                }
                self.give(Event::OperatorStops { at });
            }
            None => {}
        }
        self.give(Event::Tick);
        if let Some(over) = self.player.play(said) {
            self.line_over(over);
        }
        std::mem::take(&mut self.happened)
    }

    /// The operator holds the call, or takes it back.
    pub fn hold(&mut self, held: bool) {
        match (held, self.held_since) {
            (true, None) => {
                self.held_since = Some(self.now);
                self.give(Event::Held);
            }
            (false, Some(since)) => {
                self.held_since = None;
                self.timeline.held.push(since..self.now);
                self.give(Event::Resumed);
            }
            _ => {}
        }
    }

    /// The call is over, whoever ended it.
    pub fn end(mut self) -> Summary {
        self.give(Event::HungUp);
        if let Some(over) = self.player.cut() {
            self.note_line(&over);
        }
        let now = self.now;
        let open = |since: Option<u64>, spans: &mut Vec<Span>| spans.extend(since.map(|since| since..now));
        open(self.operator_since, &mut self.timeline.operator);
        open(self.held_since, &mut self.timeline.held);
        self.timeline.end = now;
        Summary {
            ending: self.ending.unwrap_or(Ending::HungUpOn),
            measures: self.timeline.measure(),
            facts: self.prepared.facts(&self.told),
            too_noisy: self.ears.too_noisy(),
            heard_nothing: self.ears.heard_nothing(),
        }
    }

    fn give(&mut self, event: Event) {
        for action in self.engine.step(event, self.now) {
            match action {
                Action::Say(name) => {
                    // A line that still plays gives way.
                    if let Some(over) = self.player.cut() {
                        self.note_line(&over);
                    }
                    match self.player.say(&name) {
                        Some(text) => {
                            let text = text.to_owned();
                            (self.line_since, self.operator_turn) = (Some(self.now), false);
                            self.happened.push(Happened::Said { at_ms: self.now, speaker: Speaker::Customer, text });
                        }
                        // Checked packs have every line; without this the customer would wait for its end for ever.
                        None => self.give(Event::LineEnded),
                    }
                }
                Action::Stop => self.player.stop(),
                Action::Cut => {
                    if let Some(over) = self.player.cut() {
                        self.line_over(over);
                    }
                }
                Action::HangUp => self.happened.push(Happened::HangUp),
                Action::Ended(ending) => {
                    self.ending = Some(ending);
                    self.happened.push(Happened::Ended(ending));
                }
            }
        }
    }

    fn note_line(&mut self, over: &Over) {
        self.told.extend(over.told.iter().cloned());
        if let Some(since) = self.line_since.take() {
            self.timeline.customer.push(since..self.now);
        }
    }

    fn line_over(&mut self, over: Over) {
        self.note_line(&over);
        self.give(if over.complete { Event::LineEnded } else { Event::LineStopped { facts_told: over.all_told } });
    }
}

#[cfg(test)]
mod tests;
