//! Privileges that accounts and roles hold: ours, which limit what we can give, and those of what we made.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    engine::{Engine, Who},
    look::Server,
    place::Level,
    session::Session,
    statements::On,
};
use crate::providers::{ErrorKind, ProviderError, Result, sql::Name};

/// What our login holds on everything, and whether it may pass each on.
pub struct Own(BTreeMap<String, bool>);

pub async fn own(session: &mut Session, engine: Engine, server: &Server) -> Result<Own> {
    let sql = "SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ?";
    let mut held = BTreeMap::new();
    for who in std::iter::once(&server.me).chain(&server.roles) {
        for row in session.rows(sql, &[&engine.grantee(who)]).await? {
            *held.entry(row.text(1).to_owned()).or_default() |= row.flag(2);
        }
    }
    Ok(Own(held))
}

impl Own {
    pub fn has(&self, privilege: &str) -> bool {
        self.0.contains_key(privilege)
    }

    pub fn can_give(&self, privilege: &str) -> bool {
        self.0.get(privilege).copied().unwrap_or(false)
    }

    /// What cannot be given of those.
    pub fn lacks<'p>(&self, privileges: &[&'p str]) -> Vec<&'p str> {
        privileges
            .iter()
            .copied()
            .filter(|privilege| !self.can_give(privilege))
            .collect()
    }

    /// What of a level is given, and what of it is left out since we have it not.
    ///
    /// # Errors
    /// `Denied`, with the statement that repairs it, if the level cannot be given at all.
    pub fn of(&self, level: Level, me: &Who) -> Result<(Vec<&'static str>, Vec<&'static str>)> {
        let lacks = self.lacks(level.core);
        if !lacks.is_empty() {
            let text = format!(
                "our login cannot give {}: {}",
                lacks.join(", "),
                repair(&lacks, me, true)?
            );
            return Err(ProviderError::new(ErrorKind::Denied, text));
        }
        let (given, left): (Vec<_>, Vec<_>) = level
            .extra
            .iter()
            .copied()
            .partition(|privilege| self.can_give(privilege));
        Ok((level.core.iter().copied().chain(given).collect(), left))
    }
}

/// The statement that gives our login what it lacks.
pub fn repair(privileges: &[&str], me: &Who, to_give: bool) -> Result<String> {
    let option = if to_give { " WITH GRANT OPTION" } else { "" };
    Ok(format!(
        "GRANT {} ON *.* TO {}{option}",
        privileges.join(", "),
        me.quoted()?
    ))
}

/// MariaDB's rights on everything, as bits of `access`: `information_schema` does not show those of roles.
/// <https://github.com/MariaDB/server/blob/10.11/sql/privilege.h>
const BITS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "RELOAD",
    "SHUTDOWN",
    "PROCESS",
    "FILE",
    "GRANT OPTION",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "SHOW DATABASES",
    "SUPER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "EXECUTE",
    "REPLICATION SLAVE",
    "BINLOG MONITOR",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "CREATE USER",
    "EVENT",
    "TRIGGER",
    "CREATE TABLESPACE",
    "DELETE HISTORY",
    "SET USER",
    "FEDERATED ADMIN",
    "CONNECTION ADMIN",
    "READ_ONLY ADMIN",
    "REPLICATION SLAVE ADMIN",
    "REPLICATION MASTER ADMIN",
    "BINLOG ADMIN",
    "BINLOG REPLAY",
    "REPLICA MONITOR",
];

fn named(bits: i64) -> impl Iterator<Item = &'static str> {
    BITS.iter()
        .enumerate()
        .filter(move |(at, _)| bits & (1 << at) != 0)
        .map(|(_, name)| *name)
}

