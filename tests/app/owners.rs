//! Who decides: the owner that a tag names, else those who answer for the integration, else nobody.

use crate::{
    acts::{APPROVE, ASK},
    harness::{Setup, World},
};

/// ann asks for prod, which somebody tagged.
async fn tagged(owner: Option<&str>) -> (World, String) {
    let mut w = Setup::default().start().await;
    w.tags(51_001, owner).await;
    let answer = w.say("ann", ASK).await;
    (w, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tag_names_who_decides_and_the_card_says_so() {
    let (mut w, answer) = tagged(Some("DBA")).await;
    assert!(answer.contains("Asked bob and eve"), "{answer}");
    for name in ["bob", "eve"] {
        let card = w.reads(name, "Access request");
        assert!(
            card.contains("You, because tag owner=DBA on prod names group dba (bob and eve)."),
            "{card}"
        );
        assert!(card.contains("0 of 1 votes"), "{card}");
    }
    w.reads_not("joe", "Access request");
    w.press("eve", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
    w.reads("bob", "Approved by eve");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_tag_leads_to_the_integrations_owner() {
    let (mut w, answer) = tagged(Some("nobody-knows")).await;
    assert!(answer.contains("Asked joe."), "{answer}");
    let card = w.reads("joe", "Access request");
    assert!(
        card.contains(
            "tag owner=nobody-knows on prod names a group we do not know; joe answers for redis-cloud"
        ),
        "{card}"
    );
    w.reads_not("bob", "Access request");
    w.press("joe", APPROVE).await;
    w.reads("ann", "Ready until");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tag_leads_to_the_integrations_owner() {
    let (w, answer) = tagged(None).await;
    assert!(answer.contains("Asked joe."), "{answer}");
    let card = w.reads("joe", "Access request");
    assert!(
        card.contains("prod has no owner tag; joe answers for redis-cloud"),
        "{card}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_owner_who_asks_is_decided_on_by_the_integrations_owner() {
    let mut w = Setup::default()
        .with("[groups]", "[groups]\nsolo = { members = [\"ann\"] }")
        .start()
        .await;
    w.tags(51_001, Some("solo")).await;
    let code = w.asks("ann", ASK).await;
    let card = w.reads("joe", "Access request");
    assert!(
        card.contains("the requester alone owns prod; you answer for redis-cloud"),
        "{card}"
    );
    let own = w.say("ann", &format!("/access approve {code}")).await;
    assert!(own.contains("Your own request: joe decides."), "{own}");
    assert_eq!(w.logins(), []);
    w.press("joe", APPROVE).await;
    w.reads("ann", "Ready until");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_is_left_it_is_refused_and_the_admins_are_told() {
    let mut w = Setup::default()
        .with("[groups]", "[groups]\nsolo = { members = [\"ann\"] }")
        .with(
            "integration_owner = { people = [\"joe\"] }",
            "integration_owner = { people = [\"ann\"] }",
        )
        .start()
        .await;
    w.tags(51_001, Some("solo")).await;
    w.refused("ann", ASK, "nobody but you could decide; the admins were told")
        .await;
    let told = w.reads("joe", "Nobody could decide");
    assert!(
        told.contains("ann asked for Read-Write on redis-cloud / prod, and access flow developers"),
        "{told}"
    );
    w.reads_not("bob", "Access request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_tag_changed_under_a_request_voids_its_votes_and_asks_the_new_owner() {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    let old = w.card("bob", "Access request");
    w.tags(51_001, Some("nobody-knows")).await;
    w.press_then("bob", &old, APPROVE).await;
    assert_eq!(w.logins(), []);
    w.reads("bob", "This changed since you looked.");
    assert_eq!(w.request(&code).await.votes, []);
    w.press("joe", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
    w.reads("ann", "Ready until");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_cannot_be_read_is_nobody() {
    let mut w = Setup::default()
        .with(
            "dba = { members = [\"bob\", \"eve\"] }",
            "dba = { slack_group = \"S0GONE\" }",
        )
        .start()
        .await;
    let answer = w.say("ann", ASK).await;
    assert!(answer.contains("Asked joe."), "{answer}");
    let card = w.reads("joe", "Access request");
    assert!(card.contains("group dba, which"), "{card}");
}
