//! A request: who wants what, why, for how long; and how it was decided.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AccountId, Due, IntegrationName, Lane, LeaseId, Permission, PersonId, Place, RequestId, ResourceRef,
    ShortCode,
};

/// How long access lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// So many seconds from the moment it is ready.
    For(i64),
    /// To this instant, whenever it is ready.
    Until(DateTime<Utc>),
}

impl Length {
    /// When access that is ready at `start` ends.
    pub fn end(self, start: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::For(seconds) => start + Duration::seconds(seconds),
            Self::Until(at) => at,
        }
    }

    pub fn seconds_from(self, start: DateTime<Utc>) -> i64 {
        (self.end(start) - start).num_seconds()
    }
}

/// The flow a request is decided by, as it stood when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowThen {
    pub name: String,
    pub digest: String,
    pub approval: ApprovalThen,
    /// Where the approvers' cards go; absent: a message to each.
    pub channel: Option<Place>,
    pub max_seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalThen {
    Automatic,
    /// So many approvers have to agree.
    Quorum(u32),
}

/// Somebody who may decide, and why them, in words ("tag owner=dba on prod names group dba").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elector {
    pub person: PersonId,
    pub name: String,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Deny,
}

/// One person's vote, with the authority it was given by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub person: PersonId,
    pub name: String,
    pub verdict: Verdict,
    /// At most 124 characters.
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
    pub authority: String,
    /// What was voted on (`Request::subject_digest`): a vote on anything else does not count.
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Approved,
    Denied,
    /// The requester took it back.
    Cancelled,
    /// Nobody answered in time.
    Expired,
}

/// How a request ended its wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub what: Verb,
    /// Who decided, for people: a name, or "access flow on-call".
    pub by: String,
    pub by_person: Option<PersonId>,
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
}

/// The lease that came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRef {
    pub account: AccountId,
    pub lease: LeaseId,
}

/// What kind of wish it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Access,
    /// A later end for a lease that lives: `to` is absolute.
    Extension {
        of: RequestId,
        lease: LeaseRef,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
    /// `latchkey check --test-card`: everything but the access.
    TestCard,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub id: RequestId,
    pub code: ShortCode,
    pub purpose: Purpose,
    pub requester: PersonId,
    pub requester_name: String,
    pub integration: IntegrationName,
    pub resource: ResourceRef,
    /// The resource's tags when it was asked.
    pub tags: BTreeMap<String, String>,
    pub permission: Permission,
    pub length: Length,
    /// As typed; empty if none was given.
    pub reason: String,
    pub flow: FlowThen,
    /// Where the asker typed it.
    pub asked_in: Option<Place>,
    pub asked_at: DateTime<Utc>,
    /// A request that nobody decided by then expires.
    pub decide_by: DateTime<Utc>,
    /// Who was asked, and why them: as last worked out.
    pub electors: Vec<Elector>,
    pub votes: Vec<Vote>,
    pub decision: Option<Decision>,
    pub lease: Option<LeaseRef>,
    /// Rises with every change that cards show; buttons carry it.
    pub revision: u64,
    /// The revision since which what is voted on stands as it does: a button older than this is asked again.
    pub subject_revision: u64,
    /// When a decided request leaves the store (the audit log keeps it).
    pub forget_at: Option<DateTime<Utc>>,
}

impl Request {
    /// When the loop has to look at it: an undecided one expires; a decided one leaves the store one day.
    pub fn due(&self) -> Option<Due> {
        match (&self.decision, self.forget_at) {
            (None, _) => Some(Due {
                lane: Lane::core(),
                at: self.decide_by,
            }),
            (Some(_), Some(at)) => Some(Due {
                lane: Lane::forget(),
                at,
            }),
            (Some(_), None) => None,
        }
    }
}
