//! The window's page in an ordinary browser, on the real engine: static files, and one WebSocket that carries the same table.
//!
//! For development and tests. It listens on loopback only and wants a random token, so that no other page of the machine's browsers
//! can speak to the engine.

use axum::Router;
use axum::extract::ws::{Message as Socket, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cuffia_api::{ApiError, Engine, dispatch};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower_http::services::ServeDir;

/// A request as the page sends it.
#[derive(Deserialize)]
struct Request {
    id: u64,
    command: String,
    arguments: serde_json::Value,
}

/// An answer to it.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Done { id: u64, done: serde_json::Value },
    Failed { id: u64, error: ApiError },
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Clone)]
struct Shared {
    engine: Engine,
    token: String,
}

/// A listening bridge.
pub struct Bridge {
    /// What to open in a browser.
    pub address: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The largest message from a page, bytes.
const LARGEST: usize = 64 << 20;

/// Serves `page` (the built window) and the engine on a loopback port; 0 chooses a free one.
///
/// # Errors
/// When the port is taken.
pub async fn open(engine: Engine, page: &Path, port: u16) -> std::io::Result<Bridge> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let token = format!("{:032x}", rand::random::<u128>());
    let address = format!("http://{}/?token={token}", listener.local_addr()?);
    let router = Router::new()
        .route("/engine", get(upgrade))
        .fallback_service(ServeDir::new(page))
        .with_state(Shared { engine, token });
    let server = tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, router).await {
            tracing::error!("the bridge stopped: {e}");
        }
    });
    Ok(Bridge { address, server })
}

async fn upgrade(State(shared): State<Shared>, Query(given): Query<Token>, socket: WebSocketUpgrade) -> Response {
    if given.token != shared.token {
        return StatusCode::FORBIDDEN.into_response();
    }
    // A file of customers comes in one piece.
    socket.max_frame_size(LARGEST).max_message_size(LARGEST).on_upgrade(move |socket| serve(shared.engine, socket))
}

async fn serve(engine: Engine, mut socket: WebSocket) {
    let mut messages = engine.messages();
    let (answers, mut answered) = unbounded_channel();
    loop {
        let out = tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => text(&message),
                // The page sees the gap in the numbers and takes a new snapshot.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
            Some(answer) = answered.recv() => text(&answer),
            received = socket.recv() => match received {
                Some(Ok(Socket::Text(json))) => {
                    carry_out(&engine, json.as_str(), &answers);
                    continue;
                }
                Some(Ok(Socket::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        if socket.send(out).await.is_err() {
            return;
        }
    }
}

/// Each request in a task of its own: a slow one does not hold up a hang-up.
fn carry_out(engine: &Engine, json: &str, answers: &UnboundedSender<Answer>) {
    let Ok(request) = serde_json::from_str::<Request>(json) else { return };
    let (engine, answers) = (engine.clone(), answers.clone());
    tokio::spawn(async move {
        let id = request.id;
        let answer = match dispatch(&engine, &request.command, request.arguments).await {
            Ok(done) => Answer::Done { id, done },
            Err(error) => Answer::Failed { id, error },
        };
        let _ = answers.send(answer);
    });
}

fn text<T: Serialize>(value: &T) -> Socket {
    Socket::Text(serde_json::to_string(value).unwrap_or_default().into())
}
