//! The customer's mind: a pure state machine. Events with their time go in, actions come out; there is no clock, no thread and
//! no sound in here. Time is the milliseconds of sound since the call was taken.

use crate::Ending;
use crate::pack::{CALLED, End, LEAVE, OPEN, OUT_OF_TIME, Scenario, Silence, State};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;

/// Mood runs from here …
const WORST: i8 = -5;
/// … to here.
const BEST: i8 = 5;
/// A turn so long, uninterrupted, makes the customer a little happier.
const GOOD_TURN_MS: u64 = 1_500;
/// Between the last word and the hang-up.
const LAST_BREATH_MS: u64 = 400;
/// So long before the end of the time the customer takes his leave.
const LEAVE_TAKING_MS: u64 = 20_000;

/// What the customer notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The call is up.
    Answered {
        /// The operator called.
        dialled: bool,
    },
    /// The operator has been speaking since.
    OperatorStarts { at: u64 },
    /// The operator has been silent since.
    OperatorStops { at: u64 },
    /// The line was played to its end.
    LineEnded,
    /// The line was stopped on the way.
    LineStopped { facts_told: bool },
    /// The operator put the call on hold.
    Held,
    /// And took it back.
    Resumed,
    /// The operator hung up.
    HungUp,
    /// Time passes.
    Tick,
}

/// What the customer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin a line.
    Say(String),
    /// Stop the line where the voice pauses.
    Stop,
    /// Stop the line at once: nobody hears it.
    Cut,
    /// Hang up.
    HangUp,
    /// The call is decided. Nothing follows.
    Ended(Ending),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Listening { since: u64 },
    Replying { at: u64, target: String },
    Speaking { since: u64, line: Line, interrupted: bool },
    Leaving { at: u64, ending: Ending },
    Over,
}

/// Why a line is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// On the way into a state; it may be stopped once.
    OfState { yields: bool },
    /// Because it is too quiet.
    Aside,
}

/// See the module.
pub(crate) struct Engine<'a> {
    scenario: &'a Scenario,
    rng: StdRng,
    state: String,
    phase: Phase,
    mood: i8,
    /// The operator speaks, since then.
    operator: Option<u64>,
    quiet_since: u64,
    /// Operator speech since the customer last spoke.
    turn_ms: u64,
    /// The operator made a sound under the line that just ended.
    nodded: bool,
    /// The last line was talked over.
    interrupted: bool,
    /// Steps of impatience taken.
    impatience: usize,
    /// Where the operator's next turn leads, when not where the state says.
    pending: Option<String>,
    /// States whose line was stopped before.
    stopped: BTreeSet<String>,
    held: Option<u64>,
    /// Hold cost its mood already.
    held_long: bool,
}

impl<'a> Engine<'a> {
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        Self {
            scenario,
            rng: StdRng::seed_from_u64(seed),
            state: OPEN.to_owned(),
            phase: Phase::Listening { since: 0 },
            mood: 0,
            operator: None,
            quiet_since: 0,
            turn_ms: 0,
            nodded: false,
            interrupted: false,
            impatience: 0,
            pending: None,
            stopped: BTreeSet::new(),
            held: None,
            held_long: false,
        }
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    #[cfg(test)]
    pub fn mood(&self) -> i8 {
        self.mood
    }

    /// Takes one event. `now` never runs backwards.
    pub fn step(&mut self, event: Event, now: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.is_over() {
            return actions;
        }
        match event {
            Event::Answered { dialled } => {
                let first = if dialled && self.scenario.logic.state.contains_key(CALLED) { CALLED } else { OPEN };
                self.enter(first, now, &mut actions);
            }
            Event::OperatorStarts { at } => {
                self.operator = Some(at);
                // The turn was not over after all.
                if let Phase::Replying { target, .. } = &self.phase {
                    self.pending = Some(target.clone());
                    self.phase = Phase::Listening { since: now };
                }
            }
            Event::OperatorStops { at } => {
                if let Some(started) = self.operator.take() {
                    self.turn_ms += at.saturating_sub(started);
                    self.quiet_since = at;
                }
            }
            Event::LineEnded => self.line_ended(now),
            Event::LineStopped { facts_told } => self.line_stopped(facts_told, now),
            Event::Held => self.hold(now, &mut actions),
            Event::Resumed => {
                if self.held.take().is_some() {
                    (self.quiet_since, self.turn_ms, self.held_long) = (now, 0, false);
                    if let Phase::Listening { since } = &mut self.phase {
                        *since = now;
                    }
                }
            }
            Event::HungUp => {
                let ending = self.when_hung_up();
                self.end(ending, &mut actions);
                return actions;
            }
            Event::Tick => {}
        }
        self.pass_time(now, &mut actions);
        actions
    }

