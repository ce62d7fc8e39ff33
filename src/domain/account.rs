//! The login in a target system that stands for one person there: what we know of it, and what it should look like.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AccessDetails, AccountId, AccountName, Due, Fence, IntegrationName, Lane, LeaseId, Memo, PersonId,
    ResourceRef, Urgency, name::short_hash,
};

/// One worker at a time: who holds the account, under which fence, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The process (a random id each start): with one process, claims of an earlier one are void.
    pub holder: String,
    pub fence: Fence,
    pub until: DateTime<Utc>,
}

/// What may still be happening out there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub fence: Fence,
    /// In words, for people and the audit log.
    pub what: String,
    pub since: DateTime<Utc>,
}

/// What may be in the target for a lease. No entry: no call that could have given it was ever begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub state: AppliedState,
    /// Until when the target was told, where it keeps an end of its own.
    pub until: DateTime<Utc>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppliedState {
    /// A call that gives it was begun; its outcome is not known.
    Begun,
    /// It was made so.
    Made,
    /// It was taken back; not yet seen to be gone.
    TakenBack,
}

/// Whether somebody's own login had something before us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub held: bool,
    pub seen_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Never made, or seen to be gone.
    Absent,
    Enabled,
    Disabled,
    /// Deletion was decided and may be half done.
    Deleting,
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// Nobody knows it: random, or a crash left it open.
    Unknown,
    /// About to be set; found after a restart it means unknown.
    Setting,
    Set,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialFacts {
    pub generation: u64,
    pub state: CredentialState,
    pub set_at: Option<DateTime<Utc>>,
    /// When its person was shown it; the secret itself is nowhere.
    pub shown_at: Option<DateTime<Utc>>,
}

/// How often in a row it went wrong, since when, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    pub count: u32,
    pub since: DateTime<Utc>,
    /// The last of them.
    pub at: DateTime<Utc>,
    pub kind: String,
    /// At most 240 characters, no secret.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub integration: IntegrationName,
    pub person: PersonId,
    pub scope: String,
    /// Chosen once, never recomputed.
    pub name: AccountName,
    /// The target it was made on.
    pub target_id: String,
    pub state: AccountState,
    pub created_at: Option<DateTime<Utc>>,
    pub claim: Option<Claim>,
    /// The highest fence that was ever given out for it.
    pub fence: Fence,
    pub call: Option<Call>,
    /// Until then something cut short may still take effect.
    pub unsettled_until: Option<DateTime<Utc>>,
    /// By resource and permission (`standing_key`).
    pub standing: BTreeMap<String, Standing>,
    pub applied: BTreeMap<LeaseId, Applied>,
    pub memo: Memo,
    pub credential: CredentialFacts,
    pub details: AccessDetails,
    /// The provider is not done yet, and why, for people.
    pub waiting: Option<String>,
    pub last_end: Option<DateTime<Utc>>,
    pub failures: Option<Failures>,
    /// Backing off, or looking again because the provider asked to.
    pub next_try: Option<DateTime<Utc>>,
    /// When rotation or cleanup has to look at it, by the settings it was last seen with.
    pub housekeeping_at: Option<DateTime<Utc>>,
    /// The sweep found it different from what we left.
    pub drifted: bool,
}

impl Account {
    /// A login that nothing is known of yet.
    pub fn new(
        id: AccountId,
        integration: IntegrationName,
        person: PersonId,
        scope: String,
        name: AccountName,
        target_id: String,
    ) -> Self {
        Self {
            id,
            integration,
            person,
            scope,
            name,
            target_id,
            state: AccountState::Absent,
            created_at: None,
            claim: None,
            fence: Fence::default(),
            call: None,
            unsettled_until: None,
            standing: BTreeMap::new(),
            applied: BTreeMap::new(),
            memo: Memo::new(),
            credential: CredentialFacts {
                generation: 0,
                state: CredentialState::Unknown,
                set_at: None,
                shown_at: None,
            },
            details: AccessDetails::default(),
            waiting: None,
            last_end: None,
            failures: None,
            next_try: None,
            housekeeping_at: None,
            drifted: false,
        }
    }

    /// Under which `standing` is kept.
    pub fn standing_key(resource: &ResourceRef, permission: &str) -> String {
        short_hash(&[&resource.kind, &resource.id.join("\u{0}"), permission], 16)
    }

    pub fn applied_state(&self, lease: &LeaseId) -> Option<AppliedState> {
        self.applied.get(lease).map(|applied| applied.state)
    }

    /// When the loop has to look at the account for its own sake: leases have due entries of their own.
    pub fn due(&self) -> Option<Due> {
        let at = match (
            self.next_try,
            self.housekeeping_at,
            self.drifted || self.call.is_some(),
        ) {
            (Some(next), _, true) => next,
            (None, _, true) => self.call.as_ref().map_or(DateTime::UNIX_EPOCH, |call| call.since),
            (Some(next), Some(keeping), false) => next.min(keeping),
            (next, keeping, false) => next.or(keeping)?,
        };
        let urgency = if self.drifted || self.call.is_some() {
            Urgency::Ends
        } else {
            Urgency::Housekeeping
        };
        Some(Due {
            lane: Lane::of(&self.integration, urgency),
            at,
        })
    }
}
