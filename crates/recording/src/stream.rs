//! The Ogg/Opus stream inside: RFC 7845, with two uncoupled mono streams.

use crate::{RecordingError, SAMPLE_RATE};
use ogg::reading::PacketReader;
use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use std::io::Cursor;

/// Samples per channel in one packet: 20 ms.
pub(crate) const PACKET: usize = 960;
/// Stream serial number; a file holds one stream only, so any constant does.
const SERIAL: u32 = 0x4355_4646;
/// Packets in one page. A page is written when full, so this bounds what a kill can lose.
const PAGE_PACKETS: usize = 25;
/// The longest Opus packet (RFC 6716 3.4 [R2] allows 1275 bytes a frame) and its TOC byte.
pub(crate) const MAX_PACKET: usize = 1276;

fn head(pre_skip: u16) -> Vec<u8> {
    let mut h = b"OpusHead\x01\x02".to_vec(); // version 1, two channels
    h.extend_from_slice(&pre_skip.to_le_bytes());
    h.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
    h.extend_from_slice(&[0, 0, 1, 2, 0, 0, 1]); // gain 0, family 1, two streams, none coupled, left = 0, right = 1
    h
}

fn tags() -> Vec<u8> {
    let (vendor, comment) = (b"cuffia", b"DESCRIPTION=left: operator, right: customer");
    let mut t = b"OpusTags".to_vec();
    t.extend_from_slice(&(vendor.len() as u32).to_le_bytes());
    t.extend_from_slice(vendor);
    t.extend_from_slice(&1u32.to_le_bytes());
    t.extend_from_slice(&(comment.len() as u32).to_le_bytes());
    t.extend_from_slice(comment);
    t
}

/// Two mono packets in one: the first in self-delimiting form (RFC 6716 appendix B), the second as it is. Both hold one 20 ms
/// frame (code 0), which is what an encoder fed with 20 ms gives.
pub(crate) fn join(left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
    let (toc, frame) = left.split_first().filter(|(toc, _)| *toc & 3 == 0)?;
    let mut out = vec![*toc];
    match frame.len() {
        n @ 0..=251 => out.push(n as u8),
        n => {
            let first = 252 + (n % 4) as u8;
            out.extend_from_slice(&[first, ((n - first as usize) / 4) as u8]);
        }
    }
    out.extend_from_slice(frame);
    out.extend_from_slice(right);
    Some(out)
}

/// The two mono packets of one joined by [`join`].
pub(crate) fn part(packet: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (&toc, rest) = packet.split_first().filter(|(toc, _)| *toc & 3 == 0)?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=251 => (first as usize, rest),
        _ => {
            let (&second, rest) = rest.split_first()?;
            (first as usize + 4 * second as usize, rest)
        }
    };
    let (frame, right) = rest.split_at_checked(length)?;
    Some(([&[toc], frame].concat(), right))
}

/// Makes pages of packets. The last packet is kept back until the next one comes, so that it can carry the end of the stream.
pub(crate) struct Pages {
    writer: PacketWriter<'static, Vec<u8>>,
    pending: Option<Vec<u8>>,
    granule: u64,
    on_page: usize,
}

impl Pages {
    pub(crate) fn new(pre_skip: u16) -> Result<Pages, RecordingError> {
        let mut writer = PacketWriter::new(Vec::new());
        writer.write_packet(head(pre_skip), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        writer.write_packet(tags(), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Pages { writer, pending: None, granule: 0, on_page: 0 })
    }

    pub(crate) fn push(&mut self, packet: Vec<u8>) -> Result<(), RecordingError> {
        if let Some(before) = self.pending.replace(packet) {
            self.granule += PACKET as u64;
            self.on_page += 1;
            let full = self.on_page >= PAGE_PACKETS;
            let end = if full { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            self.writer.write_packet(before, SERIAL, end, self.granule)?;
            if full {
                self.on_page = 0;
            }
        }
        Ok(())
    }

    /// Whole pages made since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    pub(crate) fn finish(mut self) -> Result<Vec<u8>, RecordingError> {
        let last = self.pending.take().unwrap_or_default();
        self.granule += PACKET as u64;
        self.writer.write_packet(last, SERIAL, PacketWriteEndInfo::EndStream, self.granule)?;
        Ok(self.writer.into_inner())
    }
}

/// The sound packets of a stream, headers left out; stops at the first thing that is not whole.
pub(crate) fn packets(ogg: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = PacketReader::new(Cursor::new(ogg));
    let mut out = Vec::new();
    while let Ok(Some(packet)) = reader.read_packet() {
        out.push(packet.data);
    }
    out.drain(..out.len().min(2));
    out
}

pub(crate) fn duration_ms(packets: &[Vec<u8>]) -> u64 {
    packets.len() as u64 * 20
}

/// A properly ended stream of these packets.
pub(crate) fn close(packets: &[Vec<u8>]) -> Result<Vec<u8>, RecordingError> {
    let mut pages = Pages::new(PRE_SKIP)?;
    for p in packets {
        pages.push(p.clone())?;
    }
    pages.finish()
}

/// libopus' look-ahead at 48 kHz in its voice mode, samples.
pub(crate) const PRE_SKIP: u16 = 312;

/// Both channels as sound, 48 kHz, full scale ±1.0, of equal length.
#[derive(Debug, Clone, Default)]
pub struct Stereo {
    /// The operator, as sent to the customer.
    pub operator: Vec<f32>,
    /// The customer, as heard by the operator.
    pub customer: Vec<f32>,
}

/// Decodes a stream read by [`crate::Sealed::read`].
///
/// # Errors
/// [`RecordingError::Codec`] when a packet is not one of ours.
pub fn decode(ogg: &[u8]) -> Result<Stereo, RecordingError> {
    let mono = || opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono);
    let (mut left, mut right) = (mono()?, mono()?);
    let mut out = Stereo::default();
    let mut pcm = [0f32; PACKET];
    for packet in packets(ogg).iter().filter(|p| !p.is_empty()) {
        let (l, r) = part(packet).ok_or_else(|| RecordingError::Codec("a packet of another shape".into()))?;
        let n = left.decode_float(&l, &mut pcm, false)?;
        out.operator.extend_from_slice(&pcm[..n]);
        let n = right.decode_float(r, &mut pcm, false)?;
        out.customer.extend_from_slice(&pcm[..n]);
    }
    for channel in [&mut out.operator, &mut out.customer] {
        channel.drain(..channel.len().min(PRE_SKIP.into()));
    }
    Ok(out)
}

/// The waveform in `count` equal steps: the greatest magnitude of each, 0..=1, as (operator, customer).
pub fn peaks(sound: &Stereo, count: usize) -> Vec<(f32, f32)> {
    let step = sound.operator.len().div_ceil(count.max(1)).max(1);
    let peak = |x: &[f32]| x.iter().fold(0f32, |m, s| m.max(s.abs())).min(1.0);
    sound.operator.chunks(step).zip(sound.customer.chunks(step)).map(|(o, c)| (peak(o), peak(c))).collect()
}
