//! One HTTP call as a value: `preview` shows it, `converge` sends it, `ran` reports it.

use reqwest::Method;
use serde_json::Value;

use crate::{providers::http, secrets::Secret};

/// Stands for a secret wherever a call is shown.
const MASK: &str = "***";

#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    /// Below the configured address, with its query; names in it are escaped already.
    pub path: String,
    body: Option<Value>,
    /// Where in the body it goes (a JSON pointer); until then the mask stands there.
    secret: Option<(&'static str, Secret)>,
}

impl Call {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            secret: None,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Puts a secret into a body that has a place for it, if there is one to put.
    pub fn with_secret(mut self, pointer: &'static str, secret: Option<&Secret>) -> Self {
        if let (Some(secret), Some(place)) = (
            secret,
            self.body.as_mut().and_then(|body| body.pointer_mut(pointer)),
        ) {
            *place = Value::from(MASK);
            self.secret = Some((pointer, secret.clone()));
        }
        self
    }

    /// For people and the audit log.
    pub fn line(&self) -> String {
        match &self.body {
            Some(body) => format!("{} {} {body}", self.method, self.path),
            None => format!("{} {}", self.method, self.path),
        }
    }

    /// For the wire only: it may hold a secret.
    pub fn wire(&self) -> Option<String> {
        let mut body = self.body.clone()?;
        if let Some((pointer, secret)) = &self.secret
            && let Some(place) = body.pointer_mut(pointer)
        {
            *place = Value::from(secret.expose());
        }
        Some(body.to_string())
    }

    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref().map(|(_, secret)| secret)
    }
}

/// A path of fixed words and one name.
pub fn path(before: &str, name: &str, after: &str) -> String {
    format!("{before}{}{after}", http::segment(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_shows_everything_but_the_secret() {
        let call = Call::new(Method::PUT, path("/_security/user/", "a/b", ""))
            .with(json!({"enabled": true, "password": null}))
            .with_secret("/password", Some(&Secret::new("s3cret")));
        assert_eq!(
            call.line(),
            r#"PUT /_security/user/a%2Fb {"enabled":true,"password":"***"}"#
        );
        assert!(call.wire().expect("a body").contains("s3cret"));
        assert!(!format!("{call:?}").contains("s3cret"));
        assert_eq!(Call::get("/").line(), "GET /");
    }

    #[test]
    fn a_body_without_the_place_gets_no_secret() {
        let call = Call::new(Method::PUT, "/x")
            .with(json!({}))
            .with_secret("/password", Some(&Secret::new("s3cret")));
        assert_eq!(call.wire().as_deref(), Some("{}"));
    }
}
