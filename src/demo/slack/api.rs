//! The Web API: one door, one table of methods. Checks what Slack checks before a method sees its arguments.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::args::{Args, Body};
use super::faults::ApiFault;
use super::options::Rates;
use super::shared::Shared;
use super::world::{TokenKind, World};
use super::{chat_methods, directory_methods, view_methods};

/// An error as the API words it.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) code: String,
    messages: Vec<String>,
    extra: Map<String, Value>,
}

impl ApiError {
    pub(super) fn code(code: &str) -> Self {
        Self {
            code: code.into(),
            messages: Vec::new(),
            extra: Map::new(),
        }
    }

    pub(super) fn with_messages(code: &str, messages: Vec<String>) -> Self {
        Self {
            code: code.into(),
            messages,
            extra: Map::new(),
        }
    }

    fn body(&self) -> Value {
        let mut body = json!({"ok": false, "error": self.code});
        if !self.messages.is_empty() {
            body["errors"] = json!(self.messages);
            body["response_metadata"] = json!({"messages": self.messages});
        }
        for (key, value) in &self.extra {
            body[key] = value.clone();
        }
        body
    }
}

pub(super) type Answer = Result<Value, ApiError>;

/// One method of the Web API.
struct Method {
    name: &'static str,
    token: Option<TokenKind>,
    /// Any one of these scopes will do.
    scopes: &'static [&'static str],
    body: Body,
    /// Calls a minute.
    rate: usize,
    run: fn(&mut World, &Args) -> Answer,
}

const fn method(
    name: &'static str,
    scopes: &'static [&'static str],
    body: Body,
    rate: usize,
    run: fn(&mut World, &Args) -> Answer,
) -> Method {
    Method {
        name,
        token: Some(TokenKind::Bot),
        scopes,
        body,
        rate,
        run,
    }
}

const WRITE: &[&str] = &["chat:write"];
const READ_CHANNELS: &[&str] = &["channels:read", "groups:read", "im:read", "mpim:read"];
const OPEN: &[&str] = &["im:write", "channels:manage", "groups:write", "mpim:write"];

static METHODS: &[Method] = &[
    Method {
        token: None,
        ..method("api.test", &[], Body::FormOrJson, 100, api_test)
    },
    method(
        "auth.test",
        &[],
        Body::FormOrJson,
        300,
        directory_methods::auth_test,
    ),
    Method {
        token: Some(TokenKind::App),
        ..method(
            "apps.connections.open",
            &[],
            Body::FormOrJson,
            20,
            directory_methods::connections_open,
        )
    },
    method(
        "chat.postMessage",
        WRITE,
        Body::FormOrJson,
        600,
        chat_methods::post_message,
    ),
    method(
        "chat.postEphemeral",
        WRITE,
        Body::FormOrJson,
        100,
        chat_methods::post_ephemeral,
    ),
    method("chat.update", WRITE, Body::FormOrJson, 50, chat_methods::update),
    method("chat.delete", WRITE, Body::FormOrJson, 50, chat_methods::delete),
    method(
        "conversations.open",
        OPEN,
        Body::FormOrJson,
        50,
        directory_methods::conversations_open,
    ),
    method(
        "conversations.info",
        READ_CHANNELS,
        Body::FormOnly,
        50,
        directory_methods::conversations_info,
    ),
    method(
        "conversations.list",
        READ_CHANNELS,
        Body::FormOnly,
        20,
        directory_methods::conversations_list,
    ),
    method(
        "conversations.members",
        READ_CHANNELS,
        Body::FormOnly,
        100,
        directory_methods::conversations_members,
    ),
    method(
        "users.info",
        &["users:read"],
        Body::FormOnly,
        100,
        directory_methods::users_info,
    ),
    method(
        "users.list",
        &["users:read"],
        Body::FormOnly,
        20,
        directory_methods::users_list,
    ),
    method(
        "users.lookupByEmail",
        &["users:read.email"],
        Body::FormOnly,
        50,
        directory_methods::lookup_by_email,
    ),
    method(
        "usergroups.list",
        &["usergroups:read"],
        Body::FormOnly,
        20,
        directory_methods::usergroups_list,
    ),
    method(
        "usergroups.users.list",
        &["usergroups:read"],
        Body::FormOnly,
        20,
        directory_methods::usergroup_members,
    ),
    method("views.open", &[], Body::FormOrJson, 100, view_methods::open),
    method("views.push", &[], Body::FormOrJson, 100, view_methods::push),
    method("views.update", &[], Body::FormOrJson, 100, view_methods::update),
    method("views.publish", &[], Body::FormOrJson, 100, view_methods::publish),
];

fn api_test(_: &mut World, args: &Args) -> Answer {
    match args.text("error") {
        Some(code) => Err(ApiError::code(code)),
        None => Ok(json!({"args": args.0})),
    }
}

