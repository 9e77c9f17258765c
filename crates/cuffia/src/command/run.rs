//! `cuffia run`.

use super::{Failure, Report, page_folder, say};
use crate::{DataFolder, Program, Sound, bridge, stop_signal};
use cuffia_headset::{FnDevices, SILENCE};
use serde_json::json;
use std::path::PathBuf;

/// Runs the engine without a window until interrupted.
#[derive(clap::Args)]
pub struct Run {
    /// Serves the window's page to a browser, on loopback.
    #[arg(long)]
    bridge: bool,
    /// Port of the bridge; 0 chooses a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Folder of the built page.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Works without a sound card: a faint noise for a microphone, nothing for an ear.
    #[arg(long)]
    no_sound_card: bool,
}

impl Run {
    pub(crate) async fn run(self) -> Result<Report, Failure> {
        let sound = if self.no_sound_card { Sound::Own(Box::new(quiet_room())) } else { Sound::System };
        let program = Program::start(DataFolder::open()?, sound)?;
        let bridge = match self.bridge {
            true => Some(bridge::open(program.engine.clone(), &page_folder(self.page), self.port).await?),
            false => None,
        };
        if let Some(bridge) = &bridge {
            say(false, &format!("open {}", bridge.address));
        }
        stop_signal().await?;
        program.leave().await;
        Ok(Report { fields: json!({}), words: "stopped".into() })
    }
}

/// A microphone in a quiet room: never exact zeros, as a real one, at about -75 dBFS.
fn quiet_room()
-> FnDevices<impl FnMut(&cuffia_headset::Frame, &cuffia_headset::Frame, &mut cuffia_headset::Frame) + Send> {
    let mut seed = 1u32;
    FnDevices(move |_: &_, _: &_, microphone: &mut cuffia_headset::Frame| {
        *microphone = SILENCE;
        for s in microphone {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *s = ((seed >> 8) as f32 / (1 << 24) as f32 - 0.5) * 6e-4;
        }
    })
}
