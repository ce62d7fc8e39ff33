//! What the fake's database holds: users, roles, default roles, profiles, privileges, objects, sessions. Names keep their
//! case and are compared without it; everything else is told by ids, so that a name made anew is somebody else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::{
    hash::{Algorithm, Stored},
    lexer::{Result, fault},
    parse::{Kind, Path, Separator},
};

pub const ADMIN: &str = "dbadmin";
pub const SUPER: &str = "pseudosuperuser";
const BUILT_IN: &[&str] = &["public", "dbduser", "dbadmin", "pseudosuperuser", "sysmonitor"];

pub fn key(name: &str) -> String {
    name.to_lowercase()
}

pub fn same(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub password: Option<Stored>,
    pub expired: bool,
    pub profile: String,
    pub locked: bool,
    pub failures: i64,
    pub connections: Option<i64>,
    pub idle: Option<String>,
    pub held: Vec<Held>,
    pub defaults: Vec<String>,
}

/// A role that somebody has.
#[derive(Debug, Clone)]
pub struct Held {
    pub role: String,
    pub admin: bool,
}

#[derive(Debug, Clone)]
pub struct Role {
    pub id: i64,
    pub name: String,
    pub held: Vec<Held>,
}

#[derive(Debug, Clone)]
pub struct Profile {
    pub name: String,
    pub limits: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Schema {
    pub id: i64,
    pub name: String,
    pub owner: String,
    pub made: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub struct Object {
    pub kind: Kind,
    pub schema: String,
    pub name: String,
    pub owner: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    Database,
    Schema(String),
    Object(String, String),
}

#[derive(Debug, Clone)]
pub struct Session {
    pub id: String,
    pub user: String,
    pub began: DateTime<Utc>,
    pub label: String,
    pub end: Arc<Notify>,
}

/// How this server differs from others of its kind.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub algorithm: Algorithm,
    pub separator: Separator,
    /// CLOSE_USER_SESSIONS takes the administrator's role.
    pub close_is_for_admins: bool,
    /// A role that was taken away stays in the list of default roles.
    pub keeps_defaults: bool,
    /// How long sessions live on after they were told to end, in milliseconds.
    pub close_takes: u64,
    /// What the server grants as protocol version, at most.
    pub newest: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sha512,
            separator: Separator::Comma,
            close_is_for_admins: false,
            keeps_defaults: false,
            close_takes: 15,
            newest: 3 << 16 | 16,
        }
    }
}

impl Options {
    /// The settings of a user stand side by side, with nothing between them.
    pub fn without_commas() -> Self {
        Self {
            separator: Separator::Nothing,
            ..Self::default()
        }
    }
}

pub struct Model {
    pub options: Options,
    pub database: String,
    pub users: Vec<User>,
    pub roles: Vec<Role>,
    pub profiles: Vec<Profile>,
    pub schemas: Vec<Schema>,
    pub objects: Vec<Object>,
    /// By grantee and object.
    pub grants: BTreeMap<(String, On), BTreeSet<String>>,
    pub comments: BTreeMap<(Kind, String, String), String>,
    /// Ways to log in, and to whom each is granted.
    pub authentications: BTreeMap<String, BTreeSet<String>>,
    pub sessions: Vec<Session>,
    /// What succeeded, with the label of the session.
    pub log: Vec<(String, String)>,
    next: i64,
}

impl Model {
    pub fn new(database: &str, password: &str, options: Options, now: DateTime<Utc>) -> Self {
        let mut model = Self {
            options,
            database: database.to_owned(),
            users: Vec::new(),
            roles: Vec::new(),
            profiles: vec![Profile {
                name: "default".to_owned(),
                limits: BTreeMap::new(),
            }],
            schemas: Vec::new(),
            objects: Vec::new(),
            grants: BTreeMap::new(),
            comments: BTreeMap::new(),
            authentications: BTreeMap::new(),
            sessions: Vec::new(),
            log: Vec::new(),
            next: 45_035_996_273_704_960,
        };
        for name in BUILT_IN {
            let id = model.id();
            model.roles.push(Role {
                id,
                name: (*name).to_owned(),
                held: Vec::new(),
            });
        }
        let held = ["dbduser", ADMIN, SUPER].map(|role| Held {
            role: role.to_owned(),
            admin: true,
        });
        let id = model.id();
        model.users.push(User {
            id,
            name: ADMIN.to_owned(),
            password: Some(Stored::new(ADMIN, password, options.algorithm)),
            expired: false,
            profile: "default".to_owned(),
            locked: false,
            failures: 0,
            connections: None,
            idle: None,
            held: held.to_vec(),
            defaults: held.iter().map(|held| held.role.clone()).collect(),
        });
        let id = model.id();
        model.schemas.push(Schema {
            id,
            name: "public".to_owned(),
            owner: ADMIN.to_owned(),
            made: now,
        });
        model
    }

