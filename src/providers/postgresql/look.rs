//! What is there: roles, their comments and edges, sessions, and what depends on a role. Writes nothing.

use chrono::{DateTime, Utc};

use super::{
    mark::{self, Inscription},
    session::{Session, text, texts},
};
use crate::providers::{ErrorKind, LeaseId, Mark, ProviderError, Result};

/// Who we are on this server.
pub struct Server {
    pub version: i32,
    pub superuser: bool,
    pub create_role: bool,
    pub me: String,
    pub standby: bool,
}

pub async fn server(session: &Session) -> Result<Server> {
    let row = session
        .row(
            "SELECT current_setting('server_version_num')::int4, r.rolsuper, r.rolcreaterole, r.rolname::text, \
             pg_is_in_recovery() FROM pg_roles r WHERE r.rolname = current_user",
            &[],
        )
        .await?;
    let server = Server {
        version: row.get(0),
        superuser: row.get(1),
        create_role: row.get(2),
        me: row.get(3),
        standby: row.get(4),
    };
    if server.version < 120_000 {
        let text = "PostgreSQL before 12 is not supported";
        return Err(ProviderError::new(ErrorKind::Unsupported, text));
    }
    Ok(server)
}

/// A role by its name.
pub struct Role {
    pub can_login: bool,
    pub until: Option<DateTime<Utc>>,
    /// `None` if it does not carry our mark.
    pub ours: Option<Inscription>,
}

pub async fn role(session: &Session, mark: &Mark, name: &str) -> Result<Option<Role>> {
    let rows = session
        .rows(
            "SELECT rolcanlogin, \
             CASE WHEN isfinite(rolvaliduntil) THEN floor(extract(epoch FROM rolvaliduntil))::int8 END, \
             shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1",
            &[text(&name)],
        )
        .await?;
    Ok(rows.first().map(|row| Role {
        can_login: row.get(0),
        until: row
            .get::<_, Option<i64>>(1)
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        ours: mark::read(mark, row.get::<_, Option<&str>>(2)),
    }))
}

/// A role of one lease, and who holds it.
#[derive(Debug, Clone)]
pub struct LeaseRole {
    pub name: String,
    pub lease: LeaseId,
    /// `None`: our name, not our mark.
    pub ours: Option<Inscription>,
    /// Everybody who is a member, ourselves left out.
    pub members: Vec<String>,
}

impl LeaseRole {
    pub fn is_held_by(&self, login: &str) -> bool {
        self.members.iter().any(|member| member == login)
    }

    /// Whether it was made for a login, or ended up with it.
    pub fn concerns(&self, login: &str) -> bool {
        self.is_held_by(login)
            || self
                .ours
                .as_ref()
                .is_some_and(|ours| ours.of.as_deref() == Some(login))
    }
}

pub async fn lease_roles(session: &Session, mark: &Mark) -> Result<Vec<LeaseRole>> {
    let prefix = mark.lease_role_prefix();
    let rows = session
        .rows(
            "SELECT r.rolname::text, shobj_description(r.oid, 'pg_authid'), \
             ARRAY(SELECT DISTINCT m.rolname::text FROM pg_auth_members e JOIN pg_roles m ON m.oid = e.member \
                   WHERE e.roleid = r.oid AND m.rolname <> current_user ORDER BY 1) \
             FROM pg_roles r WHERE starts_with(r.rolname::text, $1) ORDER BY 1",
            &[text(&prefix)],
        )
        .await?;
    let of = |row: &tokio_postgres::Row| {
        let name: String = row.get(0);
        LeaseRole {
            lease: LeaseId(name[prefix.len()..].to_owned()),
            ours: mark::read(mark, row.get::<_, Option<&str>>(1)),
            members: row.get(2),
            name,
        }
    };
    Ok(rows.iter().map(of).collect())
}

/// Logins with our prefix that carry our mark.
pub async fn logins(session: &Session, mark: &Mark) -> Result<Vec<String>> {
    let prefix = mark.account_prefix();
    let rows = session
        .rows(
            "SELECT rolname::text, shobj_description(oid, 'pg_authid') FROM pg_roles \
             WHERE starts_with(rolname::text, $1) ORDER BY 1",
            &[text(&prefix)],
        )
        .await?;
    let marked = |row: &&tokio_postgres::Row| mark::read(mark, row.get::<_, Option<&str>>(1)).is_some();
    Ok(rows.iter().filter(marked).map(|row| row.get(0)).collect())
}

/// Live sessions of a login; with `since`, those that began then or later.
pub async fn sessions(session: &Session, login: &str, since: Option<DateTime<Utc>>) -> Result<u32> {
    let since = since.map(|since| since.to_rfc3339());
    let row = session
        .row(
            "SELECT count(*)::int8 FROM pg_stat_activity WHERE usename = $1 AND pid <> pg_backend_pid() \
             AND ($2 IS NULL OR backend_start >= $2::timestamptz)",
            &[text(&login), text(&since)],
        )
        .await?;
    Ok(u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX))
}

