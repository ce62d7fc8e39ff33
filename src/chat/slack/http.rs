//! Slack's signed callbacks: who sent them is proven before anything in them is read.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::{
    Clock, SlackChat,
    inbound::{self, Read},
};
use crate::{chat::Handle, secrets::Secret};

/// Larger bodies are refused unread; Slack's are a few kilobytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// A body that is still not here after this is given up.
const BODY_TIME: Duration = Duration::from_secs(5);
/// How far a signature's time may lie from ours, either way.
const WINDOW_SECONDS: i64 = 300;
/// Tells Slack not to send this again.
const NO_RETRY: &str = "x-slack-no-retry";

struct Door {
    chat: Arc<SlackChat>,
    signing_secret: Secret,
    handle: Handle,
    clock: Clock,
}

impl SlackChat {
    /// `POST /slack/commands`, `/slack/interactions`, `/slack/options` and `/slack/events`.
    pub fn routes(self: Arc<Self>, signing_secret: Secret, handle: Handle, clock: Clock) -> Router {
        let door = Arc::new(Door {
            chat: self,
            signing_secret,
            handle,
            clock,
        });
        Router::new()
            .route("/slack/commands", post(command))
            .route("/slack/interactions", post(interaction))
            .route("/slack/options", post(interaction))
            .route("/slack/events", post(event))
            .with_state(door)
    }
}

async fn command(State(door): State<Arc<Door>>, request: Request) -> Response {
    let body = match door.proven(request).await {
        Ok((_, body)) => body,
        Err(refusal) => return refusal,
    };
    let form = form(&body);
    if form.get("ssl_check").is_some_and(|check| check == "1") {
        return StatusCode::OK.into_response();
    }
    door.take(inbound::command(
        &Value::Object(form),
        &door.chat.settings.command,
    ))
    .await
}

async fn interaction(State(door): State<Arc<Door>>, request: Request) -> Response {
    let body = match door.proven(request).await {
        Ok((_, body)) => body,
        Err(refusal) => return refusal,
    };
    let payload = form(&body).remove("payload");
    match payload
        .as_ref()
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str(text).ok())
    {
        Some(payload) => door.take(inbound::interaction(&payload)).await,
        None => hopeless(StatusCode::BAD_REQUEST),
    }
}

async fn event(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (headers, body) = match door.proven(request).await {
        Ok(proven) => proven,
        Err(refusal) => return refusal,
    };
    let Ok(payload) = serde_json::from_slice::<Value>(&body) else {
        return hopeless(StatusCode::BAD_REQUEST);
    };
    if payload["type"] == "url_verification" {
        return axum::Json(json!({"challenge": payload["challenge"]})).into_response();
    }
    let mut answer = door.take(inbound::event(&payload)).await;
    if headers.contains_key("x-slack-retry-num") {
        answer
            .headers_mut()
            .insert(NO_RETRY, HeaderValue::from_static("1"));
    }
    answer
}

impl Door {
    async fn take(&self, read: Read) -> Response {
        match self.chat.take(&self.handle, read).await {
            Ok(Some(ack)) => axum::Json(ack).into_response(),
            // Without an answer only where we are being shut down.
            Ok(None) | Err(_) => StatusCode::OK.into_response(),
        }
    }

    /// The body, if it is of a size we read and signed by Slack just now.
    async fn proven(&self, request: Request) -> Result<(HeaderMap, Bytes), Response> {
        let (parts, body) = request.into_parts();
        let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(number);
        if announced.is_some_and(|length| length > BODY_LIMIT as i64) {
            return Err(hopeless(StatusCode::PAYLOAD_TOO_LARGE));
        }
        // What needs no body is looked at first.
        let at = parts.headers.get("x-slack-request-timestamp").and_then(number);
        let signature = parts
            .headers
            .get("x-slack-signature")
            .and_then(|value| value.to_str().ok());
        let (Some(at), Some(signature)) = (at, signature) else {
            return Err(unproven());
        };
        let body = read(body).await.map_err(hopeless)?;
        let fresh = ((self.clock)().timestamp()).abs_diff(at) <= WINDOW_SECONDS as u64;
        if !fresh || !is_signed(&self.signing_secret, at, &body, signature) {
            tracing::warn!(fresh, "refused a callback that is not from Slack");
            return Err(unproven());
        }
        Ok((parts.headers, body))
    }
}

async fn read(body: Body) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn number(value: &HeaderValue) -> Option<i64> {
    let text = value.to_str().ok()?;
    // The signature covers the text as it was sent: only the one spelling a number has will do.
    text.parse::<i64>()
        .ok()
        .filter(|number| number.to_string() == text)
}

/// Compares in constant time.
fn is_signed(secret: &Secret, at: i64, body: &[u8], signature: &str) -> bool {
    let Some(claimed) = signature
        .strip_prefix("v0=")
        .and_then(|text| hex::decode(text).ok())
    else {
        return false;
    };
    let key = secret.expose();
    // An empty secret would let anybody sign.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return false;
    };
    mac.update(format!("v0:{at}:").as_bytes());
    mac.update(body);
    !key.is_empty() && mac.verify_slice(&claimed).is_ok()
}

/// Sent again with a time and signature of then, it may pass.
fn unproven() -> Response {
    StatusCode::UNAUTHORIZED.into_response()
}

/// However often it is sent, it will not pass.
fn hopeless(status: StatusCode) -> Response {
    (status, [(NO_RETRY, "1")]).into_response()
}

fn form(body: &[u8]) -> Map<String, Value> {
    url::form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's own documentation.
    #[test]
    fn slacks_own_example_is_signed() {
        let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5");
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        assert!(is_signed(&secret, 1_531_420_618, body, signature));
        assert!(!is_signed(&secret, 1_531_420_619, body, signature));
        assert!(!is_signed(&secret, 1_531_420_618, &body[1..], signature));
        assert!(!is_signed(&Secret::new("other"), 1_531_420_618, body, signature));
        for forged in ["", "v0=", "v0=00", "a2114d57", &signature[..60]] {
            assert!(!is_signed(&secret, 1_531_420_618, body, forged), "{forged}");
        }
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"").expect("any length");
        mac.update(b"v0:1:x");
        let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
        assert!(!is_signed(&Secret::new(""), 1, b"x", &signature));
    }

    #[test]
    fn times_have_one_spelling() {
        for (text, read) in [
            ("15", Some(15)),
            ("+15", None),
            ("015", None),
            ("x", None),
            ("", None),
            ("-3", Some(-3)),
        ] {
            assert_eq!(number(&HeaderValue::from_static(text)), read, "{text}");
        }
    }
}
