//! What can be asked for, and how it is written in a `ResourceRef`.
//!
//! | kind | id |
//! |---|---|
//! | instance (the pluggable database) | `["*"]` |
//! | schema | `[schema]` |
//! | table (or view) | `[schema, table]` |
//! | role | `["*", role]` |
//!
//! Names are as the dictionary has them: upper case unless they were made in quotes.

use super::error::invalid;
use crate::providers::{Lease, Permission, ResourceKind, ResourceRef, Result, names};

/// Longest name, in bytes, from 12.2 on (30 before).
pub const LONGEST: usize = 128;
const ALL: &str = "*";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Instance,
    Schema(String),
    Table { schema: String, table: String },
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
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "read-write" => Some(Self::ReadWrite),
            "admin" => Some(Self::Admin),
            "member" => Some(Self::Member),
            _ => None,
        }
    }

    /// Whether a session that had it may have changed something, or still be about to.
    fn could_write(self) -> bool {
        match self {
            Self::Read => false,
            Self::ReadWrite | Self::Admin | Self::Member => true,
        }
    }
}

/// Whether a lease could write; one that we do not understand could.
pub fn could_write(lease: &Lease) -> bool {
    Access::of(&lease.permission).is_none_or(Access::could_write)
}

/// Whether a session keeps what the lease gave until it ends: a role that was enabled stays enabled, whatever is revoked, and
/// `SET ROLE` enables it in sessions that are older than the lease.
pub fn stays_enabled(lease: &Lease) -> bool {
    match (Place::of(&lease.resource), Access::of(&lease.permission)) {
        (Ok(Place::Instance), Some(access)) => access == Access::Admin,
        (Ok(Place::Schema(_) | Place::Table { .. }), Some(_)) => false,
        (Ok(Place::Role(_)), _) | (Ok(_), None) | (Err(_), _) => true,
    }
}

impl Place {
    /// # Errors
    /// `Invalid` for what is no place of ours, and for names that no Oracle database can hold.
    pub fn of(at: &ResourceRef) -> Result<Self> {
        let id: Vec<&str> = at.id.iter().map(String::as_str).collect();
        let place = match (at.kind.as_str(), id.as_slice()) {
            ("instance", [ALL]) => Self::Instance,
            ("schema", [schema]) => Self::Schema((*schema).to_owned()),
            ("table", [schema, table]) => Self::Table {
                schema: (*schema).to_owned(),
                table: (*table).to_owned(),
            },
            ("role", [ALL, role]) => Self::Role((*role).to_owned()),
            (kind, _) => return Err(invalid(format!("no such {kind}"))),
        };
        let cannot_be = |name: &&str| name.is_empty() || name.len() > LONGEST || name.contains(['"', '\0']);
        if id.iter().any(cannot_be) {
            return Err(invalid(format!(
                "no such {}: its name has 1 to {LONGEST} bytes and no double quote",
                at.kind
            )));
        }
        match &place {
            Self::Role(role) if names::is_reserved(role) => Err(invalid("no such role to ask for")),
            Self::Schema(schema) | Self::Table { schema, .. } if names::is_reserved(schema) => {
                Err(invalid("no such schema to ask for"))
            }
            Self::Instance | Self::Schema(_) | Self::Table { .. } | Self::Role(_) => Ok(place),
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
            .find(|kind| kind.name == lease.resource.kind)
            .is_some_and(|kind| {
                kind.permissions
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

    pub fn reference(&self) -> ResourceRef {
        let (kind, id, title): (_, &[&str], String) = match self {
            Self::Instance => ("instance", &[ALL], "instance".to_owned()),
            Self::Schema(schema) => ("schema", &[schema], schema.clone()),
            Self::Table { schema, table } => ("table", &[schema, table], format!("{schema}/{table}")),
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
    let kind = |name: &str, permissions, typed_under: Option<&str>| ResourceKind {
        name: name.to_owned(),
        permissions,
        typed_under: typed_under.map(str::to_owned),
    };
    vec![
        kind(
            "schema",
            vec![
                level(
                    "read",
                    "read all tables and views of the schema, without locking rows",
                    false,
                ),
                level("read-write", "also insert, update, delete", false),
                level(
                    "admin",
                    "also alter and flash back its tables; from 23ai on also create and drop them",
                    false,
                ),
            ],
            None,
        ),
        kind(
            "table",
            vec![
                level("read", "read the table or view, without locking rows", false),
                level("read-write", "also insert, update, delete", false),
                level("admin", "also alter and flash it back", false),
            ],
            Some("schema"),
        ),
        kind(
            "role",
            vec![level("member", "all that holders of the role may do", false)],
            None,
        ),
        kind(
            "instance",
            vec![
                level("read", "read all tables of all schemas but SYS", false),
                // Procedures run with the rights of whoever owns them.
                level(
                    "read-write",
                    "also write all of them and run all procedures",
                    true,
                ),
                level("admin", "the role DBA", true),
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
            id: id.iter().map(|s| (*s).to_owned()).collect(),
            title: String::new(),
        }
    }

    #[test]
    fn places_survive_being_written() {
        for place in [
            Place::Instance,
            Place::Schema("SALES".to_owned()),
            Place::Table {
                schema: "Mixed/Case".to_owned(),
                table: "it's".to_owned(),
            },
            Place::Role("READERS".to_owned()),
        ] {
            assert_eq!(Place::of(&place.reference()).expect("a place"), place);
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (kind, id) in [
            ("schema", &["S", "T"][..]),
            ("schema", &[""]),
            ("schema", &["JIT_ABCD_ANN_00112233"]),
            ("table", &["S"]),
            ("table", &["S", "a\"b"]),
            ("table", &["S", "nul\0"]),
            ("role", &["*", "JITG_ABCD_1"]),
            ("role", &["READERS"]),
            ("instance", &[]),
            ("tablespace", &["USERS"]),
        ] {
            assert!(Place::of(&at(kind, id)).is_err(), "{kind} {id:?}");
        }
        assert!(Place::of(&at("schema", &[&"x".repeat(129)])).is_err());
        assert!(Place::of(&at("schema", &[&"x".repeat(128)])).is_ok());
    }
}