    fn state(&self) -> &'a State {
        static NOWHERE: State =
            State { say: None, end: None, if_hung_up: None, on: crate::pack::On { turn_end: None, silence: None } };
        self.scenario.logic.state.get(&self.state).unwrap_or(&NOWHERE)
    }

    fn silences(&self) -> &'a [Silence] {
        self.state().on.silence.as_deref().unwrap_or(&self.scenario.logic.persona.impatience)
    }

    fn limit_ms(&self) -> u64 {
        self.scenario.logic.max_minutes * 60_000
    }

    fn change_mood(&mut self, by: i8) {
        self.mood = self.mood.saturating_add(by).clamp(WORST, BEST);
    }

    fn line_ended(&mut self, now: u64) {
        let Phase::Speaking { .. } = self.phase else { return };
        if let Some(end) = self.state().end {
            self.phase = Phase::Leaving { at: now + LAST_BREATH_MS, ending: end.into() };
            return;
        }
        // A word under the line was a nod, not a turn; speech that still goes on is the turn.
        self.nodded = self.turn_ms > 0;
        self.turn_ms = 0;
        self.phase = Phase::Listening { since: now };
    }

    fn line_stopped(&mut self, facts_told: bool, now: u64) {
        let Phase::Speaking { line, .. } = self.phase else { return };
        if let Line::OfState { .. } = line {
            self.stopped.insert(self.state.clone());
            // What was not told is told again.
            self.pending = if facts_told { None } else { Some(self.state.clone()) };
        }
        if let Some(end) = self.state().end {
            self.phase = Phase::Leaving { at: now + LAST_BREATH_MS, ending: end.into() };
        } else {
            self.phase = Phase::Listening { since: now };
        }
    }

    fn hold(&mut self, now: u64, actions: &mut Vec<Action>) {
        if self.held.is_some() {
            return;
        }
        self.held = Some(now);
        match &mut self.phase {
            Phase::Speaking { .. } => actions.push(Action::Cut),
            Phase::Replying { target, .. } => {
                self.pending = Some(std::mem::take(target));
                self.phase = Phase::Listening { since: now };
            }
            Phase::Listening { .. } | Phase::Leaving { .. } | Phase::Over => {}
        }
    }

    fn pass_time(&mut self, now: u64, actions: &mut Vec<Action>) {
        let manner = &self.scenario.logic.persona;
        if now >= self.limit_ms() {
            return self.hang_up(Ending::LeftAngry, actions);
        }
        if let Some(since) = self.held
            && !matches!(self.phase, Phase::Leaving { .. })
        {
            let held_s = now.saturating_sub(since) / 1_000;
            if held_s >= manner.hold_leave_s {
                self.hang_up(Ending::LeftAngry, actions);
            } else if held_s >= manner.hold_patience_s && !self.held_long {
                self.held_long = true;
                self.change_mood(-2);
            }
            return;
        }
        match self.phase.clone() {
            Phase::Listening { since } => self.listen(since, now, actions),
            Phase::Replying { at, target } if now >= at => self.enter(&target, now, actions),
            Phase::Speaking { since, line, interrupted: false } => {
                let over = self.operator.map_or(0, |started| now.saturating_sub(started.max(since)));
                if over >= manner.barge_in_ms && self.state().end.is_none() {
                    self.interrupted = true;
                    self.phase = Phase::Speaking { since, line, interrupted: true };
                    // Said for the second time, a line is said to its end.
                    if line != (Line::OfState { yields: false }) {
                        self.change_mood(-1);
                        actions.push(Action::Stop);
                    }
                }
            }
            Phase::Leaving { at, ending } if now >= at => self.hang_up(ending, actions),
            Phase::Replying { .. } | Phase::Speaking { .. } | Phase::Leaving { .. } | Phase::Over => {}
        }
    }

    fn listen(&mut self, since: u64, now: u64, actions: &mut Vec<Action>) {
        let manner = &self.scenario.logic.persona;
        if now + LEAVE_TAKING_MS >= self.limit_ms() && self.operator.is_none() {
            return self.enter(OUT_OF_TIME, now, actions);
        }
        if self.operator.is_some() {
            return;
        }
        let quiet = now.saturating_sub(self.quiet_since);
        if self.turn_ms > 0 {
            let short = self.turn_ms < manner.short_turn_ms;
            if quiet >= if short { manner.short_turn_wait_ms } else { manner.end_of_turn_ms } {
                self.turn_ended(now, actions);
            }
            return;
        }
        let idle_s = now.saturating_sub(since.max(self.quiet_since)) as f64 / 1_000.0;
        if self.nodded && idle_s >= manner.go_on_s {
            return self.turn_ended(now, actions);
        }
        let steps = self.silences();
        match steps.get(self.impatience) {
            Some(step) if idle_s >= step.after_s => {
                self.impatience += 1;
                self.change_mood(step.mood);
                if let Some(target) = &step.goto {
                    self.enter(target.get_ref(), now, actions);
                } else if let Some(say) = &step.say {
                    self.say(say.get_ref(), Line::Aside, now, actions);
                } else {
                    self.phase = Phase::Listening { since: now };
                }
            }
            Some(_) => {}
            None => self.enter(LEAVE, now, actions),
        }
    }

    fn turn_ended(&mut self, now: u64, actions: &mut Vec<Action>) {
        if self.turn_ms >= GOOD_TURN_MS && !self.interrupted {
            self.change_mood(1);
        }
        (self.turn_ms, self.nodded, self.impatience) = (0, false, 0);
        // After the thanks nobody leaves in anger.
        if self.mood <= WORST && self.state().if_hung_up.is_none() {
            return self.enter(LEAVE, now, actions);
        }
        let next = self.state().on.turn_end.as_ref().map(|target| target.get_ref().clone());
        match self.pending.take().or(next) {
            Some(target) => {
                let [low, high] = self.scenario.logic.persona.reply_ms;
                let at = now + self.rng.random_range(low..=high.max(low));
                self.phase = Phase::Replying { at, target };
            }
            None => self.phase = Phase::Listening { since: now },
        }
    }

    fn enter(&mut self, target: &str, now: u64, actions: &mut Vec<Action>) {
        self.state = target.to_owned();
        (self.impatience, self.turn_ms, self.nodded, self.pending) = (0, 0, false, None);
        match (&self.state().say, self.state().end) {
            (Some(say), _) => {
                let yields = !self.stopped.contains(target);
                self.say(say.get_ref(), Line::OfState { yields }, now, actions);
            }
            (None, Some(end)) => self.phase = Phase::Leaving { at: now + LAST_BREATH_MS, ending: end.into() },
            (None, None) => self.phase = Phase::Listening { since: now },
        }
    }

    /// Says a line in the variant that fits: again after an interruption, else by mood.
    fn say(&mut self, name: &str, line: Line, now: u64, actions: &mut Vec<Action>) {
        let again = format!("{name}@again");
        let chosen = if line == (Line::OfState { yields: false }) && self.scenario.has_line(&again) {
            again
        } else {
            // The variant for the worst mood that is not worse than his.
            let moods = (self.mood..0).map(|mood| format!("{name}@{mood}"));
            moods.into_iter().find(|variant| self.scenario.has_line(variant)).unwrap_or_else(|| name.to_owned())
        };
        (self.turn_ms, self.interrupted) = (0, false);
        self.phase = Phase::Speaking { since: now, line, interrupted: false };
        actions.push(Action::Say(chosen));
    }

    /// What a hang-up by the operator means now.
    fn when_hung_up(&self) -> Ending {
        match (&self.phase, self.state().end.or(self.state().if_hung_up)) {
            (Phase::Leaving { ending, .. }, _) => *ending,
            (_, Some(end)) => end.into(),
            (_, None) => Ending::HungUpOn,
        }
    }

    fn hang_up(&mut self, ending: Ending, actions: &mut Vec<Action>) {
        actions.push(Action::HangUp);
        self.end(ending, actions);
    }

    fn end(&mut self, ending: Ending, actions: &mut Vec<Action>) {
        self.phase = Phase::Over;
        actions.push(Action::Ended(ending));
    }
}

impl From<End> for Ending {
    fn from(end: End) -> Self {
        match end {
            End::Thanked => Self::Thanked,
            End::LeftAngry => Self::LeftAngry,
        }
    }
}

#[cfg(test)]
mod tests;
