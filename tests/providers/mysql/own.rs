//! What is this family's alone: wildcards, sessions that keep their database, definers, default roles, TLS, servers that are
//! set otherwise.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, future::BoxFuture};
use latchkey::providers::{ErrorKind, Provider, Want, mariadb, mysql};
use mysql_async::{Conn, prelude::Queryable};

use super::{
    Engine, Family, SOMEONE, Way, World,
    server::{literal, pattern, quoted},
    thing,
};
use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Setting, Target, Thing},
};

macro_rules! cases {
    ($kind:expr, $($name:ident),+ $(,)?) => {
        vec![$((stringify!($name), Box::pin($name($kind)) as BoxFuture<'_, Case>)),+]
    };
}

pub fn all(kind: &Family) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    cases![
        kind,
        every_tls_mode_means_what_it_says,
        a_wildcard_in_a_name_opens_only_itself,
        a_session_in_the_database_of_an_ended_lease_ends,
        sessions_from_before_the_lease_stay,
        a_definer_keeps_the_account,
        a_default_role_of_theirs_stays,
        roles_that_cannot_be_given_are_named,
        what_was_given_by_hand_is_taken_back,
        a_server_with_other_quotes_is_served,
        the_password_is_in_no_log,
        the_example_line_works,
        the_other_engine_is_named,
    ]
}

async fn every_tls_mode_means_what_it_says(kind: &Family) -> Case {
    let world = kind.world().await;
    if !world.server.is_ours() {
        return Case::not_applicable("the certificate of this server is not the suite's");
    }
    let (right, wrong) = (Some("ca.crt"), Some("other-ca.crt"));
    // (mode, host, authority, whether it connects); the certificate is for `localhost`.
    for (tls, host, ca, works) in [
        ("disable", "127.0.0.1", None, true),
        ("require", "127.0.0.1", wrong, true),
        ("verify-full", "localhost", right, true),
        ("verify-full", "127.0.0.1", right, false),
        ("verify-full", "localhost", wrong, false),
        ("verify-full", "localhost", None, false),
        ("verify-full", "localhost", Some("nothing-here.crt"), false),
    ] {
        let what = format!("{tls} to {host} with {ca:?}");
        let way = Way {
            tls,
            host: host.to_owned(),
            ca,
            ..world.way()
        };
        match world.build(&way).check().await {
            Ok(health) => {
                assert!(works, "{what} connected");
                assert_eq!(
                    health.warnings.is_empty(),
                    tls == "verify-full",
                    "{what}: {:?}",
                    health.warnings
                );
            }
            Err(error) => {
                assert!(!works, "{what}: {error}");
                assert_eq!(error.kind, ErrorKind::Denied, "{what}: {error}");
                continue;
            }
        }
        let mut desk = Desk::with(&world, person(1), world.build(&way));
        desk.open(&world.offer().read).await;
        desk.settled().await;
        let login = desk.login(&world.offer().read);
        let sql = format!("SELECT ssl_type FROM mysql.user WHERE User = {}", literal(&login));
        let asked = world.server.texts(&sql).await;
        let expected = if tls == "disable" { "" } else { "ANY" };
        assert_eq!(asked, [expected], "{what}: what people's connections need");
        desk.deleted().await;
    }
    world.done().await;
    Case::Passed
}

async fn a_wildcard_in_a_name_opens_only_itself(kind: &Family) -> Case {
    let world = kind.world().await;
    only_itself(&world).await;
    // Too long once its wildcards are escaped: refused, never opened wider.
    let long = "_".repeat(40);
    make(&world, &long).await;
    let (kind, message) = refused(&world, &thing("database", &[&long], "read")).await;
    assert_eq!(kind, ErrorKind::Invalid, "{message}");
    let table = thing("table", &[&long, "t"], "read");
    let mut desk = Desk::new(&world, person(10));
    desk.open(&table).await;
    desk.settled().await;
    desk.expect(&table, true, "its tables can be given").await;
    world.done().await;
    Case::Passed
}

pub async fn make(world: &World, database: &str) {
    let name = quoted(database);
    world
        .server
        .run(&[
            &format!("CREATE DATABASE {name}"),
            &format!("CREATE TABLE {name}.t (id int)"),
        ])
        .await;
}

/// Databases whose names are patterns that fit others.
pub async fn only_itself(world: &World) {
    let all = ["sa_es", "sales", "sa%", "saxes"];
    for name in all {
        make(world, name).await;
    }
    for (n, given) in ["sa_es", "sa%"].into_iter().enumerate() {
        let mut desk = Desk::new(world, person(n as u32));
        let wanted = thing("database", &[given], "read-write");
        let lease = desk.open(&wanted).await;
        desk.settled().await;
        let (login, credential) = (desk.login(&wanted), desk.credential(&wanted));
        for name in all {
            let can = world
                .can(&login, &credential, &thing("database", &[name], "read-write"))
                .await;
            assert_eq!(can, name == given, "{given} opens {name}");
        }
        desk.end(&lease);
        desk.settled().await;
        desk.expect(&wanted, false, "taken back").await;
    }
}

pub async fn reads(conn: &mut Conn, table: &str) -> bool {
    conn.query_drop(format!("SELECT * FROM {table} LIMIT 1"))
        .await
        .is_ok()
}

async fn lives(conn: &mut Conn) -> bool {
    conn.query_drop("SELECT 1").await.is_ok()
}

/// Both engines let a session go on in its current database after the right is gone.
async fn a_session_in_the_database_of_an_ended_lease_ends(kind: &Family) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let read = desk.open(&offer.read).await;
    desk.open(&offer.other).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let mut inside = world
        .connect(&login, &credential, Some("orders"))
        .await
        .expect("a session in the database");
    let mut beside = world
        .connect(&login, &credential, Some("other"))
        .await
        .expect("a session in another database");
    assert!(reads(&mut inside, "items").await && reads(&mut beside, "orders.items").await);
    desk.end(&read);
    desk.settled().await;
    assert!(!lives(&mut inside).await, "it would still read where it stands");
    assert!(lives(&mut beside).await, "nobody is thrown out for less");
    assert!(!reads(&mut beside, "orders.items").await && reads(&mut beside, "things").await);
    world.done().await;
    Case::Passed
}

async fn sessions_from_before_the_lease_stay(kind: &Family) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let mut old = world
        .open_session(&login, &credential)
        .await
        .expect("a session of their own");
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let mut new = world
        .open_session(&login, &credential)
        .await
        .expect("a session of the lease");
    assert!(new.can(&offer.read).await);
    assert_eq!(desk.observe(&offer.read, &[]).await.sessions, Some(1));
    desk.end(&lease);
    desk.settled().await;
    assert!(!new.alive().await, "what began with the lease ends with it");
    assert!(old.alive().await, "what was there before is not the lease's");
    world.done().await;
    Case::Passed
}

