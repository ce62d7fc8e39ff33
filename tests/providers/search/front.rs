//! A line to a cluster, simulated or real, that is cut at one call and stays cut.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Response as HttpResponse,
    response::Response,
};

use super::line::{Server, broken, serve};

/// Which side of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

struct Cut {
    upstream: String,
    http: reqwest::Client,
    left: AtomicU32,
    side: Side,
    was_cut: AtomicBool,
}

pub struct Front {
    pub server: Server,
    cut: Arc<Cut>,
}

impl Front {
    /// Cuts at the `nth` call from 1 on.
    pub async fn start(upstream: &str, http: reqwest::Client, nth: u32, side: Side) -> Self {
        let cut = Arc::new(Cut {
            upstream: upstream.to_owned(),
            http,
            left: AtomicU32::new(nth),
            side,
            was_cut: AtomicBool::new(false),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&cut));
        Self {
            server: serve(router).await,
            cut,
        }
    }

    pub fn was_cut(&self) -> bool {
        self.cut.was_cut.load(Ordering::SeqCst)
    }
}

async fn pass(State(cut): State<Arc<Cut>>, request: Request) -> Response {
    if cut.was_cut.load(Ordering::SeqCst) {
        return broken();
    }
    let cut_now = cut.left.fetch_sub(1, Ordering::SeqCst) == 1;
    if cut_now {
        cut.was_cut.store(true, Ordering::SeqCst);
        if cut.side == Side::Before {
            return broken();
        }
    }
    match forward(&cut, request).await {
        Some(response) if !cut_now => response,
        _ => broken(),
    }
}

async fn forward(cut: &Cut, request: Request) -> Option<Response> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 4 * 1024 * 1024).await.ok()?;
    let url = format!("{}{}", cut.upstream, parts.uri.path_and_query()?);
    let mut headers = parts.headers;
    headers.remove("host");
    let answer = cut
        .http
        .request(parts.method, url)
        .headers(headers)
        .body(body)
        .send()
        .await
        .ok()?;
    let mut response = HttpResponse::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "content-length" && name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(answer.bytes().await.ok()?)).ok()
}
