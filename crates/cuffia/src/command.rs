//! The command line. Each command that answers prints one JSON object at its end with `--json`, and says the same in words without.

mod call;
mod check;
mod export;
mod practice;
mod run;
mod watch;

use crate::{Program, StartError, stop_signal};
use clap::{Parser, Subcommand};
use cuffia_api::{ApiError, Language};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Softphone and practice room for call-centre operators.
#[derive(Parser)]
#[command(name = "cuffia", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the engine without a window; with --page a browser is the window.
    Run(run::Run),
    /// Places one call on a switchboard and reports what was heard.
    Call(call::Call),
    /// Takes one whole practice call without window or sound card.
    Practice(practice::Practice),
    /// Looks at devices, network and switchboard.
    Check(check::Check),
    /// Writes calls or requests of some days into a file.
    Export(export::Export),
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// A stable code.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

impl Failure {
    fn new(code: &str, message: impl Into<String>) -> Failure {
        Failure { code: code.into(), message: message.into() }
    }
}

impl From<StartError> for Failure {
    fn from(e: StartError) -> Self {
        Failure { code: e.code(), message: e.to_string() }
    }
}

impl From<ApiError> for Failure {
    fn from(e: ApiError) -> Self {
        Failure { code: e.code, message: e.message }
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        Failure::new("system", e.to_string())
    }
}

impl From<cuffia_headset::HeadsetError> for Failure {
    fn from(e: cuffia_headset::HeadsetError) -> Self {
        Failure::new(e.code(), e.to_string())
    }
}

/// What a command ends with: fields for the JSON object, and the same in words.
pub(crate) struct Report {
    fields: Value,
    words: String,
}

/// Does a command's work on a program. Whether it is done, fails or is interrupted: the far ends are told before the end.
async fn work<T>(program: &Program, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let outcome = tokio::select! {
        outcome = work => outcome,
        asked = stop_signal() => Err(asked.map_or_else(Failure::from, |()| Failure::new("stopped", "stopped before the end"))),
    };
    program.leave().await;
    outcome
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("cuffia: {e}");
            return ExitCode::FAILURE;
        }
    };
    let (json, outcome) = runtime.block_on(async {
        match cli.command {
            Command::Run(c) => (false, c.run().await),
            Command::Call(c) => (c.json, c.run().await),
            Command::Practice(c) => (c.json, c.run().await),
            Command::Check(c) => (c.json, c.run().await),
            Command::Export(c) => (c.json, c.run().await),
        }
    });
    // Tasks that never end (levels, lines) are no reason to stay.
    runtime.shutdown_timeout(std::time::Duration::from_secs(3));
    finish(json, outcome)
}

#[allow(clippy::print_stdout)] // printing is what a command line is for
fn finish(as_json: bool, outcome: Result<Report, Failure>) -> ExitCode {
    match outcome {
        Ok(report) if as_json => {
            let mut object = json!({ "ok": true });
            if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), report.fields) {
                object.extend(fields);
            }
            println!("{object}");
            ExitCode::SUCCESS
        }
        Ok(report) => {
            println!("{}", report.words);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            if as_json {
                println!("{}", json!({ "ok": false, "code": failure.code, "message": failure.message }));
            } else {
                eprintln!("cuffia: {} ({})", failure.message, failure.code);
            }
            ExitCode::FAILURE
        }
    }
}

/// Warnings to standard error; more with `CUFFIA_LOG`, such as `CUFFIA_LOG=cuffia=debug`.
fn start_log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("CUFFIA_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,rtc=error,webrtc=error,rtc_ice=error,rtc_dtls=error,rtc_srtp=error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Who watches has no use for the time and the place in the program; a log kept in a file has.
    let _ = match std::io::stderr().is_terminal() {
        true => log.without_time().with_target(false).try_init(),
        false => log.try_init(),
    };
}

/// A line for a person who watches; not in JSON runs, whose output is for programs.
#[allow(clippy::print_stdout)]
fn say(json: bool, line: &str) {
    if !json {
        println!("{line}");
    }
}

/// `alice`, or the extension of a saved account; the password from an environment variable so that it is not seen in `ps`.
#[derive(clap::Args)]
pub(crate) struct LineArguments {
    /// Switchboard, such as wss://pbx.example/ws. Without it the saved account is used.
    #[arg(long)]
    server: Option<String>,
    /// Extension.
    #[arg(long)]
    user: Option<String>,
    /// Environment variable that holds the password.
    #[arg(long, default_value = "CUFFIA_PASSWORD")]
    password_env: String,
}

impl LineArguments {
    fn account(&self) -> Result<Option<cuffia_api::LineAccount>, Failure> {
        match (&self.server, &self.user) {
            (None, None) => Ok(None),
            (Some(server), Some(user)) => Ok(Some(cuffia_api::LineAccount {
                server: server.clone(),
                user: user.clone(),
                password: std::env::var(&self.password_env).unwrap_or_default(),
                display_name: user.clone(),
            })),
            _ => Err(Failure::new("usage", "--server and --user go together")),
        }
    }
}

/// A language by its name; without one the system's.
fn language(name: Option<&str>) -> Result<Language, Failure> {
    match name {
        None if sys_locale::get_locale().is_some_and(|l| l.starts_with("it")) => Ok(Language::It),
        None | Some("en") => Ok(Language::En),
        Some("it") => Ok(Language::It),
        Some(other) => Err(Failure::new("usage", format!("there is no language {other:?}; en and it are spoken"))),
    }
}

/// Folder with the built window, for `run --page`.
fn page_folder(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| PathBuf::from("ui/dist"))
}
