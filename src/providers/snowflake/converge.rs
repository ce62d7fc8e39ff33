//! Makes one account match a change: shut or open the door, take back, end queries, give, delete.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Snowflake,
    client::Until,
    config::Auth,
    details, give,
    look::{Eye, LeaseRole, User},
    mark, retire, statements,
    wire::{Halt, Ran},
};
use crate::providers::{
    Account, AccountName, Change, Converged, ErrorKind, Lease, LeaseId, Memo, ProviderError, Result, Want,
    names,
    sql::{Name, Statement},
};

/// New tables are covered this often.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// What is under way there is looked at again after this.
const SOON: Duration = Duration::from_secs(2);
/// A statement that runs longer than this is given up; in seconds.
const GIVE_UP: i64 = 300;
/// Notes with the account: a statement under way, since when, and what somebody's own user is called there.
const STATEMENT: &str = "statement";
const SINCE: &str = "since";
pub const USER: &str = "user";

/// One call of `converge` under way.
pub struct Run<'a> {
    pub eye: Eye<'a>,
    pub change: &'a Change,
    pub login: &'a str,
    pub ours: bool,
    /// As it was found.
    pub user: Option<User>,
    pub ran: Vec<String>,
    pub remarks: Vec<String>,
    pub failed: BTreeMap<LeaseId, ProviderError>,
    pub waiting: Option<String>,
    pub credential_set: bool,
}

/// Snowflake ends a user by itself after whole days: always a day or two later than we do. Never the revocation.
pub fn days(change: &Change) -> i64 {
    let left = change.ends().unwrap_or(change.now) - change.now;
    let day = TimeDelta::days(1).num_seconds();
    (left.num_seconds().max(0) + day - 1) / day + 1
}

/// Leases that are to be given: standing access is neither given nor taken.
pub fn to_give(change: &Change) -> impl Iterator<Item = &Lease> {
    change
        .ensure()
        .iter()
        .filter(|lease| lease.standing != Some(true))
}

pub fn to_take(change: &Change) -> impl Iterator<Item = &Lease> {
    change.release.iter().filter(|lease| lease.standing != Some(true))
}

pub fn taken(name: &str) -> ProviderError {
    let text = format!("{name} exists and does not carry our mark");
    ProviderError::new(ErrorKind::Taken, text)
}

pub async fn converge(provider: &Snowflake, account: &Account, change: &Change) -> Result<Converged> {
    let ours = account.name.is_ours();
    let eye = Eye {
        provider,
        until: Until::after(provider.config.patience),
    };
    let mut memo = account.memo.clone();
    if let Some(waiting) = resume(eye, &mut memo, change.now).await? {
        return Ok(Converged {
            waiting: Some(waiting),
            look_again: Some(SOON),
            memo,
            ..Converged::default()
        });
    }
    let mut run = Run {
        eye,
        change,
        login: account.name.login(),
        ours,
        user: None,
        ran: Vec::new(),
        remarks: Vec::new(),
        failed: BTreeMap::new(),
        waiting: None,
        credential_set: false,
    };
    match run.all(&account.name, &mut memo).await {
        Ok(()) => {}
        Err(Halt::Failed { error, .. }) => return Err(error),
        Err(Halt::Running(handle)) => {
            memo.insert(STATEMENT.to_owned(), handle);
            memo.insert(SINCE.to_owned(), change.now.timestamp().to_string());
            run.waiting = Some("Snowflake still works on a statement of ours".to_owned());
        }
        Err(Halt::Later) => run.waiting = Some("Snowflake is slow today; the rest follows".to_owned()),
    }
    Ok(run.answer(memo))
}

/// What an earlier call left running has to be over first: two statements on one user may end in either order.
async fn resume(eye: Eye<'_>, memo: &mut Memo, now: DateTime<Utc>) -> Result<Option<String>> {
    let Some(handle) = memo.get(STATEMENT).cloned() else {
        return Ok(None);
    };
    let client = &eye.provider.client;
    match client.wait(&handle, eye.until).await {
        Ok(()) => {}
        Err(Halt::Failed { error, .. }) => return Err(error),
        Err(Halt::Running(_) | Halt::Later) => {
            let since = memo.get(SINCE).and_then(|since| since.parse::<i64>().ok());
            if since.is_none_or(|since| now.timestamp() - since < GIVE_UP) {
                return Ok(Some("Snowflake still works on a statement of ours".to_owned()));
            }
            client.cancel(&handle).await?;
        }
    }
    memo.remove(STATEMENT);
    memo.remove(SINCE);
    Ok(None)
}

