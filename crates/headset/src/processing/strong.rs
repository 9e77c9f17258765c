//! For noisy rooms: what is no voice is taken out by a trained network (RNNoise, as `nnnoiseless` has it), and between the operator's
//! words the rest of the room is turned down.

use super::gate::Gate;
use crate::Frame;
use nnnoiseless::DenoiseState;

/// The network counts in steps of 16-bit sound.
const STEPS: f32 = 32_768.0;
/// What it takes, ms: it looks a frame ahead.
pub(super) const STRONG_MS: f32 = 10.0;

/// The strong noise suppressor.
pub(super) struct Strong {
    network: Box<DenoiseState<'static>>,
    pub(super) gate: Gate,
}

impl Strong {
    /// It knows nothing yet.
    pub(super) fn new() -> Strong {
        Strong { network: DenoiseState::new(), gate: Gate::new() }
    }

    /// Cleans a frame.
    pub(super) fn process(&mut self, frame: &mut Frame) {
        // What is no number would end the program there.
        let scaled = frame.map(|s| if s.is_finite() { s.clamp(-1.0, 1.0) * STEPS } else { 0.0 });
        let voice = self.network.process_frame(frame, &scaled);
        frame.iter_mut().for_each(|s| *s /= STEPS);
        self.gate.pass(frame, voice);
    }
}
