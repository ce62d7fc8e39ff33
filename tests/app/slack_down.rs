//! Slack is away for a day: what was decided goes on, what ends ends on time, and the cards catch up.

use chrono::TimeDelta;

use crate::{
    acts::{APPROVE, ASK},
    harness::{PATIENCE, Setup},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slack_is_down_for_a_day() {
    let mut w = Setup::default().start().await;
    let short = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    w.press("ann", "Show credential").await;
    let (login, password) = (w.modal_value("ann", "User"), w.modal_value("ann", "Password"));
    w.person("ann").closes_modal().await.expect("it closes");
    let waiting = w.asks("ann", "/access redis-cloud cache 8h").await;

    w.slack.go_down();
    assert!(w.redis.handle.can_log_in(&login, &password, 51_001));
    w.advance(TimeDelta::minutes(121)).await;
    assert!(
        !w.redis.handle.can_log_in(&login, &password, 51_001),
        "it ends on time, whatever the chat does"
    );
    let lease = w.leases().await.remove(0);
    let closed = lease.closed.expect("seen to be gone");
    assert!(closed.at - lease.expires_at < TimeDelta::minutes(2), "{closed:?}");
    for _ in 0..6 {
        w.passes(4).await;
    }
    assert!(
        w.request(&waiting).await.decision.is_some(),
        "it lapsed meanwhile"
    );

    w.slack.come_back();
    assert!(w.slack.until_connected(1, PATIENCE).await, "it connects again");
    w.advance(TimeDelta::minutes(6)).await;
    let over = w.reads("ann", &short);
    assert!(over.contains("Over "), "{over}");
    w.reads("bob", "Over ");
    w.reads("joe", "Nobody answered by");
    w.reads("ann", "Nobody answered by");
    let again = w.say("ann", ASK).await;
    assert!(again.contains("Asked bob and eve"), "{again}");
    w.press("eve", APPROVE).await;
    w.reads("ann", "Ready until");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_approved_is_made_though_slack_goes_away_at_that_moment() {
    let mut w = Setup::default().start().await;
    w.asks("ann", ASK).await;
    w.person("bob").clicks(APPROVE).await.expect("the click");
    w.slack.go_down();
    w.settle().await;
    assert_eq!(w.logins().len(), 1);
    w.slack.come_back();
    assert!(w.slack.until_connected(1, PATIENCE).await, "it connects again");
    w.advance(TimeDelta::minutes(6)).await;
    w.reads("ann", "Ready until");
    w.reads("eve", "Approved by bob");
}