    pub fn id(&mut self) -> i64 {
        self.next += 2;
        self.next
    }

    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| same(&user.name, name))
    }

    pub fn user_mut(&mut self, name: &str) -> Result<&mut User> {
        self.users
            .iter_mut()
            .find(|user| same(&user.name, name))
            .ok_or_else(|| fault("42704", format!("User \"{name}\" does not exist")))
    }

    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| same(&role.name, name))
    }

    /// Anything that privileges can be given to.
    pub fn grantee(&self, name: &str) -> Result<String> {
        if self.user(name).is_some() || self.role(name).is_some() {
            Ok(key(name))
        } else {
            Err(fault("42704", format!("User or role \"{name}\" does not exist")))
        }
    }

    pub fn schema(&self, name: &str) -> Result<&Schema> {
        self.schemas
            .iter()
            .find(|schema| same(&schema.name, name))
            .ok_or_else(|| fault("3F000", format!("Schema \"{name}\" does not exist")))
    }

    pub fn object(&self, path: &Path) -> Result<&Object> {
        let (schema, name) = split(path);
        self.schema(&schema)?;
        self.objects
            .iter()
            .find(|object| {
                object.kind != Kind::Function && same(&object.schema, &schema) && same(&object.name, &name)
            })
            .ok_or_else(|| fault("42V01", format!("Relation \"{}\" does not exist", path.join("."))))
    }

    pub fn object_mut(&mut self, path: &Path) -> Result<&mut Object> {
        self.object(path)?;
        let (schema, name) = split(path);
        self.objects
            .iter_mut()
            .find(|object| {
                object.kind != Kind::Function && same(&object.schema, &schema) && same(&object.name, &name)
            })
            .ok_or_else(|| fault("42V01", "Relation does not exist"))
    }

    /// A role and all that it brings along.
    pub fn closure(&self, roles: &[String]) -> BTreeSet<String> {
        let (mut all, mut next) = (
            BTreeSet::new(),
            roles.iter().map(|role| key(role)).collect::<Vec<_>>(),
        );
        while let Some(role) = next.pop() {
            if let Some(found) = self.role(&role)
                && all.insert(role)
            {
                next.extend(found.held.iter().map(|held| key(&held.role)));
            }
        }
        all
    }

    /// What a profile says, or the default one where it says nothing.
    pub fn limit(&self, profile: &str, name: &str) -> Option<i64> {
        let of = |profile: &str| {
            let found = self.profiles.iter().find(|one| same(&one.name, profile))?;
            found.limits.get(name).cloned()
        };
        let value = of(profile)
            .filter(|value| value != "DEFAULT")
            .or_else(|| of("default"))?;
        value.parse().ok()
    }

    /// Whether a password is one that the profile allows.
    pub fn check_password(&self, profile: &str, password: &str) -> Result<()> {
        let count = |wanted: fn(&char) -> bool| password.chars().filter(wanted).count();
        let counts = [
            ("PASSWORD_MIN_LENGTH", password.chars().count()),
            ("PASSWORD_MIN_LETTERS", count(char::is_ascii_alphabetic)),
            ("PASSWORD_MIN_UPPERCASE_LETTERS", count(char::is_ascii_uppercase)),
            ("PASSWORD_MIN_LOWERCASE_LETTERS", count(char::is_ascii_lowercase)),
            ("PASSWORD_MIN_DIGITS", count(char::is_ascii_digit)),
            ("PASSWORD_MIN_SYMBOLS", count(char::is_ascii_punctuation)),
        ];
        for (name, count) in counts {
            let least = self.limit(profile, name).unwrap_or(0);
            if i64::try_from(count).is_ok_and(|count| count < least) {
                return Err(fault("22023", format!("Password does not meet {name} {least}")));
            }
        }
        let most = self.limit(profile, "PASSWORD_MAX_LENGTH").unwrap_or(100);
        if i64::try_from(password.len()).is_ok_and(|length| length > most) {
            return Err(fault("22023", "Password is too long"));
        }
        Ok(())
    }
}

/// Schema and name; without a schema it is `public`.
pub fn split(path: &Path) -> (String, String) {
    match path.as_slice() {
        [schema, name] => (schema.clone(), name.clone()),
        [name] => ("public".to_owned(), name.clone()),
        _ => (String::new(), String::new()),
    }
}
