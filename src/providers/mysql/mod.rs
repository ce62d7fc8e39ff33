//! MySQL 8.0.21 and later; and, with the same statements but for a few, MariaDB (`providers::mariadb`).
//!
//! Each lease is a role of its own, filled with exactly what the lease gives; dropping it takes exactly that back, except from
//! sessions that stand in the lease's database, which therefore end. Accounts are `jit_…@%`. Whose one is stands in its
//! attributes (MySQL), or is known by the role made before it (MariaDB). Nothing is ever written into the server's own tables.

mod check;
mod config;
mod converge;
mod details;
mod discover;
mod engine;
mod error;
mod give;
mod groups;
mod look;
mod mark;
mod place;
mod preview;
mod retire;
mod rights;
mod session;
mod sessions;
mod statements;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;

use self::{
    config::Config,
    engine::{ANYWHERE, Who},
    look::{Found, Roles},
    session::{Door, Session},
};
pub use self::{
    config::{EXAMPLE_MARIADB, KEYS, SECRET_KEYS},
    engine::Engine,
    place::kinds,
};
use super::{
    Account, AccountName, Change, Converged, Discovery, Feature, Guide, Health, Lease, Mark, Observed,
    Person, Presence, Provider, Registration, Result, Setup,
};

pub const REGISTRATION: Registration = Registration {
    kind: "mysql",
    title: "MySQL",
    supports: SUPPORTS,
    at_once: 2,
    settles_in: SETTLES_IN,
    per_minute: None,
    keys: KEYS,
    secret_keys: SECRET_KEYS,
    example: config::EXAMPLE_MYSQL,
    kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Family::new(Engine::MySql, &setup)?)),
};

/// Neither engine ends an account by itself: an expired password may be replaced by whoever knows it.
pub const SUPPORTS: &[Feature] = &[Feature::Accounts, Feature::Sessions, Feature::Tags];

/// A statement whose answer was lost may still wait for a lock: 10 s.
pub const SETTLES_IN: Duration = Duration::from_secs(30);

const GUIDE: Guide = Guide {
    connector: "An account made by `CREATE USER latchkey@'%' IDENTIFIED BY '…' REQUIRE SSL`, with \
`GRANT CREATE USER, PROCESS ON *.* TO latchkey@'%'`, `GRANT ROLE_ADMIN, CONNECTION_ADMIN ON *.* TO latchkey@'%'`, and what \
people may get: to read `GRANT SELECT ON *.* TO latchkey@'%' WITH GRANT OPTION`; to write also INSERT, UPDATE, DELETE, EXECUTE \
and CREATE TEMPORARY TABLES; as admin also CREATE, ALTER, DROP, INDEX, TRIGGER, CREATE VIEW, CREATE ROUTINE and ALTER ROUTINE. \
To serve people whose own account has SYSTEM_USER it needs `SYSTEM_USER` too. `latchkey check` names each right that is missing, \
and which levels are not offered without it. The secret's `username` is that account's name, to the letter.",
    granted: "Each person has one account per server, `jit_…@%`, and each lease a role of its own, `jitg_…`, that holds exactly \
what the lease gives; the account has the roles of its leases from the start of each session. `_` and `%` in a database's name \
are escaped (unless the server has `partial_revokes`), so that `sa_es` does not open `sales`. The whole instance is one grant for \
each database but the server's own; new databases follow within 15 minutes. Taking it back drops the role and ends \
sessions: all of them where the lease could write or was the last, else those whose current database the lease gave, since the server \
would let them go on there. Without a lease the account is locked. People who have an account of their own (`person.login`: `ann`, or \
`ann@10.0.%` where there are several) keep it: only the lease's role comes and goes.",
    limits: &[
        "The server ends no account by itself: if we are down, access ends when we are back.",
        "An account that is the definer of a view, routine, trigger or event stays locked and is not deleted; the card names what holds it.",
        "Databases have no comments, so owners can be named for tables only (`COMMENT 'owner=data-team'`).",
        "Roles of `mandatory_roles` are everybody's, also of the accounts that we make; they cannot be asked for.",
        "With group replication accounts reach all servers, but only sessions on the configured one are ended.",
        "On somebody's own account sessions are told apart by their number: those from before the first lease stay.",
    ],
};

/// A connection to one server of either engine.
pub struct Family {
    engine: Engine,
    config: Config,
    mark: Mark,
    door: Door,
}

impl Family {
    pub fn new(engine: Engine, setup: &Setup) -> Result<Self> {
        Ok(Self {
            engine,
            config: Config::parse(setup)?,
            mark: setup.mark.clone(),
            door: Door::new(),
        })
    }

    async fn open(&self) -> Result<Session> {
        self.door.open(&self.config, self.engine).await
    }

