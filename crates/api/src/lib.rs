//! One table of commands and events for every shell.
//!
//! A shell (the window, the browser bridge, the command line) sends `{command, arguments}` to [`dispatch`] and follows one stream of
//! [`Event`]s. The TypeScript of both sides is made from the same table ([`typescript`]).

mod articles;
mod commands;
mod crm;
mod engine;
mod events;
mod export;
mod import;
mod pop;
mod practice;
mod requests;
mod show;
mod sign_out;
mod table;
mod view;

pub use engine::{DeviceControl, Engine, EngineSetup};
pub use table::{COMMANDS, dispatch, typescript};
pub use view::*;

#[cfg(test)]
mod tests {
    /// The window's types are committed; this writes them with `UPDATE_BINDINGS=1` and compares otherwise.
    #[test]
    fn the_windows_types_are_those_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/lib/engine/bindings.ts");
        let made = super::typescript();
        if std::env::var_os("UPDATE_BINDINGS").is_some() {
            std::fs::create_dir_all(std::path::Path::new(path).parent().expect("a folder")).expect("folder made");
            std::fs::write(path, &made).expect("bindings written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == made, "ui/src/lib/engine/bindings.ts is stale: npm run bindings");
    }
}
