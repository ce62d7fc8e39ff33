//! What can be asked for, and how it is written in a `ResourceRef`.
//!
//! | kind | id |
//! |---|---|
//! | database | `[database]` |
//! | schema | `[database, schema]` |
//! | table (or view) | `[database, schema, table]` |
//! | role | `["*", role]` |
//!
//! A connection sees one database, so all ids of an integration begin with the same one.

use super::error::invalid;
use crate::providers::{Lease, Permission, ResourceKind, ResourceRef, Result, names};

/// Longest name, in bytes (documentation: "Identifiers").
pub const LONGEST: usize = 128;
const ALL: &str = "*";
/// Built in, and above all grants. `public` is what everybody is.
const NEVER_GIVEN: &[&str] = &["dbadmin", "pseudosuperuser", "dbduser", "public"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
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

/// Vertica keeps the case of names and ignores it, quoted or not.
pub fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Roles that reach everything are nobody's to ask for.
pub fn is_above_all(role: &str) -> bool {
    NEVER_GIVEN.iter().any(|never| same(never, role))
}

pub fn is_system_schema(schema: &str) -> bool {
    schema.to_lowercase().starts_with("v_")
}

impl Place {
    /// # Errors
    /// `Invalid` for what is no place of ours, and for names that are the server's own.
    pub fn of(at: &ResourceRef) -> Result<Self> {
        let id: Vec<&str> = at.id.iter().map(String::as_str).collect();
        let place = match (at.kind.as_str(), id.as_slice()) {
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
            ("role", [ALL, role]) => Self::Role((*role).to_owned()),
            (kind, _) => return Err(invalid(format!("no such {kind}"))),
        };
        place.check(&at.kind, &id)?;
        Ok(place)
    }

    fn check(&self, kind: &str, id: &[&str]) -> Result<()> {
        if id
            .iter()
            .any(|name| name.is_empty() || name.len() > LONGEST || name.contains('\0'))
        {
            return Err(invalid(format!(
                "no such {kind}: its name has 1 to {LONGEST} bytes"
            )));
        }
        let own = match self {
            Self::Schema { schema, .. } | Self::Table { schema, .. } => is_system_schema(schema),
            Self::Role(role) => is_above_all(role) || names::is_reserved(role),
            Self::Database(_) => false,
        };
        if own {
            Err(invalid(format!("no such {kind} to ask for")))
        } else {
            Ok(())
        }
    }

    /// The place and the access of a lease.
    ///
    /// # Errors
    /// `Invalid` if there is no such place, or no such permission on it.
    pub fn and_access(lease: &Lease) -> Result<(Self, Access)> {
        let place = Self::of(&lease.resource)?;
        let offered = kinds()
            .into_iter()
            .filter(|kind| kind.name == lease.resource.kind)
            .flat_map(|kind| kind.permissions)
            .any(|permission| permission.name == lease.permission);
        match Access::of(&lease.permission) {
            Some(access) if offered => Ok((place, access)),
            _ => Err(invalid(format!(
                "no permission {} on a {}",
                lease.permission, lease.resource.kind
            ))),
        }
    }

    /// `None` for what belongs to no database in particular.
    pub fn database(&self) -> Option<&str> {
        match self {
            Self::Role(_) => None,
            Self::Database(database) | Self::Schema { database, .. } | Self::Table { database, .. } => {
                Some(database)
            }
        }
    }

    pub fn reference(&self) -> ResourceRef {
        let (kind, id, title): (_, &[&str], String) = match self {
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
            Self::Role(role) => ("role", &[ALL, role], format!("role/{role}")),
        };
        ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|name| (*name).to_owned()).collect(),
            title,
        }
    }
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
    // Whoever may alter and make things leaves some behind that others run into.
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
                read("read all tables and views of all schemas"),
                write("also insert, update, delete, truncate; use sequences and functions"),
                admin("also alter and drop tables, create schemas and objects, use temporary tables"),
            ],
            None,
        ),
        kind(
            "schema",
            vec![
                read("read all tables and views of the schema"),
                write("also insert, update, delete, truncate; use sequences and functions"),
                admin("also alter and drop tables, create objects"),
            ],
            None,
        ),
        kind(
            "table",
            vec![
                read("read the table or view"),
                write("also insert, update, delete, truncate"),
                admin("also alter and drop it"),
            ],
            Some("schema"),
        ),
        kind(
            "role",
            vec![level("member", "all that members of the role may do", false)],
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
            id: id.iter().map(|s| (*s).to_owned()).collect(),
            title: String::new(),
        }
    }

    #[test]
    fn places_survive_being_written() {
        for place in [
            Place::Database("ware/house".to_owned()),
            Place::Schema {
                database: "*".to_owned(),
                schema: "s\"x".to_owned(),
            },
            Place::Table {
                database: "d".to_owned(),
                schema: "s".to_owned(),
                table: "t".to_owned(),
            },
            Place::Role("readers".to_owned()),
        ] {
            assert_eq!(Place::of(&place.reference()).expect("a place"), place);
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (kind, id) in [
            ("schema", &["d", "v_catalog"][..]),
            ("schema", &["d", "V_Monitor"]),
            ("table", &["d", "v_internal", "t"]),
            ("table", &["d", "s"]),
            ("role", &["*", "dbadmin"]),
            ("role", &["*", "PseudoSuperuser"]),
            ("role", &["*", "public"]),
            ("role", &["*", "jitg_abcd_1"]),
            ("role", &["readers"]),
            ("database", &[""]),
            ("database", &["nul\0"]),
            ("instance", &["*"]),
        ] {
            assert!(Place::of(&at(kind, id)).is_err(), "{kind} {id:?}");
        }
        assert!(Place::of(&at("database", &[&"x".repeat(129)])).is_err());
        assert!(Place::of(&at("database", &[&"x".repeat(128)])).is_ok());
    }
}
