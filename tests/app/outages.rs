//! Stories about targets that are away, or lose an answer.

use chrono::TimeDelta;
use latchkey::demo::redis_cloud::{Fault, Side};

use crate::{
    harness::Setup,
    pg::{Pg, may},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_away_at_the_end_is_shown_as_stuck_and_revoked_when_it_returns_while_others_are_on_time() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    w.gets(
        "ann",
        &format!("/access orders {} rw 1h", pg.database),
        "Approve 1 h",
    )
    .await;
    let (login, password) = w.credential("ann", "Show credential").await;
    let session = pg.enter(&login, &password).await.expect("she signs in");
    w.gets("ann", "/access redis-cloud prod rw 1h", "Approve 1 h")
        .await;
    let (other, secret) = w.credential("ann", "Show credential").await;

    pg.line.down();
    w.advance(TimeDelta::hours(1) + TimeDelta::seconds(5)).await;
    assert!(
        !w.redis.handle.can_log_in(&other, &secret, 51_001),
        "the other target is on time"
    );
    w.advance(TimeDelta::seconds(70)).await;
    w.reads("ann", "Over for you; orders does not answer since");
    w.reads("joe", "Not revoked: ann");
    for _ in 0..6 {
        w.advance(TimeDelta::minutes(10)).await;
    }
    // Late in the outage another lease there is still on time.
    w.gets("ann", "/access redis-cloud prod rw 1h", "Approve 1 h")
        .await;
    w.press("ann", "Finish now").await;
    assert!(may(&session, "SELECT 1").await, "it could not be taken back");

    pg.line.up();
    w.advance(TimeDelta::seconds(60)).await;
    assert!(!may(&session, "SELECT 1").await, "within a minute it is");
    assert!(pg.enter(&login, &password).await.is_none());
    w.reads("ann", "login disabled, 0 sessions");
    w.reads("joe", "Revoked at last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_whose_answer_was_lost_is_finished_or_taken_back_whole() {
    for returns in [true, false] {
        let pg = Pg::start().await;
        let mut w = pg.setup().start().await;
        pg.line.lose_answer_to("COMMIT");
        w.gets(
            "ann",
            &format!("/access orders {} rw 2h", pg.database),
            "Approve 2 h",
        )
        .await;
        assert!(pg.line.has_lost(), "the grant was cut");
        assert_eq!(pg.logins().await.len(), 1, "it took effect");
        w.reads_not("ann", "Ready until");
        if returns {
            pg.line.up();
            w.advance(TimeDelta::minutes(1)).await;
            w.reads("ann", "Ready until");
            w.press("ann", "Finish now").await;
            w.reads("ann", "login disabled");
        } else {
            // Not ready in time: over, and what was begun is undone once the target lets us.
            w.advance(TimeDelta::minutes(11)).await;
            pg.line.up();
            w.advance(TimeDelta::minutes(1)).await;
            w.reads("ann", "Nothing was granted:");
        }
        let logins = pg.logins().await;
        assert!(logins.iter().all(|login| login.ends_with(" shut")), "{logins:?}");
        for login in logins {
            let login = login.trim_end_matches(" shut");
            assert!(pg.roles_of(login).await.is_empty(), "returns: {returns}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_redis_cloud_a_lost_answer_leaves_nothing_behind_wherever_it_was_lost() {
    for nth in [1, 2, 4, 6] {
        let mut w = Setup::default().start().await;
        w.redis.handle.fault(&Fault::Cut {
            nth,
            side: Side::After,
            stays: true,
        });
        w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
            .await;
        w.restart().await;
        w.advance(TimeDelta::minutes(11)).await;
        w.redis.handle.clear_faults();
        for _ in 0..3 {
            w.advance(TimeDelta::minutes(1)).await;
        }
        w.reads("ann", "Nothing was granted:");
        for (login, role) in w.logins() {
            assert!(role.ends_with("_none"), "call {nth}: {login} still has {role}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_refuses_one_task_holds_up_nobody_for_long() {
    let mut w = Setup::default().start().await;
    w.redis.handle.fault(&Fault::FailTasks {
        count: 1,
        error: "ERROR".into(),
    });
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    w.advance(TimeDelta::minutes(2)).await;
    w.reads("ann", "Ready until");
}
