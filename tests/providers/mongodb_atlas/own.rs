//! Cases of this kind alone.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Feature, Presence};
use serde_json::json;

use super::{OWNER, Project, SERVICE_ACCOUNT, check_contract, named, on};
use crate::atlas_sim::{Asked, Contract, Fault, id, organization};
use crate::desk::{Desk, person};
use crate::target::{Case, Setting, Target, Thing};

type Checked = Option<Arc<Contract>>;

pub fn cases(contract: Checked) -> Vec<(&'static str, BoxFuture<'static, Case>)> {
    let with = || contract.clone();
    vec![
        (
            "wrong_requests_fail_the_contract",
            Box::pin(wrong_requests(with())),
        ),
        ("nonces_are_kept_and_renewed", Box::pin(nonces(with()))),
        (
            "service_account_works_and_renews_its_token",
            Box::pin(service_account(with())),
        ),
        (
            "told_only_once_the_cluster_has_it",
            Box::pin(applied_first(with())),
        ),
        ("far_ends_are_moved_on", Box::pin(far_ends(with()))),
        (
            "without_expiry_a_locked_login_stays",
            Box::pin(without_expiry(with())),
        ),
        (
            "shared_roles_are_one_for_all_and_go_with_the_last",
            Box::pin(shared_roles(with())),
        ),
        ("full_limits_are_named", Box::pin(limits(with()))),
        ("paused_cluster_waits_and_lets_go", Box::pin(paused(with()))),
        ("flex_cluster_takes_typed_names", Box::pin(flex(with()))),
        (
            "every_kind_of_pace_limit_carries_retry_after",
            Box::pin(pace(with())),
        ),
        ("pages_are_read_to_the_end", Box::pin(pages(with()))),
    ]
}

/// The check of requests would be worth nothing if it let these pass.
async fn wrong_requests(contract: Checked) -> Case {
    let Some(contract) = contract else {
        return Case::not_applicable("not run: the vendor's description is not here");
    };
    let version = "application/vnd.atlas.2023-01-01+json".to_owned();
    let path = format!("/api/atlas/v2/groups/{}/databaseUsers", id(1));
    let right = Asked {
        method: "POST".to_owned(),
        path: path.clone(),
        query: None,
        accept: Some(version.clone()),
        content_type: Some(version),
        body: Some(
            json!({"databaseName": "admin", "groupId": id(1), "username": "u", "password": "12345678",
            "roles": [{"roleName": "read", "databaseName": "shop"}], "scopes": [{"name": "c0", "type": "CLUSTER"}]}),
        ),
        status: 201,
        unsigned: false,
    };
    contract.check(&right).expect("a right request passes");
    let changed = |what: &str, change: &dyn Fn(&mut Asked)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        assert!(contract.check(&wrong).is_err(), "{what} passes");
    };
    let body = |wrong: &mut Asked, key: &str, value: serde_json::Value| {
        wrong.body.as_mut().expect("a body")[key] = value;
    };
    changed("a body without groupId", &|wrong| {
        wrong
            .body
            .as_mut()
            .expect("a body")
            .as_object_mut()
            .expect("an object")
            .remove("groupId");
    });
    changed("a short password", &|wrong| {
        body(wrong, "password", json!("short"))
    });
    changed("an unknown field", &|wrong| body(wrong, "superuser", json!(true)));
    changed("roles that are no list", &|wrong| {
        body(wrong, "roles", json!("read"))
    });
    changed("a scope without a type", &|wrong| {
        body(wrong, "scopes", json!([{"name": "c0"}]))
    });
    changed("no body", &|wrong| wrong.body = None);
    changed("another version", &|wrong| {
        wrong.accept = Some("application/vnd.atlas.2019-01-01+json".to_owned())
    });
    changed("no version", &|wrong| {
        wrong.accept = Some("application/json".to_owned())
    });
    changed("another content type", &|wrong| {
        wrong.content_type = Some("application/json".to_owned())
    });
    changed("a path that is not there", &|wrong| {
        wrong.path = format!("{path}s")
    });
    changed("a method that is not there", &|wrong| {
        wrong.method = "PUT".to_owned()
    });
    changed("an id that is none", &|wrong| {
        wrong.path = path.replace(&id(1), "shop")
    });
    changed("an unknown query", &|wrong| {
        (wrong.method, wrong.body, wrong.query) = ("GET".to_owned(), None, Some("limit=5".to_owned()));
    });
    changed("too large a page", &|wrong| {
        (wrong.method, wrong.body, wrong.query) =
            ("GET".to_owned(), None, Some("itemsPerPage=501".to_owned()));
    });
    Case::Passed
}

