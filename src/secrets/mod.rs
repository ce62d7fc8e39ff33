//! Secrets: the type that keeps them out of logs, and (in `source`) where a `secret = "…"` reference is read from.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

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
