//! `cuffia practice`: one whole practice call, with a WAV file or a synthetic operator for a microphone.

use super::watch::{self, Watch, call, talks};
use super::{Failure, Report, say, work};
use crate::{DataFolder, Program, Sound};
use cuffia_api::*;
use cuffia_headset::{Devices, FnDevices, Frame, dbfs};
use cuffia_practice::SpeakingOperator;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const READY: Duration = Duration::from_secs(60);
/// A practice customer is never on the line longer than this.
const CALL: Duration = Duration::from_secs(300);
/// The operator of a file answers after this: nobody answers within the first ring.
const ANSWER_AFTER: Duration = Duration::from_millis(1_200);
/// A file's operator hangs up when the customer stays silent or on the line this long after the last word.
const STAYS: Duration = Duration::from_secs(20);

/// Levels and quality are shown this often.
const FIGURES: Duration = Duration::from_secs(10);

/// Takes one whole practice call.
#[derive(clap::Args)]
pub struct Practice {
    /// Scenario.
    #[arg(default_value = "invoice-mismatch")]
    scenario: String,
    /// Language of the customer: en or it; the system's without it.
    #[arg(long)]
    language: Option<String>,
    /// What the operator says, from the answer on; without it a synthetic operator talks with the customer.
    #[arg(long)]
    operator: Option<PathBuf>,
    /// What the operator writes down; the synthetic one knows by himself.
    #[arg(long)]
    note: Option<String>,
    /// Where to write what was heard.
    #[arg(long)]
    record: Option<PathBuf>,
    /// One JSON object at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Who sits at the microphone.
enum Operator {
    File(watch::FileHandle),
    Synthetic(Arc<Mutex<Synthetic>>),
}

struct Synthetic {
    operator: SpeakingOperator,
    talking: bool,
    heard: (f32, u32),
    sent: (f32, u32),
}

impl Synthetic {
    fn exchange(&mut self, heard: &Frame, said: &mut Frame) {
        *said = cuffia_headset::SILENCE;
        if self.talking {
            self.operator.exchange(heard, said);
            for (sum, frame) in [(&mut self.heard, heard), (&mut self.sent, &*said)] {
                let level = dbfs(frame);
                if level > watch::QUIET_DBFS {
                    *sum = (sum.0 + level, sum.1 + 1);
                }
            }
        }
    }
}

impl Practice {
    pub(crate) async fn run(self) -> Result<Report, Failure> {
        let language = super::language(self.language.as_deref())?;
        let (devices, operator) = self.operator(language)?;
        let program = Program::start(DataFolder::open()?, Sound::Own(devices))?;
        work(&program, self.practise(&program, &operator, language)).await
    }

    async fn practise(&self, program: &Program, operator: &Operator, language: Language) -> Result<Report, Failure> {
        let engine = program.engine.clone();
        let mut watch = Watch::new(engine.clone());
        say(self.json, "the customer prepares …");
        dispatch(&engine, "start_practice", json!(StartPractice { scenario: self.scenario.clone(), language })).await?;
        let id = watch
            .until(READY, "the customer's call", |s| match s.calls.first() {
                Some(c) if c.state == CallState::RingingHere => Some(Ok(c.clone())),
                _ if s.line.state == LineState::Failed => s.line.error.clone().map(|e| Err(e.into())),
                _ => None,
            })
            .await
            .map(|c| {
                say(self.json, &format!("ring: {} {}", c.name.clone().unwrap_or_default(), c.number));
                c.id
            })?;
        tokio::time::sleep(ANSWER_AFTER).await;
        dispatch(&engine, "answer", json!(CallRef { call: id.clone() })).await?;
        watch
            .until(READY, "sound", |s| match call(s, &id) {
                Some(c) if talks(c) => Some(Ok(())),
                Some(_) => None,
                None => Some(Err(Failure::new("call.ended", "the customer hung up before the answer"))),
            })
            .await?;
        say(self.json, "answered");
        operator.begin();
        self.talk(&mut watch, operator, &id).await?;
        let written = self.write_down(&engine, operator, &id).await?;
        let result = watch
            .until(Duration::from_secs(15), "the result", |s| {
                s.practice
                    .as_ref()
                    .and_then(|p| p.result.clone())
                    .filter(|r| r.call == id && r.data_score.is_some() == written)
                    .map(Ok)
            })
            .await?;
        operator.finish(self.record.as_ref())?;
        let turns = engine.whole().practice.map(|p| p.transcript).unwrap_or_default();
        let (heard, sent) = operator.figures(watch.quality.as_ref());
        let (record, recording) = watch::kept(&engine, program.folder.path(), &id);
        wait_for_recording(&engine, &id).await;
        let words = words(&result, &heard, &sent, &record, &recording);
        let fields = json!({ "call": record, "recording": recording, "turns": turns, "heard": heard, "sent": sent, "result": result });
        Ok(Report { fields, words })
    }

