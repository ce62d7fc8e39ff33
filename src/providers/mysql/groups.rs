//! Roles of theirs: which there are, which may be joined, and what they reach.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    converge::Run,
    engine::{Engine, Who},
    error::invalid,
    look::Server,
    rights,
    session::Session,
};
use crate::providers::{ErrorKind, ProviderError, Result, names};

/// Who holds one of these can give themselves the rest.
const ABOVE: &[&str] = &[
    "SUPER",
    "CREATE USER",
    "CREATE ROLE",
    "DROP ROLE",
    "GRANT OPTION",
    "SHUTDOWN",
    "FILE",
    "RELOAD",
    "REPLICATION SLAVE",
    "SYSTEM_USER",
    "ROLE_ADMIN",
    "SET_USER_ID",
    "SET_ANY_DEFINER",
    "SET USER",
    "CONNECTION_ADMIN",
    "CONNECTION ADMIN",
    "SYSTEM_VARIABLES_ADMIN",
    "PERSIST_RO_VARIABLES_ADMIN",
    "BINLOG_ADMIN",
    "APPLICATION_PASSWORD_ADMIN",
    "FEDERATED ADMIN",
    "READ_ONLY ADMIN",
];

/// Where the server keeps accounts, these change them. What `partial_revokes` excepts is not looked at: rather too careful.
const WRITES: &[&str] = &[
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "ALTER",
    "DROP",
    "TRIGGER",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
];

/// A role, and why it is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub who: Who,
    pub unavailable: Option<String>,
}

/// Roles that somebody holds directly.
pub async fn held_by(session: &mut Session, engine: Engine, who: &Who) -> Result<Vec<Who>> {
    let sql = match engine {
        Engine::MySql => {
            "SELECT FROM_USER, FROM_HOST FROM mysql.role_edges WHERE TO_USER = ? AND TO_HOST = ?"
        }
        Engine::MariaDb => "SELECT Role, '' FROM mysql.roles_mapping WHERE User = ? AND Host = ?",
    };
    let rows = session.rows(sql, &[&who.user, &who.host]).await?;
    Ok(rows
        .iter()
        .map(|row| Who::new(row.text(0), row.text(1)))
        .collect())
}

/// The role that is to be joined.
pub async fn joinable(run: &mut Run<'_>, wanted: &Who) -> Result<Who> {
    let wanted = match run.engine() {
        Engine::MySql => wanted.clone(),
        Engine::MariaDb => Engine::MariaDb.role(&wanted.user),
    };
    let all = all(&mut run.main, run.provider.engine, &run.server).await?;
    let group = all
        .into_iter()
        .find(|group| group.who == wanted)
        .ok_or_else(|| invalid(format!("no such role: {}", wanted.user)))?;
    match group.unavailable {
        None => Ok(group.who),
        Some(why) if why.contains("WITH ADMIN OPTION") => Err(ProviderError::new(
            ErrorKind::Denied,
            format!("role {}: {why}", wanted.user),
        )),
        Some(why) => Err(invalid(format!("role {}: {why}", wanted.user))),
    }
}

/// Every role but ours and the server's own.
pub async fn all(session: &mut Session, engine: Engine, server: &Server) -> Result<Vec<Group>> {
    let edges = edges(session, engine).await?;
    let above = above(session, engine).await?;
    let admin = match engine {
        Engine::MySql => None,
        Engine::MariaDb => Some(with_admin_option(session, server).await?),
    };
    // A role as CREATE ROLE leaves it, or an account that somebody made one by giving it.
    let sql = match engine {
        Engine::MySql => {
            "SELECT User, Host FROM mysql.user u WHERE (account_locked = 'Y' AND password_expired = 'Y' AND authentication_string = '') \
             OR EXISTS (SELECT 1 FROM mysql.role_edges e WHERE e.FROM_USER = u.User AND e.FROM_HOST = u.Host) ORDER BY 1, 2"
        }
        Engine::MariaDb => {
            "SELECT User, '' FROM mysql.global_priv WHERE Host = '' AND JSON_VALUE(Priv, '$.is_role') IS NOT NULL ORDER BY 1"
        }
    };
    let mut groups = Vec::new();
    for row in session.rows(sql, &[]).await? {
        let who = Who::new(row.text(0), row.text(1));
        if names::is_reserved(&who.user) || who.user.starts_with("mysql.") || who.user == "PUBLIC" {
            continue;
        }
        let unavailable = if reached(&who, &edges).iter().any(|role| above.contains(role)) {
            Some("it reaches rights above all others".to_owned())
        } else if is_mandatory(&server.mandatory, &who) {
            Some("everybody has it (mandatory_roles)".to_owned())
        } else if admin.as_ref().is_some_and(|admin| !admin.contains(&who.user)) {
            let (role, me) = (who.quoted()?, server.me.quoted()?);
            Some(format!(
                "our login may not give it: GRANT {role} TO {me} WITH ADMIN OPTION"
            ))
        } else {
            None
        };
        groups.push(Group { who, unavailable });
    }
    Ok(groups)
}

