//! Who may act at all: members of our own workspace, as whom they were first seen.

use latchkey::{
    demo::slack::{ApiFault, DeliveryFault, FakePerson, Guest},
    domain::{EndReason, PersonState},
};

use crate::{
    acts::{APPROVE, ASK},
    harness::{Setup, World},
};

async fn world() -> World {
    Setup::default().start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_bots_strangers_and_the_deactivated_are_refused() {
    let mut w = world().await;
    let odd = |name: &str, change: fn(&mut FakePerson)| {
        let mut person = FakePerson::member(&format!("U0{}", name.to_uppercase()), name, name);
        change(&mut person);
        person
    };
    for person in [
        odd("guest", |p| p.guest = Guest::MultiChannel),
        odd("solo", |p| p.guest = Guest::SingleChannel),
        odd("robot", |p| p.is_bot = true),
        odd("other", |p| p.foreign_team = Some("T0OTHER".into())),
        odd("ex", |p| p.deleted = true),
    ] {
        w.joins(person);
    }
    for (name, words) in [
        ("guest", "Guests cannot do this."),
        ("solo", "Guests cannot do this."),
        ("robot", "Bots cannot do this."),
        ("other", "Only members of our own workspace can do this."),
        ("ex", "Your account is deactivated."),
    ] {
        w.refused(name, ASK, words).await;
        w.slack.fail_next_delivery(DeliveryFault::TeamNull);
        w.refused(name, ASK, words).await;
    }
    let known = w.persons().await;
    assert!(
        known
            .iter()
            .all(|person| !["guest", "solo", "robot", "other", "ex"].contains(&person.name.as_str())),
        "{known:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_without_a_team_is_asked_about() {
    let mut w = world().await;
    w.slack.fail_next_delivery(DeliveryFault::TeamNull);
    let answer = w.say("ann", ASK).await;
    assert!(answer.contains("Asked bob and eve"), "{answer}");
    w.slack.fail_next_delivery(DeliveryFault::TeamNull);
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_address_nobody_is_taken_for_somebody() {
    let mut w = world().await;
    w.slack.change_person("bob", |bob| bob.email = None);
    w.slack.change_person("eve", |eve| eve.email_confirmed = false);
    let mut newcomer = FakePerson::member("U0NEW", "newcomer", "New Comer");
    newcomer.email = None;
    w.joins(newcomer);
    let answer = w.say("newcomer", ASK).await;
    assert!(
        answer.contains("Asked joe."),
        "bob and eve cannot be told from others: {answer}"
    );
    w.reads_not("bob", "Access request");
    w.press("joe", APPROVE).await;
    w.reads("newcomer", "Ready until");
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_changed_to_somebody_elses_suspends() {
    let mut w = world().await;
    let code = w.asks("ann", ASK).await;
    w.slack
        .change_person("bob", |bob| bob.email = Some("robert@example.com".into()));
    w.slack
        .change_person("zed", |zed| zed.email = Some("bob@example.com".into()));
    let card = w.card("bob", "Access request");
    w.press_then("bob", &card, APPROVE).await;
    assert!(w.request(&code).await.votes.is_empty());
    w.reads("bob", "We are not sure that it is you");
    let zed = w.say("zed", &format!("/access approve {code} as bob")).await;
    assert!(zed.contains("not one of those who decide"), "{zed}");
    assert_eq!(w.logins(), []);
    w.passes(0).await;
    w.reads("joe", "is suspended");
    w.refused("bob", ASK, "We are not sure that it is you").await;
    let bob = w
        .persons()
        .await
        .into_iter()
        .find(|p| p.chat_user.user == "U0BOB");
    assert!(matches!(bob.expect("bob").state, PersonState::Suspended { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_deactivated_loses_every_lease() {
    let mut w = world().await;
    w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    w.press("ann", "Show credential").await;
    let (login, password) = (w.modal_value("ann", "User"), w.modal_value("ann", "Password"));
    w.asks("ann", "/access redis-cloud cache 4h").await;
    w.press("joe", "Approve 4 h").await;
    assert_eq!(w.leases().await.iter().filter(|lease| lease.is_live()).count(), 2);
    w.slack.change_person("ann", |ann| ann.deleted = true);
    w.passes(0).await;
    w.passes(0).await;
    let leases = w.leases().await;
    assert!(
        leases.iter().all(|lease| lease
            .ended
            .as_ref()
            .is_some_and(|ended| ended.why == EndReason::PersonGone)),
        "{leases:?}"
    );
    assert!(leases.iter().all(|lease| lease.closed.is_some()), "{leases:?}");
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
    w.holds_nothing();
    w.reads("bob", "The person was deactivated.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_chat_does_not_say_who_it_is_nothing_is_done() {
    let mut w = world().await;
    w.slack.fail_calls("users.info", ApiFault::ServerError, None);
    w.refused("ann", ASK, "We could not check who you are just now")
        .await;
    w.slack.clear_faults();
    let answer = w.say("ann", ASK).await;
    assert!(answer.contains("Asked bob and eve"), "{answer}");
    let card = w.card("bob", "Access request");
    w.slack.fail_calls("users.info", ApiFault::ServerError, None);
    w.press_then("bob", &card, APPROVE).await;
    assert_eq!(w.logins(), [], "doubt about authority denies");
    w.slack.clear_faults();
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_in_no_group_that_may_ask_asks_for_nothing() {
    let mut w = world().await;
    w.refused("zed", ASK, "Nothing of that name you can ask for.")
        .await;
    w.slack.change_groups(|groups| *groups = None);
    w.advance(chrono::TimeDelta::minutes(10)).await;
    w.refused("ann", ASK, "Nothing of that name you can ask for.")
        .await;
}
