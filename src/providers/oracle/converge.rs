//! Makes one account match a change: shut or open the door, take back, end sessions, give, delete.
//!
//! Every statement commits by itself, so each step is found done or not done by the next run.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

use super::{
    Oracle, details,
    error::{self, invalid, taken},
    held::{self, LeaseRole},
    live,
    look::{self, Rights, Server, User},
    place, retire,
    session::Session,
    statements::{self, Ender},
};
use crate::{
    providers::{
        Account, Change, Converged, Credential, ErrorKind, Lease, LeaseId, ProviderError, Result, Want,
        names, sql::Statement,
    },
    secrets::Secret,
};

/// Tables made since are covered this often, before 23ai.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// Sessions that are told to end need a moment.
const SETTLE: Duration = Duration::from_secs(5);
/// A run that has more to do than fits goes on in the next.
const LONGEST_RUN: Duration = Duration::from_secs(40);

/// One call of `converge` under way.
pub struct Run<'a> {
    pub provider: &'a Oracle,
    pub change: &'a Change,
    pub login: &'a str,
    pub ours: bool,
    pub server: Server,
    pub rights: Rights,
    pub session: Session,
    pub ran: Vec<String>,
    pub remarks: Vec<String>,
    pub failed: BTreeMap<LeaseId, ProviderError>,
    pub waiting: Option<String>,
    /// Tables of these leases have to be looked for again.
    pub grows: bool,
    /// The login's roles are a list: what it was given is there only after SET ROLE.
    pub not_default: Vec<String>,
    begun: Instant,
}

/// # Errors
/// `Unsupported` for what is no password.
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

/// Which sessions of a login end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    None,
    All,
    /// Those that began then or later.
    Since(DateTime<Utc>),
}

/// By what the leases say. On somebody's own login what was open before the lease is not the lease's, but for roles: an older
/// session may have enabled one, and keeps it.
pub fn ending(change: &Change, ours: bool) -> Ending {
    if ours && !matches!(change.want, Want::Open(_)) {
        return Ending::All;
    }
    let last = to_give(change).next().is_none();
    let leaving: Vec<&Lease> = to_take(change)
        .filter(|lease| (last && !ours) || place::could_write(lease))
        .collect();
    if leaving.is_empty() {
        return Ending::None;
    }
    if ours || leaving.iter().any(|lease| place::stays_enabled(lease)) {
        return Ending::All;
    }
    leaving
        .iter()
        .map(|lease| lease.starts_at)
        .min()
        .map_or(Ending::None, Ending::Since)
}

pub async fn converge(provider: &Oracle, account: &Account, change: &Change) -> Result<Converged> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    if !ours && names::is_reserved(login) {
        return Err(taken(login));
    }
    let mut session = provider.open().await?;
    let server = look::server(&mut session).await?;
    if server.is_standby() {
        return Err(standby(&server));
    }
    if login == server.me {
        return Err(invalid(format!("{login} is our own login here")));
    }
    let rights = look::rights(&mut session).await?;
    let mut run = Run {
        provider,
        change,
        login,
        ours,
        server,
        rights,
        session,
        ran: Vec::new(),
        remarks: Vec::new(),
        failed: BTreeMap::new(),
        waiting: None,
        grows: false,
        not_default: Vec::new(),
        begun: Instant::now(),
    };
    let credential_set = run.all(account).await?;
    let given: Vec<&Lease> = to_give(change)
        .filter(|lease| !run.failed.contains_key(&lease.id))
        .collect();
    let look_again = match (&run.waiting, run.grows) {
        (Some(_), _) => Some(SETTLE),
        (None, true) => Some(LOOK_AGAIN),
        (None, false) => None,
    };
    let details = details::of(&provider.config, login, ours, &given, &run.not_default);
    let memo = run.memo(account).await?;
    Ok(Converged {
        waiting: run.waiting,
        look_again,
        credential_set,
        failed: run.failed.into_iter().collect(),
        details,
        ran: run.ran,
        remarks: run.remarks,
        memo,
    })
}

