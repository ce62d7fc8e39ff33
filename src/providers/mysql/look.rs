//! What is there: who we are, accounts, roles and who holds them, sessions, definers. Writes nothing.

use std::collections::BTreeMap;

use super::{
    engine::{Engine, Who},
    error::transient,
    mark::{self, Inscription},
    session::{Row, Session},
};
use crate::providers::{LeaseId, Mark, Result};

/// Who we are on this server, and how it is set.
pub struct Server {
    pub version: String,
    pub me: Who,
    /// Roles that are active for us: their rights are ours.
    pub roles: Vec<Who>,
    /// Our own connection. Connections are counted up, so later ones have higher numbers.
    pub connection: i64,
    pub read_only: bool,
    /// Whether databases are written without regard to case.
    pub folds: bool,
    /// `partial_revokes`: names in grants on databases are no patterns.
    pub literal: bool,
    pub performance_schema: bool,
    /// Roles that everybody has.
    pub mandatory: String,
}

pub async fn server(session: &mut Session, engine: Engine) -> Result<Server> {
    let own = match engine {
        Engine::MySql => "@@partial_revokes, @@performance_schema, @@mandatory_roles",
        Engine::MariaDb => "0, 0, ''",
    };
    let sql = format!(
        "SELECT VERSION(), CURRENT_USER(), CURRENT_ROLE(), CONNECTION_ID(), @@read_only, @@lower_case_table_names, {own}"
    );
    let row = session.row(&sql, &[]).await?;
    let version = row.text(0).to_owned();
    engine.supports(&version)?;
    let me = Who::parse(row.text(1)).ok_or_else(|| transient("the server does not say who we are"))?;
    Ok(Server {
        version,
        me,
        roles: active_roles(engine, row.option(2)),
        connection: row.number(3).unwrap_or_default(),
        read_only: row.flag(4),
        folds: row.number(5) != Some(0),
        literal: row.flag(6),
        performance_schema: row.flag(7),
        mandatory: row.text(8).to_owned(),
    })
}

/// MySQL lists ``` `role`@`host` ```, MariaDB names one role.
fn active_roles(engine: Engine, text: Option<&str>) -> Vec<Who> {
    let text = text.unwrap_or_default();
    match engine {
        Engine::MariaDb if text.is_empty() => Vec::new(),
        Engine::MariaDb => vec![Who::new(text, "")],
        Engine::MySql => text
            .split("`,`")
            .filter_map(|role| role.trim_matches('`').split_once("`@`"))
            .map(|(user, host)| Who::new(user, host))
            .collect(),
    }
}

/// An account or a role of some name.
#[derive(Debug, Clone)]
pub struct Found {
    pub who: Who,
    pub locked: bool,
    /// MySQL: our mark. MariaDB: `None`, its accounts keep no text.
    pub marked: Option<Inscription>,
    /// Roles that its sessions have at once.
    pub default_roles: Vec<Who>,
}

/// All accounts of a name, one a host.
pub async fn accounts_named(
    session: &mut Session,
    engine: Engine,
    mark: &Mark,
    name: &str,
) -> Result<Vec<Found>> {
    let sql = match engine {
        Engine::MySql => {
            "SELECT u.User, u.Host, u.account_locked, d.DEFAULT_ROLE_USER, d.DEFAULT_ROLE_HOST, \
             JSON_UNQUOTE(JSON_EXTRACT(u.User_attributes, '$.metadata.latchkey')), \
             JSON_UNQUOTE(JSON_EXTRACT(u.User_attributes, '$.metadata.fence')) \
             FROM mysql.user u LEFT JOIN mysql.default_roles d ON d.USER = u.User AND d.HOST = u.Host \
             WHERE u.User = ? ORDER BY 1, 2, 4, 5"
        }
        Engine::MariaDb => {
            "SELECT User, Host, JSON_VALUE(Priv, '$.account_locked'), NULLIF(JSON_VALUE(Priv, '$.default_role'), ''), '', \
             NULL, NULL FROM mysql.global_priv WHERE User = ? AND JSON_VALUE(Priv, '$.is_role') IS NULL ORDER BY 1, 2"
        }
    };
    let mut found: Vec<Found> = Vec::new();
    for row in session.rows(sql, &[name]).await? {
        // Servers compare without regard to spaces at the end.
        if row.text(0) != name {
            continue;
        }
        let who = Who::new(row.text(0), row.text(1));
        let role = row.option(3).map(|role| Who::new(role, row.text(4)));
        if let Some(known) = found.iter_mut().find(|known| known.who == who) {
            known.default_roles.extend(role);
            continue;
        }
        found.push(Found {
            who,
            locked: row.flag(2),
            marked: mark::read(mark, row.option(5), row.option(6), None),
            default_roles: role.into_iter().collect(),
        });
    }
    Ok(found)
}

