//! What is MySQL's alone: fences in attributes, mandatory roles, accounts above others, literal names, password rules.

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Fence, Want};

use super::{
    Family, SOMEONE, World,
    own::{make, only_itself, reads, refused, with_setting},
    server::literal,
    thing,
};
use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Setting, Target},
};

pub fn all(kind: &Family) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        (
            "an_older_fence_changes_nothing",
            Box::pin(an_older_fence_changes_nothing(kind)),
        ),
        (
            "mandatory_roles_are_not_given_twice",
            Box::pin(mandatory_roles_are_not_given_twice(kind)),
        ),
        (
            "accounts_above_others_take_system_user",
            Box::pin(accounts_above_others_take_system_user(kind)),
        ),
        (
            "with_partial_revokes_names_are_literal",
            Box::pin(with_partial_revokes_names_are_literal(kind)),
        ),
        (
            "strict_password_rules_are_met",
            Box::pin(strict_password_rules_are_met(kind)),
        ),
    ]
}

async fn an_older_fence_changes_nothing(kind: &Family) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    desk.fence = Fence { epoch: 1, count: 50 };
    desk.open(&offer.read).await;
    desk.settled().await;
    let before = world.everything().await;
    // A worker that lost its claim long ago comes back, with less and with more to do.
    for older in [Fence { epoch: 1, count: 7 }, Fence { epoch: 0, count: 900 }] {
        for want in [Want::Disabled, Want::Deleted, desk.want("")] {
            desk.fence = older;
            let error = desk.turn("", want).await.expect_err("refused");
            assert_eq!(error.kind, ErrorKind::Transient, "{error}");
        }
    }
    assert_eq!(before, world.everything().await, "an old run changed something");
    let mut theirs = desk_of_theirs(&world).await.expect("somebody");
    theirs.fence = Fence { epoch: 1, count: 50 };
    let lease = theirs.open(&offer.read).await;
    theirs.settled().await;
    let before = world.everything().await;
    theirs.fence = Fence { epoch: 1, count: 7 };
    theirs.end(&lease);
    assert!(
        theirs.turn("", Want::Open(Vec::new())).await.is_err(),
        "refused on somebody's own login too"
    );
    assert_eq!(before, world.everything().await, "an old run changed something");
    world.done().await;
    Case::Passed
}

async fn mandatory_roles_are_not_given_twice(kind: &Family) -> Case {
    let world = kind.world().await;
    let set = "SET GLOBAL mandatory_roles = '`readers`@`%`'";
    with_setting(&world, set, "SET GLOBAL mandatory_roles = ''", mandatory(&world)).await;
    world.done().await;
    Case::Passed
}

async fn mandatory(world: &World) {
    let provider = world.provider(Setting::Usual);
    let health = provider.check().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        health.warnings.iter().any(|warning| warning.contains("readers")),
        "{:?}",
        health.warnings
    );
    let readers = thing("role", &["*", "readers"], "member");
    let (kind, message) = refused(world, &readers).await;
    assert_eq!(kind, ErrorKind::Invalid, "{message}");
    assert!(message.contains("mandatory_roles"), "{message}");
    // What everybody has is in no way of what we give and take.
    let before = world.everything().await;
    let other = world.offer().other;
    let mut desk = Desk::new(world, person(1));
    let lease = desk.open(&other).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&other), desk.credential(&other));
    let mut conn = world.connect(&login, &credential, None).await.expect("a session");
    assert!(reads(&mut conn, "other.things").await, "what was leased");
    assert!(
        reads(&mut conn, "orders.names").await,
        "the server makes mandatory roles active with any other: the warning is true"
    );
    desk.end(&lease);
    desk.settled().await;
    desk.deleted().await;
    assert_eq!(before, world.everything().await);
}

/// An account with SYSTEM_USER is only for those who have it too.
async fn accounts_above_others_take_system_user(kind: &Family) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    let give = format!("GRANT SYSTEM_USER ON *.* TO {}@'%'", literal(SOMEONE));
    world.server.run(&[&give]).await;
    let before = world.everything().await;
    let lease = desk.open(&offer.read).await;
    let want = desk.want("");
    let error = match desk.turn("", want).await {
        Ok(mut answer) => answer.failed.remove(0).1,
        Err(error) => error,
    };
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(error.message.contains("SYSTEM_USER"), "{error}");
    world
        .server
        .run(&["GRANT SYSTEM_USER ON *.* TO latchkey_connector@'%'"])
        .await;
    desk.settled().await;
    desk.expect(&offer.read, true, "with the right for it").await;
    desk.end(&lease);
    desk.settled().await;
    world
        .server
        .run(&["REVOKE SYSTEM_USER ON *.* FROM latchkey_connector@'%'"])
        .await;
    assert_eq!(before, world.everything().await, "all is as it was before us");
    world.done().await;
    Case::Passed
}

async fn with_partial_revokes_names_are_literal(kind: &Family) -> Case {
    let world = kind.world().await;
    let (set, reset) = (
        "SET GLOBAL partial_revokes = ON",
        "SET GLOBAL partial_revokes = OFF",
    );
    let body = async {
        only_itself(&world).await;
        // Nothing is escaped, so there is room.
        let long = "_".repeat(64);
        make(&world, &long).await;
        let wanted = thing("database", &[&long], "read-write");
        let mut desk = Desk::new(&world, person(9));
        let lease = desk.open(&wanted).await;
        desk.settled().await;
        desk.expect(&wanted, true, "given").await;
        desk.end(&lease);
        desk.settled().await;
        desk.expect(&wanted, false, "taken back").await;
        let instance = thing("instance", &["*"], "read-write");
        let mut desk = Desk::new(&world, person(10));
        desk.open(&instance).await;
        desk.settled().await;
        let (login, credential) = (desk.login(&instance), desk.credential(&instance));
        desk.expect(&instance, true, "every database").await;
        let mut conn = world.connect(&login, &credential, None).await.expect("a session");
        assert!(!reads(&mut conn, "mysql.user").await, "but the server's own");
        drop(conn);
        desk.deleted().await;
    };
    with_setting(&world, set, reset, body).await;
    world.done().await;
    Case::Passed
}

async fn strict_password_rules_are_met(kind: &Family) -> Case {
    let world = kind.world().await;
    if !world.server.is_ours() {
        return Case::not_applicable("components of this server are not the suite's to install");
    }
    let (set, reset) = (
        "INSTALL COMPONENT 'file://component_validate_password'",
        "UNINSTALL COMPONENT 'file://component_validate_password'",
    );
    let body = async {
        world
            .server
            .run(&["SET GLOBAL validate_password.policy = 'STRONG'"])
            .await;
        let offer = world.offer();
        let before = world.everything().await;
        let mut desk = Desk::new(&world, person(1));
        let lease = desk.open(&offer.read).await;
        desk.settled().await;
        desk.restart();
        desk.settled().await;
        desk.expect(&offer.read, true, "under strict rules").await;
        desk.end(&lease);
        desk.settled().await;
        desk.deleted().await;
        assert_eq!(before, world.everything().await);
    };
    with_setting(&world, set, reset, body).await;
    world.done().await;
    Case::Passed
}
