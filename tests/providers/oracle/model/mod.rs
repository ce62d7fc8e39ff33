//! A model of one pluggable database, at the level of statements: users, roles, privileges, grants, profiles, objects and
//! sessions in memory, each statement parsed by the grammar that Oracle documents and answered with its error numbers.
//!
//! It knows nothing of the provider: it is written from Oracle's SQL Language Reference (GRANT, REVOKE, CREATE USER, …), Database
//! Reference (views and their columns), Security Guide (what roles mean to open sessions) and error messages. No Oracle server
//! checked it: what it says is what the documentation says.

mod apply;
mod dictionary;
mod grants;
mod lex;
mod parse;
mod reader;
mod rights;
mod select;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::{NaiveDateTime, TimeDelta};
use latchkey::{
    providers::oracle::exec::{Connect, Fault, OracleExec, Row},
    secrets::Secret,
};

use self::parse::{DefaultRoles, Object, Statement};

/// An error of the database, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ora(pub u32);

pub type Result<T> = std::result::Result<T, Ora>;

/// More roles than this enabled at login, and there is none (MAX_ENABLED_ROLES).
const MOST_ROLES: usize = 148;

/// What kind of database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flavour {
    /// "19.0.0.0.0"
    pub version: &'static str,
    pub product: &'static str,
    pub rds: bool,
    pub container: &'static str,
    pub role: &'static str,
}

impl Flavour {
    pub const V19: Self = Self {
        version: "19.0.0.0.0",
        product: "Oracle Database 19c Enterprise Edition",
        rds: false,
        container: "ORCLPDB1",
        role: "PRIMARY",
    };
    pub const V12: Self = Self {
        version: "12.1.0.2.0",
        product: "Oracle Database 12c Enterprise Edition",
        ..Self::V19
    };
    pub const V23: Self = Self {
        version: "23.0.0.0.0",
        product: "Oracle Database 23ai Free",
        ..Self::V19
    };
    pub const RDS: Self = Self {
        rds: true,
        ..Self::V19
    };

    pub fn longest_name(&self) -> usize {
        if self.version.starts_with("12.1") { 30 } else { 128 }
    }

    pub fn has_schema_privileges(&self) -> bool {
        self.version.starts_with("23")
    }
}

pub type Id = u32;

/// A user or a role: they share one name space.
#[derive(Debug, Clone)]
pub struct Principal {
    pub name: String,
    pub user: Option<User>,
    /// Enabled by a password, not by being held.
    pub guarded: bool,
    pub maintained: bool,
    /// With the right to pass it on, or without.
    pub system: BTreeMap<String, bool>,
    pub roles: BTreeMap<Id, bool>,
    pub objects: BTreeMap<Object, BTreeSet<String>>,
    pub schemas: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone)]
pub struct User {
    pub password: String,
    pub profile: String,
    pub locked: Lock,
    pub failed: u32,
    pub quota: bool,
    pub default_roles: DefaultRoles,
    pub created: NaiveDateTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    Open,
    Timed,
    Shut,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub kind: &'static str,
    /// What a view shows.
    pub over: Option<Object>,
    pub comment: String,
    pub annotations: BTreeMap<String, String>,
    pub rows: u32,
    /// A view whose owner may not pass on what is below it.
    pub not_grantable: bool,
}

#[derive(Debug, Clone)]
pub struct Session {
    pub serial: u32,
    /// Of the cluster; statements come from the first.
    pub instance: u32,
    pub user: String,
    /// Enabled at login or by SET ROLE; they stay, whatever is revoked or dropped.
    pub enabled: BTreeSet<Id>,
    pub logon: NaiveDateTime,
    pub killed: bool,
    /// Looks it survives before its server lets go of it.
    pub lingers: u32,
}