/// A role of one lease.
#[derive(Debug, Clone)]
pub struct LeaseRole {
    pub name: String,
    pub lease: LeaseId,
    /// MySQL: `None` has our name, and not our mark.
    pub marked: Option<Inscription>,
    /// Everybody who holds it, ourselves left out.
    pub holders: Vec<Who>,
}

/// Roles with our stamp.
#[derive(Debug, Default)]
pub struct Roles {
    pub leases: Vec<LeaseRole>,
    /// MariaDB: accounts' own roles, and who holds each.
    pub own: BTreeMap<String, Vec<Who>>,
}

pub async fn roles(session: &mut Session, engine: Engine, mark: &Mark, me: &Who) -> Result<Roles> {
    let (leases, own) = (mark.lease_role_prefix(), mark.own_role_prefix());
    let rows = match engine {
        Engine::MySql => {
            let sql = "SELECT u.User, e.TO_USER, e.TO_HOST, \
                 JSON_UNQUOTE(JSON_EXTRACT(u.User_attributes, '$.metadata.latchkey')), \
                 JSON_UNQUOTE(JSON_EXTRACT(u.User_attributes, '$.metadata.fence')), \
                 JSON_UNQUOTE(JSON_EXTRACT(u.User_attributes, '$.metadata.\"for\"')) \
                 FROM mysql.user u LEFT JOIN mysql.role_edges e ON e.FROM_USER = u.User AND e.FROM_HOST = u.Host \
                 WHERE u.Host = '%' AND LEFT(u.User, CHAR_LENGTH(?)) = ? ORDER BY 1, 2, 3";
            session.rows(sql, &[&leases, &leases]).await?
        }
        Engine::MariaDb => {
            let sql = "SELECT g.User, m.User, m.Host, NULL, NULL, NULL FROM mysql.global_priv g \
                 LEFT JOIN mysql.roles_mapping m ON m.Role = g.User \
                 WHERE g.Host = '' AND JSON_VALUE(g.Priv, '$.is_role') IS NOT NULL \
                 AND (LEFT(g.User, CHAR_LENGTH(?)) = ? OR LEFT(g.User, CHAR_LENGTH(?)) = ?) ORDER BY 1, 2, 3";
            session.rows(sql, &[&leases, &leases, &own, &own]).await?
        }
    };
    let mut found = Roles::default();
    for row in &rows {
        let name = row.text(0);
        let holder = row.option(1).map(|user| Who::new(user, row.text(2)));
        let holder = holder.filter(|holder| holder != me);
        if let Some(lease) = name.strip_prefix(&leases) {
            note_lease_role(&mut found.leases, mark, name, lease, holder, row);
        } else if name.starts_with(&own) {
            found.own.entry(name.to_owned()).or_default().extend(holder);
        }
    }
    Ok(found)
}

fn note_lease_role(
    all: &mut Vec<LeaseRole>,
    mark: &Mark,
    name: &str,
    lease: &str,
    holder: Option<Who>,
    row: &Row,
) {
    if let Some(known) = all.last_mut().filter(|known| known.name == name) {
        known.holders.extend(holder);
        return;
    }
    all.push(LeaseRole {
        name: name.to_owned(),
        lease: LeaseId(lease.to_owned()),
        marked: mark::read(mark, row.option(3), row.option(4), row.option(5)),
        holders: holder.into_iter().collect(),
    });
}

/// Logins with our prefix that carry our mark.
pub async fn logins(session: &mut Session, engine: Engine, mark: &Mark) -> Result<Vec<String>> {
    let prefix = mark.account_prefix();
    let sql = match engine {
        Engine::MySql => {
            "SELECT User, JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.latchkey')) FROM mysql.user \
             WHERE Host = '%' AND LEFT(User, CHAR_LENGTH(?)) = ? ORDER BY 1"
        }
        Engine::MariaDb => {
            "SELECT User, NULL FROM mysql.global_priv WHERE Host = '%' AND LEFT(User, CHAR_LENGTH(?)) = ? \
             AND JSON_VALUE(Priv, '$.is_role') IS NULL ORDER BY 1"
        }
    };
    let rows = session.rows(sql, &[&prefix, &prefix]).await?;
    let marked = |row: &&Row| match engine {
        Engine::MySql => mark::read(mark, row.option(1), None, None).is_some(),
        // Known by its own role, which the caller has at hand.
        Engine::MariaDb => true,
    };
    Ok(rows
        .iter()
        .filter(marked)
        .map(|row| row.text(0).to_owned())
        .collect())
}

