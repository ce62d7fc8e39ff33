//! A process that is killed while it writes, forty times on the same store. What it was told is there; what is there is right.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use latchkey::store::{
    Batch, OpenOptions, Outcome, SledStore, Store, Versioned, chain, commit_settled, load,
};
use rand::Rng;

use crate::common::*;

const KILLS: u64 = 40;
const WRITERS: u64 = 6;
const STORE: &str = "LATCHKEY_TEST_STORE";

fn small_segments(dir: &Path) -> OpenOptions {
    OpenOptions {
        segment_limit: 200_000,
        ..options(dir)
    }
}

/// Not a test: the process that is killed. It counts each record up and says so once that is durable.
#[tokio::test]
#[ignore = "the child process of `killed_while_writing`"]
async fn writer() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells where to write")]
    let Ok(dir) = std::env::var(STORE) else { return };
    let store = SledStore::open(small_segments(Path::new(&dir))).await.unwrap();
    let life = store.meta().await.unwrap().seq;
    say("open");
    let count = async |writer: u64| {
        for turn in 0.. {
            let name = format!("w{writer}-{}", turn % 5);
            let old: Option<Versioned<Thing>> = load(&*store, &name).await.unwrap();
            let before: u64 = old.as_ref().map_or(0, |old| old.text.parse().unwrap());
            let new = Thing {
                text: (before + 1).to_string(),
                ..due_thing(&name, "pg", at((before % 50) as i64))
            };
            let other = thing(&format!("{name}-twin"), &new.text);
            let batch = Batch::new(format!("{life}-{writer}-{turn}"), at(0))
                .put_over(old.as_ref(), &new)
                .touch(&other);
            let outcome = commit_settled(&*store, batch.build().unwrap()).await.unwrap();
            assert_eq!(outcome, Outcome::Committed);
            say(&format!("{name} {}", new.text));
        }
    };
    futures_util::future::join_all((0..WRITERS).map(count)).await;
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "said {text}").unwrap();
    out.flush().unwrap();
}

/// Lets the writer write for a while, kills it, and returns what it said.
fn one_life(dir: &Path, kill: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writer", "--exact", "--ignored", "--nocapture"])
        .env(STORE, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (opened, is_open) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        // libtest's own words come first on the same line.
        let lines = out.lines().map_while(Result::ok);
        let said = lines.filter_map(|line| line.split_once("said ").map(|(_, said)| said.to_owned()));
        said.inspect(|_| _ = opened.send(())).collect()
    });
    // Every fifth kill comes at any moment, mostly while opening; the others while it writes.
    if !kill.is_multiple_of(5) {
        _ = is_open.recv_timeout(Duration::from_secs(20));
    }
    std::thread::sleep(Duration::from_millis(rand::rng().random_range(0..120)));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test]
async fn killed_while_writing() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked: BTreeMap<String, u64> = BTreeMap::new();
    let (mut told, mut in_open) = (0, 0);
    for kill in 1..=KILLS {
        let path = dir.path().to_owned();
        let said = tokio::task::spawn_blocking(move || one_life(&path, kill))
            .await
            .unwrap();
        in_open += u64::from(said.is_empty());
        for line in said.iter().filter(|line| *line != "open") {
            let (name, count) = line.split_once(' ').unwrap();
            // A writer's own words come in order; a torn last line does not end in a number that fits.
            let count: u64 = count.parse().unwrap();
            let last = acked.entry(name.to_owned()).or_default();
            *last = count.max(*last);
            told += 1;
        }
        check(dir.path(), &acked).await;
        if kill % 10 == 0 {
            assert_eq!(chain::verify(dir.path()).unwrap().broken, None);
            latchkey::store::forget_index(dir.path()).unwrap();
            check(dir.path(), &acked).await;
        }
    }
    println!("{KILLS} kills ({in_open} before it was open), {told} acknowledged commits, 0 lost");
    assert!(told > KILLS, "the writer hardly ever came to write");
}

async fn check(dir: &Path, acked: &BTreeMap<String, u64>) {
    let store = SledStore::open(small_segments(dir)).await.unwrap();
    for (name, count) in acked {
        let found: Versioned<Thing> = load(&*store, name).await.unwrap().unwrap();
        let now: u64 = found.text.parse().unwrap();
        assert!(now >= *count, "{name} was acknowledged as {count}, and is {now}");
        assert_eq!(found.version, now, "every version counts one up");
        let twin: Versioned<Thing> = load(&*store, &format!("{name}-twin")).await.unwrap().unwrap();
        assert_eq!(
            (twin.version, &twin.text),
            (now, &found.text),
            "a commit was split"
        );
    }
    scanned(&store).await;
    assert!(store.scanned(), "{:?}", store.meta().await);
}
