//! The REST API of the Security plugin.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{ADMIN, State, User, rights};
use crate::search::line::{Answer, Ask, only_query};

const BUILT_IN: [&str; 5] = [
    "all_access",
    "security_manager",
    "readall",
    "kibana_user",
    "security_rest_api_access",
];

pub fn furnish(state: &mut State) {
    for name in BUILT_IN {
        let (cluster, actions): (&[&str], &[&str]) = match name {
            "all_access" => (&["*"], &["*"]),
            "readall" => (&["cluster_composite_ops_ro"], &["read"]),
            _ => (&[], &[]),
        };
        let role = json!({"reserved": true, "hidden": false, "static": true,
            "description": null, "cluster_permissions": cluster, "tenant_permissions": [],
            "index_permissions": [{"index_patterns": ["*"], "fls": [], "masked_fields": [], "allowed_actions": actions}]});
        state.roles.insert(name.to_owned(), role);
    }
    let all = json!({"users": [], "backend_roles": ["admin"], "and_backend_roles": [], "hosts": [],
        "reserved": true, "hidden": false});
    state.mappings.insert("all_access".to_owned(), all);
    let admin = User {
        password: ADMIN.1.to_owned(),
        reserved: true,
        backend_roles: BTreeSet::from(["admin".to_owned()]),
        ..User::default()
    };
    state.users.insert(ADMIN.0.to_owned(), admin);
}

impl User {
    fn told(&self) -> Value {
        json!({"hash": "", "reserved": self.reserved, "hidden": self.hidden, "static": false,
            "backend_roles": self.backend_roles, "attributes": self.attributes,
            "description": self.description, "opendistro_security_roles": self.roles})
    }
}

fn said(status: u16, word: &str, message: &str) -> Answer {
    Answer::json(status, json!({"status": word, "message": message}))
}

fn not_found(name: &str) -> Answer {
    said(404, "NOT_FOUND", &format!("Resource '{name}' not found."))
}

fn reserved(name: &str) -> Answer {
    said(403, "FORBIDDEN", &format!("Resource '{name}' is reserved."))
}

fn wrong(reason: &str, more: Value) -> Answer {
    let mut body = json!({"status": "error", "reason": reason});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    Answer::json(400, body)
}

/// Two writes met. Old versions say so as if they had broken down.
pub fn conflict(count: u32) -> Answer {
    let words = "[internalusers]: version conflict, required seqNo [7], primary term [1]. current document has seqNo [8]";
    match count % 2 {
        0 => said(
            500,
            "INTERNAL_SERVER_ERROR",
            &format!("VersionConflictEngineException[{words}]"),
        ),
        _ => said(409, "CONFLICT", words),
    }
}

pub fn answer(ask: &Ask, state: &mut State, login: &str, rest: &[&str]) -> Result<Answer, Answer> {
    only_query(ask, &[])?;
    match (ask.method.as_str(), rest) {
        ("GET", ["authinfo"]) => {
            let user = &state.users[login];
            Ok(Answer::ok(
                json!({"user": format!("User [name={login}]"), "user_name": login,
                "roles": rights::roles_of(state, login), "backend_roles": user.backend_roles,
                "user_requested_tenant": null, "remote_address": "127.0.0.1:1", "custom_attribute_names": [],
                "tenants": {login: true}, "principal": null, "peer_certificates": "0", "sso_logout_url": null}),
            ))
        }
        ("GET", ["api", "permissionsinfo"]) => {
            let may = rights::has_api_access(state, login);
            Ok(Answer::ok(
                json!({"user": format!("User [name={login}]"), "user_name": login,
                "has_api_access": may, "disabled_endpoints": {}}),
            ))
        }
        (_, ["api", rest @ ..]) => {
            if !rights::has_api_access(state, login) {
                let message = format!(
                    "No permission to access REST API: User {login} with Security roles [] does not have any role privileged for admin access. No client TLS certificate found in request"
                );
                return Err(said(403, "FORBIDDEN", &message));
            }
            if ask.method != "GET" && state.conflicts > 0 {
                state.conflicts -= 1;
                return Err(conflict(state.conflicts));
            }
            let made = api(ask, state, rest)?;
            state.sequence += u64::from(ask.method != "GET");
            Ok(made)
        }
        _ => Err(Answer::no_handler(ask)),
    }
}

