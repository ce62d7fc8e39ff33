//! Vertica 9.2 and later, one database for each integration: a connection sees no other.
//!
//! Each lease is a role of its own, filled with exactly what the lease gives and given to the login last; dropping it takes
//! exactly that back. Users and roles take no comments here, so a profile of ours is the mark of a login, and its name and
//! stamp that of a lease's role. The connector has the role `pseudosuperuser`. Spoken to by a small client of our own (`wire`).

mod check;
mod config;
mod converge;
mod coverage;
mod details;
mod discover;
mod error;
mod give;
mod look;
mod place;
mod preview;
mod retire;
mod session;
mod statements;
pub mod wire;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;

use self::{
    config::Config,
    look::User,
    place::same,
    session::{Door, Session},
};
use super::{
    Account, AccountName, Change, Converged, Discovery, Feature, Guide, Health, Lease, Mark, Observed,
    Person, Presence, Provider, Registration, Result, Setup,
};

pub const REGISTRATION: Registration = Registration {
    kind: "vertica",
    title: "Vertica",
    // No expiry: a password's life is counted in days from when it was set, whatever the lease.
    supports: &[Feature::Accounts, Feature::Sessions, Feature::Tags],
    // DDL takes one lock for the whole catalogue.
    at_once: 1,
    // The server ends a statement of ours after 30 s, one that waits for a lock included.
    settles_in: Duration::from_secs(60),
    per_minute: None,
    keys: config::KEYS,
    secret_keys: config::SECRET_KEYS,
    example: config::EXAMPLE,
    kinds: place::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Vertica::new(&setup)?)),
};

const GUIDE: Guide = Guide {
    connector: "A user with the role pseudosuperuser as its default: `CREATE USER latchkey IDENTIFIED BY '…'`, \
`GRANT pseudosuperuser TO latchkey`, `ALTER USER latchkey DEFAULT ROLE pseudosuperuser`. Where ending other people's sessions \
is refused to that role, `GRANT dbadmin TO latchkey` as well; it is then used for nothing else. `latchkey check` says whether \
it is needed. Where the database has authentication records, name in `authentication_name` the one that people log in by; it \
is granted to every login we make. One integration serves one database.",
    granted: "Each person has one login, `jit_…`, with our profile `jits_…_login`, and each lease a role of its own, `jitg_…`, \
that holds exactly what the lease gives and is a default role of the login. Taking it back revokes the role, drops it, and \
ends the login's sessions; without a lease the login is locked. New tables are covered every 15 minutes, and at once where \
their schema hands its privileges down. On deletion what the login owned passes to the owner of its schema; `CASCADE` is \
never used on a user. People who have a login of their own (`person.login`) keep it: the lease's role comes and goes, and \
their list of default roles is written back as it was.",
    limits: &[
        "Vertica ends no access by itself at a moment of ours: if the bot is down, access lasts until it is back.",
        "What was granted counts in sessions that begin afterwards.",
        "Users and roles keep no comments: a login is ours by its profile, and owners' tags stand on schemas, tables and views.",
        "A function made after the grant is covered with the next table that is; resource pools are not given.",
        "A login that owns functions or other objects that cannot pass on stays locked, and the answer says so.",
    ],
};

pub struct Vertica {
    config: Config,
    mark: Mark,
    door: Door,
}

impl Vertica {
    fn new(setup: &Setup) -> Result<Self> {
        Ok(Self {
            config: Config::parse(setup)?,
            mark: setup.mark.clone(),
            door: Door::new(),
        })
    }

    async fn open(&self) -> Result<Session> {
        self.door.open(&self.config).await
    }

    /// What every login of ours has, and no other.
    fn profile(&self) -> String {
        format!("{}login", self.mark.set_prefix())
    }

    fn is_ours(&self, user: &User) -> bool {
        same(&user.profile, &self.profile())
    }
}

#[async_trait]
impl Provider for Vertica {
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
            AccountName::Shared(_) => Err(error::invalid("Vertica has no logins that belong to a resource")),
        }
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let (login, ours) = (account.name.login(), account.name.is_ours());
        let mut session = self.open().await?;
        let presence = match look::user(&mut session, login).await? {
            None => Presence::Absent,
            Some(user) if ours && !self.is_ours(&user) => Presence::NotOurs,
            Some(user) if user.locked => Presence::Disabled,
            Some(_) => Presence::Enabled,
        };
        let roles = look::lease_roles(&mut session, &self.mark).await?;
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
        let sessions = look::sessions(&mut session, login, since).await?.len();
        session.close().await;
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
        let users = look::users(&mut session).await?;
        let roles = look::lease_roles(&mut session, &self.mark).await?;
        session.close().await;
        let mut all = BTreeSet::new();
        for user in users {
            let named = self.mark.names_account(&user.name);
            if named && self.is_ours(&user) {
                all.insert(AccountName::Ours(user.name));
            } else if !named && roles.iter().any(|role| role.is_held_by(&user.name)) {
                all.insert(AccountName::Theirs(user.name));
            }
        }
        Ok(all.into_iter().collect())
    }
}
