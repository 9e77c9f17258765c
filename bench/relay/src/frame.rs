//! Ethernet frames as a bridge sees them: which carry UDP, and what the UDP carries.

use std::ops::Range;

/// Octets of an Ethernet header without tags.
const ETHERNET: usize = 14;
/// Octets of a UDP header.
const UDP: usize = 8;

/// Where things are in a frame that carries a whole UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Octets of the IP packet with its header.
    pub ip_bytes: usize,
    /// Source and destination port.
    pub ports: (u16, u16),
    /// What UDP carries, as a part of the frame.
    pub payload: Range<usize>,
}

/// Finds UDP over IPv4 or IPv6 in a frame. None: something else, IPv6 with extension headers, or a fragment, whose ports cannot be told.
pub fn datagram(frame: &[u8]) -> Option<Datagram> {
    let ip = frame.get(ETHERNET..)?;
    let (header, protocol, ip_bytes) = match frame[12..ETHERNET] {
        [0x08, 0x00] => {
            let whole = u16_at(ip, 6)? & 0x3fff == 0;
            let length = u16_at(ip, 2)?;
            whole.then_some((usize::from(ip[0] & 0x0f) * 4, *ip.get(9)?, usize::from(length)))?
        }
        [0x86, 0xdd] => (40, *ip.get(6)?, 40 + usize::from(u16_at(ip, 4)?)),
        _ => return None,
    };
    if protocol != 17 || header < 20 || ip_bytes > ip.len() || ip_bytes < header + UDP {
        return None;
    }
    let ports = (u16_at(ip, header)?, u16_at(ip, header + 2)?);
    Some(Datagram { ip_bytes, ports, payload: ETHERNET + header + UDP..ETHERNET + ip_bytes })
}

/// Which of a datagram's two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// Writes another port into a datagram. `summed`: its sum is complete, and is kept right (RFC 1624); the kernel's unfinished ones do not
/// hold the ports yet.
pub fn set_port(frame: &mut [u8], datagram: &Datagram, end: End, port: u16, summed: bool) {
    let udp = &mut frame[datagram.payload.start - UDP..datagram.payload.start];
    let at = if end == End::Source { 0 } else { 2 };
    let (old, sum) = ([udp[at], udp[at + 1]], [udp[6], udp[7]]);
    udp[at..at + 2].copy_from_slice(&port.to_be_bytes());
    // Zero: it goes without one (RFC 768).
    if summed && sum != [0, 0] {
        let changed = checksum(&[
            &(!u16::from_be_bytes(sum)).to_be_bytes(),
            &(!u16::from_be_bytes(old)).to_be_bytes(),
            &port.to_be_bytes(),
        ]);
        udp[6..8].copy_from_slice(&(if changed == 0 { 0xffff } else { changed }).to_be_bytes());
    }
}

/// What UDP carries, by its first octet (RFC 7983, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// STUN and the control messages of TURN.
    Stun,
    /// A DTLS record.
    Dtls,
    /// RTP or SRTP, whose headers are alike, with its payload type.
    Rtp(u8),
    /// RTCP or SRTCP.
    Rtcp,
    /// Anything else.
    Other,
}

/// Tells what a payload is. What TURN carries in a channel (RFC 8656, section 12.4) is told as if it came by itself.
pub fn kind(payload: &[u8]) -> Kind {
    match *payload {
        [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..] => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        [0x40..=0x4f, _, _, _, ref inner @ ..] if !matches!(inner, [0x40..=0x4f, ..]) => kind(inner),
        // RFC 5761, section 4: these payload types are never RTP where RTCP shares the port.
        [128..=191, 192..=223, ..] if payload.len() >= 8 => Kind::Rtcp,
        [128..=191, second, ..] if payload.len() >= 12 => Kind::Rtp(second & 0x7f),
        _ => Kind::Other,
    }
}

/// One frame that carries several datagrams of so many octets (UDP segmentation offload) as the frames a network card would make of it.
pub fn segments(frame: &[u8], datagram: &Datagram, size: usize) -> Vec<Vec<u8>> {
    let header = &frame[..datagram.payload.start];
    let pieces = frame[datagram.payload.clone()].chunks(size.max(1));
    pieces.enumerate().map(|(n, piece)| segment(header, piece, n)).collect()
}

