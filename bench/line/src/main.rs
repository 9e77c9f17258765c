//! `cuffia-line IN.wav OUT.wav CODEC CONDITION SEED`: a clip is spoken, coded, impaired and heard on virtual time, without network,
//! clock or sound card. It shows what the receiving end makes of a condition, in a second; real calls show the rest.
//!
//! IN is mono at 48 kHz; CONDITION is a name of `cuffia_relay::Profile`. One JSON object is printed: delay in the buffer in ms (median,
//! 95th percentile), what was invented in percent, and every decision in ms.

// What it prints is its answer.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use cuffia_media::playout::{Packet, Playout};
use cuffia_media::{Codec, Encoder, FRAME, Heard, LARGEST_PAYLOAD, PACKET};
use cuffia_relay::{Fate, Link, NAMES, Profile};

/// Octets of IPv4, UDP and RTP, and of SRTP's authentication.
const HEADERS: usize = 20 + 8 + 12 + 10;

/// Packets between two reports.
const REPORT: usize = 250;

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
    let (mut reported, mut lost_before) = (0.0, 0);
    for (n, sound) in clip.chunks_exact(PACKET).enumerate() {
        let sound: &[f32; PACKET] = sound.try_into()?;
        let mut payload = [0; LARGEST_PAYLOAD];
        // As the far end would report it, every five seconds.
        if n > 0 && n % REPORT == 0 {
            (reported, lost_before) = ((lost - lost_before) as f32 * 100.0 / REPORT as f32, lost);
        }
        encoder.adapt(reported, true);
        let length = encoder.encode(sound, &mut payload).ok_or("the encoder refused")?;
        sent += 1;
        octets += length as u64;
        // It can leave once its last sample was spoken.
        let made = Duration::from_millis(20 * (n as u64 + 1));
        match link.pass(made, length + HEADERS) {
            Fate::Leaves { at, twice } => {
                for _ in 0..=u8::from(twice) {
                    coming.push((at, n, payload[..length].to_vec()));
                }
            }
            Fate::Dropped(_) => lost += 1,
        }
    }
    coming.sort_by_key(|(arrival, n, _)| (*arrival, *n));

    let epoch = Instant::now();
    let mut playout = Playout::new(epoch);
    let mut coming = coming.into_iter().peekable();
    let (mut heard, mut delays, mut invented, mut frames) = (Vec::new(), Vec::new(), 0u32, 0u32);
    for tick in 0..(clip.len() / FRAME + 100) as u64 {
        let now = Duration::from_millis(10 * tick);
        while let Some((arrival, n, payload)) = coming.next_if(|(arrival, ..)| *arrival <= now) {
            let timestamp = (n * PACKET / (48_000 / codec.clock_rate() as usize)) as u32;
            let packet = Packet { ssrc: 1, sequence: n as u16, timestamp, codec: Some(codec), payload: &payload };
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
            "kbps": octets as f64 * 0.4 / f64::from(sent),
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
