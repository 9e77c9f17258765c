//! The relay's config: JSON, and what to do about each mistake in it.

use serde::Deserialize;
use serde_json::Value;

use crate::{NAMES, Profile};

/// What the relay is told.
///
/// ```json
/// {"seed": 7, "profile": "burst5"}
/// {"a_to_b": "loss10", "b_to_a": {"delay_ms": 30, "blackhole": [10, 15]}, "skip_ports": [5060], "rebind_a_s": [20]}
/// ```
///
/// A direction is a profile's name or an object of [`Profile`]'s fields. `profile` stands for both directions, one of which may still be
/// given apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What repeats a run; 1 when left out.
    pub seed: u64,
    /// From the first interface to the second.
    pub a_to_b: Profile,
    /// From the second interface to the first.
    pub b_to_a: Profile,
    /// UDP from or to these ports passes unimpaired; 5060 and 8080 when left out.
    pub skip_ports: Vec<u16>,
    /// When a NAT in front of the first host forgets its mappings, seconds since the config was read; none when left out.
    pub rebind_a_s: Vec<f64>,
}

/// What is wrong with a config. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No JSON, an unknown key, or a value of the wrong kind at the top.
    #[error(
        "{0}. Write an object such as {{\"seed\": 7, \"profile\": \"burst5\"}}; its keys are seed, profile, a_to_b, b_to_a, skip_ports, rebind_a_s"
    )]
    Shape(#[source] serde_json::Error),
    /// Nothing says what a direction does.
    #[error("nothing says what {0} does: add \"{0}\", or \"profile\" for both directions, for example \"clean\"")]
    Missing(&'static str),
    /// A name that no profile has.
    #[error("{key}: no profile is called \"{name}\". Choose one of {}, or write an object of fields", NAMES.join(", "))]
    Name {
        /// Where it stands.
        key: &'static str,
        /// What stands there.
        name: String,
    },
    /// A direction whose fields are wrong.
    #[error("{key}: {what}")]
    Fields {
        /// Where they stand.
        key: &'static str,
        /// What is wrong, and what would be right.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "first_seed")]
    seed: u64,
    profile: Option<Value>,
    a_to_b: Option<Value>,
    b_to_a: Option<Value>,
    #[serde(default = "signalling")]
    skip_ports: Vec<u16>,
    #[serde(default)]
    rebind_a_s: Vec<f64>,
}

fn first_seed() -> u64 {
    1
}

fn signalling() -> Vec<u16> {
    vec![5060, 8080]
}

impl Config {
    /// Reads a config.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let written: Written = serde_json::from_str(text).map_err(ConfigError::Shape)?;
        let both = written.profile.map(|value| direction("profile", value)).transpose()?;
        let read = |key, value: Option<Value>| match value {
            Some(value) => direction(key, value),
            None => both.clone().ok_or(ConfigError::Missing(key)),
        };
        if let Some(moment) = written.rebind_a_s.iter().find(|moment| !(0.0..=1e9).contains(*moment)) {
            let what = format!("{moment} is no moment: give seconds since the config is read, for example [10, 20]");
            return Err(ConfigError::Fields { key: "rebind_a_s", what });
        }
        Ok(Self {
            seed: written.seed,
            a_to_b: read("a_to_b", written.a_to_b)?,
            b_to_a: read("b_to_a", written.b_to_a)?,
            skip_ports: written.skip_ports,
            rebind_a_s: written.rebind_a_s,
        })
    }

    /// The seed of a direction's link: the two must not lose the same packets. `true`: from the first interface to the second.
    pub fn link_seed(&self, a_to_b: bool) -> u64 {
        self.seed.wrapping_mul(2).wrapping_add(u64::from(!a_to_b))
    }
}

fn direction(key: &'static str, value: Value) -> Result<Profile, ConfigError> {
    let profile = match value {
        Value::String(name) => return Profile::named(&name).ok_or(ConfigError::Name { key, name }),
        Value::Object(_) => serde_json::from_value::<Profile>(value).map_err(|e| e.to_string()),
        other => Err(format!("{other} is neither a name nor an object: write a profile's name or an object of fields")),
    };
    let checked = profile.and_then(|profile| profile.check().map(|()| profile));
    checked.map_err(|what| ConfigError::Fields { key, what })
}
