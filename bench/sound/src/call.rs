//! One call: placed, spoken through, recorded, scored.

use crate::Failure;
use crate::network::Network;
use crate::pair::{self, Codec, Kind, Setting};
use crate::scorer::Scorer;
use crate::sound::Sound;
use crate::usage::{cpu_seconds, processor_ticks, pss_megabytes};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After the last word what is on its way is still heard, s.
const AFTERWARDS: Duration = Duration::from_millis(1_800);
/// A phone is on since the morning: its devices have settled, and what it knows of them.
const ON_BEFORE: Duration = Duration::from_secs(4);
/// The longest a player may take beyond its sound, s.
const PATIENCE: Duration = Duration::from_secs(60);
/// Below this delay, ms, microphone and loudspeaker were the same device: no call is that quick.
const TOO_QUICK: f64 = 20.0;
/// Of one processor: what others may use just before a call.
const BUSY: f64 = 0.25;
/// How often to look whether the machine has come to rest, with a second's measure each.
const RESTS: usize = 30;

/// What stays the same for all calls of a bench.
pub struct Bench {
    /// The repository.
    pub root: PathBuf,
    /// The hosts.
    pub network: Network,
    /// The scorer.
    pub scorer: Scorer,
    /// The codec.
    pub codec: Codec,
    /// B speaks too, at the same time.
    pub both: bool,
    /// Call though others use the machine.
    pub busy: bool,
    /// Keep recordings.
    pub keep: bool,
    /// The commit that is measured, as far as it is known.
    pub build: String,
}

/// Which call.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The client.
    pub client: Kind,
    /// What the relay does.
    pub condition: &'a str,
    /// From 1.
    pub round: u64,
    /// For the relay; the same for all clients of a round.
    pub seed: u64,
}

impl Plan<'_> {
    /// Whether a call that was taken is this one.
    pub fn is(&self, call: &Value) -> bool {
        call["client"] == self.client.name() && call["condition"] == self.condition && call["round"] == self.round
    }
}

impl Bench {
    /// Takes one call in a folder of its own.
    ///
    /// # Errors
    /// When the call is not worth counting; with why.
    pub fn call(&mut self, plan: Plan, folder: &Path) -> Result<Value, Failure> {
        std::fs::create_dir_all(folder)?;
        let others = if self.busy { others() } else { rest()? };
        let sound = Sound::start(&folder.join("sound"), &self.root.join("bench/sound/peers"))?;
        let relay = self.network.spoil(plan.condition, plan.seed, folder)?;
        let recording = folder.join("recording.raw");
        let setting = Setting {
            root: self.root.clone(),
            folder: folder.to_owned(),
            network: &self.network,
            sound: &sound,
            codec: self.codec,
        };
        let mut pair = pair::start(plan.client, &setting)?;
        std::thread::sleep(ON_BEFORE);
        pair.connect()?;
        let ends = pair.processes();
        sound.routed(ends, pair.movable())?;

        let mut recorder = sound.record(&recording)?;
        let (begun, used) = (Instant::now(), ends.map(cpu_seconds));
        let mut player = sound.play(&self.scorer.reference(), "feedA")?;
        let back = if self.both { Some(sound.play(&self.scorer.said_back(), "feedB")?) } else { None };
        let played = player.wait(PATIENCE)?;
        std::thread::sleep(AFTERWARDS);
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        let cpu: Vec<f64> = ends.iter().zip(used).map(|(e, u)| (cpu_seconds(*e) - u) / minutes).collect();
        let memory = ends.map(pss_megabytes);
        sound.routed(ends, false)?;
        let counted = pair.counted()?;
        drop(back);
        recorder.end("INT");
        pair.hang_up()?;
        drop(pair);
        let relay = relay.finish()?;
        drop(sound);
        spoken(self.codec, &relay)?;
        if played != Some(0) {
            return Err("the player failed".into());
        }

        let scored = self.scorer.score(&recording, self.both)?;
        if !self.keep {
            std::fs::remove_file(&recording)?;
        }
        for way in ["there", "back"] {
            if scored[way]["delay"].as_f64().is_some_and(|delay| delay < TOO_QUICK) {
                return Err(format!("wrong routing: sound was heard after {} ms", scored[way]["delay"]).into());
            }
        }
        Ok(json!({
            "client": plan.client, "condition": plan.condition, "round": plan.round, "seed": plan.seed,
            "build": self.build, "codec": self.codec, "score": scored, "counted": counted, "relay": relay, "othersCpu": others,
            "cpu": { "a": cpu.first(), "b": cpu.get(1) }, "pss": { "a": memory[0], "b": memory[1] },
        }))
    }
}

/// Whether the codec asked for went over the wire, in both directions.
fn spoken(codec: Codec, relay: &Value) -> Result<(), Failure> {
    for way in ["a_to_b", "b_to_a"] {
        let types = relay[way]["rtp_payload_types"].as_object().into_iter().flatten();
        let most = types.max_by_key(|(_, count)| count.as_u64()).and_then(|(name, _)| name.parse::<u8>().ok());
        let right = match (codec, most) {
            (Codec::Opus, Some(kind)) => kind >= 96, // dynamic, and no other codec is offered with it
            (Codec::G722, Some(kind)) => kind == 9,
            (Codec::Pcma, Some(kind)) => kind == 8,
            (_, None) => false,
        };
        if !right {
            return Err(format!("{codec:?} was asked for, but the relay saw RTP payload type {most:?} ({way})").into());
        }
    }
    Ok(())
}

/// What others use of the machine, in processors, over a second.
fn others() -> f64 {
    let (busy, all) = processor_ticks();
    std::thread::sleep(Duration::from_secs(1));
    let (busy_after, all_after) = processor_ticks();
    let processors = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    (busy_after - busy) / (all_after - all).max(1.0) * processors
}

/// Waits until the machine has nothing else to do.
fn rest() -> Result<f64, Failure> {
    let mut used = 0.0;
    for _ in 0..RESTS {
        used = others();
        if used < BUSY {
            return Ok(used);
        }
    }
    Err(format!("the machine is busy: others use {used:.1} processors (--busy measures all the same)").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a relay saw: packets of each payload type, the same in both directions.
    fn seen(types: Value) -> Value {
        let way = json!({ "rtp_payload_types": types });
        json!({ "a_to_b": way, "b_to_a": way })
    }

    #[test]
    fn a_call_in_another_codec_than_asked_for_does_not_count() {
        let with_keys = seen(json!({ "8": 1500, "101": 12 }));
        assert!(spoken(Codec::Pcma, &with_keys).is_ok(), "a few telephone events change nothing");
        assert!(spoken(Codec::Opus, &with_keys).is_err());
        assert!(spoken(Codec::G722, &seen(json!({ "96": 1500 }))).is_err());
        assert!(spoken(Codec::Opus, &json!({})).is_err(), "no sound at all");
    }
}
