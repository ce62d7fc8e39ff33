//! What is SQL Server's alone: its names, its TLS, editions, SIDs, and what logins leave behind.

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Presence};

use super::{
    Mssql, admin,
    admin::quoted,
    fake,
    fake::model::Model,
    thing,
    world::{Way, World},
};
use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Setting, Target, Thing},
};

pub fn all(kind: &Mssql) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        ("tls_means_what_it_says", Box::pin(tls_means_what_it_says(kind))),
        (
            "azure_sql_database_is_refused",
            Box::pin(azure_sql_database_is_refused()),
        ),
        (
            "new_databases_are_covered_after_look_again",
            Box::pin(new_databases_are_covered_after_look_again(kind)),
        ),
        (
            "a_database_that_went_away_keeps_its_lease",
            Box::pin(a_database_that_went_away_keeps_its_lease(kind)),
        ),
        (
            "what_was_given_to_others_goes_too",
            Box::pin(what_was_given_to_others_goes_too(kind)),
        ),
        (
            "what_a_lease_role_owns_passes_on",
            Box::pin(what_a_lease_role_owns_passes_on(kind)),
        ),
        (
            "databases_pass_to_the_administrator",
            Box::pin(databases_pass_to_the_administrator(kind)),
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
            "what_is_taken_by_hand_is_given_again",
            Box::pin(what_is_taken_by_hand_is_given_again(kind)),
        ),
        (
            "a_login_made_anew_is_another",
            Box::pin(a_login_made_anew_is_another(kind)),
        ),
    ]
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .expect("a free port")
}

