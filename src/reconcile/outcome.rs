//! What came of a call that changes something, written down.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};

use super::{
    account::{Facts, Go},
    facts,
};
use crate::{
    app::{App, poke},
    domain::{
        Account, AccountState, Applied, AppliedState, CredentialState, EndReason, Failures, Lease, LeaseId,
        audit::{Actor, Entry},
        desired::{Goal, Wanted},
    },
    integrations::{Live, back_off},
    providers::{Converged, ErrorKind, ProviderError},
    store::{
        StoreError,
        typed::{Batch, Versioned},
    },
};

/// An account whose target does not answer is tried again at least so often.
const SOON: Duration = Duration::seconds(30);

/// The provider answered: the outcome, checked against the claim alone.
pub(super) async fn made(
    app: &App,
    live: &Live,
    facts: Facts,
    goal: &Goal,
    wanted: &[LeaseId],
    done: Converged,
) -> Result<Go, StoreError> {
    let now = app.now();
    live.well(now);
    let mut account = facts.account.value.clone();
    apply(&mut account, &facts, goal, wanted, &done, now);
    account.memo = done.memo.clone();
    if done.details != Default::default() {
        account.details = done.details.clone();
    }
    // A login that was shut has no credential that anybody knows, whether the target took ours or drops them altogether.
    let shut = goal.want == Wanted::Disabled && done.waiting.is_none();
    if goal.credential && (done.credential_set || shut) {
        app.unsent.forget(&account.id);
        account.credential.state = CredentialState::Unknown;
        account.credential.set_at = Some(now);
    }
    account.waiting = done.waiting.clone();
    account.claim = None;
    account.call = None;
    account.failures = None;
    account.next_try =
        pause(goal, &done).map(|after| now + Duration::from_std(after).unwrap_or(Duration::minutes(1)));
    if done.waiting.is_none() {
        settle_state(&mut account, goal, now);
    }
    let batch = app
        .batch(now)
        .put(&facts.account, &account)
        .audit(ran(&account, goal, &facts, &done));
    // The outcome hangs on the claim alone; what it means for each lease is written after it.
    if app.commit(batch).await? {
        let told = tell_leases(app, &facts, &account, &done, now);
        app.commit(told).await?;
    }
    Ok(Go::On)
}

/// What the account remembers of each lease after a call that was not left waiting.
fn apply(
    account: &mut Account,
    facts: &Facts,
    goal: &Goal,
    wanted: &[LeaseId],
    done: &Converged,
    now: DateTime<Utc>,
) {
    if done.waiting.is_some() {
        return;
    }
    for lease in &facts.leases {
        if done.failed.iter().any(|(failed, _)| *failed == lease.id) {
            continue;
        }
        let state = match (wanted.contains(&lease.id), goal.release.contains(&lease.id)) {
            (_, true) => AppliedState::TakenBack,
            (true, false) => AppliedState::Made,
            (false, false) => continue,
        };
        let applied = Applied {
            state,
            until: lease.expires_at,
            at: now,
        };
        account.applied.insert(lease.id.clone(), applied);
    }
}

/// How long to wait before the provider is called again with the same facts; none if all is done.
fn pause(goal: &Goal, done: &Converged) -> Option<StdDuration> {
    match (done.look_again, &done.waiting, &goal.want) {
        (Some(after), _, _) => Some(after),
        (None, Some(_), Wanted::Deleted) => Some(StdDuration::from_secs(24 * 3600)),
        (None, Some(_), Wanted::Open(_) | Wanted::Disabled) => Some(StdDuration::from_secs(2)),
        (None, None, _) => None,
    }
}

/// What failed, or is waited for, stands at each lease, and the lease rests as long.
fn tell_leases(app: &App, facts: &Facts, account: &Account, done: &Converged, now: DateTime<Utc>) -> Batch {
    let mut batch = app.batch(now);
    for lease in &facts.leases {
        let error = done
            .failed
            .iter()
            .find(|(id, _)| *id == lease.id)
            .map(|(_, error)| error);
        batch = match (error, &done.waiting) {
            (Some(error), _) => trouble_of(batch, lease, error, app, now),
            (None, Some(why)) if lease.granted_at.is_none() || !lease.is_live() => {
                say(batch, lease, why, account.next_try.unwrap_or(now), now)
            }
            (None, _) => batch,
        };
    }
    batch
}

/// The account as the target has it now.
fn settle_state(account: &mut Account, goal: &Goal, now: DateTime<Utc>) {
    account.drifted = false;
    match &goal.want {
        Wanted::Open(_) => {
            account.state = AccountState::Enabled;
            account.created_at.get_or_insert(now);
        }
        Wanted::Disabled => account.state = AccountState::Disabled,
        Wanted::Deleted => {
            account.state = AccountState::Deleted;
            account.created_at = None;
            account.housekeeping_at = None;
            account.memo.clear();
            account.credential.set_at = None;
        }
    }
}

