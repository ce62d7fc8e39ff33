//! Who somebody is, as far as Slack vouches for it; and what a channel is.

use latchkey::{
    chat::{Chat, ChatErrorKind, Reply},
    demo::slack::ApiFault,
    domain::ChatStanding,
};

use crate::harness::{Door, World, world};

async fn quiet() -> World {
    world(Door::Socket, |_| Reply::Done).await
}

#[tokio::test]
async fn standings() {
    let world = quiet().await;
    for (user, standing, email) in [
        ("U0ANN", ChatStanding::Member, Some("ann@example.com")),
        ("U0GUEST", ChatStanding::Guest, Some("guest@example.com")),
        ("U0GUEST1", ChatStanding::Guest, Some("single@example.com")),
        ("U0BOT", ChatStanding::Bot, None),
        ("U0GONE", ChatStanding::Deactivated, None),
        ("U0STRANGE", ChatStanding::Stranger, None),
        ("U0UNSURE", ChatStanding::Member, None),
    ] {
        let profile = world.chat.profile(user).await.expect(user);
        assert_eq!((profile.standing, profile.user.user.as_str()), (standing, user));
        if standing == ChatStanding::Member || standing == ChatStanding::Guest {
            assert_eq!(profile.email.as_deref(), email, "{user}");
        }
        let workspace = if standing == ChatStanding::Stranger {
            "T0OTHER"
        } else {
            "T0TEAM"
        };
        assert_eq!(profile.user.workspace, workspace, "{user}");
    }
    let ann = world.chat.profile("U0ANN").await.expect("ann");
    assert_eq!(ann.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(
        world.chat.profile("U0NOBODY").await.expect_err("nobody").kind,
        ChatErrorKind::Gone
    );
}

#[tokio::test]
async fn changes_are_seen_at_the_next_look() {
    let world = quiet().await;
    world.slack.change_person("ann", |ann| ann.deleted = true);
    assert_eq!(
        world.chat.profile("U0ANN").await.expect("ann").standing,
        ChatStanding::Deactivated
    );
}

#[tokio::test]
async fn people_by_confirmed_address() {
    let world = quiet().await;
    let found = world.chat.find_person("Ann@Example.com").await.expect("asked");
    assert_eq!(found.map(|profile| profile.user.user).as_deref(), Some("U0ANN"));
    assert!(
        world
            .chat
            .find_person("unsure@example.com")
            .await
            .expect("asked")
            .is_none()
    );
    assert!(
        world
            .chat
            .find_person("nobody@example.com")
            .await
            .expect("asked")
            .is_none()
    );
    world
        .slack
        .fail_calls("users.lookupByEmail", ApiFault::ServerError, Some(1));
    let failed = world
        .chat
        .find_person("ann@example.com")
        .await
        .expect_err("could not ask");
    assert_eq!(failed.kind, ChatErrorKind::Transient { retry_after: None });
}

#[tokio::test]
async fn groups_or_why_they_cannot_be_read() {
    let world = quiet().await;
    let mut members = world.chat.group("S0DBA").await.expect("read");
    members.sort();
    assert_eq!(members, ["U0ANN", "U0BOB"]);
    assert_eq!(
        world.chat.group("S0NONE").await.expect_err("unknown").kind,
        ChatErrorKind::Gone
    );
    world.slack.change_groups(|groups| *groups = None);
    let refused = world.chat.group("S0DBA").await.expect_err("no such plan");
    assert_eq!(refused.kind, ChatErrorKind::Denied);
    assert!(refused.message.contains("plan_upgrade_required"), "{refused}");
}

#[tokio::test]
async fn channels_by_id_and_by_name() {
    let world = quiet().await;
    for (wanted, id, shared, member) in [
        ("C0DBA", "C0DBA", false, true),
        ("dba", "C0DBA", false, true),
        ("#dba", "C0DBA", false, true),
        ("C0SHARED", "C0SHARED", true, true),
        ("C0OUT", "C0OUT", false, false),
        ("C0OLD", "C0OLD", false, false),
    ] {
        let channel = world.chat.channel(wanted).await.expect(wanted);
        assert_eq!(
            (
                channel.place.channel.as_str(),
                channel.shared_outside,
                channel.member
            ),
            (id, shared, member),
            "{wanted}"
        );
    }
    for missing in ["C0NONE", "C0PRIV", "none", "priv"] {
        assert_eq!(
            world.chat.channel(missing).await.expect_err(missing).kind,
            ChatErrorKind::Gone,
            "{missing}"
        );
    }
}

#[tokio::test]
async fn the_bot_knows_itself() {
    let world = quiet().await;
    assert_eq!(
        world.chat.check().await.expect("asked"),
        ("T0TEAM".into(), "U0LATCHKEY".into())
    );
}
