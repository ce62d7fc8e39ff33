use super::*;
use crate::secrets::Secret;

fn key() -> Credential {
    Credential::KeyPair {
        public: "-----BEGIN PUBLIC KEY-----\nMIIB\nAQAB\n-----END PUBLIC KEY-----\n".into(),
        private: Secret::new("the private half"),
    }
}

#[test]
fn a_public_key_goes_bare_and_the_private_one_nowhere() {
    let made = create_user("JIT_AB12_ANN_00112233", &key(), Some("WH"), 2, "mark").expect("a statement");
    assert_eq!(
        made.sent(),
        "CREATE USER \"JIT_AB12_ANN_00112233\" TYPE=PERSON LOGIN_NAME='JIT_AB12_ANN_00112233' RSA_PUBLIC_KEY='MIIBAQAB' \
         DEFAULT_ROLE='PUBLIC' DEFAULT_SECONDARY_ROLES=('ALL') DEFAULT_WAREHOUSE='WH' DAYS_TO_EXPIRY=2 DISABLED=FALSE \
         COMMENT='mark'"
    );
    assert!(made.shown().contains("RSA_PUBLIC_KEY='***'"));
    assert!(!made.sent().contains("private"));
    let opened = open_user("U", &Credential::Password(Secret::new("s3cret")), 1, "m").expect("a statement");
    assert_eq!(
        opened.shown(),
        "ALTER USER \"U\" SET PASSWORD='***' MUST_CHANGE_PASSWORD=TRUE DISABLED=FALSE DAYS_TO_EXPIRY=1 COMMENT='m'"
    );
    assert!(opened.sent().contains("'s3cret'"));
}

#[test]
fn nothing_but_the_new_credential_opens() {
    let kept = drop_other_keys("U", &key()).expect("a statement");
    assert_eq!(kept.sent(), "ALTER USER \"U\" UNSET RSA_PUBLIC_KEY_2, PASSWORD");
    let kept = drop_other_keys("U", &Credential::Password(Secret::new("x"))).expect("a statement");
    assert_eq!(
        kept.sent(),
        "ALTER USER \"U\" UNSET RSA_PUBLIC_KEY, RSA_PUBLIC_KEY_2"
    );
}

#[test]
fn texts_and_patterns_are_only_that() {
    assert_eq!(text(r"it's \ here").expect("a text"), r"'it''s \\ here'");
    assert_eq!(text(r"\'; DROP").expect("a text"), r"'\\''; DROP'");
    assert_eq!(pattern("JIT_A%").expect("a pattern"), r"'JIT\\_A\\%'");
    assert_eq!(pattern(r"a\b'c").expect("a pattern"), r"'a\\\\b''c'");
    assert_eq!(prefix("JIT_").expect("a pattern"), r"'JIT\\_%'");
    assert!(text("nul\0").is_err());
}

#[test]
fn names_are_always_quoted() {
    for (name, sql) in [
        ("ORDERS", r#"DROP ROLE IF EXISTS "ORDERS""#),
        ("orders", r#"DROP ROLE IF EXISTS "orders""#),
        (
            r#"x"; DROP USER y; --"#,
            r#"DROP ROLE IF EXISTS "x""; DROP USER y; --""#,
        ),
        (r"a\'b", r#"DROP ROLE IF EXISTS "a\'b""#),
    ] {
        assert_eq!(drop_role(name).expect("a statement").sent(), sql);
    }
    assert!(drop_role(&"ü".repeat(255)).is_ok());
    assert!(drop_role(&"x".repeat(256)).is_err());
    assert!(drop_role("").is_err());
}

#[test]
fn more_access_is_more_privileges() {
    let of = |access| {
        let all = in_schema("D", "S", access, "R").expect("statements");
        all.into_iter()
            .map(|(statement, _)| statement.sent().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(Access::Read)[0],
        "GRANT SELECT ON ALL TABLES IN SCHEMA \"D\".\"S\" TO ROLE \"R\""
    );
    assert_eq!(
        of(Access::ReadWrite)[0],
        format!("GRANT {WRITE} ON ALL TABLES IN SCHEMA \"D\".\"S\" TO ROLE \"R\"")
    );
    assert_eq!(
        of(Access::ReadWrite)[1],
        "GRANT SELECT ON ALL VIEWS IN SCHEMA \"D\".\"S\" TO ROLE \"R\""
    );
    let future = on_database("D", Access::Read, "R").expect("statements");
    assert!(future.iter().all(
        |(statement, _)| !statement.sent().contains("FUTURE") || statement.sent().contains("IN DATABASE")
    ));
    let schema = on_schema("D", "S", Access::Admin, "R").expect("statements");
    assert!(schema.iter().all(
        |(statement, _)| !statement.sent().contains("FUTURE") && !statement.sent().contains("OWNERSHIP")
    ));
}
