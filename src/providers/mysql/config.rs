//! The integration's table for both kinds, and its secret.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    providers::{ErrorKind, OwnSecret, ProviderError, Result, Setup, tls},
    secrets::Secret,
};

pub const KEYS: &[&str] = &["hostname", "port", "tls", "tls_ca"];
pub const SECRET_KEYS: &[&str] = &["username", "password"];

pub const EXAMPLE_MYSQL: &str = r#"name = "orders-mysql"
kind = "mysql"
hostname = "orders.db.example.com"
port = 3306
tls = "verify-full"                         # or require, disable; weaker only where written
tls_ca = "file:orders-ca.pem"               # absent: the machine's own certificate authorities
secret = "file:secrets/orders-mysql.json"   # {"username": "...", "password": "..."}
"#;

pub const EXAMPLE_MARIADB: &str = r#"name = "orders-mariadb"
kind = "mariadb"
hostname = "orders.db.example.com"
port = 3306
tls = "verify-full"                           # or require, disable; weaker only where written
tls_ca = "file:orders-ca.pem"                 # absent: the machine's own certificate authorities
secret = "file:secrets/orders-mariadb.json"   # {"username": "...", "password": "..."}
"#;

/// Only the first makes sure who is at the other end. What it asks of us is asked of people too: unless it is `disable`,
/// accounts that we make cannot be used without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    VerifyFull,
    Require,
    Disable,
}

impl Tls {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyFull => "verify-full",
            Self::Require => "require",
            Self::Disable => "disable",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    hostname: String,
    port: Option<u16>,
    tls: Option<Tls>,
    tls_ca: Option<String>,
}

#[derive(Debug)]
pub struct Config {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub tls_ca: Option<PathBuf>,
    pub username: String,
    pub password: Secret,
}

impl Config {
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn parse(setup: &Setup) -> Result<Self> {
        let invalid = |text: String| ProviderError::new(ErrorKind::Invalid, text);
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
            .map_err(|error: toml::de::Error| invalid(error.message().to_owned()))?;
        if table.hostname.trim().is_empty() || table.hostname.contains(['\0', '/', ',', ' ']) {
            return Err(invalid("hostname: one host name or address is needed".to_owned()));
        }
        let port = table.port.unwrap_or(3306);
        if port == 0 {
            return Err(invalid("port: 1 to 65535".to_owned()));
        }
        Ok(Self {
            host: table.hostname,
            port,
            tls: table.tls.unwrap_or(Tls::VerifyFull),
            tls_ca: table
                .tls_ca
                .map(|reference| tls::ca_path(&reference, &setup.base_dir))
                .transpose()?,
            username: field(&setup.secret, "username")?.expose().to_owned(),
            password: field(&setup.secret, "password")?,
        })
    }
}

fn field(secret: &OwnSecret, key: &str) -> Result<Secret> {
    match secret.get(key) {
        Some(value) if !value.expose().is_empty() => Ok(value.clone()),
        _ => Err(ProviderError::new(
            ErrorKind::Invalid,
            format!("secret: {key} is missing"),
        )),
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
        Config::parse(&Setup {
            mark: Mark::new("main", "orders"),
            config: toml::from_str(text).expect("TOML"),
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn defaults_are_safe() {
        let config = parse(r#"hostname = "db.example.com""#).expect("a config");
        assert_eq!((config.port, config.tls), (3306, Tls::VerifyFull));
        assert_eq!(config.tls_ca, None);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, word) in [
            ("", "hostname"),
            ("hostname = \" \"", "hostname"),
            ("hostname = \"a,b\"", "hostname"),
            ("hostname = \"h\"\nport = 0", "port"),
            ("hostname = \"h\"\nport = \"3306\"", "port"),
            ("hostname = \"h\"\ntls = \"verify\"", "verify-full"),
            ("hostname = \"h\"\ntls = true", "tls"),
            ("hostname = \"h\"\ntls_ca = \"ca.pem\"", "tls_ca"),
            ("hostname = \"h\"\ndatabase = \"x\"", "database"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(word), "{text}: {error}");
        }
    }
}
