//! A disk that is full or read-only. Needs to mount, so it is skipped, by name, where that is not allowed.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use latchkey::store::{Answer, OpenOptions, SledStore, Store, StoreError, Versioned, load};

use crate::common::*;

/// A small file system in memory, for as long as the value lives.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], dir.path()).then(|| Self(dir))
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let tried = Command::new("mount").args(arguments).arg(at).output();
    tried.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn read_only() {
    let Some(disk) = Disk::new(64) else {
        return skipped("disk::read_only", "mounting is not allowed here");
    };
    filled(&disk.store(), 20).await;
    assert!(mount(&["-o", "remount,ro"], disk.0.path()));
    let text = refusal(open(&disk.store()).await);
    assert!(text.contains("read-only"), "{text}");
    assert!(mount(&["-o", "remount,rw"], disk.0.path()));
    whole(&*open_until_well(&disk.store()).await, 20).await;
}

/// Writes until nothing goes in any more. Returns the ids that were acknowledged.
async fn fill_up(store: &SledStore) -> Vec<String> {
    let mut kept = Vec::new();
    for n in 0.. {
        let name = format!("x{n}");
        let value = thing(&name, &"y".repeat(60_000));
        match store
            .commit(write(&name, &name, latchkey::store::Expect::Any, Some(&value)))
            .await
        {
            Ok(Answer::Committed { .. }) => kept.push(name),
            Err(StoreError::Failed(text)) if text.contains("the disk is full") => return kept,
            other => panic!("{other:?}"),
        }
    }
    kept
}

async fn all_there(store: &SledStore, names: &[String]) {
    for name in names {
        let found: Option<Versioned<Thing>> = load(store, name).await.unwrap();
        assert!(found.is_some(), "{name} was acknowledged and is gone");
    }
}

#[tokio::test]
async fn full() {
    let Some(disk) = Disk::new(60) else {
        return skipped("disk::full", "mounting is not allowed here");
    };
    let poisoned = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&poisoned);
    let options = OpenOptions {
        ballast: 6 << 20,
        low_space: 12 << 20,
        on_poison: Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        }),
        ..options(&disk.store())
    };
    let store = SledStore::open(options.clone()).await.unwrap();
    assert_eq!(store.hesitates().await, None);
    let kept = fill_up(&store).await;
    assert!(kept.len() > 20);
    // The ballast went first; long before that nothing new was begun. What is there can still be read.
    assert!(!disk.store().join("ballast").exists());
    let why = store.hesitates().await.unwrap();
    assert!(why.contains("nearly full"), "{why}");
    all_there(&store, &kept).await;
    assert_eq!(
        poisoned.load(Ordering::SeqCst),
        0,
        "a full disk is seen before it is hit"
    );
    drop(store);

    // Somebody else takes the rest: it is refused, in so many words, until there is room.
    let junk = disk.0.path().join("junk");
    assert!(std::fs::write(&junk, vec![1; 60 << 20]).is_err());
    let text = refusal(SledStore::open(options.clone()).await);
    assert!(text.contains("full") && text.contains("free some"), "{text}");
    std::fs::remove_file(junk).unwrap();
    let store = SledStore::open(options.clone()).await.unwrap();
    all_there(&store, &kept).await;
    let more = write(
        "more",
        "more",
        latchkey::store::Expect::Any,
        Some(&thing("more", "")),
    );
    assert!(
        store
            .commit(more.clone())
            .await
            .unwrap_err()
            .to_string()
            .contains("the disk is full")
    );

    // Room comes back while it runs.
    assert!(mount(&["-o", "remount,size=120m"], disk.0.path()));
    assert!(matches!(store.commit(more).await, Ok(Answer::Committed { .. })));
    assert_eq!(store.hesitates().await, None, "there is a ballast again");
    drop(store);
    let store = SledStore::open(options).await.unwrap();
    all_there(&store, &kept).await;
}
