//! Sends calls, as ourselves or as somebody else, and says what came of them.

use std::{sync::OnceLock, time::Duration};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{call::Call, config::Config, error};
use crate::{
    providers::{ErrorKind, ProviderError, Result, http},
    secrets::Secret,
};

/// A write that met another one is tried so often; OpenSearch keeps all users in one document, so this is no accident there.
const CONFLICTS: u32 = 8;
/// The first pause after a conflict; each later one is longer, and a random part of it is taken.
const JITTER: Duration = Duration::from_millis(40);

pub struct Client {
    /// For people: "Elasticsearch".
    system: &'static str,
    pub config: Config,
    /// Made when first used: the authority's file is read then.
    http: OnceLock<reqwest::Client>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// Whose credential a call carries.
#[derive(Clone, Copy)]
pub enum As<'a> {
    Connector,
    Person { login: &'a str, password: &'a Secret },
}

impl Reply {
    pub fn told(&self) -> error::Told {
        error::read(&self.text)
    }

    /// The API's own 404, in one of its forms. That of a wrong address or of some proxy must not pass for "gone already".
    fn is_absence(&self) -> bool {
        let json: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let empty = json.as_object().is_some_and(serde_json::Map::is_empty) || json["found"] == false;
        let named = matches!(
            self.told().kind.as_str(),
            "index_not_found_exception" | "NOT_FOUND"
        );
        self.status == StatusCode::NOT_FOUND && (empty || named)
    }
}

impl Client {
    pub fn new(system: &'static str, config: Config) -> Self {
        Self {
            system,
            config,
            http: OnceLock::new(),
        }
    }

    fn http(&self) -> Result<&reqwest::Client> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let made = http::client_of(self.config.tls_ca.as_deref(), self.config.proxy.as_deref())?;
        Ok(self.http.get_or_init(|| made))
    }

    /// Whatever the answer is. Reads nothing into it but conflicts, which are tried again.
    pub async fn exchange(&self, call: &Call, who: As<'_>) -> Result<Reply> {
        let mut pause = JITTER;
        for _ in 1..CONFLICTS {
            let reply = self.once(call, who).await?;
            let conflict = call.method != Method::GET && error::is_conflict(reply.status, &reply.told());
            if !conflict {
                return Ok(reply);
            }
            tokio::time::sleep(pause.mul_f64(rand::random::<f64>())).await;
            pause = pause.saturating_mul(2);
        }
        self.once(call, who).await
    }

    async fn once(&self, call: &Call, who: As<'_>) -> Result<Reply> {
        let (login, password) = match who {
            As::Connector => (self.config.username.as_str(), &self.config.password),
            As::Person { login, password } => (login, password),
        };
        let mut request = self
            .http()?
            .request(call.method.clone(), format!("{}{}", self.config.url, call.path))
            .basic_auth(login, Some(password.expose()))
            .header("accept", "application/json");
        if let Some(body) = call.wire() {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| http::transport(self.system, &error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = match http::body(self.system, response).await {
            Ok(text) => text,
            // A body that breaks off takes nothing from what the status says.
            Err(_) if !status.is_success() => String::new(),
            Err(error) => return Err(error),
        };
        Ok(Reply {
            status,
            headers,
            text,
        })
    }

    /// The body of a success, or what the failure means.
    pub fn accept(&self, call: &Call, reply: &Reply) -> Result<Value> {
        if reply.status.is_success() {
            return self.read(&reply.text);
        }
        Err(self.refusal(call, reply))
    }

    pub fn refusal(&self, call: &Call, reply: &Reply) -> ProviderError {
        let secrets = [
            self.config.password.expose(),
            call.secret().map_or("", Secret::expose),
        ];
        let pause = http::retry_after(&reply.headers);
        error::refusal(self.system, reply.status, &reply.told(), pause, &secrets)
    }

    /// A call that must succeed.
    pub async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let reply = self.exchange(call, As::Connector).await?;
        let value = self.accept(call, &reply)?;
        serde_json::from_value(value).map_err(|_| self.unreadable())
    }

    /// As `ask`, with `None` where there is no such thing.
    pub async fn find<T: DeserializeOwned>(&self, call: &Call) -> Result<Option<T>> {
        let reply = self.exchange(call, As::Connector).await?;
        if reply.is_absence() {
            return Ok(None);
        }
        let value = self.accept(call, &reply)?;
        serde_json::from_value(value)
            .map(Some)
            .map_err(|_| self.unreadable())
    }

    /// A write. What ran is noted; what was gone already did not run, and is as good.
    pub async fn run(&self, call: &Call, ran: &mut Vec<String>) -> Result<Value> {
        let reply = self.exchange(call, As::Connector).await?;
        if call.method == Method::DELETE && reply.is_absence() {
            return Ok(Value::Null);
        }
        let value = self.accept(call, &reply)?;
        ran.push(call.line());
        Ok(value)
    }

    /// A success whose body may be empty.
    fn read(&self, text: &str) -> Result<Value> {
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        // The parser's words may quote the body, so they stay out.
        serde_json::from_str(text).map_err(|_| self.unreadable())
    }

    fn unreadable(&self) -> ProviderError {
        ProviderError::new(
            ErrorKind::Transient,
            format!("{} sent an answer we cannot read", self.system),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_systems_own_word_is_absence() {
        for (status, text, absent) in [
            (404, "{}", true),
            (404, r#"{"found":false}"#, true),
            (
                404,
                r#"{"status":"NOT_FOUND","message":"Resource 'x' not found."}"#,
                true,
            ),
            (
                404,
                r#"{"error":{"type":"index_not_found_exception","reason":"no such index [x]"},"status":404}"#,
                true,
            ),
            (404, "<html>no such page</html>", false),
            (404, r#"{"message":"no Route matched with those values"}"#, false),
            (404, "", false),
            (200, "{}", false),
            (403, r#"{"status":"NOT_FOUND"}"#, false),
        ] {
            let reply = Reply {
                status: StatusCode::from_u16(status).expect("a status"),
                headers: HeaderMap::new(),
                text: text.to_owned(),
            };
            assert_eq!(reply.is_absence(), absent, "{status} {text}");
        }
    }
}
