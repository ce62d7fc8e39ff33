//! The line between this provider and a driver: one statement in, rows of text out.
//!
//! Blocking, since the driver is; `session` moves each call to a thread where that is allowed. Small, so that the driver can
//! be exchanged, and so that the behaviour suite can put a model of a database here.

use crate::secrets::Secret;

/// A row's columns as text; statements of ours ask for text only. The database keeps an empty text as NULL.
pub type Row = Vec<Option<String>>;

/// What went wrong below a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The database or its listener refused, with its number and the first line of what it said.
    Ora { code: u32, text: String },
    /// Nobody answered, or the line broke: what was sent may have happened.
    Line(String),
    /// The other end could not prove who it is.
    Untrusted(String),
    /// The driver cannot do what this database asks for.
    Unable(String),
}

impl Fault {
    /// The number in `ORA-12345`, where there is one.
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Ora { code, .. } => Some(*code),
            Self::Line(_) | Self::Untrusted(_) | Self::Unable(_) => None,
        }
    }
}

/// Opens connections to one database.
pub trait Connect: Send + Sync {
    /// # Errors
    /// Whatever kept us out.
    fn open(&self, user: &str, password: &Secret) -> Result<Box<dyn OracleExec>, Fault>;
}

/// One connection; dropping it ends its session.
pub trait OracleExec: Send {
    /// Runs one statement with the values of `:1`, `:2` and so on. Every definition commits by itself.
    ///
    /// # Errors
    /// `Fault::Ora` when the database refused; after any other the connection is of no more use.
    fn run(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Row>, Fault>;
}
