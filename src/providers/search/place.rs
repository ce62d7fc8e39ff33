//! What can be asked for, and how it is written in a `ResourceRef`.
//!
//! | kind | id |
//! |---|---|
//! | index (also an alias or a data stream) | `[name]` |
//! | role | `[name]` |

use super::config::invalid;
use crate::providers::{Lease, Permission, ResourceKind, ResourceRef, Result, names};

pub const INDEX: &str = "index";
pub const ROLE: &str = "role";
/// Longest name of an index, alias or data stream, in bytes.
const LONGEST: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Index(String),
    Role(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
    Monitor,
    Manage,
    Member,
}

impl Access {
    fn of(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "read-write" => Some(Self::ReadWrite),
            "monitor" => Some(Self::Monitor),
            "manage" => Some(Self::Manage),
            "member" => Some(Self::Member),
            _ => None,
        }
    }
}

/// Whether a name can be one of an index: the rules of both systems, so that no pattern, template or date arithmetic of
/// either is ever taken for a name. `${…}` is legal in a name, and a variable of OpenSearch's in a role.
pub fn is_index_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with(['-', '_', '+', '.'])
        && !name.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'])
        && !name.contains("${")
        && !name.chars().any(char::is_control)
}

impl Place {
    /// # Errors
    /// `Invalid` for what is no place of ours, for patterns, and for what is the system's own.
    pub fn of(at: &ResourceRef) -> Result<Self> {
        match (at.kind.as_str(), at.id.as_slice()) {
            (INDEX, [name]) if is_index_name(name) => Ok(Self::Index(name.clone())),
            (ROLE, [name]) if is_role_name(name) => Ok(Self::Role(name.clone())),
            (kind, _) => Err(invalid(format!("no such {kind} to ask for"))),
        }
    }

    /// The place and the access of a lease.
    ///
    /// # Errors
    /// `Invalid` if there is no such place, or no such permission on it.
    pub fn and_access(lease: &Lease) -> Result<(Self, Access)> {
        let place = Self::of(&lease.resource)?;
        let access = Access::of(&lease.permission);
        match (&place, access) {
            (Self::Role(_), Some(Access::Member)) => Ok((place, Access::Member)),
            (Self::Index(_), Some(access)) if access != Access::Member => Ok((place, access)),
            _ => Err(invalid(format!(
                "no permission {} on a {}",
                lease.permission, lease.resource.kind
            ))),
        }
    }

    pub fn reference(&self) -> ResourceRef {
        let (kind, id, title) = match self {
            Self::Index(name) => (INDEX, name, name.clone()),
            // No index has a slash in its name, so titles never meet.
            Self::Role(name) => (ROLE, name, format!("role/{name}")),
        };
        ResourceRef {
            kind: kind.to_owned(),
            id: vec![id.clone()],
            title,
        }
    }
}

/// 1 to 507 printable characters without outer blanks, and not one of our own kind.
fn is_role_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 507
        && name.trim() == name
        && !name.chars().any(char::is_control)
        && !names::is_reserved(name)
}

fn permission(name: &str, about: &str, dangerous: bool) -> Permission {
    Permission {
        name: name.to_owned(),
        also: Vec::new(),
        about: about.to_owned(),
        dangerous,
    }
}

/// The levels on an index that both systems have, least first.
pub fn index_permissions() -> Vec<Permission> {
    vec![
        permission("read", "search and get documents, see mappings", false),
        permission("write", "index, update, delete documents; not search them", false),
        permission("read-write", "read and write", false),
    ]
}

pub fn monitor() -> Permission {
    permission(
        "monitor",
        "see statistics, segments, recovery; no documents",
        false,
    )
}

/// Marked: what it changes and deletes does not come back with the revocation.
pub fn manage(about: &str) -> Permission {
    let mut manage = permission("manage", about, true);
    manage.also.push("admin".to_owned());
    manage
}

pub fn kinds(on_index: Vec<Permission>) -> Vec<ResourceKind> {
    let kind = |name: &str, permissions| ResourceKind {
        name: name.to_owned(),
        permissions,
        typed_under: None,
    };
    // What a role allows can be anything, and changes without us.
    let member = permission("member", "everything the role allows", true);
    vec![kind(INDEX, on_index), kind(ROLE, vec![member])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_templates_are_no_names() {
        for name in [
            "*",
            "logs-*",
            "a?",
            "/a.*/",
            "<a-{now/d}>",
            "a,b",
            "-a",
            "_all",
            "+a",
            ".security",
            "a b",
            "a\"b",
            "a\\b",
            "a:b",
            "a#b",
            "",
            "a\nb",
            "x-${user.name}",
            "..",
        ] {
            assert!(!is_index_name(name), "{name}");
        }
        for name in [
            "orders",
            "logs-2026.11.22",
            "o'brien",
            "$(id)",
            "a{b}",
            "ünïcode-🦀",
            "a%41",
            "a;b&c=d",
        ] {
            assert!(is_index_name(name), "{name}");
        }
        assert!(is_index_name(&"x".repeat(255)) && !is_index_name(&"x".repeat(256)));
    }

    #[test]
    fn places_survive_being_written() {
        for place in [
            Place::Index("orders".to_owned()),
            Place::Role("team a/readers".to_owned()),
        ] {
            assert_eq!(Place::of(&place.reference()).expect("a place"), place);
        }
        for (kind, id) in [
            ("index", &["a", "b"][..]),
            ("index", &[]),
            ("role", &["jitg_abcd_1"]),
            ("role", &[" x"]),
            ("tablespace", &["x"]),
        ] {
            let at = ResourceRef {
                kind: kind.to_owned(),
                id: id.iter().map(|one| (*one).to_owned()).collect(),
                title: String::new(),
            };
            assert!(Place::of(&at).is_err(), "{kind} {id:?}");
        }
    }
}
