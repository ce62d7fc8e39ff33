//! What the management API says, as far as we read it.

use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
pub(super) struct Whoami {
    #[serde(deserialize_with = "tags")]
    pub tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Overview {
    pub rabbitmq_version: String,
    #[serde(default)]
    pub cluster_name: String,
    /// Who makes it, where it is not the broker's own name.
    #[serde(default)]
    pub product_name: Option<String>,
}

/// A value kept for the whole cluster; only one with a text matters to us.
#[derive(Debug, Deserialize)]
pub(super) struct GlobalParameter {
    pub name: String,
    #[serde(default)]
    pub value: serde_json::Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vhost {
    pub name: String,
    #[serde(default, deserialize_with = "tags")]
    pub tags: Vec<String>,
    /// By node: "running", "stopped", "nodedown".
    #[serde(default)]
    pub cluster_state: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct User {
    pub name: String,
    /// Empty: no password opens it.
    #[serde(default)]
    pub password_hash: String,
    #[serde(default)]
    pub hashing_algorithm: String,
    #[serde(default, deserialize_with = "tags")]
    pub tags: Vec<String>,
}

/// What a user may do on a virtual host: regular expressions over names of queues and exchanges.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Granted {
    pub vhost: String,
    pub configure: String,
    pub write: String,
    pub read: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Connection {
    pub name: String,
    pub vhost: String,
}

/// Older than 3.9, and in some answers later, tags are one text with commas.
fn tags<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Many(Vec<String>),
        Joined(String),
    }
    Ok(match Either::deserialize(from)? {
        Either::Many(tags) => tags,
        Either::Joined(text) => text
            .split(',')
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_in_two_shapes() {
        for (json, expected) in [
            (
                r#"{"name":"u","tags":"administrator, monitoring"}"#,
                &["administrator", "monitoring"][..],
            ),
            (r#"{"name":"u","tags":["administrator"]}"#, &["administrator"]),
            (r#"{"name":"u","tags":""}"#, &[]),
            (r#"{"name":"u","password_hash":"","limits":{}}"#, &[]),
        ] {
            let user: User = serde_json::from_str(json).unwrap();
            assert_eq!(user.tags, expected, "{json}");
        }
    }
}
