//! The integration's table for this kind, and its secret.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    providers::{ErrorKind, OwnSecret, ProviderError, Result, Setup, tls},
    secrets::Secret,
};

pub const KEYS: &[&str] = &["hostname", "port", "database_name", "tls", "tls_ca"];
pub const SECRET_KEYS: &[&str] = &["username", "password"];

pub const EXAMPLE: &str = r#"name = "orders-mssql"
kind = "mssql"
hostname = "orders.mssql.example.com"
port = 1433
database_name = "master"                    # where the connector lands; all databases of the server are served
tls = "verify"                              # weaker only where written: "insecure" trusts whoever answers, "off" encrypts nothing
tls_ca = "file:orders-ca.pem"               # absent: the machine's own certificate authorities
secret = "file:secrets/orders-mssql.json"   # {"username": "...", "password": "..."}
"#;

/// How the line is protected. Only `Verify` makes sure who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    Verify,
    Insecure,
    Off,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    hostname: String,
    port: Option<u16>,
    database_name: Option<String>,
    tls: Option<Tls>,
    tls_ca: Option<String>,
}

#[derive(Debug)]
pub struct Config {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub tls: Tls,
    pub tls_ca: Option<PathBuf>,
    pub username: String,
    pub password: Secret,
}

impl Config {
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn parse(setup: &Setup) -> Result<Self> {
        for (key, value) in &setup.config {
            // Serde names no key for a value of the wrong type.
            let fits = if key == "port" {
                value.is_integer()
            } else {
                value.is_str()
            };
            if KEYS.contains(&key.as_str()) && !fits {
                return Err(invalid(format!("{key}: a {} does not fit", value.type_str())));
            }
        }
        let table: Table = setup
            .config
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| invalid(error.message()))?;
        if table.hostname.trim().is_empty() || table.hostname.contains(['\0', '/', ',', ' ', '\\']) {
            return Err(invalid(
                "hostname: one host name or address is needed; a named instance is reached by its port",
            ));
        }
        let port = table.port.unwrap_or(1433);
        if port == 0 {
            return Err(invalid("port: 1 to 65535"));
        }
        let tls = table.tls.unwrap_or(Tls::Verify);
        if tls != Tls::Verify && table.tls_ca.is_some() {
            return Err(invalid("tls_ca: means nothing unless tls is verify"));
        }
        Ok(Self {
            host: table.hostname,
            port,
            database: table.database_name.unwrap_or_else(|| "master".to_owned()),
            tls,
            tls_ca: table
                .tls_ca
                .map(|reference| tls::ca_path(&reference, &setup.base_dir))
                .transpose()?,
            username: field(&setup.secret, "username")?.expose().to_owned(),
            password: field(&setup.secret, "password")?,
        })
    }
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

fn field(secret: &OwnSecret, key: &str) -> Result<Secret> {
    match secret.get(key) {
        Some(value) if !value.expose().is_empty() => Ok(value.clone()),
        _ => Err(invalid(format!("secret: {key} is missing"))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::providers::Mark;

    fn parse(text: &str) -> Result<Config> {
        let secret = SECRET_KEYS
            .iter()
            .map(|key| ((*key).to_owned(), Secret::new("s")))
            .collect::<BTreeMap<_, _>>();
        let config = toml::from_str(text).expect("TOML");
        Config::parse(&Setup {
            mark: Mark::new("main", "mssql"),
            config,
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn defaults_are_safe() {
        let config = parse(r#"hostname = "db.example.com""#).expect("a config");
        assert_eq!((config.port, config.database.as_str()), (1433, "master"));
        assert_eq!((config.tls, config.tls_ca), (Tls::Verify, None));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, word) in [
            ("", "hostname"),
            ("hostname = \" \"", "hostname"),
            ("hostname = 'host\\SQLEXPRESS'", "hostname"),
            ("hostname = \"h\"\nport = 0", "port"),
            ("hostname = \"h\"\nport = \"1433\"", "port"),
            ("hostname = \"h\"\ntls = \"maybe\"", "insecure"),
            ("hostname = \"h\"\ntls_ca = \"ca.pem\"", "tls_ca"),
            (
                "hostname = \"h\"\ntls = \"insecure\"\ntls_ca = \"file:ca.pem\"",
                "tls_ca",
            ),
            ("hostname = \"h\"\nhost = \"x\"", "host"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(word), "{text}: {error}");
        }
    }
}
