//! TCP and TLS: messages framed by Content-Length, CRLF keep-alives (RFC 5626 3.5.1).

use super::{Arrival, Connection, Ends, Frame, channels};
use crate::LineError;
use crate::message::{Framed, Framer};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(super) fn start<S>(socket: S, local: SocketAddr, peer: SocketAddr) -> Connection
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (connection, ends) = channels(local, peer);
    tokio::spawn(run(socket, ends));
    connection
}

async fn run<S: AsyncRead + AsyncWrite>(socket: S, mut ends: Ends) {
    let (mut reader, mut writer) = tokio::io::split(socket);
    let mut framer = Framer::new();
    let mut buffer = vec![0; 8192];
    loop {
        tokio::select! {
            frame = ends.outgoing.recv() => {
                let written = match frame {
                    Some(Frame::Message(bytes)) => writer.write_all(&bytes).await,
                    Some(Frame::Ping) => writer.write_all(b"\r\n\r\n").await,
                    None => {
                        let _ = writer.shutdown().await;
                        return;
                    }
                };
                if written.is_err() || writer.flush().await.is_err() {
                    break;
                }
            }
            read = reader.read(&mut buffer) => {
                match read {
                    Ok(length) if length > 0 => framer.push(&buffer[..length]),
                    _ => break,
                }
                loop {
                    let arrival = match framer.take() {
                        Ok(Some(Framed::Message(bytes))) => Arrival::Message(bytes),
                        Ok(Some(Framed::Pong)) => Arrival::Alive,
                        Ok(Some(Framed::Ping)) => {
                            if writer.write_all(b"\r\n").await.is_err() || writer.flush().await.is_err() {
                                break;
                            }
                            continue;
                        }
                        Ok(None) => break,
                        // The next message cannot be found any more.
                        Err(error) => {
                            tracing::warn!(%error, "stream cannot be read further");
                            let _ = ends.arrivals.send(Arrival::Closed(LineError::ConnectionLost)).await;
                            return;
                        }
                    };
                    if ends.arrivals.send(arrival).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
    let _ = ends.arrivals.send(Arrival::Closed(LineError::ConnectionLost)).await;
}
