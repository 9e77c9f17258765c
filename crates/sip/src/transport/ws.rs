//! SIP over WebSocket (RFC 7118): one message for each frame, subprotocol `sip`.

use super::{Arrival, Connection, Ends, Frame, channels, step};
use crate::LineError;
use crate::message::{MAX_MESSAGE, Message as Sip};
use crate::server::{Server, Transport};
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE))
}

pub(super) async fn connect<S>(
    socket: S,
    server: &Server,
    local: SocketAddr,
    peer: SocketAddr,
) -> Result<Connection, LineError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let scheme = if server.transport == Transport::Wss { "wss" } else { "ws" };
    let port = server.port.map(|p| format!(":{p}")).unwrap_or_default();
    let url = format!("{scheme}://{}{port}{}", server.host, server.path);
    let mut request = url.as_str().into_client_request().map_err(|_| LineError::BadAddress { address: url.clone() })?;
    request.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
    let handshake = tokio_tungstenite::client_async_with_config(request, socket, Some(limits()));
    match step(handshake).await? {
        Ok((socket, _)) => Ok(start(socket, local, peer)),
        Err(Error::Http(response)) => Err(LineError::HandshakeFailed { status: response.status().as_u16() }),
        Err(Error::Io(_)) => Err(LineError::ConnectionLost),
        Err(_) => Err(LineError::NotAWebSocket),
    }
}

/// The switchboard's side: only those who speak SIP come in.
// The error type is that of the WebSocket library.
#[allow(clippy::result_large_err)]
pub(crate) async fn accept<S>(socket: S, local: SocketAddr, peer: SocketAddr) -> Result<Connection, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let check = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let offered = request.headers().get_all(PROTOCOL).iter().filter_map(|v| v.to_str().ok());
        if offered.flat_map(|v| v.split(',')).any(|p| p.trim().eq_ignore_ascii_case("sip")) {
            response.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(Some("this is a SIP switchboard".to_owned()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        Err(refusal)
    };
    let socket = tokio_tungstenite::accept_hdr_async_with_config(socket, check, Some(limits())).await?;
    Ok(start(socket, local, peer))
}

fn start<S>(socket: WebSocketStream<S>, local: SocketAddr, peer: SocketAddr) -> Connection
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (connection, ends) = channels(local, peer);
    tokio::spawn(run(socket, ends));
    connection
}

async fn run<S>(mut socket: WebSocketStream<S>, mut ends: Ends)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let arrival = tokio::select! {
            frame = ends.outgoing.recv() => {
                let message = match frame {
                    Some(Frame::Message(bytes)) => match String::from_utf8(bytes) {
                        Ok(text) => Message::text(text),
                        Err(error) => Message::binary(error.into_bytes()),
                    },
                    Some(Frame::Ping) => Message::Ping(Vec::new().into()),
                    None => {
                        let _ = socket.close(None).await;
                        return;
                    }
                };
                if socket.send(message).await.is_err() {
                    break;
                }
                continue;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if Sip::is_keep_alive(text.as_bytes()) => keep_alive(&mut socket, text.len()).await,
                Some(Ok(Message::Text(text))) => Arrival::Message(text.as_bytes().to_vec()),
                Some(Ok(Message::Binary(bytes))) if Sip::is_keep_alive(&bytes) => keep_alive(&mut socket, bytes.len()).await,
                Some(Ok(Message::Binary(bytes))) => Arrival::Message(bytes.to_vec()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Arrival::Alive,
                Some(Ok(Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        };
        if ends.arrivals.send(arrival).await.is_err() {
            return;
        }
    }
    let _ = ends.arrivals.send(Arrival::Closed(LineError::ConnectionLost)).await;
}

/// Some servers send CRLF pings in text frames (RFC 7118 6 allows both ways).
async fn keep_alive<S>(socket: &mut WebSocketStream<S>, length: usize) -> Arrival
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if length >= 4 {
        let _ = socket.send(Message::text("\r\n")).await;
    }
    Arrival::Alive
}
