//! Who holds what: the roles of leases with their holders, and all that was given to one user or role.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    exec::Row,
    look::{Server, column, upper},
    session::Session,
};
use crate::providers::{LeaseId, Mark, Result};

/// A role of one lease, and who holds it.
#[derive(Debug, Clone)]
pub struct LeaseRole {
    pub name: String,
    pub lease: LeaseId,
    pub holders: Vec<Holder>,
}

#[derive(Debug, Clone)]
pub struct Holder {
    pub name: String,
    /// Whether a login enables it: not where the login's default roles are a list.
    pub default: bool,
}

impl LeaseRole {
    pub fn held_by(&self, login: &str) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.name == login)
    }
}

/// All lease roles of ours. A role has no room for a mark: name and stamp tell.
pub async fn lease_roles(session: &mut Session, mark: &Mark) -> Result<Vec<LeaseRole>> {
    let prefix = upper(&mark.lease_role_prefix());
    let like = format!("{}%", prefix.replace('_', "\\_"));
    let roles = session
        .rows(
            "SELECT role FROM dba_roles WHERE role LIKE :1 ESCAPE '\\' ORDER BY role",
            &[&like],
        )
        .await?;
    let edges = session
        .rows(
            "SELECT granted_role, grantee, default_role FROM dba_role_privs WHERE granted_role LIKE :1 ESCAPE '\\'",
            &[&like],
        )
        .await?;
    let mut holders: BTreeMap<String, Vec<Holder>> = BTreeMap::new();
    for edge in &edges {
        holders.entry(column(edge, 0)).or_default().push(Holder {
            name: column(edge, 1),
            default: column(edge, 2) == "YES",
        });
    }
    let of = |row: &Row| {
        let name = column(row, 0);
        LeaseRole {
            lease: LeaseId(name[prefix.len()..].to_ascii_lowercase()),
            holders: holders.remove(&name).unwrap_or_default(),
            name,
        }
    };
    Ok(roles.iter().map(of).collect())
}

/// Everything that was given to a user or role directly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    pub system: BTreeSet<String>,
    pub roles: BTreeSet<String>,
    /// (schema, object) with the privileges on it.
    pub objects: BTreeMap<(String, String), BTreeSet<String>>,
    /// Schema with the privileges on all of it.
    pub schemas: BTreeMap<String, BTreeSet<String>>,
}

pub async fn holdings(session: &mut Session, server: &Server, grantee: &str) -> Result<Holdings> {
    let mut found = Holdings::default();
    for row in session
        .rows(
            "SELECT privilege FROM dba_sys_privs WHERE grantee = :1",
            &[grantee],
        )
        .await?
    {
        found.system.insert(column(&row, 0));
    }
    for row in session
        .rows(
            "SELECT granted_role FROM dba_role_privs WHERE grantee = :1",
            &[grantee],
        )
        .await?
    {
        found.roles.insert(column(&row, 0));
    }
    for row in session
        .rows(
            "SELECT owner, table_name, privilege FROM dba_tab_privs WHERE grantee = :1",
            &[grantee],
        )
        .await?
    {
        let object = (column(&row, 0), column(&row, 1));
        found.objects.entry(object).or_default().insert(column(&row, 2));
    }
    if server.has_schema_privileges() {
        for row in session
            .rows(
                "SELECT schema, privilege FROM dba_schema_privs WHERE grantee = :1",
                &[grantee],
            )
            .await?
        {
            found
                .schemas
                .entry(column(&row, 0))
                .or_default()
                .insert(column(&row, 1));
        }
    }
    Ok(found)
}
