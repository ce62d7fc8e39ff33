//! What is PostgreSQL's alone: its names, its six ways of TLS, connectors that are no superusers, old fences.

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Fence, Want};

use super::{
    Postgres, Way, World,
    server::{literal, quoted},
    thing,
};
use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Named, Target, Thing},
};

pub fn all(kind: &Postgres) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        (
            "every_ssl_mode_means_what_it_says",
            Box::pin(every_ssl_mode_means_what_it_says(kind)),
        ),
        (
            "a_connector_without_superuser_does_it_all",
            Box::pin(a_connector_without_superuser_does_it_all(kind)),
        ),
        (
            "an_older_fence_changes_nothing",
            Box::pin(an_older_fence_changes_nothing(kind)),
        ),
        (
            "what_a_lease_role_owns_passes_on",
            Box::pin(what_a_lease_role_owns_passes_on(kind)),
        ),
        (
            "sessions_from_before_the_lease_stay",
            Box::pin(sessions_from_before_the_lease_stay(kind)),
        ),
        (
            "roles_above_all_others_are_not_given",
            Box::pin(roles_above_all_others_are_not_given(kind)),
        ),
        (
            "the_password_is_never_sent",
            Box::pin(the_password_is_never_sent(kind)),
        ),
        (
            "the_example_line_works_in_psql",
            Box::pin(the_example_line_works_in_psql(kind)),
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
    ("a placeholder of ours", "<each owner>"),
    ("a comment's tag", "for=admin fence=9.9"),
    ("other scripts and directions", "zażółć \u{202e}gnirts 🦀"),
    ("a shell's words", "$(touch /tmp/x) `id` !!"),
    ("a key word", "public"),
];

pub async fn hostile(world: &World) -> Vec<Named> {
    let mut all = Vec::new();
    for (why, name) in NAMES {
        all.extend(with_name(world, why, name).await);
    }
    all
}

/// A table, a schema, a database and a role of one name, owned by a role of that name too.
async fn with_name(world: &World, why: &'static str, name: &str) -> Vec<Named> {
    let quoted = quoted(name);
    let is_new = *name != *"public";
    if is_new {
        world
            .server
            .run("postgres", &format!("CREATE ROLE {quoted}"))
            .await;
        world
            .server
            .run(
                "postgres",
                &format!("CREATE DATABASE {quoted} OWNER {quoted} STRATEGY file_copy"),
            )
            .await;
        world
            .server
            .run(
                "orders",
                &format!("CREATE SCHEMA {quoted} AUTHORIZATION {quoted}"),
            )
            .await;
    }
    let owner = if is_new { quoted.as_str() } else { "orders_owner" };
    let table =
        format!("CREATE TABLE {quoted}.{quoted} (id int); ALTER TABLE {quoted}.{quoted} OWNER TO {owner}");
    world.server.run("orders", &table).await;
    let mut all = vec![
        Named {
            why,
            thing: thing("table", &["orders", name, name], "read-write"),
        },
        Named {
            why,
            thing: thing("schema", &["orders", name], "read-write"),
        },
    ];
    if is_new {
        let inside =
            format!("CREATE SCHEMA {quoted} AUTHORIZATION {quoted}; CREATE TABLE {quoted}.{quoted} (id int)");
        world.server.run(name, &inside).await;
        all.push(Named {
            why,
            thing: thing("database", &[name], "read"),
        });
        all.push(Named {
            why,
            thing: thing("role", &["*", name], "member"),
        });
    }
    all
}

pub async fn longest(world: &World) -> Vec<Named> {
    let mut all = with_name(world, "63 bytes", &"n".repeat(63)).await;
    all.extend(
        with_name(
            world,
            "63 bytes of two-byte letters",
            &format!("{}x", "ü".repeat(31)),
        )
        .await,
    );
    // Differs from another in the last byte only.
    all.extend(
        with_name(
            world,
            "63 bytes, the last another",
            &format!("{}m", "n".repeat(62)),
        )
        .await,
    );
    all
}

