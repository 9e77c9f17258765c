//! `cuffia check`.

use super::watch::{self, Watch};
use super::{Failure, LineArguments, Report, work};
use crate::{DataFolder, Program, Sound};
use cuffia_api::{Engine, LineState, LineView, Snapshot, dispatch};
use serde_json::json;
use std::time::Duration;

/// Looks at devices, network and switchboard.
#[derive(clap::Args)]
pub struct Check {
    #[command(flatten)]
    line: LineArguments,
    /// One JSON object at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Check {
    pub(crate) async fn run(self) -> Result<Report, Failure> {
        let list = tokio::task::spawn_blocking(cuffia_headset::list).await.unwrap_or_default();
        let (microphones, loudspeakers) =
            (list.iter().filter(|d| d.input).count(), list.iter().filter(|d| d.output).count());
        let (devices, _) = watch::file_devices(Vec::new(), None)?;
        let program = Program::start(DataFolder::open()?, Sound::Own(Box::new(devices)))?;
        let line = work(&program, self.look(&program.engine)).await?;
        if let Some(error) = line.error {
            return Err(error.into());
        }
        let registered = line.state == LineState::Registered;
        let words = format!(
            "microphones    {microphones}\nloudspeakers   {loudspeakers}\nnetwork        {}\nswitchboard    {}",
            if line.network { "yes" } else { "no" },
            if registered { format!("registered as {} at {}", line.user, line.server) } else { "none set up".into() },
        );
        let fields = json!({
            "devices": list,
            "network": line.network,
            "switchboard": { "server": line.server, "user": line.user, "registered": registered },
        });
        Ok(Report { fields, words })
    }

    async fn look(&self, engine: &Engine) -> Result<LineView, Failure> {
        let mut watch = Watch::new(engine.clone());
        if let Some(account) = self.line.account()? {
            dispatch(engine, "connect_line", json!(account)).await?;
        }
        let settled = |s: &Snapshot| match (&s.line.state, &s.line.error) {
            (LineState::Registered | LineState::Off, _) | (LineState::Failed, Some(_)) => Some(Ok(s.line.clone())),
            _ => None,
        };
        watch.until(Duration::from_secs(15), "an answer of the switchboard", settled).await
    }
}
