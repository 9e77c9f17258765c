//! Two hosts, A at 10.77.0.1 and B at 10.77.0.2, each a namespace, with what lies between them.

use crate::Failure;
use crate::process::{Process, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A's address.
pub const A: &str = "10.77.0.1";
/// B's address.
pub const B: &str = "10.77.0.2";

/// The two hosts. They are gone when it is dropped.
pub struct Network {
    relay: PathBuf,
    script: PathBuf,
    folder: PathBuf,
}

impl Network {
    /// Makes them.
    ///
    /// # Errors
    /// When the system allows no namespaces.
    pub fn up(root: &Path, folder: &Path) -> Result<Network, Failure> {
        let relay = std::env::current_exe()?.with_file_name("cuffia-relay"); // built together
        let network = Network { relay, script: root.join("bench/relay/net.sh"), folder: folder.to_owned() };
        fs::create_dir_all(folder)?;
        run(Command::new(&network.script).arg("up").arg(folder))?;
        Ok(network)
    }

    /// A program at one of the hosts: `a`, `b`, or `m` between them.
    pub fn at(&self, host: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(&self.script);
        command.arg("in").arg(host).arg(program).env("CUFFIA_NET", &self.folder);
        command
    }

    /// Begins to spoil what passes, until dropped.
    ///
    /// # Errors
    /// When the relay does not start.
    pub fn spoil(&self, condition: &str, seed: u64, folder: &Path) -> Result<Relay, Failure> {
        let (config, stats) = (folder.join("relay-config.json"), folder.join("relay.json"));
        fs::write(&config, json!({ "seed": seed, "profile": condition }).to_string())?;
        // Before everything else, for its lateness would be taken for the network's.
        let mut command = self.at("m", "chrt");
        command.args(["-f", "10"]).arg(&self.relay).args(["ma", "mb"]).args([&config, &stats]);
        let mut process = Process::start("the relay", &mut command, &folder.join("relay.log"))?;
        process.wait_for("readiness", READY, |l| (l == "ready").then_some(()))?;
        Ok(Relay { process, stats })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = run(Command::new(&self.script).arg("down").arg(&self.folder));
    }
}

/// What lies between the hosts.
pub struct Relay {
    process: Process,
    stats: PathBuf,
}

impl Relay {
    /// Ends it; gives what it counted.
    ///
    /// # Errors
    /// When it was late itself, so that the call is worth nothing.
    pub fn finish(mut self) -> Result<Value, Failure> {
        let code = self.process.end("TERM");
        let stats = fs::read_to_string(&self.stats).map_err(|e| format!("the relay wrote nothing: {e}"))?;
        match code {
            Some(0) => Ok(serde_json::from_str(&stats)?),
            Some(3) => Err("the relay was late itself: the machine is busy".into()),
            _ => Err(format!("the relay failed (exit {code:?})").into()),
        }
    }
}

/// How long a program may take to start and to say that it is ready.
pub const READY: Duration = Duration::from_secs(20);
