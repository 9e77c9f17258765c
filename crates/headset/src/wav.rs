//! WAV files as microphones and as witnesses.

use crate::{HeadsetError, SAMPLE_RATE};
use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use std::path::Path;

/// Files longer than this are refused: one hour.
const MAX_SECONDS: u64 = 3_600;

fn file_error(path: &Path, why: impl ToString) -> HeadsetError {
    HeadsetError::File { name: path.display().to_string(), why: why.to_string() }
}

/// Reads a WAV file of any rate, depth and channel count as 48 kHz mono, full scale ±1.0.
///
/// # Errors
/// [`HeadsetError::File`] when it is not a WAV file, is empty, or is longer than an hour.
pub fn read_wav(path: &Path) -> Result<Vec<f32>, HeadsetError> {
    let mut reader = hound::WavReader::open(path).map_err(|e| file_error(path, e))?;
    let spec = reader.spec();
    if spec.sample_rate == 0
        || spec.channels == 0
        || u64::from(reader.duration()) > MAX_SECONDS * u64::from(spec.sample_rate)
    {
        return Err(file_error(path, "longer than an hour, or without sound"));
    }
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>(),
        hound::SampleFormat::Int => {
            let scale = (1i64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            reader.samples::<i32>().map(|s| s.map(|s| s as f32 / scale)).collect()
        }
    }
    .map_err(|e| file_error(path, e))?;
    let channels = usize::from(spec.channels);
    let mono: Vec<f32> = samples.chunks_exact(channels).map(|c| c.iter().sum::<f32>() / channels as f32).collect();
    if mono.is_empty() || spec.sample_rate == SAMPLE_RATE {
        return Ok(mono);
    }
    let convert = || -> Result<Vec<f32>, Box<dyn std::error::Error>> {
        let mut fft = Fft::<f32>::new(spec.sample_rate as usize, SAMPLE_RATE as usize, 1024, 1, FixedSync::Input)?;
        let input = InterleavedSlice::new(&mono, 1, mono.len())?;
        Ok(fft.process_all(&input, mono.len(), None)?.take_data())
    };
    convert().map_err(|e| file_error(path, e))
}

/// Writes 48 kHz, 16 bit. One channel or more, interleaved.
pub struct WavWriter(hound::WavWriter<std::io::BufWriter<std::fs::File>>);

impl WavWriter {
    /// Makes the file, replacing what is there.
    ///
    /// # Errors
    /// [`HeadsetError::File`] when it cannot be made.
    pub fn create(path: &Path, channels: u16) -> Result<WavWriter, HeadsetError> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        Ok(WavWriter(hound::WavWriter::create(path, spec).map_err(|e| file_error(path, e))?))
    }

    /// Adds samples; false when the disk refuses.
    pub fn write(&mut self, samples: &[f32]) -> bool {
        samples.iter().all(|s| self.0.write_sample((s.clamp(-1.0, 1.0) * 32_767.0) as i16).is_ok())
    }

    /// Closes the file with its right length.
    ///
    /// # Errors
    /// [`HeadsetError::File`] when the disk refuses.
    pub fn finish(self, path: &Path) -> Result<(), HeadsetError> {
        self.0.finalize().map_err(|e| file_error(path, e))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn any_rate_and_channel_count_comes_back_as_48_khz_mono() {
        let dir = tempfile::tempdir().unwrap();
        for (rate, channels, bits) in [(8_000u32, 1u16, 16u16), (16_000, 2, 24), (44_100, 2, 32), (48_000, 1, 8)] {
            let path = dir.path().join("x.wav");
            let spec = hound::WavSpec {
                channels,
                sample_rate: rate,
                bits_per_sample: bits,
                sample_format: hound::SampleFormat::Int,
            };
            let mut w = hound::WavWriter::create(&path, spec).unwrap();
            for i in 0..rate {
                let s = (std::f32::consts::TAU * 440.0 * i as f32 / rate as f32).sin() * 0.5;
                for _ in 0..channels {
                    w.write_sample((s * ((1i64 << (bits - 1)) - 1) as f32) as i32).unwrap();
                }
            }
            w.finalize().unwrap();
            let sound = read_wav(&path).unwrap();
            assert!((47_000..=48_010).contains(&sound.len()), "one second at {rate} Hz: {}", sound.len());
            let crossings = sound.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
            assert!((430..=445).contains(&crossings), "440 Hz at {rate} Hz: {crossings}");
        }
    }

    #[test]
    fn what_is_not_a_wav_file_is_an_error_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.wav");
        std::fs::write(&path, b"RIFF\x00\x00\x00\x00WAVEgarbage").unwrap();
        let error = read_wav(&path).unwrap_err();
        assert_eq!(error.code(), "headset.file");
        assert!(error.to_string().contains("x.wav"));
    }
}
