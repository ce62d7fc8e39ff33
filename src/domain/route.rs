//! Which access flow decides a wish: the first in file order that fits person, target, permission and duration.

use std::collections::BTreeSet;

use super::{
    Permission, Resource, ResourceKind, ResourceRef,
    policy::{AccessFlow, Target},
};

/// Who asks, as far as flows can tell.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// The name in `[people]`, if any.
    pub name: Option<String>,
    /// The configured groups the person is in.
    pub groups: BTreeSet<String>,
}

/// A permission somebody may ask for on a resource, and for how long at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer<'a> {
    pub permission: &'a Permission,
    /// The flow that decides the shortest wish.
    pub flow: &'a AccessFlow,
    /// The longest of all flows that give it.
    pub max_seconds: i64,
}

/// What became of the search for a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route<'a> {
    Flow(&'a AccessFlow),
    /// Flows give this permission here, but not for so long.
    TooLong {
        max_seconds: i64,
    },
    /// No flow gives it.
    Nothing,
}

impl AccessFlow {
    pub fn is_for(&self, asker: &Asker) -> bool {
        asker
            .name
            .as_ref()
            .is_some_and(|name| self.requesters.people.contains(name))
            || self
                .requesters
                .groups
                .iter()
                .any(|group| asker.groups.contains(group))
    }

    pub fn gives(&self, integration: &str, resource: &ResourceRef, permission: &Permission) -> bool {
        self.targets
            .iter()
            .any(|target| target.covers(integration, resource) && target.allows(permission))
    }
}

impl Target {
    pub fn covers(&self, integration: &str, resource: &ResourceRef) -> bool {
        self.integration == integration
            && self
                .types
                .as_ref()
                .is_none_or(|types| types.contains(&resource.kind))
            && self.resources.as_ref().is_none_or(|names| {
                names
                    .iter()
                    .any(|name| fits(name, &resource.title) || fits(name, &resource.id.join("/")))
            })
    }

    fn allows(&self, permission: &Permission) -> bool {
        match &self.permissions {
            None => !permission.dangerous,
            Some(names) => names.iter().any(|name| permission.is_called(name)),
        }
    }
}

/// The flow that decides a wish of so many seconds.
pub fn route<'a>(
    flows: &'a [AccessFlow],
    asker: &Asker,
    integration: &str,
    resource: &ResourceRef,
    permission: &Permission,
    seconds: i64,
) -> Route<'a> {
    let mut longest = None;
    for flow in flows
        .iter()
        .filter(|flow| flow.is_for(asker) && flow.gives(integration, resource, permission))
    {
        if seconds <= flow.max_seconds {
            return Route::Flow(flow);
        }
        longest = longest.max(Some(flow.max_seconds));
    }
    longest.map_or(Route::Nothing, |max_seconds| Route::TooLong { max_seconds })
}

/// All that somebody may ask for on a resource, the least first. Empty: to them the resource does not exist.
pub fn offers<'a>(
    flows: &'a [AccessFlow],
    asker: &Asker,
    integration: &str,
    resource: &Resource,
    kind: &'a ResourceKind,
) -> Vec<Offer<'a>> {
    let mut found = Vec::new();
    for permission in &kind.permissions {
        let fitting = || {
            flows
                .iter()
                .filter(|flow| flow.is_for(asker) && flow.gives(integration, &resource.at, permission))
        };
        if let (Some(flow), Some(max_seconds)) =
            (fitting().next(), fitting().map(|flow| flow.max_seconds).max())
        {
            found.push(Offer {
                permission,
                flow,
                max_seconds,
            });
        }
    }
    found
}

/// Whether `name` fits a pattern in which `*` stands for any text; case does not matter.
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pattern
        .contains('*')
        .then(|| pattern.rsplit('*').next().unwrap_or_default())
    else {
        return rest.is_empty();
    };
    let middle: Vec<&str> = parts.collect();
    for part in &middle[..middle.len().saturating_sub(1)] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[path = "route_test.rs"]
mod tests;
