//! Who is asking, and whether they may.

use serde_json::{Map, Value, json};

use super::{REALM, State};
use crate::search::{
    data::{Data, matches},
    line::{Answer, Ask, Claimed, only_keys},
    wish::Deed,
};

pub struct Principal {
    pub username: String,
    pub roles: Vec<String>,
    pub how: How,
}

pub enum How {
    Password,
    Token,
    /// What the key may, and what its maker could when it was made.
    Key {
        own: Vec<Value>,
        of_maker: Vec<Value>,
    },
}

fn unauthenticated(reason: &str) -> Answer {
    Answer::error(401, "security_exception", reason)
}

pub fn authenticate(state: &State, claimed: &Claimed) -> Result<Principal, Answer> {
    match claimed {
        Claimed::Nobody => Err(unauthenticated(
            "missing authentication credentials for REST request",
        )),
        Claimed::Unreadable => Err(unauthenticated("unable to read the authentication header")),
        Claimed::Basic(name, password) => {
            let user = state.users.get(name);
            match user.filter(|user| user.enabled && user.password == *password) {
                Some(user) => Ok(Principal {
                    username: name.clone(),
                    roles: user.roles.clone(),
                    how: How::Password,
                }),
                None => Err(unauthenticated(&format!(
                    "unable to authenticate user [{name}] for REST request"
                ))),
            }
        }
        Claimed::Key(id, secret) => {
            let key = state
                .keys
                .iter()
                .find(|key| key.id == *id && key.secret == *secret && !key.invalidated);
            key.map(|key| Principal {
                username: key.maker.clone(),
                roles: Vec::new(),
                how: How::Key {
                    own: key.own.clone(),
                    of_maker: key.of_maker.clone(),
                },
            })
            .ok_or_else(|| {
                unauthenticated("unable to authenticate with provided credentials: api key is invalid")
            })
        }
        Claimed::Bearer(text) => {
            let token = state
                .tokens
                .iter()
                .find(|token| token.text == *text && !token.invalidated);
            // A token holds the names of roles as they were; what these allow is looked up now.
            token
                .map(|token| Principal {
                    username: token.username.clone(),
                    roles: token.roles.clone(),
                    how: How::Token,
                })
                .ok_or_else(|| unauthenticated("token expired or invalidated"))
        }
    }
}

impl Principal {
    pub fn told(&self) -> Value {
        let (realm, kind) = match self.how {
            How::Password => ("realm", json!({"name": REALM, "type": "native"})),
            How::Token => ("token", json!({"name": REALM, "type": "native"})),
            How::Key { .. } => ("api_key", json!({"name": "_es_api_key", "type": "_es_api_key"})),
        };
        json!({"username": self.username, "roles": self.roles, "full_name": null, "email": null,
            "metadata": {}, "enabled": true, "authentication_realm": kind, "lookup_realm": kind,
            "authentication_type": realm})
    }

    /// Every set of rights that must allow it.
    pub fn descriptors(&self, state: &State) -> Vec<Vec<Value>> {
        let of_roles = || -> Vec<Value> {
            let found = self.roles.iter().filter_map(|name| state.roles.get(name));
            found.cloned().collect()
        };
        match &self.how {
            How::Password | How::Token => vec![of_roles()],
            How::Key { own, of_maker } if own.is_empty() => vec![of_maker.clone()],
            How::Key { own, of_maker } => vec![own.clone(), of_maker.clone()],
        }
    }

    pub fn has(&self, state: &State, privilege: &str) -> bool {
        let allows = |set: &Vec<Value>| {
            let given = set.iter().flat_map(|role| texts(&role["cluster"]));
            given.into_iter().any(|given| covers_cluster(given, privilege))
        };
        self.descriptors(state).iter().all(allows)
    }

    /// # Errors
    /// 403 without the cluster privilege.
    pub fn needs(&self, state: &State, privilege: &str, action: &str) -> Result<(), Answer> {
        if self.has(state, privilege) {
            return Ok(());
        }
        let reason = format!(
            "action [{action}] is unauthorized for user [{}] with effective roles [{}], this action is granted by the cluster \
             privileges [{privilege},all]",
            self.username,
            self.roles.join(",")
        );
        Err(Answer::error(403, "security_exception", &reason))
    }

