//! The steps that call a target. Each writes down what it is about to do, does it, and writes down what came of it.

use std::time::{Duration as StdDuration, Instant};

use chrono::{DateTime, Duration, Utc};

use super::{
    account::{Facts, Go},
    facts,
};
use crate::{
    app::{App, poke},
    domain::{
        Account, AccountState, Applied, AppliedState, Call, Claim, Closed, CredentialState, EndReason, Fence,
        Lease, LeaseId, Proof, Standing,
        audit::{Actor, Entry},
        desired::{Goal, Wanted},
    },
    integrations::{Live, back_off},
    providers::{
        self, Change, Converged, ErrorKind, Observed, Presence, ProviderError, Want,
        guard::{LIMIT, Permit},
    },
    store::{StoreError, typed::Versioned},
};

/// A claim outlives the longest call by this.
const CLAIM_SLACK: StdDuration = StdDuration::from_secs(45);

/// An account whose target does not answer is tried again at least so often.
const SOON: Duration = Duration::seconds(30);

/// A lease as the provider may know it; made from the core's, which only the core can make.
pub(crate) fn provider_lease(account: &Account, lease: &Lease, look: Look) -> providers::Lease {
    let standing = match (account.name.is_ours(), look) {
        (true, _) => Some(false),
        (false, Look::First) => None,
        (false, Look::Known) => account
            .standing
            .get(&Account::standing_key(&lease.resource, &lease.permission.name))
            .map(|standing| standing.held),
    };
    providers::Lease {
        id: lease.id.clone(),
        resource: lease.resource.clone(),
        permission: lease.permission.name.clone(),
        starts_at: lease.approved_at,
        expires_at: lease.expires_at,
        standing,
    }
}

/// Whether what stood before is still to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    First,
    Known,
}

fn provider_account(account: &Account) -> providers::Account {
    providers::Account {
        name: account.name.clone(),
        memo: account.memo.clone(),
    }
}

fn pick(facts: &Facts, ids: &[LeaseId], look: Look) -> Vec<providers::Lease> {
    let chosen = facts.leases.iter().filter(|lease| ids.contains(&lease.id));
    chosen
        .map(|lease| provider_lease(&facts.account, lease, look))
        .collect()
}

/// Commits the claim and, for a call that changes something, the memory of it. `None`: somebody else changed the
/// account; decide again.
pub(crate) async fn claim(
    app: &App,
    facts: &mut Facts,
    changing: Option<&str>,
    prepare: impl FnOnce(&mut Account),
) -> Result<Option<Permit>, StoreError> {
    let now = app.now();
    let meta = app.store.meta().await?;
    let life = LIMIT + CLAIM_SLACK;
    let fence = Fence {
        epoch: meta.epoch,
        count: facts.account.fence.count + 1,
    };
    let mut account = facts.account.value.clone();
    account.fence = fence;
    let until = now + Duration::from_std(life).unwrap_or(Duration::minutes(2));
    account.claim = Some(Claim {
        holder: app.process.clone(),
        fence,
        until,
    });
    if let Some(what) = changing {
        account.call = Some(Call {
            fence,
            what: what.to_owned(),
            since: now,
        });
    }
    prepare(&mut account);
    let permit = Permit {
        fence,
        until: Instant::now() + LIMIT,
    };
    let batch = app.batch(now);
    let batch = if facts.stored {
        batch.put(&facts.account, &account)
    } else {
        batch.put_new(&account)
    };
    let won = app.commit(batch).await?;
    app.metrics
        .claim(&facts.account.integration, if won { "won" } else { "lost" });
    if !won {
        return Ok(None);
    }
    facts.account = Versioned {
        version: facts.account.version + 1,
        value: account,
    };
    facts.stored = true;
    Ok(Some(permit))
}

/// Makes the target match `goal`.
pub(crate) async fn converge(
    app: &App,
    live: &Live,
    mut facts: Facts,
    goal: &Goal,
) -> Result<Go, StoreError> {
    let credential = if goal.credential {
        let kind = live.provider.credential();
        let made = app
            .unsent
            .keep(&facts.account.id, kind, facts.account.name.login())
            .await;
        match made {
            Ok(made) => Some(made),
            Err(error) => return failed(app, live, facts, &error).await,
        }
    } else {
        None
    };
    let wanted: Vec<LeaseId> = match &goal.want {
        Wanted::Open(ids) => ids.clone(),
        Wanted::Disabled | Wanted::Deleted => Vec::new(),
    };
    let ends: Vec<_> = facts
        .leases
        .iter()
        .map(|lease| (lease.id.clone(), lease.expires_at))
        .collect();
    let now = app.now();
    let Some(permit) = claim(app, &mut facts, Some(goal.why), |account| {
        begin(account, goal, &wanted, &ends, now)
    })
    .await?
    else {
        return Ok(Go::On);
    };
    let change = Change {
        want: match &goal.want {
            Wanted::Open(ids) => Want::Open(pick(&facts, ids, Look::Known)),
            Wanted::Disabled => Want::Disabled,
            Wanted::Deleted => Want::Deleted,
        },
        release: pick(&facts, &goal.release, Look::Known),
        credential,
        now,
        fence: permit.fence,
    };
    match live
        .provider
        .converge(&permit, &provider_account(&facts.account), &change)
        .await
    {
        Ok(done) => made(app, live, facts, goal, &wanted, done).await,
        Err(error) => failed(app, live, facts, &error).await,
    }
}

