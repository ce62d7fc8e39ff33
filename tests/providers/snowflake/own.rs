//! Cases of Snowflake alone.

use chrono::Duration;
use futures_util::future::BoxFuture;
use latchkey::providers::{AccountName, CredentialKind, ErrorKind, Person, Presence};

use super::{
    Snowflake, Way,
    client::public_half,
    fake::lock,
    own_access::{
        a_schema_lease_displaces_nobody, an_older_run_gives_nothing,
        kinds_that_an_account_lacks_are_no_failure, roles_above_all_others_are_not_given,
        what_a_lease_made_passes_to_the_powerless,
    },
    proxy::{Proxy, Then},
    thing,
    world::{self, CONNECTOR, ORDERS, WAREHOUSE},
};
use crate::{
    desk::{Desk, person},
    target::{Case, Cut, Setting, Target},
};

pub fn all(kind: &Snowflake) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        (
            "our_key_may_be_in_either_slot",
            Box::pin(our_key_may_be_in_either_slot(kind)),
        ),
        (
            "passwords_instead_of_keys",
            Box::pin(passwords_instead_of_keys(kind)),
        ),
        (
            "sso_gives_and_takes_roles_alone",
            Box::pin(sso_gives_and_takes_roles_alone(kind)),
        ),
        (
            "what_is_accepted_is_polled",
            Box::pin(what_is_accepted_is_polled(kind)),
        ),
        (
            "a_lost_answer_is_asked_for_again",
            Box::pin(a_lost_answer_is_asked_for_again(kind)),
        ),
        (
            "an_endless_statement_is_given_up",
            Box::pin(an_endless_statement_is_given_up(kind)),
        ),
        (
            "a_schema_lease_displaces_nobody",
            Box::pin(a_schema_lease_displaces_nobody(kind)),
        ),
        (
            "what_a_lease_made_passes_to_the_powerless",
            Box::pin(what_a_lease_made_passes_to_the_powerless(kind)),
        ),
        (
            "roles_above_all_others_are_not_given",
            Box::pin(roles_above_all_others_are_not_given(kind)),
        ),
        (
            "long_listings_are_read_whole",
            Box::pin(long_listings_are_read_whole(kind)),
        ),
        (
            "a_closed_database_is_unread",
            Box::pin(a_closed_database_is_unread(kind)),
        ),
        (
            "kinds_that_an_account_lacks_are_no_failure",
            Box::pin(kinds_that_an_account_lacks_are_no_failure(kind)),
        ),
        (
            "a_role_we_do_not_hold_is_named",
            Box::pin(a_role_we_do_not_hold_is_named(kind)),
        ),
        (
            "an_older_run_gives_nothing",
            Box::pin(an_older_run_gives_nothing(kind)),
        ),
    ]
}

pub const FAKE_ALONE: &str = "a real account cannot be made to do it";

async fn our_key_may_be_in_either_slot(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let way = world.way();
    world
        .admin
        .run(&format!(
            "ALTER USER {CONNECTOR} SET RSA_PUBLIC_KEY_2='{}'",
            public_half(&world.own_key)
        ))
        .await;
    world
        .admin
        .run(&format!("ALTER USER {CONNECTOR} UNSET RSA_PUBLIC_KEY"))
        .await;
    world
        .build(&way)
        .check()
        .await
        .unwrap_or_else(|error| panic!("the second slot: {error}"));
    world
        .admin
        .run(&format!("ALTER USER {CONNECTOR} UNSET RSA_PUBLIC_KEY_2"))
        .await;
    let error = world.build(&way).check().await.expect_err("no key is set");
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    world.done().await;
    Case::Passed
}

async fn passwords_instead_of_keys(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let Some(fake) = &world.fake else {
        return Case::not_applicable("a password cannot be tried through the SQL API");
    };
    let password = world.build(&Way {
        auth: "password",
        ..world.way()
    });
    assert_eq!(password.credential(), CredentialKind::Password);
    let mut desk = Desk::with(&world, person(1), password);
    desk.open(&world.offer().read).await;
    let answer = desk.settled().await.remove(0);
    assert!(answer.credential_set);
    let (login, secret) = (
        desk.login(&world.offer().read),
        desk.credential(&world.offer().read),
    );
    let user = || lock(&fake.inner).state.users[&login].clone();
    assert_eq!(user().password.as_deref(), Some(secret.expose()));
    assert!(user().must_change_password && user().keys == [None, None]);
    assert!(
        !format!("{answer:?}").contains(secret.expose()),
        "an answer holds the password"
    );
    // The configuration changed: the next credential is a key, and the password is gone with it.
    desk.provider = world.provider(Setting::Usual);
    desk.restart();
    desk.settled().await;
    assert!(user().password.is_none() && user().keys[0].is_some());
    desk.expect(&world.offer().read, true, "with a key").await;
    Case::Passed
}

fn sso(email: &str) -> Person {
    Person {
        id: email.to_owned(),
        email: email.to_owned(),
        login: None,
    }
}

