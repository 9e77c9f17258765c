//! Articles of a help desk for accounting software, so that a first start is alive, and so that practice has something to look up.

/// When they were written, UTC milliseconds: November 2026.
pub(crate) const WRITTEN: i64 = 1_795_000_000_000;

macro_rules! articles {
    ($($name:literal),*) => {
        const EN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../articles/en/", $name)))),*];
        const IT: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../articles/it/", $name)))),*];
    };
}

articles!(
    "charged-twice.md",
    "error-e-214.md",
    "invoice-mismatch.md",
    "more-users.md",
    "new-computer.md",
    "vat-summary.md"
);

/// The articles: id, Markdown.
pub(crate) fn all(italian: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    (if italian { IT } else { EN }).iter().copied()
}
