//! HTTP: lines into the organization.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::Value;

use super::api::{Ask, VERSIONS};
use super::auth::{Caller, challenge};
use super::faults::{Fate, Faults, Side};
use super::reply::{Refusal, Reply};
use super::world::{Asked, World};

/// Bodies larger than this, in bytes, are refused.
const BODY_LIMIT: usize = 256 * 1024;
/// Said with every 429, in seconds.
const WAIT: u64 = 1;

/// One way in, with its own faults.
#[derive(Clone)]
pub struct Line {
    pub world: Arc<Mutex<World>>,
    pub faults: Arc<Faults>,
}

pub fn router(line: Line) -> Router {
    Router::new().fallback(vendor).with_state(line)
}

/// The connection breaks off where the body should begin.
fn broken() -> Response {
    let end = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let mut response = Response::new(Body::from_stream(stream::iter([end])));
    let length = header::HeaderValue::from_static("1000");
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}

struct Answered {
    status: u16,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

async fn vendor(State(line): State<Line>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let uri = parts
        .uri
        .path_and_query()
        .map_or("/", |uri| uri.as_str())
        .to_owned();
    let unsigned = !parts.headers.contains_key("authorization");
    let is_token = parts.uri.path() == "/api/oauth/token";
    let fate = match unsigned || is_token {
        true => Fate::Served,
        false => line.faults.next(&uri, parts.method != "GET"),
    };
    if fate == Fate::Cut(Side::Before) {
        return broken();
    }
    let text = |name: &str| -> Option<String> { Some(parts.headers.get(name)?.to_str().ok()?.to_owned()) };
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let answered = {
        let mut world = line.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance();
        let answered = match is_token {
            true => told(world.token(&parts.headers, &body), None),
            false => answer(
                &mut world,
                &parts.headers,
                parts.method.as_str(),
                &uri,
                json.as_ref(),
                fate,
            ),
        };
        world.asked.push(Asked {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            accept: text("accept"),
            content_type: text("content-type"),
            body: json,
            status: answered.status,
            unsigned,
        });
        answered
    };
    if fate == Fate::Cut(Side::After) {
        return broken();
    }
    respond(answered, text("accept"))
}

fn answer(
    world: &mut World,
    headers: &HeaderMap,
    method: &str,
    uri: &str,
    body: Option<&Value>,
    fate: Fate,
) -> Answered {
    let refusal = |status, code, detail: &str| -> Reply {
        Err(Refusal {
            status,
            code,
            detail: detail.to_owned(),
        })
    };
    let with_challenge = |nonce: String, stale, code| {
        let mut answered = told(
            refusal(401, code, "you are not authorized for this resource"),
            None,
        );
        answered
            .headers
            .push(("www-authenticate", challenge(&nonce, stale)));
        answered
    };
    match fate {
        Fate::TooMany { ip: false } => {
            return told(refusal(429, "RATE_LIMITED", "too many requests"), Some(WAIT));
        }
        Fate::TooMany { ip: true } => {
            return told(refusal(400, "RATE_LIMITED_IP", "too many requests"), None);
        }
        Fate::Status(status) => return told(refusal(status, "UNEXPECTED_ERROR", "not now"), None),
        Fate::Served | Fate::Cut(_) => {}
    }
    let key = match world.caller(headers, method, uri) {
        Caller::Known(key) => key,
        Caller::Challenge { nonce, stale } => return with_challenge(nonce, stale, "UNAUTHORIZED"),
        Caller::Wrong { nonce } => return with_challenge(nonce, false, "UNAUTHORIZED"),
        Caller::NoToken => return told(refusal(401, "INVALID_TOKEN", "the token is not known"), None),
    };
    if !world.has_pace() {
        world.refused_for_pace += 1;
        return told(
            refusal(429, "RATE_LIMITED_TOKEN_BUCKET", "too many requests"),
            Some(WAIT),
        );
    }
    let (path, query) = uri
        .split_once('?')
        .map_or((uri, None), |(path, query)| (path, Some(query)));
    let Some(path) = path.strip_prefix("/api/atlas/v2") else {
        return told(refusal(404, "RESOURCE_NOT_FOUND", path), None);
    };
    let ask = Ask {
        method,
        path,
        query,
        accept: headers
            .get("accept")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default(),
        content_type: headers.get("content-type").and_then(|value| value.to_str().ok()),
        body,
        key: &key,
    };
    told(world.answer(&ask), None)
}

fn told(reply: Reply, wait: Option<u64>) -> Answered {
    let headers = wait
        .map(|seconds| ("retry-after", seconds.to_string()))
        .into_iter()
        .collect();
    match reply {
        Ok(good) => Answered {
            status: good.status,
            body: (good.status != 204).then_some(good.body),
            headers,
        },
        Err(refusal) => Answered {
            status: refusal.status,
            body: Some(refusal.body(wait)),
            headers,
        },
    }
}

fn respond(answered: Answered, accept: Option<String>) -> Response {
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match &answered.body {
        Some(body) => (status, body.to_string()).into_response(),
        None => status.into_response(),
    };
    let media = accept.filter(|media| VERSIONS.iter().any(|date| media.contains(date)));
    let media = media.unwrap_or_else(|| "application/json".to_owned());
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    };
    put("content-type", media);
    for (name, value) in answered.headers {
        put(name, value);
    }
    response
}
