//! The request form: opened, fed, filled in, sent, sent again.

use latchkey::demo::slack::Submitted;

use crate::{
    acts::{APPROVE, ASK},
    harness::Setup,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_is_fed_with_what_this_person_may_ask_for() {
    let mut w = Setup::default().start().await;
    w.say("ann", "/access").await;
    assert!(w.modal("ann").contains("Request access"));
    let all = w.person("ann").options("What", "").await.expect("options");
    assert!(all.len() >= 3, "{all:?}");
    let found = w.person("ann").options("What", "PRO").await.expect("options");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["text"]["text"], "redis-cloud / prod");
    let none = w
        .person("ann")
        .options("What", "no such thing")
        .await
        .expect("options");
    assert!(none.is_empty(), "{none:?}");
    w.fills("ann", "What", "redis-cloud / prod").await;
    let given = w.person("ann").options("Permission", "").await.expect("options");
    let given: Vec<_> = given.iter().filter_map(|o| o["value"].as_str()).collect();
    assert_eq!(given, ["Read-Only", "Read-Write"]);
    w.fills("ann", "Permission", "Read-Write").await;
    w.fills("ann", "How long", "90m").await;
    w.fills("ann", "Reason", "queue stuck").await;
    w.submits("ann").await;
    let card = w.reads("bob", "Access request");
    assert!(
        card.contains("ann · Read-Write · redis-cloud / prod · 1 h 30 min"),
        "{card}"
    );
    assert!(card.contains("queue stuck"), "{card}");
    w.press("bob", "Approve 1 h 30 min").await;
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_in_the_form_is_said_at_the_field() {
    let mut w = Setup::default().start().await;
    w.say("ann", "/access redis-cloud prod").await;
    // A whole line is a request; the form with a thing chosen comes with the integration alone.
    assert_eq!(w.requests().await.len(), 1);
    w.say("ann", "/access redis-cloud").await;
    w.fills("ann", "What", "redis-cloud / cache").await;
    for (typed, words) in [
        ("soon", "no length of time"),
        ("0m", "At least 1 minute."),
        ("-2h", "At least 1 minute."),
        ("2", "2 what?"),
    ] {
        w.fills("ann", "How long", typed).await;
        let Submitted::Errors(errors) = w.submits("ann").await else {
            panic!("{typed} was taken");
        };
        let text = format!("{errors:?}");
        assert!(text.contains("length") && text.contains(words), "{typed}: {text}");
    }
    w.fills("ann", "How long", "3d").await;
    assert_eq!(w.submits("ann").await, Submitted::Updated);
    assert!(w.modal("ann").contains("Longest here is 8 h."));
    assert_eq!(w.requests().await.len(), 1);
    w.press("ann", "Ask for 8 h").await;
    assert_eq!(w.requests().await.len(), 2);
    w.reads("joe", "ann · Read-Only · redis-cloud / cache · 8 h");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ask_again_is_the_form_filled_in() {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    w.say("bob", &format!("/access deny {code} not now")).await;
    w.press("ann", "Ask again").await;
    let form = w.modal("ann");
    for words in ["redis-cloud / prod", "Read-Write", "<2h>", "queue stuck"] {
        assert!(form.contains(words), "{words}: {form}");
    }
    assert_eq!(w.requests().await.len(), 1, "not before it is sent");
    w.submits("ann").await;
    assert_eq!(w.requests().await.len(), 2);
    w.press("eve", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_of_somebody_who_may_ask_for_nothing_offers_nothing() {
    let mut w = Setup::default().start().await;
    w.say("zed", "/access").await;
    let all = w.person("zed").options("What", "").await.expect("options");
    assert!(all.is_empty(), "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shortcut_and_the_home_tab_open_the_form() {
    let mut w = Setup::default().start().await;
    w.person("ann")
        .uses_shortcut("request_access")
        .await
        .expect("the shortcut");
    w.settle().await;
    assert!(w.modal("ann").contains("Request access"));
    w.person("ann").closes_modal().await.expect("it closes");
    w.home("ann").await;
    w.person("ann")
        .clicks_in_home("Request access")
        .await
        .expect("the button");
    w.settle().await;
    assert!(w.modal("ann").contains("Request access"));
}
