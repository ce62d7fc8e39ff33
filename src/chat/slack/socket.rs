//! Socket Mode: one connection that is always there. It is replaced when Slack asks for it, before the old one goes;
//! when it breaks, with growing pauses; and when nothing was heard for a while, whatever the network claims.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{self, protocol::WebSocketConfig},
};
use tokio_util::sync::CancellationToken;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::{
    SlackChat,
    inbound::{self, Read},
};
use crate::{
    chat::{ChatError, ChatErrorKind, Handle},
    secrets::Secret,
};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Being dealt with at once at most; more are left unacknowledged, which their people see.
const AT_ONCE: usize = 512;
const LONGEST_FRAME: usize = 4 * 1024 * 1024;
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// An old connection is read so long after its replacement was asked for.
const GRACE: Duration = Duration::from_secs(30);
/// A connection that lived so long was a good one: the next pause is the shortest again.
const GOOD: Duration = Duration::from_secs(30);

/// How patient the listener is.
#[derive(Debug, Clone)]
pub struct SocketSettings {
    /// Nothing heard for so long, not even a ping: the connection is replaced. Default 2 min.
    pub silence: Duration,
    /// Pause after the first failure; doubled with each, up to `longest_pause`. Default 500 ms.
    pub first_pause: Duration,
    /// Default 30 s.
    pub longest_pause: Duration,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(120),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// The listener, running.
pub struct Socket {
    stop: CancellationToken,
    task: JoinHandle<()>,
    connected: watch::Receiver<bool>,
}

impl Socket {
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Waits until Slack has said hello.
    pub async fn connected(&self) {
        // Fails only when the listener is gone, and then nothing will come anyway.
        drop(self.connected.clone().wait_for(|connected| *connected).await);
    }

    /// Takes nothing more in. Answers under way go on: see `SlackChat::finish`.
    pub async fn stop(self) {
        self.stop.cancel();
        // A panic in there was logged by the hook, and this is the end of it either way.
        drop(self.task.await);
    }
}

impl SlackChat {
    /// Connects, and stays connected until stopped. The token is the app's (`xapp-…`, scope `connections:write`).
    pub fn start_socket(
        self: Arc<Self>,
        app_token: Secret,
        handle: Handle,
        settings: SocketSettings,
    ) -> Socket {
        let stop = CancellationToken::new();
        let (tell, connected) = watch::channel(false);
        let listener = Arc::new(Listener {
            chat: self,
            app_token,
            handle,
            settings,
            stop: stop.clone(),
            connected: tell,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        });
        let task = tokio::spawn(listener.run());
        Socket {
            stop,
            task,
            connected,
        }
    }
}

struct Listener {
    chat: Arc<SlackChat>,
    app_token: Secret,
    handle: Handle,
    settings: SocketSettings,
    stop: CancellationToken,
    connected: watch::Sender<bool>,
    slots: Arc<Semaphore>,
}

/// Why a connection is no longer enough.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    /// Slack asks for a new one, and goes on with the old one for a moment.
    Replace,
    Closed,
    Silent,
    Stopped,
}

