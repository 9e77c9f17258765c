//! The scorer: `score.py` in its own Python, idle during calls.

use crate::Failure;
use crate::process::{Process, run};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What it may take, loading its models included.
const LONG: Duration = Duration::from_secs(180);

/// A running scorer and the sounds it knows.
pub struct Scorer {
    process: Process,
    folder: PathBuf,
}

impl Scorer {
    /// Makes the sounds to be said into a folder, and starts it.
    ///
    /// # Errors
    /// When Python's packages are missing.
    pub fn start(root: &Path, folder: &Path) -> Result<Scorer, Failure> {
        let command = |what: &str| {
            let mut python = Command::new(root.join("target/bench-venv/bin/python"));
            python.arg(root.join("bench/sound/score.py")).arg(what).arg(folder).env("OMP_NUM_THREADS", "2");
            python
        };
        run(&mut command("reference"))?;
        let mut process = Process::start("the scorer", &mut command("serve"), &folder.join("scorer.log"))?;
        process.wait_for("readiness", LONG, |l| l.contains("\"ready\"").then_some(()))?;
        process.take_lines();
        Ok(Scorer { process, folder: folder.to_owned() })
    }

    /// What A says.
    pub fn reference(&self) -> PathBuf {
        self.folder.join("reference.wav")
    }

    /// What B says, when both speak.
    pub fn said_back(&self) -> PathBuf {
        self.folder.join("said-back.wav")
    }

    /// Scores a recording.
    ///
    /// # Errors
    /// When it can't, or the recording is not worth it.
    pub fn score(&mut self, recording: &Path, both: bool) -> Result<Value, Failure> {
        self.process.say(&format!("{}\n", json!({ "recording": recording, "both": both })))?;
        let scored = self.process.wait_for("score", LONG, |l| serde_json::from_str::<Value>(l).ok());
        self.process.take_lines();
        let scored = scored?;
        for error in [&scored["error"], &scored["there"]["rejected"], &scored["back"]["rejected"]] {
            if let Some(error) = error.as_str() {
                return Err(error.into());
            }
        }
        Ok(scored)
    }
}
