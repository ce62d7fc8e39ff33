//! Listing the cluster and what is below it.

use std::collections::BTreeMap;

use crate::providers::{
    Discovery, ErrorKind, ProviderError, Resource, ResourceRef, Result,
    atlas::{self, Child, Client, Cluster, Connection},
};

pub(super) async fn discover(
    client: &Client,
    group: &str,
    name: &str,
    connection: &Connection,
) -> Result<Discovery> {
    let mut discovery = Discovery {
        kinds: atlas::data_kinds(),
        ..Discovery::default()
    };
    let project = client.group(group).await?;
    let Some(cluster) = client.cluster(group, name).await? else {
        return Ok(discovery);
    };
    let why = atlas::unavailable(&cluster).or_else(|| connection.address(&cluster).err());
    // The cluster's own tags over its project's.
    let tags: BTreeMap<String, String> = project
        .tags
        .into_iter()
        .chain(cluster.tags.iter().cloned())
        .map(|tag| (tag.key, tag.value))
        .collect();
    let resource = |kind: &str, below: Vec<String>, title: String| Resource {
        at: ResourceRef {
            kind: kind.to_owned(),
            id: std::iter::once(name.to_owned()).chain(below).collect(),
            title,
        },
        tags: tags.clone(),
        unavailable: why.clone(),
    };
    discovery
        .resources
        .push(resource(atlas::CLUSTER, Vec::new(), name.to_owned()));
    match below(client, group, &cluster).await {
        Ok(children) => discovery.resources.extend(
            children
                .into_iter()
                .map(|child| resource(child.kind, child.below, child.title)),
        ),
        Err(error) => discovery
            .unread
            .push((vec![name.to_owned()], of_one_part(error)?)),
    }
    Ok(discovery)
}

async fn below(client: &Client, group: &str, cluster: &Cluster) -> Result<Vec<Child>> {
    let processes = match cluster.is_shared() {
        true => Vec::new(),
        false => client.processes(group).await?,
    };
    let mut children = atlas::children(client, group, cluster, &processes).await?;
    children.extend(atlas::role_children(&client.roles(group).await?));
    Ok(children)
}

/// The reason, where an error concerns a part; a limit on calls concerns the whole.
fn of_one_part(error: ProviderError) -> Result<String> {
    match error.kind {
        ErrorKind::Transient if error.retry_after.is_some() => Err(error),
        ErrorKind::Transient
        | ErrorKind::Denied
        | ErrorKind::Invalid
        | ErrorKind::Taken
        | ErrorKind::Unsupported => Ok(error.message),
    }
}
