//! What is Vertica's alone: its names, TLS and hashes, lists of default roles, rights to end sessions, versions that differ.

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, tls::SslMode};

use super::{
    HEIR, Vertica,
    fake::{Algorithm, Options},
    rights, thing,
    world::{Way, World, quoted},
};
use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Named, Setting, Target},
};

pub fn all(kind: &Vertica) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        (
            "every_ssl_mode_means_what_it_says",
            Box::pin(every_ssl_mode_means_what_it_says(kind)),
        ),
        (
            "servers_of_other_habits_are_understood",
            Box::pin(servers_of_other_habits_are_understood(kind)),
        ),
        (
            "sessions_may_take_the_administrators_role",
            Box::pin(rights::sessions_may_take_the_administrators_role(kind)),
        ),
        (
            "default_roles_are_written_back",
            Box::pin(rights::default_roles_are_written_back(kind)),
        ),
        (
            "authentication_records_are_given",
            Box::pin(rights::authentication_records_are_given(kind)),
        ),
        (
            "sessions_from_before_the_lease_stay",
            Box::pin(sessions_from_before_the_lease_stay(kind)),
        ),
        (
            "roles_above_all_others_are_not_given",
            Box::pin(rights::roles_above_all_others_are_not_given(kind)),
        ),
        (
            "what_cannot_pass_on_keeps_the_login",
            Box::pin(what_cannot_pass_on_keeps_the_login(kind)),
        ),
        (
            "an_expired_password_of_ours_is_denied",
            Box::pin(an_expired_password_of_ours_is_denied(kind)),
        ),
        (
            "names_are_the_same_in_any_case",
            Box::pin(names_are_the_same_in_any_case(kind)),
        ),
        (
            "a_login_that_the_server_locked_stays_shut",
            Box::pin(a_login_that_the_server_locked_stays_shut(kind)),
        ),
    ]
}

const NAMES: &[(&str, &str)] = &[
    ("a quote", "a\"b"),
    ("an apostrophe", "o'brien"),
    ("a second statement", "x\"; DROP TABLE sales.items; --"),
    ("a literal's end", "x'); DROP TABLE sales.items; --"),
    ("mixed case and spaces", "Mixed Case "),
    ("backslashes", "back\\slash\\"),
    ("a new line", "new\nline"),
    ("places of values", "$1 {secret} %I %s {}"),
    ("a placeholder of ours", "<each schema>"),
    ("a list of roles", "a, b*, c"),
    ("other scripts and directions", "zażółć \u{202e}gnirts 🦀"),
    ("a shell's words", "$(touch /tmp/x) `id` !!"),
    ("a key word", "select"),
];

pub async fn hostile(world: &World) -> Vec<Named> {
    let mut all = Vec::new();
    for (why, name) in NAMES {
        all.extend(with_name(world, why, name).await);
    }
    all
}

/// A schema, a table in it and a role of one name.
async fn with_name(world: &World, why: &'static str, name: &str) -> Vec<Named> {
    let in_quotes = quoted(name);
    world.run(&format!("CREATE SCHEMA {in_quotes}")).await;
    world
        .run(&format!("CREATE TABLE {in_quotes}.{in_quotes} (id INT)"))
        .await;
    world.make_role(name).await;
    [
        world.thing("table", &[name, name], "read-write"),
        world.thing("schema", &[name], "read-write"),
        thing("role", &["*", name], "member"),
    ]
    .map(|thing| Named { why, thing })
    .into()
}

pub async fn longest(world: &World) -> Vec<Named> {
    let mut all = with_name(world, "128 bytes", &"n".repeat(128)).await;
    let letters = format!("{}xy", "ü".repeat(63));
    all.extend(with_name(world, "128 bytes of two-byte letters", &letters).await);
    // Differs from another in the last byte only.
    let other = format!("{}m", "n".repeat(127));
    all.extend(with_name(world, "128 bytes, the last another", &other).await);
    all
}

async fn every_ssl_mode_means_what_it_says(kind: &Vertica) -> Case {
    let world = kind.unusual(Options::default()).await;
    // (mode, host, authority, whether it connects); the certificate is for `localhost`, of `ca.crt`.
    let (right, wrong) = (Some("ca.crt"), Some("other-ca.crt"));
    for (ssl_mode, host, ca, works) in [
        (SslMode::Disable, "127.0.0.1", None, true),
        (SslMode::Prefer, "127.0.0.1", wrong, true),
        (SslMode::Require, "127.0.0.1", wrong, true),
        (SslMode::VerifyCa, "127.0.0.1", right, true),
        (SslMode::VerifyCa, "localhost", wrong, false),
        (SslMode::VerifyCa, "localhost", None, false),
        (SslMode::VerifyFull, "localhost", right, true),
        (SslMode::VerifyFull, "127.0.0.1", right, false),
        (SslMode::VerifyFull, "localhost", wrong, false),
        (SslMode::VerifyFull, "localhost", None, false),
        (SslMode::VerifyFull, "localhost", Some("nothing-here.crt"), false),
    ] {
        let what = format!("{} to {host} with {ca:?}", ssl_mode.as_str());
        let provider = world.build(&Way {
            ssl_mode,
            host: host.to_owned(),
            ca: ca.map(|ca| world.place.join(ca)),
            ..world.way()
        });
        match provider.check().await {
            Ok(health) => {
                assert!(works, "{what} connected");
                let verified = ssl_mode == SslMode::VerifyFull;
                assert_eq!(
                    health.warnings.is_empty(),
                    verified,
                    "{what}: {:?}",
                    health.warnings
                );
            }
            Err(error) => {
                assert!(!works, "{what}: {error}");
                assert_eq!(error.kind, ErrorKind::Denied, "{what}: {error}");
            }
        }
    }
    without_tls(kind).await;
    Case::Passed
}

