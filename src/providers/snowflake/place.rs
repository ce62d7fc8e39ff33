//! What can be asked for, and how it is written in a `ResourceRef`.
//!
//! | kind | id |
//! |---|---|
//! | database | `[database]` |
//! | schema | `[database, schema]` |
//! | table (or view) | `[database, schema, table]` |
//! | role | `["*", "role", role]` |
//! | warehouse | `["*", "warehouse", warehouse]` |
//! | account | `["*"]`; its permissions are Snowflake's own roles |

use crate::providers::{
    ErrorKind, Lease, Permission, ProviderError, ResourceKind, ResourceRef, Result, names,
};

/// Longest name, in characters.
pub const LONGEST: usize = 255;
const ALL: &str = "*";
const ROLE: &str = "role";
const WAREHOUSE: &str = "warehouse";

/// Roles that Snowflake makes and that reach over everything: offered as permissions on the account alone.
pub const SYSTEM_ROLES: &[&str] = &["SYSADMIN", "USERADMIN", "SECURITYADMIN", "ACCOUNTADMIN"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Account,
    Database(String),
    Schema {
        database: String,
        schema: String,
    },
    Table {
        database: String,
        schema: String,
        table: String,
    },
    Role(String),
    Warehouse(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
    Admin,
    Member,
    /// One of `SYSTEM_ROLES`.
    System(&'static str),
}

impl Access {
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "read-write" => Some(Self::ReadWrite),
            "admin" => Some(Self::Admin),
            "member" => Some(Self::Member),
            other => SYSTEM_ROLES
                .iter()
                .find(|role| **role == other)
                .map(|role| Self::System(role)),
        }
    }
}

/// Whether a lease could write; one that we do not understand could.
pub fn could_write(lease: &Lease) -> bool {
    Access::of(&lease.permission) != Some(Access::Read)
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

impl Place {
    /// # Errors
    /// `Invalid` for what is no place of ours, and for names that are Snowflake's or our own.
    pub fn of(at: &ResourceRef) -> Result<Self> {
        let id: Vec<&str> = at.id.iter().map(String::as_str).collect();
        let place = match (at.kind.as_str(), id.as_slice()) {
            ("account", [ALL]) => Self::Account,
            ("database", [database]) => Self::Database((*database).to_owned()),
            ("schema", [database, schema]) => Self::Schema {
                database: (*database).to_owned(),
                schema: (*schema).to_owned(),
            },
            ("table", [database, schema, table]) => Self::Table {
                database: (*database).to_owned(),
                schema: (*schema).to_owned(),
                table: (*table).to_owned(),
            },
            (ROLE, [ALL, ROLE, role]) => Self::Role((*role).to_owned()),
            (WAREHOUSE, [ALL, WAREHOUSE, warehouse]) => Self::Warehouse((*warehouse).to_owned()),
            (kind, _) => return Err(invalid(format!("no such {kind}"))),
        };
        let fits = |name: &&str| !name.is_empty() && name.chars().count() <= LONGEST && !name.contains('\0');
        if !id.iter().all(fits) {
            return Err(invalid(format!(
                "no such {}: its name has 1 to {LONGEST} characters",
                at.kind
            )));
        }
        if place.is_reserved() {
            return Err(invalid(format!("no such {} to ask for", at.kind)));
        }
        Ok(place)
    }

    fn is_reserved(&self) -> bool {
        match self {
            Self::Schema { schema, .. } | Self::Table { schema, .. } => schema == "INFORMATION_SCHEMA",
            Self::Role(role) => is_system_role(role) || names::is_reserved(role),
            Self::Account | Self::Database(_) | Self::Warehouse(_) => false,
        }
    }

    /// The place and the access of a lease.
    ///
    /// # Errors
    /// `Invalid` if there is no such place, or no such permission on it.
    pub fn and_access(lease: &Lease) -> Result<(Self, Access)> {
        let place = Self::of(&lease.resource)?;
        let offered = kinds().into_iter().any(|kind| {
            kind.name == lease.resource.kind
                && kind
                    .permissions
                    .iter()
                    .any(|permission| permission.name == lease.permission)
        });
        match Access::of(&lease.permission) {
            Some(access) if offered => Ok((place, access)),
            _ => Err(invalid(format!(
                "no permission {} on a {}",
                lease.permission, lease.resource.kind
            ))),
        }
    }

    /// Whether data is read there, which takes a warehouse.
    pub fn takes_warehouse(&self) -> bool {
        match self {
            Self::Account | Self::Database(_) | Self::Schema { .. } | Self::Table { .. } | Self::Role(_) => {
                true
            }
            Self::Warehouse(_) => false,
        }
    }

    pub fn reference(&self) -> ResourceRef {
        let (kind, id, title): (_, &[&str], String) = match self {
            Self::Account => ("account", &[ALL], "account".to_owned()),
            Self::Database(database) => ("database", &[database], database.clone()),
            Self::Schema { database, schema } => {
                ("schema", &[database, schema], format!("{database}/{schema}"))
            }
            Self::Table {
                database,
                schema,
                table,
            } => (
                "table",
                &[database, schema, table],
                format!("{database}/{schema}/{table}"),
            ),
            Self::Role(role) => (ROLE, &[ALL, ROLE, role], format!("role/{role}")),
            Self::Warehouse(name) => (WAREHOUSE, &[ALL, WAREHOUSE, name], format!("warehouse/{name}")),
        };
        ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|name| (*name).to_owned()).collect(),
            title,
        }
    }
}

