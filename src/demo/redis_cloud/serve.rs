//! HTTP: lines into the account, and the controls beside them.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::api::{Answer, Ask};
use super::faults::{Fate, Fault, Faults, Side};
use super::op::Op;

/// Bodies larger than this, in bytes, are refused.
const BODY_LIMIT: usize = 256 * 1024;

/// One way in, with its own faults.
#[derive(Clone)]
pub struct Line {
    pub shared: Arc<Shared>,
    pub faults: Arc<Faults>,
}

pub fn router(line: Line) -> Router {
    Router::new()
        .route("/_sim/state", get(state))
        .route("/_sim/log", get(log))
        .route("/_sim/fault", post(fault).delete(clear))
        .route("/_sim/others", post(others))
        .route("/_sim/can", post(can))
        .route("/_sim/session", post(session))
        .route("/_sim/pass", post(pass))
        .fallback(vendor)
        .with_state(line)
}

/// The connection breaks off where the body should begin.
fn broken() -> Response {
    let end = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let body = Body::from_stream(stream::iter([end]));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, header::HeaderValue::from_static("1000"));
    response
}

async fn vendor(State(line): State<Line>, request: Request) -> Response {
    let (fate, delay) = line.faults.next();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match fate {
        Fate::Cut(Side::Before) => return broken(),
        Fate::TooMany(retry_after) => {
            return respond(Answer {
                retry_after,
                ..Answer::empty(429)
            });
        }
        Fate::Status(status) => return respond(Answer::empty(status)),
        Fate::Served | Fate::Cut(Side::After) => {}
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return respond(Answer::empty(413));
    };
    let Some(path) = parts.uri.path().strip_prefix("/v1") else {
        return respond(Answer::empty(404));
    };
    let ask = Ask {
        method: &parts.method,
        path,
        query: parts.uri.query(),
        headers: &parts.headers,
        body: &body,
    };
    let answer = line.shared.world().answer(&ask);
    if fate == Fate::Cut(Side::After) {
        broken()
    } else {
        respond(answer)
    }
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        Some(body) => (status, Json(body)).into_response(),
        None => status.into_response(),
    };
    let mut put = |name: &'static str, value: Option<String>| {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            response.headers_mut().insert(name, value);
        }
    };
    put(
        "retry-after",
        answer.retry_after.map(|seconds| seconds.to_string()),
    );
    put(
        "x-rate-limit-remaining",
        answer.remaining.map(|calls| calls.to_string()),
    );
    response
}

// ---- controls: for tests in another process and for the demo's page; the vendor has no such thing

#[derive(Deserialize)]
struct Since {
    since: Option<u32>,
}

/// 204 while the revision is the one that the caller knows.
async fn state(State(line): State<Line>, Query(Since { since }): Query<Since>) -> Response {
    let state = line.shared.world().show_state();
    if since.is_some() && state["revision"] == json!(since) {
        return StatusCode::NO_CONTENT.into_response();
    }
    Json(state).into_response()
}

async fn log(State(line): State<Line>) -> Json<Value> {
    let world = line.shared.world();
    let asked: Vec<_> = world.log.asked.iter().map(super::log::Asked::masked).collect();
    let changed: Vec<Value> = world
        .log
        .changed
        .iter()
        .map(|entry| json!({"atMs": entry.at_ms, "by": entry.by, "change": entry.change.masked(), "error": entry.error}))
        .collect();
    Json(json!({"asked": asked, "changed": changed}))
}

async fn fault(State(line): State<Line>, Json(fault): Json<Fault>) -> StatusCode {
    line.shared.fault(&line.faults, &fault);
    StatusCode::NO_CONTENT
}

async fn clear(State(line): State<Line>) -> StatusCode {
    line.faults.clear();
    line.shared.world().failing.clear();
    StatusCode::NO_CONTENT
}

async fn others(State(line): State<Line>, Json(op): Json<Op>) -> Response {
    match line.shared.world().by_others(&op) {
        Ok(id) => Json(json!({"id": id})).into_response(),
        Err(error) => (StatusCode::CONFLICT, Json(json!({"error": error}))).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Try {
    login: String,
    password: String,
    database: i64,
    #[serde(default)]
    command: String,
    #[serde(default)]
    key: String,
}

async fn can(
    State(line): State<Line>,
    Json(Try {
        login,
        password,
        database,
        command,
        key,
    }): Json<Try>,
) -> Json<Value> {
    let world = line.shared.world();
    let logged_in = world.can_log_in(&login, &password, database);
    Json(json!({"login": logged_in, "can": world.can(&login, &password, database, &command, &key)}))
}

async fn session(
    State(line): State<Line>,
    Json(Try {
        login,
        password,
        database,
        ..
    }): Json<Try>,
) -> Response {
    match line.shared.world().open_session(&login, &password, database) {
        Some(id) => Json(json!({"id": id})).into_response(),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

#[derive(Deserialize)]
struct Pass {
    ms: u64,
}

async fn pass(State(line): State<Line>, Json(Pass { ms }): Json<Pass>) -> StatusCode {
    line.shared
        .world()
        .clock
        .skip(std::time::Duration::from_millis(ms));
    StatusCode::NO_CONTENT
}
