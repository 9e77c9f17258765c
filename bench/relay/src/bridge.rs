//! The loop that carries out what the links decide.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use cuffia_relay::rebind::Rebind;
use cuffia_relay::stats::{Run, Way};
use cuffia_relay::{Config, Drop, Fate, Link, frame};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::time::ClockId;

use crate::port::{Frame, Offload, Port};

/// Frames read from one interface before the other one, and what is due, have their turn.
const TURN: usize = 64;

/// Why a run ended.
pub enum End {
    /// It was told to.
    Asked,
    /// An interface went away, or the system failed.
    Failed(String),
}

/// Both directions between two interfaces.
pub struct Bridge {
    ports: [Port; 2],
    ways: [Way; 2],
    links: [Link; 2],
    nat: Rebind,
    skip_ports: Vec<u16>,
    /// When the config was read; the links' time begins here.
    epoch: Duration,
    started: Duration,
    held: BinaryHeap<Reverse<Held>>,
    /// Packets that came in so far.
    order: u64,
    /// The latest to have come in of those that went out, by direction.
    newest: [u64; 2],
    signals: SignalFd,
}

/// A packet that waits for its moment. The order of the fields is that of leaving.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    at: Duration,
    order: u64,
    way: usize,
    octets: Vec<u8>,
    offload: Offload,
}

