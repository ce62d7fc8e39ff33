//! Makes one account match a change: shut or open the door, end sessions, take back, give, delete.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Postgres, details, error, fence,
    fence::Guard,
    look,
    look::{LeaseRole, Role, Server},
    place, retire,
    session::Session,
    statements,
};
use crate::{
    providers::{
        Account, Change, Converged, Credential, ErrorKind, Lease, LeaseId, ProviderError, Result, Want,
        names, sql::Statement,
    },
    secrets::Secret,
};

/// The server's own end of a login is this much later than ours: a net, never the revocation.
const NET: TimeDelta = TimeDelta::hours(1);
/// New owners of tables are covered this often.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// Sessions that are told to end need a moment.
const SETTLE: Duration = Duration::from_secs(5);

/// One call of `converge` under way.
pub struct Run<'a> {
    pub provider: &'a Postgres,
    pub change: &'a Change,
    pub login: &'a str,
    pub ours: bool,
    pub server: Server,
    pub main: Session,
    /// At most one other connection at a time: superuser slots are few.
    pub side: Option<Session>,
    pub ran: Vec<String>,
    pub remarks: Vec<String>,
    pub failed: BTreeMap<LeaseId, ProviderError>,
    pub waiting: Option<String>,
}

/// When the server should end a login by itself.
pub fn net(change: &Change) -> DateTime<Utc> {
    change.ends().unwrap_or(change.now) + NET
}

/// # Errors
/// `Unsupported` if it is no password.
pub fn password(change: &Change) -> Result<Option<&Secret>> {
    change.credential.as_ref().map(Credential::password).transpose()
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

/// Which sessions of the login end with this change, by what the leases say: none, all, or those since a moment.
pub fn sessions_to_end(change: &Change, ours: bool, login: &str) -> Result<Option<Statement>> {
    let shut = ours && !matches!(change.want, Want::Open(_));
    let last = to_give(change).next().is_none();
    let ending: Vec<&Lease> = to_take(change)
        .filter(|lease| (last && !ours) || place::could_write(lease))
        .collect();
    if shut || (ours && !ending.is_empty()) {
        return statements::end_sessions(login, None).map(Some);
    }
    // On somebody's own login, what was open before the lease is not the lease's.
    let since = ending.iter().map(|lease| lease.starts_at).min();
    since
        .map(|since| statements::end_sessions(login, Some(since)))
        .transpose()
}

pub async fn converge(provider: &Postgres, account: &Account, change: &Change) -> Result<Converged> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    if !ours && names::is_reserved(login) {
        return Err(fence::taken(login));
    }
    let main = provider.main().await?;
    let server = look::server(&main).await?;
    if login == server.me {
        return Err(error::invalid(format!("{login} is our own login here")));
    }
    let mut run = Run {
        provider,
        change,
        login,
        ours,
        server,
        main,
        side: None,
        ran: Vec::new(),
        remarks: Vec::new(),
        failed: BTreeMap::new(),
        waiting: None,
    };
    let credential_set = run.all().await?;
    let given: Vec<&Lease> = to_give(change)
        .filter(|lease| !run.failed.contains_key(&lease.id))
        .collect();
    let mut remarks = run.remarks;
    remarks.append(&mut run.main.take_warnings());
    let look_again = match &run.waiting {
        Some(_) => Some(SETTLE),
        None => given
            .iter()
            .any(|lease| lease.resource.kind != "role" && lease.resource.kind != "table")
            .then_some(LOOK_AGAIN),
    };
    Ok(Converged {
        waiting: run.waiting,
        look_again,
        credential_set,
        failed: run.failed.into_iter().collect(),
        details: details::of(&provider.config, login, &given),
        ran: run.ran,
        remarks,
        memo: account.memo.clone(),
    })
}

