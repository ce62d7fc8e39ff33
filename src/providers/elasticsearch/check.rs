//! Whether this is a cluster that we can work on, and whether our rights suffice.

use reqwest::StatusCode;

use super::{
    Elasticsearch, calls,
    wire::{Authenticated, HasPrivileges, Root},
};
use crate::providers::{
    ErrorKind, Health, ProviderError, Result,
    search::{
        client::{As, Reply},
        error,
    },
};

/// Since then every answer says so.
const SAYS_PRODUCT_SINCE: (u32, u32) = (7, 14);

pub async fn check(provider: &Elasticsearch) -> Result<Health> {
    let client = &provider.client;
    let call = calls::root();
    let reply = client.exchange(&call, As::Connector).await?;
    let root: Root = serde_json::from_value(client.accept(&call, &reply)?)
        .map_err(|_| unsupported("this is not Elasticsearch: GET / answers something else"))?;
    is_elasticsearch(&root, &reply)?;
    if root.cluster_uuid.is_empty() || root.cluster_uuid == "_na_" {
        let text = "the cluster is still forming: it has no id yet";
        return Err(ProviderError::new(ErrorKind::Transient, text));
    }
    let me = who_am_i(provider).await?;
    let mut health = Health {
        target_id: root.cluster_uuid,
        server: format!(
            "Elasticsearch {}, cluster {}",
            root.version.number, root.cluster_name
        ),
        ..Health::default()
    };
    let can: HasPrivileges = client.ask(&calls::has_privileges()).await?;
    for privilege in ["manage_security", "monitor"] {
        if !can.cluster.get(privilege).copied().unwrap_or_default() {
            health.missing.push(format!(
                "cluster privilege {privilege}: add it to a role of {}",
                me.username
            ));
        }
    }
    if !on_all_indices(&can, "monitor") {
        health.missing.push(format!(
            "index privilege monitor on *: add it to a role of {}, or nothing can be listed",
            me.username
        ));
    }
    if !on_all_indices(&can, "view_index_metadata") {
        health.warnings.push(format!(
            "without the index privilege view_index_metadata on * {} sees no aliases and no owner tags",
            me.username
        ));
    }
    Ok(health)
}

pub fn on_all_indices(can: &HasPrivileges, privilege: &str) -> bool {
    let all = can.index.get("*").and_then(|all| all.get(privilege));
    all.copied().unwrap_or_default()
}

fn unsupported(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Unsupported, text)
}

fn is_elasticsearch(root: &Root, reply: &Reply) -> Result<()> {
    if let Some(distribution) = &root.version.distribution {
        return Err(unsupported(format!(
            "this is {distribution}, not Elasticsearch: use kind = \"opensearch\""
        )));
    }
    if root.version.build_flavor == "serverless" {
        return Err(unsupported(
            "Elasticsearch Serverless has no users of its own: nothing can be given there",
        ));
    }
    let says = reply
        .headers
        .get("x-elastic-product")
        .is_some_and(|product| product == "Elasticsearch");
    if !says && release(&root.version.number) >= SAYS_PRODUCT_SINCE {
        return Err(unsupported(
            "the answer does not say that it is Elasticsearch's (X-elastic-product): another product, or a proxy that drops it",
        ));
    }
    Ok(())
}

/// Major and minor; 0 for what is no number.
fn release(number: &str) -> (u32, u32) {
    let mut parts = number.split('.').map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Some set-ups run a cluster without security behind a proxy that asks for passwords: there is nobody to give anything to.
async fn who_am_i(provider: &Elasticsearch) -> Result<Authenticated> {
    let client = &provider.client;
    let call = calls::authenticate();
    let reply = client.exchange(&call, As::Connector).await?;
    if without_security(reply.status, &reply.told()) {
        return Err(unsupported(
            "this cluster runs without security (xpack.security.enabled): it has no users, and a proxy in front of it that \
             asks for passwords cannot be given any",
        ));
    }
    let value = client.accept(&call, &reply)?;
    serde_json::from_value(value).map_err(|_| unsupported("this is not Elasticsearch: nobody is logged in"))
}

fn without_security(status: StatusCode, told: &error::Told) -> bool {
    let off = told.reason.contains("ecurity must be explicitly enabled")
        || told.reason.contains("ecurity is not enabled");
    error::is_unknown_path(status, told) || (!status.is_success() && off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert!(release("7.13.4") < SAYS_PRODUCT_SINCE);
        assert!(release("7.17.0") >= SAYS_PRODUCT_SINCE && release("10.0.0") >= SAYS_PRODUCT_SINCE);
        assert_eq!(release("x"), (0, 0));
    }

    #[test]
    fn a_cluster_without_security_is_known_by_its_answer() {
        let told = |reason: &str| error::Told {
            kind: String::new(),
            reason: reason.to_owned(),
        };
        for (status, reason, without) in [
            (
                400,
                "no handler found for uri [/_security/_authenticate] and method [GET]",
                true,
            ),
            (
                405,
                "Incorrect HTTP method for uri [/_security/_authenticate]",
                true,
            ),
            (
                500,
                "Security must be explicitly enabled when using a [basic] license.",
                true,
            ),
            (401, "unable to authenticate user [bot]", false),
            (503, "cluster is red", false),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(without_security(status, &told(reason)), without, "{reason}");
        }
    }
}
