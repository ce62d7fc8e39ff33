//! Socket Mode: tickets, hello, envelopes with their acknowledgements, disconnects, pings.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::shared::Shared;

/// Slack allows ten sockets an app.
const MOST_SOCKETS: usize = 10;
const TICKET_SECONDS: i64 = 30;
/// Pings without a pong after which a socket counts as dead.
const MISSED_PONGS: u32 = 3;

/// Why a socket is told to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disconnect {
    /// "This socket will be closed in about ten seconds."
    Warning,
    /// The usual change of host, about once an hour.
    Refresh,
    /// Socket Mode was switched off.
    LinkDisabled,
    /// The line is cut without a word.
    Cut,
}

#[derive(Default)]
pub(super) struct Sockets {
    open: Vec<Socket>,
    turn: usize,
    serial: u64,
    pending: HashMap<String, oneshot::Sender<Option<Value>>>,
}

struct Socket {
    id: u64,
    out: mpsc::UnboundedSender<Outgoing>,
    /// Told to go: gets no more envelopes.
    leaving: bool,
}

enum Outgoing {
    Frame(Value),
    Cut,
}

impl Sockets {
    /// The sockets take turns.
    fn next(&mut self) -> Option<mpsc::UnboundedSender<Outgoing>> {
        let ready: Vec<&Socket> = self.open.iter().filter(|s| !s.leaving).collect();
        let chosen = ready.get(self.turn % ready.len().max(1))?.out.clone();
        self.turn = self.turn.wrapping_add(1);
        Some(chosen)
    }
}

impl Shared {
    pub(super) fn with_sockets<T>(&self, f: impl FnOnce(&mut Sockets) -> T) -> T {
        f(&mut self.sockets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Open sockets that still take envelopes.
    pub(super) fn connected(&self) -> usize {
        self.with_sockets(|s| s.open.iter().filter(|s| !s.leaving).count())
    }

    /// Sends one envelope; the receiver yields the acknowledgement's payload. `None` without any socket.
    pub(super) fn send_envelope(
        &self,
        id: &str,
        envelope: Value,
    ) -> Option<oneshot::Receiver<Option<Value>>> {
        let (acked, answer) = oneshot::channel();
        self.with_sockets(|s| {
            let out = s.next()?;
            out.send(Outgoing::Frame(envelope)).ok()?;
            s.pending.insert(id.to_owned(), acked);
            Some(answer)
        })
    }

    /// Forgets an envelope; an acknowledgement from now on is late.
    pub(super) fn forget_envelope(&self, id: &str) {
        self.with_sockets(|s| s.pending.remove(id));
    }

    /// Tells every socket to go, or cuts it.
    pub(super) fn disconnect(&self, how: Disconnect) -> usize {
        let told = self.with_sockets(|sockets| {
            let mut told = 0;
            for socket in &mut sockets.open {
                let message = match how {
                    Disconnect::Warning => Outgoing::Frame(farewell("warning")),
                    Disconnect::Refresh => Outgoing::Frame(farewell("refresh_requested")),
                    Disconnect::LinkDisabled => Outgoing::Frame(farewell("link_disabled")),
                    Disconnect::Cut => Outgoing::Cut,
                };
                socket.leaving |= how != Disconnect::Warning;
                told += usize::from(socket.out.send(message).is_ok());
            }
            told
        });
        self.touched();
        told
    }
}

fn debug_info() -> Value {
    json!({"host": "applink-demo", "build_number": 1, "approximate_connection_time": 18060})
}

fn farewell(reason: &str) -> Value {
    json!({"type": "disconnect", "reason": reason, "debug_info": debug_info()})
}

/// The route a ticket leads to. A ticket opens one socket, within half a minute.
pub(super) async fn link(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HashMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let ticket = query.get("ticket").cloned().unwrap_or_default();
    let valid = shared.change(|w| {
        let now = w.now;
        let born = w.tickets.remove(&ticket);
        !w.faults.down && born.is_some_and(|b| now - b <= chrono::Duration::seconds(TICKET_SECONDS))
    });
    if !valid {
        return (StatusCode::UNAUTHORIZED, "ticket unknown, used or expired").into_response();
    }
    upgrade.on_upgrade(move |socket| serve(shared, socket))
}

async fn serve(shared: Arc<Shared>, socket: WebSocket) {
    let (out, mut outgoing) = mpsc::unbounded_channel();
    let (id, count) = shared.with_sockets(|s| {
        s.serial += 1;
        s.open.push(Socket {
            id: s.serial,
            out: out.clone(),
            leaving: false,
        });
        (s.serial, s.open.len())
    });
    let greeting = if count > MOST_SOCKETS {
        farewell("too_many_websockets")
    } else {
        json!({
            "type": "hello",
            "num_connections": count,
            "debug_info": debug_info(),
            "connection_info": {"app_id": shared.options.app.app_id},
        })
    };
    drop(out.send(Outgoing::Frame(greeting)));
    if count <= MOST_SOCKETS {
        shared.touched();
        talk(&shared, socket, &mut outgoing).await;
    }
    shared.with_sockets(|s| s.open.retain(|open| open.id != id));
    shared.touched();
}

/// Frames out, acknowledgements in, pings between, until either side goes.
async fn talk(shared: &Shared, socket: WebSocket, outgoing: &mut mpsc::UnboundedReceiver<Outgoing>) {
    let (mut write, mut read) = socket.split();
    let mut beat = tokio::time::interval(shared.options.ping_every);
    let mut unanswered = 0;
    loop {
        tokio::select! {
            next = outgoing.recv() => match next {
                Some(Outgoing::Frame(frame)) => {
                    if write.send(Frame::Text(frame.to_string().into())).await.is_err() {
                        return;
                    }
                }
                Some(Outgoing::Cut) | None => return,
            },
            frame = read.next() => match frame {
                Some(Ok(Frame::Text(text))) => acknowledged(shared, &text),
                Some(Ok(Frame::Pong(_))) => unanswered = 0,
                Some(Ok(Frame::Ping(_) | Frame::Binary(_))) => {}
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
            },
            _ = beat.tick() => {
                unanswered += 1;
                let ping = Frame::Ping(format!("Ping from applink-demo {unanswered}").into());
                if unanswered > MISSED_PONGS || write.send(ping).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn acknowledged(shared: &Shared, text: &str) {
    let Ok(ack) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let id = ack["envelope_id"].as_str().unwrap_or_default();
    let waiting = shared.with_sockets(|s| s.pending.remove(id));
    let payload = ack.get("payload").filter(|p| !p.is_null()).cloned();
    match waiting {
        // The waiter may have given up this instant; then it is late as well.
        Some(waiting) => {
            if waiting.send(payload).is_err() {
                shared.change(|w| w.late_acks += 1);
            }
        }
        None => shared.change(|w| w.late_acks += 1),
    }
}
