//! Roles.

use serde_json::{Map, Value, json};

use super::{State, met_another, rights::Principal};
use crate::search::line::{Answer, Ask, only_keys, only_query};

const ACTION: &str = "cluster:admin/xpack/security/role";
const CLUSTER: &[&str] = &[
    "all",
    "manage",
    "monitor",
    "manage_security",
    "manage_own_api_key",
    "manage_api_key",
    "manage_token",
    "read_security",
];
const INDEX: &[&str] = &[
    "all",
    "manage",
    "monitor",
    "read",
    "write",
    "index",
    "create",
    "create_doc",
    "delete",
    "view_index_metadata",
    "create_index",
    "delete_index",
    "maintenance",
];

pub fn reserved(state: &mut State) {
    let on_all = |privileges: &[&str]| json!([{"names": ["*"], "privileges": privileges, "allow_restricted_indices": false}]);
    for (name, cluster, indices) in [
        (
            "superuser",
            json!(["all"]),
            json!([{"names": ["*"], "privileges": ["all"], "allow_restricted_indices": true}]),
        ),
        ("kibana_system", json!(["monitor", "manage_token"]), on_all(&[])),
        ("viewer", json!([]), on_all(&["read", "view_index_metadata"])),
    ] {
        state.roles.insert(
            name.to_owned(),
            json!({"cluster": cluster, "indices": indices, "applications": [], "run_as": [],
                "metadata": {"_reserved": true}, "transient_metadata": {}}),
        );
    }
}

fn is_reserved(state: &State, name: &str) -> bool {
    state
        .roles
        .get(name)
        .is_some_and(|role| role["metadata"]["_reserved"] == true)
}

pub fn answer(ask: &Ask, state: &mut State, who: &Principal, rest: &[&str]) -> Result<Answer, Answer> {
    who.needs(state, "manage_security", &format!("{ACTION}/get"))?;
    only_query(ask, &["refresh"])?;
    match (ask.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::ok(state.roles.clone().into_iter().collect())),
        ("GET", [names]) => {
            let found: Map<String, Value> = names
                .split(',')
                .filter_map(|name| Some((name.to_owned(), state.roles.get(name)?.clone())))
                .collect();
            let status = if found.is_empty() { 404 } else { 200 };
            Ok(Answer::json(status, Value::Object(found)))
        }
        ("PUT" | "POST", [name]) => put(ask, state, name),
        ("DELETE", [name]) => {
            if is_reserved(state, name) {
                return Err(reserved_error(name));
            }
            met_another(state, name)?;
            let found = state.roles.remove(*name).is_some();
            Ok(Answer::json(
                if found { 200 } else { 404 },
                json!({"found": found}),
            ))
        }
        _ => Err(Answer::no_handler(ask)),
    }
}

fn reserved_error(name: &str) -> Answer {
    let reason = format!("role [{name}] is reserved and may not be modified");
    Answer::error(400, "illegal_argument_exception", &reason)
}

fn put(ask: &Ask, state: &mut State, name: &str) -> Result<Answer, Answer> {
    let body = ask.object()?;
    only_keys(
        body.keys(),
        &[
            "cluster",
            "indices",
            "applications",
            "run_as",
            "metadata",
            "description",
        ],
    )?;
    if is_reserved(state, name) {
        return Err(reserved_error(name));
    }
    let list = |key: &str| body.get(key).cloned().unwrap_or_else(|| json!([]));
    known(&list("cluster"), CLUSTER, "cluster")?;
    let mut indices = Vec::new();
    for entry in list("indices").as_array().into_iter().flatten() {
        indices.push(index_entry(entry)?);
    }
    let metadata = body.get("metadata").cloned().unwrap_or_else(|| json!({}));
    if metadata
        .as_object()
        .is_some_and(|all| all.keys().any(|key| key.starts_with('_')))
    {
        let reason = "Validation Failed: 1: metadata keys may not start with [_];";
        return Err(Answer::error(400, "action_request_validation_exception", reason));
    }
    met_another(state, name)?;
    let role = json!({"cluster": list("cluster"), "indices": indices, "applications": list("applications"),
        "run_as": list("run_as"), "metadata": metadata, "transient_metadata": {"enabled": true}});
    let created = state.roles.insert(name.to_owned(), role).is_none();
    Ok(Answer::ok(json!({"role": {"created": created}})))
}

fn index_entry(entry: &Value) -> Result<Value, Answer> {
    let object = entry
        .as_object()
        .ok_or_else(|| Answer::error(400, "parse_exception", "failed to parse indices privileges"))?;
    only_keys(
        object.keys(),
        &[
            "names",
            "privileges",
            "field_security",
            "query",
            "allow_restricted_indices",
        ],
    )?;
    let names = entry["names"].as_array().filter(|names| !names.is_empty());
    if names.is_none() {
        let reason = "failed to parse indices privileges. missing required [names] field";
        return Err(Answer::error(400, "parse_exception", reason));
    }
    if names
        .into_iter()
        .flatten()
        .any(|name| name.as_str().is_some_and(|name| name.starts_with('/')))
    {
        return Err(Answer::error(
            400,
            "illegal_argument_exception",
            "the simulator has no regular expressions",
        ));
    }
    known(&entry["privileges"], INDEX, "index")?;
    let mut entry = entry.clone();
    if entry.get("allow_restricted_indices").is_none() {
        entry["allow_restricted_indices"] = Value::Bool(false);
    }
    Ok(entry)
}

fn known(list: &Value, known: &[&str], of: &str) -> Result<(), Answer> {
    for privilege in list.as_array().into_iter().flatten() {
        if !privilege.as_str().is_some_and(|one| known.contains(&one)) {
            let reason = format!(
                "unknown {of} privilege [{privilege}]. a privilege must be either one of the predefined privileges or a pattern"
            );
            return Err(Answer::error(400, "illegal_argument_exception", &reason));
        }
    }
    Ok(())
}
