//! Listing what the account has.

use std::collections::{BTreeMap, BTreeSet};

use super::client::{Client, Plan};
use super::grant::{self, DATABASE, MEMBER, ROLE};
use super::wire::{Database, Role, Rule, Subscription};
use crate::providers::{
    Discovery, ErrorKind, Permission, ProviderError, Resource, ResourceKind, ResourceRef, Result, names,
};

pub(super) async fn discover(client: &Client) -> Result<Discovery> {
    let rules = client.rules().await?;
    let roles = client.roles().await?;
    let mut discovery = Discovery {
        kinds: kinds(rules),
        ..Discovery::default()
    };
    let mut databases = Vec::new();
    for plan in Plan::ALL {
        for subscription in client.subscriptions(plan).await? {
            list(client, plan, subscription, &mut databases, &mut discovery).await?;
        }
    }
    let titles = titles(&databases);
    for (found, title) in databases.into_iter().zip(titles) {
        let resource = database(client, found, title, &mut discovery).await?;
        discovery.resources.push(resource);
    }
    discovery.resources.extend(
        roles
            .iter()
            .filter(|role| !names::is_reserved(&role.name))
            .map(role),
    );
    Ok(discovery)
}

struct Found {
    plan: Plan,
    subscription: i64,
    subscription_name: String,
    database: Database,
}

async fn list(
    client: &Client,
    plan: Plan,
    subscription: Subscription,
    databases: &mut Vec<Found>,
    discovery: &mut Discovery,
) -> Result<()> {
    match client.databases(plan, subscription.id).await {
        Ok(found) => databases.extend(found.into_iter().map(|database| Found {
            plan,
            subscription: subscription.id,
            subscription_name: subscription.name.clone(),
            database,
        })),
        Err(error) => {
            let id = vec![plan.as_str().to_owned(), subscription.id.to_string()];
            discovery.unread.push((id, of_one_part(error)?));
        }
    }
    Ok(())
}

/// The reason, where an error concerns a part; else the error: keys that are refused and a limit on calls concern the whole.
fn of_one_part(error: ProviderError) -> Result<String> {
    match error.kind {
        ErrorKind::Denied => Err(error),
        ErrorKind::Transient if error.retry_after.is_some() => Err(error),
        ErrorKind::Transient | ErrorKind::Invalid | ErrorKind::Taken | ErrorKind::Unsupported => {
            Ok(error.message)
        }
    }
}

async fn database(
    client: &Client,
    found: Found,
    title: String,
    discovery: &mut Discovery,
) -> Result<Resource> {
    let Found {
        plan,
        subscription,
        database,
        ..
    } = found;
    let id = vec![
        plan.as_str().to_owned(),
        subscription.to_string(),
        database.database_id.to_string(),
    ];
    let mut tags = BTreeMap::new();
    match client.tags(plan, subscription, database.database_id).await {
        Ok(found) => tags.extend(found.into_iter().map(|tag| (tag.key, tag.value))),
        // Without its tags it has no owner: what was known of it stays as it was.
        Err(error) => discovery.unread.push((id.clone(), of_one_part(error)?)),
    }
    let at = ResourceRef {
        kind: DATABASE.to_owned(),
        id,
        title,
    };
    Ok(Resource {
        at,
        tags,
        unavailable: unavailable(&database),
    })
}

fn unavailable(database: &Database) -> Option<String> {
    if database.protocol == "memcached" {
        return Some("a memcached database has no ACL users".to_owned());
    }
    // `active-change-pending` and its like are active with a change under way.
    let active = database.status.is_empty() || database.status.starts_with("active");
    (!active).then(|| format!("its status in Redis Cloud is {}", database.status))
}

