//! One call of `converge` for a database user: look, make what changes are due, and see whether the cluster has applied them.
//!
//! Atlas answers a change before the cluster has it; a login that is told of too early is refused by the cluster. So nobody
//! is told before the cluster's status reads applied, at least `settle` after our change: the status is the cluster's, and
//! not of one change.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, SubsecRound, Utc};

use super::access::{self, Access};
use super::cluster::{self, Connection};
use super::data::{Data, Place};
use super::notes::Notes;
use super::settings::invalid;
use super::wire::{Cluster, User, UserRole};
use super::write::{UserSpec, Write};
use crate::{
    providers::{Change, Converged, ErrorKind, Lease, ProviderError, Result, Want},
    secrets::Secret,
};

/// Atlas ends access by itself so long after us.
const AFTER: chrono::Duration = chrono::Duration::hours(1);
/// The end must be within a week of the request (`deleteAfterDate` in the API's document); a day is left for being late.
const HORIZON: chrono::Duration = chrono::Duration::days(6);
/// A far end is moved on once it is nearer than this.
const NEAR: chrono::Duration = chrono::Duration::days(5);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Splits a resource into the cluster it is on and what is below; `None` where it is on another one.
pub(crate) type Split<'a> = dyn Fn(&Lease) -> Option<Vec<String>> + Send + Sync + 'a;

pub(super) struct Turn<'a> {
    pub(super) data: &'a Data<'a>,
    pub(super) place: Place,
    pub(super) login: &'a str,
    pub(super) change: &'a Change,
    pub(super) notes: Notes,
    pub(super) answer: Converged,
}

/// What is to be done about a user.
enum Next {
    Nothing,
    /// Not possible yet; for people.
    Wait(&'static str),
    Call(Write),
}

impl<'a> Data<'a> {
    /// Makes a user on a cluster as `change` wants it. `split` gives what is below the cluster in a lease's id;
    /// `connection` is asked how people reach the cluster.
    pub async fn converge(
        &'a self,
        place: Place,
        login: &'a str,
        change: &'a Change,
        notes: Notes,
        split: &Split<'_>,
        connection: &(dyn Fn(&Cluster) -> std::result::Result<Connection, String> + Send + Sync),
    ) -> Result<Converged> {
        change
            .credential
            .as_ref()
            .map(crate::providers::Credential::password)
            .transpose()?;
        let mut turn = Turn {
            data: self,
            place,
            login,
            change,
            notes,
            answer: Converged::default(),
        };
        turn.notes.place = Some((turn.place.group.clone(), turn.place.cluster.clone()));
        turn.remember_sets(split);
        match &change.want {
            Want::Open(leases) if !leases.is_empty() => turn.open(leases, split, connection).await?,
            Want::Open(_) | Want::Disabled => turn.shut().await?,
            Want::Deleted => turn.remove().await?,
        }
        Ok(turn.answered())
    }
}

impl Turn<'_> {
    fn answered(mut self) -> Converged {
        let set = self
            .password()
            .is_some_and(|password| self.data.sent.is_set(self.login, password));
        self.answer.credential_set = set && self.answer.waiting.is_none();
        self.answer.memo = self.notes.write();
        self.answer
    }

    pub(super) fn password(&self) -> Option<&Secret> {
        self.change
            .credential
            .as_ref()
            .and_then(|credential| credential.password().ok())
    }

    pub(super) fn wait(&mut self, why: impl Into<String>, look_again: Duration) {
        self.answer.waiting = Some(why.into());
        self.answer.look_again = Some(look_again);
    }

    fn fail(&mut self, lease: &Lease, error: &ProviderError) {
        self.answer.failed.push((lease.id.clone(), error.clone()));
    }

    /// Even where the memo was lost, a lease that ends tells which shared role may be left over.
    fn remember_sets(&mut self, split: &Split<'_>) {
        for lease in &self.change.release {
            if let Ok((Access::Set(set), _)) = parse(lease, split) {
                self.notes.set = Some(set.name(self.data.mark));
            }
        }
    }

    // ---- open

