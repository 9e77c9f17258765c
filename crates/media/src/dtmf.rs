//! Telephone events in RTP (RFC 4733): digits out, digits in. Sans-I/O.

use std::collections::VecDeque;

/// One payload.
const LENGTH: usize = 4;
/// −10 dBm0, what most telephones send.
const VOLUME: u8 = 10;
/// Ticks of 20 ms that a key sounds. Q.24 asks for 40 ms; IVRs like more.
const TONE_TICKS: u16 = 5;
/// And the pause after it. Q.24 asks for 40 ms here too, but with Opus the timestamps go by 48 kHz while the event is declared at
/// 8 kHz, and rtpengine (10.5) reads them by the latter: it takes a key to be due six times as late as it is, and holds it back for
/// up to a second, until the far end's jitter buffer drops it. Only what seems more than a second too early passes at once, which is
/// every key that begins well over 200 ms after the one before.
const PAUSE_TICKS: u16 = 8;
/// A comma waits as long as a modem would.
const COMMA_TICKS: u16 = 50;
/// 20 ms at the event clock of 8 kHz.
const TICK_UNITS: u16 = 160;
/// The last packet is sent three times, since nothing follows that could stand in for it (RFC 4733 §2.5.1.4).
const LAST_COPIES: u8 = 3;

/// The keypad in the order of RFC 4733 §3.2.
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// Event code of a key.
pub fn event(key: char) -> Option<u8> {
    KEYS.iter().position(|known| *known == key.to_ascii_uppercase()).and_then(|at| u8::try_from(at).ok())
}

/// Whether [`Keys`] takes this: a key, or a comma for a pause.
pub fn is_dialable(key: char) -> bool {
    key == ',' || event(key).is_some()
}

/// One packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The event payload.
    pub payload: [u8; LENGTH],
    /// The first of its event: RTP marker set and a new timestamp, which the others of the event repeat.
    pub first: bool,
    /// How many copies go out, each with its own sequence number.
    pub copies: u8,
}

#[derive(Debug, Clone, Copy)]
enum Playing {
    Tone { event: u8, ticks: u16 },
    Pause { ticks: u16 },
}

/// Digits on their way out.
#[derive(Debug, Default)]
pub struct Keys {
    waiting: VecDeque<char>,
    playing: Option<Playing>,
}

impl Keys {
    /// Puts keys in the queue; others than those of [`is_dialable`] are left out.
    pub fn push(&mut self, keys: impl IntoIterator<Item = char>) {
        self.waiting.extend(keys.into_iter().filter(|key| is_dialable(*key)));
    }

    /// Whether a key sounds; voice is not sent meanwhile, or the far end hears both.
    pub fn sounding(&self) -> bool {
        matches!(self.playing, Some(Playing::Tone { .. }))
    }

    /// Called every 20 ms.
    pub fn tick(&mut self) -> Option<EventPacket> {
        if self.playing.is_none() {
            self.playing = self.waiting.pop_front().map(|key| match event(key) {
                Some(event) => Playing::Tone { event, ticks: 0 },
                None => Playing::Pause { ticks: COMMA_TICKS },
            });
        }
        match self.playing {
            Some(Playing::Tone { event, ticks }) => {
                let ticks = ticks + 1;
                let last = ticks == TONE_TICKS;
                self.playing =
                    Some(if last { Playing::Pause { ticks: PAUSE_TICKS } } else { Playing::Tone { event, ticks } });
                let [high, low] = (ticks * TICK_UNITS).to_be_bytes();
                let end = if last { 0x80 } else { 0 };
                Some(EventPacket {
                    payload: [event, end | VOLUME, high, low],
                    first: ticks == 1,
                    copies: if last { LAST_COPIES } else { 1 },
                })
            }
            Some(Playing::Pause { ticks }) => {
                self.playing = (ticks > 1).then_some(Playing::Pause { ticks: ticks - 1 });
                None
            }
            None => None,
        }
    }
}

/// Digits coming in: each event is told once, by its timestamp, whichever of its packets arrive.
#[derive(Debug, Default)]
pub struct Detector {
    last: Option<(u32, u32)>,
}

