//! What a network does, in figures and by name.

use serde::{Deserialize, Serialize};

/// What one direction does to packets. The default does nothing. In a config it is written as an object of these fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Share of packets lost, percent.
    pub loss_percent: f64,
    /// Mean number of packets lost in a row (Gilbert-Elliott, nothing survives in the bad state); 1: each loss is independent.
    pub burst: f64,
    /// Loss as libopus's generator makes it at 10 %, instead of the two above.
    pub lossgen: bool,
    /// Constant delay, ms.
    pub delay_ms: f64,
    /// Mean of an exponential delay on top, ms. No packet overtakes another because of it.
    pub jitter_ms: f64,
    /// From the beginning of one stall to the beginning of the next, ms. The first begins at once.
    pub spike_every_ms: f64,
    /// How long a stall lasts, ms: what comes meanwhile waits for its end. 0: no stalls.
    pub spike_ms: f64,
    /// Share of packets that are held back so that others overtake them, percent.
    pub reorder_percent: f64,
    /// How long these are held back, ms.
    pub reorder_ms: f64,
    /// Share of packets that arrive twice, percent.
    pub duplicate_percent: f64,
    /// The narrowest link, kbit/s of IP packets with their headers; none: no limit.
    pub kbit_per_s: Option<f64>,
    /// How long a packet may wait for that link, ms; it is dropped when it would have to wait longer.
    pub queue_ms: f64,
    /// Nothing passes from the one moment up to the other, seconds since the config was read.
    pub blackhole: Option<[f64; 2]>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            loss_percent: 0.0,
            burst: 1.0,
            lossgen: false,
            delay_ms: 0.0,
            jitter_ms: 0.0,
            spike_every_ms: 5_000.0,
            spike_ms: 0.0,
            reorder_percent: 0.0,
            reorder_ms: 30.0,
            duplicate_percent: 0.0,
            kbit_per_s: None,
            queue_ms: 200.0,
            blackhole: None,
        }
    }
}

/// The conditions every table of figures shows. [`Profile::named`] knows other numbers behind the same words too.
pub const NAMES: [&str; 21] = [
    "clean",
    "rtt60",
    "loss1",
    "loss5",
    "loss10",
    "loss20",
    "loss30",
    "burst5",
    "burst10",
    "burst20",
    "lossgen10",
    "jitter10",
    "jitter20",
    "jitter40",
    "wifi24",
    "reorder5",
    "duplicate5",
    "cap64",
    "cap48",
    "cap32",
    "combined",
];

impl Profile {
    /// `clean`, `rttN` (ms, half of it each way), `lossN` (percent, independent), `burstN` (percent, 3 in a row on average), `lossgen10`,
    /// `jitterN` (mean in ms), `wifi24` (2.4 GHz in a block of flats: 10 ms of jitter, and every 5 s a stall of a quarter of a second),
    /// `reorderN`, `duplicateN` (percent), `capN` (kbit/s), `combined` (5 % in bursts of 3, 20 ms of jitter, 30 ms each way).
    pub fn named(name: &str) -> Option<Self> {
        let nothing = Self::default();
        let (word, number) = name.split_at(name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len()));
        let number: Option<f64> = number.parse().ok();
        let profile = match (word, number) {
            ("clean", _) if name == "clean" => nothing,
            ("combined", _) if name == "combined" => {
                Self { loss_percent: 5.0, burst: 3.0, jitter_ms: 20.0, delay_ms: 30.0, ..nothing }
            }
            ("lossgen", _) if name == "lossgen10" => Self { lossgen: true, ..nothing },
            ("wifi", _) if name == "wifi24" => Self { jitter_ms: 10.0, spike_ms: 250.0, ..nothing },
            ("rtt", Some(ms)) => Self { delay_ms: ms / 2.0, ..nothing },
            ("loss", Some(percent)) => Self { loss_percent: percent, ..nothing },
            ("burst", Some(percent)) => Self { loss_percent: percent, burst: 3.0, ..nothing },
            ("jitter", Some(ms)) => Self { jitter_ms: ms, ..nothing },
            ("reorder", Some(percent)) => Self { reorder_percent: percent, ..nothing },
            ("duplicate", Some(percent)) => Self { duplicate_percent: percent, ..nothing },
            ("cap", Some(rate)) => Self { kbit_per_s: Some(rate), ..nothing },
            _ => return None,
        };
        profile.check().is_ok().then_some(profile)
    }

    /// Whether a network can do this; otherwise what to change.
    ///
    /// # Errors
    /// A sentence that names the field and its limits.
    pub fn check(&self) -> Result<(), String> {
        let percents = [
            ("loss_percent", self.loss_percent),
            ("reorder_percent", self.reorder_percent),
            ("duplicate_percent", self.duplicate_percent),
        ];
        for (field, value) in percents {
            if !(0.0..=100.0).contains(&value) {
                return Err(format!("{field} is {value}: give a share from 0 to 100"));
            }
        }
        let times = [
            ("delay_ms", self.delay_ms),
            ("jitter_ms", self.jitter_ms),
            ("spike_ms", self.spike_ms),
            ("reorder_ms", self.reorder_ms),
            ("queue_ms", self.queue_ms),
        ];
        for (field, value) in times {
            if !(0.0..=60_000.0).contains(&value) {
                return Err(format!("{field} is {value}: give 0 to 60000 ms"));
            }
        }
        if !(1.0..=1_000.0).contains(&self.burst) {
            return Err(format!("burst is {}: give the mean number of losses in a row, 1 to 1000", self.burst));
        }
        // A chain whose bad state lasts so many packets cannot spend more of its time there.
        let most = 100.0 * self.burst / (self.burst + 1.0);
        if self.burst > 1.0 && self.loss_percent > most {
            return Err(format!(
                "loss_percent is {}: bursts of {} allow {most:.1} at most",
                self.loss_percent, self.burst
            ));
        }
        if self.lossgen && self.loss_percent > 0.0 {
            return Err("lossgen brings its own 10 %: leave loss_percent out, or set lossgen to false".into());
        }
        if self.spike_ms > 0.0 && !(self.spike_ms..=3_600_000.0).contains(&self.spike_every_ms) {
            return Err(format!("spike_every_ms is {}: give spike_ms to 3600000 ms", self.spike_every_ms));
        }
        if let Some(rate) = self.kbit_per_s
            && !(1.0..=10_000_000.0).contains(&rate)
        {
            return Err(format!("kbit_per_s is {rate}: give 1 to 10000000, or leave it out for no limit"));
        }
        if let Some([from, to]) = self.blackhole
            && !(0.0 <= from && from < to && to <= 1e9)
        {
            return Err(format!("blackhole is [{from}, {to}]: give [from, to] in seconds, from before to"));
        }
        Ok(())
    }
}
