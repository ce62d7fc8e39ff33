//! What the person needs to connect.

use super::client::{Client, Plan};
use super::wire::{Database, Role};
use crate::providers::{AccessDetails, Result};

/// A role may be on many databases; so many are shown with their address.
const SHOWN: usize = 5;

struct Endpoint {
    host: String,
    port: String,
    tls: bool,
    private: bool,
}

pub(super) fn of_database(login: &str, database: &Database) -> AccessDetails {
    let mut details = AccessDetails::default();
    let endpoint = endpoint(database);
    match &endpoint {
        Some(at) => {
            details.fields.push(("Host".to_owned(), at.shown()));
            details.examples.push(at.example(login));
        }
        None => details
            .notes
            .push("Redis Cloud names no endpoint for this database yet.".to_owned()),
    }
    details
        .fields
        .push(("Database".to_owned(), database.name.clone()));
    details.fields.push(("User".to_owned(), login.to_owned()));
    if endpoint.is_some_and(|at| at.private) {
        details
            .notes
            .push("The address is private: reach it from your own network.".to_owned());
    }
    if database.crdb_databases.len() > 1 {
        let regions: Vec<&str> = database
            .crdb_databases
            .iter()
            .filter_map(|at| at.region.as_deref())
            .collect();
        details
            .notes
            .push(format!("Active-Active: works in {}.", regions.join(", ")));
    }
    details
}

/// A role names its databases, not the plan they are in: both are asked.
pub(super) async fn of_role(client: &Client, login: &str, role: &Role) -> Result<AccessDetails> {
    let mut details = AccessDetails::default();
    let mut databases: Vec<_> = role.redis_rules.iter().flat_map(|rule| &rule.databases).collect();
    databases.sort_by_key(|at| (at.subscription_id, at.database_id));
    databases.dedup_by_key(|at| (at.subscription_id, at.database_id));
    for at in databases.iter().take(SHOWN) {
        let mut found = client
            .database(Plan::Pro, at.subscription_id, at.database_id)
            .await?;
        if found.is_none() {
            found = client
                .database(Plan::Fixed, at.subscription_id, at.database_id)
                .await?;
        }
        if let Some(endpoint) = found.as_ref().and_then(endpoint) {
            let name = if at.database_name.is_empty() {
                at.database_id.to_string()
            } else {
                at.database_name.clone()
            };
            details.fields.push((format!("Host of {name}"), endpoint.shown()));
            details.examples.push(endpoint.example(login));
        }
    }
    if databases.len() > SHOWN {
        details.notes.push(format!(
            "The role is on {} more databases.",
            databases.len() - SHOWN
        ));
    }
    details.fields.push(("Role".to_owned(), role.name.clone()));
    details.fields.push(("User".to_owned(), login.to_owned()));
    Ok(details)
}

fn endpoint(database: &Database) -> Option<Endpoint> {
    let region = database.crdb_databases.first();
    let public = database
        .public_endpoint
        .as_deref()
        .or_else(|| region?.public_endpoint.as_deref());
    let private = database
        .private_endpoint
        .as_deref()
        .or_else(|| region?.private_endpoint.as_deref());
    let (host, port) = public.or(private)?.rsplit_once(':')?;
    // What goes into a command line that people copy must be a host and a port, whatever the API sends.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    if host.is_empty() || !host.chars().all(plain) || port.parse::<u16>().is_err() {
        return None;
    }
    Some(Endpoint {
        host: host.to_owned(),
        port: port.to_owned(),
        tls: database.security.enable_tls,
        private: public.is_none(),
    })
}

impl Endpoint {
    fn shown(&self) -> String {
        let tls = if self.tls { " (TLS)" } else { "" };
        format!("{}:{}{tls}", self.host, self.port)
    }

    fn example(&self, login: &str) -> String {
        let tls = if self.tls { " --tls" } else { "" };
        format!(
            "redis-cli -h {} -p {}{tls} --user {login} --askpass",
            self.host, self.port
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn database(json: serde_json::Value) -> AccessDetails {
        of_database("jit_u", &serde_json::from_value(json).unwrap())
    }

    #[test]
    fn people_get_what_they_type() {
        let details = database(
            json!({"databaseId": 1, "name": "prod", "security": {"enableTls": true},
            "publicEndpoint": "redis-1234.example.com:16380"}),
        );
        assert_eq!(
            details.fields[0],
            ("Host".to_owned(), "redis-1234.example.com:16380 (TLS)".to_owned())
        );
        let line = "redis-cli -h redis-1234.example.com -p 16380 --tls --user jit_u --askpass";
        assert_eq!(details.examples, [line]);
        let private = database(json!({"databaseId": 1, "name": "p", "privateEndpoint": "redis.internal:1"}));
        assert_eq!(
            private.examples,
            ["redis-cli -h redis.internal -p 1 --user jit_u --askpass"]
        );
        assert!(private.notes[0].contains("private"));
    }

    #[test]
    fn nothing_that_a_shell_would_read_gets_into_an_example() {
        for endpoint in ["$(id).example.com:1", "a b:1", "host:1;id", "host", ":1"] {
            let details = database(json!({"databaseId": 1, "name": "p", "publicEndpoint": endpoint}));
            assert!(details.examples.is_empty(), "{endpoint}");
        }
    }
}