/// A live connection of somebody.
#[derive(Debug, Clone)]
pub struct Connection {
    pub id: String,
    pub database: Option<String>,
}

/// Live connections of a login; with `since`, those that were opened after that one.
pub async fn connections(
    session: &mut Session,
    server: &Server,
    login: &str,
    since: Option<i64>,
) -> Result<Vec<Connection>> {
    let sql = if server.performance_schema {
        "SELECT PROCESSLIST_ID, PROCESSLIST_USER, PROCESSLIST_DB FROM performance_schema.threads WHERE PROCESSLIST_USER = ? \
         AND TYPE = 'FOREGROUND'"
    } else {
        "SELECT ID, USER, DB FROM information_schema.PROCESSLIST WHERE USER = ?"
    };
    let rows = session.rows(sql, &[login]).await?;
    Ok(rows
        .iter()
        .filter(|row| row.text(1) == login)
        .filter(|row| since.is_none_or(|since| row.number(0).is_none_or(|id| id > since)))
        .map(|row| Connection {
            id: row.text(0).to_owned(),
            database: row.option(2).map(str::to_owned),
        })
        .collect())
}

/// When the server was started, in seconds: connections are counted anew from then.
pub async fn started(session: &mut Session) -> Result<i64> {
    let uptime = session.row("SHOW GLOBAL STATUS LIKE 'Uptime'", &[]).await?;
    let now = session.row("SELECT UNIX_TIMESTAMP()", &[]).await?;
    Ok(now.number(0).unwrap_or_default() - uptime.number(1).unwrap_or_default())
}

/// Views, routines, triggers and events that run with an account's rights.
pub async fn defined_by(session: &mut Session, who: &Who) -> Result<Vec<String>> {
    let definer = format!("{}@{}", who.user, who.host);
    let sql = "SELECT 'view', TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS WHERE DEFINER = ? \
         UNION ALL SELECT LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE DEFINER = ? \
         UNION ALL SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS WHERE DEFINER = ? \
         UNION ALL SELECT 'event', EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE DEFINER = ? ORDER BY 1, 2, 3";
    let rows = session
        .rows(sql, &[&definer, &definer, &definer, &definer])
        .await?;
    Ok(rows
        .iter()
        .map(|row| format!("{} {}.{}", row.text(0), row.text(1), row.text(2)))
        .collect())
}

/// Databases people may ask for, by name and comment.
pub async fn databases(session: &mut Session, engine: Engine) -> Result<Vec<(String, String)>> {
    let comment = match engine {
        Engine::MySql => "''",
        Engine::MariaDb => "SCHEMA_COMMENT",
    };
    let sql = format!("SELECT SCHEMA_NAME, {comment} FROM information_schema.SCHEMATA ORDER BY 1");
    let rows = session.rows(&sql, &[]).await?;
    Ok(rows
        .iter()
        .filter(|row| !super::place::is_system(row.text(0)))
        .map(|row| (row.text(0).to_owned(), row.text(1).to_owned()))
        .collect())
}

/// The names as the server keeps them, if there is such a database, or such a table in it.
pub async fn exists(
    session: &mut Session,
    server: &Server,
    database: &str,
    table: Option<&str>,
) -> Result<bool> {
    let rows = match table {
        None => {
            let sql = "SELECT SCHEMA_NAME, '' FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?";
            session.rows(sql, &[database]).await?
        }
        Some(table) => {
            let sql = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
            session.rows(sql, &[database, table]).await?
        }
    };
    // The comparison above may be looser than the server's own.
    let same = |found: &str, wanted: &str| {
        found == wanted || (server.folds && found.to_lowercase() == wanted.to_lowercase())
    };
    Ok(rows
        .iter()
        .any(|row| same(row.text(0), database) && same(row.text(1), table.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_roles_are_read_as_each_engine_writes_them() {
        assert_eq!(active_roles(Engine::MySql, Some("NONE")), []);
        assert_eq!(
            active_roles(Engine::MySql, Some("`a`@`%`,`b`@`10.%`")),
            [Who::new("a", "%"), Who::new("b", "10.%")]
        );
        assert_eq!(active_roles(Engine::MariaDb, None), []);
        assert_eq!(active_roles(Engine::MariaDb, Some("a")), [Who::new("a", "")]);
    }
}
