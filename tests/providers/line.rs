//! A line to an HTTP API that the suite listens on: it writes down what went through, and can be cut at the n-th call, after
//! which nobody answers any more.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use tokio::task::JoinHandle;

use crate::target::Cut;

/// Larger than anything a provider sends or reads in the suite, in bytes.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// A request that reached the target, and how that answered.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    /// With its query, as it was sent.
    pub path: String,
    pub body: String,
    pub status: StatusCode,
}

pub struct Line {
    /// Where it begins; what comes in there ends up at the target's origin.
    pub url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    /// Scheme, host and port of the target.
    origin: String,
    http: reqwest::Client,
    cut: Option<(u32, Cut)>,
    calls: AtomicU32,
    was_cut: AtomicBool,
    asked: Mutex<Vec<Asked>>,
}

impl Line {
    pub async fn start(origin: &str, cut: Option<(u32, Cut)>) -> Self {
        latchkey::install_crypto();
        let shared = Arc::new(Shared {
            origin: origin.to_owned(),
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("an HTTP client"),
            cut,
            calls: AtomicU32::new(0),
            was_cut: AtomicBool::new(false),
            asked: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let routes = Router::new().fallback(carry).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("the line ended: {error}");
            }
        });
        Self { url, shared, serving }
    }

    pub fn was_cut(&self) -> bool {
        self.shared.was_cut.load(Ordering::SeqCst)
    }

    /// What reached the target since the last call of this.
    pub fn take_asked(&self) -> Vec<Asked> {
        let mut asked = self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *asked)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The connection breaks off where the body should begin.
fn broken() -> Response {
    let end = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let mut response = Response::new(Body::from_stream(stream::iter([end])));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
    response
}

async fn carry(State(line): State<Arc<Shared>>, request: Request) -> Response {
    if line.was_cut.load(Ordering::SeqCst) {
        return broken();
    }
    let is_the_call = |cut: Cut| {
        line.cut
            .is_some_and(|(nth, side)| side == cut && line.calls.load(Ordering::SeqCst) == nth)
    };
    line.calls.fetch_add(1, Ordering::SeqCst);
    if is_the_call(Cut::Before) {
        line.was_cut.store(true, Ordering::SeqCst);
        return broken();
    }
    let cut_after = is_the_call(Cut::After);
    let answer = line.forward(request).await;
    if cut_after {
        line.was_cut.store(true, Ordering::SeqCst);
        return broken();
    }
    answer.unwrap_or_else(broken)
}

impl Shared {
    async fn forward(&self, request: Request) -> Option<Response> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_LIMIT).await.ok()?;
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let mut headers = parts.headers;
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let answer = self
            .http
            .request(parts.method.clone(), format!("{}{path}", self.origin))
            .headers(headers)
            .body(body.clone())
            .send()
            .await
            .ok()?;
        let status = answer.status();
        let kept = [header::CONTENT_TYPE, header::RETRY_AFTER];
        let headers = answer.headers().clone();
        let content = answer.bytes().await.ok()?;
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Asked {
                method: parts.method,
                path,
                body: String::from_utf8_lossy(&body).into_owned(),
                status,
            });
        let mut response = Response::new(Body::from(content));
        *response.status_mut() = status;
        for name in kept {
            if let Some(value) = headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Some(response)
    }
}
