//! A stateful, strict stand-in for one Snowflake account: its SQL API (version 2) over HTTP, as the documentation has it.

mod grants;
mod routes;
mod run;
mod show;
pub mod state;
mod token;
mod users;
mod words;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use self::{
    run::{Refused, Rows, Session},
    state::State,
};

pub const ACCOUNT: &str = "SUITE-FAKE";
/// Rows of one partition: so few that results have several.
const PARTITION: usize = 50;

pub struct Fake {
    pub url: String,
    pub inner: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub type Shared = Arc<Mutex<Inner>>;

pub struct Inner {
    pub state: State,
    /// Statements that ran and changed something: user and text.
    pub log: Vec<(String, String)>,
    /// Every request id that came twice, with `retry=true`.
    pub replayed: u32,
    /// Refusals by "too many requests" that are left.
    pub limited: u32,
    /// Databases into which nobody can look.
    pub closed: Vec<String>,
    /// Changes are under way until this is off again.
    pub dawdling: bool,
    /// Answers with 202 first, so many times, for every statement.
    pub accepted_first: u32,
    known: HashMap<String, (StatusCode, Value)>,
    pub statements: HashMap<String, Statement>,
    next: u64,
}

/// How a statement is sent.
pub struct Asked {
    /// `retry=true`: it may have been sent before.
    pub again: bool,
    /// `async=true`: the answer is fetched later.
    pub ahead: bool,
}

#[derive(Clone)]
pub struct Job {
    user: String,
    role: Option<String>,
    warehouse: Option<String>,
    sql: String,
}

pub enum Statement {
    /// Not run yet; looks that are left before it does.
    Waiting(Job, u32),
    Done(StatusCode, Value),
    /// Later partitions of a result.
    Rows(Value, Vec<Vec<Value>>),
}

pub fn lock(inner: &Shared) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the fake account's own clock")]
pub fn clock() -> DateTime<Utc> {
    Utc::now()
}

pub async fn start(state: State) -> Fake {
    let inner = Arc::new(Mutex::new(Inner {
        state,
        log: Vec::new(),
        replayed: 0,
        limited: 0,
        closed: Vec::new(),
        dawdling: false,
        accepted_first: 0,
        known: HashMap::new(),
        statements: HashMap::new(),
        next: 0,
    }));
    let routes = routes::all(Arc::clone(&inner));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
    Fake { url, inner, task }
}

pub struct Answer(pub StatusCode, pub Value);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = self.1.to_string();
        (self.0, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

pub fn said(status: StatusCode, code: &str, message: &str) -> Answer {
    Answer(status, json!({"code": code, "message": message}))
}

impl Inner {
    /// Whose request it is. What the documentation asks of every request is asked here.
    pub fn enter(&mut self, headers: &HeaderMap) -> Result<String, Answer> {
        if self.limited > 0 {
            self.limited -= 1;
            return Err(said(
                StatusCode::TOO_MANY_REQUESTS,
                "390500",
                "Too many requests.",
            ));
        }
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let agent = text("user-agent");
        if !agent
            .split_once('/')
            .is_some_and(|(name, version)| !name.is_empty() && !version.is_empty())
        {
            return Err(said(
                StatusCode::BAD_REQUEST,
                "391903",
                "User-Agent header is missing or is no name/version.",
            ));
        }
        if !text("accept").contains("json") {
            return Err(said(
                StatusCode::BAD_REQUEST,
                "391902",
                "Unsupported Accept header.",
            ));
        }
        if text("x-snowflake-authorization-token-type") != "KEYPAIR_JWT" {
            return Err(said(StatusCode::UNAUTHORIZED, "390146", "Token type is missing."));
        }
        let invalid = || said(StatusCode::UNAUTHORIZED, "390144", "JWT token is invalid. [0b1c]");
        let bearer = text("authorization")
            .strip_prefix("Bearer ")
            .ok_or_else(invalid)?;
        let user = token::user_of(&self.state, ACCOUNT, bearer, clock()).ok_or_else(invalid)?;
        let known = &self.state.users[&user];
        if known.disabled || known.expires.is_some_and(|at| at <= clock()) {
            return Err(said(StatusCode::UNAUTHORIZED, "390101", "User access disabled."));
        }
        Ok(user)
    }

    fn handle(&mut self) -> String {
        self.next += 1;
        format!("01b66701-0000-001c-0000-{:012x}", self.next)
    }

    /// Runs a job, keeps what came of it under a handle, and answers.
    fn run(&mut self, job: &Job, handle: &str) -> (StatusCode, Value) {
        match self.outcome(job) {
            Ok(rows) => self.result(rows, handle),
            Err(Refused { code, state, message }) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!({"code": code, "sqlState": state, "message": message, "statementHandle": handle}),
            ),
        }
    }

    fn outcome(&mut self, job: &Job) -> Result<Rows, Refused> {
        let user = self
            .state
            .users
            .get(&job.user)
            .ok_or_else(|| run::gone("User", &job.user))?;
        let role = job.role.clone().unwrap_or_else(|| user.default_role.clone());
        let held = self.state.reach(&self.state.roles_of(&job.user));
        if !held.contains(&role) {
            return Err(Refused {
                code: "390189",
                state: "08001",
                message: format!(
                    "Role '{role}' specified in the connect string does not exist or not authorized."
                ),
            });
        }
        if let Some(closed) = self
            .closed
            .iter()
            .find(|name| job.sql.contains(&format!("IN DATABASE \"{name}\"")))
        {
            return Err(Refused {
                code: "003001",
                state: "42501",
                message: format!(
                    "SQL access control error: Insufficient privileges to operate on database '{closed}'."
                ),
            });
        }
        let mut session = Session {
            state: &mut self.state,
            user: job.user.clone(),
            role,
            warehouse: job.warehouse.clone(),
            now: clock(),
        };
        let rows = session.run(&job.sql)?;
        if !is_look(&job.sql) {
            self.log.push((job.user.clone(), job.sql.clone()));
        }
        Ok(rows)
    }

    fn result(&mut self, (columns, rows): Rows, handle: &str) -> (StatusCode, Value) {
        let cells: Vec<Value> = rows.iter().map(|row| json!(row)).collect();
        let parts: Vec<Vec<Value>> = cells.chunks(PARTITION).map(<[Value]>::to_vec).collect();
        let info: Vec<Value> = parts
            .iter()
            .map(|part| json!({"rowCount": part.len(), "uncompressedSize": 1}))
            .collect();
        let types: Vec<Value> = columns
            .iter()
            .map(|name| json!({"name": name, "type": kind_of(name), "nullable": true, "length": 256, "database": "", "schema": "", "table": ""}))
            .collect();
        let answer = json!({
            "code": "090001",
            "sqlState": "00000",
            "message": "Statement executed successfully.",
            "statementHandle": handle,
            "statementStatusUrl": format!("/api/v2/statements/{handle}"),
            "createdOn": 1_790_000_000_000_i64,
            "resultSetMetaData": {"numRows": cells.len(), "format": "jsonv2", "rowType": types, "partitionInfo": info},
            "data": parts.first().cloned().unwrap_or_default(),
        });
        self.statements
            .insert(handle.to_owned(), Statement::Rows(answer.clone(), parts));
        (StatusCode::OK, answer)
    }

    fn under_way(handle: &str) -> Value {
        json!({
            "code": "333334",
            "message": "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.",
            "statementHandle": handle,
            "statementStatusUrl": format!("/api/v2/statements/{handle}?requestId=x"),
        })
    }

    pub fn submit(
        &mut self,
        user: String,
        id: &str,
        asked: Asked,
        body: &Value,
    ) -> Result<(StatusCode, Value), Answer> {
        if let Some(known) = self.known.get(id) {
            if !asked.again {
                return Err(said(
                    StatusCode::BAD_REQUEST,
                    "391918",
                    "This request id was used before.",
                ));
            }
            self.replayed += 1;
            return Ok(known.clone());
        }
        let job = job(user, body)?;
        let handle = self.handle();
        let waits = self.dawdling && !is_look(&job.sql);
        let first = self.accepted_first.max(u32::from(asked.ahead));
        let answer = if waits || first > 0 {
            let left = if waits { 0 } else { first };
            self.statements
                .insert(handle.clone(), Statement::Waiting(job, left));
            (StatusCode::ACCEPTED, Self::under_way(&handle))
        } else {
            let answer = self.run(&job, &handle);
            self.statements
                .entry(handle)
                .or_insert_with(|| Statement::Done(answer.0, answer.1.clone()));
            answer
        };
        self.known.insert(id.to_owned(), answer.clone());
        Ok(answer)
    }

    pub fn look(&mut self, handle: &str, partition: Option<usize>) -> Result<(StatusCode, Value), Answer> {
        let missing = || said(StatusCode::NOT_FOUND, "391404", "Statement not found.");
        match (self.statements.get(handle).ok_or_else(missing)?, partition) {
            (Statement::Done(status, answer), _) => Ok((*status, answer.clone())),
            (Statement::Rows(answer, _), None | Some(0)) => Ok((StatusCode::OK, answer.clone())),
            (Statement::Rows(_, parts), Some(part)) => {
                let rows = parts.get(part).ok_or_else(missing)?;
                Ok((StatusCode::OK, json!({"data": rows})))
            }
            (Statement::Waiting(..), Some(_)) => Err(missing()),
            (Statement::Waiting(job, left), None) => {
                let (job, left) = (job.clone(), *left);
                if left > 1 || (self.dawdling && !is_look(&job.sql)) {
                    self.statements
                        .insert(handle.to_owned(), Statement::Waiting(job, left.saturating_sub(1)));
                    return Ok((StatusCode::ACCEPTED, Self::under_way(handle)));
                }
                self.statements.remove(handle);
                let answer = self.run(&job, handle);
                self.statements
                    .entry(handle.to_owned())
                    .or_insert_with(|| Statement::Done(answer.0, answer.1.clone()));
                Ok(answer)
            }
        }
    }

    /// What was waiting happens, whoever still looks.
    pub fn hurry(&mut self) {
        self.dawdling = false;
        let waiting: Vec<String> = self
            .statements
            .iter()
            .filter(|(_, statement)| matches!(statement, Statement::Waiting(..)))
            .map(|(handle, _)| handle.clone())
            .collect();
        for handle in waiting {
            drop(self.look(&handle, None));
        }
    }
}

fn kind_of(column: &str) -> &'static str {
    match column {
        "created_on" | "expires_at_time" => "timestamp_ltz",
        _ => "text",
    }
}

fn is_look(sql: &str) -> bool {
    sql.starts_with("SHOW ") || sql.starts_with("SELECT ")
}

/// Unknown fields are refused: Snowflake does not say what it does with them.
fn job(user: String, body: &Value) -> Result<Job, Answer> {
    let bad = |message: &str| said(StatusCode::BAD_REQUEST, "391901", message);
    let fields = body.as_object().ok_or_else(|| bad("The body is no object."))?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    for (name, value) in fields {
        let fits = match name.as_str() {
            "statement" | "role" | "warehouse" | "database" | "schema" => value.is_string(),
            "timeout" => value.as_u64().is_some_and(|seconds| seconds <= 604_800),
            "parameters" => value.as_object().is_some_and(|all| {
                all.iter().all(|(name, value)| {
                    value.is_string() && ["MULTI_STATEMENT_COUNT", "query_tag"].contains(&name.as_str())
                })
            }),
            _ => false,
        };
        if !fits {
            return Err(bad(&format!("The field {name} does not fit.")));
        }
    }
    Ok(Job {
        user,
        role: text("role"),
        warehouse: text("warehouse"),
        sql: text("statement").ok_or_else(|| bad("No statement."))?,
    })
}
