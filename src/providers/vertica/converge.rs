//! Makes one account match a change: shut or open the door, end sessions, take back, give, delete.
//!
//! Every statement commits by itself, so the order is what keeps a cut harmless: what is taken goes before what is given, a
//! login is made with its mark, and the role of a lease is given to it only once it is filled.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Vertica, details,
    error::{self, invalid},
    look::{self, Database, LeaseRole, User},
    place::{self, same},
    retire,
    session::{Failed, ROLE, Session},
    statements::{self, Between},
};
use crate::{
    providers::{
        Account, Change, Converged, Credential, ErrorKind, Lease, LeaseId, Memo, ProviderError, Result, Want,
        names,
        sql::{Name, Statement},
    },
    secrets::Secret,
};

/// New objects are covered this often.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// Sessions that are told to end need a moment.
const SETTLE: Duration = Duration::from_secs(5);
/// The server closes sessions after it has answered; it is asked again so often.
const TRIES: u32 = 3;
/// The id that the server gave to a login of ours, in the account's memo: a name made anew has another.
pub const USER_ID: &str = "user_id";

/// One call of `converge` under way.
pub struct Run<'a> {
    pub provider: &'a Vertica,
    pub change: &'a Change,
    pub login: &'a str,
    pub ours: bool,
    pub database: Database,
    pub session: Session,
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

/// Which sessions end with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    None,
    All,
    Since(chrono::DateTime<chrono::Utc>),
}

/// By what the leases say. On somebody's own login, what was open before the lease is not the lease's.
pub fn sessions_to_end(change: &Change, ours: bool) -> Ending {
    let shut = ours && !matches!(change.want, Want::Open(_));
    let last = to_give(change).next().is_none();
    let ending: Vec<&Lease> = to_take(change)
        .filter(|lease| (last && !ours) || place::could_write(lease))
        .collect();
    if shut || (ours && !ending.is_empty()) {
        return Ending::All;
    }
    let since = ending.iter().map(|lease| lease.starts_at).min();
    since.map_or(Ending::None, Ending::Since)
}

pub fn taken(name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Taken,
        format!("a user {name} exists and does not have our profile"),
    )
}

pub async fn converge(provider: &Vertica, account: &Account, change: &Change) -> Result<Converged> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    if !ours && names::is_reserved(login) {
        return Err(taken(login));
    }
    if same(login, &provider.config.username) {
        return Err(invalid(format!("{login} is our own login here")));
    }
    let mut session = provider.open().await?;
    let database = look::database(&mut session).await?;
    let mut run = Run {
        provider,
        change,
        login,
        ours,
        database,
        session,
        ran: Vec::new(),
        remarks: Vec::new(),
        failed: BTreeMap::new(),
        waiting: None,
        memo: account.memo.clone(),
    };
    let credential_set = run.all().await?;
    let given: Vec<&Lease> = to_give(change)
        .filter(|lease| !run.failed.contains_key(&lease.id))
        .collect();
    let look_again = match &run.waiting {
        Some(_) => Some(SETTLE),
        None => given
            .iter()
            .any(|lease| matches!(lease.resource.kind.as_str(), "database" | "schema"))
            .then_some(LOOK_AGAIN),
    };
    run.session.close().await;
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

