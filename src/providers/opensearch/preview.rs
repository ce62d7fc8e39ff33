//! What a change would run, told without asking the cluster.

use std::collections::BTreeSet;

use super::{
    OpenSearch,
    calls::{self, Prefix},
    plan::{self, Seen, to_give, to_take},
    wire::{Role, User},
};
use crate::providers::{Account, Change, Result, Want, search::place::Place};

pub fn preview(provider: &OpenSearch, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account.name.login(), change) {
        Ok(lines) => lines,
        // What no call can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn lines(provider: &OpenSearch, login: &str, change: &Change) -> Result<Vec<String>> {
    let prefix = provider.prefix.get().copied().unwrap_or(Prefix::Plugins);
    let seen = supposed(provider, login, change);
    let plan = plan::plan(provider, prefix, login, change, &seen)?;
    let user = seen.user.as_ref();
    let mut roles = plan.held.clone();
    roles.extend(plan.giving.iter().map(|giving| giving.role.clone()));
    let leaving = plan.leaving.iter().map(|leaving| leaving.call.line());
    let giving = plan.giving.iter().map(|giving| giving.call.line());
    let mut lines: Vec<String> = leaving.chain(giving).collect();
    for error in plan.failed.values() {
        lines.push(format!("# not given: {}", error.message));
    }
    if let Some(call) = plan::user_call(&provider.mark, prefix, login, change, user, &roles)? {
        lines.push(call.line());
    }
    let takes = !matches!(change.want, Want::Open(_)) || to_take(change).next().is_some();
    if takes {
        lines.push(prefix.flush_cache().line());
    }
    Ok(lines)
}

/// A cluster that has what is asked for, and of ours only what is to go.
fn supposed(provider: &OpenSearch, login: &str, change: &Change) -> Seen {
    let mark = &provider.mark;
    let mut seen = Seen::default();
    for lease in to_give(change).chain(to_take(change)) {
        if let Ok(Place::Role(name)) = Place::of(&lease.resource) {
            seen.roles.insert(name, Role::default());
        }
    }
    let mut held = BTreeSet::new();
    for lease in to_take(change) {
        match Place::of(&lease.resource) {
            Ok(Place::Role(name)) => {
                held.insert(name);
            }
            Ok(Place::Index(_)) => {
                let name = mark.lease_role(&lease.id);
                let role = Role {
                    description: Some(calls::description(mark, login)),
                    ..Role::default()
                };
                seen.roles.insert(name.clone(), role);
                held.insert(name);
            }
            Err(_) => {}
        }
    }
    let new = matches!(change.want, Want::Open(_)) && change.credential.is_some();
    if !new {
        seen.user = Some(User {
            roles: held,
            attributes: calls::open_attributes(mark),
            ..User::default()
        });
    }
    seen
}
