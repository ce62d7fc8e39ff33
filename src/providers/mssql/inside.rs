//! What is there inside one database, and what a role was given. Writes nothing.

use std::collections::BTreeSet;

use tiberius::Row;

use super::{
    error::{invalid, transient},
    place::{Place, Site},
    quote::known,
    session::Session,
    statements::{Given, Owned, scope},
};
use crate::providers::{ErrorKind, ProviderError, Result};

fn column(row: &Row, at: usize) -> Result<Option<&str>> {
    row.try_get(at)
        .map_err(|error| transient(format!("an answer that we do not understand: {error}")))
}

fn number(row: &Row, at: usize) -> Result<Option<i32>> {
    row.try_get(at)
        .map_err(|error| transient(format!("an answer that we do not understand: {error}")))
}

fn texts(rows: &[Row]) -> Result<Vec<String>> {
    rows.iter()
        .map(|row| Ok(column(row, 0)?.unwrap_or_default().to_owned()))
        .collect()
}

/// # Errors
/// `Invalid` if a schema, table or role is not there.
pub async fn exists(session: &mut Session, place: &Place) -> Result<()> {
    let (found, what) = match place {
        Place::Instance | Place::Database(_) => return Ok(()),
        Place::Schema { database, schema } => {
            // From 16384 on are the schemas of the fixed roles.
            let sql = format!(
                "SELECT name FROM {}.sys.schemas WHERE name = @P1 AND schema_id < 16384",
                known(database)?
            );
            let rows = session.rows(&sql, &[&schema.as_str()]).await?;
            (rows.len(), format!("schema: {schema}"))
        }
        Place::Table {
            database,
            schema,
            table,
        } => {
            let database = known(database)?;
            let sql = format!(
                "SELECT o.name FROM {database}.sys.objects o JOIN {database}.sys.schemas s ON s.schema_id = o.schema_id \
                 WHERE s.name = @P1 AND o.name = @P2 AND o.type IN ('U', 'V') AND o.is_ms_shipped = 0"
            );
            let rows = session.rows(&sql, &[&schema.as_str(), &table.as_str()]).await?;
            (rows.len(), format!("table: {schema}.{table}"))
        }
        Place::Role { site, role } => {
            let found = super::look::role_id(session, site, role).await?;
            (usize::from(found.is_some()), format!("role: {role}"))
        }
    };
    if found == 0 {
        return Err(invalid(format!("no such {what}")));
    }
    Ok(())
}

/// Which of a place's permissions a role has there. Permissions that it got elsewhere do not count.
pub async fn given(session: &mut Session, site: &Site, place: &Place, role: i32) -> Result<BTreeSet<String>> {
    let (sql, schema, name) = match (site, place) {
        (Site::Server, _) => (
            "SELECT permission_name FROM sys.server_permissions WHERE grantee_principal_id = @P1 AND state IN ('G', 'W')"
                .to_owned(),
            "",
            "",
        ),
        (Site::Database(database), Place::Schema { schema, .. }) => {
            let database = known(database)?;
            let sql = format!(
                "SELECT p.permission_name FROM {database}.sys.database_permissions p \
                 JOIN {database}.sys.schemas s ON s.schema_id = p.major_id \
                 WHERE p.grantee_principal_id = @P1 AND p.state IN ('G', 'W') AND p.class = 3 AND s.name = @P2"
            );
            (sql, schema.as_str(), "")
        }
        (Site::Database(database), Place::Table { schema, table, .. }) => {
            let database = known(database)?;
            let sql = format!(
                "SELECT p.permission_name FROM {database}.sys.database_permissions p \
                 JOIN {database}.sys.objects o ON o.object_id = p.major_id \
                 JOIN {database}.sys.schemas s ON s.schema_id = o.schema_id \
                 WHERE p.grantee_principal_id = @P1 AND p.state IN ('G', 'W') AND p.class = 1 AND p.minor_id = 0 \
                 AND s.name = @P2 AND o.name = @P3"
            );
            (sql, schema.as_str(), table.as_str())
        }
        (Site::Database(database), Place::Instance | Place::Database(_) | Place::Role { .. }) => {
            let sql = format!(
                "SELECT permission_name FROM {}.sys.database_permissions \
                 WHERE grantee_principal_id = @P1 AND state IN ('G', 'W') AND class = 0",
                known(database)?
            );
            (sql, "", "")
        }
    };
    let rows = session.rows(&sql, &[&role, &schema, &name]).await?;
    Ok(texts(&rows)?.into_iter().collect())
}

