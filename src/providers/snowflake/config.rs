//! The integration's table for this kind, and its secret.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{
    providers::{CredentialKind, ErrorKind, OwnSecret, ProviderError, Result, Setup, http},
    secrets::Secret,
};

pub const KEYS: &[&str] = &[
    "hostname",
    "auth",
    "role",
    "warehouse",
    "sso_portal_url",
    "base_url",
    "tls_ca",
    "patience_seconds",
];
pub const SECRET_KEYS: &[&str] = &["username", "private_key", "passphrase"];

pub const EXAMPLE: &str = r#"name = "warehouse"
kind = "snowflake"
hostname = "myorg-account1"              # <org>-<account>, or <org>-<account>.privatelink
role = "LATCHKEY_ADMIN"                  # our own role there; ACCOUNTADMIN if absent
warehouse = "REPORTING_WH"               # given with every access to data, since nobody can query without one; optional
auth = "key-pair"                        # what people get: "key-pair", "password" (with MFA enrolment), or "sso": their own login
# sso_portal_url = "https://sso.example.com/warehouse"   # shown to people with auth = "sso"
# base_url = "https://myorg-account1.snowflakecomputing.com"   # for hosts of another form
# tls_ca = "file:proxy-ca.pem"           # absent: the public certificate authorities
# patience_seconds = 20                  # how long one change waits for statements before it comes back later; 0 to 25
# private_key: PKCS#8, PEM or its bare base64, encrypted or not; passphrase: any word where it is not encrypted
secret = { username = "env:SF_USER", private_key = "file:secrets/sf.p8", passphrase = "env:SF_PASSPHRASE" }
"#;

/// Beyond this a call of ours could outlive its claim: one statement may take 50 s more.
const PATIENCE_LIMIT: f64 = 25.0;

/// What people log in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    KeyPair,
    Password,
    /// Their own login, which comes from an identity provider: roles are given and taken, users never touched.
    Sso,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    hostname: String,
    auth: Option<Auth>,
    role: Option<String>,
    warehouse: Option<String>,
    sso_portal_url: Option<String>,
    base_url: Option<String>,
    tls_ca: Option<String>,
    patience_seconds: Option<f64>,
}

