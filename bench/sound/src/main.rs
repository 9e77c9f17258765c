//! The sound bench: real calls between two of the same client through a spoilt network, recorded on one clock and scored.
//! `npm run bench:sound` sets up what it needs. Run under `scripts/isolated`: everything it started ends with it.

// A person watches it.
#![allow(clippy::print_stdout)]

mod bridge;
mod call;
mod network;
mod pair;
mod process;
mod scorer;
mod sound;
mod usage;

use call::{Bench, Plan};
use clap::Parser;
use pair::{Codec, Kind};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// What went wrong and what to do.
pub type Failure = Box<dyn std::error::Error>;

/// Profiles of the relay.
const CONDITIONS: &[&str] = &cuffia_relay::NAMES;
const FEW_CONDITIONS: &[&str] = &["clean", "loss10", "burst10", "jitter20", "wifi24"];
const FEW_CLIENTS: &[Kind] = &[Kind::Ours, Kind::Baresip];
const ALL_CLIENTS: &[Kind] =
    &[Kind::Ours, Kind::OursPlain, Kind::Chromium, Kind::ChromiumDefaults, Kind::Baresip, Kind::Linphonec];
/// What a call takes with its scoring, s, until some have been taken.
const USUAL: f64 = 45.0;

/// Delay, quality, gaps and cost of real calls, beside other softphones.
#[derive(Parser)]
#[command(name = "bench:sound", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Inner>,
    /// Every condition and every client, five rounds. Hours.
    #[arg(long)]
    full: bool,
    /// Clients, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    clients: Vec<Kind>,
    /// Conditions of the network, separated by commas.
    #[arg(long, value_delimiter = ',')]
    conditions: Vec<String>,
    /// Calls for each client and condition; 2, with --full 5.
    #[arg(long)]
    rounds: Option<u64>,
    /// Codec of all calls.
    #[arg(long, value_enum, default_value = "opus")]
    codec: Codec,
    /// B speaks too, at the same time.
    #[arg(long)]
    both_ways: bool,
    /// Seed of the networks' misfortunes.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Go on where the last run with this codec stopped: calls it has are not taken again, and all count together.
    #[arg(long)]
    go_on: bool,
    /// Measure though others use the machine: to try the bench, not for figures.
    #[arg(long)]
    busy: bool,
    /// Keep the recordings: raw, 16 bit, 48 kHz, four channels.
    #[arg(long)]
    keep: bool,
    /// Leave docs/figures.md as it is.
    #[arg(long)]
    no_docs: bool,
}

#[derive(clap::Subcommand)]
enum Inner {
    /// Carries lines to a WebSocket and back.
    #[command(hide = true)]
    Bridge { url: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Some(Inner::Bridge { url }) => bridge::run(url),
        None => bench(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bench:sound: {e}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), Failure> {
    let root = std::env::current_dir()?;
    if !root.join("bench/sound/score.py").exists() {
        return Err("run it in the repository's folder: npm run bench:sound".into());
    }
    let conditions = chosen(arguments)?;
    let clients = match arguments.clients.as_slice() {
        [] if arguments.full => ALL_CLIENTS,
        [] => FEW_CLIENTS,
        some => some,
    };
    let rounds = arguments.rounds.unwrap_or(if arguments.full { 5 } else { 2 });
    let out = root.join("bench/out/sound");
    std::fs::create_dir_all(&out)?;

    println!("making what is said, and warming up the scorer");
    let mut bench = Bench {
        scorer: scorer::Scorer::start(&root, &out.join("said"))?,
        network: network::Network::up(&root, &out.join("network"))?,
        codec: arguments.codec,
        both: arguments.both_ways,
        busy: arguments.busy,
        keep: arguments.keep,
        build: build(),
        root: root.clone(),
    };
    // A B C D, A B C D: what changes in the machine meanwhile befalls all alike.
    let mut plans = Vec::new();
    for round in 1..=rounds {
        for condition in &conditions {
            let n = CONDITIONS.iter().position(|known| known == condition).unwrap_or_default() as u64;
            for &client in clients {
                let seed = arguments.seed + 1_000 * round + n;
                plans.push(Plan { client, condition, round, seed });
            }
        }
    }
    let file = out.join(format!("calls-{}.json", arguments.codec.name()));
    let before = if arguments.go_on { earlier(&file, arguments)? } else { Value::Null };
    let (mut calls, mut rejected) = (list(&before, "calls"), list(&before, "rejected"));
    let words = std::iter::once("npm run bench:sound --".to_owned()).chain(std::env::args().skip(1));
    // A line for each run whose calls count.
    let lines = before["command"].as_str().into_iter().map(str::to_owned).chain([words.collect::<Vec<_>>().join(" ")]);
    let commands = lines.collect::<Vec<_>>().join("\n");
    plans.retain(|plan| !calls.iter().any(|call| plan.is(call)));
    take(&mut bench, &plans, &out, arguments.go_on, &mut |call, refused| {
        calls.extend(call);
        rejected.extend(refused);
        // After each: whoever interrupts it can go on.
        let rounds = calls.iter().filter_map(|call| call["round"].as_u64()).max();
        let result = json!({
            "calls": calls, "rejected": rejected, "rounds": rounds, "codec": arguments.codec, "bothWays": arguments.both_ways,
            "busy": arguments.busy, "seed": arguments.seed,
            "command": commands,
        });
        let part = file.with_extension("part");
        std::fs::write(&part, format!("{result:#}\n"))?;
        Ok(std::fs::rename(part, &file)?)
    })?;
    drop(bench);
    println!("{} calls counted, {} rejected", calls.len(), rejected.len());
    report(&root, &file, arguments.no_docs)
}

/// The commit that is measured, and whether anything but the documents, which a run writes, differs from it.
fn build() -> String {
    let git = |words: &[&str]| process::run(Command::new("git").args(words));
    match (git(&["rev-parse", "--short", "HEAD"]), git(&["status", "--porcelain", "--", ".", ":!docs"])) {
        (Ok(commit), Ok(changed)) if changed.is_empty() => commit.trim().to_owned(),
        (Ok(commit), Ok(_)) => format!("{}, changed", commit.trim()),
        _ => "unknown".to_owned(),
    }
}

fn chosen(arguments: &Arguments) -> Result<Vec<String>, Failure> {
    for condition in &arguments.conditions {
        if !CONDITIONS.contains(&condition.as_str()) {
            return Err(format!("{condition}: no such condition. There are: {}", CONDITIONS.join(" ")).into());
        }
    }
    let usual = if arguments.full { CONDITIONS } else { FEW_CONDITIONS };
    Ok(match arguments.conditions.as_slice() {
        [] => usual.iter().map(ToString::to_string).collect(),
        some => some.to_vec(),
    })
}

/// What an earlier run left, if it was of the same kind.
fn earlier(file: &Path, arguments: &Arguments) -> Result<Value, Failure> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(Value::Null) };
    let before: Value = serde_json::from_str(&text)?;
    if before["bothWays"] != arguments.both_ways || before["seed"] != arguments.seed || before["busy"] != arguments.busy
    {
        return Err(format!(
            "{}: the calls there were taken in another way; without --go-on they are left",
            file.display()
        )
        .into());
    }
    Ok(before)
}

