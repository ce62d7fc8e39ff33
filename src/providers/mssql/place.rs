//! What can be asked for, and how it is written in a `ResourceRef`.
//!
//! | kind | id |
//! |---|---|
//! | instance | `["*"]` |
//! | database | `[database]` |
//! | schema | `[database, schema]` |
//! | table (or view) | `[database, schema, table]` |
//! | role of a database | `[database, role]` |
//! | role of the server | `["*", role]` |

use super::{
    error::invalid,
    quote::{LONGEST, is_name},
};
use crate::providers::{Lease, Permission, ResourceKind, ResourceRef, Result, names};

const ALL: &str = "*";
const SYSTEM_DATABASES: [&str; 4] = ["master", "model", "msdb", "tempdb"];
const SYSTEM_SCHEMAS: [&str; 3] = ["sys", "INFORMATION_SCHEMA", "guest"];

/// Where something is kept: the server itself, or one database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    Server,
    Database(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Instance,
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
    Role {
        site: Site,
        role: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
    Admin,
    Member,
}

impl Access {
    /// Whether a session that had it may have changed something, or still be about to.
    pub fn could_write(self) -> bool {
        match self {
            Self::Read => false,
            Self::ReadWrite | Self::Admin | Self::Member => true,
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "read-write" => Some(Self::ReadWrite),
            "admin" => Some(Self::Admin),
            "member" => Some(Self::Member),
            _ => None,
        }
    }
}

/// Whether a lease could write; one that we do not understand could.
pub fn could_write(lease: &Lease) -> bool {
    Access::of(&lease.permission).is_none_or(Access::could_write)
}

/// Where a lease's role has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    One(Site),
    /// In every database of people's.
    EveryDatabase,
}

impl Place {
    /// # Errors
    /// `Invalid` for what is no place of ours, and for names that are the server's own.
    pub fn of(at: &ResourceRef) -> Result<Self> {
        let id: Vec<&str> = at.id.iter().map(String::as_str).collect();
        let place = match (at.kind.as_str(), id.as_slice()) {
            ("instance", [ALL]) => Self::Instance,
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
            ("role", [ALL, role]) => Self::Role {
                site: Site::Server,
                role: (*role).to_owned(),
            },
            ("role", [database, role]) => Self::Role {
                site: Site::Database((*database).to_owned()),
                role: (*role).to_owned(),
            },
            (kind, _) => return Err(invalid(format!("no such {kind}"))),
        };
        place.check(&at.kind, &id)?;
        Ok(place)
    }

    fn check(&self, kind: &str, id: &[&str]) -> Result<()> {
        if !id.iter().all(|name| is_name(name)) {
            return Err(invalid(format!(
                "no such {kind}: its name has 1 to {LONGEST} characters"
            )));
        }
        let own_schema = match self {
            Self::Schema { schema, .. } | Self::Table { schema, .. } => is_system_schema(schema),
            Self::Role { role, .. } => names::is_reserved(role) || role.eq_ignore_ascii_case("public"),
            Self::Instance | Self::Database(_) => false,
        };
        if own_schema || self.database().is_some_and(is_system_database) {
            return Err(invalid(format!("no such {kind} to ask for")));
        }
        Ok(())
    }

    /// The place and the access of a lease.
    ///
    /// # Errors
    /// `Invalid` if there is no such place, or no such permission on it.
    pub fn and_access(lease: &Lease) -> Result<(Self, Access)> {
        let place = Self::of(&lease.resource)?;
        let offered = kinds()
            .iter()
            .filter(|kind| kind.name == lease.resource.kind)
            .flat_map(|kind| &kind.permissions)
            .any(|permission| permission.name == lease.permission);
        match Access::of(&lease.permission) {
            Some(access) if offered => Ok((place, access)),
            _ => Err(invalid(format!(
                "no permission {} on a {}",
                lease.permission, lease.resource.kind
            ))),
        }
    }

    /// The database it is in; `None` where it is the server's.
    pub fn database(&self) -> Option<&str> {
        match self {
            Self::Instance
            | Self::Role {
                site: Site::Server, ..
            } => None,
            Self::Database(database)
            | Self::Schema { database, .. }
            | Self::Table { database, .. }
            | Self::Role {
                site: Site::Database(database),
                ..
            } => Some(database),
        }
    }

    /// Where the role of a lease on it belongs.
    pub fn reach(&self, access: Access) -> Reach {
        match (self, access) {
            // No permission of the server's writes in every database.
            (Self::Instance, Access::ReadWrite) => Reach::EveryDatabase,
            (Self::Instance, Access::Read | Access::Admin | Access::Member) => Reach::One(Site::Server),
            (Self::Role { site, .. }, _) => Reach::One(site.clone()),
            (Self::Database(database) | Self::Schema { database, .. } | Self::Table { database, .. }, _) => {
                Reach::One(Site::Database(database.clone()))
            }
        }
    }

