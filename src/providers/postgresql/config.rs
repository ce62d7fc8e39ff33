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

pub const KEYS: &[&str] = &["hostname", "port", "database_name", "ssl_mode", "tls_ca"];
pub const SECRET_KEYS: &[&str] = &["username", "password"];

pub const EXAMPLE: &str = r#"name = "orders-pg"
kind = "postgresql"
hostname = "orders.db.example.com"
port = 5432
database_name = "postgres"               # where roles are made; all databases of the server are served
ssl_mode = "verify-full"                 # as in libpq; weaker only where written
tls_ca = "file:orders-ca.pem"            # absent: the machine's own certificate authorities
secret = "file:secrets/orders-pg.json"   # {"username": "...", "password": "..."}
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    hostname: String,
    port: Option<u16>,
    database_name: Option<String>,
    ssl_mode: Option<SslMode>,
    tls_ca: Option<String>,
}

#[derive(Debug)]
pub struct Config {
    pub host: String,
    pub port: u16,
    /// Where roles are looked at and made.
    pub database: String,
    pub ssl_mode: SslMode,
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
        let port = table.port.unwrap_or(5432);
        if port == 0 {
            return Err(invalid("port: 1 to 65535".to_owned()));
        }
        Ok(Self {
            host: table.hostname,
            port,
            database: table.database_name.unwrap_or_else(|| "postgres".to_owned()),
            ssl_mode: table.ssl_mode.unwrap_or(SslMode::VerifyFull),
            tls_ca: table
                .tls_ca
                .map(|reference| ca_path(&reference, &setup.base_dir))
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
    use std::{collections::BTreeMap, path::Path};

    use super::*;
    use crate::providers::Mark;

    fn parse(text: &str) -> Result<Config> {
        let secret = SECRET_KEYS
            .iter()
            .map(|key| ((*key).to_owned(), Secret::new("s")))
            .collect::<BTreeMap<_, _>>();
        let config = toml::from_str(text).expect("TOML");
        Config::parse(&Setup {
            mark: Mark::new("main", "pg"),
            config,
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn defaults_are_safe() {
        let config = parse(r#"hostname = "db.example.com""#).expect("a config");
        assert_eq!((config.port, config.database.as_str()), (5432, "postgres"));
        assert_eq!(config.ssl_mode, SslMode::VerifyFull);
        assert_eq!(config.tls_ca, None);
    }

    #[test]
    fn all_six_modes_are_known_and_no_seventh() {
        for mode in [
            "disable",
            "allow",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
        ] {
            let config = parse(&format!("hostname = \"h\"\nssl_mode = \"{mode}\"")).expect(mode);
            assert_eq!(config.ssl_mode.as_str(), mode);
        }
        let error = parse("hostname = \"h\"\nssl_mode = \"verify\"").expect_err("refused");
        assert!(error.message.contains("verify-full"), "{error}");
    }

    #[test]
    fn a_relative_authority_starts_at_the_configuration() {
        let config = parse("hostname = \"h\"\ntls_ca = \"file:ca.pem\"").expect("a config");
        assert_eq!(config.tls_ca.as_deref(), Some(Path::new("/etc/latchkey/ca.pem")));
        let config = parse("hostname = \"h\"\ntls_ca = \"file:/srv/ca.pem\"").expect("a config");
        assert_eq!(config.tls_ca.as_deref(), Some(Path::new("/srv/ca.pem")));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, word) in [
            ("", "hostname"),
            ("hostname = \" \"", "hostname"),
            ("hostname = \"a,b\"", "hostname"),
            ("hostname = \"h\"\nport = 0", "port"),
            ("hostname = \"h\"\nport = 70000", "65535"),
            ("hostname = \"h\"\nport = \"5432\"", "port"),
            ("hostname = \"h\"\ntls_ca = \"ca.pem\"", "tls_ca"),
            ("hostname = \"h\"\nhost = \"x\"", "host"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(word) || word == "65535", "{text}: {error}");
        }
    }
}
