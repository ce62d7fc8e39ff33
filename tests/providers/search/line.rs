//! HTTP as both systems speak it: what came in, what goes out, and a server around whoever answers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::stream;
use serde_json::{Value, json};

/// Bodies larger than this, in bytes, are refused.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A request, taken apart.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: String,
    /// As it came, with its query.
    pub target: String,
    /// Of the path, unescaped.
    pub segments: Vec<String>,
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// `None` where there is no body; the error is that it is no JSON.
    pub body: Option<Result<Value, String>>,
}

/// What an `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    Nobody,
    Basic(String, String),
    /// Id and key.
    Key(String, String),
    Bearer(String),
    Unreadable,
}

impl Ask {
    pub fn claimed(&self) -> Claimed {
        let Some(header) = self.headers.get("authorization") else {
            return Claimed::Nobody;
        };
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        let pair = || -> Option<(String, String)> {
            let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
            let (one, two) = text.split_once(':')?;
            Some((one.to_owned(), two.to_owned()))
        };
        let made = match scheme.to_ascii_lowercase().as_str() {
            "basic" => pair().map(|(name, password)| Claimed::Basic(name, password)),
            "apikey" => pair().map(|(id, key)| Claimed::Key(id, key)),
            "bearer" => Some(Claimed::Bearer(rest.trim().to_owned())),
            _ => None,
        };
        made.unwrap_or(Claimed::Unreadable)
    }

    /// The body, which must be an object.
    pub fn object(&self) -> Result<&serde_json::Map<String, Value>, Answer> {
        match &self.body {
            Some(Ok(Value::Object(object))) => Ok(object),
            Some(Ok(_)) => Err(Answer::error(400, "parsing_exception", "an object was expected")),
            Some(Err(reason)) => Err(Answer::error(400, "x_content_parse_exception", reason)),
            None => Err(Answer::error(400, "parse_exception", "request body is required")),
        }
    }

    /// As a provider reports what it ran; every secret in the body is masked.
    pub fn line(&self) -> String {
        match &self.body {
            Some(Ok(body)) => format!("{} {} {}", self.method, self.target, masked(body)),
            Some(Err(_)) | None => format!("{} {}", self.method, self.target),
        }
    }
}

/// A password in an object, or the value of an operation on one.
fn masked(body: &Value) -> Value {
    let mut body = body.clone();
    match &mut body {
        Value::Object(object) => {
            if let Some(password) = object.get_mut("password") {
                *password = Value::from("***");
            }
        }
        Value::Array(operations) => {
            for operation in operations {
                let path = operation["path"].as_str().unwrap_or_default();
                if path.ends_with("/password") {
                    operation["value"] = Value::from("***");
                }
            }
        }
        _ => {}
    }
    body
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub json: bool,
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: body.to_string(),
            json: true,
        }
    }

    pub fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.to_owned(),
            json: false,
        }
    }

    /// An error as the core of both writes it.
    pub fn error(status: u16, kind: &str, reason: &str) -> Self {
        let cause = json!({"type": kind, "reason": reason});
        let mut error = cause.clone();
        error["root_cause"] = json!([cause]);
        Self::json(status, json!({"error": error, "status": status}))
    }

    pub fn no_handler(ask: &Ask) -> Self {
        let reason = format!(
            "no handler found for uri [{}] and method [{}]",
            ask.target, ask.method
        );
        Self::json(400, json!({"error": reason}))
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The first key that is not known, as an error.
pub fn only_keys<'a>(keys: impl Iterator<Item = &'a String>, known: &[&str]) -> Result<(), Answer> {
    match keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        Some(key) => {
            let reason = format!("unknown field [{key}]");
            Err(Answer::error(400, "x_content_parse_exception", &reason))
        }
        None => Ok(()),
    }
}

