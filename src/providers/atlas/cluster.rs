//! A cluster as people reach it.

use super::wire::{Cluster, Endpoint};
use crate::providers::AccessDetails;

/// Which of a cluster's addresses people connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    Standard,
    /// Through a peered network.
    Private,
    /// Through the private endpoint of this id.
    PrivateEndpoint(String),
}

impl Connection {
    /// From the words used in configurations and tags; the error says what is wrong with them.
    pub fn parse(kind: Option<&str>, endpoint: Option<&str>) -> Result<Self, String> {
        let endpoint = endpoint.map(str::trim).filter(|id| !id.is_empty());
        let kind = kind.map(str::trim).filter(|kind| !kind.is_empty());
        match (kind.map(str::to_ascii_lowercase).as_deref(), endpoint) {
            (None | Some("standard"), None) => Ok(Self::Standard),
            (None | Some("standard"), Some(_)) => {
                Err("a private endpoint is named, but the connection type is not PrivateEndpoint".to_owned())
            }
            // An endpoint that is named beside it serves another purpose.
            (Some("private"), _) => Ok(Self::Private),
            (Some("privateendpoint"), Some(id)) => Ok(Self::PrivateEndpoint(id.to_owned())),
            (Some("privateendpoint"), None) => {
                Err("the connection type is PrivateEndpoint, but no private endpoint is named".to_owned())
            }
            (Some(_), _) => {
                Err("the connection type is none of Standard, Private and PrivateEndpoint".to_owned())
            }
        }
    }

    /// The connection string; the error is why there is none.
    pub fn address(&self, cluster: &Cluster) -> Result<String, String> {
        let strings = &cluster.connection_strings;
        let found = match self {
            Self::Standard => strings.standard_srv.as_ref().or(strings.standard.as_ref()),
            Self::Private => strings.private_srv.as_ref().or(strings.private.as_ref()),
            Self::PrivateEndpoint(id) => {
                let has = |at: &Endpoint| at.endpoint_id.eq_ignore_ascii_case(id);
                let entry = strings
                    .private_endpoint
                    .iter()
                    .find(|one| one.endpoints.iter().any(has));
                let Some(entry) = entry else {
                    return Err(format!("the cluster has no private endpoint {id}"));
                };
                entry
                    .srv_connection_string
                    .as_ref()
                    .or(entry.connection_string.as_ref())
            }
        };
        match (found, self) {
            (Some(text), _) => Ok(text.clone()),
            (None, Self::Standard) => Err("Atlas names no address for the cluster yet".to_owned()),
            (None, Self::Private | Self::PrivateEndpoint(_)) => {
                Err("the cluster has no private address: peer its network first".to_owned())
            }
        }
    }
}

/// Why nothing on the cluster can be requested now.
pub(crate) fn unavailable(cluster: &Cluster) -> Option<String> {
    if cluster.paused {
        return Some("the cluster is paused".to_owned());
    }
    match cluster.state_name.as_str() {
        "CREATING" => Some("the cluster is being made".to_owned()),
        "DELETING" | "DELETED" => Some("the cluster is being deleted".to_owned()),
        _ => None,
    }
}

/// What the person needs to connect. `database` is where a shell begins.
pub(super) fn details(
    cluster: &Cluster,
    connection: &Connection,
    login: &str,
    database: Option<&str>,
) -> AccessDetails {
    let mut details = AccessDetails::default();
    details.fields.push(("Cluster".to_owned(), cluster.name.clone()));
    match connection
        .address(cluster)
        .ok()
        .as_deref()
        .and_then(Address::read)
    {
        Some(address) => {
            details.fields.push(("Host".to_owned(), address.hosts.to_owned()));
            let path = database.filter(|name| is_plain(name)).unwrap_or_default();
            let bare = address.with(path, "");
            details.examples.push(format!(
                "mongosh \"{bare}\" --username {login} --authenticationDatabase admin"
            ));
            details.examples.push(address.with_login(login, path));
        }
        None => details
            .notes
            .push("Atlas names no address for this cluster yet.".to_owned()),
    }
    if let Some(database) = database {
        details.fields.push(("Database".to_owned(), database.to_owned()));
    }
    details.fields.push(("User".to_owned(), login.to_owned()));
    match connection {
        Connection::Standard => {}
        Connection::Private | Connection::PrivateEndpoint(_) => details
            .notes
            .push("The address is private: reach it from your own network.".to_owned()),
    }
    details
}

/// A connection string in its parts.
struct Address<'a> {
    scheme: &'a str,
    hosts: &'a str,
    options: &'a str,
}

