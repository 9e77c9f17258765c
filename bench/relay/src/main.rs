//! `cuffia-relay IF_A IF_B config.json stats.json`: joins two interfaces as a bridge does, and does to UDP what the config says.
//!
//! Prints `ready` once frames pass. SIGHUP reads the config again and prints `ready` again; a bad one is reported and the old one stays.
//! SIGTERM and SIGINT write the figures to `stats.json` and end it. It ends with 0; 1: the call or the config is wrong; 2: no such
//! interface, or no permission; 3: the run is spoilt, for the relay itself was late (more than 10 ms once, or more than 3 ms for one packet
//! of a hundred).
//!
//! `net.sh` makes the namespaces around it. On a machine that does anything else, begin it with `chrt -f 10`.

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod bridge;
#[cfg(target_os = "linux")]
mod port;
#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::run(&std::env::args().skip(1).collect::<Vec<_>>())
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("cuffia-relay: network namespaces and packet sockets are Linux's alone");
    std::process::ExitCode::from(2)
}
