//! Sound through each codec and back.

use super::*;

const CODECS: [Codec; 4] = [Codec::Opus, Codec::Pcmu, Codec::Pcma, Codec::G722];

/// 20 ms of a tone, beginning where the one before ended.
fn tone(hertz: f32, amplitude: f32, packet: usize) -> [f32; PACKET] {
    std::array::from_fn(|n| amplitude * ((packet * PACKET + n) as f32 * hertz * std::f32::consts::TAU / 48_000.0).sin())
}

fn amplitude(sound: &[f32], hertz: f32) -> f32 {
    let (mut re, mut im) = (0.0f64, 0.0f64);
    for (n, sample) in sound.iter().enumerate() {
        let angle = std::f64::consts::TAU * f64::from(hertz) * n as f64 / 48_000.0;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
    }
    (2.0 * (re * re + im * im).sqrt() / sound.len() as f64) as f32
}

fn rms(sound: &[f32]) -> f32 {
    (sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32).sqrt()
}

/// Like a voice: a gliding pitch with harmonics, in syllables. Opus adds redundancy to speech only, and invents speech.
fn voice(packet: usize) -> [f32; PACKET] {
    std::array::from_fn(|n| {
        let at = (packet * PACKET + n) as f32 / 48_000.0;
        let syllable = (0.5 - 0.5 * (at * 4.0 * std::f32::consts::TAU).cos()).powi(2);
        let phase = std::f32::consts::TAU * (140.0 * at + 3.0 * (at * 2.0 * std::f32::consts::TAU).sin());
        syllable * (1..20).map(|harmonic| 0.15 / harmonic as f32 * (phase * harmonic as f32).sin()).sum::<f32>()
    })
}

fn payloads(codec: Codec, packets: impl Iterator<Item = [f32; PACKET]>) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec).unwrap();
    let mut payload = [0; LARGEST_PAYLOAD];
    packets
        .map(|sound| encoder.encode(&sound, &mut payload).map(|length| payload[..length].to_vec()).unwrap())
        .collect()
}

#[test]
fn a_tone_comes_back_at_its_pitch_and_level() {
    for codec in CODECS {
        for hertz in [300.0, 1_000.0, 3_000.0] {
            let mut decoder = Decoder::new(codec).unwrap();
            let mut out = Pcm::new();
            for payload in payloads(codec, (0..50).map(|n| tone(hertz, 0.3, n))) {
                assert_eq!(decoder.decode(&payload, &mut out), PACKET);
            }
            let sound: Vec<f32> = out.into_iter().skip(24_000).collect();
            let level = amplitude(&sound, hertz) / 0.3;
            assert!((level - 1.0).abs() < 0.15, "{codec:?} {hertz} Hz: {level}");
        }
    }
}

#[test]
fn what_is_above_a_codecs_band_is_not_folded_into_it_and_what_is_below_passes() {
    let loud = |codec, hertz| {
        let mut decoder = Decoder::new(codec).unwrap();
        let mut out = Pcm::new();
        for payload in payloads(codec, (0..20).map(|n| tone(hertz, 0.5, n))) {
            decoder.decode(&payload, &mut out);
        }
        rms(&out.into_iter().skip(4_800).collect::<Vec<_>>()) / (0.5 * std::f32::consts::FRAC_1_SQRT_2)
    };
    for hertz in [4_500.0, 5_000.0, 7_000.0, 10_000.0] {
        assert!(loud(Codec::Pcma, hertz) < 0.004, "{hertz} Hz leaks at {}", loud(Codec::Pcma, hertz));
    }
    for hertz in [8_500.0, 10_000.0, 13_000.0] {
        assert!(loud(Codec::G722, hertz) < 0.004, "{hertz} Hz leaks at {}", loud(Codec::G722, hertz));
    }
    for hertz in [100.0, 4_500.0, 6_500.0] {
        assert!((loud(Codec::G722, hertz) - 1.0).abs() < 0.2, "{hertz} Hz passes at {}", loud(Codec::G722, hertz));
    }
}

