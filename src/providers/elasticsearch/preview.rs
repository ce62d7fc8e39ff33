//! What a change would run, told without asking the cluster.

use super::{
    Elasticsearch,
    calls::{self, Realm},
    may_leave_things,
    plan::{self, Seen, to_give, to_take},
    wire::{Role, User},
};
use crate::providers::{Account, Change, Result, Want, search::place::Place};

pub fn preview(provider: &Elasticsearch, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account.name.login(), change) {
        Ok(lines) => lines,
        // What no call can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn lines(provider: &Elasticsearch, login: &str, change: &Change) -> Result<Vec<String>> {
    let seen = supposed(provider, login, change);
    let plan = plan::plan(provider, login, change, &seen)?;
    let user = seen.user.as_ref();
    let mut roles = plan.held.clone();
    roles.extend(plan.giving.iter().map(|giving| giving.role.clone()));
    let leaving = plan.leaving.iter().map(|leaving| leaving.call.line());
    let giving = plan.giving.iter().map(|giving| giving.call.line());
    let mut lines: Vec<String> = leaving.chain(giving).collect();
    for error in plan.failed.values() {
        lines.push(format!("# not given: {}", error.message));
    }
    if let Some(call) = plan::user_call(&provider.mark, login, change, user, &roles)? {
        lines.push(call.line());
    }
    if !matches!(change.want, Want::Open(_)) {
        lines.push(calls::clear_cache(&Realm::Shown, login).line());
    }
    if plan::ends_keys(change, &plan, user, &roles) {
        lines.push(calls::invalidate_tokens(login).line());
        lines.push(calls::invalidate_keys(login).line());
    }
    if to_give(change).any(may_leave_things) {
        lines.push(format!("# {}", super::LEAVES));
    }
    Ok(lines)
}

/// A cluster that has what is asked for, and of ours only what is to go.
fn supposed(provider: &Elasticsearch, login: &str, change: &Change) -> Seen {
    let mark = &provider.mark;
    let metadata = |login: Option<&str>| {
        let mark = Some((calls::MARK.to_owned(), mark.text.clone().into()));
        let login = login.map(|login| (calls::LOGIN.to_owned(), login.into()));
        mark.into_iter().chain(login).collect()
    };
    let mut seen = Seen::default();
    for lease in to_give(change).chain(to_take(change)) {
        if let Ok(Place::Role(name)) = Place::of(&lease.resource) {
            seen.roles.insert(name, Role::default());
        }
    }
    let mut held = std::collections::BTreeSet::new();
    for lease in to_take(change) {
        let role = match Place::of(&lease.resource) {
            Ok(Place::Role(name)) => name,
            Ok(Place::Index(_)) => {
                let name = mark.lease_role(&lease.id);
                let role = Role {
                    metadata: metadata(Some(login)),
                    ..Role::default()
                };
                seen.roles.insert(name.clone(), role);
                name
            }
            Err(_) => continue,
        };
        held.insert(role);
    }
    let new = matches!(change.want, Want::Open(_)) && change.credential.is_some();
    if !new {
        seen.user = Some(User {
            roles: held,
            metadata: metadata(None),
            enabled: true,
        });
    }
    seen
}
