//! Which flow decides what.

use super::*;
use crate::domain::{
    Place,
    policy::{Approval, Approver, People, ReasonRule},
    samples::{permission, resource},
};

fn target(integration: &str) -> Target {
    Target {
        integration: integration.into(),
        types: None,
        resources: None,
        permissions: None,
    }
}

fn flow(name: &str, groups: &[&str], targets: Vec<Target>, max_seconds: i64) -> AccessFlow {
    AccessFlow {
        name: name.into(),
        requesters: People {
            people: Vec::new(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        },
        targets,
        approval: Approval::By {
            approvers: vec![Approver::Owner],
            quorum: 1,
        },
        default_seconds: 3600,
        max_seconds,
        requester_reason: ReasonRule::Optional,
        approver_reason: ReasonRule::Optional,
        channel: None::<Place>,
        notify: Vec::new(),
        decide_within_seconds: 3600,
    }
}

fn asker(name: &str, groups: &[&str]) -> Asker {
    Asker {
        name: (!name.is_empty()).then(|| name.to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn listed(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// Short and long flows for developers, one for those on call, one for ann by name.
fn flows() -> Vec<AccessFlow> {
    let write = Target {
        permissions: listed(&["read", "write"]),
        ..target("main")
    };
    let staging = Target {
        types: listed(&["database"]),
        resources: listed(&["Staging*"]),
        permissions: listed(&["admin"]),
        ..target("main")
    };
    let mut anns = flow("anns", &[], vec![target("second")], 600);
    anns.requesters.people.push("ann".into());
    vec![
        flow("short", &["dev"], vec![write.clone()], 3600),
        flow("long", &["dev"], vec![write], 28_800),
        flow("staging", &["dev", "ops"], vec![staging], 7200),
        flow("all", &["ops"], vec![target("main")], 86_400),
        anns,
    ]
}

#[test]
fn the_first_flow_in_file_order_that_fits_decides() {
    let flows = flows();
    let (dev, ops, ann) = (asker("", &["dev"]), asker("", &["ops"]), asker("ann", &[]));
    let (read, write) = (
        permission("readonly", &["read"], false),
        permission("readwrite", &["write"], false),
    );
    let admin = permission("admin", &[], true);
    let (prod, staging) = (
        resource("database", &["prod"]),
        resource("database", &["staging-eu"]),
    );
    let schema = resource("schema", &["staging-eu", "public"]);
    let nothing = "";
    let table: &[(&Asker, &str, &ResourceRef, &Permission, i64, &str)] = &[
        (&dev, "main", &prod, &read, 1800, "short"),
        (&dev, "main", &prod, &read, 3600, "short"),
        (&dev, "main", &prod, &read, 3601, "long"),
        (&dev, "main", &prod, &write, 7200, "long"),
        (&dev, "main", &prod, &write, 28_801, "28800"),
        // Dangerous ones only where they are named, on the types and names that are meant.
        (&dev, "main", &prod, &admin, 60, nothing),
        (&dev, "main", &staging, &admin, 60, "staging"),
        (&dev, "main", &schema, &admin, 60, nothing),
        (&ops, "main", &prod, &admin, 60, nothing),
        (&ops, "main", &staging, &admin, 7201, "7200"),
        (&ops, "main", &prod, &read, 86_400, "all"),
        (&ops, "second", &prod, &read, 60, nothing),
        // By name.
        (&ann, "second", &prod, &read, 600, "anns"),
        (&ann, "main", &prod, &read, 60, nothing),
        (&asker("", &[]), "main", &prod, &read, 60, nothing),
        (&asker("dev", &[]), "main", &prod, &read, 60, nothing),
    ];
    for (who, integration, at, wish, seconds, expected) in table {
        let found = match route(&flows, who, integration, at, wish, *seconds) {
            Route::Flow(flow) => flow.name.clone(),
            Route::TooLong { max_seconds } => max_seconds.to_string(),
            Route::Nothing => String::new(),
        };
        assert_eq!(
            found, *expected,
            "{:?} {:?} {integration} {} {} {seconds}",
            who.name, who.groups, at.title, wish.name
        );
    }
}

#[test]
fn offers_name_what_can_be_asked_for_and_for_how_long_at_most() {
    let flows = flows();
    let kind = ResourceKind {
        name: "database".into(),
        permissions: vec![
            permission("readonly", &["read"], false),
            permission("readwrite", &["write"], false),
            permission("admin", &[], true),
        ],
        typed_under: None,
    };
    let offered = |groups: &[&str], name: &str| -> Vec<String> {
        let resource = Resource {
            at: resource("database", &[name]),
            tags: Default::default(),
            unavailable: None,
        };
        let who = asker("", groups);
        offers(&flows, &who, "main", &resource, &kind)
            .into_iter()
            .map(|offer| {
                format!(
                    "{} {} {}",
                    offer.permission.name, offer.flow.name, offer.max_seconds
                )
            })
            .collect()
    };
    assert_eq!(
        offered(&["dev"], "prod"),
        ["readonly short 28800", "readwrite short 28800"]
    );
    assert_eq!(
        offered(&["dev"], "staging-1"),
        [
            "readonly short 28800",
            "readwrite short 28800",
            "admin staging 7200"
        ]
    );
    assert_eq!(
        offered(&["ops"], "prod"),
        ["readonly all 86400", "readwrite all 86400"]
    );
    assert!(
        offered(&["guests"], "prod").is_empty(),
        "to them it does not exist"
    );
}

#[test]
fn patterns_fit_whole_names() {
    for (pattern, name, expected) in [
        ("prod", "prod", true),
        ("prod", "PROD", true),
        ("prod", "prod2", false),
        ("prod", "my-prod", false),
        ("prod*", "prod-eu", true),
        ("prod*", "prod", true),
        ("*prod", "my-prod", true),
        ("*prod", "prod-eu", false),
        ("*", "", true),
        ("*", "anything", true),
        ("", "", true),
        ("", "x", false),
        ("a*b", "ab", true),
        ("a*b", "a-b", true),
        ("a*b", "a-b-c", false),
        ("a*b*c", "a1b2c", true),
        ("a*b*c", "acb", false),
        // What one part took is not there for the next.
        ("ab*ba", "aba", false),
        ("a*aa", "aa", false),
        ("a*a*a", "aa", false),
        ("**", "x", true),
        ("*.*", "orders.public", true),
        ("*.*", "orders", false),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} on {name}");
    }
}
