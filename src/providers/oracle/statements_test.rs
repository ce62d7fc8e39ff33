use super::*;

fn shown(statement: Result<Statement>) -> String {
    statement.expect("a statement").shown().to_owned()
}

#[test]
fn every_statement_reads_as_documented() {
    let (login, role) = ("JIT_AB12_ANN_00112233", "JITG_AB12_7K3F");
    let secret = Secret::new("aB3_aB3_x4y5z6w7v8u9t2s3");
    let all = [
        shown(create_profile("JITS_AB12_LOGIN")),
        shown(create_login(login, &secret, "JITS_AB12_LOGIN")),
        shown(let_in(login)),
        shown(open_login(login, &secret)),
        shown(shut_login(login)),
        shown(drop_login(login)),
        shown(create_role(role)),
        shown(take_role(role, "LATCHKEY")),
        shown(give_role(role, login)),
        shown(drop_role(role)),
        shown(give_system(of_instance(Access::Read), role)),
        shown(take_system(of_instance(Access::ReadWrite), role)),
        shown(give_on_schema(of_schema(Access::Read), "SALES", role)),
        shown(take_on_schema(of_schema(Access::Admin), "SALES", role)),
        shown(give_on_object(
            of_object(Access::ReadWrite, true),
            "SALES",
            "ITEMS",
            role,
        )),
        shown(give_on_object(
            of_object(Access::Admin, true),
            "SALES",
            "ITEMS",
            role,
        )),
        shown(give_on_object(
            of_object(Access::Admin, false),
            "SALES",
            "NAMES",
            role,
        )),
        shown(take_on_object("SALES", "ITEMS", role)),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    CREATE PROFILE "JITS_AB12_LOGIN" LIMIT SESSIONS_PER_USER 10 FAILED_LOGIN_ATTEMPTS 10 PASSWORD_LOCK_TIME 1/24 PASSWORD_LIFE_TIME 90 PASSWORD_GRACE_TIME 0
    CREATE USER "JIT_AB12_ANN_00112233" IDENTIFIED BY "***" PROFILE "JITS_AB12_LOGIN" ACCOUNT UNLOCK
    GRANT CREATE SESSION TO "JIT_AB12_ANN_00112233"
    ALTER USER "JIT_AB12_ANN_00112233" IDENTIFIED BY "***" ACCOUNT UNLOCK
    ALTER USER "JIT_AB12_ANN_00112233" ACCOUNT LOCK
    DROP USER "JIT_AB12_ANN_00112233"
    CREATE ROLE "JITG_AB12_7K3F"
    REVOKE "JITG_AB12_7K3F" FROM "LATCHKEY"
    GRANT "JITG_AB12_7K3F" TO "JIT_AB12_ANN_00112233"
    DROP ROLE "JITG_AB12_7K3F"
    GRANT READ ANY TABLE TO "JITG_AB12_7K3F"
    REVOKE SELECT ANY TABLE, INSERT ANY TABLE, UPDATE ANY TABLE, DELETE ANY TABLE, EXECUTE ANY PROCEDURE FROM "JITG_AB12_7K3F"
    GRANT READ ANY TABLE ON SCHEMA "SALES" TO "JITG_AB12_7K3F"
    REVOKE SELECT ANY TABLE, INSERT ANY TABLE, UPDATE ANY TABLE, DELETE ANY TABLE, ALTER ANY TABLE, CREATE ANY TABLE, DROP ANY TABLE ON SCHEMA "SALES" FROM "JITG_AB12_7K3F"
    GRANT SELECT, INSERT, UPDATE, DELETE ON "SALES"."ITEMS" TO "JITG_AB12_7K3F"
    GRANT SELECT, INSERT, UPDATE, DELETE, ALTER, FLASHBACK, ON COMMIT REFRESH ON "SALES"."ITEMS" TO "JITG_AB12_7K3F"
    GRANT SELECT, INSERT, UPDATE, DELETE, FLASHBACK ON "SALES"."NAMES" TO "JITG_AB12_7K3F"
    REVOKE ALL ON "SALES"."ITEMS" FROM "JITG_AB12_7K3F"
    "#);
}

#[test]
fn sessions_are_ended_by_numbers_alone() {
    let id = SessionId {
        instance: 2,
        sid: 147,
        serial: 720,
    };
    assert_eq!(
        end_session(Ender::AlterSystem { instance: 2 }, id).sent(),
        "ALTER SYSTEM DISCONNECT SESSION '147,720' IMMEDIATE"
    );
    assert_eq!(
        end_session(Ender::AlterSystem { instance: 1 }, id).sent(),
        "ALTER SYSTEM KILL SESSION '147,720,@2' IMMEDIATE"
    );
    assert_eq!(
        end_session(Ender::Rds, id).sent(),
        "BEGIN rdsadmin.rdsadmin_util.kill(sid => 147, serial => 720, method => 'IMMEDIATE'); END;"
    );
}

#[test]
fn a_password_is_sent_and_never_shown() {
    let secret = Secret::new("s3cret-Word_99");
    let statement = create_login("U", &secret, "P").expect("a statement");
    assert!(
        statement
            .sent()
            .contains("IDENTIFIED BY \"s3cret-Word_99\" PROFILE")
    );
    assert!(!statement.shown().contains("s3cret") && !format!("{statement:?}").contains("s3cret"));
    for bad in ["", "a\"b", "a\0b", &"x".repeat(31)] {
        let error = open_login("U", &Secret::new(bad)).expect_err("refused");
        assert!(
            bad.is_empty() || !error.message.contains(bad),
            "the refusal repeats it"
        );
    }
}

#[test]
fn names_are_quoted_or_refused() {
    for (name, text) in [
        ("ORDERS", "\"ORDERS\""),
        ("o'brien", "\"o'brien\""),
        ("x; DROP USER y --", "\"x; DROP USER y --\""),
        ("new\nline", "\"new\nline\""),
        ("<each owner>", "\"<each owner>\""),
        ("zażółć 🦀", "\"zażółć 🦀\""),
    ] {
        assert_eq!(quoted(&Name::known(name)).expect("a name"), text);
    }
    assert_eq!(quoted(&Name::Each("role")).expect("shown"), "<each role>");
    for name in ["", "a\"b", "nul\0", &"x".repeat(129), &"ü".repeat(65)] {
        assert!(quoted(&Name::known(name)).is_err(), "{name:?}");
    }
}
