//! From words to sound: facts spoken so that they can be written down, the voice, and lines at the right level.

mod numbers;
mod pico;
mod render;
mod sound;
mod value;

pub(crate) use numbers::spell_numbers;
pub(crate) use pico::{Spoken, speak_all};
pub(crate) use render::{Rendered, RenderedLine, finish, render};
pub(crate) use sound::Noise;
use sound::{normalise, tighten, to_48k, trim};
pub(crate) use value::Value;

#[cfg(test)]
mod tests;