/// Whether a role is a member of another.
pub async fn is_member(session: &mut Session, site: &Site, role: &str, member: &str) -> Result<bool> {
    let (principals, members) = match site {
        Site::Server => (
            "sys.server_principals".to_owned(),
            "sys.server_role_members".to_owned(),
        ),
        Site::Database(database) => {
            let database = known(database)?;
            (
                format!("{database}.sys.database_principals"),
                format!("{database}.sys.database_role_members"),
            )
        }
    };
    let sql = format!(
        "SELECT m.name FROM {members} e JOIN {principals} r ON r.principal_id = e.role_principal_id \
         JOIN {principals} m ON m.principal_id = e.member_principal_id WHERE r.name = @P1 AND m.name = @P2"
    );
    Ok(!session.rows(&sql, &[&role, &member]).await?.is_empty())
}

/// What a user or role owns.
pub async fn owned(session: &mut Session, database: &str, principal: i32) -> Result<Vec<Owned>> {
    let database = known(database)?;
    let sql = format!(
        "SELECT N'SCHEMA', name, NULL FROM {database}.sys.schemas WHERE principal_id = @P1 \
         UNION ALL SELECT N'ROLE', name, NULL FROM {database}.sys.database_principals WHERE owning_principal_id = @P1 \
         UNION ALL SELECT N'OBJECT', o.name, s.name FROM {database}.sys.objects o \
         JOIN {database}.sys.schemas s ON s.schema_id = o.schema_id WHERE o.principal_id = @P1"
    );
    let mut all = Vec::new();
    for row in &session.rows(&sql, &[&principal]).await? {
        let name = column(row, 1)?.unwrap_or_default().to_owned();
        all.push(match column(row, 0)?.unwrap_or_default() {
            "SCHEMA" => Owned::Schema(name),
            "ROLE" => Owned::Role(name),
            _ => Owned::Object {
                schema: column(row, 2)?.unwrap_or_default().to_owned(),
                name,
            },
        });
    }
    Ok(all)
}

/// What a user or role gave to others in its own name.
///
/// # Errors
/// `Transient` for what was given on a thing of a kind that we do not know how to name.
pub async fn given_by(session: &mut Session, database: &str, principal: i32) -> Result<Vec<Given>> {
    let quoted = known(database)?;
    let sql = format!(
        "SELECT p.class, p.permission_name, g.name, o.name, s.name, c.name FROM {quoted}.sys.database_permissions p \
         JOIN {quoted}.sys.database_principals g ON g.principal_id = p.grantee_principal_id \
         LEFT JOIN {quoted}.sys.objects o ON p.class = 1 AND o.object_id = p.major_id \
         LEFT JOIN {quoted}.sys.schemas s ON s.schema_id = o.schema_id \
         LEFT JOIN {quoted}.sys.schemas c ON p.class = 3 AND c.schema_id = p.major_id \
         WHERE p.grantor_principal_id = @P1"
    );
    let mut all = Vec::new();
    for row in &session.rows(&sql, &[&principal]).await? {
        let text = |at| Ok::<_, ProviderError>(column(row, at)?.unwrap_or_default());
        let class: Option<u8> = row
            .try_get(0)
            .map_err(|error| transient(format!("an answer that we do not understand: {error}")))?;
        let scope = match class {
            Some(0) => scope("DATABASE", &[database])?,
            Some(1) => scope("OBJECT", &[text(4)?, text(3)?])?,
            Some(3) => scope("SCHEMA", &[text(5)?])?,
            _ => {
                let text = format!(
                    "database {database}: it gave {} to {} on something else",
                    text(1)?,
                    text(2)?
                );
                return Err(transient(text));
            }
        };
        all.push(Given {
            permission: text(1)?.to_owned(),
            scope,
            grantee: text(2)?.to_owned(),
        });
    }
    Ok(all)
}

/// Whether anything but our own is held: memberships in other roles, or permissions besides the right to connect.
pub async fn holds_more(session: &mut Session, database: &str, principal: i32) -> Result<bool> {
    let database = known(database)?;
    let sql = format!(
        "SELECT role_principal_id FROM {database}.sys.database_role_members WHERE member_principal_id = @P1 \
         UNION ALL SELECT grantee_principal_id FROM {database}.sys.database_permissions \
         WHERE grantee_principal_id = @P1 AND permission_name <> 'CONNECT'"
    );
    Ok(!session.rows(&sql, &[&principal]).await?.is_empty())
}