#[test]
fn the_laws_match_the_tables_of_g711() {
    // Decision values and outputs of tables 1a and 2a, scaled to 16 bits.
    for (law, sample, octet) in [
        (Law::Mu, 0, 0xFFu8),
        (Law::Mu, -1, 0x7F),
        (Law::Mu, 32_767, 0x80),
        (Law::Mu, -32_768, 0x00),
        (Law::A, 0, 0xD5),
        (Law::A, -1, 0x55),
        (Law::A, 32_767, 0xAA),
        (Law::A, -32_768, 0x2A),
    ] {
        assert_eq!(law.compress(sample), octet, "{law:?} {sample}");
    }
    for (law, octet, sample) in [
        (Law::Mu, 0xFFu8, 0),
        (Law::Mu, 0x80, 32_124),
        (Law::Mu, 0x00, -32_124),
        (Law::A, 0xD5, 8),
        (Law::A, 0x55, -8),
        (Law::A, 0xAA, 32_256),
        (Law::A, 0x2A, -32_256),
    ] {
        assert_eq!(law.expand(octet), sample, "{law:?} {octet:#x}");
    }
}

#[test]
fn every_octet_survives_and_every_sample_stays_near() {
    for law in [Law::Mu, Law::A] {
        for octet in 0..=255u8 {
            let sample = law.expand(octet);
            // µ-law has two zeros.
            assert!(law.compress(sample) == octet || sample == 0, "{law:?} {octet:#x}");
        }
        for sample in i16::MIN..=i16::MAX {
            let back = i32::from(law.expand(law.compress(sample)));
            let error = (back - i32::from(sample)).abs();
            // Half a step: a sixteenth of the segment at most, and the clip at the top.
            assert!(
                error <= i32::from(sample).abs() / 30 + 16 || i32::from(sample).abs() > 32_000,
                "{law:?} {sample} -> {back}"
            );
        }
    }
}

#[test]
fn a_lost_packet_is_covered_by_sound_and_not_by_a_hole() {
    for codec in CODECS {
        let sent = payloads(codec, (0..30).map(voice));
        let mut decoder = Decoder::new(codec).unwrap();
        let mut out = Pcm::new();
        for (n, payload) in sent.iter().enumerate() {
            if n == 20 {
                let made = match decoder.recover(PACKET, &sent[n + 1], &mut out) {
                    0 => decoder.conceal(PACKET, &mut out),
                    made => made,
                };
                assert_eq!(made, PACKET, "{codec:?}");
            } else {
                decoder.decode(payload, &mut out);
            }
        }
        let sound: Vec<f32> = out.into_iter().collect();
        let gap = &sound[20 * PACKET..21 * PACKET];
        let around = rms(&sound[19 * PACKET..20 * PACKET]).min(rms(&sound[21 * PACKET..22 * PACKET]));
        assert!(rms(gap) > around * 0.5, "{codec:?}: {} in {around}", rms(gap));
        // And no click at its edges, against what the voice itself does.
        let step = |range: std::ops::Range<usize>| {
            sound[range].windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
        };
        let (usual, here) = (step(10 * PACKET..20 * PACKET), step(20 * PACKET - 10..21 * PACKET + 200));
        assert!(here < usual * 2.0, "{codec:?}: {here} against {usual}");
    }
}

#[test]
fn a_long_gap_fades_to_silence() {
    for codec in CODECS {
        let mut decoder = Decoder::new(codec).unwrap();
        let mut out = Pcm::new();
        for payload in payloads(codec, (0..20).map(|n| tone(400.0, 0.3, n))) {
            decoder.decode(&payload, &mut out);
        }
        out.clear();
        for _ in 0..50 {
            assert!(decoder.conceal(PACKET, &mut out) > 0);
        }
        let end: Vec<f32> = out.into_iter().skip(45 * PACKET).collect();
        // Opus ends in a breath of comfort noise.
        assert!(rms(&end) < 0.03, "{codec:?}: {}", rms(&end));
    }
}