    pub fn reference(&self) -> ResourceRef {
        let (kind, id, title): (&str, Vec<&str>, String) = match self {
            Self::Instance => ("instance", vec![ALL], "instance".to_owned()),
            Self::Database(database) => ("database", vec![database], database.clone()),
            Self::Schema { database, schema } => {
                ("schema", vec![database, schema], format!("{database}/{schema}"))
            }
            Self::Table {
                database,
                schema,
                table,
            } => (
                "table",
                vec![database, schema, table],
                format!("{database}/{schema}/{table}"),
            ),
            Self::Role {
                site: Site::Server,
                role,
            } => ("role", vec![ALL, role], format!("role/{role}")),
            Self::Role {
                site: Site::Database(database),
                role,
            } => ("role", vec![database, role], format!("{database}/role/{role}")),
        };
        ResourceRef {
            kind: kind.to_owned(),
            id: id.into_iter().map(str::to_owned).collect(),
            title,
        }
    }
}

/// Where a lease's role belongs; `None` for a lease that names no place.
pub fn reach_of(lease: &Lease) -> Option<Reach> {
    Place::and_access(lease)
        .ok()
        .map(|(place, access)| place.reach(access))
}

pub fn is_system_database(database: &str) -> bool {
    SYSTEM_DATABASES
        .iter()
        .any(|own| own.eq_ignore_ascii_case(database))
}

pub fn is_system_schema(schema: &str) -> bool {
    SYSTEM_SCHEMAS.iter().any(|own| own.eq_ignore_ascii_case(schema))
}

/// Every kind of resource with its permissions, least first.
pub fn kinds() -> Vec<ResourceKind> {
    let level = |name: &str, about: &str, dangerous| Permission {
        name: name.to_owned(),
        also: Vec::new(),
        about: about.to_owned(),
        dangerous,
    };
    let read = |about: &str| level("read", about, false);
    let write = |about: &str| level("read-write", about, false);
    // Who may alter may leave triggers behind, which run with the rights of whoever meets them.
    let admin = |about: &str| level("admin", about, true);
    let kind = |name: &str, permissions, typed_under: Option<&str>| ResourceKind {
        name: name.to_owned(),
        permissions,
        typed_under: typed_under.map(str::to_owned),
    };
    vec![
        kind(
            "database",
            vec![
                read("read all tables and definitions of the database"),
                write("also insert, update, delete, and run procedures"),
                admin("also alter the database and make tables, views, procedures and schemas"),
            ],
            None,
        ),
        kind(
            "schema",
            vec![
                read("read all tables of the schema"),
                write("also insert, update, delete, and run procedures"),
                admin("everything in the schema (CONTROL)"),
            ],
            None,
        ),
        kind(
            "table",
            vec![
                read("read the table or view"),
                write("also insert, update, delete"),
                admin("everything on it (CONTROL)"),
            ],
            Some("schema"),
        ),
        kind(
            "role",
            vec![level("member", "all that members of the role may do", false)],
            None,
        ),
        kind(
            "instance",
            vec![
                read("read everything in every database"),
                write("read and write in every database, and run procedures"),
                admin("everything on the server (CONTROL SERVER)"),
            ],
            None,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: &str, id: &[&str]) -> ResourceRef {
        ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|part| (*part).to_owned()).collect(),
            title: String::new(),
        }
    }

    #[test]
    fn places_survive_being_written() {
        for place in [
            Place::Instance,
            Place::Database("or/ders".to_owned()),
            Place::Schema {
                database: "d".to_owned(),
                schema: "s]x".to_owned(),
            },
            Place::Table {
                database: "d".to_owned(),
                schema: "s".to_owned(),
                table: "t".to_owned(),
            },
            Place::Role {
                site: Site::Server,
                role: "operators".to_owned(),
            },
            Place::Role {
                site: Site::Database("d".to_owned()),
                role: "readers".to_owned(),
            },
        ] {
            assert_eq!(Place::of(&place.reference()).expect("a place"), place);
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (kind, id) in [
            ("database", &["msdb"][..]),
            ("database", &["Master"]),
            ("database", &[""]),
            ("database", &["nul\0"]),
            ("schema", &["d", "SYS"]),
            ("schema", &["d", "information_schema"]),
            ("table", &["d", "sys", "objects"]),
            ("table", &["d", "s"]),
            ("role", &["d", "public"]),
            ("role", &["*", "jitg_abcd_1"]),
            ("role", &["readers"]),
            ("role", &["tempdb", "x"]),
            ("instance", &[]),
            ("endpoint", &["x"]),
        ] {
            assert!(Place::of(&at(kind, id)).is_err(), "{kind} {id:?}");
        }
        assert!(Place::of(&at("database", &[&"x".repeat(129)])).is_err());
        assert!(Place::of(&at("database", &[&"x".repeat(128)])).is_ok());
    }
}
