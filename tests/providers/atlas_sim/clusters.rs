//! Clusters, their processes, and what Atlas tells of their databases.

use serde_json::{Value, json};

use super::api::{Ask, tags};
use super::reply::{Reply, ok, refuse};
use super::world::{Cluster, World};

impl World {
    pub fn of_clusters(&mut self, ask: &Ask<'_>, group: &str, rest: &[&str]) -> Reply {
        if ask.method != "GET" {
            return refuse(405, "METHOD_NOT_ALLOWED", ask.path);
        }
        let found = self.group(group).expect("looked up");
        let one = |name: &str| found.clusters.iter().find(|cluster| cluster.name == name);
        match rest {
            ["clusters"] => {
                let shown = found.clusters.iter().filter(|one| !one.flex).map(show).collect();
                self.page(ask, shown, &["includeDeletedWithRetainedBackups"])
            }
            ["flexClusters"] => {
                let shown = found.clusters.iter().filter(|one| one.flex).map(show).collect();
                self.page(ask, shown, &[])
            }
            ["clusters", name] => match one(name) {
                Some(cluster) if !cluster.flex => ok(show(cluster)),
                Some(_) => refuse(400, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", *name),
                None => refuse(404, "CLUSTER_NOT_FOUND", *name),
            },
            ["flexClusters", name] => match one(name) {
                Some(cluster) if cluster.flex => ok(show(cluster)),
                _ => refuse(404, "CLUSTER_NOT_FOUND", *name),
            },
            ["clusters", name, "status"] => match one(name) {
                Some(cluster) if !cluster.flex => ok(json!({"changeStatus": self.status(cluster)})),
                Some(_) => refuse(400, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", *name),
                None => refuse(404, "CLUSTER_NOT_FOUND", *name),
            },
            ["clusters", name, "PRIMARY", "collStats", "namespaces"] => match one(name) {
                Some(cluster) if !cluster.flex && !cluster.tenant => {
                    ok(json!({"groupId": group, "rankedNamespaces": cluster.namespaces}))
                }
                Some(_) => refuse(400, "CLUSTER_NOT_SUPPORTED", *name),
                None => refuse(404, "CLUSTER_NOT_FOUND", *name),
            },
            ["processes"] => {
                let shown = found
                    .clusters
                    .iter()
                    .flat_map(|cluster| &cluster.processes)
                    .map(|one| {
                        let (host, _) = one.id.split_once(':').unwrap_or((&one.id, ""));
                        json!({"id": one.id, "hostname": host, "port": 27017, "typeName": one.kind,
                            "userAlias": one.alias, "groupId": group})
                    })
                    .collect();
                self.page(ask, shown, &[])
            }
            ["processes", id, "databases"] => {
                let mut all = found.clusters.iter().flat_map(|cluster| &cluster.processes);
                match all.find(|one| one.id == *id) {
                    Some(process) => {
                        let shown = process.databases.iter().map(|name| json!({"databaseName": name}));
                        let shown = shown.collect();
                        self.page(ask, shown, &[])
                    }
                    None => refuse(404, "HOST_NOT_FOUND", *id),
                }
            }
            _ => refuse(404, "RESOURCE_NOT_FOUND", ask.path),
        }
    }

    fn status(&self, cluster: &Cluster) -> &'static str {
        match cluster.told {
            // It has not noticed yet.
            Some((since, _)) if self.now() < since + self.lag => "APPLIED",
            Some(_) => "PENDING",
            None => "APPLIED",
        }
    }
}

fn show(cluster: &Cluster) -> Value {
    let host = format!("{}.ab12c.mongodb.net", cluster.name.to_lowercase());
    let hosts: Vec<String> = cluster
        .processes
        .iter()
        .map(|one| format!("{}:27017", one.alias))
        .collect();
    let hosts = if hosts.is_empty() {
        format!("{host}:27017")
    } else {
        hosts.join(",")
    };
    let mut strings = json!({
        "standard": format!("mongodb://{hosts}/?ssl=true&authSource=admin"),
        "standardSrv": format!("mongodb+srv://{host}"),
    });
    if cluster.peered {
        strings["privateSrv"] = json!(format!("mongodb+srv://pri.{host}"));
    }
    if !cluster.endpoints.is_empty() {
        let entry = |(n, id): (usize, &String)| {
            json!({"type": "MONGOD", "srvConnectionString": format!("mongodb+srv://pl-{n}.{host}"),
                "endpoints": [{"endpointId": id, "providerName": "AWS", "region": "EU_WEST_1"}]})
        };
        let all: Vec<Value> = cluster.endpoints.iter().enumerate().map(entry).collect();
        strings["privateEndpoint"] = json!(all);
    }
    let mut json = json!({
        "name": cluster.name, "stateName": cluster.state, "clusterType": "REPLICASET",
        "connectionStrings": strings, "tags": tags(&cluster.tags),
    });
    if cluster.flex {
        json["providerSettings"] = json!({"providerName": "FLEX", "backingProviderName": "AWS"});
    } else {
        let provider = if cluster.tenant { "TENANT" } else { "AWS" };
        json["paused"] = json!(cluster.paused);
        json["replicationSpecs"] =
            json!([{"regionConfigs": [{"providerName": provider, "regionName": "EU_WEST_1"}]}]);
    }
    json
}
