//! What can be asked for on Elasticsearch and OpenSearch alike, as the suite names it.

use latchkey::providers::ResourceRef;

use crate::target::Thing;

/// An index, alias or data stream.
pub fn on(index: &str, permission: &str) -> Thing {
    let at = ResourceRef {
        kind: "index".to_owned(),
        id: vec![index.to_owned()],
        title: index.to_owned(),
    };
    Thing {
        at,
        permission: permission.to_owned(),
    }
}

pub fn member_of(role: &str) -> Thing {
    let at = ResourceRef {
        kind: "role".to_owned(),
        id: vec![role.to_owned()],
        title: format!("role/{role}"),
    };
    Thing {
        at,
        permission: "member".to_owned(),
    }
}

/// Roles with names that try to be more than names.
pub const HOSTILE_ROLES: [&str; 3] = [
    "suite'; ${user.name}",
    "suite/../role\u{202e}",
    "suite \"{secret}\" <realm>",
];
