//! Stories about which target it is, and whether the configuration still names it.

use chrono::TimeDelta;
use latchkey::{
    demo::redis_cloud::{self, Delays, Op, Options},
    serve::reload,
};

use crate::{
    harness::{Setup, World},
    pg::Pg,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn led_to_another_account_nothing_is_given_and_nothing_believed_gone() {
    let mut w = Setup::default().start().await;
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    let (login, password) = w.credential("ann", "Show credential").await;
    let mut options = Options::team();
    options.account = 2002;
    options.delays = Delays::SHORT;
    let other = redis_cloud::start(options).await.expect("another account");
    let here = w.redis.url.clone();
    w.restart_with(&here, &other.url).await;
    w.advance(TimeDelta::hours(2) + TimeDelta::seconds(5)).await;
    w.advance(TimeDelta::minutes(2)).await;
    let stuck = w.reads("joe", "Not revoked: ann");
    assert!(stuck.contains("another server"), "{stuck}");
    w.reads("ann", "Over for you");
    assert!(w.redis.handle.can_log_in(&login, &password, 51_001));
    let writes = other
        .handle
        .asked()
        .iter()
        .filter(|asked| asked.is_write())
        .count();
    assert_eq!(writes, 0, "the other account is not touched");

    w.restart_with(&other.url, &here).await;
    w.advance(TimeDelta::minutes(2)).await;
    w.reads("ann", "login disabled");
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
}

/// The file without its block for `orders`.
fn without_orders(w: &World) -> String {
    let start = w
        .text
        .find("[[integration]]\nname = \"orders\"")
        .expect("the block");
    let end = start + w.text[start..].find("[[access_flow]]").expect("what follows");
    let text = format!("{}{}", &w.text[..start], &w.text[end..]);
    let target = "{ integration = \"orders\", permissions = [\"read\", \"read-write\", \"member\"] }, ";
    assert!(text.contains(target));
    text.replace(target, "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_integration_that_the_file_forgot_is_still_revoked_and_takes_no_requests() {
    let pg = Pg::start().await;
    let mut w = pg.setup().start().await;
    let line = format!("/access orders {} rw 2h", pg.database);
    w.gets("ann", &line, "Approve 2 h").await;
    let (login, password) = w.credential("ann", "Show credential").await;

    let path = w.dir.path().join("latchkey.toml");
    w.text = without_orders(&w);
    std::fs::write(&path, &w.text).expect("the file is written");
    let refused = reload(&w.app, &path).await.expect_err("leases are open there");
    assert!(refused.to_string().contains("retired = true"), "{refused}");
    assert!(
        w.app.config.load().integration("orders").is_some(),
        "the old file stays"
    );

    w.restart().await;
    w.settle().await;
    let answer = w.say("ann", &line).await;
    assert!(!answer.contains("Asked"), "{answer}");
    assert!(
        pg.enter(&login, &password).await.is_some(),
        "what was given stays"
    );
    w.advance(TimeDelta::hours(2) + TimeDelta::seconds(5)).await;
    w.reads("ann", "login disabled");
    assert!(pg.enter(&login, &password).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_credential_is_rotated_and_never_while_somebody_uses_it() {
    let mut w = Setup::default()
        .with("credential_rotation_days = 90", "credential_rotation_days = 10")
        .with("user_cleanup_days = 30", "")
        .with("max_duration = \"8h\"", "max_duration = \"20d\"")
        .start()
        .await;
    w.gets("ann", "/access redis-cloud prod rw 15d", "Approve 15 d")
        .await;
    let (login, password) = w.credential("ann", "Show credential").await;
    let session = w
        .redis
        .handle
        .open_session(&login, &password, 51_001)
        .expect("a session");
    w.advance(TimeDelta::days(11)).await;
    assert!(
        w.redis.handle.can(&login, &password, 51_001, "set", "key"),
        "not while a lease is open"
    );
    assert_eq!(w.redis.handle.session_can(session, "set", "key"), Some(true));
    w.press("ann", "Finish now").await;
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
    w.advance(TimeDelta::days(9)).await;
    w.advance(TimeDelta::days(2)).await;
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    let (again, fresh) = w.credential("ann", "Show credential").await;
    assert_eq!(login, again);
    assert_ne!(password, fresh);
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
    assert!(w.redis.handle.can(&login, &fresh, 51_001, "set", "key"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_deleted_in_the_console_ends_the_lease_and_the_next_one_makes_a_new_user() {
    let mut w = Setup::default().start().await;
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    let login = w.logins()[0].0.clone();
    let gone = w.redis.handle.others(&Op::DeleteUser { name: login.clone() });
    gone.expect("somebody deletes it");
    w.advance(TimeDelta::minutes(31)).await;
    w.reads("ann", "Somebody removed it in redis-cloud.");
    assert!(w.logins().is_empty(), "it is not made again");
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    let (again, password) = w.credential("ann", "Show credential").await;
    assert_eq!(again, login);
    assert!(w.redis.handle.can(&login, &password, 51_001, "set", "key"));
}
