//! How the store keeps up. Prints ratios and limits rather than absolute promises: `cargo bench --bench store [RECORDS]`
//! (a million by default; about 2 GB of disk under the temporary directory, or the one in `TMPDIR`).

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use latchkey::{
    domain::{
        Due, Key, Kind, Lane, Urgency,
        audit::{Actor, Entry},
    },
    store::{Answer, Commit, Expect, OpenOptions, SledStore, Store, Write as StoreWrite},
};
use serde::{Deserialize, Serialize};

const TASKS: usize = 256;
const SPELL: Duration = Duration::from_secs(3);
const DUE: usize = 10_000;
const LANES: usize = 20;
const BATCH: usize = 500;

#[derive(Serialize, Deserialize)]
struct Lease {
    lane: u8,
    due: i64,
    text: String,
}

fn due_of(_: &Key, value: &[u8]) -> Result<Option<Due>, String> {
    let lease: Lease = serde_json::from_slice(value).map_err(|e| e.to_string())?;
    Ok(Some(Due {
        lane: lane(usize::from(lease.lane)),
        at: at(lease.due),
    }))
}

fn lane(n: usize) -> Lane {
    Lane {
        owner: format!("integration-{n:02}"),
        urgency: Urgency::Ends,
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap_or_default()
}

fn lease(n: usize, due: i64) -> Vec<u8> {
    let text = format!("{n:08x}").repeat(56);
    let lease = Lease {
        lane: (n % LANES) as u8,
        due,
        text,
    };
    serde_json::to_vec(&lease).unwrap_or_default()
}

fn options(dir: &Path) -> OpenOptions {
    OpenOptions::new(dir, due_of, at(0))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let records = arguments
        .iter()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(1_000_000);
    if let Some(at) = arguments.iter().position(|a| a == "--opened") {
        return runtime().block_on(opened(Path::new(&arguments[at + 1]), records));
    }
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(decisions(dir.path()));
    let big = dir.path().join("big");
    runtime().block_on(load(&big, records));
    // In a process of its own, so that the memory of loading does not count as that of opening.
    let child = std::process::Command::new(&arguments[0])
        .arg(records.to_string())
        .arg("--opened")
        .arg(&big)
        .status();
    assert!(child.is_ok_and(|status| status.success()));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Durable commits with 256 tasks at it, against the least that anybody could do: append and sync the same bytes in groups.
async fn decisions(dir: &Path) {
    let mut ratios = Vec::new();
    for round in 0..3 {
        let bare = bare(&dir.join(format!("bare{round}")));
        let ours = ours(&dir.join(format!("store{round}"))).await;
        println!(
            "round {round}: bare journal {bare:.0}/s, store {ours:.0}/s, ratio {:.2}",
            ours / bare
        );
        ratios.push(ours / bare);
    }
    ratios.sort_by(f64::total_cmp);
    verdict(
        "durable decisions, ratio to a bare journal",
        ratios[1],
        &Goal::AtLeast(0.5),
    );
}

/// One thread that takes what waits, writes it and syncs once; callers wait for it. No index, no hash, no versions.
fn bare(path: &Path) -> f64 {
    let (send, receive) = std::sync::mpsc::sync_channel::<(Vec<u8>, tokio::sync::oneshot::Sender<()>)>(8192);
    let mut file = File::create(path).unwrap();
    let writer = std::thread::spawn(move || {
        while let Ok(first) = receive.recv() {
            let mut waiting = vec![first];
            waiting.extend(receive.try_iter().take(1023));
            let text: Vec<u8> = waiting
                .iter()
                .flat_map(|(line, _)| line.iter().copied())
                .collect();
            file.write_all(&text).unwrap();
            file.sync_data().unwrap();
            for (_, reply) in waiting {
                // A caller that is gone needs no answer.
                reply.send(()).ok();
            }
        }
    });
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let total = std::thread::spawn(move || {
        handle.block_on(async move {
            let started = Instant::now();
            let tasks = (0..TASKS).map(|task| {
                let send = send.clone();
                tokio::spawn(async move {
                    let mut done = 0_u64;
                    while started.elapsed() < SPELL {
                        // As long as a line of ours.
                        let mut line = lease(task, 0);
                        line.resize(line.len() + 420, b' ');
                        let (reply, answer) = tokio::sync::oneshot::channel();
                        send.send((line, reply)).unwrap();
                        answer.await.unwrap();
                        done += 1;
                    }
                    done
                })
            });
            let done: u64 = futures_util::future::join_all(tasks)
                .await
                .into_iter()
                .map(Result::unwrap)
                .sum();
            done as f64 / started.elapsed().as_secs_f64()
        })
    })
    .join()
    .unwrap();
    runtime.shutdown_background();
    writer.join().unwrap();
    total
}

async fn ours(dir: &Path) -> f64 {
    let store = SledStore::open(options(dir)).await.unwrap();
    let started = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut done = 0_u64;
            while started.elapsed() < SPELL {
                let name = format!("{task}-{done}");
                let entry = Entry::new(Actor::Latchkey, "granted").request(&name.as_str().into());
                let commit = Commit {
                    id: name.clone(),
                    now: at(0),
                    writes: vec![one(&name, lease(task, 1000))],
                    audit: vec![entry],
                };
                let answer = store.commit(commit).await.unwrap();
                assert!(matches!(answer, Answer::Committed { .. }));
                done += 1;
            }
            done
        })
    });
    let done: u64 = futures_util::future::join_all(tasks)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    done as f64 / started.elapsed().as_secs_f64()
}

