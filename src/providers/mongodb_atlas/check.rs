//! Whether our key suffices, and how much room is left.

use crate::providers::{
    ErrorKind, Health, Result,
    atlas::{Client, Connection, unavailable},
};

const OWNER: &str = "GROUP_OWNER";
/// Limits of a project, by Atlas's names for them, and what they limit.
const LIMITS: &[(&str, &str)] = &[
    ("atlas.project.security.databaseAccess.users", "database users"),
    (
        "atlas.project.security.databaseAccess.customRoles",
        "custom roles",
    ),
];

pub(super) async fn check(
    client: &Client,
    group: &str,
    cluster: &str,
    connection: &Connection,
) -> Result<Health> {
    // The project first: a key that is refused is refused here.
    let project = client.group(group).await?;
    let mut health = Health {
        target_id: format!("{group}/{cluster}"),
        server: format!("MongoDB Atlas, cluster {cluster} of project {}", project.name),
        ..Health::default()
    };
    match client.cluster(group, cluster).await? {
        None => health.missing.push(format!(
            "project {} has no cluster {cluster}: mend cluster_name or project_id",
            project.name
        )),
        Some(found) => {
            health.warnings.extend(unavailable(&found));
            health.warnings.extend(connection.address(&found).err());
        }
    }
    // Both lists are read and written by every grant.
    client.users(group).await?;
    client.roles(group).await?;
    rights(client, group, &project.org_id, &project.name, &mut health).await?;
    for (limit, what) in LIMITS {
        match client.limit(group, limit).await {
            Ok(found) => {
                let used = found.current_usage.unwrap_or_default();
                if used * 10 >= found.value * 9 {
                    health.warnings.push(format!(
                        "project {} holds {used} of the {} {what} it has room for: when it is full nothing new is granted",
                        project.name, found.value
                    ));
                }
            }
            // Not every key may read limits, and nothing depends on them.
            Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(health)
}

async fn rights(client: &Client, group: &str, org: &str, name: &str, health: &mut Health) -> Result<()> {
    let lacks = |roles: Vec<String>| {
        let has = match roles.is_empty() {
            true => "none".to_owned(),
            false => roles.join(", "),
        };
        format!(
            "the key lacks Project Owner ({OWNER}) on project {name}, without which nothing can be taken back; it has {has}"
        )
    };
    if let Some(id) = client.service_account() {
        match client.group_service_account(group, id).await? {
            Some(account) => {
                health.own_expires = account
                    .secrets
                    .iter()
                    .filter_map(|secret| secret.expires_at)
                    .min();
                if !account.roles.iter().any(|role| role == OWNER) {
                    health.missing.push(lacks(account.roles));
                }
            }
            None => health.missing.push(lacks(Vec::new())),
        }
        return Ok(());
    }
    let Some(key) = client.system().await?.api_key else {
        health
            .warnings
            .push("cannot tell what our key may do; taking back needs Project Owner".to_owned());
        return Ok(());
    };
    let counts = |role: &&crate::providers::atlas::KeyRole| {
        role.group_id.as_deref() == Some(group) || role.org_id.as_deref() == Some(org)
    };
    let roles: Vec<String> = key
        .roles
        .iter()
        .filter(counts)
        .map(|role| role.role_name.clone())
        .collect();
    if !roles.iter().any(|role| role == OWNER || role == "ORG_OWNER") {
        health.missing.push(lacks(roles));
    }
    Ok(())
}
