//! What the vendor refuses, and what it forgets.

use std::time::Duration;

use latchkey::{
    demo::redis_cloud::{Fault, Options},
    providers::{ErrorKind, Want},
};

use crate::rig::{Rig, Setting, prod, provider, secret};

fn failing(error: &str, count: u32) -> Fault {
    Fault::FailTasks {
        count,
        error: error.to_owned(),
    }
}

/// Both shapes of a task's error, one after the other: passing ones are tried again with a growing pause.
#[tokio::test]
async fn passing_errors_are_tried_again() {
    let mut rig = Rig::new().await;
    rig.handle().fault(&failing("CLUSTER_UNDER_MAINTENANCE", 4));
    let lease = rig.lease("l1", prod(), "Read-Only");
    let mut account = rig.account(1, &lease);
    let start = rig.now;
    let done = rig
        .until_done(&mut account, Want::Open(vec![lease]), Some(&secret(1)))
        .await;
    assert!(rig.can(&account, &secret(1), "get"));
    let told = done
        .waited
        .iter()
        .filter(|why| why.contains("CLUSTER_UNDER_MAINTENANCE"))
        .count();
    assert_eq!(told, 4);
    assert!(
        rig.now - start > chrono::Duration::seconds(2 + 4 + 8 + 16),
        "the pauses grow"
    );
}

#[tokio::test]
async fn lasting_errors_fail_the_lease_and_free_the_account() {
    for (error, kind) in [
        ("ACL_USER_PASSWORD_NOT_VALID", ErrorKind::Invalid),
        ("UNAUTHORIZED", ErrorKind::Denied),
    ] {
        let mut rig = Rig::new().await;
        drop(rig.granted(1).await);
        let lease = rig.lease("l2", prod(), "Read-Only");
        let mut account = rig.account(2, &lease);
        rig.handle().fault(&failing(error, 1));
        let want = Want::Open(vec![lease.clone()]);
        let done = rig.until_done(&mut account, want.clone(), Some(&secret(2))).await;
        assert_eq!(done.answer.failed.len(), 1);
        let (id, told) = &done.answer.failed[0];
        assert_eq!((id, told.kind), (&lease.id, kind));
        assert!(
            told.message.contains(error) && !told.message.contains(secret(2).expose()),
            "{told}"
        );
        // The failed task is not asked for again.
        let done = rig.until_done(&mut account, want, Some(&secret(2))).await;
        assert!(done.answer.failed.is_empty() && rig.can(&account, &secret(2), "get"));
    }
}

/// Where the vendor has no rule that allows nothing, the user is deleted: never is access left for want of a role.
#[tokio::test]
async fn without_an_inert_rule_users_are_deleted() {
    let mut options = Options::team();
    options.refuse_empty_rules = true;
    let mut rig = Rig::with(options, 0.0).await;
    let (mut account, _, password) = rig.granted(1).await;
    let done = rig
        .until_done(&mut account, Want::Disabled, Some(&secret(9)))
        .await;
    assert_eq!(done.ran.len(), 1);
    assert!(done.ran[0].starts_with("DELETE /acl/users/"), "{:?}", done.ran);
    rig.handle().pass_all();
    assert!(!rig.can(&account, &password, "get"));
    assert_eq!(rig.handle().logins("jit"), []);
}

/// A revocation that the vendor refuses for good is told, and tried for ever.
#[tokio::test]
async fn a_refused_revocation_is_never_called_done() {
    let mut rig = Rig::new().await;
    let (mut account, lease, password) = rig.granted(1).await;
    rig.handle().fault(&failing("SOMETHING_NEW", 3));
    let mut change = rig.change(Want::Disabled, Some(secret(9)));
    change.release = vec![lease.clone()];
    for _ in 0..10 {
        let answer = rig.provider.converge(&account, &change).await.unwrap();
        account.memo = answer.memo;
        let Some(pause) = answer.look_again.filter(|_| answer.waiting.is_some()) else {
            panic!("called done while access stands");
        };
        if answer
            .failed
            .iter()
            .any(|(id, error)| *id == lease.id && error.message.contains("SOMETHING_NEW"))
        {
            break;
        }
        rig.pass(pause);
        change.now = rig.now;
    }
    assert!(rig.can(&account, &password, "get"));
    rig.handle().clear_faults();
    rig.until_done(&mut account, Want::Disabled, Some(&secret(9)))
        .await;
    assert!(!rig.can(&account, &password, "get"));
}

/// Five times in a row unknown: the task is lost, and the next look decides what is left to do.
#[tokio::test]
async fn a_forgotten_task_is_given_up() {
    let mut rig = Rig::new().await;
    drop(rig.granted(1).await);
    let lease = rig.lease("l2", prod(), "Read-Only");
    let mut account = rig.account(2, &lease);
    rig.turn(&mut account, Want::Open(vec![lease.clone()]), Some(&secret(2)))
        .await
        .unwrap();
    account.memo.insert(
        "task".to_owned(),
        "00000000-0000-4000-8000-000000000000".to_owned(),
    );
    let done = rig
        .until_done(&mut account, Want::Open(vec![lease]), Some(&secret(2)))
        .await;
    assert!(rig.can(&account, &secret(2), "get"), "{:?}", done.waited);
    let asked = rig.handle().asked();
    assert_eq!(
        asked
            .iter()
            .filter(|one| one.path.contains("00000000-0000"))
            .count(),
        5
    );
}

#[tokio::test]
async fn too_many_at_once_carries_a_pause() {
    let mut options = Options::team();
    options.tasks_at_once = 0;
    let mut rig = Rig::with(options, 0.0).await;
    let lease = rig.lease("l1", prod(), "Read-Only");
    let mut account = rig.account(1, &lease);
    let error = rig
        .turn(&mut account, Want::Open(vec![lease]), Some(&secret(1)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.retry_after),
        (ErrorKind::Transient, Some(Duration::from_secs(1)))
    );

    let mut options = Options::team();
    options.calls_a_minute = Some(3);
    let rig = Rig::with(options, 0.0).await;
    for _ in 0..3 {
        rig.provider.accounts().await.unwrap();
    }
    let error = rig.provider.accounts().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(
        error
            .retry_after
            .is_some_and(|pause| pause > Duration::from_secs(50)),
        "{error:?}"
    );
}

#[tokio::test]
async fn errors_without_a_body_are_understood() {
    for (status, kind) in [
        (401, ErrorKind::Denied),
        (403, ErrorKind::Denied),
        (404, ErrorKind::Invalid),
        (412, ErrorKind::Invalid),
        (429, ErrorKind::Transient),
        (500, ErrorKind::Transient),
        (503, ErrorKind::Transient),
    ] {
        let rig = Rig::with(Options::team(), 0.0).await;
        rig.handle().fault(&Fault::Status {
            skip: 0,
            calls: 1,
            status,
        });
        let error = rig.provider.check().await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_viewers_key_is_named_and_cannot_revoke() {
    let mut rig = Rig::new().await;
    let (account, _, _) = rig.granted(1).await;
    let viewer = provider(&Setting {
        url: &rig.simulator.url,
        secret_key: "demo-viewer-key",
        settle: 0.0,
    });
    let health = viewer.check().await.unwrap();
    assert_eq!(health.target_id, "1001");
    assert_eq!(health.missing.len(), 1);
    assert!(
        health.missing[0].contains("key is Viewer, revoking needs Owner"),
        "{:?}",
        health.missing
    );
    let change = rig.change(Want::Disabled, Some(secret(9)));
    let error = viewer.converge(&account, &change).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    // A wrong source address looks the same: the words say so.
    assert!(error.message.contains("allow list"), "{error}");
}
