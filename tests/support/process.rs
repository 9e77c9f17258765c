//! Child processes with their output at hand; killed when dropped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Process {
    /// Starts a program; its standard output and error are read line by line.
    pub fn start(name: &str, command: &mut Command) -> Process {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e} (npm run setup installs what the tests need)"));
        let lines: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
        let read = |stream: Box<dyn std::io::Read + Send>| {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    lines.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
                    lines.1.notify_all();
                }
            });
        };
        read(Box::new(child.stdout.take().unwrap()));
        read(Box::new(child.stderr.take().unwrap()));
        Process { name: name.into(), child, lines }
    }

    /// Waits for a line (among those to come and those already there) that fits, and gives it.
    pub fn line(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        // A practice customer takes half a minute to come to the point.
        let limit = Instant::now() + Duration::from_secs(60);
        let mut lines = self.lines.0.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|l| fits(l)) {
                return line.clone();
            }
            let left = limit.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}: {what} did not come. It said:\n{}", self.name, lines.join("\n"));
            lines = self.lines.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().clone()
    }

    /// Forgets all lines so far.
    pub fn forget(&self) {
        self.lines.0.lock().unwrap().clear();
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as the system does at the end of a session.
    pub fn ask_to_end(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        assert!(asked.is_ok_and(|s| s.success()), "{} could not be asked to end", self.name);
    }

    /// Waits until it ends by itself; gives whether it succeeded.
    pub fn wait(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
