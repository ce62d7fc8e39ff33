//! The main job, and its turnings.

use chrono::TimeDelta;

use crate::harness::{Setup, World};

async fn granted() -> World {
    let mut w = Setup::default().start().await;
    let answer = w.say("ann", "/access redis-cloud prod rw 2h queue stuck").await;
    assert!(answer.contains("Asked bob and eve"), "{answer}");
    w.press("bob", "Approve 2 h").await;
    w
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_job_from_a_line_to_a_revoked_and_verified_account() {
    let mut w = granted().await;
    let ready = w.reads("ann", "Ready until");
    assert!(ready.contains("VPN first."), "{ready}");
    let logins = w.logins();
    assert_eq!(logins.len(), 1, "{logins:?}");

    w.press("ann", "Show credential").await;
    let (login, password) = (w.modal_value("ann", "User"), w.modal_value("ann", "Password"));
    assert_eq!(login, logins[0].0);
    assert!(
        w.redis.handle.can(&login, &password, 51_001, "set", "key"),
        "the credential works"
    );
    assert!(
        !w.redis.handle.can(&login, &password, 51_001, "flushall", ""),
        "and gives no more than was asked for"
    );
    assert!(
        !w.redis.handle.can(&login, &password, 51_002, "get", "key"),
        "nor on another database"
    );

    w.advance(TimeDelta::hours(2) + TimeDelta::seconds(5)).await;
    let over = w.reads("ann", "Over ");
    assert!(over.contains("Checked"), "{over}");
    assert!(
        !w.redis.handle.can_log_in(&login, &password, 51_001),
        "the credential is dead"
    );
}
