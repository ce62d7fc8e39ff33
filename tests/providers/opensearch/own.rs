//! What is OpenSearch's alone: one document for all users, paths old and new, roles above all others, variables in names,
//! and the vendor's own description of the API.

use std::time::Duration;

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Presence};
use serde_json::json;

use super::{API, CONNECTOR, Search, World, described, fake::Flavour, member_of, on, role_reading};
use crate::{
    desk::{Desk, person},
    search::front::{Front, Side},
    target::{Case, Target},
};

const NO_SIMULATOR: &str = "a real cluster is what it is";

pub fn all(kind: &Search) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        ("writes_that_meet_are_tried_again", Box::pin(conflicts(kind))),
        ("changes_side_by_side_all_succeed", Box::pin(side_by_side(kind))),
        ("old_paths_are_found", Box::pin(old_paths())),
        ("what_is_no_such_cluster_is_said", Box::pin(what_it_is_not())),
        ("roles_above_all_others_are_not_given", Box::pin(above_all(kind))),
        ("role_mappings_are_left_alone", Box::pin(mappings(kind))),
        ("a_failed_grant_leaves_no_door_open", Box::pin(failed_grant(kind))),
        (
            "variables_and_patterns_are_never_given",
            Box::pin(variables(kind)),
        ),
        ("dashboards_come_and_go_with_access", Box::pin(dashboards(kind))),
        ("a_proxy_is_gone_through", Box::pin(through_a_proxy(kind))),
        (
            "wrong_requests_are_not_described",
            Box::pin(described::wrong_requests()),
        ),
    ]
}

async fn conflicts(kind: &Search) -> Case {
    let world = kind.world().await;
    let Some(fake) = world.fake() else {
        return Case::not_applicable(NO_SIMULATOR);
    };
    // Some say 409, some 500.
    fake.state().conflicts = 5;
    let thing = on("suite-orders", "read");
    let mut desk = Desk::new(&world, person(1));
    desk.open(&thing).await;
    desk.settled().await;
    assert_eq!(fake.state().conflicts, 0, "every one was met");
    desk.expect(&thing, true, "after the conflicts").await;
    // A cluster where nothing else ever happens is a passing trouble, and says so.
    fake.state().conflicts = u32::MAX;
    let thing = on("suite-invoices", "read");
    desk.open(&thing).await;
    let answer = desk
        .settle()
        .await
        .into_values()
        .next()
        .expect("one")
        .expect("an answer");
    let (_, error) = answer.failed.first().expect("no write gets through");
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    Case::Passed
}

/// Several integrations, or several people of one, write into the same document at the same time.
async fn side_by_side(kind: &Search) -> Case {
    let world = kind.world().await;
    let Some(fake) = world.fake() else {
        return Case::not_applicable(NO_SIMULATOR);
    };
    fake.state().latency = Duration::from_millis(3);
    let thing = on("suite-orders", "read");
    let mut desks: Vec<Desk<'_>> = (1..=4).map(|n| Desk::new(&world, person(n))).collect();
    let each = desks.iter_mut().map(|desk| async {
        desk.open(&on("suite-orders", "read")).await;
        desk.settled().await;
    });
    futures_util::future::join_all(each).await;
    for desk in &mut desks {
        desk.expect(&thing, true, "side by side").await;
    }
    let met = fake.state().met;
    assert!(met > 0, "no two writes met: the case shows nothing");
    println!("        {met} writes met another one");
    Case::Passed
}

async fn old_paths() -> Case {
    let world = World::simulated(Flavour::OldPaths, None).await;
    let provider = world.build(&world.cluster.url, "suite", CONNECTOR, "");
    let health = provider.check().await.expect("health");
    assert!(health.missing.is_empty(), "{:?}", health.missing);
    let thing = on("suite-orders", "read");
    let mut desk = Desk::with(&world, person(1), provider);
    let lease = desk.open(&thing).await;
    let answer = desk.settled().await.remove(0);
    assert!(
        answer
            .ran
            .iter()
            .all(|line| line.contains("/_opendistro/_security/")),
        "{:?}",
        answer.ran
    );
    desk.expect(&thing, true, "by the old paths").await;
    desk.end(&lease);
    desk.settled().await;
    desk.expect(&thing, false, "by the old paths").await;
    Case::Passed
}

