//! Two of one client, A and B, who call each other.

mod baresip;
mod chromium;
mod linphonec;
mod ours;

use crate::Failure;
use crate::network::Network;
use crate::sound::Sound;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Which client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Our engine without a window, sound processing at its defaults.
    Ours,
    /// Our engine without echo cancellation, noise suppression and gain control.
    OursPlain,
    /// JsSIP on Chromium without sound processing.
    Chromium,
    /// The same with Chromium's processing at its defaults.
    ChromiumDefaults,
    /// baresip of Debian.
    Baresip,
    /// linphonec of Debian.
    Linphonec,
}

impl Kind {
    /// As on the command line and in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ours => "ours",
            Kind::OursPlain => "ours-plain",
            Kind::Chromium => "chromium",
            Kind::ChromiumDefaults => "chromium-defaults",
            Kind::Baresip => "baresip",
            Kind::Linphonec => "linphonec",
        }
    }
}

/// The codec of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// Opus, 20 ms.
    Opus,
    /// G.722.
    G722,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// As on the command line and in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::G722 => "g722",
            Codec::Pcma => "pcma",
        }
    }
}

/// Where and how a pair is started.
pub struct Setting<'a> {
    /// The repository.
    pub root: PathBuf,
    /// A folder for this call alone: configurations, profiles, logs.
    pub folder: PathBuf,
    /// The hosts.
    pub network: &'a Network,
    /// The devices.
    pub sound: &'a Sound,
    /// The codec.
    pub codec: Codec,
}

impl Setting<'_> {
    /// A program at host `a` or `b`, with a home of its own and the bench's devices.
    fn program(&self, host: &str, program: &str) -> Command {
        let mut command = self.network.at(host, program);
        command.envs(self.sound.environment()).env("HOME", self.home(host)).env("LANG", "C.UTF-8");
        command
    }

    /// Home of the client at a host.
    fn home(&self, host: &str) -> PathBuf {
        self.folder.join(host)
    }

    /// A peer's configuration as kept in the repository, filled in and copied to the client's home.
    fn configure(&self, peer: &str, file: &str, host: &str, fill: &[(&str, &str)]) -> Result<(), Failure> {
        let from = self.root.join("bench/sound/peers").join(peer).join(file);
        let mut text = std::fs::read_to_string(&from).map_err(|e| format!("{}: {e}", from.display()))?;
        for (key, value) in fill {
            text = text.replace(key, value);
        }
        std::fs::create_dir_all(self.home(host))?;
        Ok(std::fs::write(self.home(host).join(file), text)?)
    }
}

/// Two clients ready to talk. Both end when dropped.
pub trait Pair {
    /// A calls, B answers; returns when both say that they talk.
    ///
    /// # Errors
    /// When they don't, in time.
    fn connect(&mut self) -> Result<(), Failure>;
    /// Roots of their process trees, A's first.
    fn processes(&self) -> [u32; 2];
    /// Streams must be moved to their devices, since the client takes none by name.
    fn movable(&self) -> bool {
        false
    }
    /// What the clients themselves counted of the talk so far.
    ///
    /// # Errors
    /// When a client does not answer.
    fn counted(&mut self) -> Result<Value, Failure> {
        Ok(Value::Null)
    }
    /// A hangs up.
    ///
    /// # Errors
    /// When it can't be told.
    fn hang_up(&mut self) -> Result<(), Failure>;
}

/// Starts two of a client.
///
/// # Errors
/// When one does not start; with what is missing.
pub fn start(kind: Kind, setting: &Setting) -> Result<Box<dyn Pair>, Failure> {
    for host in ["a", "b"] {
        std::fs::create_dir_all(setting.home(host))?;
    }
    Ok(match kind {
        Kind::Ours => Box::new(ours::Ours::start(setting, true)?),
        Kind::OursPlain => Box::new(ours::Ours::start(setting, false)?),
        Kind::Chromium => Box::new(chromium::Chromium::start(setting, false)?),
        Kind::ChromiumDefaults => Box::new(chromium::Chromium::start(setting, true)?),
        Kind::Baresip => Box::new(baresip::Baresip::start(setting)?),
        Kind::Linphonec => Box::new(linphonec::Linphonec::start(setting)?),
    })
}