impl Run<'_> {
    fn answer(self, memo: Memo) -> Converged {
        let given: Vec<&Lease> = to_give(self.change)
            .filter(|lease| !self.failed.contains_key(&lease.id))
            .collect();
        let grows = |lease: &&Lease| matches!(lease.resource.kind.as_str(), "database" | "schema");
        let look_again = match &self.waiting {
            Some(_) => Some(SOON),
            None => given.iter().any(grows).then_some(LOOK_AGAIN),
        };
        let login = self.user.as_ref().map_or(self.login, |user| user.name.as_str());
        Converged {
            waiting: self.waiting,
            look_again,
            credential_set: self.credential_set,
            details: details::of(self.eye.provider, login, self.ours, &given),
            failed: self.failed.into_iter().collect(),
            ran: self.ran,
            remarks: self.remarks,
            memo,
        }
    }

    /// Runs a statement that changes something.
    pub async fn run(&mut self, statement: &Statement) -> Ran<()> {
        let outcome = self
            .eye
            .provider
            .client
            .run(statement.sent(), self.eye.until)
            .await;
        if outcome.is_ok() {
            self.ran.push(statement.shown().to_owned());
        }
        outcome.map(drop)
    }

    /// What the user is called there.
    pub fn user_name(&self) -> &str {
        self.user.as_ref().map_or(self.login, |user| &user.name)
    }

    pub fn inscription(&self) -> String {
        mark::for_user(&self.eye.provider.mark, self.change.fence)
    }

    pub fn lease_inscription(&self) -> String {
        mark::for_lease(
            &self.eye.provider.mark,
            self.change.fence,
            self.user_name(),
            self.login,
        )
    }

    /// Everything, in the order that the contract asks for.
    async fn all(&mut self, name: &AccountName, memo: &mut Memo) -> Ran<()> {
        self.find(name, memo).await?;
        let roles = self.eye.lease_roles().await?;
        self.check_fence(&roles)?;
        let held = match &self.user {
            Some(user) => self.eye.held_by(&user.name).await?,
            None => BTreeSet::new(),
        };
        let (staying, leaving) = self.sort(roles, &held);
        let shutting = self.ours && !matches!(self.change.want, Want::Open(_));
        if self.ours {
            if shutting {
                self.shut().await?;
            } else {
                self.move_end(&leaving).await?;
            }
        }
        for role in leaving.iter().filter(|role| held.contains(&role.name)) {
            let take = statements::take_from_user(&role.name, &Name::known(self.user_name()))?;
            self.run(&take).await?;
        }
        self.end_queries(&leaving, shutting).await?;
        retire::lease_roles(self, &leaving).await?;
        match &self.change.want {
            Want::Open(_) if self.open().await? => give::leases(self, &staying, &held).await,
            Want::Open(_) if self.ours => {
                self.waiting =
                    Some("the account is not there any more; a new credential is needed".to_owned());
                Ok(())
            }
            Want::Open(_) => {
                self.nobody_there();
                Ok(())
            }
            Want::Deleted if self.ours && self.user.is_some() => self.delete().await,
            Want::Deleted | Want::Disabled => Ok(()),
        }
    }

    /// The user, and whether it is one that we may touch.
    async fn find(&mut self, name: &AccountName, memo: &mut Memo) -> Ran<()> {
        self.user = match name {
            AccountName::Ours(login) => {
                let user = self.eye.user(login).await?;
                if user.as_ref().is_some_and(|user| user.ours.is_none()) {
                    return Err(taken(&format!("a user {login}")).into());
                }
                user
            }
            AccountName::Theirs(login) => somebody(self.eye, login, memo).await?,
            AccountName::Shared(login) => {
                let text = format!("Snowflake has no users that belong to a resource, as {login} would");
                return Err(ProviderError::new(ErrorKind::Invalid, text).into());
            }
        };
        if self.user_name() == self.eye.provider.config.username {
            let text = format!("{} is our own user here", self.user_name());
            return Err(ProviderError::new(ErrorKind::Invalid, text).into());
        }
        if !self.ours && names::is_reserved(self.user_name()) {
            return Err(taken(&format!("a user {}", self.user_name())).into());
        }
        Ok(())
    }

    /// Nothing is done for a run that a newer one has overtaken. Snowflake has no transactions around such statements: this narrows
    /// the gap to the statements of one run, and `give` looks again before it gives.
    fn check_fence(&self, roles: &[LeaseRole]) -> Ran<()> {
        let user = self.user.as_ref().and_then(|user| user.ours.as_ref());
        let mine = roles
            .iter()
            .filter_map(|role| role.ours.as_ref())
            .filter(|ours| ours.login.as_deref() == Some(self.login));
        let newest = mine.chain(user).map(|ours| ours.fence).max().unwrap_or_default();
        if newest > self.change.fence {
            return Err(overtaken().into());
        }
        Ok(())
    }

    /// Lease roles of this user that stay, and those that go. A role that only has our kind of name is nobody's to touch.
    fn sort(&mut self, roles: Vec<LeaseRole>, held: &BTreeSet<String>) -> (Vec<LeaseRole>, Vec<LeaseRole>) {
        let wanted: Vec<&LeaseId> = to_give(self.change).map(|lease| &lease.id).collect();
        let released: Vec<&LeaseId> = to_take(self.change).map(|lease| &lease.id).collect();
        let (mut staying, mut leaving) = (Vec::new(), Vec::new());
        for role in roles {
            let named = wanted.contains(&&role.lease) || released.contains(&&role.lease);
            let Some(ours) = &role.ours else {
                if named {
                    let error = taken(&format!("a role {}", role.name));
                    self.failed.insert(role.lease.clone(), error);
                }
                continue;
            };
            let concerned = held.contains(&role.name) || ours.login.as_deref() == Some(self.login);
            if wanted.contains(&&role.lease) {
                staying.push(role);
            } else if named || concerned {
                leaving.push(role);
            }
        }
        (staying, leaving)
    }

    /// Somebody's own user that is not there: what it held is gone with it, and nothing can be given.
    fn nobody_there(&mut self) {
        let config = &self.eye.provider.config;
        let how = match config.auth {
            Auth::Sso => "no user has this name, login name or e-mail alone",
            Auth::KeyPair | Auth::Password => "there is no such user",
        };
        let error = ProviderError::new(ErrorKind::Invalid, format!("{}: {how}", self.login));
        for lease in to_give(self.change) {
            self.failed.insert(lease.id.clone(), error.clone());
        }
    }
}

