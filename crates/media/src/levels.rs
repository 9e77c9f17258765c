//! How loud sound is.

/// What silence reads.
pub const FLOOR_DBFS: f32 = -120.0;

/// RMS level in dBFS: a full-scale sine reads −3.01, silence −120.
pub fn dbfs(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return FLOOR_DBFS;
    }
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    // The comparison is false for NaN as well, so no NaN gets out.
    if power > 1e-12 { 10.0 * power.log10() } else { FLOOR_DBFS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_sine_reads_minus_three() {
        let sine: Vec<f32> =
            (0..48_000).map(|n| (n as f32 * std::f32::consts::TAU * 1_000.0 / 48_000.0).sin()).collect();
        assert!((dbfs(&sine) + 3.01).abs() < 0.02);
    }

    #[test]
    fn silence_and_nothing_and_nonsense_read_the_floor() {
        for samples in [&[0.0f32; 480][..], &[], &[f32::NAN; 4]] {
            assert_eq!(dbfs(samples), FLOOR_DBFS);
        }
    }
}
