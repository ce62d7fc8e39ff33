//! The part of an integration's table that both kinds have, and its secret.

use std::path::PathBuf;

use crate::{
    providers::{ErrorKind, OwnSecret, ProviderError, Result, Setup, http, tls::ca_path},
    secrets::Secret,
};

pub const SECRET_KEYS: &[&str] = &["username", "password"];

#[derive(Debug, Clone)]
pub struct Config {
    /// Without its closing slash. A path is kept: some set-ups have the cluster below one.
    pub url: String,
    pub tls_ca: Option<PathBuf>,
    /// An HTTP proxy on the way to the cluster.
    pub proxy: Option<String>,
    pub username: String,
    pub password: Secret,
}

pub fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

impl Config {
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn parse(setup: &Setup) -> Result<Self> {
        let table = &setup.config;
        let url = text(table, "url")?.ok_or_else(|| invalid("url is missing"))?;
        let url = http::base_url(&url).map_err(|error| ProviderError {
            message: error.message.replacen("base_url", "url", 1),
            ..error
        })?;
        let tls_ca = text(table, "tls_ca")?
            .map(|reference| ca_path(&reference, &setup.base_dir))
            .transpose()?;
        Ok(Self {
            url,
            tls_ca,
            proxy: text(table, "proxy")?
                .map(|proxy| check_proxy(&proxy))
                .transpose()?,
            username: field(&setup.secret, "username")?.expose().to_owned(),
            password: field(&setup.secret, "password")?,
        })
    }
}

fn check_proxy(proxy: &str) -> Result<String> {
    let wrong = |why: &str| invalid(format!("proxy: {why}"));
    let url = reqwest::Url::parse(proxy).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("must be http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must hold no user name or password"));
    }
    Ok(proxy.to_owned())
}

/// A text of the table, if it is there.
pub fn text(table: &toml::Table, key: &str) -> Result<Option<String>> {
    match table.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(invalid(format!("{key}: a {} does not fit", other.type_str()))),
    }
}

/// A list of names of the table; empty where it is absent.
pub fn names(table: &toml::Table, key: &str) -> Result<Vec<String>> {
    let wrong = || invalid(format!("{key}: a list of names is needed"));
    match table.get(key) {
        None => Ok(Vec::new()),
        Some(toml::Value::Array(list)) => list
            .iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

fn field(secret: &OwnSecret, key: &str) -> Result<Secret> {
    match secret.get(key) {
        Some(value) if !value.expose().is_empty() => Ok(value.clone()),
        _ => Err(invalid(format!("secret: {key} is missing"))),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use super::*;
    use crate::providers::Mark;

    fn parse(text: &str) -> Result<Config> {
        let secret = SECRET_KEYS
            .iter()
            .map(|key| ((*key).to_owned(), Secret::new("s")))
            .collect::<BTreeMap<_, _>>();
        Config::parse(&Setup {
            mark: Mark::new("main", "logs"),
            config: toml::from_str(text).expect("TOML"),
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn a_cluster_may_lie_below_a_path_and_behind_a_proxy() {
        let config = parse(
            "url = \"https://es.example.com:9200/logs/\"\ntls_ca = \"file:ca.pem\"\nproxy = \"http://proxy:3128\"",
        )
        .expect("a config");
        assert_eq!(config.url, "https://es.example.com:9200/logs");
        assert_eq!(config.tls_ca.as_deref(), Some(Path::new("/etc/latchkey/ca.pem")));
        assert_eq!(config.proxy.as_deref(), Some("http://proxy:3128"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, word) in [
            ("", "url"),
            ("url = 3", "url"),
            ("url = \"http://es.example.com:9200\"", "url"),
            ("url = \"https://u:p@es.example.com\"", "url"),
            ("url = \"https://h\"\ntls_ca = \"ca.pem\"", "tls_ca"),
            ("url = \"https://h\"\nproxy = \"proxy:3128\"", "proxy"),
            ("url = \"https://h\"\nproxy = \"socks5://proxy\"", "proxy"),
            ("url = \"https://h\"\nproxy = \"http://u:hunter2@proxy\"", "proxy"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(word), "{text}: {error}");
            assert!(!error.message.contains("hunter2"));
        }
    }
}
