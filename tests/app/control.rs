//! Orders of an admin at the machine, and who is told of them.

use latchkey::{
    control::{AuditFilter, ControlRequest, Which},
    domain::audit::Actor,
    store::AuditQuery,
};

use crate::{
    acts::{APPROVE, ASK, code_in},
    harness::{Setup, World},
};

async fn asked() -> (World, String) {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    (w, code)
}

fn explain(person: &str, line: &str) -> ControlRequest {
    ControlRequest::Explain {
        person: person.into(),
        line: line.into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_says_what_would_happen_and_does_nothing() {
    let mut w = Setup::default().start().await;
    let yes = w
        .orders(explain("ann", "redis-cloud prod rw 2h"))
        .await
        .expect("an explanation");
    let text = yes.to_string();
    assert_eq!(yes["possible"], true, "{text}");
    for words in [
        "developers",
        "bob, eve",
        "tag owner=dba on prod names group dba",
        "2 h",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        !yes["statements"].as_array().expect("statements").is_empty(),
        "{text}"
    );
    for (person, line, words) in [
        (
            "ann",
            "redis-cloud prod admin 2h",
            "no access flow gives you Full-Access here",
        ),
        ("ann", "redis-cloud prod 3d", "Longest here is 8 h"),
        ("zed", "redis-cloud prod 2h", "Nothing of that name"),
    ] {
        // zed is in no file: known only once they acted.
        w.say(person, "/access help").await;
        let no = w.orders(explain(person, line)).await.expect("an explanation");
        assert_eq!(no["possible"], false, "{line}");
        assert!(no.to_string().contains(words), "{line}: {no}");
    }
    assert!(w.orders(explain("nobody", "redis-cloud prod")).await.is_err());
    assert_eq!(w.requests().await, []);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_at_the_machine_is_told_to_owner_and_admins() {
    let (mut w, code) = asked().await;
    let card = w.card("bob", "Access request");
    w.orders(ControlRequest::Approve {
        code: code.clone(),
        reason: "bob and eve are asleep".parse().expect("a reason"),
    })
    .await
    .expect("approved");
    assert_eq!(w.logins().len(), 1);
    w.reads("ann", "Ready until");
    let told = w.reads("joe", "at the command line");
    for words in [
        "operator approved",
        &code,
        "ann · Read-Write · redis-cloud / prod",
        "asleep",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let channel = w.person("joe").messages_in("C0ADMIN");
    assert!(
        channel
            .iter()
            .any(|m| w.person("joe").as_text(m).contains("operator approved")),
        "the admin channel"
    );
    assert!(
        w.person("joe")
            .dm()
            .iter()
            .any(|m| w.person("joe").as_text(m).contains("operator approved")),
        "and the integration's owner"
    );
    w.press_then("bob", &card, APPROVE).await;
    w.reads("bob", "operator (command line) approved this at");
    let again = w
        .orders(ControlRequest::Approve {
            code: code.clone(),
            reason: "again".parse().expect("a reason"),
        })
        .await;
    assert!(again.is_err_and(|why| why.contains("decided already")));
    let id = w.request(&code).await.id.0;
    let trail = w
        .audit(AuditQuery {
            request: Some(id),
            ..AuditQuery::default()
        })
        .await;
    let forced = trail
        .iter()
        .find(|line| line.entry.verb == "forced approval")
        .expect("recorded");
    assert_eq!(
        forced.entry.actor,
        Actor::System {
            user: "operator".into()
        }
    );
    assert_eq!(forced.entry.facts["reason"], "bob and eve are asleep");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_at_the_machine_ends_it_and_says_why() {
    let (mut w, code) = asked().await;
    assert!(w.revokes(&code, "not yet there").await.is_err());
    w.press("bob", APPROVE).await;
    w.press("ann", "Show credential").await;
    let (login, password) = (w.modal_value("ann", "User"), w.modal_value("ann", "Password"));
    w.person("ann").closes_modal().await.expect("it closes");
    w.revokes(&code, "laptop stolen").await.expect("revoked");
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
    w.reads("ann", "operator ended it: \"laptop stolen\".");
    let told = w.reads("joe", "operator ended");
    assert!(told.contains("laptop stolen"), "{told}");
    let again = w.revokes(&code, "once more").await.expect("an answer");
    assert!(again.to_string().contains("it is over already"), "{again}");
    assert!(w.revokes("R0000", "what").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_card_is_approved_and_runs_nothing() {
    let mut w = Setup::default().start().await;
    let said = w
        .orders(ControlRequest::TestCard { person: "bob".into() })
        .await
        .expect("sent");
    let code = code_in(&said.to_string());
    let card = w.reads("bob", "Test card");
    assert!(card.contains("whatever you press, nothing runs"), "{card}");
    let label = "Approve 1 min";
    w.press("bob", label).await;
    w.reads("bob", "It was a test: nothing runs.");
    assert_eq!(w.logins(), []);
    assert_eq!(w.leases().await, []);
    let rows = w
        .orders(ControlRequest::Requests { which: Which::All })
        .await
        .expect("rows");
    let row = rows
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["code"] == code.as_str());
    assert_eq!(row.expect("its row")["state"], "approved by bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_show_what_is_there() {
    let (mut w, code) = asked().await;
    let open = w
        .orders(ControlRequest::Requests { which: Which::Open })
        .await
        .expect("requests");
    assert_eq!(open[0]["code"], code.as_str());
    assert_eq!(open[0]["waits_for"], serde_json::json!(["bob", "eve"]));
    w.press("bob", APPROVE).await;
    let leases = w
        .orders(ControlRequest::Leases { which: Which::Open })
        .await
        .expect("leases");
    assert_eq!(leases[0]["phase"], "active");
    let accounts = w
        .orders(ControlRequest::Accounts { integration: None })
        .await
        .expect("accounts");
    assert_eq!(accounts[0]["login"], w.logins()[0].0.as_str());
    let status = w.orders(ControlRequest::Status).await.expect("status");
    assert_eq!(status["open_leases"], 1);
    let trail = w
        .orders(ControlRequest::Audit(AuditFilter {
            request: Some(code.to_lowercase()),
            ..AuditFilter::default()
        }))
        .await
        .expect("the trail");
    assert!(trail.as_array().expect("lines").len() >= 4, "{trail}");
    let resumed = w.orders(ControlRequest::Resume).await.expect("an answer");
    assert!(resumed.to_string().contains("nothing was held"), "{resumed}");
}
