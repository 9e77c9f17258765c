//! The machine's own devices, through cpal.
//!
//! A keeper thread opens streams by preference, notices when one dies, takes the next, and comes back when a better one answers
//! again. It hands the rings' ends to the [`Devices`] on the sound thread; nobody waits for anybody.

use crate::drift::{Intake, Outlet};
use crate::{Devices, Frame, HeadsetError};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig};
use rtrb::RingBuffer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How often the keeper looks after its streams.
const LOOK: Duration = Duration::from_millis(100);
/// How often it tries a device that is better than the one in use, or any when none answers.
const RETRY: Duration = Duration::from_secs(1);
/// A stream whose callback stays away this long is dead. The first one may take a second on some sound servers.
const STALLED: Duration = Duration::from_millis(2_500);
/// More errors than this between two looks, the older ones counting half each time: the device is gone though it says otherwise.
/// A sound server that removed a sink lets its ALSA plug-in fail and recover hundreds of times a second; a busy machine's underruns
/// are a few.
const TOO_MANY_ERRORS: u64 = 15;
/// Frames in one device period: 10 ms at 48 kHz.
const PERIOD: u32 = 480;
/// The name that means: whatever the system considers right.
const DEFAULT: &str = "default";

/// A device as it can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceInfo {
    /// What [`Choice`] takes. Stable over restarts.
    pub id: String,
    /// What people read.
    pub name: String,
    /// It has a microphone.
    pub input: bool,
    /// It has a loudspeaker.
    pub output: bool,
}

/// Which devices to use, best first, by [`DeviceInfo::id`]. After the last comes the system's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Choice {
    /// Microphones.
    pub microphone: Vec<String>,
    /// Loudspeakers at the ear.
    pub loudspeaker: Vec<String>,
    /// Devices for ringing; empty: the loudspeaker.
    pub ringer: Vec<String>,
}

/// Something about the devices in use has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// The microphone in use, or none.
    Microphone(Option<String>),
    /// The loudspeaker in use, or none.
    Loudspeaker(Option<String>),
    /// The ringing device in use, or none (then the loudspeaker rings).
    Ringer(Option<String>),
}

/// All devices of the machine; the default first.
pub fn list() -> Vec<DeviceInfo> {
    let host = cpal::default_host();
    let mut all: Vec<DeviceInfo> = host
        .devices()
        .map(|devices| {
            devices
                .filter_map(|d| {
                    let id = d.id().ok()?.id().to_owned();
                    // ALSA shows each card a dozen times; these are the same card through other plugins.
                    let doubled = [
                        "hw:",
                        "dmix:",
                        "dsnoop:",
                        "front:",
                        "surround",
                        "iec958:",
                        "null",
                        "lavrate",
                        "samplerate",
                        "speexrate",
                        "jack",
                        "oss",
                        "upmix",
                        "vdownmix",
                        "speex",
                    ];
                    if cfg!(target_os = "linux") && doubled.iter().any(|p| id.starts_with(p)) {
                        return None;
                    }
                    let description = d.description().ok()?;
                    let (input, output) = (d.supports_input(), d.supports_output());
                    (input || output).then(|| DeviceInfo { name: description.name().to_owned(), id, input, output })
                })
                .collect()
        })
        .unwrap_or_default();
    all.sort_by_key(|d| d.id != DEFAULT);
    all.dedup_by(|a, b| a.id == b.id);
    all
}

/// The keeper's handle. The streams close when it is dropped.
pub struct SystemDevices {
    choice: Sender<Choice>,
}

