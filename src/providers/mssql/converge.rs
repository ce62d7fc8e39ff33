//! Makes one account match a change: shut or open the door, end sessions, take back, give, delete.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    Mssql, coverage, details, error, give, look,
    look::{Database, LeaseRole, Login, Server},
    mark,
    place::{Reach, Site, could_write, reach_of},
    retire,
    session::Session,
    statements::{self, SiteName},
};
use crate::{
    providers::{
        Account, Change, Converged, Credential, ErrorKind, Lease, LeaseId, Memo, ProviderError, Result, Want,
        names, sql::Statement,
    },
    secrets::Secret,
};

/// New databases are covered this often, where a lease reaches all of them.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// A session that is told to end first undoes its transaction.
const SETTLE: Duration = Duration::from_secs(5);

/// One call of `converge` under way.
pub struct Run<'a> {
    pub provider: &'a Mssql,
    pub change: &'a Change,
    /// As the core knows it.
    pub login: &'a str,
    pub ours: bool,
    pub server: Server,
    pub session: Session,
    pub databases: Vec<Database>,
    pub ran: Vec<String>,
    pub remarks: Vec<String>,
    pub failed: BTreeMap<LeaseId, ProviderError>,
    pub waiting: Option<String>,
    pub memo: Memo,
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

/// Which sessions of the login end with this change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    None,
    All,
    Since(DateTime<Utc>),
}

/// By what the leases say.
pub fn sessions_to_end(change: &Change, ours: bool) -> Ending {
    let shut = ours && !matches!(change.want, Want::Open(_));
    let last = to_give(change).next().is_none();
    let ending: Vec<&Lease> = to_take(change)
        .filter(|lease| (last && !ours) || could_write(lease))
        .collect();
    if shut || (ours && !ending.is_empty()) {
        return Ending::All;
    }
    // On somebody's own login, what was open before the lease is not the lease's.
    match ending.iter().map(|lease| lease.starts_at).min() {
        Some(since) => Ending::Since(since),
        None => Ending::None,
    }
}

pub async fn converge(provider: &Mssql, account: &Account, change: &Change) -> Result<Converged> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    if !ours && names::is_reserved(login) {
        return Err(taken(login));
    }
    password(change)?;
    let (mut session, server) = provider.open().await?;
    if login.eq_ignore_ascii_case(&server.me) {
        return Err(error::invalid(format!("{login} is our own login here")));
    }
    let databases = look::databases(&mut session).await?;
    let mut run = Run {
        provider,
        change,
        login,
        ours,
        server,
        session,
        databases,
        ran: Vec::new(),
        remarks: Vec::new(),
        failed: BTreeMap::new(),
        waiting: None,
        memo: account.memo.clone(),
    };
    let credential_set = run.all().await?;
    let still = |lease: &Lease| run.failed.contains_key(&lease.id) && coverage::is_everywhere(lease);
    if !to_give(change).any(coverage::is_everywhere) && !to_take(change).any(still) {
        coverage::forget(&mut run.memo);
    }
    let given: Vec<&Lease> = to_give(change)
        .filter(|lease| !run.failed.contains_key(&lease.id))
        .collect();
    let look_again = match &run.waiting {
        Some(_) => Some(SETTLE),
        None => given
            .iter()
            .any(|lease| coverage::is_everywhere(lease))
            .then_some(LOOK_AGAIN),
    };
    Ok(Converged {
        waiting: run.waiting,
        look_again,
        credential_set,
        failed: run.failed.into_iter().collect(),
        details: details::of(&provider.config, login, &given),
        ran: run.ran,
        remarks: run.remarks,
        memo: run.memo,
    })
}

pub fn taken(name: &str) -> ProviderError {
    let text = format!("a login {name} exists, and its SID says that it is not ours");
    ProviderError::new(ErrorKind::Taken, text)
}

/// Lease roles of this login, by what becomes of them.
#[derive(Default)]
pub struct Sorted {
    pub staying: Vec<LeaseRole>,
    pub leaving: Vec<LeaseRole>,
}

