//! The sound thread.

use crate::limiter::Limiter;
use crate::pressure::{Pressure, Relief};
use crate::processing::Processing;
use crate::tones::{self, Player};
use crate::watch::Watch;
use crate::work::{Part, Stopwatch};
use crate::{Devices, Frame, Levels, ProcessingConfig, SILENCE, Tap, Voice};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(10);
/// After a longer stall (a laptop asleep, a debugger) the lost time is skipped, not made up for.
const MAX_LAG: Duration = Duration::from_millis(100);

/// Names a voice on the sound thread; chosen by whoever attaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoiceId(pub u64);

/// A tone for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Somebody calls; on the ringing device.
    Ringing,
    /// Somebody calls while another talks; in the ear, short and rare.
    Waiting,
    /// The other side rings.
    Ringback,
    /// The other side is busy; ends by itself after three seconds.
    Busy,
    /// Three notes, once, in the ear.
    Test,
    /// Three notes, once, on the ringing device.
    TestRing,
}

enum Command {
    Attach(VoiceId, Box<dyn Voice>),
    Detach(VoiceId),
    Talk(Option<VoiceId>),
    Tap(VoiceId, Option<Box<dyn Tap>>),
    Mute(bool),
    Tone(Tone),
    Key(char),
    Quiet,
    Play(Arc<Vec<f32>>, usize),
    StopPlaying,
    Processing(ProcessingConfig),
    Devices(Box<dyn Devices>),
}

/// The handle to the sound thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Headset {
    commands: Sender<Command>,
    levels: Arc<Levels>,
    playback: Arc<Playback>,
    muted: Arc<AtomicBool>,
}

#[derive(Default)]
struct Playback {
    position: AtomicUsize,
    playing: AtomicBool,
}

impl Headset {
    /// Starts the sound thread on these devices.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(devices: Box<dyn Devices>, processing: ProcessingConfig) -> std::io::Result<Headset> {
        let (commands, inbox) = channel();
        let (levels, playback) = (Arc::new(Levels::default()), Arc::new(Playback::default()));
        let mut sound = Sound::new(devices, processing, levels.clone(), playback.clone());
        std::thread::Builder::new().name("sound".into()).spawn(move || run(&mut sound, &inbox))?;
        Ok(Headset { commands, levels, playback, muted: Arc::default() })
    }

    fn send(&self, command: Command) {
        // The thread lives as long as a handle does; if it failed, sound is gone and the levels show it.
        let _ = self.commands.send(command);
    }

    /// Adds a voice; it is not heard until [`Headset::talk`].
    pub fn attach(&self, id: VoiceId, voice: Box<dyn Voice>) {
        self.send(Command::Attach(id, voice));
    }

    /// Removes a voice and its tap.
    pub fn detach(&self, id: VoiceId) {
        self.send(Command::Detach(id));
    }

    /// Which voice hears the operator and is heard; all others are held.
    pub fn talk(&self, id: Option<VoiceId>) {
        self.send(Command::Talk(id));
    }

    /// Lets a recorder or a measure see a voice's conversation, from now on.
    pub fn tap(&self, id: VoiceId, tap: Option<Box<dyn Tap>>) {
        self.send(Command::Tap(id, tap));
    }

    /// While muted the other side hears silence.
    pub fn mute(&self, muted: bool) {
        self.muted.store(muted, Relaxed);
        self.send(Command::Mute(muted));
    }

    /// Whether the microphone is muted.
    pub fn muted(&self) -> bool {
        self.muted.load(Relaxed)
    }

    /// Starts a tone in place of the one that sounds on the same device.
    pub fn tone(&self, tone: Tone) {
        self.send(Command::Tone(tone));
    }

    /// The short sound of a key of the keypad, in the operator's ear only.
    pub fn key(&self, digit: char) {
        self.send(Command::Key(digit));
    }

    /// Stops all tones.
    pub fn quiet(&self) {
        self.send(Command::Quiet);
    }

    /// Plays sound (48 kHz mono) to the ear from a sample on.
    pub fn play(&self, sound: Arc<Vec<f32>>, from: usize) {
        self.playback.position.store(from, Relaxed);
        self.playback.playing.store(true, Relaxed);
        self.send(Command::Play(sound, from));
    }

    /// Stops [`Headset::play`].
    pub fn stop_playing(&self) {
        self.playback.playing.store(false, Relaxed);
        self.send(Command::StopPlaying);
    }

    /// Where [`Headset::play`] is, in samples; nothing when it is over.
    pub fn playing(&self) -> Option<usize> {
        self.playback.playing.load(Relaxed).then(|| self.playback.position.load(Relaxed))
    }

    /// Switches processing steps.
    pub fn processing(&self, config: ProcessingConfig) {
        self.send(Command::Processing(config));
    }

    /// Exchanges the devices under running calls.
    pub fn devices(&self, devices: Box<dyn Devices>) {
        self.send(Command::Devices(devices));
    }

    /// The newest levels.
    pub fn levels(&self) -> Arc<Levels> {
        self.levels.clone()
    }
}

