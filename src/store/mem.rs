//! A store in memory, for deterministic tests of what stands on the store: the same rules, and crashes on command.
//!
//! A commit is first taken, then (after giving other tasks a turn) made durable together with all that were taken
//! before it, then answered. `crash` falls in between.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    Answer, AuditQuery, Commit, DueEntry, DueOf, Meta, Quarantine, Result, Store, StoreError, Stored,
    line::{self, Line},
    rules::{self, Plan, Standing},
};
use crate::domain::{Key, Kind, Lane, audit};

/// What becomes of a commit, for tests of lost answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// As in ordinary life.
    Answered,
    /// It is durable, but the answer is `Unknown`.
    AnswerLost,
    /// It never happened, and the answer is `Unknown`.
    Lost,
}

type FateOf = Box<dyn FnMut(&Commit) -> Fate + Send>;

/// A store that lives as long as the value. `crash` drops what was not acknowledged.
pub struct MemStore {
    inner: Mutex<Inner>,
    due_of: DueOf,
}

struct Inner {
    durable: Durable,
    /// Taken, not yet durable, in the order they came.
    pending: Vec<(u64, Commit)>,
    /// What became of commits whose callers have not looked yet.
    answers: HashMap<u64, Result<Answer>>,
    tickets: u64,
    fate: Option<FateOf>,
    hesitates: Option<String>,
}

struct Durable {
    meta: Meta,
    /// With the versions of removed ones.
    records: BTreeMap<Key, (u64, Option<Vec<u8>>)>,
    due: BTreeMap<Lane, BTreeSet<(u64, Key)>>,
    commits: HashMap<String, (u64, u64)>,
    journal: Vec<audit::Recorded>,
}

impl MemStore {
    pub fn new(due_of: DueOf) -> Self {
        let meta = Meta {
            store_id: "mem".into(),
            epoch: 1,
            last_now: None,
            seq: 0,
            head: line::ROOT.into(),
            quarantine: None,
        };
        let durable = Durable {
            meta,
            records: BTreeMap::new(),
            due: BTreeMap::new(),
            commits: HashMap::new(),
            journal: Vec::new(),
        };
        let inner = Inner {
            durable,
            pending: Vec::new(),
            answers: HashMap::new(),
            tickets: 0,
            fate: None,
            hesitates: None,
        };
        Self {
            inner: Mutex::new(inner),
            due_of,
        }
    }

    /// Decides from now on what becomes of each commit.
    pub fn fate(&self, of: impl FnMut(&Commit) -> Fate + Send + 'static) {
        self.lock().fate = Some(Box::new(of));
    }

    /// The process dies here: of the commits that were taken but not answered the first `kept` reached the disk, the others
    /// are gone. Whoever still waits for one is answered `Unknown`.
    pub fn crash(&self, kept: usize) {
        let mut inner = self.lock();
        for (n, (ticket, commit)) in std::mem::take(&mut inner.pending).into_iter().enumerate() {
            if n < kept {
                drop(inner.durable.commit(&commit, self.due_of));
            }
            inner.answers.insert(ticket, Ok(Answer::Unknown));
        }
    }

    /// How many commits are taken and not yet durable.
    pub fn pending(&self) -> usize {
        self.lock().pending.len()
    }

    /// Starts a quarantine, as a restore does, under a higher epoch.
    pub fn quarantine(&self, since: DateTime<Utc>, why: &str) {
        let meta = &mut self.lock().durable.meta;
        meta.epoch += 1;
        meta.quarantine = Some(Quarantine {
            since,
            why: why.into(),
        });
    }

    /// What `Store::hesitates` answers from now on.
    pub fn hesitate(&self, why: Option<&str>) {
        self.lock().hesitates = why.map(str::to_owned);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&mut self, commit: Commit) -> u64 {
        self.tickets += 1;
        self.pending.push((self.tickets, commit));
        self.tickets
    }

    /// Makes all that was taken durable, in order.
    fn settle(&mut self, due_of: DueOf) {
        for (ticket, commit) in std::mem::take(&mut self.pending) {
            let fate = self.fate.as_mut().map_or(Fate::Answered, |of| of(&commit));
            let answer = match fate {
                Fate::Answered => self.durable.commit(&commit, due_of),
                Fate::AnswerLost => self.durable.commit(&commit, due_of).map(|answer| match answer {
                    Answer::Committed { .. } => Answer::Unknown,
                    Answer::Conflict { .. } | Answer::Unknown => answer,
                }),
                Fate::Lost => Ok(Answer::Unknown),
            };
            self.answers.insert(ticket, answer);
        }
    }
}

impl Durable {
    fn commit(&mut self, commit: &Commit, due_of: DueOf) -> Result<Answer> {
        let digest = line::commit_digest(commit);
        match self.commits.get(&commit.id) {
            Some((seq, was)) if *was == digest => return Ok(Answer::Committed { seq: *seq }),
            Some(_) => return Err(super::used_twice(&commit.id)),
            None => {}
        }
        let writes = match rules::plan(commit, |key| Ok(self.standing(key)))? {
            Plan::Write(writes) => writes,
            Plan::Conflict(key) => return Ok(Answer::Conflict { key }),
        };
        let mut dues = Vec::with_capacity(writes.len());
        for write in &writes {
            let key = write.key();
            let due = match &write.value {
                Some(value) => rules::due(due_of, &key, value.get().as_bytes())?,
                None => None,
            };
            dues.push(due);
        }
        let seq = self.meta.seq + 1;
        let line = Line {
            seq,
            batch: seq,
            commit: commit.id.clone(),
            now: commit.now,
            prev: self.meta.head.clone(),
            writes,
            audit: commit.audit.clone(),
            facts: None,
        };
        let (_, head) = line::seal(&line)?;
        for (write, due) in line.writes.iter().zip(dues) {
            self.apply(write, due, due_of)?;
        }
        self.commits.insert(commit.id.clone(), (seq, digest));
        self.journal
            .extend(commit.audit.iter().map(|entry| audit::Recorded {
                seq,
                at: commit.now,
                entry: entry.clone(),
            }));
        rules::advance(&mut self.meta, seq, head, commit.now);
        Ok(Answer::Committed { seq })
    }

