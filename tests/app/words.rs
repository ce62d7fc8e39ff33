//! Words of others: they never ping, format, forge or break a card.

use latchkey::demo::slack::FakePerson;
use serde_json::Value;

use crate::{
    acts::APPROVE,
    harness::{Setup, World},
};

const NASTY: &str =
    "<!channel> <@U0JOE> \"quoted\" 'x' `tick` *bold* <https://evil.example|click> 😀 \u{202e}gnp.exe";

/// Every text in which Slack would obey markup: `mrkdwn` objects, and the text beside blocks.
fn obeyed(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| obeyed(one, found)),
        Value::Object(map) => {
            if map.get("type").is_some_and(|kind| kind == "mrkdwn") {
                found.extend(map.get("text").and_then(Value::as_str).map(str::to_owned));
            }
            map.values().for_each(|one| obeyed(one, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Nothing that the app ever sent pings, links or turns text around.
fn harmless(w: &World) {
    let mut sent = 0;
    for call in w.slack.calls() {
        let text = call.body.to_string();
        assert!(!text.contains('\u{202e}'), "turned around: {text}");
        let mut texts = Vec::new();
        obeyed(&call.body, &mut texts);
        texts.extend(call.body["text"].as_str().map(str::to_owned));
        for text in texts {
            sent += 1;
            for bad in ["<!channel", "<!here", "<@U", "<https://evil"] {
                assert!(!text.contains(bad), "{bad} in {text:?}");
            }
        }
    }
    assert!(sent > 3, "there was something to look at: {sent}");
    let refused: Vec<_> = w
        .slack
        .calls()
        .into_iter()
        .filter(|call| call.answered != "ok")
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_is_only_words() {
    let mut w = Setup::default().start().await;
    let code = w
        .asks("ann", &format!("/access redis-cloud prod rw 2h {NASTY}"))
        .await;
    let card = w.reads("bob", "Access request");
    assert!(
        card.contains("@channel @U0JOE \"quoted\" 'x' `tick` *bold*") && card.contains("😀"),
        "{card}"
    );
    w.say("bob", &format!("/access deny {code} {}", &NASTY[..60]))
        .await;
    w.reads("ann", "bob: \"");
    w.home("ann").await;
    harmless(&w);
    w.reads_not("joe", "<!channel>");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_only_words() {
    for real_name in [
        NASTY.to_owned(),
        "x".repeat(300),
        "\u{202e}\u{2066}".into(),
        "😀".repeat(150),
    ] {
        let mut w = Setup::default().start().await;
        let mut odd = FakePerson::member("U0ODD", "odd", &real_name);
        odd.name.clone_from(&real_name);
        odd.email = None;
        w.joins(odd);
        w.asks("U0ODD", "/access redis-cloud prod rw 2h").await;
        w.reads("bob", "Access request");
        w.home("bob").await;
        w.press("bob", APPROVE).await;
        w.reads("U0ODD", "Ready until");
        assert_eq!(w.logins().len(), 1, "{real_name}");
        harmless(&w);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_reason_is_cut_on_cards_and_whole_in_the_facts() {
    let mut w = Setup::default().start().await;
    let reason = "r".repeat(1500);
    let code = w
        .asks("ann", &format!("/access redis-cloud prod rw 2h {reason}"))
        .await;
    let card = w.reads("bob", "Access request");
    assert!(
        card.contains(&"r".repeat(250)) && !card.contains(&"r".repeat(400)),
        "{card}"
    );
    assert_eq!(w.request(&code).await.reason, reason);
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
    harmless(&w);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_only_words() {
    let mut w = Setup::default().start().await;
    w.tags(51_001, Some("<!channel> `x` \u{202e}dba")).await;
    w.asks("ann", "/access redis-cloud prod rw 2h").await;
    let card = w.reads("joe", "Access request");
    assert!(card.contains("<!channel>"), "{card}");
    harmless(&w);
}