fn api(ask: &Ask, state: &mut State, rest: &[&str]) -> Result<Answer, Answer> {
    match (ask.method.as_str(), rest) {
        ("GET", ["internalusers"]) => {
            let all = state.users.iter().filter(|(_, user)| !user.hidden);
            Ok(Answer::ok(
                all.map(|(name, user)| (name.clone(), user.told())).collect(),
            ))
        }
        ("GET", ["internalusers", name]) => match state.users.get(*name) {
            Some(user) if !user.hidden => Ok(Answer::ok(json!({*name: user.told()}))),
            _ => Err(not_found(name)),
        },
        ("PUT", ["internalusers", name]) => put_user(ask, state, name),
        ("PATCH", ["internalusers", name]) => patch_user(ask, state, name),
        ("DELETE", ["internalusers", name]) => match state.users.get(*name) {
            None => Err(not_found(name)),
            Some(user) if user.reserved => Err(reserved(name)),
            Some(_) => {
                state.users.remove(*name);
                Ok(said(200, "OK", &format!("'{name}' deleted.")))
            }
        },
        ("GET", ["roles"]) => Ok(Answer::ok(state.roles.clone().into_iter().collect())),
        ("GET", ["roles", name]) => match state.roles.get(*name) {
            Some(role) => Ok(Answer::ok(json!({*name: role}))),
            None => Err(not_found(name)),
        },
        ("PUT", ["roles", name]) => put_role(ask, state, name),
        ("DELETE", ["roles", name]) => match state.roles.get(*name) {
            None => Err(not_found(name)),
            Some(role) if role["reserved"] == true => Err(reserved(name)),
            Some(_) => {
                state.roles.remove(*name);
                Ok(said(200, "OK", &format!("'{name}' deleted.")))
            }
        },
        ("GET", ["rolesmapping"]) => Ok(Answer::ok(state.mappings.clone().into_iter().collect())),
        ("PUT", ["rolesmapping", name]) => put_mapping(ask, state, name),
        ("DELETE", ["rolesmapping", name]) => match state.mappings.remove(*name) {
            Some(_) => Ok(said(200, "OK", &format!("'{name}' deleted."))),
            None => Err(not_found(name)),
        },
        ("DELETE", ["cache"]) => Ok(said(200, "OK", "Cache flushed successfully.")),
        (method, ["cache"]) => Err(said(
            405,
            "METHOD_NOT_ALLOWED",
            &format!("Method {method} not supported for this action."),
        )),
        _ => Err(Answer::no_handler(ask)),
    }
}

fn only(body: &Map<String, Value>, known: &[&str]) -> Result<(), Answer> {
    let unknown: Vec<&str> = body
        .keys()
        .map(String::as_str)
        .filter(|key| !known.contains(key))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(wrong(
        "Invalid configuration",
        json!({"invalid_keys": {"keys": unknown.join(",")}}),
    ))
}

/// A list of texts, empty where it is absent.
fn list(body: &Map<String, Value>, key: &str) -> Result<Vec<String>, Answer> {
    let of_wrong_type = || wrong("Wrong datatype", json!({key: "Array expected"}));
    match body.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(all)) => all
            .iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or_else(of_wrong_type))
            .collect(),
        Some(_) => Err(of_wrong_type()),
    }
}

/// What a user looks like once written; `None` for the password where it stays.
fn user_of(state: &State, body: &Map<String, Value>, old: Option<&User>) -> Result<User, Answer> {
    only(
        body,
        &[
            "password",
            "hash",
            "backend_roles",
            "attributes",
            "description",
            "opendistro_security_roles",
        ],
    )?;
    let password = match (body.get("password").and_then(Value::as_str), old) {
        (Some(password), _) if password.chars().count() < 8 => return Err(wrong("Weak password", json!({}))),
        (Some(password), _) => password.to_owned(),
        (None, Some(old)) => old.password.clone(),
        (None, None) => {
            return Err(said(
                400,
                "BAD_REQUEST",
                "Please specify either 'hash' or 'password' when creating a new internal user.",
            ));
        }
    };
    let attributes = body.get("attributes").cloned().unwrap_or_else(|| json!({}));
    let attributes = attributes
        .as_object()
        .filter(|all| all.values().all(Value::is_string))
        .cloned()
        .ok_or_else(|| wrong("Wrong datatype", json!({"attributes": "Object expected"})))?;
    let roles = list(body, "opendistro_security_roles")?;
    for role in &roles {
        match state.roles.get(role) {
            Some(found) if found["hidden"] != true => {}
            _ => {
                return Err(said(
                    404,
                    "NOT_FOUND",
                    &format!("Role '{role}' is not available."),
                ));
            }
        }
    }
    Ok(User {
        password,
        reserved: false,
        hidden: false,
        backend_roles: list(body, "backend_roles")?.into_iter().collect(),
        attributes,
        roles,
        description: body.get("description").and_then(Value::as_str).map(str::to_owned),
    })
}

fn put_user(ask: &Ask, state: &mut State, name: &str) -> Result<Answer, Answer> {
    let old = state.users.get(name).cloned();
    if old.as_ref().is_some_and(|user| user.reserved) {
        return Err(reserved(name));
    }
    let user = user_of(state, ask.object()?, old.as_ref())?;
    state.users.insert(name.to_owned(), user);
    Ok(match old {
        None => said(201, "CREATED", &format!("'{name}' created.")),
        Some(_) => said(200, "OK", &format!("'{name}' updated.")),
    })
}

