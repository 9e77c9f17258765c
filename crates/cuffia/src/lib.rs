//! The composition root: every object is built here and handed to those who need it. Shells (the window, the browser bridge, the
//! command line) start the same [`Program`].

pub mod bridge;
pub mod command;
mod compose;
mod folder;
mod stop;

pub use compose::{Program, Sound, StartError};
pub use folder::{DataFolder, data_folder};
pub use stop::stop_signal;
