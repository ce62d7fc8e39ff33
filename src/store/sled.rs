//! The embedded store: a journal that is the truth, and sled as its index.

use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use super::{
    Answer, AuditQuery, Commit, DueEntry, DueOf, Meta, Result, Store, StoreError, Stored,
    committer::Job,
    envelope,
    files::{self, Layout, Lock},
    index::{Fault, Index},
    journal,
    keys::{self, Whose},
    open, rules,
    watch::{self, Watch},
};
use crate::domain::{Key, Kind, Lane, audit};

/// How many commits may wait; then callers do.
const QUEUE: usize = 8192;
const PAGE: usize = 256;

/// What is called once the store has failed for good.
pub type OnPoison = Arc<dyn Fn(&str) + Send + Sync>;

/// How a store is opened.
#[derive(Clone)]
pub struct OpenOptions {
    /// Its directory; made if it is not there.
    pub path: PathBuf,
    pub due_of: DueOf,
    /// The wall clock, for what the opening itself records.
    pub now: DateTime<Utc>,
    /// Of the records this program writes. A store that was written under a higher one is refused.
    pub schema: u32,
    /// Bytes that are reserved on the disk, to be given up when it is full. 0 for none.
    pub ballast: u64,
    /// With less free space than this many bytes the store hesitates.
    pub low_space: u64,
    /// A file of the journal that is longer than this many bytes is closed and the next one begun.
    pub segment_limit: u64,
    /// By default the process is aborted: nothing it believes about the disk holds any more. Opened again, the store recovers.
    pub on_poison: OnPoison,
}

impl OpenOptions {
    pub fn new(path: impl Into<PathBuf>, due_of: DueOf, now: DateTime<Utc>) -> Self {
        Self {
            path: path.into(),
            due_of,
            now,
            schema: 1,
            ballast: 64 << 20,
            low_space: 256 << 20,
            segment_limit: 256 << 20,
            on_poison: Arc::new(|_| std::process::abort()),
        }
    }
}

/// What the committer and its callers share.
pub(crate) struct Shared {
    pub(crate) index: Index,
    pub(crate) layout: Layout,
    pub(crate) due_of: DueOf,
    pub(crate) meta: Mutex<Meta>,
    /// Set once the look at the whole index after the opening has found it whole.
    pub(crate) scanned: AtomicBool,
    pub(crate) ballast: u64,
    pub(crate) low_space: u64,
    pub(crate) on_poison: OnPoison,
    pub(crate) poisoned: OnceLock<String>,
    pub(crate) watch: Watch,
    /// Held as long as the store is open.
    pub(crate) _lock: Lock,
}

impl Shared {
    /// Ends the use of this store. A damaged index is marked, so that the next opening makes a new one.
    pub(crate) fn poison(&self, fault: &Fault) {
        let why = match fault {
            Fault::Damaged(why) => {
                let marked = std::fs::write(self.layout.suspect(), why)
                    .and_then(|()| files::sync_dir(&self.layout.root));
                if let Err(e) = marked {
                    tracing::error!("the damaged index cannot be marked: {e}");
                }
                format!("the index is damaged ({why}) and will be made anew from the journal")
            }
            Fault::Failed(error) => error.to_string(),
        };
        if self.poisoned.set(why.clone()).is_ok() {
            tracing::error!(%why, "the store has failed: the process must start again");
            (self.on_poison)(&why);
        }
    }

    fn read<T>(&self, act: impl FnOnce(&Index) -> std::result::Result<T, Fault>) -> Result<T> {
        if let Some(why) = self.poisoned.get() {
            return Err(StoreError::Failed(why.clone()));
        }
        act(&self.index).map_err(|fault| match fault {
            Fault::Damaged(_) => {
                self.poison(&fault);
                fault.into_error()
            }
            Fault::Failed(error) => error,
        })
    }
}

/// A store in a directory of its own, for one process at a time.
///
/// Reads see only what is durable. `commit` may be given up at any time: what was handed in may still happen.
pub struct SledStore {
    shared: Arc<Shared>,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl SledStore {
    /// Opens a store, without blocking the caller's thread.
    ///
    /// # Errors
    /// `Refused` if it is in use, damaged beyond what the journal can mend, written by a newer program, or not ours to
    /// write: what to do is in the text.
    pub async fn open(options: OpenOptions) -> Result<Arc<Self>> {
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(options)).await;
        opened.unwrap_or_else(|e| Err(StoreError::Failed(format!("the store cannot be opened: {e}"))))
    }

