//! What an approval allows. Facts only; its phase is derived (`Lease::phase`), never stored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AccountId, IntegrationName, LeaseId, LeaseRef, Length, Permission, PersonId, RequestId, ResourceRef,
    ShortCode,
};

/// Shows that a lease came from an approval, or from the store, where only approvals put them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved(());

impl Approved {
    fn stored() -> Self {
        Self(())
    }
}

/// Who or what ended a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up.
    TimeUp,
    /// The requester had enough.
    Finished,
    /// Taken back while it was still being granted.
    Cancelled,
    /// An approver, owner or admin ended it: their name, and why.
    EndedBy { name: String, reason: Option<String> },
    /// It could not be granted by its start limit.
    NotReadyInTime { why: Option<String> },
    /// The target refused for good.
    Refused { why: String },
    /// It was granted, and found missing in the target.
    RemovedInTarget,
    /// The person was deactivated.
    PersonGone,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub at: DateTime<Utc>,
    pub why: EndReason,
}

/// That the end was seen, or that nothing ever was to be ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub at: DateTime<Utc>,
    pub proof: Proof,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// We looked, later than anything we did could still take effect, and it was gone. `sessions`: how many were alive;
    /// `None` where the target cannot tell.
    Seen {
        looked_at: DateTime<Utc>,
        login_disabled: bool,
        sessions: Option<u32>,
    },
    /// No call that could have given it was ever made.
    NeverCalled,
}

/// A later end that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    pub at: DateTime<Utc>,
    pub by: String,
    pub request: RequestId,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// What stands in the way of a lease, as people may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub since: DateTime<Utc>,
    pub tries: u32,
    /// At most 240 characters, no secret.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub id: LeaseId,
    pub account: AccountId,
    pub request: RequestId,
    pub code: ShortCode,
    pub person: PersonId,
    pub integration: IntegrationName,
    /// Which target it was approved for; "gone already" counts only there.
    pub target_id: String,
    pub resource: ResourceRef,
    /// In full: revocation needs neither configuration nor catalogue.
    pub permission: Permission,
    pub length: Length,
    pub approved_at: DateTime<Utc>,
    /// Not ready by then: over, and undone like any lease.
    pub start_by: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub granted_at: Option<DateTime<Utc>>,
    pub extended: Vec<Extended>,
    pub ended: Option<Ended>,
    pub closed: Option<Closed>,
    /// The loop need not look before this (never past `expires_at`): it waits for the target, or backs off.
    pub rest_until: Option<DateTime<Utc>>,
    pub trouble: Option<Trouble>,
    #[serde(skip, default = "Approved::stored")]
    approved: Approved,
}

/// Where a lease is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Granting,
    Active,
    Revoking,
    Revoked,
}

impl Lease {
    pub fn phase(&self) -> Phase {
        match (&self.closed, &self.ended, self.granted_at) {
            (Some(_), _, _) => Phase::Revoked,
            (None, Some(_), _) => Phase::Revoking,
            (None, None, Some(_)) => Phase::Active,
            (None, None, None) => Phase::Granting,
        }
    }

    pub fn at(&self) -> LeaseRef {
        LeaseRef {
            account: self.account.clone(),
            lease: self.id.clone(),
        }
    }
}
