//! What is listed.

use std::collections::BTreeMap;

use latchkey::{
    demo::redis_cloud::{Database, Fault, Op, Options, Plan, Subscription},
    providers::{ErrorKind, Permission, Want},
};

use crate::rig::{Rig, secret};

#[tokio::test]
async fn the_account_is_listed_as_people_know_it() {
    let mut rig = Rig::new().await;
    drop(rig.granted(1).await);
    let found = rig.provider.discover().await.unwrap();
    let listed: Vec<(&str, &str, Option<&str>)> = found
        .resources
        .iter()
        .map(|one| {
            (
                one.at.kind.as_str(),
                one.at.title.as_str(),
                one.unavailable.as_deref(),
            )
        })
        .collect();
    let memcached = Some("a memcached database has no ACL users");
    assert_eq!(
        listed,
        [
            ("database", "prod", None),
            ("database", "cache", None),
            ("database", "sessions", memcached),
            ("database", "staging", None),
            ("acl_role", "reporting", None),
        ],
        "roles of our own are hidden"
    );
    let tags = BTreeMap::from(
        [("owner", "dba"), ("environment", "production")].map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    assert_eq!(found.resources[0].tags, tags);
    assert_eq!(found.resources[0].at.id, ["pro", "2001", "51001"]);
    assert_eq!(found.unread, []);

    let database = &found.kinds[0];
    let names: Vec<(&str, bool)> = database
        .permissions
        .iter()
        .map(|one| (one.name.as_str(), one.dangerous))
        .collect();
    assert_eq!(
        names,
        [
            ("Read-Only", false),
            ("Read-Write", false),
            ("Streams", false),
            ("Full-Access", true)
        ]
    );
    for (word, name) in [
        ("read", "Read-Only"),
        ("READ-WRITE", "Read-Write"),
        ("admin", "Full-Access"),
        ("streams", "Streams"),
    ] {
        let meant: Vec<&Permission> = database
            .permissions
            .iter()
            .filter(|one| one.is_called(word))
            .collect();
        assert_eq!(meant.len(), 1, "{word}");
        assert_eq!(meant[0].name, name);
    }
}

fn many(plan: Plan, id: i64, count: i64) -> Subscription {
    let database = |n: i64| Database {
        id: id * 1000 + n,
        name: format!("db-{id}-{n}"),
        status: "active".to_owned(),
        protocol: "redis".to_owned(),
        endpoint: format!("redis-{n}.example.com:12000"),
        tls: false,
        tags: Vec::new(),
        regions: Vec::new(),
    };
    Subscription {
        plan,
        id,
        name: format!("s{id}"),
        databases: (0..count).map(database).collect(),
    }
}

/// None, one short page, one full page and nothing after it (404), and several.
#[tokio::test]
async fn pages_end_with_a_short_one_or_with_404() {
    let mut options = Options::team();
    options.standing.clear();
    options.subscriptions = vec![
        many(Plan::Pro, 10, 0),
        many(Plan::Pro, 11, 99),
        many(Plan::Pro, 12, 100),
        many(Plan::Fixed, 13, 201),
    ];
    let rig = Rig::with(options, 0.0).await;
    let found = rig.provider.discover().await.unwrap();
    assert_eq!(found.resources.len(), 400);
    assert_eq!(found.unread, []);
}

#[tokio::test]
async fn a_part_that_cannot_be_read_is_not_gone() {
    let rig = Rig::new().await;
    // Rules, roles, subscriptions; then the databases of the first one.
    for (before, part) in [(3, vec!["pro", "2001"]), (6, vec!["pro", "2001", "51001"])] {
        let whole = rig.provider.discover().await.unwrap();
        let asked = rig.handle().asked();
        let paths: Vec<&str> = asked.iter().map(|one| one.path.as_str()).collect();
        assert!(paths.len() > before);
        let line = rig.handle();
        line.clear_faults();
        line.fault(&Fault::Status {
            skip: u32::try_from(before).unwrap(),
            calls: 1,
            status: 503,
        });
        let found = rig.provider.discover().await.unwrap();
        assert_eq!(found.unread.len(), 1, "{found:?}");
        assert_eq!(found.unread[0].0, part);
        assert!(found.resources.len() <= whole.resources.len());
    }
}

#[tokio::test]
async fn refused_keys_break_the_whole_listing_off() {
    let rig = Rig::new().await;
    rig.handle().fault(&Fault::Status {
        skip: 4,
        calls: 100,
        status: 403,
    });
    assert_eq!(rig.provider.discover().await.unwrap_err().kind, ErrorKind::Denied);
    rig.handle().clear_faults();
    rig.handle().fault(&Fault::Status {
        skip: 4,
        calls: 100,
        status: 429,
    });
    let error = rig.provider.discover().await.unwrap_err();
    assert!(
        error.kind == ErrorKind::Transient && error.retry_after.is_some(),
        "{error:?}"
    );
}

/// A role goes by its id: renamed by others, it is the same one.
#[tokio::test]
async fn a_renamed_role_is_still_the_same() {
    let mut rig = Rig::new().await;
    let found = rig.provider.discover().await.unwrap();
    let role = found
        .resources
        .iter()
        .find(|one| one.at.kind == "acl_role")
        .unwrap()
        .at
        .clone();
    let rename = Op::UpdateRole {
        name: "reporting".to_owned(),
        new_name: Some("reports".to_owned()),
        rules: None,
    };
    rig.handle().others(&rename).unwrap();
    let lease = rig.lease("l1", role, "member");
    let mut account = rig.account(1, &lease);
    let done = rig
        .until_done(&mut account, Want::Open(vec![lease]), Some(&secret(1)))
        .await;
    assert!(rig.can(&account, &secret(1), "get") && !rig.can(&account, &secret(1), "set"));
    let fields: Vec<&str> = done
        .answer
        .details
        .fields
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(fields, ["Host of prod", "Host of cache", "Role", "User"]);
}
