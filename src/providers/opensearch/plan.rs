//! What has to be called, from what was seen. Pure: `preview` and `converge` share it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    OpenSearch,
    calls::{self, Given, Prefix},
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
        let ours = self.attributes.get(calls::MARK) == Some(&mark.text);
        ours && !self.reserved && !self.hidden && !self.fixed
    }

    pub fn is_shut(&self) -> bool {
        self.attributes
            .get(calls::STATE)
            .is_some_and(|state| state == calls::SHUT)
    }
}

impl Role {
    /// Whose lease it carries, if it is one of ours.
    pub fn login(&self, mark: &Mark) -> Option<&str> {
        let rest = self.description.as_deref()?.strip_prefix(mark.text.as_str())?;
        rest.strip_prefix(" login=")
    }

    /// Exactly what a lease gives: nothing more, nothing less.
    fn gives(&self, index: &str, access: Access) -> bool {
        let [only] = self.index_permissions.as_slice() else {
            return false;
        };
        let same = |held: &BTreeSet<String>, wanted: &[&str]| {
            held.iter().map(String::as_str).eq(wanted.iter().copied())
        };
        let given = Given::of(access);
        let masked = only
            .masked_fields
            .as_ref()
            .is_some_and(|fields| !fields.is_empty());
        let whole = only.dls.as_ref().is_none_or(String::is_empty) && only.fls.is_empty() && !masked;
        whole
            && self.tenant_permissions.is_empty()
            && only.index_patterns == [index]
            && same(&only.allowed_actions, given.index)
            && same(&self.cluster_permissions, given.cluster)
    }
}

pub fn taken(what: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Taken,
        format!("{what} exists and does not carry our mark"),
    )
}

/// # Errors
/// `Taken` if the login is not ours.
pub fn plan(
    provider: &OpenSearch,
    prefix: Prefix,
    login: &str,
    change: &Change,
    seen: &Seen,
) -> Result<Plan> {
    let mark = &provider.mark;
    if seen.user.as_ref().is_some_and(|user| !user.is_marked(mark)) {
        return Err(taken(&format!("a user {login}")));
    }
    let mut plan = Plan::default();
    sort_lease_roles(mark, prefix, login, change, seen, &mut plan);
    let opens = match &seen.user {
        Some(user) if !user.is_shut() => true,
        Some(_) | None => change.credential.is_some(),
    };
    match &change.want {
        Want::Open(_) if opens => {
            for lease in to_give(change) {
                if let Err(error) = give(provider, prefix, login, lease, seen, &mut plan) {
                    plan.failed.entry(lease.id.clone()).or_insert(error);
                }
            }
            if to_give(change).any(|lease| !plan.failed.contains_key(&lease.id)) {
                plan.held.extend(provider.dashboards_role.clone());
            }
        }
        Want::Open(_) => plan.needs_credential = true,
        Want::Disabled | Want::Deleted => {}
    }
    Ok(plan)
}

/// A role that only has our kind of name is nobody's to touch.
fn sort_lease_roles(mark: &Mark, prefix: Prefix, login: &str, change: &Change, seen: &Seen, plan: &mut Plan) {
    let named =
        |lease: &&Lease, name: &str| mark.lease_role(&lease.id) == name && lease.resource.kind != "role";
    for (name, role) in seen.roles.iter().filter(|(name, _)| mark.names_lease_role(name)) {
        let wanted = to_give(change).find(|lease| named(lease, name));
        let released = to_take(change).find(|lease| named(lease, name));
        match role.login(mark) {
            None => {
                if let Some(lease) = wanted.or(released) {
                    plan.failed
                        .insert(lease.id.clone(), taken(&format!("a role {name}")));
                }
            }
            Some(of) if wanted.is_none() && (released.is_some() || of == login) => {
                plan.leaving.push(Leaving {
                    lease: released.map(|lease| lease.id.clone()),
                    call: prefix.delete_role(name),
                });
            }
            Some(_) => {}
        }
    }
}

fn give(
    provider: &OpenSearch,
    prefix: Prefix,
    login: &str,
    lease: &Lease,
    seen: &Seen,
    plan: &mut Plan,
) -> Result<()> {
    match Place::and_access(lease)? {
        (Place::Role(name), _) => {
            let role = seen
                .roles
                .get(&name)
                .ok_or_else(|| invalid(format!("there is no role {name}")))?;
            provider.may_give(&name, role)?;
            plan.held.insert(name);
        }
        (Place::Index(_), Access::Monitor) => {
            return Err(invalid("OpenSearch has no permission monitor on an index"));
        }
        (Place::Index(index), access) => {
            let mark = &provider.mark;
            let role = mark.lease_role(&lease.id);
            match seen.roles.get(&role) {
                // Named among the failed already.
                Some(there) if there.login(mark).is_none() => {}
                Some(there) if there.login(mark) == Some(login) && there.gives(&index, access) => {
                    plan.held.insert(role);
                }
                Some(_) | None => plan.giving.push(Giving {
                    lease: lease.id.clone(),
                    call: prefix.put_lease_role(mark, &role, login, &index, access),
                    role,
                    index,
                }),
            }
        }
    }
    Ok(())
}

impl OpenSearch {
    /// Whether a role may be asked for.
    ///
    /// # Errors
    /// `Invalid` for hidden roles and ours, and for those above all others unless the configuration names them.
    pub fn may_give(&self, name: &str, role: &Role) -> Result<()> {
        if names::is_reserved(name) || role.hidden {
            return Err(invalid(format!("{name} is never given")));
        }
        if super::ABOVE_ALL.contains(&name) && !self.reserved_roles.iter().any(|allowed| allowed == name) {
            return Err(invalid(format!(
                "{name} is above all other roles; reserved_roles does not name it"
            )));
        }
        Ok(())
    }
}

/// The call that makes the login as it should be; `None` where it is so.
pub fn user_call(
    mark: &Mark,
    prefix: Prefix,
    login: &str,
    change: &Change,
    user: Option<&User>,
    roles: &BTreeSet<String>,
) -> Result<Option<Call>> {
    let password = password(change)?;
    Ok(match (&change.want, user, password) {
        (Want::Open(_), None, Some(password)) => Some(prefix.put_user(mark, login, roles, password)),
        (Want::Open(_), None, None) => None,
        (Want::Open(_), Some(user), None) if user.is_shut() || is_open_so(mark, user, roles) => None,
        (Want::Open(_), Some(_), password) => Some(prefix.open_user(mark, login, roles, password)),
        (Want::Disabled, Some(user), password)
            if !user.is_shut() || !user.roles.is_empty() || !user.backend_roles.is_empty() =>
        {
            Some(prefix.shut_user(mark, login, password))
        }
        (Want::Deleted, Some(_), _) => Some(prefix.delete_user(login)),
        (Want::Disabled | Want::Deleted, _, _) => None,
    })
}

fn is_open_so(mark: &Mark, user: &User, roles: &BTreeSet<String>) -> bool {
    &user.roles == roles && user.backend_roles.is_empty() && user.attributes == calls::open_attributes(mark)
}
