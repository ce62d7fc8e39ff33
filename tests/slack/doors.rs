//! The HTTP door: who is not Slack, not now, or not of a sane size does not get in.

use std::time::Duration;

use latchkey::demo::slack::{DeliveryError, DeliveryFault, sign};
use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::harness::{Door, World, clock, words, world};

const SECRET: &str = "demo-only-not-a-secret";
const FORM: &str = "application/x-www-form-urlencoded";

async fn open() -> World {
    world(Door::Http, |_| words("in")).await
}

fn command(trigger: &str) -> String {
    format!("command=%2Faccess&text=mine&user_id=U0ANN&team_id=T0TEAM&channel_id=C0DBA&trigger_id={trigger}")
}

/// A request signed so many seconds ago.
fn request(world: &World, path: &str, body: String, age: i64) -> reqwest::RequestBuilder {
    let at = (clock()().timestamp() - age).to_string();
    let signature = sign(SECRET, &at, &body);
    reqwest::Client::new()
        .post(format!("{}/slack/{path}", world.door.as_deref().expect("http")))
        .header("Content-Type", FORM)
        .header("X-Slack-Request-Timestamp", at)
        .header("X-Slack-Signature", signature)
        .body(body)
}

async fn status(request: reqwest::RequestBuilder) -> StatusCode {
    request.send().await.expect("an answer").status()
}

#[tokio::test]
async fn signatures_are_good_for_five_minutes_either_way() {
    let world = open().await;
    for (n, (age, status_)) in [
        (0, 200),
        (295, 200),
        (-295, 200),
        (305, 401),
        (360, 401),
        (-305, 401),
        (i64::from(i32::MAX), 401),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = status(request(&world, "commands", command(&format!("t{n}")), age)).await;
        assert_eq!(answer.as_u16(), status_, "{age} s");
    }
    assert_eq!(world.heard().len(), 3);
}

#[tokio::test]
async fn forged_tampered_and_unsigned_requests_are_refused_everywhere() {
    let world = open().await;
    for path in ["commands", "interactions", "options", "events"] {
        let good = || request(&world, path, command("t"), 0);
        let forged = good().build().expect("built");
        let url = forged.url().clone();
        let client = reqwest::Client::new();
        for header in ["x-slack-signature", "x-slack-request-timestamp"] {
            let mut without = good().build().expect("built");
            without.headers_mut().remove(header);
            assert_eq!(
                client.execute(without).await.expect("an answer").status(),
                401,
                "{path} without {header}"
            );
            let mut garbled = good().build().expect("built");
            garbled
                .headers_mut()
                .insert(header, "v0=zz".parse().expect("a value"));
            assert_eq!(
                client.execute(garbled).await.expect("an answer").status(),
                401,
                "{path} {header}"
            );
        }
        assert_eq!(
            status(good().body(command("other"))).await,
            401,
            "{path} tampered"
        );
        let at = clock()().timestamp().to_string();
        let other = client
            .post(url)
            .header("X-Slack-Request-Timestamp", &at)
            .header("X-Slack-Signature", sign("another secret", &at, &command("t")))
            .body(command("t"));
        assert_eq!(status(other).await, 401, "{path} forged");
    }
    assert!(world.heard().is_empty());
}

#[tokio::test]
async fn the_servers_own_faults_are_refused_too() {
    let world = open().await;
    for fault in [
        DeliveryFault::Forged,
        DeliveryFault::Tampered,
        DeliveryFault::Old(Duration::from_secs(360).as_secs()),
    ] {
        world.slack.fail_next_delivery(fault.clone());
        let refused = world.ann().types("/access mine").await.expect_err("refused");
        assert_eq!(refused, DeliveryError::Refused(401).into(), "{fault:?}");
    }
    assert!(world.heard().is_empty());
    world
        .slack
        .verify_request_url()
        .await
        .expect("the challenge is given back");
}

#[tokio::test]
async fn a_replayed_request_does_nothing() {
    let world = open().await;
    let first = request(&world, "commands", command("t"), 0);
    let again = first.try_clone().expect("a body in memory");
    let answer = first.send().await.expect("an answer").text().await.expect("text");
    assert!(answer.contains("\"in\""), "{answer}");
    let answer = again.send().await.expect("an answer");
    assert_eq!(
        (answer.status(), answer.text().await.expect("text")),
        (StatusCode::OK, String::new())
    );
    // Signed anew, as a thief of the secret could, it is still the same delivery.
    assert_eq!(status(request(&world, "commands", command("t"), 1)).await, 200);
    assert_eq!(world.heard().len(), 1);
}

#[tokio::test]
async fn large_bodies_are_refused_whatever_they_claim() {
    let world = open().await;
    let five = "x".repeat(5 * 1024 * 1024);
    let announced = request(&world, "commands", five.clone(), 0).send().await;
    // Refused before it was read, so the sender may find the connection closed.
    assert!(announced.map_or(true, |answer| answer.status() == 413));
    assert_eq!(
        streamed(world.door.as_deref().expect("http")).await,
        "HTTP/1.1 413 Payload Too Large"
    );
    let just = format!("{}&pad={}", command("t"), "x".repeat(1024 * 1024 - 200));
    assert_eq!(status(request(&world, "commands", just, 0)).await, 200);
    assert_eq!(world.heard().len(), 1);
}

/// Sends a body without saying how long it is, for as long as it is taken; the first line of the answer.
async fn streamed(door: &str) -> String {
    let address = door.trim_start_matches("http://");
    let stream = tokio::net::TcpStream::connect(address).await.expect("open");
    let (read, mut write) = stream.into_split();
    let at = clock()().timestamp();
    let head = format!(
        "POST /slack/events HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\
         X-Slack-Request-Timestamp: {at}\r\nX-Slack-Signature: v0=00\r\n\r\n"
    );
    write.write_all(head.as_bytes()).await.expect("sent");
    let sending = tokio::spawn(async move {
        let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while write.write_all(piece.as_bytes()).await.is_ok() {}
    });
    let mut first = String::new();
    BufReader::new(read)
        .read_line(&mut first)
        .await
        .expect("an answer");
    sending.abort();
    first.trim_end().to_owned()
}

#[tokio::test]
async fn what_slack_would_not_send_is_refused_or_ignored() {
    let world = open().await;
    for (path, body, expected) in [
        ("interactions", "payload=%7B", 400),
        ("interactions", "nothing=1", 400),
        ("events", "not json", 400),
        ("events", "{}", 200),
        (
            "events",
            "{\"type\":\"event_callback\",\"event\":{\"type\":\"message\"}}",
            200,
        ),
        ("interactions", "payload=%7B%7D", 200),
        ("options", "payload=%5B%5D", 200),
        ("commands", "ssl_check=1&token=x", 200),
        ("commands", "", 200),
        ("commands", "%ff%fe=%00", 200),
    ] {
        assert_eq!(
            status(request(&world, path, body.into(), 0)).await.as_u16(),
            expected,
            "{path} {body}"
        );
    }
    let door = world.door.as_deref().expect("http");
    assert_eq!(
        reqwest::get(format!("{door}/slack/events"))
            .await
            .expect("an answer")
            .status(),
        405
    );
    assert!(world.heard().is_empty());
}
