//! What a lease means on a cluster: the roles that follow from it, and the login that may hold them. Pure.

use super::settings::invalid;
use super::wire::{Action, Namespace, Role, UserRole};
use crate::providers::{Mark, Permission, ProviderError, ResourceKind, Result, names};

pub(crate) const CLUSTER: &str = "cluster";
pub(crate) const DATABASE: &str = "database";
pub(crate) const COLLECTION: &str = "collection";
pub(crate) const CUSTOM_ROLE: &str = "custom_role";

const ADMIN: &str = "admin";
/// The one permission there is on a role of the project's own.
const MEMBER: &str = "member";
/// The one permission that no built-in role gives.
const INDEXES: &str = "manageIndexes";
/// What it takes (<https://www.mongodb.com/docs/atlas/reference/api-resources-spec/>, custom role actions).
const INDEX_ACTIONS: &[&str] = &[
    "COLL_STATS",
    "CREATE_INDEX",
    "DROP_INDEX",
    "INDEX_STATS",
    "LIST_INDEXES",
];
/// Databases of MongoDB itself: whoever may write there gives themselves anything.
const ITS_OWN: &[&str] = &["admin", "config", "local"];
/// In bytes (<https://www.mongodb.com/docs/manual/reference/limits/>, naming restrictions).
const DATABASE_LIMIT: usize = 63;
const NAMESPACE_LIMIT: usize = 255;

/// What a user should hold. A user with a custom role may hold nothing else, so each of these has its own login, while one
/// login holds everything that is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    BuiltIn(UserRole),
    /// A role that we make, shared by all who ask for the same.
    Set(SetSpec),
    /// A role of the project's own, as it is.
    Own(String),
}

/// The content of a shared role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetSpec {
    pub database: String,
    /// Empty: every collection of the database.
    pub collection: String,
}

impl Access {
    /// `below` is what follows the cluster in the resource's id.
    pub fn of(kind: &str, below: &[String], permission: &str) -> Result<Self> {
        let unknown = || {
            invalid(format!(
                "{permission} on a {kind} is nothing that MongoDB Atlas gives"
            ))
        };
        let role = |database: &str, collection: Option<&String>| {
            Self::BuiltIn(UserRole {
                role_name: permission.to_owned(),
                database_name: database.to_owned(),
                collection_name: collection.cloned(),
            })
        };
        match (kind, below) {
            (CUSTOM_ROLE, [none, name]) if none.is_empty() && permission == MEMBER => {
                role_name(name)?;
                Ok(Self::Own(name.clone()))
            }
            (CLUSTER | DATABASE | COLLECTION, _) if !has(kind, permission) => Err(unknown()),
            (CLUSTER, []) => Ok(role(ADMIN, None)),
            (DATABASE, [database]) => {
                database_name(database)?;
                match permission {
                    INDEXES => Ok(Self::Set(SetSpec::of(database, ""))),
                    _ => Ok(role(database, None)),
                }
            }
            (COLLECTION, [database, collection]) => {
                database_name(database)?;
                collection_name(database, collection)?;
                match permission {
                    INDEXES => Ok(Self::Set(SetSpec::of(database, collection))),
                    _ => Ok(role(database, Some(collection))),
                }
            }
            _ => Err(unknown()),
        }
    }

    pub fn scope(&self, mark: &Mark) -> String {
        match self {
            Self::BuiltIn(_) => String::new(),
            Self::Set(set) => format!("role/{}", set.name(mark)),
            Self::Own(name) => format!("role/{name}"),
        }
    }

    /// The entry in the user's list of roles.
    pub fn role(&self, mark: &Mark) -> UserRole {
        let on_admin = |role_name: String| UserRole {
            role_name,
            database_name: ADMIN.to_owned(),
            collection_name: None,
        };
        match self {
            Self::BuiltIn(role) => role.clone(),
            Self::Set(set) => on_admin(set.name(mark)),
            Self::Own(name) => on_admin(name.clone()),
        }
    }
}

impl SetSpec {
    fn of(database: &str, collection: &str) -> Self {
        Self {
            database: database.to_owned(),
            collection: collection.to_owned(),
        }
    }

    /// The same content has the same name, whoever asks: a project has room for 100 custom roles.
    pub fn name(&self, mark: &Mark) -> String {
        mark.set_name(&["role", INDEXES, &self.database, &self.collection])
    }

    pub fn content(&self, mark: &Mark) -> Role {
        let at = Namespace {
            cluster: false,
            db: self.database.clone(),
            collection: self.collection.clone(),
        };
        let action = |name: &&str| Action {
            action: (*name).to_owned(),
            resources: vec![at.clone()],
        };
        Role {
            role_name: self.name(mark),
            actions: INDEX_ACTIONS.iter().map(action).collect(),
            inherited_roles: Vec::new(),
        }
    }
}

/// Whether two roles give the same. Atlas keeps neither order nor grouping of actions.
pub(super) fn same(one: &Role, other: &Role) -> bool {
    let flat = |role: &Role| {
        let mut all: Vec<(String, Namespace)> = role
            .actions
            .iter()
            .flat_map(|action| {
                action
                    .resources
                    .iter()
                    .map(|at| (action.action.to_uppercase(), at.clone()))
            })
            .collect();
        all.sort();
        all.dedup();
        all
    };
    one.inherited_roles.is_empty() == other.inherited_roles.is_empty() && flat(one) == flat(other)
}

