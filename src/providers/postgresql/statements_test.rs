use chrono::TimeZone;

use super::*;

fn shown(statements: Vec<Statement>) -> String {
    statements
        .iter()
        .map(|statement| statement.shown().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

fn until() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 0, 0, 0)
        .single()
        .expect("a time")
}

#[test]
fn a_password_is_sent_as_a_verifier_only() {
    let password = Secret::new("aB3_aB3_wordThatIsSecret");
    for statement in [
        create_login("jit_ab12_ann_0011aabb", &password, until()),
        open_login("jit_ab12_ann_0011aabb", Some(&password), until()),
    ] {
        let statement = statement.expect("a statement");
        assert!(statement.sent().contains("'SCRAM-SHA-256$4096:"));
        assert!(!statement.sent().contains(password.expose()));
        assert!(statement.shown().contains("PASSWORD '***'") && !statement.shown().contains("SCRAM"));
        assert!(statement.sent().contains("VALID UNTIL '2026-11-23T00:00:00Z'"));
    }
}

#[test]
fn hostile_names_stay_names() {
    let evil = r#"x" TO public; DROP TABLE t; --"#;
    let name = Name::known(evil);
    assert_eq!(
        shown(on_table(&name, &name, Access::Read, "jitg_ab12_1").expect("statements")),
        concat!(
            r#"GRANT USAGE ON SCHEMA "x"" TO public; DROP TABLE t; --" TO "jitg_ab12_1""#,
            "\n",
            r#"GRANT SELECT ON TABLE "x"" TO public; DROP TABLE t; --"."x"" TO public; DROP TABLE t; --" TO "jitg_ab12_1""#
        )
    );
    assert_eq!(
        end_sessions("o'; --", Some(until()))
            .expect("a statement")
            .shown(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'o''; --' \
         AND pid <> pg_backend_pid() AND backend_start >= '2026-11-23T00:00:00Z'"
    );
    assert_eq!(
        comment("r", "it's").expect("a statement").shown(),
        r#"COMMENT ON ROLE "r" IS 'it''s'"#
    );
}

#[test]
fn each_level_gives_what_it_says() {
    let schema = Name::known("public");
    assert_eq!(
        shown(on_schema(&schema, Access::Read, "g").expect("statements")),
        "GRANT USAGE ON SCHEMA \"public\" TO \"g\"\n\
         GRANT SELECT ON ALL TABLES IN SCHEMA \"public\" TO \"g\"\n\
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA \"public\" TO \"g\""
    );
    assert_eq!(
        shown(on_schema(&schema, Access::ReadWrite, "g").expect("statements")),
        "GRANT USAGE ON SCHEMA \"public\" TO \"g\"\n\
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"public\" TO \"g\"\n\
         GRANT SELECT, USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA \"public\" TO \"g\"\n\
         GRANT EXECUTE ON ALL ROUTINES IN SCHEMA \"public\" TO \"g\""
    );
    assert_eq!(
        shown(on_future(&schema, &Name::Each("owner"), Access::Admin, "g").expect("statements")),
        "ALTER DEFAULT PRIVILEGES FOR ROLE <each owner> IN SCHEMA \"public\" GRANT ALL ON TABLES TO \"g\"\n\
         ALTER DEFAULT PRIVILEGES FOR ROLE <each owner> IN SCHEMA \"public\" GRANT ALL ON SEQUENCES TO \"g\"\n\
         ALTER DEFAULT PRIVILEGES FOR ROLE <each owner> IN SCHEMA \"public\" GRANT EXECUTE ON ROUTINES TO \"g\""
    );
}

#[test]
fn what_is_owned_passes_on_before_anything_is_dropped() {
    let [first, second] = empty("u", &Name::known("owner")).expect("statements");
    assert_eq!(first.shown(), "REASSIGN OWNED BY \"u\" TO \"owner\"");
    assert_eq!(second.shown(), "DROP OWNED BY \"u\"");
}
