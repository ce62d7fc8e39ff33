//! How the command line speaks to a running bot: one line of JSON each way, over a Unix socket in the store's directory
//! that only the bot's own system user (and root) can open.
//!
//! The system vouches for the caller (`SO_PEERCRED`), so nothing in a request says who asks.

mod client;
mod rows;
mod server;
mod who;

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use client::{Unanswered, ask};
pub use rows::*;
pub use server::{Listener, bind, serve};
pub use who::{Caller, me};

/// The socket's name in the store's directory.
pub const SOCKET: &str = "control.sock";

/// What the command line may ask of a running bot. Each says what it is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "snake_case", tag = "ask")]
pub enum ControlRequest {
    /// `StatusRow`
    Status,
    /// `Vec<RequestRow>`, the newest first
    Requests { which: Which },
    /// `Vec<LeaseRow>`, the next to end first
    Leases { which: Which },
    /// `Vec<AccountRow>`
    Accounts { integration: Option<String> },
    /// `Vec<IntegrationRow>`
    Integrations,
    /// `Vec<StuckRow>`, the longest first
    Stuck,
    /// `Vec<AuditRow>`, oldest first
    Audit(AuditFilter),
    /// `Explanation`
    Explain {
        person: String,
        /// As after `/access`: `redis-cloud prod read-write 2h`.
        line: String,
    },
    /// `Said`: looks at an integration's resources now
    Discover { integration: String },
    /// `Said`: ends access now
    Revoke { what: RevokeWhat, reason: Reason },
    /// `Said`: decides a request against its access flow; owner and admins are told
    Approve { code: String, reason: Reason },
    /// `Said`: sends a card that grants nothing to a person
    TestCard { person: String },
    /// `Said`: reads the configuration anew, whole or not at all
    Reload,
    /// `Said`: ends the quarantine after a restore
    Resume,
    /// `Said`: writes a copy of the store
    Backup { to: PathBuf },
}

/// Which of a list are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Requests that wait, leases that are not closed.
    Open,
    /// The ended ones too, as long as the store keeps them.
    All,
}

/// What to end: all access of a request, or one lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeWhat {
    /// A request's short code ("R7K3F").
    Code(String),
    Lease(String),
}

/// Why somebody used the command line where a vote was due: 1 to 500 characters, not only blanks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

impl Reason {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("a reason is needed: it is recorded, and shown to the owner and the admins".into()),
            1..=500 => Ok(Self(text.to_owned())),
            n => Err(format!("the reason has {n} characters; at most 500")),
        }
    }
}

impl std::str::FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

/// Which audit entries are wanted: all that is set has to match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// A request's short code or id.
    pub request: Option<String>,
    /// A person's name in the configuration, or id.
    pub person: Option<String>,
    pub integration: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// The newest so many.
    pub limit: Option<usize>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlResponse {
    Ok(serde_json::Value),
    /// Worded for whoever typed the command.
    Error(String),
}

impl ControlResponse {
    /// What the command line gets to read.
    pub fn of(value: &impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Error(format!("the answer could not be written: {error}")),
        }
    }

    pub fn said(text: impl Into<String>) -> Self {
        Self::of(&Said { said: text.into() })
    }
}

/// Answers requests; given to `serve` by whoever runs the bot.
pub type Handle = Arc<dyn Fn(ControlRequest, Caller) -> BoxFuture<'static, ControlResponse> + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_needed_and_short() {
        for (text, fits) in [
            ("", false),
            (" \u{a0}\t", false),
            ("INC-7", true),
            (&"x".repeat(500) as &str, true),
            (&"x".repeat(501), false),
        ] {
            assert_eq!(text.parse::<Reason>().is_ok(), fits, "{text:?}");
        }
        let sent = r#"{"ask":"approve","code":"R7K3F","reason":"  "}"#;
        assert!(serde_json::from_str::<ControlRequest>(sent).is_err());
    }

    #[test]
    fn requests_read_back_as_they_were_sent() {
        for request in [
            ControlRequest::Status,
            ControlRequest::Audit(AuditFilter {
                person: Some("ann".into()),
                ..AuditFilter::default()
            }),
            ControlRequest::Revoke {
                what: RevokeWhat::Code("R7K3F".into()),
                reason: "laptop stolen".parse().unwrap(),
            },
            ControlRequest::Backup { to: "b".into() },
        ] {
            let line = serde_json::to_string(&request).unwrap();
            assert_eq!(
                serde_json::from_str::<ControlRequest>(&line).unwrap(),
                request,
                "{line}"
            );
        }
    }
}