    fn standing(&self, key: &Key) -> Standing {
        self.records
            .get(key)
            .map_or_else(Standing::default, |(version, value)| Standing {
                version: *version,
                live: value.is_some(),
            })
    }

    fn apply(
        &mut self,
        write: &line::LineWrite,
        due: Option<crate::domain::Due>,
        due_of: DueOf,
    ) -> Result<()> {
        let key = write.key();
        if let Some((_, Some(old))) = self.records.get(&key)
            && let Some(old) = rules::due(due_of, &key, old)?
            && let Some(entries) = self.due.get_mut(&old.lane)
        {
            entries.remove(&(rules::due_ms(old.at), key.clone()));
            if entries.is_empty() {
                self.due.remove(&old.lane);
            }
        }
        if let Some(due) = due {
            let entry = (rules::due_ms(due.at), key.clone());
            self.due.entry(due.lane).or_default().insert(entry);
        }
        let value = write.value.as_ref().map(|v| v.get().as_bytes().to_vec());
        self.records.insert(key, (write.version, value));
        Ok(())
    }
}

#[async_trait]
impl Store for MemStore {
    async fn get(&self, key: &Key) -> Result<Option<Stored>> {
        let inner = self.lock();
        Ok(match inner.durable.records.get(key) {
            Some((version, Some(value))) => Some(Stored {
                version: *version,
                value: value.clone(),
            }),
            Some((_, None)) | None => None,
        })
    }

    async fn list(
        &self,
        kind: Kind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Stored)>> {
        let inner = self.lock();
        let (start, included) = rules::starts_after(prefix, after);
        let found = inner.durable.records.range(Key::new(kind, start.clone())..);
        Ok(found
            .take_while(|(key, _)| key.kind == kind && key.id.starts_with(prefix))
            .filter(|(key, _)| included || key.id != start)
            .filter_map(|(key, (version, value))| {
                let value = value.clone()?;
                Some((
                    key.clone(),
                    Stored {
                        version: *version,
                        value,
                    },
                ))
            })
            .take(limit)
            .collect())
    }

    async fn due(&self, lane: &Lane, until: DateTime<Utc>, limit: usize) -> Result<Vec<DueEntry>> {
        let inner = self.lock();
        let (Some(entries), Some(until)) = (inner.durable.due.get(lane), rules::until_ms(until)) else {
            return Ok(Vec::new());
        };
        let found = entries.iter().take_while(|(at, _)| *at <= until).take(limit);
        Ok(found
            .map(|(at, key)| DueEntry {
                at: rules::at(*at),
                key: key.clone(),
            })
            .collect())
    }

    async fn next_due(&self, lane: &Lane) -> Result<Option<DateTime<Utc>>> {
        let inner = self.lock();
        let first = inner.durable.due.get(lane).and_then(BTreeSet::first);
        Ok(first.map(|(at, _)| rules::at(*at)))
    }

    async fn lanes(&self) -> Result<Vec<Lane>> {
        Ok(self.lock().durable.due.keys().cloned().collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Answer> {
        let ticket = self.lock().take(commit);
        tokio::task::yield_now().await;
        let mut inner = self.lock();
        if !inner.answers.contains_key(&ticket) {
            inner.settle(self.due_of);
        }
        inner.answers.remove(&ticket).unwrap_or(Ok(Answer::Unknown))
    }

    async fn settle(&self, commit_id: &str) -> Result<bool> {
        Ok(self.lock().durable.commits.contains_key(commit_id))
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<audit::Recorded>> {
        let inner = self.lock();
        let newest_first = inner
            .durable
            .journal
            .iter()
            .rev()
            .filter(|r| rules::wanted(r, query));
        let mut found: Vec<_> = newest_first
            .take(query.limit.unwrap_or(usize::MAX))
            .cloned()
            .collect();
        found.reverse();
        Ok(found)
    }

    async fn meta(&self) -> Result<Meta> {
        Ok(self.lock().durable.meta.clone())
    }

    async fn resume(&self, now: DateTime<Utc>, by: audit::Actor) -> Result<()> {
        let mut inner = self.lock();
        let Some(was) = inner.durable.meta.quarantine.clone() else {
            return Ok(());
        };
        let commit = Commit {
            id: format!("resume-{}", inner.durable.meta.seq + 1),
            now,
            writes: Vec::new(),
            audit: vec![rules::resumed(by, &was)],
        };
        match inner.durable.commit(&commit, self.due_of)? {
            Answer::Committed { .. } => {
                inner.durable.meta.quarantine = None;
                Ok(())
            }
            Answer::Conflict { .. } | Answer::Unknown => {
                Err(StoreError::Failed("the quarantine could not be ended".into()))
            }
        }
    }

    async fn hesitates(&self) -> Option<String> {
        self.lock().hesitates.clone()
    }
}
