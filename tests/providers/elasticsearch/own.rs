//! What is Elasticsearch's alone: keys that outlive everything, clusters that are none, roles of the system's own, the way there.

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Presence};
use serde_json::{Value, json};

use super::{CONNECTOR, Elastic, LACKING, World, fake::Flavour, member_of, on, tls};
use crate::{
    desk::{Desk, person},
    search::front::{Front, Side},
    target::{Case, Target},
};

const NO_SIMULATOR: &str = "a real cluster is what it is";

pub fn all(kind: &Elastic) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        ("keys_and_tokens_die_with_a_lease", Box::pin(keys_die(kind))),
        (
            "keys_of_a_login_that_vanished_die",
            Box::pin(orphaned_keys_die(kind)),
        ),
        ("clusters_without_tokens_are_fine", Box::pin(without_tokens())),
        ("what_is_no_such_cluster_is_said", Box::pin(what_it_is_not())),
        (
            "roles_of_the_systems_own_are_not_given",
            Box::pin(reserved_roles(kind)),
        ),
        ("a_conflict_is_tried_again", Box::pin(conflicts(kind))),
        ("the_poor_listing_names_the_same", Box::pin(poor_listing(kind))),
        ("patterns_are_never_given", Box::pin(patterns(kind))),
        ("a_proxy_is_gone_through", Box::pin(through_a_proxy(kind))),
        (
            "only_a_proven_cluster_is_spoken_to",
            Box::pin(tls::only_a_proven_cluster_is_spoken_to(kind)),
        ),
        ("caches_are_cleared_by_name", Box::pin(caches(kind))),
    ]
}

/// Makes a key and, where there are any, a token; the headers to use them.
async fn mint(world: &World, desk: &mut Desk<'_>) -> Vec<String> {
    let thing = member_of("suite-reporting");
    let (login, credential) = (desk.login(&thing), desk.credential(&thing));
    let who = (login.as_str(), credential.expose());
    let key = world
        .cluster
        .call(who, "POST", "/_security/api_key", Some(json!({"name": "mine"})))
        .await;
    assert!(key.is_success(), "{key:?}");
    let mut headers = vec![format!("ApiKey {}", key.body["encoded"].as_str().expect("a key"))];
    let grant = json!({"grant_type": "client_credentials"});
    let token = world
        .cluster
        .call(who, "POST", "/_security/oauth2/token", Some(grant))
        .await;
    if let Some(token) = token.body["access_token"].as_str() {
        headers.push(format!("Bearer {token}"));
    }
    headers
}

async fn works(world: &World, header: &str, index: &str) -> bool {
    let path = format!("/{index}/_search");
    world.cluster.call_with(header, "GET", &path).await.is_success()
}

async fn keys_die(kind: &Elastic) -> Case {
    let world = kind.world().await;
    let mut desk = Desk::new(&world, person(1));
    let member = desk.open(&member_of("suite-reporting")).await;
    let read = desk.open(&on("suite-orders", "read")).await;
    desk.settled().await;
    let minted = mint(&world, &mut desk).await;
    for header in &minted {
        assert!(
            works(&world, header, "suite-orders").await,
            "a key does what its maker may"
        );
    }
    // The key keeps what its maker could: the role of the lease alone does not take it back.
    desk.end(&read);
    let answer = desk.settled().await.remove(0);
    for header in &minted {
        assert!(
            !works(&world, header, "suite-orders").await,
            "{header} outlived its lease"
        );
    }
    let told = answer.remarks.iter().any(|remark| remark.contains("API keys"));
    assert!(told, "it is told: {:?}", answer.remarks);
    desk.forget_released();
    // Nor does one made later survive the last lease.
    let minted = mint(&world, &mut desk).await;
    desk.end(&member);
    desk.settled().await;
    for header in &minted {
        assert!(
            !works(&world, header, "suite-reports").await,
            "{header} outlived its login"
        );
    }
    world.done().await;
    Case::Passed
}

async fn orphaned_keys_die(kind: &Elastic) -> Case {
    let world = kind.world().await;
    let thing = member_of("suite-reporting");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&thing).await;
    desk.settled().await;
    let key = mint(&world, &mut desk).await.remove(0);
    let login = desk.login(&thing);
    world.vanish(&login).await;
    assert!(
        works(&world, &key, "suite-reports").await,
        "a key outlives its maker"
    );
    desk.end(&lease);
    desk.settled().await;
    assert!(!works(&world, &key, "suite-reports").await);
    assert_eq!(desk.observe(&thing, &[]).await.presence, Presence::Absent);
    world.done().await;
    Case::Passed
}

async fn without_tokens() -> Case {
    let world = World::simulated(Flavour::WithoutTokens).await;
    let thing = on("suite-orders", "read");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&thing).await;
    desk.settled().await;
    desk.end(&lease);
    let answer = desk.settled().await.remove(0);
    assert!(
        !answer.ran.iter().any(|line| line.contains("oauth2")),
        "{:?}",
        answer.ran
    );
    assert!(answer.ran.iter().any(|line| line.contains("api_key")));
    Case::Passed
}

