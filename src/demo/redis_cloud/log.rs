//! What happened, in order: every request, and every change with who made it.

use serde::Serialize;
use serde_json::Value;

use super::op::Op;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    Api,
    Others,
}

/// A request as it came in, the body with its password: for tests in this process. `/_sim/log` masks it.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    pub at_ms: u64,
    pub method: String,
    /// Below `/v1`.
    pub path: String,
    pub query: Option<String>,
    /// Names only, in lower case.
    pub headers: Vec<String>,
    pub body: Option<Value>,
    pub status: u16,
}

impl Asked {
    /// A change that was accepted.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && (200..300).contains(&self.status)
    }

    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        if let Some(password) = masked.body.as_mut().and_then(|body| body.get_mut("password")) {
            *password = Value::from("***");
        }
        masked
    }

    /// As a provider reports what it ran: method, path, body.
    pub fn line(&self) -> String {
        match self.masked().body {
            Some(body) => format!("{} {} {body}", self.method, self.path),
            None => format!("{} {}", self.method, self.path),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    pub at_ms: u64,
    pub by: By,
    pub change: Op,
    /// The vendor's error, where it came to nothing.
    pub error: Option<String>,
}

#[derive(Debug, Default)]
pub struct Log {
    pub asked: Vec<Asked>,
    pub changed: Vec<Changed>,
}
