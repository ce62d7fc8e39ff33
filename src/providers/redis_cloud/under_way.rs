//! What a turn does about the task that an earlier one handed in.

use std::time::Duration;

use super::grant;
use super::notes::Pending;
use super::turn::Turn;
use super::verdict::{self, Verdict};
use super::wire::{TaskError, TaskState};
use super::write::Purpose;
use crate::providers::{ErrorKind, Lease, ProviderError, Result, Want};

/// Longest pause between two looks at a task or two tries.
const PAUSE_LIMIT: Duration = Duration::from_secs(60);
const POLL_LIMIT: Duration = Duration::from_secs(30);
/// A fresh task may be unknown to the API for a moment; so often in a row means that it is lost.
const MISSED_LIMIT: u32 = 5;
/// After this a person is told that the vendor's queue is long. A task that was received cannot be cancelled.
const LONG: chrono::Duration = chrono::Duration::minutes(10);

/// Whether the turn ends here with the answer as it is.
pub(super) enum Flow {
    GoOn,
    Over,
}

impl<'a> Turn<'a> {
    pub(super) async fn resume(&mut self, mut pending: Pending) -> Result<Flow> {
        let Some(task) = self.cloud.client.task(&pending.task).await? else {
            pending.missed += 1;
            if pending.missed >= MISSED_LIMIT {
                self.cloud.sent.forget(self.login);
                self.answer
                    .remarks
                    .push(format!("Redis Cloud no longer knows its task {}", pending.task));
                return Ok(Flow::GoOn);
            }
            self.keep_waiting(pending);
            return Ok(Flow::Over);
        };
        match task.state() {
            TaskState::Running => {
                pending.missed = 0;
                self.keep_waiting(pending);
                Ok(Flow::Over)
            }
            TaskState::Completed => {
                self.completed(&pending);
                Ok(Flow::GoOn)
            }
            TaskState::Failed(error) => Ok(self.failed(&pending, &error)),
        }
    }

    pub(super) fn keep_waiting(&mut self, pending: Pending) {
        let elapsed = self.change.now - pending.since;
        let words = pending.purpose.words();
        let text = if elapsed > LONG {
            format!(
                "{words}; it has been in its queue for {} min",
                elapsed.num_minutes()
            )
        } else {
            words.to_owned()
        };
        let elapsed = elapsed.to_std().unwrap_or_default();
        self.wait(text, elapsed.min(POLL_LIMIT).max(self.cloud.poll));
        self.notes.pending = Some(pending);
    }

    fn completed(&mut self, pending: &Pending) {
        self.notes.tries = 0;
        match pending.purpose {
            Purpose::Inert | Purpose::Role | Purpose::Sweep => {}
            Purpose::User | Purpose::Seal | Purpose::Delete => {
                self.cloud.sent.completed(self.login, &pending.task);
                self.notes.sealed = pending.purpose == Purpose::Seal;
                self.notes.settling = true;
                self.notes.active_at = None;
            }
        }
    }

    fn failed(&mut self, pending: &Pending, error: &TaskError) -> Flow {
        self.cloud.sent.forget(self.login);
        self.notes.tries += 1;
        let verdict = verdict::of(error.kind());
        let error = verdict::error(verdict, error, self.secrets());
        match verdict {
            // Somebody was faster, or an earlier try of ours was: a look tells what is left to do.
            Verdict::LookAgain if self.notes.tries <= 3 => Flow::GoOn,
            Verdict::LookAgain | Verdict::Transient => {
                let pause = Duration::from_secs(1 << self.notes.tries.min(6)).min(PAUSE_LIMIT);
                self.wait(
                    format!("{}; trying again", error.message),
                    pause.max(self.cloud.poll),
                );
                Flow::Over
            }
            Verdict::Denied | Verdict::Refused => self.refused(pending.purpose, error),
        }
    }

    pub(super) fn refused(&mut self, purpose: Purpose, error: ProviderError) -> Flow {
        match (purpose, &self.change.want) {
            (Purpose::Inert | Purpose::Seal, _) if error.kind != ErrorKind::Denied => {
                self.notes.no_inert = true;
                self.answer.remarks.push(format!(
                    "no role without rights, the user is deleted instead: {}",
                    error.message
                ));
                Flow::GoOn
            }
            (Purpose::Sweep, _) => {
                self.answer
                    .remarks
                    .push(format!("an unused role stays: {}", error.message));
                Flow::Over
            }
            (Purpose::Inert | Purpose::Role | Purpose::User, Want::Open(leases)) => {
                self.fail(leases, &error);
                Flow::Over
            }
            (Purpose::Inert | Purpose::Role | Purpose::User, Want::Disabled | Want::Deleted) => Flow::GoOn,
            (Purpose::Seal | Purpose::Delete, _) => {
                self.fail(&self.change.release, &error);
                self.wait(error.message, PAUSE_LIMIT);
                Flow::Over
            }
        }
    }

    pub(super) fn fail(&mut self, leases: &[Lease], error: &ProviderError) {
        self.answer
            .failed
            .extend(leases.iter().map(|lease| (lease.id.clone(), error.clone())));
    }

    fn secrets(&self) -> &'a str {
        grant::password(self.change).map_or("", |password| password.expose())
    }
}
