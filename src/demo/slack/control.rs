//! The page and what it calls: acting as a person and seeing what they see, over HTTP. Other processes may use it too.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actor::{ActError, Actor, Submitted};
use super::faults::{ApiFault, DeliveryFault};
use super::screen;
use super::shared::Shared;
use super::socket::Disconnect;

/// The page may load only what this server sends.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                              frame-ancestors 'none'";

/// Where a click or value goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Place {
    Message { channel: String, ts: String },
    Modal,
    Home,
}

/// Routes of the page, with static files compiled in.
pub(super) fn routes(shared: Arc<Shared>) -> Router<Arc<Shared>> {
    let file = |content: &'static str, kind: &'static str| {
        get(move || async move {
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
            (headers, [("content-security-policy", CONTENT_POLICY)], content)
        })
    };
    let script = "text/javascript; charset=utf-8";
    Router::new()
        .route(
            "/",
            file(
                include_str!("../../../templates/demo/page.html"),
                "text/html; charset=utf-8",
            ),
        )
        .route(
            "/_demo/page.css",
            file(
                include_str!("../../../templates/demo/page.css"),
                "text/css; charset=utf-8",
            ),
        )
        .route(
            "/_demo/blocks.css",
            file(
                include_str!("../../../templates/demo/blocks.css"),
                "text/css; charset=utf-8",
            ),
        )
        .route(
            "/_demo/page.js",
            file(include_str!("../../../templates/demo/page.js"), script),
        )
        .route(
            "/_demo/blocks.js",
            file(include_str!("../../../templates/demo/blocks.js"), script),
        )
        .route(
            "/_demo/inputs.js",
            file(include_str!("../../../templates/demo/inputs.js"), script),
        )
        .route(
            "/_demo/mrkdwn.js",
            file(include_str!("../../../templates/demo/mrkdwn.js"), script),
        )
        .route(
            "/_demo/panel.js",
            file(include_str!("../../../templates/demo/panel.js"), script),
        )
        .route("/_demo/state", get(state))
        .route("/_demo/screen", get(text))
        .route("/_demo/events", get(events))
        .route("/_demo/panel", get(panel))
        .route("/_demo/type", post(types))
        .route("/_demo/click", post(click))
        .route("/_demo/fill", post(fill))
        .route("/_demo/options", post(options))
        .route("/_demo/submit", post(submit))
        .route("/_demo/close", post(close))
        .route("/_demo/home", post(home))
        .route("/_demo/shortcut", post(shortcut))
        .route("/_demo/read", post(read))
        .route("/_demo/fault", post(fault))
        .layer(axum::middleware::from_fn_with_state(shared, own_page_only))
}

/// Another site open in the same browser must not press buttons here: foreign origins and host names are refused.
async fn own_page_only(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if fits(&shared.base_url, request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "this page is for this machine").into_response()
    }
}

fn fits(base_url: &str, headers: &HeaderMap) -> bool {
    let port = base_url.rsplit(':').next().unwrap_or_default();
    let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let host_fits = header_text(headers, &header::HOST).is_some_and(|h| hosts.contains(&h));
    let origin = header_text(headers, &header::ORIGIN);
    host_fits && origin.is_none_or(|o| hosts.iter().any(|h| o == format!("http://{h}")))
}

fn header_text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Why nothing came of a request to the page's API.
struct Regret(StatusCode, Value);

