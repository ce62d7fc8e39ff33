//! The index: sled, made from the journal and made anew whenever it is in doubt.
//!
//! All is one tree, so that one batch of writes is one atomic change, together with the line it has come to.

use std::{
    fs::File,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Meta, Result, StoreError, Stored,
    envelope::{self, Flaw, checksum},
    files,
    journal::Point,
    keys,
    line::Facts,
};
use crate::domain::Key;

/// Of the keys and values in the index. Another one is built from the journal.
const FORMAT: u32 = 1;
const CACHE: u64 = 48 << 20;
const FLUSH_EVERY_MS: u64 = 500;

/// What the index knows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) format: u32,
    pub(crate) facts: Facts,
    pub(crate) last_now: Option<DateTime<Utc>>,
    /// The line it has come to.
    pub(crate) point: Point,
    pub(crate) sums: Sums,
}

impl Known {
    pub(crate) fn new(facts: Facts, point: Point) -> Self {
        Self {
            format: FORMAT,
            facts,
            last_now: None,
            point,
            sums: Sums::default(),
        }
    }

    pub(crate) fn meta(&self) -> Meta {
        Meta {
            store_id: self.facts.store_id.clone(),
            epoch: self.facts.epoch,
            last_now: self.last_now,
            seq: self.point.seq,
            head: self.point.head.clone(),
            quarantine: self.facts.quarantine.clone(),
        }
    }
}

/// What a scan must come to: a record or due entry that is missing, doubled or changed alters a sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) records: Sum,
    pub(crate) dues: Sum,
}

/// A count and a sum of hashes, independent of order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) hashes: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.hashes = self.hashes.wrapping_add(mix(key, value));
    }

    fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.count = self.count.wrapping_sub(1);
        self.hashes = self.hashes.wrapping_sub(mix(key, value));
    }

    /// Takes one pair of key and value out and another one in.
    pub(crate) fn exchange(&mut self, was: Option<(&[u8], &[u8])>, will: Option<(&[u8], &[u8])>) {
        if let Some((key, value)) = was {
            self.remove(key, value);
        }
        if let Some((key, value)) = will {
            self.add(key, value);
        }
    }
}

/// A key that has no value.
pub(crate) fn bare(key: Option<&[u8]>) -> Option<(&[u8], &[u8])> {
    key.map(|key| (key, [].as_slice()))
}

/// Splitmix64 over two checksums.
fn mix(key: &[u8], value: &[u8]) -> u64 {
    let mut z = u64::from(checksum(key, &[])) << 32 | u64::from(checksum(key, value));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Why the index could not be used.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not as we wrote it: build it anew.
    Damaged(String),
    /// Something that a new index would not cure.
    Failed(StoreError),
}

impl Fault {
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::Damaged(why) => StoreError::Refused(format!(
                "the index is damaged ({why}): start again, it is made anew from the journal"
            )),
            Self::Failed(error) => error,
        }
    }
}

/// The open index.
pub(crate) struct Index {
    db: sled::Db,
    path: PathBuf,
}