impl<'a> Address<'a> {
    /// `None` where it holds what a shell would read: it goes into lines that people copy.
    fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = rest.split('/').next().unwrap_or_default();
        let host = |c: char| c.is_ascii_alphanumeric() || ".-_:,".contains(c);
        let option = |c: char| c.is_ascii_alphanumeric() || ".-_:,&=".contains(c);
        let fits = matches!(scheme, "mongodb" | "mongodb+srv")
            && !hosts.is_empty()
            && hosts.chars().all(host)
            && options.chars().all(option);
        fits.then_some(Self {
            scheme,
            hosts,
            options,
        })
    }

    fn with(&self, database: &str, more: &str) -> String {
        let options: Vec<&str> = [self.options, more]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let options = match options.is_empty() {
            true => String::new(),
            false => format!("?{}", options.join("&")),
        };
        format!("{}://{}/{database}{options}", self.scheme, self.hosts)
    }

    /// For programs: `{secret}` is put in where it is shown.
    fn with_login(&self, login: &str, database: &str) -> String {
        let more = match self.options.contains("authSource=") {
            true => "",
            false => "authSource=admin",
        };
        let whole = self.with(database, more);
        whole.replacen("://", &format!("://{login}:{{secret}}@"), 1)
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster(strings: serde_json::Value) -> Cluster {
        serde_json::from_value(json!({"name": "c0", "connectionStrings": strings})).unwrap()
    }

    fn full() -> Cluster {
        cluster(json!({
            "standardSrv": "mongodb+srv://c0.ab12.mongodb.net",
            "standard": "mongodb://c0-0.ab12.mongodb.net:27017/?ssl=true",
            "privateSrv": "mongodb+srv://c0-pri.ab12.mongodb.net",
            "privateEndpoint": [
                {"connectionString": "mongodb://other:1", "endpoints": [{"endpointId": "vpce-0"}]},
                {"srvConnectionString": "mongodb+srv://c0-pl-0.ab12.mongodb.net", "endpoints": [{"endpointId": "vpce-1"}]},
            ],
        }))
    }

    /// Every combination of the two words, and what becomes of it on a cluster that has everything.
    #[test]
    fn words_choose_the_address() {
        let (standard, private, endpoint) = ("c0.ab12", "c0-pri.ab12", "c0-pl-0.ab12");
        for (kind, id, expected) in [
            (None, None, Ok(standard)),
            (Some("Standard"), None, Ok(standard)),
            (Some(""), Some(""), Ok(standard)),
            (None, Some("vpce-1"), Err("not PrivateEndpoint")),
            (Some("standard"), Some("vpce-1"), Err("not PrivateEndpoint")),
            (Some("Private"), None, Ok(private)),
            (Some("private"), None, Ok(private)),
            (Some("PRIVATE"), Some("vpce-1"), Ok(private)),
            (Some("PrivateEndpoint"), Some("vpce-1"), Ok(endpoint)),
            (Some("privateendpoint"), Some("VPCE-1"), Ok(endpoint)),
            (Some("PrivateEndpoint"), Some(" vpce-1 "), Ok(endpoint)),
            (
                Some("PrivateEndpoint"),
                Some("vpce-9"),
                Err("no private endpoint vpce-9"),
            ),
            (Some("PrivateEndpoint"), None, Err("no private endpoint is named")),
            (
                Some("PrivateEndpoint"),
                Some(""),
                Err("no private endpoint is named"),
            ),
            (Some("Private-Endpoint"), Some("vpce-1"), Err("none of Standard")),
            (Some("peering"), None, Err("none of Standard")),
            (Some("peering"), Some("vpce-1"), Err("none of Standard")),
            (Some("PrivateEndpoint"), Some("vpce-0"), Ok("other:1")),
        ] {
            let found = Connection::parse(kind, id).and_then(|connection| connection.address(&full()));
            match expected {
                Ok(part) => assert!(
                    found.clone().unwrap().contains(part),
                    "{kind:?} {id:?}: {found:?}"
                ),
                Err(part) => assert!(
                    found.clone().unwrap_err().contains(part),
                    "{kind:?} {id:?}: {found:?}"
                ),
            }
        }
        let bare = cluster(json!({}));
        assert!(Connection::Standard.address(&bare).is_err() && Connection::Private.address(&bare).is_err());
    }

    #[test]
    fn people_get_what_they_type() {
        let told = details(&full(), &Connection::Standard, "jit_u", Some("shop"));
        assert_eq!(
            told.examples,
            [
                "mongosh \"mongodb+srv://c0.ab12.mongodb.net/shop\" --username jit_u --authenticationDatabase admin",
                "mongodb+srv://jit_u:{secret}@c0.ab12.mongodb.net/shop?authSource=admin",
            ]
        );
        let only = cluster(json!({"standard": "mongodb://h:27017/?ssl=true&authSource=admin"}));
        assert_eq!(
            details(&only, &Connection::Standard, "u", None).examples[1],
            "mongodb://u:{secret}@h:27017/?ssl=true&authSource=admin"
        );
        for odd in [
            "mongodb://$(id)",
            "http://h",
            "mongodb://h\"; id",
            "mongodb://h/?a=`id`",
            "",
        ] {
            let told = details(
                &cluster(json!({"standard": odd})),
                &Connection::Standard,
                "u",
                None,
            );
            assert!(told.examples.is_empty() && !told.notes.is_empty(), "{odd}");
        }
    }

    #[test]
    fn what_cannot_be_requested_says_why() {
        for (state, paused, reason) in [
            ("IDLE", false, None),
            ("UPDATING", false, None),
            ("IDLE", true, Some("paused")),
            ("CREATING", false, Some("made")),
            ("DELETING", true, Some("paused")),
            ("DELETING", false, Some("deleted")),
        ] {
            let json = json!({"name": "c", "stateName": state, "paused": paused});
            let told = unavailable(&serde_json::from_value(json).unwrap());
            assert_eq!(told.is_some(), reason.is_some(), "{state}");
            assert!(told.unwrap_or_default().contains(reason.unwrap_or_default()));
        }
    }

    #[test]
    fn shared_machines_are_known_by_their_provider() {
        let on = |provider: &str| -> Cluster {
            let json =
                json!({"name": "c", "replicationSpecs": [{"regionConfigs": [{"providerName": provider}]}]});
            serde_json::from_value(json).unwrap()
        };
        assert!(on("TENANT").is_shared() && on("FLEX").is_shared());
        assert!(!on("AWS").is_shared() && !Cluster::default().is_shared());
    }
}