async fn nonces(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    let provider = project.usual("");
    for _ in 0..5 {
        provider.accounts().await.expect("a list");
    }
    let unsigned = |project: &Project| {
        project
            .handle()
            .world()
            .asked
            .iter()
            .filter(|call| call.unsigned)
            .count()
    };
    assert_eq!(unsigned(&project), 1, "one nonce serves many calls");
    project.handle().world().nonce_uses = 2;
    project.handle().world().expire_nonces();
    for _ in 0..6 {
        provider
            .accounts()
            .await
            .expect("a list although nonces wear out");
    }
    assert_eq!(unsigned(&project), 1, "a worn-out nonce brings its successor");
    // Keys that are refused are not tried again and again: somebody may be counting.
    let before = project.handle().world().asked.len();
    let wrong = project.build(&project.simulator.url, "suite", (OWNER.0, "wr0ng"), "");
    let error = wrong.accounts().await.expect_err("a wrong key");
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert_eq!(
        project.handle().world().asked.len() - before,
        2,
        "one for the nonce, one refused"
    );
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

async fn service_account(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), named()).await;
    let provider = project.build(&project.simulator.url, "suite", SERVICE_ACCOUNT, "");
    let health = provider.check().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(health.missing.is_empty(), "{:?}", health.missing);
    assert!(health.own_expires.is_some(), "its secret dies");
    let tokens = |project: &Project| {
        let world = project.handle().world();
        world
            .asked
            .iter()
            .filter(|call| call.path == "/api/oauth/token")
            .count()
    };
    assert_eq!(tokens(&project), 1, "one token serves many calls");
    let mut desk = Desk::with(&project, person(1), provider);
    let thing = project.offer().read;
    desk.open(&thing).await;
    desk.settled().await;
    desk.expect(&thing, true, "with a token").await;
    project.handle().world().expire_tokens();
    desk.provider.accounts().await.expect("a list with a new token");
    assert_eq!(tokens(&project), 2);
    let wrong = project.build(
        &project.simulator.url,
        "suite",
        (SERVICE_ACCOUNT.0, "mdb_sa_sk_wr0ng"),
        "",
    );
    let error = wrong.check().await.expect_err("a wrong secret");
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(!error.message.contains("wr0ng"));
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

/// Turns a second apart until nothing is waited for; how many seconds it took. Nobody is told of a login the cluster refuses.
async fn until_told(project: &Project, desk: &mut Desk<'_>, thing: &Thing) -> u32 {
    let scope = desk.provider.scope(&thing.at, &thing.permission);
    for seconds in 0..60 {
        let want = desk.want(&scope);
        let answer = desk
            .turn(&scope, want)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(answer.failed.is_empty(), "{:?}", answer.failed);
        if answer.waiting.is_none() {
            return seconds;
        }
        assert!(!answer.credential_set && answer.look_again.is_some());
        desk.now += chrono::Duration::seconds(1);
        project.handle().world().skip(Duration::from_secs(1));
    }
    panic!("never told");
}