/// The role that allows nothing: one on a database that nobody has. A user must have one.
pub(super) fn inert(mark: &Mark) -> UserRole {
    UserRole {
        role_name: "read".to_owned(),
        database_name: mark.inert_set(),
        collection_name: None,
    }
}

fn database_name(name: &str) -> Result<()> {
    let odd = |c: char| "/\\. \"$*<>:|?\0".contains(c) || c.is_control();
    if name.is_empty() || name.len() > DATABASE_LIMIT || name.chars().any(odd) {
        return Err(invalid("MongoDB has no databases of such a name"));
    }
    if ITS_OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(invalid(format!("{name} is MongoDB's own database")));
    }
    Ok(())
}

fn collection_name(database: &str, name: &str) -> Result<()> {
    let odd = |c: char| c == '$' || c == '\0' || c.is_control();
    if name.is_empty() || database.len() + 1 + name.len() > NAMESPACE_LIMIT || name.chars().any(odd) {
        return Err(invalid("MongoDB has no collections of such a name"));
    }
    match name.starts_with("system.") {
        true => Err(invalid("a system collection is MongoDB's own")),
        false => Ok(()),
    }
}

/// As Atlas allows names of custom roles; ours are not to be had.
pub(crate) fn role_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let starts_well = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    match starts_well && name.bytes().all(plain) && !names::is_reserved(name) {
        true => Ok(()),
        false => Err(invalid("MongoDB Atlas has no custom roles of such a name")),
    }
}

/// Whether something of this name may be offered.
pub(super) fn offers_database(name: &str) -> bool {
    database_name(name).is_ok() && !names::is_reserved(name)
}

pub(super) fn offers_collection(database: &str, name: &str) -> bool {
    offers_database(database) && collection_name(database, name).is_ok()
}

/// Permission, other names for it, what it is about, whether its holder can widen their own access. Least first.
type Told = (&'static str, &'static [&'static str], &'static str, bool);

const ON_CLUSTER: &[Told] = &[
    (
        "clusterMonitor",
        &[],
        "See the state of the cluster, no data",
        false,
    ),
    ("readAnyDatabase", &["read"], "Read every database", false),
    (
        "readWriteAnyDatabase",
        &["read-write", "rw"],
        "Read and change every database",
        false,
    ),
    (
        "dbAdminAnyDatabase",
        &[],
        "Indexes, statistics and collections of every database",
        false,
    ),
    (
        "atlasAdmin",
        &["admin"],
        "Everything that Atlas lets a database user do",
        true,
    ),
];
const ON_DATABASE: &[Told] = &[
    ("read", &[], "Read all collections", false),
    (INDEXES, &[], "Make and drop indexes, without reading data", false),
    (
        "readWrite",
        &["read-write", "rw"],
        "Read and change all collections",
        false,
    ),
    (
        "dbAdmin",
        &[],
        "Indexes, statistics and collections, without reading data",
        false,
    ),
];
const ON_COLLECTION: &[Told] = &[
    ("read", &[], "Read the collection", false),
    (INDEXES, &[], "Make and drop indexes, without reading data", false),
    (
        "readWrite",
        &["read-write", "rw"],
        "Read and change the collection",
        false,
    ),
];
const ON_ROLE: &[Told] = &[(
    MEMBER,
    &[],
    "Everything the role allows, on this cluster",
    // What a role allows can be anything, and changes without us.
    true,
)];

fn has(kind: &str, permission: &str) -> bool {
    let told = match kind {
        CLUSTER => ON_CLUSTER,
        DATABASE => ON_DATABASE,
        COLLECTION => ON_COLLECTION,
        _ => &[],
    };
    told.iter().any(|(name, ..)| *name == permission)
}

/// What tells the logins of one person on one cluster apart.
pub(crate) fn scope(mark: &Mark, kind: &str, below: &[String], permission: &str) -> String {
    match Access::of(kind, below, permission) {
        Ok(access) => access.scope(mark),
        // Never granted, and what is held by the login of built-in roles stays untouched.
        Err(_) => String::new(),
    }
}

/// What can be asked for on a cluster and below it.
pub(crate) fn data_kinds() -> Vec<ResourceKind> {
    let kind = |name: &str, told: &[Told], typed_under: Option<&str>| ResourceKind {
        name: name.to_owned(),
        permissions: told.iter().map(permission).collect(),
        typed_under: typed_under.map(str::to_owned),
    };
    vec![
        kind(CLUSTER, ON_CLUSTER, None),
        kind(DATABASE, ON_DATABASE, Some(CLUSTER)),
        kind(COLLECTION, ON_COLLECTION, Some(DATABASE)),
        kind(CUSTOM_ROLE, ON_ROLE, None),
    ]
}

fn permission(told: &Told) -> Permission {
    let (name, also, about, dangerous) = told;
    Permission {
        name: (*name).to_owned(),
        also: also.iter().map(|name| (*name).to_owned()).collect(),
        about: (*about).to_owned(),
        dangerous: *dangerous,
    }
}

/// A lease that no login can hold together with what it holds.
pub(super) fn one_role_only() -> ProviderError {
    invalid("a login with a custom role holds that one role only")
}

#[cfg(test)]
#[path = "access_test.rs"]
mod tests;