    /// The account that a login names. Ours are `name@%`. Somebody's own is `name` or `name@host`; a bare name is the one for
    /// all hosts, or the only one.
    async fn find(&self, session: &mut Session, name: &str, ours: bool) -> Result<Option<Found>> {
        let mut found = look::accounts_named(session, self.engine, &self.mark, name).await?;
        if let Some(at) = found.iter().position(|found| found.who.host == ANYWHERE) {
            return Ok(Some(found.swap_remove(at)));
        }
        if ours {
            return Ok(None);
        }
        if found.len() == 1 {
            return Ok(found.pop());
        }
        if !found.is_empty() {
            return Err(error::invalid(format!(
                "{name} is several accounts: write {name}@ and the host of one"
            )));
        }
        let Some(who) = Who::parse(name) else {
            return Ok(None);
        };
        let found = look::accounts_named(session, self.engine, &self.mark, &who.user).await?;
        Ok(found.into_iter().find(|found| found.who == who))
    }

    /// Whether an account with a name of ours is of our making.
    fn is_marked(&self, found: &Found, roles: &Roles) -> bool {
        match self.engine {
            Engine::MySql => found.marked.is_some(),
            Engine::MariaDb => roles.own.contains_key(&self.mark.own_role(&found.who.user)),
        }
    }

    /// As `find` reads it.
    fn login_of(&self, who: &Who) -> String {
        if who.host == ANYWHERE {
            who.user.clone()
        } else {
            format!("{}@{}", who.user, who.host)
        }
    }

    /// Whether a login can use a lease's role.
    fn holds(&self, login: &str, found: Option<&Found>, roles: &Roles, lease: &Lease) -> bool {
        let (Some(found), Some(role)) = (found, roles.leases.iter().find(|role| role.lease == lease.id))
        else {
            return false;
        };
        match self.engine {
            Engine::MySql => role.holders.contains(&found.who),
            Engine::MariaDb => {
                let own = self.mark.own_role(login);
                let has_own = roles
                    .own
                    .get(&own)
                    .is_some_and(|holders| holders.contains(&found.who));
                has_own && role.holders.contains(&self.engine.role(&own))
            }
        }
    }
}

#[async_trait]
impl Provider for Family {
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
            AccountName::Shared(_) => Err(error::invalid("there are no accounts that belong to a resource")),
        }
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let (login, ours) = (account.name.login(), account.name.is_ours());
        let mut main = self.open().await?;
        let server = look::server(&mut main, self.engine).await?;
        let found = self.find(&mut main, login, ours).await?;
        let roles = look::roles(&mut main, self.engine, &self.mark, &server.me).await?;
        let presence = match &found {
            None => Presence::Absent,
            Some(found) if ours && !(self.mark.names_account(login) && self.is_marked(found, &roles)) => {
                Presence::NotOurs
            }
            Some(found) if found.locked => Presence::Disabled,
            Some(_) => Presence::Enabled,
        };
        let mut memo = account.memo.clone();
        if !ours && leases.iter().any(|lease| lease.standing.is_none()) {
            sessions::remember(&mut main, server.connection, &mut memo).await?;
        }
        let since = sessions::since(&mut main, account).await?;
        let user = found.as_ref().map_or(login, |found| found.who.user.as_str());
        let live = look::connections(&mut main, &server, user, since).await?;
        main.close().await;
        Ok(Observed {
            presence,
            held: leases
                .iter()
                .map(|lease| (lease.id.clone(), self.holds(login, found.as_ref(), &roles, lease)))
                .collect(),
            sessions: Some(u32::try_from(live.len()).unwrap_or(u32::MAX)),
            memo,
        })
    }

    async fn accounts(&self) -> Result<Vec<AccountName>> {
        let mut main = self.open().await?;
        let server = look::server(&mut main, self.engine).await?;
        let roles = look::roles(&mut main, self.engine, &self.mark, &server.me).await?;
        let mut all = BTreeSet::new();
        for login in look::logins(&mut main, self.engine, &self.mark).await? {
            if self.engine == Engine::MySql || roles.own.contains_key(&self.mark.own_role(&login)) {
                all.insert(AccountName::Ours(login));
            }
        }
        main.close().await;
        let name = |login: String| {
            if self.mark.names_account(&login) {
                AccountName::Ours(login)
            } else {
                AccountName::Theirs(login)
            }
        };
        for role in &roles.leases {
            let marked = self.engine == Engine::MariaDb || role.marked.is_some();
            if !marked {
                continue;
            }
            for holder in &role.holders {
                let through = roles.own.get(&holder.user).filter(|_| holder.host.is_empty());
                let logins = through.map_or(std::slice::from_ref(holder), Vec::as_slice);
                all.extend(logins.iter().map(|who| name(self.login_of(who))));
            }
            let of = role.marked.as_ref().and_then(|marked| marked.of.clone());
            all.extend(of.map(name));
        }
        Ok(all.into_iter().collect())
    }
}
