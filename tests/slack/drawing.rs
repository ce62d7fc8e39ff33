//! Everything a view can be made of is accepted by the strict server, with the worst names in it, and read back.

use std::time::Duration;

use latchkey::{
    chat::{
        Block, Button, Chat, Choice, Confirm, Field, Message, Reply, What,
        surface::{Input, Lines, TimeStyle, clean, time},
    },
    domain::{ChatKind, Place},
};

use crate::harness::{Door, SOON, clock, modal, say, words, world};

fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "\"double\" 'single' `back` ```three```",
        "<!channel> <!here|x> <@U0BOB> <#C0DBA|dba>",
        "a & b < c > d &amp; &lt;",
        "*bold* _it_ ~gone~ > quoted",
        "👩‍💻🏳️‍🌈 :tada: é\u{301}",
        "abc\u{202e}cba\u{2066}x\u{200f}",
        "line\none\ttwo",
        "http://example.com/?a=1&b=<2>",
        "{time} <!date^1^{time}|x>",
    ]
    .map(|name| clean(name, 300))
    .into();
    names.push("n".repeat(300));
    names.push("🙂".repeat(300));
    names.push("&".repeat(300));
    names
}

fn confirm(text: &str) -> Confirm {
    Confirm {
        title: text.into(),
        text: text.into(),
        yes: text.into(),
        no: text.into(),
    }
}

/// One of each block, with this text wherever a text can stand.
fn every_block(text: &str) -> Vec<Block> {
    let at = time(clock()(), TimeStyle::Minute);
    let dated = format!("{text} until {at} {text}");
    vec![
        Block::Header(text.into()),
        Block::Header(dated.clone()),
        Block::Text(text.into()),
        Block::Text(dated.clone()),
        Block::Fields(vec![text.into(), dated.clone()]),
        Block::Context(text.into()),
        Block::Context(dated),
        Block::Copy {
            label: text.into(),
            value: text.into(),
        },
        Block::Divider,
        Block::Buttons(vec![
            Button::new(text, say(text)),
            Button::new(text, say(text)).primary().confirm(confirm(text)),
            Button::new(text, say(text)).danger().confirm(confirm(text)),
        ]),
    ]
}

fn every_input(text: &str) -> Vec<Block> {
    let choice = |n: usize| Choice {
        value: format!("v{n}"),
        label: format!("{n} {text}"),
    };
    let input = |id: &str, input: Input| {
        Block::Input(Field {
            id: id.into(),
            label: text.into(),
            hint: Some(text.into()),
            optional: true,
            input,
        })
    };
    vec![
        input(
            "one",
            Input::Text {
                initial: Some(text.into()),
                longest: 124,
                lines: Lines::One,
            },
        ),
        input(
            "many",
            Input::Text {
                initial: None,
                longest: 9000,
                lines: Lines::Many,
            },
        ),
        input(
            "choice",
            Input::Choice {
                options: (0..130).map(choice).collect(),
                initial: Some("v3".into()),
            },
        ),
        input(
            "none",
            Input::Choice {
                options: vec![],
                initial: Some("v3".into()),
            },
        ),
        input(
            "search",
            Input::Search {
                initial: Some(choice(1)),
            },
        ),
        input("empty", Input::Search { initial: None }),
    ]
}

fn dba() -> Place {
    Place {
        chat: ChatKind::Slack,
        channel: "C0DBA".into(),
    }
}

