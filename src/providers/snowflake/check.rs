//! Whether we can do our work here. Each right that lacks is told with the statement that repairs it.

use super::{
    Snowflake,
    client::Until,
    config::Auth,
    look::{Eye, seen},
    statements,
};
use crate::providers::{Health, Result, sql::Name};

/// Everything about an account that lives as long as it: its name can be changed, its locator not.
const WHO: &str = "SELECT CURRENT_REGION() AS REGION, CURRENT_ACCOUNT() AS LOCATOR, CURRENT_VERSION() AS VERSION, CURRENT_USER() AS ME";

pub async fn check(provider: &Snowflake) -> Result<Health> {
    let eye = Eye {
        provider,
        until: Until::after(super::LOOKING),
    };
    let config = &provider.config;
    let who = seen(eye.table(WHO).await)?;
    let row = who.rows().next();
    let cell = |column: &str| row.map(|row| row.text(column).to_owned()).unwrap_or_default();
    let mut health = Health {
        target_id: format!("{}/{}", cell("REGION"), cell("LOCATOR")),
        server: format!("Snowflake {}", cell("VERSION")),
        ..Health::default()
    };
    missing(eye, &mut health).await?;
    match &config.warehouse {
        Some(name) if seen(eye.find("WAREHOUSES", name, "", |_| ()).await)?.is_none() => {
            health
                .missing
                .push(format!("a warehouse {name}: make it, or correct `warehouse`"));
        }
        Some(_) => {}
        None => health
            .warnings
            .push("no warehouse is given: who has no other cannot query; set `warehouse`".to_owned()),
    }
    if config.role == "ACCOUNTADMIN" {
        health.warnings.push(
            "our role is ACCOUNTADMIN, which may everything: a role of its own with CREATE USER, CREATE ROLE and MANAGE GRANTS is enough"
                .to_owned(),
        );
    }
    if config.auth == Auth::Password {
        health.warnings.push(
            "Snowflake ends logins by password alone in 2026: people have to enrol a second factor, or use auth = \"key-pair\"".to_owned(),
        );
    }
    let me = seen(eye.user(&cell("ME")).await)?;
    health.own_expires = me.and_then(|me| me.expires);
    Ok(health)
}

async fn missing(eye: Eye<'_>, health: &mut Health) -> Result<()> {
    let config = &eye.provider.config;
    // It may everything, and reaches every role there is.
    if config.role == "ACCOUNTADMIN" {
        return Ok(());
    }
    let (roles, held) = seen(eye.reach(&config.role).await)?;
    if roles.contains("ACCOUNTADMIN") {
        return Ok(());
    }
    let role = statements::quoted(&Name::known(config.role.as_str()))?;
    let own_users = config.auth != Auth::Sso;
    let needed = [
        ("CREATE USER", own_users),
        ("CREATE ROLE", true),
        ("MANAGE GRANTS", true),
    ];
    for (privilege, is_needed) in needed {
        let has = held
            .iter()
            .any(|held| held.on == "ACCOUNT" && held.privilege == privilege);
        if is_needed && !has {
            health.missing.push(format!(
                "{privilege}: GRANT {privilege} ON ACCOUNT TO ROLE {role}"
            ));
        }
    }
    Ok(())
}
