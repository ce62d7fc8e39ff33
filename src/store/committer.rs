//! The one thread that writes. It takes all that waits, decides it in order, appends it to the journal, syncs once,
//! changes the index, and only then answers. Waiting makes the batches: there is no timer.

use std::{
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::{Arc, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use super::{
    Answer, Commit, Result, StoreError, compact, files,
    index::{Fault, Index, Known},
    journal::{Journal, Point, Spot},
    line::{self, Facts, Line},
    pending::Pending,
    rules::{self, Plan},
    scan::{Progress, Scan},
    sled::Shared,
};
use crate::domain::audit::Actor;

/// Bounds of a batch.
const MOST_JOBS: usize = 1024;
const MOST_BYTES: usize = 1 << 20;

/// What the thread is asked for.
pub(crate) enum Job {
    Commit {
        commit: Commit,
        reply: oneshot::Sender<Result<Answer>>,
    },
    Resume {
        now: DateTime<Utc>,
        by: Actor,
        reply: oneshot::Sender<Result<Answer>>,
    },
    Export {
        path: PathBuf,
        reply: oneshot::Sender<Result<String>>,
    },
    /// The end of the journal: all before it stays as it is.
    Point { reply: oneshot::Sender<Point> },
}

/// A commit on its way, with a change of the store's own facts where it makes one.
pub(crate) struct Request {
    pub(crate) commit: Commit,
    pub(crate) facts: Option<Facts>,
}

pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: Journal,
    pub(crate) known: Known,
    pub(crate) scan: Option<Scan>,
    /// A segment of the journal that is longer than this is closed.
    pub(crate) segment_limit: u64,
}

type Waiting = Vec<(oneshot::Sender<Result<Answer>>, Result<Answer>)>;

impl Committer {
    /// Works until the store is closed, or fails for good.
    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let worked = panic::catch_unwind(AssertUnwindSafe(|| self.work(&mut jobs)));
        match worked {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => self.shared.poison(&fault),
            Err(_) => self.shared.poison(&Fault::Failed(StoreError::Failed(
                "the committer panicked".into(),
            ))),
        }
    }

    fn work(&mut self, jobs: &mut mpsc::Receiver<Job>) -> std::result::Result<(), Fault> {
        while let Some(job) = self.next(jobs)? {
            self.shared.watch.busy();
            let rest = self.turn(job, jobs)?;
            if let Some(job) = rest {
                self.single(job)?;
            }
            self.scan_on()?;
            if self.journal.point.offset > self.segment_limit {
                compact::roll(self)?;
            }
            self.shared.watch.idle();
        }
        self.shared.watch.busy();
        self.shared.index.checkpoint()?;
        self.shared.watch.idle();
        Ok(())
    }

    /// Waits for the next job, looking at the index meanwhile as long as that is not done.
    fn next(&mut self, jobs: &mut mpsc::Receiver<Job>) -> std::result::Result<Option<Job>, Fault> {
        while self.scan.is_some() {
            match jobs.try_recv() {
                Ok(job) => return Ok(Some(job)),
                Err(mpsc::error::TryRecvError::Disconnected) => return Ok(None),
                Err(mpsc::error::TryRecvError::Empty) => self.scan_on()?,
            }
        }
        Ok(jobs.blocking_recv())
    }

    fn scan_on(&mut self) -> std::result::Result<(), Fault> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        match scan.step(&self.shared.index, self.shared.due_of, &self.known.sums)? {
            Progress::More => {}
            Progress::Whole => {
                tracing::info!(
                    records = self.known.sums.records.count,
                    "the store was looked at and is whole"
                );
                self.scan = None;
                self.shared
                    .scanned
                    .store(true, std::sync::atomic::Ordering::Release);
            }
        }
        Ok(())
    }

    /// Commits a batch that begins with `job`. Returns a job of another kind that ended it.
    fn turn(&mut self, job: Job, jobs: &mut mpsc::Receiver<Job>) -> std::result::Result<Option<Job>, Fault> {
        let shared = Arc::clone(&self.shared);
        let room = files::has_room(&shared.layout, shared.ballast);
        let mut draft = Draft::new(&shared, &self.known, &self.journal);
        let mut waiting: Waiting = Vec::new();
        let mut next = Some(job);
        let mut rest = None;
        while let Some(job) = next.take() {
            match job {
                Job::Commit { reply, .. } | Job::Resume { reply, .. } if room.is_err() => {
                    waiting.push((reply, room.clone().map(|()| Answer::Unknown)));
                }
                Job::Commit { commit, reply } => {
                    let request = Request { commit, facts: None };
                    waiting.push((reply, draft.decide(request)?));
                }
                Job::Resume { now, by, reply } => waiting.push((reply, draft.resume(now, by)?)),
                Job::Export { .. } | Job::Point { .. } => {
                    rest = Some(job);
                    break;
                }
            }
            if waiting.len() < MOST_JOBS && draft.text.len() < MOST_BYTES {
                next = jobs.try_recv().ok();
            }
        }
        let known = draft
            .land(&mut self.journal, self.scan.as_mut())
            .inspect_err(|fault| {
                // Before anybody hears that the answer is lost.
                self.shared.poison(fault);
            })?;
        self.publish(known);
        for (reply, answer) in waiting {
            // Whoever does not wait any more can settle it by its id.
            drop(reply.send(answer));
        }
        Ok(rest)
    }

    pub(crate) fn publish(&mut self, known: Known) {
        *self.shared.meta.lock().unwrap_or_else(PoisonError::into_inner) = known.meta();
        self.known = known;
    }

    fn single(&mut self, job: Job) -> std::result::Result<(), Fault> {
        match job {
            Job::Commit { .. } | Job::Resume { .. } => {}
            Job::Export { path, reply } => {
                drop(reply.send(compact::export(&self.shared, &self.known, &path)));
            }
            Job::Point { reply } => drop(reply.send(self.journal.point.clone())),
        }
        Ok(())
    }
}

