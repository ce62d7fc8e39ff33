//! PostgreSQL 12 and later.
//!
//! Each lease is a role of its own, filled with exactly what the lease gives and given to the login last; dropping it takes
//! exactly that back. Whose a role is, and under which fence it was last touched, stands in its comment. Nothing is installed in
//! anybody's database. The connector is a superuser, or has CREATEROLE and is a member of everybody who owns something.
//! It must reach the server itself: a pooler in transaction mode breaks locks and start-up options.

mod check;
mod config;
mod converge;
mod coverage;
mod details;
mod discover;
mod error;
mod fence;
mod give;
mod look;
mod mark;
mod place;
mod preview;
mod retire;
mod session;
mod statements;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;

use self::{
    config::Config,
    session::{Door, Session},
};
use super::{
    Account, AccountName, Change, Converged, Discovery, ErrorKind, Feature, Guide, Health, Lease, Mark,
    Observed, Person, Presence, Provider, ProviderError, Registration, Result, Setup,
};

pub const REGISTRATION: Registration = Registration {
    kind: "postgresql",
    title: "PostgreSQL",
    supports: &[
        Feature::Accounts,
        Feature::Sessions,
        Feature::Expiry,
        Feature::Tags,
    ],
    at_once: 1,
    // All is done in transactions, and the server ends one that hears nothing for 15 s: no later COMMIT can arrive.
    settles_in: Duration::from_secs(20),
    per_minute: None,
    keys: config::KEYS,
    secret_keys: config::SECRET_KEYS,
    example: config::EXAMPLE,
    kinds: place::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Postgres::new(&setup)?)),
};

const GUIDE: Guide = Guide {
    connector: "A superuser; or a role made by `CREATE ROLE latchkey LOGIN CREATEROLE PASSWORD '…'` that is a member of every \
role that owns something people may ask for (`GRANT orders_owner TO latchkey`). Ending sessions of others takes \
`pg_signal_backend`. `latchkey check` names each right that is missing. It connects to the server itself, not through a \
pooler in transaction mode.",
    granted: "Each person has one login per server, `jit_…`, and each lease a role of its own, `jitg_…`, that holds exactly \
what the lease gives, with default privileges for objects made later by owners known then (new owners are found every 15 \
minutes). Taking it back revokes the role, drops it, and ends the login's sessions; without a lease the login is NOLOGIN. \
On deletion what the login owned passes to the owner of its database. `VALID UNTIL` stands a little after the end as the \
server's own lock. People who have a login of their own (`person.login`) keep it: only the lease's role comes and goes.",
    limits: &[
        "`read` on the whole instance takes PostgreSQL 14 or later (pg_read_all_data).",
        "A change to default privileges covers the owners known at that time; a new owner's tables appear within 15 minutes.",
        "`VALID UNTIL` stops passwords, not sessions: the sessions end because we end them.",
    ],
};

pub struct Postgres {
    config: Config,
    mark: Mark,
    door: Door,
}

impl Postgres {
    fn new(setup: &Setup) -> Result<Self> {
        Ok(Self {
            config: Config::parse(setup)?,
            mark: setup.mark.clone(),
            door: Door::new(),
        })
    }

    async fn open(&self, database: &str) -> Result<Session> {
        self.door.open(&self.config, database).await
    }

    /// The database where roles are made.
    async fn main(&self) -> Result<Session> {
        match self.open(&self.config.database).await {
            // Early documents named the database so by mistake.
            Err(error) if error.kind == ErrorKind::Invalid && self.config.database == "postgre" => {
                self.open("postgres").await
            }
            Err(error) if error.kind == ErrorKind::Invalid => {
                // Not a name that somebody asked for, but ours.
                Err(ProviderError {
                    kind: ErrorKind::Denied,
                    ..error
                })
            }
            opened => opened,
        }
    }
}

#[async_trait]
impl Provider for Postgres {
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
                "PostgreSQL has no logins that belong to a resource",
            )),
        }
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let (login, ours) = (account.name.login(), account.name.is_ours());
        let main = self.main().await?;
        let presence = match look::role(&main, &self.mark, login).await? {
            None => Presence::Absent,
            Some(role) if ours && role.ours.is_none() => Presence::NotOurs,
            Some(role) if role.can_login => Presence::Enabled,
            Some(_) => Presence::Disabled,
        };
        let roles = look::lease_roles(&main, &self.mark).await?;
        let held = |lease: &Lease| {
            roles
                .iter()
                .any(|role| role.lease == lease.id && role.is_held_by(login))
        };
        // Of somebody's own sessions only those count that a lease may have opened.
        let since = if ours {
            None
        } else {
            leases.iter().map(|lease| lease.starts_at).min()
        };
        Ok(Observed {
            presence,
            held: leases
                .iter()
                .map(|lease| (lease.id.clone(), held(lease)))
                .collect(),
            sessions: Some(look::sessions(&main, login, since).await?),
            memo: account.memo.clone(),
        })
    }

    async fn accounts(&self) -> Result<Vec<AccountName>> {
        let main = self.main().await?;
        let mut all: BTreeSet<AccountName> = look::logins(&main, &self.mark)
            .await?
            .into_iter()
            .map(AccountName::Ours)
            .collect();
        for role in look::lease_roles(&main, &self.mark).await? {
            let Some(ours) = role.ours else { continue };
            for login in role.members.into_iter().chain(ours.of) {
                let name = if self.mark.names_account(&login) {
                    AccountName::Ours
                } else {
                    AccountName::Theirs
                };
                all.insert(name(login));
            }
        }
        Ok(all.into_iter().collect())
    }
}
