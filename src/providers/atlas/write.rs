//! Every change we make, as a value: what is sent, and what people read of it.

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{date, segment};
use super::wire::{Role, UserRole};
use crate::secrets::Secret;

const MASK: &str = "***";
/// The key of the label that carries our mark.
pub(super) const LABEL: &str = "latchkey";

/// A database user as it should be.
#[derive(Debug, Clone)]
pub(crate) struct UserSpec {
    pub group: String,
    pub login: String,
    pub cluster: String,
    pub roles: Vec<UserRole>,
    pub password: Option<Secret>,
    pub delete_after: Option<DateTime<Utc>>,
    pub mark: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Write {
    CreateUser(UserSpec),
    /// Roles, scopes and labels are replaced whole; password and end only where given.
    UpdateUser(UserSpec),
    DeleteUser {
        group: String,
        login: String,
    },
    CreateRole {
        group: String,
        role: Role,
    },
    UpdateRole {
        group: String,
        role: Role,
    },
    DeleteRole {
        group: String,
        name: String,
    },
    /// Invites into the organization.
    Invite {
        org: String,
        email: String,
        roles: Vec<String>,
    },
    AddOrgRole {
        org: String,
        user: String,
        role: String,
    },
    RemoveOrgRole {
        org: String,
        user: String,
        role: String,
    },
    LeaveOrg {
        org: String,
        user: String,
    },
    JoinGroup {
        group: String,
        email: String,
        roles: Vec<String>,
    },
    AddGroupRole {
        group: String,
        user: String,
        role: String,
    },
    RemoveGroupRole {
        group: String,
        user: String,
        role: String,
    },
    LeaveGroup {
        group: String,
        user: String,
    },
}

impl Write {
    pub fn method(&self) -> Method {
        match self {
            Self::UpdateUser(_) | Self::UpdateRole { .. } => Method::PATCH,
            Self::DeleteUser { .. }
            | Self::DeleteRole { .. }
            | Self::LeaveOrg { .. }
            | Self::LeaveGroup { .. } => Method::DELETE,
            Self::CreateUser(_)
            | Self::CreateRole { .. }
            | Self::Invite { .. }
            | Self::AddOrgRole { .. }
            | Self::RemoveOrgRole { .. }
            | Self::JoinGroup { .. }
            | Self::AddGroupRole { .. }
            | Self::RemoveGroupRole { .. } => Method::POST,
        }
    }

    pub fn date(&self) -> &'static str {
        match self {
            Self::CreateUser(_)
            | Self::UpdateUser(_)
            | Self::DeleteUser { .. }
            | Self::CreateRole { .. }
            | Self::UpdateRole { .. }
            | Self::DeleteRole { .. } => date::FIRST,
            Self::Invite { .. }
            | Self::AddOrgRole { .. }
            | Self::RemoveOrgRole { .. }
            | Self::LeaveOrg { .. }
            | Self::JoinGroup { .. }
            | Self::AddGroupRole { .. }
            | Self::RemoveGroupRole { .. }
            | Self::LeaveGroup { .. } => date::PEOPLE,
        }
    }

    /// Below the API's root.
    pub fn path(&self) -> String {
        let user =
            |group: &str, login: &str| format!("/groups/{group}/databaseUsers/admin/{}", segment(login));
        let roles = |group: &str| format!("/groups/{group}/customDBRoles/roles");
        match self {
            Self::CreateUser(spec) => format!("/groups/{}/databaseUsers", spec.group),
            Self::UpdateUser(spec) => user(&spec.group, &spec.login),
            Self::DeleteUser { group, login } => user(group, login),
            Self::CreateRole { group, .. } => roles(group),
            Self::UpdateRole { group, role } => format!("{}/{}", roles(group), segment(&role.role_name)),
            Self::DeleteRole { group, name } => format!("{}/{}", roles(group), segment(name)),
            Self::Invite { org, .. } => format!("/orgs/{org}/users"),
            Self::AddOrgRole { org, user, .. } => format!("/orgs/{org}/users/{user}:addRole"),
            Self::RemoveOrgRole { org, user, .. } => format!("/orgs/{org}/users/{user}:removeRole"),
            Self::LeaveOrg { org, user } => format!("/orgs/{org}/users/{user}"),
            Self::JoinGroup { group, .. } => format!("/groups/{group}/users"),
            Self::AddGroupRole { group, user, .. } => format!("/groups/{group}/users/{user}:addRole"),
            Self::RemoveGroupRole { group, user, .. } => format!("/groups/{group}/users/{user}:removeRole"),
            Self::LeaveGroup { group, user } => format!("/groups/{group}/users/{user}"),
        }
    }

    /// The body as sent. It may hold a secret: for the wire only.
    pub fn body(&self) -> Option<Value> {
        self.body_with(Secret::expose)
    }

