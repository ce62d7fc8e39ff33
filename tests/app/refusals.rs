//! What is not possible: why not, what instead, and nothing asked for or given by it.

use latchkey::demo::slack::Submitted;

use crate::harness::{Setup, World};

async fn world() -> World {
    Setup::default().start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_that_cannot_be() {
    let mut w = world().await;
    for (line, words) in [
        ("redis-cloud prod 0m", "At least 1 minute."),
        ("redis-cloud prod 0h", "At least 1 minute."),
        ("redis-cloud prod 30s", "At least 1 min."),
        ("redis-cloud prod -1h", "At least 1 minute."),
        ("redis-cloud prod 3d", "Longest here is 8 h."),
        ("redis-cloud prod 99999999999999999999h", "longer than anything"),
        ("redis-cloud prod 2", "2 what?"),
        ("redis-cloud prod until 25:99", "is no time of day"),
        ("redis-cloud prod until", "Until when?"),
        (
            "redis-cloud prod admin 1h",
            "no access flow gives you Full-Access here",
        ),
    ] {
        w.refused("ann", &format!("/access {line}"), words).await;
    }
    w.reads_not("bob", "Access request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_why_and_offers_what_is_possible() {
    let mut w = world().await;
    let no = w
        .refused(
            "ann",
            "/access redis-cloud prod admin 3d fix it",
            "Not possible: Full-Access on redis-cloud / prod for 3 d.",
        )
        .await;
    for words in [
        "no access flow gives you Full-Access here · the longest you may ask for is 8 h",
        "You can: Read-Only or Read-Write, up to 8 h, decided by its owner",
        "[Open form]",
    ] {
        assert!(no.contains(words), "{words}: {no}");
    }
    w.press("ann", "Ask for Read-Write 8 h").await;
    let requests = w.requests().await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].permission.name, "Read-Write");
    assert_eq!(requests[0].reason, "fix it");
    w.reads("bob", "8 h from the moment it is ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_reads_like_what_is_not_there() {
    let mut w = Setup::default()
        .with(
            "targets = [{ integration = \"redis-cloud\", permissions",
            "targets = [{ integration = \"redis-cloud\", resources = [\"prod\"], permissions",
        )
        .start()
        .await;
    let unknown = "Nothing of that name you can ask for.";
    let mut answers = Vec::new();
    for line in [
        "redis-cloud staging 1h",
        "redis-cloud qwertyuiop 1h",
        "qwertyuiop prodigious 1h",
        "redis-cloud sessions 1h",
    ] {
        answers.push(w.refused("ann", &format!("/access {line}"), unknown).await);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "they read the same: {answers:?}");
    w.refused("zed", "/access redis-cloud prod 1h", unknown).await;
    let catalog = w.say("ann", "/access catalog").await;
    assert!(
        catalog.contains("prod") && !catalog.contains("staging"),
        "{catalog}"
    );
    let none = w.say("zed", "/access catalog").await;
    assert!(none.contains(unknown) && !none.contains("prod"), "{none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guess_is_a_button_and_never_a_request() {
    let mut w = world().await;
    for line in ["redis-clod prod 2h queue", "redis-cloud prdo 2h queue"] {
        w.refused("ann", &format!("/access {line}"), "Did you mean").await;
    }
    w.press("ann", "Yes, 2 h").await;
    let requests = w.requests().await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].resource.title, "prod");
    assert_eq!(requests[0].reason, "queue");
    w.reads("bob", "ann · Read-Only · redis-cloud / prod · 2 h");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_twice_is_asked_once() {
    let mut w = world().await;
    let code = w.asks("ann", "/access redis-cloud prod rw 2h").await;
    let again = w.say("ann", "/access redis-cloud prod rw 4h").await;
    assert!(
        again.contains(&format!("You asked for it already: {code}")),
        "{again}"
    );
    w.press("bob", "Approve 2 h").await;
    let held = w.say("ann", "/access redis-cloud prod rw 1h").await;
    assert!(
        held.contains("You hold it until") && held.contains("[Extend 1 h]"),
        "{held}"
    );
    assert_eq!(w.requests().await.len(), 1);
    assert_eq!(w.logins().len(), 1);
}

fn automatic() -> Setup {
    Setup::default().with("approvers = [\"owner\"]", "approval = \"automatic\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_automatic_flow_gives_at_once_and_asks_nobody() {
    let mut w = automatic().start().await;
    let answer = w.say("ann", "/access redis-cloud prod rw 2h INC-7").await;
    assert!(answer.contains("Making it."), "{answer}");
    w.reads("ann", "Ready until");
    w.reads_not("bob", "Access request");
    assert_eq!(w.logins().len(), 1);
    let requests = w.requests().await;
    let decision = requests[0].decision.as_ref().expect("decided");
    assert_eq!(decision.by, "access flow developers");
    w.passes(3).await;
    w.reads("ann", "Over ");
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_reason_opens_the_form_filled_in() {
    let mut w = automatic().start().await;
    assert_eq!(w.say("ann", "/access redis-cloud prod rw 2h").await, "");
    let form = w.modal("ann");
    for words in [
        "This access flow needs a reason.",
        "redis-cloud / prod",
        "Read-Write",
        "<2h>",
    ] {
        assert!(form.contains(words), "{words}: {form}");
    }
    assert_eq!(w.requests().await, []);
    assert!(w.person("ann").submits().await.is_err(), "Slack asks for it too");
    w.fills("ann", "Reason", " \u{a0} ").await;
    assert!(matches!(w.submits("ann").await, Submitted::Errors(_)));
    assert_eq!(w.requests().await, []);
    w.fills("ann", "Reason", "INC-7").await;
    w.submits("ann").await;
    w.reads("ann", "Ready until");
    assert_eq!(w.requests().await[0].reason, "INC-7");
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_nothing() {
    let mut w = world().await;
    for line in [
        "status R0000",
        "approve R0000 go",
        "deny R0000 no",
        "cancel R0000",
        "finish R0000",
        "extend R0000 1h",
    ] {
        w.refused("ann", &format!("/access {line}"), "Nothing of that name")
            .await;
    }
    for line in ["finish", "cancel", "extend 1h"] {
        w.refused("ann", &format!("/access {line}"), "It is not active.")
            .await;
    }
}
