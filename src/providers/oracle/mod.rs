//! Oracle Database 12.1 and later, one pluggable database an integration.
//!
//! Each lease is a role of its own, filled with exactly what the lease gives and given to the login last. Oracle keeps no free
//! text on users or roles: a login of ours is known by its name and by its profile `JITS_<stamp>_LOGIN`, a lease's role by name
//! and stamp. There is no room for a fence. Every definition commits by itself, so nothing is a transaction: each step is
//! looked for, then made. What a session got by a role it keeps until it ends, so a role's privileges are revoked before the
//! role is dropped.
//!
//! No server can be had for tests. The statements are those of Oracle's SQL Language Reference, the columns those of its
//! Database Reference, and `exec` is where the suite puts its model of a database, or a real one.

mod check;
pub mod config;
mod converge;
mod details;
mod discover;
pub mod driver;
mod error;
pub mod exec;
mod give;
mod held;
mod live;
mod look;
mod place;
mod preview;
mod retire;
mod roles;
mod session;
mod statements;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;

use self::{
    config::Config,
    driver::Driver,
    exec::Connect,
    session::{Door, Session},
};
use super::{
    Account, AccountName, Change, Converged, Discovery, Feature, Guide, Health, Lease, Mark, Observed,
    Person, Presence, Provider, Registration, Result, Setup,
};

pub const REGISTRATION: Registration = Registration {
    kind: "oracle",
    title: "Oracle Database",
    supports: &[Feature::Accounts, Feature::Sessions, Feature::Tags],
    // Grants on one object wait for each other anyway.
    at_once: 1,
    // A statement runs to its end in the database though the line is cut; ours have 30 s.
    settles_in: Duration::from_secs(45),
    per_minute: None,
    keys: config::KEYS,
    secret_keys: config::SECRET_KEYS,
    example: config::EXAMPLE,
    kinds: place::kinds,
    guide: GUIDE,
    build: |setup| {
        let config = Config::parse(&setup)?;
        let driver = Arc::new(Driver::new(config));
        Ok(Box::new(Oracle::over(&setup, driver)?))
    },
};

const GUIDE: Guide = Guide {
    connector: "A user of the pluggable database (not of `CDB$ROOT`), made by `CREATE USER latchkey IDENTIFIED BY \"…\"` and \
`GRANT CREATE SESSION, CREATE USER, ALTER USER, DROP USER, CREATE ROLE, DROP ANY ROLE, GRANT ANY ROLE, \
GRANT ANY PRIVILEGE, GRANT ANY OBJECT PRIVILEGE, CREATE PROFILE, ALTER SYSTEM, SELECT_CATALOG_ROLE TO latchkey`; from 23ai on \
also `GRANT ANY SCHEMA PRIVILEGE` where `GRANT ANY PRIVILEGE` is not given. It gives itself nothing, though it could. On \
Amazon RDS the master user will do: it ends sessions through `rdsadmin.rdsadmin_util.kill`, and gives roles while it still holds \
them. `latchkey check` names each right that is missing. The connection is TCPS and verified; `tls = \"disable\"` is for networks \
you trust. Names are as the dictionary has them, upper case unless made in quotes.",
    granted: "Each person has one user, `JIT_…`, with the profile `JITS_…_LOGIN` and no quota, and each lease a role of its own, \
`JITG_…`. To read is `READ`, which locks no rows; a schema is given table by table, with new tables found every 15 minutes, or \
from 23ai on as one privilege on the schema. Taking it back locks the user if no lease is left, revokes everything from the \
lease's role (which acts at once, in open sessions too), takes the role away, ends sessions on every instance \
(`ALTER SYSTEM DISCONNECT SESSION … IMMEDIATE`, `KILL SESSION` on the others of a cluster) and drops the role. Our own login never keeps a role that it makes: with more \
than 148 it could log in no more. People who have a user of their own (`person.login`) keep it: only the lease's role comes and goes.",
    limits: &[
        "A user that owns objects is never dropped with them: it stays locked, and `latchkey status` says what it owns.",
        "The database does not end access by itself if the bot is down; the profile's password life of 90 days is a net only.",
        "`INDEX` and `REFERENCES` are not part of `admin`: Oracle gives them to no role.",
        "What comes by a role is not seen inside procedures that run with their owner's rights.",
        "A session keeps the roles it enabled: when a lease on a role, or on `DBA`, ends, all sessions of that user are ended, also those from before.",
        "Servers that demand Native Network Encryption cannot be reached: use TCPS. Client certificates (mutual TLS) are not sent.",
        "Only the standing rights of somebody's own user are theirs: what anybody else gives to a `JIT_…` user is taken away.",
    ],
};

