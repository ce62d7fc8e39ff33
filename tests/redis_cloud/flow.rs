//! Tasks, settling, restarts: the vendor's way of taking its time.

use std::time::Duration;

use latchkey::{
    demo::redis_cloud::{Op, Options, Side},
    providers::{Account, ErrorKind, Presence, Want},
};

use crate::rig::{PROD, Rig, Setting, database, prod, provider, secret};

/// 404, then received, then worked on, then done; active, pending, active: nothing is called done before its time.
#[tokio::test]
async fn a_grant_is_done_when_the_login_works_and_not_before() {
    let mut rig = Rig::new().await;
    let lease = rig.lease("l1", prod(), "Read-Write");
    let mut account = rig.account(1, &lease);
    let password = secret(1);
    let want = Want::Open(vec![lease]);
    let first = rig
        .turn(&mut account, want.clone(), Some(&password))
        .await
        .unwrap();
    assert!(first.waiting.is_some() && !first.credential_set);
    assert_eq!(rig.handle().logins("jit"), []);
    let done = rig.until_done(&mut account, want, Some(&password)).await;
    assert!(done.answer.credential_set);
    assert!(rig.can(&account, &password, "set") && !rig.can(&account, &password, "flushall"));
    let shown: Vec<&str> = done
        .answer
        .details
        .fields
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        shown,
        [
            "redis-51001.c1.eu-west-1-1.example.com:16001 (TLS)",
            "prod",
            account.name.login()
        ]
    );
    let line = &done.answer.details.examples[0];
    assert!(
        line.contains(" --tls --user jit_") && line.ends_with("--askpass"),
        "{line}"
    );
    assert!(
        done.waited.iter().any(|why| why.contains("settle")),
        "{:?}",
        done.waited
    );
    // Tasks were unknown for a moment, and that was no failure.
    let lost = rig
        .handle()
        .asked()
        .iter()
        .filter(|one| one.status == 404 && one.path.starts_with("/tasks/"))
        .count();
    assert!(lost > 0, "the account hid no task");
}

/// The pause is what makes the difference: without it "done" is said while the databases do not know yet.
#[tokio::test]
async fn without_the_pause_done_would_be_too_early() {
    let mut options = Options::team();
    options.delays.calm = Duration::from_secs(5);
    let mut rig = Rig::with(options.clone(), 0.0).await;
    let (account, _, password) = rig.granted(1).await;
    assert!(
        !rig.can(&account, &password, "get"),
        "the account settles at once, so this test shows nothing"
    );
    let mut rig = Rig::with(options, 6.0).await;
    let (account, _, password) = rig.granted(1).await;
    assert!(rig.can(&account, &password, "get"));
}

#[tokio::test]
async fn taking_back_is_one_call_and_final() {
    let mut rig = Rig::new().await;
    let (mut account, lease, password) = rig.granted(1).await;
    let login = account.name.login().to_owned();
    let session = rig
        .handle()
        .open_session(&login, password.expose(), PROD)
        .unwrap();
    let done = rig
        .until_done(&mut account, Want::Disabled, Some(&secret(9)))
        .await;
    assert_eq!(done.ran.len(), 1, "{:?}", done.ran);
    assert!(
        done.ran[0].starts_with("PUT /acl/users/") && done.ran[0].contains("***"),
        "{:?}",
        done.ran
    );
    for known in [&password, &secret(9)] {
        assert!(!rig.can(&account, known, "get"));
    }
    assert!(!rig.handle().can_log_in(&login, password.expose(), PROD));
    // The connection may live; its rights do not.
    assert_eq!(rig.handle().session_can(session, "get", "k"), Some(false));
    let seen = rig
        .provider
        .observe(&account, std::slice::from_ref(&lease))
        .await
        .unwrap();
    assert_eq!(
        (seen.presence, seen.held[&lease.id], seen.sessions),
        (Presence::Disabled, false, None)
    );
    // Once sealed, nothing is left to call, whatever password comes along.
    let again = rig
        .until_done(&mut account, Want::Disabled, Some(&secret(10)))
        .await;
    assert_eq!(again.ran, [] as [&str; 0]);
    let gone = rig.until_done(&mut account, Want::Deleted, None).await;
    assert_eq!(
        gone.ran.len(),
        2,
        "the user, then its unused role: {:?}",
        gone.ran
    );
    assert_eq!(rig.handle().logins("jit"), []);
    assert_eq!(
        rig.handle().session_can(session, "ping", ""),
        None,
        "deleting ends what was open"
    );
}