    async fn open(
        &mut self,
        leases: &[Lease],
        split: &Split<'_>,
        connection: &(dyn Fn(&Cluster) -> std::result::Result<Connection, String> + Send + Sync),
    ) -> Result<()> {
        let mut served = self.one_kind(leases, split);
        if served.is_empty() {
            return self.shut().await;
        }
        let found = self
            .data
            .client
            .cluster(&self.place.group, &self.place.cluster)
            .await?;
        let Some(cluster) = found else {
            let gone = invalid(format!("the cluster {} is gone from Atlas", self.place.cluster));
            served.iter().for_each(|(lease, _)| self.fail(lease, &gone));
            return self.shut().await;
        };
        if !self.has_roles(&mut served).await? {
            return Ok(());
        }
        if served.is_empty() {
            return self.shut().await;
        }
        let route = connection(&cluster);
        if let Err(why) = &route
            && self.data.ours(&self.place.group, self.login).await?.is_none()
        {
            // Who is on it already stays until their end; nobody else is let on.
            let shut = invalid(format!("{}: {why}", self.place.cluster));
            served.iter().for_each(|(lease, _)| self.fail(lease, &shut));
            return self.shut().await;
        }
        let roles: BTreeSet<UserRole> = served
            .iter()
            .map(|(_, access)| access.role(self.data.mark))
            .collect();
        if !self.make_user(roles.into_iter().collect()).await? {
            return Ok(());
        }
        self.progress(&cluster).await?;
        if self.answer.waiting.is_none() {
            let at = route.unwrap_or(Connection::Standard);
            self.answer.details = cluster::details(&cluster, &at, self.login, database_of(&served));
            if self.ends_far_off() {
                self.answer.look_again = Some(DAY);
            }
        }
        Ok(())
    }