fn ran(account: &Account, goal: &Goal, facts: &Facts, done: &Converged) -> Entry {
    let mut entry = Entry::new(Actor::Latchkey, "ran")
        .person(&account.person)
        .integration(&account.integration)
        .fact("why", goal.why)
        .fact("login", account.name.login())
        .fact("statements", &done.ran);
    if !done.remarks.is_empty() {
        entry = entry.fact("remarks", &done.remarks);
    }
    if let Some(why) = &done.waiting {
        entry = entry.fact("waiting", why);
    }
    // One lease is the usual case; with several the statements are found under the account's person and integration.
    match facts.leases.as_slice() {
        [lease] => entry.request(&lease.request).lease(&lease.id),
        leases => entry.fact(
            "requests",
            leases.iter().map(|lease| &lease.request).collect::<Vec<_>>(),
        ),
    }
}

/// One lease that could not be served.
fn trouble_of(
    batch: Batch,
    lease: &Versioned<Lease>,
    error: &ProviderError,
    app: &App,
    now: DateTime<Utc>,
) -> Batch {
    let final_for_a_grant = matches!(
        error.kind,
        ErrorKind::Invalid | ErrorKind::Taken | ErrorKind::Unsupported | ErrorKind::Denied
    );
    if lease.is_live() && lease.granted_at.is_none() && final_for_a_grant {
        return facts::ended(
            batch,
            lease,
            EndReason::Refused {
                why: error.message.clone(),
            },
            Actor::Latchkey,
            now,
        );
    }
    let tries = lease.trouble.as_ref().map_or(1, |trouble| trouble.tries + 1);
    let pause = error.retry_after.unwrap_or_else(|| back_off(tries, app.jitter()));
    let until = now + Duration::from_std(pause).unwrap_or(Duration::minutes(5));
    say(batch, lease, &error.message, until, now)
}

/// Puts a lease to rest with what stands in its way.
pub(super) fn say(
    batch: Batch,
    lease: &Versioned<Lease>,
    why: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Batch {
    let mut resting = lease.value.clone();
    let news = lease.trouble.as_ref().is_none_or(|trouble| trouble.text != why);
    resting.trouble = Some(facts::trouble(lease.trouble.as_ref(), why, now));
    resting.rest_until = Some(until);
    let batch = batch.put(lease, &resting);
    if news {
        batch.touch(&poke(&lease.request, now))
    } else {
        batch
    }
}

/// The call failed as a whole. Whatever it was doing may still take effect, unless the target said no.
pub(super) async fn failed(
    app: &App,
    live: &Live,
    facts: &Facts,
    error: &ProviderError,
) -> Result<Go, StoreError> {
    let now = app.now();
    let mut account = facts.account.value.clone();
    let count = account
        .failures
        .as_ref()
        .map_or(1, |failures| failures.count.saturating_add(1));
    let mut until = now
        + Duration::from_std(error.retry_after.unwrap_or_else(|| back_off(count, app.jitter())))
            .unwrap_or(Duration::minutes(5));
    if matches!(error.kind, ErrorKind::Transient | ErrorKind::Denied) {
        // The target as a whole: the others of its lane need not all find out by themselves. Nor does the account wait much
        // longer than the target is left alone: what is over goes within a minute of its return.
        until = live
            .unwell(now, &error.message, error.retry_after, app.jitter())
            .max(until.min(now + SOON));
    }
    if error.kind == ErrorKind::Taken {
        disown(&mut account, facts);
    }
    if error.kind == ErrorKind::Transient {
        facts::unsettle(&mut account, live, now);
    } else {
        account.call = None;
    }
    account.claim = None;
    account.next_try = Some(until);
    account.failures = Some(Failures {
        count,
        since: account.failures.as_ref().map_or(now, |failures| failures.since),
        at: now,
        kind: error.kind.as_str().to_owned(),
        text: crate::chat::surface::clean(&error.message, 240),
    });
    tracing::warn!(account = %account.id, integration = %account.integration, kind = error.kind.as_str(), tries = count, "{}", error.message);
    if !app.commit(app.batch(now).put(&facts.account, &account)).await? {
        return Ok(Go::On);
    }
    let mut batch = app.batch(now);
    let for_good = matches!(
        error.kind,
        ErrorKind::Invalid | ErrorKind::Taken | ErrorKind::Unsupported
    );
    for lease in &facts.leases {
        batch = if lease.is_live() && lease.granted_at.is_none() && for_good {
            facts::ended(
                batch,
                lease,
                EndReason::Refused {
                    why: error.message.clone(),
                },
                Actor::Latchkey,
                now,
            )
        } else if lease.granted_at.is_none() || !lease.is_live() {
            say(batch, lease, &error.message, until, now)
        } else {
            batch
        };
    }
    app.commit(batch).await?;
    Ok(Go::Rest)
}

/// The login under our name is a stranger's: what was begun there came to nothing and what was given went with the login,
/// so there is nothing to take back, only to look.
fn disown(account: &mut Account, facts: &Facts) {
    for lease in &facts.leases {
        if let Some(applied) = account
            .applied
            .get_mut(&lease.id)
            .filter(|_| !lease.is_live() || lease.granted_at.is_none())
        {
            applied.state = AppliedState::TakenBack;
        }
    }
}
