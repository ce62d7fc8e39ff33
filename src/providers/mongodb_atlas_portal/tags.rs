//! What a cluster's tags say about the way to it. A wrong tag makes that one cluster unavailable, and nothing else.

use crate::providers::atlas::{Cluster, Connection, unavailable};

/// Our own tags, which go before those of another prefix.
const OURS: &str = "latchkey";

/// How tags are read.
#[derive(Debug, Clone)]
pub(super) struct Tags {
    /// The prefix of another system's tags that are read as ours.
    pub prefix: String,
    /// What `…-connector-id` must say, where it is there, for the cluster to be ours to serve.
    pub connector: Option<String>,
}

impl Tags {
    /// Which address people are shown; the error says why nobody is let onto the cluster from here.
    pub fn route(&self, cluster: &Cluster) -> Result<Connection, String> {
        if let Some(id) = self.value(cluster, &["-connector-id"])
            && self.connector.as_deref() != Some(id)
        {
            return Err(format!("handled elsewhere: its tags name the connector {id}"));
        }
        let endpoint = self.value(cluster, &["_private_endpoint_id", "-private-endpoint-id"]);
        Connection::parse(self.value(cluster, &["-connection-type"]), endpoint)
            .map_err(|why| format!("its tags are wrong: {why}"))
    }

    /// Why nothing on the cluster can be requested now.
    pub fn trouble(&self, cluster: &Cluster) -> Option<String> {
        unavailable(cluster).or_else(|| self.route(cluster).and_then(|at| at.address(cluster)).err())
    }

    /// Keys are compared exactly: Atlas's own are case-sensitive.
    fn value<'c>(&self, cluster: &'c Cluster, ends: &[&str]) -> Option<&'c str> {
        let prefixes = [OURS, self.prefix.as_str()];
        let mut keys = prefixes
            .iter()
            .flat_map(|prefix| ends.iter().map(move |end| format!("{prefix}{end}")));
        keys.find_map(|key| cluster.tags.iter().find(|tag| tag.key == key))
            .map(|tag| tag.value.trim())
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster(tags: &[(&str, &str)]) -> Cluster {
        let tags: Vec<_> = tags
            .iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect();
        serde_json::from_value(json!({"name": "c0", "stateName": "IDLE", "tags": tags, "connectionStrings": {
            "standardSrv": "mongodb+srv://std.net", "privateSrv": "mongodb+srv://pri.net",
            "privateEndpoint": [{"srvConnectionString": "mongodb+srv://pl.net", "endpoints": [{"endpointId": "vpce-1"}]}],
        }}))
        .unwrap()
    }

    fn tags() -> Tags {
        Tags {
            prefix: "apono".to_owned(),
            connector: Some("eu".to_owned()),
        }
    }

    /// Connector, connection type and endpoint, and what comes of them.
    #[test]
    fn tags_choose_the_way() {
        let (connector, kind, endpoint) = (
            "apono-connector-id",
            "apono-connection-type",
            "apono_private_endpoint_id",
        );
        for (given, expected) in [
            (&[][..], Ok("std.net")),
            (&[(connector, "eu")], Ok("std.net")),
            (&[(connector, "us")], Err("handled elsewhere")),
            (&[(connector, "us"), (kind, "Private")], Err("handled elsewhere")),
            (&[(connector, "eu"), (kind, "private")], Ok("pri.net")),
            (&[(connector, ""), (kind, "Standard")], Ok("std.net")),
            (&[(kind, "Private")], Ok("pri.net")),
            (&[(kind, "Private"), (endpoint, "vpce-1")], Ok("pri.net")),
            (&[(kind, "PrivateEndpoint"), (endpoint, "vpce-1")], Ok("pl.net")),
            (
                &[(kind, "privateendpoint"), ("apono-private-endpoint-id", "vpce-1")],
                Ok("pl.net"),
            ),
            (
                &[(kind, "PrivateEndpoint"), (endpoint, "vpce-2")],
                Err("no private endpoint vpce-2"),
            ),
            (&[(kind, "PrivateEndpoint")], Err("no private endpoint is named")),
            (&[(endpoint, "vpce-1")], Err("tags are wrong")),
            (&[(kind, "Standard"), (endpoint, "vpce-1")], Err("tags are wrong")),
            (&[(kind, "peered")], Err("tags are wrong")),
            (
                &[("latchkey-connection-type", "Private"), (kind, "peered")],
                Ok("pri.net"),
            ),
            (
                &[
                    ("latchkey-connection-type", "PrivateEndpoint"),
                    ("latchkey-private-endpoint-id", "vpce-1"),
                ],
                Ok("pl.net"),
            ),
            (
                &[("latchkey-connector-id", "us"), (connector, "eu")],
                Err("handled elsewhere"),
            ),
            (
                &[
                    ("Apono-Connection-Type", "peered"),
                    ("other-connection-type", "peered"),
                ],
                Ok("std.net"),
            ),
        ] {
            let cluster = cluster(given);
            match expected {
                Ok(host) => {
                    let at = tags().route(&cluster).and_then(|at| at.address(&cluster));
                    assert!(at.clone().unwrap().contains(host), "{given:?}: {at:?}");
                    assert_eq!(tags().trouble(&cluster), None, "{given:?}");
                }
                Err(words) => {
                    let told = tags().trouble(&cluster).unwrap_or_default();
                    assert!(told.contains(words), "{given:?}: {told}");
                }
            }
        }
    }

    #[test]
    fn the_prefix_is_the_configurations() {
        let other = Tags {
            prefix: "acme".to_owned(),
            connector: None,
        };
        assert_eq!(other.trouble(&cluster(&[("apono-connector-id", "x")])), None);
        assert!(other.trouble(&cluster(&[("acme-connector-id", "x")])).is_some());
    }
}