/// What is denied to everybody in a database, in words: it stands above whatever is given.
pub async fn denied_to_all(session: &mut Session, database: &str) -> Result<Option<String>> {
    let quoted = known(database)?;
    let sql = format!(
        "SELECT permission_name FROM {quoted}.sys.database_permissions WHERE grantee_principal_id = 0 AND state = 'D'"
    );
    let denied: BTreeSet<String> = texts(&session.rows(&sql, &[]).await?)?.into_iter().collect();
    if denied.is_empty() {
        return Ok(None);
    }
    let list: Vec<&str> = denied.iter().map(String::as_str).collect();
    Ok(Some(format!(
        "database {database} denies {} on some things to public, which stands above what is given",
        list.join(", ")
    )))
}

/// A role that can be joined, or why it is not offered.
pub struct Group {
    pub name: String,
    pub id: i32,
    pub unavailable: Option<String>,
}

/// Roles that people made. What reaches rights over other people's rights is listed and not offered.
pub async fn groups(session: &mut Session, site: &Site) -> Result<Vec<Group>> {
    let (principals, members, permissions, fixed) = match site {
        Site::Server => (
            "sys.server_principals".to_owned(),
            "sys.server_role_members".to_owned(),
            "sys.server_permissions".to_owned(),
            "r.principal_id > 2",
        ),
        Site::Database(database) => {
            let database = known(database)?;
            (
                format!("{database}.sys.database_principals"),
                format!("{database}.sys.database_role_members"),
                format!("{database}.sys.database_permissions"),
                "r.principal_id > 0",
            )
        }
    };
    let roles = format!(
        "SELECT r.name, r.principal_id, r.is_fixed_role FROM {principals} r WHERE r.type = 'R' AND {fixed} ORDER BY r.name"
    );
    let edges = format!("SELECT role_principal_id, member_principal_id FROM {members}");
    let strong = format!(
        "SELECT grantee_principal_id FROM {permissions} WHERE state IN ('G', 'W') AND (permission_name LIKE 'CONTROL%' \
         OR permission_name LIKE 'ALTER ANY%' OR permission_name LIKE 'IMPERSONATE%' OR permission_name = 'TAKE OWNERSHIP') \
         AND class IN (0, 100)"
    );
    let mut all = Vec::new();
    let mut reaching = BTreeSet::new();
    for row in &session.rows(&roles, &[]).await? {
        let (name, id) = (
            column(row, 0)?.unwrap_or_default().to_owned(),
            number(row, 1)?.unwrap_or(-1),
        );
        let fixed: Option<bool> = row.try_get(2).map_err(|error| transient(error.to_string()))?;
        if fixed == Some(true) {
            if !name.starts_with("db_data") && !name.starts_with("db_deny") && name != "public" {
                reaching.insert(id);
            }
        } else {
            all.push(Group {
                name,
                id,
                unavailable: None,
            });
        }
    }
    for row in &session.rows(&strong, &[]).await? {
        reaching.extend(number(row, 0)?);
    }
    let mut pairs = Vec::new();
    for row in &session.rows(&edges, &[]).await? {
        if let (Some(role), Some(member)) = (number(row, 0)?, number(row, 1)?) {
            pairs.push((role, member));
        }
    }
    close(&mut reaching, &pairs);
    for group in &mut all {
        if reaching.contains(&group.id) {
            group.unavailable = Some("it reaches rights above all others".to_owned());
        }
    }
    Ok(all)
}

/// Members of what reaches, reach.
fn close(reaching: &mut BTreeSet<i32>, pairs: &[(i32, i32)]) {
    loop {
        let before = reaching.len();
        for (role, member) in pairs {
            if reaching.contains(role) {
                reaching.insert(*member);
            }
        }
        if reaching.len() == before {
            return;
        }
    }
}

/// # Errors
/// `Invalid` for a role that is not offered.
pub async fn joinable(session: &mut Session, site: &Site, role: &str) -> Result<()> {
    let groups = groups(session, site).await?;
    // The server compares names its own way; the name was found by it before.
    let found = groups
        .iter()
        .find(|group| group.name.to_lowercase() == role.to_lowercase());
    match found.map(|group| &group.unavailable) {
        Some(None) => Ok(()),
        Some(Some(why)) => Err(invalid(format!("role {role} is not given: {why}"))),
        None => Err(ProviderError::new(
            ErrorKind::Invalid,
            format!("role {role} is one of the server's own and is not given"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_a_member_of_the_mighty_is_mighty() {
        let mut reaching = BTreeSet::from([1]);
        close(&mut reaching, &[(2, 3), (1, 2), (3, 4), (9, 8), (8, 9)]);
        assert_eq!(reaching, BTreeSet::from([1, 2, 3, 4]));
    }
}