/// Atlas answers before the cluster has it, and its status may not have noticed yet.
async fn applied_first(contract: Checked) -> Case {
    let project = Project::new(contract, organization()).await;
    project.handle().world().lag = Duration::from_secs(2);
    project.handle().world().delay = Duration::from_secs(5);
    let mut desk = Desk::with(&project, person(1), project.usual("settle_seconds = 3"));
    let thing = project.offer().read;
    desk.open(&thing).await;
    let seconds = until_told(&project, &mut desk, &thing).await;
    assert!(seconds >= 3, "the status was believed after {seconds} s");
    desk.expect(&thing, true, "told, so the cluster has it").await;
    Case::Passed
}

/// Atlas takes an end at most a week ahead: for a longer lease it is moved on, and not at every look.
async fn far_ends(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    let mut desk = Desk::with(&project, person(1), project.usual(""));
    let thing = project.offer().read;
    desk.open(&thing).await;
    let login = desk.login(&thing);
    desk.held(&thing).open[0].expires_at += chrono::Duration::days(20);
    let (start, end) = (desk.now, desk.held(&thing).open[0].expires_at);
    let mut moved = 0;
    let mut last = None;
    for day in 0..=20 {
        let answer = desk.settled().await.remove(0);
        let until = project.expiry(&login).await.expect("an end");
        assert!(
            until > desk.now && until <= desk.now + chrono::Duration::days(7),
            "day {day}: {until}"
        );
        assert!(until <= end + chrono::Duration::hours(1));
        moved += u32::from(last != Some(until));
        last = Some(until);
        if until < end {
            assert_eq!(
                answer.look_again,
                Some(Duration::from_secs(24 * 3600)),
                "day {day}"
            );
        }
        desk.expect(&thing, true, "a net that is moved on holds nobody up")
            .await;
        desk.now += chrono::Duration::days(1);
        project.handle().world().skip(Duration::from_secs(24 * 3600));
    }
    assert_eq!(
        last,
        Some(end + chrono::Duration::hours(1)),
        "an hour after the end"
    );
    assert!(moved <= 17, "moved {moved} times in 20 days");
    // The bot is down from here on: Atlas ends it.
    project.handle().world().skip(Duration::from_secs(24 * 3600));
    project.handle().pass_all();
    assert_eq!(
        desk.observe(&thing, &[]).await.presence,
        Presence::Absent,
        "since {start}"
    );
    desk.expect(&thing, false, "after Atlas's own end").await;
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

async fn without_expiry(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    let mut desk = Desk::with(&project, person(1), project.usual("server_side_expiry = false"));
    let thing = project.offer().read;
    let lease = desk.open(&thing).await;
    desk.settled().await;
    let (login, old) = (desk.login(&thing), desk.credential(&thing));
    assert_eq!(project.expiry(&login).await, None);
    desk.end(&lease);
    desk.settled().await;
    assert!(
        !project.can_log_in(&login, &old).await,
        "nobody knows its password"
    );
    assert_eq!(desk.observe(&thing, &[]).await.presence, Presence::Disabled);
    let before = project
        .handle()
        .world()
        .asked
        .iter()
        .filter(|call| call.is_write())
        .count();
    desk.settled().await;
    let after = project
        .handle()
        .world()
        .asked
        .iter()
        .filter(|call| call.is_write())
        .count();
    assert_eq!(before, after, "a login that is locked is left alone");
    // Now with the expiry: a user without an end cannot be given one, and must not hinder.
    desk.forget_released();
    desk.restart();
    desk.provider = project.usual("");
    let lease = desk.open(&thing).await;
    desk.settled().await;
    desk.expect(&thing, true, "opened again").await;
    assert_eq!(project.expiry(&login).await, None);
    desk.end(&lease);
    desk.settled().await;
    assert_eq!(desk.observe(&thing, &[]).await.presence, Presence::Absent);
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

async fn shared_roles(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    let roles = |project: &Project| {
        let world = project.handle().world();
        let all = &world.group(&id(1)).expect("the project").roles;
        all.iter().filter(|role| role.name.starts_with("jits_")).count()
    };
    let thing = on("collection", &["shop", "orders"], "shop/orders", "manageIndexes");
    let other = on("database", &["billing"], "billing", "manageIndexes");
    let mut people = Vec::new();
    for n in 0..4 {
        let mut desk = Desk::with(&project, person(n), project.usual(""));
        let leases = [desk.open(&thing).await, desk.open(&other).await];
        desk.settled().await;
        desk.expect(&thing, true, "with the shared role").await;
        desk.expect(&other, true, "with the other shared role").await;
        people.push((desk, leases));
    }
    assert_eq!(roles(&project), 2, "eight grants, two roles");
    // An admin widened ours: the next look takes that back.
    {
        let mut world = project.handle().world();
        let group = world.group_mut(&id(1)).expect("the project");
        let role = group
            .roles
            .iter_mut()
            .find(|role| role.name.starts_with("jits_"))
            .expect("ours");
        role.actions
            .push(("FIND".to_owned(), "shop".to_owned(), String::new()));
        world.tell(&id(1));
    }
    people[0].0.settled().await;
    let widened = {
        let world = project.handle().world();
        let all = &world.group(&id(1)).expect("the project").roles;
        all.iter().any(|role| {
            role.name.starts_with("jits_") && role.actions.iter().any(|(action, ..)| action == "FIND")
        })
    };
    assert!(!widened, "what nobody approved");
    while let Some((mut desk, leases)) = people.pop() {
        leases.iter().for_each(|lease| desk.end(lease));
        desk.settled().await;
        desk.expect(&thing, false, "ended").await;
        assert_eq!(
            roles(&project),
            if people.is_empty() { 0 } else { 2 },
            "they go with the last user"
        );
        for (desk, _) in &mut people {
            desk.expect(&thing, true, "somebody else's end").await;
        }
    }
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

async fn limits(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    {
        let mut world = project.handle().world();
        let group = world.group_mut(&id(1)).expect("the project");
        (group.users_limit, group.roles_limit) = (10, 1);
    }
    for n in 0..9 {
        project.make_stranger(&format!("service{n}")).await;
    }
    let health = project.usual("").check().await.expect("a look");
    assert!(health.missing.is_empty());
    let warned = |words: &str| health.warnings.iter().any(|warning| warning.contains(words));
    assert!(
        warned("9 of the 10 database users") && warned("1 of the 1 custom roles"),
        "{:?}",
        health.warnings
    );
    // Built-in roles need no room among the custom ones.
    let thing = project.offer().read;
    let mut ann = Desk::with(&project, person(1), project.usual(""));
    ann.open(&thing).await;
    ann.settled().await;
    ann.expect(&thing, true, "the last one in").await;
    for thing in [thing, on("database", &["shop"], "shop", "manageIndexes")] {
        let mut bob = Desk::with(&project, person(2), project.usual(""));
        bob.open(&thing).await;
        let scope = bob.provider.scope(&thing.at, &thing.permission);
        let answer = bob
            .until_done(&scope, bob.want(&scope))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let (_, error) = answer.failed.first().expect("no room");
        assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
        assert!(
            error.message.contains("limit") && error.message.contains("LIMIT_EXCEEDED"),
            "{error}"
        );
    }
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

async fn paused(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    let mut desk = Desk::with(&project, person(1), project.usual(""));
    let thing = project.offer().read;
    let lease = desk.open(&thing).await;
    desk.settled().await;
    let pause = |paused| {
        project
            .handle()
            .world()
            .cluster_mut(&id(1), "cluster0")
            .expect("there")
            .paused = paused
    };
    pause(true);
    let found = desk.provider.discover().await.expect("a list");
    assert!(
        found
            .resources
            .iter()
            .all(|one| one.unavailable.as_deref() == Some("the cluster is paused"))
    );
    let mut bob = Desk::with(&project, person(2), project.usual(""));
    bob.open(&thing).await;
    let scope = bob.provider.scope(&thing.at, &thing.permission);
    for _ in 0..3 {
        let answer = bob
            .turn(&scope, bob.want(&scope))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let waiting = answer.waiting.expect("not yet");
        assert!(waiting.contains("paused"), "{waiting}");
        project.handle().pass_all();
    }
    desk.end(&lease);
    let answer = desk.settled().await.remove(0);
    assert!(
        answer.remarks.iter().any(|remark| remark.contains("paused")),
        "{:?}",
        answer.remarks
    );
    pause(false);
    project.handle().pass_all();
    desk.expect(&thing, false, "taken back while it was paused").await;
    bob.settled().await;
    bob.expect(&thing, true, "once it goes on").await;
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

async fn flex(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    let mut desk = Desk::with(
        &project,
        person(1),
        project.usual("cluster_name = \"tiny\"\nsettle_seconds = 1"),
    );
    let found = desk.provider.discover().await.expect("a list");
    let kinds: Vec<&str> = found.resources.iter().map(|one| one.at.kind.as_str()).collect();
    assert_eq!(kinds, ["cluster", "custom_role"], "nothing is listed below it");
    assert!(
        found
            .kinds
            .iter()
            .any(|kind| kind.name == "database" && kind.typed_under.as_deref() == Some("cluster"))
    );
    let mut thing = on("database", &["shop"], "tiny/shop", "read");
    thing.at.id[0] = "tiny".to_owned();
    // Such a cluster tells no status of its changes: they are given their time.
    let lease = desk.open(&thing).await;
    let seconds = until_told(&project, &mut desk, &thing).await;
    assert!(seconds >= 10, "told after {seconds} s");
    desk.expect(&thing, true, "by a typed name").await;
    desk.end(&lease);
    until_told(&project, &mut desk, &thing).await;
    desk.expect(&thing, false, "ended").await;
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}

async fn pace(contract: Checked) -> Case {
    for ip in [false, true] {
        let project = Project::new(contract.clone(), organization()).await;
        let mut desk = Desk::with(&project, person(1), project.usual(""));
        let thing = project.offer().read;
        desk.open(&thing).await;
        project.handle().fault(&Fault::TooMany { calls: 2, ip });
        let scope = desk.provider.scope(&thing.at, &thing.permission);
        for _ in 0..2 {
            let error = desk.turn(&scope, desk.want(&scope)).await.expect_err("too many");
            assert_eq!(error.kind, ErrorKind::Transient, "{error}");
            assert!(
                error.retry_after.is_some_and(|pause| !pause.is_zero()),
                "{error:?}"
            );
        }
        desk.settled().await;
        desk.expect(&thing, true, "after the pause").await;
    }
    Case::Passed
}

/// However few entries the server puts on a page.
async fn pages(contract: Checked) -> Case {
    let project = Project::new(contract.clone(), organization()).await;
    {
        let mut world = project.handle().world();
        world.page_limit = 3;
        world.group_mut(&id(1)).expect("the project").users_limit = 1000;
    }
    for n in 0..20 {
        project.make_stranger(&format!("service{n}")).await;
    }
    let mut expected = Vec::new();
    for n in 0..7 {
        let mut desk = Desk::new(&project, person(n));
        desk.open(&project.offer().read).await;
        desk.settled().await;
        expected.push(desk.held(&project.offer().read).account.name.clone());
    }
    expected.sort();
    let desk = Desk::with(&project, person(0), project.provider(Setting::Usual));
    assert_eq!(desk.reported().await, expected);
    assert!(project.registration().supports.contains(&Feature::Expiry));
    // A page that fails fails the listing.
    let (path, times) = ("pageNum=4".to_owned(), 1);
    project.handle().fault(&Fault::Answer {
        path,
        status: 503,
        times,
    });
    let error = desk
        .provider
        .accounts()
        .await
        .expect_err("a part is not the whole");
    assert_eq!(error.kind, ErrorKind::Transient);
    check_contract(contract.as_deref(), project.handle());
    Case::Passed
}
