use super::*;

fn shown(statements: &[Statement]) -> String {
    let lines: Vec<&str> = statements.iter().map(Statement::shown).collect();
    lines.join("\n")
}

#[test]
fn a_login_is_never_there_without_password_and_mark() {
    let password = Secret::new("aB3_aB3-wordThatIsSecret");
    for (between, expected) in [
        (
            Between::Commas,
            "CREATE USER \"jit_a_b\" IDENTIFIED BY '***', PROFILE \"jits_a_login\", \
             MAXCONNECTIONS 10 ON DATABASE, IDLESESSIONTIMEOUT '1 hour'",
        ),
        (
            Between::Spaces,
            "CREATE USER \"jit_a_b\" IDENTIFIED BY '***' PROFILE \"jits_a_login\" \
             MAXCONNECTIONS 10 ON DATABASE IDLESESSIONTIMEOUT '1 hour'",
        ),
    ] {
        let statement = create_login("jit_a_b", &password, "jits_a_login", between).expect("a statement");
        assert_eq!(statement.shown(), expected);
        assert!(statement.sent().contains("'aB3_aB3-wordThatIsSecret'"));
    }
    let statement = set_password("u", &password).expect("a statement");
    assert_eq!(statement.shown(), "ALTER USER \"u\" IDENTIFIED BY '***'");
}

#[test]
fn hostile_names_stay_names() {
    let evil = r#"x" TO public; DROP TABLE t; --"#;
    assert_eq!(
        shown(&on_table(evil, evil, Relation::Table, Access::Read, "jitg_ab12_1").expect("statements")),
        concat!(
            r#"GRANT USAGE ON SCHEMA "x"" TO public; DROP TABLE t; --" TO "jitg_ab12_1""#,
            "\n",
            r#"GRANT SELECT ON TABLE "x"" TO public; DROP TABLE t; --"."x"" TO public; DROP TABLE t; --" TO "jitg_ab12_1""#
        )
    );
    assert_eq!(
        end_all_sessions("o'; --").expect("a statement").shown(),
        "SELECT CLOSE_USER_SESSIONS('o''; --')"
    );
    assert_eq!(
        end_session(&Name::Each("session")).expect("a statement").shown(),
        "SELECT CLOSE_SESSION('<each session>')"
    );
    assert!(give_role(&"x".repeat(129), "u").is_err());
}

#[test]
fn each_level_gives_what_it_says() {
    let schema = Name::known("sales");
    let on = |access| shown(&on_schema(&schema, access, "g").expect("statements"));
    assert_eq!(
        on(Access::Read),
        "GRANT USAGE, SELECT ON SCHEMA \"sales\" TO \"g\"\n\
         GRANT SELECT ON ALL TABLES IN SCHEMA \"sales\" TO \"g\""
    );
    assert_eq!(
        on(Access::ReadWrite),
        "GRANT USAGE, SELECT, INSERT, UPDATE, DELETE ON SCHEMA \"sales\" TO \"g\"\n\
         GRANT SELECT ON ALL TABLES IN SCHEMA \"sales\" TO \"g\"\n\
         GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA \"sales\" TO \"g\"\n\
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA \"sales\" TO \"g\"\n\
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA \"sales\" TO \"g\""
    );
    assert!(on(Access::Admin).starts_with(
        "GRANT USAGE, CREATE, SELECT, INSERT, UPDATE, DELETE ON SCHEMA \"sales\" TO \"g\"\n\
         GRANT SELECT, ALTER, DROP ON ALL TABLES IN SCHEMA \"sales\" TO \"g\"\n\
         GRANT INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES ON ALL TABLES"
    ));
    let database = |access| on_database("wh", access, "g").expect("a statement");
    assert_eq!(database(Access::ReadWrite), None);
    assert_eq!(
        database(Access::Admin)
            .map(|one| one.shown().to_owned())
            .as_deref(),
        Some("GRANT CREATE, TEMP ON DATABASE \"wh\" TO \"g\"")
    );
    assert_eq!(relation_privileges(Access::ReadWrite, Relation::View), ["SELECT"]);
}

#[test]
fn a_list_of_default_roles_is_written_whole() {
    let roles = [Name::known("a, b"), Name::known("c*")];
    let write = |roles: &[Name]| default_roles("u", roles).expect("a statement").shown().to_owned();
    assert_eq!(write(&roles), "ALTER USER \"u\" DEFAULT ROLE \"a, b\", \"c*\"");
    assert_eq!(write(&[]), "ALTER USER \"u\" DEFAULT ROLE NONE");
}

#[test]
fn what_passes_on_is_named_by_its_kind() {
    let path = ["s\"1".to_owned(), "t".to_owned()];
    for (what, path, expected) in [
        (Owned::Schema, &path[..1], r#"ALTER SCHEMA "s""1" OWNER TO "h""#),
        (Owned::Table, &path[..], r#"ALTER TABLE "s""1"."t" OWNER TO "h""#),
        (Owned::View, &path[..], r#"ALTER VIEW "s""1"."t" OWNER TO "h""#),
        (
            Owned::Sequence,
            &path[..],
            r#"ALTER SEQUENCE "s""1"."t" OWNER TO "h""#,
        ),
    ] {
        assert_eq!(pass_on(what, path, "h").expect("a statement").shown(), expected);
    }
}