/// The name alone where it is the only one, else with its subscription, else with its id too.
fn titles(databases: &[Found]) -> Vec<String> {
    let repeated = |names: &[String]| -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        names
            .iter()
            .filter(|name| !seen.insert(name.to_lowercase()))
            .map(|name| name.to_lowercase())
            .collect()
    };
    let short: Vec<String> = databases
        .iter()
        .map(|found| found.database.name.clone())
        .collect();
    let long: Vec<String> = databases
        .iter()
        .map(|found| format!("{}/{}", found.subscription_name, found.database.name))
        .collect();
    let (short_again, long_again) = (repeated(&short), repeated(&long));
    let title = |(at, found): (usize, &Found)| {
        if !short_again.contains(&short[at].to_lowercase()) {
            short[at].clone()
        } else if !long_again.contains(&long[at].to_lowercase()) {
            long[at].clone()
        } else {
            format!("{} ({})", long[at], found.database.database_id)
        }
    };
    databases.iter().enumerate().map(title).collect()
}

fn role(role: &Role) -> Resource {
    let at = ResourceRef {
        kind: ROLE.to_owned(),
        id: vec![role.id.to_string()],
        title: role.name.clone(),
    };
    let empty = role.redis_rules.iter().all(|rule| rule.databases.is_empty());
    let unavailable = if role.status == "error" {
        Some("Redis Cloud reports an error on this role".to_owned())
    } else {
        empty.then(|| "this role is on no database".to_owned())
    };
    Resource {
        at,
        tags: BTreeMap::new(),
        unavailable,
    }
}

/// What every account offers, before it is asked for rules of its own.
pub(super) fn built_in_kinds() -> Vec<ResourceKind> {
    let rule = |name: &str, acl: &str| Rule {
        name: name.to_owned(),
        acl: acl.to_owned(),
        is_default: true,
        status: "active".to_owned(),
    };
    kinds(vec![
        rule("Full-Access", "+@all ~*"),
        rule("Read-Write", "+@all -@dangerous ~*"),
        rule("Read-Only", "+@read ~*"),
    ])
}

fn kinds(mut rules: Vec<Rule>) -> Vec<ResourceKind> {
    rules.retain(|rule| !names::is_reserved(&rule.name));
    rules.sort_by_key(grant::rank);
    let member = Permission {
        name: MEMBER.to_owned(),
        also: Vec::new(),
        about: "Everything the role allows, on all its databases".to_owned(),
        // What a role allows can be anything, and changes without us.
        dangerous: true,
    };
    vec![
        ResourceKind {
            name: DATABASE.to_owned(),
            permissions: rules.iter().map(grant::permission).collect(),
            typed_under: None,
        },
        ResourceKind {
            name: ROLE.to_owned(),
            permissions: vec![member],
            typed_under: None,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(subscription: &str, name: &str, id: i64) -> Found {
        let database = serde_json::json!({"databaseId": id, "name": name});
        Found {
            plan: Plan::Pro,
            subscription: 1,
            subscription_name: subscription.to_owned(),
            database: serde_json::from_value(database).unwrap(),
        }
    }

    #[test]
    fn titles_are_as_short_as_they_can_be() {
        let databases = [
            found("eu", "prod", 1),
            found("eu", "cache", 2),
            found("us", "Cache", 3),
            found("us", "x", 4),
            found("us", "x", 5),
        ];
        assert_eq!(
            titles(&databases),
            ["prod", "eu/cache", "us/Cache", "us/x (4)", "us/x (5)"]
        );
    }

    #[test]
    fn what_cannot_be_requested_says_why() {
        for (json, reason) in [
            (
                serde_json::json!({"databaseId": 1, "status": "active", "protocol": "redis"}),
                None,
            ),
            (
                serde_json::json!({"databaseId": 1, "status": "active-change-pending", "protocol": "stack"}),
                None,
            ),
            (
                serde_json::json!({"databaseId": 1, "status": "draft"}),
                Some("draft"),
            ),
            (
                serde_json::json!({"databaseId": 1, "status": "active", "protocol": "memcached"}),
                Some("memcached"),
            ),
        ] {
            let told = unavailable(&serde_json::from_value(json).unwrap());
            assert_eq!(told.is_some(), reason.is_some());
            assert!(told.unwrap_or_default().contains(reason.unwrap_or_default()));
        }
    }
}
