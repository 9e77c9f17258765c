//! What the relay saw and did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::frame::Kind;

/// One run.
#[derive(Debug, Serialize)]
pub struct Run {
    /// When it began, seconds of the system's monotonic clock.
    pub started_s: f64,
    /// When it ended, on the same clock.
    pub ended_s: f64,
    /// The relay itself was late: figures of this run are not to be trusted.
    pub spoilt: bool,
    /// From the first interface to the second.
    pub a_to_b: Way,
    /// From the second interface to the first.
    pub b_to_a: Way,
}

/// One direction. Counts are of UDP packets, without those of ports that are skipped.
///
/// `received` + `duplicated` = `lost` + `queue_dropped` + `blackholed` + `unmapped` + `held` + `sent` + `unsent`.
#[derive(Debug, Default, Serialize)]
pub struct Way {
    /// Came in.
    pub received: u64,
    /// Went out, with duplicates.
    pub sent: u64,
    /// Lost by the profile.
    pub lost: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Went out after one that had come in later.
    pub reordered: u64,
    /// Dropped before the narrowest link.
    pub queue_dropped: u64,
    /// Came while the network was away.
    pub blackholed: u64,
    /// Sent to a port that the NAT has forgotten.
    pub unmapped: u64,
    /// Waited still when the run ended, with duplicates.
    pub held: u64,
    /// The interface refused them.
    pub unsent: u64,
    /// Frames of any kind that the relay was too slow to read.
    pub overflowed: u64,
    /// Frames that passed unimpaired: no UDP, or of a skipped port.
    pub unimpaired: u64,
    /// Of these, what the interface refused.
    pub unimpaired_unsent: u64,
    /// RTP and SRTP packets that came in, by payload type.
    pub rtp_payload_types: BTreeMap<u8, u64>,
    /// RTCP and SRTCP packets that came in.
    pub rtcp: u64,
    /// STUN packets that came in.
    pub stun: u64,
    /// DTLS packets that came in.
    pub dtls: u64,
    /// When the first of a kind came in, seconds of the system's monotonic clock: `skipped_port`, `stun`, `dtls`, `rtp`, `rtcp`, `other`.
    pub first_seen_s: BTreeMap<&'static str, f64>,
    /// How much later than their fate said packets went out.
    pub lateness_ms: Lateness,
}

impl Way {
    /// Notes a packet that came in.
    pub fn came(&mut self, kind: Kind, at: Duration) {
        self.received += 1;
        let name = match kind {
            Kind::Rtp(payload_type) => {
                *self.rtp_payload_types.entry(payload_type).or_default() += 1;
                "rtp"
            }
            Kind::Rtcp => {
                self.rtcp += 1;
                "rtcp"
            }
            Kind::Stun => {
                self.stun += 1;
                "stun"
            }
            Kind::Dtls => {
                self.dtls += 1;
                "dtls"
            }
            Kind::Other => "other",
        };
        self.first_seen(name, at);
    }

    /// Notes when something was seen, if it is the first of its name.
    pub fn first_seen(&mut self, name: &'static str, at: Duration) {
        self.first_seen_s.entry(name).or_insert(at.as_secs_f64());
    }

    /// Whether the relay itself was so late that the figures show it instead of the profile: more than 10 ms once, or more than 3 ms for
    /// one packet of a hundred.
    pub fn spoilt(&self) -> bool {
        self.lateness_ms.max() > 10.0 || self.lateness_ms.quantile(0.99) > 3.0
    }
}

/// A histogram of lateness in steps of 10 µs up to 20 ms. Written as `p50`, `p99`, `max`, all in ms.
#[derive(Clone, Debug, Default)]
pub struct Lateness {
    steps: Vec<u64>,
    count: u64,
    max: Duration,
}

const STEP: Duration = Duration::from_micros(10);
const STEPS: usize = 2_000;

impl Lateness {
    /// Adds a packet.
    pub fn add(&mut self, late: Duration) {
        self.steps.resize(STEPS, 0);
        let step = (late.as_nanos() / STEP.as_nanos()).min(STEPS as u128 - 1);
        self.steps[step as usize] += 1;
        self.count += 1;
        self.max = self.max.max(late);
    }

    /// What so large a share of packets did not exceed, ms; 0 when there were none.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut left = (self.count as f64 * share).ceil().max(1.0) as u64;
        for (n, count) in self.steps.iter().enumerate() {
            if *count >= left {
                // The last step has no end of its own.
                let end = if n + 1 == STEPS { self.max } else { (STEP * (n as u32 + 1)).min(self.max) };
                return ms(end);
            }
            left -= count;
        }
        0.0
    }

    /// The largest, ms.
    pub fn max(&self) -> f64 {
        ms(self.max)
    }
}

impl Serialize for Lateness {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        BTreeMap::from([("p50", self.quantile(0.5)), ("p99", self.quantile(0.99)), ("max", self.max())]).serialize(to)
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_told_within_a_step_and_spoils_a_run() {
        let mut way = Way::default();
        assert_eq!((way.lateness_ms.quantile(0.99), way.spoilt()), (0.0, false), "nothing came");
        for n in 1..=1_000 {
            way.lateness_ms.add(Duration::from_micros(n));
        }
        assert!((way.lateness_ms.quantile(0.5) - 0.5).abs() < 0.011);
        assert!((way.lateness_ms.quantile(0.99) - 0.99).abs() < 0.011);
        assert!(!way.spoilt());
        way.lateness_ms.add(Duration::from_millis(11));
        assert_eq!(way.lateness_ms.max(), 11.0);
        assert!(way.spoilt(), "late once");
        let mut often = Way::default();
        (0..98).for_each(|_| often.lateness_ms.add(Duration::ZERO));
        (0..2).for_each(|_| often.lateness_ms.add(Duration::from_millis(4)));
        assert!(often.spoilt(), "late too often");
    }
}
