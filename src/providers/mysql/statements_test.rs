use super::*;

const LOGIN: &str = "jit_ab12_ann_0011aabb";

fn password() -> Secret {
    Secret::new("aB3_aB3_wordThatIsSecret")
}

#[test]
fn mariadb_gets_a_hash_and_mysql_the_password() {
    let login = Who::anywhere(LOGIN);
    for statement in [
        create_login(
            Engine::MariaDb,
            Form::Quiet,
            &login,
            &password(),
            Tls::VerifyFull,
            "",
        ),
        open_login(
            Engine::MariaDb,
            Form::Quiet,
            &login,
            &password(),
            Tls::VerifyFull,
            "",
        ),
    ] {
        let statement = statement.expect("a statement");
        assert!(!statement.sent().contains(password().expose()));
        assert!(statement.sent().contains("IDENTIFIED BY PASSWORD '*"));
        assert!(
            statement
                .shown()
                .contains("IDENTIFIED BY PASSWORD '***' REQUIRE SSL")
        );
    }
    let attributes = r#"'{"latchkey":"m","fence":"1.2"}'"#;
    let made = create_login(
        Engine::MySql,
        Form::Quiet,
        &login,
        &password(),
        Tls::Disable,
        attributes,
    )
    .expect("a statement");
    assert_eq!(
        made.shown(),
        "CREATE USER 'jit_ab12_ann_0011aabb'@'%' IDENTIFIED WITH 'caching_sha2_password' BY '***' REQUIRE NONE \
         WITH MAX_USER_CONNECTIONS 10 PASSWORD EXPIRE NEVER ATTRIBUTE '{\"latchkey\":\"m\",\"fence\":\"1.2\"}'"
    );
    assert!(!format!("{made:?}").contains(password().expose()));
}

#[test]
fn the_hash_is_the_servers_own() {
    // `SELECT PASSWORD('pw')` on MariaDB 10.11.
    assert_eq!(
        native_hash(&Secret::new("pw")),
        "*D821809F681A40A6E379B50D0463EFAE20BDD122"
    );
}

#[test]
fn wildcards_of_a_database_are_escaped_unless_names_are_literal() {
    for (name, escaped) in [
        ("sales", "sales"),
        ("sa_es", r"sa\_es"),
        ("100%", r"100\%"),
        (r"back\slash_", r"back\\slash\_"),
    ] {
        for engine in [Engine::MySql, Engine::MariaDb] {
            assert_eq!(pattern(engine, name, false).expect("a pattern"), escaped);
            assert_eq!(pattern(engine, name, true).expect("a pattern"), name);
        }
    }
    let slash = r"back\slash";
    assert_eq!(pattern(Engine::MySql, slash, false).expect("a pattern"), slash);
    assert_eq!(
        pattern(Engine::MariaDb, slash, false).expect("a pattern"),
        r"back\\slash"
    );
    assert!(pattern(Engine::MySql, &"_".repeat(33), false).is_err());
    assert!(pattern(Engine::MySql, &"_".repeat(32), false).is_ok());
}

#[test]
fn hostile_names_stay_names() {
    let evil = r"x` TO root; DROP TABLE t; -- '\";
    let role = Engine::MySql.role("jitg_ab12_1");
    let database = On::Database(Name::known(
        pattern(Engine::MariaDb, evil, false).expect("a pattern"),
    ));
    assert_eq!(
        give(&["SELECT"], &database, &role).expect("a statement").shown(),
        r"GRANT SELECT ON `x`` TO root; DROP TABLE t; -- '\\`.* TO 'jitg_ab12_1'@'%'"
    );
    let table = On::Table {
        database: evil.to_owned(),
        table: "t".to_owned(),
    };
    assert_eq!(
        take(&["SELECT", "INSERT"], &table, &role)
            .expect("a statement")
            .shown(),
        r"REVOKE SELECT, INSERT ON `x`` TO root; DROP TABLE t; -- '\`.`t` FROM 'jitg_ab12_1'@'%'"
    );
    assert_eq!(
        give_role(&Engine::MariaDb.role(r"o'b\"), &Who::new("a'b", "10.%"))
            .expect("a statement")
            .shown(),
        r"GRANT 'o''b\\' TO 'a''b'@'10.%'"
    );
}

#[test]
fn what_only_the_server_knows_is_said_so() {
    let each = On::Database(Name::Each("database"));
    assert_eq!(
        give(&["SELECT"], &each, &Engine::MariaDb.role("g"))
            .expect("a statement")
            .shown(),
        "GRANT SELECT ON <each database>.* TO 'g'"
    );
}
