//! What runs on the sound system's own threads: samples between its buffer and a ring, and nothing that could wait.

use crate::drift::Inside;
use cpal::{FromSample, InputStreamTimestamp, OutputStreamTimestamp, Sample};
use rtrb::{Consumer, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What a stream's callbacks let others see.
#[derive(Default)]
pub(super) struct Life {
    /// The sound system says that the device is gone.
    pub(super) lost: AtomicBool,
    /// Calls so far.
    pub(super) callbacks: AtomicU64,
    /// Frames moved so far.
    pub(super) frames: AtomicU64,
    /// Errors since somebody took the count.
    pub(super) errors: AtomicU64,
}

/// A device's side of a ring.
pub(super) struct Callback<Ring> {
    ring: Ring,
    rate: u32,
    channels: usize,
    life: Arc<Life>,
    inside: Arc<Inside>,
}

impl Life {
    /// Once in each callback, with the frames it moves.
    fn moves(&self, frames: usize) {
        self.callbacks.fetch_add(1, Relaxed);
        self.frames.fetch_add(frames as u64, Relaxed);
    }
}

impl<Ring> Callback<Ring> {
    /// `rate` in Hz; the device's buffers are interleaved, the ring is mono.
    pub(super) fn new(ring: Ring, rate: u32, channels: usize, life: Arc<Life>, inside: Arc<Inside>) -> Self {
        Self { ring, rate, channels: channels.max(1), life, inside }
    }

    /// How long so many interleaved samples last.
    fn lasts(&self, samples: usize) -> Duration {
        Duration::from_secs_f64((samples / self.channels) as f64 / f64::from(self.rate.max(1)))
    }
}

impl Callback<Producer<f32>> {
    /// The microphone has given this; the ring gets the mean of its channels. What finds no room is lost.
    pub(super) fn captured<T: Copy>(&mut self, data: &[T], stamp: InputStreamTimestamp)
    where
        f32: FromSample<T>,
    {
        self.life.moves(data.len() / self.channels);
        let moved = self.lasts(data.len());
        // The stamp is that of the first sample; the last one is younger by all that comes with it.
        let age = stamp.callback.saturating_duration_since(stamp.capture).saturating_sub(moved);
        let channels = self.channels;
        let frames = (data.len() / channels).min(self.ring.slots());
        if let Ok(chunk) = self.ring.write_chunk_uninit(frames) {
            let share = 1.0 / channels as f32;
            let frames = data.chunks_exact(channels);
            chunk.fill_from_iter(frames.map(|f| f.iter().map(|s| f32::from_sample_(*s)).sum::<f32>() * share));
        }
        // Afterwards: whoever looks in between must not think that less is left than is.
        self.inside.saw(Instant::now(), age, moved);
    }
}

impl Callback<Consumer<f32>> {
    /// The loudspeaker wants this filled: all channels alike. What the ring has not got stays as the sound system gave it, silent.
    pub(super) fn wanted<T: Sample + FromSample<f32>>(&mut self, data: &mut [T], stamp: OutputStreamTimestamp) {
        self.life.moves(data.len() / self.channels);
        let moved = self.lasts(data.len());
        self.inside.saw(Instant::now(), stamp.playback.saturating_duration_since(stamp.callback), moved);
        let frames = (data.len() / self.channels).min(self.ring.slots());
        if let Ok(chunk) = self.ring.read_chunk(frames) {
            for (out, s) in data.chunks_exact_mut(self.channels).zip(chunk) {
                out.fill(T::from_sample(s));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpal::StreamInstant;
    use rtrb::RingBuffer;

    fn instant(ms: u64) -> StreamInstant {
        StreamInstant::from_millis(ms)
    }

    #[test]
    fn channels_become_one_and_one_becomes_all_and_no_memory_is_asked_for() {
        let (producer, mut heard) = RingBuffer::new(4);
        let mut microphone = Callback::new(producer, 48_000, 2, Arc::default(), Arc::default());
        let (mut spoken, consumer) = RingBuffer::new(4);
        let mut loudspeaker = Callback::new(consumer, 48_000, 2, Arc::default(), Arc::default());
        spoken.push(0.5).expect("room");
        let mut played = [0i16; 4];
        let counted = allocation_counter::measure(|| {
            let capture = InputStreamTimestamp { callback: instant(30), capture: instant(10) };
            microphone.captured(&[0.25f32, 0.75, 1.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9], capture);
            let playback = OutputStreamTimestamp { callback: instant(30), playback: instant(50) };
            loudspeaker.wanted(&mut played, playback);
        });
        assert_eq!(counted.count_total, 0);
        assert_eq!(
            std::iter::from_fn(|| heard.pop().ok()).collect::<Vec<_>>(),
            [0.5, 0.5, 0.1, 0.1],
            "the rest is lost"
        );
        assert_eq!(played, [16_384, 16_384, 0, 0]);
    }
}
