//! Cases of Snowflake alone: who ends up with what.

use latchkey::{
    credential,
    providers::{Change, ErrorKind, Fence, Want},
};

use super::{
    Snowflake,
    fake::lock,
    own::FAKE_ALONE,
    thing,
    world::{ORDERS, READERS, ROLE},
};
use crate::{
    desk::{Desk, person},
    target::{Case, Target},
};

/// A future grant on one schema would make Snowflake forget those of the whole database, for everybody.
pub async fn a_schema_lease_displaces_nobody(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    world
        .admin
        .run(&format!(
            "GRANT SELECT ON FUTURE TABLES IN DATABASE {ORDERS} TO ROLE {READERS}"
        ))
        .await;
    let lease = thing("schema", &[ORDERS, "SALES"], "read");
    let mut desk = Desk::new(&world, person(1));
    desk.open(&lease).await;
    let answers = desk.settled().await;
    assert!(answers[0].look_again.is_some(), "new tables are looked for");
    world
        .admin
        .run(&format!("CREATE TABLE {ORDERS}.SALES.LATER (N INT)"))
        .await;
    let held = world.admin.run(&format!("SHOW GRANTS TO ROLE {READERS}")).await;
    let later = format!("{ORDERS}.SALES.LATER");
    assert!(
        held.iter().any(|row| row["name"] == later),
        "others' future grants are in force still"
    );
    let new = thing("table", &[ORDERS, "SALES", "LATER"], "read");
    desk.settled().await;
    desk.expect(&new, true, "after looking again").await;
    let answer = desk.settled().await.remove(0);
    assert_eq!(
        answer.ran,
        Vec::<String>::new(),
        "what is covered is not given again"
    );
    world.done().await;
    Case::Passed
}

pub async fn what_a_lease_made_passes_to_the_powerless(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let admin = thing("database", &[ORDERS], "admin");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&admin).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&admin), desk.credential(&admin));
    let mut client = world.person(&login, &credential).await.expect("a login");
    client.role = Some(world.mark().lease_role(&lease.id).to_uppercase());
    client.run(&format!("CREATE SCHEMA {ORDERS}.\"My own\"")).await;
    client
        .run(&format!("CREATE TABLE {ORDERS}.\"My own\".PRECIOUS (N INT)"))
        .await;
    desk.end(&lease);
    let answer = desk.settled().await.remove(0);
    let heir = world.mark().inert_set().to_uppercase();
    assert!(
        answer
            .remarks
            .iter()
            .any(|remark| remark.contains("PRECIOUS") && remark.contains(&heir)),
        "{:?}",
        answer.remarks
    );
    let objects = world
        .admin
        .run(&format!("SHOW OBJECTS IN SCHEMA {ORDERS}.\"My own\""))
        .await;
    assert_eq!(objects[0]["owner"], heir, "neither lost nor ours");
    let schemas = world
        .admin
        .run(&format!("SHOW SCHEMAS IN DATABASE {ORDERS}"))
        .await;
    assert!(
        schemas
            .iter()
            .any(|row| row["name"] == "My own" && row["owner"] == heir)
    );
    let may = world.admin.run(&format!("SHOW GRANTS TO ROLE {heir}")).await;
    assert!(
        may.iter().all(|row| row["privilege"] == "OWNERSHIP"),
        "it may nothing else: {may:?}"
    );
    let holders = world.admin.run(&format!("SHOW GRANTS OF ROLE {heir}")).await;
    assert_eq!(
        holders
            .iter()
            .map(|row| row["grantee_name"].as_str())
            .collect::<Vec<_>>(),
        ["SYSADMIN"]
    );
    // A second time the role is there already.
    desk.forget_released();
    desk.restart();
    let lease = desk.open(&admin).await;
    desk.settled().await;
    client = world
        .person(&login, &desk.credential(&admin))
        .await
        .expect("a login");
    client.role = Some(world.mark().lease_role(&lease.id).to_uppercase());
    client.run(&format!("CREATE SCHEMA {ORDERS}.SECOND")).await;
    desk.end(&lease);
    desk.settled().await;
    desk.deleted().await;
    world.done().await;
    Case::Passed
}

