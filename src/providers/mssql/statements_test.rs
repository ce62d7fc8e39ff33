use chrono::TimeZone;

use super::*;

fn orders() -> SiteName<'static> {
    SiteName::of(&Site::Database("orders".to_owned()))
}

fn shown(statement: Result<Statement>) -> String {
    statement.expect("a statement").shown().to_owned()
}

#[test]
fn a_password_is_sent_and_never_shown() {
    let password = Secret::new("aB3_aB3_wordThatIsSecret");
    for statement in [
        create_login("jit_ab12_ann_0011aabb", &[1; 16], &password),
        set_password("jit_ab12_ann_0011aabb", &password),
    ] {
        let statement = statement.expect("a statement");
        assert!(
            statement
                .sent()
                .contains("PASSWORD = N'aB3_aB3_wordThatIsSecret'")
        );
        assert!(statement.shown().contains("PASSWORD = N'***'"));
    }
    assert_eq!(
        shown(create_login("jit_ab12_ann_0011aabb", &[1; 16], &password)),
        "CREATE LOGIN [jit_ab12_ann_0011aabb] WITH PASSWORD = N'***', SID = 0x01010101010101010101010101010101, \
         DEFAULT_DATABASE = [master], CHECK_EXPIRATION = OFF, CHECK_POLICY = ON"
    );
}

#[test]
fn hostile_names_stay_names_through_both_quotings() {
    let evil = "x]; DROP TABLE o'; --";
    let place = Place::Table {
        database: evil.to_owned(),
        schema: evil.to_owned(),
        table: evil.to_owned(),
    };
    let site = SiteName::of(&Site::Database(evil.to_owned()));
    assert_eq!(
        shown(fill(&site, &place, Access::Read, "jitg_ab12_1")),
        "EXEC [x]]; DROP TABLE o'; --].sys.sp_executesql N'GRANT SELECT ON OBJECT::[x]]; DROP TABLE o''; --].\
         [x]]; DROP TABLE o''; --] TO [jitg_ab12_1]'"
    );
    assert_eq!(
        shown(end_sessions("o'; --", None)),
        "DECLARE @kill nvarchar(max) = N''; SELECT @kill += N'KILL ' + CAST(session_id AS nvarchar(11)) + N'; ' \
         FROM sys.dm_exec_sessions WHERE (security_id = SUSER_SID(N'o''; --') OR original_security_id = SUSER_SID(N'o''; --')) \
         AND session_id <> @@SPID AND is_user_process = 1; EXEC sys.sp_executesql @kill"
    );
}

#[test]
fn each_level_gives_what_it_says() {
    let database = Place::Database("orders".to_owned());
    assert_eq!(
        shown(fill(&orders(), &database, Access::Read, "g")),
        "EXEC [orders].sys.sp_executesql N'GRANT SELECT, VIEW DEFINITION ON DATABASE::[orders] TO [g]'"
    );
    assert_eq!(
        shown(fill(
            &SiteName::each_database(),
            &Place::Instance,
            Access::ReadWrite,
            "g"
        )),
        "EXEC <each database>.sys.sp_executesql N'GRANT SELECT, VIEW DEFINITION, INSERT, UPDATE, DELETE, EXECUTE \
         ON DATABASE::<each database> TO [g]'"
    );
    assert_eq!(
        shown(fill(&SiteName::Server, &Place::Instance, Access::Read, "g")),
        "EXEC [master].sys.sp_executesql N'GRANT CONNECT ANY DATABASE, SELECT ALL USER SECURABLES TO [g]'"
    );
    let role = Place::Role {
        site: Site::Server,
        role: "operators".to_owned(),
    };
    assert_eq!(
        shown(fill(&SiteName::Server, &role, Access::Member, "g")),
        "ALTER SERVER ROLE [operators] ADD MEMBER [g]"
    );
}

#[test]
fn what_is_owned_passes_on() {
    let object = Owned::Object {
        schema: "s".to_owned(),
        name: "o'x".to_owned(),
    };
    assert_eq!(
        shown(pass_on(&orders(), &object)),
        "EXEC [orders].sys.sp_executesql N'ALTER AUTHORIZATION ON OBJECT::[s].[o''x] TO SCHEMA OWNER'"
    );
    let given = Given {
        permission: "SELECT".to_owned(),
        scope: scope("SCHEMA", &["s"]).expect("a scope"),
        grantee: "bob".to_owned(),
    };
    assert_eq!(
        shown(take_given(&orders(), &given, "jit_x")),
        "EXEC [orders].sys.sp_executesql N'REVOKE SELECT ON SCHEMA::[s] FROM [bob] CASCADE AS [jit_x]'"
    );
    let odd = Given {
        permission: "SELECT; DROP".to_owned(),
        ..given
    };
    assert!(take_given(&orders(), &odd, "jit_x").is_err());
}

#[test]
fn sessions_since_are_compared_in_one_time_zone() {
    let since = Utc
        .with_ymd_and_hms(2026, 11, 23, 0, 0, 0)
        .single()
        .expect("a time");
    let text = sessions_of("ann", Some(since)).expect("a text");
    assert!(
        text.ends_with(
            "AND TODATETIMEOFFSET(login_time, DATEPART(tz, SYSDATETIMEOFFSET())) >= \
             CAST(N'2026-11-23T00:00:00+00:00' AS datetimeoffset)"
        ),
        "{text}"
    );
}
