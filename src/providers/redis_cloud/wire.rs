//! What the API sends. Only the fields we read; everything may be absent, as the published description says.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Root {
    pub account: RootAccount,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RootAccount {
    pub id: i64,
    #[serde(default)]
    pub name: String,
    pub key: Option<RootKey>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RootKey {
    pub owner: Option<KeyOwner>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct KeyOwner {
    #[serde(default)]
    pub name: String,
    pub email: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Members {
    #[serde(default)]
    pub users: Vec<Member>,
}

/// A person of the Redis Cloud account, not a database login.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub role: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Subscriptions {
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subscription {
    pub id: i64,
    #[serde(default)]
    pub name: String,
}

/// `subscription` is an object for Essentials and a list for Pro; both are accepted for both.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DatabasePage {
    #[serde(default)]
    subscription: OneOrMany,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<SubscriptionDatabases>),
    One(SubscriptionDatabases),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[derive(Debug, Deserialize)]
struct SubscriptionDatabases {
    #[serde(default)]
    databases: Vec<Database>,
}

impl DatabasePage {
    pub fn into_databases(self) -> Vec<Database> {
        let subscriptions = match self.subscription {
            OneOrMany::Many(many) => many,
            OneOrMany::One(one) => vec![one],
        };
        subscriptions.into_iter().flat_map(|one| one.databases).collect()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Database {
    pub database_id: i64,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub protocol: String,
    pub public_endpoint: Option<String>,
    pub private_endpoint: Option<String>,
    #[serde(default)]
    pub security: Security,
    /// Only on Active-Active databases: one entry a region.
    #[serde(default)]
    pub crdb_databases: Vec<Region>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Security {
    #[serde(default)]
    pub enable_tls: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region {
    pub region: Option<String>,
    pub public_endpoint: Option<String>,
    pub private_endpoint: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Tags {
    #[serde(default)]
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rules {
    #[serde(default)]
    pub redis_rules: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub name: String,
    #[serde(default)]
    pub acl: String,
    #[serde(default)]
    pub is_default: bool,
    #[serde(default)]
    pub status: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Roles {
    #[serde(default)]
    pub roles: Vec<Role>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Role {
    pub id: i64,
    pub name: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub redis_rules: Vec<RoleRule>,
    #[serde(default)]
    pub users: Vec<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleRule {
    #[serde(default)]
    pub rule_name: String,
    #[serde(default)]
    pub databases: Vec<RoleDatabase>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleDatabase {
    pub subscription_id: i64,
    pub database_id: i64,
    #[serde(default)]
    pub database_name: String,
    #[serde(default)]
    pub regions: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Users {
    #[serde(default)]
    pub users: Vec<User>,
}

/// A database login. The password is never sent.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub id: i64,
    pub name: String,
    #[serde(default)]
    pub role: String,
    #[serde(default)]
    pub status: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Tasks {
    #[serde(default)]
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    pub task_id: String,
    #[serde(default)]
    pub command_type: String,
    #[serde(default)]
    pub status: String,
    pub response: Option<TaskResponse>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskResponse {
    pub error: Option<TaskError>,
}

/// An object on the wire, a bare string in the published description.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum TaskError {
    Bare(String),
    Full {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        description: String,
    },
}

impl TaskError {
    pub fn kind(&self) -> &str {
        match self {
            Self::Bare(kind) => kind,
            Self::Full { kind, .. } => kind,
        }
    }

    pub fn description(&self) -> &str {
        match self {
            Self::Bare(_) => "",
            Self::Full { description, .. } => description,
        }
    }
}

/// Where a task stands. The error is read before the status, as the vendor's own clients do.
#[derive(Debug, Clone)]
pub(super) enum TaskState {
    Running,
    Completed,
    Failed(TaskError),
}

impl Task {
    pub fn state(&self) -> TaskState {
        if let Some(error) = self.response.as_ref().and_then(|response| response.error.clone()) {
            return TaskState::Failed(error);
        }
        match self.status.as_str() {
            "processing-completed" => TaskState::Completed,
            "processing-error" => TaskState::Failed(TaskError::Bare("GENERAL_ERROR".to_owned())),
            // `initialized`, `received`, `processing-in-progress`, and whatever is new: not over.
            _ => TaskState::Running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(json: Value) -> TaskState {
        serde_json::from_value::<Task>(json).unwrap().state()
    }

    #[test]
    fn both_error_shapes_are_read_before_the_status() {
        let bare =
            serde_json::json!({"taskId": "t", "status": "processing-completed", "response": {"error": "X"}});
        let full = serde_json::json!({"taskId": "t", "status": "processing-error",
            "response": {"error": {"type": "X", "status": "400 BAD_REQUEST", "description": "no"}}});
        for (json, words) in [(bare, ""), (full, "no")] {
            match task(json) {
                TaskState::Failed(error) => assert_eq!((error.kind(), error.description()), ("X", words)),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            task(serde_json::json!({"taskId": "t", "status": "received"})),
            TaskState::Running
        ));
        let done = serde_json::json!({"taskId": "t", "status": "processing-completed", "response": {"resourceId": 1}});
        assert!(matches!(task(done), TaskState::Completed));
    }

    #[test]
    fn database_pages_come_in_two_shapes() {
        let one = serde_json::json!({"subscription": {"databases": [{"databaseId": 1}]}});
        let many = serde_json::json!({"subscription": [{"databases": [{"databaseId": 1}]}]});
        for (json, count) in [(one, 1), (many, 1), (serde_json::json!({}), 0)] {
            let page: DatabasePage = serde_json::from_value(json).unwrap();
            assert_eq!(page.into_databases().len(), count);
        }
    }
}
