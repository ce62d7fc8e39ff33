//! What is below a cluster: databases, collections, and the project's own roles. Through the API alone, so it works without a
//! way into the cluster's network; Atlas lists nothing for clusters on shared machines.

use std::collections::BTreeSet;

use super::access::{COLLECTION, CUSTOM_ROLE, DATABASE, offers_collection, offers_database, role_name};
use super::client::Client;
use super::wire::{Cluster, Process, Role};
use crate::providers::Result;

/// Something below a cluster: its kind, what follows the cluster in its id, and what follows it in its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    pub kind: &'static str,
    pub below: Vec<String>,
    pub title: String,
}

/// Those processes of a project that can tell all databases of the cluster: its primaries, or its routers.
pub(crate) fn own_processes(cluster: &Cluster, processes: &[Process]) -> Vec<String> {
    let hosts = hosts(cluster);
    let is_own = |process: &&Process| {
        let names = [&process.user_alias, &process.hostname];
        names
            .into_iter()
            .flatten()
            .any(|name| hosts.contains(&name.to_lowercase()))
    };
    let own: Vec<&Process> = processes.iter().filter(is_own).collect();
    let of = |wanted: &[&str]| -> Vec<String> {
        let some = own
            .iter()
            .filter(|process| wanted.contains(&process.type_name.as_str()));
        some.map(|process| process.id.clone()).collect()
    };
    // One router knows all databases of a sharded cluster; else each primary knows its own shard's.
    let router: Vec<String> = of(&["SHARD_MONGOS"]).into_iter().take(1).collect();
    match router.is_empty() {
        true => of(&["REPLICA_PRIMARY", "SHARD_PRIMARY"]),
        false => router,
    }
}

/// The hosts that the cluster's connection strings name.
fn hosts(cluster: &Cluster) -> BTreeSet<String> {
    let strings = &cluster.connection_strings;
    [&strings.standard, &strings.private]
        .into_iter()
        .flatten()
        .filter_map(|text| text.split_once("://"))
        .flat_map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default().split(','))
        .map(|host| {
            host.rsplit_once(':')
                .map_or(host, |(host, _)| host)
                .to_lowercase()
        })
        .filter(|host| !host.is_empty())
        .collect()
}

/// Databases and collections that may be asked for, in order.
pub(crate) async fn children(
    client: &Client,
    group: &str,
    cluster: &Cluster,
    processes: &[Process],
) -> Result<Vec<Child>> {
    if cluster.is_shared() {
        return Ok(Vec::new());
    }
    let mut databases = BTreeSet::new();
    for process in own_processes(cluster, processes) {
        databases.extend(client.databases(group, &process).await?);
    }
    let mut collections = BTreeSet::new();
    for namespace in client.namespaces(group, &cluster.name).await? {
        if let Some((database, collection)) = namespace.split_once('.') {
            databases.insert(database.to_owned());
            collections.insert((database.to_owned(), collection.to_owned()));
        }
    }
    let database = |name: String| Child {
        kind: DATABASE,
        title: name.clone(),
        below: vec![name],
    };
    let collection = |(database, name): (String, String)| Child {
        kind: COLLECTION,
        title: format!("{database}/{name}"),
        below: vec![database, name],
    };
    let offered = collections
        .into_iter()
        .filter(|(database, name)| offers_collection(database, name));
    let databases = databases.into_iter().filter(|name| offers_database(name));
    Ok(databases.map(database).chain(offered.map(collection)).collect())
}

/// The project's own roles, for each of its clusters. No database's name is empty, so ids never meet.
pub(crate) fn roles(roles: &[Role]) -> Vec<Child> {
    roles
        .iter()
        .filter(|role| role_name(&role.role_name).is_ok())
        .map(|role| Child {
            kind: CUSTOM_ROLE,
            below: vec![String::new(), role.role_name.clone()],
            title: format!("role:{}", role.role_name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn process(id: &str, kind: &str, alias: &str) -> Process {
        serde_json::from_value(json!({"id": id, "typeName": kind, "userAlias": alias})).unwrap()
    }

    #[test]
    fn processes_are_told_by_the_clusters_hosts() {
        let cluster: Cluster = serde_json::from_value(json!({"name": "c0", "connectionStrings":
            {"standard": "mongodb://C0-0.ab.net:27017,c0-1.ab.net:27017/?replicaSet=x"}}))
        .unwrap();
        let replica = [
            process("a:27017", "REPLICA_SECONDARY", "c0-0.ab.net"),
            process("b:27017", "REPLICA_PRIMARY", "c0-1.ab.net"),
            process("c:27017", "REPLICA_PRIMARY", "c00-0.ab.net"),
        ];
        assert_eq!(own_processes(&cluster, &replica), ["b:27017"]);
        let sharded = [
            process("a:27016", "SHARD_MONGOS", "c0-0.ab.net"),
            process("b:27016", "SHARD_MONGOS", "c0-1.ab.net"),
            process("a:27017", "SHARD_PRIMARY", "c0-0.ab.net"),
        ];
        assert_eq!(own_processes(&cluster, &sharded), ["a:27016"]);
        assert!(own_processes(&Cluster::default(), &replica).is_empty());
    }
}
