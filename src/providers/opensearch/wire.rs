//! Answers, as far as we read them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

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
    pub distribution: String,
}

#[derive(Debug, Deserialize)]
pub struct PermissionsInfo {
    #[serde(default)]
    pub user_name: String,
    #[serde(default)]
    pub has_api_access: bool,
    /// By endpoint, the methods that are shut. An object, but an empty list in some versions.
    #[serde(default)]
    pub disabled_endpoints: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct User {
    #[serde(default)]
    pub reserved: bool,
    #[serde(default)]
    pub hidden: bool,
    #[serde(rename = "static", default)]
    pub fixed: bool,
    #[serde(default)]
    pub backend_roles: BTreeSet<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(rename = "opendistro_security_roles", default)]
    pub roles: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Role {
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub cluster_permissions: BTreeSet<String>,
    #[serde(default)]
    pub index_permissions: Vec<IndexPermissions>,
    #[serde(default)]
    pub tenant_permissions: Vec<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct IndexPermissions {
    #[serde(default)]
    pub index_patterns: Vec<String>,
    #[serde(default)]
    pub allowed_actions: BTreeSet<String>,
    /// Documents, fields or values are left out.
    #[serde(default)]
    pub dls: Option<String>,
    #[serde(default)]
    pub fls: Vec<String>,
    #[serde(default)]
    pub masked_fields: Option<Vec<String>>,
}

/// `GET /_cluster/state/metadata`, filtered.
#[derive(Debug, Default, Deserialize)]
pub struct ClusterState {
    #[serde(default)]
    pub metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
pub struct Metadata {
    #[serde(default)]
    pub indices: BTreeMap<String, Index>,
    #[serde(default)]
    pub data_stream: Streams,
}

#[derive(Debug, Default, Deserialize)]
pub struct Index {
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub aliases: BTreeSet<String>,
    #[serde(default)]
    pub mappings: Mappings,
}

#[derive(Debug, Default, Deserialize)]
pub struct Mappings {
    #[serde(rename = "_doc", default)]
    pub doc: Doc,
}

#[derive(Debug, Default, Deserialize)]
pub struct Doc {
    #[serde(rename = "_meta", default)]
    pub meta: Value,
}

#[derive(Debug, Default, Deserialize)]
pub struct Streams {
    #[serde(default)]
    pub data_stream: BTreeMap<String, Stream>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Stream {
    #[serde(default)]
    pub indices: Vec<Backing>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Backing {
    #[serde(default)]
    pub index_name: String,
}
