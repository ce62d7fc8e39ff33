//! Where a resource of the organization is, and whose login holds access there. Pure.

use crate::providers::{
    Lease, Permission, ProviderError, ResourceKind, ResourceRef, Result,
    atlas::{self, Place, invalid},
};

pub(super) const ORGANIZATION: &str = "organization";
pub(super) const PROJECT: &str = "project";
/// The scope of people's own logins: one holds every role in the console.
pub(super) const PEOPLE: &str = "people";
/// What everybody in an organization has, and what a person who loses their last role is left with.
pub(super) const MEMBER: &str = "ORG_MEMBER";

/// Permission, what it is about, whether its holder can widen their own access. Least first.
type Told = (&'static str, &'static [&'static str], &'static str, bool);

/// From the API's document: `orgRole` of `addOrgUserRole`.
const ON_ORGANIZATION: &[Told] = &[
    (
        "ORG_READ_ONLY",
        &["read"],
        "See the organization, its projects and its people",
        false,
    ),
    ("ORG_BILLING_READ_ONLY", &[], "See invoices", false),
    ("ORG_BILLING_ADMIN", &[], "See and pay invoices", false),
    (
        "ORG_GROUP_CREATOR",
        &[],
        "Make projects, and own what one makes",
        false,
    ),
    ("ORG_OWNER", &["admin"], "Everything, in every project", true),
];
/// From the API's document: `groupRole` of `addGroupUserRole`.
const ON_PROJECT: &[Told] = &[
    (
        "GROUP_READ_ONLY",
        &["read"],
        "See the project and its settings",
        false,
    ),
    (
        "GROUP_DATA_ACCESS_READ_ONLY",
        &[],
        "Read data in the console",
        false,
    ),
    ("GROUP_SEARCH_INDEX_EDITOR", &[], "Search indexes", false),
    ("GROUP_BACKUP_MANAGER", &[], "Backups and restores", false),
    (
        "GROUP_DATA_ACCESS_READ_WRITE",
        &["read-write", "rw"],
        "Read and change data in the console",
        false,
    ),
    (
        "GROUP_DATA_ACCESS_ADMIN",
        &[],
        "Change data, databases, collections and indexes in the console",
        false,
    ),
    (
        "GROUP_CLUSTER_MANAGER",
        &[],
        "Change, pause and go on with clusters",
        false,
    ),
    (
        "GROUP_OWNER",
        &["admin"],
        "Everything in the project, its people and database users included",
        true,
    ),
];

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Organization,
    Project(String),
    /// On a cluster: what follows it in the id.
    Data(Place, Vec<String>),
}

impl At {
    pub fn of(org: &str, resource: &ResourceRef) -> Option<Self> {
        match (resource.kind.as_str(), resource.id.as_slice()) {
            (ORGANIZATION, [id]) => (id == org).then_some(Self::Organization),
            (PROJECT, [group]) => atlas::is_id(group).then(|| Self::Project(group.clone())),
            (ORGANIZATION | PROJECT, _) => None,
            (_, [group, cluster, below @ ..]) if atlas::is_id(group) && atlas::is_cluster_name(cluster) => {
                let place = Place {
                    group: group.clone(),
                    cluster: cluster.clone(),
                };
                Some(Self::Data(place, below.to_vec()))
            }
            _ => None,
        }
    }
}

/// A role of the console's, for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Role {
    /// `None`: of the organization.
    pub group: Option<String>,
    pub name: String,
}

/// What a lease on a person's own login means.
pub(super) fn role(org: &str, lease: &Lease) -> Result<Role> {
    let unknown = || -> ProviderError {
        invalid(format!(
            "{} on {} is nothing that the Atlas console gives",
            lease.permission, lease.resource.title
        ))
    };
    let (group, told) = match At::of(org, &lease.resource) {
        Some(At::Organization) => (None, ON_ORGANIZATION),
        Some(At::Project(group)) => (Some(group), ON_PROJECT),
        Some(At::Data(..)) | None => return Err(unknown()),
    };
    match told.iter().any(|(name, ..)| *name == lease.permission) {
        true => Ok(Role {
            group,
            name: lease.permission.clone(),
        }),
        false => Err(unknown()),
    }
}

/// Whoever held it could make keys and users that outlive it.
pub(super) fn makes_keys(role: &str) -> bool {
    matches!(role, "ORG_OWNER" | "GROUP_OWNER" | "ORG_GROUP_CREATOR")
}

pub(super) fn kinds() -> Vec<ResourceKind> {
    let kind = |name: &str, told: &[Told]| ResourceKind {
        name: name.to_owned(),
        permissions: told
            .iter()
            .map(|(name, also, about, dangerous)| Permission {
                name: (*name).to_owned(),
                also: also.iter().map(|name| (*name).to_owned()).collect(),
                about: (*about).to_owned(),
                dangerous: *dangerous,
            })
            .collect(),
        typed_under: None,
    };
    let mut kinds = vec![kind(ORGANIZATION, ON_ORGANIZATION), kind(PROJECT, ON_PROJECT)];
    kinds.extend(atlas::data_kinds());
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORG: &str = "0a0000000000000000000001";
    const GROUP: &str = "5f0000000000000000000001";

    #[test]
    fn only_well_formed_ids_are_places() {
        let at = |kind: &str, id: &[&str]| {
            let resource = ResourceRef {
                kind: kind.to_owned(),
                id: id.iter().map(|part| (*part).to_owned()).collect(),
                title: "x".to_owned(),
            };
            At::of(ORG, &resource)
        };
        assert_eq!(at("organization", &[ORG]), Some(At::Organization));
        assert_eq!(at("project", &[GROUP]), Some(At::Project(GROUP.to_owned())));
        assert!(
            matches!(at("database", &[GROUP, "c0", "shop"]), Some(At::Data(_, below)) if below == ["shop"])
        );
        assert!(matches!(at("cluster", &[GROUP, "c0"]), Some(At::Data(_, below)) if below.is_empty()));
        for (kind, id) in [
            ("organization", &[GROUP][..]),
            ("project", &["../orgs"]),
            ("project", &[GROUP, "c0"]),
            ("cluster", &[GROUP]),
            ("cluster", &[GROUP, "../x"]),
            ("cluster", &["shop", "c0"]),
        ] {
            assert_eq!(at(kind, id), None, "{kind} {id:?}");
        }
    }
}