pub fn overtaken() -> ProviderError {
    ProviderError::new(
        ErrorKind::Transient,
        "a newer run has changed this account meanwhile",
    )
}

/// Somebody's own user: the one found the first time, as long as it is there; names and e-mails change.
pub async fn somebody(eye: Eye<'_>, login: &str, memo: &mut Memo) -> Ran<Option<User>> {
    if let Some(known) = memo.get(USER)
        && let Some(user) = eye.user(known).await?
    {
        return Ok(Some(user));
    }
    let user = eye.somebody(login).await?;
    if let Some(user) = &user
        && user.name != login
    {
        memo.insert(USER.to_owned(), user.name.clone());
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::{Fence, ResourceRef};

    #[test]
    fn snowflakes_own_end_is_a_day_or_two_later() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a time");
        for (hours, expected) in [(1, 2), (24, 2), (25, 3), (48, 3), (0, 1)] {
            let lease = Lease {
                id: LeaseId::from("x"),
                resource: ResourceRef {
                    kind: "database".into(),
                    id: vec!["D".into()],
                    title: "D".into(),
                },
                permission: "read".into(),
                starts_at: now,
                expires_at: now + TimeDelta::hours(hours),
                standing: Some(false),
            };
            let change = Change {
                want: Want::Open(vec![lease]),
                release: Vec::new(),
                credential: None,
                now,
                fence: Fence::default(),
            };
            assert_eq!(days(&change), expected, "{hours} h");
        }
    }
}
