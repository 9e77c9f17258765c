//! The machine's own devices, through cpal.
//!
//! A keeper thread opens streams by preference, notices when one dies, takes the next, and comes back when a better one answers
//! again. It hands the rings' ends to the [`Devices`] on the sound thread; nobody waits for anybody.

mod callback;
mod stream;

use crate::drift::{Intake, Outlet};
use crate::{Delays, Devices, Frame};
use cpal::traits::{DeviceTrait, HostTrait};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How often the keeper looks after its streams.
const LOOK: Duration = Duration::from_millis(100);
/// How often it tries a device that is better than the one in use, or any when none answers.
const RETRY: Duration = Duration::from_secs(1);
/// A stream whose callback stays away this long is dead. The first one may take a second on some sound servers.
const STALLED: Duration = Duration::from_millis(2_500);
/// Errors between two looks that a busy machine's underruns explain. A sound server that removed a sink lets its ALSA plug-in fail
/// and recover without end.
const A_FEW_ERRORS: u64 = 5;
/// More than a few at so many looks in a row: the device is gone though it says otherwise. Not at fewer: after each underrun ALSA's
/// PulseAudio plug-in fails until the server has told it its timing (see `stream`).
const TROUBLED_LOOKS: u32 = 4;
/// How often it asks whether a device in use is still there, and for how long after something odd happened. ALSA's plug-ins do not
/// always tell: a sound server that loses a device may go on taking the sound and play it elsewhere. Then at least the flow stumbles.
/// It is not asked without a reason: for each question the device is opened again, PulseAudio mixes anew what it has mixed already,
/// and what plays just then loses some milliseconds.
const ASK: Duration = Duration::from_secs(1);
const ODD: Duration = Duration::from_secs(4);
/// So much more or less sound between two looks than time has passed is odd.
const STUMBLE: Duration = Duration::from_millis(25);
/// Whether there is need to ask. The other systems tell.
const MUST_ASK: bool = cfg!(target_os = "linux");
/// The name that means: whatever the system considers right.
const DEFAULT: &str = "default";

/// A device as it can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceInfo {
    /// What [`Choice`] takes. Stable over restarts.
    pub id: String,
    /// What people read; `default` for the system's default.
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
    stream::keep_quiet();
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
                    (input || output).then(|| DeviceInfo {
                        name: plain_name(&id, description.name()),
                        id,
                        input,
                        output,
                    })
                })
                .collect()
        })
        .unwrap_or_default();
    all.sort_by_key(|d| d.id != DEFAULT);
    all.dedup_by(|a, b| a.id == b.id);
    all
}

/// What people call it: ALSA adds how it is attached, and names the default by the sound server behind it, which says nothing.
fn plain_name(id: &str, name: &str) -> String {
    if id == DEFAULT { DEFAULT.to_owned() } else { name.strip_suffix(", USB Audio").unwrap_or(name).to_owned() }
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
            stream::keep_quiet();
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
        let exchange = Exchange { ends: taken, microphone: None, ear: None, ringer: None, changed: false };
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
    changed: bool,
}

impl Devices for Exchange {
    fn exchange(&mut self, playout: &Frame, ring: &Frame, captured: &mut Frame) {
        let now = Instant::now();
        while let Ok(end) = self.ends.try_recv() {
            match end {
                End::Microphone(x) => (self.microphone, self.changed) = (x, true),
                End::Ear(x) => (self.ear, self.changed) = (x, true),
                End::Ringer(x) => self.ringer = x,
            }
        }
        match &mut self.microphone {
            Some(m) => m.take(captured, now),
            None => captured.fill(0.0),
        }
        match &mut self.ringer {
            Some(ringer) => {
                ringer.give(ring, now);
                if let Some(ear) = &mut self.ear {
                    ear.give(playout, now);
                }
            }
            None => {
                if let Some(ear) = &mut self.ear {
                    let both: Frame = std::array::from_fn(|i| (playout[i] + ring[i]).clamp(-1.0, 1.0));
                    ear.give(&both, now);
                }
            }
        }
    }

