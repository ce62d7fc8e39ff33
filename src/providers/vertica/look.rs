//! What is there: logins, roles and who holds them, privileges, objects, sessions. Writes nothing.
//!
//! Only single catalogue tables are asked, without joins: names are compared here, where Vertica's "case is kept and ignored"
//! holds for all of them alike.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{
    error::invalid,
    place::{is_system_schema, same},
    session::{Session, text, truth},
    statements::{Owned, Relation},
};
use crate::providers::{ErrorKind, LeaseId, Mark, ProviderError, Result, sql::literal};

/// The one that the connection is in.
#[derive(Debug, Clone)]
pub struct Database {
    pub id: String,
    pub name: String,
    pub owner: String,
}

pub async fn database(session: &mut Session) -> Result<Database> {
    let rows = session
        .rows("SELECT database_id, database_name, owner_name FROM v_catalog.databases")
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| ProviderError::new(ErrorKind::Transient, "the server names no database"))?;
    Ok(Database {
        id: text(row, 0),
        name: text(row, 1),
        owner: text(row, 2),
    })
}

/// A login.
#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub name: String,
    pub locked: bool,
    pub profile: String,
    /// As the server lists them.
    pub default_roles: String,
}

const USER: &str = "SELECT user_id, user_name, is_locked, profile_name, default_roles FROM v_catalog.users";

pub async fn users(session: &mut Session) -> Result<Vec<User>> {
    Ok(session.rows(USER).await?.iter().map(user_of).collect())
}

pub async fn user(session: &mut Session, name: &str) -> Result<Option<User>> {
    let sql = format!("{USER} WHERE LOWER(user_name) = LOWER({})", literal(name)?);
    Ok(session.rows(&sql).await?.first().map(user_of))
}

fn user_of(row: &super::wire::Row) -> User {
    User {
        id: text(row, 0),
        name: text(row, 1),
        locked: truth(row, 2),
        profile: text(row, 3),
        default_roles: text(row, 4),
    }
}

pub async fn has_profile(session: &mut Session, name: &str) -> Result<bool> {
    let sql = format!(
        "SELECT profile_name FROM v_catalog.profiles WHERE LOWER(profile_name) = LOWER({})",
        literal(name)?
    );
    Ok(!session.rows(&sql).await?.is_empty())
}

/// A role, held by a user or another role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub role: String,
    pub holder: String,
}

pub async fn edges(session: &mut Session) -> Result<Vec<Edge>> {
    let rows = session
        .rows("SELECT object_name, grantee FROM v_catalog.grants WHERE object_type = 'ROLE'")
        .await?;
    Ok(rows
        .iter()
        .map(|row| Edge {
            role: text(row, 0),
            holder: text(row, 1),
        })
        .collect())
}

pub async fn roles(session: &mut Session) -> Result<Vec<String>> {
    let rows = session.rows("SELECT name FROM v_catalog.roles").await?;
    Ok(rows.iter().map(|row| text(row, 0)).collect())
}

/// Whether a role reaches another, by itself or through others.
pub fn reaches(edges: &[Edge], role: &str, wanted: impl Fn(&str) -> bool) -> bool {
    let (mut seen, mut next) = (Vec::new(), vec![role.to_lowercase()]);
    while let Some(role) = next.pop() {
        if wanted(&role) {
            return true;
        }
        if !seen.contains(&role) {
            let beyond = edges.iter().filter(|edge| same(&edge.holder, &role));
            next.extend(beyond.map(|edge| edge.role.to_lowercase()));
            seen.push(role);
        }
    }
    false
}

/// A role of one lease, and who holds it.
#[derive(Debug, Clone)]
pub struct LeaseRole {
    pub name: String,
    pub lease: LeaseId,
    pub holders: Vec<String>,
}

impl LeaseRole {
    pub fn is_held_by(&self, login: &str) -> bool {
        self.holders.iter().any(|holder| same(holder, login))
    }
}

pub async fn lease_roles(session: &mut Session, mark: &Mark) -> Result<Vec<LeaseRole>> {
    let prefix = mark.lease_role_prefix();
    let edges = edges(session).await?;
    let ours = roles(session)
        .await?
        .into_iter()
        .filter(|name| mark.names_lease_role(name));
    Ok(ours
        .map(|name| LeaseRole {
            lease: LeaseId(name[prefix.len()..].to_lowercase()),
            holders: edges
                .iter()
                .filter(|edge| same(&edge.role, &name))
                .map(|edge| edge.holder.clone())
                .collect(),
            name,
        })
        .collect())
}

/// The roles in the server's list of a login, which puts ", " between names and a star behind those that may be passed on.
/// A name may hold both, so the list is read by the names that are `known`.
///
/// # Errors
/// `Unsupported` if it can be read in no way, or in two.
pub fn default_roles(list: &str, known: &[&str]) -> Result<Vec<String>> {
    let mut readings = Vec::new();
    if list.is_empty() {
        return Ok(Vec::new());
    }
    read_roles(list, known, &mut Vec::new(), &mut readings);
    match readings.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(ProviderError::new(
            ErrorKind::Unsupported,
            "the login's list of default roles cannot be read, so it is not rewritten",
        )),
    }
}

