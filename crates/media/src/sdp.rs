//! A session description as lines: read without losing anything, edited, written back (RFC 8866).
//!
//! Lines keep their order and spelling; only what is asked for changes.

use std::fmt;

use crate::error::MediaError;
use crate::types::Direction;

/// Longest description looked at; switchboards send two or three kilobytes.
const LONGEST: usize = 64 * 1024;

/// A description in sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp {
    /// The lines before the first `m=`.
    pub session: Vec<String>,
    /// One section for each `m=`.
    pub media: Vec<Section>,
}

/// One media section; the first line is its `m=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What `m=` says.
    pub head: Head,
    /// The lines after it.
    pub lines: Vec<String>,
}

/// An `m=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `audio`, `video`, …
    pub kind: String,
    /// The port, zero when the section is refused.
    pub port: u16,
    /// The transport profile.
    pub profile: String,
    /// Payload types, most wanted first.
    pub formats: Vec<String>,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind, self.port, self.profile)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))
    }
}

impl Head {
    fn read(value: &str) -> Result<Self, MediaError> {
        let mut fields = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(profile)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(MediaError::bad_sdp("m= line is too short"));
        };
        // `49170/2` counts ports; the first is the one meant.
        let port = port.split('/').next().unwrap_or(port);
        let port = port.parse().map_err(|_| MediaError::bad_sdp("m= line has no port"))?;
        Ok(Self { kind: kind.into(), port, profile: profile.into(), formats: fields.map(Into::into).collect() })
    }
}

impl Sdp {
    /// Reads a description. Line ends may be CRLF or LF.
    pub fn read(text: &str) -> Result<Self, MediaError> {
        if text.len() > LONGEST {
            return Err(MediaError::bad_sdp("too long"));
        }
        let mut sdp = Self { session: Vec::new(), media: Vec::new() };
        let lines =
            text.split('\n').map(|line| line.trim_end_matches(['\r', ' ', '\t'])).filter(|line| !line.is_empty());
        for (index, line) in lines.enumerate() {
            if line.as_bytes().get(1) != Some(&b'=') {
                return Err(MediaError::bad_sdp(format!("line {} is not type=value", index + 1)));
            }
            if index == 0 && line != "v=0" {
                return Err(MediaError::bad_sdp("does not start with v=0"));
            }
            if let Some(value) = line.strip_prefix("m=") {
                sdp.media.push(Section { head: Head::read(value)?, lines: Vec::new() });
            } else if let Some(section) = sdp.media.last_mut() {
                section.lines.push(line.into());
            } else {
                sdp.session.push(line.into());
            }
        }
        if sdp.session.is_empty() {
            return Err(MediaError::bad_sdp("empty"));
        }
        Ok(sdp)
    }

    /// The first value of a session attribute; the empty string for a flag.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        first(&self.session, name)
    }

    /// Index of the section that carries the sound: the first audio section not refused, else the first one.
    pub fn audio(&self) -> Option<usize> {
        let audio = |section: &Section| section.head.kind.eq_ignore_ascii_case("audio");
        self.media
            .iter()
            .position(|section| audio(section) && section.head.port != 0)
            .or_else(|| self.media.iter().position(audio))
    }

    /// An attribute of a section, or of the session when the section has none.
    pub fn inherited<'a>(&'a self, section: &'a Section, name: &str) -> Option<&'a str> {
        section.attribute(name).or_else(|| self.attribute(name))
    }

    /// Direction of a section (RFC 8866 §6.7: sendrecv unless said otherwise).
    pub fn direction(&self, section: &Section) -> Direction {
        let told = |lines: &[String]| {
            lines.iter().filter_map(|line| line.strip_prefix("a=")).find_map(Direction::from_attribute)
        };
        told(&section.lines).or_else(|| told(&self.session)).unwrap_or_default()
    }
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.iter().try_for_each(|line| write!(f, "{line}\r\n"))?;
        for section in &self.media {
            write!(f, "{}\r\n", section.head)?;
            section.lines.iter().try_for_each(|line| write!(f, "{line}\r\n"))?;
        }
        Ok(())
    }
}

impl Section {
    /// The first value of an attribute; the empty string for a flag.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        first(&self.lines, name)
    }

    /// All values of an attribute.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| attribute(line, name))
    }

    /// Whether the attribute is there.
    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// Drops every line of an attribute.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|line| attribute(line, name).is_none());
    }

    /// Writes an attribute once, in the place of the first such line or at the end.
    pub fn set(&mut self, name: &str, value: &str) {
        let line = if value.is_empty() { format!("a={name}") } else { format!("a={name}:{value}") };
        match self.lines.iter().position(|line| attribute(line, name).is_some()) {
            Some(at) => {
                self.remove(name);
                self.lines.insert(at.min(self.lines.len()), line);
            }
            None => self.lines.push(line),
        }
    }

    /// Writes the direction, replacing the one there was.
    pub fn set_direction(&mut self, direction: Direction) {
        let is_direction =
            |line: &String| line.strip_prefix("a=").is_some_and(|name| Direction::from_attribute(name).is_some());
        let at = self.lines.iter().position(is_direction).unwrap_or(self.lines.len());
        self.lines.retain(|line| !is_direction(line));
        self.lines.insert(at.min(self.lines.len()), format!("a={}", direction.attribute()));
    }

    /// The `rtpmap` of a payload type: encoding name and clock rate.
    pub fn rtpmap(&self, format: &str) -> Option<(&str, u32)> {
        let mapped = self.attributes("rtpmap").find_map(|value| {
            let (payload_type, encoding) = value.split_once(char::is_whitespace)?;
            let mut parts = encoding.trim().split('/');
            (payload_type == format).then_some((parts.next()?, parts.next()?.parse().ok()?))
        });
        // RFC 3551 §6: these need no rtpmap.
        mapped.or(match format {
            "0" => Some(("PCMU", 8_000)),
            "8" => Some(("PCMA", 8_000)),
            "9" => Some(("G722", 8_000)),
            _ => None,
        })
    }
}

fn first<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| attribute(line, name))
}

/// The value of an `a=` line if it carries this attribute.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("a=")?.strip_prefix(name)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':').map(str::trim_start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_reading_and_writing() {
        for file in std::fs::read_dir("tests/sdp").unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(Sdp::read(&text).unwrap().to_string(), text, "{}", path.display());
            }
        }
    }

    #[test]
    fn edits_touch_only_their_line() {
        let text = "v=0\r\na=sendonly\r\nm=audio 49170/2 RTP/AVP 0 96\r\na=mid:x\r\na=rtpmap:96 opus/48000/2\r\na=ptime:20\r\n";
        let mut sdp = Sdp::read(text).unwrap();
        assert_eq!(sdp.media[0].head.port, 49_170);
        assert_eq!(sdp.direction(&sdp.media[0]), Direction::SendOnly);
        let audio = &mut sdp.media[0];
        assert_eq!(
            (audio.rtpmap("96"), audio.rtpmap("0"), audio.rtpmap("18")),
            (Some(("opus", 48_000)), Some(("PCMU", 8_000)), None)
        );
        audio.set("mid", "y");
        audio.set("rtcp-mux", "");
        audio.set_direction(Direction::Inactive);
        audio.set_direction(Direction::RecvOnly);
        audio.remove("ptime");
        assert_eq!(audio.lines, ["a=mid:y", "a=rtpmap:96 opus/48000/2", "a=rtcp-mux", "a=recvonly"]);
        assert_eq!(sdp.direction(&sdp.media[0]), Direction::RecvOnly);
    }
}
