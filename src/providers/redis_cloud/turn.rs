//! One call of `converge`: finish what is under way, look, make at most one change, and say when to come back.
//!
//! Every change is a task of the vendor's that takes seconds to minutes, one at a time for a whole account. So no turn
//! waits for one: its id goes into the memo, and the next turn asks for it.

use std::{collections::BTreeSet, time::Duration};

use super::grant::{self, Grant, ROLE, Sets};
use super::notes::{Notes, Pending, short};
use super::plan::{self, Next, Opening, Seen};
use super::under_way::Flow;
use super::wire::TaskState;
use super::write::{DatabaseSpec, Purpose, Write};
use super::{RedisCloud, details};
use crate::providers::{
    AccessDetails, Change, Converged, ErrorKind, Lease, ProviderError, Result, Want, names,
};

pub(super) struct Turn<'a> {
    pub(super) cloud: &'a RedisCloud,
    pub(super) login: &'a str,
    pub(super) change: &'a Change,
    pub(super) notes: Notes,
    pub(super) answer: Converged,
}

impl<'a> Turn<'a> {
    pub fn new(cloud: &'a RedisCloud, login: &'a str, change: &'a Change, notes: Notes) -> Self {
        Self {
            cloud,
            login,
            change,
            notes,
            answer: Converged::default(),
        }
    }

    pub async fn run(mut self) -> Result<Converged> {
        if let Some(pending) = self.notes.pending.take()
            && let Flow::Over = self.resume(pending).await?
        {
            return Ok(self.answered());
        }
        match &self.change.want {
            Want::Open(leases) if !leases.is_empty() => self.open(leases).await?,
            Want::Open(_) | Want::Disabled => self.shut().await?,
            Want::Deleted => self.remove().await?,
        }
        Ok(self.answered())
    }

    fn answered(mut self) -> Converged {
        self.answer.credential_set =
            grant::password(self.change).is_some_and(|password| self.cloud.sent.is_set(self.login, password));
        self.answer.memo = self.notes.write();
        self.answer
    }

    pub(super) fn wait(&mut self, why: impl Into<String>, look_again: Duration) {
        self.answer.waiting = Some(why.into());
        self.answer.look_again = Some(look_again);
    }

