//! The command line as a person runs it.

use cuffia::{DataFolder, Program, Sound};
use cuffia_desk::KeptCall;
use cuffia_headset::MemoryDevices;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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
/// be written outside the data folder, nor be left running.
pub fn finish(command: &mut Command) -> (Value, bool) {
    let home = tempfile::tempdir().unwrap();
    for system in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
        command.env_remove(system);
    }
    command.env("HOME", home.path()).env("TMPDIR", home.path()).current_dir(home.path());
    let out = command.output().unwrap();
    let data = command.get_envs().find(|(name, _)| *name == "CUFFIA_DATA_DIR").unwrap().1.unwrap();
    let limit = Instant::now() + Duration::from_secs(10);
    while let Some(left) = running_with(Path::new(data)) {
        assert!(Instant::now() < limit, "{command:?} left a process running: {left}");
        std::thread::yield_now();
    }
    // Listing devices, ALSA's PulseAudio plug-in leaves its own cookie, and a folder for sockets.
    let cookie = home.path().join(".config/pulse");
    let _ = std::fs::remove_dir_all(&cookie).and_then(|()| std::fs::remove_dir(home.path().join(".config")));
    let mut written: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().path()).collect();
    let is_theirs = |p: &PathBuf| p.file_name().unwrap().to_string_lossy().starts_with("pulse-");
    written.retain(|p| !(is_theirs(p) && std::fs::read_dir(p).unwrap().next().is_none()));
    assert!(written.is_empty(), "{command:?} wrote outside its data folder: {written:?}");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let json: Value = serde_json::from_str(last)
        .unwrap_or_else(|_| panic!("no JSON: {text}\n{}", String::from_utf8_lossy(&out.stderr)));
    assert_eq!(text.lines().count(), 1, "one object is all that a program has to read: {text}");
    (json, out.status.success())
}

/// The name of a process that was started with this data folder.
fn running_with(data: &Path) -> Option<String> {
    let ours = format!("CUFFIA_DATA_DIR={}", data.display());
    std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).find_map(|process| {
        let environment = std::fs::read(process.join("environ")).ok()?;
        let found = environment.split(|byte| *byte == 0).any(|variable| variable == ours.as_bytes());
        found.then(|| std::fs::read_to_string(process.join("comm")).unwrap_or_default())
    })
}

/// Starts the program again, and gives the one call that is in its list.
pub fn next_start(data: &Path) -> (Program, KeptCall) {
    let folder = DataFolder::open_at(data.to_path_buf(), true).unwrap();
    let (devices, _end) = MemoryDevices::new();
    let program = Program::start(folder, Sound::Own(Box::new(devices))).unwrap();
    let mut calls = program.engine.desk().calls_before(None, 10).unwrap();
    assert_eq!(calls.len(), 1, "the call is in the list");
    (program, calls.remove(0))
}
