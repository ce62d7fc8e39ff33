//! What the approver reads of a change to a person's own login. Pure.

use std::collections::BTreeSet;

use super::place::{Role, makes_keys, role};
use crate::providers::{Change, Lease, atlas::Write};

/// What the approver reads; whether the person is in the project already only Atlas knows.
pub(super) fn person_preview(org: &str, email: &str, change: &Change) -> Vec<String> {
    let given = |role: &Role| match &role.group {
        None => Write::AddOrgRole {
            org: org.to_owned(),
            user: "<id>".to_owned(),
            role: role.name.clone(),
        },
        Some(group) => Write::JoinGroup {
            group: group.clone(),
            email: email.to_owned(),
            roles: vec![role.name.clone()],
        },
    };
    let taken = |role: &Role| match &role.group {
        None => Write::RemoveOrgRole {
            org: org.to_owned(),
            user: "<id>".to_owned(),
            role: role.name.clone(),
        },
        Some(group) => Write::RemoveGroupRole {
            group: group.clone(),
            user: "<id>".to_owned(),
            role: role.name.clone(),
        },
    };
    let roles = |leases: &[Lease]| -> BTreeSet<Role> {
        let ours = leases.iter().filter(|lease| lease.standing != Some(true));
        ours.filter_map(|lease| role(org, lease).ok()).collect()
    };
    let ensured = roles(change.ensure());
    let mut lines: Vec<String> = ensured.iter().map(|role| given(role).line()).collect();
    if !ensured.is_empty() {
        lines.push(
            "# in the project already: the role is added to those there; not in the organization: invited"
                .to_owned(),
        );
    }
    if ensured.iter().any(|role| makes_keys(&role.name)) {
        lines.push("# API keys, service accounts and database users made with it stay".to_owned());
    }
    let over = roles(&change.release);
    lines.extend(over.difference(&ensured).map(|role| taken(role).line()));
    lines
}
