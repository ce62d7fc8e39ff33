//! Calls to Slack: one way out, with a limit on time, errors in our own words, and nothing of a token or body in them.

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde_json::Value;
use slack_morphism::{
    SlackApiToken, SlackApiTokenValue, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector,
    errors::SlackClientError,
    hyper_tokio::{SlackClientHyperConnector, SlackHyperClient},
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::{Host, Url};

use super::errors;
use crate::{
    chat::{ChatError, ChatErrorKind},
    secrets::Secret,
};

/// Hears of every call: its method, and how it went (`ok`, `rate_limited`, `transient`, `gone`, `denied`, `invalid`).
pub type OnCall = Arc<dyn Fn(&'static str, &'static str) + Send + Sync>;

pub(super) struct Api {
    client: SlackHyperClient,
    tls: Arc<rustls::ClientConfig>,
    /// Plain http and ws are allowed: everything is on this machine.
    loopback: bool,
    limit: Duration,
    on_call: OnCall,
}

impl Api {
    pub(super) fn new(base: &str, limit: Duration, on_call: OnCall) -> Result<Self, ChatError> {
        let url =
            checked(base, "https", true).map_err(|why| setup(format!("slack api_url {base}: {why}")))?;
        let loopback = is_loopback(&url);
        let tls = tls(loopback)?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        let connector =
            SlackClientHyperConnector::from(connector).with_slack_api_url(base.trim_end_matches('/'));
        Ok(Self {
            client: SlackClient::new(connector),
            tls: Arc::new(tls),
            loopback,
            limit,
            on_call,
        })
    }

    pub(super) fn tls(&self) -> Arc<rustls::ClientConfig> {
        self.tls.clone()
    }

    /// A URL Slack gave us: encrypted, unless all of it is on this machine.
    pub(super) fn checked(&self, url: &str, secure: &str) -> Result<Url, String> {
        checked(url, secure, self.loopback)
    }

    /// A method that takes JSON.
    pub(super) async fn post(
        &self,
        token: &Secret,
        method: &'static str,
        body: &Value,
    ) -> Result<Value, ChatError> {
        let token = bearer(token);
        let session = self.client.open_session(&token);
        self.watched(method, session.http_session_api.http_post(method, body, None))
            .await
    }

    /// A method that only reads, which takes its arguments in the query.
    pub(super) async fn read(
        &self,
        token: &Secret,
        method: &'static str,
        arguments: &[(&str, &str)],
    ) -> Result<Value, ChatError> {
        let token = bearer(token);
        let session = self.client.open_session(&token);
        let arguments: Vec<(&str, Option<&str>)> = arguments.iter().map(|(k, v)| (*k, Some(*v))).collect();
        self.watched(
            method,
            session.http_session_api.http_get(method, &arguments, None),
        )
        .await
    }

    /// Answers a command or click by the URL that came with it.
    pub(super) async fn respond(&self, url: &str, body: &Value) -> Result<(), ChatError> {
        let url = self
            .checked(url, "https")
            .map_err(|why| setup(format!("slack response_url: {why}")))?;
        let quiet = tracing::Span::none();
        let context = SlackClientApiCallContext {
            rate_control_params: None,
            token: None,
            tracing_span: &quiet,
            is_sensitive_url: true,
        };
        let call = self
            .client
            .http_api
            .connector
            .http_post_uri::<Value, Value>(url, body, context);
        // Slack answers a bare "ok", which reads as an empty object.
        let answer = self
            .in_time(call)
            .await
            .and_then(|answer| match answer["ok"].as_bool() {
                Some(false) => Err(errors::of_code(
                    "response_url",
                    answer["error"].as_str().unwrap_or_default(),
                    &answer,
                )),
                Some(true) | None => Ok(()),
            });
        self.report("response_url", &answer);
        answer
    }

    async fn watched(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<Value, SlackClientError>> + Send,
    ) -> Result<Value, ChatError> {
        let answer = match self.in_time_of(method, call).await {
            // The crate takes any answer that is not JSON for an empty one.
            Ok(answer) if answer["ok"].as_bool() != Some(true) => Err(errors::transient(format!(
                "slack {method}: the answer was not Slack's"
            ))),
            other => other,
        };
        self.report(method, &answer);
        answer
    }

    async fn in_time(
        &self,
        call: impl Future<Output = Result<Value, SlackClientError>> + Send,
    ) -> Result<Value, ChatError> {
        self.in_time_of("response_url", call).await
    }

    async fn in_time_of(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<Value, SlackClientError>> + Send,
    ) -> Result<Value, ChatError> {
        // What the crate logs may hold URLs that are as good as tokens, and bodies.
        match tokio::time::timeout(self.limit, call.with_subscriber(NoSubscriber::default())).await {
            Err(_) => Err(errors::transient(format!(
                "slack {method}: no answer within {:?}",
                self.limit
            ))),
            Ok(Err(error)) => Err(errors::of_call(method, &error)),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn report<T>(&self, method: &'static str, answer: &Result<T, ChatError>) {
        let outcome = match answer {
            Ok(_) => "ok",
            Err(error) => match error.kind {
                ChatErrorKind::Transient { retry_after: Some(_) } => "rate_limited",
                ChatErrorKind::Transient { retry_after: None } => "transient",
                ChatErrorKind::Gone => "gone",
                ChatErrorKind::Denied => "denied",
                ChatErrorKind::Invalid => "invalid",
            },
        };
        (self.on_call)(method, outcome);
    }
}

fn bearer(token: &Secret) -> SlackApiToken {
    SlackApiToken::new(SlackApiTokenValue(token.expose().to_owned()))
}

fn setup(message: String) -> ChatError {
    ChatError {
        kind: ChatErrorKind::Invalid,
        message,
    }
}

/// The machine's own certificate authorities. None is fine where nothing leaves the machine.
fn tls(loopback: bool) -> Result<rustls::ClientConfig, ChatError> {
    crate::install_crypto();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() && !loopback {
        return Err(setup(
            "slack: this machine has no CA certificates; install the package ca-certificates".into(),
        ));
    }
    Ok(rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// `secure` is the scheme demanded ("https", "wss"); where `plain_too`, the plain one will do on this machine.
fn checked(text: &str, secure: &str, plain_too: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "not a URL".to_owned())?;
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err("not the address of a host".into());
    }
    let plain = secure.strip_suffix('s').unwrap_or(secure);
    match url.scheme() {
        scheme if scheme == secure => Ok(url),
        scheme if scheme == plain && plain_too && is_loopback(&url) => Ok(url),
        _ => Err(format!(
            "must begin with {secure}:// ({plain}:// only on this machine)"
        )),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_connections_stay_on_this_machine() {
        for (url, secure, ok) in [
            ("https://slack.com/api", "https", true),
            ("https://slack-gov.com/api", "https", true),
            ("http://127.0.0.1:9/api", "https", true),
            ("http://[::1]:9/api", "https", true),
            ("http://localhost:9/api", "https", true),
            ("http://slack.com/api", "https", false),
            ("http://127.0.0.1.example.com/api", "https", false),
            ("https://user:pass@slack.com/api", "https", false),
            ("ftp://slack.com", "https", false),
            ("slack.com/api", "https", false),
        ] {
            assert_eq!(
                Api::new(url, Duration::from_secs(1), Arc::new(|_, _| {})).is_ok(),
                ok,
                "{url}"
            );
            assert_eq!(checked(url, secure, true).is_ok(), ok, "{url}");
        }
        for (url, inside, ok) in [
            ("wss://wss-primary.slack.com/link/?ticket=x", false, true),
            ("ws://127.0.0.1:9/link", true, true),
            ("ws://127.0.0.1:9/link", false, false),
            ("ws://example.com/link", true, false),
        ] {
            assert_eq!(checked(url, "wss", inside).is_ok(), ok, "{url}");
        }
    }
}
