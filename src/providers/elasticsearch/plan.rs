//! What has to be called, from what was seen. Pure: `preview` and `converge` share it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Elasticsearch, calls,
    wire::{Role, User},
};
use crate::{
    providers::{
        Change, Credential, ErrorKind, Lease, LeaseId, Mark, ProviderError, Result, Want, names,
        search::{
            call::Call,
            config::invalid,
            place::{Access, Place},
        },
    },
    secrets::Secret,
};

#[derive(Debug, Default)]
pub struct Seen {
    pub user: Option<User>,
    pub roles: BTreeMap<String, Role>,
}

/// A lease's role that has to be made.
#[derive(Debug)]
pub struct Giving {
    pub lease: LeaseId,
    pub role: String,
    /// Must exist.
    pub index: String,
    pub call: Call,
}

/// A lease's role that has to go; without a lease it is a stray.
#[derive(Debug)]
pub struct Leaving {
    pub lease: Option<LeaseId>,
    pub call: Call,
}

#[derive(Debug, Default)]
pub struct Plan {
    pub leaving: Vec<Leaving>,
    pub giving: Vec<Giving>,
    /// Roles that the login is to have and that are there already.
    pub held: BTreeSet<String>,
    pub failed: BTreeMap<LeaseId, ProviderError>,
    /// The login is gone, or shut by somebody else, and no credential came to open it with.
    pub needs_credential: bool,
}

/// Leases that are to be given: standing access is neither given nor taken.
pub fn to_give(change: &Change) -> impl Iterator<Item = &Lease> {
    change
        .ensure()
        .iter()
        .filter(|lease| lease.standing != Some(true))
}

pub fn to_take(change: &Change) -> impl Iterator<Item = &Lease> {
    change.release.iter().filter(|lease| lease.standing != Some(true))
}

/// # Errors
/// `Unsupported` if it is no password.
pub fn password(change: &Change) -> Result<Option<&Secret>> {
    change.credential.as_ref().map(Credential::password).transpose()
}

impl User {
    pub fn is_marked(&self, mark: &Mark) -> bool {
        text(&self.metadata, calls::MARK) == Some(mark.text.as_str()) && !is_reserved(&self.metadata)
    }
}

impl Role {
    pub fn is_marked(&self, mark: &Mark) -> bool {
        text(&self.metadata, calls::MARK) == Some(mark.text.as_str())
    }

    pub fn is_of(&self, login: &str) -> bool {
        text(&self.metadata, calls::LOGIN) == Some(login)
    }

    pub fn is_reserved(&self) -> bool {
        is_reserved(&self.metadata)
    }

    /// Exactly what a lease gives: nothing more, nothing less.
    fn gives(&self, index: &str, access: Access) -> bool {
        let [only] = self.indices.as_slice() else {
            return false;
        };
        let bare = self.cluster.is_empty() && self.applications.is_empty() && self.run_as.is_empty();
        let whole = only.query.is_none() && only.field_security.is_none() && !only.allow_restricted_indices;
        let wanted = calls::privileges(access).iter().copied();
        bare && whole && only.names == [index] && only.privileges.iter().map(String::as_str).eq(wanted)
    }
}

fn text<'a>(metadata: &'a serde_json::Map<String, serde_json::Value>, key: &str) -> Option<&'a str> {
    metadata.get(key)?.as_str()
}

fn is_reserved(metadata: &serde_json::Map<String, serde_json::Value>) -> bool {
    metadata.get("_reserved").and_then(serde_json::Value::as_bool) == Some(true)
}

pub fn taken(what: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Taken,
        format!("{what} exists and does not carry our mark"),
    )
}

/// # Errors
/// `Taken` if the login is not ours.
pub fn plan(provider: &Elasticsearch, login: &str, change: &Change, seen: &Seen) -> Result<Plan> {
    let mark = &provider.mark;
    if seen.user.as_ref().is_some_and(|user| !user.is_marked(mark)) {
        return Err(taken(&format!("a user {login}")));
    }
    let mut plan = Plan::default();
    sort_lease_roles(mark, login, change, seen, &mut plan);
    let opens = match &seen.user {
        Some(user) if user.enabled => true,
        Some(_) | None => change.credential.is_some(),
    };
    match &change.want {
        Want::Open(_) if opens => {
            for lease in to_give(change) {
                if let Err(error) = give(provider, login, lease, seen, &mut plan) {
                    plan.failed.entry(lease.id.clone()).or_insert(error);
                }
            }
        }
        Want::Open(_) => plan.needs_credential = true,
        Want::Disabled | Want::Deleted => {}
    }
    Ok(plan)
}

