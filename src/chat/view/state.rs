//! What a card shows: one state, derived from the facts each time, never stored.

use chrono::{DateTime, Duration, Utc};

use crate::domain::{Closed, EndReason, Ended, Lease, Phase, Purpose, Verb};

use super::CardFacts;

/// "Still trying" after so long.
const SLOW: Duration = Duration::minutes(2);
/// The requester is warned so long before the end.
const WARNING: Duration = Duration::minutes(10);
/// Leases shorter than this end without a warning.
const WORTH_A_WARNING: Duration = Duration::minutes(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    Pending,
    Granting,
    /// Granting for longer than people expect.
    GrantingSlow,
    Active,
    /// Active, shortly before the end.
    Ending,
    Revoking,
    /// It never became ready, and what was begun is being taken back.
    Undoing,
    /// Over, and the target does not let us take it back yet.
    Stuck,
    Revoked,
    Denied,
    Cancelled,
    Expired,
    /// Approved, but nothing was granted.
    Failed,
    /// An extension that was approved.
    Extended,
    /// A test card that was approved: nothing runs.
    Tested,
}

/// The state of a request and what came of it.
pub fn state(facts: &CardFacts<'_>) -> State {
    let Some(decision) = &facts.request.decision else {
        return State::Pending;
    };
    match (&decision.what, &facts.request.purpose) {
        (Verb::Denied, _) => State::Denied,
        (Verb::Cancelled, _) => State::Cancelled,
        (Verb::Expired, _) => State::Expired,
        (Verb::Approved, Purpose::Extension { .. }) => State::Extended,
        (Verb::Approved, Purpose::TestCard) => State::Tested,
        (Verb::Approved, Purpose::Access) => facts
            .lease
            .map_or(State::Granting, |lease| lease_state(facts, lease)),
    }
}

fn lease_state(facts: &CardFacts<'_>, lease: &Lease) -> State {
    match lease.phase() {
        Phase::Granting if facts.now >= lease.approved_at + SLOW => State::GrantingSlow,
        Phase::Granting => State::Granting,
        Phase::Active if warning(lease).is_some_and(|at| facts.now >= at) => State::Ending,
        Phase::Active => State::Active,
        Phase::Revoking if facts.stuck_since.is_some() => State::Stuck,
        Phase::Revoking if lease.granted_at.is_none() => State::Undoing,
        Phase::Revoking => State::Revoking,
        Phase::Revoked => over(lease),
    }
}

/// What to call a lease that is closed.
fn over(lease: &Lease) -> State {
    let Some(Ended { why, .. }) = &lease.ended else {
        return State::Revoked;
    };
    match (why, lease.granted_at) {
        (EndReason::Cancelled, None) => State::Cancelled,
        (EndReason::NotReadyInTime { .. } | EndReason::Refused { .. }, None) => State::Failed,
        (
            EndReason::TimeUp
            | EndReason::Finished
            | EndReason::Cancelled
            | EndReason::EndedBy { .. }
            | EndReason::NotReadyInTime { .. }
            | EndReason::Refused { .. }
            | EndReason::RemovedInTarget
            | EndReason::PersonGone,
            _,
        ) => State::Revoked,
    }
}

/// When an active lease's warning is due, if it is worth one.
fn warning(lease: &Lease) -> Option<DateTime<Utc>> {
    let granted = lease.granted_at?;
    (lease.ends_at() - granted >= WORTH_A_WARNING).then(|| lease.ends_at() - WARNING)
}

/// When the card will look different by time alone.
pub fn next_change(facts: &CardFacts<'_>) -> Option<DateTime<Utc>> {
    let lease = facts.lease?;
    match state(facts) {
        State::Granting => Some(lease.approved_at + SLOW),
        State::Active => warning(lease),
        State::Pending
        | State::GrantingSlow
        | State::Ending
        | State::Revoking
        | State::Undoing
        | State::Stuck
        | State::Revoked
        | State::Denied
        | State::Cancelled
        | State::Expired
        | State::Failed
        | State::Extended
        | State::Tested => None,
    }
}

/// Whether the end came from somebody or something other than the requester and the clock.
pub(super) fn ended_by_others(lease: &Lease) -> bool {
    match lease.ended.as_ref().map(|ended| &ended.why) {
        Some(
            EndReason::EndedBy { .. }
            | EndReason::RemovedInTarget
            | EndReason::PersonGone
            | EndReason::NotReadyInTime { .. }
            | EndReason::Refused { .. },
        ) => true,
        Some(EndReason::TimeUp | EndReason::Finished | EndReason::Cancelled) | None => false,
    }
}

/// When the end was seen.
pub(super) fn closed(lease: Option<&Lease>) -> Option<&Closed> {
    lease?.closed.as_ref()
}
