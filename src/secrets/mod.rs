//! Secrets: the type that keeps them out of logs, and (in `source`) where a `secret = "…"` reference is read from.

mod source;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

pub use source::{Environment, ProcessEnvironment, SecretError, Sources};

/// Neither printed nor stored, and wiped when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself. Only for the wire to the system that needs it, and for the one view that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is read from: `env:NAME` or `file:PATH` (relative to the configuration; refused if others can read it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Env(String),
    File(std::path::PathBuf),
}

impl Reference {
    /// Reads `env:NAME` or `file:PATH`. The error never repeats the text: it may be the secret itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(name) = text.strip_prefix("env:") {
            let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if begins_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Ok(Self::Env(name.to_owned()));
            }
            return Err("after env: comes the name of a variable: letters, digits and _");
        }
        match text.strip_prefix("file:") {
            Some("") => Err("after file: comes a path"),
            Some(path) => Ok(Self::File(path.into())),
            None => Err("write env:NAME or file:PATH, never the secret itself"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}
