//! When the system asks a program to end.

/// Waits for Ctrl-C, or a polite request of the system to end (SIGTERM), such as at the end of a session.
///
/// # Errors
/// When the system does not let us listen for it.
pub async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            r = tokio::signal::ctrl_c() => r,
            _ = end.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
