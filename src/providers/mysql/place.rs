//! What can be asked for, how it is written in a `ResourceRef`, and which privileges it is.
//!
//! | kind | id |
//! |---|---|
//! | instance | `["*"]` |
//! | database | `[database]` |
//! | table (or view) | `[database, table]` |
//! | role | `["*", role]`, in MySQL also `["*", role, host]` |

use super::{
    engine::{ANYWHERE, Who},
    error::invalid,
};
use crate::providers::{Lease, Permission, ResourceKind, ResourceRef, Result, names};

/// Longest name of a database or a table, in characters; longest name of an account or a role in either engine.
pub const LONGEST: usize = 64;
const LONGEST_ROLE: usize = 128;
const ALL: &str = "*";

/// The servers' own; access to them is access to password hashes.
pub const SYSTEM: &[&str] = &["mysql", "sys", "performance_schema", "information_schema"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Instance,
    Database(String),
    Table { database: String, table: String },
    Role(Who),
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

/// Privileges of one level. Without `core` it cannot be given at all; of `extra` what our login has is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub core: &'static [&'static str],
    pub extra: &'static [&'static str],
}

const READ: &[&str] = &["SELECT"];
const WRITE: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];
const MANAGE: &[&str] = &[
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX",
];

/// On a database, and on each database of an instance.
pub fn on_database(access: Access) -> Level {
    match access {
        Access::Read | Access::Member => Level {
            core: READ,
            extra: &[],
        },
        Access::ReadWrite => Level {
            core: WRITE,
            extra: &["EXECUTE", "CREATE TEMPORARY TABLES"],
        },
        Access::Admin => Level {
            core: MANAGE,
            extra: &[
                "EXECUTE",
                "CREATE TEMPORARY TABLES",
                "TRIGGER",
                "CREATE VIEW",
                "CREATE ROUTINE",
                "ALTER ROUTINE",
            ],
        },
    }
}

pub fn on_table(access: Access) -> Level {
    match access {
        Access::Read | Access::Member => Level {
            core: READ,
            extra: &[],
        },
        Access::ReadWrite => Level {
            core: WRITE,
            extra: &[],
        },
        Access::Admin => Level {
            core: MANAGE,
            extra: &["TRIGGER"],
        },
    }
}

/// What the whole instance has beyond its databases.
pub fn on_everything(access: Access) -> Level {
    match access {
        Access::Read | Access::ReadWrite | Access::Member => Level {
            core: &[],
            extra: &[],
        },
        Access::Admin => Level {
            core: &[],
            extra: &["PROCESS"],
        },
    }
}

impl Place {
    /// # Errors
    /// `Invalid` for what is no place of ours, and for names that are the server's own.
    pub fn of(at: &ResourceRef) -> Result<Self> {
        let id: Vec<&str> = at.id.iter().map(String::as_str).collect();
        let place = match (at.kind.as_str(), id.as_slice()) {
            ("instance", [ALL]) => Self::Instance,
            ("database", [database]) => Self::Database((*database).to_owned()),
            ("table", [database, table]) => Self::Table {
                database: (*database).to_owned(),
                table: (*table).to_owned(),
            },
            ("role", [ALL, role]) => Self::Role(Who::anywhere(role)),
            ("role", [ALL, role, host]) => Self::Role(Who::new(role, host)),
            (kind, _) => return Err(invalid(format!("no such {kind}"))),
        };
        place.check(&at.kind)?;
        Ok(place)
    }