/// Rights on everything of every account and role, and whether each may be passed on.
pub async fn on_everything(session: &mut Session, engine: Engine) -> Result<Vec<(String, String, bool)>> {
    let mut all = Vec::new();
    match engine {
        Engine::MySql => {
            let sql = "SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES \
                 WHERE PRIVILEGE_TYPE <> 'USAGE'";
            for row in session.rows(sql, &[]).await? {
                all.push((row.text(0).to_owned(), row.text(1).to_owned(), row.flag(2)));
            }
        }
        Engine::MariaDb => {
            let sql = "SELECT User, Host, JSON_VALUE(Priv, '$.access') FROM mysql.global_priv";
            for row in session.rows(sql, &[]).await? {
                let grantee = engine.grantee(&Who::new(row.text(0), row.text(1)));
                let bits = row.number(2).unwrap_or_default();
                let grantable = named(bits).any(|name| name == "GRANT OPTION");
                all.extend(named(bits).map(|name| (grantee.clone(), name.to_owned(), grantable)));
            }
        }
    }
    Ok(all)
}

/// What somebody holds directly, by what it is held on. Roles they hold are not looked into (but MariaDB shows what a role
/// holds through others).
pub async fn held(
    session: &mut Session,
    engine: Engine,
    who: &Who,
) -> Result<BTreeMap<On, BTreeSet<String>>> {
    let grantee = engine.grantee(who);
    let (everything, first) = match engine {
        Engine::MySql => (
            "SELECT '', '', PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ? AND PRIVILEGE_TYPE <> 'USAGE'",
            vec![grantee.as_str()],
        ),
        Engine::MariaDb => (
            "SELECT '', '', JSON_VALUE(Priv, '$.access') FROM mysql.global_priv WHERE User = ? AND Host = ?",
            vec![who.user.as_str(), who.host.as_str()],
        ),
    };
    let sql = format!(
        "{everything} UNION ALL SELECT TABLE_SCHEMA, '', PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? \
         UNION ALL SELECT TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ?"
    );
    let mut held: BTreeMap<On, BTreeSet<String>> = BTreeMap::new();
    let params = [first, vec![&grantee, &grantee]].concat();
    for row in session.rows(&sql, &params).await? {
        let on = match (row.text(0), row.text(1)) {
            ("", _) => On::Everything,
            (database, "") => On::Database(Name::known(database)),
            (database, table) => On::Table {
                database: database.to_owned(),
                table: table.to_owned(),
            },
        };
        match (row.number(2), &on) {
            (Some(0), On::Everything) => {}
            (Some(bits), On::Everything) => {
                held.entry(on).or_default().extend(named(bits).map(str::to_owned))
            }
            _ => {
                held.entry(on).or_default().insert(row.text(2).to_owned());
            }
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::mysql::place::{Access, on_database};

    fn own(can_give: &[&str]) -> Own {
        Own(can_give
            .iter()
            .map(|privilege| ((*privilege).to_owned(), true))
            .collect())
    }

    #[test]
    fn bits_are_named_as_statements_name_them() {
        // As MariaDB 10.11 keeps the connector of the tests: read from `mysql.global_priv`.
        let names: Vec<&str> = named((1 << 0) | (1 << 8) | (1 << 25) | (1 << 32)).collect();
        assert_eq!(names, ["SELECT", "PROCESS", "CREATE USER", "CONNECTION ADMIN"]);
        assert_eq!(named(0).count(), 0);
    }

    #[test]
    fn a_level_is_given_as_far_as_we_have_it() {
        let me = Who::anywhere("latchkey");
        let own = own(&["SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"]);
        let (given, left) = own
            .of(on_database(Access::ReadWrite), &me)
            .expect("enough to write");
        assert_eq!(given, ["SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"]);
        assert_eq!(left, ["CREATE TEMPORARY TABLES"]);
        let error = own.of(on_database(Access::Admin), &me).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(
            error
                .message
                .contains("GRANT CREATE, ALTER, DROP, INDEX ON *.* TO 'latchkey'@'%' WITH GRANT OPTION"),
            "{error}"
        );
    }
}
