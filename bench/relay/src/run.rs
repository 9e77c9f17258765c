//! The command line: what is read, what is written, and how it ends.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use cuffia_relay::Config;

use crate::bridge::{Bridge, End};

/// Runs until a signal ends it.
pub fn run(arguments: &[String]) -> ExitCode {
    let [a, b, config, stats] = arguments else {
        return failed(1, "usage: cuffia-relay IF_A IF_B config.json stats.json");
    };
    let (path, stats) = (Path::new(config), Path::new(stats));
    let config = match read(path) {
        Ok(config) => config,
        Err(what) => return failed(1, &what),
    };
    // Now rather than after an hour of measuring.
    if let Err(e) = std::fs::write(stats, "") {
        return failed(1, &format!("{}: the figures cannot be written here: {e}", stats.display()));
    }
    let bridge = match Bridge::open(a, b, &config) {
        Ok(bridge) => bridge,
        Err(what) => return failed(2, &what),
    };
    ready();
    let (run, end) = bridge.run(path);
    let written = serde_json::to_string_pretty(&run).map_err(|e| e.to_string());
    if let Err(e) = written.and_then(|text| std::fs::write(stats, text + "\n").map_err(|e| e.to_string())) {
        return failed(1, &format!("{}: the figures cannot be written: {e}", stats.display()));
    }
    match end {
        End::Failed(what) => failed(2, &what),
        End::Asked if run.spoilt => {
            failed(3, "the run is spoilt: the relay itself was late, see lateness_ms; begin it with `chrt -f 10`")
        }
        End::Asked => ExitCode::SUCCESS,
    }
}

/// Reads a config, or says what to do.
pub fn read(path: &Path) -> Result<Config, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: cannot be read: {e}", path.display()))?;
    Config::parse(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Says that frames pass as the config says. Whoever waited for it the first time may have closed the pipe since, which must not end a run.
pub fn ready() {
    let _ = writeln!(std::io::stdout(), "ready");
}

/// Says what is wrong.
pub fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "cuffia-relay: {what}");
}

fn failed(code: u8, what: &str) -> ExitCode {
    complain(what);
    ExitCode::from(code)
}
