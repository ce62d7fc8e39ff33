//! What an approval allows. Facts only; its phase is derived (`Lease::phase`), never stored.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AccountId, Due, IntegrationName, Lane, LeaseId, LeaseRef, Length, Permission, PersonId, Purpose, Request,
    RequestId, ResourceRef, ShortCode, Urgency,
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
    /// Which of the person's logins it is on, where one cannot hold all (`Provider::scope`).
    pub scope: String,
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
    /// Set after a restore: what ends by the restored facts alone ends no sooner, so that somebody can look first. Ends
    /// that people or targets cause do not wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<DateTime<Utc>>,
    pub trouble: Option<Trouble>,
    #[serde(skip, default = "Approved::stored")]
    approved: Approved,
}

/// What a lease is made with beside its request.
#[derive(Debug, Clone)]
pub struct Grounds {
    pub now: DateTime<Utc>,
    pub target_id: String,
    pub scope: String,
    /// Granted within this, or undone.
    pub start_within: Duration,
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
    /// The lease that an approved request allows; `None` for any other. The only way to make one.
    pub fn of(request: &Request, grounds: Grounds) -> Option<Self> {
        if !request.is_approved() || request.purpose != Purpose::Access {
            return None;
        }
        let (now, start_by) = (grounds.now, grounds.now + grounds.start_within);
        let expires_at = match request.length {
            Length::For(seconds) => start_by + Duration::seconds(seconds),
            Length::Until(at) => at,
        };
        Some(Self {
            id: LeaseId::of_request(&request.id),
            account: AccountId::of(
                &request.integration,
                &grounds.target_id,
                &request.requester,
                &grounds.scope,
            ),
            request: request.id.clone(),
            code: request.code.clone(),
            person: request.requester.clone(),
            scope: grounds.scope,
            integration: request.integration.clone(),
            target_id: grounds.target_id,
            resource: request.resource.clone(),
            permission: request.permission.clone(),
            length: request.length,
            approved_at: now,
            start_by: start_by.min(expires_at),
            expires_at,
            granted_at: None,
            extended: Vec::new(),
            ended: None,
            closed: None,
            rest_until: None,
            grace_until: None,
            trouble: None,
            approved: Approved(()),
        })
    }

    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Neither over nor ended.
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// When it is over if nobody ends it sooner: its end, or its start limit while it is not granted; after a restore no
    /// sooner than its grace.
    pub fn over_at(&self) -> DateTime<Utc> {
        if self.granted_at.is_some() {
            self.ends_at()
        } else {
            self.grace_until
                .map_or(self.start_by, |grace| self.start_by.max(grace))
        }
    }

    /// When granted access ends by itself, a grace after a restore included.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.grace_until
            .map_or(self.expires_at, |grace| self.expires_at.max(grace))
    }

    /// When the loop has to look at it, in which lane. `None` once it is closed.
    pub fn due(&self) -> Option<Due> {
        if self.closed.is_some() {
            return None;
        }
        let (urgency, at, latest) = match (&self.ended, self.granted_at) {
            (Some(ended), _) => (Urgency::Ends, ended.at, None),
            (None, Some(_)) => (
                Urgency::Ends,
                self.extended_unseen().unwrap_or(self.over_at()),
                Some(self.over_at()),
            ),
            (None, None) => (Urgency::Grants, self.approved_at, Some(self.over_at())),
        };
        let rested = self.rest_until.map_or(at, |rest| rest.max(at));
        let at = latest.map_or(rested, |latest| rested.min(latest));
        Some(Due {
            lane: Lane::of(&self.integration, urgency),
            at,
        })
    }

    /// When its end was moved, while the loop has not looked at it since: a target that keeps an end of its own has to be told.
    fn extended_unseen(&self) -> Option<DateTime<Utc>> {
        let moved = self.extended.last()?.at;
        self.rest_until.is_none_or(|rest| rest <= moved).then_some(moved)
    }

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
