//! The calls we make, typed. HTTP Basic; every part of a path is encoded by itself, since names may hold anything.

use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    config::Config,
    grant::Object,
    wire::{Connection, GlobalParameter, Granted, Overview, User, Vhost, Whoami},
    write::Write,
};
use crate::{
    providers::{ErrorKind, ProviderError, Result, http},
    secrets::Secret,
};

const SYSTEM: &str = "RabbitMQ";
/// In the administrators' log, with each connection that we close.
const REASON: &str = "latchkey: access ended";

pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    username: String,
    password: Secret,
}

/// What a write found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Done,
    /// The broker knows no such thing.
    WasGone,
}

/// One part of a path, percent-encoded. `None` for those that no address can hold: by the rules of URLs an empty part and the
/// two kinds of dots, encoded or not, lead elsewhere.
pub(super) fn segment(name: &str) -> Option<String> {
    if matches!(name, "" | "." | "..") {
        return None;
    }
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(text)
}

/// A path of the API. Names without an address were refused where grants are read; should one get here, it leads to a name
/// that nobody has, never elsewhere.
pub(super) fn path(parts: &[&str]) -> String {
    let parts = parts
        .iter()
        .map(|part| segment(part).unwrap_or_else(|| "%00".to_owned()));
    parts.fold(String::new(), |path, part| format!("{path}/{part}"))
}

