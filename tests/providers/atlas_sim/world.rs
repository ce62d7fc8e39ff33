//! What an organization holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::seed::Key;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Whole, from the host on.
    pub path: String,
    pub query: Option<String>,
    pub accept: Option<String>,
    pub content_type: Option<String>,
    pub body: Option<Value>,
    pub status: u16,
    /// It carried no proof: only asked for a nonce.
    pub unsigned: bool,
}

impl Asked {
    /// A change that was accepted.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && (200..300).contains(&self.status) && self.path.starts_with("/api/atlas")
    }

    /// As a provider reports what it ran.
    pub fn line(&self) -> String {
        let path = self.path.strip_prefix("/api/atlas/v2").unwrap_or(&self.path);
        let mut body = self.body.clone();
        if let Some(password) = body.as_mut().and_then(|body| body.get_mut("password")) {
            *password = Value::from("***");
        }
        match body {
            Some(body) => format!("{} {path} {body}", self.method),
            None => format!("{} {path}", self.method),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct DbUser {
    pub name: String,
    pub password: String,
    /// Role, database, collection.
    pub roles: Vec<(String, String, Option<String>)>,
    pub scopes: Vec<String>,
    pub labels: Vec<(String, String)>,
    pub delete_after: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct DbRole {
    pub name: String,
    /// Action, database, collection (empty: all).
    pub actions: Vec<(String, String, String)>,
}

#[derive(Debug, Clone, Default)]
pub struct Process {
    pub id: String,
    pub kind: String,
    pub alias: String,
    pub databases: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Cluster {
    pub name: String,
    pub flex: bool,
    /// M0: a dedicated-looking cluster on shared machines.
    pub tenant: bool,
    pub state: String,
    pub paused: bool,
    pub tags: Vec<(String, String)>,
    /// Ids of private endpoints.
    pub endpoints: Vec<String>,
    pub peered: bool,
    /// Namespaces, the busiest first.
    pub namespaces: Vec<String>,
    pub processes: Vec<Process>,
    /// What mongod has: users and roles of the project as they were when it last applied them.
    pub has: (Vec<DbUser>, Vec<DbRole>),
    /// When it was told of a change, and when it will have it.
    pub told: Option<(Duration, Duration)>,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub tags: Vec<(String, String)>,
    pub clusters: Vec<Cluster>,
    pub users: Vec<DbUser>,
    pub roles: Vec<DbRole>,
    pub users_limit: usize,
    pub roles_limit: usize,
    /// Team and its roles here.
    pub teams: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    Pending,
    Expired,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Pending => "PENDING",
            Self::Expired => "INVITATION_EXPIRED",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub status: Status,
    pub org_roles: BTreeSet<String>,
    pub group_roles: BTreeMap<String, BTreeSet<String>>,
    pub teams: Vec<String>,
}

pub struct World {
    pub org: String,
    pub org_name: String,
    pub role_mappings: Option<bool>,
    pub groups: Vec<Group>,
    pub people: Vec<Person>,
    pub keys: Vec<Key>,
    /// How long a cluster takes to apply a change, and how long it is before its status says so.
    pub delay: Duration,
    pub lag: Duration,
    /// Entries a page at most, below what is asked for.
    pub page_limit: usize,
    /// So many calls a second in the long run, in bursts of a second's worth.
    pub rate: Option<f64>,
    pub tokens: f64,
    pub filled: Instant,
    /// Calls a nonce is good for; a new one is asked for with `stale=true`.
    pub nonce_uses: u32,
    pub nonces: BTreeMap<String, BTreeSet<u32>>,
    pub bearer: BTreeMap<String, String>,
    pub asked: Vec<Asked>,
    pub refused_for_pace: u32,
    pub next_id: u64,
    started: Instant,
    started_at: DateTime<Utc>,
    skipped: Duration,
    stopped: Option<Duration>,
}

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "it stands for a vendor with a clock of its own"
    )]
    pub fn new(org: &str, name: &str) -> Self {
        Self {
            org: org.to_owned(),
            org_name: name.to_owned(),
            role_mappings: None,
            groups: Vec::new(),
            people: Vec::new(),
            keys: Vec::new(),
            delay: Duration::from_millis(400),
            lag: Duration::ZERO,
            page_limit: 500,
            rate: None,
            tokens: 0.0,
            filled: Instant::now(),
            nonce_uses: 50,
            nonces: BTreeMap::new(),
            bearer: BTreeMap::new(),
            asked: Vec::new(),
            refused_for_pace: 0,
            next_id: 0x1000,
            started: Instant::now(),
            started_at: Utc::now(),
            skipped: Duration::ZERO,
            stopped: None,
        }
    }

    // ---- time

    fn running(&self) -> Duration {
        self.started.elapsed() + self.skipped
    }

    pub fn now(&self) -> Duration {
        self.stopped.unwrap_or_else(|| self.running())
    }

    pub fn date(&self) -> DateTime<Utc> {
        self.started_at + self.now()
    }

    /// Lets time pass at once; nothing while it is stopped.
    pub fn skip(&mut self, time: Duration) {
        if self.stopped.is_none() {
            self.skipped += time;
        }
    }

    pub fn stop_time(&mut self) {
        self.stopped = Some(self.now());
    }

    pub fn go_on(&mut self) {
        self.stopped = None;
    }

    /// Does what is due by now.
    pub fn advance(&mut self) {
        let (now, date, delay) = (self.now(), self.date(), self.delay);
        for group in &mut self.groups {
            let before = group.users.len();
            group
                .users
                .retain(|user| user.delete_after.is_none_or(|at| at > date));
            let ended = group.users.len() != before;
            for cluster in &mut group.clusters {
                if ended {
                    cluster.told = Some((now, now + delay));
                }
                if cluster.told.is_some_and(|(_, at)| at <= now) && !cluster.paused {
                    cluster.told = None;
                    cluster.has = (group.users.clone(), group.roles.clone());
                }
            }
        }
    }

    // ---- finding

    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub fn group_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.id == id)
    }

    pub fn cluster_mut(&mut self, group: &str, name: &str) -> Option<&mut Cluster> {
        let group = self.group_mut(group)?;
        group.clusters.iter_mut().find(|cluster| cluster.name == name)
    }

    /// The project's clusters have been told of a change.
    pub fn tell(&mut self, group: &str) {
        let told = (self.now(), self.now() + self.delay);
        if let Some(group) = self.group_mut(group) {
            group
                .clusters
                .iter_mut()
                .for_each(|cluster| cluster.told = Some(told));
        }
    }

    pub fn fresh_id(&mut self) -> String {
        self.next_id += 1;
        format!("{:024x}", self.next_id)
    }

    pub fn person(&self, email: &str) -> Option<&Person> {
        self.people
            .iter()
            .find(|person| person.email.eq_ignore_ascii_case(email))
    }

    pub fn person_mut(&mut self, email: &str) -> Option<&mut Person> {
        self.people
            .iter_mut()
            .find(|person| person.email.eq_ignore_ascii_case(email))
    }
}
