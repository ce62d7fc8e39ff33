//! Who is asking, and whether they may: roles of their own and by mapping, action groups, patterns with variables.

use std::collections::BTreeSet;

use serde_json::Value;

use super::State;
use crate::search::{
    data::matches,
    line::{Answer, Claimed},
    wish::Deed,
};

/// Roles that may use the API: `plugins.security.restapi.roles_enabled`.
const ROLES_ENABLED: [&str; 2] = ["all_access", "security_rest_api_access"];

pub fn authenticate(state: &State, claimed: &Claimed) -> Result<String, Answer> {
    let unauthorized = || Answer::text(401, "Unauthorized");
    match claimed {
        Claimed::Basic(name, password) => match state.users.get(name) {
            Some(user) if user.password == *password => Ok(name.clone()),
            _ => Err(unauthorized()),
        },
        Claimed::Nobody | Claimed::Key(..) | Claimed::Bearer(_) | Claimed::Unreadable => Err(unauthorized()),
    }
}

pub fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Their own, and those that a mapping gives to them, to one of their backend roles, or to everybody.
pub fn roles_of(state: &State, login: &str) -> BTreeSet<String> {
    let Some(user) = state.users.get(login) else {
        return BTreeSet::new();
    };
    let mut roles: BTreeSet<String> = user.roles.iter().cloned().collect();
    for (role, mapping) in &state.mappings {
        let by_name = texts(&mapping["users"]).any(|pattern| matches(pattern, login));
        let by_backend = texts(&mapping["backend_roles"]).any(|one| user.backend_roles.contains(one));
        if by_name || by_backend {
            roles.insert(role.clone());
        }
    }
    // What is listed and not there gives nothing.
    roles.retain(|role| state.roles.contains_key(role));
    roles
}

pub fn has_api_access(state: &State, login: &str) -> bool {
    roles_of(state, login)
        .iter()
        .any(|role| ROLES_ENABLED.contains(&role.as_str()))
}

/// Actions of a group, or itself.
fn actions(name: &str) -> Vec<&str> {
    match name {
        "unlimited" => vec!["*"],
        "cluster_all" => vec!["cluster:*"],
        "cluster_monitor" => vec!["cluster:monitor/*"],
        "cluster_composite_ops_ro" => vec![
            "indices:data/read/msearch*",
            "indices:data/read/scroll*",
            "indices:data/read/mget*",
        ],
        "cluster_composite_ops" => vec![
            "indices:data/write/bulk",
            "indices:admin/aliases*",
            "indices:data/write/reindex",
        ],
        "indices_all" => vec!["indices:*"],
        "read" => vec![
            "indices:data/read*",
            "indices:admin/mappings/fields/get*",
            "indices:admin/resolve/index",
        ],
        "write" => vec!["indices:data/write*", "indices:admin/mapping/put"],
        "crud" => [actions("read"), actions("write")].concat(),
        "indices_monitor" => vec!["indices:monitor/*"],
        one => vec![one],
    }
}

fn allows(granted: &Value, action: &str) -> bool {
    texts(granted).any(|name| actions(name).iter().any(|pattern| matches(pattern, action)))
}

fn forbidden(login: &str, action: &str) -> Answer {
    let reason = format!(
        "no permissions for [{action}] and User [name={login}, backend_roles=[], requestedTenant=null]"
    );
    Answer::error(403, "security_exception", &reason)
}

/// # Errors
/// 403 without the permission on the cluster.
pub fn needs(state: &State, login: &str, action: &str) -> Result<(), Answer> {
    let may = roles_of(state, login)
        .iter()
        .any(|role| allows(&state.roles[role]["cluster_permissions"], action));
    if may {
        Ok(())
    } else {
        Err(forbidden(login, action))
    }
}

fn action(deed: Deed) -> &'static str {
    match deed {
        Deed::Search => "indices:data/read/search",
        Deed::Write => "indices:data/write/index",
        Deed::Metadata => "indices:admin/mappings/get",
        Deed::Monitor => "indices:monitor/stats",
        Deed::Manage => "indices:admin/settings/update",
        Deed::Create => "indices:admin/create",
    }
}

/// Every index behind the name must be allowed: by its own name, or by that of an alias or a data stream it is in.
pub fn may(state: &State, login: &str, deed: Deed, name: &str) -> bool {
    let roles = roles_of(state, login);
    let behind = match state.data.behind(name) {
        Some(behind) => behind,
        None => BTreeSet::from([name.to_owned()]),
    };
    let covered = |index: &String| {
        let known_as = state.data.known_as(index);
        roles.iter().any(|role| {
            let entries = state.roles[role]["index_permissions"].as_array();
            entries.into_iter().flatten().any(|entry| {
                let named = texts(&entry["index_patterns"]).any(|pattern| {
                    let pattern = pattern.replace("${user.name}", login);
                    known_as.iter().any(|name| matches(&pattern, name))
                });
                named && allows(&entry["allowed_actions"], action(deed))
            })
        })
    };
    behind.iter().all(covered)
}

/// # Errors
/// 403 without the permission on the name.
pub fn needs_on(state: &State, login: &str, deed: Deed, name: &str) -> Result<(), Answer> {
    if may(state, login, deed, name) {
        Ok(())
    } else {
        Err(forbidden(login, action(deed)))
    }
}
