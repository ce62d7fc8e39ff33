//! The power goes out: what was not synced is gone. Nothing that was acknowledged may be. As a control the same is done with
//! a disk that only claims to sync the journal's lines; that must lose some, or this test proves nothing.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use latchkey::{
    domain::{Due, Key, Kind, Lane},
    store::{
        Batch, OpenOptions, Outcome, Record, SledStore, Store, StoreError, Versioned, chain, commit_settled,
        load,
    },
};
use rand::Rng;
use serde::{Deserialize, Serialize};

const CUTS: u32 = 30;
const CONTROL_CUTS: u32 = 8;
const WRITERS: u64 = 6;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counter {
    name: String,
    count: u64,
}

impl Record for Counter {
    const KIND: Kind = Kind::Lease;

    fn id(&self) -> String {
        self.name.clone()
    }
}

fn due_of(_: &Key, value: &[u8]) -> Result<Option<Due>, String> {
    let counter: Counter = serde_json::from_slice(value).map_err(|e| e.to_string())?;
    Ok(Some(Due {
        lane: Lane::core(),
        at: at(counter.count as i64 % 50),
    }))
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn options(dir: &Path) -> OpenOptions {
    OpenOptions {
        ballast: 0,
        low_space: 0,
        segment_limit: 100_000,
        on_poison: Arc::new(|_| {}),
        ..OpenOptions::new(dir, due_of, at(0))
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--write-into") {
        runtime().block_on(write_into(Path::new(&arguments[at + 1])));
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|a| a == "--list") {
        println!("power: test");
        return ExitCode::SUCCESS;
    }
    let work = tempfile::tempdir().unwrap();
    let Some(shim) = shim(work.path()) else {
        println!("SKIPPED power: no C compiler (`cc`) here to build the shim with");
        println!("power: 0 passed, 0 failed, 1 skipped");
        return ExitCode::SUCCESS;
    };
    let honest = cut_again_and_again(&shim, &work.path().join("honest"), CUTS, "");
    println!("honest disk: {CUTS} cuts, {honest}");
    let lying = cut_again_and_again(&shim, &work.path().join("lying"), CONTROL_CUTS, "/journal/");
    println!("control, a disk that lies about the journal: {CONTROL_CUTS} cuts, {lying}");
    let checks = [
        (
            "nothing acknowledged was lost",
            honest.lost == 0 && honest.refused == 0,
        ),
        (
            "there was something to lose",
            honest.acknowledged > u64::from(CUTS),
        ),
        ("the control lost something", lying.lost > 0),
    ];
    let failed = checks.iter().filter(|(_, held)| !held).count();
    for (name, _) in checks.iter().filter(|(_, held)| !held) {
        println!("FAILED power: {name}");
    }
    println!(
        "power: {} passed, {failed} failed, 0 skipped",
        checks.len() - failed
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn shim(work: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/shim.c");
    let library = work.join("shim.so");
    let tried = Command::new("cc")
        .args(["-O1", "-Wall", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .args(["-ldl", "-lpthread"])
        .status();
    match tried {
        Ok(status) => {
            assert!(status.success(), "the shim does not compile");
            Some(library)
        }
        Err(_) => None,
    }
}

/// What became of a store over many cuts.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: u64,
    lost: u64,
    refused: u64,
    cut_while_opening: u64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            acknowledged,
            lost,
            refused,
            cut_while_opening,
        } = self;
        write!(
            f,
            "{acknowledged} acknowledged, {lost} lost, {refused} refused to open ({cut_while_opening} cut while opening)"
        )
    }
}

fn cut_again_and_again(shim: &Path, dir: &Path, cuts: u32, lies: &str) -> Tally {
    let (store, shadow) = (dir.join("store"), dir.join("shadow"));
    let mut acked = BTreeMap::new();
    let mut tally = Tally::default();
    for cut in 0..cuts {
        let said = one_life(shim, &store, &shadow, cut, lies);
        tally.cut_while_opening += u64::from(said.is_empty());
        for line in said.iter().filter(|line| *line != "open") {
            let Some((name, count)) = line.split_once(' ') else {
                continue;
            };
            let last: &mut u64 = acked.entry(name.to_owned()).or_default();
            *last = count.parse::<u64>().unwrap().max(*last);
            tally.acknowledged += 1;
        }
        // The power is back: the disk holds what the shadow holds, and nothing else.
        drop(fs::remove_dir_all(&store));
        copy_dir(&shadow, &store);
        match runtime().block_on(missing(&store, &acked)) {
            Ok(lost) => tally.lost += lost,
            Err(_) => {
                // The index remembers more than the journal. What does the journal alone still know?
                tally.refused += 1;
                latchkey::store::forget_index(&store).unwrap();
                tally.lost += runtime().block_on(missing(&store, &acked)).unwrap_or(0);
            }
        }
        if tally.lost > 0 || tally.refused > 0 {
            // What comes after would count the same loss again.
            acked.clear();
            drop(fs::remove_dir_all(&store));
            drop(fs::remove_dir_all(&shadow));
        } else {
            drop(fs::remove_dir_all(&shadow));
            copy_dir(&store, &shadow);
        }
    }
    tally
}

fn one_life(shim: &Path, store: &Path, shadow: &Path, cut: u32, lies: &str) -> Vec<String> {
    fs::create_dir_all(shadow).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("--write-into")
        .arg(store)
        .env("LD_PRELOAD", shim)
        .env("POWER_ROOT", store)
        .env("POWER_SHADOW", shadow)
        .env("POWER_LIES", lies)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (opened, is_open) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        lines.inspect(|_| _ = opened.send(())).collect()
    });
    // Every fifth cut comes at any moment, mostly while opening; the others while it writes.
    if cut % 5 != 4 {
        _ = is_open.recv_timeout(Duration::from_secs(20));
    }
    std::thread::sleep(Duration::from_millis(rand::rng().random_range(0..150)));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let Ok(entries) = fs::read_dir(from) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to.join(name));
        } else if !name.to_string_lossy().ends_with(".keep") {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// How many records stand behind what was acknowledged.
async fn missing(dir: &Path, acked: &BTreeMap<String, u64>) -> Result<u64, StoreError> {
    // A damaged index is found by looking, and made anew by opening again.
    for _ in 0..3 {
        let store = SledStore::open(options(dir)).await?;
        while !store.scanned() && store.meta().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if !store.scanned() {
            continue;
        }
        let mut lost = 0;
        for (name, count) in acked {
            let found: Option<Versioned<Counter>> = load(&*store, name).await?;
            lost += count.saturating_sub(found.map_or(0, |found| found.count));
        }
        drop(store);
        return match chain::verify(dir)?.broken {
            Some(broken) => Err(StoreError::Refused(broken)),
            None => Ok(lost),
        };
    }
    Err(StoreError::Failed("the index does not get well".into()))
}

/// The process whose power is cut: counts records up and says so once that is durable.
async fn write_into(dir: &Path) {
    let store = SledStore::open(options(dir)).await.unwrap();
    let life = store.meta().await.unwrap().seq;
    say("open");
    let count = async |writer: u64| {
        for turn in 0.. {
            let name = format!("w{writer}-{}", turn % 5);
            let old: Option<Versioned<Counter>> = load(&*store, &name).await.unwrap();
            let count = old.as_ref().map_or(0, |old| old.count) + 1;
            let new = Counter { name, count };
            let batch = Batch::new(format!("{life}-{writer}-{turn}"), at(0)).put_over(old.as_ref(), &new);
            let outcome = commit_settled(&*store, batch.build().unwrap()).await.unwrap();
            assert_eq!(outcome, Outcome::Committed);
            say(&format!("{} {count}", new.name));
        }
    };
    futures_util::future::join_all((0..WRITERS).map(count)).await;
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").unwrap();
    out.flush().unwrap();
}
