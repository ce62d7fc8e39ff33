//! Votes: who may give one, and what they add up to.

use serde_json::json;

use super::{ApprovalThen, Decision, Elector, PersonId, Request, Verb, Verdict, Vote, name::short_hash};

/// Why a vote is not taken, for the one who tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoteError {
    OwnRequest,
    /// Not (or no longer) one of those who decide.
    NotAnApprover,
    AlreadyDecided(Decision),
    AlreadyVoted(Verdict),
    /// The card that was pressed showed something else than what stands now.
    Changed,
    ReasonNeeded,
    ReasonTooLong,
}

/// The longest reason of a vote, in characters.
pub const LONGEST_REASON: usize = 124;

/// What the votes amount to, counted by those who may decide now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    Pending { have: u32, need: u32 },
    Approved,
    Denied,
}

impl Request {
    /// What a vote binds to: person, resource, permission definition, duration and flow. If it changes, new votes.
    pub fn subject_digest(&self) -> String {
        let subject = json!([
            self.requester,
            self.integration,
            self.resource.kind,
            self.resource.id,
            self.permission,
            self.length,
            self.flow.digest,
            self.purpose,
        ]);
        short_hash(&[&subject.to_string()], 32)
    }

    pub fn is_pending(&self) -> bool {
        self.decision.is_none()
    }

    pub fn is_approved(&self) -> bool {
        self.decision
            .as_ref()
            .is_some_and(|decision| decision.what == Verb::Approved)
    }

    pub fn quorum(&self) -> u32 {
        match self.flow.approval {
            ApprovalThen::Automatic => 0,
            ApprovalThen::Quorum(need) => need,
        }
    }

    /// Whether `voter` may vote now; the authority in words if so. `electors` are worked out afresh for this vote.
    pub fn authority(&self, voter: &PersonId, electors: &[Elector]) -> Result<String, VoteError> {
        if *voter == self.requester {
            return Err(VoteError::OwnRequest);
        }
        electors
            .iter()
            .find(|elector| elector.person == *voter)
            .map(|elector| elector.why.clone())
            .ok_or(VoteError::NotAnApprover)
    }

    /// Whether a vote can be taken at all: not decided yet, not given yet, on what stands now.
    pub fn can_take(&self, voter: &PersonId, revision: u64) -> Result<(), VoteError> {
        if let Some(decision) = &self.decision {
            return Err(VoteError::AlreadyDecided(decision.clone()));
        }
        let digest = self.subject_digest();
        if let Some(vote) = self
            .votes
            .iter()
            .find(|vote| vote.person == *voter && vote.digest == digest)
        {
            return Err(VoteError::AlreadyVoted(vote.verdict));
        }
        if revision < self.subject_revision {
            return Err(VoteError::Changed);
        }
        Ok(())
    }

    /// Counts the votes again, all of them, by those who may decide now. One Deny is enough.
    pub fn tally(&self, electors: &[Elector]) -> Tally {
        let digest = self.subject_digest();
        let counted: Vec<&Vote> = self
            .votes
            .iter()
            .filter(|vote| vote.digest == digest && self.authority(&vote.person, electors).is_ok())
            .collect();
        if counted.iter().any(|vote| vote.verdict == Verdict::Deny) {
            return Tally::Denied;
        }
        let mut voters: Vec<&PersonId> = counted.iter().map(|vote| &vote.person).collect();
        voters.sort();
        voters.dedup();
        let (have, need) = (voters.len() as u32, self.quorum().max(1));
        if have >= need {
            Tally::Approved
        } else {
            Tally::Pending { have, need }
        }
    }
}

#[cfg(test)]
#[path = "vote_test.rs"]
mod tests;
