//! Every call we make, as values. Paths as the vendor's own description of the API has them (`rest-api-spec/api/security.*.json`).

use std::collections::BTreeSet;

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

/// Under which key of their metadata users and roles carry our mark. Keys with a leading `_` are the system's.
pub const MARK: &str = "latchkey";
/// Whose lease a role carries.
pub const LOGIN: &str = "login";

/// The change is seen by searches when the call answers: lists of users and roles are searches.
const WAIT: &str = "?refresh=wait_for";

/// What a role must allow, sorted. `view_index_metadata` shows mappings and tells what an alias stands for: no client works
/// without. None of these lets its holder make API keys.
pub fn privileges(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read => &["read", "view_index_metadata"],
        Access::Write => &["write"],
        Access::ReadWrite => &["read", "view_index_metadata", "write"],
        Access::Monitor => &["monitor"],
        Access::Manage => &["manage"],
        Access::Member => &[],
    }
}

pub fn root() -> Call {
    Call::get("/")
}

pub fn authenticate() -> Call {
    Call::get("/_security/_authenticate")
}

pub fn has_privileges() -> Call {
    Call::new(Method::POST, "/_security/user/_has_privileges").with(json!({
        "cluster": ["manage_security", "monitor"],
        "index": [{"names": ["*"], "privileges": ["monitor", "view_index_metadata"]}],
    }))
}

pub fn users() -> Call {
    Call::get("/_security/user")
}

pub fn user(login: &str) -> Call {
    Call::get(path("/_security/user/", login, ""))
}

pub fn roles() -> Call {
    Call::get("/_security/role")
}

/// Answers 404 where no index, alias or data stream has the name. `monitor` suffices for it.
pub fn exists(index: &str) -> Call {
    Call::get(path(
        "/_cat/indices/",
        index,
        "?format=json&h=index&expand_wildcards=all",
    ))
}

pub fn resolve_all() -> Call {
    Call::get("/_resolve/index/*")
}

pub fn all_indices() -> Call {
    Call::get("/_cat/indices?format=json&h=index&expand_wildcards=open,hidden")
}

pub fn all_tags() -> Call {
    Call::get("/*/_mapping?expand_wildcards=open,hidden&filter_path=*.mappings._meta")
}

pub fn put_lease_role(mark: &Mark, role: &str, login: &str, index: &str, access: Access) -> Call {
    Call::new(Method::PUT, path("/_security/role/", role, WAIT)).with(json!({
        "cluster": [],
        "indices": [{"names": [index], "privileges": privileges(access)}],
        "metadata": {MARK: mark.text, LOGIN: login},
    }))
}

pub fn delete_role(role: &str) -> Call {
    Call::new(Method::DELETE, path("/_security/role/", role, WAIT))
}

/// The whole user: what is not in the body is lost, but for the password.
fn put_user(mark: &Mark, login: &str, body: Value, password: Option<&Secret>) -> Call {
    let mut body = body;
    body["metadata"] = json!({MARK: mark.text});
    if password.is_some() {
        body["password"] = Value::Null;
    }
    Call::new(Method::PUT, path("/_security/user/", login, WAIT))
        .with(body)
        .with_secret("/password", password)
}

pub fn open_user(mark: &Mark, login: &str, roles: &BTreeSet<String>, password: Option<&Secret>) -> Call {
    put_user(mark, login, json!({"enabled": true, "roles": roles}), password)
}

/// No role, no way in, and a password that nobody knows, all in one call.
pub fn shut_user(mark: &Mark, login: &str, password: Option<&Secret>) -> Call {
    put_user(mark, login, json!({"enabled": false, "roles": []}), password)
}

pub fn delete_user(login: &str) -> Call {
    Call::new(Method::DELETE, path("/_security/user/", login, WAIT))
}

/// What nodes remember of a login's password. The system clears it by itself; this makes sure.
pub fn clear_cache(realm: &Realm<'_>, login: &str) -> Call {
    let tail = format!("/_clear_cache?usernames={login}");
    let path = match realm {
        Realm::Named(name) => path("/_security/realm/", name, &tail),
        Realm::Any => format!("/_security/realm/*{tail}"),
        Realm::Shown => format!("/_security/realm/<realm>{tail}"),
    };
    Call::new(Method::POST, path)
}

/// The realm that our logins are in. Its name is the cluster's choice; some versions miss a cache if none is named.
pub enum Realm<'a> {
    Named(&'a str),
    Any,
    /// In a preview.
    Shown,
}

pub fn invalidate_tokens(login: &str) -> Call {
    Call::new(Method::DELETE, "/_security/oauth2/token").with(json!({"username": login}))
}

pub fn invalidate_keys(login: &str) -> Call {
    Call::new(Method::DELETE, "/_security/api_key").with(json!({"username": login}))
}
