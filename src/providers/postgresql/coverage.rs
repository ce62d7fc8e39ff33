//! Whether a lease's role has what the lease gives: says what is still to be given, and afterwards what the server would not give.
//! A GRANT that does nothing is a warning here, not an error, so success is believed only when seen.

use super::{
    place::Access,
    session::{Session, text, texts},
};
use crate::providers::{ErrorKind, ProviderError, Result};

/// One schema as a lease's role sees it.
pub struct Cover {
    pub schema: String,
    /// An object that it does not reach, with its owner.
    pub lacks: Option<String>,
    /// Owners whose future tables it will not reach.
    pub future: Vec<String>,
}

/// "a AND b AND c", where one function takes one privilege at a time (a list means any of them).
fn all(function: &str, object: &str, privileges: &[&str]) -> String {
    let one = |privilege: &&str| format!("{function}(r.oid, {object}, '{privilege}')");
    privileges.iter().map(one).collect::<Vec<_>>().join(" AND ")
}

fn table_privileges(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read | Access::Member => &["SELECT"],
        Access::ReadWrite => &["SELECT", "INSERT", "UPDATE", "DELETE"],
        Access::Admin => &[
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "TRUNCATE",
            "REFERENCES",
            "TRIGGER",
        ],
    }
}

fn sequence_privileges(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read | Access::Member => &["SELECT"],
        Access::ReadWrite | Access::Admin => &["SELECT", "USAGE", "UPDATE"],
    }
}

fn schema_privileges(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read | Access::Member | Access::ReadWrite => &["USAGE"],
        Access::Admin => &["USAGE", "CREATE"],
    }
}

/// The named schemas of the connected database. Owners are those that `look::schemas` names.
pub async fn of_schemas(
    session: &Session,
    role: &str,
    access: Access,
    schemas: &[String],
) -> Result<Vec<Cover>> {
    let sql = format!(
        "SELECT n.nspname::text, CASE WHEN NOT ({schema}) THEN format('schema %I owned by %I', n.nspname, pg_get_userbyid(n.nspowner)) \
           ELSE (SELECT format('%I.%I owned by %I', n.nspname, c.relname, pg_get_userbyid(c.relowner)) FROM pg_class c \
             WHERE c.relnamespace = n.oid AND ((c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT ({table})) \
               OR (c.relkind = 'S' AND NOT ({sequence}))) ORDER BY c.relname LIMIT 1) END, \
         ARRAY(SELECT DISTINCT o.rolname::text FROM pg_roles o JOIN ( \
             SELECT n.nspowner AS owner UNION SELECT c.relowner FROM pg_class c WHERE c.relnamespace = n.oid \
             UNION SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()) w ON w.owner = o.oid \
           WHERE o.rolname <> 'pg_database_owner' AND o.rolname !~ '^jit[gsu]?_' AND pg_has_role(o.oid, 'USAGE') \
           AND NOT EXISTS (SELECT FROM pg_default_acl a, aclexplode(a.defaclacl) x WHERE a.defaclrole = o.oid \
             AND a.defaclnamespace = n.oid AND a.defaclobjtype = 'r' AND x.grantee = r.oid) ORDER BY 1) \
         FROM pg_namespace n, pg_roles r WHERE r.rolname = $1 AND n.nspname = ANY ($2) ORDER BY 1",
        schema = all("has_schema_privilege", "n.oid", schema_privileges(access)),
        table = all("has_table_privilege", "c.oid", table_privileges(access)),
        sequence = all("has_sequence_privilege", "c.oid", sequence_privileges(access)),
    );
    let rows = session.rows(&sql, &[text(&role), texts(&schemas)]).await?;
    Ok(rows
        .iter()
        .map(|row| Cover {
            schema: row.get(0),
            lacks: row.get(1),
            future: row.get(2),
        })
        .collect())
}

/// What the role lacks of one table; `Invalid` if there is no such table.
pub async fn of_table(
    session: &Session,
    role: &str,
    access: Access,
    schema: &str,
    table: &str,
) -> Result<Option<String>> {
    let sql = format!(
        "SELECT CASE WHEN NOT (has_schema_privilege(r.oid, n.oid, 'USAGE') AND {table}) \
           THEN format('%I.%I owned by %I', n.nspname, c.relname, pg_get_userbyid(c.relowner)) END \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r \
         WHERE r.rolname = $1 AND n.nspname = $2 AND c.relname = $3 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        table = all("has_table_privilege", "c.oid", table_privileges(access)),
    );
    let rows = session
        .rows(&sql, &[text(&role), text(&schema), text(&table)])
        .await?;
    let missing = || ProviderError::new(ErrorKind::Invalid, format!("no such table: {schema}.{table}"));
    Ok(rows.first().ok_or_else(missing)?.get(0))
}

/// Databases that the role may not connect to, of all that accept connections or of one.
pub async fn unconnected(
    session: &Session,
    role: &str,
    access: Access,
    only: Option<&str>,
) -> Result<Vec<String>> {
    let needed: &[&str] = match access {
        Access::Admin => &["CONNECT", "CREATE", "TEMPORARY"],
        Access::Read | Access::ReadWrite | Access::Member => &["CONNECT"],
    };
    let sql = format!(
        "SELECT d.datname::text FROM pg_database d, pg_roles r WHERE r.rolname = $1 AND NOT ({}) \
         AND ($2 IS NULL AND d.datallowconn AND NOT d.datistemplate OR d.datname = $2) ORDER BY 1",
        all("has_database_privilege", "d.oid", needed)
    );
    let rows = session.rows(&sql, &[text(&role), text(&only)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub fn refused(what: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Denied,
        format!("our login lacks the right to give access to {what}"),
    )
}