#[derive(Debug)]
pub struct Config {
    /// Upper case, without `.privatelink`: as tokens name the account.
    pub account: String,
    /// `https://<host>`, without a closing slash.
    pub base_url: String,
    pub tls_ca: Option<PathBuf>,
    pub auth: Auth,
    pub role: String,
    pub warehouse: Option<String>,
    pub portal: Option<String>,
    pub patience: Duration,
    /// Upper case, as tokens name users.
    pub username: String,
    pub private_key: Secret,
    pub passphrase: Secret,
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

impl Config {
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn parse(setup: &Setup) -> Result<Self> {
        for (key, value) in &setup.config {
            // Serde names no key for a value of the wrong type.
            let fits = if key == "patience_seconds" {
                value.is_float() || value.is_integer()
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
        let identifier = account(&table.hostname)?;
        let host = format!("https://{}.snowflakecomputing.com", identifier.replace('_', "-"));
        let patience = table.patience_seconds.unwrap_or(20.0);
        // Not a number is in no range.
        if !(0.0..=PATIENCE_LIMIT).contains(&patience) {
            return Err(invalid(format!("patience_seconds: 0 to {PATIENCE_LIMIT}")));
        }
        let name = |key: &str, text: Option<String>| text.map(|text| identifier_of(key, &text)).transpose();
        let auth = table.auth.unwrap_or(Auth::KeyPair);
        if table.sso_portal_url.is_some() && auth != Auth::Sso {
            return Err(invalid("sso_portal_url: only with auth = \"sso\""));
        }
        let tls_ca = table
            .tls_ca
            .map(|reference| ca_path(&reference, setup))
            .transpose()?;
        Ok(Self {
            account: identifier.trim_end_matches(".privatelink").to_ascii_uppercase(),
            base_url: http::base_url(&table.base_url.unwrap_or(host))?,
            tls_ca,
            auth,
            role: name("role", table.role)?.unwrap_or_else(|| "ACCOUNTADMIN".to_owned()),
            warehouse: name("warehouse", table.warehouse)?,
            portal: table.sso_portal_url,
            patience: Duration::from_secs_f64(patience),
            username: field(&setup.secret, "username")?.expose().to_ascii_uppercase(),
            private_key: field(&setup.secret, "private_key")?,
            passphrase: field(&setup.secret, "passphrase")?,
        })
    }

    /// What the core has to choose for people.
    pub fn credential(&self) -> CredentialKind {
        match self.auth {
            Auth::KeyPair | Auth::Sso => CredentialKind::KeyPair,
            Auth::Password => CredentialKind::Password,
        }
    }
}

/// The account's identifier as hosts have it. What people paste around it goes; the old form with a region is refused, since
/// tokens cannot name it.
fn account(text: &str) -> Result<String> {
    let text = text.trim();
    let text = text
        .strip_prefix("https://")
        .unwrap_or(text)
        .trim_end_matches('/');
    let text = text.strip_suffix(".snowflakecomputing.com").unwrap_or(text);
    let text = text.to_ascii_lowercase();
    let name = text.strip_suffix(".privatelink").unwrap_or(&text);
    if name.contains('.') {
        return Err(invalid(
            "hostname: this is an account locator with its region; write <org>-<account> instead, which \
             `SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()` tells",
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
        return Err(invalid("hostname: <org>-<account> is needed"));
    }
    Ok(text)
}

/// A name as people write it in SQL: in double quotes it is exact, else it is folded to upper case.
fn identifier_of(key: &str, text: &str) -> Result<String> {
    let exact = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .map(|inner| inner.replace("\"\"", "\""));
    let name = exact.unwrap_or_else(|| text.to_ascii_uppercase());
    if name.is_empty() || name.contains('\0') || name.chars().count() > 255 {
        return Err(invalid(format!("{key}: 1 to 255 characters")));
    }
    Ok(name)
}

fn ca_path(reference: &str, setup: &Setup) -> Result<PathBuf> {
    match reference.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(setup.base_dir.join(path)),
        _ => Err(invalid("tls_ca: write file: and the path of a PEM file")),
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::providers::Mark;

    fn parse(text: &str) -> Result<Config> {
        let secret = SECRET_KEYS
            .iter()
            .map(|key| ((*key).to_owned(), Secret::new("word")))
            .collect::<BTreeMap<_, _>>();
        Config::parse(&Setup {
            mark: Mark::new("main", "warehouse"),
            config: toml::from_str(text).expect("TOML"),
            secret,
            base_dir: "/etc/latchkey".into(),
        })
    }

    #[test]
    fn hosts_and_accounts_follow_from_the_identifier() {
        for (hostname, account, url) in [
            (
                "myorg-acc1",
                "MYORG-ACC1",
                "https://myorg-acc1.snowflakecomputing.com",
            ),
            (
                "MyOrg-Acc1",
                "MYORG-ACC1",
                "https://myorg-acc1.snowflakecomputing.com",
            ),
            (
                "myorg-acc1.privatelink",
                "MYORG-ACC1",
                "https://myorg-acc1.privatelink.snowflakecomputing.com",
            ),
            (
                "https://myorg-acc1.snowflakecomputing.com/",
                "MYORG-ACC1",
                "https://myorg-acc1.snowflakecomputing.com",
            ),
            // No certificate covers an underscore, and Snowflake answers to a dash in its place.
            (
                "myorg-my_acc",
                "MYORG-MY_ACC",
                "https://myorg-my-acc.snowflakecomputing.com",
            ),
        ] {
            let config = parse(&format!("hostname = \"{hostname}\"")).expect(hostname);
            assert_eq!(
                (config.account.as_str(), config.base_url.as_str()),
                (account, url)
            );
            assert_eq!(
                (config.role.as_str(), config.auth),
                ("ACCOUNTADMIN", Auth::KeyPair)
            );
            assert_eq!(config.username, "WORD");
        }
    }

    #[test]
    fn names_fold_as_in_sql() {
        let config = parse("hostname = \"a-b\"\nrole = \"latchkey\"\nwarehouse = '\"odd \"\"name\"'")
            .expect("a config");
        assert_eq!(config.role, "LATCHKEY");
        assert_eq!(config.warehouse.as_deref(), Some("odd \"name"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, words) in [
            ("", "hostname"),
            ("hostname = \"\"", "hostname"),
            ("hostname = \"xy12345.eu-central-1\"", "<org>-<account>"),
            (
                "hostname = \"xy12345.eu-central-1.privatelink\"",
                "<org>-<account>",
            ),
            ("hostname = \"a b\"", "hostname"),
            ("hostname = \"a-b\"\nauth = \"saml\"", "saml"),
            ("hostname = \"a-b\"\nrole = \"\"", "role"),
            (
                "hostname = \"a-b\"\nsso_portal_url = \"https://x\"",
                "sso_portal_url",
            ),
            (
                "hostname = \"a-b\"\nbase_url = \"http://example.com\"",
                "base_url",
            ),
            ("hostname = \"a-b\"\npatience_seconds = 26", "patience_seconds"),
            ("hostname = \"a-b\"\ntls_ca = \"ca.pem\"", "tls_ca"),
            ("hostname = \"a-b\"\nhost = \"x\"", "host"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }
}