    fn operator(&self, language: Language) -> Result<(Box<dyn Devices>, Operator), Failure> {
        if let Some(path) = &self.operator {
            let (devices, file) = watch::file_devices(cuffia_headset::read_wav(path)?, self.record.as_ref())?;
            return Ok((Box::new(devices), Operator::File(file)));
        }
        let spoken = match language {
            Language::En => cuffia_practice::Language::En,
            Language::It => cuffia_practice::Language::It,
        };
        let operator =
            SpeakingOperator::new(&self.scenario, spoken).map_err(|e| Failure::new(e.code(), e.to_string()))?;
        let shared = Arc::new(Mutex::new(Synthetic { operator, talking: false, heard: (0.0, 0), sent: (0.0, 0) }));
        let end = shared.clone();
        let devices = FnDevices(move |heard: &Frame, _: &Frame, said: &mut Frame| {
            end.lock().unwrap_or_else(PoisonError::into_inner).exchange(heard, said);
        });
        Ok((Box::new(devices), Operator::Synthetic(shared)))
    }

    /// Until the customer leaves. A file's operator hangs up some time after his last word.
    async fn talk(&self, watch: &mut Watch, operator: &Operator, id: &str) -> Result<(), Failure> {
        let begun = tokio::time::Instant::now();
        let (mut shown, mut saved, mut silent_since) = (0, 0, None);
        let mut figures_due = FIGURES;
        loop {
            let json = self.json;
            let gone = watch
                .until(Duration::from_millis(200), "", |s| {
                    for line in s.practice.iter().flat_map(|p| &p.transcript).skip(shown) {
                        let (who, text) = match line.who {
                            Speaker::Customer => ("customer", line.text.clone()),
                            Speaker::Operator => ("operator", operator.said()),
                        };
                        say(json, &format!("{:6.1} s  {who}: {text}", line.at as f64 / 1000.0));
                        operator.hears(line);
                        shown += 1;
                    }
                    call(s, id).is_none().then_some(Ok(()))
                })
                .await;
            if gone.is_ok() {
                return Ok(());
            }
            if begun.elapsed() >= figures_due {
                figures_due += FIGURES;
                if let Some(quality) = &watch.quality {
                    let levels = watch.engine.desk().headset().levels();
                    say(json, &format!("          {}", figures_line(quality, levels.microphone(), levels.ear())));
                }
            }
            // As a person types: what has been heard is on disk before the next sentence.
            if shown != saved
                && let Some(note) = operator.note()
            {
                saved = shown;
                let customer = call(&watch.engine.whole(), id).and_then(|c| c.draft.customer.clone());
                let draft = SaveDraft { call: id.into(), draft: request(note, customer) };
                dispatch(&watch.engine, "save_draft", json!(draft)).await?;
            }
            let stays =
                operator.is_done() && silent_since.get_or_insert_with(tokio::time::Instant::now).elapsed() > STAYS;
            if stays || begun.elapsed() > CALL {
                let _ = dispatch(&watch.engine, "hang_up", json!(CallRef { call: id.into() })).await;
            }
        }
    }

    /// Registers what the operator wrote. False when nothing is written.
    async fn write_down(&self, engine: &Engine, operator: &Operator, id: &str) -> Result<bool, Failure> {
        let Some(note) = self.note.clone().or_else(|| operator.note()) else { return Ok(false) };
        let customer = engine.whole().wrap_up.and_then(|w| w.draft.customer);
        dispatch(engine, "register_request", json!(SaveDraft { call: id.into(), draft: request(note, customer) }))
            .await?;
        Ok(true)
    }
}

fn request(note: String, customer: Option<String>) -> RequestDraft {
    RequestDraft {
        open: false,
        due: None,
        kind: Some(RequestKind::Complaint),
        topic: Some("invoices".into()),
        subtopic: Some("mismatch".into()),
        note,
        customer,
    }
}

impl Operator {
    fn begin(&self) {
        match self {
            Operator::File(file) => file.begin(),
            Operator::Synthetic(s) => s.lock().unwrap_or_else(PoisonError::into_inner).talking = true,
        }
    }