    fn sets(&self) -> Sets<'a> {
        Sets(&self.cloud.mark)
    }

    async fn open(&mut self, leases: &[Lease]) -> Result<()> {
        let Some((grant, leases)) = self.one_grant(leases) else {
            return self.shut().await;
        };
        let prepared = match &grant {
            Grant::Database {
                plan,
                subscription,
                database,
                rule,
            } => {
                match self
                    .cloud
                    .client
                    .database(*plan, *subscription, *database)
                    .await?
                {
                    Some(found) if found.protocol != "memcached" => {
                        self.prepare(*subscription, &found, rule).await
                    }
                    Some(_) => Err(invalid("a memcached database has no ACL users")),
                    None => Err(invalid("the database is gone from Redis Cloud")),
                }
            }
            Grant::Role { id } => self.existing_role(*id).await,
        };
        let (seen, role, details) = match prepared {
            Ok(Prepared::Ready { seen, role, details }) => (seen, role, details),
            Ok(Prepared::Not { next, role }) => return self.go(next, role).await,
            Err(error) if error.kind == ErrorKind::Invalid => {
                self.fail(&leases, &error);
                return self.shut().await;
            }
            Err(error) => return Err(error),
        };
        self.notes.shares_a_role = matches!(grant, Grant::Database { .. });
        let password = grant::password(self.change);
        let password_is_set = password.is_some_and(|password| self.cloud.sent.is_set(self.login, password));
        let opening = Opening {
            login: self.login,
            password,
            password_is_set,
        };
        let next = plan::open(&self.sets(), &seen, &opening, &role)?;
        let reached = matches!(next, Next::Reached);
        self.go(next, Some(role)).await?;
        if reached && self.settled() {
            self.answer.details = details;
        }
        Ok(())
    }

    /// A user holds one role: leases on anything else than the first one cannot be served by this login.
    fn one_grant(&mut self, leases: &[Lease]) -> Option<(Grant, Vec<Lease>)> {
        let mut chosen: Option<(Grant, Vec<Lease>)> = None;
        for lease in leases {
            match (Grant::of(&lease.resource, &lease.permission), &mut chosen) {
                (Ok(grant), None) => chosen = Some((grant, vec![lease.clone()])),
                (Ok(grant), Some((first, served))) if grant == *first => served.push(lease.clone()),
                (Ok(_), Some(_)) => {
                    self.fail(
                        std::slice::from_ref(lease),
                        &invalid("a Redis Cloud login holds one access only"),
                    );
                }
                (Err(error), _) => self.fail(std::slice::from_ref(lease), &error),
            }
        }
        chosen
    }

    async fn prepare(
        &self,
        subscription: i64,
        found: &super::wire::Database,
        rule: &str,
    ) -> Result<Prepared> {
        let spec = DatabaseSpec {
            subscription,
            database: found.database_id,
            regions: found
                .crdb_databases
                .iter()
                .filter_map(|at| at.region.clone())
                .collect(),
        };
        let seen = self.look(Rules::Needed).await?;
        let sets = self.sets();
        let role = sets.role(&spec, rule);
        match plan::prepare_role(&sets, &seen, &spec, rule, self.notes.no_inert)? {
            Next::Reached => Ok(Prepared::Ready {
                seen,
                role,
                details: details::of_database(self.login, found),
            }),
            next @ (Next::Call(..) | Next::Wait(_)) => Ok(Prepared::Not {
                next,
                role: Some(role),
            }),
        }
    }

    async fn existing_role(&self, id: i64) -> Result<Prepared> {
        let seen = self.look(Rules::Needed).await?;
        let found = seen
            .roles
            .iter()
            .find(|role| role.id == id && !names::is_reserved(&role.name));
        let Some(role) = found.cloned() else {
            return Err(invalid(format!("the {ROLE} is gone from Redis Cloud")));
        };
        if role.status != plan::ACTIVE {
            let next = Next::Wait("the role is being changed".to_owned());
            return Ok(Prepared::Not { next, role: None });
        }
        let first = role.redis_rules.iter().flat_map(|rule| &rule.databases).next();
        if let Some(at) = first.filter(|_| !self.notes.no_inert) {
            let spec = DatabaseSpec {
                subscription: at.subscription_id,
                database: at.database_id,
                regions: at.regions.clone(),
            };
            if let Some(next) = plan::prepare_inert(&self.sets(), &seen, &spec) {
                return Ok(Prepared::Not { next, role: None });
            }
        }
        let details = details::of_role(&self.cloud.client, self.login, &role).await?;
        Ok(Prepared::Ready {
            seen,
            role: role.name,
            details,
        })
    }

    async fn shut(&mut self) -> Result<()> {
        let running = self.running().await?;
        let seen = self.look(Rules::Unneeded).await?;
        let (sealed, no_inert) = (self.notes.sealed, self.notes.no_inert);
        let password = grant::password(self.change);
        let next = plan::shut(&self.sets(), &seen, self.login, password, sealed, no_inert)?;
        let reached = matches!(next, Next::Reached);
        self.go(next, None).await?;
        if reached && self.nothing_comes_after(&running) {
            match seen.user(self.login) {
                Some(_) => {
                    self.settled();
                }
                None => self.forget_user(),
            }
        }
        Ok(())
    }

    async fn remove(&mut self) -> Result<()> {
        let running = self.running().await?;
        let seen = self.look(Rules::Unneeded).await?;
        let next = plan::remove(&seen, self.login)?;
        let reached = matches!(next, Next::Reached);
        self.go(next, None).await?;
        if reached && self.nothing_comes_after(&running) {
            self.forget_user();
            if let Some(write) = plan::sweep(&self.sets(), &seen, &self.cloud.sent.roles_in_use()) {
                // What was under way for the user is over; sweeping need not wait for the rest of the account.
                self.notes.settling = true;
                self.go(Next::Call(Purpose::Sweep, write), None).await?;
            } else {
                self.notes.shares_a_role = false;
            }
        }
        Ok(())
    }

    fn forget_user(&mut self) {
        self.cloud.sent.forget(self.login);
        self.notes = Notes {
            no_inert: self.notes.no_inert,
            shares_a_role: self.notes.shares_a_role,
            ..Notes::default()
        };
    }

    // ---- how it is done

    async fn look(&self, rules: Rules) -> Result<Seen> {
        let client = &self.cloud.client;
        let (users, roles) = (client.users().await?, client.roles().await?);
        let rules = match rules {
            Rules::Needed => client.rules().await?,
            Rules::Unneeded => Vec::new(),
        };
        Ok(Seen { users, roles, rules })
    }

    /// Operations on users that the account has not finished. An earlier call of ours, whose answer was lost, may be among
    /// them and bring back what looks gone. The account works one by one, so once a task of ours is over, all older are.
    async fn running(&self) -> Result<BTreeSet<String>> {
        if self.notes.settling {
            return Ok(BTreeSet::new());
        }
        let tasks = self.cloud.client.tasks().await?;
        let on_users = |kind: &str| kind.to_ascii_lowercase().starts_with("acluser");
        Ok(tasks
            .iter()
            .filter(|task| matches!(task.state(), TaskState::Running) && on_users(&task.command_type))
            .map(|task| short(&task.task_id))
            .collect())
    }

    /// Whether the look is later than everything that was under way when we first looked.
    fn nothing_comes_after(&mut self, running: &BTreeSet<String>) -> bool {
        let still: BTreeSet<String> = match self.notes.after.is_empty() {
            true => running.clone(),
            false => self.notes.after.intersection(running).cloned().collect(),
        };
        self.notes.after = still;
        if self.notes.after.is_empty() {
            return true;
        }
        self.wait(
            "an earlier operation on Redis Cloud has to end first",
            self.cloud.poll,
        );
        false
    }

    async fn go(&mut self, next: Next, role: Option<String>) -> Result<()> {
        match next {
            Next::Reached => Ok(()),
            Next::Wait(why) => {
                self.wait(why, self.cloud.poll);
                Ok(())
            }
            Next::Call(purpose, write) => self.call(purpose, &write, role).await,
        }
    }

    async fn call(&mut self, purpose: Purpose, write: &Write, role: Option<String>) -> Result<()> {
        let task = match self.cloud.client.submit(write).await {
            Ok(task) => task,
            Err(error) if error.kind == ErrorKind::Invalid => {
                if let Flow::GoOn = self.refused(purpose, error) {
                    self.wait(purpose.words(), self.cloud.poll);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.answer.ran.push(write.line());
        self.cloud
            .sent
            .sent(self.login, write.password(), role, &task.task_id);
        if matches!(purpose, Purpose::User | Purpose::Delete) {
            self.notes.sealed = false;
        }
        self.keep_waiting(Pending {
            task: task.task_id,
            purpose,
            since: self.change.now,
            missed: 0,
        });
        Ok(())
    }

    /// Users flap between active and pending after a change: seen active, and active still after the pause.
    fn settled(&mut self) -> bool {
        if self.notes.settling {
            let at = *self.notes.active_at.get_or_insert(self.change.now);
            let left = self
                .cloud
                .settle
                .saturating_sub((self.change.now - at).to_std().unwrap_or_default());
            if !left.is_zero() {
                self.wait("the change is done; waiting for Redis Cloud to settle", left);
                return false;
            }
        }
        self.notes.settling = false;
        self.notes.active_at = None;
        true
    }
}

/// Only what prepares a role looks at rules.
enum Rules {
    Needed,
    Unneeded,
}

enum Prepared {
    Ready {
        seen: Seen,
        role: String,
        details: AccessDetails,
    },
    Not {
        next: Next,
        role: Option<String>,
    },
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}
