//! Makes one account match a change: take back, shut or open the door, end sessions, give, delete.
//!
//! Neither engine has transactions around accounts: every statement stands by itself, may be the last one, and may run again.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Family, details,
    engine::{Engine, Who},
    error::{self, invalid, transient},
    give,
    look::{self, Found, LeaseRole, Roles, Server},
    mark, retire,
    rights::Own,
    session::Session,
    sessions, statements,
    statements::Form,
};
use crate::{
    providers::{
        Account, Change, Converged, Credential, ErrorKind, Lease, LeaseId, ProviderError, Result, Want,
        names, sql::Statement,
    },
    secrets::Secret,
};

/// New databases of an instance are covered this often, and what was altered by hand is put right.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// Sessions that are told to end need a moment.
const SETTLE: Duration = Duration::from_secs(5);
/// What only a person can clear is looked at this often.
const BLOCKED: Duration = Duration::from_secs(24 * 60 * 60);

/// Why an account is not yet as wanted.
pub enum Waiting {
    /// For the server: soon.
    Shortly(String),
    /// For a person.
    OnPeople(String),
}

/// One call of `converge` under way.
pub struct Run<'a> {
    pub provider: &'a Family,
    pub change: &'a Change,
    /// As the core names it, and as the server does.
    pub name: &'a str,
    pub login: Who,
    pub ours: bool,
    pub server: Server,
    pub main: Session,
    /// What our own login can give, once it was needed.
    pub own: Option<Own>,
    /// On somebody's own login: sessions that are not newer than this connection are not ours to end.
    pub since: Option<i64>,
    pub ran: Vec<String>,
    pub remarks: Vec<String>,
    pub failed: BTreeMap<LeaseId, ProviderError>,
    pub waiting: Option<Waiting>,
}

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

pub fn taken(name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Taken,
        format!("an account {name} exists and is not of our making"),
    )
}

pub async fn converge(provider: &Family, account: &Account, change: &Change) -> Result<Converged> {
    let (name, ours) = (account.name.login(), account.name.is_ours());
    if ours != provider.mark.names_account(name) || (!ours && names::is_reserved(name)) {
        return Err(taken(name));
    }
    let mut main = provider.open().await?;
    let server = look::server(&mut main, provider.engine).await?;
    lock(&mut main, &provider.mark.own_role(name)).await?;
    let found = provider.find(&mut main, name, ours).await?;
    let login = found
        .as_ref()
        .map_or_else(|| Who::anywhere(name), |found| found.who.clone());
    if login == server.me {
        return Err(invalid(format!("{name} is our own login here")));
    }
    let since = sessions::since(&mut main, account).await?;
    let mut run = Run {
        provider,
        change,
        name,
        login,
        ours,
        server,
        main,
        own: None,
        since,
        ran: Vec::new(),
        remarks: Vec::new(),
        failed: BTreeMap::new(),
        waiting: None,
    };
    let credential_set = run.all(found.as_ref()).await?;
    Ok(run.answer(account, found.as_ref(), credential_set).await)
}

/// One run at a time on one account, whichever process it is of. The server frees the lock when the connection ends.
/// Clusters that know no such locks (Galera in its strict mode) say so, and go without.
async fn lock(main: &mut Session, name: &str) -> Result<()> {
    match main.row("SELECT GET_LOCK(?, 10)", &[name]).await {
        Ok(row) if row.flag(0) => Ok(()),
        Ok(_) => Err(transient("another run is at work on this account")),
        Err(error) if error.kind == ErrorKind::Unsupported || error.message.ends_with("(1105)") => Ok(()),
        Err(error) => Err(error),
    }
}

