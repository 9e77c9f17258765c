//! A PostgreSQL of a test's own, with the database that `scripts/tryton postgresql` made, reached by a socket in its folder.

use crate::tryton::DATABASE;
use cuffia_tests::process::Process;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const USER: &str = "tryton";

pub struct Postgres {
    // Before its folder, so that it ends before that is gone.
    _process: Process,
    folder: TempDir,
}

impl Postgres {
    pub fn start() -> Postgres {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/postgresql");
        // What a cut of power would lose is nothing to a test.
        let process = Process::start("postgres", Command::new(script).arg(folder.path()).args(["-c", "fsync=off"]));
        process.line("it is ready", |line| line.contains("ready to accept connections"));
        Postgres { _process: process, folder }
    }

    /// Its address for Tryton.
    pub fn uri(&self) -> String {
        format!("postgresql://{USER}@/?host={}", self.folder.path().display())
    }

    /// A client that says what it is told.
    pub fn client(&self) -> Process {
        let mut client = Process::start("psql", &mut self.psql());
        client.say("\\set ON_ERROR_STOP 1");
        client
    }

    pub fn run(&self, sql: &str) {
        let done = self.psql().args(["-q", "-c", sql]).status().unwrap();
        assert!(done.success(), "{sql}");
    }

    fn psql(&self) -> Command {
        let mut command = Command::new("psql");
        command.arg("-h").arg(self.folder.path()).args(["-U", USER, "-d", DATABASE]);
        command
    }
}