    fn check(&self, kind: &str) -> Result<()> {
        match self {
            Self::Instance => Ok(()),
            Self::Database(database) => {
                named(kind, database)?;
                not_of_the_server(kind, database)
            }
            Self::Table { database, table } => {
                named(kind, database)?;
                named(kind, table)?;
                not_of_the_server(kind, database)
            }
            Self::Role(role) => {
                let length = role.user.chars().count();
                if length == 0
                    || length > LONGEST_ROLE
                    || role.user.contains('\0')
                    || role.host.contains('\0')
                {
                    return Err(invalid("no such role: its name cannot be"));
                }
                if names::is_reserved(&role.user) || role.user.starts_with("mysql.") {
                    return Err(invalid("no such role to ask for"));
                }
                Ok(())
            }
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
        let (kind, id, title): (_, Vec<&str>, String) = match self {
            Self::Instance => ("instance", vec![ALL], "instance".to_owned()),
            Self::Database(database) => ("database", vec![database], database.clone()),
            Self::Table { database, table } => {
                ("table", vec![database, table], format!("{database}/{table}"))
            }
            Self::Role(role) if role.host == ANYWHERE || role.host.is_empty() => {
                ("role", vec![ALL, &role.user], format!("role/{}", role.user))
            }
            Self::Role(role) => (
                "role",
                vec![ALL, &role.user, &role.host],
                format!("role/{}@{}", role.user, role.host),
            ),
        };
        ResourceRef {
            kind: kind.to_owned(),
            id: id.into_iter().map(str::to_owned).collect(),
            title,
        }
    }
}

/// Names that a server can have: 1 to 64 characters of the basic plane, no NUL, no space at the end.
fn named(kind: &str, name: &str) -> Result<()> {
    let fits = !name.is_empty()
        && name.chars().count() <= LONGEST
        && !name.ends_with(' ')
        && name.chars().all(|c| c != '\0' && c <= '\u{ffff}');
    if fits {
        Ok(())
    } else {
        Err(invalid(format!("no such {kind}: its name cannot be")))
    }
}

fn not_of_the_server(kind: &str, database: &str) -> Result<()> {
    if is_system(database) {
        Err(invalid(format!("no such {kind} to ask for")))
    } else {
        Ok(())
    }
}

pub fn is_system(database: &str) -> bool {
    SYSTEM.iter().any(|system| system.eq_ignore_ascii_case(database))
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
    // Triggers and routines run with the rights of whoever meets them.
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
                read("read all tables and views, present and future"),
                write("also insert, update, delete; temporary tables, routines"),
                admin("also create, alter, drop, index; triggers, views, routines"),
            ],
            None,
        ),
        kind(
            "table",
            vec![
                read("read the table or view"),
                write("also insert, update, delete"),
                admin("also alter, drop, index, triggers"),
            ],
            Some("database"),
        ),
        kind(
            "role",
            vec![level("member", "all that members of the role may do", false)],
            None,
        ),
        kind(
            "instance",
            vec![
                read("read every database but the server's own"),
                write("also write every database but the server's own"),
                admin("also create, alter, drop there, and see all sessions"),
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
            Place::Database("or/ders".to_owned()),
            Place::Table {
                database: "*".to_owned(),
                table: "t`x".to_owned(),
            },
            Place::Role(Who::anywhere("readers")),
            Place::Role(Who::new("readers", "10.0.%")),
        ] {
            assert_eq!(Place::of(&place.reference()).expect("a place"), place);
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (kind, id) in [
            ("database", &["mysql"][..]),
            ("database", &["MySQL"]),
            ("table", &["sys", "version"]),
            ("table", &["d"]),
            ("role", &["*", "mysql.sys"]),
            ("role", &["*", "jitg_abcd_1"]),
            ("role", &["readers"]),
            ("instance", &[]),
            ("database", &[""]),
            ("database", &["nul\0"]),
            ("database", &["trailing "]),
            ("database", &["crab🦀"]),
            ("schema", &["d", "s"]),
        ] {
            assert!(Place::of(&at(kind, id)).is_err(), "{kind} {id:?}");
        }
        assert!(Place::of(&at("database", &[&"x".repeat(65)])).is_err());
        assert!(Place::of(&at("database", &[&"ü".repeat(64)])).is_ok());
    }
}
