//! Each thing a person can do, each answer there is to it, through both doors; in time and late.

use std::time::Duration;

use latchkey::{
    chat::{
        Block, Button, Chat, Choice, Field, Inbound, Reply, What,
        surface::{Callback, Input, Lines},
    },
    demo::slack::{DeliveryFault, Submitted},
    domain::{ChatKind, MessageRef, Place},
};

use crate::harness::{
    ACK, DOORS, Door, SOON, World, asks, line, modal, options, say, slow_world, with_button, words, world,
};

/// Longer than the bot lets Slack wait.
const LATE: Duration = Duration::from_millis(700);

async fn late_world(door: Door, answering: impl Fn(&Inbound) -> Reply + Send + Sync + 'static) -> World {
    slow_world(door, options(), |_| {}, move |inbound| (LATE, answering(inbound))).await
}

fn text_of(inbound: &Inbound) -> &str {
    match &inbound.what {
        What::Command { text } => text,
        _ => "",
    }
}

#[tokio::test]
async fn a_command_is_answered_in_its_acknowledgement() {
    for door in DOORS {
        let world = world(door, |inbound| words(&format!("heard {}", text_of(inbound)))).await;
        let reply = world
            .ann()
            .types_in("C0DBA", "/access redis prod 2h a<b & \"c\"")
            .await
            .expect("taken");
        let reply = reply.expect("an answer at once");
        assert_eq!(reply.only_for.as_deref(), Some("U0ANN"));
        assert!(
            world
                .ann()
                .as_text(&reply)
                .contains("heard redis prod 2h a<b & \"c\""),
            "{door:?}"
        );
        let heard = &world.heard()[0];
        assert_eq!(heard.from.as_key(), "slack:T0TEAM/U0ANN");
        assert_eq!(
            heard.place.as_ref().map(|place| place.channel.as_str()),
            Some("C0DBA")
        );
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn a_slow_command_is_acknowledged_and_answered_later() {
    for door in DOORS {
        let world = late_world(door, |_| asks("At last", "Go on")).await;
        let at_once = world
            .ann()
            .types("/access mine")
            .await
            .expect("acknowledged in time");
        assert!(at_once.is_none());
        let message = world
            .ann()
            .gets_message("At last", SOON)
            .await
            .expect("the words follow");
        assert_eq!(message.only_for.as_deref(), Some("U0ANN"));
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn a_command_can_open_a_form() {
    for door in DOORS {
        let world = world(door, |_| {
            Reply::Modal(modal("Ask", vec![Block::Text("Which?".into())]))
        })
        .await;
        assert!(world.ann().types("/access").await.expect("taken").is_none());
        world.ann().sees("Which?", SOON).await.expect("opened");
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn another_command_of_the_app_is_none_of_ours() {
    for door in DOORS {
        let world = slow_world(
            door,
            options(),
            |s| s.command = "/latchkey".into(),
            |_| (Duration::ZERO, words("x")),
        )
        .await;
        assert!(
            world
                .ann()
                .types("/access")
                .await
                .expect("acknowledged")
                .is_none()
        );
        assert!(world.heard().is_empty());
    }
}

#[tokio::test]
async fn a_button_of_a_card_is_answered_privately() {
    for door in DOORS {
        let world = world(door, |inbound| words(&format!("pressed {}", line(inbound)))).await;
        let place = Place {
            chat: ChatKind::Slack,
            channel: "C0DBA".into(),
        };
        let posted = world
            .chat
            .post(&place, &with_button("Card", "Approve"))
            .await
            .expect("posted");
        world.ann().clicks("Approve").await.expect("acknowledged");
        let answer = world
            .ann()
            .gets_message("pressed Approve", SOON)
            .await
            .expect("an answer");
        assert_eq!(answer.only_for.as_deref(), Some("U0ANN"));
        assert!(
            world
                .slack
                .message("C0DBA", &posted.id)
                .is_some_and(|m| m.text == "Card"),
            "the card stays"
        );
        assert_eq!(
            world.heard()[0].message,
            Some(MessageRef { place, id: posted.id })
        );
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn a_late_answer_to_a_button_comes_too() {
    for door in DOORS {
        let world = late_world(door, |_| words("slowly")).await;
        let place = Place {
            chat: ChatKind::Slack,
            channel: "C0DBA".into(),
        };
        world
            .chat
            .post(&place, &with_button("Card", "Approve"))
            .await
            .expect("posted");
        world.ann().clicks("Approve").await.expect("acknowledged");
        world.ann().gets_message("slowly", SOON).await.expect("an answer");
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn a_button_of_a_private_answer_is_replaced_by_what_it_led_to() {
    for door in DOORS {
        let world = world(door, |inbound| match &inbound.what {
            What::Command { .. } => asks("Did you mean prod?", "Yes, 2 h"),
            _ => words("Asked bob."),
        })
        .await;
        let question = world
            .ann()
            .types("/access redis prdo 2h")
            .await
            .expect("taken")
            .expect("a question");
        world.ann().clicks("Yes, 2 h").await.expect("acknowledged");
        let answer = world
            .ann()
            .gets_message("Asked bob.", SOON)
            .await
            .expect("an answer");
        assert_eq!(answer.ts, question.ts);
        assert!(answer.blocks.iter().all(|block| block["type"] != "actions"));
        assert_eq!(world.heard()[1].message, None);
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn modals_open_over_what_the_person_looks_at() {
    for door in DOORS {
        let button = |label: &str| Block::Buttons(vec![Button::new(label, say(label))]);
        let world = world(door, move |inbound| match line(inbound) {
            "What will run" => Reply::Modal(modal(
                "Preview",
                vec![Block::Text("GRANT x".into()), button("More")],
            )),
            "More" => Reply::Modal(modal("More", vec![Block::Text("on top".into()), button("Tell")])),
            _ => words("told in place"),
        })
        .await;
        let place = Place {
            chat: ChatKind::Slack,
            channel: "C0DBA".into(),
        };
        world
            .chat
            .post(&place, &with_button("Card", "What will run"))
            .await
            .expect("posted");
        let ann = world.ann();
        ann.clicks("What will run").await.expect("acknowledged");
        ann.sees("GRANT x", SOON).await.expect("a modal");
        ann.clicks("More").await.expect("acknowledged");
        ann.sees("on top", SOON).await.expect("another on top");
        ann.clicks("Tell").await.expect("acknowledged");
        ann.sees("told in place", SOON).await.expect("words in the modal");
        ann.closes_modal().await.expect("closed");
        assert!(
            ann.modal_text()
                .expect("the first is beneath")
                .contains("GRANT x")
        );
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn the_home_tab_answers_in_modals() {
    for (door, pause) in [
        (Door::Socket, Duration::ZERO),
        (Door::Http, Duration::ZERO),
        (Door::Socket, LATE),
    ] {
        let world = slow_world(
            door,
            options(),
            |_| {},
            move |inbound| match &inbound.what {
                What::Home => (Duration::ZERO, Reply::Done),
                _ => (pause, words("bob approved this")),
            },
        )
        .await;
        let ann = world.ann();
        ann.opens_home().await.expect("acknowledged");
        let home = [
            Block::Text("Nothing waits for you.".into()),
            Block::Buttons(vec![Button::new("Approve", say("x"))]),
        ];
        world.chat.publish_home("U0ANN", &home).await.expect("drawn");
        assert!(matches!(world.heard()[0].what, What::Home));
        ann.clicks_in_home("Approve").await.expect("acknowledged");
        ann.sees("bob approved this", SOON).await.expect("in a modal");
        assert!(ann.modal_text().expect("a modal").contains("bob approved this"));
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn the_shortcut_opens_the_form() {
    for door in DOORS {
        let world = world(door, |inbound| match inbound.what {
            What::OpenForm => Reply::Modal(modal("Ask", vec![Block::Text("Which?".into())])),
            _ => Reply::Done,
        })
        .await;
        world
            .ann()
            .uses_shortcut("request_access")
            .await
            .expect("acknowledged");
        world.ann().sees("Which?", SOON).await.expect("opened");
        world.expect_no_complaints();
    }
}

fn form() -> Reply {
    let field = |id: &str, label: &str, optional: bool, input: Input| {
        Block::Input(Field {
            id: id.into(),
            label: label.into(),
            hint: None,
            optional,
            input,
        })
    };
    let choice = |value: &str| Choice {
        value: value.into(),
        label: value.to_uppercase(),
    };
    Reply::Modal(modal(
        "Request access",
        vec![
            field("what", "What", false, Input::Search { initial: None }),
            field(
                "permission",
                "Permission",
                false,
                Input::Choice {
                    options: vec![choice("read"), choice("write")],
                    initial: Some("read".into()),
                },
            ),
            field(
                "reason",
                "Reason",
                true,
                Input::Text {
                    initial: None,
                    longest: 300,
                    lines: Lines::Many,
                },
            ),
        ],
    ))
}

/// Opens the form, fills it in, submits it, and says what became of it.
async fn submitted(
    door: Door,
    pause: Duration,
    outcome: impl Fn() -> Reply + Send + Sync + 'static,
) -> (World, Submitted) {
    let world = slow_world(
        door,
        options(),
        |_| {},
        move |inbound| match &inbound.what {
            What::Command { .. } => (Duration::ZERO, form()),
            What::Options { typed, .. } => {
                let all = ["redis/prod", "redis/cache"]
                    .into_iter()
                    .filter(|name| name.contains(typed.as_str()));
                (
                    Duration::ZERO,
                    Reply::Options(
                        all.map(|name| Choice {
                            value: name.into(),
                            label: name.into(),
                        })
                        .collect(),
                    ),
                )
            }
            _ => (pause, outcome()),
        },
    )
    .await;
    let ann = world.ann();
    ann.types("/access").await.expect("taken");
    ann.gets_element("What", SOON).await.expect("a form");
    assert_eq!(ann.options("What", "").await.expect("loaded").len(), 2);
    ann.fills("What", "redis/prod").await.expect("offered");
    ann.fills("Permission", "WRITE").await.expect("chosen");
    let outcome = ann.submits().await.expect("acknowledged");
    (world, outcome)
}

#[tokio::test]
async fn a_form_arrives_with_its_fields_and_closes() {
    for door in DOORS {
        let (world, outcome) = submitted(door, Duration::ZERO, || Reply::Done).await;
        assert_eq!(outcome, Submitted::Closed);
        let heard = world.heard();
        let What::Submit { callback, fields, .. } = &heard.last().expect("heard").what else {
            panic!("no form")
        };
        assert_eq!(Callback::read(callback), Some(Callback::Request));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(fields, [("permission", "write"), ("what", "redis/prod")]);
        let loads = heard
            .iter()
            .filter(|one| matches!(&one.what, What::Options { field, .. } if field == "what"));
        assert_eq!(loads.count(), 2);
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn a_form_can_stay_with_errors_or_show_something_else() {
    for door in DOORS {
        let error = || {
            Reply::Errors(vec![
                ("reason".into(), "Needed here.".into()),
                ("elsewhere".into(), "No.".into()),
            ])
        };
        let (world, outcome) = submitted(door, Duration::ZERO, error).await;
        let Submitted::Errors(errors) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            (&errors["reason"], &errors["what"]),
            (&"Needed here.".into(), &"No.".into())
        );
        world.expect_no_complaints();

        let (world, outcome) = submitted(door, Duration::ZERO, || words("Asked bob.")).await;
        assert_eq!(outcome, Submitted::Updated);
        assert!(world.ann().modal_text().expect("open").contains("Asked bob."));
        world.expect_no_complaints();

        let next = || Reply::Modal(modal("Next", vec![Block::Text("Step two".into())]));
        let (world, outcome) = submitted(door, Duration::ZERO, next).await;
        assert_eq!(outcome, Submitted::Updated);
        assert!(world.ann().modal_text().expect("open").contains("Step two"));

        let (world, outcome) = submitted(door, Duration::ZERO, || Reply::Close).await;
        assert_eq!((outcome, world.ann().modal_text()), (Submitted::Closed, None));
    }
}

#[tokio::test]
async fn a_slow_form_says_so_and_then_what_came_of_it() {
    let error = || Reply::Errors(vec![("reason".into(), "Needed here.".into())]);
    let next = || Reply::Modal(modal("Next", vec![Block::Text("Step two".into())]));
    type Outcome = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: [(Outcome, &str); 4] = [
        (Box::new(|| words("Asked bob.")), "Asked bob."),
        (Box::new(error), "Needed here."),
        (Box::new(next), "Step two"),
        (Box::new(|| Reply::Done), "Done."),
    ];
    for (outcome, shown) in cases {
        let (world, became) = submitted(Door::Socket, LATE, outcome).await;
        assert_eq!(became, Submitted::Updated);
        assert!(world.ann().modal_text().expect("open").contains("Working on it"));
        world.ann().sees(shown, SOON).await.expect("the outcome");
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn who_closed_the_form_meanwhile_is_told_in_their_own_conversation() {
    let (world, _) = submitted(Door::Socket, LATE, || words("Asked bob.")).await;
    world.ann().closes_modal().await.expect("closed");
    let message = world.ann().gets_message("Asked bob.", SOON).await.expect("told");
    assert!(message.channel.starts_with('D') && message.only_for.is_none());
}

#[tokio::test]
async fn slow_options_are_none() {
    let world = slow_world(
        Door::Http,
        options(),
        |_| {},
        |inbound| match &inbound.what {
            What::Options { .. } => (
                LATE,
                Reply::Options(vec![Choice {
                    value: "late".into(),
                    label: "late".into(),
                }]),
            ),
            _ => (Duration::ZERO, form()),
        },
    )
    .await;
    world.ann().types("/access").await.expect("taken");
    world.ann().gets_element("What", SOON).await.expect("a form");
    assert!(
        world
            .ann()
            .options("What", "x")
            .await
            .expect("answered in time")
            .is_empty()
    );
    world.expect_no_complaints();
}

#[tokio::test]
async fn a_failure_of_ours_is_told_and_breaks_nothing() {
    for door in DOORS {
        let world = world(door, |inbound| match text_of(inbound) {
            "crash" => panic!("a bug"),
            _ => words("still here"),
        })
        .await;
        let told = world
            .ann()
            .types("/access crash")
            .await
            .expect("acknowledged")
            .expect("words");
        assert!(
            world
                .ann()
                .as_text(&told)
                .contains("Something went wrong on our side")
        );
        let next = world
            .ann()
            .types("/access again")
            .await
            .expect("acknowledged")
            .expect("words");
        assert!(world.ann().as_text(&next).contains("still here"));
    }
}

#[tokio::test]
async fn a_repeated_delivery_is_acknowledged_and_nothing_else() {
    for door in DOORS {
        let world = world(door, |_| words("once")).await;
        world.slack.fail_next_delivery(DeliveryFault::Duplicate);
        let place = Place {
            chat: ChatKind::Slack,
            channel: "C0DBA".into(),
        };
        world
            .chat
            .post(&place, &with_button("Card", "Approve"))
            .await
            .expect("posted");
        world.ann().clicks("Approve").await.expect("acknowledged");
        world.ann().gets_message("once", SOON).await.expect("an answer");
        assert!(world.slack.quiet(Duration::from_millis(100), SOON).await);
        assert_eq!(world.heard().len(), 1, "{door:?}");
        assert_eq!(
            world.ann().messages().iter().filter(|m| m.text == "once").count(),
            1
        );
        world.expect_no_complaints();
    }
}

#[tokio::test]
async fn an_event_that_slack_repeats_is_heard_once() {
    for door in DOORS {
        let mut options = options();
        options.event_retries = vec![Duration::ZERO, Duration::from_millis(50)];
        let world = slow_world(door, options, |_| {}, |_| (Duration::ZERO, Reply::Done)).await;
        world.slack.fail_next_delivery(DeliveryFault::DropAck);
        world
            .ann()
            .opens_home()
            .await
            .expect_err("the acknowledgement was lost");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(world.heard().len(), 1, "{door:?}");
    }
}

#[tokio::test]
async fn an_app_of_a_whole_organisation_sends_no_team() {
    for door in DOORS {
        let world = world(door, |_| words("fine")).await;
        let place = Place {
            chat: ChatKind::Slack,
            channel: "C0DBA".into(),
        };
        world
            .chat
            .post(&place, &with_button("Card", "Approve"))
            .await
            .expect("posted");
        world.slack.fail_next_delivery(DeliveryFault::TeamNull);
        world.ann().clicks("Approve").await.expect("acknowledged");
        world.ann().gets_message("fine", SOON).await.expect("an answer");
        assert_eq!(world.heard()[0].from.as_key(), "slack:T0TEAM/U0ANN");
    }
}

#[tokio::test]
async fn a_stranger_comes_with_their_own_workspace() {
    for door in DOORS {
        let world = world(door, |_| words("no")).await;
        let strange = world.slack.person("strange");
        strange
            .types_in("C0DBA", "/access redis prod")
            .await
            .expect("taken");
        let place = Place {
            chat: ChatKind::Slack,
            channel: "C0DBA".into(),
        };
        world
            .chat
            .post(&place, &with_button("Card", "Approve"))
            .await
            .expect("posted");
        strange.clicks("Approve").await.expect("acknowledged");
        let from: Vec<String> = world
            .heard()
            .iter()
            .map(|inbound| inbound.from.as_key())
            .collect();
        assert_eq!(from, ["slack:T0OTHER/U0STRANGE", "slack:T0OTHER/U0STRANGE"]);
    }
}

#[tokio::test]
async fn without_a_response_url_the_words_find_another_way() {
    // In the channel where the bot is; else in their own conversation.
    for (channel, private) in [("C0DBA", true), ("C0OUT", false)] {
        let world = late_world(Door::Socket, |_| words("found you")).await;
        world.slack.fail_next_delivery(DeliveryFault::NoResponseUrl);
        world
            .ann()
            .types_in(channel, "/access mine")
            .await
            .expect("acknowledged");
        let message = world.ann().gets_message("found you", SOON).await.expect("told");
        assert_eq!(
            (message.only_for.is_some(), message.channel == channel),
            (private, private)
        );
    }
}

#[tokio::test]
async fn a_slow_one_holds_up_nobody_else() {
    for door in DOORS {
        let world = slow_world(
            door,
            options(),
            |_| {},
            |inbound| match text_of(inbound) {
                "slow" => (LATE, words("slow")),
                _ => (Duration::ZERO, words("quick")),
            },
        )
        .await;
        let (slow, quick) = (world.ann(), world.slack.person("bob"));
        let slow = tokio::spawn(async move { slow.types("/access slow").await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = tokio::time::Instant::now();
        quick
            .types("/access quick")
            .await
            .expect("taken")
            .expect("an answer at once");
        assert!(before.elapsed() < ACK / 2, "{door:?} {:?}", before.elapsed());
        slow.await.expect("no panic").expect("acknowledged");
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_at_the_end() {
    let mut world = late_world(Door::Socket, |_| words("before I go")).await;
    world.ann().types("/access mine").await.expect("acknowledged");
    world.socket.take().expect("a socket").stop().await;
    world.chat.finish(SOON).await;
    assert!(
        world
            .ann()
            .messages()
            .iter()
            .any(|message| message.text == "before I go")
    );
}