pub async fn roles_above_all_others_are_not_given(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    for sql in [
        "CREATE ROLE LATCHKEY_T_ABOVE",
        "CREATE ROLE LATCHKEY_T_TOP",
        "GRANT ROLE SECURITYADMIN TO ROLE LATCHKEY_T_TOP",
        "GRANT ROLE LATCHKEY_T_TOP TO ROLE LATCHKEY_T_ABOVE",
        "CREATE ROLE LATCHKEY_T_GRANTS",
        "GRANT MANAGE GRANTS ON ACCOUNT TO ROLE LATCHKEY_T_GRANTS",
    ] {
        world.admin.run(sql).await;
    }
    for (n, role) in [
        "LATCHKEY_T_ABOVE",
        "LATCHKEY_T_TOP",
        "LATCHKEY_T_GRANTS",
        ROLE,
        "ACCOUNTADMIN",
        "LATCHKEY_T_NONE",
    ]
    .iter()
    .enumerate()
    {
        let mut desk = Desk::new(&world, person(n as u32));
        desk.open(&thing("role", &["*", "role", role], "member")).await;
        let answer = desk
            .settle()
            .await
            .into_values()
            .next()
            .expect("one")
            .expect("an answer");
        assert_eq!(answer.failed.len(), 1, "{role} was given");
        assert_eq!(answer.failed[0].1.kind, ErrorKind::Invalid, "{role}");
    }
    world.done().await;
    Case::Passed
}

/// Editions and regions differ in what kinds of object they know.
pub async fn kinds_that_an_account_lacks_are_no_failure(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let Some(fake) = &world.fake else {
        return Case::not_applicable(FAKE_ALONE);
    };
    let lacks = [
        "EXTERNAL TABLE",
        "DYNAMIC TABLE",
        "ICEBERG TABLE",
        "MATERIALIZED VIEW",
    ];
    lock(&fake.inner).state.lacks = lacks.map(str::to_owned).into();
    for (n, thing) in [world.offer().write, thing("schema", &[ORDERS, "SALES"], "read")]
        .iter()
        .enumerate()
    {
        let mut desk = Desk::new(&world, person(n as u32));
        desk.open(thing).await;
        desk.settled().await;
        desk.expect(thing, true, "with what the account knows").await;
    }
    lock(&fake.inner).state.lacks.insert("VIEW".to_owned());
    let mut desk = Desk::new(&world, person(9));
    desk.open(&world.offer().read).await;
    let answer = desk
        .settle()
        .await
        .into_values()
        .next()
        .expect("one")
        .expect("an answer");
    assert_eq!(
        answer.failed.len(),
        1,
        "views are everywhere: this is no account that lacks something"
    );
    Case::Passed
}

pub async fn an_older_run_gives_nothing(kind: &Snowflake) -> Case {
    let world = kind.world().await;
    let thing = world.offer().read;
    let mut desk = Desk::new(&world, person(1));
    desk.fence = Fence { epoch: 0, count: 50 };
    let lease = desk.open(&thing).await;
    desk.settled().await;
    desk.end(&lease);
    desk.settled().await;
    let before = world.everything().await;
    let made = credential::key_pair().expect("a key pair");
    let old = Change {
        want: Want::Open(vec![lease]),
        release: Vec::new(),
        credential: Some(made),
        now: desk.now,
        fence: Fence { epoch: 0, count: 3 },
    };
    let account = desk.held(&thing).account.clone();
    let error = desk
        .provider
        .converge(&account, &old)
        .await
        .expect_err("overtaken");
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    assert_eq!(before, world.everything().await, "nothing was done");
    world.done().await;
    Case::Passed
}
