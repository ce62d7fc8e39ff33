//! The integration's table for this kind, and its secret.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    providers::{
        ErrorKind, OwnSecret, ProviderError, Result, Setup,
        tls::{SslMode, ca_path},
    },
    secrets::Secret,
};

pub const KEYS: &[&str] = &[
    "hostname",
    "port",
    "database_name",
    "ssl_mode",
    "tls_ca",
    "authentication_name",
];
pub const SECRET_KEYS: &[&str] = &["username", "password"];

pub const EXAMPLE: &str = r#"name = "analytics"
kind = "vertica"
hostname = "vertica.example.com"
port = 5433
database_name = "warehouse"              # one integration for each database
ssl_mode = "verify-full"                 # or verify-ca, require, prefer, disable; weaker only where written
tls_ca = "file:vertica-ca.pem"           # absent: the machine's own certificate authorities
# authentication_name = "v_hash"         # where the database has authentication records: the one that people log in by
secret = "file:secrets/analytics.json"   # {"username": "...", "password": "..."}
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    hostname: String,
    port: Option<u16>,
    database_name: String,
    ssl_mode: Option<SslMode>,
    tls_ca: Option<String>,
    authentication_name: Option<String>,
}

#[derive(Debug)]
pub struct Config {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub ssl_mode: SslMode,
    pub tls_ca: Option<PathBuf>,
    /// Granted to every login that we make.
    pub authentication: Option<String>,
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
            .map_err(|error: toml::de::Error| invalid(error.message().to_owned()))?;
        if table.hostname.trim().is_empty() || table.hostname.contains(['\0', '/', ',', ' ']) {
            return Err(invalid("hostname: one host name or address is needed".to_owned()));
        }
        let port = table.port.unwrap_or(5433);
        if port == 0 {
            return Err(invalid("port: 1 to 65535".to_owned()));
        }
        named("database_name", &table.database_name)?;
        if let Some(name) = &table.authentication_name {
            named("authentication_name", name)?;
        }
        let ssl_mode = table.ssl_mode.unwrap_or(SslMode::VerifyFull);
        if ssl_mode == SslMode::Allow {
            let text = "ssl_mode: Vertica knows disable, prefer, require, verify-ca and verify-full";
            return Err(invalid(text.to_owned()));
        }
        Ok(Self {
            host: table.hostname,
            port,
            database: table.database_name,
            ssl_mode,
            tls_ca: table
                .tls_ca
                .map(|reference| ca_path(&reference, &setup.base_dir))
                .transpose()?,
            authentication: table.authentication_name,
            username: field(&setup.secret, "username")?.expose().to_owned(),
            password: field(&setup.secret, "password")?,
        })
    }
}

fn invalid(text: String) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

fn named(key: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > super::place::LONGEST || name.contains('\0') {
        return Err(invalid(format!(
            "{key}: a name of 1 to {} bytes is needed",
            super::place::LONGEST
        )));
    }
    Ok(())
}

fn field(secret: &OwnSecret, key: &str) -> Result<Secret> {
    match secret.get(key) {
        Some(value) if !value.expose().is_empty() => Ok(value.clone()),
        _ => Err(invalid(format!("secret: {key} is missing"))),
    }
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
            mark: Mark::new("main", "vertica"),
            config: toml::from_str(text).expect("TOML"),
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn defaults_are_safe() {
        let config = parse("hostname = \"h\"\ndatabase_name = \"d\"").expect("a config");
        assert_eq!((config.port, config.ssl_mode), (5433, SslMode::VerifyFull));
        assert_eq!((config.tls_ca, config.authentication), (None, None));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, word) in [
            ("database_name = \"d\"", "hostname"),
            ("hostname = \"h\"", "database_name"),
            ("hostname = \"h\"\ndatabase_name = \"\"", "database_name"),
            ("hostname = \"a,b\"\ndatabase_name = \"d\"", "hostname"),
            ("hostname = \"h\"\ndatabase_name = \"d\"\nport = 0", "port"),
            ("hostname = \"h\"\ndatabase_name = \"d\"\nport = \"5433\"", "port"),
            (
                "hostname = \"h\"\ndatabase_name = \"d\"\nssl_mode = \"allow\"",
                "verify-full",
            ),
            (
                "hostname = \"h\"\ndatabase_name = \"d\"\nssl_mode = \"tls\"",
                "verify-full",
            ),
            (
                "hostname = \"h\"\ndatabase_name = \"d\"\ntls_ca = \"ca.pem\"",
                "tls_ca",
            ),
            (
                "hostname = \"h\"\ndatabase_name = \"d\"\nauthentication_name = \"\"",
                "authentication_name",
            ),
            ("hostname = \"h\"\ndatabase_name = \"d\"\nhost = \"x\"", "host"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(word), "{text}: {error}");
        }
    }
}