async fn tls_means_what_it_says(kind: &Mssql) -> Case {
    let Some(folder) = kind.certificates.as_ref().map(|folder| folder.path().to_owned()) else {
        return Case::not_applicable("the certificates of a user's server are not known");
    };
    let world = kind.world().await;
    let (right, wrong) = (Some("ca.crt"), Some("other-ca.crt"));
    // (tls, host, authority, whether it connects); the certificate is for `localhost`, of `ca.crt`.
    for (tls, host, ca, works) in [
        ("off", "127.0.0.1", None, true),
        ("insecure", "127.0.0.1", None, true),
        ("verify", "localhost", right, true),
        ("verify", "127.0.0.1", right, false),
        ("verify", "localhost", wrong, false),
        ("verify", "localhost", None, false),
        ("verify", "localhost", Some("nothing-here.crt"), false),
    ] {
        let what = format!("{tls} to {host} with {ca:?}");
        let provider = world.build(&Way {
            tls: tls.to_owned(),
            host: host.to_owned(),
            ca: ca.map(|ca| folder.join(ca)),
            ..world.way()
        });
        match provider.check().await {
            Ok(health) => {
                assert!(works, "{what} connected");
                assert_eq!(
                    health.warnings.is_empty(),
                    tls == "verify",
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
    Case::Passed
}

async fn azure_sql_database_is_refused() -> Case {
    let mut model = Model::new("sa", super::ADMIN_PASSWORD);
    model.edition = 5;
    let server = fake::Server::start(model, None).await;
    let place = admin::Place {
        host: "127.0.0.1".to_owned(),
        port: server.port,
        admin: "sa".to_owned(),
        password: latchkey::secrets::Secret::new(super::ADMIN_PASSWORD),
        tls: "off".to_owned(),
        certificates: None,
    };
    let world = World::at(Some(std::sync::Arc::new(server)), place);
    let provider = world.build(&Way {
        user: "sa".to_owned(),
        password: super::ADMIN_PASSWORD.to_owned(),
        ..world.way()
    });
    let errors = [
        provider.check().await.err(),
        provider.discover().await.err(),
        provider.accounts().await.err(),
    ];
    for error in errors {
        let error = error.expect("refused");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.message.contains("Azure SQL Database"), "{error}");
    }
    Case::Passed
}

async fn new_databases_are_covered_after_look_again(kind: &Mssql) -> Case {
    let world = kind.world().await;
    let everywhere = thing("instance", &["*"], "read-write");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&everywhere).await;
    let answer = desk.settled().await.remove(0);
    assert!(answer.look_again.is_some(), "nobody would look again");
    world.admin.run("CREATE DATABASE [later]").await;
    world
        .admin
        .run_in("later", "CREATE TABLE [dbo].[added] (n int)")
        .await;
    let new = thing("database", &["later"], "read-write");
    let (login, credential) = (desk.login(&everywhere), desk.credential(&everywhere));
    assert!(
        !world.can(&login, &credential, &new).await,
        "no role is there yet"
    );
    desk.settled().await;
    assert!(
        world.can(&login, &credential, &new).await,
        "a database made since is covered"
    );
    desk.end(&lease);
    desk.settled().await;
    assert!(!world.can_log_in(&login, &credential).await);
    world.done().await;
    Case::Passed
}

/// A lease on every database: one that was away all along holds nothing up, one that went away later keeps its end pending.
async fn a_database_that_went_away_keeps_its_lease(kind: &Mssql) -> Case {
    let world = kind.world().await;
    let before = world.everything().await;
    let everywhere = thing("instance", &["*"], "read-write");
    world.break_part().await;
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&everywhere).await;
    desk.settled().await;
    desk.end(&lease);
    desk.settled().await;
    desk.forget_released();
    world.mend_part().await;
    let lease = desk.open(&everywhere).await;
    desk.restart();
    desk.settled().await;
    world.break_part().await;
    desk.end(&lease);
    let want = desk.want("");
    let answer = desk
        .turn("", want)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(answer.failed.len(), 1, "{:?}", answer.failed);
    assert_eq!(answer.failed[0].1.kind, ErrorKind::Transient);
    world.mend_part().await;
    desk.settled().await;
    desk.forget_released();
    desk.deleted().await;
    assert_eq!(before, world.everything().await, "nothing is left in either");
    world.done().await;
    Case::Passed
}

/// Who controls a schema can give rights on it to others; a user who did so cannot be dropped as it is.
async fn what_was_given_to_others_goes_too(kind: &Mssql) -> Case {
    let world = kind.world().await;
    let before = world.everything().await;
    let admin_of = thing("schema", &["orders", "sales"], "admin");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&admin_of).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&admin_of), desk.credential(&admin_of));
    let mut link = world
        .connect("orders", &login, &credential)
        .await
        .expect("a session");
    admin::run(&mut link, "GRANT SELECT ON SCHEMA::[sales] TO [readers]")
        .await
        .expect("who controls gives");
    drop(link);
    desk.end(&lease);
    let answers = desk.settled().await;
    let told = answers
        .iter()
        .flat_map(|answer| &answer.remarks)
        .any(|remark| remark.contains("readers"));
    assert!(told, "the owner is told: {:?}", answers[0].remarks);
    desk.deleted().await;
    assert_eq!(before, world.everything().await, "nothing of it is left");
    world.done().await;
    Case::Passed
}

/// A member of a role may make a schema in its name; the schema is not lost with it.
async fn what_a_lease_role_owns_passes_on(kind: &Mssql) -> Case {
    let world = kind.world().await;
    let admin_of = thing("database", &["orders"], "admin");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&admin_of).await;
    desk.settled().await;
    let role = world.mark().lease_role(&lease.id);
    let mut link = world
        .connect("orders", &desk.login(&admin_of), &desk.credential(&admin_of))
        .await
        .expect("a session");
    admin::run(
        &mut link,
        &format!("CREATE SCHEMA [precious] AUTHORIZATION {}", quoted(&role)),
    )
    .await
    .expect("made in the name of the lease's role");
    desk.end(&lease);
    let answers = desk.settled().await;
    let sql = "SELECT p.name FROM [orders].sys.schemas s JOIN [orders].sys.database_principals p \
               ON p.principal_id = s.principal_id WHERE s.name = 'precious'";
    assert_eq!(world.admin.rows(sql).await.concat(), ["dbo"]);
    assert!(
        answers[0]
            .remarks
            .iter()
            .any(|remark| remark.contains("precious") && remark.contains("dbo")),
        "{:?}",
        answers[0].remarks
    );
    world.done().await;
    Case::Passed
}