/// A database in which something depends on a role.
pub struct Holding {
    pub database: String,
    pub open: bool,
    pub owned: i64,
}

/// Where a role owns something or was given something. What belongs to no database (databases, tablespaces) counts for `home`.
pub async fn holdings(session: &Session, role: &str, home: &str) -> Result<Vec<Holding>> {
    let rows = session
        .rows(
            "SELECT coalesce(d.datname::text, $2), coalesce(bool_and(d.datallowconn), true), \
             count(*) FILTER (WHERE s.deptype = 'o') \
             FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass \
             LEFT JOIN pg_database d ON d.oid = s.dbid WHERE r.rolname = $1 GROUP BY 1 ORDER BY 1",
            &[text(&role), text(&home)],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Holding {
            database: row.get(0),
            open: row.get(1),
            owned: row.get(2),
        })
        .collect())
}

/// Who inherits what a role owns in the connected database: its owner; ourselves where that is the role itself, or somebody
/// we may not act for.
pub async fn heir(session: &Session, role: &str) -> Result<String> {
    let row = session
        .row(
            "SELECT o.rolname::text, current_user::text, pg_has_role(o.oid, 'USAGE') FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba \
             WHERE d.datname = current_database()",
            &[],
        )
        .await?;
    let (owner, me): (String, String) = (row.get(0), row.get(1));
    let may: bool = row.get(2);
    Ok(if owner == role || !may { me } else { owner })
}

/// A role that can be joined, or why it is not offered.
pub struct Group {
    pub name: String,
    pub comment: Option<String>,
    pub privileged: bool,
    /// With PostgreSQL 16 and later, a connector that is no superuser needs the admin option.
    pub grantable: bool,
}

/// Roles without login. Privileged is what reaches, by itself or by `SET ROLE`, a role that is above privileges, can make
/// roles, or runs as the server.
pub async fn groups(session: &Session, only: Option<&str>) -> Result<Vec<Group>> {
    let rows = session
        .rows(
            "SELECT r.rolname::text, shobj_description(r.oid, 'pg_authid'), \
             EXISTS (SELECT FROM pg_roles p WHERE (p.rolsuper OR p.rolcreaterole OR p.rolreplication OR p.rolbypassrls \
                 OR p.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) \
                 AND pg_has_role(r.oid, p.oid, 'MEMBER')), \
             me.rolsuper OR current_setting('server_version_num')::int4 < 160000 OR pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') \
             FROM pg_roles r, pg_roles me WHERE me.rolname = current_user AND NOT r.rolcanlogin AND r.rolname !~ '^pg_' \
             AND ($1 IS NULL OR r.rolname = $1) ORDER BY 1",
            &[text(&only)],
        )
        .await?;
    let of = |row: &tokio_postgres::Row| Group {
        name: row.get(0),
        comment: row.get(1),
        privileged: row.get(2),
        grantable: row.get(3),
    };
    Ok(rows.iter().map(of).collect())
}

/// A schema with everybody who adds to it, as far as we may act for them.
pub struct Schema {
    pub name: String,
    pub owners: Vec<String>,
}

/// Schemas of the connected database; with `only`, those of these names. `pg_database_owner` stands for the database's owner.
pub async fn schemas(session: &Session, only: Option<&[String]>) -> Result<Vec<Schema>> {
    let rows = session
        .rows(
            "SELECT n.nspname::text, ARRAY(SELECT DISTINCT o.rolname::text FROM pg_roles o JOIN ( \
                 SELECT n.nspowner AS owner UNION SELECT c.relowner FROM pg_class c WHERE c.relnamespace = n.oid \
                 UNION SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()) w ON w.owner = o.oid \
               WHERE o.rolname <> 'pg_database_owner' AND o.rolname !~ '^jit[gsu]?_' \
               AND pg_has_role(o.oid, 'USAGE') ORDER BY 1) \
             FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
             AND ($1::text[] IS NULL OR n.nspname = ANY ($1)) ORDER BY 1",
            &[texts(&only)],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Schema {
            name: row.get(0),
            owners: row.get(1),
        })
        .collect())
}

/// Sequences that a table's columns count by, as (schema, name).
pub async fn sequences(session: &Session, schema: &str, table: &str) -> Result<Vec<(String, String)>> {
    let rows = session
        .rows(
            "SELECT sn.nspname::text, s.relname::text FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace \
             JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass \
             JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace \
             WHERE n.nspname = $1 AND t.relname = $2 AND d.deptype IN ('a', 'i') ORDER BY 1, 2",
            &[text(&schema), text(&table)],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
