//! Child processes with their output at hand; ended when dropped.

use crate::Failure;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a process that was asked to end may take before it is killed.
const END: Duration = Duration::from_secs(3);

type Lines = Arc<(Mutex<Vec<String>>, Condvar)>;

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines,
}

impl Process {
    /// Starts a program whose two outputs are read line by line, and kept in `log`.
    ///
    /// # Errors
    /// When it can't be started, or the log not be written.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Process, Failure> {
        Process::start_with(name, command, log, b'\n')
    }

    /// The same for a program whose messages end with another byte.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_with(name: &str, command: &mut Command, log: &Path, end: u8) -> Result<Process, Failure> {
        let log = Arc::new(Mutex::new(File::create(log).map_err(|e| format!("{}: {e}", log.display()))?));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| {
                format!("{name} does not start: {e}. scripts/bench-sound installs what the bench needs")
            })?;
        let lines = Lines::default();
        if let Some(out) = child.stdout.take() {
            read(Box::new(out), end, lines.clone(), log.clone());
        }
        if let Some(error) = child.stderr.take() {
            read(Box::new(error), b'\n', lines.clone(), log);
        }
        let input = child.stdin.take();
        Ok(Process { name: name.to_owned(), child, input, lines })
    }

    /// Waits until one of its lines, past or to come, gives something.
    ///
    /// # Errors
    /// When none does within `limit`, or the program ended.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut fits: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        let until = Instant::now() + limit;
        let mut read = 0;
        loop {
            let ended = self.child.try_wait()?.is_some();
            let mut lines = locked(&self.lines.0);
            while let Some(line) = lines.get(read) {
                read += 1;
                if let Some(found) = fits(line) {
                    return Ok(found);
                }
            }
            let last = || lines.last().map_or("nothing", String::as_str).chars().take(300).collect::<String>();
            if ended {
                return Err(format!("{} ended before {what}; it last said: {}", self.name, last()).into());
            }
            if Instant::now() >= until {
                return Err(
                    format!("{}: no {what} in {} s; it last said: {}", self.name, limit.as_secs(), last()).into()
                );
            }
            lines =
                self.lines.1.wait_timeout(lines, Duration::from_millis(50)).unwrap_or_else(PoisonError::into_inner).0;
            drop(lines);
        }
    }

    /// Takes all lines so far.
    pub fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.lines.0))
    }

    /// Writes to its standard input.
    ///
    /// # Errors
    /// When it no longer reads.
    pub fn say(&mut self, text: &str) -> Result<(), Failure> {
        let input = self.input.as_mut().ok_or("its input is closed")?;
        let said = input.write_all(text.as_bytes()).and_then(|()| input.flush());
        said.map_err(|e| format!("{} does not listen: {e}", self.name).into())
    }

    /// Its exit code, when it has ended; inside, none when a signal ended it.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().ok().flatten().map(|status| status.code())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself, closing its input; gives its exit code.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<i32>, Failure> {
        self.input = None;
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            if Instant::now() > until {
                return Err(format!("{} did not end in {} s", self.name, limit.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end with a signal (`TERM`, `INT`), and kills it when it does not; gives its exit code.
    pub fn end(&mut self, signal: &str) -> Option<i32> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return status.code();
        }
        let _ = Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status();
        if let Ok(code) = self.wait(END) {
            return code;
        }
        let _ = self.child.kill();
        self.child.wait().ok().and_then(|status| status.code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end("TERM");
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(from: Box<dyn Read + Send>, end: u8, lines: Lines, log: Arc<Mutex<File>>) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while from.read_until(end, &mut bytes).is_ok_and(|n| n > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r', '\0']).to_owned();
            bytes.clear();
            let _ = writeln!(locked(&log), "{line}");
            locked(&lines.0).push(line);
            lines.1.notify_all();
        }
    });
}

/// Runs a command to its end; gives what it printed.
///
/// # Errors
/// When it can't be started or fails; with what it said.
pub fn run(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    if !done.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&done.stderr).trim()).into());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Asks again and again, 20 times a second, until there is an answer.
///
/// # Errors
/// When there is none within `limit`, or the question fails.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > end {
            return Err(format!("no {what} in {} s", limit.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