/// A role that only has our kind of name is nobody's to touch.
fn sort_lease_roles(mark: &Mark, login: &str, change: &Change, seen: &Seen, plan: &mut Plan) {
    let named =
        |lease: &&Lease, name: &str| mark.lease_role(&lease.id) == name && lease.resource.kind != "role";
    for (name, role) in seen.roles.iter().filter(|(name, _)| mark.names_lease_role(name)) {
        let wanted = to_give(change).find(|lease| named(lease, name));
        let released = to_take(change).find(|lease| named(lease, name));
        if !role.is_marked(mark) {
            if let Some(lease) = wanted.or(released) {
                plan.failed
                    .insert(lease.id.clone(), taken(&format!("a role {name}")));
            }
        } else if wanted.is_none() && (released.is_some() || role.is_of(login)) {
            plan.leaving.push(Leaving {
                lease: released.map(|lease| lease.id.clone()),
                call: calls::delete_role(name),
            });
        }
    }
}

fn give(provider: &Elasticsearch, login: &str, lease: &Lease, seen: &Seen, plan: &mut Plan) -> Result<()> {
    match Place::and_access(lease)? {
        (Place::Role(name), _) => {
            let role = seen
                .roles
                .get(&name)
                .ok_or_else(|| invalid(format!("there is no role {name}")))?;
            provider.may_give(&name, role)?;
            plan.held.insert(name);
        }
        (Place::Index(index), access) => {
            let role = provider.mark.lease_role(&lease.id);
            let there = seen.roles.get(&role);
            if there.is_some_and(|there| !there.is_marked(&provider.mark)) {
                // Named among the failed already.
            } else if there.is_some_and(|there| there.is_of(login) && there.gives(&index, access)) {
                plan.held.insert(role);
            } else {
                plan.giving.push(Giving {
                    lease: lease.id.clone(),
                    call: calls::put_lease_role(&provider.mark, &role, login, &index, access),
                    role,
                    index,
                });
            }
        }
    }
    Ok(())
}

impl Elasticsearch {
    /// Whether a role may be asked for.
    ///
    /// # Errors
    /// `Invalid` for the system's own roles, unless the configuration names them, and for ours.
    pub fn may_give(&self, name: &str, role: &Role) -> Result<()> {
        if names::is_reserved(name) || name == super::SUPERUSER {
            return Err(invalid(format!("{name} is never given")));
        }
        if role.is_reserved() && !self.reserved_roles.iter().any(|allowed| allowed == name) {
            return Err(invalid(format!(
                "{name} is one of the system's own roles; reserved_roles does not name it"
            )));
        }
        Ok(())
    }
}

/// The call that makes the login as it should be; `None` where it is so.
pub fn user_call(
    mark: &Mark,
    login: &str,
    change: &Change,
    user: Option<&User>,
    roles: &BTreeSet<String>,
) -> Result<Option<Call>> {
    let password = password(change)?;
    Ok(match (&change.want, user, password) {
        (Want::Open(_), None, None) => None,
        (Want::Open(_), Some(user), None) if !user.enabled || &user.roles == roles => None,
        (Want::Open(_), _, password) => Some(calls::open_user(mark, login, roles, password)),
        (Want::Disabled, Some(user), password) if user.enabled || !user.roles.is_empty() => {
            Some(calls::shut_user(mark, login, password))
        }
        (Want::Deleted, Some(_), _) => Some(calls::delete_user(login)),
        (Want::Disabled | Want::Deleted, _, _) => None,
    })
}

/// Whether API keys and tokens of the login have to die: they keep what the login could when they were made.
pub fn ends_keys(change: &Change, plan: &Plan, user: Option<&User>, roles: &BTreeSet<String>) -> bool {
    match &change.want {
        // Even without the login: keys outlive it.
        Want::Disabled | Want::Deleted => true,
        Want::Open(_) => {
            let loses = user.is_some_and(|user| user.roles.difference(roles).next().is_some());
            to_take(change).next().is_some() || !plan.leaving.is_empty() || loses
        }
    }
}
