//! Deep discovery: the organization, its projects, their clusters, and what is below those.
//!
//! A part that could not be read is `unread`, and stays as it was; only what a whole list of its parent lacks is gone. One run
//! reads for so long; a large organization takes several, and each begins with what was read longest ago.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};

use super::{
    AT_ONCE,
    place::{self, ORGANIZATION, PROJECT},
    reader::Reader,
    tags::Tags,
};
use crate::providers::{
    Discovery, Resource, ResourceRef, Result,
    atlas::{self, CLUSTER, Child, Client, Cluster, Group, Process, invalid},
};

/// Less than the longest a call of a provider may take.
const BUDGET: Duration = Duration::from_secs(50);
const NOT_YET: &str = "not read this time; the next discovery begins with it";

/// How far below projects discovery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    Off,
    Clusters,
    Everything,
}

/// What the clusters of a project share, read once for all of them; or why it could not be read.
type Shared = std::result::Result<(Vec<Process>, Vec<Child>), String>;

impl Depth {
    pub fn parse(text: Option<&str>) -> Result<Self> {
        match text {
            None | Some("off") => Ok(Self::Off),
            Some("clusters") => Ok(Self::Clusters),
            Some("everything") => Ok(Self::Everything),
            Some(_) => Err(invalid(
                "deep_discovery must be \"off\", \"clusters\" or \"everything\"",
            )),
        }
    }
}

/// In which run each project was last read whole.
#[derive(Debug, Default)]
pub(super) struct LastRead {
    run: u64,
    projects: BTreeMap<String, u64>,
}

pub(super) struct Discoverer<'a> {
    pub client: &'a Client,
    pub org: &'a str,
    pub depth: Depth,
    pub tags: &'a Tags,
    pub last_read: &'a Mutex<LastRead>,
}

/// What became of one project.
#[derive(Default)]
struct Part {
    resources: Vec<Resource>,
    unread: Vec<(Vec<String>, String)>,
}

