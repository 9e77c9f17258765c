//! Following an engine from a command: waiting for what must come, measuring what was heard.

use super::Failure;
use cuffia_api::{CallState, CallView, Change, Engine, Message, QualityView, Snapshot};
use cuffia_headset::{Devices, Frame, SILENCE, WavWriter, dbfs};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// What is softer is the noise of a line, not speech: the practice room's own is at -60.
pub(crate) const QUIET_DBFS: f32 = -50.0;

/// An engine and what it says.
pub(crate) struct Watch {
    pub(crate) engine: Engine,
    messages: broadcast::Receiver<Message>,
    /// Figures of each call as last seen: they are gone from the snapshot when the call is over.
    pub(crate) quality: Option<QualityView>,
}

impl Watch {
    pub(crate) fn new(engine: Engine) -> Watch {
        Watch { messages: engine.messages(), engine, quality: None }
    }

    /// Waits until `ready` gives something for the state of things.
    pub(crate) async fn until<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut ready: impl FnMut(&Snapshot) -> Option<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let wait = async {
            loop {
                let now = self.engine.whole();
                if let Some(q) = now.calls.iter().filter_map(|c| c.quality.clone()).next_back() {
                    self.quality = Some(q);
                }
                if let Some(done) = ready(&now) {
                    return done;
                }
                loop {
                    match self.messages.recv().await {
                        Ok(Message::Event(e)) => {
                            if let Change::Notice(e) = &e.change {
                                tracing::warn!("{} ({})", e.message, e.code);
                            }
                            break;
                        }
                        Ok(Message::Levels(_)) => {}
                        Err(broadcast::error::RecvError::Lagged(_)) => break,
                        Err(broadcast::error::RecvError::Closed) => {
                            return Err(Failure::new("engine.stopped", "the engine stopped"));
                        }
                    }
                }
            }
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(done) => done,
            Err(_) => Err(Failure::new("timeout", format!("{what} did not happen within {} s", limit.as_secs()))),
        }
    }
}

/// The state of one call; none when it is over.
pub(crate) fn call<'a>(s: &'a Snapshot, id: &str) -> Option<&'a CallView> {
    s.calls.iter().find(|c| c.id == id)
}

/// The end of a call is on record. It leaves the picture a moment before.
pub(crate) fn is_over(engine: &Engine, id: &str) -> bool {
    engine.desk().store().call(id).is_ok_and(|c| c.ended.is_some())
}

/// Both have answered.
pub(crate) fn talks(c: &CallView) -> bool {
    matches!(c.state, CallState::Active | CallState::Held | CallState::HeldThere)
}

/// What a file-backed headset shares with the command.
#[derive(Default)]
pub(crate) struct FileEnd {
    /// What the microphone still has to say, and from where on.
    said: Vec<f32>,
    at: usize,
    speaking: bool,
    heard: Levels,
    sent: Levels,
    writer: Option<WavWriter>,
}

#[derive(Default)]
struct Levels {
    speech: Vec<f32>,
}

impl Levels {
    fn saw(&mut self, frame: &Frame) {
        let level = dbfs(frame);
        if level > QUIET_DBFS {
            self.speech.push(level);
        }
    }

    /// Mean level of frames that are not silent, dBFS.
    fn mean(&self) -> Option<f32> {
        (!self.speech.is_empty()).then(|| self.speech.iter().sum::<f32>() / self.speech.len() as f32)
    }
}

/// A headset made of a WAV file for a microphone, and of a WAV file for an ear.
pub(crate) struct FileDevices(Arc<Mutex<FileEnd>>);

/// The command's side of [`FileDevices`].
#[derive(Clone)]
pub(crate) struct FileHandle(Arc<Mutex<FileEnd>>);

pub(crate) fn file_devices(said: Vec<f32>, record: Option<&PathBuf>) -> Result<(FileDevices, FileHandle), Failure> {
    let writer = record.map(|path| WavWriter::create(path, 1)).transpose()?;
    let shared = Arc::new(Mutex::new(FileEnd { said, writer, ..FileEnd::default() }));
    Ok((FileDevices(shared.clone()), FileHandle(shared)))
}

impl Devices for FileDevices {
    fn exchange(&mut self, playout: &Frame, _ring: &Frame, microphone: &mut Frame) {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *microphone = SILENCE;
        if end.speaking {
            let from = end.at.min(end.said.len());
            let n = (end.said.len() - from).min(microphone.len());
            microphone[..n].copy_from_slice(&end.said[from..from + n]);
            end.at = from + n;
            end.heard.saw(playout);
            let said = *microphone;
            end.sent.saw(&said);
            if let Some(writer) = &mut end.writer {
                writer.write(playout);
            }
        }
    }
}

impl FileHandle {
    fn end(&self) -> std::sync::MutexGuard<'_, FileEnd> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to speak and to listen.
    pub(crate) fn begin(&self) {
        self.end().speaking = true;
    }

    /// The microphone has said all.
    pub(crate) fn has_spoken(&self) -> bool {
        let end = self.end();
        end.at >= end.said.len()
    }

    /// Closes the file of what was heard.
    pub(crate) fn finish(&self, record: Option<&PathBuf>) -> Result<(), Failure> {
        if let (Some(writer), Some(path)) = (self.end().writer.take(), record) {
            writer.finish(path)?;
        }
        Ok(())
    }

    /// `heard` and `sent` of the report.
    pub(crate) fn figures(&self, quality: Option<&QualityView>) -> (Value, Value) {
        let end = self.end();
        figures(quality, end.heard.mean(), end.sent.mean())
    }
}

pub(crate) fn figures(quality: Option<&QualityView>, heard: Option<f32>, sent: Option<f32>) -> (Value, Value) {
    let q = quality;
    (
        json!({ "packets": q.map(|q| q.received), "loss": q.map(|q| q.loss_in), "level": heard, "mos": q.map(|q| q.mos),
                "codec": q.and_then(|q| q.codec.clone()), "path": q.and_then(|q| q.path.clone()) }),
        json!({ "packets": q.map(|q| q.sent), "loss": q.map(|q| q.loss_out), "level": sent }),
    )
}

/// `heard` or `sent` for people.
pub(crate) fn in_words(figures: &Value) -> String {
    let number = |name: &str| figures[name].as_f64();
    let parts = [
        number("packets").map(|n| format!("{n} packets")),
        number("loss").map(|l| format!("{l:.1} % lost")),
        number("level").map(|l| format!("{l:.0} dBFS while not silent")),
        figures["codec"].as_str().map(str::to_owned),
        figures["path"].as_str().map(str::to_owned),
        number("mos").map(|m| format!("MOS {m:.1}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

/// `call` and `recording` of the report.
pub(crate) fn kept(engine: &Engine, folder: &std::path::Path, id: &str) -> (Value, Value) {
    match engine.desk().store().call(id) {
        Ok(c) => {
            let path = c.recording.as_ref().map(|name| folder.join("recordings").join(name).display().to_string());
            let record = json!({ "id": c.id, "number": c.number, "name": c.name, "started": c.started, "answered": c.answered,
                                  "ended": c.ended, "reason": c.reason, "practice": c.practice });
            (record, json!(path))
        }
        Err(_) => (Value::Null, Value::Null),
    }
}
