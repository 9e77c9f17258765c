//! Our engine, twice, driven as its page would over the bridge.

use super::{Codec, Pair, Setting};
use crate::Failure;
use crate::network::{B, READY};
use crate::process::{Process, until};
use serde_json::{Value, json};
use std::time::Duration;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// Two engines and their switchboard.
pub struct Ours {
    a: Engine,
    b: Engine,
    call: String,
    // After the engines: they give their registrations back.
    _switchboard: Process,
}

impl Ours {
    /// Starts and registers them.
    ///
    /// # Errors
    /// When one does not start or register.
    pub fn start(setting: &Setting, processing: bool) -> Result<Ours, Failure> {
        let switchboard = switchboard(setting)?;
        let mut a = Engine::start(setting, "a")?;
        let mut b = Engine::start(setting, "b")?;
        a.prepare("alice", ["micA", "spkA"], processing)?;
        b.prepare("bob", ["micB", "spkB"], processing)?;
        Ok(Ours { a, b, call: String::new(), _switchboard: switchboard })
    }
}

/// Kamailio on host B, `ws://10.77.0.2:8080/`, with the comparison's codec.
pub(super) fn switchboard(setting: &Setting) -> Result<Process, Failure> {
    let folder = setting.folder.display().to_string();
    let codec = match setting.codec {
        Codec::Opus => "CODEC_OPUS",
        Codec::G722 => "CODEC_G722",
        Codec::Pcma => "CODEC_PCMA",
    };
    let mut switchboard = Process::start(
        "kamailio",
        setting
            .network
            .at("b", "kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-w", &folder, "-Y", &folder, "-A", codec, "-f"])
            .arg(setting.root.join("bench/sound/peers/kamailio.cfg")),
        &setting.folder.join("kamailio.log"),
    )?;
    let probe = format!("exec 3<>/dev/tcp/{B}/8080");
    until("switchboard", READY, || {
        if let Some(code) = switchboard.ended() {
            return Err(format!("kamailio ended (exit {code:?}); see kamailio.log").into());
        }
        let open = setting.network.at("b", "bash").args(["-c", &probe]).stderr(std::process::Stdio::null()).status();
        Ok(open.is_ok_and(|s| s.success()).then_some(()))
    })?;
    Ok(switchboard)
}

impl Pair for Ours {
    fn connect(&mut self) -> Result<(), Failure> {
        let placed = self.a.command("dial", json!({ "target": "bob" }))?;
        self.call = placed["call"].as_str().unwrap_or_default().to_owned();
        let b = &mut self.b;
        let ringing = until("ringing", ANSWER, || {
            let calls = b.command("snapshot", json!({}))?["calls"].take();
            Ok((calls[0]["state"] == "ringing_here").then(|| calls[0]["id"].clone()))
        })?;
        self.b.command("answer", json!({ "call": ringing }))?;
        for engine in [&mut self.a, &mut self.b] {
            until("sound in both directions", ANSWER, || {
                let call = engine.command("snapshot", json!({}))?["calls"][0].take();
                let flows = call["quality"]["received"].as_u64().is_some_and(|n| n > 0);
                Ok((call["state"] == "active" && flows).then_some(()))
            })?;
            engine.seconds.clear();
        }
        Ok(())
    }

    fn processes(&self) -> [u32; 2] {
        [self.a.process.id(), self.b.process.id()]
    }

    fn counted(&mut self) -> Result<Value, Failure> {
        Ok(json!({ "a": self.a.counted(), "b": self.b.counted() }))
    }

    fn hang_up(&mut self) -> Result<(), Failure> {
        let call = json!({ "call": self.call });
        self.a.command("hang_up", call).map(drop)
    }
}

/// One engine: `cuffia run --bridge`.
struct Engine {
    /// First: it ends before what it speaks to.
    page: Process,
    process: Process,
    next: u64,
    /// How the call was heard, as told once a second.
    seconds: Vec<Value>,
}

