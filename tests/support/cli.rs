//! The command line as a person runs it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The binary beside the test's own.
fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("cuffia");
    assert!(path.exists(), "{} is not built: cargo build -p cuffia", path.display());
    path
}

/// The command with a data folder of its own.
pub fn cuffia(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env("CUFFIA_DATA_DIR", data).env("HOME", data).env_remove("CUFFIA_PASSWORD");
    command
}

/// Runs to the end; gives the JSON object and whether it succeeded.
pub fn run(data: &Path, arguments: &[&str]) -> (Value, bool) {
    finish(&mut cuffia(data, arguments))
}

/// Runs a command made by [`cuffia`] to the end, with a home of its own; gives the JSON object and whether it succeeded. Nothing may
/// be written outside the data folder.
pub fn finish(command: &mut Command) -> (Value, bool) {
    let home = tempfile::tempdir().unwrap();
    let out = command.env("HOME", home.path()).current_dir(home.path()).output().unwrap();
    // Listing devices, ALSA's PulseAudio plug-in leaves its own cookie.
    let cookie = home.path().join(".config/pulse");
    let _ = std::fs::remove_dir_all(&cookie).and_then(|()| std::fs::remove_dir(home.path().join(".config")));
    let written: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(written.is_empty(), "{command:?} wrote outside its data folder: {written:?}");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let json = serde_json::from_str(last)
        .unwrap_or_else(|_| panic!("no JSON: {text}\n{}", String::from_utf8_lossy(&out.stderr)));
    (json, out.status.success())
}
