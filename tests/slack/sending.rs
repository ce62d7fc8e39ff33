//! What goes out: order, patience, and errors that say what to do and nothing they should not.

use std::time::{Duration, Instant};

use latchkey::{
    chat::{Chat, ChatErrorKind, Message, Reply, slack::SlackChat},
    demo::slack::{ApiFault, Rates},
    domain::{ChatKind, MessageRef, Place},
    secrets::Secret,
};

use crate::harness::{Door, World, options, settings, slow_world};

fn place(channel: &str) -> Place {
    Place {
        chat: ChatKind::Slack,
        channel: channel.into(),
    }
}

async fn quiet(change: impl FnOnce(&mut latchkey::chat::slack::SlackSettings)) -> World {
    slow_world(Door::Socket, options(), change, |_| (Duration::ZERO, Reply::Done)).await
}

async fn post(world: &World, channel: &str, text: &str) -> Result<MessageRef, latchkey::chat::ChatError> {
    world.chat.post(&place(channel), &Message::words(text)).await
}

fn texts(world: &World, channel: &str) -> Vec<String> {
    let mut all: Vec<_> = world
        .slack
        .all_messages()
        .into_iter()
        .filter(|m| m.channel == channel)
        .collect();
    all.sort_by(|a, b| a.ts.cmp(&b.ts));
    all.into_iter().map(|message| message.text).collect()
}

#[tokio::test]
async fn a_limited_channel_waits_and_keeps_its_order_and_another_does_not_wait() {
    let world = quiet(|_| {}).await;
    world
        .slack
        .fail_calls("chat.postMessage", ApiFault::RateLimited(1), Some(1));
    let start = Instant::now();
    let other = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        post(&world, "C0SHARED", "other").await.expect("posted");
        start.elapsed()
    };
    let (a, b, c, other) = tokio::join!(
        post(&world, "C0DBA", "1"),
        post(&world, "C0DBA", "2"),
        post(&world, "C0DBA", "3"),
        other
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(texts(&world, "C0DBA"), ["1", "2", "3"]);
    assert!(
        start.elapsed() >= Duration::from_secs(1) && other < Duration::from_millis(900),
        "{other:?}"
    );
    let limited = world
        .calls
        .lock()
        .expect("no panic")
        .iter()
        .filter(|call| **call == ("chat.postMessage", "rate_limited"))
        .count();
    assert_eq!(limited, 1);
}

