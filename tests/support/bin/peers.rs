//! `cuffia-peers`: the test switchboard until standard input ends, for the bench and for trying things by hand. Run it under
//! `scripts/isolated`, for its ports are fixed.
#![allow(clippy::print_stdout)] // a person or a script reads it

use cuffia_tests::peers::Switchboard;

fn main() {
    let _switchboard = Switchboard::start();
    println!(
        "ready: ws://127.0.0.1:8080/, users alice, bob, carol, dave, erin, 02079460018; the password is the name and pw"
    );
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}
