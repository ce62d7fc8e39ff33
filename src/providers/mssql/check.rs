//! Whether we can do our work here. What lacks is told with the statement that repairs it.

use super::{Mssql, config::Tls, look, quote::known};
use crate::providers::{Health, Result};

pub async fn check(provider: &Mssql) -> Result<Health> {
    let (mut session, server) = provider.open().await?;
    let mut health = Health {
        target_id: look::target_id(&mut session, &server).await?,
        server: format!("SQL Server {}", server.version),
        own_expires: server.own_expires,
        ..Health::default()
    };
    if !server.controls {
        let me = known(&server.me)?;
        health
            .missing
            .push(format!("CONTROL SERVER: GRANT CONTROL SERVER TO {me}"));
    }
    match provider.config.tls {
        Tls::Verify => {}
        Tls::Insecure => health
            .warnings
            .push("tls insecure does not make sure which server answers".to_owned()),
        Tls::Off => health
            .warnings
            .push("tls off: passwords and everything else go unencrypted".to_owned()),
    }
    for database in look::databases(&mut session).await? {
        if let Some(why) = database.away {
            health.warnings.push(format!(
                "database {}: {why}; nothing can be given or taken there",
                database.name
            ));
        }
    }
    Ok(health)
}