fn run(sound: &mut Sound, inbox: &Receiver<Command>) {
    let mut next = Instant::now();
    loop {
        loop {
            match inbox.try_recv() {
                Ok(command) => sound.obey(command),
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
        let begun = Instant::now();
        sound.tick();
        sound.took(begun.elapsed());
        next += TICK;
        match next.checked_duration_since(Instant::now()) {
            Some(wait) => std::thread::sleep(wait),
            None if next.elapsed() > MAX_LAG => next = Instant::now(),
            None => {}
        }
    }
}

struct Attached {
    voice: Box<dyn Voice>,
    tap: Option<Box<dyn Tap>>,
}

struct Sound {
    devices: Box<dyn Devices>,
    processing: Processing,
    limiter: Limiter,
    watch: Watch,
    pressure: Pressure,
    relief: Relief,
    stopwatch: Stopwatch,
    voices: HashMap<VoiceId, Attached>,
    talking: Option<VoiceId>,
    muted: bool,
    in_ear: Option<Player>,
    key: Option<Player>,
    on_ringer: Option<Player>,
    playing: Option<(Arc<Vec<f32>>, usize)>,
    levels: Arc<Levels>,
    playback: Arc<Playback>,
}

impl Sound {
    fn new(
        devices: Box<dyn Devices>,
        processing: ProcessingConfig,
        levels: Arc<Levels>,
        playback: Arc<Playback>,
    ) -> Sound {
        Sound {
            devices,
            processing: Processing::new(processing),
            limiter: Limiter::new(),
            watch: Watch::new(),
            pressure: Pressure::default(),
            relief: Relief::None,
            stopwatch: Stopwatch::default(),
            voices: HashMap::new(),
            talking: None,
            muted: false,
            in_ear: None,
            key: None,
            on_ringer: None,
            playing: None,
            levels,
            playback,
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Attach(id, mut voice) => {
                if self.voices.is_empty() {
                    // A call begins; perhaps the machine has more time now.
                    self.watch.begin();
                    self.processing.begin();
                    (self.pressure, self.relief) = (Pressure::default(), Relief::None);
                }
                if self.relief == Relief::Concealment {
                    voice.relieve();
                }
                self.voices.insert(id, Attached { voice, tap: None });
            }
            Command::Detach(id) => drop(self.voices.remove(&id)),
            Command::Talk(id) => self.talking = id,
            Command::Tap(id, tap) => {
                if let Some(attached) = self.voices.get_mut(&id) {
                    attached.tap = tap;
                }
            }
            Command::Mute(muted) => self.muted = muted,
            Command::Tone(Tone::Ringing) => self.on_ringer = Some(Player::new(tones::RINGING, true, 0.35)),
            Command::Tone(Tone::TestRing) => self.on_ringer = Some(Player::new(tones::TEST, false, 0.35)),
            Command::Tone(Tone::Waiting) => self.in_ear = Some(Player::new(tones::WAITING, true, 0.08)),
            Command::Tone(Tone::Ringback) => self.in_ear = Some(Player::new(tones::RINGBACK, true, 0.12)),
            Command::Tone(Tone::Busy) => self.in_ear = Some(Player::new(&tones::BUSY.repeat(3), false, 0.12)),
            Command::Tone(Tone::Test) => self.in_ear = Some(Player::new(tones::TEST, false, 0.25)),
            Command::Key(digit) => {
                self.key = tones::key(digit).map(|(a, b)| Player::new(&[(a, b, 100), (0.0, 0.0, 10)], false, 0.15));
            }
            Command::Quiet => (self.in_ear, self.on_ringer) = (None, None),
            Command::Play(sound, from) => self.playing = Some((sound, from)),
            Command::StopPlaying => self.playing = None,
            Command::Processing(config) => {
                self.processing = Processing::new(config);
                (self.pressure, self.relief) = (Pressure::default(), Relief::None);
            }
            Command::Devices(devices) => {
                self.devices = devices;
                self.processing.other_device();
            }
        }
    }

    /// Sees to it that the next tick comes in time: that is heard most.
    fn took(&mut self, time: Duration) {
        self.processing.spent().into_iter().for_each(|(part, time)| self.stopwatch.spent(part, time));
        self.stopwatch.ticked(time, self.levels.work());
        if !self.pressure.took(time) || self.voices.is_empty() || self.relief == Relief::Concealment {
            return;
        }
        self.relief = if self.relief == Relief::None && self.processing.relieve() {
            Relief::StrongNoise
        } else {
            self.voices.values_mut().for_each(|attached| attached.voice.relieve());
            Relief::Concealment
        };
        tracing::warn!(left_out = ?self.relief, "sound takes too long");
    }

    fn tick(&mut self) {
        let mut playout = SILENCE;
        for (id, attached) in &mut self.voices {
            let mut heard = SILENCE;
            // A held voice is drained too, or its buffer would grow old.
            self.stopwatch.time(Part::Receiving, || attached.voice.render(&mut heard));
            if self.talking == Some(*id) {
                playout = heard;
            }
        }
        let customer = playout;
        self.mix_own(&mut playout);
        self.limiter.process(&mut playout);
        let mut ring = SILENCE;
        if !self.on_ringer.as_mut().is_some_and(|p| p.mix(&mut ring)) {
            self.on_ringer = None;
        }
        let mut microphone = SILENCE;
        self.stopwatch.time(Part::Devices, || self.devices.exchange(&playout, &ring, &mut microphone));
        for s in &mut microphone {
            *s = if s.is_finite() { s.clamp(-1.0, 1.0) } else { 0.0 };
        }
        let raw = microphone;
        let delays = self.devices.delays();
        if self.devices.changed() {
            self.processing.other_device();
        }
        // Between calls nobody hears the microphone; it is worth no more than a glance.
        if self.voices.is_empty() {
            self.processing.listen(&microphone, &playout);
        } else {
            self.processing.capture(&mut microphone, &playout, delays);
        }
        if !self.muted {
            self.watch.listen(&raw, if self.on_ringer.is_some() { &ring } else { &playout });
        }
        // Muted, or with everybody on hold, nobody hears an echo.
        let heard = !self.muted && self.talking.is_some();
        if heard {
            self.processing.listen_for_echo(&playout, &microphone);
        }
        self.levels.saw_troubles(&self.watch, heard && self.processing.echoes(), self.relief > Relief::None);
        self.levels.saw_microphone(&raw, &microphone);
        self.levels.saw_ear(&playout);
        self.levels.saw_delays(delays, self.processing.delay_ms());
        let operator = if self.muted { SILENCE } else { microphone };
        for (id, attached) in &mut self.voices {
            let talks = self.talking == Some(*id);
            // A hold is silence in the recording too, so that its time line stays true.
            let (operator, customer) = if talks { (&operator, &customer) } else { (&SILENCE, &SILENCE) };
            self.stopwatch.time(Part::Sending, || attached.voice.capture(operator));
            if let Some(tap) = &mut attached.tap {
                self.stopwatch.time(Part::Recording, || tap.frame(operator, customer));
            }
        }
    }

    /// Tones and replay: in the operator's ear, never in the customer's.
    fn mix_own(&mut self, playout: &mut Frame) {
        for slot in [&mut self.in_ear, &mut self.key] {
            if !slot.as_mut().is_some_and(|p| p.mix(playout)) {
                *slot = None;
            }
        }
        if let Some((sound, at)) = &mut self.playing {
            for (s, x) in playout.iter_mut().zip(sound.iter().skip(*at)) {
                *s += x;
            }
            *at += playout.len();
            self.playback.position.store(*at, Relaxed);
            if *at >= sound.len() {
                self.playback.playing.store(false, Relaxed);
                self.playing = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