impl Client {
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self {
            http: http::client_of(config.tls_ca.as_deref(), None)?,
            base: format!("{}/api", config.url),
            username: config.username.clone(),
            password: config.password.clone(),
        })
    }

    pub async fn whoami(&self) -> Result<Whoami> {
        self.get("/whoami").await
    }

    pub async fn overview(&self) -> Result<Overview> {
        self.get("/overview").await
    }

    pub async fn global_parameters(&self) -> Result<Vec<GlobalParameter>> {
        self.get("/global-parameters").await
    }

    pub async fn vhosts(&self) -> Result<Vec<Vhost>> {
        self.get("/vhosts?columns=name,tags,cluster_state").await
    }

    pub async fn has_vhost(&self, vhost: &str) -> Result<bool> {
        self.has(&path(&["vhosts", vhost])).await
    }

    pub async fn has_object(&self, vhost: &str, object: Object, name: &str) -> Result<bool> {
        let kind = match object {
            Object::Queue => "queues",
            Object::Exchange => "exchanges",
        };
        self.has(&path(&[kind, vhost, name])).await
    }

    async fn has(&self, path: &str) -> Result<bool> {
        let found: Option<Value> = self.find(&format!("{path}?columns=name")).await?;
        Ok(found.is_some())
    }

    pub async fn users(&self) -> Result<Vec<User>> {
        self.get("/users?columns=name").await
    }

    pub async fn user(&self, login: &str) -> Result<Option<User>> {
        self.find(&path(&["users", login])).await
    }

    /// None for a user that is not there.
    pub async fn permissions(&self, login: &str) -> Result<Vec<Granted>> {
        let found = self.find(&path(&["users", login, "permissions"])).await?;
        Ok(found.unwrap_or_default())
    }

    /// Exact at once and on all nodes, unlike `/connections`, which a sampled database answers.
    pub async fn connections(&self, login: &str) -> Result<Vec<Connection>> {
        let found = self.find(&path(&["connections", "username", login])).await?;
        Ok(found.unwrap_or_default())
    }

    /// What is to go and is gone already counts as done; `Applied::WasGone` tells.
    pub async fn apply(&self, write: &Write) -> Result<Applied> {
        let body = write.body();
        let response = self.send(write.method(), &write.path(), body).await?;
        if write.method() == Method::DELETE && response.status() == StatusCode::NOT_FOUND {
            return Ok(Applied::WasGone);
        }
        self.accepted(response, write.hash()).await?;
        Ok(Applied::Done)
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
        let closes = method == Method::DELETE && path.starts_with("/connections/");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .basic_auth(&self.username, Some(self.password.expose()))
            .header("accept", "application/json");
        if closes {
            request = request.header("x-reason", REASON);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        request
            .send()
            .await
            .map_err(|error| http::transport(SYSTEM, &error))
    }

    /// The body of a success, or what the failure means.
    async fn accepted(&self, response: Response, hash: &str) -> Result<String> {
        let status = response.status();
        if status.is_success() {
            return http::body(SYSTEM, response).await;
        }
        let pause = http::retry_after(response.headers());
        // A body that breaks off takes nothing from what the status says.
        let text = http::body(SYSTEM, response).await.unwrap_or_default();
        let words = http::words(&message(&text), &[self.password.expose(), hash]);
        let mut error = refusal(status, &words);
        error.retry_after = pause;
        Err(error)
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

/// `reason` is a text, or for a bad pattern nested lists of character codes, of which only the first word is any use.
fn message(text: &str) -> String {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let reason = match &json["reason"] {
        Value::Array(parts) => parts.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    let error = json["error"].as_str();
    reason.or(error).unwrap_or_default().to_owned()
}

/// Both misspell 401: "not_authorized" is about the credential, "not_authorised" about what it may do.
fn refusal(status: StatusCode, words: &str) -> ProviderError {
    let kind = http::kind_of(status);
    let mut text = match status {
        StatusCode::UNAUTHORIZED if words.contains("administrator") || words.contains("authorised") => {
            format!("{SYSTEM} does not let our user do this: it needs the tag administrator")
        }
        StatusCode::UNAUTHORIZED => {
            format!(
                "{SYSTEM} refuses our user name and password, or our user has no tag that opens the management API"
            )
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            format!("{SYSTEM} answered {status}: the url does not lead to its management API")
        }
        _ => format!("{SYSTEM} answered {status}"),
    };
    if !words.is_empty() {
        text = format!("{text}: {words}");
    }
    ProviderError::new(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_path_is_encoded_by_itself() {
        assert_eq!(
            path(&["permissions", "/", "we/ird name"]),
            "/permissions/%2F/we%2Fird%20name"
        );
        assert_eq!(path(&["vhosts", "a?b#c%2F"]), "/vhosts/a%3Fb%23c%252F");
        assert_eq!(path(&["vhosts", "ü..."]), "/vhosts/%C3%BC...");
        for lost in ["", ".", ".."] {
            assert_eq!(segment(lost), None);
            assert_eq!(path(&["vhosts", lost]), "/vhosts/%00");
        }
        // And stays so on its way out.
        let url = reqwest::Url::parse(&format!("http://h/api{}", path(&["vhosts", "/", "../x"]))).unwrap();
        assert_eq!(url.path(), "/api/vhosts/%2F/..%2Fx");
    }

    #[test]
    fn refusals_tell_a_wrong_password_from_a_missing_tag() {
        let login = refusal(StatusCode::UNAUTHORIZED, "Login failed");
        assert_eq!(login.kind, ErrorKind::Denied);
        assert!(login.message.contains("password"), "{login}");
        let tag = refusal(StatusCode::UNAUTHORIZED, "Not administrator user");
        assert_eq!(tag.kind, ErrorKind::Denied);
        assert!(tag.message.contains("needs the tag administrator"), "{tag}");
        let place = refusal(StatusCode::METHOD_NOT_ALLOWED, "");
        assert!(place.message.contains("url"), "{place}");
        assert_eq!(
            refusal(StatusCode::SERVICE_UNAVAILABLE, "").kind,
            ErrorKind::Transient
        );
        assert_eq!(refusal(StatusCode::BAD_REQUEST, "x").kind, ErrorKind::Invalid);
    }

    #[test]
    fn reasons_come_in_two_shapes() {
        for (body, words) in [
            (
                r#"{"error":"bad_request","reason":"vhost_or_user_not_found"}"#,
                "vhost_or_user_not_found",
            ),
            (
                r#"{"error":"bad_request","reason":["invalid_regexp",[94,40],[[109],2]]}"#,
                "invalid_regexp",
            ),
            (r#"{"error":"bad_request","reason":[[1]]}"#, "bad_request"),
            ("", ""),
            ("<html>", ""),
        ] {
            assert_eq!(message(body), words);
        }
    }
}
