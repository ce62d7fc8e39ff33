//! The account's queue: one operation at a time, in the order they came in.

use sha2::{Digest, Sha256};

use super::apply::Outcome;
use super::log::{By, Changed};
use super::op::Op;
use super::world::{Flap, Task, TaskEnd, World};

impl World {
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes an operation in. `None`: too many are under way.
    pub fn submit(&mut self, op: Op) -> Option<Task> {
        if self.unfinished().count() >= self.options.tasks_at_once {
            return None;
        }
        let (now, delays) = (self.clock.now(), self.options.delays);
        let visible = now + delays.hidden;
        let starts = (visible + delays.queued).max(self.lane_free);
        let ends = starts + delays.working;
        self.lane_free = ends;
        let number = self.tasks.len();
        let task = Task {
            id: task_id(number),
            command: op.command(),
            op,
            visible,
            starts,
            ends,
            end: None,
            error: None,
            bare_error: number % 2 == 1,
        };
        self.tasks.push(task.clone());
        Some(task)
    }

    pub fn unfinished(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.end.is_none())
    }

    /// Does what is due by now.
    pub fn advance(&mut self) {
        while let Some(at) = self.tasks.iter().position(|task| task.end.is_none()) {
            if self.tasks[at].ends > self.clock.now() {
                break;
            }
            let (op, ends) = (self.tasks[at].op.clone(), self.tasks[at].ends);
            let delays = self.options.delays;
            let from = ends + delays.calm;
            let outcome = match self.failing.pop_front() {
                Some(error) => Err(error),
                None => self.apply(
                    &op,
                    Flap {
                        from,
                        until: from + delays.flapping,
                    },
                ),
            };
            self.note(By::Api, &op, &outcome);
            let task = &mut self.tasks[at];
            match outcome {
                Ok(id) => task.end = Some(TaskEnd::Completed(id)),
                Err(error) => {
                    task.end = Some(TaskEnd::Failed);
                    task.error = Some(error);
                }
            }
        }
        self.settle_users();
    }

    /// A change that somebody makes in the vendor's console: at once, and in effect.
    pub fn by_others(&mut self, op: &Op) -> Outcome {
        self.advance();
        let outcome = self.apply(op, Flap::default());
        self.note(By::Others, op, &outcome);
        self.settle_users();
        outcome
    }

    /// Whether nothing is under way any more.
    pub fn is_idle(&self) -> bool {
        let now = self.clock.now();
        let flapping = self
            .users
            .iter()
            .map(|user| user.flap)
            .chain(self.roles.iter().map(|role| role.flap));
        self.unfinished().next().is_none() && flapping.into_iter().all(|flap| flap.until <= now)
    }

    fn note(&mut self, by: By, op: &Op, outcome: &Outcome) {
        let entry = Changed {
            at_ms: self.now_ms(),
            by,
            change: op.clone(),
            error: outcome.clone().err(),
        };
        self.log.changed.push(entry);
    }
}

/// Looks like the vendor's: a UUID.
fn task_id(number: usize) -> String {
    let hex = hex::encode(Sha256::digest(format!("task {number}")));
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
