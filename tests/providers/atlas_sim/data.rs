//! The clusters' own judgement: who gets in, and what they may do there, by what has reached the cluster.

use super::world::{Cluster, DbRole, DbUser, World};

const ITS_OWN: &[&str] = &["admin", "config", "local"];

impl World {
    fn there(&self, group: &str, cluster: &str, login: &str) -> Option<(&Cluster, &DbUser)> {
        let group = self.group(group)?;
        let cluster = group.clusters.iter().find(|one| one.name == cluster)?;
        let user = cluster.has.0.iter().find(|user| user.name == login)?;
        let enters = user.scopes.is_empty() || user.scopes.contains(&cluster.name);
        (enters && !cluster.paused).then_some((cluster, user))
    }

    pub fn can_log_in(&self, group: &str, cluster: &str, login: &str, password: &str) -> bool {
        self.there(group, cluster, login)
            .is_some_and(|(_, user)| user.password == password)
    }

    /// Whether a login may do this there.
    pub fn can(
        &self,
        group: &str,
        cluster: &str,
        (login, password): (&str, &str),
        deed: &str,
        database: &str,
        collection: &str,
    ) -> bool {
        self.can_log_in(group, cluster, login, password)
            && self.may(group, cluster, login, deed, database, collection)
    }

    /// What a connection that is open may do: a changed password does not close it, a lost user or role does tell.
    pub fn may(
        &self,
        group: &str,
        cluster: &str,
        login: &str,
        deed: &str,
        database: &str,
        collection: &str,
    ) -> bool {
        let Some((cluster, user)) = self.there(group, cluster, login) else {
            return false;
        };
        user.roles.iter().any(|(role, at, only)| {
            let here = at == database && only.as_deref().is_none_or(|only| only == collection);
            let outside = !ITS_OWN.contains(&database);
            match role.as_str() {
                "atlasAdmin" => true,
                "readAnyDatabase" => outside && deed == "find",
                "readWriteAnyDatabase" => outside && reads_or_writes(deed),
                "dbAdminAnyDatabase" => outside && deed == "createIndex",
                "clusterMonitor" => deed == "serverStatus",
                "read" => here && deed == "find",
                "readWrite" => here && reads_or_writes(deed),
                "dbAdmin" => here && deed == "createIndex",
                name => custom(&cluster.has.1, name, deed, database, collection),
            }
        })
    }
}

fn reads_or_writes(deed: &str) -> bool {
    matches!(deed, "find" | "insert" | "createIndex")
}

fn custom(roles: &[DbRole], name: &str, deed: &str, database: &str, collection: &str) -> bool {
    let action = match deed {
        "find" => "FIND",
        "insert" => "INSERT",
        "createIndex" => "CREATE_INDEX",
        _ => return false,
    };
    let role = roles.iter().find(|role| role.name == name);
    role.is_some_and(|role| {
        role.actions.iter().any(|(given, db, only)| {
            given == action && db == database && (only.is_empty() || only == collection)
        })
    })
}
