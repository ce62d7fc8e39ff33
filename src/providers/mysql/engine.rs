//! The two engines that this code serves, and how each writes down who somebody is.

use super::error::invalid;
use crate::providers::{ErrorKind, ProviderError, Result};

/// Chosen by the integration's kind; a server that turns out to be the other one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    MySql,
    MariaDb,
}

impl Engine {
    pub fn title(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }

    /// The engine that calls itself so: MariaDB has its name in every version.
    fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            Self::MariaDb
        } else {
            Self::MySql
        }
    }

    /// The oldest version that has all we use: account attributes, and comments on databases.
    fn oldest(self) -> (u32, u32, u32) {
        match self {
            Self::MySql => (8, 0, 21),
            Self::MariaDb => (10, 5, 2),
        }
    }

    /// # Errors
    /// `Unsupported` if a server of this version is the other engine, or too old.
    pub fn supports(self, version: &str) -> Result<()> {
        let unsupported = |text| Err(ProviderError::new(ErrorKind::Unsupported, text));
        let is = Self::of(version);
        if is != self {
            return unsupported(format!(
                "this is {} {version}: write kind = \"{}\"",
                is.title(),
                is.kind()
            ));
        }
        let (major, minor, patch) = self.oldest();
        if parts(version) < [major, minor, patch] {
            return unsupported(format!(
                "{} {version} is older than {major}.{minor}.{patch}",
                is.title()
            ));
        }
        Ok(())
    }

    /// A role of ours. MariaDB's roles have no host.
    pub fn role(self, name: &str) -> Who {
        let host = match self {
            Self::MySql => ANYWHERE,
            Self::MariaDb => "",
        };
        Who::new(name, host)
    }

    /// As `information_schema` writes it: quoted, and nothing doubled. MariaDB writes roles with an empty host.
    pub fn grantee(self, who: &Who) -> String {
        format!("'{}'@'{}'", who.user, who.host)
    }
}

/// The three numbers that a version begins with.
fn parts(version: &str) -> [u32; 3] {
    let number = version
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

/// The host of accounts and roles that we make.
pub const ANYWHERE: &str = "%";

/// An account or a role: its name, and the hosts it is for. The same name with another host is somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    pub user: String,
    pub host: String,
}

impl Who {
    pub fn new(user: &str, host: &str) -> Self {
        Self {
            user: user.to_owned(),
            host: host.to_owned(),
        }
    }

    /// A login that we make.
    pub fn anywhere(user: &str) -> Self {
        Self::new(user, ANYWHERE)
    }

    /// Reads `user@host`, as the server writes it; the name may hold an `@` itself.
    pub fn parse(text: &str) -> Option<Self> {
        let (user, host) = text.rsplit_once('@')?;
        Some(Self::new(user, host))
    }

    /// As a statement names it.
    ///
    /// # Errors
    /// `Invalid` if it holds a NUL.
    pub fn quoted(&self) -> Result<String> {
        let user = literal(&self.user)?;
        if self.host.is_empty() {
            Ok(user)
        } else {
            Ok(format!("{user}@{}", literal(&self.host)?))
        }
    }
}

/// A text as both engines read it with the `sql_mode` that we set: backslashes escape.
///
/// # Errors
/// `Invalid` if it holds a NUL.
pub fn literal(text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(invalid("a text holds a NUL"));
    }
    Ok(format!("'{}'", text.replace('\\', r"\\").replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_told_by_their_version() {
        assert_eq!(Engine::of("10.11.14-MariaDB-0+deb12u2-log"), Engine::MariaDb);
        assert_eq!(Engine::of("8.4.6"), Engine::MySql);
        assert_eq!(Engine::of("8.0.mysql_aurora.3.08.0"), Engine::MySql);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(parts("10.11.14-MariaDB-0+deb12u2-log"), [10, 11, 14]);
        assert_eq!(parts("8.4"), [8, 4, 0]);
        assert!(Engine::MariaDb.supports("10.11.14-MariaDB").is_ok());
        assert!(Engine::MySql.supports("9.7.4-2").is_ok());
        for (engine, version, word) in [
            (Engine::MySql, "10.11.14-MariaDB", "mariadb"),
            (Engine::MariaDb, "8.4.6", "mysql"),
            (Engine::MySql, "5.7.44-log", "8.0.21"),
            (Engine::MariaDb, "10.4.34-MariaDB", "10.5.2"),
        ] {
            let error = engine.supports(version).expect_err(version);
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert!(error.message.contains(word), "{error}");
        }
    }

    #[test]
    fn hostile_texts_stay_texts() {
        for (text, quoted) in [
            ("o'brien", "'o''brien'"),
            (r"o'brien\x", r"'o''brien\\x'"),
            (r"\'; DROP USER root; --", r"'\\''; DROP USER root; --'"),
            ("new\nline", "'new\nline'"),
        ] {
            assert_eq!(literal(text).expect("a text"), quoted);
        }
        assert!(literal("nul\0").is_err());
    }

    #[test]
    fn accounts_are_a_name_and_a_host() {
        assert_eq!(
            Who::parse("ann@example.com@10.0.%"),
            Some(Who::new("ann@example.com", "10.0.%"))
        );
        assert_eq!(Who::anywhere("o'b").quoted().expect("an account"), "'o''b'@'%'");
        assert_eq!(
            Engine::MariaDb.role("jitg_1").quoted().expect("a role"),
            "'jitg_1'"
        );
        assert_eq!(
            Engine::MySql.role("jitg_1").quoted().expect("a role"),
            "'jitg_1'@'%'"
        );
    }
}