async fn every_ssl_mode_means_what_it_says(kind: &Postgres) -> Case {
    if !kind.server.is_ours() {
        return Case::not_applicable("the server's files are not ours to read");
    }
    let world = kind.world().await;
    // (mode, host, authority, whether it connects); the certificate is for `localhost`, of `ca.crt`.
    let right = Some("ca.crt");
    let wrong = Some("other-ca.crt");
    for (ssl_mode, host, ca, works) in [
        ("disable", "127.0.0.1", None, true),
        ("allow", "127.0.0.1", wrong, true),
        ("prefer", "127.0.0.1", wrong, true),
        ("require", "127.0.0.1", wrong, true),
        ("verify-ca", "127.0.0.1", right, true),
        ("verify-ca", "localhost", wrong, false),
        ("verify-ca", "localhost", None, false),
        ("verify-full", "localhost", right, true),
        ("verify-full", "127.0.0.1", right, false),
        ("verify-full", "localhost", wrong, false),
        ("verify-full", "localhost", None, false),
        ("verify-full", "localhost", Some("nothing-here.crt"), false),
    ] {
        let what = format!("{ssl_mode} to {host} with {ca:?}");
        let provider = world.build(&Way {
            ssl_mode,
            host,
            ca,
            ..world.way()
        });
        match provider.check().await {
            Ok(health) => {
                assert!(works, "{what} connected");
                assert_eq!(
                    health.warnings.is_empty(),
                    ssl_mode == "verify-full",
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
    world.done().await;
    Case::Passed
}

/// The rights that cloud providers leave: CREATEROLE and membership in every owner.
async fn a_connector_without_superuser_does_it_all(kind: &Postgres) -> Case {
    let world = kind.world().await;
    world
        .server
        .run(
            "postgres",
            "CREATE ROLE cloud_admin LOGIN CREATEROLE PASSWORD 'cloud-pw'; \
             GRANT orders_owner, third_owner, pg_signal_backend, pg_read_all_stats TO cloud_admin; \
             GRANT readers TO cloud_admin WITH ADMIN OPTION; \
             ALTER DATABASE workshop OWNER TO orders_owner; ALTER DATABASE other OWNER TO orders_owner",
        )
        .await;
    world
        .server
        .run(
            "other",
            "ALTER TABLE things OWNER TO third_owner; ALTER SCHEMA public OWNER TO orders_owner",
        )
        .await;
    world
        .server
        .run("orders", "ALTER SCHEMA public OWNER TO orders_owner")
        .await;
    let build = || {
        world.build(&Way {
            user: "cloud_admin",
            password: "cloud-pw",
            ..world.way()
        })
    };
    let health = build().check().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        health.missing,
        Vec::<String>::new(),
        "warnings: {:?}",
        health.warnings
    );
    let offer = world.offer();
    let before = world.everything().await;
    let admin = thing("database", &["orders"], "admin");
    let schema = thing("schema", &["orders", "sales"], "read-write");
    let member = thing("role", &["*", "readers"], "member");
    for (n, wanted) in [&offer.read, &offer.write, &admin, &schema, &member]
        .into_iter()
        .enumerate()
    {
        let mut desk = Desk::with(&world, person(n as u32), build());
        let lease = desk.open(wanted).await;
        desk.settled().await;
        desk.expect(wanted, true, "given without superuser").await;
        let (login, credential) = (desk.login(wanted), desk.credential(wanted));
        let mut session = world.open_session(&login, &credential).await.expect("a session");
        desk.end(&lease);
        desk.settled().await;
        assert!(!session.alive().await, "ended without superuser");
        desk.expect(wanted, false, "taken without superuser").await;
        desk.deleted().await;
        assert_eq!(before, world.everything().await, "{wanted:?}: nothing is left");
    }
    // A table of somebody we may not act for is refused by name, and nothing of the lease stays.
    world.server.run("orders", "CREATE ROLE hidden; CREATE TABLE sales.secret (id int); ALTER TABLE sales.secret OWNER TO hidden").await;
    let mut desk = Desk::with(&world, person(9), build());
    let lease = desk.open(&schema).await;
    let answer = desk
        .settle()
        .await
        .remove("")
        .expect("one account")
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(answer.failed.len(), 1);
    assert_eq!(
        answer.failed[0].1.kind,
        ErrorKind::Denied,
        "{}",
        answer.failed[0].1
    );
    assert!(
        answer.failed[0].1.message.contains("secret"),
        "{}",
        answer.failed[0].1
    );
    desk.end(&lease);
    desk.settled().await;
    world.done().await;
    Case::Passed
}

async fn an_older_fence_changes_nothing(kind: &Postgres) -> Case {
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

/// `SET ROLE` lets a person make things in the name of the lease's role; they are not lost with it.
async fn what_a_lease_role_owns_passes_on(kind: &Postgres) -> Case {
    let world = kind.world().await;
    let mut desk = Desk::new(&world, person(1));
    let admin = thing("schema", &["orders", "sales"], "admin");
    let lease = desk.open(&admin).await;
    desk.settled().await;
    let role = world.mark().lease_role(&lease.id);
    let client = world
        .connect("orders", &desk.login(&admin), &desk.credential(&admin))
        .await
        .expect("a session");
    let sql = format!(
        "SET ROLE {}; CREATE TABLE sales.precious AS SELECT 42 AS n",
        quoted(&role)
    );
    client
        .batch_execute(&sql)
        .await
        .expect("made in the name of the lease's role");
    desk.end(&lease);
    let answers = desk.settled().await;
    let owner = "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE relname = 'precious'";
    let rows = world.server.rows("orders", owner).await;
    assert_eq!(
        rows.first().map(|row| row.get::<_, String>(0)).as_deref(),
        Some("orders_owner")
    );
    assert_eq!(
        world
            .server
            .rows("orders", "SELECT n FROM sales.precious")
            .await
            .len(),
        1
    );
    assert!(
        answers[0]
            .remarks
            .iter()
            .any(|remark| remark.contains("orders_owner")),
        "{:?}",
        answers[0].remarks
    );
    world.done().await;
    Case::Passed
}

async fn sessions_from_before_the_lease_stay(kind: &Postgres) -> Case {
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
    assert!(new.can(&offer.read).await && old.can(&thing("database", &["postgres"], "read")).await);
    desk.end(&lease);
    desk.settled().await;
    assert!(!new.alive().await, "what began with the lease ends with it");
    assert!(old.alive().await, "what was there before is not the lease's");
    world.done().await;
    Case::Passed
}

async fn roles_above_all_others_are_not_given(kind: &Postgres) -> Case {
    let world = kind.world().await;
    world
        .server
        .run(
            "postgres",
            "CREATE ROLE boss SUPERUSER; CREATE ROLE deputy IN ROLE boss; CREATE ROLE maker CREATEROLE; \
             CREATE ROLE shell IN ROLE pg_execute_server_program; CREATE ROLE plain",
        )
        .await;
    let found = world
        .provider(crate::target::Setting::Usual)
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let role = |name: &str| thing("role", &["*", name], "member");
    let listed = |wanted: &Thing| {
        found
            .resources
            .iter()
            .find(|resource| resource.at == wanted.at)
            .cloned()
    };
    for name in ["boss", "deputy", "maker", "shell"] {
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
        assert_eq!(
            answer.failed.first().map(|(_, error)| error.kind),
            Some(ErrorKind::Invalid),
            "{name}"
        );
    }
    assert!(listed(&role("plain")).is_some_and(|resource| resource.unavailable.is_none()));
    for name in ["pg_read_all_data", "admin", "latchkey_connector", "jitg_abcd_x"] {
        assert!(listed(&role(name)).is_none(), "{name} is listed");
    }
    world.done().await;
    Case::Passed
}

async fn the_password_is_never_sent(kind: &Postgres) -> Case {
    if !kind.server.is_ours() {
        return Case::not_applicable("the server's files are not ours to read");
    }
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    desk.restart();
    desk.settled().await;
    let secret = desk.credential(&offer.read);
    drop(world.ran().await);
    let log =
        std::fs::read_to_string(world.server.place().join("data/log/server.json")).expect("the server's log");
    assert!(log.contains("SCRAM-SHA-256$4096:"), "the log has what was sent");
    assert!(!log.contains(secret.expose()), "the server's log has a password");
    let stored = format!(
        "SELECT rolpassword FROM pg_authid WHERE rolname = {}",
        literal(&desk.login(&offer.read))
    );
    let stored: String = world.server.rows("postgres", &stored).await[0].get(0);
    assert!(stored.starts_with("SCRAM-SHA-256$4096:"), "{stored}");
    world.done().await;
    Case::Passed
}

/// The line that people copy, in a real shell with a real client.
async fn the_example_line_works_in_psql(kind: &Postgres) -> Case {
    if !kind.server.is_ours() {
        return Case::not_applicable("the server's files are not ours to read");
    }
    let world = kind.world().await;
    let name = "it's \"odd\" $(exit 3) `exit 4` \\x";
    world
        .server
        .run(
            "postgres",
            &format!("CREATE DATABASE {} STRATEGY file_copy", quoted(name)),
        )
        .await;
    for wanted in [world.offer().read, thing("database", &[name], "read")] {
        let mut desk = Desk::new(&world, person(1));
        desk.open(&wanted).await;
        let answer = desk.settled().await.remove(0);
        let line = answer.details.examples.first().expect("an example").clone();
        assert!(!line.contains(desk.credential(&wanted).expose()));
        let ca = world.server.ca("ca.crt");
        let shell = tokio::process::Command::new("sh")
            .arg("-c")
            .arg(format!("{line} -XAtc 'SELECT current_database()'"))
            .env("PGPASSWORD", desk.credential(&wanted).expose())
            .env("PGSSLROOTCERT", &ca)
            .output()
            .await
            .expect("a shell");
        let said = String::from_utf8_lossy(&shell.stderr).into_owned();
        assert_eq!(
            String::from_utf8_lossy(&shell.stdout).trim_end_matches('\n'),
            wanted.at.id[0],
            "{line}: {said}"
        );
    }
    world.done().await;
    Case::Passed
}
