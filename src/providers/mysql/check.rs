//! Whether we can do our work here. Each right that lacks is told with the statement that repairs it.

use chrono::{DateTime, Utc};

use super::{
    Family,
    config::Tls,
    engine::{Engine, Who},
    look::{self, Server},
    place::{self, Access},
    rights::{self, Own, repair},
    session::Session,
};
use crate::providers::{Health, Result};

pub async fn check(provider: &Family) -> Result<Health> {
    let engine = provider.engine;
    let mut main = provider.open().await?;
    let server = look::server(&mut main, engine).await?;
    let own = rights::own(&mut main, engine, &server).await?;
    let mut health = Health {
        target_id: target_id(provider, &mut main).await?,
        server: format!("{} {}", engine.title(), plain_version(&server.version)),
        ..Health::default()
    };
    if server.read_only {
        health
            .missing
            .push("a server that can be written to: this one is read_only".to_owned());
    }
    lacking(&mut main, engine, &server, &own, &mut health).await?;
    limits(&server, &own, &mut health)?;
    if provider.config.tls != Tls::VerifyFull {
        health.warnings.push(format!(
            "tls {} does not make sure which server answers",
            provider.config.tls.as_str()
        ));
    }
    if own.can_give("SELECT") {
        anonymous(&mut main, &mut health).await?;
        health.own_expires = own_expires(&mut main, engine, &server.me).await?;
    }
    if !server.mandatory.is_empty() {
        health.warnings.push(format!(
            "every account has the roles {} (mandatory_roles), those that we make too",
            server.mandatory
        ));
    }
    main.close().await;
    Ok(health)
}

/// The numbers, without what builders add.
fn plain_version(version: &str) -> &str {
    version.split('-').next().unwrap_or(version)
}

/// Where accounts are shared by several servers, what names them all: one may take another's place. MariaDB's own
/// `server_uid` is made of the network card and the port, and changes with a container.
async fn target_id(provider: &Family, main: &mut Session) -> Result<String> {
    let (group, alone) = match provider.engine {
        Engine::MySql => (
            "SHOW GLOBAL VARIABLES LIKE 'group_replication_group_name'",
            Some("SELECT '', @@server_uuid"),
        ),
        Engine::MariaDb => ("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'", None),
    };
    let found = main.rows(group, &[]).await?;
    let named = found.first().map(|row| row.text(1).to_owned());
    match (named.filter(|name| !name.is_empty()), alone) {
        (Some(name), _) => Ok(name),
        (None, Some(alone)) => Ok(main.row(alone, &[]).await?.text(1).to_owned()),
        (None, None) => Ok(format!("{}:{}", provider.config.host, provider.config.port)),
    }
}

/// What we cannot do without, whatever people ask for.
async fn lacking(
    main: &mut Session,
    engine: Engine,
    server: &Server,
    own: &Own,
    health: &mut Health,
) -> Result<()> {
    let me = &server.me;
    if !own.can_give("SELECT") {
        health.missing.push(format!(
            "SELECT, with the right to give it: {}",
            repair(&["SELECT"], me, true)?
        ));
    }
    let kill: &[&str] = match engine {
        Engine::MySql => &["CONNECTION_ADMIN", "SUPER"],
        Engine::MariaDb => &["CONNECTION ADMIN", "SUPER"],
    };
    let mut needed: Vec<&[&str]> = vec![&["CREATE USER"], &["PROCESS"], kill];
    if engine == Engine::MySql {
        needed.push(&["ROLE_ADMIN", "SUPER"]);
    }
    for any in needed {
        if !any.iter().any(|privilege| own.has(privilege)) {
            let repair = repair(&any[..1], me, false)?;
            health.missing.push(format!("{}: {repair}", any[0]));
        }
    }
    if engine == Engine::MariaDb && !own.has("UPDATE") && !updates_accounts(main, me).await? {
        health.missing.push(format!(
            "UPDATE on the server's own tables, for default roles: GRANT UPDATE ON mysql.* TO {}",
            me.quoted()?
        ));
    }
    Ok(())
}

async fn updates_accounts(main: &mut Session, me: &Who) -> Result<bool> {
    let sql = "SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA = 'mysql' \
         AND PRIVILEGE_TYPE = 'UPDATE'";
    let rows = main.rows(sql, &[&Engine::MariaDb.grantee(me)]).await?;
    Ok(!rows.is_empty())
}

/// Levels that cannot be given, or only in part.
fn limits(server: &Server, own: &Own, health: &mut Health) -> Result<()> {
    for (access, name) in [(Access::ReadWrite, "read-write"), (Access::Admin, "admin")] {
        let level = place::on_database(access);
        let (core, extra) = (own.lacks(level.core), own.lacks(level.extra));
        if !core.is_empty() {
            health.warnings.push(format!(
                "{name} is not offered: {}",
                repair(&core, &server.me, true)?
            ));
        } else if !extra.is_empty() {
            health.warnings.push(format!(
                "{name} goes without what we cannot give: {}",
                repair(&extra, &server.me, true)?
            ));
        }
    }
    Ok(())
}

/// An account without a name comes before `user@%` for whoever connects from its host: right passwords are refused.
async fn anonymous(main: &mut Session, health: &mut Health) -> Result<()> {
    let rows = main
        .rows("SELECT Host FROM mysql.user WHERE User = '' ORDER BY 1", &[])
        .await?;
    for row in rows {
        let who = Who::new("", row.text(0)).quoted()?;
        if !row.text(0).is_empty() {
            health.warnings.push(format!(
                "the account {who} without a name shuts out everybody who connects from there: DROP USER {who}"
            ));
        }
    }
    Ok(())
}

/// When our own password dies, if it does.
async fn own_expires(main: &mut Session, engine: Engine, me: &Who) -> Result<Option<DateTime<Utc>>> {
    let sql = match engine {
        Engine::MySql => {
            "SELECT UNIX_TIMESTAMP(password_last_changed), COALESCE(password_lifetime, @@default_password_lifetime) \
             FROM mysql.user WHERE User = ? AND Host = ?"
        }
        Engine::MariaDb => {
            "SELECT JSON_VALUE(Priv, '$.password_last_changed'), \
             CASE WHEN COALESCE(JSON_VALUE(Priv, '$.password_lifetime'), -1) < 0 THEN @@default_password_lifetime \
             ELSE JSON_VALUE(Priv, '$.password_lifetime') END FROM mysql.global_priv WHERE User = ? AND Host = ?"
        }
    };
    let rows = main.rows(sql, &[&me.user, &me.host]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (Some(changed), Some(days)) = (row.number(0), row.number(1)) else {
        return Ok(None);
    };
    Ok(if days > 0 {
        DateTime::from_timestamp(changed + days * 24 * 60 * 60, 0)
    } else {
        None
    })
}
