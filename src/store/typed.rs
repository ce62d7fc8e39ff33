//! Records as values: what the rest of the program uses to read and write the store.

use std::ops::Deref;

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};

use super::{Answer, Commit, Expect, Result, Store, StoreError, Stored, Write};
use crate::domain::{Key, Kind, audit};

/// How many records a page of `list` holds.
const PAGE: usize = 512;

/// How often a commit whose answer was lost is handed in again, before the caller is told.
const TRIES: usize = 5;

/// A value that is kept as a record of its own.
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync {
    const KIND: Kind;

    /// Unique in the kind, and the same for the life of the record.
    fn id(&self) -> String;

    fn key(&self) -> Key {
        Key::new(Self::KIND, self.id())
    }
}

/// A record as it was read; writing it demands that it still stands so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    pub version: u64,
    pub value: T,
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Reads one record. An error if it is there but cannot be understood.
pub async fn load<T: Record>(store: &dyn Store, id: &str) -> Result<Option<Versioned<T>>> {
    let key = Key::new(T::KIND, id);
    match store.get(&key).await? {
        Some(stored) => decode(&key, &stored).map(Some),
        None => Ok(None),
    }
}

/// Reads all records of a kind whose id starts with `prefix`, in the order of their ids.
pub async fn list<T: Record>(store: &dyn Store, prefix: &str) -> Result<Vec<Versioned<T>>> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(T::KIND, prefix, after.as_deref(), PAGE).await?;
        for (key, stored) in &page {
            found.push(decode(key, stored)?);
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => after = Some(key.id.clone()),
            Some(_) | None => return Ok(found),
        }
    }
}

/// Reads a value out of what the store holds under `key`.
pub fn decode<T: DeserializeOwned>(key: &Key, stored: &Stored) -> Result<Versioned<T>> {
    let value = serde_json::from_slice(&stored.value)
        .map_err(|e| StoreError::Refused(format!("{key} cannot be read by this version of Latchkey: {e}")))?;
    Ok(Versioned {
        version: stored.version,
        value,
    })
}

/// Collects the writes and audit entries of one commit. What went wrong on the way is told by `build`.
#[derive(Debug)]
pub struct Batch {
    commit: Commit,
    failed: Option<StoreError>,
}

impl Batch {
    /// `id` is unique to what this batch wants done: handed in twice it counts once.
    pub fn new(id: impl Into<String>, now: DateTime<Utc>) -> Self {
        let commit = Commit {
            id: id.into(),
            now,
            writes: Vec::new(),
            audit: Vec::new(),
        };
        Self { commit, failed: None }
    }

    /// Writes a record that must not exist yet.
    #[must_use]
    pub fn put_new<T: Record>(self, record: &T) -> Self {
        self.write(record, Expect::Absent)
    }

    /// Replaces a record that must still stand as `old` was read.
    #[must_use]
    pub fn put<T: Record>(self, old: &Versioned<T>, new: &T) -> Self {
        debug_assert_eq!(old.value.id(), new.id(), "a record keeps its id");
        self.write(new, Expect::Version(old.version))
    }

    /// Replaces `old`, or writes a new record where there was none.
    #[must_use]
    pub fn put_over<T: Record>(self, old: Option<&Versioned<T>>, new: &T) -> Self {
        match old {
            Some(old) => self.put(old, new),
            None => self.put_new(new),
        }
    }

    /// Writes a record whatever stands there: only for records that say no more than "look".
    #[must_use]
    pub fn touch<T: Record>(self, record: &T) -> Self {
        self.write(record, Expect::Any)
    }

    /// Removes a record that must still stand as it was read.
    #[must_use]
    pub fn remove<T: Record>(mut self, old: &Versioned<T>) -> Self {
        self.commit.writes.push(Write {
            key: old.value.key(),
            expect: Expect::Version(old.version),
            value: None,
        });
        self
    }

    #[must_use]
    pub fn audit(mut self, entry: audit::Entry) -> Self {
        self.commit.audit.push(entry);
        self
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.commit.writes.is_empty() && self.commit.audit.is_empty() && self.failed.is_none()
    }

    /// The commit. An error if a record could not be written as JSON.
    pub fn build(self) -> Result<Commit> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.commit),
        }
    }

    fn write<T: Record>(mut self, record: &T, expect: Expect) -> Self {
        let key = record.key();
        match serde_json::to_vec(record) {
            Ok(value) => self.commit.writes.push(Write {
                key,
                expect,
                value: Some(value),
            }),
            Err(e) => {
                let text = format!("{key} cannot be written as JSON: {e}");
                self.failed.get_or_insert(StoreError::Failed(text));
            }
        }
        self
    }
}

/// What became of a commit, for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Committed,
    /// Nothing was written: this record was not as expected. Read and decide again.
    Conflict { key: Key },
}

/// Commits, and where the answer is lost finds out what became of it: asks, and hands the same commit in again if it is not
/// there, which is safe since an id counts once. An error if the store does not tell even so.
pub async fn commit_settled(store: &dyn Store, commit: Commit) -> Result<Outcome> {
    for _ in 0..TRIES {
        match store.commit(commit.clone()).await? {
            Answer::Committed { .. } => return Ok(Outcome::Committed),
            Answer::Conflict { key } => return Ok(Outcome::Conflict { key }),
            Answer::Unknown if store.settle(&commit.id).await? => return Ok(Outcome::Committed),
            Answer::Unknown => {}
        }
    }
    let text = format!(
        "the outcome of commit {} stays unknown after {TRIES} tries",
        commit.id
    );
    Err(StoreError::Failed(text))
}