/// A batch while it is being decided.
pub(crate) struct Draft<'a> {
    index: &'a Index,
    pending: Pending<'a>,
    /// Lines for the journal, and where they will end.
    text: Vec<u8>,
    point: Point,
    batch: u64,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(shared: &'a Shared, known: &Known, journal: &Journal) -> Self {
        Self {
            index: &shared.index,
            pending: Pending::new(&shared.index, shared.due_of, known.clone()),
            text: Vec::new(),
            point: journal.point.clone(),
            batch: journal.point.seq + 1,
        }
    }

    /// Decides one commit. The inner error is its caller's, the outer one is the end of the store.
    pub(crate) fn decide(&mut self, request: Request) -> std::result::Result<Result<Answer>, Fault> {
        match self.try_decide(request) {
            Ok(answer) => Ok(Ok(answer)),
            Err(Fault::Failed(error)) => Ok(Err(error)),
            Err(fault @ Fault::Damaged(_)) => Err(fault),
        }
    }

    fn try_decide(&mut self, request: Request) -> std::result::Result<Answer, Fault> {
        let Request { commit, facts } = request;
        match self.pending.commit(&commit.id)? {
            Some((seq, digest)) if digest == line::commit_digest(&commit) => {
                return Ok(Answer::Committed { seq });
            }
            Some(_) => return Err(Fault::Failed(super::used_twice(&commit.id))),
            None => {}
        }
        let mut damaged = None;
        let plan = rules::plan(&commit, |key| {
            self.pending.standing(key).map_err(|fault| match fault {
                Fault::Failed(error) => error,
                Fault::Damaged(why) => {
                    damaged = Some(Fault::Damaged(why.clone()));
                    StoreError::Refused(why)
                }
            })
        });
        if let Some(fault) = damaged {
            return Err(fault);
        }
        let writes = match plan.map_err(Fault::Failed)? {
            Plan::Write(writes) => writes,
            Plan::Conflict(key) => return Ok(Answer::Conflict { key }),
        };
        let line = Line {
            seq: self.point.seq + 1,
            batch: self.batch,
            commit: commit.id,
            now: commit.now,
            prev: self.point.head.clone(),
            writes,
            audit: commit.audit,
            facts,
        };
        self.add(&line)
    }

    fn add(&mut self, line: &Line) -> std::result::Result<Answer, Fault> {
        let dues = self.pending.dues(&line.writes).map_err(Fault::Failed)?;
        let (text, head) = line::seal(line).map_err(Fault::Failed)?;
        let spot = Spot {
            segment: self.point.segment,
            offset: self.point.offset,
        };
        let end = Point {
            segment: spot.segment,
            offset: spot.offset + text.len() as u64 + 1,
            seq: line.seq,
            head,
        };
        // Its records were loaded when it was planned, so nothing can fail here that would be the caller's.
        let taken = self.pending.take(line, dues, spot, end.clone());
        taken.map_err(|fault| Fault::Damaged(fault.into_error().to_string()))?;
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(b'\n');
        self.point = end;
        Ok(Answer::Committed { seq: line.seq })
    }

    fn resume(&mut self, now: DateTime<Utc>, by: Actor) -> std::result::Result<Result<Answer>, Fault> {
        let facts = &self.pending.known.facts;
        let Some(was) = &facts.quarantine else {
            return Ok(Ok(Answer::Committed { seq: self.point.seq }));
        };
        let commit = Commit {
            id: format!("resume-{}-{}", facts.epoch, self.point.seq + 1),
            now,
            writes: Vec::new(),
            audit: vec![rules::resumed(by, was)],
        };
        let facts = Some(Facts {
            quarantine: None,
            ..facts.clone()
        });
        self.decide(Request { commit, facts })
    }

    /// Makes it durable, then changes the index. Any error here is the end of the store: what the disk holds is not known.
    pub(crate) fn land(
        self,
        journal: &mut Journal,
        scan: Option<&mut Scan>,
    ) -> std::result::Result<Known, Fault> {
        if self.pending.is_empty() {
            return Ok(self.pending.known);
        }
        let (batch, known, changes) = self.pending.finish().map_err(Fault::Failed)?;
        journal
            .append(&self.text, self.point)
            .map_err(|e| Fault::Failed(StoreError::Failed(format!("the journal cannot be written: {e}"))))?;
        self.index.apply(batch)?;
        if let Some(scan) = scan {
            for change in &changes {
                scan.follow(change);
            }
        }
        Ok(known)
    }
}