pub struct State {
    pub flavour: Flavour,
    pub principals: BTreeMap<Id, Principal>,
    /// Only what is there now; a dropped role is kept in `principals` for the sessions that have it enabled.
    pub names: BTreeMap<String, Id>,
    pub profiles: BTreeMap<String, BTreeMap<String, String>>,
    pub things: BTreeMap<Object, Thing>,
    pub sessions: BTreeMap<u32, Session>,
    /// What changed the database: whose session, and the statement with its password masked.
    pub log: Vec<(String, String)>,
    /// How long killed sessions linger.
    pub linger: u32,
    pub ahead: TimeDelta,
    pub moved: TimeDelta,
    next_id: Id,
    next_sid: u32,
    started: std::time::Instant,
    epoch: NaiveDateTime,
}

impl State {
    /// UTC, moved by what the test says.
    pub fn now(&self) -> NaiveDateTime {
        let passed = TimeDelta::from_std(self.started.elapsed()).unwrap_or_default();
        self.epoch + passed + self.moved
    }

    /// The database host's own time.
    pub fn here(&self) -> NaiveDateTime {
        self.now() + self.ahead
    }

    pub fn fresh_id(&mut self) -> Id {
        self.next_id += 1;
        self.next_id
    }

    pub fn principal(&self, name: &str) -> Option<&Principal> {
        self.names.get(name).and_then(|id| self.principals.get(id))
    }

    pub fn principal_mut(&mut self, name: &str) -> Option<&mut Principal> {
        let id = self.names.get(name)?;
        self.principals.get_mut(id)
    }

    /// The roles that a user's login enables: the default ones, and all that those hold.
    pub fn default_roles(&self, name: &str) -> BTreeSet<Id> {
        let Some((principal, user)) = self
            .principal(name)
            .and_then(|principal| Some((principal, principal.user.as_ref()?)))
        else {
            return BTreeSet::new();
        };
        let is_default = |id: &&Id| match &user.default_roles {
            DefaultRoles::All => true,
            DefaultRoles::None => false,
            DefaultRoles::These(names) => self
                .principals
                .get(id)
                .is_some_and(|role| names.contains(&role.name)),
        };
        self.with_held(principal.roles.keys().filter(is_default).copied())
    }

    pub fn all_roles(&self, name: &str) -> BTreeSet<Id> {
        let own: Option<Vec<Id>> = self
            .principal(name)
            .map(|principal| principal.roles.keys().copied().collect());
        self.with_held(own.unwrap_or_default())
    }

    fn with_held(&self, roles: impl IntoIterator<Item = Id>) -> BTreeSet<Id> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<Id> = roles.into_iter().collect();
        while let Some(id) = open.pop() {
            let Some(role) = self.principals.get(&id).filter(|role| !role.guarded) else {
                continue;
            };
            if seen.insert(id) {
                open.extend(role.roles.keys().copied());
            }
        }
        seen
    }

    fn log_in(&mut self, name: &str, password: &str) -> Result<u32> {
        let created = self.here();
        let limit = self.limit(name, "FAILED_LOGIN_ATTEMPTS").unwrap_or(u32::MAX);
        let user = self
            .principal_mut(name)
            .and_then(|principal| principal.user.as_mut())
            .ok_or(Ora(1017))?;
        if user.locked != Lock::Open {
            return Err(Ora(28000));
        }
        if user.password != password {
            user.failed += 1;
            if user.failed >= limit {
                user.locked = Lock::Timed;
            }
            return Err(Ora(1017));
        }
        user.failed = 0;
        let enabled = self.default_roles(name);
        if !self.may(name, &enabled, "CREATE SESSION") {
            return Err(Ora(1045));
        }
        if enabled.len() > MOST_ROLES {
            return Err(Ora(28031));
        }
        let open = self
            .sessions
            .values()
            .filter(|session| session.user == name && !session.killed);
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        if self
            .limit(name, "SESSIONS_PER_USER")
            .is_some_and(|most| open >= most)
        {
            return Err(Ora(2391));
        }
        self.next_sid += 1;
        let session = Session {
            serial: 1000 + self.next_sid,
            instance: 1,
            user: name.to_owned(),
            enabled,
            logon: created,
            killed: false,
            lingers: 0,
        };
        self.sessions.insert(self.next_sid, session);
        Ok(self.next_sid)
    }

    /// A limit of the user's profile, by the DEFAULT profile where it says nothing; `None` is unlimited.
    fn limit(&self, name: &str, what: &str) -> Option<u32> {
        let profile = self.principal(name)?.user.as_ref()?.profile.clone();
        let value = self
            .profiles
            .get(&profile)
            .and_then(|limits| limits.get(what))
            .cloned();
        match value.as_deref() {
            Some("UNLIMITED") => None,
            None | Some("DEFAULT") => self.profiles["DEFAULT"].get(what)?.parse().ok(),
            Some(number) => number.parse().ok(),
        }
    }
}

