//! Listing what the cluster has.

use std::collections::BTreeMap;

use super::{
    Elasticsearch, calls, check,
    wire::{CatIndex, HasPrivileges, Mappings, Resolved, Role},
};
use crate::providers::{
    Discovery, Resource, ResourceKind, Result, names,
    search::{
        listing::{self, Found, Tags},
        place::{self, Place},
    },
};

pub fn kinds() -> Vec<ResourceKind> {
    let mut on_index = place::index_permissions();
    on_index.push(place::monitor());
    on_index.push(place::manage(
        "settings, mappings, aliases; close and delete the index; no documents",
    ));
    place::kinds(on_index)
}

pub async fn discover(provider: &Elasticsearch) -> Result<Discovery> {
    let client = &provider.client;
    let can: HasPrivileges = client.ask(&calls::has_privileges()).await?;
    // A wildcard shows only what we may see: without the right on all it would look as if indices had gone.
    let (found, tagged) = if check::on_all_indices(&can, "view_index_metadata") {
        (
            resolved(client.ask(&calls::resolve_all()).await?),
            tagged(client.ask(&calls::all_tags()).await?),
        )
    } else {
        (folded(client.ask(&calls::all_indices()).await?), BTreeMap::new())
    };
    let mut resources = listing::resources(&found, &tagged);
    let roles = provider.roles().await?;
    resources.extend(
        roles
            .iter()
            .filter(|(name, role)| provider.may_give(name, role).is_ok())
            .map(|(name, found)| role(name, found)),
    );
    Ok(Discovery {
        kinds: kinds(),
        resources,
        unread: Vec::new(),
    })
}

fn role(name: &str, role: &Role) -> Resource {
    Resource {
        at: Place::Role(name.to_owned()).reference(),
        tags: Tags::new(),
        unavailable: (!role.transient_metadata.enabled)
            .then(|| "the cluster's licence does not allow what is in it".to_owned()),
    }
}

fn resolved(all: Resolved) -> BTreeMap<String, Found> {
    let hidden = |attributes: &[String]| attributes.iter().any(|one| one == "hidden" || one == "system");
    let indices = all
        .indices
        .into_iter()
        .filter(|index| !hidden(&index.attributes))
        .map(|index| (index.name.clone(), [index.name].into()));
    let aliases = all
        .aliases
        .into_iter()
        .map(|alias| (alias.name, alias.indices.into()));
    let streams = all
        .data_streams
        .into_iter()
        .map(|stream| (stream.name, stream.backing_indices.into()));
    indices
        .chain(aliases)
        .chain(streams)
        .map(|(name, indices)| {
            (
                name,
                Found {
                    indices,
                    unavailable: None,
                },
            )
        })
        .collect()
}

/// The poorer listing: no aliases, and data streams only by the names of what they are kept in.
fn folded(all: Vec<CatIndex>) -> BTreeMap<String, Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for CatIndex { index } in all {
        let name = listing::stream_of(&index).unwrap_or(&index).to_owned();
        if !names::is_reserved(&name) {
            found.entry(name).or_default().indices.insert(index);
        }
    }
    found
}

fn tagged(all: Mappings) -> BTreeMap<String, Tags> {
    all.into_iter()
        .map(|(index, mapping)| (index, listing::tags(&mapping.mappings.meta)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_listings_name_the_same() {
        let rich = resolved(
            serde_json::from_value(serde_json::json!({
                "indices": [
                    {"name": "orders", "attributes": ["open"], "aliases": ["all-orders"]},
                    {"name": "secret", "attributes": ["hidden", "open"]},
                ],
                "aliases": [{"name": "all-orders", "indices": "orders"}],
                "data_streams": [{"name": "logs-app", "backing_indices": [".ds-logs-app-2026.11.22-000001"]}],
            }))
            .expect("an answer"),
        );
        assert_eq!(
            rich.keys().collect::<Vec<_>>(),
            ["all-orders", "logs-app", "orders"]
        );
        let names = [
            "orders",
            ".ds-logs-app-2026.11.22-000001",
            ".ds-logs-app-2026.11.23-000002",
        ];
        let poor = folded(
            names
                .map(|index| CatIndex {
                    index: index.to_owned(),
                })
                .into(),
        );
        assert_eq!(poor.keys().collect::<Vec<_>>(), ["logs-app", "orders"]);
        assert_eq!(poor["logs-app"].indices.len(), 2);
    }
}
