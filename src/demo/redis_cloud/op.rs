//! Changes, as data: tasks carry them, others make them at once, and tests replay them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabaseSpec {
    pub subscription_id: i64,
    pub database_id: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleSpec {
    pub rule_name: String,
    pub databases: Vec<DatabaseSpec>,
}

/// Entities go by name; one that the API was asked for by an unknown id goes by `#<id>`, which no entity is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    CreateRule {
        name: String,
        acl: String,
    },
    DeleteRule {
        name: String,
    },
    CreateRole {
        name: String,
        rules: Vec<RuleSpec>,
    },
    UpdateRole {
        name: String,
        new_name: Option<String>,
        rules: Option<Vec<RuleSpec>>,
    },
    DeleteRole {
        name: String,
    },
    CreateUser {
        name: String,
        role: String,
        password: String,
    },
    UpdateUser {
        name: String,
        role: Option<String>,
        password: Option<String>,
    },
    DeleteUser {
        name: String,
    },
    /// Tags are set at once, by others only.
    SetTag {
        database: i64,
        key: String,
        value: Option<String>,
    },
    SetStatus {
        database: i64,
        status: String,
    },
    DeleteDatabase {
        database: i64,
    },
}

impl Op {
    /// As the API names the command of a task.
    pub fn command(&self) -> &'static str {
        match self {
            Self::CreateRule { .. } => "aclRedisRuleCreateRequest",
            Self::DeleteRule { .. } => "aclRedisRuleDeleteRequest",
            Self::CreateRole { .. } => "aclRoleCreateRequest",
            Self::UpdateRole { .. } => "aclRoleUpdateRequest",
            Self::DeleteRole { .. } => "aclRoleDeleteRequest",
            Self::CreateUser { .. } => "aclUserCreateRequest",
            Self::UpdateUser { .. } => "aclUserUpdateRequest",
            Self::DeleteUser { .. } => "aclUserDeleteRequest",
            Self::SetTag { .. } => "databaseTagUpdateRequest",
            Self::SetStatus { .. } => "databaseUpdateRequest",
            Self::DeleteDatabase { .. } => "databaseDeleteRequest",
        }
    }

    /// Without its password.
    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        match &mut masked {
            Self::CreateUser { password, .. } => "***".clone_into(password),
            Self::UpdateUser { password, .. } => *password = password.take().map(|_| "***".to_owned()),
            Self::CreateRule { .. }
            | Self::DeleteRule { .. }
            | Self::CreateRole { .. }
            | Self::UpdateRole { .. }
            | Self::DeleteRole { .. }
            | Self::DeleteUser { .. }
            | Self::SetTag { .. }
            | Self::SetStatus { .. }
            | Self::DeleteDatabase { .. } => {}
        }
        masked
    }
}
