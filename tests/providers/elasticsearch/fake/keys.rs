//! API keys and tokens: what outlives a password.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{State, rights::Principal};
use crate::search::line::{Answer, Ask, only_keys, only_query};

#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: String,
    pub secret: String,
    pub name: String,
    pub maker: String,
    /// What it was given; empty: all that its maker may.
    pub own: Vec<Value>,
    /// What its maker could when it was made. Nothing changes it any more.
    pub of_maker: Vec<Value>,
    pub invalidated: bool,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub text: String,
    pub username: String,
    pub roles: Vec<String>,
    pub invalidated: bool,
}

pub fn api_key(ask: &Ask, state: &mut State, who: &Principal) -> Result<Answer, Answer> {
    match ask.method.as_str() {
        "PUT" | "POST" => create(ask, state, who),
        "GET" => {
            who.needs(
                state,
                "manage_own_api_key",
                "cluster:admin/xpack/security/api_key/get",
            )?;
            only_query(ask, &["username", "owner", "id", "name", "active_only"])?;
            let wanted = ask.query.get("username");
            let keys: Vec<Value> = state
                .keys
                .iter()
                .filter(|key| wanted.is_none_or(|name| key.maker == *name))
                .map(|key| json!({"id": key.id, "name": key.name, "username": key.maker, "invalidated": key.invalidated}))
                .collect();
            Ok(Answer::ok(json!({"api_keys": keys})))
        }
        "DELETE" => invalidate(ask, state, who),
        _ => Err(Answer::no_handler(ask)),
    }
}

fn create(ask: &Ask, state: &mut State, who: &Principal) -> Result<Answer, Answer> {
    who.needs(
        state,
        "manage_own_api_key",
        "cluster:admin/xpack/security/api_key/create",
    )?;
    let body = ask.object()?;
    only_keys(
        body.keys(),
        &["name", "role_descriptors", "metadata", "expiration"],
    )?;
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        let reason = "Validation Failed: 1: api key name is required;";
        return Err(Answer::error(400, "action_request_validation_exception", reason));
    }
    let own: Map<String, Value> = body
        .get("role_descriptors")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let number = state.next();
    let key = ApiKey {
        id: format!("key-{number}"),
        secret: format!("secret-of-key-{number}"),
        name: name.to_owned(),
        maker: who.username.clone(),
        own: own.into_iter().map(|(_, role)| role).collect(),
        of_maker: who.descriptors(state).into_iter().flatten().collect(),
        invalidated: false,
    };
    let encoded = STANDARD.encode(format!("{}:{}", key.id, key.secret));
    let answer = json!({"id": key.id, "name": key.name, "api_key": key.secret, "encoded": encoded});
    state.keys.push(key);
    Ok(Answer::ok(answer))
}

fn invalidate(ask: &Ask, state: &mut State, who: &Principal) -> Result<Answer, Answer> {
    who.needs(
        state,
        "manage_api_key",
        "cluster:admin/xpack/security/api_key/invalidate",
    )?;
    let body = ask.object()?;
    only_keys(body.keys(), &["ids", "name", "username", "realm_name", "owner"])?;
    let ids: Vec<&str> = body
        .get("ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let username = body.get("username").and_then(Value::as_str);
    if ids.is_empty() && username.is_none() {
        let reason = "Validation Failed: 1: One of [api key id(s), api key name, username, realm name] must be specified;";
        return Err(Answer::error(400, "action_request_validation_exception", reason));
    }
    let (mut now, mut before) = (Vec::new(), Vec::new());
    for key in &mut state.keys {
        if username == Some(key.maker.as_str()) || ids.contains(&key.id.as_str()) {
            let list = if key.invalidated { &mut before } else { &mut now };
            list.push(key.id.clone());
            key.invalidated = true;
        }
    }
    Ok(Answer::ok(
        json!({"invalidated_api_keys": now, "previously_invalidated_api_keys": before, "error_count": 0}),
    ))
}

pub fn token(ask: &Ask, state: &mut State, who: &Principal) -> Result<Answer, Answer> {
    who.needs(state, "manage_token", "cluster:admin/xpack/security/token/create")?;
    let body = ask.object()?;
    match ask.method.as_str() {
        "POST" => {
            only_keys(body.keys(), &["grant_type"])?;
            if body.get("grant_type").and_then(Value::as_str) != Some("client_credentials") {
                let reason = "the simulator has no other grant_type";
                return Err(Answer::error(400, "action_request_validation_exception", reason));
            }
            let text = format!("token-{}", state.next());
            state.tokens.push(Token {
                text: text.clone(),
                username: who.username.clone(),
                roles: who.roles.clone(),
                invalidated: false,
            });
            Ok(Answer::ok(
                json!({"access_token": text, "type": "Bearer", "expires_in": 1200}),
            ))
        }
        "DELETE" => {
            only_keys(body.keys(), &["token", "refresh_token", "realm_name", "username"])?;
            let username = body.get("username").and_then(Value::as_str);
            let (mut now, mut before) = (0, 0);
            for token in &mut state.tokens {
                if username == Some(token.username.as_str()) {
                    *(if token.invalidated { &mut before } else { &mut now }) += 1;
                    token.invalidated = true;
                }
            }
            Ok(Answer::ok(
                json!({"invalidated_tokens": now, "previously_invalidated_tokens": before, "error_count": 0}),
            ))
        }
        _ => Err(Answer::no_handler(ask)),
    }
}