impl Run<'_> {
    /// Everything, in the order that the contract asks for. Says whether the credential is set.
    async fn all(&mut self) -> Result<bool> {
        let user = look::user(&mut self.session, self.login).await?;
        if self.ours && user.as_ref().is_some_and(|user| !self.provider.is_ours(user)) {
            return Err(taken(self.login));
        }
        self.note_id(user.as_ref());
        let roles = look::lease_roles(&mut self.session, &self.provider.mark).await?;
        let (staying, leaving) = self.sort(roles);
        let credential_set = self.door(user.as_ref(), &leaving).await?;
        if user.is_some() {
            self.end_sessions(&leaving).await?;
        }
        retire::lease_roles(self, &leaving).await;
        let open = credential_set || user.as_ref().is_some_and(|user| !user.locked || !self.ours);
        match &self.change.want {
            Want::Open(_) if open => super::give::leases(self, &staying).await?,
            Want::Open(_) if self.ours => {
                self.waiting = Some(
                    "the account is gone or was locked meanwhile; a new credential is needed".to_owned(),
                );
            }
            Want::Open(_) => self.nobody_there(),
            Want::Deleted if self.ours && user.is_some() => retire::login(self).await?,
            Want::Deleted | Want::Disabled => {}
        }
        Ok(credential_set)
    }

    fn note_id(&mut self, user: Option<&User>) {
        if !self.ours {
            return;
        }
        let Some(user) = user else {
            self.memo.remove(USER_ID);
            return;
        };
        let before = self.memo.insert(USER_ID.to_owned(), user.id.clone());
        if before.is_some_and(|before| before != user.id) {
            self.remarks.push(format!(
                "{} is not the user that was there before, but one made anew",
                self.login
            ));
        }
    }

    /// Lease roles of this login that stay, and those that go.
    fn sort(&self, roles: Vec<LeaseRole>) -> (Vec<LeaseRole>, Vec<LeaseRole>) {
        let wanted = |role: &LeaseRole| to_give(self.change).any(|lease| lease.id == role.lease);
        let released = |role: &LeaseRole| to_take(self.change).any(|lease| lease.id == role.lease);
        let (staying, rest): (Vec<_>, Vec<_>) = roles.into_iter().partition(wanted);
        let leaving = rest
            .into_iter()
            .filter(|role| released(role) || role.is_held_by(self.login))
            .collect();
        (staying, leaving)
    }

    /// Takes what goes, and opens or shuts. After it nobody gets in who should not.
    async fn door(&mut self, user: Option<&User>, leaving: &[LeaseRole]) -> Result<bool> {
        let held: Vec<&LeaseRole> = leaving
            .iter()
            .filter(|role| role.is_held_by(self.login))
            .collect();
        for role in &held {
            let take = statements::take_role(&role.name, self.login)?;
            self.session.run_or_gone(&take, &mut self.ran).await?;
        }
        if !self.ours {
            if !held.is_empty() {
                self.drop_defaults(&held).await?;
            }
            return Ok(false);
        }
        match (&self.change.want, user, password(self.change)?) {
            (Want::Open(_), None, Some(password)) => self.make(password).await,
            (Want::Open(_), Some(user), Some(password)) => {
                let set = statements::set_password(self.login, password)?;
                self.session.run(&set, &mut self.ran).await?;
                if user.locked {
                    let unlock = statements::unlock(self.login)?;
                    self.session.run(&unlock, &mut self.ran).await?;
                }
                self.authenticate().await?;
                Ok(true)
            }
            (Want::Open(_), _, None) => Ok(false),
            (Want::Disabled | Want::Deleted, Some(_), _) => {
                // Also where the server locked it itself, which passes.
                let lock = statements::lock(self.login)?;
                self.session.run(&lock, &mut self.ran).await?;
                Ok(false)
            }
            (Want::Disabled | Want::Deleted, None, _) => Ok(false),
        }
    }

    /// A login of ours, with the profile that marks it.
    async fn make(&mut self, password: &Secret) -> Result<bool> {
        let profile = self.provider.profile();
        if !look::has_profile(&mut self.session, &profile).await? {
            let create = statements::create_profile(&profile)?;
            self.session.run_or_there(&create, &mut self.ran).await?;
        }
        let create = statements::create_login(self.login, password, &profile, Between::Commas)?;
        match self.session.try_run(&create, &mut self.ran).await {
            Err(Failed::Said(notice)) if notice.code == error::SYNTAX => {
                let create = statements::create_login(self.login, password, &profile, Between::Spaces)?;
                self.session.run(&create, &mut self.ran).await?;
            }
            ended => ended?,
        }
        self.authenticate().await?;
        let made = look::user(&mut self.session, self.login).await?;
        self.note_id(made.as_ref());
        Ok(true)
    }

    async fn authenticate(&mut self) -> Result<()> {
        if let Some(name) = &self.provider.config.authentication {
            let give = statements::give_authentication(name, self.login)?;
            self.session.run_or_there(&give, &mut self.ran).await?;
        }
        Ok(())
    }

    /// Writes somebody's list of default roles without those that they no longer have, where the server still lists them.
    async fn drop_defaults(&mut self, gone: &[&LeaseRole]) -> Result<()> {
        let is_gone = |name: &str| gone.iter().any(|role| same(&role.name, name));
        let Some(defaults) = self.defaults(gone).await? else {
            return Ok(());
        };
        if !defaults.iter().any(|name| is_gone(name)) {
            return Ok(());
        }
        let left: Vec<Name> = defaults
            .iter()
            .filter(|name| !is_gone(name))
            .map(|name| Name::known(name.as_str()))
            .collect();
        let write = statements::default_roles(self.login, &left)?;
        self.session.run(&write, &mut self.ran).await
    }

    /// The default roles of the login as they stand; `None` if it is not there.
    pub async fn defaults(&mut self, also: &[&LeaseRole]) -> Result<Option<Vec<String>>> {
        let Some(user) = look::user(&mut self.session, self.login).await? else {
            return Ok(None);
        };
        let edges = look::edges(&mut self.session).await?;
        let mut known: Vec<&str> = edges
            .iter()
            .filter(|edge| same(&edge.holder, self.login))
            .map(|edge| edge.role.as_str())
            .chain(also.iter().map(|role| role.name.as_str()))
            .collect();
        known.sort_unstable();
        known.dedup();
        look::default_roles(&user.default_roles, &known).map(Some)
    }

    /// The door is shut already: whoever is thrown out stays out.
    async fn end_sessions(&mut self, leaving: &[LeaseRole]) -> Result<()> {
        let stray = self.ours
            && leaving
                .iter()
                .any(|role| to_take(self.change).all(|lease| lease.id != role.lease));
        let since = match sessions_to_end(self.change, self.ours) {
            Ending::None if stray => None,
            Ending::None => return Ok(()),
            Ending::All => None,
            Ending::Since(since) => Some(since),
        };
        for _ in 0..TRIES {
            let ending = match since {
                None => vec![statements::end_all_sessions(self.login)?],
                Some(_) => look::sessions(&mut self.session, self.login, since)
                    .await?
                    .into_iter()
                    .map(|id| statements::end_session(&Name::Known(id)))
                    .collect::<Result<_>>()?,
            };
            for statement in &ending {
                self.end(statement).await?;
            }
            let mut pause = Duration::from_millis(10);
            while pause < Duration::from_secs(3) {
                let left = look::sessions(&mut self.session, self.login, since).await?;
                if left.is_empty() {
                    return Ok(());
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        let left = look::sessions(&mut self.session, self.login, since).await?.len();
        if left > 0 {
            self.waiting = Some(format!("{left} sessions are still ending"));
        }
        Ok(())
    }

    /// Closing sessions of others may need more than our role; then the database administrator's, where we have it.
    async fn end(&mut self, statement: &Statement) -> Result<()> {
        match self.session.try_run(statement, &mut self.ran).await {
            Err(Failed::Said(notice)) if notice.code == error::DENIED => {
                let refused = ProviderError::from(Failed::Said(notice));
                if self.session.take_role("dbadmin").await.is_err() {
                    return Err(refused);
                }
                self.session.run_or_gone(statement, &mut self.ran).await?;
                self.session.take_role(ROLE).await
            }
            // A session that ended by itself meanwhile.
            Err(Failed::Said(notice)) if error::is_gone(&notice) => Ok(()),
            ended => Ok(ended?),
        }
    }

    /// Somebody's own login that is not there: what it held is gone with it, and nothing can be given.
    fn nobody_there(&mut self) {
        let error = invalid(format!("there is no user {}", self.login));
        for lease in to_give(self.change) {
            self.failed.insert(lease.id.clone(), error.clone());
        }
    }
}
