//! The desktop shell: a window on the engine. No rule lives here.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

#[cfg(target_os = "linux")]
mod notification;
#[cfg(not(target_os = "linux"))]
mod notification_plugin;
mod ringing;
mod shell;

use cuffia::{DataFolder, Program, Sound, stop_signal};
use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("CUFFIA_LOG").unwrap_or_else(|_| "error,cuffia=warn".into()),
        )
        .with_writer(std::io::stderr)
        .try_init();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("cuffia: {e}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let program = {
        let _inside = runtime.enter();
        Program::start(DataFolder::open()?, Sound::System)?
    };
    let app =
        shell::build(tauri::Builder::default(), program.engine.clone()).build(shell::context(program.folder.path()))?;
    let asked = app.handle().clone();
    runtime.spawn(async move {
        match stop_signal().await {
            Ok(()) => asked.exit(0),
            Err(e) => tracing::warn!("the system's request to end will not be heard: {e}"),
        }
    });
    // Not `run`, which ends the process with the window: the far ends are told before it is gone.
    app.run_return(|_, _| {});
    runtime.block_on(program.leave());
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    Ok(())
}
