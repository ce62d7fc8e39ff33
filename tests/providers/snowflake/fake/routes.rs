//! The SQL API's routes.

use std::collections::HashMap;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Answer, Asked, Shared, Statement, lock, said};

type Params = HashMap<String, String>;

pub fn all(inner: Shared) -> Router {
    Router::new()
        .route("/api/v2/statements", post(submit))
        .route("/api/v2/statements/{handle}", get(look))
        .route("/api/v2/statements/{handle}/cancel", post(cancel))
        .with_state(inner)
}

fn answered(outcome: Result<(StatusCode, Value), Answer>) -> Answer {
    match outcome {
        Ok((status, body)) => Answer(status, body),
        Err(refusal) => refusal,
    }
}

async fn submit(
    State(inner): State<Shared>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut inner = lock(&inner);
    let user = match inner.enter(&headers) {
        Ok(user) => user,
        Err(refusal) => return refusal,
    };
    let known = ["requestId", "nullable", "retry", "async"];
    let id = params.get("requestId").filter(|id| id.len() == 36);
    let (Some(id), true) = (id, params.keys().all(|key| known.contains(&key.as_str()))) else {
        return said(StatusCode::BAD_REQUEST, "391901", "The query does not fit.");
    };
    if headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind != "application/json")
    {
        return said(StatusCode::BAD_REQUEST, "391902", "Unsupported Content-Type.");
    }
    let Ok(body) = serde_json::from_slice(&body) else {
        return said(StatusCode::BAD_REQUEST, "391901", "The body is no JSON.");
    };
    let is_true = |key: &str| params.get(key).is_some_and(|value| value == "true");
    let asked = Asked {
        again: is_true("retry"),
        ahead: is_true("async"),
    };
    answered(inner.submit(user, id, asked, &body))
}

async fn look(
    State(inner): State<Shared>,
    Path(handle): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Answer {
    let mut inner = lock(&inner);
    match inner.enter(&headers) {
        Ok(_) => answered(inner.look(
            &handle,
            params.get("partition").and_then(|part| part.parse().ok()),
        )),
        Err(refusal) => refusal,
    }
}

async fn cancel(State(inner): State<Shared>, Path(handle): Path<String>, headers: HeaderMap) -> Answer {
    let mut inner = lock(&inner);
    if let Err(refusal) = inner.enter(&headers) {
        return refusal;
    }
    let cancelled = json!({"code": "000604", "sqlState": "57014", "message": "SQL execution canceled", "statementHandle": handle});
    match inner.statements.get_mut(&handle) {
        Some(statement) => {
            *statement = Statement::Done(StatusCode::UNPROCESSABLE_ENTITY, cancelled);
            Answer(
                StatusCode::OK,
                json!({"code": "0", "statementHandle": handle, "message": "cancelled"}),
            )
        }
        None => said(StatusCode::NOT_FOUND, "391404", "Statement not found."),
    }
}
