//! `cuffia-line IN.wav OUT.wav CODEC CONDITION SEED`: a clip is spoken, coded, impaired and heard on virtual time, without network,
//! clock or sound card. It shows what the receiving end makes of a condition, in a second; real calls show the rest.
//!
//! IN is mono at 48 kHz; CONDITION is a name of `cuffia_relay::Profile`. One JSON object is printed: delay in the buffer in ms (median,
//! 95th percentile), what was invented in percent, and every decision in ms.

// What it prints is its answer.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use cuffia_media::playout::{Packet, Playout};
use cuffia_media::{Codec, Encoder, FRAME, Heard, LARGEST_PAYLOAD, PACKET, Payload, Reception};
use cuffia_relay::{Fate, Link, NAMES, Profile};

/// Octets of IPv4, UDP and RTP, and of SRTP's authentication.
const HEADERS: usize = 20 + 8 + 12 + 10;
/// A sender report with all around it.
const REPORT_OCTETS: usize = 140;

/// Packets of 20 ms between two reports: ours come each second, other phones' each five.
const REPORT: usize = 50;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, codec, condition, seed] = arguments.as_slice() else {
        return Err("usage: cuffia-line IN.wav OUT.wav opus|g722|pcmu|pcma CONDITION SEED".into());
    };
    let codec = match codec.as_str() {
        "opus" => Codec::Opus,
        "pcmu" => Codec::Pcmu,
        "pcma" => Codec::Pcma,
        "g722" => Codec::G722,
        other => return Err(format!("{other}: the codec is opus, g722, pcmu or pcma").into()),
    };
    let profile = Profile::named(condition)
        .ok_or_else(|| format!("{condition}: no such condition; choose one of {}", NAMES.join(", ")))?;
    let mut link = Link::new(&profile, seed.parse()?);
    let clip = read(from)?;

    let mut encoder = Encoder::new(codec)?;
    let (mut coming, mut sent, mut lost, mut octets) = (Vec::new(), 0u32, 0u32, 0u64);
    let idle = match link.pass(Duration::ZERO, REPORT_OCTETS) {
        Fate::Leaves { at, .. } => Some(at.as_secs_f32() * 1_000.0),
        Fate::Dropped(_) => None,
    };
    let mut reception = Reception { deep: true, checked_ms: idle, ..Reception::default() };
    let (mut sent_before, mut lost_before, mut begun) = (0, 0, 0);
    let mut way_before = 0.0;
    for n in 1..=clip.len() / PACKET {
        // It can leave once its last sample was spoken.
        let now = Duration::from_millis(20 * n as u64);
        if n % REPORT == 0 {
            // As the far end would report it; the way back is as it should be.
            let of = (sent - sent_before).max(1);
            reception.loss_percent = (lost - lost_before) as f32 * 100.0 / of as f32;
            reception.reports += 1;
            if let Fate::Leaves { at, .. } = link.pass(now, REPORT_OCTETS) {
                reception.round_trip_ms = Some((at - now).as_secs_f32() * 1_000.0);
            }
            (sent_before, lost_before) = (sent, lost);
        }
        let ready = n * PACKET - begun;
        if ready < encoder.adapt(&reception) {
            continue;
        }
        let mut payload = [0; LARGEST_PAYLOAD];
        let length = encoder.encode(&clip[begun..begun + ready], &mut payload).ok_or("the encoder refused")?;
        let from = std::mem::replace(&mut begun, n * PACKET);
        let sequence = sent as u16;
        sent += 1;
        octets += length as u64;
        match link.pass(now, length + HEADERS) {
            Fate::Leaves { at, twice } => {
                let way = (at - now).as_secs_f32() * 1_000.0;
                let moved = (way - std::mem::replace(&mut way_before, way)).abs();
                reception.jitter_ms += (moved - reception.jitter_ms) / 16.0;
                for _ in 0..=u8::from(twice) {
                    coming.push((at, sequence, from, payload[..length].to_vec()));
                }
            }
            Fate::Dropped(_) => lost += 1,
        }
    }
    coming.sort_by_key(|(arrival, _, from, _)| (*arrival, *from));

    let epoch = Instant::now();
    let mut playout = Playout::new(epoch);
    let mut coming = coming.into_iter().peekable();
    let (mut heard, mut delays, mut invented, mut frames) = (Vec::new(), Vec::new(), 0u32, 0u32);
    for tick in 0..(clip.len() / FRAME + 100) as u64 {
        let now = Duration::from_millis(10 * tick);
        while let Some((arrival, sequence, from, payload)) = coming.next_if(|(arrival, ..)| *arrival <= now) {
            let timestamp = (from / (48_000 / codec.clock_rate() as usize)) as u32;
            let packet = Packet { ssrc: 1, sequence, timestamp, kind: Payload::Voice(codec), payload: &payload };
            playout.put(&packet, epoch + arrival);
        }
        let mut out = [0.0; FRAME];
        let what = playout.render(epoch + now, &mut out);
        if what != Heard::Silence {
            frames += 1;
            invented += u32::from(what == Heard::Concealed);
            delays.push(playout.delay(epoch + now).as_secs_f64() * 1_000.0);
        }
        heard.extend(out);
    }
    write(to, &heard)?;
    delays.sort_by(f64::total_cmp);
    let quantile = |share: usize| delays.get(delays.len() * share / 100).copied().unwrap_or(0.0);
    let d = playout.decisions();
    let ms = |samples: u64| samples / 48;
    println!(
        "{}",
        serde_json::json!({
            "kbps": octets as f64 * 8.0 / (clip.len() as f64 / 48.0),
            "lost_percent": f64::from(lost) * 100.0 / f64::from(sent),
            "delay_ms": quantile(50), "delay_p95_ms": quantile(95),
            "invented_percent": f64::from(invented) * 100.0 / f64::from(frames.max(1)),
            "played_ms": ms(d.played), "lost_ms": ms(d.lost), "bridged_ms": ms(d.bridged), "recovered_ms": ms(d.recovered),
            "shortened_ms": ms(d.shortened), "lengthened_ms": ms(d.lengthened), "late": d.late,
        })
    );
    Ok(())
}

fn read(path: &str) -> Result<Vec<f32>, Failure> {
    let mut reader = hound::WavReader::open(path)?;
    let format = reader.spec();
    if format.channels != 1 || format.sample_rate != 48_000 || format.bits_per_sample != 16 {
        return Err(format!("{path}: wants mono, 48 kHz, 16 bits").into());
    }
    Ok(reader.samples::<i16>().map(|sample| sample.map(|s| f32::from(s) / 32_768.0)).collect::<Result<_, _>>()?)
}

fn write(path: &str, sound: &[f32]) -> Result<(), Failure> {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, format)?;
    for sample in sound {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16)?;
    }
    Ok(writer.finalize()?)
}