fn one(name: &str, value: Vec<u8>) -> StoreWrite {
    StoreWrite {
        key: Key::new(Kind::Lease, name),
        expect: Expect::Absent,
        value: Some(value),
    }
}

/// Fills a store: most sleep, ten thousand are due.
async fn load(dir: &Path, records: usize) {
    let started = Instant::now();
    let store = SledStore::open(options(dir)).await.unwrap();
    for first in (0..records).step_by(BATCH) {
        let writes = (first..records.min(first + BATCH)).map(|n| {
            let spread = n.wrapping_mul(2_654_435_761) % records;
            let due = if spread < DUE {
                -1 - spread as i64
            } else {
                1000 + spread as i64
            };
            one(&format!("{spread:08}-{n}"), lease(n, due))
        });
        let commit = Commit {
            id: format!("load-{first}"),
            now: at(0),
            writes: writes.collect(),
            audit: Vec::new(),
        };
        let answer = store.commit(commit).await.unwrap();
        assert!(matches!(answer, Answer::Committed { .. }));
    }
    println!("{records} records loaded in {:.1?}", started.elapsed());
}

/// What a process that opens the store sees.
async fn opened(dir: &Path, records: usize) {
    let started = Instant::now();
    let store = SledStore::open(options(dir)).await.unwrap();
    let ready = started.elapsed();
    lookups(&store).await;
    while !store.scanned() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!(
        "the look at all {records} records ended after {:.1?}",
        started.elapsed()
    );
    verdict("reopened, seconds", ready.as_secs_f64(), &Goal::Below(4.0));
    verdict("memory after all that, MB", memory_mb(), &Goal::Below(400.0));
}

async fn lookups(store: &SledStore) {
    let mut found = 0;
    let started = Instant::now();
    for n in 0..LANES {
        found += store.due(&lane(n), at(0), DUE).await.unwrap().len();
    }
    println!("{found} due found in {LANES} lanes in {:.2?}", started.elapsed());
    let started = Instant::now();
    for turn in 0..1000 {
        let none = store.due(&lane(turn % LANES), at(-100_000), 100).await.unwrap();
        assert!(none.is_empty());
    }
    println!("nothing due: {:.2?} a look", started.elapsed() / 1000);
    let started = Instant::now();
    for turn in 0..1000 {
        let some = store.due(&lane(turn % LANES), at(0), 50).await.unwrap();
        assert!(!some.is_empty());
    }
    println!(
        "the first 50 due of a lane: {:.2?} a look",
        started.elapsed() / 1000
    );
}

/// Resident memory of this process.
fn memory_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    let kb: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .unwrap_or(f64::NAN);
    kb / 1024.0
}

enum Goal {
    AtLeast(f64),
    Below(f64),
}

fn verdict(what: &str, value: f64, goal: &Goal) {
    let (sign, limit, met) = match goal {
        Goal::AtLeast(limit) => (">=", limit, value >= *limit),
        Goal::Below(limit) => ("<", limit, value < *limit),
    };
    println!(
        "{what}: {value:.2} (goal {sign} {limit}) {}",
        if met { "met" } else { "MISSED" }
    );
}
