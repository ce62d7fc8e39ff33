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
mod tls;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;

use self::{
    config::Config,
    session::{Door, Session},
};
use super::{
    Account, AccountName, Change, Converged, Discovery, ErrorKind, Feature, Health, Lease, Mark, Observed,
    Person, Presence, Provider, ProviderError, Registration, Result, Setup,
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
    build: |setup| Ok(Box::new(Postgres::new(&setup)?)),
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