    /// The call as people and the audit see it.
    pub fn line(&self) -> String {
        let head = format!("{} {}", self.method(), self.path());
        match self.body_with(|_| MASK) {
            Some(body) => format!("{head} {body}"),
            None => head,
        }
    }

    /// The secret it carries.
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Self::CreateUser(spec) | Self::UpdateUser(spec) => spec.password.as_ref(),
            Self::DeleteUser { .. }
            | Self::CreateRole { .. }
            | Self::UpdateRole { .. }
            | Self::DeleteRole { .. }
            | Self::Invite { .. }
            | Self::AddOrgRole { .. }
            | Self::RemoveOrgRole { .. }
            | Self::LeaveOrg { .. }
            | Self::JoinGroup { .. }
            | Self::AddGroupRole { .. }
            | Self::RemoveGroupRole { .. }
            | Self::LeaveGroup { .. } => None,
        }
    }

    fn body_with<'a>(&'a self, show: impl Fn(&'a Secret) -> &'a str) -> Option<Value> {
        match self {
            Self::CreateUser(spec) | Self::UpdateUser(spec) => {
                Some(user_body(spec, spec.password.as_ref().map(show)))
            }
            Self::CreateRole { role, .. } => {
                let mut body = role_body(role);
                body["roleName"] = json!(role.role_name);
                Some(body)
            }
            Self::UpdateRole { role, .. } => Some(role_body(role)),
            Self::Invite { email, roles, .. } => {
                Some(json!({"username": email, "roles": {"orgRoles": roles}}))
            }
            Self::JoinGroup { email, roles, .. } => Some(json!({"username": email, "roles": roles})),
            Self::AddOrgRole { role, .. } | Self::RemoveOrgRole { role, .. } => {
                Some(json!({"orgRole": role}))
            }
            Self::AddGroupRole { role, .. } | Self::RemoveGroupRole { role, .. } => {
                Some(json!({"groupRole": role}))
            }
            Self::DeleteUser { .. }
            | Self::DeleteRole { .. }
            | Self::LeaveOrg { .. }
            | Self::LeaveGroup { .. } => None,
        }
    }
}

/// Without `scopes` a user could enter every cluster of the project.
fn user_body(spec: &UserSpec, password: Option<&str>) -> Value {
    let roles: Vec<Value> = spec
        .roles
        .iter()
        .map(|role| {
            let mut json = json!({"roleName": role.role_name, "databaseName": role.database_name});
            if let Some(collection) = &role.collection_name {
                json["collectionName"] = json!(collection);
            }
            json
        })
        .collect();
    let mut body = json!({
        "databaseName": "admin",
        "groupId": spec.group,
        "username": spec.login,
        "roles": roles,
        "scopes": [{"name": spec.cluster, "type": "CLUSTER"}],
        "labels": [{"key": LABEL, "value": spec.mark}],
    });
    if let Some(password) = password {
        body["password"] = json!(password);
    }
    if let Some(at) = spec.delete_after {
        body["deleteAfterDate"] = json!(at.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    body
}

fn role_body(role: &Role) -> Value {
    let actions: Vec<Value> = role
        .actions
        .iter()
        .map(|action| {
            let at: Vec<Value> = action
                .resources
                .iter()
                .map(|at| json!({"cluster": at.cluster, "db": at.db, "collection": at.collection}))
                .collect();
            json!({"action": action.action, "resources": at})
        })
        .collect();
    let inherited: Vec<Value> = role
        .inherited_roles
        .iter()
        .map(|one| json!({"db": one.db, "role": one.role}))
        .collect();
    json!({"actions": actions, "inheritedRoles": inherited})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_show_everything_but_the_secret() {
        let spec = UserSpec {
            group: "0123456789abcdef01234567".to_owned(),
            login: "jit_1234_ann_12345678".to_owned(),
            cluster: "c0".to_owned(),
            roles: vec![UserRole {
                role_name: "read".to_owned(),
                database_name: "shop".to_owned(),
                collection_name: Some("or\"ders".to_owned()),
            }],
            password: Some(Secret::new("s3cret")),
            delete_after: Some("2026-08-01T10:00:00Z".parse().unwrap()),
            mark: "latchkey:main/atlas".to_owned(),
        };
        let write = Write::CreateUser(spec);
        let line = write.line();
        assert!(line.starts_with("POST /groups/0123456789abcdef01234567/databaseUsers {"));
        assert!(line.contains(r#""password":"***""#) && !line.contains("s3cret"));
        assert!(line.contains(r#""collectionName":"or\"ders""#));
        assert!(line.contains(r#""deleteAfterDate":"2026-08-01T10:00:00Z""#));
        assert_eq!(write.body().unwrap()["password"], "s3cret");
        let write = Write::AddGroupRole {
            group: "g".to_owned(),
            user: "u".to_owned(),
            role: "GROUP_OWNER".to_owned(),
        };
        assert_eq!(
            write.line(),
            r#"POST /groups/g/users/u:addRole {"groupRole":"GROUP_OWNER"}"#
        );
    }
}
