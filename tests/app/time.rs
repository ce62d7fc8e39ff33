//! Stories about clocks, restores and a store that cannot be used.

use chrono::TimeDelta;
use latchkey::store::{OpenOptions, SledStore, records::due_of};

use crate::harness::{Setup, World};

async fn granted() -> (World, String, String) {
    let mut w = Setup::default().start().await;
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    let (login, password) = w.credential("ann", "Show credential").await;
    (w, login, password)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_back_delays_no_end() {
    let (mut w, login, password) = granted().await;
    w.clock.set_wall(-TimeDelta::hours(1));
    w.advance(TimeDelta::minutes(90)).await;
    assert!(w.redis.handle.can_log_in(&login, &password, 51_001));
    w.advance(TimeDelta::minutes(31)).await;
    w.reads("ann", "login disabled");
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_leaps_forward_holds_grants_until_an_admin_agrees_and_ends_go_on() {
    let (mut w, login, password) = granted().await;
    w.clock.set_wall(TimeDelta::hours(3));
    w.advance(TimeDelta::seconds(1)).await;
    w.reads("ann", "login disabled");
    assert!(
        !w.redis.handle.can_log_in(&login, &password, 51_001),
        "ends go on"
    );
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    w.advance(TimeDelta::minutes(3)).await;
    let held = w.reads("ann", "Still trying");
    assert!(held.contains("clock leapt"), "{held}");
    assert!(w.logins().iter().all(|(_, role)| role.ends_with("_none")));
    w.app.clock.agree();
    w.advance(TimeDelta::seconds(10)).await;
    w.reads("ann", "Ready until");
}

/// The store's directory is copied to another place, and the bot started on the copy.
async fn moved(w: &mut World) {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let original = std::mem::replace(&mut w.dir, elsewhere);
    // On an empty one first: the store that is copied has to be closed.
    w.restart().await;
    let copy = tempfile::tempdir().expect("a directory");
    let (from, to) = (original.path().join("data"), copy.path().join("data"));
    copy_all(&from, &to);
    drop(original);
    w.dir = copy;
    w.restart().await;
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("it is copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_store_gives_nothing_and_ends_what_is_over_after_a_grace_that_can_be_seen() {
    let (mut w, login, password) = granted().await;
    let waiting = w.say("bob", "/access redis-cloud prod read 2h").await;
    assert!(waiting.contains("Asked"), "{waiting}");
    w.clock.advance(TimeDelta::minutes(90));
    moved(&mut w).await;
    w.settle().await;
    // What waited is closed, and nothing new begins.
    w.reads("bob", "Nobody answered");
    let answer = w.say("ann", "/access redis-cloud cache read 1h").await;
    assert!(!answer.contains("Asked"), "{answer}");
    // It would have ended after half an hour: it has an hour, and its card says so.
    w.advance(TimeDelta::minutes(40)).await;
    assert!(w.redis.handle.can_log_in(&login, &password, 51_001), "the grace");
    w.advance(TimeDelta::minutes(21)).await;
    w.reads("ann", "login disabled");
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
    let by = latchkey::domain::audit::Actor::Latchkey;
    w.app.store.resume(w.app.now(), by).await.expect("it resumes");
    w.gets("ann", "/access redis-cloud prod rw 2h", "Approve 2 h")
        .await;
    w.reads("ann", "Ready until");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_use_is_refused_in_words() {
    let w = Setup::default().start().await;
    let options = OpenOptions::new(w.dir.path().join("data"), due_of, w.app.now());
    let Err(refused) = SledStore::open(options).await else {
        panic!("two processes on one store");
    };
    let words = refused.to_string();
    assert!(words.contains("another") || words.contains("in use"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_over_while_the_bot_was_down_ends_at_the_start() {
    let (mut w, login, password) = granted().await;
    w.clock.advance(TimeDelta::hours(5));
    w.restart().await;
    w.settle().await;
    w.reads("ann", "login disabled");
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
}
