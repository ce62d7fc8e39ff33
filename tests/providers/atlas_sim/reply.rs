//! Answers and refusals, as the vendor words them.

use serde_json::{Map, Value, json};

/// A success: its status and, unless it is 204, its body.
pub struct Good {
    pub status: u16,
    pub body: Value,
}

pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub detail: String,
}

pub type Reply = Result<Good, Refusal>;

pub fn ok(body: Value) -> Reply {
    Ok(Good { status: 200, body })
}

pub fn with(status: u16, body: Value) -> Reply {
    Ok(Good { status, body })
}

pub fn empty() -> Reply {
    Ok(Good {
        status: 204,
        body: Value::Null,
    })
}

pub fn refuse<T>(status: u16, code: &'static str, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        status,
        code,
        detail: detail.into(),
    })
}

impl Refusal {
    pub fn body(&self, wait: Option<u64>) -> Value {
        let mut parameters = vec![json!(self.detail)];
        parameters.extend(wait.map(|seconds| json!(seconds)));
        json!({
            "error": self.status, "errorCode": self.code, "reason": "refused", "detail": self.detail,
            "parameters": parameters,
        })
    }
}

/// The body as an object whose fields are all known and, where `needed`, there.
pub fn fields<'b>(
    body: Option<&'b Value>,
    known: &[&str],
    needed: &[&'static str],
) -> Result<&'b Map<String, Value>, Refusal> {
    let Some(object) = body.and_then(Value::as_object) else {
        return refuse(400, "INVALID_JSON", "a JSON object is needed");
    };
    for key in object.keys() {
        if !known.contains(&key.as_str()) {
            return refuse(400, "INVALID_ATTRIBUTE", format!("unknown attribute {key}"));
        }
    }
    for key in needed {
        if object.get(*key).is_none_or(Value::is_null) {
            return refuse(400, "MISSING_ATTRIBUTE", *key);
        }
    }
    Ok(object)
}

/// A list of objects or texts.
pub fn list<'b>(object: &'b Map<String, Value>, key: &str) -> Result<&'b [Value], Refusal> {
    match object.get(key) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => refuse(400, "INVALID_ATTRIBUTE", format!("{key} must be a list")),
    }
}

pub fn texts(object: &Map<String, Value>, key: &str) -> Result<Vec<String>, Refusal> {
    list(object, key)?
        .iter()
        .map(|value| match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => refuse(400, "INVALID_ATTRIBUTE", format!("{key} must be texts")),
        })
        .collect()
}

pub fn text(object: &Map<String, Value>, key: &'static str) -> Result<String, Refusal> {
    match object.get(key).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => refuse(400, "INVALID_ATTRIBUTE", key),
    }
}