#[tokio::test]
async fn every_element_is_accepted_with_every_name() {
    let world = world(Door::Socket, |inbound| match &inbound.what {
        What::Command { .. } => Reply::Modal(modal("Form", vec![Block::Text("soon".into())])),
        _ => Reply::Done,
    })
    .await;
    let ann = world.ann();
    ann.types("/access").await.expect("taken");
    ann.sees("soon", SOON).await.expect("opened");
    let view = latchkey::chat::ModalRef {
        id: ann.modal().expect("open").id,
    };
    for name in hostile() {
        let message = Message {
            text: name.clone(),
            blocks: every_block(&name),
        };
        let posted = world
            .chat
            .post(&dba(), &message)
            .await
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        world
            .chat
            .update(&posted, &message)
            .await
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        world
            .chat
            .publish_home("U0ANN", &message.blocks)
            .await
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut shown = modal(&name, [every_block(&name), every_input(&name)].concat());
        shown.close.clone_from(&name);
        world
            .chat
            .update_modal(&view, &shown)
            .await
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    world.expect_no_complaints();
}

#[tokio::test]
async fn names_are_read_as_they_are_and_ping_nobody() {
    let world = world(Door::Socket, |_| Reply::Done).await;
    let name = "<!channel> & <@U0BOB> \"q\"";
    let dated = format!("{name}, until {}", time(clock()(), TimeStyle::Minute));
    let blocks = vec![
        Block::Text(name.into()),
        Block::Text(dated),
        Block::Copy {
            label: "L".into(),
            value: name.into(),
        },
    ];
    let posted = world
        .chat
        .post(
            &dba(),
            &Message {
                text: name.into(),
                blocks,
            },
        )
        .await
        .expect("posted");
    let message = world.slack.message("C0DBA", &posted.id).expect("there");
    let text = world.ann().as_text(&message);
    assert_eq!(text.matches(name).count(), 3, "{text}");
    let raw = format!(
        "{} {:?}",
        message.text,
        message
            .blocks
            .iter()
            .filter(|b| b.to_string().contains("mrkdwn"))
            .collect::<Vec<_>>()
    );
    assert!(!raw.contains("<!channel>") && !raw.contains("<@U0BOB>"), "{raw}");
}

#[tokio::test]
async fn times_are_in_the_readers_zone() {
    let world = world(Door::Socket, |_| Reply::Done).await;
    let now = clock()();
    let at = now - chrono::Duration::seconds(now.timestamp() % 60);
    let posted = world
        .chat
        .post(
            &dba(),
            &Message::words(format!("until {}", time(at, TimeStyle::Minute))),
        )
        .await
        .expect("posted");
    let message = world.slack.message("C0DBA", &posted.id).expect("there");
    let berlin = at
        .with_timezone(&chrono_tz::Europe::Berlin)
        .format("until %H:%M")
        .to_string();
    assert!(
        world.ann().as_text(&message).contains(&berlin),
        "{}",
        world.ann().as_text(&message)
    );
    let utc = at.format("until %H:%M").to_string();
    assert!(world.slack.person("bob").as_text(&message).contains(&utc));
}

#[tokio::test]
async fn what_is_too_much_is_cut_where_people_see_it() {
    let world = world(Door::Socket, |_| words("x")).await;
    let blocks = (0..70)
        .map(|n| Block::Text(format!("row {n} {}", "x".repeat(4000))))
        .collect();
    let posted = world
        .chat
        .post(
            &dba(),
            &Message {
                text: "many".into(),
                blocks,
            },
        )
        .await
        .expect("accepted");
    let message = world.slack.message("C0DBA", &posted.id).expect("there");
    assert_eq!(message.blocks.len(), 50);
    let text = world.ann().as_text(&message);
    assert!(
        text.contains("… and 21 more") && text.contains("row 48"),
        "{text}"
    );
    let rows: Vec<Block> = (0..150).map(|n| Block::Text(format!("row {n}"))).collect();
    world.chat.publish_home("U0ANN", &rows).await.expect("accepted");
    assert!(world.ann().home_text().expect("drawn").contains("… and 51 more"));
    world.expect_no_complaints();
}

#[tokio::test]
async fn an_update_leaves_nothing_of_the_old_message() {
    let world = world(Door::Socket, |_| Reply::Done).await;
    let posted = world
        .chat
        .post(&dba(), &crate::harness::with_button("Asked", "Approve"))
        .await
        .expect("posted");
    world
        .chat
        .update(
            &posted,
            &Message {
                text: "Decided".into(),
                blocks: vec![],
            },
        )
        .await
        .expect("updated");
    let message = world.slack.message("C0DBA", &posted.id).expect("there");
    assert!(
        message.blocks.is_empty() && message.text == "Decided",
        "{message:?}"
    );
    assert!(world.slack.quiet(Duration::from_millis(50), SOON).await);
}