/// Both refuse parameters that they do not know.
pub fn only_query(ask: &Ask, known: &[&str]) -> Result<(), Answer> {
    let common = ["pretty", "human", "filter_path", "error_trace", "format"];
    let unknown = ask
        .query
        .keys()
        .find(|key| !known.contains(&key.as_str()) && !common.contains(&key.as_str()));
    match unknown {
        Some(key) => {
            let reason = format!(
                "request [{}] contains unrecognized parameter: [{key}]",
                ask.target
            );
            Err(Answer::error(400, "illegal_argument_exception", &reason))
        }
        None => Ok(()),
    }
}

/// Keeps of an answer what `filter_path` names, where `*` stands for any key.
pub fn filtered(value: Value, filters: &str) -> Value {
    let paths: Vec<Vec<&str>> = filters.split(',').map(|path| path.split('.').collect()).collect();
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    keep(&value, &paths).unwrap_or_else(|| json!({}))
}

fn keep(value: &Value, paths: &[&[&str]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    let object = value.as_object()?;
    let mut kept = serde_json::Map::new();
    for (key, value) in object {
        let below: Vec<&[&str]> = paths
            .iter()
            .filter(|path| path[0] == "*" || path[0] == key)
            .map(|path| &path[1..])
            .collect();
        if !below.is_empty()
            && let Some(value) = keep(value, &below)
        {
            kept.insert(key.clone(), value);
        }
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// Whoever answers.
pub trait Serve: Send + Sync + 'static {
    fn answer(&self, ask: &Ask) -> Answer;
    /// On every answer.
    fn headers(&self) -> &'static [(&'static str, &'static str)];
}

/// A server until it is dropped.
pub struct Server {
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// On a free port of loopback.
pub async fn serve(router: Router) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port on loopback");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            eprintln!("a simulator ended: {error}");
        }
    });
    Server { url, task }
}

pub fn router(serve: Arc<dyn Serve>) -> Router {
    Router::new().fallback(answer).with_state(serve)
}

async fn answer(State(serve): State<Arc<dyn Serve>>, request: Request) -> Response {
    let Some(ask) = read(request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut answer = serve.answer(&ask);
    if let Some(filters) = ask.query.get("filter_path")
        && let Ok(value) = serde_json::from_str(&answer.body)
        && answer.is_success()
    {
        answer.body = filtered(value, filters).to_string();
    }
    let mut response = Response::new(Body::from(if ask.method == "HEAD" {
        String::new()
    } else {
        answer.body
    }));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status");
    let headers = response.headers_mut();
    // A client that asks for a version of the API is answered in it.
    let accepted = ask.headers.get("accept").and_then(|accept| {
        accept
            .split(',')
            .map(str::trim)
            .find(|kind| kind.contains("vnd."))
    });
    let kind = match (answer.json, accepted) {
        (true, Some(accept)) => accept,
        (true, None) => "application/json",
        (false, _) => "text/plain; charset=UTF-8",
    };
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(kind).expect("a media type"),
    );
    for (name, value) in serve.headers() {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

async fn read(request: Request) -> Option<Ask> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.ok()?;
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let body = (!body.is_empty())
        .then(|| serde_json::from_slice(&body).map_err(|_| format!("no JSON: {}", text(&body))));
    let unescaped = |text: &str| {
        // A plus is a plus in a path.
        let pairs = text.replace('+', "%2B");
        form_urlencoded::parse(pairs.as_bytes())
            .next()
            .map_or_else(String::new, |(key, _)| key.into_owned())
    };
    let path = parts.uri.path();
    let segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        // Written so that no sign of a query is taken for one.
        .map(|segment| unescaped(&segment.replace('=', "%3D").replace('&', "%26")))
        .collect();
    let query = parts.uri.query().unwrap_or_default();
    let named = |name: &HeaderName| name.as_str().to_ascii_lowercase();
    Some(Ask {
        method: parts.method.to_string(),
        target: parts
            .uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
        segments,
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    named(name),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body,
    })
}

/// The connection breaks off where the body should begin.
pub fn broken() -> Response {
    let end = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let mut response = Response::new(Body::from_stream(stream::iter([end])));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
    response
}