impl Run<'_> {
    /// Everything, in the order that the contract asks for. Says whether the credential is set.
    async fn all(&mut self) -> Result<bool> {
        let found = look::login(&mut self.session, self.login).await?;
        // A role or a certificate of somebody's login's name is nobody who could be given anything.
        let found = found.filter(|login| login.usable || self.ours);
        if self.ours
            && found
                .as_ref()
                .is_some_and(|login| !login.is_ours(&self.provider.mark))
        {
            return Err(taken(self.login));
        }
        let sid = self.sid(found.as_ref());
        let sorted = self.sort(sid.as_deref()).await?;
        let shut = self.ours && !matches!(self.change.want, Want::Open(_));
        if shut && found.as_ref().is_some_and(|login| !login.disabled) {
            self.run(&statements::disable(self.login)?).await?;
        }
        let leaving = self.take(sorted.leaving).await;
        let credential_set = self.key(found.as_ref()).await?;
        if found.is_some() {
            self.end_sessions(&leaving).await?;
        }
        retire::lease_roles(self, &leaving).await?;
        if let Some(sid) = &sid {
            retire::users(self, sid, &sorted.staying).await?;
        }
        let open = credential_set || found.as_ref().is_some_and(|login| !self.ours || !login.disabled);
        match &self.change.want {
            Want::Open(_) if open => {
                if let Some(sid) = &sid {
                    give::leases(self, sid, &sorted.staying).await?;
                }
            }
            Want::Open(_) if self.ours => {
                self.waiting =
                    Some("the account is not there any more; a new credential is needed".to_owned());
            }
            Want::Open(_) => self.nobody_there(),
            Want::Deleted if self.ours && found.is_some() => retire::login(self).await?,
            Want::Deleted | Want::Disabled => {}
        }
        Ok(credential_set)
    }

    /// Ours is known even where the login is gone; somebody else's only from the server.
    fn sid(&self, found: Option<&Login>) -> Option<Vec<u8>> {
        match found {
            Some(login) if login.usable => Some(login.sid.clone()),
            _ if self.ours => Some(mark::sid(&self.provider.mark, self.login).to_vec()),
            _ => None,
        }
    }

    /// Looks at every site that can be looked at.
    async fn sort(&mut self, sid: Option<&[u8]>) -> Result<Sorted> {
        let wanted: Vec<&LeaseId> = to_give(self.change).map(|lease| &lease.id).collect();
        let released: Vec<&LeaseId> = to_take(self.change).map(|lease| &lease.id).collect();
        let mark = &self.provider.mark;
        let mut roles = look::lease_roles(&mut self.session, mark, &Site::Server).await?;
        for database in &mut self.databases {
            if database.away.is_none() {
                let site = Site::Database(database.name.clone());
                match look::lease_roles(&mut self.session, mark, &site).await {
                    Ok(found) => roles.extend(found),
                    // It went away in that moment, or is damaged: the others are not held up.
                    Err(error) => database.away = Some(error.message),
                }
            }
            if let Some(why) = &database.away {
                let covered =
                    !coverage::uncovered(&self.memo).is_some_and(|all| all.contains(&database.name));
                self.failed
                    .extend(pending(self.change, &database.name, covered, why));
            }
        }
        let mut sorted = Sorted::default();
        for role in roles {
            if wanted.contains(&&role.lease) {
                sorted.staying.push(role);
            } else if released.contains(&&role.lease) || sid.is_some_and(|sid| role.is_held_by(sid)) {
                sorted.leaving.push(role);
            }
        }
        Ok(sorted)
    }

    /// What a lease gave is gone with its membership, in live sessions too, from their next statement on.
    async fn take(&mut self, leaving: Vec<LeaseRole>) -> Vec<LeaseRole> {
        let mut taken = Vec::new();
        for role in leaving {
            match self.empty_out(&role).await {
                Ok(()) => taken.push(role),
                Err(error) => self.stays(&role, error),
            }
        }
        taken
    }

    async fn empty_out(&mut self, role: &LeaseRole) -> Result<()> {
        let site = SiteName::of(&role.site);
        for member in &role.members {
            self.run(&statements::drop_member(&site, &role.name, &member.name)?)
                .await?;
        }
        Ok(())
    }

    /// A lease role that should go and cannot: its lease fails, and nothing else does.
    pub fn stays(&mut self, role: &LeaseRole, error: ProviderError) {
        if to_take(self.change).any(|lease| lease.id == role.lease) {
            self.failed.insert(role.lease.clone(), error);
        } else {
            self.waiting = Some(format!("{} cannot be dropped yet: {}", role.name, error.message));
        }
    }

    /// Opens a login of ours. The new password first, so that the old one never opens the door again.
    async fn key(&mut self, found: Option<&Login>) -> Result<bool> {
        if !self.ours || !matches!(self.change.want, Want::Open(_)) {
            return Ok(false);
        }
        let Some(password) = password(self.change)? else {
            return Ok(false);
        };
        match found {
            None => {
                let sid = mark::sid(&self.provider.mark, self.login);
                self.run(&statements::create_login(self.login, &sid, password)?)
                    .await?;
            }
            Some(login) => {
                self.run(&statements::set_password(self.login, password)?).await?;
                if login.disabled {
                    self.run(&statements::enable(self.login)?).await?;
                }
            }
        }
        Ok(true)
    }

    /// One statement, a change of its own.
    pub async fn run(&mut self, statement: &Statement) -> Result<()> {
        self.session.run(statement, &mut self.ran).await
    }

    /// All or nothing. After a failure the connection is another one: the server undoes what the old one had begun, and
    /// the driver would not know of it.
    pub async fn transact(&mut self, all: &[Statement]) -> Result<()> {
        let Some(([only], [])) = all.split_first_chunk() else {
            return self.transact_many(all).await;
        };
        self.run(only).await
    }

    async fn transact_many(&mut self, all: &[Statement]) -> Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        let mut ran = Vec::new();
        let outcome = async {
            self.session.plain("BEGIN TRANSACTION").await?;
            for statement in all {
                self.session.run(statement, &mut ran).await?;
            }
            self.session.plain("COMMIT TRANSACTION").await
        }
        .await;
        match outcome {
            Ok(()) => {
                self.ran.append(&mut ran);
                Ok(())
            }
            Err(error) => {
                self.session = Session::open(&self.provider.config).await?;
                Err(error)
            }
        }
    }

    /// Nobody gets in any more who should not: whoever is thrown out stays out.
    async fn end_sessions(&mut self, leaving: &[LeaseRole]) -> Result<()> {
        let stray = leaving
            .iter()
            .any(|role| to_take(self.change).all(|lease| lease.id != role.lease));
        let since = match sessions_to_end(self.change, self.ours) {
            Ending::All => None,
            Ending::Since(since) => Some(since),
            Ending::None if self.ours && stray => None,
            Ending::None => return Ok(()),
        };
        let statement = statements::end_sessions(self.login, since)?;
        for _ in 0..3 {
            match self.run(&statement).await {
                // One of them left by itself in that moment.
                Err(error) if error.message.contains("(6106)") => {}
                outcome => outcome?,
            }
            for _ in 0..10 {
                if look::sessions(&mut self.session, self.login, since).await? == 0 {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let left = look::sessions(&mut self.session, self.login, since).await?;
        self.waiting = Some(format!("{left} sessions are still ending"));
        Ok(())
    }

    /// Somebody's own login that is not there: what it held is gone with it, and nothing can be given.
    fn nobody_there(&mut self) {
        let text = format!(
            "there is no login {} on the server (users that only a database knows are not served)",
            self.login
        );
        for lease in to_give(self.change) {
            self.failed.insert(lease.id.clone(), error::invalid(text.clone()));
        }
    }
}

/// Leases that are to be given or taken in a database that is away: each waits for it, and for nothing else. One that reaches
/// every database waits where it may have got there before.
fn pending<'c>(
    change: &'c Change,
    database: &'c str,
    covered: bool,
    why: &'c str,
) -> impl Iterator<Item = (LeaseId, ProviderError)> + 'c {
    let concerned = move |lease: &&Lease| {
        let at = Site::Database(database.to_owned());
        reach_of(lease) == Some(Reach::One(at))
    };
    let everywhere = to_take(change).filter(move |lease| covered && coverage::is_everywhere(lease));
    to_give(change)
        .chain(to_take(change))
        .filter(concerned)
        .chain(everywhere)
        .map(move |lease| {
            (
                lease.id.clone(),
                error::transient(format!("database {database}: {why}")),
            )
        })
}