impl Discoverer<'_> {
    pub async fn discover(&self) -> Result<Discovery> {
        let reader = Reader::new(BUDGET);
        let org = reader.read(|| self.client.organization(self.org)).await?;
        let groups = reader.read(|| self.client.groups(self.org)).await?;
        let names = names(&groups);
        let mut discovery = Discovery {
            kinds: place::kinds(),
            ..Discovery::default()
        };
        discovery.resources.push(resource(
            ORGANIZATION,
            vec![org.id],
            org.name,
            &BTreeMap::new(),
            None,
        ));
        for group in &groups {
            let (id, name) = (vec![group.id.clone()], names[&group.id].clone());
            discovery
                .resources
                .push(resource(PROJECT, id, name, &tags_of(group), None));
        }
        if self.depth == Depth::Off {
            return Ok(discovery);
        }
        let order = self.longest_ago_first(groups);
        let reader = &reader;
        let read: Vec<_> = order
            .into_iter()
            .map(|group| {
                let name = names[&group.id].clone();
                async move { self.project(reader, &group, &name).await }
            })
            .collect();
        let parts: Vec<Part> = stream::iter(read).buffered(AT_ONCE).collect().await;
        for part in parts {
            discovery.resources.extend(part.resources);
            discovery.unread.extend(part.unread);
        }
        Ok(discovery)
    }

    fn longest_ago_first(&self, mut groups: Vec<Group>) -> Vec<Group> {
        let mut last = self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
        last.run += 1;
        let there: BTreeSet<&String> = groups.iter().map(|group| &group.id).collect();
        last.projects.retain(|id, _| there.contains(id));
        groups.sort_by_key(|group| last.projects.get(&group.id).copied().unwrap_or_default());
        groups
    }

    async fn project(&self, reader: &Reader, group: &Group, name: &str) -> Part {
        let id = vec![group.id.clone()];
        let mut part = Part::default();
        if reader.is_over() {
            part.unread.push((id, NOT_YET.to_owned()));
            return part;
        }
        let clusters = match reader.read(|| self.client.clusters(&group.id)).await {
            Ok(clusters) => clusters,
            Err(error) => {
                part.unread.push((id, error.message));
                return part;
            }
        };
        let tags = tags_of(group);
        let below = match self.depth {
            Depth::Off | Depth::Clusters => None,
            Depth::Everything => Some(self.shared(reader, group, &clusters).await),
        };
        for cluster in &clusters {
            self.cluster(reader, group, name, cluster, &tags, below.as_ref(), &mut part)
                .await;
        }
        if part.unread.is_empty() {
            let mut last = self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
            let run = last.run;
            last.projects.insert(group.id.clone(), run);
        }
        part
    }

    /// What all clusters of a project need: its processes and its roles.
    async fn shared(&self, reader: &Reader, group: &Group, clusters: &[Cluster]) -> Shared {
        if clusters.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let processes = match clusters.iter().all(Cluster::is_shared) {
            true => Ok(Vec::new()),
            false => reader.read(|| self.client.processes(&group.id)).await,
        };
        let roles = reader.read(|| self.client.roles(&group.id)).await;
        let both = processes.and_then(|processes| Ok((processes, roles?)));
        both.map(|(processes, roles)| (processes, atlas::role_children(&roles)))
            .map_err(|error| error.message)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one cluster in its project, and where it goes"
    )]
    async fn cluster(
        &self,
        reader: &Reader,
        group: &Group,
        name: &str,
        cluster: &Cluster,
        tags: &BTreeMap<String, String>,
        shared: Option<&Shared>,
        part: &mut Part,
    ) {
        // The cluster's own tags over its project's.
        let mut tags = tags.clone();
        tags.extend(
            cluster
                .tags
                .iter()
                .map(|tag| (tag.key.clone(), tag.value.clone())),
        );
        let why = self.tags.trouble(cluster);
        let id = vec![group.id.clone(), cluster.name.clone()];
        let title = format!("{name}/{}", cluster.name);
        part.resources
            .push(resource(CLUSTER, id.clone(), title.clone(), &tags, why.clone()));
        let children = match shared {
            None => return,
            Some(Err(why)) => Err(why.clone()),
            Some(Ok(_)) if reader.is_over() => Err(NOT_YET.to_owned()),
            Some(Ok((processes, roles))) => reader
                .read(|| atlas::children(self.client, &group.id, cluster, processes))
                .await
                .map(|children| {
                    children
                        .into_iter()
                        .chain(roles.iter().cloned())
                        .collect::<Vec<_>>()
                })
                .map_err(|error| error.message),
        };
        match children {
            Ok(children) => part.resources.extend(children.into_iter().map(|child| {
                let id = id.iter().cloned().chain(child.below).collect();
                resource(
                    child.kind,
                    id,
                    format!("{title}/{}", child.title),
                    &tags,
                    why.clone(),
                )
            })),
            Err(why) => part.unread.push((id, why)),
        }
    }
}

fn resource(
    kind: &str,
    id: Vec<String>,
    title: String,
    tags: &BTreeMap<String, String>,
    unavailable: Option<String>,
) -> Resource {
    Resource {
        at: ResourceRef {
            kind: kind.to_owned(),
            id,
            title,
        },
        tags: tags.clone(),
        unavailable,
    }
}

fn tags_of(group: &Group) -> BTreeMap<String, String> {
    group
        .tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

/// What people read of each project: its name, and its id where another is called the same.
fn names(groups: &[Group]) -> BTreeMap<String, String> {
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    for group in groups {
        *count.entry(group.name.to_lowercase()).or_default() += 1;
    }
    let name = |group: &Group| match count.get(&group.name.to_lowercase()) {
        Some(1) if !group.name.is_empty() => group.name.clone(),
        _ => format!("{} ({})", group.name, group.id).trim().to_owned(),
    };
    groups
        .iter()
        .map(|group| (group.id.clone(), name(group)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_that_meet_are_told_apart() {
        let group = |id: &str, name: &str| -> Group {
            serde_json::from_value(json!({"id": id, "name": name})).unwrap()
        };
        let names = names(&[group("1", "shop"), group("2", "Crm"), group("3", "crm")]);
        assert_eq!(names["1"], "shop");
        assert_eq!((names["2"].as_str(), names["3"].as_str()), ("Crm (2)", "crm (3)"));
    }
}