    /// The same on this thread.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_blocking(options: OpenOptions) -> Result<Arc<Self>> {
        let committer = match std::panic::catch_unwind(AssertUnwindSafe(|| open::open(options))) {
            Ok(opened) => opened?,
            Err(_) => return Err(StoreError::Failed("the opening of the store panicked".into())),
        };
        let shared = Arc::clone(&committer.shared);
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("committer".into())
            .spawn(move || committer.run(waiting))
            .map_err(|e| StoreError::Failed(format!("the committer cannot be started: {e}")))?;
        let watched = Arc::downgrade(&shared);
        std::thread::Builder::new()
            .name("store-watch".into())
            .spawn(move || watch::watch(&watched))
            .map_err(|e| StoreError::Failed(format!("the store's watch cannot be started: {e}")))?;
        Ok(Arc::new(Self {
            shared,
            jobs: Some(jobs),
            thread: Some(thread),
        }))
    }

    /// Whether the whole index was looked at since the opening, and is whole. Takes a few seconds per million records.
    pub fn scanned(&self) -> bool {
        self.shared.scanned.load(Ordering::Acquire)
    }

    /// Why nothing can be written any more, if so: the process has to end and open the store again.
    pub fn poisoned(&self) -> Option<String> {
        self.shared.poisoned.get().cloned()
    }

    /// Writes all that the store holds to a file, as JSON lines that end with their hash. Commits wait meanwhile.
    /// Returns the hash (hex).
    ///
    /// # Errors
    /// `Refused` if the file cannot be written.
    pub async fn export(&self, to: &Path) -> Result<String> {
        let path = to.to_owned();
        self.ask(|reply| Job::Export { path, reply }).await?
    }

    /// Writes the whole journal to a file, from which `restore` makes a store. Commits go on meanwhile.
    ///
    /// # Errors
    /// `Refused` if the file cannot be written.
    pub async fn backup(&self, to: &Path) -> Result<super::backup::Backup> {
        let point = self.ask(|reply| Job::Point { reply }).await?;
        let (dir, to) = (self.shared.layout.journal(), to.to_owned());
        let facts = self.shared.read(|index| {
            let known = index.known()?;
            known.ok_or_else(|| Fault::Damaged("it does not know itself".into()))
        })?;
        let written = move || super::backup::write(&dir, &facts.facts.store_id, &point, &to);
        blocking(written).await
    }

    /// Hands a job to the committer and waits for its answer.
    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(job(reply)).await?;
        answer.await.map_err(|_| self.failed())
    }

    async fn hand_in(&self, job: Job) -> Result<()> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).await.map_err(|_| self.failed()),
            None => Err(self.failed()),
        }
    }

    fn failed(&self) -> StoreError {
        let why = self.shared.poisoned.get().cloned();
        StoreError::Failed(why.unwrap_or_else(|| "it is closed".into()))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() {
                if self.shared.poisoned.get().is_some() && self.shared.watch.hangs() {
                    // It will never end; the process is about to.
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            // A panic there was told already; what counts is that the thread is gone.
            drop(thread.join());
        }
    }
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(act).await;
    done.unwrap_or_else(|e| Err(StoreError::Failed(format!("a task of the store failed: {e}"))))
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, key: &Key) -> Result<Option<Stored>> {
        self.shared.read(|index| index.record(key))
    }

    async fn list(
        &self,
        kind: Kind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Stored)>> {
        let (id, included) = rules::starts_after(prefix, after);
        let mut start = keys::record(&Key::new(kind, id));
        if !included {
            start.push(0);
        }
        let end = keys::beyond(&keys::record(&Key::new(kind, prefix)));
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.read(|index| list(index, &start, &end, limit))).await
    }

    async fn due(&self, lane: &Lane, until: DateTime<Utc>, limit: usize) -> Result<Vec<DueEntry>> {
        let Some(ms) = rules::until_ms(until) else {
            return Ok(Vec::new());
        };
        let start = keys::lane(lane);
        let mut end = start.clone();
        end.extend(ms.saturating_add(1).to_be_bytes());
        let found = self.shared.read(|index| index.page(&start, &end, limit))?;
        Ok(found
            .iter()
            .filter_map(|(key, _)| keys::due_entry(key))
            .map(|(_, entry)| entry)
            .collect())
    }

    async fn next_due(&self, lane: &Lane) -> Result<Option<DateTime<Utc>>> {
        let start = keys::lane(lane);
        let first = self
            .shared
            .read(|index| index.page(&start, &keys::beyond(&start), 1))?;
        Ok(first
            .first()
            .and_then(|(key, _)| keys::due_entry(key))
            .map(|(_, entry)| entry.at))
    }

    async fn lanes(&self) -> Result<Vec<Lane>> {
        // In the order of lanes, not of keys, as from every backend.
        let mut lanes = BTreeSet::new();
        let mut start = b"d".to_vec();
        loop {
            let first = self.shared.read(|index| index.page(&start, b"e", 1))?;
            let Some((key, _)) = first.first() else {
                return Ok(lanes.into_iter().collect());
            };
            match keys::due_entry(key) {
                Some((lane, _)) => {
                    start = keys::beyond(&keys::lane(&lane));
                    lanes.insert(lane);
                }
                None => {
                    start = key.to_vec();
                    start.push(0);
                }
            }
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Answer> {
        if self.shared.poisoned.get().is_some() {
            return Err(self.failed());
        }
        let (reply, answer) = oneshot::channel();
        self.hand_in(Job::Commit { commit, reply }).await?;
        answer.await.unwrap_or(Ok(Answer::Unknown))
    }

    async fn settle(&self, commit_id: &str) -> Result<bool> {
        Ok(self.shared.read(|index| index.commit(commit_id))?.is_some())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<audit::Recorded>> {
        let (shared, query) = (Arc::clone(&self.shared), query.clone());
        blocking(move || audit(&shared, &query)).await
    }

    async fn meta(&self) -> Result<Meta> {
        if self.shared.poisoned.get().is_some() {
            return Err(self.failed());
        }
        Ok(self
            .shared
            .meta
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }

    async fn resume(&self, now: DateTime<Utc>, by: audit::Actor) -> Result<()> {
        match self.ask(|reply| Job::Resume { now, by, reply }).await?? {
            Answer::Committed { .. } => Ok(()),
            Answer::Conflict { .. } | Answer::Unknown => {
                Err(StoreError::Failed("the quarantine could not be ended".into()))
            }
        }
    }

    async fn hesitates(&self) -> Option<String> {
        files::short_of_space(&self.shared.layout, self.shared.ballast, self.shared.low_space)
    }
}

fn list(
    index: &Index,
    start: &[u8],
    end: &[u8],
    limit: usize,
) -> std::result::Result<Vec<(Key, Stored)>, Fault> {
    let page = index.page(start, end, limit)?;
    let read = |(key, value): &(sled::IVec, sled::IVec)| {
        let name = keys::name(key).ok_or_else(|| Fault::Damaged("the key of a record is damaged".into()))?;
        let stored = envelope::unwrap(key, value).map_err(|flaw| super::index::unreadable(flaw, &name))?;
        Ok((name, stored))
    };
    page.iter().map(read).collect()
}

/// Goes back through the index of the audit, and reads the lines of the journal that it names.
fn audit(shared: &Shared, query: &AuditQuery) -> Result<Vec<audit::Recorded>> {
    let whose = match query {
        AuditQuery {
            request: Some(id), ..
        } => Whose::Request(id),
        AuditQuery { person: Some(id), .. } => Whose::Person(id),
        AuditQuery {
            integration: Some(name),
            ..
        } => Whose::Integration(name),
        _ => Whose::All,
    };
    let start = keys::audit(whose);
    let mut end = keys::beyond(&start);
    let limit = query.limit.unwrap_or(usize::MAX);
    let since = query.since.map_or(i64::MIN, |since| since.timestamp_millis());
    let dir = shared.layout.journal();
    let mut newest_first = Vec::new();
    loop {
        let page = shared.read(|index| index.page_back(&start, &end, PAGE))?;
        for (key, value) in &page {
            let spot = keys::read_spot(value).filter(|_| key.len() == start.len() + 8);
            let Some((spot, _)) = spot.filter(|(_, ms)| *ms >= since) else {
                continue;
            };
            newest_first.extend(entries(&dir, spot, query)?);
            if newest_first.len() >= limit {
                break;
            }
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE && newest_first.len() < limit => end = key.to_vec(),
            Some(_) | None => break,
        }
    }
    newest_first.truncate(limit);
    newest_first.reverse();
    Ok(newest_first)
}

/// The wanted entries of one line, the last first.
fn entries(dir: &Path, spot: journal::Spot, query: &AuditQuery) -> Result<Vec<audit::Recorded>> {
    let line = journal::line_at(dir, spot)?;
    let (seq, at) = (line.seq, line.now);
    let recorded = line
        .audit
        .into_iter()
        .rev()
        .map(|entry| audit::Recorded { seq, at, entry });
    Ok(recorded.filter(|entry| rules::wanted(entry, query)).collect())
}
