//! Listing what the broker has.

use std::collections::BTreeMap;

use super::{
    client::{Client, segment},
    grant::{self, BROKER, TAG, VHOST},
    wire::Vhost,
};
use crate::providers::{Discovery, Resource, ResourceRef, Result, names};

/// Queues and exchanges are typed, not listed: there may be a hundred thousand, and they come and go.
pub(super) async fn discover(client: &Client) -> Result<Discovery> {
    let vhosts = client.vhosts().await?;
    let mut resources: Vec<Resource> = vhosts
        .into_iter()
        .filter(|vhost| !names::is_reserved(&vhost.name))
        .map(resource)
        .collect();
    resources.push(Resource {
        at: ResourceRef {
            kind: TAG.to_owned(),
            id: vec![BROKER.to_owned()],
            title: "management-interface".to_owned(),
        },
        tags: BTreeMap::new(),
        unavailable: None,
    });
    Ok(Discovery {
        kinds: grant::kinds(),
        resources,
        unread: Vec::new(),
    })
}

fn resource(vhost: Vhost) -> Resource {
    let unavailable = if segment(&vhost.name).is_none() {
        Some("the management API has no address for this name".to_owned())
    } else {
        let down =
            !vhost.cluster_state.is_empty() && vhost.cluster_state.values().all(|state| state != "running");
        down.then(|| "the virtual host runs on no node of the broker".to_owned())
    };
    Resource {
        tags: tags(&vhost.tags),
        at: ResourceRef {
            kind: VHOST.to_owned(),
            id: vec![vhost.name.clone()],
            title: vhost.name,
        },
        unavailable,
    }
}

/// Tags are flat here; `key:value` is the usual way to write two things into one. The first of a key counts.
fn tags(flat: &[String]) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for tag in flat {
        let (key, value) = tag.split_once(':').unwrap_or((tag, ""));
        tags.entry(key.trim().to_owned())
            .or_insert_with(|| value.trim().to_owned());
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_tags_are_keys_and_values() {
        let flat = ["owner:team-a", "url: https://x", "plain", "owner:team-b"].map(str::to_owned);
        let tags = tags(&flat);
        assert_eq!(tags["owner"], "team-a");
        assert_eq!(tags["url"], "https://x", "the first colon parts them");
        assert_eq!(tags["plain"], "");
    }

    #[test]
    fn what_cannot_be_asked_for_says_why() {
        for (json, reason) in [
            (r#"{"name":"a"}"#, None),
            (
                r#"{"name":"a","cluster_state":{"n1":"stopped","n2":"running"}}"#,
                None,
            ),
            (
                r#"{"name":"a","cluster_state":{"n1":"stopped"}}"#,
                Some("no node"),
            ),
            (r#"{"name":".."}"#, Some("no address")),
        ] {
            let told = resource(serde_json::from_str(json).unwrap()).unavailable;
            assert_eq!(told.is_some(), reason.is_some(), "{json}");
            assert!(told.unwrap_or_default().contains(reason.unwrap_or_default()));
        }
    }
}