#[test]
fn opus_carries_the_packet_before_at_every_level_of_loss() {
    for loss in [0.0, 4.0, 12.0, 40.0] {
        let mut encoder = Encoder::new(Codec::Opus).unwrap();
        encoder.adapt(&Reception { loss_percent: loss, ..Reception::default() });
        let mut payload = [0; LARGEST_PAYLOAD];
        let sent: Vec<Vec<u8>> = (0..30)
            .map(|n| encoder.encode(&voice(n), &mut payload).map(|length| payload[..length].to_vec()).unwrap())
            .collect();
        // Two packets in the middle of a syllable are lost; the one after them knows the second.
        let heard = |lost: bool, redundancy: bool| -> Vec<f32> {
            let mut decoder = Decoder::new(Codec::Opus).unwrap();
            let mut out = Pcm::new();
            for (n, payload) in sent[..19].iter().enumerate() {
                out.clear();
                match n {
                    17 if lost => decoder.conceal(PACKET, &mut out),
                    18 if lost && redundancy => decoder.recover(PACKET, &sent[19], &mut out),
                    18 if lost => decoder.conceal(PACKET, &mut out),
                    _ => decoder.decode(payload, &mut out),
                };
            }
            out.into_iter().collect()
        };
        let whole = heard(false, false);
        let error =
            |sound: Vec<f32>| rms(&sound.iter().zip(&whole).map(|(a, b)| a - b).collect::<Vec<_>>()) / rms(&whole);
        let (with, without) = (error(heard(true, true)), error(heard(true, false)));
        assert!(with < without * 0.9, "at {loss} %: off by {with} with redundancy, by {without} without");
    }
}

#[test]
fn a_word_that_begins_in_a_long_gap_is_heard_where_deep_redundancy_is_sent() {
    let mut encoder = Encoder::new(Codec::Opus).unwrap();
    encoder.adapt(&Reception { loss_percent: 20.0, deep: true, ..Reception::default() });
    let mut payload = [0; LARGEST_PAYLOAD];
    // Silence; the word begins with the first of three lost packets.
    let word = |n: usize| if n < 25 { [0.0; PACKET] } else { voice(n - 20) };
    let sent: Vec<Vec<u8>> = (0..40)
        .map(|n| encoder.encode(&word(n), &mut payload).map(|length| payload[..length].to_vec()).unwrap())
        .collect();
    let heard = |after: Option<&[u8]>| {
        let mut decoder = Decoder::new(Codec::Opus).unwrap();
        let mut out = Pcm::new();
        sent[..25].iter().for_each(|payload| {
            decoder.decode(payload, &mut out);
        });
        out.clear();
        for missing in [3, 2, 1] {
            let made = match after {
                Some(after) => decoder.recover_deep(PACKET, missing * PACKET, after, &mut out),
                None => decoder.conceal(PACKET, &mut out),
            };
            assert_eq!(made, PACKET, "{missing} before");
        }
        let out: Vec<f32> = out.into_iter().collect();
        rms(&out[PACKET..2 * PACKET])
    };
    let said = rms(&word(26));
    let (with, without) = (heard(Some(&sent[28])), heard(None));
    assert!(
        with > said * 0.4 && with < said * 2.0 && without < said * 0.1,
        "{said} said, {with} with, {without} without"
    );
}

#[test]
fn rubbish_makes_no_sound_and_no_panic() {
    for codec in CODECS {
        let mut decoder = Decoder::new(codec).unwrap();
        let mut out = Pcm::new();
        assert_eq!(decoder.decode(&[], &mut out), 0);
        for length in [1usize, 2, 3, 100, 1_500] {
            for seed in 0..50u32 {
                let payload: Vec<u8> = (0..length as u32)
                    .map(|n| (n.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 13) as u8)
                    .collect();
                assert!(decoder.decode(&payload, &mut out) <= 1_500 * 6);
                decoder.recover(PACKET, &payload, &mut out);
                decoder.recover_deep(PACKET, 5 * PACKET, &payload, &mut out);
                decoder.reaches_back(&payload, 5 * PACKET);
                out.clear();
            }
        }
        for samples in [0, 1, 120, 5_760, 100_000] {
            assert!(decoder.conceal(samples, &mut out) <= LONGEST);
        }
    }
}
