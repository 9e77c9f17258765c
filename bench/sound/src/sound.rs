//! The sound rig: one sound server, one four-channel null sink, so that what is said and what is heard are in one recording on one
//! clock. Four mono sinks and sources lead into it: feedA becomes the microphone of A (`micA`), `spkB` is what B hears, and the
//! same the other way.

use crate::Failure;
use crate::process::{Process, run, until};
use crate::usage::tree;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CHANNELS: [(&str, &str); 4] =
    [("feedA", "front-left"), ("spkB", "front-right"), ("feedB", "rear-left"), ("spkA", "rear-right")];

/// A running sound server. It and all that it made ends with the value.
pub struct Sound {
    folder: PathBuf,
    _server: Process,
}

impl Sound {
    /// Starts it in a folder of its own.
    ///
    /// # Errors
    /// When PulseAudio does not start.
    pub fn start(folder: &Path, peers: &Path) -> Result<Sound, Failure> {
        fs::create_dir_all(folder)?;
        fs::copy(peers.join("daemon.conf"), folder.join("daemon.conf"))?;
        fs::copy(peers.join("asound.conf"), folder.join("asound.conf"))?;
        let mut script = format!(
            ".fail\nload-module module-native-protocol-unix socket={}/pulse.sock auth-anonymous=1\n\
             load-module module-null-sink sink_name=nowhere rate=48000 channels=1\n\
             load-module module-null-sink sink_name=bench rate=48000 channels=4 \
             channel_map=front-left,front-right,rear-left,rear-right\n",
            folder.display()
        );
        for (sink, channel) in CHANNELS {
            script += &format!(
                "load-module module-remap-sink sink_name={sink} master=bench channels=1 \
                 master_channel_map={channel} channel_map=mono remix=no\n"
            );
        }
        for (source, channel) in [("micA", "front-left"), ("micB", "rear-left")] {
            script += &format!(
                "load-module module-remap-source source_name={source} master=bench.monitor channels=1 \
                 master_channel_map={channel} channel_map=mono remix=no\n"
            );
        }
        // Who asks for no device by name gets one that is not measured, and is found out.
        // Remapped too: Chromium takes no monitor for a microphone.
        script += "load-module module-remap-source source_name=nothing master=nowhere.monitor\n\
                   set-default-sink nowhere\nset-default-source nothing\n";
        fs::write(folder.join("bench.pa"), script)?;
        let server = Process::start(
            "pulseaudio",
            Command::new("pulseaudio")
                .args(["-n", "--daemonize=no", "--log-target=stderr", "-F"])
                .arg(folder.join("bench.pa"))
                .env("HOME", folder)
                .env("XDG_RUNTIME_DIR", folder)
                .env("PULSE_RUNTIME_PATH", folder)
                .env("PULSE_CONFIG", folder.join("daemon.conf")),
            &folder.join("pulseaudio.log"),
        )?;
        let sound = Sound { folder: folder.to_owned(), _server: server };
        until("sound server", Duration::from_secs(10), || Ok(sound.control(&["info"]).ok()))?;
        Ok(sound)
    }

    /// What a client's environment needs to reach it: by PulseAudio, or by ALSA's plug-in as `micA`, `spkA`, `micB`, `spkB`.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let folder = self.folder.display();
        vec![
            ("PULSE_SERVER", format!("unix:{folder}/pulse.sock")),
            ("PULSE_RUNTIME_PATH", folder.to_string()),
            ("XDG_RUNTIME_DIR", folder.to_string()),
            ("ALSA_CONFIG_PATH", format!("{folder}/asound.conf")),
        ]
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    fn control(&self, arguments: &[&str]) -> Result<String, Failure> {
        run(self.command("pactl").args(arguments))
    }

    /// Begins to record all four channels, 16-bit little-endian at 48 kHz, into a file; returns when sound flows.
    ///
    /// # Errors
    /// When the recorder does not record.
    pub fn record(&self, into: &Path) -> Result<Process, Failure> {
        // A fixed latency: the null sink's block follows the shortest any client asks for.
        let recorder = Process::start(
            "recorder",
            self.command("parec").args(["-d", "bench.monitor", "--raw", "--format=s16le", "--rate=48000"]).args([
                "--channels=4",
                "--channel-map=front-left,front-right,rear-left,rear-right",
                "--latency-msec=20",
                &into.display().to_string(),
            ]),
            &into.with_extension("log"),
        )?;
        until("recorded sound", Duration::from_secs(5), || {
            Ok(fs::metadata(into).is_ok_and(|m| m.len() > 4096).then_some(()))
        })?;
        Ok(recorder)
    }

    /// Plays a WAV file into a sink.
    ///
    /// # Errors
    /// When there is no player.
    pub fn play(&self, file: &Path, sink: &str) -> Result<Process, Failure> {
        let log = self.folder.join(format!("play-{sink}.log"));
        let mut player = self.command("paplay");
        // Far ahead, so that a busy machine leaves no hole in what is said. It is measured where it comes out.
        player.args(["-d", sink, "--latency-msec=1000"]).arg(file);
        Process::start("player", &mut player, &log)
    }

    /// Each stream of a kind (`sink-inputs`, `source-outputs`): its number, its process and the device it is on.
    fn streams(&self, kind: &str, devices: &str, device: &str) -> Result<Vec<(u64, u32, String)>, Failure> {
        let listed: Value = serde_json::from_str(&self.control(&["-f", "json", "list", kind])?)?;
        let names = self.control(&["list", "short", devices])?;
        let name = |index: u64| {
            let mut lines = names.lines().map(|l| l.split('\t'));
            lines.find_map(|mut l| (l.next()?.parse() == Ok(index)).then(|| l.next().unwrap_or_default().to_owned()))
        };
        let stream = |s: &Value| {
            let pid = s["properties"]["application.process.id"].as_str()?.parse().ok()?;
            Some((s["index"].as_u64()?, pid, name(s[device].as_u64()?).unwrap_or_default()))
        };
        Ok(listed.as_array().into_iter().flatten().filter_map(stream).collect())
    }

    /// Waits until both ends, given by the roots of their process trees, play and record, and each only where it should. With
    /// `movable`, streams on the wrong device are moved first, for clients that take no device by name.
    ///
    /// # Errors
    /// When a stream is missing or wrongly routed after ten seconds; with what there was.
    pub fn routed(&self, ends: [u32; 2], movable: bool) -> Result<(), Failure> {
        let trees = ends.map(tree);
        let mut seen = String::new();
        let found = until("streams on their own devices", Duration::from_secs(10), || {
            let mut right = true;
            seen.clear();
            for (kind, devices, device, verb, wanted) in [
                ("sink-inputs", "sinks", "sink", "move-sink-input", ["spkA", "spkB"]),
                ("source-outputs", "sources", "source", "move-source-output", ["micA", "micB"]),
            ] {
                let streams = self.streams(kind, devices, device)?;
                for (tree, wanted) in trees.iter().zip(wanted) {
                    let mut own = streams.iter().filter(|(_, pid, _)| tree.contains(pid)).peekable();
                    right &= own.peek().is_some();
                    for (index, pid, on) in own {
                        seen += &format!(" {kind}: process {pid} on {on}, should be on {wanted};");
                        if on != wanted {
                            right = false;
                            if movable {
                                // It may be gone meanwhile; the next look tells.
                                let _ = self.control(&[verb, &index.to_string(), wanted]);
                            }
                        }
                    }
                }
            }
            Ok(right.then_some(()))
        });
        found.map_err(|e| format!("wrong routing: {e};{seen}").into())
    }
}
