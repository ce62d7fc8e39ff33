//! Reads the arguments of a Web API call from query, form or JSON, as strictly as Slack does.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::api::ApiError;

/// Arguments of one call. Form values are strings; structures in them are JSON in a string.
pub(super) struct Args(pub(super) Map<String, Value>);

/// Does the method take a JSON body? Slack's reading methods do not and ignore its fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    FormOnly,
    FormOrJson,
}

impl Args {
    pub(super) fn read(query: &str, headers: &HeaderMap, body: &[u8], takes: Body) -> Result<Self, ApiError> {
        let mut fields = form(query.as_bytes());
        if body.is_empty() {
            return Ok(Self(fields));
        }
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        match content_type.split(';').next().unwrap_or_default().trim() {
            "" => return Err(ApiError::code("missing_post_type")),
            "application/x-www-form-urlencoded" => fields.extend(form(body)),
            "application/json" => {
                let value: Value =
                    serde_json::from_slice(body).map_err(|_| ApiError::code("invalid_json"))?;
                let Value::Object(object) = value else {
                    return Err(ApiError::code("json_not_object"));
                };
                if takes == Body::FormOrJson {
                    fields.extend(object);
                }
            }
            _ => return Err(ApiError::code("invalid_post_type")),
        }
        Ok(Self(fields))
    }

    /// A non-empty string.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str).filter(|s| !s.is_empty())
    }

    /// A string that must be there.
    pub(super) fn needed(&self, key: &str) -> Result<&str, ApiError> {
        self.text(key).ok_or_else(|| {
            ApiError::with_messages(
                "invalid_arguments",
                vec![format!("[ERROR] missing required field: {key}")],
            )
        })
    }

    /// A structure, given as JSON or as a string of JSON. `None` if absent.
    pub(super) fn json(&self, key: &str) -> Option<Result<Value, ()>> {
        match self.0.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(s)) if s.is_empty() => None,
            Some(Value::String(s)) => Some(serde_json::from_str(s).map_err(|_| ())),
            Some(other) => Some(Ok(other.clone())),
        }
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        match self.0.get(key) {
            Some(Value::Bool(b)) => *b,
            Some(Value::String(s)) => matches!(s.as_str(), "true" | "1" | "True"),
            Some(Value::Number(n)) => n.as_i64() == Some(1),
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => false,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.0.get(key)? {
            Value::Number(n) => n.as_u64(),
            Value::String(s) => s.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn form(bytes: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(bytes)
        .map(|(k, v)| (k.into_owned(), Value::String(v.into_owned())))
        .collect()
}
