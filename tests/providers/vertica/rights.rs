//! Rights of ours and of others: to end sessions, to log in, to be a default role, to be given at all.

use latchkey::providers::ErrorKind;

use super::{
    Vertica,
    fake::Options,
    thing,
    world::{Way, quoted},
};
use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Setting, Target, Thing},
};

pub async fn sessions_may_take_the_administrators_role(kind: &Vertica) -> Case {
    let options = Options {
        close_is_for_admins: true,
        ..Options::default()
    };
    let world = kind.unusual(options).await;
    let offer = world.offer();
    let provider = || world.provider(Setting::Usual);
    let health = provider().check().await.unwrap_or_else(|error| panic!("{error}"));
    let named = "GRANT dbadmin TO \"latchkey_connector\"";
    assert!(
        health.missing.iter().any(|missing| missing.contains(named)),
        "{:?}",
        health.missing
    );
    // Without the right nothing is called done.
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let mut session = world.open_session(&login, &credential).await.expect("a session");
    desk.end(&lease);
    let error = desk.turn("", desk.want("")).await.expect_err("sessions live on");
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(session.alive().await);
    assert!(
        !world.can_log_in(&login, &credential).await,
        "the door is shut all the same"
    );

    world.run("GRANT dbadmin TO latchkey_connector").await;
    let health = provider().check().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(health.missing, Vec::<String>::new());
    desk.settled().await;
    assert!(!session.alive().await, "ended as the administrator");
    Case::Passed
}

/// A list that names look like, on servers that leave in it what was taken, and on those that do not.
pub async fn default_roles_are_written_back(kind: &Vertica) -> Case {
    for keeps_defaults in [false, true] {
        let options = Options {
            keeps_defaults,
            ..Options::default()
        };
        let world = kind.unusual(options).await;
        let offer = world.offer();
        let mut desk = desk_of_theirs(&world).await.expect("somebody");
        let login = quoted(&desk.login(&offer.read));
        for role in ["a, b", "c*", "unused"] {
            world.make_role(role).await;
            world.run(&format!("GRANT {} TO {login}", quoted(role))).await;
        }
        world
            .run(&format!("ALTER USER {login} DEFAULT ROLE \"a, b\", \"c*\""))
            .await;
        let before = world.everything().await;
        let lease = desk.open(&offer.read).await;
        desk.settled().await;
        desk.expect(&offer.read, true, "beside roles of their own").await;
        let standing = thing("role", &["*", "a, b"], "member");
        desk.expect(&standing, true, "a default role that stood").await;
        desk.expect(
            &thing("role", &["*", "unused"], "member"),
            false,
            "no default role",
        )
        .await;
        desk.end(&lease);
        desk.settled().await;
        assert_eq!(before, world.everything().await, "all is as it was before us");
        desk.expect(&standing, true, "a default role that stood").await;
    }
    Case::Passed
}

pub async fn authentication_records_are_given(kind: &Vertica) -> Case {
    let world = kind.unusual(Options::default()).await;
    let offer = world.offer();
    world
        .run_all(&[
            "CREATE AUTHENTICATION v_hash METHOD 'hash' LOCAL",
            "GRANT AUTHENTICATION v_hash TO latchkey_connector",
        ])
        .await;
    let health = world
        .provider(Setting::Usual)
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        health.warnings.iter().any(|warning| warning.contains("v_hash")),
        "{:?}",
        health.warnings
    );
    let way = |authentication| Way {
        authentication,
        ..world.way()
    };
    let health = world
        .build(&way(Some("v_other")))
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        health.missing.iter().any(|missing| missing.contains("v_other")),
        "{:?}",
        health.missing
    );
    let before = world.everything().await;
    let mut desk = Desk::with(&world, person(1), world.build(&way(Some("v_hash"))));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    desk.expect(&offer.read, true, "with the record").await;
    desk.end(&lease);
    desk.settled().await;
    desk.deleted().await;
    assert_eq!(before, world.everything().await, "nothing is left");
    Case::Passed
}

pub async fn roles_above_all_others_are_not_given(kind: &Vertica) -> Case {
    let world = kind.world().await;
    world
        .run_all(&[
            "CREATE ROLE deputy",
            "GRANT dbadmin TO deputy",
            "CREATE ROLE helper",
            "GRANT deputy TO helper",
            "CREATE ROLE plain",
        ])
        .await;
    let found = world
        .provider(Setting::Usual)
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let role = |name: &str| thing("role", &["*", name], "member");
    let listed = |wanted: &Thing| {
        let found = found.resources.iter().find(|resource| resource.at == wanted.at);
        found.cloned()
    };
    for name in [
        "deputy",
        "helper",
        "dbadmin",
        "pseudosuperuser",
        "DBDuser",
        "public",
    ] {
        assert!(
            listed(&role(name)).is_none_or(|resource| resource.unavailable.is_some()),
            "{name} is offered"
        );
        // Asked for all the same, by an old form or a stale catalogue.
        let mut desk = Desk::new(&world, person(1));
        desk.open(&role(name)).await;
        let answer = desk
            .turn("", desk.want(""))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let kind = answer.failed.first().map(|(_, error)| error.kind);
        assert_eq!(kind, Some(ErrorKind::Invalid), "{name}");
    }
    assert!(listed(&role("plain")).is_some_and(|resource| resource.unavailable.is_none()));
    // A view is there to be read.
    let mut desk = Desk::new(&world, person(2));
    desk.open(&world.thing("table", &["sales", "names"], "read-write"))
        .await;
    let answer = desk
        .turn("", desk.want(""))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        answer.failed.first().map(|(_, error)| error.kind),
        Some(ErrorKind::Invalid)
    );
    world.done().await;
    Case::Passed
}
