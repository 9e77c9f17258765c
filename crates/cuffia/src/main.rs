//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    cuffia::command::main()
}
