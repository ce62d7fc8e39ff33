//! The calls under `/v1`. Strict: what the published description does not allow is refused.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::log::Asked;
use super::op::{Op, RuleSpec};
use super::options::Keys;
use super::world::{Plan, World};

/// An answer before it becomes HTTP. No body: empty, as some of the vendor's errors are.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Option<Value>,
    pub retry_after: Option<u64>,
    /// What is left of this minute's calls.
    pub remaining: Option<u32>,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
            retry_after: None,
            remaining: None,
        }
    }

    pub fn empty(status: u16) -> Self {
        Self {
            status,
            body: None,
            retry_after: None,
            remaining: None,
        }
    }
}

pub struct Ask<'a> {
    pub method: &'a Method,
    /// Below `/v1`, with its first slash.
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserCreate {
    name: String,
    role: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserUpdate {
    role: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RoleCreate {
    name: String,
    redis_rules: Vec<RuleSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RoleUpdate {
    name: Option<String>,
    redis_rules: Option<Vec<RuleSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RuleCreate {
    name: String,
    redis_rule: String,
}

pub(super) type Answered = Result<Answer, Answer>;

impl World {
    /// Answers a call and writes it down.
    pub fn answer(&mut self, ask: &Ask<'_>) -> Answer {
        self.advance();
        let answer = self.checked(ask).unwrap_or_else(|refusal| refusal);
        let mut headers: Vec<String> = ask.headers.keys().map(|name| name.as_str().to_owned()).collect();
        headers.sort();
        self.log.asked.push(Asked {
            at_ms: self.now_ms(),
            method: ask.method.to_string(),
            path: ask.path.to_owned(),
            query: ask.query.map(str::to_owned),
            headers,
            body: serde_json::from_slice(ask.body).ok(),
            status: answer.status,
        });
        answer
    }

    fn checked(&mut self, ask: &Ask<'_>) -> Answered {
        let role = self.authenticate(ask)?.role.clone();
        if ask
            .headers
            .get("content-type")
            .is_none_or(|value| value != "application/json")
        {
            return Err(self.refusal(ask, 415, "content-type must be application/json"));
        }
        let remaining = self.pace(ask)?;
        if ask.method != Method::GET && role != "Owner" {
            return Err(self.refusal(ask, 403, "the user has no permission for this operation"));
        }
        if matches!(*ask.method, Method::GET | Method::DELETE) && !ask.body.is_empty() {
            return Err(self.refusal(ask, 400, "no body expected"));
        }
        let mut answer = self.route(ask)?;
        answer.remaining = remaining;
        Ok(answer)
    }

    fn authenticate(&self, ask: &Ask<'_>) -> Result<&Keys, Answer> {
        let header = |name: &str| {
            ask.headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let (api, secret) = (header("x-api-key"), header("x-api-secret-key"));
        let found = self
            .options
            .keys
            .iter()
            .find(|keys| keys.api_key == api && keys.secret_key == secret);
        found.ok_or_else(|| self.refusal(ask, 401, "Authentication failed"))
    }

    fn pace(&mut self, ask: &Ask<'_>) -> Result<Option<u32>, Answer> {
        let Some(limit) = self.options.calls_a_minute else {
            return Ok(None);
        };
        let now = self.clock.now();
        while self
            .recent
            .front()
            .is_some_and(|at| *at + Duration::from_secs(60) <= now)
        {
            self.recent.pop_front();
        }
        let used = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if used >= limit {
            let oldest = self
                .recent
                .front()
                .map_or(Duration::ZERO, |at| (*at + Duration::from_secs(60)) - now);
            let mut answer = self.refusal(ask, 429, "too many requests");
            answer.retry_after = Some(oldest.as_secs() + 1);
            return Err(answer);
        }
        self.recent.push_back(now);
        Ok(Some(limit - used - 1))
    }

    /// Some of the vendor's errors have a body and some have none.
    pub fn refusal(&self, ask: &Ask<'_>, status: u16, message: &str) -> Answer {
        if self.log.asked.len() % 3 == 2 {
            return Answer::empty(status);
        }
        let timestamp = self.clock.date(self.clock.now()).to_rfc3339();
        let path = format!("/v1{}", ask.path);
        let body = json!({"timestamp": timestamp, "status": status, "error": "refused", "message": message, "path": path});
        Answer {
            body: Some(body),
            ..Answer::empty(status)
        }
    }

    fn route(&mut self, ask: &Ask<'_>) -> Answered {
        let segments: Vec<&str> = ask
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let pages = matches!(
            segments.as_slice(),
            ["subscriptions", _, "databases"] | ["fixed", "subscriptions", _, "databases"]
        );
        if ask.query.is_some() && !(pages && ask.method == Method::GET) {
            return Err(self.refusal(ask, 400, "unknown query parameter"));
        }
        let get = ask.method == Method::GET;
        match segments.as_slice() {
            [] if get => Ok(self.root(ask)),
            ["users"] if get => Ok(self.members()),
            ["tasks"] if get => Ok(self.list_tasks()),
            ["tasks", id] if get => self.one_task(ask, id),
            ["acl", kind @ ("redisRules" | "roles" | "users")] => self.acl_collection(ask, kind),
            ["acl", kind @ ("redisRules" | "roles" | "users"), id] => self.acl_entity(ask, kind, id),
            ["subscriptions", rest @ ..] if get => self.databases(ask, Plan::Pro, rest),
            ["fixed", "subscriptions", rest @ ..] if get => self.databases(ask, Plan::Fixed, rest),
            _ => Err(self.refusal(ask, 404, "no such resource")),
        }
    }

    fn root(&self, ask: &Ask<'_>) -> Answer {
        let owner = self.authenticate(ask).ok();
        let owner = owner.map(|keys| json!({"name": keys.name, "email": keys.email}));
        let id = self.options.account;
        let key = json!({"name": "latchkey", "accountId": id, "allowedSourceIps": ["0.0.0.0/0"], "owner": owner,
                         "httpSourceIp": "127.0.0.1"});
        Answer::ok(json!({"account": {"id": id, "name": self.options.account_name, "key": key}}))
    }

    fn members(&self) -> Answer {
        let member = |(at, keys): (usize, &Keys)| {
            json!({"id": 60_000 + at, "name": keys.name, "email": keys.email, "role": keys.role,
                   "userType": "Local", "hasApiKey": true})
        };
        let users: Vec<Value> = self.options.keys.iter().enumerate().map(member).collect();
        Answer::ok(json!({"account": self.options.account, "users": users}))
    }

    fn list_tasks(&self) -> Answer {
        let now = self.clock.now();
        // The running ones, and a few that are over.
        let shown = self
            .tasks
            .iter()
            .rev()
            .take(40)
            .filter(|task| task.visible <= now);
        let tasks: Vec<Value> = shown.map(|task| self.show_task(task)).collect();
        Answer::ok(json!({"tasks": tasks}))
    }

    fn one_task(&self, ask: &Ask<'_>, id: &str) -> Answered {
        let now = self.clock.now();
        match self
            .tasks
            .iter()
            .find(|task| task.id == id && task.visible <= now)
        {
            Some(task) => Ok(Answer::ok(self.show_task(task))),
            None => Err(self.refusal(ask, 404, "task not found")),
        }
    }

    // ---- rules, roles, users

    fn acl_collection(&mut self, ask: &Ask<'_>, kind: &str) -> Answered {
        let account = self.options.account;
        if ask.method == Method::GET {
            let list: Vec<Value> = match kind {
                "redisRules" => self.rules.iter().map(|rule| self.show_rule(rule)).collect(),
                "roles" => self.roles.iter().map(|role| self.show_role(role)).collect(),
                _ => self.users.iter().map(|user| self.show_user(user)).collect(),
            };
            return Ok(Answer::ok(json!({"accountId": account, kind: list})));
        }
        if ask.method != Method::POST {
            return Err(self.refusal(ask, 405, "method not allowed"));
        }
        let op = match kind {
            "redisRules" => {
                let RuleCreate { name, redis_rule } = self.body(ask)?;
                Op::CreateRule {
                    name,
                    acl: redis_rule,
                }
            }
            "roles" => {
                let RoleCreate { name, redis_rules } = self.body(ask)?;
                Op::CreateRole {
                    name,
                    rules: redis_rules,
                }
            }
            _ => {
                let UserCreate { name, role, password } = self.body(ask)?;
                Op::CreateUser { name, role, password }
            }
        };
        self.accept(ask, op, 202)
    }

    fn acl_entity(&mut self, ask: &Ask<'_>, kind: &str, id: &str) -> Answered {
        let number: i64 = id
            .parse()
            .map_err(|_| self.refusal(ask, 400, "the id is not a number"))?;
        let name = match kind {
            "redisRules" => self
                .rules
                .iter()
                .find(|rule| rule.id == number)
                .map(|rule| rule.name.clone()),
            "roles" => self.role_by_id(number).map(|role| role.name.clone()),
            _ => self
                .users
                .iter()
                .find(|user| user.id == number)
                .map(|user| user.name.clone()),
        };
        if ask.method == Method::GET {
            let user = self
                .users
                .iter()
                .find(|user| user.id == number && kind == "users");
            return match user {
                Some(user) => Ok(Answer::ok(self.show_user(user))),
                None => Err(self.refusal(ask, 404, "not found")),
            };
        }
        let name = name.unwrap_or_else(|| format!("#{number}"));
        let op = match (kind, ask.method) {
            ("roles", &Method::PUT) => {
                let RoleUpdate {
                    name: new_name,
                    redis_rules,
                } = self.body(ask)?;
                Op::UpdateRole {
                    name,
                    new_name,
                    rules: redis_rules,
                }
            }
            ("users", &Method::PUT) => {
                let UserUpdate { role, password } = self.body(ask)?;
                Op::UpdateUser { name, role, password }
            }
            ("redisRules", &Method::DELETE) => Op::DeleteRule { name },
            ("roles", &Method::DELETE) => Op::DeleteRole { name },
            ("users", &Method::DELETE) => Op::DeleteUser { name },
            _ => return Err(self.refusal(ask, 405, "method not allowed")),
        };
        self.accept(ask, op, if kind == "redisRules" { 202 } else { 200 })
    }

    fn body<T: DeserializeOwned>(&self, ask: &Ask<'_>) -> Result<T, Answer> {
        serde_json::from_slice(ask.body).map_err(|error| self.refusal(ask, 400, &error.to_string()))
    }

    fn accept(&mut self, ask: &Ask<'_>, op: Op, status: u16) -> Answered {
        match self.submit(op) {
            Some(task) => Ok(Answer {
                status,
                ..Answer::ok(self.show_task(&task))
            }),
            None => {
                let mut answer = self.refusal(ask, 429, "Too many resources are concurrently changed");
                answer.retry_after = Some(1);
                Err(answer)
            }
        }
    }
}
