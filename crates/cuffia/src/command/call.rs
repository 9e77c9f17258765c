//! `cuffia call`.

use super::watch::{self, Watch, call, talks};
use super::{Failure, LineArguments, Report, say, work};
use crate::{DataFolder, Program, Sound};
use cuffia_api::{CallRef, Digits, LineState, dispatch};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

const REGISTER: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(60);
/// After the last word the other side has this long to be heard out.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Places one call and reports what was heard.
#[derive(clap::Args)]
pub struct Call {
    /// Whom to call: a number, a name at the switchboard, a sip: or tel: link.
    target: String,
    #[command(flatten)]
    line: LineArguments,
    /// What the microphone says; silence without it.
    #[arg(long)]
    wav: Option<PathBuf>,
    /// Where to write what was heard.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Keys to press once connected.
    #[arg(long)]
    digits: Option<String>,
    /// Hang up after so many seconds; without it when the file has been said.
    #[arg(long)]
    seconds: Option<f64>,
    /// One JSON object at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Call {
    pub(crate) async fn run(self) -> Result<Report, Failure> {
        let said = self.wav.as_ref().map(|p| cuffia_headset::read_wav(p)).transpose()?.unwrap_or_default();
        let (devices, file) = watch::file_devices(said, self.record.as_ref())?;
        let program = Program::start(DataFolder::open()?, Sound::Own(Box::new(devices)))?;
        work(&program, self.call(&program, &file)).await
    }

    async fn call(&self, program: &Program, file: &watch::FileHandle) -> Result<Report, Failure> {
        let engine = program.engine.clone();
        let mut watch = Watch::new(engine.clone());
        if let Some(account) = self.line.account()? {
            dispatch(&engine, "connect_line", json!(account)).await?;
        }
        say(self.json, "registering …");
        watch
            .until(REGISTER, "registration", |s| match (&s.line.state, &s.line.error) {
                (LineState::Registered, _) => Some(Ok(())),
                (LineState::Failed, Some(e)) => Some(Err(e.clone().into())),
                (LineState::Off, _) => {
                    Some(Err(Failure::new("phone.no_line", "no switchboard is set up; give --server and --user")))
                }
                _ => None,
            })
            .await?;
        say(self.json, &format!("calling {} …", self.target));
        let placed = dispatch(&engine, "dial", json!({ "target": self.target })).await?;
        let CallRef { call: id } =
            serde_json::from_value(placed).map_err(|e| Failure::new("bad_request", e.to_string()))?;
        let over = || Failure::new("call.not_answered", "the call was not answered");
        let answered = watch
            .until(ANSWER, "an answer", |s| match call(s, &id) {
                Some(c) if talks(c) => Some(Ok(())),
                Some(_) => None,
                // Just placed, it may not be in the picture yet; whether it is over, its record knows.
                None => watch::is_over(&engine, &id).then(|| Err(over())),
            })
            .await;
        if let Err(failure) = answered {
            let _ = engine.desk().phone().hang_up(&id).await;
            let reason = engine.desk().store().call(&id).ok().and_then(|c| c.reason);
            return Err(match reason {
                Some(reason) => Failure::new(&format!("call.{reason}"), format!("{} ({reason})", failure.message)),
                None => failure,
            });
        }
        file.begin();
        if let Some(digits) = self.digits.clone() {
            // Keys go out with the sound: there must be a path for it.
            watch
                .until(ANSWER, "sound", |s| {
                    call(s, &id).map_or(Some(Ok(())), |c| c.quality.as_ref().filter(|q| q.sent > 0).map(|_| Ok(())))
                })
                .await?;
            dispatch(&engine, "send_digits", json!(Digits { call: id.clone(), digits })).await?;
        }
        self.talk(&mut watch, file, &id).await?;
        let _ = dispatch(&engine, "hang_up", json!(CallRef { call: id.clone() })).await;
        watch.until(Duration::from_secs(10), "the end", |_| watch::is_over(&engine, &id).then_some(Ok(()))).await?;
        file.finish(self.record.as_ref())?;
        let (heard, sent) = file.figures(watch.quality.as_ref());
        let (record, recording) = watch::kept(&engine, program.folder.path(), &id);
        let words = format!(
            "done\n  heard  {}\n  sent   {}\n  kept   {}",
            watch::in_words(&heard),
            watch::in_words(&sent),
            recording.as_str().unwrap_or("-")
        );
        Ok(Report { fields: json!({ "call": record, "recording": recording, "heard": heard, "sent": sent }), words })
    }

    /// Until the time is over, the file said, or they hang up.
    async fn talk(&self, watch: &mut Watch, file: &watch::FileHandle, id: &str) -> Result<(), Failure> {
        let begun = tokio::time::Instant::now();
        let mut said = None;
        loop {
            let over = match self.seconds {
                Some(s) => begun.elapsed().as_secs_f64() >= s,
                None => {
                    if file.has_spoken() && said.is_none() {
                        said = Some(tokio::time::Instant::now());
                    }
                    said.is_some_and(|t| t.elapsed() >= AFTERWARDS)
                }
            };
            if over {
                return Ok(());
            }
            let gone = watch.until(Duration::from_millis(50), "", |s| call(s, id).is_none().then_some(Ok(()))).await;
            if gone.is_ok() {
                return Ok(());
            }
        }
    }
}
