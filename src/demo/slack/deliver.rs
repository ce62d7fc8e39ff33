//! Carries commands, clicks, option loads and events to the app, over its sockets or as signed requests, and waits
//! the three seconds Slack waits.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::faults::DeliveryFault;
use super::options::{RequestUrls, Transport};
use super::shared::Shared;

/// A delivery held back goes after this at the latest, so that a test cannot hang on it.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// What is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    /// A click or shortcut: acknowledged, never answered.
    Action,
    /// A submitted or closed view: may be answered with a `response_action`.
    View,
    Options,
    Event,
}

/// Why the app did not take a delivery; the person sees Slack's usual regret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// No socket is open, or nobody listens at the request URL.
    #[error("the app is not connected")]
    NotConnected,
    /// Nothing within the limit.
    #[error("the app did not answer in time")]
    NoAnswer,
    /// An HTTP status other than 200.
    #[error("the app answered with status {0}")]
    Refused(u16),
    /// The answer is not what Slack accepts.
    #[error("the app's answer is not valid: {0}")]
    Malformed(String),
}

struct Ack {
    payload: Option<Value>,
    no_retry: bool,
}

/// Delivers once (twice under a duplicate fault) and answers with the acknowledgement's payload.
pub(super) async fn deliver(
    shared: &Arc<Shared>,
    kind: Kind,
    payload: Value,
) -> Result<Option<Value>, DeliveryError> {
    let fault = shared.change(|w| w.faults.take_delivery());
    let answer = attempt(shared, kind, payload, None, fault).await;
    Ok(answer?.payload)
}

/// Delivers an event, again after each pause while nobody acknowledges it. Answers how the first attempt went.
pub(super) async fn deliver_event(shared: &Arc<Shared>, payload: Value) -> Result<(), DeliveryError> {
    let fault = shared.change(|w| w.faults.take_delivery());
    let first = attempt(shared, Kind::Event, payload.clone(), None, fault).await;
    let Err(reason) = first else { return Ok(()) };
    let shared = Arc::clone(shared);
    let failed = reason.clone();
    tokio::spawn(async move {
        let mut why = retry_reason(&failed);
        for (n, pause) in shared.options.event_retries.clone().into_iter().enumerate() {
            tokio::time::sleep(pause).await;
            let retry = Some((n + 1, why));
            match attempt(&shared, Kind::Event, payload.clone(), retry, None).await {
                Ok(_) => return,
                Err(again) => why = retry_reason(&again),
            }
        }
    });
    Err(reason)
}

fn retry_reason(error: &DeliveryError) -> &'static str {
    match error {
        DeliveryError::NotConnected => "connection_failed",
        DeliveryError::NoAnswer => "http_timeout",
        DeliveryError::Refused(_) => "http_error",
        DeliveryError::Malformed(_) => "unknown_error",
    }
}

