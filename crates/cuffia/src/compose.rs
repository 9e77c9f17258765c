//! Builds a running program.

use crate::folder::{DataFolder, downloads};
use cuffia_api::{ApiError, DeviceControl, Engine, EngineSetup, KeyStore, Language};
use cuffia_customers::{Secrets, Store, open_key, sign_out};
use cuffia_desk::{Desk, DeskSetup};
use cuffia_headset::{Choice, DeviceEvent, DeviceInfo, Devices, Headset, ProcessingConfig, SystemDevices};
use cuffia_phone::{IceServer, MediaConfig, Trust};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::unbounded_channel;

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder can't be used.
    #[error("the data folder {path} can't be used: {source}. Set CUFFIA_DATA_DIR to a folder you can write to")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another program uses it.
    #[error(
        "Cuffia is already running with the data folder {path}. Use that window, or set CUFFIA_DATA_DIR to another folder"
    )]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// Anything below.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The system refuses.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// A stable word for programs.
    pub fn code(&self) -> String {
        match self {
            StartError::Folder { .. } => "start.folder".into(),
            StartError::InUse { .. } => "start.in_use".into(),
            StartError::Api(e) => e.code.clone(),
            StartError::System(_) => "system".into(),
        }
    }
}

/// Where sound comes from and goes to.
pub enum Sound {
    /// The machine's devices.
    System,
    /// Anything that exchanges frames: a file, a test, a synthetic operator. Its microphone is taken as it is.
    Own(Box<dyn Devices>),
}

/// A running program. Dropping it stops everything; [`Program::leave`] tells the far ends first.
pub struct Program {
    /// The engine.
    pub engine: Engine,
    /// Where it keeps its data.
    pub folder: DataFolder,
}

struct System(SystemDevices);

impl DeviceControl for System {
    fn list(&self) -> Vec<DeviceInfo> {
        cuffia_headset::list()
    }
    fn choose(&self, choice: Choice) {
        self.0.choose(choice);
    }
}

/// A run without a sound card: one device, always there.
struct Fixed;

const OWN: &str = "own";

impl DeviceControl for Fixed {
    fn list(&self) -> Vec<DeviceInfo> {
        vec![DeviceInfo { id: OWN.into(), name: "Without sound card".into(), input: true, output: true }]
    }
    fn choose(&self, _: Choice) {}
}

impl Program {
    /// Hangs up and gives the registration back; see [`Desk::leave`]. For the end of the program.
    pub async fn leave(&self) {
        self.engine.desk().leave().await;
    }

    /// Starts the program in a data folder. Call within a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(folder: DataFolder, sound: Sound) -> Result<Program, StartError> {
        let (store, kept) = open_store(&folder)?;
        cuffia_customers::fill(&store, now()).map_err(ApiError::from)?;
        let (events, device_events) = unbounded_channel();
        let own = matches!(sound, Sound::Own(_));
        let (headset, devices): (Headset, Box<dyn DeviceControl>) = match sound {
            Sound::System => {
                let say = move |event| drop(events.send(event));
                let (system, devices) = SystemDevices::start(Choice::default(), say)?;
                (Headset::start(devices, ProcessingConfig::default())?, Box::new(System(system)))
            }
            Sound::Own(devices) => {
                for event in [DeviceEvent::Microphone(Some(OWN.into())), DeviceEvent::Loudspeaker(Some(OWN.into()))] {
                    let _ = events.send(event);
                }
                (Headset::start(devices, ProcessingConfig::OFF)?, Box::new(Fixed))
            }
        };
        // A switchboard's own certificate is often its relay's too.
        let trust = trust()?;
        let locale = sys_locale::get_locale().unwrap_or_default();
        let desk = Desk::open(DeskSetup {
            store: Arc::new(store),
            secrets: Secrets::new(folder.path(), kept),
            headset,
            recordings: folder.recordings(),
            downloads: downloads(folder.path()),
            media: MediaConfig {
                ice_servers: ice_servers(),
                trust: trust.clone(),
                relay_only: env_is_set("CUFFIA_RELAY_ONLY"),
                ..MediaConfig::default()
            },
            trust,
            region: region(&locale),
            clock: Arc::new(now),
            browse: Arc::new(|address: &str| open::that_detached(address)),
        })
        .map_err(ApiError::from)?;
        let engine = Engine::start(EngineSetup {
            desk,
            devices,
            device_events,
            data_folder: folder.path().display().to_string(),
            key_store: match kept {
                cuffia_customers::KeyStore::System => KeyStore::System,
                cuffia_customers::KeyStore::File => KeyStore::File,
            },
            system_language: if locale.starts_with("it") { Language::It } else { Language::En },
        })?;
        if own {
            // What the settings say is for microphones in rooms; a file's tone would be taken for noise.
            engine.desk().headset().processing(ProcessingConfig::OFF);
        }
        Ok(Program { engine, folder })
    }
}

/// Opens a data folder's store, and says where its key is kept.
pub(crate) fn open_store(folder: &DataFolder) -> Result<(Store, cuffia_customers::KeyStore), StartError> {
    let database = folder.database();
    sign_out::finish(&database, &[&folder.recordings()]).map_err(ApiError::from)?;
    let (key, kept) = open_key(folder.path(), !folder.chosen()).map_err(ApiError::from)?;
    Ok((Store::open(&database, &key).map_err(ApiError::from)?, kept))
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// `it-IT` → IT. Numbers of a locale without a country are taken as Italian: that is where we began.
fn region(locale: &str) -> String {
    locale.split(['-', '_', '.']).nth(1).filter(|r| r.len() == 2).map_or_else(|| "IT".into(), str::to_uppercase)
}

fn env_is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|v| !v.is_empty() && v != "0")
}

/// Until provisioning brings them: `CUFFIA_ICE="turn:host:3478 user password"`, several separated by commas.
fn ice_servers() -> Vec<IceServer> {
    let text = std::env::var("CUFFIA_ICE").unwrap_or_default();
    text.split(',')
        .filter_map(|one| {
            let mut words = one.split_whitespace().map(str::to_owned);
            let url = words.next()?;
            Some(IceServer {
                url,
                username: words.next().unwrap_or_default(),
                credential: words.next().unwrap_or_default(),
            })
        })
        .collect()
}

/// The system's certificates, and `CUFFIA_CA` (a PEM file) for a switchboard with a certificate of its own.
fn trust() -> Result<Trust, StartError> {
    match std::env::var_os("CUFFIA_CA").filter(|v| !v.is_empty()) {
        Some(path) => Ok(Trust::Pem(std::fs::read(path)?)),
        None => Ok(Trust::System),
    }
}