async fn what_it_is_not() -> Case {
    for (flavour, who, word) in [
        (Flavour::WithoutSecurity, CONNECTOR, "without security"),
        (Flavour::Serverless, super::fake::ADMIN, "Serverless"),
        (Flavour::OpenSearch, super::fake::ADMIN, "kind = \"opensearch\""),
    ] {
        let world = World::simulated(flavour).await;
        let provider = world.build(&world.cluster.url, "suite", who, "");
        let error = provider.check().await.expect_err(word);
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
    Case::Passed
}

async fn reserved_roles(kind: &Elastic) -> Case {
    let world = kind.world().await;
    let viewer = member_of("viewer");
    for role in ["viewer", "superuser", "kibana_system"] {
        let mut desk = Desk::new(&world, person(1));
        let lease = desk.open(&member_of(role)).await;
        let answers = desk.settle().await;
        let answer = answers.into_values().next().expect("one").expect("an answer");
        assert_eq!(answer.failed.len(), 1, "{role} was given");
        assert_eq!(
            (&answer.failed[0].0, answer.failed[0].1.kind),
            (&lease.id, ErrorKind::Invalid)
        );
        desk.end(&lease);
        desk.settled().await;
    }
    let url = &world.cluster.url;
    let provider = world.build(url, "suite", CONNECTOR, "reserved_roles = [\"viewer\"]");
    let listed = provider.discover().await.expect("a listing").resources;
    assert!(listed.iter().any(|one| one.at == viewer.at));
    assert!(!listed.iter().any(|one| one.at.title == "role/superuser"));
    let mut desk = Desk::with(&world, person(2), provider);
    desk.open(&viewer).await;
    desk.settled().await;
    desk.expect(
        &on("suite-orders", "read"),
        true,
        "by a role that the configuration names",
    )
    .await;
    world.done().await;
    Case::Passed
}

async fn conflicts(kind: &Elastic) -> Case {
    let world = kind.world().await;
    let Some(fake) = world.fake() else {
        return Case::not_applicable(NO_SIMULATOR);
    };
    fake.state().conflicts = 4;
    let thing = on("suite-orders", "read");
    let mut desk = Desk::new(&world, person(1));
    desk.open(&thing).await;
    desk.settled().await;
    assert_eq!(fake.state().conflicts, 0, "every one was met");
    desk.expect(&thing, true, "after the conflicts").await;
    Case::Passed
}

async fn poor_listing(kind: &Elastic) -> Case {
    let world = kind.world().await;
    let rights = json!({"cluster": ["monitor", "manage_security"], "indices":
        [{"names": ["*"], "privileges": ["monitor"]}]});
    world.login(LACKING, rights).await;
    let poor = world.build(&world.cluster.url, "suite", LACKING, "");
    let health = poor.check().await.expect("health");
    assert!(health.missing.is_empty(), "{:?}", health.missing);
    assert!(
        health
            .warnings
            .iter()
            .any(|told| told.contains("view_index_metadata")),
        "{:?}",
        health.warnings
    );
    let titles = |found: latchkey::providers::Discovery| -> Vec<String> {
        let all = found.resources.into_iter().map(|one| one.at.title);
        all.filter(|title| title != "suite-all-orders").collect()
    };
    let rich = world.provider(crate::target::Setting::Usual);
    assert_eq!(
        titles(poor.discover().await.expect("the poor listing")),
        titles(rich.discover().await.expect("the rich listing")),
        "but for aliases"
    );
    world.done().await;
    Case::Passed
}

/// A name with a wildcard in it would give more than it says.
async fn patterns(kind: &Elastic) -> Case {
    let world = kind.world().await;
    for name in [
        "*",
        "suite-*",
        "_all",
        "/suite-.*/",
        "suite-orders,suite-invoices",
        ".security-7",
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

/// The cluster's own address leads nowhere: all that is done, is done through the proxy.
async fn through_a_proxy(kind: &Elastic) -> Case {
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
    let answer = desk.settled().await.remove(0);
    desk.expect(&thing, true, "through the proxy").await;
    assert!(
        answer.details.notes.iter().any(|note| note.contains("proxy")),
        "the person is told: {:?}",
        answer.details.notes
    );
    Case::Passed
}

async fn caches(kind: &Elastic) -> Case {
    let world = kind.world().await;
    let Some(fake) = world.fake() else {
        return Case::not_applicable(NO_SIMULATOR);
    };
    let thing = on("suite-orders", "read");
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&thing).await;
    desk.settled().await;
    desk.end(&lease);
    desk.settled().await;
    let login = desk.login(&thing);
    assert_eq!(
        fake.state().cleared,
        [(login, super::fake::REALM.to_owned())],
        "by the realm that the login was seen in"
    );
    let users: Value = world.cluster.admin("GET", "/_security/user", None).await;
    assert!(users.as_object().is_some_and(|all| all.len() == 5), "{users}");
    Case::Passed
}
