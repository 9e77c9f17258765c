//! What goes over the wire: plain data, as the window shows it. Times are UTC milliseconds; ids are strings; levels are dBFS.

/// Declares wire types: they go both ways, take no unknown fields, and are known to TypeScript.
macro_rules! wire {
    ($($(#[$meta:meta])* $kind:ident $name:ident $body:tt)*) => {
        $(wire!(@one [$(#[$meta])*] $kind $name $body);)*
    };
    (@one [$(#[$meta:meta])*] struct $name:ident { $($(#[$fm:meta])* $field:ident : $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name { $($(#[$fm])* pub $field: $ty,)* }
    };
    (@one [$(#[$meta:meta])*] enum $name:ident { $($(#[$vm:meta])* $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vm])* $variant,)* }
    };
}

mod articles;
mod asked;
mod calls;
mod crm;
mod customers;
mod events;
mod export;
mod import;
mod practice;
mod program;

pub use articles::*;
pub use asked::*;
pub use calls::*;
pub use crm::*;
pub use customers::*;
pub use events::*;
pub use export::*;
pub use import::*;
pub use practice::*;
pub use program::*;
