//! Whether we can do our work here. Each right that lacks is told with the statement that repairs it.

use std::collections::BTreeSet;

use super::{
    Postgres,
    look::{self, Server},
    session::{Session, text},
};
use crate::providers::{
    ErrorKind, Health, Result,
    sql::{Name, Quotes},
    tls::SslMode,
};

const QUOTES: Quotes = Quotes {
    mark: '"',
    longest: super::place::LONGEST,
};

pub async fn check(provider: &Postgres) -> Result<Health> {
    let main = provider.main().await?;
    let server = look::server(&main).await?;
    let mut health = Health {
        target_id: target_id(provider, &main).await?,
        server: format!(
            "PostgreSQL {}.{}",
            server.version / 10_000,
            server.version % 10_000
        ),
        ..Health::default()
    };
    if server.standby {
        health
            .missing
            .push("a server that can be written to: this one is a standby".to_owned());
    }
    if !server.superuser {
        lacking(provider, &main, &server, &mut health).await?;
    }
    if !matches!(provider.config.ssl_mode, SslMode::VerifyFull) {
        let mode = provider.config.ssl_mode.as_str();
        health
            .warnings
            .push(format!("ssl_mode {mode} does not make sure which server answers"));
    }
    if main.database != provider.config.database {
        health.warnings.push(format!(
            "there is no database {}: using {}",
            provider.config.database, main.database
        ));
    }
    health.own_expires = own_expires(&main).await?;
    Ok(health)
}

/// The cluster's own identifier. Where that may not be read: what this cluster gave our role and database, and no other
/// cluster is likely to give at the same address. Both live as long as the role does.
async fn target_id(provider: &Postgres, main: &Session) -> Result<String> {
    let own = main
        .row("SELECT system_identifier::text FROM pg_control_system()", &[])
        .await;
    match own {
        Ok(row) => Ok(row.get(0)),
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Unsupported) => {
            let row = main
                .row(
                    "SELECT r.oid::int8, d.oid::int8 FROM pg_roles r, pg_database d \
                     WHERE r.rolname = current_user AND d.datname = current_database()",
                    &[],
                )
                .await?;
            let (role, database): (i64, i64) = (row.get(0), row.get(1));
            Ok(format!(
                "{}:{}/{database}/{role}",
                provider.config.host, provider.config.port
            ))
        }
        Err(error) => Err(error),
    }
}

async fn own_expires(main: &Session) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
    let row = main
        .row(
            "SELECT CASE WHEN isfinite(rolvaliduntil) THEN floor(extract(epoch FROM rolvaliduntil))::int8 END \
             FROM pg_roles WHERE rolname = current_user",
            &[],
        )
        .await?;
    Ok(row
        .get::<_, Option<i64>>(0)
        .and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0)))
}

/// A connector that is no superuser: it makes roles, ends sessions, and acts for everybody who owns something.
async fn lacking(provider: &Postgres, main: &Session, server: &Server, health: &mut Health) -> Result<()> {
    let me = QUOTES.name(&Name::known(server.me.as_str()))?;
    if !server.create_role {
        health
            .missing
            .push(format!("CREATEROLE: ALTER ROLE {me} CREATEROLE"));
    }
    for role in ["pg_signal_backend", "pg_read_all_stats"] {
        let held = main
            .row("SELECT pg_has_role($1::name, 'USAGE')", &[text(&role)])
            .await?;
        if !held.get::<_, bool>(0) {
            health.missing.push(format!("{role}: GRANT {role} TO {me}"));
        }
    }
    // Whoever owns a database can let us in: this needs no connection to it.
    let rows = main
        .rows(
            "SELECT DISTINCT o.rolname::text, o.rolsuper FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba \
             WHERE NOT d.datistemplate AND NOT pg_has_role(o.oid, 'USAGE')",
            &[],
        )
        .await?;
    let mut owners: BTreeSet<(String, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let databases = main
        .rows(
            "SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1",
            &[],
        )
        .await?;
    for row in databases {
        let database: String = row.get(0);
        let outcome = if database == main.database {
            owners_beyond(main).await
        } else {
            match provider.open(&database).await {
                Ok(session) => owners_beyond(&session).await,
                Err(error) => Err(error),
            }
        };
        match outcome {
            Ok(found) => owners.extend(found),
            Err(error) => health.warnings.push(format!(
                "database {database} cannot be looked into: {}",
                error.message
            )),
        }
    }
    for (owner, superuser) in owners {
        if superuser {
            health.warnings.push(format!(
                "what {owner} owns cannot be given: it is a superuser, and our login is none"
            ));
        } else {
            let quoted = QUOTES.name(&Name::known(owner.as_str()))?;
            health.missing.push(format!(
                "membership in {owner}, who owns objects: GRANT {quoted} TO {me}"
            ));
        }
    }
    Ok(())
}

/// Owners in the connected database that we may not act for.
async fn owners_beyond(session: &Session) -> Result<Vec<(String, bool)>> {
    let rows = session
        .rows(
            "SELECT o.rolname::text, o.rolsuper FROM pg_roles o WHERE NOT pg_has_role(o.oid, 'USAGE') \
             AND o.rolname !~ '^(pg_|jit[gsu]?_)' AND o.oid IN ( \
               SELECT d.datdba FROM pg_database d WHERE d.datname = current_database() \
               UNION SELECT n.nspowner FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
               UNION SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') ORDER BY 1",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