impl SystemDevices {
    /// Opens the devices of a choice. The returned [`Devices`] work at once, silent until the streams run; `on_event` is called from
    /// the keeper's thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        choice: Choice,
        on_event: impl Fn(DeviceEvent) + Send + 'static,
    ) -> std::io::Result<(SystemDevices, Box<dyn Devices>)> {
        let (choices, inbox) = channel();
        let (ends, taken) = channel();
        std::thread::Builder::new().name("devices".into()).spawn(move || {
            let mut keeper = Keeper::new(ends, Box::new(on_event));
            keeper.choose(&choice);
            loop {
                match inbox.recv_timeout(LOOK) {
                    Ok(choice) => keeper.choose(&choice),
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => keeper.look(),
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        let exchange = Exchange { ends: taken, microphone: None, ear: None, ringer: None };
        Ok((SystemDevices { choice: choices }, Box::new(exchange)))
    }

    /// Takes other devices, under running calls.
    pub fn choose(&self, choice: Choice) {
        let _ = self.choice.send(choice);
    }
}

enum End {
    Microphone(Option<Box<Intake>>),
    Ear(Option<Box<Outlet>>),
    Ringer(Option<Box<Outlet>>),
}

struct Exchange {
    ends: Receiver<End>,
    microphone: Option<Box<Intake>>,
    ear: Option<Box<Outlet>>,
    ringer: Option<Box<Outlet>>,
}

impl Devices for Exchange {
    fn exchange(&mut self, playout: &Frame, ring: &Frame, captured: &mut Frame) {
        while let Ok(end) = self.ends.try_recv() {
            match end {
                End::Microphone(x) => self.microphone = x,
                End::Ear(x) => self.ear = x,
                End::Ringer(x) => self.ringer = x,
            }
        }
        match &mut self.microphone {
            Some(m) => m.take(captured),
            None => captured.fill(0.0),
        }
        match &mut self.ringer {
            Some(ringer) => {
                ringer.give(ring);
                if let Some(ear) = &mut self.ear {
                    ear.give(playout);
                }
            }
            None => {
                if let Some(ear) = &mut self.ear {
                    let both: Frame = std::array::from_fn(|i| (playout[i] + ring[i]).clamp(-1.0, 1.0));
                    ear.give(&both);
                }
            }
        }
    }

    fn delay_ms(&self) -> u32 {
        let ear = self.ear.as_ref().map_or(0.0, |e| e.delay_s());
        let microphone = self.microphone.as_ref().map_or(0.0, |m| m.delay_s());
        ((ear + microphone) * 1000.0) as u32
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Microphone,
    Ear,
    Ringer,
}

/// A running stream and how to tell that it still runs.
struct Open {
    rank: usize,
    _stream: cpal::Stream,
    life: Arc<Life>,
    seen: (u64, Instant),
    trouble: u64,
}

#[derive(Default)]
struct Life {
    lost: AtomicBool,
    callbacks: AtomicU64,
    errors: AtomicU64,
}

struct Slot {
    role: Role,
    wanted: Vec<String>,
    open: Option<Open>,
    tried: Option<Instant>,
    said: Option<Option<String>>,
}

struct Keeper {
    ends: Sender<End>,
    on_event: Box<dyn Fn(DeviceEvent) + Send>,
    slots: [Slot; 3],
}

impl Keeper {
    fn new(ends: Sender<End>, on_event: Box<dyn Fn(DeviceEvent) + Send>) -> Keeper {
        let slot = |role| Slot { role, wanted: Vec::new(), open: None, tried: None, said: None };
        Keeper { ends, on_event, slots: [slot(Role::Microphone), slot(Role::Ear), slot(Role::Ringer)] }
    }

    fn choose(&mut self, choice: &Choice) {
        let with_default = |ids: &[String]| {
            let mut ids = ids.to_vec();
            if !ids.iter().any(|id| id == DEFAULT) {
                ids.push(DEFAULT.into());
            }
            ids
        };
        // Ringing where one listens needs no stream of its own.
        let own_ringer = choice.ringer.first().is_some_and(|r| Some(r) != choice.loudspeaker.first());
        let wanted = [
            with_default(&choice.microphone),
            with_default(&choice.loudspeaker),
            if own_ringer { choice.ringer.clone() } else { Vec::new() },
        ];
        for (slot, wanted) in self.slots.iter_mut().zip(wanted) {
            if slot.wanted != wanted {
                (slot.wanted, slot.tried) = (wanted, None);
                slot.close(&self.ends);
            }
        }
        self.look();
    }

    fn look(&mut self) {
        for slot in &mut self.slots {
            slot.look(&self.ends);
            let in_use = slot.open.as_ref().and_then(|o| slot.wanted.get(o.rank)).cloned();
            if slot.said.as_ref() != Some(&in_use) {
                slot.said = Some(in_use.clone());
                (self.on_event)(match slot.role {
                    Role::Microphone => DeviceEvent::Microphone(in_use),
                    Role::Ear => DeviceEvent::Loudspeaker(in_use),
                    Role::Ringer => DeviceEvent::Ringer(in_use),
                });
            }
        }
    }
}

impl Slot {
    fn close(&mut self, ends: &Sender<End>) {
        if let Some(open) = self.open.take() {
            // Closing joins the stream's thread, and on a device that is gone that may take for ever.
            std::thread::spawn(move || drop(open));
            let _ = ends.send(match self.role {
                Role::Microphone => End::Microphone(None),
                Role::Ear => End::Ear(None),
                Role::Ringer => End::Ringer(None),
            });
        }
    }

    fn look(&mut self, ends: &Sender<End>) {
        if let Some(open) = &mut self.open {
            let callbacks = open.life.callbacks.load(Relaxed);
            if callbacks != open.seen.0 {
                open.seen = (callbacks, Instant::now());
            }
            open.trouble = open.trouble / 2 + open.life.errors.swap(0, Relaxed);
            let lost = open.life.lost.load(Relaxed) || open.trouble > TOO_MANY_ERRORS;
            if lost || open.seen.1.elapsed() > STALLED {
                tracing::warn!(role = ?self.role, device = ?self.wanted.get(open.rank), "sound device lost");
                self.close(ends);
                self.tried = None;
            }
        }
        let better_than = self.open.as_ref().map_or(self.wanted.len(), |o| o.rank);
        if better_than == 0 || self.tried.is_some_and(|t| t.elapsed() < RETRY) {
            return;
        }
        self.tried = Some(Instant::now());
        for rank in 0..better_than {
            match open(self.role, &self.wanted[rank]) {
                Ok((stream, life, end)) => {
                    tracing::info!(role = ?self.role, device = %self.wanted[rank], "sound device opened");
                    let _ = ends.send(end);
                    self.open = Some(Open { rank, _stream: stream, life, seen: (0, Instant::now()), trouble: 0 });
                    return;
                }
                Err(e) => tracing::debug!(role = ?self.role, "{e}"),
            }
        }
    }
}

fn refused(name: &str, e: cpal::Error) -> HeadsetError {
    let name = name.to_owned();
    match e.kind() {
        ErrorKind::PermissionDenied => HeadsetError::Forbidden { name },
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => HeadsetError::NoDevice { name },
        _ => HeadsetError::Refused { name, why: e.to_string() },
    }
}

fn device(role: Role, id: &str) -> Result<cpal::Device, HeadsetError> {
    let host = cpal::default_host();
    let found = match (id, role) {
        (DEFAULT, Role::Microphone) => host.default_input_device(),
        (DEFAULT, _) => host.default_output_device(),
        _ => host.devices().ok().and_then(|mut all| all.find(|d| d.id().is_ok_and(|i| i.id() == id))),
    };
    found.ok_or_else(|| HeadsetError::NoDevice { name: id.into() })
}

/// 48 kHz with one or two channels where the device has it, else what it prefers.
fn format(role: Role, device: &cpal::Device) -> Result<SupportedStreamConfig, cpal::Error> {
    let ranges: Vec<_> = match role {
        Role::Microphone => device.supported_input_configs().map(Iterator::collect),
        _ => device.supported_output_configs().map(Iterator::collect),
    }
    .unwrap_or_default();
    let rank = |f: SampleFormat| [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32].iter().position(|x| *x == f);
    let wanted = if role == Role::Microphone { 1 } else { 2 };
    let best = ranges
        .into_iter()
        .filter(|r| (1..=2).contains(&r.channels()) && rank(r.sample_format()).is_some())
        .filter(|r| (r.min_sample_rate()..=r.max_sample_rate()).contains(&48_000))
        .min_by_key(|r| (r.channels().abs_diff(wanted), rank(r.sample_format())));
    match (best, role) {
        (Some(range), _) => Ok(range.with_sample_rate(48_000)),
        (None, Role::Microphone) => device.default_input_config(),
        (None, _) => device.default_output_config(),
    }
}

fn open(role: Role, id: &str) -> Result<(cpal::Stream, Arc<Life>, End), HeadsetError> {
    let device = device(role, id)?;
    let format = format(role, &device).map_err(|e| refused(id, e))?;
    let mut last = None;
    // Some sound systems refuse small buffers; their own choice is better than no sound.
    for buffer_size in [BufferSize::Fixed(PERIOD), BufferSize::Default] {
        let config = StreamConfig { buffer_size, ..format.config() };
        let built = match format.sample_format() {
            SampleFormat::F32 => build::<f32>(role, &device, config),
            SampleFormat::I16 => build::<i16>(role, &device, config),
            SampleFormat::I32 => build::<i32>(role, &device, config),
            SampleFormat::U16 => build::<u16>(role, &device, config),
            SampleFormat::U8 => build::<u8>(role, &device, config),
            other => {
                return Err(HeadsetError::Refused { name: id.into(), why: format!("it only speaks {other}") });
            }
        };
        match built {
            Ok(x) => return x,
            Err(e) => last = Some(refused(id, e)),
        }
    }
    Err(last.unwrap_or_else(|| HeadsetError::NoDevice { name: id.into() }))
}

type Built = Result<(cpal::Stream, Arc<Life>, End), HeadsetError>;

fn build<T>(role: Role, device: &cpal::Device, config: StreamConfig) -> Result<Built, cpal::Error>
where
    T: SizedSample + FromSample<f32> + Send + 'static,
    f32: FromSample<T>,
{
    let life = Arc::new(Life::default());
    let (alive, dying) = (life.clone(), life.clone());
    let on_error = move |e: cpal::Error| {
        dying.errors.fetch_add(1, Relaxed);
        // Underruns and the like heal by themselves; when they do not, they come too often or the callbacks stop, which is noticed.
        let gone = [ErrorKind::DeviceNotAvailable, ErrorKind::StreamInvalidated, ErrorKind::HostUnavailable]
            .contains(&e.kind());
        if gone {
            dying.lost.store(true, Relaxed);
        }
    };
    let (rate, channels) = (config.sample_rate, usize::from(config.channels).max(1));
    let (mut producer, mut consumer) = RingBuffer::<f32>::new(rate as usize);
    // A period of the device and one of ours, and half a period for the scheduler.
    let period = match config.buffer_size {
        BufferSize::Fixed(n) => f64::from(n) / f64::from(rate),
        BufferSize::Default => 0.03,
    };
    let target = period + 0.015;
    let (stream, end) = match role {
        Role::Microphone => {
            let stream = device.build_input_stream::<T, _, _>(
                config,
                move |data, _| {
                    alive.callbacks.fetch_add(1, Relaxed);
                    let frames = (data.len() / channels).min(producer.slots());
                    if let Ok(chunk) = producer.write_chunk_uninit(frames) {
                        let share = 1.0 / channels as f32;
                        chunk.fill_from_iter(
                            data.chunks_exact(channels)
                                .map(|frame| frame.iter().map(|s| f32::from_sample(*s)).sum::<f32>() * share),
                        );
                    }
                },
                on_error,
                None,
            )?;
            (stream, Intake::new(consumer, rate, target).map(|i| End::Microphone(Some(Box::new(i)))))
        }
        Role::Ear | Role::Ringer => {
            let stream = device.build_output_stream::<T, _, _>(
                config,
                move |data, _| {
                    alive.callbacks.fetch_add(1, Relaxed);
                    let frames = (data.len() / channels).min(consumer.slots());
                    if let Ok(chunk) = consumer.read_chunk(frames) {
                        for (out, s) in data.chunks_exact_mut(channels).zip(chunk) {
                            out.fill(T::from_sample(s));
                        }
                    }
                },
                on_error,
                None,
            )?;
            let outlet = Outlet::new(producer, rate, target).map(Box::new);
            let end = if role == Role::Ear {
                outlet.map(|o| End::Ear(Some(o)))
            } else {
                outlet.map(|o| End::Ringer(Some(o)))
            };
            (stream, end)
        }
    };
    stream.play()?;
    Ok(end.map(|end| (stream, life, end)))
}
