//! What leases mean, as tables.

use super::*;
use crate::providers::ErrorKind;

fn below(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn mark() -> Mark {
    Mark::new("main", "atlas")
}

#[test]
fn leases_become_roles() {
    let mark = mark();
    for (kind, at, permission, role, database, collection) in [
        (
            CLUSTER,
            &[][..],
            "readAnyDatabase",
            "readAnyDatabase",
            "admin",
            None,
        ),
        (CLUSTER, &[], "atlasAdmin", "atlasAdmin", "admin", None),
        (DATABASE, &["shop"], "dbAdmin", "dbAdmin", "shop", None),
        (
            COLLECTION,
            &["shop", "orders.2026"],
            "readWrite",
            "readWrite",
            "shop",
            Some("orders.2026"),
        ),
        (
            CUSTOM_ROLE,
            &["", "reporting"],
            "member",
            "reporting",
            "admin",
            None,
        ),
    ] {
        let access = Access::of(kind, &below(at), permission).unwrap();
        let found = access.role(&mark);
        assert_eq!(
            (
                found.role_name.as_str(),
                found.database_name.as_str(),
                found.collection_name.as_deref()
            ),
            (role, database, collection)
        );
    }
}

#[test]
fn what_is_not_offered_is_no_access() {
    for (kind, at, permission) in [
        (CLUSTER, &[][..], "root"),
        (CLUSTER, &["shop"], "readAnyDatabase"),
        (DATABASE, &["shop"], "readAnyDatabase"),
        (DATABASE, &[], "read"),
        (DATABASE, &["admin"], "read"),
        (DATABASE, &["Admin"], "readWrite"),
        (DATABASE, &["config"], "readWrite"),
        (DATABASE, &["a.b"], "read"),
        (DATABASE, &["a b"], "read"),
        (DATABASE, &[""], "read"),
        (COLLECTION, &["shop", "system.users"], "read"),
        (COLLECTION, &["shop", "a$b"], "read"),
        (COLLECTION, &["shop", ""], "read"),
        (COLLECTION, &["local", "oplog"], "read"),
        (COLLECTION, &["shop", "orders"], "dbAdmin"),
        (CUSTOM_ROLE, &["", "a/b"], "member"),
        (CUSTOM_ROLE, &["", "jits_0000_none"], "member"),
        (CUSTOM_ROLE, &["x", "reporting"], "member"),
        (CUSTOM_ROLE, &["", "reporting"], "read"),
        ("table", &["shop"], "read"),
    ] {
        let error = Access::of(kind, &below(at), permission).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{kind} {at:?} {permission}");
    }
    assert!(Access::of(DATABASE, &["n".repeat(64)], "read").is_err());
    assert!(Access::of(COLLECTION, &["d".repeat(63), "c".repeat(191)], "read").is_ok());
    assert!(Access::of(COLLECTION, &["d".repeat(63), "c".repeat(192)], "read").is_err());
}

#[test]
fn every_permission_told_is_one_that_can_be_had() {
    for kind in data_kinds() {
        let at: &[&str] = match kind.name.as_str() {
            CLUSTER => &[],
            DATABASE => &["shop"],
            COLLECTION => &["shop", "orders"],
            _ => &["", "reporting"],
        };
        for permission in kind.permissions {
            Access::of(&kind.name, &below(at), &permission.name).unwrap();
        }
    }
}

#[test]
fn the_same_content_is_one_role_for_all() {
    let mark = mark();
    let on = |at: &[&str]| {
        Access::of(
            if at.len() == 1 { DATABASE } else { COLLECTION },
            &below(at),
            INDEXES,
        )
        .unwrap()
    };
    let (one, again, other, whole) = (
        on(&["shop", "orders"]),
        on(&["shop", "orders"]),
        on(&["shop", "items"]),
        on(&["shop"]),
    );
    assert_eq!(one.role(&mark), again.role(&mark));
    assert_ne!(one.role(&mark), other.role(&mark));
    assert_ne!(one.role(&mark), whole.role(&mark));
    assert_ne!(
        one.scope(&mark),
        other.scope(&mark),
        "a user with a custom role holds nothing else"
    );
    let built_in = Access::of(DATABASE, &below(&["shop"]), "read").unwrap();
    assert_eq!(built_in.scope(&mark), "", "built-in roles share a login");
    let Access::Set(set) = one else { panic!() };
    let content = set.content(&mark);
    let mut shuffled = content.clone();
    shuffled.actions.reverse();
    shuffled.actions[0].action = shuffled.actions[0].action.to_lowercase();
    assert!(same(&content, &shuffled), "order and case are Atlas's own");
    shuffled.actions.pop();
    assert!(!same(&content, &shuffled));
}

#[test]
fn what_is_mongodbs_own_is_not_offered() {
    for (database, offered) in [
        ("shop", true),
        ("admin", false),
        ("local", false),
        ("jits_1234_none", false),
    ] {
        assert_eq!(offers_database(database), offered, "{database}");
    }
    assert!(offers_collection("shop", "orders") && !offers_collection("shop", "system.views"));
}