    /// Everything that one login can hold together: all that is built in, or one role.
    fn one_kind<'l>(&mut self, leases: &'l [Lease], split: &Split<'_>) -> Vec<(&'l Lease, Access)> {
        let mut served: Vec<(&Lease, Access)> = Vec::new();
        for lease in leases {
            match parse(lease, split) {
                Ok((access, _)) => {
                    let first = served.first().map(|(_, first)| first.scope(self.data.mark));
                    match first.is_none_or(|first| first == access.scope(self.data.mark)) {
                        true => served.push((lease, access)),
                        false => self.fail(lease, &access::one_role_only()),
                    }
                }
                Err(error) => self.fail(lease, &error),
            }
        }
        served
    }

    /// Sees to it that a role other than a built-in one is there. False: it was just made, come again.
    async fn has_roles(&mut self, served: &mut Vec<(&Lease, Access)>) -> Result<bool> {
        let Some((_, access)) = served.first() else {
            return Ok(true);
        };
        let (client, group) = (self.data.client, self.place.group.clone());
        match access.clone() {
            Access::BuiltIn(_) => Ok(true),
            Access::Own(name) => {
                if client.role(&group, &name).await?.is_none() {
                    let gone = invalid(format!("the role {name} is gone from the project"));
                    served.drain(..).for_each(|(lease, _)| self.fail(lease, &gone));
                }
                Ok(true)
            }
            Access::Set(set) => {
                let role = set.content(self.data.mark);
                self.data.sent.about_to_use(self.login, &role.role_name);
                self.notes.set = Some(role.role_name.clone());
                let write = match client.role(&group, &role.role_name).await? {
                    Some(found) if access::same(&found, &role) => return Ok(true),
                    // Somebody changed a role of ours: every user of it holds something that nobody approved.
                    Some(_) => Write::UpdateRole { group, role },
                    None => Write::CreateRole { group, role },
                };
                if self.submit(&write, served).await? {
                    self.wait("Atlas is preparing the role", self.data.settings.poll);
                    return Ok(false);
                }
                served.clear();
                Ok(true)
            }
        }
    }

    /// Hands a change in. False: it will not be better next time, and the leases have failed.
    async fn submit(&mut self, write: &Write, served: &[(&Lease, Access)]) -> Result<bool> {
        match self.data.client.submit(write).await {
            Ok(()) => {
                self.answer.ran.push(write.line());
                Ok(true)
            }
            Err(error) if error.kind == ErrorKind::Invalid => {
                served.iter().for_each(|(lease, _)| self.fail(lease, &error));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// False: nothing could be made, and the answer says why.
    async fn make_user(&mut self, roles: Vec<UserRole>) -> Result<bool> {
        let user = self.data.ours(&self.place.group, self.login).await?;
        let write = match self.next(user.as_ref(), roles) {
            Next::Nothing => return Ok(true),
            Next::Wait(why) => {
                self.wait(why, self.data.settings.poll);
                return Ok(false);
            }
            Next::Call(write) => write,
        };
        match self.data.client.submit(&write).await {
            Ok(()) => self.answer.ran.push(write.line()),
            // A role or another part of what was asked for is refused: all of these leases wanted it.
            Err(error) if error.kind == ErrorKind::Invalid => {
                let known: BTreeSet<_> = self.answer.failed.iter().map(|(id, _)| id.clone()).collect();
                let ensured = self.change.ensure();
                let rest = ensured.iter().filter(|lease| !known.contains(&lease.id));
                rest.for_each(|lease| self.fail(lease, &error));
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        if let Some(password) = write.password() {
            self.data.sent.set(self.login, password);
        }
        self.notes.sealed = false;
        self.notes.since = Some(self.change.now);
        Ok(true)
    }

    /// What the user lacks of how it should be.
    fn next(&self, user: Option<&User>, roles: Vec<UserRole>) -> Next {
        let password = self
            .password()
            .filter(|password| user.is_none() || !self.data.sent.is_set(self.login, password));
        let mut spec = self.spec(roles, password.cloned());
        let Some(user) = user else {
            if self.change.credential.is_none() {
                return Next::Wait("the account is gone from Atlas; a new password is needed");
            }
            spec.delete_after = self.wanted_end(None);
            return Next::Call(Write::CreateUser(spec));
        };
        if self.data.is_inert(user) && self.change.credential.is_none() {
            return Next::Wait("the account is locked in Atlas; a new password is needed");
        }
        // A user without an end cannot be given one.
        let end = user.delete_after_date.and_then(|at| self.wanted_end(Some(at)));
        spec.delete_after = end;
        let as_wanted = same_roles(&user.roles, &spec.roles)
            && enters_only(user, &self.place.cluster)
            && user.delete_after_date == end
            && spec.password.is_none();
        match as_wanted {
            true => Next::Nothing,
            false => Next::Call(Write::UpdateUser(spec)),
        }
    }

    pub(super) fn spec(&self, roles: Vec<UserRole>, password: Option<Secret>) -> UserSpec {
        UserSpec {
            group: self.place.group.clone(),
            login: self.login.to_owned(),
            cluster: self.place.cluster.clone(),
            roles,
            password,
            delete_after: None,
            mark: self.data.mark.text.clone(),
        }
    }

    /// When Atlas should end the user by itself. `None`: never. An end that is far enough off is left as it is, or every look
    /// would move it.
    fn wanted_end(&self, is: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        if is.is_none() && !self.data.settings.expiry {
            return None;
        }
        wanted_end(self.change, is)
    }

    fn ends_far_off(&self) -> bool {
        self.data.settings.expiry
            && self
                .change
                .ends()
                .is_some_and(|end| end + AFTER > self.change.now + HORIZON)
    }
}

/// The end for what is open now: an hour after the last lease, and never more than six days ahead.
pub(super) fn wanted_end(change: &Change, is: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    let end = (change.ends()? + AFTER).trunc_subsecs(0);
    let far = (change.now + HORIZON).trunc_subsecs(0);
    if end <= far {
        return Some(end);
    }
    match is {
        Some(is) if is > change.now + NEAR && is <= far => Some(is),
        _ => Some(far),
    }
}

pub(super) fn parse(lease: &Lease, split: &Split<'_>) -> Result<(Access, Vec<String>)> {
    let below =
        split(lease).ok_or_else(|| invalid(format!("{} is not on this cluster", lease.resource.title)))?;
    Ok((
        Access::of(&lease.resource.kind, &below, &lease.permission)?,
        below,
    ))
}

fn same_roles(one: &[UserRole], other: &[UserRole]) -> bool {
    let set = |roles: &[UserRole]| roles.iter().cloned().collect::<BTreeSet<_>>();
    set(one) == set(other)
}

fn enters_only(user: &User, cluster: &str) -> bool {
    matches!(user.scopes.as_slice(), [only] if only.name == cluster)
}

/// Where a shell should begin.
fn database_of<'a>(served: &'a [(&Lease, Access)]) -> Option<&'a str> {
    served.iter().find_map(|(_, access)| match access {
        Access::BuiltIn(role) if role.database_name != "admin" => Some(role.database_name.as_str()),
        Access::Set(set) => Some(set.database.as_str()),
        Access::BuiltIn(_) | Access::Own(_) => None,
    })
}
