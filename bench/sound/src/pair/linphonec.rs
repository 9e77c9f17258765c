//! linphonec, twice, calling directly (`bench/sound/peers/linphonec`). It takes no device by name; the bench moves its streams.

use super::{Codec, Pair, Setting};
use crate::Failure;
use crate::network::{A, B, READY};
use crate::process::Process;

/// Two of them.
pub struct Linphonec {
    a: Process,
    b: Process,
}

impl Linphonec {
    /// Starts them.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start(setting: &Setting) -> Result<Linphonec, Failure> {
        let on = |codec| if setting.codec == codec { "1" } else { "0" };
        let one = |host: &str, address: &str, answers: &[&str]| -> Result<Process, Failure> {
            let codecs = [("@OPUS@", on(Codec::Opus)), ("@G722@", on(Codec::G722)), ("@PCMA@", on(Codec::Pcma))];
            setting.configure(
                "linphonec",
                "rc",
                host,
                &[&codecs[..], &[("@HOST@", host), ("@ADDRESS@", address)]].concat(),
            )?;
            std::fs::create_dir_all(setting.home(host).join(".local/share/linphone"))?;
            let mut phone = Process::start(
                &format!("linphonec at {host}"),
                setting.program(host, "linphonec").arg("-c").arg(setting.home(host).join("rc")).args(answers),
                &setting.folder.join(format!("linphonec-{host}.log")),
            )?;
            // Its last line before the prompt, which has no end of line.
            phone.wait_for("readiness", READY, |l| l.contains("video is disabled").then_some(()))?;
            Ok(phone)
        };
        Ok(Linphonec { a: one("a", A, &[])?, b: one("b", B, &["-a"])? })
    }
}

impl Pair for Linphonec {
    fn connect(&mut self) -> Result<(), Failure> {
        self.a.say(&format!("call sip:b@{B}\n"))?;
        for phone in [&mut self.a, &mut self.b] {
            phone.wait_for("running call", READY, |l| l.contains("Media streams established").then_some(()))?;
        }
        Ok(())
    }

    fn processes(&self) -> [u32; 2] {
        [self.a.id(), self.b.id()]
    }

    fn movable(&self) -> bool {
        true
    }

    fn hang_up(&mut self) -> Result<(), Failure> {
        self.a.say("terminate\n")
    }
}
