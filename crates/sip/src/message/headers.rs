//! Ordered header fields.

/// Header fields in the order they stand in the message. Names compare without regard to case; compact forms (RFC 3261 7.3.3)
/// are expanded when a message is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

/// Compact forms registered with IANA.
const COMPACT: &[(&str, &str)] = &[
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
];

impl Headers {
    /// No header fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a field. A compact name is expanded.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        let full = COMPACT.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)).map_or(name, |(_, full)| full);
        self.0.push((full.to_owned(), value.into()));
    }

    /// Puts a field before all others: a Via must be the topmost one.
    pub fn push_front(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(0, (name.to_owned(), value.into()));
    }

    /// Replaces every field of that name by one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if let Some(at) = self.0.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)) {
            self.0[at].1 = value;
            let mut index = 0;
            self.0.retain(|(n, _)| {
                index += 1;
                index - 1 <= at || !n.eq_ignore_ascii_case(name)
            });
        } else {
            self.push(name, value);
        }
    }

    /// Removes every field of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Every field of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The members of a comma-separated field, over all its lines.
    pub fn list<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.0
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .flat_map(|value| super::fields::split(value, ','))
            .filter(|member| !member.is_empty())
            .collect()
    }

    /// Whether a comma-separated field of tokens has this one.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).iter().any(|member| member.eq_ignore_ascii_case(token))
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}
