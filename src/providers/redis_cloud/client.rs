//! The calls we make, typed. Every one carries both keys and a content type, which the API wants even on GET.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wire::{self, Database, Role, Rule, Subscription, Tag, Task, User};
use super::write::Write;
use crate::providers::{ErrorKind, ProviderError, Result, http};
use crate::secrets::Secret;

const SYSTEM: &str = "Redis Cloud";
/// Databases a page; the most the API hands out.
const PAGE: usize = 100;
/// Where it does not say how long to stay away after 429. It limits resources changing at once, not only calls.
const PAUSE: Duration = Duration::from_secs(10);

/// Pro and Essentials ("fixed") subscriptions live under different paths and count their ids apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Plan {
    Pro,
    Fixed,
}

impl Plan {
    pub const ALL: [Self; 2] = [Self::Pro, Self::Fixed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pro => "pro",
            Self::Fixed => "fixed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == text)
    }

    fn path(self) -> &'static str {
        match self {
            Self::Pro => "/subscriptions",
            Self::Fixed => "/fixed/subscriptions",
        }
    }
}

pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    api_key: Secret,
    secret_key: Secret,
}

impl Client {
    pub fn new(base: String, api_key: Secret, secret_key: Secret) -> Result<Self> {
        Ok(Self {
            http: http::client()?,
            base,
            api_key,
            secret_key,
        })
    }

    pub async fn root(&self) -> Result<wire::Root> {
        self.get("/").await
    }

    pub async fn members(&self) -> Result<Vec<wire::Member>> {
        Ok(self.get::<wire::Members>("/users").await?.users)
    }

    pub async fn subscriptions(&self, plan: Plan) -> Result<Vec<Subscription>> {
        let found: Option<wire::Subscriptions> = self.find(plan.path()).await?;
        Ok(found.unwrap_or_default().subscriptions)
    }

    /// All databases of a subscription. The end is a short page or a 404: the API answers 404 past the last page.
    pub async fn databases(&self, plan: Plan, subscription: i64) -> Result<Vec<Database>> {
        let mut all = Vec::new();
        loop {
            let (path, offset) = (plan.path(), all.len());
            let path = format!("{path}/{subscription}/databases?offset={offset}&limit={PAGE}");
            let Some(page) = self.find::<wire::DatabasePage>(&path).await? else {
                return Ok(all);
            };
            let page = page.into_databases();
            let short = page.len() < PAGE;
            all.extend(page);
            if short {
                return Ok(all);
            }
        }
    }

    pub async fn database(&self, plan: Plan, subscription: i64, database: i64) -> Result<Option<Database>> {
        self.find(&format!("{}/{subscription}/databases/{database}", plan.path()))
            .await
    }

    pub async fn tags(&self, plan: Plan, subscription: i64, database: i64) -> Result<Vec<Tag>> {
        let path = format!("{}/{subscription}/databases/{database}/tags", plan.path());
        Ok(self.find::<wire::Tags>(&path).await?.unwrap_or_default().tags)
    }

    pub async fn rules(&self) -> Result<Vec<Rule>> {
        Ok(self
            .find::<wire::Rules>("/acl/redisRules")
            .await?
            .unwrap_or_default()
            .redis_rules)
    }

    pub async fn roles(&self) -> Result<Vec<Role>> {
        Ok(self
            .find::<wire::Roles>("/acl/roles")
            .await?
            .unwrap_or_default()
            .roles)
    }

    pub async fn users(&self) -> Result<Vec<User>> {
        Ok(self
            .find::<wire::Users>("/acl/users")
            .await?
            .unwrap_or_default()
            .users)
    }

    /// What the account is busy with.
    pub async fn tasks(&self) -> Result<Vec<Task>> {
        Ok(self
            .find::<wire::Tasks>("/tasks")
            .await?
            .unwrap_or_default()
            .tasks)
    }