/// The database, shared by its connections.
#[derive(Clone)]
pub struct Model(Arc<Mutex<State>>);

impl Model {
    pub fn new(flavour: Flavour) -> Self {
        let mut state = State {
            flavour,
            principals: BTreeMap::new(),
            names: BTreeMap::new(),
            profiles: BTreeMap::new(),
            things: BTreeMap::new(),
            sessions: BTreeMap::new(),
            log: Vec::new(),
            linger: 0,
            ahead: TimeDelta::minutes(345),
            moved: TimeDelta::zero(),
            next_id: 0,
            next_sid: 100,
            started: std::time::Instant::now(),
            epoch: crate::desk::now().naive_utc(),
        };
        state.make_world();
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn fault(error: Ora) -> Fault {
    Fault::Ora {
        code: error.0,
        text: format!("ORA-{:05}: said the model", error.0),
    }
}

impl Connect for Model {
    fn open(&self, user: &str, password: &Secret) -> std::result::Result<Box<dyn OracleExec>, Fault> {
        // As the database folds names: only quotes keep their case.
        let name = match user.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(name) => name.to_owned(),
            None => user.to_uppercase(),
        };
        let sid = self.state().log_in(&name, password.expose()).map_err(fault)?;
        Ok(Box::new(Line {
            model: self.clone(),
            sid,
        }))
    }
}

struct Line {
    model: Model,
    sid: u32,
}

impl OracleExec for Line {
    fn run(&mut self, sql: &str, values: &[&str]) -> std::result::Result<Vec<Row>, Fault> {
        let mut state = self.model.state();
        let user = match state.sessions.get(&self.sid) {
            Some(session) if !session.killed => session.user.clone(),
            Some(_) => return Err(fault(Ora(28))),
            None => {
                return Err(Fault::Line(
                    "ORA-03113: end-of-file on communication channel".to_owned(),
                ));
            }
        };
        let longest = state.flavour.longest_name();
        let tokens = lex::tokens(sql, longest).map_err(fault)?;
        let statement = parse::parse(&tokens, &user).map_err(fault)?;
        match statement {
            Statement::Select(query) => query.run(&state, self.sid, values).map_err(fault),
            Statement::Count(object) => {
                let rows = state.count(self.sid, &object).map_err(fault)?;
                Ok(vec![vec![Some(rows.to_string())]])
            }
            change if values.is_empty() => {
                state.apply(self.sid, change).map_err(fault)?;
                if !matches!(tokens.first(), Some(lex::Token::Word(word)) if matches!(word.as_str(), "INSERT" | "DELETE" | "SET" | "ROLLBACK"))
                {
                    state.log.push((user, masked(sql)));
                }
                Ok(Vec::new())
            }
            // Definitions take no binds.
            _ => Err(fault(Ora(1027))),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.model.state().sessions.remove(&self.sid);
    }
}

/// The statement with its password masked as people are shown it.
fn masked(sql: &str) -> String {
    let Some((before, rest)) = sql.split_once("IDENTIFIED BY \"") else {
        return sql.to_owned();
    };
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    format!("{before}IDENTIFIED BY \"***\"{after}")
}
