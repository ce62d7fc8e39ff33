//! Users of the native realm.

use serde_json::{Map, Value, json};

use super::{State, met_another, rights::Principal};
use crate::search::line::{Answer, Ask, only_keys, only_query};

const ACTION: &str = "cluster:admin/xpack/security/user";

#[derive(Debug, Clone)]
pub struct User {
    pub password: String,
    pub roles: Vec<String>,
    pub metadata: Map<String, Value>,
    pub enabled: bool,
}

pub fn reserved(state: &mut State) {
    let (name, password) = super::ADMIN;
    for (name, password, role) in [
        (name, password, "superuser"),
        ("kibana_system", "changeme-kibana", "kibana_system"),
    ] {
        let mut metadata = Map::new();
        metadata.insert("_reserved".to_owned(), Value::Bool(true));
        state.users.insert(
            name.to_owned(),
            User {
                password: password.to_owned(),
                roles: vec![role.to_owned()],
                metadata,
                enabled: true,
            },
        );
    }
}

impl User {
    fn is_reserved(&self) -> bool {
        self.metadata.get("_reserved") == Some(&Value::Bool(true))
    }

    fn told(&self, name: &str) -> Value {
        json!({"username": name, "roles": self.roles, "full_name": null, "email": null,
            "metadata": self.metadata, "enabled": self.enabled})
    }
}

pub fn answer(ask: &Ask, state: &mut State, who: &Principal, rest: &[&str]) -> Result<Answer, Answer> {
    let own = rest.first() == Some(&who.username.as_str());
    match (ask.method.as_str(), rest) {
        ("GET", []) => {
            who.needs(state, "manage_security", &format!("{ACTION}/get"))?;
            let all: Map<String, Value> = state
                .users
                .iter()
                .map(|(name, user)| (name.clone(), user.told(name)))
                .collect();
            Ok(Answer::ok(Value::Object(all)))
        }
        ("GET", [names]) => {
            who.needs(state, "manage_security", &format!("{ACTION}/get"))?;
            let found: Map<String, Value> = names
                .split(',')
                .filter_map(|name| Some((name.to_owned(), state.users.get(name)?.told(name))))
                .collect();
            let status = if found.is_empty() { 404 } else { 200 };
            Ok(Answer::json(status, Value::Object(found)))
        }
        ("PUT" | "POST", ["_password"]) => set_password(ask, state, &who.username.clone()),
        ("PUT" | "POST", [_, "_password"]) if own => set_password(ask, state, &who.username.clone()),
        _ => {
            who.needs(state, "manage_security", &format!("{ACTION}/put"))?;
            change(ask, state, rest)
        }
    }
}

fn change(ask: &Ask, state: &mut State, rest: &[&str]) -> Result<Answer, Answer> {
    only_query(ask, &["refresh"])?;
    match (ask.method.as_str(), rest) {
        ("PUT" | "POST", [name]) => put(ask, state, name),
        ("DELETE", [name]) => {
            if let Some(user) = state.users.get(*name)
                && user.is_reserved()
            {
                let reason = format!("user [{name}] is reserved and cannot be deleted");
                return Err(Answer::error(400, "illegal_argument_exception", &reason));
            }
            met_another(state, name)?;
            let found = state.users.remove(*name).is_some();
            Ok(Answer::json(
                if found { 200 } else { 404 },
                json!({"found": found}),
            ))
        }
        ("PUT" | "POST", [name, "_password"]) => set_password(ask, state, name),
        ("PUT" | "POST", [name, how @ ("_enable" | "_disable")]) => {
            let user = state.users.get_mut(*name).ok_or_else(|| {
                let reason = format!("only existing users can be changed, [{name}] is none");
                Answer::error(400, "validation_exception", &reason)
            })?;
            user.enabled = *how == "_enable";
            Ok(Answer::ok(json!({})))
        }
        _ => Err(Answer::no_handler(ask)),
    }
}

fn refused(reason: &str) -> Answer {
    let reason = format!("Validation Failed: 1: {reason};");
    Answer::error(400, "action_request_validation_exception", &reason)
}

fn check_password(password: &str) -> Result<String, Answer> {
    if password.chars().count() < 6 {
        return Err(refused("passwords must be at least [6] characters long"));
    }
    Ok(password.to_owned())
}

fn put(ask: &Ask, state: &mut State, name: &str) -> Result<Answer, Answer> {
    let body = ask.object()?;
    let known = [
        "password",
        "roles",
        "metadata",
        "full_name",
        "email",
        "enabled",
        "username",
    ];
    only_keys(body.keys(), &known)?;
    let printable = name.chars().all(|c| (' '..='~').contains(&c));
    if name.is_empty() || name.len() > 507 || name.trim() != name || !printable {
        return Err(refused("user names must be 1 to 507 printable characters"));
    }
    let old = state.users.get(name).cloned();
    if old.as_ref().is_some_and(User::is_reserved) {
        return Err(refused(&format!(
            "user [{name}] is reserved and only the password can be changed"
        )));
    }
    let roles = body.get("roles").and_then(Value::as_array);
    let roles = roles.ok_or_else(|| refused("roles are missing"))?;
    let metadata = body
        .get("metadata")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if metadata.keys().any(|key| key.starts_with('_')) {
        return Err(refused("metadata keys may not start with [_]"));
    }
    let password = match (body.get("password").and_then(Value::as_str), &old) {
        (Some(password), _) => check_password(password)?,
        (None, Some(old)) => old.password.clone(),
        (None, None) => {
            return Err(refused(
                "password must be specified unless you are updating an existing user",
            ));
        }
    };
    met_another(state, name)?;
    let user = User {
        password,
        roles: roles
            .iter()
            .filter_map(|role| role.as_str().map(str::to_owned))
            .collect(),
        metadata,
        enabled: body.get("enabled").and_then(Value::as_bool).unwrap_or(true),
    };
    state.users.insert(name.to_owned(), user);
    Ok(Answer::ok(json!({"created": old.is_none()})))
}

fn set_password(ask: &Ask, state: &mut State, name: &str) -> Result<Answer, Answer> {
    let body = ask.object()?;
    only_keys(body.keys(), &["password"])?;
    let password = body.get("password").and_then(Value::as_str).unwrap_or_default();
    let password = check_password(password)?;
    match state.users.get_mut(name) {
        Some(user) => {
            user.password = password;
            Ok(Answer::ok(json!({})))
        }
        None => Err(refused("user must exist in order to change password")),
    }
}