/// What the claim writes down before the call: from now on any of this may be so in the target.
fn begin(
    account: &mut Account,
    goal: &Goal,
    wanted: &[LeaseId],
    ends: &[(LeaseId, DateTime<Utc>)],
    now: DateTime<Utc>,
) {
    for (id, until) in ends.iter().filter(|(id, _)| wanted.contains(id)) {
        let applied = account.applied.entry(id.clone()).or_insert(Applied {
            state: AppliedState::Begun,
            until: *until,
            at: now,
        });
        if applied.until < *until {
            applied.state = AppliedState::Begun;
        }
    }
    if goal.credential {
        account.credential.state = CredentialState::Setting;
        account.credential.generation += 1;
        account.credential.shown_at = None;
    }
}

/// The provider answered: the outcome, checked against the claim alone.
async fn made(
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
    let failed = |id: &LeaseId| done.failed.iter().any(|(failed, _)| failed == id);
    for lease in &facts.leases {
        if wanted.contains(&lease.id) && !failed(&lease.id) && done.waiting.is_none() {
            let until = lease.expires_at;
            account.applied.insert(
                lease.id.clone(),
                Applied {
                    state: AppliedState::Made,
                    until,
                    at: now,
                },
            );
        }
        if goal.release.contains(&lease.id) && !failed(&lease.id) && done.waiting.is_none() {
            let until = lease.expires_at;
            account.applied.insert(
                lease.id.clone(),
                Applied {
                    state: AppliedState::TakenBack,
                    until,
                    at: now,
                },
            );
        }
    }
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
    let pause = match (done.look_again, &done.waiting, &goal.want) {
        (Some(after), _, _) => Some(after),
        (None, Some(_), Wanted::Deleted) => Some(StdDuration::from_secs(24 * 3600)),
        (None, Some(_), Wanted::Open(_) | Wanted::Disabled) => Some(StdDuration::from_secs(2)),
        (None, None, _) => None,
    };
    account.next_try = pause.map(|after| now + Duration::from_std(after).unwrap_or(Duration::minutes(1)));
    if done.waiting.is_none() {
        settle_state(&mut account, goal, now);
    }
    let batch = app
        .batch(now)
        .put(&facts.account, &account)
        .audit(ran(&account, goal, &facts, &done));
    // The outcome hangs on the claim alone; what it means for each lease is written after it.
    if !app.commit(batch).await? {
        return Ok(Go::On);
    }
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
    app.commit(batch).await?;
    Ok(Go::On)
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
    batch: crate::store::typed::Batch,
    lease: &Versioned<Lease>,
    error: &ProviderError,
    app: &App,
    now: DateTime<Utc>,
) -> crate::store::typed::Batch {
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
fn say(
    batch: crate::store::typed::Batch,
    lease: &Versioned<Lease>,
    why: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> crate::store::typed::Batch {
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
async fn failed(app: &App, live: &Live, facts: Facts, error: &ProviderError) -> Result<Go, StoreError> {
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
        disown(&mut account, &facts);
    }
    if error.kind == ErrorKind::Transient {
        facts::unsettle(&mut account, live, now);
    } else {
        account.call = None;
    }
    account.claim = None;
    account.next_try = Some(until);
    account.failures = Some(crate::domain::Failures {
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

/// On somebody's own login: what stood before us is looked at, and written down, before anything is given.
pub(crate) async fn look_first(
    app: &App,
    live: &Live,
    mut facts: Facts,
    ids: &[LeaseId],
) -> Result<Go, StoreError> {
    let leases = pick(&facts, ids, Look::First);
    let Some(_permit) = claim(app, &mut facts, None, |_| ()).await? else {
        return Ok(Go::On);
    };
    let seen = match live
        .provider
        .observe(&provider_account(&facts.account), &leases)
        .await
    {
        Ok(seen) => seen,
        Err(error) => return failed(app, live, facts, &error).await,
    };
    let now = app.now();
    live.well(now);
    let mut account = facts.account.value.clone();
    account.claim = None;
    account.memo = seen.memo.clone();
    for lease in facts.leases.iter().filter(|lease| ids.contains(&lease.id)) {
        let Some(held) = seen.held.get(&lease.id) else {
            let error = ProviderError::new(
                ErrorKind::Transient,
                "what the person holds already could not be seen",
            );
            return failed(app, live, facts, &error).await;
        };
        let key = Account::standing_key(&lease.resource, &lease.permission.name);
        account.standing.entry(key).or_insert(Standing {
            held: *held,
            seen_at: now,
        });
    }
    app.commit(app.batch(now).put(&facts.account, &account)).await?;
    Ok(Go::On)
}

/// Looks whether taken-back leases are gone; closes those that are.
pub(crate) async fn verify(
    app: &App,
    live: &Live,
    mut facts: Facts,
    ids: &[LeaseId],
) -> Result<Go, StoreError> {
    let leases = pick(&facts, ids, Look::Known);
    let Some(_permit) = claim(app, &mut facts, None, |_| ()).await? else {
        return Ok(Go::On);
    };
    let looked_at = app.now();
    let seen = match live
        .provider
        .observe(&provider_account(&facts.account), &leases)
        .await
    {
        Ok(seen) => seen,
        Err(error) => return failed(app, live, facts, &error).await,
    };
    let now = app.now();
    live.well(now);
    let mut account = facts.account.value.clone();
    account.claim = None;
    account.failures = None;
    account.unsettled_until = None;
    account.memo = seen.memo.clone();
    let mut batch = app.batch(now);
    let mut all_gone = true;
    for lease in facts.leases.iter().filter(|lease| ids.contains(&lease.id)) {
        if is_gone(&account, &facts, lease, &seen) {
            if let Some(ended) = &lease.ended {
                app.metrics.revoked(&lease.integration, now - ended.at);
            }
            account.applied.remove(&lease.id);
            account.last_end = Some(now);
            batch = close(batch, &account, lease, &seen, looked_at, now);
        } else {
            all_gone = false;
            if let Some(applied) = account.applied.get_mut(&lease.id) {
                applied.state = AppliedState::Made;
            }
            let why = "it is still there after taking it back; taking it back again";
            let tries = lease.trouble.as_ref().map_or(1, |trouble| trouble.tries + 1);
            let until =
                now + Duration::from_std(back_off(tries, app.jitter())).unwrap_or(Duration::minutes(5));
            account.next_try = Some(until);
            batch = say(batch, lease, why, until, now);
        }
    }
    if all_gone
        && account.next_try.is_some_and(|at| at > now)
        && facts.leases.iter().all(|lease| !lease.is_live())
    {
        account.next_try = None;
    }
    let closed: Vec<&LeaseId> = ids
        .iter()
        .filter(|id| !account.applied.contains_key(id))
        .collect();
    let held = |key: &String| {
        facts.leases.iter().any(|lease| {
            !closed.contains(&&lease.id)
                && *key == Account::standing_key(&lease.resource, &lease.permission.name)
        })
    };
    account.standing.retain(|key, _| held(key));
    app.commit(batch.put(&facts.account, &account)).await?;
    Ok(if all_gone { Go::On } else { Go::Rest })
}

/// Whether what we see proves that a lease gives nothing any more.
fn is_gone(account: &Account, facts: &Facts, lease: &Lease, seen: &Observed) -> bool {
    let stood = account
        .standing
        .get(&Account::standing_key(&lease.resource, &lease.permission.name))
        .is_some_and(|standing| standing.held);
    let shared = facts.leases.iter().any(|other| {
        other.id != lease.id
            && other.is_live()
            && other.resource == lease.resource
            && other.permission.name == lease.permission.name
    });
    if seen.held.get(&lease.id).copied() == Some(true) && !stood && !shared {
        return false;
    }
    let others_live = facts.leases.iter().any(|other| other.is_live());
    if account.name.is_ours() && !others_live {
        return match seen.presence {
            Presence::Absent | Presence::NotOurs => true,
            Presence::Disabled => seen.sessions.unwrap_or(0) == 0,
            Presence::Enabled => false,
        };
    }
    // The login lives on, by another lease or by itself: that the right is gone is what counts.
    seen.presence == Presence::Absent || stood || shared || seen.held.get(&lease.id).copied() == Some(false)
}

fn close(
    batch: crate::store::typed::Batch,
    account: &Account,
    lease: &Versioned<Lease>,
    seen: &Observed,
    looked_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> crate::store::typed::Batch {
    let proof = Proof::Seen {
        looked_at,
        login_disabled: seen.presence != Presence::Enabled,
        sessions: seen.sessions,
    };
    let mut closed = lease.value.clone();
    closed.closed = Some(Closed {
        at: now,
        proof: proof.clone(),
    });
    closed.rest_until = None;
    closed.trouble = None;
    let entry = facts::entry(Actor::Latchkey, "revoked", lease)
        .fact("login", account.name.login())
        .fact("seen", proof);
    batch
        .put(lease, &closed)
        .touch(&poke(&lease.request, now))
        .audit(entry)
}