/// A grant whose answer was lost is still in the queue when the lease ends: "not there" must not be believed yet.
#[tokio::test]
async fn a_lost_grant_in_the_queue_is_waited_for() {
    let mut rig = Rig::new().await;
    drop(rig.granted(1).await);
    let lease = rig.lease("l2", prod(), "Read-Only");
    let mut account = rig.account(2, &lease);
    let password = secret(2);
    // Four looks and the POST: the line is cut where its answer should come.
    let line = rig.handle().cut_line(5, Side::After).await.unwrap();
    let cut = provider(&Setting {
        url: &line.url,
        secret_key: "demo-owner-key",
        settle: 0.0,
    });
    let change = rig.change(Want::Open(vec![lease]), Some(password.clone()));
    let error = cut.converge(&account, &change).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(line.was_cut());
    let posts = rig
        .handle()
        .asked()
        .iter()
        .filter(|one| one.method == "POST" && one.path == "/acl/users")
        .count();
    assert_eq!(posts, 2, "the second user's POST was taken in");
    rig.pass(Duration::from_millis(200));
    rig.restart();

    let first = rig
        .turn(&mut account, Want::Disabled, Some(&secret(3)))
        .await
        .unwrap();
    assert!(
        first.waiting.is_some(),
        "an operation is under way, and nothing was waited for"
    );
    let done = rig
        .until_done(&mut account, Want::Disabled, Some(&secret(3)))
        .await;
    assert!(
        done.waited.iter().any(|why| why.contains("earlier operation")),
        "{:?}",
        done.waited
    );
    rig.handle().pass_all();
    assert!(
        !rig.handle()
            .can_log_in(account.name.login(), password.expose(), PROD)
    );
    let seen = rig.provider.observe(&account, &[]).await.unwrap();
    assert_eq!(seen.presence, Presence::Disabled);
}

#[tokio::test]
async fn many_accounts_share_one_queue_and_one_role() {
    let mut rig = Rig::new().await;
    let mut all: Vec<(Account, Want, _)> = Vec::new();
    for n in 0..6 {
        let lease = rig.lease(&format!("l{n}"), prod(), "Read-Only");
        all.push((rig.account(n, &lease), Want::Open(vec![lease]), secret(n)));
    }
    let mut open: Vec<usize> = (0..all.len()).collect();
    for _ in 0..200 {
        for at in open.clone() {
            let (account, want, password) = &mut all[at];
            let answer = rig.turn(account, want.clone(), Some(password)).await.unwrap();
            if answer.waiting.is_none() {
                open.retain(|left| *left != at);
            }
        }
        rig.pass(Duration::from_millis(200));
    }
    assert_eq!(open, [] as [usize; 0]);
    for (account, _, password) in &all {
        assert!(rig.can(account, password, "get"), "{account:?}");
    }
    let logins = rig.handle().logins("jit");
    assert_eq!(logins.len(), 6);
    assert!(logins.iter().all(|(_, role)| *role == logins[0].1), "{logins:?}");
    // One goes; the role stays for the others.
    let (account, _, _) = &mut all[0];
    let mut account = account.clone();
    rig.until_done(&mut account, Want::Deleted, None).await;
    for (account, _, password) in &all[1..] {
        assert!(rig.can(account, password, "get"), "{account:?}");
    }
}

/// Somebody gives our shared role more than its name says: the next grant puts it back, for all who hold it.
#[tokio::test]
async fn an_altered_role_is_put_back() {
    let mut rig = Rig::new().await;
    let (account, _, password) = rig.granted(1).await;
    let role = rig.handle().logins("jit")[0].1.clone();
    let full = serde_json::json!([{"ruleName": "Full-Access", "databases": [{"subscriptionId": 2001, "databaseId": PROD}]}]);
    let rules = Some(serde_json::from_value(full).unwrap());
    rig.handle()
        .others(&Op::UpdateRole {
            name: role.clone(),
            new_name: None,
            rules,
        })
        .unwrap();
    assert!(rig.can(&account, &password, "flushall"));
    drop(rig.granted(2).await);
    assert!(!rig.can(&account, &password, "flushall") && rig.can(&account, &password, "get"));
}

#[tokio::test]
async fn what_is_gone_is_the_requesters_to_know() {
    let mut rig = Rig::new().await;
    for (resource, permission) in [
        (database(&["pro", "2001", "59999"], "gone"), "Read-Only"),
        (database(&["pro", "2001", "51003"], "sessions"), "Read-Only"),
        (prod(), "No-Such-Rule"),
        (database(&["pro", "2001"], "half"), "Read-Only"),
    ] {
        let lease = rig.lease("l1", resource, permission);
        let mut account = rig.account(1, &lease);
        let done = rig
            .until_done(&mut account, Want::Open(vec![lease.clone()]), Some(&secret(1)))
            .await;
        assert_eq!(done.answer.failed.len(), 1, "{permission}");
        assert_eq!(
            done.answer.failed[0].1.kind,
            ErrorKind::Invalid,
            "{:?}",
            done.answer.failed
        );
        assert!(
            !rig.handle()
                .can_log_in(account.name.login(), secret(1).expose(), PROD)
        );
    }
}

/// Time in the vendor's queue is told in minutes, and the task is never given up.
#[tokio::test]
async fn a_long_queue_is_told() {
    let mut options = Options::team();
    options.delays.queued = Duration::from_secs(900);
    let mut rig = Rig::with(options, 0.0).await;
    let lease = rig.lease("l1", prod(), "Read-Only");
    let mut account = rig.account(1, &lease);
    let want = Want::Open(vec![lease]);
    rig.turn(&mut account, want.clone(), Some(&secret(1)))
        .await
        .unwrap();
    rig.pass(Duration::from_secs(660));
    let answer = rig.turn(&mut account, want, Some(&secret(1))).await.unwrap();
    assert!(
        answer
            .waiting
            .as_deref()
            .is_some_and(|why| why.contains("11 min")),
        "{:?}",
        answer.waiting
    );
    assert_eq!(answer.look_again, Some(Duration::from_secs(30)));
}