impl Index {
    /// Opens or makes it. sled panics on some damage, so this expects a panic.
    pub(crate) fn open(path: &Path) -> std::result::Result<Self, Fault> {
        files::private_dir(path).map_err(Fault::Failed)?;
        put_torn_snapshots_aside(path).map_err(|e| Fault::Failed(files::refused("tidy", path, &e)))?;
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let db = open_unlocked(&config)?;
        files::close_to_others(path).map_err(|e| Fault::Failed(files::refused("close", path, &e)))?;
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    /// What it knows of itself; none if it was never finished.
    pub(crate) fn known(&self) -> std::result::Result<Option<Known>, Fault> {
        let Some(bytes) = self.raw(keys::META)? else {
            return Ok(None);
        };
        let damaged = || Fault::Damaged("what it knows of itself is damaged".into());
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if checksum(keys::META, body).to_be_bytes() != *crc {
            return Err(damaged());
        }
        let known: Known = serde_json::from_slice(body).map_err(|_| damaged())?;
        if known.format == FORMAT {
            Ok(Some(known))
        } else {
            Err(Fault::Damaged(format!("it is of format {}", known.format)))
        }
    }

    /// A value as sled holds it. Damage may show as a panic there.
    pub(crate) fn raw(&self, key: &[u8]) -> std::result::Result<Option<sled::IVec>, Fault> {
        guarded(|| self.db.get(key))
    }

    /// Pairs from `start` (before `end`), at most `limit`.
    pub(crate) fn page(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
    ) -> std::result::Result<Vec<(sled::IVec, sled::IVec)>, Fault> {
        if start >= end {
            return Ok(Vec::new());
        }
        guarded(|| self.db.range(start..end).take(limit).collect())
    }

    /// The same from the end backwards.
    pub(crate) fn page_back(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
    ) -> std::result::Result<Vec<(sled::IVec, sled::IVec)>, Fault> {
        if start >= end {
            return Ok(Vec::new());
        }
        guarded(|| self.db.range(start..end).rev().take(limit).collect())
    }

    pub(crate) fn record(&self, key: &Key) -> std::result::Result<Option<Stored>, Fault> {
        let bytes = keys::record(key);
        match self.raw(&bytes)? {
            Some(value) => envelope::unwrap(&bytes, &value)
                .map(Some)
                .map_err(|flaw| unreadable(flaw, key)),
            None => Ok(None),
        }
    }

    /// Line number and digest of a commit.
    pub(crate) fn commit(&self, id: &str) -> std::result::Result<Option<(u64, u64)>, Fault> {
        match self.raw(&keys::commit(id))? {
            Some(value) => {
                let pair = keys::read_pair(&value);
                pair.map(Some)
                    .ok_or_else(|| Fault::Damaged("a commit's entry is damaged".into()))
            }
            None => Ok(None),
        }
    }

    /// Changes it, all or nothing.
    pub(crate) fn apply(&self, batch: sled::Batch) -> std::result::Result<(), Fault> {
        guarded(|| self.db.apply_batch(batch))
    }

    /// Makes all of it durable. sled's own flush does not sync on Linux, so its file is synced through a handle of ours.
    pub(crate) fn checkpoint(&self) -> std::result::Result<(), Fault> {
        guarded(|| self.db.flush())?;
        let path = self.path.join("db");
        File::open(&path)
            .and_then(|file| file.sync_data())
            .and_then(|()| files::sync_dir(&self.path))
            .map_err(|e| Fault::Failed(files::refused("sync", &path, &e)))
    }
}

/// Damage can be cured by a new index, an unknown version cannot.
pub(crate) fn unreadable(flaw: Flaw, key: &Key) -> Fault {
    match flaw {
        Flaw::Damaged => Fault::Damaged(flaw.of(key).to_string()),
        Flaw::Unknown { .. } => Fault::Failed(flaw.of(key)),
    }
}

/// We hold the store's lock, so if sled's own is taken then only by a child that was forked and did not start yet.
fn open_unlocked(config: &sled::Config) -> std::result::Result<sled::Db, Fault> {
    for _ in 0..20 {
        match panic::catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(e))) if e.to_string().contains("could not acquire lock") => {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Ok(Err(error)) => return Err(fault(&error)),
            Err(_) => return Err(Fault::Damaged("it cannot be opened".into())),
        }
    }
    Err(Fault::Failed(StoreError::Refused(
        "the store's index is in use by another process".into(),
    )))
}

fn guarded<T>(act: impl FnOnce() -> sled::Result<T>) -> std::result::Result<T, Fault> {
    match panic::catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fault(&error)),
        Err(_) => Err(Fault::Damaged("reading it panicked".into())),
    }
}

fn fault(error: &sled::Error) -> Fault {
    match error {
        sled::Error::Io(io) => Fault::Failed(StoreError::Refused(format!("the store's index fails: {io}"))),
        sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => Fault::Damaged(error.to_string()),
    }
}

/// sled picks up a snapshot that was being written when the process died, and then cannot open.
fn put_torn_snapshots_aside(path: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().ends_with(".generating") {
            tracing::warn!(file = ?entry.path(), "a snapshot that was never finished is put aside");
            std::fs::rename(entry.path(), path.with_extension("torn-snapshot"))?;
        }
    }
    Ok(())
}

/// What the index knows of itself, as a value.
pub(crate) fn meta_value(known: &Known) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(known)
        .map_err(|e| StoreError::Failed(format!("the store's own facts cannot be written: {e}")))?;
    let crc = checksum(keys::META, &bytes);
    bytes.extend(crc.to_be_bytes());
    Ok(bytes)
}
