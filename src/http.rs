//! Every route that is not a chat's own: `/health`, `/ready`, `/metrics`. The chats' webhooks are merged in as they come.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, Metrics};

/// Connections that are open get so long to finish when the process is asked to end.
const DRAIN: Duration = Duration::from_secs(5);

/// One reason why no request can be served now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReady {
    /// `config`, `store`, `loop`, a chat.
    pub part: &'static str,
    pub why: String,
}

impl NotReady {
    pub fn new(part: &'static str, why: impl Into<String>) -> Self {
        Self {
            part,
            why: why.into(),
        }
    }
}

/// What the probes ask. Both answers are public on the listening address: no secret, no name of a person or a resource.
#[derive(Clone)]
pub struct Probes {
    /// Whether a restart would help: the error says why this process is done for (a poisoned store). Never waits.
    pub alive: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// All reasons why not; none means ready.
    pub ready: Arc<dyn Fn() -> BoxFuture<'static, Vec<NotReady>> + Send + Sync>,
}

#[derive(Clone)]
struct Shared {
    probes: Probes,
    metrics: Arc<Metrics>,
}

/// All routes: ours, and `extra` (signed callbacks of a chat, with their own limits).
pub fn router(probes: Probes, metrics: Arc<Metrics>, extra: Router) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(scrape))
        .with_state(Shared { probes, metrics })
        .merge(extra)
}

async fn health(State(shared): State<Shared>) -> Response {
    match (shared.probes.alive)() {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    let reasons = (shared.probes.ready)().await;
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons });
    (status, Json(body)).into_response()
}

async fn scrape(State(shared): State<Shared>) -> Response {
    let body = shared.metrics.encode();
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], body).into_response()
}

/// Takes the address, so that a mistake shows before anything else is begun.
///
/// # Errors
/// The address is taken or not ours to take.
pub async fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .with_context(|| format!("http.listen: cannot listen on {listen}"))
}

/// Serves until `stop`, then lets open connections finish for at most five seconds.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) -> anyhow::Result<()> {
    let asked = stop.clone();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move { asked.cancelled().await });
    tokio::select! {
        ended = server => ended.context("serve http"),
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

/// Asks a running bot for `/health`: what the container's health check calls.
///
/// # Errors
/// Nobody answers on `listen` within three seconds, or the answer is not 200; its text is in the error.
pub async fn probe(listen: SocketAddr) -> anyhow::Result<()> {
    let to = reachable(listen);
    let answer = tokio::time::timeout(Duration::from_secs(3), ask_health(to))
        .await
        .with_context(|| format!("{to} does not answer within 3 s"))??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(status == "200", "not healthy: {}", body.trim());
    Ok(())
}

async fn ask_health(to: SocketAddr) -> anyhow::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(to)
        .await
        .with_context(|| format!("nobody listens on {to}"))?;
    stream
        .write_all(b"GET /health HTTP/1.0\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(16 * 1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// An address that means "all of mine" is listened on, but not called.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        std::net::IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    struct Server {
        at: SocketAddr,
        stop: CancellationToken,
        done: tokio::task::JoinHandle<anyhow::Result<()>>,
        poisoned: Arc<AtomicBool>,
    }

    async fn start(reasons: Vec<NotReady>) -> Server {
        let poisoned = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&poisoned);
        let probes = Probes {
            alive: Arc::new(move || match seen.load(Ordering::SeqCst) {
                false => Ok(()),
                true => Err("the store is poisoned: a write failed".to_owned()),
            }),
            ready: Arc::new(move || {
                let reasons = reasons.clone();
                Box::pin(async move { reasons })
            }),
        };
        let extra = Router::new().route("/slack/commands", get(|| async { "slack" }));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let at = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let routes = router(probes, Arc::new(Metrics::new()), extra);
        let done = tokio::spawn(serve(listener, routes, stop.clone()));
        Server {
            at,
            stop,
            done,
            poisoned,
        }
    }

    async fn fetch(server: &Server, path: &str) -> (u16, String) {
        crate::install_crypto();
        let answer = reqwest::get(format!("http://{}{path}", server.at)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_poisoned_store_is_not_healthy_and_the_probe_says_why() {
        let server = start(vec![]).await;
        assert_eq!(fetch(&server, "/health").await, (200, "ok\n".to_owned()));
        probe(server.at).await.unwrap();
        server.poisoned.store(true, Ordering::SeqCst);
        assert_eq!(fetch(&server, "/health").await.0, 503);
        let error = probe(server.at).await.unwrap_err().to_string();
        assert!(error.contains("the store is poisoned"), "{error}");
    }

    #[tokio::test]
    async fn ready_names_all_reasons() {
        let server = start(vec![NotReady::new("loop", "last pass 40 s ago")]).await;
        let (status, body) = fetch(&server, "/ready").await;
        assert_eq!(status, 503);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({ "ready": false, "reasons": [{ "part": "loop", "why": "last pass 40 s ago" }] })
        );
        let server = start(vec![]).await;
        assert_eq!(fetch(&server, "/ready").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_and_the_routes_of_chats_are_served_and_nothing_else() {
        let server = start(vec![]).await;
        let (status, body) = fetch(&server, "/metrics").await;
        assert_eq!(status, 200);
        assert!(body.contains("latchkey_build_info"), "{body}");
        assert_eq!(fetch(&server, "/slack/commands").await, (200, "slack".to_owned()));
        assert_eq!(fetch(&server, "/").await.0, 404);
    }

    #[tokio::test]
    async fn it_ends_when_asked_and_the_address_is_free_again() {
        let server = start(vec![]).await;
        assert!(
            bind(server.at)
                .await
                .unwrap_err()
                .to_string()
                .contains("cannot listen on")
        );
        server.stop.cancel();
        server.done.await.unwrap().unwrap();
        let error = probe(server.at).await.unwrap_err().to_string();
        assert!(error.contains("nobody listens"), "{error}");
        bind(server.at).await.unwrap();
    }

    #[test]
    fn all_addresses_are_called_on_loopback() {
        assert_eq!(
            reachable("0.0.0.0:8080".parse().unwrap()),
            "127.0.0.1:8080".parse().unwrap()
        );
        assert_eq!(
            reachable("[::]:8080".parse().unwrap()),
            "[::1]:8080".parse().unwrap()
        );
        assert_eq!(
            reachable("10.0.0.7:1".parse().unwrap()),
            "10.0.0.7:1".parse().unwrap()
        );
    }
}
