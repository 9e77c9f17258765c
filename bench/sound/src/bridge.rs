//! `cuffia-sound-bench bridge URL`: one end of a WebSocket on standard input and output, a message a line, so that the bench can
//! speak to an engine whose loopback is another namespace's. Levels, which come twenty times a second, are left out.

use crate::Failure;
use futures_util::{SinkExt, StreamExt};
use std::io::Write;
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio_tungstenite::tungstenite::Message;

/// Runs until either side closes.
///
/// # Errors
/// When the engine does not answer or the connection breaks.
pub fn run(url: &str) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(carry(url))
}

async fn carry(url: &str) -> Result<(), Failure> {
    let host =
        url.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).ok_or("the address must begin with ws://")?;
    let (socket, _) = tokio_tungstenite::client_async(url, TcpStream::connect(host).await?).await?;
    let (mut to, mut from) = socket.split();
    // A thread reads: with tokio's own standard input its features, and so the engine's build, would be others.
    let (lines, mut said) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let mut out = std::io::stdout();
    loop {
        tokio::select! {
            line = said.recv() => match line {
                Some(line) => to.send(Message::text(line)).await?,
                None => return Ok(()),
            },
            message = from.next() => match message.transpose()? {
                Some(Message::Text(text)) if text.contains(r#""kind":"levels""#) => {}
                Some(Message::Text(text)) => {
                    writeln!(out, "{text}")?;
                    out.flush()?;
                }
                Some(Message::Close(_)) | None => return Ok(()),
                Some(_) => {}
            },
        }
    }
}
