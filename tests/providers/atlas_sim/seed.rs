//! What the suite's organization holds.

use super::world::{Cluster, DbRole, Group, Process, World};

pub const ORG: &str = "0a0000000000000000000001";

/// A key of the API's: an API key, or a service account.
#[derive(Debug, Clone)]
pub struct Key {
    pub id: String,
    pub secret: String,
    /// Project or organization, and the role there.
    pub roles: Vec<(String, String)>,
}

impl Key {
    pub fn new(id: &str, secret: &str, roles: &[(&str, &str)]) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            roles: roles
                .iter()
                .map(|(at, role)| ((*at).to_owned(), (*role).to_owned()))
                .collect(),
        }
    }

    pub fn is_api_key(&self) -> bool {
        !self.id.starts_with("mdb_sa_id_")
    }
}

/// An id as the vendor gives them.
pub fn id(number: u32) -> String {
    format!("5f{number:022x}")
}

pub fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// A cluster of three, with these namespaces.
pub fn cluster(name: &str, namespaces: &[&str], tags: &[(&str, &str)]) -> Cluster {
    let mut databases: Vec<String> = namespaces
        .iter()
        .filter_map(|one| one.split_once('.'))
        .map(|(database, _)| database.to_owned())
        .chain(texts(&["admin", "config", "local"]))
        .collect();
    databases.sort();
    databases.dedup();
    let host = |n: u32| format!("{}-shard-00-0{n}.ab12c.mongodb.net", name.to_lowercase());
    let process = |n: u32| Process {
        id: format!("atlas-x{}-{n}.ab12c.mongodb.net:27017", name.to_lowercase()),
        kind: if n == 1 {
            "REPLICA_PRIMARY"
        } else {
            "REPLICA_SECONDARY"
        }
        .to_owned(),
        alias: host(n),
        databases: if n == 1 { databases.clone() } else { Vec::new() },
    };
    Cluster {
        name: name.to_owned(),
        state: "IDLE".to_owned(),
        tags: owned(tags),
        namespaces: texts(namespaces),
        processes: (0..3).map(process).collect(),
        peered: true,
        ..Cluster::default()
    }
}

pub fn flex(name: &str) -> Cluster {
    Cluster {
        name: name.to_owned(),
        flex: true,
        state: "IDLE".to_owned(),
        ..Cluster::default()
    }
}

pub fn group(number: u32, name: &str, clusters: Vec<Cluster>) -> Group {
    Group {
        id: id(number),
        name: name.to_owned(),
        clusters,
        users_limit: 100,
        roles_limit: 100,
        ..Group::default()
    }
}

/// Two projects: `shop` with a busy cluster, an idle one and a Flex one, and `crm` with one cluster.
pub fn organization() -> World {
    let mut world = World::new(ORG, "Acme");
    let busy = cluster(
        "cluster0",
        &[
            "shop.orders",
            "shop.reports",
            "billing.invoices",
            "shop.system.views",
            "local.oplog.rs",
        ],
        &[("owner", "dba"), ("tier", "prod")],
    );
    let mut idle = cluster("idle", &["old.things"], &[]);
    idle.paused = true;
    let mut shop = group(1, "shop", vec![busy, idle, flex("tiny")]);
    shop.tags = owned(&[("owner", "shop-team"), ("cost", "42")]);
    shop.roles.push(DbRole {
        name: "reporting".to_owned(),
        actions: vec![("FIND".to_owned(), "shop".to_owned(), "reports".to_owned())],
    });
    for cluster in &mut shop.clusters {
        cluster.has.1 = shop.roles.clone();
    }
    let crm = group(
        2,
        "crm",
        vec![cluster("crm-main", &["crm.people", "crm.deals"], &[])],
    );
    world.groups = vec![shop, crm];
    world.keys = vec![
        Key::new("pubowner", "0wner-private-key-1", &[(ORG, "ORG_OWNER")]),
        Key::new("pubshop", "sh0p-private-key-1", &[(&id(1), "GROUP_OWNER")]),
        Key::new("pubread", "r3ad-private-key-1", &[(&id(1), "GROUP_READ_ONLY")]),
        Key::new("puborgrd", "0rgread-private-key-1", &[(ORG, "ORG_READ_ONLY")]),
        Key::new(
            "mdb_sa_id_0123456789abcdef01234567",
            "mdb_sa_sk_s3cret-of-the-account",
            &[(&id(1), "GROUP_OWNER"), (ORG, "ORG_OWNER")],
        ),
    ];
    world
}

/// A cluster of a large organization: two databases with a collection each.
pub fn big_cluster(name: &str) -> Cluster {
    cluster(name, &["app.events", "stats.daily"], &[("tier", "prod")])
}
