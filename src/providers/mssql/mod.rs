//! Microsoft SQL Server 2014 and later, and Azure SQL Managed Instance.
//!
//! Each lease is a role of its own at the site that it concerns, a database or the server, filled and given to the login in one
//! transaction; dropping it takes exactly that back. Logins keep no text: ours is known by its SID, which is computed from our
//! mark and the login's name. There is therefore no room for a fence; a run that lost its claim is kept short by time limits.
//! Nothing is installed in anybody's database, and no statement says `USE`.

mod check;
mod config;
mod converge;
mod coverage;
mod details;
mod discover;
mod error;
mod give;
mod inside;
mod look;
mod mark;
mod place;
mod preview;
mod quote;
mod retire;
mod session;
mod statements;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;

use self::{config::Config, look::Server, place::Site, session::Session};
use super::{
    Account, AccountName, Change, Converged, Discovery, Feature, Guide, Health, Lease, LeaseId, Mark,
    Observed, Person, Presence, Provider, Registration, Result, Setup,
};

pub const REGISTRATION: Registration = Registration {
    kind: "mssql",
    title: "Microsoft SQL Server",
    supports: &[Feature::Accounts, Feature::Sessions, Feature::Tags],
    at_once: 2,
    // A statement that was sent runs to its end, 30 s at most; the server undoes the transaction of a line that broke.
    settles_in: Duration::from_secs(40),
    per_minute: None,
    keys: config::KEYS,
    secret_keys: config::SECRET_KEYS,
    example: config::EXAMPLE,
    kinds: place::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Mssql::new(&setup)?)),
};

const GUIDE: Guide = Guide {
    connector: "A SQL login with `CONTROL SERVER`: `CREATE LOGIN latchkey WITH PASSWORD = N'…'`, then \
`GRANT CONTROL SERVER TO latchkey`. It enters every database, makes logins, users and roles, and ends sessions; it needs no \
membership in `sysadmin`. `latchkey check` names the right if it is missing. The server must allow SQL logins (mixed mode). \
A server with a self-signed certificate needs `tls_ca`, or `tls = \"insecure\"`.",
    granted: "Each person has one login per server, `jit_…`, and each lease a role of its own, `jitg_…`: in the database it \
concerns, or on the server for the whole instance; `read-write` on the instance is one role in every database. What is \
granted on a database or schema covers what is made there later. Taking it back drops the member, the role and, with the last \
lease there, the login's user in the database, and ends the login's sessions; without a lease the login is disabled. On \
deletion schemas and roles that it owned pass to dbo, databases to the server's administrator. People with a login of their own \
(`person.login`) keep it: only the lease's role comes and goes, and where they have no user in the database, one named `jitu_…`.",
    limits: &[
        "Azure SQL Database and Synapse are refused: they know no statements across databases. Azure SQL Managed Instance is served.",
        "Windows logins that come in through a group, and users that only a contained database knows, cannot be given access.",
        "SQL Server ends no login at a date: the end is kept by this program alone.",
        "A `DENY` stands above whatever is granted; the answer to a grant mentions those for public.",
        "A database that is offline or read-only keeps its leases pending; the others are not held up.",
        "With availability groups each replica has logins of its own: name the listener, and know that a failover needs the grants again.",
        "A `role` of the server or a database is offered if people made it and it reaches no rights above all others; fixed roles are not.",
    ],
};

pub struct Mssql {
    config: Config,
    mark: Mark,
}

impl Mssql {
    fn new(setup: &Setup) -> Result<Self> {
        Ok(Self {
            config: Config::parse(setup)?,
            mark: setup.mark.clone(),
        })
    }

    /// # Errors
    /// `Unsupported` where this provider cannot work at all.
    async fn open(&self) -> Result<(Session, Server)> {
        let mut session = Session::open(&self.config).await?;
        let server = look::server(&mut session).await?;
        Ok((session, server))
    }

    /// Lease roles everywhere, and the databases that could not be looked into.
    async fn lease_roles(&self, session: &mut Session) -> Result<(Vec<look::LeaseRole>, Vec<String>)> {
        let mut all = look::lease_roles(session, &self.mark, &Site::Server).await?;
        let mut away = Vec::new();
        for database in look::databases(session).await? {
            if database.away.is_some() {
                away.push(database.name);
            } else {
                let site = Site::Database(database.name);
                all.extend(look::lease_roles(session, &self.mark, &site).await?);
            }
        }
        Ok((all, away))
    }
}

#[async_trait]
impl Provider for Mssql {
    async fn check(&self) -> Result<Health> {
        check::check(self).await
    }

    async fn discover(&self) -> Result<Discovery> {
        discover::discover(self).await
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        match &person.login {
            Some(login) => AccountName::Theirs(login.clone()),
            None => AccountName::Ours(self.mark.account_name(person, scope)),
        }
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        preview::preview(self, account, change)
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        match &account.name {
            AccountName::Ours(_) | AccountName::Theirs(_) => converge::converge(self, account, change).await,
            AccountName::Shared(_) => Err(error::invalid(
                "SQL Server has no logins that belong to a resource",
            )),
        }
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let (login, ours) = (account.name.login(), account.name.is_ours());
        let (mut session, _) = self.open().await?;
        let found = look::login(&mut session, login).await?;
        let presence = match &found {
            None => Presence::Absent,
            Some(found) if ours && !found.is_ours(&self.mark) => Presence::NotOurs,
            Some(found) if found.disabled => Presence::Disabled,
            Some(_) => Presence::Enabled,
        };
        let sid = match &found {
            Some(found) => found.sid.clone(),
            None => mark::sid(&self.mark, login).to_vec(),
        };
        let (roles, away) = self.lease_roles(&mut session).await?;
        let mut held: BTreeMap<LeaseId, bool> = BTreeMap::new();
        for lease in leases {
            let has = |role: &look::LeaseRole| role.lease == lease.id && role.is_held_by(&sid);
            let yes = roles.iter().any(has);
            // Where its database is away, nobody knows.
            let unseen = place::Place::of(&lease.resource).is_ok_and(|place| {
                place
                    .database()
                    .is_some_and(|at| away.iter().any(|away| away == at))
            });
            if yes || !unseen {
                held.insert(lease.id.clone(), yes);
            }
        }
        // Of somebody's own sessions only those count that a lease may have opened.
        let since = if ours {
            None
        } else {
            leases.iter().map(|lease| lease.starts_at).min()
        };
        Ok(Observed {
            presence,
            held,
            sessions: Some(look::sessions(&mut session, login, since).await?),
            memo: account.memo.clone(),
        })
    }

    async fn accounts(&self) -> Result<Vec<AccountName>> {
        let (mut session, _) = self.open().await?;
        let mut all: BTreeSet<AccountName> = look::our_logins(&mut session, &self.mark)
            .await?
            .into_iter()
            .map(AccountName::Ours)
            .collect();
        // Users without a login are left by a database that was away or comes from a backup.
        for database in look::databases(&mut session).await? {
            if database.away.is_none() {
                let users = look::our_users(&mut session, &self.mark, &database.name).await?;
                all.extend(users.into_iter().map(AccountName::Ours));
            }
        }
        let (roles, _) = self.lease_roles(&mut session).await?;
        let members: BTreeSet<&[u8]> = roles
            .iter()
            .flat_map(|role| &role.members)
            .filter(|member| !self.mark.names_account(&member.name))
            .map(|member| member.sid.as_slice())
            .collect();
        for sid in members {
            if let Some(login) = look::login_of_sid(&mut session, sid).await? {
                all.insert(AccountName::Theirs(login));
            }
        }
        Ok(all.into_iter().collect())
    }
}
