//! The practice room behind the table.

use crate::engine::{Engine, Practice};
use crate::view::*;
use cuffia_practice::{self as practice, Ending, FactCheck, Outcome, Room, RoomEvent, Speaker as Who};

pub(crate) fn spoken(language: Language) -> practice::Language {
    match language {
        Language::En => practice::Language::En,
        Language::It => practice::Language::It,
    }
}

fn written(language: practice::Language) -> Language {
    match language {
        practice::Language::En => Language::En,
        practice::Language::It => Language::It,
    }
}

impl From<practice::PracticeError> for ApiError {
    fn from(e: practice::PracticeError) -> Self {
        ApiError { code: e.code().into(), message: e.to_string() }
    }
}

impl Engine {
    pub(crate) fn scenario_views(&self) -> Vec<ScenarioView> {
        practice::scenarios(spoken(self.language()))
            .into_iter()
            .map(|s| ScenarioView {
                id: s.id,
                title: s.title,
                summary: s.summary,
                number: s.number,
                level: s.level,
                customer: s.customer,
            })
            .collect()
    }

    /// Opens the room if it is closed, puts the practice line in place of the real one, and lets the customer call.
    pub(crate) async fn begin_practice(&self, scenario: &str, language: Language) -> Result<(), ApiError> {
        if !practice::scenarios(spoken(language)).iter().any(|s| s.id == scenario) {
            return Err(ApiError {
                code: "practice.no_such_scenario".into(),
                message: "There is no such scenario.".into(),
            });
        }
        let view = PracticeView {
            scenario: scenario.into(),
            language,
            state: PracticeState::Preparing,
            prepared: 0,
            transcript: Vec::new(),
            result: None,
        };
        let open = self.with_practice(|p| {
            p.as_mut().map(|p| {
                (p.view, p.outcome, p.call) = (view.clone(), None, None);
                p.room.clone()
            })
        });
        let room = match open {
            Some(room) => room,
            None => {
                let (room, events) = Room::open().await?;
                self.desk().connect_practice(room.account()).map_err(ApiError::from)?;
                self.with_practice(|p| *p = Some(Practice { room: room.clone(), view, outcome: None, call: None }));
                tokio::spawn(self.clone().follow_room(events));
                room
            }
        };
        room.call(scenario, spoken(language), None)?;
        self.send_practice();
        Ok(())
    }

    /// Whether the room is open: its line is the only one then.
    pub(crate) fn in_practice(&self) -> bool {
        self.with_practice(|p| p.is_some())
    }

    /// The scenarios that can be called now: none when the room is closed. In the language the room speaks, for that is who answers.
    pub(crate) fn callable_scenarios(&self) -> Vec<practice::ScenarioInfo> {
        let language = self.with_practice(|p| p.as_ref().map(|p| p.view.language));
        language.map(|l| practice::scenarios(spoken(l))).unwrap_or_default()
    }

    /// Leaves the room; the real line comes back.
    pub(crate) async fn end_practice(&self) -> Result<(), ApiError> {
        let Some(practice) = self.with_practice(Option::take) else { return Ok(()) };
        self.desk().disconnect();
        practice.room.close().await;
        self.send_practice();
        self.desk().connect_saved().map_err(ApiError::from)
    }

    pub(crate) fn room_event(&self, event: RoomEvent) {
        self.with_practice(|p| {
            let Some(p) = p else { return };
            match event {
                RoomEvent::Preparing { scenario, language } => {
                    (p.view.scenario, p.view.language) = (scenario, written(language));
                    (p.view.state, p.outcome) = (PracticeState::Preparing, None);
                    (p.view.result, p.view.transcript, p.view.prepared) = (None, Vec::new(), 0);
                }
                RoomEvent::Progress { percent } => p.view.prepared = percent,
                RoomEvent::Calling => p.view.state = PracticeState::Calling,
                RoomEvent::Answered => {
                    p.view.state = PracticeState::Talking;
                    // The phone has one practice call at a time that talks.
                    p.call = self.desk().live_calls().iter().find(|c| c.practice).map(|c| c.info.id.clone());
                }
                RoomEvent::Said { at_ms, speaker, text } => {
                    let who = match speaker {
                        Who::Customer => Speaker::Customer,
                        Who::Operator => Speaker::Operator,
                    };
                    p.view.transcript.push(TranscriptLine { at: at_ms, who, text });
                }
                RoomEvent::Finished(outcome) => (p.view.state, p.outcome) = (PracticeState::Finished, Some(outcome)),
            }
        });
        self.rate_practice();
        self.send_practice();
    }

    /// Joins the room's measures with what the operator wrote, and keeps the result with the call.
    pub(crate) fn rate_practice(&self) {
        let pending = self.with_practice(|p| {
            let p = p.as_ref()?;
            Some((p.call.clone().unwrap_or_default(), p.outcome.clone()?, p.view.clone()))
        });
        let Some((call, outcome, view)) = pending else { return };
        let store = self.desk().store();
        let note = match (store.request_of(&call), store.draft(&call)) {
            (Ok(Some(request)), _) => Some(request.note),
            (_, Ok(Some(draft))) => Some(draft.note),
            _ => None,
        };
        let result = result(&call, &outcome, view, note.as_deref());
        if let Ok(json) = serde_json::to_string(&result)
            && let Err(e) = store.put_practice_result(&call, &json)
        {
            self.notice(e.into());
        }
        let changed = self.with_practice(|p| {
            let Some(p) = p.as_mut().filter(|p| p.view.result.as_ref() != Some(&result)) else { return false };
            p.view.result = Some(result);
            true
        });
        if changed {
            self.send_practice();
        }
    }
}

fn result(call: &str, o: &Outcome, view: PracticeView, note: Option<&str>) -> PracticeResult {
    let checks = practice::check(&o.facts, note.unwrap_or_default());
    PracticeResult {
        scenario: o.scenario.clone(),
        call: call.to_owned(),
        time_to_answer: o.time_to_answer_ms,
        time_to_greeting: o.time_to_greeting_ms,
        silences: o.silences,
        longest_silence: o.longest_silence_ms,
        interruptions: o.interruptions,
        talk_share: o.talk_share,
        ending: match o.ending {
            Ending::Thanked => PracticeEnding::Thanked,
            Ending::LeftAngry => PracticeEnding::LeftAngry,
            Ending::HungUpOn => PracticeEnding::HungUpOn,
            Ending::Unanswered => PracticeEnding::Unanswered,
        },
        data_score: note.and_then(|_| practice::data_score(&checks)),
        facts: checks.iter().map(fact).collect(),
        too_noisy: o.too_noisy,
        microphone_silent: o.heard_nothing,
        language: view.language,
        transcript: view.transcript,
    }
}

fn fact(c: &FactCheck) -> FactView {
    FactView {
        name: c.fact.name.clone(),
        told: c.fact.told.clone(),
        was_told: c.fact.was_told,
        written: c.written,
        problem: c.problem.map(|p| p.word().to_owned()),
    }
}