    /// # Errors
    /// 403 without a privilege on the name.
    pub fn needs_on(&self, state: &State, deed: Deed, name: &str) -> Result<(), Answer> {
        if may(&self.descriptors(state), &state.data, deed, name) {
            return Ok(());
        }
        let reason = format!(
            "action [{deed:?}] is unauthorized for user [{}] with effective roles [{}] on indices [{name}]",
            self.username,
            self.roles.join(",")
        );
        Err(Answer::error(403, "security_exception", &reason))
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn covers_cluster(given: &str, wanted: &str) -> bool {
    let below: &[&str] = match given {
        "all" => return true,
        "manage" => &["monitor"],
        "manage_security" => &[
            "manage_api_key",
            "manage_own_api_key",
            "manage_token",
            "read_security",
        ],
        "manage_api_key" => &["manage_own_api_key"],
        _ => &[],
    };
    given == wanted || below.contains(&wanted)
}

fn covers_index(given: &str, deed: Deed) -> bool {
    match given {
        "all" => true,
        "manage" => matches!(deed, Deed::Monitor | Deed::Metadata | Deed::Manage | Deed::Create),
        "monitor" => deed == Deed::Monitor,
        "read" => deed == Deed::Search,
        "write" | "index" | "create" | "create_doc" => deed == Deed::Write,
        "view_index_metadata" => deed == Deed::Metadata,
        "create_index" => deed == Deed::Create,
        _ => false,
    }
}

/// What is the system's own is closed to roles that do not say otherwise.
fn is_restricted(name: &str) -> bool {
    name.starts_with(".security")
}

pub fn may(sets: &[Vec<Value>], data: &Data, deed: Deed, name: &str) -> bool {
    let names = data.rights_on(name);
    let allows = |role: &Value| {
        let entries = role["indices"].as_array().into_iter().flatten();
        entries.into_iter().any(|entry| {
            let open = !is_restricted(name) || entry["allow_restricted_indices"] == true;
            let named = texts(&entry["names"])
                .iter()
                .any(|pattern| names.iter().any(|name| matches(pattern, name)));
            open && named
                && texts(&entry["privileges"])
                    .iter()
                    .any(|given| covers_index(given, deed))
        })
    };
    sets.iter().all(|set| set.iter().any(allows))
}

pub fn has_privileges(ask: &Ask, state: &State, who: &Principal) -> Result<Answer, Answer> {
    let body = ask.object()?;
    only_keys(body.keys(), &["cluster", "index", "application"])?;
    let cluster: Map<String, Value> = texts(body.get("cluster").unwrap_or(&Value::Null))
        .into_iter()
        .map(|one| (one.to_owned(), who.has(state, one).into()))
        .collect();
    let mut index = Map::new();
    let entries = body.get("index").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        for name in texts(&entry["names"]) {
            let held: Map<String, Value> = texts(&entry["privileges"])
                .into_iter()
                .map(|one| (one.to_owned(), covers_all(state, who, name, one).into()))
                .collect();
            index.insert(name.to_owned(), Value::Object(held));
        }
    }
    let all = cluster
        .values()
        .chain(index.values().filter_map(Value::as_object).flat_map(Map::values));
    let all = all.into_iter().all(|held| held == &Value::Bool(true));
    Ok(Answer::ok(
        json!({"username": who.username, "has_all_requested": all, "cluster": cluster, "index": index, "application": {}}),
    ))
}

/// Whether a privilege is held on a name or on all that a pattern can stand for.
fn covers_all(state: &State, who: &Principal, name: &str, privilege: &str) -> bool {
    let deed = match privilege {
        "monitor" => Deed::Monitor,
        "view_index_metadata" => Deed::Metadata,
        "read" => Deed::Search,
        "write" => Deed::Write,
        "manage" => Deed::Manage,
        _ => return false,
    };
    who.descriptors(state).iter().all(|set| {
        let entries = set
            .iter()
            .flat_map(|role| role["indices"].as_array().into_iter().flatten());
        entries.into_iter().any(|entry| {
            let named = texts(&entry["names"])
                .iter()
                .any(|pattern| *pattern == "*" || *pattern == name);
            named
                && texts(&entry["privileges"])
                    .iter()
                    .any(|given| covers_index(given, deed))
        })
    })
}
