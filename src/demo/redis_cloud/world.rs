//! What the simulated account holds. Pure state: time comes from `Clock`, calls from `api`, changes from `lane` and `others`.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use super::{acl, clock::Clock, log::Log, op::Op, options::Options};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    Pro,
    Fixed,
}

#[derive(Debug, Clone)]
pub struct Subscription {
    pub plan: Plan,
    pub id: i64,
    pub name: String,
    pub databases: Vec<Database>,
}

#[derive(Debug, Clone)]
pub struct Database {
    pub id: i64,
    pub name: String,
    pub status: String,
    pub protocol: String,
    pub endpoint: String,
    pub tls: bool,
    pub tags: Vec<(String, String)>,
    /// Not empty for Active-Active.
    pub regions: Vec<String>,
}

/// When a change of an entity shows: active at first, pending from here, active again there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flap {
    pub from: Duration,
    pub until: Duration,
}

impl Flap {
    pub fn is_pending(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub id: i64,
    pub name: String,
    pub acl: String,
    pub built_in: bool,
    pub flap: Flap,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    pub rule: i64,
    /// (subscription, database, regions)
    pub databases: Vec<(i64, i64, Vec<String>)>,
}

#[derive(Debug, Clone)]
pub struct Role {
    pub id: i64,
    pub name: String,
    pub rules: Vec<RoleRule>,
    pub flap: Flap,
}

/// What a login can do for real.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub role: i64,
    pub password: String,
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub role: i64,
    pub password: String,
    pub flap: Flap,
    pub deleting: bool,
    /// What the databases know. It follows role and password when the flapping is over.
    pub live: Option<Live>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Session {
    pub id: u64,
    pub login: String,
    pub database: i64,
    pub since_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnd {
    Completed(Option<i64>),
    Failed,
}

#[derive(Debug, Clone)]
pub struct Task {
    pub id: String,
    pub command: &'static str,
    pub op: Op,
    pub visible: Duration,
    pub starts: Duration,
    pub ends: Duration,
    pub end: Option<TaskEnd>,
    pub error: Option<String>,
    /// Which of the two shapes its error has.
    pub bare_error: bool,
}

pub struct World {
    pub options: Options,
    pub clock: Clock,
    pub subscriptions: Vec<Subscription>,
    pub rules: Vec<Rule>,
    pub roles: Vec<Role>,
    pub users: Vec<User>,
    pub tasks: Vec<Task>,
    pub lane_free: Duration,
    pub sessions: Vec<Session>,
    pub log: Log,
    /// Errors that the next tasks end with.
    pub failing: VecDeque<String>,
    last_id: i64,
    last_session: u64,
    /// Writes accepted in the last minute of the simulator's time.
    pub recent: VecDeque<Duration>,
}

impl World {
    pub fn new(options: Options) -> Self {
        let mut world = Self {
            clock: Clock::start(),
            subscriptions: options.subscriptions.clone(),
            rules: Vec::new(),
            roles: Vec::new(),
            users: Vec::new(),
            tasks: Vec::new(),
            lane_free: Duration::ZERO,
            sessions: Vec::new(),
            log: Log::default(),
            failing: VecDeque::new(),
            last_id: 9000,
            last_session: 0,
            recent: VecDeque::new(),
            options,
        };
        for (name, acl, built_in) in world.options.rules.clone() {
            let id = world.next_id();
            world.rules.push(Rule {
                id,
                name,
                acl,
                built_in,
                flap: Flap::default(),
            });
        }
        for op in world.options.standing.clone() {
            world
                .by_others(&op)
                .unwrap_or_else(|error| panic!("the options do not fit together: {error}"));
        }
        world
    }

    pub fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn database(&self, subscription: i64, id: i64) -> Option<&Database> {
        let subscription = self.subscriptions.iter().find(|one| one.id == subscription)?;
        subscription.databases.iter().find(|database| database.id == id)
    }

    pub fn database_by_id(&self, id: i64) -> Option<&Database> {
        self.subscriptions
            .iter()
            .flat_map(|one| &one.databases)
            .find(|database| database.id == id)
    }

    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    pub fn role_by_id(&self, id: i64) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }

    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    // ---- the databases' side

    /// The rules a login has on a database, if it can log in there.
    fn login(&self, login: &str, password: &str, database: i64) -> Option<Vec<&str>> {
        let live = self.user(login)?.live.as_ref()?;
        if live.password != password {
            return None;
        }
        self.rules_on(live.role, database)
    }

    fn rules_on(&self, role: i64, database: i64) -> Option<Vec<&str>> {
        let role = self.role_by_id(role)?;
        let on = |rule: &&RoleRule| rule.databases.iter().any(|(_, id, _)| *id == database);
        let ids: Vec<i64> = role.rules.iter().filter(on).map(|rule| rule.rule).collect();
        let acl = |id: &i64| {
            self.rules
                .iter()
                .find(|rule| rule.id == *id)
                .map(|rule| rule.acl.as_str())
        };
        (!ids.is_empty()).then(|| ids.iter().filter_map(acl).collect())
    }

    pub fn can_log_in(&self, login: &str, password: &str, database: i64) -> bool {
        self.login(login, password, database).is_some()
    }

    pub fn can(&self, login: &str, password: &str, database: i64, command: &str, key: &str) -> bool {
        let rules = self.login(login, password, database).unwrap_or_default();
        rules.iter().any(|rule| acl::allows(rule, command, key))
    }

    pub fn open_session(&mut self, login: &str, password: &str, database: i64) -> Option<u64> {
        if !self.can_log_in(login, password, database) {
            return None;
        }
        self.last_session += 1;
        let since_ms = u64::try_from(self.clock.now().as_millis()).unwrap_or(u64::MAX);
        let session = Session {
            id: self.last_session,
            login: login.to_owned(),
            database,
            since_ms,
        };
        self.sessions.push(session);
        Some(self.last_session)
    }

    /// Whether a session lives and may still run the command. Rights are asked at each command, a password only at login.
    pub fn session_can(&self, id: u64, command: &str, key: &str) -> Option<bool> {
        let session = self.sessions.iter().find(|session| session.id == id)?;
        let live = self.user(&session.login)?.live.as_ref()?;
        let rules = self.rules_on(live.role, session.database).unwrap_or_default();
        Some(rules.iter().any(|rule| acl::allows(rule, command, key)))
    }

    /// Sessions whose login is gone, or no longer on their database, are dropped. A changed password or a poorer role
    /// leaves them open, as on open-source Redis 7.
    pub fn drop_dead_sessions(&mut self) {
        let dead: Vec<u64> = self
            .sessions
            .iter()
            .filter(|session| {
                let live = self.user(&session.login).and_then(|user| user.live.as_ref());
                live.is_none_or(|live| self.rules_on(live.role, session.database).is_none())
            })
            .map(|session| session.id)
            .collect();
        self.sessions.retain(|session| !dead.contains(&session.id));
    }
}
