//! A later end: decided afresh, within the flow's limit, and never for what is over.

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::demo::slack::Submitted;

use crate::{
    acts::{APPROVE, ASK, code_in},
    harness::{Setup, World},
};

async fn granted() -> (World, String) {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    (w, code)
}

async fn ends(w: &World) -> DateTime<Utc> {
    w.leases().await[0].expires_at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typed_and_approved_it_lasts_longer() {
    let (mut w, code) = granted().await;
    let before = ends(&w).await;
    let said = w
        .say("ann", &format!("/access extend {code} 1h still stuck"))
        .await;
    let wish = code_in(&said);
    assert_eq!(ends(&w).await, before, "not before it is approved");
    let card = w.reads("bob", "Extension request");
    assert!(
        card.contains("instead of") && card.contains("still stuck"),
        "{card}"
    );
    let own = w.say("ann", &format!("/access approve {wish}")).await;
    assert!(own.contains("Your own request"), "{own}");
    w.say("eve", &format!("/access approve {wish}")).await;
    assert_eq!(ends(&w).await, before + TimeDelta::hours(1));
    w.reads("ann", "eve extended it to");
    w.advance(TimeDelta::minutes(121)).await;
    assert!(
        w.leases().await[0].is_live(),
        "its old end has passed, and it lives"
    );
    assert_eq!(w.logins().len(), 1);
    w.passes(1).await;
    w.holds_nothing();
    w.reads("ann", "Over ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_button_of_the_last_minutes() {
    let (mut w, _) = granted().await;
    let before = ends(&w).await;
    w.advance(TimeDelta::minutes(112)).await;
    w.reads("ann", "redis-cloud cannot close open sessions: close yours.");
    w.press("ann", "Extend").await;
    let form = w.modal("ann");
    assert!(form.contains("all of it together may last 8 h"), "{form}");
    for (typed, words) in [("soon", "no length of time"), ("0m", "At least 1 minute.")] {
        w.fills("ann", "How long", typed).await;
        let Submitted::Errors(errors) = w.submits("ann").await else {
            panic!("{typed} was taken");
        };
        assert!(format!("{errors:?}").contains(words), "{errors:?}");
    }
    w.fills("ann", "How long", "30m").await;
    w.submits("ann").await;
    w.person("ann").closes_modal().await.expect("it closes");
    let wish = code_in(&w.reads("bob", "Extension request"));
    w.say("bob", &format!("/access approve {wish}")).await;
    assert_eq!(ends(&w).await, before + TimeDelta::minutes(30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_together_stays_within_the_limit() {
    let (mut w, code) = granted().await;
    let before = ends(&w).await;
    let no = w.say("ann", &format!("/access extend {code} 7h")).await;
    assert!(no.contains("Longest here is 8 h."), "{no}");
    w.reads_not("bob", "Extension request");
    let foreign = w.say("bob", &format!("/access extend {code} 1h")).await;
    assert!(foreign.contains("Nothing of that name"), "{foreign}");
    let yes = w.say("ann", &format!("/access extend {code} 6h")).await;
    assert!(yes.contains("Asked bob and eve"), "{yes}");
    assert_eq!(ends(&w).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_it_ends_as_before() {
    let (mut w, code) = granted().await;
    let before = ends(&w).await;
    let wish = code_in(&w.say("ann", &format!("/access extend {code} 1h")).await);
    w.say("bob", &format!("/access deny {wish} two hours are enough"))
        .await;
    w.reads("ann", "bob: \"two hours are enough\"");
    assert_eq!(ends(&w).await, before);
    w.passes(3).await;
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approved_after_the_end_it_changes_nothing() {
    let (mut w, code) = granted().await;
    let before = ends(&w).await;
    let wish = code_in(&w.say("ann", &format!("/access extend {code} 1h")).await);
    w.passes(3).await;
    w.holds_nothing();
    let late = w.say("bob", &format!("/access approve {wish} sorry")).await;
    assert!(
        late.contains("It is over already; nothing was extended."),
        "{late}"
    );
    let leases = w.leases().await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].expires_at, before);
    assert!(!leases[0].is_open());
    w.holds_nothing();
    let over = w.say("ann", &format!("/access extend {code} 1h")).await;
    assert!(over.contains("It is not active."), "{over}");
}
