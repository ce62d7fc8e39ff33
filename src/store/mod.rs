//! What is remembered. One trait, so that a shared database can stand beside the embedded store later.
//!
//! A commit is all or nothing, and durable once it is answered. The store knows records as bytes (JSON) with a version;
//! when a record has to be looked at is derived from the record by the function it is opened with (`DueOf`), written in
//! the same commit, and never stored anywhere else.

pub mod backup;
pub mod chain;
mod committer;
mod compact;
mod envelope;
mod export;
mod files;
mod index;
mod journal;
mod keys;
mod line;
pub mod mem;
mod open;
mod pending;
mod rebuild;
pub mod records;
mod rules;
mod scan;
pub mod sled;
pub mod typed;
mod watch;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{Due, Key, Kind, Lane, audit};

pub use self::sled::{OpenOptions, SledStore};
pub use rebuild::forget_index;
pub use typed::{Batch, Outcome, Record, Versioned, commit_settled, list, load};

/// A record as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// 1 for the first; rises by one with every write, also over a deletion of the record.
    pub version: u64,
    /// JSON.
    pub value: Vec<u8>,
}

/// What a write demands of the record as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Absent,
    Version(u64),
    /// Whatever stands there, for records that only say "look".
    Any,
}

/// One record's new value; `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub key: Key,
    pub expect: Expect,
    pub value: Option<Vec<u8>>,
}

/// Writes that happen together or not at all, with the audit entries that record them.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Chosen by the caller, unique to what is to be done: the same commit handed in again counts once and is answered as
    /// the first time, another commit under a used id is an error. An unknown outcome is settled by asking for it.
    pub id: String,
    pub now: DateTime<Utc>,
    pub writes: Vec<Write>,
    pub audit: Vec<audit::Entry>,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Durable, as journal line `seq`.
    Committed { seq: u64 },
    /// Nothing was written: this record was not as expected.
    Conflict { key: Key },
    /// The answer was lost; `Store::settle` tells.
    Unknown,
}

/// A record that has to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEntry {
    pub at: DateTime<Utc>,
    pub key: Key,
}

/// Why nothing new may be granted: the store came from somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Quarantine {
    pub since: DateTime<Utc>,
    pub why: String,
}

/// Facts about the store itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Meta {
    pub store_id: String,
    /// Rises with every restore. Part of every fence.
    pub epoch: u32,
    /// The latest `now` of a commit: time never goes back behind it.
    pub last_now: Option<DateTime<Utc>>,
    /// The last journal line, and its hash (hex).
    pub seq: u64,
    pub head: String,
    pub quarantine: Option<Quarantine>,
}

/// Which audit entries are wanted: those that match all that is set, oldest first; with a limit the newest of them.
/// A person matches where they acted and where it is about them.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub request: Option<String>,
    pub person: Option<String>,
    pub integration: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub limit: Option<usize>,
}

/// Derives when a record has to be looked at. An error means the record cannot be read: a refusal, never a guess.
pub type DueOf = fn(&Key, &[u8]) -> std::result::Result<Option<Due>, String>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Damaged, of an unknown version, locked, or on a full disk: what to do is in the text.
    #[error("{0}")]
    Refused(String),
    #[error("the store does not answer: {0}")]
    Failed(String),
}

pub type Result<T> = std::result::Result<T, StoreError>;

fn used_twice(id: &str) -> StoreError {
    StoreError::Failed(format!("commit id {id} was used before, for something else"))
}

#[async_trait]
pub trait Store: Send + Sync {
    async fn get(&self, key: &Key) -> Result<Option<Stored>>;

    /// Records of a kind whose id starts with `prefix`, in the order of their ids, after the id `after`.
    async fn list(
        &self,
        kind: Kind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Stored)>>;

    /// What is due in a lane by `until`, the oldest first. Costs what it returns, however much sleeps.
    /// Times are whole milliseconds, rounded up: nothing is due early.
    async fn due(&self, lane: &Lane, until: DateTime<Utc>, limit: usize) -> Result<Vec<DueEntry>>;

    /// The first due time of a lane, past or to come.
    async fn next_due(&self, lane: &Lane) -> Result<Option<DateTime<Utc>>>;

    /// All lanes that hold at least one entry.
    async fn lanes(&self) -> Result<Vec<Lane>>;

    async fn commit(&self, commit: Commit) -> Result<Answer>;

    /// Whether a commit of this id is in the journal (asked after `Answer::Unknown`, or after a restart).
    async fn settle(&self, commit_id: &str) -> Result<bool>;

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<audit::Recorded>>;

    async fn meta(&self) -> Result<Meta>;

    /// Ends a quarantine; recorded.
    async fn resume(&self, now: DateTime<Utc>, by: audit::Actor) -> Result<()>;

    /// Why nothing new may be granted now though the store works (little disk left); `None` when all is well.
    async fn hesitates(&self) -> Option<String>;
}
