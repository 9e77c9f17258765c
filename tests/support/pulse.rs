//! A sound server with virtual devices: a headset, and a laptop's loudspeaker at another rate.

use crate::peers::template;
use crate::process::Process;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// PulseAudio with null sinks.
pub struct Pulse {
    folder: TempDir,
    _server: Process,
}

impl Pulse {
    /// Starts it, and makes it the sound system of this test process.
    pub fn start() -> Pulse {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["asound.conf", "daemon.conf", "headset.pa"] {
            template(&format!("tests/peers/pulse/{name}"), &path.join(name), path);
        }
        let server = Process::start(
            "pulseaudio",
            Command::new("pulseaudio")
                .args(["-n", "--daemonize=no", "--log-target=stderr", "-F"])
                .arg(path.join("headset.pa"))
                .env("HOME", path)
                .env("XDG_RUNTIME_DIR", path)
                .env("PULSE_RUNTIME_PATH", path)
                .env("PULSE_CONFIG", path.join("daemon.conf")),
        );
        let pulse = Pulse { folder, _server: server };
        // SAFETY: each test is a process of its own, and this is the first thing it does: no other thread reads the environment.
        unsafe {
            std::env::set_var("PULSE_SERVER", pulse.socket());
            std::env::set_var("ALSA_CONFIG_PATH", pulse.folder.path().join("asound.conf"));
        }
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !pulse.control(&["info"]) {
            assert!(std::time::Instant::now() < limit, "pulseaudio does not start");
            std::thread::yield_now();
        }
        pulse
    }

    fn socket(&self) -> String {
        format!("unix:{}", self.folder.path().join("pulse.sock").display())
    }

    /// `pactl`; true when it succeeded.
    pub fn control(&self, arguments: &[&str]) -> bool {
        let mut pactl = Command::new("pactl");
        pactl.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    }

    /// What there is of a kind (`modules`, `sink-inputs`), one a line.
    pub fn list(&self, kind: &str) -> String {
        let list = Command::new("pactl").args(["list", "short", kind]).output().unwrap();
        String::from_utf8_lossy(&list.stdout).into_owned()
    }

    /// Pulls a virtual device out, as a person pulls a plug.
    pub fn unplug(&self, sink: &str) {
        let list = self.list("modules");
        let module = list.lines().find(|l| l.contains(&format!("sink_name={sink}"))).and_then(|l| l.split('\t').next());
        assert!(self.control(&["unload-module", module.expect("the sink is loaded")]));
    }

    /// Plugs it in again.
    pub fn plug(&self, sink: &str) {
        assert!(self.control(&[
            "load-module",
            "module-null-sink",
            &format!("sink_name={sink}"),
            "rate=48000",
            "channels=2"
        ]));
    }

    /// Plays sound (48 kHz mono) into a sink until dropped or over.
    pub fn play(&self, sink: &str, sound: &[f32]) -> Playing {
        let bytes: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut child = parec("pacat", sink, "--playback");
        let mut input = child.stdin.take().unwrap();
        std::thread::spawn(move || input.write_all(&bytes));
        Playing(child)
    }

    /// A steady tone into a sink until the server ends; the sink moves in steps as short as a real device's. By itself, with nobody in
    /// a hurry, a null sink moves once in two seconds, and so would the microphone behind it.
    pub fn hum(&self, sink: &str, hz: u32) -> Playing {
        let (into, frequency) = (format!("sink={sink}"), format!("frequency={hz}"));
        assert!(self.control(&["load-module", "module-sine", &into, &frequency]));
        let mut hurry = Command::new("pacat");
        hurry.args(["--record", "--raw", "--latency-msec=10", &format!("--device={sink}.monitor")]);
        Playing(hurry.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Listens to a source.
    pub fn listen(&self, source: &str) -> Listening {
        let mut child = parec("pacat", source, "--record");
        let output = child.stdout.take().unwrap();
        Listening { child: Playing(child), output: Box::new(output) }
    }

    /// Its folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }
}

fn parec(program: &str, device: &str, mode: &str) -> Child {
    Command::new(program)
        .args([mode, "--raw", "--format=float32le", "--rate=48000", "--channels=1", "--latency-msec=20"])
        .arg(format!("--device={device}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A running player; stops when dropped.
pub struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running recorder.
pub struct Listening {
    child: Playing,
    output: Box<dyn Read + Send>,
}

impl Listening {
    /// The next so many samples.
    pub fn next(&mut self, samples: usize) -> Vec<f32> {
        self.more(samples).expect("the recorder runs")
    }

    /// The same; none once the server has ended.
    pub fn more(&mut self, samples: usize) -> Option<Vec<f32>> {
        let mut bytes = vec![0; samples * 4];
        self.output.read_exact(&mut bytes).ok()?;
        Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Waits until a tenth of a second is this tone; gives false after so many seconds of sound without it. Short, since drift
    /// correction moves the pitch by a hair.
    pub fn hears(&mut self, hz: f32, seconds: usize) -> bool {
        (0..seconds * 10).any(|_| {
            let sound = self.next(4_800);
            crate::tone::share(&sound, hz) > 0.8 && (-20.0..0.0).contains(&cuffia_headset::dbfs(&sound))
        })
    }

    /// Stops.
    pub fn stop(self) {
        drop(self.child);
    }
}