impl Bridge {
    /// Opens both interfaces. From now on SIGHUP, SIGTERM and SIGINT are read by [`Bridge::run`] alone.
    ///
    /// # Errors
    /// An interface that cannot be opened, and what to do.
    pub fn open(a: &str, b: &str, config: &Config) -> Result<Self, String> {
        let signals: SigSet = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
        signals.thread_block().map_err(|e| e.to_string())?;
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC);
        let started = now(ClockId::CLOCK_MONOTONIC);
        Ok(Self {
            ports: [Port::open(a)?, Port::open(b)?],
            ways: Default::default(),
            links: links(config),
            nat: Rebind::new(&config.rebind_a_s, &config.skip_ports),
            skip_ports: config.skip_ports.clone(),
            epoch: started,
            started,
            held: BinaryHeap::new(),
            order: 0,
            newest: [0; 2],
            signals: signals.map_err(|e| e.to_string())?,
        })
    }

    /// Carries frames until a signal ends it, and tells what it saw.
    pub fn run(mut self, config: &Path) -> (Run, End) {
        let end = loop {
            match self.turn(config) {
                Ok(None) => {}
                Ok(Some(end)) => break end,
                Err(what) => break End::Failed(what),
            }
        };
        for Reverse(held) in self.held {
            self.ways[held.way].held += 1;
        }
        for (way, port) in self.ways.iter_mut().zip(&self.ports) {
            way.overflowed = port.overflowed.into();
        }
        let [a_to_b, b_to_a] = self.ways;
        let run = Run {
            started_s: self.started.as_secs_f64(),
            ended_s: now(ClockId::CLOCK_MONOTONIC).as_secs_f64(),
            spoilt: a_to_b.spoilt() || b_to_a.spoilt(),
            a_to_b,
            b_to_a,
        };
        (run, end)
    }

    fn turn(&mut self, config: &Path) -> Result<Option<End>, String> {
        self.let_out();
        let mut wanted = [
            PollFd::new(self.ports[0].as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ports[1].as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        let due = self.held.peek().map(|Reverse(held)| held.at.saturating_sub(now(ClockId::CLOCK_MONOTONIC)));
        match ppoll(&mut wanted, due.map(TimeSpec::from), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(format!("the system does not wait: {e}")),
        }
        let [a, b, _] = wanted.map(|one| one.any().unwrap_or(true));
        if a {
            self.read(0)?;
        }
        if b {
            self.read(1)?;
        }
        while let Some(signal) = self.signals.read_signal().map_err(|e| e.to_string())? {
            if signal.ssi_signo != Signal::SIGHUP as u32 {
                return Ok(Some(End::Asked));
            }
            self.reload(config);
        }
        Ok(None)
    }

    fn let_out(&mut self) {
        while let Some(Reverse(first)) = self.held.peek() {
            if first.at > now(ClockId::CLOCK_MONOTONIC) {
                return;
            }
            let Some(Reverse(held)) = self.held.pop() else { return };
            self.send(&held);
        }
    }

    fn send(&mut self, held: &Held) {
        let way = &mut self.ways[held.way];
        if self.ports[1 - held.way].send(&held.octets, held.offload) {
            way.sent += 1;
        } else {
            way.unsent += 1;
        }
        way.lateness_ms.add(now(ClockId::CLOCK_MONOTONIC).saturating_sub(held.at));
        if held.order < self.newest[held.way] {
            way.reordered += 1;
        }
        self.newest[held.way] = self.newest[held.way].max(held.order);
    }

    fn read(&mut self, way: usize) -> Result<(), String> {
        for _ in 0..TURN {
            let Some(frame) = self.ports[way].receive()? else { break };
            let came = came(&frame);
            let datagram = frame::datagram(&frame.octets);
            let skipped = |(from, to): (u16, u16)| self.skip_ports.contains(&from) || self.skip_ports.contains(&to);
            match datagram {
                Some(datagram) if !skipped(datagram.ports) => match frame.offload.datagram_size() {
                    Some(size) => {
                        for piece in frame::segments(&frame.octets, &datagram, size) {
                            self.decide(way, piece, Offload::default(), came);
                        }
                    }
                    None => self.decide(way, frame.octets, frame.offload, came),
                },
                other => {
                    if other.is_some() {
                        self.ways[way].first_seen("skipped_port", came);
                    }
                    self.ways[way].unimpaired += 1;
                    if !self.ports[1 - way].send(&frame.octets, frame.offload) {
                        self.ways[way].unimpaired_unsent += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Asks the link what becomes of a datagram that came at a moment of the monotonic clock.
    fn decide(&mut self, way: usize, mut octets: Vec<u8>, offload: Offload, came: Duration) {
        let Some(datagram) = frame::datagram(&octets) else { return };
        let seen = &mut self.ways[way];
        seen.came(frame::kind(&octets[datagram.payload.clone()]), came);
        let now = came.saturating_sub(self.epoch);
        let (end, port, old) = if way == 0 {
            (frame::End::Source, self.nat.leave(now, datagram.ports.0), datagram.ports.0)
        } else if let Some(port) = self.nat.enter(now, datagram.ports.1) {
            (frame::End::Destination, port, datagram.ports.1)
        } else {
            seen.unmapped += 1;
            return;
        };
        if port != old {
            frame::set_port(&mut octets, &datagram, end, port, !offload.unsummed());
        }
        match self.links[way].pass(now, datagram.ip_bytes) {
            Fate::Leaves { at, twice } => {
                self.order += 1;
                let held = Held { at: self.epoch + at, order: self.order, way, octets, offload };
                if twice {
                    seen.duplicated += 1;
                    self.held.push(Reverse(Held { octets: held.octets.clone(), ..held }));
                }
                self.held.push(Reverse(held));
            }
            Fate::Dropped(Drop::Lost) => seen.lost += 1,
            Fate::Dropped(Drop::Blackhole) => seen.blackholed += 1,
            Fate::Dropped(Drop::QueueFull) => seen.queue_dropped += 1,
        }
    }

    /// What is held already keeps its moment.
    fn reload(&mut self, path: &Path) {
        match crate::run::read(path) {
            Ok(config) => {
                self.links = links(&config);
                self.nat = Rebind::new(&config.rebind_a_s, &config.skip_ports);
                self.skip_ports = config.skip_ports;
                self.epoch = now(ClockId::CLOCK_MONOTONIC);
                crate::run::ready();
            }
            Err(what) => crate::run::complain(&format!("{what}. What was read before stays")),
        }
    }
}

fn links(config: &Config) -> [Link; 2] {
    [Link::new(&config.a_to_b, config.link_seed(true)), Link::new(&config.b_to_a, config.link_seed(false))]
}

/// When the kernel had a frame, on the monotonic clock: so the time that it waited to be read counts as our lateness.
fn came(frame: &Frame) -> Duration {
    let waited = frame.stamp.map_or(Duration::ZERO, |stamp| now(ClockId::CLOCK_REALTIME).saturating_sub(stamp));
    // More than this is not a wait but somebody who set the wall clock.
    let waited = if waited > Duration::from_secs(2) { Duration::ZERO } else { waited };
    now(ClockId::CLOCK_MONOTONIC).saturating_sub(waited)
}

fn now(clock: ClockId) -> Duration {
    // Both clocks exist on every Linux.
    clock.now().map(Duration::from).unwrap_or_default()
}
