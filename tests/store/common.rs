//! A record to try things with, and stores to keep it in.

use std::{path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use latchkey::{
    domain::{
        Due, Key, Kind, Lane, Urgency,
        audit::{Actor, Entry},
    },
    store::{
        Answer, AuditQuery, Batch, Commit, Expect, OpenOptions, Record, Result, SledStore, Store, StoreError,
        Versioned, Write, list, load, mem::MemStore,
    },
};
use serde::{Deserialize, Serialize};

/// Stands in for a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    #[serde(default = "one")]
    pub v: u32,
    pub name: String,
    #[serde(default)]
    pub lane: Option<String>,
    #[serde(default)]
    pub due: Option<DateTime<Utc>>,
    #[serde(default)]
    pub text: String,
}

fn one() -> u32 {
    1
}

impl Record for Thing {
    const KIND: Kind = Kind::Lease;

    fn id(&self) -> String {
        self.name.clone()
    }
}

pub fn thing(name: &str, text: &str) -> Thing {
    Thing {
        v: 1,
        name: name.into(),
        lane: None,
        due: None,
        text: text.into(),
    }
}

pub fn due_thing(name: &str, lane: &str, due: DateTime<Utc>) -> Thing {
    Thing {
        lane: Some(lane.into()),
        due: Some(due),
        ..thing(name, "")
    }
}

pub fn due_of(_key: &Key, value: &[u8]) -> std::result::Result<Option<Due>, String> {
    let thing: Thing = serde_json::from_slice(value).map_err(|e| e.to_string())?;
    if thing.v > 1 {
        return Err(format!("its version {} is not known", thing.v));
    }
    let lane = |owner| Lane {
        owner,
        urgency: Urgency::Ends,
    };
    Ok(thing.lane.zip(thing.due).map(|(owner, at)| Due {
        lane: lane(owner),
        at,
    }))
}

pub fn lane(owner: &str) -> Lane {
    Lane {
        owner: owner.into(),
        urgency: Urgency::Ends,
    }
}

/// A fixed instant, so many seconds later.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

pub fn options(dir: &Path) -> OpenOptions {
    OpenOptions {
        ballast: 0,
        low_space: 0,
        on_poison: Arc::new(|_| {}),
        ..OpenOptions::new(dir, due_of, at(0))
    }
}

pub async fn open(dir: &Path) -> Result<Arc<SledStore>> {
    SledStore::open(options(dir)).await
}

pub fn mem() -> MemStore {
    MemStore::new(due_of)
}

/// A commit of one write.
pub fn write(id: &str, name: &str, expect: Expect, value: Option<&Thing>) -> Commit {
    Commit {
        id: id.into(),
        now: at(0),
        writes: vec![one_write(name, expect, value)],
        audit: Vec::new(),
    }
}

pub fn one_write(name: &str, expect: Expect, value: Option<&Thing>) -> Write {
    Write {
        key: Key::new(Kind::Lease, name),
        expect,
        value: value.map(|thing| serde_json::to_vec(thing).unwrap()),
    }
}
/// Says, under the name of a test, that it was not run.
pub fn skipped(name: &str, why: &str) {
    println!("SKIPPED {name}: {why}");
}

/// Waits until the background look at the index is done, or the store has failed.
pub async fn scanned(store: &SledStore) {
    for _ in 0..2000 {
        if store.scanned() || store.meta().await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the look at the index does not end");
}

/// A store with so many records in it, closed again. Some were written twice, some removed.
pub async fn filled(dir: &Path, records: usize) {
    filled_with(options(dir), records).await;
}

pub async fn filled_with(options: OpenOptions, records: usize) {
    let store = SledStore::open(options).await.unwrap();
    for n in 0..records {
        let name = format!("t{n:05}");
        let value = due_thing(&name, ["pg", "redis"][n % 2], at(n as i64));
        let audit = Entry::new(Actor::Latchkey, "made").request(&name.as_str().into());
        let batch = Batch::new(format!("make-{n}"), at(n as i64))
            .put_new(&value)
            .audit(audit);
        done(&*store, batch).await;
        let old: Versioned<Thing> = load(&*store, &name).await.unwrap().unwrap();
        let new = Thing {
            text: padding(n),
            ..value
        };
        done(
            &*store,
            Batch::new(format!("change-{n}"), at(n as i64)).put(&old, &new),
        )
        .await;
        if n % 10 == 9 {
            let old = load::<Thing>(&*store, &name).await.unwrap().unwrap();
            done(
                &*store,
                Batch::new(format!("remove-{n}"), at(n as i64)).remove(&old),
            )
            .await;
        }
    }
}

pub async fn done(store: &dyn Store, batch: Batch) {
    let answer = store.commit(batch.build().unwrap()).await.unwrap();
    assert!(matches!(answer, Answer::Committed { .. }), "{answer:?}");
}

fn padding(n: usize) -> String {
    format!("{n} ").repeat(40)
}

/// All that `filled` left is there, and nothing else.
pub async fn whole(store: &dyn Store, records: usize) {
    let mut found = list::<Thing>(store, "").await.unwrap().into_iter();
    for n in (0..records).filter(|n| n % 10 != 9) {
        let thing = found.next().unwrap_or_else(|| panic!("record {n} is missing"));
        let name = format!("t{n:05}");
        assert_eq!((thing.version, thing.name.as_str()), (2, name.as_str()));
        assert_eq!(thing.text, padding(n));
    }
    assert!(found.next().is_none());
    for (lane_of, rest) in [("pg", 0), ("redis", 1)] {
        let due = store
            .due(&lane(lane_of), at(records as i64), usize::MAX)
            .await
            .unwrap();
        let expected: Vec<_> = (0..records).filter(|n| n % 2 == rest && n % 10 != 9).collect();
        let names: Vec<_> = due.into_iter().map(|entry| entry.key.id).collect();
        assert_eq!(
            names,
            expected.iter().map(|n| format!("t{n:05}")).collect::<Vec<_>>()
        );
    }
    let made = store.audit(&AuditQuery::default()).await.unwrap();
    assert_eq!(made.iter().filter(|r| r.entry.verb == "made").count(), records);
}

/// The text of a refusal.
pub fn refusal<T>(result: Result<T>) -> String {
    match result {
        Err(StoreError::Refused(text)) => text,
        Err(StoreError::Failed(text)) => panic!("failed instead of refusing: {text}"),
        Ok(_) => panic!("not refused"),
    }
}

/// Opens a store until it stays open: as a supervisor does, three times at most.
pub async fn open_until_well(dir: &Path) -> Arc<SledStore> {
    for _ in 0..3 {
        let store = open(dir).await.unwrap();
        scanned(&store).await;
        if store.scanned() {
            return store;
        }
    }
    panic!("the store does not get well");
}

pub fn segment(dir: &Path, number: u32) -> std::path::PathBuf {
    dir.join("journal").join(format!("{number:08}.jsonl"))
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Changes a file's bytes.
pub fn alter(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}
