//! The integration's table for this kind, and its secret.

use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;

use crate::{
    providers::{ErrorKind, OwnSecret, ProviderError, Result, Setup, http, tls::ca_path},
    secrets::Secret,
};

pub(super) const KEYS: &[&str] = &["url", "amqp_url", "tls_ca"];
pub(super) const SECRET_KEYS: &[&str] = &["username", "password"];

pub(super) const EXAMPLE: &str = r#"name = "rabbit"
kind = "rabbitmq"
url = "https://rabbitmq.example.com:15671"         # the management plugin's, without a path
# amqp_url = "amqps://rabbitmq.example.com:5671"   # where clients connect: people are shown it
# tls_ca = "file:rabbitmq-ca.pem"                  # absent: the machine's own certificate authorities
# A user with the tag administrator: {"username": "...", "password": "..."}
secret = "file:secrets/rabbit.json"
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: String,
    amqp_url: Option<String>,
    tls_ca: Option<String>,
}

#[derive(Debug)]
pub(super) struct Config {
    /// Of the management plugin, without `/api` and without a closing slash.
    pub url: String,
    /// Where clients of the broker connect; only people are told.
    pub amqp: Option<Amqp>,
    pub tls_ca: Option<PathBuf>,
    pub username: String,
    pub password: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amqp {
    /// `amqp` or `amqps`.
    pub scheme: &'static str,
    pub host: String,
    pub port: u16,
}

impl Config {
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn parse(setup: &Setup) -> Result<Self> {
        for (key, value) in &setup.config {
            // Serde names no key for a value of the wrong type.
            if KEYS.contains(&key.as_str()) && !value.is_str() {
                return Err(invalid(format!("{key}: a {} does not fit", value.type_str())));
            }
        }
        let table: Table = setup
            .config
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| invalid(error.message()))?;
        Ok(Self {
            url: management(&table.url)?,
            amqp: table.amqp_url.as_deref().map(amqp).transpose()?,
            tls_ca: table
                .tls_ca
                .map(|reference| ca_path(&reference, &setup.base_dir))
                .transpose()?,
            username: field(&setup.secret, "username")?.expose().to_owned(),
            password: field(&setup.secret, "password")?,
        })
    }
}

/// People copy the address from a browser or from a client's settings: without a scheme it is https, and a closing slash or
/// `/api` is dropped (with either the broker answers 405 and an empty body).
fn management(text: &str) -> Result<String> {
    let text = text.trim();
    let text = match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    };
    let text = text.trim_end_matches('/');
    let text = text.strip_suffix("/api").unwrap_or(text);
    http::base_url(text).map_err(|error| ProviderError {
        message: error.message.replacen("base_url", "url", 1),
        ..error
    })
}

fn amqp(text: &str) -> Result<Amqp> {
    let wrong = || invalid("amqp_url: amqps://host:port or amqp://host:port, and nothing else");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let (scheme, port) = match url.scheme() {
        "amqps" => ("amqps", 5671),
        "amqp" => ("amqp", 5672),
        _ => return Err(wrong()),
    };
    let host = url.host_str().unwrap_or_default();
    // It goes into a line that people copy into a shell or a configuration.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-[]:".contains(c);
    let bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    if host.is_empty() || !host.chars().all(plain) || !bare {
        return Err(wrong());
    }
    Ok(Amqp {
        scheme,
        host: host.to_owned(),
        port: url.port().unwrap_or(port),
    })
}

fn field(secret: &OwnSecret, key: &str) -> Result<Secret> {
    match secret.get(key) {
        Some(value) if !value.expose().is_empty() => Ok(value.clone()),
        _ => Err(invalid(format!("secret: {key} is missing"))),
    }
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Mark;

    fn parse(text: &str) -> Result<Config> {
        let secret = SECRET_KEYS
            .iter()
            .map(|key| ((*key).to_owned(), Secret::new("s")))
            .collect();
        Config::parse(&Setup {
            mark: Mark::new("main", "rabbit"),
            config: toml::from_str(text).expect("TOML"),
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for text in [
            "https://mq.example.com:15671",
            "https://mq.example.com:15671/",
            "https://mq.example.com:15671/api",
            "https://mq.example.com:15671/api/",
            "mq.example.com:15671",
            " mq.example.com:15671/api ",
        ] {
            let config = parse(&format!("url = {text:?}")).unwrap();
            assert_eq!(config.url, "https://mq.example.com:15671", "{text}");
        }
        assert_eq!(
            parse("url = 'https://example.com/mq/'").unwrap().url,
            "https://example.com/mq"
        );
        for text in ["", "http://mq.example.com:15672", "https://a:b@mq.example.com"] {
            let error = parse(&format!("url = {text:?}")).unwrap_err();
            assert!(error.message.starts_with("url:"), "{text}: {error}");
        }
    }

    #[test]
    fn where_clients_connect_is_a_host_and_a_port() {
        let amqp = |text: &str| parse(&format!("url = 'mq'\namqp_url = {text:?}")).map(|config| config.amqp);
        assert_eq!(
            amqp("amqps://mq.example.com").unwrap(),
            Some(Amqp {
                scheme: "amqps",
                host: "mq.example.com".to_owned(),
                port: 5671
            })
        );
        assert_eq!(amqp("amqp://mq:5673/").unwrap().unwrap().port, 5673);
        for bad in [
            "mq.example.com",
            "https://mq",
            "amqp://user@mq",
            "amqp://mq/vhost",
            "amqp://mq?x=1",
            "amqp://$(id)",
        ] {
            assert_eq!(amqp(bad).unwrap_err().kind, ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, key) in [
            ("", "url"),
            ("url = 1", "url"),
            ("url = 'mq'\ntls_ca = 'ca.pem'", "tls_ca"),
            ("url = 'mq'\nvhost = 'x'", "vhost"),
        ] {
            assert!(parse(text).unwrap_err().message.contains(key), "{text}");
        }
    }
}
