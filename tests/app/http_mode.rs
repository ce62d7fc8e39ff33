//! The same bot over signed callbacks: who sent them is proven before anything in them is read.

use std::sync::Arc;

use latchkey::{demo::slack::sign, secrets::Secret, serve::handle};
use reqwest::StatusCode;
use url::form_urlencoded;

use crate::{
    acts::code_in,
    harness::{Setup, World},
};

const SECRET: &str = "demo-only-not-a-secret";

/// The bot's callbacks on a port of their own.
struct Door {
    url: String,
    client: reqwest::Client,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    async fn open(w: &World) -> Self {
        let clock = w.clock.clone();
        let routes = w.chat.clone().routes(
            Secret::new(SECRET),
            handle(w.app.clone()),
            Arc::new(move || latchkey::clock::Clock::now(&*clock)),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let task = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("it serves");
        });
        Self {
            url,
            client: reqwest::Client::new(),
            task,
        }
    }

    /// Sends a body with a time and a signature of the caller's choice.
    async fn send(&self, body: String, at: &str, signature: &str) -> (StatusCode, String) {
        let sent = self
            .client
            .post(format!("{}/slack/commands", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", at)
            .header("x-slack-signature", signature)
            .body(body)
            .send()
            .await
            .expect("an answer");
        (sent.status(), sent.text().await.unwrap_or_default())
    }

    async fn signed(&self, body: String, at: i64) -> (StatusCode, String) {
        let at = at.to_string();
        let signature = sign(SECRET, &at, &body);
        self.send(body, &at, &signature).await
    }
}

fn command(w: &World, trigger: &str, text: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("team_id", "T0TEAM")
        .append_pair("user_id", "U0ANN")
        .append_pair("channel_id", "C0ADMIN")
        .append_pair("command", "/access")
        .append_pair("text", text)
        .append_pair("trigger_id", trigger)
        .append_pair("response_url", &format!("{}/_response/none", w.slack.url))
        .append_pair("api_app_id", "A0LATCHKEY")
        .finish()
}

fn now(w: &World) -> i64 {
    latchkey::clock::Clock::now(&*w.clock).timestamp()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_command_is_answered_and_its_replay_is_the_same_request() {
    let mut w = Setup::default().start().await;
    let door = Door::open(&w).await;
    let body = command(&w, "1.2.abc", "redis-cloud prod rw 2h queue stuck");
    let at = now(&w);
    let (status, first) = door.signed(body.clone(), at).await;
    assert_eq!(status, StatusCode::OK);
    assert!(first.contains("Asked bob and eve"), "{first}");
    let (status, again) = door.signed(body.clone(), at).await;
    assert_eq!(status, StatusCode::OK, "{again}");
    w.settle().await;
    let requests = w.requests().await;
    assert_eq!(requests.len(), 1, "the same delivery again is the same request");
    assert_eq!(requests[0].code.as_str(), code_in(&first));
    let cards = w.person("bob").messages();
    let cards = cards
        .iter()
        .filter(|m| w.person("bob").as_text(m).contains("Access request"));
    assert_eq!(cards.count(), 1);
    let (status, _) = door.signed(body, at + 4 * 60).await;
    assert_eq!(status, StatusCode::OK);
    w.settle().await;
    assert_eq!(w.requests().await.len(), 1, "nor signed anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_slack_did_not_just_sign_is_refused() {
    let mut w = Setup::default().start().await;
    let door = Door::open(&w).await;
    let body = command(&w, "1.2.abc", "redis-cloud prod rw 2h queue stuck");
    let at = now(&w);
    let stamp = at.to_string();
    let good = sign(SECRET, &stamp, &body);
    let tampered = body.replace("rw", "ro");
    let forged = sign("another secret", &stamp, &body);
    for (why, sent, stamp, signature) in [
        ("signed by another", body.clone(), stamp.clone(), forged),
        (
            "changed after it was signed",
            tampered,
            stamp.clone(),
            good.clone(),
        ),
        ("no signature", body.clone(), stamp.clone(), String::new()),
        (
            "another time than was signed",
            body.clone(),
            (at + 1).to_string(),
            good.clone(),
        ),
        ("not a time", body.clone(), "now".into(), good.clone()),
        (
            "half a signature",
            body.clone(),
            stamp.clone(),
            good[..20].to_owned(),
        ),
    ] {
        let (status, answer) = door.send(sent, &stamp, &signature).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{why}: {answer}");
        assert!(answer.is_empty(), "{why}: nothing is told: {answer}");
    }
    for minutes in [-6, 6] {
        let (status, _) = door.signed(body.clone(), at + minutes * 60).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{minutes} min");
    }
    w.settle().await;
    assert_eq!(w.requests().await, []);
    w.reads_not("bob", "Access request");
    let (status, _) = door.send(body, &stamp, &good).await;
    assert_eq!(status, StatusCode::OK, "the real one passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_five_megabytes_is_refused() {
    let mut w = Setup::default().start().await;
    let door = Door::open(&w).await;
    let body = command(
        &w,
        "1.2.abc",
        &format!("redis-cloud prod 2h {}", "x".repeat(5 << 20)),
    );
    let stamp = now(&w).to_string();
    let signature = sign(SECRET, &stamp, &body);
    let sent = door
        .client
        .post(format!("{}/slack/commands", door.url))
        .header("x-slack-request-timestamp", &stamp)
        .header("x-slack-signature", &signature)
        .body(body)
        .send()
        .await;
    // The answer may be cut off by the line being closed before all was sent.
    if let Ok(answer) = sent {
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    w.settle().await;
    assert_eq!(w.requests().await, []);
    let (status, answer) = door.signed(command(&w, "1.3.abc", "help"), now(&w)).await;
    assert_eq!(status, StatusCode::OK, "it still answers");
    assert!(answer.contains("/access"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_that_is_signed_is_answered_and_does_nothing() {
    let mut w = Setup::default().start().await;
    let door = Door::open(&w).await;
    for body in [
        "",
        "&&&=",
        "payload=%7B",
        "text=redis-cloud+prod+2h",
        "\u{0}\u{1}",
    ] {
        let (status, answer) = door.signed(body.into(), now(&w)).await;
        assert!(
            status.is_success() || status.is_client_error(),
            "{body:?}: {status} {answer}"
        );
    }
    w.settle().await;
    assert_eq!(w.requests().await, []);
}
