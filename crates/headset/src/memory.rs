//! Devices without a sound card: for tests, for the terminal, for anything that brings its own microphone.

use crate::{Devices, Frame, SILENCE};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Devices made of one function: it is given what the ear and the ringer hear, and fills the microphone's frame.
pub struct FnDevices<F>(pub F);

impl<F: FnMut(&Frame, &Frame, &mut Frame) + Send> Devices for FnDevices<F> {
    fn exchange(&mut self, playout: &Frame, ring: &Frame, captured: &mut Frame) {
        (self.0)(playout, ring, captured);
    }
}

#[derive(Default)]
struct Memory {
    microphone: VecDeque<f32>,
    heard: Vec<f32>,
    rung: Vec<f32>,
}

/// Devices in memory; the other end is a [`MemoryEnd`].
pub struct MemoryDevices(Arc<Mutex<Memory>>);

/// What a test holds: speaks into the microphone, hears the ear and the ringer.
#[derive(Clone)]
pub struct MemoryEnd(Arc<Mutex<Memory>>);

impl MemoryDevices {
    /// A pair of devices and their other end.
    pub fn new() -> (MemoryDevices, MemoryEnd) {
        let shared = Arc::new(Mutex::new(Memory::default()));
        (MemoryDevices(shared.clone()), MemoryEnd(shared))
    }
}

fn locked(memory: &Mutex<Memory>) -> std::sync::MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Devices for MemoryDevices {
    fn exchange(&mut self, playout: &Frame, ring: &Frame, captured: &mut Frame) {
        let mut memory = locked(&self.0);
        memory.heard.extend_from_slice(playout);
        memory.rung.extend_from_slice(ring);
        *captured = SILENCE;
        for s in captured {
            match memory.microphone.pop_front() {
                Some(next) => *s = next,
                None => break,
            }
        }
    }
}

impl MemoryEnd {
    /// Puts sound (48 kHz mono) behind what the microphone still has to say.
    pub fn speak(&self, sound: &[f32]) {
        locked(&self.0).microphone.extend(sound);
    }

    /// Samples that the microphone has not said yet.
    pub fn left_to_say(&self) -> usize {
        locked(&self.0).microphone.len()
    }

    /// Takes all that the ear heard since the last call.
    pub fn heard(&self) -> Vec<f32> {
        std::mem::take(&mut locked(&self.0).heard)
    }

    /// Takes all that the ringing device played since the last call.
    pub fn rung(&self) -> Vec<f32> {
        std::mem::take(&mut locked(&self.0).rung)
    }
}