impl Listener {
    async fn run(self: Arc<Self>) {
        let mut pause = self.settings.first_pause;
        while !self.stop.is_cancelled() {
            let since = Instant::now();
            match self.clone().connection().await {
                Ok(Over::Stopped) => break,
                Ok(Over::Replace) if since.elapsed() >= self.settings.first_pause => continue,
                Ok(over) => {
                    tracing::warn!(?over, "the connection to Slack ended");
                    if since.elapsed() >= GOOD {
                        pause = self.settings.first_pause;
                    }
                }
                Err(error) => tracing::warn!(%error, ?pause, "cannot connect to Slack"),
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                // Not all bots of a workspace at the same moment.
                () = tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)) => {}
            }
            pause = (pause * 2).min(self.settings.longest_pause);
        }
        self.connected.send_replace(false);
    }

    /// Opens a connection and stays until it is no longer enough. It may be read on in the background after that.
    async fn connection(self: Arc<Self>) -> Result<Over, ChatError> {
        let stream = tokio::select! {
            () = self.stop.cancelled() => return Ok(Over::Stopped),
            stream = self.open() => stream?,
        };
        let (tell, over) = oneshot::channel();
        let listener = self.clone();
        // A task of its own: the old one and the new one overlap.
        let reading = tokio::spawn(async move { listener.read(stream, tell).await });
        let over = match over.await {
            Ok(over) => over,
            Err(_) => {
                reading.abort();
                Over::Closed
            }
        };
        if over != Over::Replace {
            self.connected.send_replace(false);
        }
        Ok(over)
    }

    async fn open(&self) -> Result<Stream, ChatError> {
        let answer = self
            .chat
            .api
            .post(&self.app_token, "apps.connections.open", &json!({}))
            .await?;
        // The URL holds a ticket: it is in no message.
        let url = super::said("apps.connections.open", &answer, "/url")?;
        let url = self
            .chat
            .api
            .checked(&url, "wss")
            .map_err(|why| failed(format!("its socket URL {why}")))?;
        let mut limits = WebSocketConfig::default();
        limits.max_message_size = Some(LONGEST_FRAME);
        limits.max_frame_size = Some(LONGEST_FRAME);
        let connector = Connector::Rustls(self.chat.api.tls());
        let connect = connect_async_tls_with_config(url.as_str(), Some(limits), true, Some(connector));
        match timeout(CONNECT_TIME, quietly(connect)).await {
            Err(_) => Err(failed(format!("no answer within {CONNECT_TIME:?}"))),
            Ok(Err(error)) => Err(failed(kind_of(&error).into())),
            Ok(Ok((stream, _))) => Ok(stream),
        }
    }

    async fn read(self: Arc<Self>, stream: Stream, tell: oneshot::Sender<Over>) {
        let (sink, mut frames) = stream.split();
        let (acks, outgoing) = mpsc::channel(AT_ONCE);
        let writing = tokio::spawn(write(sink, outgoing, self.settings.silence / 4));
        let mut tell = Some(tell);
        let mut last = None;
        let over = loop {
            let patience = last.map_or(self.settings.silence, |end: Instant| {
                end.saturating_duration_since(Instant::now())
            });
            let frame = tokio::select! {
                () = self.stop.cancelled() => break Over::Stopped,
                frame = timeout(patience.min(self.settings.silence), quietly(frames.next())) => frame,
            };
            let text = match frame {
                Err(_) => break Over::Silent,
                Ok(None | Some(Err(_)) | Some(Ok(tungstenite::Message::Close(_)))) => break Over::Closed,
                Ok(Some(Ok(tungstenite::Message::Text(text)))) => text,
                // Pings are answered by the library; that one was heard is all they mean here.
                Ok(Some(Ok(_))) => continue,
            };
            if self.envelope(text.as_str(), &acks) == Some(Over::Replace) {
                last = last.or(Some(Instant::now() + GRACE));
                if let Some(tell) = tell.take() {
                    drop(tell.send(Over::Replace));
                }
            }
        };
        if let Some(tell) = tell {
            // Nobody listens any more only when the listener itself is gone.
            drop(tell.send(over));
        }
        // Acknowledgements under way still go out, where the connection takes them.
        drop(acks);
        drop(timeout(Duration::from_secs(3), writing).await);
    }

    /// Never waits: whatever takes time goes on beside the reading.
    fn envelope(&self, text: &str, acks: &mpsc::Sender<String>) -> Option<Over> {
        let Ok(envelope) = serde_json::from_str::<Value>(text) else {
            tracing::warn!("Slack sent something that is not JSON");
            return None;
        };
        let payload = &envelope["payload"];
        let read = match envelope["type"].as_str().unwrap_or_default() {
            "hello" => {
                self.connected.send_replace(true);
                return None;
            }
            "disconnect" => {
                tracing::debug!(
                    reason = envelope["reason"].as_str(),
                    "Slack asks for a new connection"
                );
                return Some(Over::Replace);
            }
            "slash_commands" => inbound::command(payload, &self.chat.settings.command),
            "interactive" => inbound::interaction(payload),
            "events_api" => inbound::event(payload),
            _ => Read::Ignored("an unknown kind of envelope"),
        };
        if let Some(id) = envelope["envelope_id"].as_str() {
            self.acknowledge(id.to_owned(), read, acks.clone());
        }
        None
    }

    fn acknowledge(&self, id: String, read: Read, acks: mpsc::Sender<String>) {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            tracing::warn!(AT_ONCE, "too much at once from Slack; something was not taken");
            return;
        };
        let acknowledged = self.chat.take(&self.handle, read);
        tokio::spawn(async move {
            let mut ack = json!({"envelope_id": id});
            if let Ok(Some(payload)) = acknowledged.await {
                ack["payload"] = payload;
            }
            drop(slot);
            if acks.send(ack.to_string()).await.is_err() {
                tracing::warn!("an acknowledgement found its connection to Slack closed");
            }
        });
    }
}

/// Sends what is to be sent, and a ping now and then, so that silence means something. Ends with its queue.
async fn write(
    mut sink: SplitSink<Stream, tungstenite::Message>,
    mut outgoing: mpsc::Receiver<String>,
    every: Duration,
) {
    loop {
        let next = match timeout(every, outgoing.recv()).await {
            Ok(Some(ack)) => tungstenite::Message::text(ack),
            Ok(None) => break,
            Err(_) => tungstenite::Message::Ping(tungstenite::Bytes::new()),
        };
        if !matches!(timeout(CONNECT_TIME, quietly(sink.send(next))).await, Ok(Ok(()))) {
            break;
        }
    }
    // The other side may be gone already.
    drop(timeout(Duration::from_secs(1), sink.close()).await);
}

/// What the library logs holds the ticket, and what people wrote.
fn quietly<F>(future: F) -> tracing::instrument::WithDispatch<F> {
    future.with_subscriber(NoSubscriber::default())
}

fn failed(message: String) -> ChatError {
    ChatError {
        kind: ChatErrorKind::Transient { retry_after: None },
        message: format!("slack socket: {message}"),
    }
}

/// In our own words: the library's hold the URL, and the URL the ticket.
fn kind_of(error: &tungstenite::Error) -> &'static str {
    match error {
        tungstenite::Error::Io(_) => "cannot reach Slack",
        tungstenite::Error::Tls(_) => "TLS failed",
        tungstenite::Error::Http(_) => "refused the connection",
        _ => "the connection failed",
    }
}
