//! What changes under a request between two steps: people leave, deliveries come twice, the store is restored.

use chrono::TimeDelta;
use latchkey::{
    control::ControlRequest,
    demo::{
        redis_cloud::Fault,
        slack::{ApiFault, DeliveryFault, Submitted},
    },
    store::backup::{self, Restored},
};

use crate::{
    acts::{APPROVE, ASK},
    harness::{Setup, World},
};

const OWNER_RULE: &str = "approvers = [\"owner\"]";

async fn granted(setup: Setup) -> (World, String) {
    let mut w = setup.start().await;
    let code = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
    (w, code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_delivery_twice_is_everything_once() {
    let mut w = Setup::default().start().await;
    w.slack.fail_next_delivery(DeliveryFault::Duplicate);
    w.say("ann", ASK).await;
    let requests = w.requests().await;
    assert_eq!(requests.len(), 1);
    w.slack.fail_next_delivery(DeliveryFault::Duplicate);
    w.press("bob", APPROVE).await;
    assert_eq!(w.requests().await[0].votes.len(), 1);
    assert_eq!((w.leases().await.len(), w.logins().len()), (1, 1));
    w.slack.fail_next_delivery(DeliveryFault::Duplicate);
    w.press("ann", "Finish now").await;
    assert_eq!(w.leases().await.len(), 1);
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_of_somebody_who_left_since_does_not_count() {
    let rule = "approvers = [\"group:dba\", \"person:joe\"]\nquorum = 2";
    let mut w = Setup::default().with(OWNER_RULE, rule).start().await;
    let code = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    w.reads("eve", "1 of 2 votes (bob)");
    w.reconfigures("[\"bob\", \"eve\"]", "[\"eve\"]").await;
    w.press("eve", APPROVE).await;
    assert!(w.request(&code).await.is_pending(), "bob's vote is nobody's now");
    assert_eq!(w.logins(), []);
    w.press("joe", APPROVE).await;
    assert!(!w.request(&code).await.is_pending());
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_given_to_somebody_who_left_while_it_waited() {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    w.slack.change_person("ann", |ann| ann.deleted = true);
    w.passes(1).await;
    w.press("bob", APPROVE).await;
    w.reads("bob", "ann cannot act here any more; nothing was given.");
    let forced = w
        .orders(ControlRequest::Approve {
            code,
            reason: "they said so".parse().expect("a reason"),
        })
        .await;
    assert!(forced.is_err_and(|why| why.contains("nothing was given")));
    assert_eq!(w.leases().await, []);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_and_cannot_be_revoked_is_told_to_those_who_answer_for_it() {
    let (mut w, code) = granted(Setup::default()).await;
    w.redis.handle.fault(&Fault::Down);
    w.slack.fail_calls(
        "chat.update",
        ApiFault::Error("channel_not_found".into()),
        Some(1),
    );
    w.slack.change_person("ann", |ann| ann.deleted = true);
    w.passes(1).await;
    w.reads("joe", "ann was deactivated; 1 lease of theirs ends now.");
    w.advance(TimeDelta::minutes(3)).await;
    let told = w.reads("joe", "Not revoked: ann");
    assert!(told.contains(&code), "{told}");
    w.redis.handle.clear_faults();
    w.advance(TimeDelta::minutes(6)).await;
    w.holds_nothing();
    w.reads("joe", "Revoked at last: ann");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_ask_any_more_does_not_extend() {
    let (mut w, code) = granted(Setup::default()).await;
    let before = w.leases().await[0].expires_at;
    w.slack.change_groups(|groups| {
        for group in groups.iter_mut().flatten() {
            group.members.retain(|member| member != "U0ANN");
        }
    });
    w.advance(TimeDelta::minutes(6)).await;
    let no = w.say("ann", &format!("/access extend {code} 1h")).await;
    assert!(no.contains("no access flow gives you Read-Write here"), "{no}");
    w.reads_not("bob", "Extension request");
    assert_eq!(w.leases().await[0].expires_at, before);
    let finish = w.say("ann", "/access finish").await;
    assert!(
        finish.contains("Ending redis-cloud / prod now."),
        "giving back is for all: {finish}"
    );
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_automatic_extension_wants_a_reason_too() {
    let mut w = Setup::default()
        .with(OWNER_RULE, "approval = \"automatic\"")
        .start()
        .await;
    let code = w.asks("ann", ASK).await;
    let before = w.leases().await[0].expires_at;
    assert_eq!(w.say("ann", &format!("/access extend {code} 90m")).await, "");
    assert!(w.modal("ann").contains("<90m>"), "{}", w.modal("ann"));
    assert_eq!(w.leases().await[0].expires_at, before, "not without a reason");
    w.fills("ann", "Reason", "  ").await;
    assert!(matches!(w.submits("ann").await, Submitted::Errors(_)));
    assert_eq!(w.leases().await[0].expires_at, before);
    w.fills("ann", "Reason", "still stuck").await;
    w.submits("ann").await;
    assert_eq!(w.leases().await[0].expires_at, before + TimeDelta::minutes(90));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_for_what_one_holds_offers_to_extend_it() {
    let (mut w, _) = granted(Setup::default()).await;
    w.say("ann", ASK).await;
    w.press("ann", "Extend 1 h").await;
    w.reads("bob", "Extension request");
    assert_eq!(w.leases().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_gives_nothing_until_an_admin_resumes_it_and_still_takes_back() {
    let (mut w, _) = granted(Setup::default()).await;
    w.press("ann", "Show credential").await;
    let (login, password) = (w.modal_value("ann", "User"), w.modal_value("ann", "Password"));
    w.person("ann").closes_modal().await.expect("it closes");
    let (data, saved) = (w.dir.path().join("data"), w.dir.path().join("saved"));
    w.stop().await;
    backup::backup(&data, &saved).expect("it is saved");
    std::fs::remove_dir_all(&data).expect("the disk is lost");
    let now = latchkey::clock::Clock::now(&*w.clock);
    let came_back = backup::restore(&saved, &data, now).expect("it is restored");
    assert!(matches!(came_back, Restored::FromBackup { .. }), "{came_back:?}");
    w.start_again().await;
    let no = w.say("ann", "/access redis-cloud cache 1h").await;
    assert!(no.contains("nothing is granted right now"), "{no}");
    assert_eq!(w.requests().await.len(), 1);
    w.passes(3).await;
    assert!(
        !w.redis.handle.can_log_in(&login, &password, 51_001),
        "what ends still ends"
    );
    let said = w.orders(ControlRequest::Resume).await.expect("resumed");
    assert!(said.to_string().contains("the quarantine is over"), "{said}");
    let yes = w.say("ann", "/access redis-cloud cache 1h").await;
    assert!(yes.contains("Asked joe."), "{yes}");
    w.press("joe", "Approve 1 h").await;
    w.reads("ann", "Ready until");
}
