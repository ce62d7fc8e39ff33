//! Whether this is a cluster that we can work on, and whether our rights suffice.

use serde_json::Value;

use super::{
    OpenSearch, calls,
    wire::{PermissionsInfo, Root},
};
use crate::providers::{ErrorKind, Health, ProviderError, Result, search::client::As};

/// What we do to users and roles.
const METHODS: [&str; 4] = ["GET", "PUT", "PATCH", "DELETE"];
const ENDPOINTS: [&str; 2] = ["INTERNALUSERS", "ROLES"];

pub async fn check(provider: &OpenSearch) -> Result<Health> {
    let client = &provider.client;
    let call = calls::root();
    let reply = client.exchange(&call, As::Connector).await?;
    let root: Root = serde_json::from_value(client.accept(&call, &reply)?)
        .map_err(|_| unsupported("this is not OpenSearch: GET / answers something else"))?;
    if reply.headers.contains_key("x-elastic-product") {
        return Err(unsupported(
            "this is Elasticsearch, not OpenSearch: use kind = \"elasticsearch\"",
        ));
    }
    if root.cluster_uuid.is_empty() || root.cluster_uuid == "_na_" {
        let text = "the cluster is still forming: it has no id yet";
        return Err(ProviderError::new(ErrorKind::Transient, text));
    }
    let prefix = provider.prefix().await?;
    let name = if root.version.distribution.is_empty() {
        "Open Distro".to_owned()
    } else {
        "OpenSearch".to_owned()
    };
    let mut health = Health {
        target_id: root.cluster_uuid,
        server: format!("{name} {}, cluster {}", root.version.number, root.cluster_name),
        ..Health::default()
    };
    let may: PermissionsInfo = client.ask(&prefix.permissions_info()).await?;
    lacking(&may, &mut health);
    match provider.catalogue().await {
        Ok(_) => {}
        Err(error) if error.kind == ErrorKind::Denied => health.missing.push(format!(
            "the permission cluster:monitor/state: add it to a role of {}, or nothing can be listed",
            may.user_name
        )),
        Err(error) => return Err(error),
    }
    Ok(health)
}

fn unsupported(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Unsupported, text)
}

fn lacking(may: &PermissionsInfo, health: &mut Health) {
    if !may.has_api_access {
        health.missing.push(format!(
            "the security API: name a role of {} in plugins.security.restapi.roles_enabled",
            may.user_name
        ));
        return;
    }
    for endpoint in ENDPOINTS {
        let shut = may.disabled_endpoints.get(endpoint).and_then(Value::as_array);
        let shut: Vec<&str> = shut
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|method| METHODS.contains(method))
            .collect();
        if !shut.is_empty() {
            health.missing.push(format!(
                "{} on {endpoint} of the security API: take them out of plugins.security.restapi.endpoints_disabled",
                shut.join(", ")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shut_endpoints_are_named() {
        let missing = |told: Value| {
            let mut health = Health::default();
            lacking(&serde_json::from_value(told).expect("an answer"), &mut health);
            health.missing
        };
        let all = json!({"user_name": "bot", "has_api_access": true, "disabled_endpoints": {}});
        assert!(missing(all).is_empty());
        let none = missing(json!({"user_name": "bot", "has_api_access": false, "disabled_endpoints": []}));
        assert!(none[0].contains("roles_enabled") && none[0].contains("bot"));
        let some = missing(json!({"user_name": "bot", "has_api_access": true,
            "disabled_endpoints": {"ROLES": ["PUT", "POST"], "CONFIG": ["PUT"]}}));
        assert_eq!(some.len(), 1);
        assert!(some[0].starts_with("PUT on ROLES"), "{some:?}");
    }
}
