//! Stories on a real PostgreSQL.

use chrono::TimeDelta;

use crate::pg::{Pg, may};

fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours) + TimeDelta::seconds(5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_leases_end_one_by_one_and_the_end_of_writing_ends_its_sessions() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    w.gets(
        "ann",
        &format!("/access orders {} read 4h", pg.database),
        "Approve 4 h",
    )
    .await;
    let (login, password) = w.credential("ann", "Show credential").await;
    w.advance(TimeDelta::minutes(1)).await;
    w.gets(
        "ann",
        &format!("/access orders {} rw 2h", pg.database),
        "Approve 2 h",
    )
    .await;
    w.reads("ann", "Same login, same password as before.");
    let session = pg.enter(&login, &password).await.expect("she signs in");
    assert!(may(&session, "INSERT INTO items VALUES (2)").await);
    assert_eq!(pg.roles_of(&login).await.len(), 2, "one role a lease");

    w.advance(hours(2)).await;
    w.reads("ann", "Over ");
    assert!(
        !may(&session, "SELECT n FROM items").await,
        "a session that could write is ended with its lease"
    );
    let session = pg.enter(&login, &password).await.expect("the other lease lives");
    assert!(may(&session, "SELECT n FROM items").await);
    assert!(!may(&session, "INSERT INTO items VALUES (2)").await);
    assert_eq!(pg.roles_of(&login).await.len(), 1);

    w.advance(hours(2)).await;
    let over = w.reads("ann", "login disabled");
    assert!(over.contains("0 sessions"), "{over}");
    assert!(!may(&session, "SELECT n FROM items").await);
    assert!(pg.enter(&login, &password).await.is_none());
    assert!(pg.roles_of(&login).await.is_empty(), "nothing of a lease is left");
    assert_eq!(pg.logins().await, [format!("{login} shut")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_shown_again_is_a_new_one_and_finishing_early_ends_everything_at_once() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    w.gets(
        "ann",
        &format!("/access orders {} rw 4h", pg.database),
        "Approve 4 h",
    )
    .await;
    let (login, first) = w.credential("ann", "Show credential").await;
    assert!(pg.enter(&login, &first).await.is_some());
    let (same, second) = w
        .credential("ann", "Set a new password (the old one stops)")
        .await;
    assert_eq!(login, same);
    assert_ne!(first, second);
    assert!(pg.enter(&login, &first).await.is_none(), "the old one stopped");
    let session = pg.enter(&login, &second).await.expect("the new one works");
    w.press("ann", "Finish now").await;
    assert!(!may(&session, "SELECT 1").await);
    assert!(pg.enter(&login, &second).await.is_none());
    w.reads("ann", "Finished.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extension_moves_the_end_in_the_target_too() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    let code = w
        .gets(
            "ann",
            &format!("/access orders {} rw 2h", pg.database),
            "Approve 2 h",
        )
        .await;
    let (login, password) = w.credential("ann", "Show credential").await;
    let until = format!("SELECT rolvaliduntil::text FROM pg_roles WHERE rolname = '{login}'");
    let before = pg.column(&until).await;
    w.say("ann", &format!("/access extend {code} 1h")).await;
    w.press("bob", "Approve until 11:00 UTC").await;
    assert!(pg.column(&until).await > before, "the target was told");
    w.advance(hours(2)).await;
    // The server's own clock is not ours: what it was told is looked at, and the session tells the rest.
    w.reads_not("ann", "Over ");
    assert_eq!(pg.logins().await, [format!("{login} open")]);
    w.advance(hours(1)).await;
    w.reads("ann", "login disabled");
    assert!(pg.enter(&login, &password).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_somebodys_own_login_what_stood_before_stays_and_what_we_added_goes() {
    for stood in [true, false] {
        let pg = Pg::start().await;
        let (own, readers) = (format!("anna_{}", pg.tail), format!("readers_{}", pg.tail));
        pg.main(&format!(
            "CREATE ROLE {own} LOGIN PASSWORD 'own'; CREATE ROLE {readers}; COMMENT ON ROLE {readers} IS 'owner=dba'"
        ))
        .await;
        if stood {
            pg.main(&format!("GRANT {readers} TO {own}")).await;
        }
        let mut w = pg
            .setup()
            .with(
                "ann = { email = \"ann@example.com\" }",
                &format!("ann = {{ email = \"ann@example.com\", logins = {{ orders = \"{own}\" }} }}"),
            )
            .start()
            .await;
        // The answer to the call that gives it is lost, and the bot dies before it can look again.
        pg.line.lose_answer_to("COMMIT");
        w.gets("ann", &format!("/access orders role/{readers} 2h"), "Approve 2 h")
            .await;
        if !stood {
            assert!(pg.line.has_lost(), "the grant was cut");
        }
        w.restart().await;
        pg.line.up();
        w.advance(TimeDelta::minutes(1)).await;
        w.advance(TimeDelta::minutes(1)).await;
        w.reads("ann", "Ready until");
        assert_eq!(
            pg.roles_of(&own).await.len(),
            1 + usize::from(stood),
            "our role, and what stood before"
        );

        w.advance(hours(2)).await;
        w.reads("ann", "Over ");
        let left: Vec<String> = if stood { vec![readers] } else { Vec::new() };
        assert_eq!(pg.roles_of(&own).await, left, "stood before: {stood}");
        assert!(pg.enter(&own, "own").await.is_some(), "their login is theirs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unused_account_is_deleted_what_it_owned_is_kept_and_a_new_lease_restarts_the_count() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    let line = format!("/access orders {} rw 2h", pg.database);
    w.gets("ann", &line, "Approve 2 h").await;
    let (login, password) = w.credential("ann", "Show credential").await;
    let session = pg.enter(&login, &password).await.expect("she signs in");
    assert!(
        session
            .batch_execute("CREATE TABLE precious AS SELECT 42 AS n")
            .await
            .is_ok()
    );
    w.advance(hours(2)).await;
    w.advance(TimeDelta::days(20)).await;
    w.gets("ann", &line, "Approve 2 h").await;
    w.advance(hours(2)).await;
    w.advance(TimeDelta::days(29)).await;
    assert_eq!(
        pg.logins().await,
        [format!("{login} shut")],
        "the count began anew"
    );
    w.advance(TimeDelta::days(1)).await;
    assert!(pg.logins().await.is_empty(), "{:?}", pg.logins().await);
    pg.sql("SELECT 1 / count(*) FROM precious").await;
    // Who comes back finds a fresh account under the same name.
    w.gets("ann", &line, "Approve 2 h").await;
    assert_eq!(pg.logins().await, [format!("{login} open")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_alters_by_hand_is_noticed_put_right_and_told() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    let line = format!("/access orders {} rw 2h", pg.database);
    w.gets("ann", &line, "Approve 2 h").await;
    let login = pg.logins().await[0].trim_end_matches(" open").to_owned();
    w.press("ann", "Finish now").await;

    // Reopened by hand.
    pg.main(&format!("ALTER ROLE {login} LOGIN PASSWORD 'by-hand'"))
        .await;
    w.advance(TimeDelta::minutes(31)).await;
    assert_eq!(pg.logins().await, [format!("{login} shut")]);
    assert!(pg.enter(&login, "by-hand").await.is_none());
    w.reads("joe", "is not as we left it");

    // One with our mark that nobody here made: reported once, and left alone.
    let mark = pg
        .column(&format!(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '{login}'"
        ))
        .await;
    let stray = format!("{}_stray{}", &login[..8], pg.tail);
    pg.main(&format!(
        "CREATE ROLE {stray} LOGIN PASSWORD 'stray'; COMMENT ON ROLE {stray} IS '{}'",
        mark[0]
    ))
    .await;
    w.advance(TimeDelta::minutes(31)).await;
    w.reads("joe", &stray);
    assert!(pg.enter(&stray, "stray").await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_login_under_our_name_is_left_alone_and_nothing_is_granted() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    let line = format!("/access orders {} rw 2h", pg.database);
    w.gets("ann", &line, "Approve 2 h").await;
    let login = pg.logins().await[0].trim_end_matches(" open").to_owned();
    w.press("ann", "Finish now").await;
    w.advance(TimeDelta::days(31)).await;
    assert!(pg.logins().await.is_empty());
    pg.main(&format!(
        "CREATE ROLE {login} LOGIN PASSWORD 'theirs'; COMMENT ON ROLE {login} IS 'a service'"
    ))
    .await;
    w.gets("ann", &line, "Approve 2 h").await;
    w.reads("ann", "Nothing was granted:");
    assert!(pg.enter(&login, "theirs").await.is_some());
    assert!(pg.roles_of(&login).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_right_nothing_new_is_given_revoking_is_tried_and_the_owner_reads_which() {
    let pg = Pg::start().await;
    let connector = format!("connector_{}", pg.tail);
    pg.main(&format!(
        "CREATE ROLE {connector} LOGIN SUPERUSER PASSWORD 'admin-pw-1'"
    ))
    .await;
    let secrets = tempfile::tempdir().expect("a directory");
    let file = secrets.path().join("username");
    std::fs::write(&file, &connector).expect("written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours alone");
    let mut w = pg
        .setup()
        .with(
            "username = \"env:PG_USER\"",
            &format!("username = \"file:{}\"", file.display()),
        )
        .start()
        .await;
    let line = |rights: &str| format!("/access orders {} {rights} 2h", pg.database);
    w.gets("ann", &line("rw"), "Approve 2 h").await;
    let (login, password) = w.credential("ann", "Show credential").await;
    pg.main(&format!("ALTER ROLE {connector} NOSUPERUSER")).await;
    w.advance(TimeDelta::minutes(6)).await;
    let told = w.reads("joe", "orders is not healthy");
    assert!(
        told.contains(&format!("ALTER ROLE \"{connector}\" CREATEROLE")),
        "{told}"
    );

    let answer = w.say("bob", &line("read")).await;
    w.press("eve", "Approve 2 h").await;
    assert_eq!(pg.logins().await.len(), 1, "nothing new is given: {answer}");
    w.advance(hours(2)).await;
    w.advance(TimeDelta::seconds(90)).await;
    w.reads("ann", "Over for you; orders");
    assert!(
        pg.enter(&login, &password).await.is_some(),
        "it cannot be taken back yet"
    );
    pg.main(&format!("ALTER ROLE {connector} SUPERUSER")).await;
    w.advance(TimeDelta::minutes(6)).await;
    w.reads("ann", "login disabled");
    assert!(pg.enter(&login, &password).await.is_none());
    w.reads("joe", "orders is healthy again");
    w.reads("joe", "Revoked at last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_taken_away_by_hand_is_over_and_not_granted_again() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    w.gets(
        "ann",
        &format!("/access orders {} rw 2h", pg.database),
        "Approve 2 h",
    )
    .await;
    let login = pg.logins().await[0].trim_end_matches(" open").to_owned();
    let roles = pg.roles_of(&login).await;
    pg.main(&format!("REVOKE {} FROM {login}", roles[0])).await;
    w.advance(TimeDelta::minutes(31)).await;
    w.reads("ann", "Somebody removed it in orders.");
    w.reads("joe", "removed in orders by somebody else");
    assert!(pg.roles_of(&login).await.is_empty());
    assert_eq!(pg.logins().await, [format!("{login} shut")]);
}
