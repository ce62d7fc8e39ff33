//! Every call we make, as values; those to the Security plugin as the vendor's OpenAPI document has them.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    providers::{
        Mark,
        search::{
            call::{Call, path},
            place::Access,
        },
    },
    secrets::Secret,
};

/// Under which key of its attributes a user carries our mark.
pub const MARK: &str = "latchkey";
/// Whether it is shut: the system has no lock, and a list of roles may be empty for other reasons.
pub const STATE: &str = "latchkey-state";
pub const SHUT: &str = "shut";

/// Below which path the plugin answers: its own since 1.0, and that of the distribution it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    Plugins,
    Opendistro,
}

impl Prefix {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plugins => "/_plugins/_security",
            Self::Opendistro => "/_opendistro/_security",
        }
    }

    fn at(self, below: &str) -> String {
        format!("{}{below}", self.as_str())
    }

    pub fn authinfo(self) -> Call {
        Call::get(self.at("/authinfo"))
    }

    pub fn permissions_info(self) -> Call {
        Call::get(self.at("/api/permissionsinfo"))
    }

    pub fn users(self) -> Call {
        Call::get(self.at("/api/internalusers"))
    }

    fn user_path(self, login: &str) -> String {
        path(&self.at("/api/internalusers/"), login, "")
    }

    fn role_path(self, role: &str) -> String {
        path(&self.at("/api/roles/"), role, "")
    }

    pub fn user(self, login: &str) -> Call {
        Call::get(self.user_path(login))
    }

    pub fn roles(self) -> Call {
        Call::get(self.at("/api/roles"))
    }

    pub fn put_lease_role(self, mark: &Mark, role: &str, login: &str, index: &str, access: Access) -> Call {
        let given = Given::of(access);
        Call::new(Method::PUT, self.role_path(role)).with(json!({
            "cluster_permissions": given.cluster,
            "description": description(mark, login),
            "index_permissions": [{"allowed_actions": given.index, "index_patterns": [index]}],
            "tenant_permissions": [],
        }))
    }

    pub fn delete_role(self, role: &str) -> Call {
        Call::new(Method::DELETE, self.role_path(role))
    }

    /// The whole user, with all there is to it.
    pub fn put_user(self, mark: &Mark, login: &str, roles: &BTreeSet<String>, password: &Secret) -> Call {
        Call::new(Method::PUT, self.user_path(login))
            .with(json!({
                "attributes": {MARK: mark.text},
                "backend_roles": [],
                "opendistro_security_roles": roles,
                "password": null,
            }))
            .with_secret("/password", Some(password))
    }

    /// Roles and, where one is given, the password, in one write. What others may have added to our user goes with it.
    pub fn open_user(
        self,
        mark: &Mark,
        login: &str,
        roles: &BTreeSet<String>,
        password: Option<&Secret>,
    ) -> Call {
        self.patch_user(login, json!({MARK: mark.text}), json!(roles), password)
    }

    /// No role and a password that nobody knows, in one write.
    pub fn shut_user(self, mark: &Mark, login: &str, password: Option<&Secret>) -> Call {
        let attributes = json!({MARK: mark.text, STATE: SHUT});
        self.patch_user(login, attributes, json!([]), password)
    }

    fn patch_user(self, login: &str, attributes: Value, roles: Value, password: Option<&Secret>) -> Call {
        // On a member that is there this replaces; it need not be there.
        let set = |path: &str, value: Value| json!({"op": "add", "path": path, "value": value});
        let mut all = Vec::new();
        if password.is_some() {
            all.push(set("/password", Value::Null));
        }
        all.extend([
            set("/opendistro_security_roles", roles),
            set("/backend_roles", json!([])),
            set("/attributes", attributes),
        ]);
        Call::new(Method::PATCH, self.user_path(login))
            .with(Value::Array(all))
            .with_secret("/0/value", password)
    }

    pub fn delete_user(self, login: &str) -> Call {
        Call::new(Method::DELETE, self.user_path(login))
    }

    /// What nodes remember of logins and what they may.
    pub fn flush_cache(self) -> Call {
        Call::new(Method::DELETE, self.at("/api/cache"))
    }
}

pub fn root() -> Call {
    Call::get("/")
}

/// Names, aliases, data streams and owner tags at once.
pub fn cluster_state() -> Call {
    Call::get(
        "/_cluster/state/metadata?filter_path=metadata.indices.*.aliases,metadata.indices.*.state,\
         metadata.indices.*.mappings._doc._meta,metadata.data_stream",
    )
}

/// Whose lease a role carries. Roles have no other place for a mark.
pub fn description(mark: &Mark, login: &str) -> String {
    format!("{} login={login}", mark.text)
}

/// What a role must allow, sorted. A search over several indices and a bulk write are actions on the cluster, too.
#[derive(Debug, PartialEq, Eq)]
pub struct Given {
    pub cluster: &'static [&'static str],
    pub index: &'static [&'static str],
}

impl Given {
    pub fn of(access: Access) -> Self {
        let (cluster, index): (&[&str], &[&str]) = match access {
            Access::Read => (
                &["cluster_composite_ops_ro"],
                &["indices:admin/mappings/get", "read"],
            ),
            Access::Write => (&["cluster_composite_ops"], &["write"]),
            Access::ReadWrite => (
                &["cluster_composite_ops"],
                &["crud", "indices:admin/mappings/get"],
            ),
            Access::Manage => (&["cluster_composite_ops"], &["indices_all"]),
            // Not offered here, and so nothing.
            Access::Monitor | Access::Member => (&[], &[]),
        };
        Self { cluster, index }
    }
}

/// Attributes of a user that is open.
pub fn open_attributes(mark: &Mark) -> BTreeMap<String, String> {
    BTreeMap::from([(MARK.to_owned(), mark.text.clone())])
}