type Edges = BTreeMap<Who, Vec<Who>>;

/// Which roles each role holds.
async fn edges(session: &mut Session, engine: Engine) -> Result<Edges> {
    let sql = match engine {
        Engine::MySql => "SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST FROM mysql.role_edges",
        Engine::MariaDb => "SELECT User, Host, Role, '' FROM mysql.roles_mapping WHERE Host = ''",
    };
    let mut edges = Edges::new();
    for row in session.rows(sql, &[]).await? {
        let (holder, role) = (
            Who::new(row.text(0), row.text(1)),
            Who::new(row.text(2), row.text(3)),
        );
        edges.entry(holder).or_default().push(role);
    }
    Ok(edges)
}

/// A role with all that it reaches.
fn reached(role: &Who, edges: &Edges) -> BTreeSet<Who> {
    let mut reached = BTreeSet::from([role.clone()]);
    let mut open = vec![role.clone()];
    while let Some(next) = open.pop() {
        for role in edges.get(&next).into_iter().flatten() {
            if reached.insert(role.clone()) {
                open.push(role.clone());
            }
        }
    }
    reached
}

/// Accounts with rights that lead to all others: by themselves, by passing them on, or by writing where they are kept.
async fn above(session: &mut Session, engine: Engine) -> Result<BTreeSet<Who>> {
    let mut all: Vec<(String, String, bool, String)> = rights::on_everything(session, engine)
        .await?
        .into_iter()
        .map(|(grantee, privilege, grantable)| (grantee, privilege, grantable, String::new()))
        .collect();
    let sql = "SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE, TABLE_SCHEMA FROM information_schema.SCHEMA_PRIVILEGES \
         UNION ALL SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE, TABLE_SCHEMA FROM information_schema.TABLE_PRIVILEGES";
    for row in session.rows(sql, &[]).await? {
        all.push((
            row.text(0).to_owned(),
            row.text(1).to_owned(),
            row.flag(2),
            row.text(3).to_owned(),
        ));
    }
    let leads_on = |(_, privilege, grantable, on): &(String, String, bool, String)| {
        let with_the_servers_own = on.is_empty() || on.eq_ignore_ascii_case("mysql");
        ABOVE.contains(&privilege.as_str())
            || *grantable
            || (with_the_servers_own && WRITES.contains(&privilege.as_str()))
    };
    Ok(all
        .iter()
        .filter(|held| leads_on(held))
        .filter_map(|(grantee, ..)| self::grantee(grantee))
        .collect())
}

/// `'name'@'host'`, in which nothing is doubled.
fn grantee(text: &str) -> Option<Who> {
    let (user, host) = text.strip_prefix('\'')?.strip_suffix('\'')?.rsplit_once("'@'")?;
    Some(Who::new(user, host))
}

async fn with_admin_option(session: &mut Session, server: &Server) -> Result<BTreeSet<String>> {
    let sql = "SELECT Role FROM mysql.roles_mapping WHERE User = ? AND Host = ? AND Admin_option = 'Y'";
    let mut found = BTreeSet::new();
    for who in std::iter::once(&server.me).chain(&server.roles) {
        let rows = session.rows(sql, &[&who.user, &who.host]).await?;
        found.extend(rows.iter().map(|row| row.text(0).to_owned()));
    }
    Ok(found)
}

/// Whether `mandatory_roles` names a role: `` `r`@`%`, 's'@'h', t ``.
fn is_mandatory(list: &str, role: &Who) -> bool {
    list.split(',').any(|one| {
        let bare: String = one.chars().filter(|c| !matches!(c, '`' | '\'' | '"')).collect();
        let bare = bare.trim();
        match bare.rsplit_once('@') {
            Some((user, host)) => user == role.user && host == role.host,
            None => bare == role.user && role.host == "%",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reaches_what_its_roles_reach() {
        let who = |name: &str| Who::anywhere(name);
        let edges = Edges::from([(who("a"), vec![who("b")]), (who("b"), vec![who("c"), who("a")])]);
        assert_eq!(
            reached(&who("a"), &edges),
            BTreeSet::from([who("a"), who("b"), who("c")])
        );
        assert_eq!(reached(&who("c"), &edges), BTreeSet::from([who("c")]));
    }

    #[test]
    fn mandatory_roles_are_known_however_they_are_quoted() {
        let list = "`readers`@`%`, 'ops'@'10.%',plain";
        for (name, host, is) in [
            ("readers", "%", true),
            ("ops", "10.%", true),
            ("ops", "%", false),
            ("plain", "%", true),
            ("reader", "%", false),
        ] {
            assert_eq!(is_mandatory(list, &Who::new(name, host)), is, "{name}@{host}");
        }
        assert!(!is_mandatory("", &Who::anywhere("readers")));
    }

    #[test]
    fn grantees_are_read_as_they_are_written() {
        assert_eq!(grantee("'o'b'@'%'"), Some(Who::new("o'b", "%")));
        assert_eq!(grantee("'role'@''"), Some(Who::new("role", "")));
        assert_eq!(grantee("junk"), None);
    }
}
