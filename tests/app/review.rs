//! Deciding: who may, how often, how late, and with which words.

use latchkey::{demo::slack::FakeGroup, demo::slack::Submitted, store::AuditQuery};

use crate::{
    acts::{APPROVE, ASK},
    harness::{Setup, World},
};

const OWNER_RULE: &str = "approvers = [\"owner\"]";

async fn asked() -> (World, String) {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    (w, code)
}

/// Groups of the chat decide.
fn chat_group(members: &[&str]) -> FakeGroup {
    FakeGroup {
        id: "S0DBA".into(),
        handle: "dba".into(),
        name: "DBA".into(),
        members: members.iter().map(|m| (*m).to_owned()).collect(),
        disabled: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_removed_between_card_and_click_decides_nothing() {
    let (mut w, code) = asked().await;
    w.reconfigures("[\"bob\", \"eve\"]", "[\"eve\"]").await;
    w.press("bob", APPROVE).await;
    w.reads("bob", "You are not one of those who decide on this.");
    let typed = w.say("bob", &format!("/access approve {code} please")).await;
    assert!(typed.contains("not one of those who decide"), "{typed}");
    assert_eq!(w.logins(), []);
    assert_eq!(w.request(&code).await.votes, []);
    w.press("eve", APPROVE).await;
    w.reads("ann", "Ready until");
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_the_chats_group_after_the_card_was_sent_decides_nothing() {
    let mut w = Setup::default()
        .with(
            "dba = { members = [\"bob\", \"eve\"] }",
            "dba = { slack_group = \"S0DBA\" }",
        )
        .start()
        .await;
    w.slack.change_groups(|groups| {
        groups
            .as_mut()
            .expect("groups")
            .push(chat_group(&["U0BOB", "U0EVE"]))
    });
    let code = w.asks("ann", ASK).await;
    w.reads("bob", "Access request");
    w.slack.change_groups(|groups| {
        for group in groups.iter_mut().flatten().filter(|group| group.id == "S0DBA") {
            group.members = vec!["U0EVE".into()];
        }
    });
    let card = w.card("bob", "Access request");
    w.press_then("bob", &card, APPROVE).await;
    w.reads("bob", "You are not one of those who decide on this.");
    assert_eq!(w.request(&code).await.votes, []);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deactivated_approver_decides_nothing() {
    let (mut w, code) = asked().await;
    let card = w.card("bob", "Access request");
    w.slack.change_person("bob", |bob| bob.deleted = true);
    w.press_then("bob", &card, APPROVE).await;
    assert_eq!(w.request(&code).await.votes, []);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_decides_on_their_own_request() {
    let in_channel = format!("{OWNER_RULE}\nchannel = \"slack:C0ADMIN\"");
    let mut w = Setup::default().with(OWNER_RULE, &in_channel).start().await;
    w.slack
        .change_channel("C0ADMIN", |channel| channel.members.push("U0BOB".into()));
    let code = w.asks("bob", ASK).await;
    w.reads("bob", "Asked: eve");
    w.press("bob", APPROVE).await;
    w.reads("bob", "Your own request: eve decides.");
    for line in ["approve", "deny"] {
        let typed = w
            .say("bob", &format!("/access {line} {code} because I may"))
            .await;
        assert!(
            typed.contains("Your own request: eve decides."),
            "{line}: {typed}"
        );
    }
    assert_eq!(w.request(&code).await.votes, []);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_to_a_request_do_not_decide_on_it() {
    let (mut w, code) = asked().await;
    for name in ["zed", "joe"] {
        let typed = w.say(name, &format!("/access approve {code} go")).await;
        assert!(typed.contains("not one of those who decide"), "{name}: {typed}");
    }
    assert_eq!(w.request(&code).await.votes, []);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_votes_are_two_people() {
    let rule = format!("{OWNER_RULE}\nquorum = 2");
    let mut w = Setup::default().with(OWNER_RULE, &rule).start().await;
    let code = w.asks("ann", ASK).await;
    let first = w.card("bob", "0 of 2 votes");
    w.press("bob", APPROVE).await;
    w.reads("eve", "1 of 2 votes (bob)");
    w.press_then("bob", &first, APPROVE).await;
    w.reads("bob", "You voted already; it needs somebody else.");
    let typed = w.say("bob", &format!("/access approve {code} again")).await;
    assert!(typed.contains("You voted already"), "{typed}");
    assert_eq!(w.request(&code).await.votes.len(), 1);
    assert_eq!(w.logins(), []);
    let typed = w.say("eve", &format!("/access approve {code}")).await;
    assert!(typed.contains(&format!("{code}: approved.")), "{typed}");
    w.reads("bob", "Approved by bob and eve");
    w.reads("ann", "Ready until");
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_is_one_vote_and_one_lease() {
    let (mut w, code) = asked().await;
    let card = w.card("bob", "Access request");
    let (one, two) = (w.person("bob"), w.person("bob"));
    let (one, two) = tokio::join!(one.clicks_stale(&card, APPROVE), two.clicks_stale(&card, APPROVE));
    one.expect("the first click");
    two.expect("the second click");
    w.settle().await;
    let request = w.request(&code).await;
    assert_eq!(request.votes.len(), 1);
    assert_eq!(w.leases().await.len(), 1);
    assert_eq!(w.logins().len(), 1);
    let approved = w
        .audit(AuditQuery {
            request: Some(request.id.0),
            ..AuditQuery::default()
        })
        .await;
    let approved = approved.iter().filter(|line| line.entry.verb == "approved");
    assert_eq!(approved.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_approvers_at_once_are_one_decision() {
    let (mut w, code) = asked().await;
    let (bobs, eves) = (w.card("bob", "Access request"), w.card("eve", "Access request"));
    let (bob, eve) = (w.person("bob"), w.person("eve"));
    let (one, two) = tokio::join!(bob.clicks_stale(&bobs, APPROVE), eve.clicks_stale(&eves, APPROVE));
    one.expect("bob's click");
    two.expect("eve's click");
    w.settle().await;
    assert!(w.request(&code).await.decision.is_some());
    assert_eq!(w.leases().await.len(), 1);
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_click_is_told_who_decided() {
    let (mut w, _) = asked().await;
    let card = w.card("eve", "Access request");
    w.press("bob", APPROVE).await;
    w.reads("eve", "Approved by bob");
    w.press_then("eve", &card, "Deny...").await;
    w.reads("eve", "bob approved this at");
    assert_eq!(w.person("eve").modal_text(), None);
    w.press_then("eve", &card, APPROVE).await;
    assert_eq!(w.leases().await.len(), 1);
    w.passes(3).await;
    w.press_then("eve", &card, APPROVE).await;
    assert_eq!(w.leases().await.len(), 1);
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deny_by_form_gives_the_requester_the_reason() {
    let (mut w, code) = asked().await;
    w.press("bob", "Deny...").await;
    let form = w.modal("bob");
    assert!(
        form.contains("ann · Read-Write · redis-cloud / prod · 2 h"),
        "{form}"
    );
    assert!(w.person("bob").submits().await.is_err(), "a reason is needed");
    w.fills("bob", "Reason", "use the replica").await;
    assert_eq!(w.submits("bob").await, Submitted::Closed);
    w.reads("ann", "bob: \"use the replica\"");
    w.reads("ann", "redis-cloud / prod was denied.");
    w.reads("eve", "Denied by bob");
    let late = w.say("eve", &format!("/access approve {code} after all")).await;
    assert!(late.contains("bob denied this at"), "{late}");
    assert_eq!(w.logins(), []);
    assert_eq!(w.leases().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deny_typed_needs_a_short_reason() {
    let (mut w, code) = asked().await;
    let long = "x".repeat(125);
    let typed = w.say("bob", &format!("/access deny {code} {long}")).await;
    assert!(typed.contains("A reason has at most 124 characters."), "{typed}");
    assert!(w.request(&code).await.decision.is_none());
    w.say("bob", &format!("/access deny {code}")).await;
    assert!(w.modal("bob").contains(&format!("Deny {code}")));
    w.person("bob").closes_modal().await.expect("it closes");
    assert!(w.request(&code).await.decision.is_none());
    let exactly = "y".repeat(124);
    let typed = w
        .say("bob", &format!("/access deny {} {exactly}", code.to_lowercase()))
        .await;
    assert!(typed.contains(&format!("{code}: denied.")), "{typed}");
    w.reads("ann", &exactly);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_with_a_reason_where_the_flow_wants_one() {
    let rule = format!("{OWNER_RULE}\napprover_reason = \"required\"");
    let mut w = Setup::default().with(OWNER_RULE, &rule).start().await;
    let code = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins(), [], "not before the reason");
    assert!(w.modal("bob").contains(&format!("Approve {code}")));
    w.fills("bob", "Reason", "on call knows").await;
    assert_eq!(w.submits("bob").await, Submitted::Closed);
    w.reads("eve", "bob: \"on call knows\"");
    assert_eq!(w.logins().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undecided_it_lapses_and_later_clicks_change_nothing() {
    let (mut w, code) = asked().await;
    let card = w.card("bob", "Access request");
    w.passes(9).await;
    w.reads("ann", "Asked: bob and eve.");
    w.reads("bob", "Nobody answered by");
    w.press_then("bob", &card, APPROVE).await;
    w.reads("bob", "This lapsed at");
    let typed = w.say("eve", &format!("/access deny {code} too late")).await;
    assert!(typed.contains("This lapsed at"), "{typed}");
    assert_eq!(w.leases().await, []);
    assert_eq!(w.logins(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_changed_under_a_request_is_decided_anew() {
    let (mut w, code) = asked().await;
    let card = w.card("bob", "Access request");
    w.reconfigures("max_duration = \"8h\"", "max_duration = \"4h\"")
        .await;
    w.press_then("bob", &card, APPROVE).await;
    w.reads("bob", "This changed since you looked.");
    assert_eq!(w.logins(), []);
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
    assert!(w.request(&code).await.decision.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_will_run_shows_the_whole_reason_and_the_calls_to_those_who_decide() {
    let mut w = Setup::default().start().await;
    let reason = format!("{} the end", "long ".repeat(80));
    w.asks("ann", &format!("/access redis-cloud prod rw 2h {reason}"))
        .await;
    w.press("bob", "What will run").await;
    let shown = w.modal("bob");
    assert!(shown.contains("the end"), "{shown}");
    assert!(shown.to_lowercase().contains("jit_"), "{shown}");
    assert_eq!(w.logins(), [], "looking runs nothing");
}
