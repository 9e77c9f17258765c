//! Listening quality from network figures: the E-model of ITU-T G.107 with its defaults, reduced to delay and loss.

use crate::types::{Codec, Impairment};

/// What the estimate rests on.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// The codec heard.
    pub codec: Codec,
    /// One-way delay, network and buffer.
    pub delay_ms: f32,
    /// Packets lost on the way, in percent.
    pub loss_percent: f32,
    /// Sound that was not there in time, in percent: packets lost, and those that came too late.
    pub missing_percent: f32,
}

/// Mean opinion score, 1.0 to 4.5, and what costs most of it.
pub fn estimate(conditions: Conditions) -> (f32, Impairment) {
    let delay = conditions.delay_ms.clamp(0.0, 2_000.0);
    let loss = conditions.missing_percent.max(conditions.loss_percent).clamp(0.0, 100.0);
    // G.107 §7.4 as fitted by Cole and Rosenbluth: delay starts to hurt at 177.3 ms.
    let delay_impairment = 0.024 * delay + if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0.0 };
    // G.113 appendix I: G.711 with concealment has robustness 25.1; Opus with in-band FEC is taken a little lower,
    // since its frames depend on each other.
    let robustness = match conditions.codec {
        Codec::Opus => 20.0,
        Codec::Pcmu | Codec::Pcma | Codec::G722 => 25.1,
    };
    let equipment_impairment = 95.0 * loss / (loss + robustness);
    let rating = (93.2 - delay_impairment - equipment_impairment).clamp(0.0, 100.0);
    let score = (1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating)).clamp(1.0, 4.5);
    let impairment = if delay_impairment >= equipment_impairment {
        Impairment::Delay
    } else if conditions.loss_percent * 2.0 >= loss {
        Impairment::Loss
    } else {
        Impairment::Late
    };
    (score, impairment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mos(delay_ms: f32, loss_percent: f32) -> f32 {
        estimate(Conditions { codec: Codec::Pcma, delay_ms, loss_percent, missing_percent: loss_percent }).0
    }

    #[test]
    fn a_clean_short_path_is_good_and_a_broken_one_is_bad() {
        assert!((mos(20.0, 0.0) - 4.4).abs() < 0.05);
        assert!(mos(600.0, 20.0) < 2.2);
    }

    #[test]
    fn it_says_what_costs_most() {
        let why = |delay_ms, loss_percent, missing_percent| {
            estimate(Conditions { codec: Codec::Opus, delay_ms, loss_percent, missing_percent }).1
        };
        assert_eq!(why(450.0, 0.0, 0.0), Impairment::Delay);
        assert_eq!(why(60.0, 8.0, 9.0), Impairment::Loss);
        assert_eq!(why(60.0, 0.0, 9.0), Impairment::Late);
    }

    #[test]
    fn it_only_gets_worse_with_delay_and_loss() {
        for step in 0..50 {
            let step = step as f32;
            assert!(mos(step * 10.0, 1.0) >= mos(step * 10.0 + 10.0, 1.0));
            assert!(mos(100.0, step) >= mos(100.0, step + 1.0));
        }
    }
}