impl Engine {
    fn start(setting: &Setting, host: &str) -> Result<Engine, Failure> {
        let binary = setting.root.join("target/release/cuffia").display().to_string();
        let mut process = Process::start(
            &format!("the engine at {host}"),
            setting
                .program(host, &binary)
                .args(["run", "--bridge", "--page"])
                .arg(setting.root.join("ui/dist"))
                .env("CUFFIA_DATA_DIR", setting.home(host).join("data")),
            &setting.folder.join(format!("engine-{host}.log")),
        )?;
        let address = process.wait_for("address", READY, |l| Some(l.strip_prefix("open http://")?.to_owned()))?;
        let page = Process::start(
            "the page's side",
            setting
                .program(host, &std::env::current_exe()?.display().to_string())
                .args(["bridge", &format!("ws://{}", address.replacen("/?", "/engine?", 1))]),
            &setting.folder.join(format!("bridge-{host}.log")),
        )?;
        Ok(Engine { page, process, next: 0, seconds: Vec::new() })
    }

    /// Account, devices, processing: as after the first day.
    fn prepare(&mut self, user: &str, [microphone, ear]: [&str; 2], processing: bool) -> Result<(), Failure> {
        let devices = json!({ "microphone": [microphone], "loudspeaker": [ear], "ringer": [] });
        self.command("choose_devices", devices)?;
        if !processing {
            let off = json!({ "echoCancellation": false, "noiseSuppression": false,
                "strongNoiseSuppression": false, "gainControl": false });
            self.command("set_processing", off)?;
        }
        let server = format!("ws://{B}:8080/");
        let account = json!({ "server": server, "user": user, "password": user, "displayName": user });
        self.command("connect_line", account)?;
        self.command("finish_first_start", json!({}))?;
        until("registration", READY, || {
            Ok((self.command("snapshot", json!({}))?["line"]["state"] == "registered").then_some(()))
        })
    }

    /// Carries out a command of the table.
    fn command(&mut self, name: &str, arguments: Value) -> Result<Value, Failure> {
        self.next += 1;
        let id = self.next;
        self.read();
        self.page.say(&format!("{}\n", json!({ "id": id, "command": name, "arguments": arguments })))?;
        let answer = self.page.wait_for(name, ANSWER, |line| {
            let answer: Value = serde_json::from_str(line).ok()?;
            (answer["id"] == id).then_some(answer)
        })?;
        match answer["error"]["message"].as_str() {
            Some(message) => Err(format!("{name}: {message}").into()),
            None => Ok(answer["done"].clone()),
        }
    }

    /// Notes what it told of the call since the last time.
    fn read(&mut self) {
        for line in self.page.take_lines() {
            let Ok(told) = serde_json::from_str::<Value>(&line) else { continue };
            let change = &told["data"]["change"];
            let quality = &change["value"][0]["quality"];
            if change["part"] == "calls" && quality.is_object() && self.seconds.last() != Some(quality) {
                self.seconds.push(quality.clone());
            }
        }
    }

    fn counted(&mut self) -> Value {
        self.read();
        let of = |key: &str| self.seconds.iter().filter_map(|s| s[key].as_f64()).collect::<Vec<f64>>();
        let mean = |key: &str| of(key).iter().sum::<f64>() / of(key).len().max(1) as f64;
        let most = |key: &str| of(key).into_iter().fold(0.0, f64::max);
        json!({
            "seconds": self.seconds.len(), "concealedPercent": mean("concealed"), "lossInPercent": mean("lossIn"),
            "jitterMs": mean("jitter"), "bufferMs": mean("buffer"), "bufferMostMs": most("buffer"), "mos": mean("mos"),
            "bufferMsEach": of("buffer"), "concealedEach": of("concealed"),
            "codec": self.seconds.last().map(|s| s["codec"].clone()), "path": self.seconds.last().map(|s| s["path"].clone()),
        })
    }
}
