//! Tones: the plainest proof of what was heard.

/// A sine at 48 kHz, half of full scale.
pub fn tone(hz: f32, seconds: f32) -> Vec<f32> {
    (0..(seconds * 48_000.0) as usize).map(|i| 0.5 * (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin()).collect()
}

/// Which part of the power is at this frequency, 0..=1 (Goertzel over the whole).
pub fn share(sound: &[f32], hz: f32) -> f32 {
    let (mut re, mut im) = (0f64, 0f64);
    for (i, &s) in sound.iter().enumerate() {
        let a = std::f64::consts::TAU * f64::from(hz) * i as f64 / 48_000.0;
        re += f64::from(s) * a.cos();
        im += f64::from(s) * a.sin();
    }
    let total: f64 = sound.iter().map(|&s| f64::from(s).powi(2)).sum();
    if total == 0.0 { 0.0 } else { (2.0 * (re * re + im * im) / (sound.len() as f64 * total)) as f32 }
}
