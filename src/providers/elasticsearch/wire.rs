//! Answers, as far as we read them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub struct Root {
    #[serde(default)]
    pub cluster_name: String,
    #[serde(default)]
    pub cluster_uuid: String,
    #[serde(default)]
    pub version: Version,
}

#[derive(Debug, Default, Deserialize)]
pub struct Version {
    #[serde(default)]
    pub number: String,
    #[serde(default)]
    pub build_flavor: String,
    /// OpenSearch's alone.
    pub distribution: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Authenticated {
    pub username: String,
    #[serde(default)]
    pub authentication_realm: Realm,
}

#[derive(Debug, Default, Deserialize)]
pub struct Realm {
    #[serde(default)]
    pub name: String,
    #[serde(rename = "type", default)]
    pub kind: String,
}

#[derive(Debug, Deserialize)]
pub struct HasPrivileges {
    #[serde(default)]
    pub cluster: BTreeMap<String, bool>,
    #[serde(default)]
    pub index: BTreeMap<String, BTreeMap<String, bool>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct User {
    #[serde(default)]
    pub roles: BTreeSet<String>,
    #[serde(default)]
    pub metadata: Map<String, Value>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Role {
    #[serde(default)]
    pub cluster: Vec<Value>,
    #[serde(default)]
    pub indices: Vec<Indices>,
    #[serde(default)]
    pub applications: Vec<Value>,
    #[serde(default)]
    pub run_as: Vec<Value>,
    #[serde(default)]
    pub metadata: Map<String, Value>,
    #[serde(default)]
    pub transient_metadata: Transient,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Indices {
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(default)]
    pub privileges: BTreeSet<String>,
    /// Documents or fields are left out.
    pub query: Option<Value>,
    pub field_security: Option<Value>,
    #[serde(default)]
    pub allow_restricted_indices: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Transient {
    /// A role that the licence does not allow counts for nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Default for Transient {
    fn default() -> Self {
        Self { enabled: true }
    }
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
pub struct Invalidated {
    #[serde(default)]
    pub invalidated_api_keys: Vec<String>,
    #[serde(default)]
    pub invalidated_tokens: u64,
    #[serde(default)]
    pub error_count: u64,
}

#[derive(Debug, Default, Deserialize)]
pub struct Resolved {
    #[serde(default)]
    pub indices: Vec<ResolvedIndex>,
    #[serde(default)]
    pub aliases: Vec<ResolvedAlias>,
    #[serde(default)]
    pub data_streams: Vec<ResolvedStream>,
}

#[derive(Debug, Deserialize)]
pub struct ResolvedIndex {
    pub name: String,
    #[serde(default)]
    pub attributes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct ResolvedAlias {
    pub name: String,
    #[serde(default)]
    pub indices: OneOrMany,
}

#[derive(Debug, Deserialize)]
pub struct ResolvedStream {
    pub name: String,
    #[serde(default)]
    pub backing_indices: OneOrMany,
}

/// Lists of one come as a bare text in some versions.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(BTreeSet<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(BTreeSet::new())
    }
}

impl From<OneOrMany> for BTreeSet<String> {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) => Self::from([name]),
            OneOrMany::Many(names) => names,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct CatIndex {
    pub index: String,
}

/// `{"<index>": {"mappings": {"_meta": {…}}}}`
pub type Mappings = BTreeMap<String, Mapping>;

#[derive(Debug, Default, Deserialize)]
pub struct Mapping {
    #[serde(default)]
    pub mappings: Meta,
}

#[derive(Debug, Default, Deserialize)]
pub struct Meta {
    #[serde(rename = "_meta", default)]
    pub meta: Value,
}