impl Detector {
    /// Takes one event packet; the key if it is news.
    pub fn take(&mut self, ssrc: u32, timestamp: u32, payload: &[u8]) -> Option<char> {
        // A packet may hold several events one after another; switchboards send one, and the first is the newest.
        let [event, _, _, _, ..] = payload else { return None };
        let key = *KEYS.get(usize::from(*event))?;
        if let Some((source, known)) = self.last
            && source == ssrc
            // A late packet of an earlier event is no news either.
            && timestamp.wrapping_sub(known) as i32 <= 0
        {
            return None;
        }
        self.last = Some((ssrc, timestamp));
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(keys: &str, ticks: usize) -> Vec<Option<EventPacket>> {
        let mut out = Keys::default();
        out.push(keys.chars());
        (0..ticks).map(|_| out.tick()).collect()
    }

    #[test]
    fn one_digit_is_five_packets_growing_by_twenty_milliseconds() {
        let packets: Vec<EventPacket> = sent("7", 40).into_iter().flatten().collect();
        let told: Vec<_> = packets.iter().map(|p| (p.payload, p.first, p.copies)).collect();
        assert_eq!(
            told,
            [
                ([7, 10, 0, 160], true, 1),
                ([7, 10, 1, 64], false, 1),
                ([7, 10, 1, 224], false, 1),
                ([7, 10, 2, 128], false, 1),
                ([7, 0x80 | 10, 3, 32], false, 3),
            ]
        );
    }

    #[test]
    fn the_same_digit_twice_is_two_events_with_a_pause() {
        let ticks = sent("11", 40);
        let starts: Vec<usize> =
            ticks.iter().enumerate().filter(|(_, p)| p.is_some_and(|p| p.first)).map(|(at, _)| at).collect();
        assert_eq!(starts, [0, 13]);
        assert!(ticks[5..13].iter().all(Option::is_none));
    }

    #[test]
    fn a_comma_waits_a_second() {
        let ticks = sent("1,2", 200);
        let starts: Vec<usize> =
            ticks.iter().enumerate().filter(|(_, p)| p.is_some_and(|p| p.first)).map(|(at, _)| at).collect();
        assert_eq!(starts, [0, 63]);
    }

    #[test]
    fn keys_map_both_ways() {
        for (at, key) in KEYS.iter().enumerate() {
            assert_eq!(event(*key), Some(at as u8));
            assert_eq!(Detector::default().take(1, 1, &[at as u8, 0, 0, 0]), Some(*key));
        }
        assert_eq!(event('b'), Some(13));
        assert_eq!(event('x'), None);
        assert!(is_dialable(',') && !is_dialable('-'));
    }

    #[test]
    fn an_event_is_told_once_whatever_is_lost_or_late() {
        // (ssrc, timestamp, payload) -> key
        let table: [(u32, u32, &[u8], Option<char>); 10] = [
            (1, 1_000, &[5, 10, 0, 160], Some('5')),
            (1, 1_000, &[5, 10, 1, 64], None),
            (1, 1_000, &[5, 0x8A, 3, 32], None),
            (1, 1_000, &[5, 0x8A, 3, 32], None),
            // Only the end of the next one arrives.
            (1, 3_000, &[5, 0x8A, 3, 32], Some('5')),
            (1, 1_000, &[5, 0x8A, 3, 32], None),
            // Not a key: flash hook.
            (1, 4_000, &[16, 10, 0, 160], None),
            (1, 5_000, &[5, 10], None),
            // A new source starts its own clock.
            (2, 10, &[11, 10, 0, 160], Some('#')),
            (2, 10, &[11, 0x8A, 3, 32], None),
        ];
        let mut detector = Detector::default();
        for (ssrc, timestamp, payload, key) in table {
            assert_eq!(detector.take(ssrc, timestamp, payload), key, "{ssrc} {timestamp} {payload:?}");
        }
    }

    #[test]
    fn timestamps_wrap() {
        let mut detector = Detector::default();
        assert_eq!(detector.take(1, u32::MAX - 5, &[1, 0, 0, 0]), Some('1'));
        assert_eq!(detector.take(1, 900, &[2, 0, 0, 0]), Some('2'));
    }
}
