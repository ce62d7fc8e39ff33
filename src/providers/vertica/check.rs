//! Whether we can do our work here. Each right that lacks is told with the statement that repairs it.

use super::{
    Vertica, error,
    look::{self, Database},
    session::{Failed, ROLE, Session, text, truth},
    statements,
};
use crate::providers::{ErrorKind, Health, ProviderError, Result, tls::SslMode};

pub async fn check(provider: &Vertica) -> Result<Health> {
    let config = &provider.config;
    let mut session = provider.door.open_plain(config).await?;
    let database = look::database(&mut session).await?;
    let mut health = Health {
        server: version(&mut session).await?,
        target_id: target_id(&mut session, &database).await?,
        ..Health::default()
    };
    let me = statements::quoted(&config.username)?;
    match session.take_role(ROLE).await {
        Ok(()) => {
            if !ends_sessions(provider, &mut session).await? {
                health.missing.push(format!(
                    "the right to end sessions: GRANT dbadmin TO {me} (CLOSE_USER_SESSIONS is refused to {ROLE} here)"
                ));
            }
            authentication(provider, &mut session, &mut health).await?;
        }
        Err(error) if error.kind == ErrorKind::Transient => return Err(error),
        Err(_) => health.missing.push(format!(
            "{ROLE}: GRANT {ROLE} TO {me}; ALTER USER {me} DEFAULT ROLE {ROLE}"
        )),
    }
    if !matches!(config.ssl_mode, SslMode::VerifyFull) {
        let mode = config.ssl_mode.as_str();
        health
            .warnings
            .push(format!("ssl_mode {mode} does not make sure which server answers"));
    }
    if session.own_expires_soon() {
        health
            .warnings
            .push("the server says that our own password expires soon".to_owned());
    }
    session.close().await;
    Ok(health)
}

async fn version(session: &mut Session) -> Result<String> {
    let rows = session.rows("SELECT VERSION()").await?;
    Ok(rows.first().map(|row| text(row, 0)).unwrap_or_default())
}

/// Ids are dealt out alike in every new database; the moment when its first schema was made is not.
async fn target_id(session: &mut Session, database: &Database) -> Result<String> {
    let rows = session
        .rows("SELECT create_time FROM v_catalog.schemata WHERE schema_name = 'public'")
        .await?;
    let born = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    if born.is_empty() {
        let text = "the server does not say when schema public was made";
        return Err(ProviderError::new(ErrorKind::Unsupported, text));
    }
    Ok(format!("{}/{}/{born}", database.name, database.id))
}

/// Asked for a user that is not there: whether it is refused for the right's sake is all that matters.
async fn ends_sessions(provider: &Vertica, session: &mut Session) -> Result<bool> {
    let probe = statements::end_all_sessions(&provider.mark.inert_set())?;
    for role in [ROLE, "dbadmin"] {
        if session.take_role(role).await.is_err() {
            continue;
        }
        match session.try_run(&probe, &mut Vec::new()).await {
            Err(Failed::Said(notice)) if notice.code == error::DENIED => {}
            Err(Failed::Broke(error)) => return Err(error),
            Ok(()) | Err(Failed::Said(_)) => {
                session.take_role(ROLE).await?;
                return Ok(true);
            }
        }
    }
    session.take_role(ROLE).await?;
    Ok(false)
}

/// Once there are authentication records, a login without one cannot get in, password or not.
async fn authentication(provider: &Vertica, session: &mut Session, health: &mut Health) -> Result<()> {
    let rows = session
        .rows("SELECT auth_name, is_auth_enabled FROM v_catalog.client_auth")
        .await?;
    let enabled: Vec<String> = rows
        .iter()
        .filter(|row| truth(row, 1) || text(row, 1).eq_ignore_ascii_case("true"))
        .map(|row| text(row, 0))
        .collect();
    match &provider.config.authentication {
        Some(name) if !enabled.iter().any(|known| super::place::same(known, name)) => {
            health.missing.push(format!(
                "authentication_name: there is no enabled authentication record {name}"
            ));
        }
        None if !enabled.is_empty() => health.warnings.push(format!(
            "the database has authentication records ({}): unless one of them is granted to PUBLIC, name it in authentication_name",
            enabled.join(", ")
        )),
        Some(_) | None => {}
    }
    Ok(())
}