/// Who defines a view lends it their rights: without them it breaks, and a later account of that name would inherit it.
async fn a_definer_keeps_the_account(kind: &Family) -> Case {
    let world = kind.world().await;
    let admin = thing("database", &["orders"], "admin");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&admin).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&admin), desk.credential(&admin));
    let mut conn = world
        .connect(&login, &credential, Some("orders"))
        .await
        .expect("a session");
    conn.query_drop("CREATE VIEW mine AS SELECT id FROM items")
        .await
        .expect("an admin makes views");
    desk.end(&lease);
    desk.settled().await;
    desk.forget_released();
    let answer = desk
        .turn("", Want::Deleted)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let waiting = answer.waiting.expect("it is not gone");
    assert!(
        waiting.contains("view orders.mine") && waiting.contains(&login),
        "{waiting}"
    );
    assert!(!world.can_log_in(&login, &credential).await, "shut all the same");
    assert_eq!(
        world
            .server
            .texts("SELECT 1 FROM information_schema.VIEWS WHERE TABLE_NAME = 'mine'")
            .await
            .len(),
        1
    );
    world
        .server
        .run(&["ALTER DEFINER = 'admin'@'%' VIEW orders.mine AS SELECT id FROM orders.items"])
        .await;
    desk.deleted().await;
    assert_eq!(desk.reported().await, []);
    world.done().await;
    Case::Passed
}

/// Somebody's own role is active before, during and after; MariaDB can make no second one active.
async fn a_default_role_of_theirs_stays(kind: &Family) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    let who = format!("{}@'%'", literal(SOMEONE));
    world
        .server
        .run(&[
            "CREATE ROLE theirs",
            "GRANT SELECT ON other.* TO theirs",
            &format!("GRANT theirs TO {who}"),
            &match kind.engine {
                Engine::MariaDb => format!("SET DEFAULT ROLE theirs FOR {who}"),
                Engine::MySql => format!("ALTER USER {who} DEFAULT ROLE theirs"),
            },
        ])
        .await;
    let before = world.everything().await;
    let lease = desk.open(&offer.read).await;
    let answer = desk.settled().await.remove(0);
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let mut conn = world.connect(&login, &credential, None).await.expect("a session");
    assert!(reads(&mut conn, "other.things").await, "their own role");
    if kind.engine == Engine::MariaDb {
        assert!(!reads(&mut conn, "orders.items").await, "only one role is active");
        let note = answer
            .details
            .notes
            .iter()
            .find_map(|note| note.split_once("type "))
            .expect("the person is told what to type");
        let typed = note.1.split_once(';').expect("a statement").0;
        conn.query_drop(typed)
            .await
            .unwrap_or_else(|error| panic!("{typed}: {error}"));
    }
    assert!(reads(&mut conn, "orders.items").await, "the lease's");
    desk.end(&lease);
    desk.settled().await;
    assert_eq!(before, world.everything().await, "all is as it was before us");
    world.done().await;
    Case::Passed
}