    /// The synthetic operator writes down what he is told.
    fn hears(&self, line: &TranscriptLine) {
        if let (Operator::Synthetic(s), Speaker::Customer) = (self, line.who) {
            s.lock().unwrap_or_else(PoisonError::into_inner).operator.heard(&line.text);
        }
    }

    /// His newest words; of a file only that it speaks is known.
    fn said(&self) -> String {
        match self {
            Operator::File(_) => "(speaks)".into(),
            Operator::Synthetic(s) => {
                let s = s.lock().unwrap_or_else(PoisonError::into_inner);
                s.operator.said().last().cloned().unwrap_or_default()
            }
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Operator::File(file) => file.has_spoken(),
            Operator::Synthetic(_) => false,
        }
    }

    fn note(&self) -> Option<String> {
        match self {
            Operator::File(_) => None,
            Operator::Synthetic(s) => Some(s.lock().unwrap_or_else(PoisonError::into_inner).operator.note()),
        }
    }

    fn finish(&self, record: Option<&PathBuf>) -> Result<(), Failure> {
        match self {
            Operator::File(file) => file.finish(record),
            Operator::Synthetic(_) => Ok(()),
        }
    }

    fn figures(&self, quality: Option<&QualityView>) -> (Value, Value) {
        match self {
            Operator::File(file) => file.figures(quality),
            Operator::Synthetic(s) => {
                let s = s.lock().unwrap_or_else(PoisonError::into_inner);
                let mean = |(sum, n): (f32, u32)| (n > 0).then(|| sum / n as f32);
                watch::figures(quality, mean(s.heard), mean(s.sent))
            }
        }
    }
}

fn figures_line(q: &QualityView, microphone: f32, ear: f32) -> String {
    let round_trip = q.round_trip.map_or(String::new(), |ms| format!(" · round trip {ms:.0} ms"));
    format!(
        "level now: operator {microphone:.0}, customer {ear:.0} dBFS · loss {:.1} % · jitter {:.0} ms{round_trip} · MOS {:.1}",
        q.loss_in, q.jitter, q.mos
    )
}

/// The last page of the recording is written by a thread of its own.
async fn wait_for_recording(engine: &Engine, id: &str) {
    for _ in 0..50 {
        if engine.desk().recording(id).await.is_ok_and(|r| r.complete) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn how_it_ended(ending: PracticeEnding) -> &'static str {
    match ending {
        PracticeEnding::Thanked => "said thanks and goodbye",
        PracticeEnding::LeftAngry => "lost patience and hung up",
        PracticeEnding::HungUpOn => "was hung up on",
        PracticeEnding::Unanswered => "was not answered",
    }
}

fn words(r: &PracticeResult, heard: &Value, sent: &Value, record: &Value, recording: &Value) -> String {
    let seconds = |ms: Option<u64>| ms.map_or("-".into(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
    let facts: String = r
        .facts
        .iter()
        .map(|f| {
            let mark = match (f.was_told, f.written, &f.problem) {
                (false, ..) => "not told".to_owned(),
                (_, true, _) => "written".to_owned(),
                (_, false, problem) => problem.clone().unwrap_or_else(|| "missing".into()),
            };
            format!("\n    {:<22} {:<28} {mark}", f.name, f.told)
        })
        .collect();
    format!(
        "\nresult\n  answered after      {}\n  greeted after       {}\n  silences over 4 s   {} (longest {})\n  interruptions       {}\n  \
         the customer        {}\n  facts{facts}\n  written correctly   {}\n\nheard      {}\nsent       {}\ncall       {} in the list of calls\nrecording  {}",
        seconds(r.time_to_answer),
        seconds(r.time_to_greeting),
        r.silences,
        seconds(Some(r.longest_silence)),
        r.interruptions,
        how_it_ended(r.ending),
        r.data_score.map_or("nothing was registered".into(), |s| format!("{s:.0} %")),
        watch::in_words(heard),
        watch::in_words(sent),
        record["id"].as_str().unwrap_or("-"),
        recording.as_str().unwrap_or("-"),
    )
}
