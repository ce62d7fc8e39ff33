//! What one does with one's own: take back, finish, look; and what others may end.

use chrono::TimeDelta;
use latchkey::demo::redis_cloud::Fault;

use crate::{
    acts::{APPROVE, ASK},
    harness::{Setup, World},
};

async fn granted() -> (World, String) {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
    (w, code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_while_it_waits() {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    let card = w.card("bob", "Access request");
    let foreign = w.say("bob", &format!("/access cancel {code}")).await;
    assert!(foreign.contains("Nothing of that name"), "{foreign}");
    w.press("ann", "Cancel").await;
    w.reads("ann", "You took it back at");
    w.reads("bob", "ann took it back at");
    w.press_then("bob", &card, APPROVE).await;
    w.reads("bob", "ann took this back at");
    assert_eq!(w.logins(), []);
    assert_eq!(w.leases().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_while_it_is_being_made() {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    w.redis.handle.fault(&Fault::Down);
    w.press("bob", APPROVE).await;
    w.reads("eve", "being made");
    let said = w.say("ann", &format!("/access cancel {code}")).await;
    assert!(said.contains(&format!("You took {code} back.")), "{said}");
    w.redis.handle.clear_faults();
    w.advance(TimeDelta::minutes(6)).await;
    w.reads("ann", "You took it back at");
    w.holds_nothing();
    let leases = w.leases().await;
    assert!(
        leases[0].granted_at.is_none() && leases[0].closed.is_some(),
        "{leases:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_of_what_is_active_offers_to_finish() {
    let (mut w, code) = granted().await;
    let said = w.say("ann", &format!("/access cancel {code}")).await;
    assert!(
        said.contains("It is active.") && said.contains("[Finish now]"),
        "{said}"
    );
    assert!(w.leases().await[0].is_live());
    let said = w.say("ann", "/access finish").await;
    assert!(said.contains("Ending redis-cloud / prod now."), "{said}");
    w.reads("ann", "Finished.");
    w.reads("bob", "Finished.");
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finish_now_kills_the_credential() {
    let (mut w, _) = granted().await;
    w.press("ann", "Show credential").await;
    let (login, password) = (w.modal_value("ann", "User"), w.modal_value("ann", "Password"));
    assert!(w.redis.handle.can_log_in(&login, &password, 51_001));
    let role = &w.logins()[0].1;
    assert!(
        !role.ends_with("_none"),
        "a login that gives something is in another role: {role}"
    );
    w.person("ann").closes_modal().await.expect("it closes");
    w.press("ann", "Finish now").await;
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
    let over = w.reads("ann", "Finished.");
    assert!(over.contains("Checked") && over.contains("[Ask again]"), "{over}");
    let again = w.say("ann", "/access finish").await;
    assert!(again.contains("It is not active."), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_ends_it_with_a_reason() {
    let (mut w, _) = granted().await;
    w.press("bob", "End access").await;
    assert!(w.leases().await[0].is_live(), "not before the reason");
    w.fills("bob", "Reason", "migration starts").await;
    w.submits("bob").await;
    let over = w.reads("ann", "is over.");
    assert!(over.contains("bob ended it: \"migration starts\"."), "{over}");
    w.reads("eve", "bob ended it");
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_ends_it_from_its_status_and_others_do_not() {
    let (mut w, code) = granted().await;
    let hidden = w.say("zed", &format!("/access status {code}")).await;
    assert!(hidden.contains("Nothing of that name"), "{hidden}");
    let shown = w.say("joe", &format!("/access status {code}")).await;
    assert!(
        shown.contains("Approved by bob") && shown.contains("[End access]"),
        "{shown}"
    );
    w.press("joe", "End access").await;
    w.fills("joe", "Reason", "laptop stolen").await;
    w.submits("joe").await;
    w.reads("ann", "joe ended it: \"laptop stolen\".");
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_who_lost_the_role_ends_nothing() {
    let (mut w, _) = granted().await;
    let card = w.card("eve", "Approved by bob");
    w.reconfigures("[\"bob\", \"eve\"]", "[\"bob\"]").await;
    w.press_then("eve", &card, "End access").await;
    w.reads("eve", "You are not one of those who decide on this.");
    assert_eq!(w.person("eve").modal_text(), None);
    assert!(w.leases().await[0].is_live());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_is_for_those_it_concerns() {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    let own = w.say("ann", &format!("/access status {code}")).await;
    assert!(own.contains("Waiting for bob or eve"), "{own}");
    for name in ["bob", "eve", "joe"] {
        let seen = w.say(name, &format!("/access status {code}")).await;
        assert!(seen.contains("queue stuck"), "{name}: {seen}");
    }
    let hidden = w.say("zed", &format!("/access status {code}")).await;
    assert!(hidden.contains("Nothing of that name"), "{hidden}");
    assert!(!hidden.contains("queue stuck"), "{hidden}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mine_catalog_and_help() {
    let mut w = Setup::default().start().await;
    let none = w.say("ann", "/access mine").await;
    assert!(none.contains("You hold nothing and wait for nothing"), "{none}");
    let first = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    let second = w.asks("ann", "/access redis-cloud cache 1h").await;
    let mine = w.say("ann", "/access mine").await;
    assert!(mine.contains(&first) && mine.contains(&second), "{mine}");
    let joes = w.say("joe", "/access mine").await;
    assert!(joes.contains(&second) && !joes.contains(&first), "{joes}");
    let catalog = w.say("ann", "/access catalog").await;
    assert!(
        catalog.contains("redis-cloud / prod: Read-Only or Read-Write, up to 8 h, decided by its owner"),
        "{catalog}"
    );
    let help = w.say("ann", "/access help").await;
    assert!(help.contains("/access mine"), "{help}");
    let home = w.home("ann").await;
    assert!(
        home.contains("Your access (1)") && home.contains(&second),
        "{home}"
    );
    assert!(!home.contains("Integrations"), "that is for admins: {home}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_home_tab_decides_and_is_redrawn() {
    let mut w = Setup::default().start().await;
    let bobs = w.home("bob").await;
    assert!(bobs.contains("Nothing waits for you."), "{bobs}");
    let code = w.asks("ann", ASK).await;
    let bobs = w.person("bob").home_text().expect("home");
    assert!(
        bobs.contains("Waiting for you (1)") && bobs.contains(&code),
        "{bobs}"
    );
    w.home("ann").await;
    w.person("bob").clicks_in_home(APPROVE).await.expect("Approve");
    w.settle().await;
    assert_eq!(w.logins().len(), 1);
    let bobs = w.person("bob").home_text().expect("home");
    assert!(bobs.contains("Nothing waits for you."), "{bobs}");
    let anns = w.person("ann").home_text().expect("home");
    assert!(
        anns.contains("Your access (1)") && anns.contains("Ready until"),
        "{anns}"
    );
    w.person("ann")
        .clicks_in_home("Finish now")
        .await
        .expect("Finish now");
    w.settle().await;
    let anns = w.person("ann").home_text().expect("home");
    assert!(anns.contains("You hold nothing."), "{anns}");
    w.holds_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admins_home_tab_shows_what_is_stuck_and_what_is_well() {
    let (mut w, code) = granted().await;
    let well = w.home("joe").await;
    assert!(
        well.contains("Nothing is stuck.") && well.contains("redis-cloud (redis-cloud): ok"),
        "{well}"
    );
    w.redis.handle.fault(&Fault::Down);
    w.passes(3).await;
    w.advance(TimeDelta::minutes(2)).await;
    w.reads("ann", "Over for you; redis-cloud does not answer since");
    w.reads("joe", "Not revoked: ann");
    let stuck = w.home("joe").await;
    assert!(stuck.contains("Stuck (1)") && stuck.contains(&code), "{stuck}");
    w.redis.handle.clear_faults();
    w.advance(TimeDelta::minutes(6)).await;
    let well = w.home("joe").await;
    assert!(well.contains("Nothing is stuck."), "{well}");
    w.holds_nothing();
}