impl Run<'_> {
    pub fn engine(&self) -> Engine {
        self.provider.engine
    }

    /// Our login's own role, where there is one.
    pub fn own_role(&self) -> Who {
        self.engine().role(&self.provider.mark.own_role(self.name))
    }

    /// Who lease roles are given to.
    pub fn anchor(&self) -> Who {
        match self.engine() {
            Engine::MySql => self.login.clone(),
            Engine::MariaDb => self.own_role(),
        }
    }

    pub fn attributes(&self) -> Result<String> {
        mark::for_login(&self.provider.mark, &mark::fence(Some(self.change.fence)))
    }

    pub async fn run(&mut self, statement: &Statement) -> Result<()> {
        self.main.run(statement, &mut self.ran).await
    }

    /// Everything, in the order that the contract asks for. Says whether the credential is set.
    async fn all(&mut self, found: Option<&Found>) -> Result<bool> {
        let (engine, mark) = (self.engine(), &self.provider.mark);
        let roles = look::roles(&mut self.main, engine, mark, &self.server.me).await?;
        if self.ours && found.is_some_and(|found| !self.provider.is_marked(found, &roles)) {
            return Err(taken(self.name));
        }
        self.check_fence(found, &roles)?;
        let (staying, leaving) = self.sort(&roles);
        retire::lease_roles(self, &leaving).await?;
        let credential_set = if self.ours {
            self.turn_key(found, &roles).await?
        } else {
            false
        };
        if self.ours && found.is_some() && matches!(self.change.want, Want::Open(_)) {
            retire::by_hand(self).await?;
        }
        sessions::end(self, found.is_some(), &leaving).await?;
        let open = credential_set || found.is_some_and(|found| !self.ours || !found.locked);
        match &self.change.want {
            Want::Open(_) if open => give::leases(self, found, &roles, &staying).await?,
            Want::Open(_) if self.ours => {
                let text = "the account is not there any more; a new credential is needed";
                self.waiting = Some(Waiting::Shortly(text.to_owned()));
            }
            Want::Open(_) => self.nobody_there(),
            Want::Deleted if self.ours => retire::login(self, found.is_some(), &roles).await?,
            Want::Deleted | Want::Disabled => {}
        }
        if !self.ours {
            retire::own_role_of_theirs(self, found, &roles).await?;
        }
        Ok(credential_set)
    }

    /// An older run must not undo a newer one. MariaDB's accounts have no room for a fence.
    fn check_fence(&self, found: Option<&Found>, roles: &Roles) -> Result<()> {
        let on_login = found.and_then(|found| found.marked.as_ref());
        let on_roles = roles
            .leases
            .iter()
            .filter_map(|role| role.marked.as_ref())
            .filter(|marked| marked.of.as_deref() == Some(self.name));
        let newest = on_login
            .into_iter()
            .chain(on_roles)
            .map(|marked| marked.fence)
            .max();
        if newest.is_some_and(|newest| newest > self.change.fence) {
            return Err(transient("a newer run has changed this account meanwhile"));
        }
        Ok(())
    }

    /// Lease roles of this login that stay, and those that go. One that only has our kind of name is nobody's to touch; but
    /// one that nobody holds is a run of ours that was cut before it could write its mark.
    fn sort(&mut self, roles: &Roles) -> (Vec<LeaseRole>, Vec<LeaseRole>) {
        let wanted: Vec<&LeaseId> = to_give(self.change).map(|lease| &lease.id).collect();
        let released: Vec<&LeaseId> = to_take(self.change).map(|lease| &lease.id).collect();
        let anchor = self.anchor();
        let (mut staying, mut leaving) = (Vec::new(), Vec::new());
        for role in &roles.leases {
            let (wanted, released) = (wanted.contains(&&role.lease), released.contains(&&role.lease));
            let marked = self.engine() == Engine::MariaDb || role.marked.is_some() || role.holders.is_empty();
            let of = role.marked.as_ref().and_then(|marked| marked.of.as_deref());
            if !marked {
                if wanted || released {
                    self.failed.insert(role.lease.clone(), taken(&role.name));
                }
            } else if wanted {
                staying.push(role.clone());
            } else if released || role.holders.contains(&anchor) || of == Some(self.name) {
                leaving.push(role.clone());
            }
        }
        (staying, leaving)
    }

    async fn turn_key(&mut self, found: Option<&Found>, roles: &Roles) -> Result<bool> {
        let attributes = self.attributes()?;
        match (&self.change.want, found, password(self.change)?) {
            (Want::Open(_), None, Some(password)) => {
                if self.engine() == Engine::MariaDb {
                    // Before the account: without it the account would be a stranger's.
                    let own = self.own_role();
                    self.run(&statements::create_role(&own)?).await?;
                }
                self.hand_over(password, Opening::Made, &attributes).await?;
                give::own_role(self, None, roles).await?;
                Ok(true)
            }
            (Want::Open(_), None, None) => Ok(false),
            (Want::Open(_), Some(_), Some(password)) => {
                self.hand_over(password, Opening::Again, &attributes).await?;
                give::own_role(self, found, roles).await?;
                Ok(true)
            }
            (Want::Open(_), Some(_), None) => {
                give::own_role(self, found, roles).await?;
                Ok(false)
            }
            (Want::Disabled | Want::Deleted, Some(_), _) => {
                let shut = statements::shut_login(self.engine(), &self.login, &attributes)?;
                self.run(&shut).await.map(|()| false)
            }
            (Want::Disabled | Want::Deleted, None, _) => Ok(false),
        }
    }

    /// Makes or opens the login with a password.
    async fn hand_over(&mut self, password: &Secret, opening: Opening, attributes: &str) -> Result<()> {
        let quiet = opening.statement(self, Form::Quiet, password, attributes)?;
        match self.run(&quiet).await {
            Err(refused) if error::wants_the_password(&refused) => {
                let clear = opening.statement(self, Form::Clear, password, attributes)?;
                self.run(&clear).await?;
                self.remarks.push(
                    "the server judges passwords itself (strict_password_validation): it was sent as it is, and the server's \
                     own logs may hold it"
                        .to_owned(),
                );
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Somebody's own login that is not there: what it held is gone with it, and nothing can be given.
    fn nobody_there(&mut self) {
        let error = invalid(format!("there is no account {}", self.name));
        for lease in to_give(self.change) {
            self.failed.insert(lease.id.clone(), error.clone());
        }
    }

    async fn answer(self, account: &Account, found: Option<&Found>, credential_set: bool) -> Converged {
        let given: Vec<&Lease> = to_give(self.change)
            .filter(|lease| !self.failed.contains_key(&lease.id))
            .collect();
        let at_rest = to_give(self.change).next().is_none() && self.failed.is_empty();
        let (waiting, look_again) = match self.waiting {
            Some(Waiting::Shortly(text)) => (Some(text), Some(SETTLE)),
            Some(Waiting::OnPeople(text)) => (Some(text), Some(BLOCKED)),
            None => (None, (!given.is_empty()).then_some(LOOK_AGAIN)),
        };
        let mut memo = account.memo.clone();
        if at_rest && waiting.is_none() {
            sessions::forget(&mut memo);
        }
        let active = details::Active::of(self.provider, self.name, self.ours, found);
        let details = details::of(self.provider, &self.login, &given, &active);
        self.main.close().await;
        Converged {
            waiting,
            look_again,
            credential_set,
            failed: self.failed.into_iter().collect(),
            details,
            ran: self.ran,
            remarks: self.remarks,
            memo,
        }
    }
}

#[derive(Clone, Copy)]
enum Opening {
    Made,
    Again,
}

impl Opening {
    fn statement(self, run: &Run<'_>, form: Form, password: &Secret, attributes: &str) -> Result<Statement> {
        let (engine, tls) = (run.engine(), run.provider.config.tls);
        match self {
            Self::Made => statements::create_login(engine, form, &run.login, password, tls, attributes),
            Self::Again => statements::open_login(engine, form, &run.login, password, tls, attributes),
        }
    }
}
