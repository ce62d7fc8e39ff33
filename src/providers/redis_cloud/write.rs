//! The calls that change something, as values: `preview` shows them, `converge` sends them, `ran` reports them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::secrets::Secret;

/// One database as a role names it. `regions` is empty but for Active-Active databases, where it is mandatory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseSpec {
    pub subscription: i64,
    pub database: i64,
    pub regions: Vec<String>,
}

impl DatabaseSpec {
    fn json(&self) -> Value {
        let mut spec = json!({"databaseId": self.database, "subscriptionId": self.subscription});
        if !self.regions.is_empty() {
            spec["regions"] = json!(self.regions);
        }
        spec
    }
}

/// What a write is for; kept in the memo with its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Rule and role that allow nothing: the prepared way out.
    Inert,
    Role,
    User,
    /// The user loses role and password.
    Seal,
    Delete,
    Sweep,
}

impl Purpose {
    const ALL: [(Self, &str); 6] = [
        (Self::Inert, "inert"),
        (Self::Role, "role"),
        (Self::User, "user"),
        (Self::Seal, "seal"),
        (Self::Delete, "delete"),
        (Self::Sweep, "sweep"),
    ];

    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(purpose, _)| *purpose == self)
            .map_or("", |(_, text)| text)
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == text)
            .map(|(purpose, _)| *purpose)
    }

    /// For people, while it is under way.
    pub fn words(self) -> &'static str {
        match self {
            Self::Inert | Self::Role => "Redis Cloud is preparing the role",
            Self::User => "Redis Cloud is setting up the account",
            Self::Seal => "Redis Cloud is taking the access away",
            Self::Delete => "Redis Cloud is deleting the account",
            Self::Sweep => "Redis Cloud is deleting an unused role",
        }
    }
}

/// A user or role by id, or one whose id only the target knows (`preview`).
#[derive(Debug, Clone)]
pub(super) enum At {
    Id(i64),
    Unknown,
}

impl At {
    fn segment(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Unknown => "<id>".to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Write {
    CreateRule {
        name: String,
        acl: String,
    },
    CreateRole {
        name: String,
        rule: String,
        database: DatabaseSpec,
    },
    UpdateRole {
        at: At,
        rule: String,
        database: DatabaseSpec,
    },
    DeleteRole {
        at: At,
    },
    CreateUser {
        name: String,
        role: String,
        password: Secret,
    },
    UpdateUser {
        at: At,
        role: Option<String>,
        password: Option<Secret>,
    },
    DeleteUser {
        at: At,
    },
}

impl Write {
    pub fn method(&self) -> Method {
        match self {
            Self::CreateRule { .. } | Self::CreateRole { .. } | Self::CreateUser { .. } => Method::POST,
            Self::UpdateRole { .. } | Self::UpdateUser { .. } => Method::PUT,
            Self::DeleteRole { .. } | Self::DeleteUser { .. } => Method::DELETE,
        }
    }

    /// Below the base URL.
    pub fn path(&self) -> String {
        match self {
            Self::CreateRule { .. } => "/acl/redisRules".to_owned(),
            Self::CreateRole { .. } => "/acl/roles".to_owned(),
            Self::CreateUser { .. } => "/acl/users".to_owned(),
            Self::UpdateRole { at, .. } | Self::DeleteRole { at } => format!("/acl/roles/{}", at.segment()),
            Self::UpdateUser { at, .. } | Self::DeleteUser { at } => format!("/acl/users/{}", at.segment()),
        }
    }

    /// The body as sent. It may hold a secret: for the wire only.
    pub fn body(&self) -> Option<Value> {
        self.body_with(Secret::expose)
    }

    /// The call as people and the audit see it.
    pub fn line(&self) -> String {
        let head = format!("{} {}", self.method(), self.path());
        match self.body_with(|_| "***") {
            Some(body) => format!("{head} {body}"),
            None => head,
        }
    }

    /// The secret it carries.
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Self::CreateUser { password, .. } => Some(password),
            Self::UpdateUser { password, .. } => password.as_ref(),
            Self::CreateRule { .. }
            | Self::CreateRole { .. }
            | Self::UpdateRole { .. }
            | Self::DeleteRole { .. }
            | Self::DeleteUser { .. } => None,
        }
    }

    fn body_with<'a>(&'a self, show: impl Fn(&'a Secret) -> &'a str) -> Option<Value> {
        match self {
            Self::CreateRule { name, acl } => Some(json!({"name": name, "redisRule": acl})),
            Self::CreateRole { name, rule, database } => Some(
                json!({"name": name, "redisRules": [{"databases": [database.json()], "ruleName": rule}]}),
            ),
            // Without the name: the API refuses an update that repeats it as "already exists".
            Self::UpdateRole { rule, database, .. } => {
                Some(json!({"redisRules": [{"databases": [database.json()], "ruleName": rule}]}))
            }
            Self::CreateUser { name, role, password } => {
                Some(json!({"name": name, "password": show(password), "role": role}))
            }
            Self::UpdateUser { role, password, .. } => {
                let mut body = json!({});
                if let Some(password) = password {
                    body["password"] = json!(show(password));
                }
                if let Some(role) = role {
                    body["role"] = json!(role);
                }
                Some(body)
            }
            Self::DeleteRole { .. } | Self::DeleteUser { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_show_everything_but_the_secret() {
        let write = Write::UpdateUser {
            at: At::Id(7),
            role: Some("r".to_owned()),
            password: Some(Secret::new("s3cret")),
        };
        assert_eq!(write.line(), r#"PUT /acl/users/7 {"password":"***","role":"r"}"#);
        assert_eq!(write.body().unwrap()["password"], "s3cret");
        let write = Write::DeleteUser { at: At::Unknown };
        assert_eq!(write.line(), "DELETE /acl/users/<id>");
    }

    #[test]
    fn purposes_survive_the_memo() {
        for (purpose, text) in Purpose::ALL {
            assert_eq!(purpose.as_str(), text);
            assert_eq!(Purpose::parse(text), Some(purpose));
        }
        assert_eq!(Purpose::parse("else"), None);
    }
}