pub fn standby(server: &Server) -> ProviderError {
    ProviderError::new(
        ErrorKind::Denied,
        format!("a {} cannot be written to: the primary is needed", server.role),
    )
}

impl Run<'_> {
    pub async fn execute(&mut self, statement: &Statement) -> Result<()> {
        self.session.run(statement, &mut self.ran).await
    }

    /// Where what was to be taken is gone already, that is success.
    pub async fn take(&mut self, statement: &Statement) -> Result<()> {
        self.session.run_or(statement, &error::GONE, &mut self.ran).await
    }

    /// Whether this run has used up its time.
    pub fn is_late(&self) -> bool {
        self.begun.elapsed() > LONGEST_RUN
    }

    pub fn wait(&mut self, why: impl Into<String>) {
        self.waiting.get_or_insert(why.into());
    }

    /// Everything, in the order that the contract asks for. Says whether the credential is set.
    async fn all(&mut self, account: &Account) -> Result<bool> {
        let mark = &self.provider.mark;
        let user = look::user(&mut self.session, self.login).await?;
        if self.ours {
            look::ours_or_taken(user.as_ref(), mark, self.login)?;
            self.note_age(user.as_ref(), account);
        }
        let roles = held::lease_roles(&mut self.session, mark).await?;
        self.let_go(&roles).await?;
        let (staying, leaving) = self.sort(roles);
        self.shut(user.as_ref()).await?;
        retire::empty(self, &leaving).await?;
        if self.ours && user.is_some() {
            retire::strays(self, &staying).await?;
        }
        if user.is_some() {
            self.end_sessions(&leaving).await?;
        }
        retire::drop_roles(self, &leaving).await?;
        let credential_set = self.open(user.as_ref()).await?;
        let open = credential_set || user.as_ref().is_some_and(|user| !self.ours || !user.is_shut());
        match &self.change.want {
            Want::Open(_) if open => super::give::leases(self, &staying).await?,
            Want::Open(_) if self.ours => {
                self.wait("the account is not there any more; a new credential is needed");
            }
            Want::Open(_) => self.nobody_there(),
            Want::Deleted if self.ours && user.is_some() => retire::login(self).await?,
            Want::Deleted | Want::Disabled => {}
        }
        Ok(credential_set)
    }

    /// The memo keeps when the login was made: one that is younger was dropped and made anew by somebody.
    fn note_age(&mut self, user: Option<&User>, account: &Account) {
        if let (Some(user), Some(created)) = (user, account.memo.get("created"))
            && user.created != *created
        {
            self.remarks.push(format!(
                "{} was dropped and made anew behind our back",
                self.login
            ));
        }
    }

    /// Whoever creates a role holds it, and a login with more than 148 roles that it enables can log in no more (ORA-28031).
    /// What an interrupted run left with us goes first; on a server where we may give roles only because we hold them, one
    /// that is about to be given stays.
    async fn let_go(&mut self, roles: &[LeaseRole]) -> Result<()> {
        let me = self.server.me.clone();
        for role in roles {
            let needed = !self.rights.has("GRANT ANY ROLE")
                && role.held_by(self.login).is_none()
                && to_give(self.change).any(|lease| lease.id == role.lease);
            if role.held_by(&me).is_some() && !needed {
                self.take(&statements::take_role(&role.name, &me)?).await?;
            }
        }
        Ok(())
    }

    /// Lease roles of this login that stay, and those that go.
    fn sort(&self, roles: Vec<LeaseRole>) -> (Vec<LeaseRole>, Vec<LeaseRole>) {
        let wanted: Vec<&LeaseId> = to_give(self.change).map(|lease| &lease.id).collect();
        let released: Vec<&LeaseId> = to_take(self.change).map(|lease| &lease.id).collect();
        let (mut staying, mut leaving) = (Vec::new(), Vec::new());
        for role in roles {
            if wanted.contains(&&role.lease) {
                staying.push(role);
            } else if released.contains(&&role.lease) || role.held_by(self.login).is_some() {
                leaving.push(role);
            }
        }
        (staying, leaving)
    }

    /// Shuts a login of ours that is to be shut. After it nobody gets in who should not.
    async fn shut(&mut self, user: Option<&User>) -> Result<()> {
        match &self.change.want {
            Want::Disabled | Want::Deleted if self.ours && user.is_some_and(|user| !user.is_shut()) => {
                self.execute(&statements::shut_login(self.login)?).await
            }
            Want::Open(_) | Want::Disabled | Want::Deleted => Ok(()),
        }
    }

    /// Makes or opens a login of ours, once it holds nothing but what it keeps. Says whether the credential is set.
    async fn open(&mut self, user: Option<&User>) -> Result<bool> {
        if !self.ours || !matches!(self.change.want, Want::Open(_)) {
            return Ok(false);
        }
        match (user, password(self.change)?) {
            (None, Some(secret)) => {
                let profile = look::profile(&self.provider.mark);
                if !look::profile_exists(&mut self.session, &profile).await? {
                    self.execute(&statements::create_profile(&profile)?).await?;
                }
                self.execute(&statements::create_login(self.login, secret, &profile)?)
                    .await?;
                self.execute(&statements::let_in(self.login)?).await?;
                Ok(true)
            }
            (Some(_), Some(secret)) => {
                self.let_in().await?;
                self.execute(&statements::open_login(self.login, secret)?).await?;
                Ok(true)
            }
            (Some(user), None) => {
                if !user.is_shut() {
                    self.let_in().await?;
                }
                Ok(false)
            }
            (None, None) => Ok(false),
        }
    }

    /// A run that was cut after CREATE USER left a login that may not log in.
    async fn let_in(&mut self) -> Result<()> {
        let held = held::holdings(&mut self.session, &self.server, self.login).await?;
        if !held.system.contains("CREATE SESSION") {
            self.execute(&statements::let_in(self.login)?).await?;
        }
        Ok(())
    }

    /// The door is shut already: whoever is thrown out stays out.
    async fn end_sessions(&mut self, leaving: &[LeaseRole]) -> Result<()> {
        let stray = self.ours
            && leaving
                .iter()
                .any(|role| to_take(self.change).all(|lease| lease.id != role.lease));
        let since = match ending(self.change, self.ours) {
            Ending::None if stray => None,
            Ending::None => return Ok(()),
            Ending::All => None,
            Ending::Since(since) => Some(since),
        };
        let mut live = live::sessions(&mut self.session, self.login, since).await?;
        if live.is_empty() {
            return Ok(());
        }
        let Some(ender) = look::ender(&mut self.session, &self.server, &self.rights).await? else {
            self.wait(format!(
                "{} sessions live on: our login may not end them (ALTER SYSTEM)",
                live.len()
            ));
            return Ok(());
        };
        for _ in 0..3 {
            self.disconnect(ender, &live).await?;
            for _ in 0..10 {
                live = live::sessions(&mut self.session, self.login, since).await?;
                if live.is_empty() {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        self.wait(format!("{} sessions are still ending", live.len()));
        Ok(())
    }

    async fn disconnect(&mut self, ender: Ender, live: &[statements::SessionId]) -> Result<()> {
        for id in live {
            let statement = statements::end_session(ender, *id);
            self.session
                .run_or(&statement, &error::ENDED, &mut self.ran)
                .await?;
        }
        Ok(())
    }

    /// Somebody's own login that is not there: what it held is gone with it, and nothing can be given.
    fn nobody_there(&mut self) {
        let error = invalid(format!("there is no login {}", self.login));
        for lease in to_give(self.change) {
            self.failed.insert(lease.id.clone(), error.clone());
        }
    }

    async fn memo(&mut self, account: &Account) -> Result<crate::providers::Memo> {
        let mut memo = account.memo.clone();
        if self.ours {
            match look::user(&mut self.session, self.login).await? {
                Some(user) => memo.insert("created".to_owned(), user.created),
                None => memo.remove("created"),
            };
        }
        Ok(memo)
    }
}