impl IntoResponse for Regret {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl From<ActError> for Regret {
    fn from(error: ActError) -> Self {
        let status = match &error {
            ActError::NotThere { .. } | ActError::Waited { .. } => StatusCode::NOT_FOUND,
            ActError::Incomplete(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ActError::Delivery(_) => StatusCode::BAD_GATEWAY,
        };
        let words = match &error {
            // The screen in these is for test output.
            ActError::NotThere { .. } | ActError::Waited { .. } => "That is not there any more.".to_owned(),
            ActError::Incomplete(problems) => problems.join("\n"),
            ActError::Delivery(error) => format!("{error}."),
        };
        Self(status, json!({"error": words}))
    }
}

type Answer = Result<Json<Value>, Regret>;

fn actor(shared: &Arc<Shared>, user: &str) -> Result<Actor, Regret> {
    let id = shared.look(|w| w.person(user).map(|p| p.id.clone()));
    let nobody = || Regret(StatusCode::NOT_FOUND, json!({"error": "nobody is called that"}));
    Ok(Actor::new(Arc::clone(shared), id.ok_or_else(nobody)?))
}

#[derive(Deserialize)]
struct Whose {
    user: String,
}

async fn state(State(shared): State<Arc<Shared>>, Query(whose): Query<Whose>) -> Answer {
    let actor = actor(&shared, &whose.user)?;
    Ok(Json(shared.look(|w| screen::of(w, actor.id()))))
}

async fn text(State(shared): State<Arc<Shared>>, Query(whose): Query<Whose>) -> Result<String, Regret> {
    Ok(actor(&shared, &whose.user)?.screen())
}

/// One event for each change; the page then asks for the state again.
async fn events(
    State(shared): State<Arc<Shared>>,
) -> Sse<impl futures_util::Stream<Item = Result<Event, Infallible>>> {
    let changes = shared.changes();
    let stream = futures_util::stream::unfold((changes, true), |(mut changes, first)| async move {
        if !first {
            changes.changed().await.ok()?;
            // Several changes in one breath are one event.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let revision = *changes.borrow_and_update();
        Some((
            Ok(Event::default().event("change").data(revision.to_string())),
            (changes, false),
        ))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// What the targets hold, as their own servers tell it.
async fn panel(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut panels = Vec::new();
    for panel in &shared.options.panels {
        let asked = shared
            .http
            .get(&panel.url)
            .timeout(Duration::from_secs(2))
            .send()
            .await;
        let data = match asked {
            Ok(response) => response.json::<Value>().await,
            Err(error) => Err(error),
        };
        panels.push(match data {
            Ok(data) => json!({"title": panel.title, "data": data}),
            Err(_) => json!({"title": panel.title, "error": "does not answer"}),
        });
    }
    Json(json!({"panels": panels}))
}

#[derive(Deserialize)]
struct Line {
    user: String,
    channel: Option<String>,
    line: String,
}

async fn types(State(shared): State<Arc<Shared>>, Json(line): Json<Line>) -> Answer {
    let actor = actor(&shared, &line.user)?;
    let reply = match &line.channel {
        Some(channel) => actor.types_in(channel, &line.line).await?,
        None => actor.types(&line.line).await?,
    };
    Ok(Json(json!({"reply": reply.map(|m| actor.as_text(&m))})))
}

/// A press: by label or action id anywhere in sight, or exactly there where `place` says so.
#[derive(Deserialize)]
struct Press {
    user: String,
    place: Option<Place>,
    what: String,
}

async fn click(State(shared): State<Arc<Shared>>, Json(press): Json<Press>) -> Answer {
    let actor = actor(&shared, &press.user)?;
    match &press.place {
        Some(place) => actor.clicks_at(place, &press.what).await?,
        None => actor.clicks(&press.what).await?,
    }
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Fill {
    user: String,
    place: Option<Place>,
    what: String,
    value: String,
}

async fn fill(State(shared): State<Arc<Shared>>, Json(fill): Json<Fill>) -> Answer {
    let actor = actor(&shared, &fill.user)?;
    match &fill.place {
        Some(place) => actor.fills_at(place, &fill.what, &fill.value).await?,
        None => actor.fills(&fill.what, &fill.value).await?,
    }
    Ok(Json(json!({})))
}

/// `value` is the query.
async fn options(State(shared): State<Arc<Shared>>, Json(asked): Json<Fill>) -> Answer {
    let actor = actor(&shared, &asked.user)?;
    let options = match &asked.place {
        Some(place) => actor.options_at(place, &asked.what, &asked.value).await?,
        None => actor.options(&asked.what, &asked.value).await?,
    };
    Ok(Json(json!({"options": options})))
}

/// Values by action id, put in before the form goes off.
#[derive(Deserialize)]
struct Form {
    user: String,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

async fn submit(State(shared): State<Arc<Shared>>, Json(form): Json<Form>) -> Answer {
    let actor = actor(&shared, &form.user)?;
    for (name, value) in &form.values {
        actor.puts(name, value)?;
    }
    let outcome = match actor.submits().await? {
        Submitted::Closed => json!({"outcome": "closed"}),
        Submitted::Errors(errors) => json!({"outcome": "errors", "errors": errors}),
        Submitted::Updated => json!({"outcome": "updated"}),
        Submitted::Pushed => json!({"outcome": "pushed"}),
    };
    Ok(Json(outcome))
}

async fn close(State(shared): State<Arc<Shared>>, Json(whose): Json<Whose>) -> Answer {
    actor(&shared, &whose.user)?.closes_modal().await?;
    Ok(Json(json!({})))
}

async fn home(State(shared): State<Arc<Shared>>, Json(whose): Json<Whose>) -> Answer {
    actor(&shared, &whose.user)?.opens_home().await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Start {
    user: String,
    callback_id: String,
}

async fn shortcut(State(shared): State<Arc<Shared>>, Json(start): Json<Start>) -> Answer {
    actor(&shared, &start.user)?
        .uses_shortcut(&start.callback_id)
        .await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Seen {
    user: String,
    channel: String,
}

async fn read(State(shared): State<Arc<Shared>>, Json(seen): Json<Seen>) -> Answer {
    actor(&shared, &seen.user)?.has_read(&seen.channel);
    Ok(Json(json!({})))
}

/// Misbehaviour on demand, for tests in other processes.
#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Fault {
    Call {
        method: String,
        fault: ApiFault,
        times: Option<usize>,
    },
    Delivery {
        fault: DeliveryFault,
    },
    Sockets {
        how: Disconnect,
    },
    Down,
    Up,
    Clear,
}

async fn fault(State(shared): State<Arc<Shared>>, Json(fault): Json<Fault>) -> Json<Value> {
    let mut told = 0;
    match fault {
        Fault::Call { method, fault, times } => shared.change(|w| w.faults.on_call(&method, fault, times)),
        Fault::Delivery { fault } => shared.change(|w| w.faults.on_next_delivery(fault)),
        Fault::Sockets { how } => told = shared.disconnect(how),
        Fault::Down => {
            shared.change(|w| w.faults.down = true);
            told = shared.disconnect(Disconnect::Cut);
        }
        Fault::Up => shared.change(|w| w.faults.down = false),
        Fault::Clear => shared.change(|w| w.faults.clear()),
    }
    Json(json!({"sockets": told}))
}