pub fn is_system_role(role: &str) -> bool {
    SYSTEM_ROLES.contains(&role) || ["ORGADMIN", "GLOBALORGADMIN", "PUBLIC"].contains(&role)
}

/// Every kind of resource with its permissions, least first.
pub fn kinds() -> Vec<ResourceKind> {
    let level = |name: &str, also: &[&str], about: &str, dangerous| Permission {
        name: name.to_owned(),
        also: also.iter().map(|name| (*name).to_owned()).collect(),
        about: about.to_owned(),
        dangerous,
    };
    let kind = |name: &str, permissions, typed_under: Option<&str>| ResourceKind {
        name: name.to_owned(),
        permissions,
        typed_under: typed_under.map(str::to_owned),
    };
    let system = |role: &&str| {
        let about = format!("all that the account's role {role} may do");
        level(role, &[&role.to_ascii_lowercase()], &about, true)
    };
    vec![
        kind(
            "database",
            vec![
                level(
                    "read",
                    &["select"],
                    "read all tables and views of all schemas",
                    false,
                ),
                level("read-write", &[], "also insert, update, delete, truncate", false),
                level("admin", &[], "also MODIFY and MONITOR, and create schemas", false),
            ],
            None,
        ),
        kind(
            "schema",
            vec![
                level(
                    "read",
                    &["select"],
                    "read all tables and views of the schema",
                    false,
                ),
                level("read-write", &[], "also insert, update, delete, truncate", false),
                level(
                    "admin",
                    &[],
                    "also MODIFY and MONITOR, and create tables and views",
                    false,
                ),
            ],
            None,
        ),
        kind(
            "table",
            vec![
                level("read", &["select"], "read the table or view", false),
                level(
                    "read-write",
                    &[],
                    "also insert, update, delete, truncate; tables only",
                    false,
                ),
                level(
                    "admin",
                    &[],
                    "also REFERENCES and EVOLVE SCHEMA; tables only",
                    false,
                ),
            ],
            Some("schema"),
        ),
        kind(
            ROLE,
            vec![level(
                "member",
                &["usage"],
                "all that members of the role may do",
                false,
            )],
            None,
        ),
        kind(
            WAREHOUSE,
            vec![
                level("read", &["usage"], "run queries on it", false),
                level(
                    "read-write",
                    &["operate"],
                    "also start, stop and resume it, and abort queries",
                    false,
                ),
                level(
                    "admin",
                    &[],
                    "also MODIFY (its size and all settings) and MONITOR",
                    false,
                ),
            ],
            None,
        ),
        kind("account", SYSTEM_ROLES.iter().map(system).collect(), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: &str, id: &[&str]) -> ResourceRef {
        ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|s| (*s).to_owned()).collect(),
            title: String::new(),
        }
    }

    #[test]
    fn places_survive_being_written() {
        for place in [
            Place::Account,
            Place::Database("or/ders".to_owned()),
            Place::Schema {
                database: "*".to_owned(),
                schema: "s\"x".to_owned(),
            },
            Place::Table {
                database: "*".to_owned(),
                schema: "role".to_owned(),
                table: "t".to_owned(),
            },
            Place::Role("READERS".to_owned()),
            Place::Warehouse("WH".to_owned()),
        ] {
            assert_eq!(Place::of(&place.reference()).expect("a place"), place);
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (kind, id) in [
            ("schema", &["D", "INFORMATION_SCHEMA"][..]),
            ("table", &["D", "INFORMATION_SCHEMA", "T"]),
            ("table", &["D", "S"]),
            ("role", &["*", "role", "ACCOUNTADMIN"]),
            ("role", &["*", "role", "PUBLIC"]),
            ("role", &["*", "role", "JITG_ABCD_1"]),
            ("role", &["*", "warehouse", "R"]),
            ("account", &[]),
            ("database", &[""]),
            ("database", &["nul\0"]),
            ("stage", &["x"]),
        ] {
            assert!(Place::of(&at(kind, id)).is_err(), "{kind} {id:?}");
        }
        assert!(Place::of(&at("database", &[&"ü".repeat(256)])).is_err());
        assert!(Place::of(&at("database", &[&"ü".repeat(255)])).is_ok());
    }

    #[test]
    fn what_reaches_over_everything_is_dangerous() {
        for kind in kinds() {
            for permission in kind.permissions {
                assert_eq!(
                    permission.dangerous,
                    kind.name == "account",
                    "{}",
                    permission.name
                );
                assert!(Access::of(&permission.name).is_some());
            }
        }
    }
}
