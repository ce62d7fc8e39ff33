//! Cases of this kind alone, beside those about people.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Memo, Presence, Resource};
use serde_json::{Value, json};

use super::{OWNER, Organization, on_shop, people::with_people};
use crate::atlas_sim::{Asked, Contract, Fault, ORG, id, organization};
use crate::desk::{Desk, person};
use crate::target::{Case, Target};

type Checked = Option<Arc<Contract>>;

pub fn cases(contract: &Checked) -> Vec<(&'static str, BoxFuture<'static, Case>)> {
    let with = || contract.clone();
    vec![
        (
            "wrong_requests_fail_the_contract",
            Box::pin(wrong_requests(with())),
        ),
        (
            "check_names_what_lacks_and_warns_of_federation",
            Box::pin(check(with())),
        ),
        (
            "organization_projects_and_clusters_are_listed",
            Box::pin(listed(with())),
        ),
        ("tags_choose_the_way_and_the_connector", Box::pin(tags(with()))),
        (
            "a_cluster_that_cannot_be_read_is_unread",
            Box::pin(unread_children(with())),
        ),
        ("logins_are_found_without_a_memo", Box::pin(without_memo(with()))),
        ("shallow_discovery_stops_at_projects", Box::pin(shallow(with()))),
    ]
}

async fn wrong_requests(contract: Checked) -> Case {
    let Some(contract) = contract else {
        return Case::not_applicable("not run: the vendor's description is not here");
    };
    let version = "application/vnd.atlas.2025-02-19+json".to_owned();
    let request = |path: &str, body: Value| Asked {
        method: "POST".to_owned(),
        path: format!("/api/atlas/v2{path}"),
        query: None,
        accept: Some(version.clone()),
        content_type: Some(version.clone()),
        body: Some(body),
        status: 200,
        unsigned: false,
    };
    let user = id(7);
    let invite = format!("/orgs/{ORG}/users");
    let join = format!("/groups/{}/users", id(1));
    let add = format!("{join}/{user}:addRole");
    let right = [
        request(
            &invite,
            json!({"username": "a@example.com", "roles": {"orgRoles": ["ORG_MEMBER"]}}),
        ),
        request(
            &join,
            json!({"username": "a@example.com", "roles": ["GROUP_READ_ONLY"]}),
        ),
        request(&add, json!({"groupRole": "GROUP_READ_ONLY"})),
    ];
    for request in &right {
        contract
            .check(request)
            .unwrap_or_else(|reason| panic!("{}: {reason}", request.path));
    }
    for (why, wrong) in [
        (
            "roles without orgRoles",
            request(&invite, json!({"username": "a@example.com", "roles": {}})),
        ),
        (
            "no roles",
            request(&join, json!({"username": "a@example.com", "roles": []})),
        ),
        (
            "no user name",
            request(&join, json!({"roles": ["GROUP_READ_ONLY"]})),
        ),
        (
            "the other role's field",
            request(&add, json!({"orgRole": "ORG_MEMBER"})),
        ),
        (
            "an unknown verb",
            request(
                &format!("{join}/{user}:giveRole"),
                json!({"groupRole": "GROUP_READ_ONLY"}),
            ),
        ),
        (
            "an id that is none",
            request(
                &format!("{join}/me:addRole"),
                json!({"groupRole": "GROUP_READ_ONLY"}),
            ),
        ),
    ] {
        assert!(contract.check(&wrong).is_err(), "{why} passes");
    }
    let mut old = right[1].clone();
    old.accept = Some("application/vnd.atlas.2023-01-01+json".to_owned());
    assert!(contract.check(&old).is_err(), "an older version passes");
    Case::Passed
}