async fn sso_gives_and_takes_roles_alone(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let credential = world.own_someone().await;
    let way = Way {
        auth: "sso",
        ..world.way()
    };
    let before = world.everything().await;
    // Known there under another name: found by the login name, whose case nobody minds, or by the e-mail.
    let mut desk = Desk::with(&world, sso("ann.oneil@example.com"), world.build(&way));
    let thing = world.offer().read;
    let login = desk.login(&thing);
    assert_eq!(
        desk.held(&thing).account.name,
        AccountName::Theirs("ann.oneil@example.com".to_owned())
    );
    let lease = desk.open(&thing).await;
    drop(world.ran().await);
    let answer = desk.settled().await.remove(0);
    assert!(!answer.credential_set, "nobody's credential is set");
    assert_eq!(answer.memo.get("user").map(String::as_str), Some("Ann O'Neil"));
    for line in answer.ran {
        assert!(
            !line.contains("ALTER USER") && !line.contains("CREATE USER"),
            "{line}"
        );
    }
    assert!(
        world.can("Ann O'Neil", &credential, &thing).await,
        "given to the user found"
    );
    let reported = desk.reported().await;
    assert_eq!(
        reported,
        [AccountName::Theirs(login)],
        "by the name that our store has"
    );
    // The e-mail changed meanwhile: the user is the one found first.
    world
        .admin
        .run("ALTER USER \"Ann O'Neil\" SET LOGIN_NAME='ELSE' EMAIL='else@example.com'")
        .await;
    desk.end(&lease);
    desk.settled().await;
    assert!(
        !world.can("Ann O'Neil", &credential, &thing).await,
        "taken back from the same"
    );
    world
        .admin
        .run("ALTER USER \"Ann O'Neil\" SET LOGIN_NAME='ANN.ONEIL@EXAMPLE.COM' EMAIL='ann.oneil@example.com'")
        .await;
    assert_eq!(before, world.everything().await, "all is as it was before us");

    let mut desk = Desk::with(&world, sso("nobody@example.com"), world.build(&way));
    let lease = desk.open(&thing).await;
    let answer = desk
        .settle()
        .await
        .into_values()
        .next()
        .expect("one")
        .expect("an answer");
    assert_eq!(answer.failed[0].0, lease.id);
    assert_eq!(answer.failed[0].1.kind, ErrorKind::Invalid);
    assert_eq!(desk.observe(&thing, &[]).await.presence, Presence::Absent);
    world.done().await;
    Case::Passed
}

async fn what_is_accepted_is_polled(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let Some(fake) = &world.fake else {
        return Case::not_applicable(FAKE_ALONE);
    };
    lock(&fake.inner).accepted_first = 2;
    let found = world.provider(Setting::Usual).accounts().await;
    assert_eq!(found.unwrap_or_else(|error| panic!("{error}")), []);
    Case::Passed
}

async fn a_lost_answer_is_asked_for_again(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let Some(fake) = &world.fake else {
        return Case::not_applicable(FAKE_ALONE);
    };
    let thing = thing("warehouse", &["*", "warehouse", WAREHOUSE], "read");
    for nth in 1..100 {
        let proxy = Proxy::start(&world.door.url, nth, Cut::After, Then::Works).await;
        let way = Way {
            url: proxy.url.clone(),
            ..world.way()
        };
        let mut desk = Desk::with(&world, person(nth), world.build(&way));
        lock(&fake.inner).replayed = 0;
        desk.open(&thing).await;
        // Nothing fails, and nothing runs twice: each was made by statements that refuse what is there.
        let answer = desk.settled().await.remove(0);
        let ran = world.ran().await.unwrap_or_default();
        assert_eq!(answer.ran, ran, "call {nth}");
        if !proxy.was_cut() {
            assert!(nth > 6, "a grant takes more calls than {nth}");
            return Case::Passed;
        }
        assert_eq!(
            lock(&fake.inner).replayed,
            1,
            "call {nth} was asked again under its own id"
        );
    }
    panic!("a grant never came to its end");
}

async fn an_endless_statement_is_given_up(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    if !world.dawdle().await {
        return Case::not_applicable(FAKE_ALONE);
    }
    let thing = world.offer().read;
    let mut desk = Desk::new(&world, person(1));
    desk.open(&thing).await;
    let want = desk.want("");
    let answer = desk
        .turn("", want.clone())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let handle = answer
        .memo
        .get("statement")
        .cloned()
        .expect("what is under way is in the memo");
    desk.now += Duration::minutes(6);
    let answer = desk
        .turn("", want)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.waiting.is_some());
    assert_ne!(
        answer.memo.get("statement"),
        Some(&handle),
        "the old one is cancelled, a new one is under way"
    );
    world.hurry().await;
    desk.settled().await;
    desk.expect(&thing, true, "in the end").await;
    Case::Passed
}

async fn long_listings_are_read_whole(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    for n in 0..120 {
        world
            .admin
            .run(&format!("CREATE TABLE {ORDERS}.SALES.T{n} (N INT)"))
            .await;
    }
    let found = world
        .provider(Setting::Usual)
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    for n in 0..120 {
        let id = [ORDERS, "SALES", &format!("T{n}")].map(str::to_owned);
        assert!(
            found.resources.iter().any(|resource| resource.at.id == id),
            "T{n} is missing"
        );
    }
    world.done().await;
    Case::Passed
}

async fn a_closed_database_is_unread(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let Some(fake) = &world.fake else {
        return Case::not_applicable(FAKE_ALONE);
    };
    lock(&fake.inner).closed = vec![world::OTHER.to_owned()];
    let found = world
        .provider(Setting::Usual)
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        found.unread.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(),
        [[world::OTHER]]
    );
    let is_listed = |id: &[&str]| found.resources.iter().any(|resource| resource.at.id == id);
    assert!(is_listed(&[ORDERS, "SALES", "ITEMS"]), "the rest is listed");
    assert!(!is_listed(&[world::OTHER, "PUBLIC"]));
    assert!(found.resources.iter().all(|resource| {
        resource
            .at
            .id
            .last()
            .is_none_or(|name| name != "INFORMATION_SCHEMA")
    }));
    Case::Passed
}

async fn a_role_we_do_not_hold_is_named(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let error = world
        .build(&Way {
            role: "SYSADMIN",
            ..world.way()
        })
        .check()
        .await
        .expect_err("not our role");
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(
        error.message.contains("does not hold the role SYSADMIN"),
        "{error}"
    );
    world.done().await;
    Case::Passed
}