impl Run<'_> {
    pub fn guard(&self) -> Guard<'_> {
        Guard {
            mark: &self.provider.mark,
            login: self.login,
            ours: self.ours,
            fence: self.change.fence,
        }
    }

    /// Everything, in the order that the contract asks for. Says whether the credential is set.
    async fn all(&mut self) -> Result<bool> {
        let mark = &self.provider.mark;
        let role = look::role(&self.main, mark, self.login).await?;
        if self.ours && role.as_ref().is_some_and(|role| role.ours.is_none()) {
            return Err(fence::taken(self.login));
        }
        let (staying, leaving) = self.sort(look::lease_roles(&self.main, mark).await?);
        let credential_set = self.door(role.as_ref(), &leaving).await?;
        self.end_sessions(role.is_some(), &leaving).await?;
        retire::lease_roles(self, &leaving).await?;
        let open = credential_set || role.as_ref().is_some_and(|role| role.can_login || !self.ours);
        match &self.change.want {
            Want::Open(_) if open => super::give::leases(self, &staying).await?,
            Want::Open(_) if self.ours => {
                self.waiting =
                    Some("the account is not there any more; a new credential is needed".to_owned());
            }
            Want::Open(_) => self.nobody_there(),
            Want::Deleted if self.ours && role.is_some() => retire::login(self).await?,
            Want::Deleted | Want::Disabled => {}
        }
        Ok(credential_set)
    }

    /// Lease roles of this login that stay, and those that go. A role that only has our kind of name is nobody's to touch.
    fn sort(&mut self, roles: Vec<LeaseRole>) -> (Vec<LeaseRole>, Vec<LeaseRole>) {
        let wanted: Vec<&LeaseId> = to_give(self.change).map(|lease| &lease.id).collect();
        let released: Vec<&LeaseId> = to_take(self.change).map(|lease| &lease.id).collect();
        let (mut staying, mut leaving) = (Vec::new(), Vec::new());
        for role in roles {
            let named = wanted.contains(&&role.lease) || released.contains(&&role.lease);
            if role.ours.is_none() {
                if named {
                    self.failed.insert(role.lease.clone(), fence::taken(&role.name));
                }
            } else if wanted.contains(&&role.lease) {
                staying.push(role);
            } else if named || role.concerns(self.login) {
                leaving.push(role);
            }
        }
        (staying, leaving)
    }

    /// One transaction that takes what goes, and opens or shuts. After it nobody gets in who should not.
    async fn door(&mut self, role: Option<&Role>, leaving: &[LeaseRole]) -> Result<bool> {
        let mut all = Vec::new();
        for gone in leaving.iter().filter(|gone| gone.is_held_by(self.login)) {
            all.push(statements::take_role(&gone.name, self.login)?);
        }
        let mut credential_set = false;
        if self.ours {
            credential_set = self.turn_key(role, &mut all)?;
        }
        if all.is_empty() {
            return Ok(credential_set);
        }
        self.transact_main(&all).await?;
        Ok(credential_set)
    }

    /// Statements for a login of ours; the last of them carries the fence.
    fn turn_key(&self, role: Option<&Role>, all: &mut Vec<Statement>) -> Result<bool> {
        let until = net(self.change);
        let password = password(self.change)?;
        let set = match (&self.change.want, role, password) {
            (Want::Open(_), None, Some(password)) => {
                all.push(statements::create_login(self.login, password, until)?);
                true
            }
            (Want::Open(_), None, None) => return Ok(false),
            (Want::Open(_), Some(_), Some(password)) => {
                all.push(statements::open_login(self.login, Some(password), until)?);
                true
            }
            (Want::Open(_), Some(role), None) => {
                if role.can_login && role.until != Some(until) {
                    all.push(statements::open_login(self.login, None, until)?);
                }
                false
            }
            (Want::Disabled | Want::Deleted, Some(_), _) => {
                all.push(statements::shut_login(self.login)?);
                false
            }
            (Want::Disabled | Want::Deleted, None, _) => return Ok(false),
        };
        all.push(statements::comment(self.login, &self.guard().inscription())?);
        Ok(set)
    }

    pub async fn transact_main(&mut self, all: &[Statement]) -> Result<()> {
        self.guard().begin(&self.main).await?;
        let mut ran = Vec::new();
        let outcome = run_all(&self.main, all, &mut ran).await;
        self.ran.append(&mut ran);
        fence::finish(&self.main, outcome).await
    }

    /// The connection to a database.
    pub async fn session(&mut self, database: &str) -> Result<&Session> {
        if self.main.database == database {
            return Ok(&self.main);
        }
        if self.side.as_ref().is_none_or(|side| side.database != database) {
            self.side = None;
            self.side = Some(self.provider.open(database).await?);
        }
        self.side
            .as_ref()
            .ok_or_else(|| ProviderError::new(ErrorKind::Transient, "no connection"))
    }

    /// The door is shut already: whoever is thrown out stays out.
    async fn end_sessions(&mut self, exists: bool, leaving: &[LeaseRole]) -> Result<()> {
        let stray = self.ours
            && leaving
                .iter()
                .any(|role| to_take(self.change).all(|lease| lease.id != role.lease));
        let ending = match sessions_to_end(self.change, self.ours, self.login)? {
            None if stray => Some(statements::end_sessions(self.login, None)?),
            ending => ending,
        };
        let (Some(statement), true) = (ending, exists) else {
            return Ok(());
        };
        let since = if self.ours {
            None
        } else {
            to_take(self.change).map(|lease| lease.starts_at).min()
        };
        for _ in 0..3 {
            self.main.run(&statement, &mut self.ran).await?;
            for _ in 0..10 {
                if look::sessions(&self.main, self.login, since).await? == 0 {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let left = look::sessions(&self.main, self.login, since).await?;
        self.waiting = Some(format!("{left} sessions are still ending"));
        Ok(())
    }

    /// Somebody's own login that is not there: what it held is gone with it, and nothing can be given.
    fn nobody_there(&mut self) {
        let error = ProviderError::new(ErrorKind::Invalid, format!("there is no login {}", self.login));
        for lease in to_give(self.change) {
            self.failed.insert(lease.id.clone(), error.clone());
        }
    }
}

pub async fn run_all(session: &Session, all: &[Statement], ran: &mut Vec<String>) -> Result<()> {
    for statement in all {
        session.run(statement, ran).await?;
    }
    Ok(())
}
