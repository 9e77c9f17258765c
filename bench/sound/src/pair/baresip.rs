//! baresip, twice, calling directly, each at its best settings (`bench/sound/peers/baresip`).

use super::{Codec, Pair, Setting};
use crate::Failure;
use crate::network::{A, B, READY};
use crate::process::Process;

/// Two of them.
pub struct Baresip {
    a: Process,
    b: Process,
}

impl Baresip {
    /// Starts them.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start(setting: &Setting) -> Result<Baresip, Failure> {
        let codec = match setting.codec {
            Codec::Opus => "opus/48000/2",
            Codec::G722 => "G722/16000/1",
            Codec::Pcma => "PCMA/8000/1",
        };
        let one = |host: &str, address: &str, [microphone, ear]: [&str; 2]| -> Result<Process, Failure> {
            let fill = [
                ("@ADDRESS@", address),
                ("@MICROPHONE@", microphone),
                ("@EAR@", ear),
                ("@CODEC@", codec),
                ("@HOST@", host),
            ];
            for file in ["config", "accounts"] {
                setting.configure("baresip", file, host, &fill)?;
            }
            let mut phone = Process::start(
                &format!("baresip at {host}"),
                setting.program(host, "baresip").arg("-4").arg("-f").arg(setting.home(host)),
                &setting.folder.join(format!("baresip-{host}.log")),
            )?;
            phone.wait_for("readiness", READY, |l| l.contains("baresip is ready").then_some(()))?;
            Ok(phone)
        };
        Ok(Baresip { a: one("a", A, ["micA", "spkA"])?, b: one("b", B, ["micB", "spkB"])? })
    }
}

impl Pair for Baresip {
    fn connect(&mut self) -> Result<(), Failure> {
        self.a.say(&format!("/dial sip:b@{B}\n"))?;
        for phone in [&mut self.a, &mut self.b] {
            phone.wait_for("established call", READY, |l| l.contains("Call established").then_some(()))?;
        }
        Ok(())
    }

    fn processes(&self) -> [u32; 2] {
        [self.a.id(), self.b.id()]
    }

    fn hang_up(&mut self) -> Result<(), Failure> {
        self.a.say("/hangup\n")
    }
}
