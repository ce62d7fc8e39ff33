//! What the API sends, as far as it is read.

use chrono::{DateTime, Utc};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub results: Vec<T>,
    pub links: Option<Vec<Link>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Link {
    #[serde(default)]
    pub rel: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Group {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default, rename = "orgId")]
    pub org_id: String,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Organization {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default, rename = "isDeleted")]
    pub is_deleted: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Federation {
    #[serde(default, rename = "hasRoleMappings")]
    pub has_role_mappings: bool,
}

/// The root of the API: who we are.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct System {
    #[serde(rename = "apiKey")]
    pub api_key: Option<ApiKey>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ApiKey {
    #[serde(default)]
    pub roles: Vec<KeyRole>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyRole {
    pub group_id: Option<String>,
    pub org_id: Option<String>,
    #[serde(default)]
    pub role_name: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ServiceAccount {
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub secrets: Vec<AccountSecret>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AccountSecret {
    #[serde(rename = "expiresAt")]
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cluster {
    pub name: String,
    pub state_name: String,
    pub paused: bool,
    pub connection_strings: ConnectionStrings,
    pub tags: Vec<Tag>,
    replication_specs: Vec<ReplicationSpec>,
    /// Set by us: it came from the list of Flex clusters.
    #[serde(skip)]
    pub is_flex: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConnectionStrings {
    pub standard: Option<String>,
    pub standard_srv: Option<String>,
    pub private: Option<String>,
    pub private_srv: Option<String>,
    pub private_endpoint: Vec<PrivateEndpoint>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PrivateEndpoint {
    pub connection_string: Option<String>,
    pub srv_connection_string: Option<String>,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Endpoint {
    pub endpoint_id: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicationSpec {
    region_configs: Vec<RegionConfig>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RegionConfig {
    provider_name: String,
}

impl Cluster {
    /// M0 and Flex run on shared machines: Atlas lists none of their processes, databases and collections.
    pub fn is_shared(&self) -> bool {
        let mut regions = self
            .replication_specs
            .iter()
            .flat_map(|spec| &spec.region_configs);
        self.is_flex
            || regions.any(|region| matches!(region.provider_name.as_str(), "TENANT" | "FLEX" | "SERVERLESS"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeStatus {
    pub change_status: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Process {
    /// `host:port`.
    pub id: String,
    #[serde(default)]
    pub type_name: String,
    /// The host as it stands in the cluster's connection string.
    pub user_alias: Option<String>,
    pub hostname: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Database {
    pub database_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Namespaces {
    /// `database.collection`, the busiest first.
    #[serde(default)]
    pub ranked_namespaces: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserRole {
    pub role_name: String,
    #[serde(default)]
    pub database_name: String,
    pub collection_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Scope {
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// A database user.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub username: String,
    #[serde(default)]
    pub roles: Vec<UserRole>,
    #[serde(default)]
    pub scopes: Vec<Scope>,
    #[serde(default)]
    pub labels: Vec<Tag>,
    pub delete_after_date: Option<DateTime<Utc>>,
}

/// A custom role of a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Role {
    pub role_name: String,
    #[serde(default)]
    pub actions: Vec<Action>,
    #[serde(default)]
    pub inherited_roles: Vec<Inherited>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Action {
    pub action: String,
    #[serde(default)]
    pub resources: Vec<Namespace>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Namespace {
    #[serde(default)]
    pub cluster: bool,
    #[serde(default)]
    pub db: String,
    #[serde(default)]
    pub collection: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Inherited {
    pub db: String,
    pub role: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Limit {
    pub value: u64,
    pub current_usage: Option<u64>,
}

/// A person in an organization, or invited into it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrgUser {
    pub id: String,
    #[serde(default)]
    pub username: String,
    #[serde(default)]
    pub org_membership_status: String,
    #[serde(default)]
    pub roles: OrgRoles,
    #[serde(default)]
    pub team_ids: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrgRoles {
    pub org_roles: Vec<String>,
    pub group_role_assignments: Vec<GroupRoles>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GroupRoles {
    pub group_id: String,
    pub group_roles: Vec<String>,
}

/// What a team may do in a project.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TeamRoles {
    pub team_id: String,
    #[serde(default)]
    pub role_names: Vec<String>,
}