async fn databases_pass_to_the_administrator(kind: &Mssql) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let login = desk.login(&offer.read);
    world.admin.run("CREATE DATABASE [own]").await;
    world
        .admin
        .run(&format!(
            "ALTER AUTHORIZATION ON DATABASE::[own] TO {}",
            quoted(&login)
        ))
        .await;
    desk.end(&lease);
    desk.settled().await;
    let answers = desk.deleted().await;
    let administrator = world
        .admin
        .rows("SELECT SUSER_SNAME(0x01)")
        .await
        .concat()
        .concat();
    assert!(
        answers[0]
            .remarks
            .iter()
            .any(|remark| remark.contains("own") && remark.contains(&administrator)),
        "{:?}",
        answers[0].remarks
    );
    assert_eq!(desk.observe(&offer.read, &[]).await.presence, Presence::Absent);
    world.done().await;
    Case::Passed
}

async fn sessions_from_before_the_lease_stay(kind: &Mssql) -> Case {
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
    assert!(new.can(&offer.read).await);
    desk.end(&lease);
    desk.settled().await;
    assert!(!new.alive().await, "what began with the lease ends with it");
    assert!(old.alive().await, "what was there before is not the lease's");
    world.done().await;
    Case::Passed
}

async fn roles_above_all_others_are_not_given(kind: &Mssql) -> Case {
    let world = kind.world().await;
    world.make_server_role("boss").await;
    world.make_server_role("deputy").await;
    world.admin.run("GRANT CONTROL SERVER TO [boss]").await;
    world
        .admin
        .run("ALTER SERVER ROLE [boss] ADD MEMBER [deputy]")
        .await;
    for sql in [
        "CREATE ROLE [owners] AUTHORIZATION [dbo]",
        "ALTER ROLE [db_owner] ADD MEMBER [owners]",
        "CREATE ROLE [plain] AUTHORIZATION [dbo]",
    ] {
        world.admin.run_in("orders", sql).await;
    }
    let found = world
        .provider(Setting::Usual)
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let listed = |wanted: &Thing| {
        found
            .resources
            .iter()
            .find(|resource| resource.at == wanted.at)
            .cloned()
    };
    for role in [
        ["*", "boss"],
        ["*", "deputy"],
        ["orders", "owners"],
        ["orders", "db_owner"],
        ["*", "sysadmin"],
    ] {
        let wanted = thing("role", &role, "member");
        assert!(
            listed(&wanted).is_none_or(|resource| resource.unavailable.is_some()),
            "{role:?} is offered"
        );
        let mut desk = Desk::new(&world, person(1));
        desk.open(&wanted).await;
        let want = desk.want("");
        let answer = desk
            .turn("", want)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            answer.failed.first().map(|(_, error)| error.kind),
            Some(ErrorKind::Invalid),
            "{role:?}"
        );
    }
    let plain = listed(&thing("role", &["orders", "plain"], "member"));
    assert!(plain.is_some_and(|resource| resource.unavailable.is_none()));
    world.done().await;
    Case::Passed
}

/// Drift: the role is there, what it held is not.
async fn what_is_taken_by_hand_is_given_again(kind: &Mssql) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let before = world.everything().await;
    let role = quoted(&world.mark().lease_role(&lease.id));
    world
        .admin
        .run_in(
            "orders",
            &format!("REVOKE SELECT ON DATABASE::[orders] FROM {role}"),
        )
        .await;
    desk.expect(&offer.read, false, "taken by hand").await;
    desk.settled().await;
    desk.expect(&offer.read, true, "given again").await;
    assert_eq!(before, world.everything().await);
    world.done().await;
    Case::Passed
}

/// Somebody's own login is dropped and made again under its name: another SID, and our user in the database is mapped anew.
async fn a_login_made_anew_is_another(kind: &Mssql) -> Case {
    let world = kind.world().await;
    let offer = world.offer();
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    desk.open(&offer.read).await;
    desk.settled().await;
    let login = desk.login(&offer.read);
    world.drop_login(&login).await;
    assert!(world.someone().await.is_some());
    desk.expect(&offer.read, false, "another SID holds nothing").await;
    desk.settled().await;
    desk.expect(&offer.read, true, "given to the new one").await;
    world.done().await;
    Case::Passed
}