pub struct Oracle {
    config: Config,
    mark: Mark,
    door: Door,
}

impl Oracle {
    /// Over connections of somebody else's making; `config` says who we are and what people are told.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn over(setup: &Setup, connect: Arc<dyn Connect>) -> Result<Self> {
        Ok(Self {
            config: Config::parse(setup)?,
            mark: setup.mark.clone(),
            door: Door::new(connect),
        })
    }

    async fn open(&self) -> Result<Session> {
        self.door.open(&self.config.username, &self.config.password).await
    }
}

#[async_trait]
impl Provider for Oracle {
    async fn check(&self) -> Result<Health> {
        check::check(self).await
    }

    async fn discover(&self) -> Result<Discovery> {
        discover::discover(self).await
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        match &person.login {
            Some(login) => AccountName::Theirs(login.clone()),
            None => AccountName::Ours(look::upper(&self.mark.account_name(person, scope))),
        }
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        preview::preview(self, account, change)
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        match &account.name {
            AccountName::Ours(_) | AccountName::Theirs(_) => converge::converge(self, account, change).await,
            AccountName::Shared(_) => Err(error::invalid("Oracle has no logins that belong to a resource")),
        }
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let (login, ours) = (account.name.login(), account.name.is_ours());
        let mut session = self.open().await?;
        look::server(&mut session).await?;
        let presence = match look::user(&mut session, login).await? {
            None => Presence::Absent,
            Some(user) if ours && !user.is_ours(&self.mark) => Presence::NotOurs,
            Some(user) if user.is_shut() => Presence::Disabled,
            Some(_) => Presence::Enabled,
        };
        let roles = held::lease_roles(&mut session, &self.mark).await?;
        let held = |lease: &Lease| {
            roles
                .iter()
                .any(|role| role.lease == lease.id && role.held_by(login).is_some())
        };
        // Of somebody's own sessions only those count that a lease may have opened.
        let since = if ours {
            None
        } else {
            leases.iter().map(|lease| lease.starts_at).min()
        };
        let sessions = live::sessions(&mut session, login, since).await?.len();
        Ok(Observed {
            presence,
            held: leases
                .iter()
                .map(|lease| (lease.id.clone(), held(lease)))
                .collect(),
            sessions: Some(u32::try_from(sessions).unwrap_or(u32::MAX)),
            memo: account.memo.clone(),
        })
    }

    async fn accounts(&self) -> Result<Vec<AccountName>> {
        let mut session = self.open().await?;
        let me = look::server(&mut session).await?.me;
        let mut all: BTreeSet<AccountName> = look::logins(&mut session, &self.mark)
            .await?
            .into_iter()
            .map(AccountName::Ours)
            .collect();
        for role in held::lease_roles(&mut session, &self.mark).await? {
            for holder in role.holders {
                // One that an interrupted run left with us goes with the next.
                if holder.name == me {
                    continue;
                }
                let name = if self.mark.names_account(&holder.name) {
                    AccountName::Ours
                } else {
                    AccountName::Theirs
                };
                all.insert(name(holder.name));
            }
        }
        Ok(all.into_iter().collect())
    }
}