fn patch_user(ask: &Ask, state: &mut State, name: &str) -> Result<Answer, Answer> {
    let old = state.users.get(name).cloned().ok_or_else(|| not_found(name))?;
    if old.reserved {
        return Err(reserved(name));
    }
    let Some(Ok(Value::Array(operations))) = &ask.body else {
        return Err(wrong("Request body required for this action.", json!({})));
    };
    let mut body = old.told();
    for operation in operations {
        apply(&mut body, operation)?;
    }
    let mut body = body.as_object().cloned().unwrap_or_default();
    for read_only in ["hash", "reserved", "hidden", "static"] {
        body.remove(read_only);
    }
    let user = user_of(state, &body, Some(&old))?;
    let same = user.told() == old.told() && user.password == old.password;
    state.users.insert(name.to_owned(), user);
    Ok(said(
        200,
        "OK",
        &if same {
            "No updates required".to_owned()
        } else {
            format!("'{name}' updated.")
        },
    ))
}

/// JSON Patch, as far as it goes one level deep.
fn apply(body: &mut Value, operation: &Value) -> Result<(), Answer> {
    let broken = |message: &str| said(400, "BAD_REQUEST", message);
    let object = operation
        .as_object()
        .ok_or_else(|| broken("an operation is an object"))?;
    if let Some(unknown) = object
        .keys()
        .find(|key| !["op", "path", "value"].contains(&key.as_str()))
    {
        return Err(broken(&format!("unknown member {unknown} of an operation")));
    }
    let path = operation["path"].as_str().unwrap_or_default();
    let key = path
        .strip_prefix('/')
        .filter(|key| !key.is_empty() && !key.contains('/'));
    let key = key.ok_or_else(|| broken("no such path in target JSON document"))?;
    let there = body.get(key).is_some();
    match operation["op"].as_str() {
        Some("add") => body[key] = operation["value"].clone(),
        Some("replace") if there => body[key] = operation["value"].clone(),
        Some("remove") if there => {
            if let Some(body) = body.as_object_mut() {
                body.remove(key);
            }
        }
        Some("replace" | "remove") => return Err(broken("no such path in target JSON document")),
        _ => return Err(broken("no such operation")),
    }
    Ok(())
}

fn put_role(ask: &Ask, state: &mut State, name: &str) -> Result<Answer, Answer> {
    if state.roles.get(name).is_some_and(|role| role["reserved"] == true) {
        return Err(reserved(name));
    }
    let body = ask.object()?;
    only(
        body,
        &[
            "description",
            "cluster_permissions",
            "index_permissions",
            "tenant_permissions",
        ],
    )?;
    let cluster = list(body, "cluster_permissions")?;
    let mut entries = Vec::new();
    let given = body.get("index_permissions").and_then(Value::as_array);
    for entry in given.into_iter().flatten() {
        let object = entry
            .as_object()
            .ok_or_else(|| wrong("Wrong datatype", json!({"index_permissions": "Array expected"})))?;
        only(
            object,
            &["index_patterns", "dls", "fls", "masked_fields", "allowed_actions"],
        )?;
        let patterns = list(object, "index_patterns")?;
        if patterns.iter().any(|pattern| pattern.starts_with('/')) {
            return Err(wrong("the simulator has no regular expressions", json!({})));
        }
        entries.push(
            json!({"index_patterns": patterns, "dls": null, "fls": [], "masked_fields": [],
            "allowed_actions": list(object, "allowed_actions")?}),
        );
    }
    let role = json!({"reserved": false, "hidden": false, "static": false,
        "description": body.get("description").cloned().unwrap_or(Value::Null),
        "cluster_permissions": cluster, "index_permissions": entries,
        "tenant_permissions": body.get("tenant_permissions").cloned().unwrap_or_else(|| json!([]))});
    Ok(match state.roles.insert(name.to_owned(), role) {
        None => said(201, "CREATED", &format!("'{name}' created.")),
        Some(_) => said(200, "OK", &format!("'{name}' updated.")),
    })
}

fn put_mapping(ask: &Ask, state: &mut State, name: &str) -> Result<Answer, Answer> {
    let body = ask.object()?;
    only(
        body,
        &[
            "users",
            "backend_roles",
            "and_backend_roles",
            "hosts",
            "description",
        ],
    )?;
    if state
        .mappings
        .get(name)
        .is_some_and(|one| one["reserved"] == true)
    {
        return Err(reserved(name));
    }
    let mapping = json!({"users": list(body, "users")?, "backend_roles": list(body, "backend_roles")?,
        "and_backend_roles": [], "hosts": list(body, "hosts")?, "reserved": false, "hidden": false});
    state.mappings.insert(name.to_owned(), mapping);
    Ok(said(200, "OK", &format!("'{name}' updated.")))
}