fn list(of: &Value, name: &str) -> Vec<Value> {
    of[name].as_array().cloned().unwrap_or_default()
}

/// Takes the calls one after the other; a rejected one is tried once more. `keep` gets each that counts and each that doesn't.
fn take(
    bench: &mut Bench,
    plans: &[Plan],
    out: &Path,
    go_on: bool,
    keep: &mut dyn FnMut(Option<Value>, Option<Value>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let folders: PathBuf = out.join("calls");
    if folders.exists() && !go_on {
        std::fs::remove_dir_all(&folders)?;
    }
    let begun = Instant::now();
    for (n, plan) in plans.iter().enumerate() {
        let each = if n == 0 { USUAL } else { begun.elapsed().as_secs_f64() / n as f64 };
        let left = (each * (plans.len() - n) as f64 / 60.0).ceil();
        println!(
            "call {} of {} (about {left} min left): {}, {}, round {}",
            n + 1,
            plans.len(),
            plan.condition,
            plan.client.name(),
            plan.round
        );
        for attempt in 1..=2 {
            let name = format!("{}-{}-{}-{attempt}", plan.condition, plan.client.name(), plan.round);
            match bench.call(*plan, &folders.join(name)) {
                Ok(call) => {
                    let there = &call["score"]["there"];
                    println!(
                        "  delay {:.0} ms ({} changes), PESQ {:.2}, PLCMOS {:.2}, gaps {} ms, gain {:+.1} dB, CPU {:.1}/{:.1} s a minute",
                        there["delay"].as_f64().unwrap_or_default(),
                        there["delayChanges"],
                        there["pesq"].as_f64().unwrap_or_default(),
                        there["plcmos"].as_f64().unwrap_or_default(),
                        there["gapMs"],
                        there["gain"].as_f64().unwrap_or_default(),
                        call["cpu"]["a"].as_f64().unwrap_or_default(),
                        call["cpu"]["b"].as_f64().unwrap_or_default(),
                    );
                    keep(Some(call), None)?;
                    break;
                }
                Err(reason) => {
                    println!("  rejected: {reason}");
                    let refused = json!({
                        "client": plan.client, "condition": plan.condition, "round": plan.round,
                        "attempt": attempt, "reason": reason.to_string(),
                    });
                    keep(None, Some(refused))?;
                }
            }
        }
    }
    Ok(())
}

/// Comparisons, `bench/out/figures.json`, tables and plots.
fn report(root: &Path, calls: &Path, no_docs: bool) -> Result<(), Failure> {
    let mut python = Command::new(root.join("target/bench-venv/bin/python"));
    python.arg(root.join("bench/sound/report.py")).arg(calls);
    if no_docs {
        python.arg("--no-docs");
    }
    print!("{}", process::run(&mut python)?);
    Ok(())
}
