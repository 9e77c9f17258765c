//! Steady noise is taken out: sonora's suppressor in three bands. Driven here, for as a whole sonora puts a steep high-pass before it.

use crate::Frame;
use sonora::three_band_filter_bank::{NUM_BANDS, SPLIT_BAND_SIZE, ThreeBandFilterBank};
use sonora_ns::config::NsConfig;
use sonora_ns::noise_suppressor::NoiseSuppressor;

/// It counts in steps of 16-bit sound.
const STEPS: f32 = 32_768.0;

/// The suppressor and the bands it works in; the voice's own is the lowest, up to 8 kHz.
pub(super) struct Noise {
    split: ThreeBandFilterBank,
    join: ThreeBandFilterBank,
    suppressor: NoiseSuppressor,
    bands: [[f32; SPLIT_BAND_SIZE]; NUM_BANDS],
}

impl Noise {
    /// Nothing known of the room yet. Noise goes down by 12 dB.
    pub(super) fn new() -> Noise {
        Noise {
            split: ThreeBandFilterBank::new(),
            join: ThreeBandFilterBank::new(),
            suppressor: NoiseSuppressor::new_with_bands(NsConfig::default(), NUM_BANDS),
            bands: [[0.0; SPLIT_BAND_SIZE]; NUM_BANDS],
        }
    }

    pub(super) fn process(&mut self, frame: &mut Frame) {
        self.split.analysis(&frame.map(|s| s * STEPS), &mut self.bands);
        let [voice, upper @ ..] = &mut self.bands;
        self.suppressor.analyze(voice);
        self.suppressor.process(voice);
        let gain = self.suppressor.upper_band_gain();
        for (index, band) in upper.iter_mut().enumerate() {
            self.suppressor.process_upper_band(band, index, gain);
        }
        self.join.synthesis(&self.bands, frame);
        frame.iter_mut().for_each(|s| *s /= STEPS);
    }
}