fn segment(header: &[u8], piece: &[u8], n: usize) -> Vec<u8> {
    let mut frame = [header, piece].concat();
    let udp = header.len() - UDP;
    let ip = &mut frame[ETHERNET..];
    // A piece of a frame: no longer than one.
    let ip_bytes = ip.len() as u16;
    let udp_bytes = (piece.len() + UDP) as u16;
    let addresses = if ip[0] >> 4 == 4 {
        let id = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(n as u16);
        ip[2..4].copy_from_slice(&ip_bytes.to_be_bytes());
        ip[4..6].copy_from_slice(&id.to_be_bytes());
        ip[10..12].fill(0);
        let sum = checksum(&[&ip[..udp - ETHERNET]]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        ETHERNET + 12..ETHERNET + 20
    } else {
        ip[4..6].copy_from_slice(&(ip_bytes - 40).to_be_bytes());
        ETHERNET + 8..ETHERNET + 40
    };
    frame[udp + 4..udp + 6].copy_from_slice(&udp_bytes.to_be_bytes());
    frame[udp + 6..udp + 8].fill(0);
    let pseudo = [0, 17, udp_bytes.to_be_bytes()[0], udp_bytes.to_be_bytes()[1]];
    let sum = match checksum(&[&frame[addresses], &pseudo, &frame[udp..]]) {
        // Zero on the wire means that there is none (RFC 768).
        0 => 0xffff,
        sum => sum,
    };
    frame[udp + 6..udp + 8].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// The internet checksum (RFC 1071) of parts, each but the last of an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// UDP from port 4000 to port 5000 over IPv4.
    fn udp(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0]);
        frame.extend((28 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 7, 0x40, 0, 64, 17, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2]);
        frame.extend(
            [4000u16.to_be_bytes(), 5000u16.to_be_bytes(), (8 + payload.len() as u16).to_be_bytes(), [0, 0]].concat(),
        );
        frame.extend(payload);
        frame
    }

    #[test]
    fn only_whole_udp_is_taken_for_udp() {
        let frame = udp(b"hello");
        let found = datagram(&frame).expect("UDP");
        assert_eq!((found.ip_bytes, found.ports, &frame[found.payload]), (33, (4000, 5000), &b"hello"[..]));
        let changed = |at: usize, to: u8| {
            let mut frame = udp(b"hello");
            frame[at] = to;
            frame
        };
        assert_eq!(datagram(&changed(23, 6)), None, "TCP");
        assert_eq!(datagram(&changed(20, 0x20)), None, "the first fragment");
        assert_eq!(datagram(&changed(21, 1)), None, "a later fragment");
        assert_eq!(datagram(&changed(13, 6)), None, "ARP");
        for length in 0..frame.len() {
            assert_eq!(datagram(&frame[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn what_shares_a_port_is_told_apart() {
        let padded = |start: &[u8]| [start, &[0; 20]].concat();
        assert_eq!(kind(&padded(&[0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42])), Kind::Stun);
        assert_eq!(kind(&padded(&[22, 0xfe, 0xfd])), Kind::Dtls);
        assert_eq!(kind(&padded(&[0x80, 111])), Kind::Rtp(111));
        assert_eq!(kind(&padded(&[0x90, 0x80 | 8])), Kind::Rtp(8), "with marker and extension");
        assert_eq!(kind(&padded(&[0x80, 200])), Kind::Rtcp);
        assert_eq!(kind(&padded(&[0x81, 223])), Kind::Rtcp);
        assert_eq!(kind(&padded(&[0x40, 0x01, 0, 20, 0x80, 9])), Kind::Rtp(9), "in a channel of TURN");
        assert_eq!(kind(&[0x80, 111]), Kind::Other);
        assert_eq!(kind(&[]), Kind::Other);
    }

    #[test]
    fn one_large_frame_becomes_what_a_card_would_send() {
        let frame = udp(&[1, 2, 3, 4, 5, 6, 7]);
        let found = datagram(&frame).expect("UDP");
        let pieces = segments(&frame, &found, 3);
        let payloads: Vec<_> =
            pieces.iter().map(|piece| piece[datagram(piece).expect("UDP").payload].to_vec()).collect();
        assert_eq!(payloads, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
        for (n, piece) in pieces.iter().enumerate() {
            assert_eq!(piece[19], 7 + n as u8, "each has an identification of its own");
            assert_eq!(checksum(&[&piece[14..34]]), 0, "the IP header's sum");
            let length = [0, 17, 0, piece.len() as u8 - 34];
            let right = |piece: &[u8]| checksum(&[&piece[26..34], &length, &piece[34..]]) == 0;
            assert!(right(piece), "the datagram's sum");
            for port in 0..=u16::MAX {
                let mut piece = piece.clone();
                let found = datagram(&piece).expect("UDP");
                set_port(&mut piece, &found, End::Source, port, true);
                set_port(&mut piece, &found, End::Destination, !port, true);
                assert_eq!(datagram(&piece).expect("UDP").ports, (port, !port));
                assert!(right(&piece), "the sum with port {port}");
            }
        }
    }
}