type Retry = Option<(usize, &'static str)>;

async fn attempt(
    shared: &Arc<Shared>,
    kind: Kind,
    mut payload: Value,
    retry: Retry,
    fault: Option<DeliveryFault>,
) -> Result<Ack, DeliveryError> {
    if shared.look(|w| w.faults.down) {
        return Err(DeliveryError::NotConnected);
    }
    match fault {
        Some(DeliveryFault::HoldUntilNext) => {
            let next = shared.delivered.notified();
            // After the hold it goes whether or not another one went first.
            drop(tokio::time::timeout(LONGEST_HOLD, next).await);
        }
        Some(DeliveryFault::TeamNull) => org_wide(&mut payload),
        Some(DeliveryFault::NoResponseUrl) => {
            if let Some(fields) = payload.as_object_mut() {
                fields.remove("response_url");
            }
        }
        Some(_) | None => {}
    }
    let busy = shared.under_way();
    let sent = match &shared.options.transport {
        Transport::Socket => over_socket(shared, kind, &payload, retry, fault.as_ref()).await,
        Transport::Http(urls) => over_http(shared, kind, &payload, retry, fault.as_ref(), urls).await,
    };
    drop(busy);
    shared.delivered.notify_waiters();
    match (sent, fault) {
        (Ok(_), Some(DeliveryFault::DropAck)) => Err(DeliveryError::NoAnswer),
        (sent, _) => sent,
    }
}

/// The shape of payloads for an app installed on a whole organisation.
fn org_wide(payload: &mut Value) {
    if payload.get("team").is_some() {
        payload["team"] = Value::Null;
        payload["enterprise"] = json!({"id": "E0ORG", "name": "Example Org"});
        payload["is_enterprise_install"] = json!(true);
    }
}

async fn over_socket(
    shared: &Arc<Shared>,
    kind: Kind,
    payload: &Value,
    retry: Retry,
    fault: Option<&DeliveryFault>,
) -> Result<Ack, DeliveryError> {
    let copies = if fault == Some(&DeliveryFault::Duplicate) {
        2
    } else {
        1
    };
    let mut waiting = Vec::new();
    for _ in 0..copies {
        let id = format!("{:016x}-{}", rand::random::<u64>(), shared.change(|w| w.serial()));
        let envelope = envelope(&id, kind, payload, retry);
        let answer = shared
            .send_envelope(&id, envelope)
            .ok_or(DeliveryError::NotConnected)?;
        waiting.push((id, answer));
    }
    let mut first = None;
    for (id, answer) in waiting {
        let acked = tokio::time::timeout(shared.options.ack_limit, answer).await;
        shared.forget_envelope(&id);
        let acked = match acked {
            Ok(Ok(payload)) => Ok(Ack {
                payload,
                no_retry: false,
            }),
            Ok(Err(_)) | Err(_) => Err(DeliveryError::NoAnswer),
        };
        if matches!(kind, Kind::Action | Kind::Event) && acked.as_ref().is_ok_and(|a| a.payload.is_some()) {
            shared.change(|w| w.unwanted_payloads += 1);
        }
        first.get_or_insert(acked);
    }
    first.unwrap_or(Err(DeliveryError::NoAnswer))
}

fn envelope(id: &str, kind: Kind, payload: &Value, retry: Retry) -> Value {
    let (name, answered) = match kind {
        Kind::Command => ("slash_commands", true),
        Kind::Action => ("interactive", false),
        Kind::View | Kind::Options => ("interactive", true),
        Kind::Event => ("events_api", false),
    };
    let mut envelope = json!({
        "envelope_id": id,
        "payload": payload,
        "type": name,
        "accepts_response_payload": answered,
    });
    if kind == Kind::Event {
        envelope["retry_attempt"] = json!(retry.map_or(0, |(n, _)| n));
        // Over a socket an unacknowledged event is a timeout, whatever befell it.
        envelope["retry_reason"] = json!(retry.map_or("", |_| "timeout"));
    }
    envelope
}

async fn over_http(
    shared: &Arc<Shared>,
    kind: Kind,
    payload: &Value,
    retry: Retry,
    fault: Option<&DeliveryFault>,
    urls: &RequestUrls,
) -> Result<Ack, DeliveryError> {
    let (url, content_type, body) = match kind {
        Kind::Command => (&urls.commands, "application/x-www-form-urlencoded", form(payload)),
        Kind::Action | Kind::View => (
            &urls.interactivity,
            "application/x-www-form-urlencoded",
            form(&json!({"payload": payload.to_string()})),
        ),
        Kind::Options => (
            &urls.options,
            "application/x-www-form-urlencoded",
            form(&json!({"payload": payload.to_string()})),
        ),
        Kind::Event => (&urls.events, "application/json", payload.to_string()),
    };
    let age = match fault {
        Some(DeliveryFault::Old(age)) => *age as i64,
        Some(_) | None => 0,
    };
    let timestamp = (shared.look(|w| w.now.timestamp()) - age).to_string();
    let secret = match fault {
        Some(DeliveryFault::Forged) => "a secret nobody gave us",
        Some(_) | None => &shared.options.signing_secret,
    };
    let signature = sign(secret, &timestamp, &body);
    let body = if fault == Some(&DeliveryFault::Tampered) {
        format!("{body}&x=1")
    } else {
        body
    };
    let request = || {
        let mut request = shared
            .http
            .post(url)
            .timeout(shared.options.ack_limit)
            .header("Content-Type", content_type)
            .header("X-Slack-Request-Timestamp", &timestamp)
            .header("X-Slack-Signature", &signature)
            .header("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)");
        if let Some((n, why)) = retry {
            request = request
                .header("X-Slack-Retry-Num", n)
                .header("X-Slack-Retry-Reason", why);
        }
        request.body(body.clone())
    };
    if fault == Some(&DeliveryFault::Duplicate) {
        let (first, _again) = tokio::join!(read(request()), read(request()));
        return settle(first);
    }
    settle(read(request()).await)
}

/// An answer that forbids retries ends the matter, whatever its status.
fn settle(answer: Result<(u16, Ack), DeliveryError>) -> Result<Ack, DeliveryError> {
    match answer? {
        (200, ack) => Ok(ack),
        (_, ack) if ack.no_retry => Ok(Ack {
            payload: None,
            no_retry: true,
        }),
        (status, _) => Err(DeliveryError::Refused(status)),
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<(u16, Ack), DeliveryError> {
    let broken = |e: reqwest::Error| match e.is_timeout() {
        true => DeliveryError::NoAnswer,
        false => DeliveryError::NotConnected,
    };
    let response = request.send().await.map_err(broken)?;
    let status = response.status().as_u16();
    let no_retry = response
        .headers()
        .get("x-slack-no-retry")
        .is_some_and(|v| v == "1");
    let text = response.text().await.map_err(broken)?;
    let payload = match text.trim() {
        "" => None,
        // A plain text answer to a command is shown as it is.
        trimmed => Some(serde_json::from_str(trimmed).unwrap_or_else(|_| json!({"text": text}))),
    };
    Ok((status, Ack { payload, no_retry }))
}

fn form(fields: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (key, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::String(s) => form.append_pair(key, s),
            other => form.append_pair(key, &other.to_string()),
        };
    }
    form.finish()
}

/// Slack's v0 signature over timestamp and raw body.
pub fn sign(secret: &str, timestamp: &str, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key");
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

/// Asks the events URL to prove itself, as Slack does when it is entered.
pub(super) async fn verify_url(shared: &Arc<Shared>) -> Result<(), DeliveryError> {
    let challenge = format!("{:032x}", rand::random::<u128>());
    let payload = json!({"token": "unused", "challenge": challenge, "type": "url_verification"});
    let answer = attempt(shared, Kind::Event, payload, None, None)
        .await?
        .payload
        .unwrap_or_default();
    if answer["challenge"] == challenge.as_str() || answer["text"] == challenge.as_str() {
        Ok(())
    } else {
        Err(DeliveryError::Malformed(
            "the challenge was not given back".into(),
        ))
    }
}