    fn changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    fn delays(&self) -> Delays {
        Delays {
            microphone_ms: self.microphone.as_ref().map_or(0.0, |m| m.delay_s() * 1_000.0) as f32,
            ear_ms: self.ear.as_ref().map_or(0.0, |e| e.delay_s() * 1_000.0) as f32,
        }
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
    stream: stream::Stream,
    seen: (u64, Instant),
    /// Looks in a row that found more than a few errors.
    troubled: u32,
    /// When it was last asked for, and whether it can be asked at all: a device that cannot be opened twice would seem gone for ever.
    asked: Instant,
    answers: bool,
    /// When something odd was last seen, and the frames moved at the last look.
    odd: Option<Instant>,
    looked: (Instant, u64),
}

impl Open {
    fn new(rank: usize, stream: stream::Stream, id: &str) -> Open {
        let now = Instant::now();
        // Whoever wants the default wants it wherever the system takes it.
        let answers = MUST_ASK && id != DEFAULT && stream.is_there();
        Open { rank, stream, seen: (0, now), troubled: 0, asked: now, answers, odd: None, looked: (now, 0) }
    }

    /// What speaks for the device having gone, if anything does.
    fn lost(&mut self) -> Option<&'static str> {
        let life = &self.stream.life;
        let seen = self.looked.1;
        let callbacks = life.callbacks.load(Relaxed);
        if callbacks != self.seen.0 {
            self.seen = (callbacks, Instant::now());
        }
        let errors = life.errors.swap(0, Relaxed);
        self.troubled = if errors > A_FEW_ERRORS { self.troubled + 1 } else { 0 };
        let (now, frames) = (Instant::now(), life.frames.load(Relaxed));
        let passed = now.duration_since(std::mem::replace(&mut self.looked, (now, frames)).0);
        let moved = Duration::from_secs_f64((frames - seen) as f64 / f64::from(self.stream.rate.max(1)));
        // Its first sound comes when it comes.
        if seen > 0 && (errors > 0 || moved.abs_diff(passed) > STUMBLE) {
            self.odd = Some(now);
        }
        if life.lost.load(Relaxed) {
            return Some("the sound system says so");
        }
        if self.troubled >= TROUBLED_LOOKS {
            return Some("nothing but errors");
        }
        if self.seen.1.elapsed() > STALLED {
            return Some("no sound moves");
        }
        if self.answers && self.odd.is_some_and(|odd| odd.elapsed() < ODD) && self.asked.elapsed() >= ASK {
            self.asked = Instant::now();
            if !self.stream.is_there() {
                return Some("it cannot be opened any more");
            }
        }
        None
    }
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
        if let Some(open) = &mut self.open
            && let Some(why) = open.lost()
        {
            tracing::warn!(role = ?self.role, device = ?self.wanted.get(open.rank), why, "sound device lost");
            self.close(ends);
            self.tried = None;
        }
        let better_than = self.open.as_ref().map_or(self.wanted.len(), |o| o.rank);
        if better_than == 0 || self.tried.is_some_and(|t| t.elapsed() < RETRY) {
            return;
        }
        self.tried = Some(Instant::now());
        for rank in 0..better_than {
            let id = &self.wanted[rank];
            match stream::open(self.role, id) {
                Ok((stream, end)) => {
                    tracing::info!(role = ?self.role, device = %id, "sound device opened");
                    let _ = ends.send(end);
                    self.open = Some(Open::new(rank, stream, id));
                    return;
                }
                Err(e) => tracing::debug!(role = ?self.role, "{e}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn a_device_is_called_as_on_its_box() {
        assert_eq!(plain_name("sysdefault:CARD=J40", "Jabra Evolve2 40, USB Audio"), "Jabra Evolve2 40");
        assert_eq!(plain_name("default", "Default ALSA Output (currently PulseAudio Sound Server)"), "default");
    }
}
