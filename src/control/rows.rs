//! What lists are made of: plain values, the same for people (tables) and for machines (`--json`). No secret is in any.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A sentence for whoever gave the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub said: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRow {
    pub version: String,
    pub installation: String,
    pub started_at: DateTime<Utc>,
    /// Why nothing new is granted: quarantine, little disk, a clock that jumped.
    pub held: Vec<String>,
    pub pending_requests: usize,
    pub open_leases: usize,
    pub stuck: usize,
    /// `slack: connected`
    pub chats: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRow {
    pub code: String,
    pub id: String,
    pub requester: String,
    pub integration: String,
    pub resource: String,
    pub permission: String,
    /// `2 h`, or `until 2026-03-01 18:00`
    pub length: String,
    /// `pending`, `approved`, `denied`, `cancelled`, `expired`; then by whom.
    pub state: String,
    pub asked_at: DateTime<Utc>,
    /// Of one that waits.
    pub decide_by: Option<DateTime<Utc>>,
    /// Who may decide now.
    pub waits_for: Vec<String>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    pub code: String,
    pub id: String,
    pub person: String,
    pub integration: String,
    pub resource: String,
    pub permission: String,
    /// `granting`, `active`, `revoking`, `revoked`
    pub phase: String,
    pub granted_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    /// When its end was seen.
    pub closed_at: Option<DateTime<Utc>>,
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    pub integration: String,
    pub person: String,
    pub login: String,
    /// `ours`, `theirs`, `shared`
    pub whose: String,
    /// `absent`, `enabled`, `disabled`, `deleting`, `deleted`
    pub state: String,
    pub open_leases: usize,
    pub credential_set_at: Option<DateTime<Utc>>,
    /// When its person was last shown it.
    pub credential_shown_at: Option<DateTime<Utc>>,
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationRow {
    pub name: String,
    pub kind: String,
    pub retired: bool,
    /// `ok`, or what is wrong and what to do.
    pub health: String,
    pub checked_at: Option<DateTime<Utc>>,
    pub target_id: Option<String>,
    pub resources: usize,
    pub discovered_at: Option<DateTime<Utc>>,
    pub open_leases: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckRow {
    pub integration: String,
    /// `revoke read on prod from ann`
    pub what: String,
    pub code: Option<String>,
    pub lease: Option<String>,
    pub since: DateTime<Utc>,
    pub tries: u32,
    pub why: String,
}

/// An entry as it stands in the journal.
pub type AuditRow = crate::domain::audit::Recorded;

/// What would happen if a person asked for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Whether an access flow lets them ask.
    pub possible: bool,
    /// Label and text, in the order to read them: `flow`, `approvers`, `why`, or `why not` and `you can`.
    pub lines: Vec<(String, String)>,
    /// What would run in the target, with placeholders.
    pub statements: Vec<String>,
}
