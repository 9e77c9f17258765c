//! Comfort noise (RFC 3389): while nobody speaks at the far end, a packet now and then tells how its room sounds, and noise of that
//! loudness and colour is made of it.

use super::Pcm;
use super::resample::{Rate, Up};

const RATE: Rate = Rate::Narrow;
/// Reflection coefficients that count; more colour than these give nobody hears.
const ORDER: usize = 12;
/// How quickly the noise goes over into one of another loudness, in samples at 8 kHz: most of it within 30 ms.
const GLIDE: f32 = 240.0;
/// The loudest made, dBov: who claims a louder room is not believed.
const LOUDEST: u8 = 30;

/// A room's noise.
pub struct Comfort {
    up: Up,
    /// Reflection coefficients of the filter that colours it.
    colour: [f32; ORDER],
    /// Its state.
    waves: [f32; ORDER + 1],
    /// How loud it is, RMS, and how loud it shall be.
    loudness: f32,
    wanted: f32,
    /// The white noise before the filter, beside that.
    share: f32,
    chance: u32,
}

impl Comfort {
    /// Silent.
    pub fn new() -> Self {
        Self {
            up: Up::new(RATE),
            colour: [0.0; ORDER],
            waves: [0.0; ORDER + 1],
            loudness: 0.0,
            wanted: 0.0,
            share: 0.0,
            chance: 1,
        }
    }

    /// Takes what a packet tells: the level in −dBov, then coefficients (RFC 3389 §3). An empty one tells nothing new; whether anything
    /// was told yet.
    pub fn take(&mut self, payload: &[u8]) -> bool {
        let Some((level, coefficients)) = payload.split_first() else { return self.wanted > 0.0 };
        let level = (level & 0x7f).max(LOUDEST);
        self.wanted = 10f32.powf(-f32::from(level) / 20.0);
        let mut colour = [0.0; ORDER];
        for (colour, octet) in colour.iter_mut().zip(coefficients) {
            *colour = ((f32::from(*octet) - 127.0) / 127.0).clamp(-0.99, 0.99);
        }
        if colour != self.colour {
            // What rings in the old colour could be loud in the new.
            (self.colour, self.waves) = (colour, [0.0; ORDER + 1]);
        }
        // The filter makes it louder by this; white noise of ±1 is of 1/√3.
        self.share = (3.0 * self.colour.iter().map(|k| 1.0 - k * k).product::<f32>()).sqrt();
        true
    }

    /// Makes `samples` at 48 kHz.
    pub fn make(&mut self, samples: usize, out: &mut Pcm) -> usize {
        let made = samples / RATE.factor();
        for _ in 0..made {
            self.loudness += (self.wanted - self.loudness) / GLIDE;
            let sample = self.loudness * self.share * self.white();
            let coloured = self.filter(sample);
            self.up.push(coloured, out);
        }
        made * RATE.factor()
    }

    /// From −1 to 1, by Marsaglia's xorshift.
    fn white(&mut self) -> f32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        self.chance as i32 as f32 / 2f32.powi(31)
    }

    /// A lattice: stable for coefficients of any size below one.
    fn filter(&mut self, sample: f32) -> f32 {
        let mut forward = sample;
        for n in (0..ORDER).rev() {
            forward -= self.colour[n] * self.waves[n];
            self.waves[n + 1] = self.waves[n] + self.colour[n] * forward;
        }
        self.waves[0] = forward;
        forward
    }
}
