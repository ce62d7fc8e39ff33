//! Whether we can do our work here. Each right that lacks is told with the statement that repairs it.

use std::collections::BTreeSet;

use super::{
    Oracle,
    config::Tls,
    live,
    look::{self, Rights, Server},
    session::Session,
    statements,
};
use crate::providers::{ErrorKind, Health, Result, sql::Name};

/// A login with more roles than this that it enables cannot log in (ORA-28031).
const MOST_ROLES: usize = 148;
/// From here on it is worth a word.
const MANY_ROLES: usize = 120;

/// Without one of these some part of a grant or of its end fails.
const NEEDED: [&str; 6] = [
    "CREATE USER",
    "ALTER USER",
    "DROP USER",
    "CREATE ROLE",
    "DROP ANY ROLE",
    "GRANT ANY OBJECT PRIVILEGE",
];

pub async fn check(provider: &Oracle) -> Result<Health> {
    let mut session = provider.open().await?;
    let server = look::server(&mut session).await?;
    let rights = look::rights(&mut session).await?;
    let mut health = Health {
        server: server.product.clone(),
        ..Health::default()
    };
    let me = statements::quoted(&Name::known(server.me.as_str()))?;
    if server.is_standby() {
        let text = format!(
            "the primary: this one is a {} and cannot be written to",
            server.role
        );
        health.missing.push(text);
    }
    for privilege in NEEDED {
        if !rights.has(privilege) {
            health
                .missing
                .push(format!("{privilege}: GRANT {privilege} TO {me}"));
        }
    }
    dictionary(provider, &mut session, &server, &rights, &me, &mut health).await?;
    warnings(provider, &mut session, &server, &rights, &mut health).await?;
    health.own_expires = own_expires(&mut session).await?;
    Ok(health)
}

/// What takes a look into the dictionary; a login that may not is told so first.
async fn dictionary(
    provider: &Oracle,
    session: &mut Session,
    server: &Server,
    rights: &Rights,
    me: &str,
    health: &mut Health,
) -> Result<()> {
    let profile = look::profile(&provider.mark);
    let known = match look::profile_exists(session, &profile).await {
        Ok(known) => known,
        Err(error) if error.kind == ErrorKind::Denied => {
            health
                .missing
                .push(format!("SELECT_CATALOG_ROLE: GRANT SELECT_CATALOG_ROLE TO {me}"));
            health.target_id = fallback_id(provider, server);
            if !rights.has("ALTER SYSTEM") {
                health
                    .missing
                    .push(format!("ALTER SYSTEM: GRANT ALTER SYSTEM TO {me}"));
            }
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if !known && !rights.has("CREATE PROFILE") {
        health.missing.push(format!(
            "CREATE PROFILE: GRANT CREATE PROFILE TO {me}, or run once: {}",
            statements::create_profile(&profile)?.shown()
        ));
    }
    if !rights.has("GRANT ANY PRIVILEGE") && !may_pass_on(session, server, "CREATE SESSION").await? {
        health
            .missing
            .push(format!("GRANT ANY PRIVILEGE: GRANT GRANT ANY PRIVILEGE TO {me}"));
    }
    if look::ender(session, server, rights).await?.is_none() {
        health
            .missing
            .push(format!("ALTER SYSTEM: GRANT ALTER SYSTEM TO {me}"));
    }
    health.target_id = target_id(provider, session, server).await?;
    Ok(())
}

/// Whether our login, or a role that it has enabled, holds the privilege with the right to pass it on.
async fn may_pass_on(session: &mut Session, server: &Server, privilege: &str) -> Result<bool> {
    let text = |row: &super::exec::Row| row.first().cloned().flatten().unwrap_or_default();
    let mut us: BTreeSet<String> = session
        .rows("SELECT role FROM session_roles", &[])
        .await?
        .iter()
        .map(text)
        .collect();
    us.insert(server.me.clone());
    let holders = session
        .rows(
            "SELECT grantee FROM dba_sys_privs WHERE privilege = :1 AND admin_option = 'YES'",
            &[privilege],
        )
        .await?;
    Ok(holders.iter().any(|row| us.contains(&text(row))))
}

/// The database's own number and, in a pluggable one, that one's.
async fn target_id(provider: &Oracle, session: &mut Session, server: &Server) -> Result<String> {
    let own = session
        .rows("SELECT TO_CHAR(dbid), TO_CHAR(con_dbid) FROM v$database", &[])
        .await;
    match own {
        Ok(rows) => {
            let number = |at: usize| rows.first().and_then(|row| row.get(at).cloned().flatten());
            match (number(0), number(1)) {
                (Some(database), Some(container)) => Ok(format!("{database}/{container}")),
                (Some(_) | None, _) => Ok(fallback_id(provider, server)),
            }
        }
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Unsupported) => {
            Ok(fallback_id(provider, server))
        }
        Err(error) => Err(error),
    }
}

fn fallback_id(provider: &Oracle, server: &Server) -> String {
    format!(
        "{}:{}/{}/{}",
        provider.config.host, provider.config.port, server.name, server.container
    )
}

async fn warnings(
    provider: &Oracle,
    session: &mut Session,
    server: &Server,
    rights: &Rights,
    health: &mut Health,
) -> Result<()> {
    let mut warn = |text: String| health.warnings.push(text);
    if provider.config.tls == Tls::Disable {
        warn("tls disable: anybody on the way can read along and change what is sent".to_owned());
    }
    if !rights.has("GRANT ANY ROLE") {
        warn("without GRANT ANY ROLE only roles that our login may administer can be given".to_owned());
    }
    if !rights.has("GRANT ANY PRIVILEGE") {
        warn("without GRANT ANY PRIVILEGE access to the whole instance may fail".to_owned());
    }
    if server.has_schema_privileges() && !rights.on_schemas() {
        warn(
            "without GRANT ANY SCHEMA PRIVILEGE schemas are given table by table; new tables follow within 15 minutes"
                .to_owned(),
        );
    }
    let roles = session.rows("SELECT role FROM session_roles", &[]).await?.len();
    if roles > MANY_ROLES {
        warn(format!(
            "our login has {roles} roles enabled; with more than {MOST_ROLES} it can log in no more (ORA-28031)"
        ));
    }
    Ok(())
}

async fn own_expires(session: &mut Session) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
    let time = live::TIME;
    let rows = session
        .rows(
            &format!("SELECT TO_CHAR(expiry_date, '{time}') FROM user_users"),
            &[],
        )
        .await?;
    let Some(expiry) = rows.first().and_then(|row| row.first().cloned().flatten()) else {
        return Ok(None);
    };
    let ahead = live::ahead_of_utc(session).await?;
    Ok(live::moment(&expiry, ahead))
}
