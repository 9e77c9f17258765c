//! JsSIP on Chromium's libwebrtc, twice, driven over DevTools' pipe.

use super::{Pair, Setting, ours::switchboard};
use crate::Failure;
use crate::network::{B, READY};
use crate::process::{Process, until};
use serde_json::{Value, json};
use std::time::Duration;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// Two browsers and their switchboard.
pub struct Chromium {
    a: Browser,
    b: Browser,
    _switchboard: Process,
}

impl Chromium {
    /// Starts and registers them; with the browser's own sound processing, or none.
    ///
    /// # Errors
    /// When one does not start or register.
    pub fn start(setting: &Setting, processing: bool) -> Result<Chromium, Failure> {
        let switchboard = switchboard(setting)?;
        let mut a = Browser::start(setting, "a", ["micA", "spkA"])?;
        let mut b = Browser::start(setting, "b", ["micB", "spkB"])?;
        for (browser, user) in [(&mut a, "alice"), (&mut b, "bob")] {
            browser.evaluate(&format!("phone.register('{user}', 'ws://{B}:8080/', {processing})"))?;
        }
        Ok(Chromium { a, b, _switchboard: switchboard })
    }
}

impl Pair for Chromium {
    fn connect(&mut self) -> Result<(), Failure> {
        self.a.evaluate("phone.call('bob')")?;
        until("ringing", ANSWER, || {
            if let Some(cause) = self.a.evaluate("phone.trouble()")?.as_str() {
                return Err(format!("the call failed: {cause}").into());
            }
            Ok((self.b.evaluate("phone.rings()")? == true).then_some(()))
        })?;
        self.b.evaluate("phone.answer()")?;
        for browser in [&mut self.a, &mut self.b] {
            until("sound in both directions", ANSWER, || {
                Ok((browser.evaluate("phone.flows()")? == true).then_some(()))
            })?;
        }
        Ok(())
    }

    fn processes(&self) -> [u32; 2] {
        [self.a.process.id(), self.b.process.id()]
    }

    fn counted(&mut self) -> Result<Value, Failure> {
        Ok(json!({ "a": self.a.evaluate("phone.counted()")?, "b": self.b.evaluate("phone.counted()")? }))
    }

    fn hang_up(&mut self) -> Result<(), Failure> {
        self.a.evaluate("phone.hangUp()").map(drop)
    }
}

/// One browser with the page.
struct Browser {
    process: Process,
    session: String,
    next: u64,
}

impl Browser {
    fn start(setting: &Setting, host: &str, [microphone, ear]: [&str; 2]) -> Result<Browser, Failure> {
        let page = setting.root.join("bench/out/sound-peer/phone.html");
        // DevTools reads descriptor 3 and writes 4; messages end with a zero byte.
        let script = "exec chromium \"$@\" 3<&0 4>&1 0</dev/null 1>&2";
        let mut command = setting.program(host, "bash");
        command.args(["-c", script, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-sync", "--disable-component-update"]);
        command.args(["--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream"]);
        command.args(["--remote-debugging-pipe", &format!("--user-data-dir={}", setting.home(host).display())]);
        command.arg("about:blank").env("PULSE_SOURCE", microphone).env("PULSE_SINK", ear);
        let log = setting.folder.join(format!("chromium-{host}.log"));
        let process = Process::start_with(&format!("chromium at {host}"), &mut command, &log, b'\0')?;
        let mut browser = Browser { process, session: String::new(), next: 0 };
        let target = browser.command("Target.createTarget", json!({ "url": format!("file://{}", page.display()) }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.command("Target.attachToTarget", attach)?;
        browser.session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        until("page", READY, || Ok((browser.evaluate("Boolean(window.phone)")? == true).then_some(())))?;
        Ok(browser)
    }

    /// A command of the DevTools protocol.
    fn command(&mut self, method: &str, parameters: Value) -> Result<Value, Failure> {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.process.take_lines();
        self.process.say(&format!("{message}\0"))?;
        let answer = self.process.wait_for(method, READY, |line| {
            let answer: Value = serde_json::from_str(line).ok()?;
            (answer["id"] == id).then_some(answer)
        })?;
        match answer["error"]["message"].as_str() {
            Some(message) => Err(format!("{method}: {message}").into()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// What an expression of the page gives, its promise kept.
    fn evaluate(&mut self, expression: &str) -> Result<Value, Failure> {
        let what = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let done = self.command("Runtime.evaluate", what)?;
        match done["exceptionDetails"].as_object() {
            Some(_) => Err(format!("{expression}: {}", done["result"]["description"]).into()),
            None => Ok(done["result"]["value"].clone()),
        }
    }
}