/// The route `/api/{method}`.
pub(super) async fn call(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if shared.look(|w| w.faults.down) {
        return (StatusCode::SERVICE_UNAVAILABLE, "upstream connect error").into_response();
    }
    let busy = shared.under_way();
    let token = shared.look(|w| token_kind(w, &headers));
    let takes = METHODS
        .iter()
        .find(|m| m.name == name)
        .map_or(Body::FormOrJson, |m| m.body);
    let args = Args::read(query.as_deref().unwrap_or_default(), &headers, &body, takes);
    let seen = args.as_ref().map_or(Value::Null, |a| Value::Object(a.0.clone()));
    let fault = shared.change(|w| {
        let fault = w.faults.take_call(&name);
        match &fault {
            Some(ApiFault::DoneButLost) | None => {}
            Some(other) => w.record(&name, token, &seen, &format!("fault: {other:?}")),
        }
        fault
    });
    match fault {
        Some(ApiFault::RateLimited(seconds)) => return rate_limited(seconds),
        Some(ApiFault::ServerError) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "<html>oops</html>").into_response();
        }
        Some(ApiFault::Error(code)) => return Json(ApiError::code(&code).body()).into_response(),
        Some(ApiFault::Hang) => {
            drop(busy);
            tokio::time::sleep(Duration::from_secs(3600)).await;
            return StatusCode::GATEWAY_TIMEOUT.into_response();
        }
        Some(ApiFault::DoneButLost) | None => {}
    }
    let answer = shared.change(|w| {
        let answer = args.and_then(|args| run(w, &name, token, &args));
        let words = answer.as_ref().err().map_or("ok", |e| e.code.as_str()).to_owned();
        w.record(&name, token, &seen, &words);
        answer
    });
    if fault == Some(ApiFault::DoneButLost) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "<html>lost</html>").into_response();
    }
    respond(&shared, &headers, answer)
}

fn respond(shared: &Shared, headers: &HeaderMap, answer: Answer) -> Response {
    let mut response = match answer {
        Ok(mut body) => {
            body["ok"] = json!(true);
            warn_of_charset(headers, &mut body);
            Json(body).into_response()
        }
        Err(error) if error.code == "ratelimited" => rate_limited(1),
        Err(error) => Json(error.body()).into_response(),
    };
    if let Ok(scopes) = HeaderValue::from_str(&shared.options.scopes.join(",")) {
        response.headers_mut().insert("x-oauth-scopes", scopes);
    }
    response
}

/// Slack warns of a JSON body that does not name its charset, and answers all the same.
fn warn_of_charset(headers: &HeaderMap, body: &mut Value) {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with("application/json") && !kind.contains("charset") {
        body["warning"] = json!("missing_charset");
        body["response_metadata"]["warnings"] = json!(["missing_charset"]);
    }
}

fn rate_limited(seconds: u32) -> Response {
    let body = Json(json!({"ok": false, "error": "ratelimited"}));
    (
        StatusCode::TOO_MANY_REQUESTS,
        [(header::RETRY_AFTER, seconds.to_string())],
        body,
    )
        .into_response()
}

fn token_kind(world: &World, headers: &HeaderMap) -> TokenKind {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    match given.and_then(|v| v.strip_prefix("Bearer ")) {
        None => TokenKind::Missing,
        Some(token) if token == world.options.bot_token => TokenKind::Bot,
        Some(token) if token == world.options.app_token => TokenKind::App,
        Some(_) => TokenKind::Unknown,
    }
}

fn run(world: &mut World, name: &str, token: TokenKind, args: &Args) -> Answer {
    let Some(method) = METHODS.iter().find(|m| m.name == name) else {
        return Err(ApiError::code("unknown_method"));
    };
    if let Some(needed) = method.token {
        match token {
            TokenKind::Missing => return Err(ApiError::code("not_authed")),
            TokenKind::Unknown => return Err(ApiError::code("invalid_auth")),
            TokenKind::Bot | TokenKind::App if token != needed => {
                return Err(ApiError::code("not_allowed_token_type"));
            }
            TokenKind::Bot | TokenKind::App => {}
        }
        check_scope(world, method)?;
    }
    if world.options.rates == Rates::Published {
        let minute = chrono::Duration::minutes(1);
        world.within_rate(name, method.rate, minute)?;
        if let ("chat.postMessage", Some(channel)) = (name, args.text("channel")) {
            // One a second; Slack tolerates a short burst.
            world.within_rate(&format!("post {channel}"), 5, chrono::Duration::seconds(5))?;
        }
    }
    (method.run)(world, args)
}

fn check_scope(world: &World, method: &Method) -> Result<(), ApiError> {
    let provided = &world.options.scopes;
    if method.scopes.is_empty() || method.scopes.iter().any(|s| provided.iter().any(|p| p == s)) {
        return Ok(());
    }
    let mut error = ApiError::code("missing_scope");
    error
        .extra
        .insert("needed".into(), json!(method.scopes.join(",")));
    error.extra.insert("provided".into(), json!(provided.join(",")));
    Err(error)
}

impl World {
    /// Counts a call against a sliding window.
    fn within_rate(&mut self, key: &str, most: usize, window: chrono::Duration) -> Result<(), ApiError> {
        let now = self.now;
        let seen = self.calls_in_window.entry(key.to_owned()).or_default();
        while seen.front().is_some_and(|at| now - *at >= window) {
            seen.pop_front();
        }
        if seen.len() >= most {
            return Err(ApiError::code("ratelimited"));
        }
        seen.push_back(now);
        Ok(())
    }
}