async fn what_it_is_not() -> Case {
    for (flavour, kind, word) in [
        (
            Flavour::WithoutSecurity,
            ErrorKind::Unsupported,
            "without the Security plugin",
        ),
        (
            Flavour::Elasticsearch,
            ErrorKind::Unsupported,
            "kind = \"elasticsearch\"",
        ),
        (Flavour::NotInitialized, ErrorKind::Transient, "not initialized"),
    ] {
        let world = World::simulated(flavour, None).await;
        let provider = world.build(&world.cluster.url, "suite", CONNECTOR, "");
        let error = provider.check().await.expect_err(word);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
    Case::Passed
}

async fn above_all(kind: &Search) -> Case {
    let world = kind.world().await;
    for role in ["all_access", "security_manager", "security_rest_api_access"] {
        let mut desk = Desk::new(&world, person(1));
        let lease = desk.open(&member_of(role)).await;
        let answer = desk
            .settle()
            .await
            .into_values()
            .next()
            .expect("one")
            .expect("an answer");
        assert_eq!(answer.failed.len(), 1, "{role} was given");
        assert_eq!(
            (&answer.failed[0].0, answer.failed[0].1.kind),
            (&lease.id, ErrorKind::Invalid)
        );
        desk.end(&lease);
        desk.settled().await;
    }
    let url = &world.cluster.url;
    let provider = world.build(url, "suite", CONNECTOR, "reserved_roles = [\"all_access\"]");
    let listed = provider.discover().await.expect("a listing").resources;
    let is_listed = |title: &str| listed.iter().any(|one| one.at.title == title);
    assert!(is_listed("role/all_access") && is_listed("role/readall"));
    assert!(!is_listed("role/security_manager"));
    let mut desk = Desk::with(&world, person(2), provider);
    let lease = desk.open(&member_of("all_access")).await;
    desk.settled().await;
    desk.expect(
        &on("suite-orders", "read-write"),
        true,
        "by a role that the configuration names",
    )
    .await;
    desk.end(&lease);
    desk.settled().await;
    desk.expect(&on("suite-orders", "read-write"), false, "and no longer")
        .await;
    world.done().await;
    Case::Passed
}

async fn mappings(kind: &Search) -> Case {
    let world = kind.world().await;
    let path = format!("{API}/rolesmapping/suite-reporting");
    let others = json!({"users": ["somebody"], "backend_roles": ["finance"]});
    world.cluster.admin("PUT", &path, Some(others)).await;
    let before = world
        .cluster
        .admin("GET", &format!("{API}/rolesmapping"), None)
        .await;
    let thing = member_of("suite-reporting");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&thing).await;
    desk.settled().await;
    desk.expect(&thing, true, "by the user's own list").await;
    desk.end(&lease);
    desk.settled().await;
    let after = world
        .cluster
        .admin("GET", &format!("{API}/rolesmapping"), None)
        .await;
    assert_eq!(before, after, "others' standing access is as it was");
    let touched = world
        .asked()
        .into_iter()
        .find(|one| one.ask.target.contains("rolesmapping"));
    assert!(touched.is_none(), "{touched:?}");
    world.cluster.try_admin("DELETE", &path).await;
    world.done().await;
    Case::Passed
}

/// The list of roles of a login whose only lease failed is as empty as that of a shut one; its password still works.
async fn failed_grant(kind: &Search) -> Case {
    let world = kind.world().await;
    let nowhere = on("suite-nowhere", "read");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&nowhere).await;
    let answer = desk
        .settle()
        .await
        .into_values()
        .next()
        .expect("one")
        .expect("an answer");
    assert_eq!(answer.failed.len(), 1);
    let (login, credential) = (desk.login(&nowhere), desk.credential(&nowhere));
    assert!(world.can_log_in(&login, &credential).await);
    assert_eq!(desk.observe(&nowhere, &[]).await.presence, Presence::Enabled);
    desk.end(&lease);
    desk.settled().await;
    assert!(!world.can_log_in(&login, &credential).await, "the door is shut");
    assert_eq!(desk.observe(&nowhere, &[]).await.presence, Presence::Disabled);
    world.done().await;
    Case::Passed
}

async fn variables(kind: &Search) -> Case {
    let world = kind.world().await;
    // A legal name, which a role would read as a variable: nothing must be given for it, least of all something else.
    world
        .cluster
        .admin("PUT", "/suite-%24%7Buser.name%7D", None)
        .await;
    let listed = world.provider(crate::target::Setting::Usual).discover().await;
    let listed = listed.expect("a listing").resources;
    assert!(
        !listed.iter().any(|one| one.at.title.contains("${")),
        "{listed:?}"
    );
    for name in [
        "suite-${user.name}",
        "*",
        "suite-*",
        "_all",
        "/suite-.*/",
        ".opendistro_security",
    ] {
        let mut desk = Desk::new(&world, person(1));
        let lease = desk.open(&on(name, "read")).await;
        let answer = desk
            .settle()
            .await
            .into_values()
            .next()
            .expect("one")
            .expect("an answer");
        assert_eq!(answer.failed.len(), 1, "{name} was given: {:?}", answer.ran);
        assert_eq!(answer.failed[0].1.kind, ErrorKind::Invalid);
        desk.end(&lease);
        desk.settled().await;
    }
    world.done().await;
    Case::Passed
}

async fn dashboards(kind: &Search) -> Case {
    let world = kind.world().await;
    let path = format!("{API}/roles/suite-dashboards");
    world
        .cluster
        .admin("PUT", &path, Some(role_reading("suite-reports")))
        .await;
    let provider = world.build(
        &world.cluster.url,
        "suite",
        CONNECTOR,
        "dashboards_role = \"suite-dashboards\"",
    );
    let (thing, also) = (on("suite-orders", "read"), on("suite-reports", "read"));
    let mut desk = Desk::with(&world, person(1), provider);
    let lease = desk.open(&thing).await;
    desk.settled().await;
    desk.expect(&also, true, "by the role for everybody with access")
        .await;
    desk.end(&lease);
    desk.settled().await;
    desk.expect(&also, false, "with the access").await;
    world.done().await;
    Case::Passed
}

/// The cluster's own address leads nowhere: all that is done, is done through the proxy.
async fn through_a_proxy(kind: &Search) -> Case {
    let world = kind.world().await;
    if world.fake().is_none() {
        return Case::not_applicable(NO_SIMULATOR);
    }
    let front = Front::start(
        &world.cluster.url,
        world.cluster.http.clone(),
        u32::MAX,
        Side::Before,
    )
    .await;
    let proxy = format!("proxy = \"{}\"", front.server.url);
    let provider = world.build("http://127.0.0.1:9", "suite", CONNECTOR, &proxy);
    provider.check().await.expect("health through the proxy");
    let thing = on("suite-orders", "read");
    let mut desk = Desk::with(&world, person(1), provider);
    desk.open(&thing).await;
    desk.settled().await;
    desk.expect(&thing, true, "through the proxy").await;
    world.done().await;
    Case::Passed
}