async fn check(contract: Checked) -> Case {
    let organization = Organization::new(contract, with_people()).await;
    let health = organization
        .usual("")
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (health.target_id.as_str(), health.missing.len()),
        (ORG, 0),
        "{:?}",
        health.missing
    );
    assert!(
        health.server.contains("Acme") && health.warnings.is_empty(),
        "{:?}",
        health.warnings
    );
    organization.handle().world().role_mappings = Some(true);
    let health = organization
        .usual("")
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        health
            .warnings
            .iter()
            .any(|warning| warning.contains("federation")),
        "{:?}",
        health.warnings
    );
    let account = (
        "mdb_sa_id_0123456789abcdef01234567",
        "mdb_sa_sk_s3cret-of-the-account",
    );
    let provider = organization.build(&organization.simulator.url, "suite", account, "");
    let health = provider.check().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        health.missing.is_empty() && health.own_expires.is_some(),
        "{:?}",
        health.missing
    );
    organization.check();
    Case::Passed
}

fn find<'r>(resources: &'r [Resource], title: &str) -> Option<&'r Resource> {
    resources.iter().find(|resource| resource.at.title == title)
}

async fn listed(contract: Checked) -> Case {
    let organization = Organization::new(contract, organization()).await;
    let found = organization
        .usual("")
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(found.unread.is_empty(), "{:?}", found.unread);
    for (kind, title, reason) in [
        ("organization", "Acme", None),
        ("project", "shop", None),
        ("project", "crm", None),
        ("cluster", "shop/cluster0", None),
        ("cluster", "shop/tiny", None),
        ("cluster", "shop/idle", Some("the cluster is paused")),
        ("database", "shop/cluster0/shop", None),
        ("database", "shop/idle/old", Some("the cluster is paused")),
        ("collection", "shop/cluster0/shop/orders", None),
        ("custom_role", "shop/cluster0/role:reporting", None),
        ("database", "crm/crm-main/crm", None),
    ] {
        let resource = find(&found.resources, title).unwrap_or_else(|| panic!("{title} is not listed"));
        assert_eq!(
            (resource.at.kind.as_str(), resource.unavailable.as_deref()),
            (kind, reason),
            "{title}"
        );
    }
    for hidden in [
        "shop/cluster0/admin",
        "shop/cluster0/local",
        "shop/cluster0/shop/system.views",
        "shop/tiny/shop",
    ] {
        assert!(find(&found.resources, hidden).is_none(), "{hidden}");
    }
    // The cluster's tags over its project's.
    let tags = &find(&found.resources, "shop/cluster0/shop").expect("listed").tags;
    assert_eq!((tags["owner"].as_str(), tags["cost"].as_str()), ("dba", "42"));
    assert_eq!(
        find(&found.resources, "shop").expect("listed").tags["owner"],
        "shop-team"
    );
    organization.check();
    Case::Passed
}

