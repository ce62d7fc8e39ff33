//! Whether our key suffices for a whole organization.

use crate::providers::{ErrorKind, Health, Result, atlas::Client};

const OWNER: &str = "ORG_OWNER";

pub(super) async fn check(client: &Client, org: &str) -> Result<Health> {
    // The organization first: a key that is refused is refused here.
    let found = client.organization(org).await?;
    let mut health = Health {
        target_id: found.id.clone(),
        server: format!("MongoDB Atlas, organization {}", found.name),
        ..Health::default()
    };
    if found.is_deleted {
        health
            .missing
            .push(format!("the organization {} is deleted", found.name));
    }
    rights(client, org, &found.name, &mut health).await?;
    let groups = client.groups(org).await.map(drop);
    let people = client.anybody(org).await;
    for (what, answer) in [("its projects", groups), ("its people", people)] {
        match answer {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Denied => {
                health
                    .missing
                    .push(format!("the key may not list {what}: {}", error.message));
            }
            Err(error) => return Err(error),
        }
    }
    match client.federation(org).await {
        Ok(Some(federation)) if federation.has_role_mappings => health.warnings.push(
            "the organization's federation maps roles from groups: Atlas overwrites roles given here at the next login".to_owned(),
        ),
        Ok(_) => {}
        // Not every key may see it, and only a warning hangs on it.
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid) => {}
        Err(error) => return Err(error),
    }
    Ok(health)
}

async fn rights(client: &Client, org: &str, name: &str, health: &mut Health) -> Result<()> {
    let roles: Vec<String> = if let Some(id) = client.service_account() {
        let account = client.org_service_account(org, id).await?.unwrap_or_default();
        health.own_expires = account
            .secrets
            .iter()
            .filter_map(|secret| secret.expires_at)
            .min();
        account.roles
    } else {
        let Some(key) = client.system().await?.api_key else {
            let text = "cannot tell what our key may do; taking back needs Organization Owner";
            health.warnings.push(text.to_owned());
            return Ok(());
        };
        let here = key
            .roles
            .into_iter()
            .filter(|role| role.org_id.as_deref() == Some(org));
        here.map(|role| role.role_name).collect()
    };
    if !roles.iter().any(|role| role == OWNER) {
        let has = match roles.is_empty() {
            true => "none".to_owned(),
            false => roles.join(", "),
        };
        health.missing.push(format!(
            "the key lacks Organization Owner ({OWNER}) in {name}, without which nobody's roles can be changed; it has {has}"
        ));
    }
    Ok(())
}
