//! Listing what the cluster has.

use std::collections::BTreeMap;

use super::{OpenSearch, calls, wire::ClusterState};
use crate::providers::{
    Discovery, Resource, ResourceKind, Result,
    search::{
        listing::{self, Found, Tags},
        place::{self, Place},
    },
};

pub fn kinds() -> Vec<ResourceKind> {
    let mut on_index = place::index_permissions();
    on_index.push(place::manage(super::MANAGE));
    place::kinds(on_index)
}

pub async fn discover(provider: &OpenSearch) -> Result<Discovery> {
    let (found, tagged) = provider.catalogue().await?;
    let mut resources = listing::resources(&found, &tagged);
    let roles = provider.roles().await?;
    resources.extend(
        roles
            .iter()
            .filter(|(name, role)| provider.may_give(name, role).is_ok())
            .map(|(name, _)| Resource {
                at: Place::Role(name.clone()).reference(),
                tags: Tags::new(),
                unavailable: None,
            }),
    );
    Ok(Discovery {
        kinds: kinds(),
        resources,
        unread: Vec::new(),
    })
}

pub type Catalogue = (BTreeMap<String, Found>, BTreeMap<String, Tags>);

impl OpenSearch {
    /// Every index, alias and data stream, and the tags of every index.
    pub async fn catalogue(&self) -> Result<Catalogue> {
        self.client.ask(&calls::cluster_state()).await.map(sorted)
    }
}

fn sorted(state: ClusterState) -> Catalogue {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut tagged = BTreeMap::new();
    for (name, index) in state.metadata.indices {
        for alias in index.aliases {
            found.entry(alias).or_default().indices.insert(name.clone());
        }
        let itself = found.entry(name.clone()).or_default();
        itself.indices.insert(name.clone());
        itself.unavailable = (index.state == "close").then(|| "it is closed".to_owned());
        tagged.insert(name, listing::tags(&index.mappings.doc.meta));
    }
    for (name, stream) in state.metadata.data_stream.data_stream {
        let backing = stream.indices.into_iter().map(|one| one.index_name);
        found.entry(name).or_default().indices.extend(backing);
    }
    (found, tagged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_aliases_and_streams_are_one_list() {
        let (found, tagged) = sorted(
            serde_json::from_value(serde_json::json!({"metadata": {
                "indices": {
                    "orders": {"state": "open", "aliases": ["all"], "mappings": {"_doc": {"_meta": {"owner": "ann"}}}},
                    "old": {"state": "close", "aliases": ["all"]},
                    ".ds-events-000001": {"state": "open", "aliases": []},
                },
                "data_stream": {"data_stream": {"events": {"indices": [{"index_name": ".ds-events-000001"}]}}},
            }}))
            .expect("an answer"),
        );
        let listed = listing::resources(&found, &tagged);
        let titles: Vec<&str> = listed.iter().map(|one| one.at.title.as_str()).collect();
        assert_eq!(titles, ["all", "events", "old", "orders"]);
        assert!(listed[2].unavailable.is_some());
        assert_eq!(listed[3].tags["owner"], "ann");
        assert!(listed[0].tags.is_empty(), "only one of its indices has it");
    }

    #[test]
    fn an_empty_cluster_is_no_error() {
        let (found, _) = sorted(serde_json::from_value(serde_json::json!({})).expect("an answer"));
        assert!(found.is_empty());
    }
}