async fn tags(contract: Checked) -> Case {
    let organization = Organization::new(contract, organization()).await;
    let tag = |pairs: &[(&str, &str)]| {
        let mut world = organization.handle().world();
        let cluster = world.cluster_mut(&id(1), "cluster0").expect("the cluster");
        cluster.endpoints = vec!["vpce-1".to_owned()];
        cluster.tags = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
    };
    let thing = on_shop("database", &["shop"], "read");
    for (n, (pairs, expected)) in [
        (&[("apono-connection-type", "Private")][..], Ok("pri.cluster0")),
        (
            &[
                ("apono-connection-type", "PrivateEndpoint"),
                ("apono_private_endpoint_id", "vpce-1"),
            ],
            Ok("pl-0.cluster0"),
        ),
        (&[("apono-connector-id", "eu")], Ok("//cluster0")),
        (&[("apono-connector-id", "us")], Err("handled elsewhere")),
        (
            &[("apono-connection-type", "PrivateEndpoint")],
            Err("tags are wrong"),
        ),
        (
            &[("apono-connector-id", "us"), ("latchkey-connector-id", "eu")],
            Ok("//cluster0"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        tag(pairs);
        let mut desk = Desk::with(
            &organization,
            person(n as u32),
            organization.usual("connector_id = \"eu\""),
        );
        let found = desk
            .provider
            .discover()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let told = &find(&found.resources, "shop/cluster0")
            .expect("listed")
            .unavailable;
        let other = &find(&found.resources, "crm/crm-main")
            .expect("listed")
            .unavailable;
        assert_eq!(*other, None, "one cluster's tags are its own");
        desk.open(&thing).await;
        let scope = desk.provider.scope(&thing.at, &thing.permission);
        let answer = desk
            .until_done(&scope, desk.want(&scope))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        match expected {
            Ok(host) => {
                assert_eq!(*told, None, "{pairs:?}");
                let example = answer.details.examples.first().expect("a line to copy");
                assert!(example.contains(host), "{pairs:?}: {example}");
            }
            Err(words) => {
                assert!(
                    told.as_ref().is_some_and(|told| told.contains(words)),
                    "{pairs:?}: {told:?}"
                );
                let (_, error) = answer.failed.first().expect("not granted from here");
                assert!(
                    error.kind == ErrorKind::Invalid && error.message.contains(words),
                    "{error}"
                );
            }
        }
    }
    organization.check();
    Case::Passed
}

async fn unread_children(contract: Checked) -> Case {
    let organization = Organization::new(contract, organization()).await;
    let provider = organization.usual("");
    let whole = provider
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    for (path, under) in [
        (
            format!("/groups/{}/processes", id(1)),
            vec![id(1), "cluster0".to_owned()],
        ),
        ("cluster0/PRIMARY".to_owned(), vec![id(1), "cluster0".to_owned()]),
        (format!("/groups/{}/flexClusters", id(1)), vec![id(1)]),
    ] {
        let (status, times) = (500, u32::MAX);
        organization.handle().fault(&Fault::Answer {
            path: path.clone(),
            status,
            times,
        });
        let found = provider
            .discover()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(
            found
                .unread
                .iter()
                .any(|(id, why)| *id == under && !why.is_empty()),
            "{path}: {:?}",
            found.unread
        );
        no_false_deletion(&whole.resources, &found);
        organization.handle().fault(&Fault::Mend { path });
        let found = provider
            .discover()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (found.unread.len(), found.resources.len()),
            (0, whole.resources.len())
        );
    }
    Case::Passed
}

/// Whatever is missing must be under something that says it could not be read.
pub fn no_false_deletion(before: &[Resource], found: &latchkey::providers::Discovery) {
    for resource in before {
        let there = found.resources.iter().any(|one| one.at == resource.at);
        let unread = found
            .unread
            .iter()
            .any(|(under, _)| resource.at.id.starts_with(under));
        assert!(there || unread, "{:?} looks deleted", resource.at);
    }
}

/// After a restore nobody knows where a login is: it is found by its name, and a stranger's is not touched.
async fn without_memo(contract: Checked) -> Case {
    let organization = Organization::new(contract, organization()).await;
    let thing = organization.offer().other;
    let mut desk = Desk::with(&organization, person(1), organization.usual(""));
    let lease = desk.open(&thing).await;
    desk.settled().await;
    desk.end(&lease);
    desk.forget_released();
    desk.held(&thing).account.memo = Memo::new();
    assert_eq!(desk.observe(&thing, &[]).await.presence, Presence::Enabled);
    desk.settled().await;
    desk.expect(&thing, false, "found and taken").await;
    desk.held(&thing).account.memo = Memo::new();
    assert_eq!(desk.observe(&thing, &[]).await.presence, Presence::Absent);
    desk.deleted().await;
    organization.check();
    Case::Passed
}

async fn shallow(contract: Checked) -> Case {
    let organization = Organization::new(contract, organization()).await;
    for (depth, kinds, calls) in [
        ("off", &["organization", "project"][..], 2),
        ("clusters", &["cluster", "organization", "project"], 6),
    ] {
        let more = format!("deep_discovery = \"{depth}\"");
        let provider = organization.build(&organization.simulator.url, "suite", OWNER, &more);
        let before = organization
            .handle()
            .world()
            .asked
            .iter()
            .filter(|call| !call.unsigned)
            .count();
        let found = provider
            .discover()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let after = organization
            .handle()
            .world()
            .asked
            .iter()
            .filter(|call| !call.unsigned)
            .count();
        let mut seen: Vec<&str> = found.resources.iter().map(|one| one.at.kind.as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.as_slice(), after - before), (kinds, calls), "{depth}");
    }
    Case::Passed
}
