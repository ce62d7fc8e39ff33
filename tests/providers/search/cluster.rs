//! A cluster seen from outside: calls by whoever has a name and a password. The suite looks and acts through this, on
//! simulators and on real servers alike.

use std::path::PathBuf;

use latchkey::{providers::http, secrets::Secret};
use serde_json::Value;

/// Where a cluster is, and who may do everything there.
#[derive(Clone)]
pub struct Cluster {
    pub url: String,
    pub tls_ca: Option<PathBuf>,
    pub http: reqwest::Client,
    pub admin: (String, String),
}

/// What came of a call.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub body: Value,
}

impl Got {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Cluster {
    pub fn new(url: &str, admin: (&str, &str), tls_ca: Option<PathBuf>) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            http: http::client_of(tls_ca.as_deref(), None).expect("an HTTP client"),
            tls_ca,
            admin: (admin.0.to_owned(), admin.1.to_owned()),
        }
    }

    /// From `https://user:password@host:port[?tls_ca=PATH]` in a variable; `None` where it is not set.
    #[expect(clippy::disallowed_methods, reason = "the test's own setting")]
    pub fn of_variable(name: &str) -> Option<Result<Self, String>> {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some(
            Self::parse(&text)
                .ok_or_else(|| format!("{name}: https://user:password@host:port[?tls_ca=PATH] is needed")),
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut url = reqwest::Url::parse(text).ok()?;
        let unescaped = |text: &str| {
            let pair = format!("x={}", text.replace('+', "%2B"));
            form_urlencoded::parse(pair.as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
        };
        let (name, password) = (unescaped(url.username())?, unescaped(url.password()?)?);
        let tls_ca = url
            .query_pairs()
            .find(|(key, _)| key == "tls_ca")
            .map(|(_, value)| PathBuf::from(value.as_ref()));
        url.set_query(None);
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        Some(Self::new(url.as_str(), (&name, &password), tls_ca))
    }

    /// As somebody with a password.
    pub async fn call(&self, who: (&str, &str), method: &str, path: &str, body: Option<Value>) -> Got {
        let request = self.request(method, path, body).basic_auth(who.0, Some(who.1));
        Self::sent(request).await
    }

    /// As somebody with something else than a password: the whole `Authorization` header.
    pub async fn call_with(&self, header: &str, method: &str, path: &str) -> Got {
        Self::sent(self.request(method, path, None).header("authorization", header)).await
    }

    /// As the administrator; must succeed.
    pub async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let who = (self.admin.0.as_str(), self.admin.1.as_str());
        let got = self.call(who, method, path, body).await;
        assert!(got.is_success(), "{method} {path}: {} {}", got.status, got.body);
        got.body
    }

    /// As the administrator, whatever comes of it: for what may be gone already.
    pub async fn try_admin(&self, method: &str, path: &str) -> Got {
        let who = (self.admin.0.as_str(), self.admin.1.as_str());
        self.call(who, method, path, None).await
    }

    fn request(&self, method: &str, path: &str, body: Option<Value>) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.url));
        match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        }
    }

    async fn sent(request: reqwest::RequestBuilder) -> Got {
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        Got {
            status,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    /// Whether a person gets through with a deed on an index.
    pub async fn can(&self, login: &str, credential: &Secret, permission: &str, index: &str) -> bool {
        let who = (login, credential.expose());
        let name = http::segment(index);
        let search = async || {
            self.call(who, "GET", &format!("/{name}/_search"), None)
                .await
                .is_success()
        };
        let write = async || {
            let document = serde_json::json!({"@timestamp": "2026-11-22T12:00:00Z", "note": "by the suite"});
            self.call(who, "POST", &format!("/{name}/_doc"), Some(document))
                .await
                .is_success()
        };
        match permission {
            "write" => write().await,
            "read-write" => search().await && write().await,
            "monitor" => {
                let path = format!("/{name}/_stats");
                self.call(who, "GET", &path, None).await.is_success()
            }
            "manage" => {
                let (path, settings) = (
                    format!("/{name}/_settings"),
                    serde_json::json!({"index": {"priority": 3}}),
                );
                self.call(who, "PUT", &path, Some(settings)).await.is_success()
            }
            _ => search().await,
        }
    }
}

/// Names that try to be more than names, as far as both systems let an index have them.
pub const HOSTILE: &[(&str, &str)] = &[
    ("an apostrophe", "suite-o'brien"),
    ("a shell's words", "suite-$(id)`id`!"),
    ("escapes of URLs", "suite-%2f%41%2e%2e"),
    ("signs of queries", "suite-a=b&c;d"),
    ("places of values", "suite-{secret}@%s"),
    ("a regular expression", "suite-.+[a-z]^$()"),
    ("another script", "suite-zażółć-🦀"),
    ("a role of ours", "x-jitg_0000_1"),
];