    /// `None` where the API does not know the task, as it may for a moment after it was accepted.
    pub async fn task(&self, id: &str) -> Result<Option<Task>> {
        self.find(&format!("/tasks/{id}")).await
    }

    /// Hands in a change; the answer is the task that will make it.
    pub async fn submit(&self, write: &Write) -> Result<Task> {
        let password = write.password().map_or("", Secret::expose);
        let response = self.send(write.method(), &write.path(), write.body()).await?;
        let text = self.accepted(response, password).await?;
        read(&text)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = self.send(Method::GET, path, None).await?;
        read(&self.accepted(response, "").await?)
    }

    /// Like `get`, with `None` for 404.
    async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let response = self.send(Method::GET, path, None).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(&self.accepted(response, "").await?).map(Some)
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("x-api-key", self.api_key.expose())
            .header("x-api-secret-key", self.secret_key.expose())
            .header("accept", "application/json")
            .header("content-type", "application/json");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        request
            .send()
            .await
            .map_err(|error| http::transport(SYSTEM, &error))
    }

    /// The body of a success, or what the failure means.
    async fn accepted(&self, response: Response, password: &str) -> Result<String> {
        let status = response.status();
        if status.is_success() {
            return http::body(SYSTEM, response).await;
        }
        let pause = http::retry_after(response.headers());
        // A body that breaks off takes nothing from what the status says.
        let text = http::body(SYSTEM, response).await.unwrap_or_default();
        let words = http::words(
            &message(&text),
            &[self.api_key.expose(), self.secret_key.expose(), password],
        );
        Err(refusal(status, &words, pause))
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    // The parser's words may quote the body, so they stay out.
    serde_json::from_str(text).map_err(|_| {
        ProviderError::new(
            ErrorKind::Transient,
            format!("{SYSTEM} sent an answer we cannot read"),
        )
    })
}

/// The vendor's words in an error body, which is JSON of one shape or another, or empty.
fn message(text: &str) -> String {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    ["message", "description", "error"]
        .iter()
        .find_map(|key| json.get(key)?.as_str())
        .unwrap_or_default()
        .to_owned()
}

fn refusal(status: StatusCode, words: &str, pause: Option<Duration>) -> ProviderError {
    let kind = http::kind_of(status);
    let mut text = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
            "{SYSTEM} refuses our keys ({status}): wrong or expired, without the Owner role, or used from an address \
             outside the key's allow list"
        ),
        StatusCode::TOO_MANY_REQUESTS => format!("{SYSTEM} has too many changes under way (429)"),
        _ => format!("{SYSTEM} answered {status}"),
    };
    if !words.is_empty() {
        text = format!("{text}: {words}");
    }
    let mut error = ProviderError::new(kind, text);
    error.retry_after = match status {
        StatusCode::TOO_MANY_REQUESTS => Some(pause.unwrap_or(PAUSE)),
        _ => pause,
    };
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do_about_them() {
        let limited = refusal(StatusCode::TOO_MANY_REQUESTS, "", None);
        assert_eq!(
            (limited.kind, limited.retry_after),
            (ErrorKind::Transient, Some(PAUSE))
        );
        let denied = refusal(StatusCode::FORBIDDEN, "no", None);
        assert_eq!(denied.kind, ErrorKind::Denied);
        assert!(denied.message.contains("allow list") && denied.message.ends_with(": no"));
        assert_eq!(
            refusal(StatusCode::BAD_REQUEST, "", None).kind,
            ErrorKind::Invalid
        );
    }

    #[test]
    fn messages_come_in_several_shapes() {
        assert_eq!(
            message(r#"{"timestamp":1,"status":400,"error":"Bad Request","message":"no role"}"#),
            "no role"
        );
        assert_eq!(
            message(r#"{"status":"400 BAD_REQUEST","description":"no","type":"X"}"#),
            "no"
        );
        assert_eq!(message(""), "");
        assert_eq!(message("<html>"), "");
    }
}
