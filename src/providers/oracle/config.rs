//! The integration's table for this kind, and its secret.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    providers::{ErrorKind, OwnSecret, ProviderError, Result, Setup, tls::ca_path},
    secrets::Secret,
};

pub const KEYS: &[&str] = &["hostname", "port", "service_name", "tls", "tls_ca"];
pub const SECRET_KEYS: &[&str] = &["username", "password"];

pub const EXAMPLE: &str = r#"name = "billing-ora"
kind = "oracle"
hostname = "billing.db.example.com"
port = 2484                              # the default; 1521 with tls = "disable"
service_name = "ORCLPDB1"                # of a pluggable database, never of the root
tls = "verify-full"                      # tcps, and the certificate must be for hostname; "disable" only where written
tls_ca = "file:billing-ca.pem"           # absent: the authorities that browsers trust
secret = "file:secrets/billing-ora.json" # {"username": "...", "password": "..."}
"#;

/// Whether the line is sealed. Sealed is verified: the driver knows no weaker way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    VerifyFull,
    Disable,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    hostname: String,
    port: Option<u16>,
    service_name: Option<String>,
    tls: Option<Tls>,
    tls_ca: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Config {
    pub host: String,
    pub port: u16,
    pub service: String,
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
            .map_err(|error: toml::de::Error| invalid(error.message().to_owned()))?;
        if !is_host(&table.hostname) {
            return Err(invalid("hostname: one host name or IPv4 address is needed"));
        }
        let service = table.service_name.unwrap_or_else(|| "ORCL".to_owned());
        if !is_service(&service) {
            return Err(invalid("service_name: letters, digits and . _ - $ # only"));
        }
        let tls = table.tls.unwrap_or(Tls::VerifyFull);
        if tls == Tls::Disable && table.tls_ca.is_some() {
            return Err(invalid("tls_ca: of no use with tls = \"disable\""));
        }
        let port = table.port.unwrap_or(match tls {
            Tls::VerifyFull => 2484,
            Tls::Disable => 1521,
        });
        if port == 0 {
            return Err(invalid("port: 1 to 65535"));
        }
        Ok(Self {
            host: table.hostname,
            port,
            service,
            tls,
            tls_ca: table
                .tls_ca
                .map(|reference| ca_path(&reference, &setup.base_dir))
                .transpose()?,
            username: field(&setup.secret, "username")?.expose().to_owned(),
            password: field(&setup.secret, "password")?,
        })
    }
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

/// What the driver takes as a name for TLS, and what no connect string can be broken out of with.
fn is_host(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(allowed)
        && host.split('.').all(|label| (1..=63).contains(&label.len()))
}

fn is_service(service: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '$' | '#');
    (1..=256).contains(&service.len()) && service.chars().all(allowed)
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
        let config = toml::from_str(text).expect("TOML");
        Config::parse(&Setup {
            mark: Mark::new("main", "ora"),
            config,
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn defaults_are_safe() {
        let config = parse(r#"hostname = "db.example.com""#).expect("a config");
        assert_eq!((config.port, config.service.as_str()), (2484, "ORCL"));
        assert_eq!((config.tls, config.tls_ca), (Tls::VerifyFull, None));
        let config = parse("hostname = \"10.0.0.7\"\ntls = \"disable\"").expect("a config");
        assert_eq!((config.port, config.tls), (1521, Tls::Disable));
    }

    #[test]
    fn a_relative_authority_starts_at_the_configuration() {
        let config = parse("hostname = \"h\"\ntls_ca = \"file:ca.pem\"").expect("a config");
        assert_eq!(config.tls_ca.as_deref(), Some(Path::new("/etc/latchkey/ca.pem")));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, word) in [
            ("", "hostname"),
            ("hostname = \" \"", "hostname"),
            ("hostname = \"a,b\"", "hostname"),
            ("hostname = \"a..b\"", "hostname"),
            ("hostname = \"h)(PORT=1\"", "hostname"),
            ("hostname = \"h\"\nport = 0", "port"),
            ("hostname = \"h\"\nport = \"1521\"", "port"),
            ("hostname = \"h\"\nservice_name = \"a/b\"", "service_name"),
            ("hostname = \"h\"\nservice_name = \"\"", "service_name"),
            ("hostname = \"h\"\ntls = \"prefer\"", "verify-full"),
            ("hostname = \"h\"\ntls_ca = \"ca.pem\"", "tls_ca"),
            (
                "hostname = \"h\"\ntls = \"disable\"\ntls_ca = \"file:ca.pem\"",
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
