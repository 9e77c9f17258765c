//! One table of commands and events for every shell.