fn read_roles<'k>(rest: &str, known: &[&'k str], so_far: &mut Vec<&'k str>, readings: &mut Vec<Vec<String>>) {
    for name in known {
        let Some(after) = rest.strip_prefix(name) else {
            continue;
        };
        for after in [Some(after), after.strip_prefix('*')].into_iter().flatten() {
            if readings.len() > 1 {
                return;
            }
            so_far.push(name);
            if after.is_empty() {
                readings.push(so_far.iter().map(|name| (*name).to_owned()).collect());
            } else if let Some(after) = after.strip_prefix(", ").or_else(|| after.strip_prefix(',')) {
                read_roles(after, known, so_far, readings);
            }
            so_far.pop();
        }
    }
}

/// Live sessions of a login; with `since`, those that began then or later.
pub async fn sessions(
    session: &mut Session,
    login: &str,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<String>> {
    let since = match since {
        Some(since) => {
            let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!(" AND login_timestamp >= {}", literal(&since)?)
        }
        None => String::new(),
    };
    let sql = format!(
        "SELECT session_id FROM v_monitor.sessions WHERE LOWER(user_name) = LOWER({}){since}",
        literal(login)?
    );
    Ok(session.rows(&sql).await?.iter().map(|row| text(row, 0)).collect())
}

/// What a role was given, as the server lists it.
#[derive(Debug, Clone)]
pub struct Grant {
    /// `SCHEMA`, `TABLE` and so on.
    pub kind: String,
    pub schema: String,
    pub name: String,
    pub privileges: String,
}

pub async fn grants(session: &mut Session, role: &str) -> Result<Vec<Grant>> {
    let sql = format!(
        "SELECT object_type, object_schema, object_name, privileges_description FROM v_catalog.grants \
         WHERE LOWER(grantee) = LOWER({})",
        literal(role)?
    );
    let rows = session.rows(&sql).await?;
    Ok(rows
        .iter()
        .map(|row| Grant {
            kind: text(row, 0),
            schema: text(row, 1),
            name: text(row, 2),
            privileges: text(row, 3),
        })
        .collect())
}

/// An object with its owner. Of a schema, `name` is the schema's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub schema: String,
    pub name: String,
    pub owner: String,
}

fn objects(rows: &[super::wire::Row]) -> Vec<Object> {
    rows.iter()
        .map(|row| Object {
            schema: text(row, 0),
            name: text(row, 1),
            owner: text(row, 2),
        })
        .filter(|object| !is_system_schema(&object.schema))
        .collect()
}

pub async fn schemas(session: &mut Session) -> Result<Vec<Object>> {
    let rows = session
        .rows(
            "SELECT schema_name, schema_name, schema_owner FROM v_catalog.schemata WHERE NOT is_system_schema",
        )
        .await?;
    Ok(objects(&rows))
}

/// Tables and views that outlive the session that made them.
pub async fn relations(session: &mut Session) -> Result<Vec<(Relation, Object)>> {
    let tables = session
        .rows(
            "SELECT table_schema, table_name, owner_name FROM v_catalog.tables \
             WHERE NOT is_system_table AND NOT is_temp_table",
        )
        .await?;
    let views = session
        .rows("SELECT table_schema, table_name, owner_name FROM v_catalog.views WHERE NOT is_system_view")
        .await?;
    let of = |relation, rows: &[_]| objects(rows).into_iter().map(move |object| (relation, object));
    Ok(of(Relation::Table, &tables)
        .chain(of(Relation::View, &views))
        .collect())
}

pub async fn sequences(session: &mut Session) -> Result<Vec<Object>> {
    let rows = session
        .rows("SELECT sequence_schema, sequence_name, owner_name FROM v_catalog.sequences")
        .await?;
    Ok(objects(&rows))
}

/// What a login owns, what contains it first.
pub async fn owned(session: &mut Session, login: &str) -> Result<Vec<(Owned, Object)>> {
    let mut all: Vec<(Owned, Object)> = Vec::new();
    all.extend(
        schemas(session)
            .await?
            .into_iter()
            .map(|object| (Owned::Schema, object)),
    );
    all.extend(
        relations(session)
            .await?
            .into_iter()
            .map(|(relation, object)| match relation {
                Relation::Table => (Owned::Table, object),
                Relation::View => (Owned::View, object),
            }),
    );
    all.extend(
        sequences(session)
            .await?
            .into_iter()
            .map(|object| (Owned::Sequence, object)),
    );
    all.retain(|(_, object)| same(&object.owner, login));
    Ok(all)
}

/// Who inherits what is in a schema: its owner, or the database's, where that is the login itself.
pub fn heir<'o>(schemas: &'o [Object], database: &'o Database, schema: &str, login: &str) -> &'o str {
    schemas
        .iter()
        .find(|object| same(&object.name, schema) && !same(&object.owner, login))
        .map_or(database.owner.as_str(), |object| object.owner.as_str())
}

/// A comment on an object, where owners' tags are.
pub async fn comments(session: &mut Session) -> Result<Vec<(Grant, String)>> {
    let rows = session
        .rows("SELECT object_type, object_schema, object_name, comment FROM v_catalog.comments")
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let object = Grant {
                kind: text(row, 0),
                schema: text(row, 1),
                name: text(row, 2),
                privileges: String::new(),
            };
            (object, text(row, 3))
        })
        .collect())
}

/// The role that a lease asks membership of.
pub async fn group(session: &mut Session, name: &str) -> Result<Vec<Edge>> {
    if !roles(session).await?.iter().any(|role| same(role, name)) {
        return Err(invalid(format!("no such role: {name}")));
    }
    edges(session).await
}

#[cfg(test)]
#[path = "look_test.rs"]
mod tests;
