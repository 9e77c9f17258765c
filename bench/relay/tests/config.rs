//! The config, and what it says to do about mistakes.

use cuffia_relay::{Config, NAMES, Profile};

#[test]
fn every_profile_can_be_named() {
    for name in NAMES {
        let config = Config::parse(&format!(r#"{{"seed": 7, "profile": "{name}"}}"#)).expect(name);
        let profile = Profile::named(name).expect(name);
        assert_eq!(
            config,
            Config {
                seed: 7,
                a_to_b: profile.clone(),
                b_to_a: profile,
                skip_ports: vec![5060, 8080],
                rebind_a_s: vec![]
            }
        );
        assert_ne!(config.link_seed(true), config.link_seed(false));
    }
}

#[test]
fn each_direction_has_its_own() {
    let text = r#"{"a_to_b": "loss10", "b_to_a": {"delay_ms": 30, "kbit_per_s": 64, "blackhole": [1, 2.5]}, "skip_ports": []}"#;
    let config = Config::parse(text).expect("a config");
    assert_eq!(config.a_to_b, Profile { loss_percent: 10.0, ..Profile::default() });
    let back = Profile { delay_ms: 30.0, kbit_per_s: Some(64.0), blackhole: Some([1.0, 2.5]), ..Profile::default() };
    assert_eq!((config.b_to_a, config.skip_ports, config.seed), (back, vec![], 1));
    let one = Config::parse(r#"{"profile": "rtt60", "b_to_a": "clean"}"#).expect("a config");
    assert_eq!((one.a_to_b.delay_ms, one.b_to_a), (30.0, Profile::default()));
}

#[test]
fn what_is_written_of_a_profile_is_read_again() {
    for name in NAMES {
        let profile = Profile::named(name).expect(name);
        let text = serde_json::json!({ "profile": profile }).to_string();
        assert_eq!(Config::parse(&text).expect(name).a_to_b, profile);
    }
}

#[test]
fn each_mistake_says_what_to_do() {
    let mistakes = [
        ("", "Write an object such as"),
        ("[]", "Write an object such as"),
        (r#"{"profil": "clean"}"#, "its keys are seed, profile"),
        (r#"{"seed": -1, "profile": "clean"}"#, "its keys are seed, profile"),
        (r#"{"profile": "clean", "skip_ports": [70000]}"#, "its keys are seed, profile"),
        (r#"{"seed": 7}"#, r#"nothing says what a_to_b does: add "a_to_b", or "profile""#),
        (r#"{"a_to_b": "clean"}"#, r#"nothing says what b_to_a does: add "b_to_a""#),
        (r#"{"profile": "brust5"}"#, r#"profile: no profile is called "brust5". Choose one of clean, rtt60"#),
        (r#"{"profile": 5}"#, "profile: 5 is neither a name nor an object"),
        (r#"{"profile": {"loss": 5}}"#, "profile: unknown field `loss`, expected one of `loss_percent`"),
        (
            r#"{"profile": "clean", "a_to_b": {"loss_percent": 101}}"#,
            "a_to_b: loss_percent is 101: give a share from 0",
        ),
        (r#"{"profile": {"jitter_ms": -1}}"#, "jitter_ms is -1: give 0 to 60000 ms"),
        (r#"{"profile": {"burst": 0.5}}"#, "burst is 0.5: give the mean number"),
        (r#"{"profile": {"loss_percent": 80, "burst": 3}}"#, "bursts of 3 allow 75.0 at most"),
        (r#"{"profile": {"loss_percent": 5, "lossgen": true}}"#, "leave loss_percent out"),
        (r#"{"profile": {"spike_ms": 250, "spike_every_ms": 100}}"#, "spike_every_ms is 100: give spike_ms to"),
        (r#"{"profile": "clean", "rebind_a_s": [-1]}"#, "rebind_a_s: -1 is no moment: give seconds"),
        (r#"{"profile": {"kbit_per_s": 0}}"#, "kbit_per_s is 0: give 1 to"),
        (r#"{"profile": {"blackhole": [5, 5]}}"#, "blackhole is [5, 5]: give [from, to] in seconds"),
    ];
    for (text, wanted) in mistakes {
        let said = Config::parse(text).expect_err(text).to_string();
        assert!(said.contains(wanted), "{text}: {said}");
    }
}
