//! `cuffia-noise DIR`: passes each WAV file of a folder through the microphone's chain, each form of noise suppression in turn.
//!
//! `DIR/*.wav` become `DIR/none/*.wav`, `DIR/light/*.wav` and `DIR/strong/*.wav`, mono, 48 kHz, 16 bit. Prints one line of JSON: for
//! each form the delay it tells, ms, and what 10 ms of sound take, microseconds.
#![allow(clippy::print_stdout)] // what it prints is its outcome

use cuffia_headset::{Delays, FRAME, Frame, Processing, ProcessingConfig, SAMPLE_RATE, SILENCE, read_wav};
use serde_json::{Map, json};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    files.sort();
    // As on a headset, where it rests.
    let on = ProcessingConfig { echo_cancellation: false, ..ProcessingConfig::default() };
    let forms = [
        ("none", ProcessingConfig { noise_suppression: false, ..on }),
        ("light", on),
        ("strong", ProcessingConfig { strong_noise_suppression: true, ..on }),
    ];
    let mut told = Map::new();
    for (name, config) in forms {
        let out = folder.join(name);
        std::fs::create_dir_all(&out)?;
        let mut took = Vec::new();
        for file in &files {
            pass(config, file, &out.join(file.file_name().ok_or("no name")?), &mut took)?;
        }
        took.sort_by(f64::total_cmp);
        let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or_default();
        let mean = took.iter().sum::<f64>() / took.len().max(1) as f64;
        let delay = Processing::new(config).delay_ms();
        told.insert(name.into(), json!({ "delayMs": delay, "meanUs": mean, "p50Us": at(50), "p99Us": at(99) }));
    }
    println!("{}", json!(told));
    Ok(())
}

/// One file through a chain that begins anew, as a call does.
fn pass(config: ProcessingConfig, from: &Path, to: &Path, took: &mut Vec<f64>) -> Result<(), Box<dyn Error>> {
    let sound = read_wav(from)?;
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(to, format)?;
    let mut chain = Processing::new(config);
    for chunk in sound.chunks_exact(FRAME) {
        let mut frame: Frame = chunk.try_into()?;
        let begun = Instant::now();
        chain.capture(&mut frame, &SILENCE, Delays::default());
        took.push(begun.elapsed().as_secs_f64() * 1e6);
        for sample in frame {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16)?;
        }
    }
    writer.finalize()?;
    Ok(())
}