/// Asked for all the same, by an old form or a stale catalogue.
pub async fn refused(world: &World, wanted: &Thing) -> (ErrorKind, String) {
    let mut desk = Desk::new(world, person(7));
    desk.open(wanted).await;
    let want = desk.want("");
    let answer = desk
        .turn("", want)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let (_, error) = answer.failed.into_iter().next().expect("it is refused");
    desk.deleted().await;
    (error.kind, error.message)
}

async fn roles_that_cannot_be_given_are_named(kind: &Family) -> Case {
    let world = kind.world().await;
    let mut roles = vec![
        ("makers", "GRANT CREATE USER ON *.* TO makers"),
        ("writers", "GRANT UPDATE ON mysql.* TO writers"),
        ("passers", "GRANT SELECT ON *.* TO passers WITH GRANT OPTION"),
        ("deputies", "GRANT makers TO deputies"),
    ];
    if kind.engine == Engine::MySql {
        roles.push(("systems", "GRANT SYSTEM_USER ON *.* TO systems"));
    }
    for (role, give) in &roles {
        world.server.run(&[&format!("CREATE ROLE {role}"), give]).await;
        if kind.engine == Engine::MariaDb {
            let option = format!("GRANT {role} TO latchkey_connector@'%' WITH ADMIN OPTION");
            world.server.run(&[&option]).await;
        }
    }
    world.server.run(&["CREATE ROLE plain"]).await;
    let found = world
        .provider(Setting::Usual)
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let role = |name: &str| thing("role", &["*", name], "member");
    let unavailable = |name: &str| {
        let at = role(name).at;
        let found = found.resources.iter().find(|resource| resource.at == at);
        found
            .unwrap_or_else(|| panic!("{name} is not listed"))
            .unavailable
            .clone()
    };
    for (name, _) in &roles {
        assert!(unavailable(name).is_some(), "{name} is offered");
        let (kind, message) = refused(&world, &role(name)).await;
        assert_eq!(kind, ErrorKind::Invalid, "{name}: {message}");
    }
    // Without the admin option MariaDB lets us give nothing: the statement that repairs it is named.
    if kind.engine == Engine::MariaDb {
        let repair = "GRANT 'plain' TO 'latchkey_connector'@'%' WITH ADMIN OPTION";
        assert!(unavailable("plain").is_some_and(|why| why.contains(repair)));
        let (kind, message) = refused(&world, &role("plain")).await;
        assert!(kind == ErrorKind::Denied && message.contains(repair), "{message}");
        world.server.run(&[repair]).await;
    } else {
        assert_eq!(unavailable("plain"), None);
    }
    let mut desk = Desk::new(&world, person(1));
    desk.open(&role("plain")).await;
    desk.settled().await;
    world.done().await;
    Case::Passed
}

/// The drift that a sweep finds is put right with the next turn.
async fn what_was_given_by_hand_is_taken_back(kind: &Family) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let before = world.everything().await;
    let (login, role) = (desk.login(&offer.read), world.mark().lease_role(&lease.id));
    world
        .server
        .run(&[
            &format!("GRANT SELECT, INSERT ON other.* TO {}@'%'", literal(&login)),
            &format!("GRANT DELETE ON orders.items TO {}", literal(&role)),
            &format!("GRANT INSERT ON {}.* TO {}", pattern("orders"), literal(&role)),
            &format!("REVOKE SELECT ON {}.* FROM {}", pattern("orders"), literal(&role)),
            &format!("GRANT readers TO {}@'%'", literal(&login)),
        ])
        .await;
    let answer = desk.settled().await.remove(0);
    assert_eq!(before, world.everything().await, "as it was approved");
    assert!(
        answer.remarks.iter().any(|remark| remark.contains("by hand")),
        "{:?}",
        answer.remarks
    );
    desk.expect(&offer.read, true, "what was leased").await;
    world.done().await;
    Case::Passed
}

