//! A NAT in front of the first host that forgets its mappings, as home routers do when they restart or change the provider's address.

use std::collections::BTreeMap;
use std::time::Duration;

/// The NAT. Until the first moment it changes nothing; from each on, every port of host a has another face, and what is sent to an old face
/// goes nowhere until host a has sent from that port again.
#[derive(Clone, Debug)]
pub struct Rebind {
    /// When mappings are forgotten, in order.
    moments: Vec<Duration>,
    /// Ports that keep their face, and are nobody's.
    kept: Vec<u16>,
    /// How many moments have passed for the mappings below.
    age: usize,
    outside: BTreeMap<u16, u16>,
    inside: BTreeMap<u16, u16>,
}

/// The first port of the dynamic range (RFC 6335, section 6), from where faces are taken.
const DYNAMIC: u16 = 49_152;

impl Rebind {
    /// A NAT that forgets at these moments, in seconds on the clock of the other methods. Ports to keep are never used as faces.
    pub fn new(moments_s: &[f64], kept: &[u16]) -> Self {
        let mut moments: Vec<_> = moments_s.iter().map(|s| Duration::from_secs_f64(*s)).collect();
        moments.sort();
        Self { moments, kept: kept.to_vec(), age: 0, outside: BTreeMap::new(), inside: BTreeMap::new() }
    }

    /// The face of a port of host a that sends at a moment.
    pub fn leave(&mut self, now: Duration, port: u16) -> u16 {
        self.forget(now);
        if self.age == 0 {
            return port;
        }
        if let Some(face) = self.outside.get(&port) {
            return *face;
        }
        // Another one after each moment, and seldom the port itself.
        let begin = port.wrapping_mul(31).wrapping_add((self.age as u16).wrapping_mul(4_099));
        let mut faces = (0..u16::MAX - DYNAMIC).map(|n| DYNAMIC + begin.wrapping_add(n) % (u16::MAX - DYNAMIC));
        let free = |face: &u16| *face != port && !self.inside.contains_key(face) && !self.kept.contains(face);
        // Sixteen thousand ports in use at once are no phone.
        let face = faces.find(free).unwrap_or(port);
        self.outside.insert(port, face);
        self.inside.insert(face, port);
        face
    }

    /// The port of host a behind a face to which something was sent; none: nobody's.
    pub fn enter(&mut self, now: Duration, face: u16) -> Option<u16> {
        self.forget(now);
        if self.age == 0 { Some(face) } else { self.inside.get(&face).copied() }
    }

    fn forget(&mut self, now: Duration) {
        let age = self.moments.partition_point(|moment| *moment <= now);
        if age != self.age {
            self.age = age;
            self.outside.clear();
            self.inside.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_change_at_each_moment_and_old_ones_are_dead() {
        let at = Duration::from_secs;
        let mut nat = Rebind::new(&[20.0, 10.0], &[5060]);
        assert_eq!((nat.leave(at(0), 4_000), nat.enter(at(9), 4_000)), (4_000, Some(4_000)));
        assert_eq!(nat.enter(at(10), 4_000), None, "not before host a has sent again");
        let first = nat.leave(at(10), 4_000);
        assert_ne!(first, 4_000);
        assert_eq!((nat.leave(at(19), 4_000), nat.enter(at(19), first)), (first, Some(4_000)));
        let second = nat.leave(at(20), 4_000);
        assert_ne!(second, first);
        assert_eq!((nat.enter(at(20), first), nat.enter(at(20), second)), (None, Some(4_000)));
        let mut faces: Vec<_> = (1..=10_000).map(|port| nat.leave(at(30), port)).collect();
        faces.sort_unstable();
        faces.dedup();
        assert_eq!(faces.len(), 10_000, "no two ports share a face");
    }
}