/// A server that has none: whoever insists is not served, and not in clear text either.
async fn without_tls(kind: &Vertica) {
    let bare = super::fake::Fake::start(Options::default(), None)
        .await
        .expect("a port on loopback");
    let mut world = kind.unusual(Options::default()).await;
    world.server.port = bare.port;
    world.fake = Some(bare);
    world.admin = tokio::sync::Mutex::default();
    world.furnish().await;
    for (ssl_mode, works) in [
        (SslMode::Disable, true),
        (SslMode::Prefer, true),
        (SslMode::Require, false),
        (SslMode::VerifyFull, false),
    ] {
        let checked = world
            .build(&Way {
                ssl_mode,
                ..world.way()
            })
            .check()
            .await;
        assert_eq!(
            checked.is_ok(),
            works,
            "{} without TLS: {checked:?}",
            ssl_mode.as_str()
        );
        if let Err(error) = checked {
            assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        }
    }
}

/// MD5 or SHA-512, settings with commas or without, an older protocol.
async fn servers_of_other_habits_are_understood(kind: &Vertica) -> Case {
    for options in [
        Options {
            algorithm: Algorithm::Md5,
            ..Options::default()
        },
        Options::without_commas(),
        Options {
            newest: 3 << 16 | 8,
            ..Options::default()
        },
    ] {
        let world = kind.unusual(options).await;
        let offer = world.offer();
        let mut desk = Desk::new(&world, person(1));
        let lease = desk.open(&offer.read).await;
        desk.settled().await;
        desk.expect(&offer.read, true, &format!("{options:?}")).await;
        desk.end(&lease);
        desk.settled().await;
        desk.expect(&offer.read, false, &format!("{options:?}")).await;
    }
    Case::Passed
}

async fn sessions_from_before_the_lease_stay(kind: &Vertica) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let mut old = world
        .open_session(&login, &credential)
        .await
        .expect("a session of their own");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    desk.now = crate::desk::now();
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let mut new = world
        .open_session(&login, &credential)
        .await
        .expect("a session of the lease");
    assert!(new.can(&offer.read).await && !old.can(&offer.read).await);
    desk.end(&lease);
    desk.settled().await;
    assert!(!new.alive().await, "what began with the lease ends with it");
    assert!(old.alive().await, "what was there before is not the lease's");
    world.done().await;
    Case::Passed
}

/// Functions have no way to another owner that all versions know.
async fn what_cannot_pass_on_keeps_the_login(kind: &Vertica) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let owned = world.own_something(&login, &credential).await.expect("a table");
    let mut connection = world
        .server
        .connect(&login, &credential)
        .await
        .expect("the login gets in");
    let made = connection
        .query("CREATE FUNCTION workshop.mine(n INT) RETURN INT AS BEGIN RETURN (n); END")
        .await;
    made.unwrap_or_else(|error| panic!("{error}"));
    connection.close().await;
    desk.end(&lease);
    desk.settled().await;
    desk.forget_released();
    let answer = desk
        .turn("", latchkey::providers::Want::Deleted)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let why = answer.waiting.expect("it cannot be deleted");
    assert!(why.contains("depend"), "{why}");
    assert_eq!(
        world.owner_of(&owned).await.as_deref(),
        Some(HEIR),
        "what can pass on has"
    );
    assert!(!world.can_log_in(&login, &credential).await, "and nobody gets in");
    world.run("DROP FUNCTION workshop.mine(INT)").await;
    desk.deleted().await;
    assert_eq!(desk.reported().await, []);
    world.done().await;
    Case::Passed
}

async fn an_expired_password_of_ours_is_denied(kind: &Vertica) -> Case {
    let world = kind.world().await;
    world.run("ALTER USER latchkey_connector PASSWORD EXPIRE").await;
    let error = world.provider(Setting::Usual).check().await.expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(error.message.contains("expired"), "{error}");
    world.done().await;
    Case::Passed
}

async fn names_are_the_same_in_any_case(kind: &Vertica) -> Case {
    let world = kind.world().await;
    let before = world.everything().await;
    let mut desk = Desk::new(&world, person(1));
    let shouted = world.thing("schema", &["SALES"], "read-write");
    let lease = desk.open(&shouted).await;
    desk.settled().await;
    desk.expect(&world.offer().write, true, "asked for in capitals")
        .await;
    // Looked at again: what is held is known to be, whatever its case.
    let again = desk.settled().await.remove(0);
    assert_eq!(again.ran, Vec::<String>::new());
    desk.end(&lease);
    desk.settled().await;
    desk.deleted().await;
    assert_eq!(before, world.everything().await);
    world.done().await;
    Case::Passed
}

/// Too many wrong passwords lock a login for a while; who is shut out by us is not let in when that is over.
async fn a_login_that_the_server_locked_stays_shut(kind: &Vertica) -> Case {
    let world = kind.unusual(Options::default()).await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let login = desk.login(&offer.read);
    for _ in 0..10 {
        world.can_log_in(&login, &crate::desk::fresh_secret()).await;
    }
    let answer = desk
        .turn("", desk.want(""))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.waiting.is_some(), "a locked login is not called open");
    desk.restart();
    desk.settled().await;
    desk.expect(&offer.read, true, "unlocked with a new credential")
        .await;
    for _ in 0..10 {
        world.can_log_in(&login, &crate::desk::fresh_secret()).await;
    }
    desk.end(&lease);
    let answer = desk.settled().await.remove(0);
    let lock = format!("ALTER USER {} ACCOUNT LOCK", quoted(&login));
    assert!(answer.ran.contains(&lock), "locked by us too: {:?}", answer.ran);
    Case::Passed
}
