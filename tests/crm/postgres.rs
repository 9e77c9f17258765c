//! A PostgreSQL of a test's own, with the database that `scripts/tryton postgresql` made, reached by a socket in its folder.

use crate::tryton::{DATABASE, installed};
use cuffia_tests::process::Process;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const USER: &str = "tryton";

pub struct Postgres {
    // Before its folder, so that it ends before that is gone.
    _process: Process,
    folder: TempDir,
}

/// Debian's programs, the newest there are.
fn program(name: &str) -> PathBuf {
    let all = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed by npm run test:crm");
    let version = |path: &PathBuf| path.file_name().and_then(|v| v.to_str()?.parse::<u32>().ok());
    all.map(|entry| entry.unwrap().path()).max_by_key(version).unwrap().join("bin").join(name)
}

fn run(command: &mut Command) {
    let done = command.status().unwrap();
    assert!(done.success(), "{command:?}");
}

impl Postgres {
    pub fn start() -> Postgres {
        let made = installed().join("made-8.2.pg");
        assert!(made.exists(), "{} is missing: run scripts/tryton postgresql", made.display());
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("cp").arg("-r").args([&made, &folder.path().join("data")]));
        let mut command = Command::new(program("postgres"));
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            // It does not run as root.
            run(Command::new("chown").args(["-R", "postgres"]).arg(folder.path()));
            command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program("postgres"));
        }
        command.arg("-D").arg(folder.path().join("data")).arg("-k").arg(folder.path());
        command.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        let process = Process::start("postgres", &mut command);
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
        run(self.psql().args(["-q", "-c", sql]));
    }

    fn psql(&self) -> Command {
        let mut command = Command::new(program("psql"));
        command.arg("-h").arg(self.folder.path() as &Path).args(["-U", USER, "-d", DATABASE]);
        command
    }
}