/// What the server's default says about quotes and backslashes means nothing to us.
async fn a_server_with_other_quotes_is_served(kind: &Family) -> Case {
    let world = kind.world().await;
    let usual = world.server.texts("SELECT @@global.sql_mode").await.remove(0);
    let reset = format!("SET GLOBAL sql_mode = {}", literal(&usual));
    let set = "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'";
    with_setting(&world, set, &reset, with_other_quotes(&world)).await;
    world.done().await;
    Case::Passed
}

/// The server is set back whatever happens: the next case has the same one.
pub async fn with_setting(world: &World, set: &str, reset: &str, body: impl Future<Output = ()>) {
    world.server.run(&[set]).await;
    let outcome = AssertUnwindSafe(body).catch_unwind().await;
    world.server.run(&[reset]).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

async fn with_other_quotes(world: &World) {
    let name = "o'brien\\x\"_`";
    world
        .server
        .run(&[
            &format!("CREATE DATABASE {}", quoted(name)),
            &format!("CREATE TABLE {}.t (id int)", quoted(name)),
        ])
        .await;
    let wanted = thing("database", &[name], "read-write");
    let mut desk = Desk::new(world, person(1));
    let before = world.everything().await;
    let lease = desk.open(&wanted).await;
    desk.settled().await;
    desk.expect(&wanted, true, "given").await;
    desk.end(&lease);
    desk.settled().await;
    desk.expect(&wanted, false, "taken").await;
    desk.deleted().await;
    assert_eq!(before, world.everything().await, "nothing is left");
}

async fn the_password_is_in_no_log(kind: &Family) -> Case {
    let world = kind.world().await;
    if !world.server.is_ours() {
        return Case::not_applicable("the log of this server is not the suite's");
    }
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    let mut secrets = vec![desk.credential(&offer.read)];
    desk.restart();
    desk.settled().await;
    secrets.push(desk.credential(&offer.read));
    let log = world
        .server
        .texts("SELECT argument FROM mysql.general_log")
        .await
        .join("\n");
    assert!(
        log.contains("CREATE USER") && log.contains("ALTER USER"),
        "the log has what was sent"
    );
    for secret in secrets {
        assert!(!log.contains(secret.expose()), "the server's log has a password");
    }
    world.done().await;
    Case::Passed
}

/// The line that people copy, in a real shell with a real client. Only the password comes by another way than the terminal.
async fn the_example_line_works(kind: &Family) -> Case {
    let world = kind.world().await;
    let Some(client) = kind.client() else {
        return Case::not_applicable("the engine's own client is not here");
    };
    let name = "it's \"odd\" $(exit 3) `exit 4` \\x";
    world
        .server
        .run(&[
            &format!("CREATE DATABASE {}", quoted(name)),
            &format!("CREATE TABLE {}.t (id int)", quoted(name)),
        ])
        .await;
    for wanted in [world.offer().read, thing("database", &[name], "read")] {
        let mut desk = Desk::new(&world, person(1));
        desk.open(&wanted).await;
        let answer = desk.settled().await.remove(0);
        let line = answer.details.examples.first().expect("an example").clone();
        assert!(!line.contains(desk.credential(&wanted).expose()));
        let (program, rest) = line.split_once(' ').expect("a program and its arguments");
        assert!(client.ends_with(program), "{line}");
        let rest = rest.replace(" --password", "");
        let ca = world.server.place().join("tls/ca.crt");
        let shell = tokio::process::Command::new("sh")
            .arg("-c")
            .arg(format!(
                "{client} --no-defaults {rest} --ssl-ca={} --batch --skip-column-names --raw -e 'SELECT DATABASE()'",
                ca.display()
            ))
            .env("MYSQL_PWD", desk.credential(&wanted).expose())
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

/// An integration that points at the other engine is a mistake to report, not to work around.
async fn the_other_engine_is_named(kind: &Family) -> Case {
    let world = kind.world().await;
    let (registration, word) = match kind.engine {
        Engine::MariaDb => (&mysql::REGISTRATION, "kind = \"mariadb\""),
        Engine::MySql => (&mariadb::REGISTRATION, "kind = \"mysql\""),
    };
    let provider: Box<dyn Provider> = world.build(&Way {
        registration,
        ..world.way()
    });
    for error in [
        provider.check().await.expect_err("refused"),
        provider.discover().await.expect_err("refused"),
        provider.accounts().await.expect_err("refused"),
    ] {
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
    world.done().await;
    Case::Passed
}