#[tokio::test]
async fn slacks_own_rates_lose_nothing() {
    let mut options = options();
    options.rates = Rates::Published;
    let world = slow_world(Door::Socket, options, |_| {}, |_| (Duration::ZERO, Reply::Done)).await;
    for n in 0..6 {
        post(&world, "C0DBA", &n.to_string())
            .await
            .expect("posted in the end");
    }
    assert_eq!(texts(&world, "C0DBA"), ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_long_pause_is_the_callers() {
    let world = quiet(|_| {}).await;
    world
        .slack
        .fail_calls("chat.postMessage", ApiFault::RateLimited(120), Some(1));
    let refused = post(&world, "C0DBA", "x").await.expect_err("come back later");
    let ChatErrorKind::Transient {
        retry_after: Some(pause),
    } = refused.kind
    else {
        panic!("{refused:?}")
    };
    assert!(
        pause > Duration::from_secs(100) && pause <= Duration::from_secs(120),
        "{pause:?}"
    );
    let start = Instant::now();
    assert!(post(&world, "C0DBA", "y").await.is_err(), "the lane is held");
    assert!(start.elapsed() < Duration::from_secs(1));
    post(&world, "C0SHARED", "z")
        .await
        .expect("another channel is free");
}

#[tokio::test]
async fn what_may_pass_is_transient_and_what_will_not_says_why() {
    let world = quiet(|settings| settings.call_limit = Duration::from_millis(300)).await;
    let transient = ChatErrorKind::Transient { retry_after: None };
    for (fault, kind, words) in [
        (ApiFault::Hang, transient, "no answer within"),
        (ApiFault::ServerError, transient, "HTTP 500"),
        (ApiFault::DoneButLost, transient, "HTTP 500"),
        (
            ApiFault::Error("internal_error".into()),
            transient,
            "internal_error",
        ),
        (
            ApiFault::Error("channel_not_found".into()),
            ChatErrorKind::Gone,
            "channel_not_found",
        ),
        (
            ApiFault::Error("token_revoked".into()),
            ChatErrorKind::Denied,
            "token_revoked",
        ),
        (
            ApiFault::Error("invalid_blocks".into()),
            ChatErrorKind::Invalid,
            "invalid_blocks",
        ),
    ] {
        world.slack.fail_calls("chat.postMessage", fault.clone(), Some(1));
        let error = post(&world, "C0DBA", "a private text").await.expect_err("fails");
        assert_eq!(error.kind, kind, "{fault:?}");
        assert!(error.message.contains(words), "{error}");
        assert!(
            !error.message.contains("private text") && !error.message.contains("xoxb"),
            "{error}"
        );
    }
    world.slack.go_down();
    assert_eq!(
        post(&world, "C0DBA", "x").await.expect_err("down").kind,
        transient
    );
    world.slack.come_back();
    post(&world, "C0DBA", "x").await.expect("back");
}

#[tokio::test]
async fn nobody_at_home_is_transient_and_names_no_secret() {
    latchkey::install_crypto();
    let mut settings = settings("http://127.0.0.1:9/api".into());
    settings.bot_token = Secret::new("xoxb-very-secret");
    let chat = SlackChat::new(settings).expect("an address on this machine");
    let error = chat.check().await.expect_err("nobody listens there");
    assert_eq!(error.kind, ChatErrorKind::Transient { retry_after: None });
    assert!(!format!("{error:?}").contains("very-secret"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_token_or_a_missing_scope_is_said_with_what_to_do() {
    let mut missing = options();
    missing.scopes.retain(|scope| scope != "usergroups:read");
    let world = slow_world(Door::Socket, missing, |_| {}, |_| (Duration::ZERO, Reply::Done)).await;
    let error = world.chat.group("S0DBA").await.expect_err("not allowed");
    assert_eq!(error.kind, ChatErrorKind::Denied);
    assert!(
        error.message.contains("missing_scope") && error.message.contains("usergroups:read"),
        "{error}"
    );

    let mut settings = settings(world.slack.api_base());
    settings.bot_token = Secret::new("xoxb-wrong");
    let chat = SlackChat::new(settings).expect("an address on this machine");
    let error = chat.check().await.expect_err("not ours");
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ChatErrorKind::Denied, "slack auth.test: invalid_auth")
    );
}

#[tokio::test]
async fn messages_to_a_person_can_be_updated_and_vanished_ones_are_gone() {
    let world = quiet(|_| {}).await;
    let own = post(&world, "U0ANN", "to you").await.expect("posted");
    assert!(own.place.channel.starts_with('D'), "{own:?}");
    world
        .chat
        .update(&own, &Message::words("changed"))
        .await
        .expect("updated");
    assert_eq!(texts(&world, &own.place.channel), ["changed"]);
    assert_eq!(
        post(&world, "U0GONE", "x").await.expect_err("deactivated").kind,
        ChatErrorKind::Gone
    );
    assert_eq!(
        post(&world, "C0OUT", "x").await.expect_err("not a member").kind,
        ChatErrorKind::Denied
    );
    assert_eq!(
        post(&world, "C0OLD", "x").await.expect_err("archived").kind,
        ChatErrorKind::Gone
    );

    let card = post(&world, "C0DBA", "card").await.expect("posted");
    world.slack.delete_channel("C0DBA");
    assert_eq!(
        world
            .chat
            .update(&card, &Message::words("x"))
            .await
            .expect_err("gone")
            .kind,
        ChatErrorKind::Gone
    );
}

/// All that was logged on this thread.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_no_ticket_and_no_text_is_ever_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let answer = |_: &latchkey::chat::Inbound| (Duration::ZERO, crate::harness::words("a-private-answer"));
    let world = slow_world(Door::Socket, options(), |_| {}, answer).await;
    world.ann().types("/access a-private-line").await.expect("taken");
    for fault in [
        ApiFault::ServerError,
        ApiFault::Error("internal_error".into()),
        ApiFault::Error("no_such_code".into()),
        ApiFault::RateLimited(120),
    ] {
        world.slack.fail_calls("chat.postMessage", fault, Some(1));
        drop(post(&world, "C0SHARED", "a-private-text").await);
    }
    post(&world, "C0DBA", "a-private-text").await.expect("posted");
    world.slack.disconnect(latchkey::demo::slack::Disconnect::Cut);
    assert!(world.slack.until_connected(1, crate::harness::SOON).await);
    drop(guard);
    let text = String::from_utf8_lossy(&log.0.lock().expect("no panic")).into_owned();
    assert!(
        text.contains("the connection to Slack ended"),
        "the log was caught: {text}"
    );
    for secret in ["xoxb-", "xapp-", "ticket=", "a-private"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
